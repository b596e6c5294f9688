// exp on SIMD lanes, to two units in the last place, for arguments up to 700; 0 far below.
#pragma once
#include "core/simd.hpp"

namespace mehler {

// x = k log 2 + r, |r| <= log(2) / 2: Taylor's sum of 14 terms, and k into the exponent.
inline Vec<double> exponential(Vec<double> x) {
    using V = Vec<double>;
    constexpr double per_octave = 1.4426950408889634, high = 0.693147180369123816490,
                     low = 1.90821492927058770002e-10, shift = 6755399441055744.0; // 1.5 2^52
    constexpr double c[] = {1.0 / 6227020800.0,
                            1.0 / 479001600.0,
                            1.0 / 39916800.0,
                            1.0 / 3628800.0,
                            1.0 / 362880.0,
                            1.0 / 40320.0,
                            1.0 / 5040.0,
                            1.0 / 720.0,
                            1.0 / 120.0,
                            1.0 / 24.0,
                            1.0 / 6.0,
                            0.5,
                            1.0,
                            1.0};
    const V least = splat(-700.0);
    const V inside = x > least ? x : least;
    const V shifted = inside * per_octave + shift;
    const V k = shifted - shift;
    const V r = (inside - k * high) - k * low;
    V sum = splat(c[0]);
    for (int i = 1; i < 14; ++i)
        sum = sum * r + c[i];
    const V scaled =
        std::bit_cast<V>(std::bit_cast<Mask>(sum) + (std::bit_cast<Mask>(shifted) << 52));
    return x > least ? scaled : V{};
}

} // namespace mehler
