// How an entry of K is stored in four bytes, and why what that loses is no structure.
//
// Fixed point: a whole multiple of one unit, at most 2^31 of them. As many bytes as float32 and
// products as fast, but 256 times less of a large entry is lost.
//
// Which of the two neighbouring multiples is drawn by lot, with the odds that make the mean right;
// the lot is a hash of the entry's place. Equal entries, of which structured points have many,
// would be rounded alike by any other rule, and their errors add up along eigenvectors: n units,
// where independent errors of mean zero and of a standard deviation of half a unit at most come to
// sqrt(n) units in norm, whatever the points.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "core/types.hpp"

namespace mehler {

// 32 bits that belong to the place (i, j).
inline std::uint32_t lot(std::uint32_t i, std::uint32_t j) {
    std::uint32_t x = i * 0x9e3779b1u + j * 0x85ebca77u + 0x27d4eb2fu;
    x ^= x >> 15;
    x *= 0x2c1b3c6du;
    x ^= x >> 12;
    x += i * 0xc2b2ae3du;
    x *= 0x297a2d39u;
    x ^= x >> 15;
    return x;
}

// How a value of at most ``top`` is stored: value = unit * what is stored.
template <class T>
struct Scale {
    explicit Scale(double) {}
    static constexpr double unit = 1.0;
    T stored(double value, Index, Index) const { return static_cast<T>(value); }
};
template <>
struct Scale<std::int32_t> {
    static constexpr double most = 2147483646.0; // one to spare for rounding
    explicit Scale(double top) : unit(top / most), inverse(most / top) {}
    double unit, inverse;
    std::int32_t stored(double value, Index i, Index j) const {
        const auto drawn = static_cast<std::int32_t>(
            lot(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)));
        const double share = 0.5 + 0x1p-32 * static_cast<double>(drawn); // in [0, 1)
        return static_cast<std::int32_t>(std::floor(value * inverse + share));
    }
};

} // namespace mehler
