// A tile of a factor in integers of 16 bits: row r is scale_r q_r, and a sum of products is exact.
//
//   shorten                  q = round(X / scale), by rows
//   subtract_shorts          C -= A B^t            (columns of A and B: at most 512)
//   forward, backward        as of triangular.hpp
//
// A row is scaled so that |q_r| <= 46,000 (its 2-norm) and |q_rc| <= 32,767: by Cauchy and Schwarz
// no sum of products, nor any part of one, reaches 2^31, whatever the order. So sums of two
// products and their addition are one or two instructions for as many entries as two products and
// sums in float32 take (AVX-512 VNNI: vpdpwssd; AVX2: vpmaddwd, vpaddd), none of them rounds, and
// every processor gets the same bits.
//
// Lanes of 16 rows: entry (r, c) at [r / 16][c / 2][r % 16][c % 2], rows filled up with zeros.
#pragma once
#include <cmath>
#include <limits>
#include <vector>

#include "core/simd.hpp"
#include "gram/cholesky_tile.hpp"

namespace mehler {

using Short = std::int16_t;

inline constexpr Index short_rows = 16;   // of a lane
inline constexpr Index short_columns = 8; // of a block of sums
inline constexpr Index most_short_terms = 512;
inline constexpr double short_norm =
    46000.0; // and half a unit in each of 512 entries: below 2^15.5
inline constexpr double short_most = 32767.0;

struct ShortTile {
    const Short* entry;
    const float* scale; // of each row
    Index rows, columns;

    const Short* lane(Index r) const { return entry + r / short_rows * short_rows * columns; }
    static Index entries(Index rows, Index columns) { return round_up(rows, short_rows) * columns; }
};

// -- from float32, and back ------------------------------------------------------------

// X (rows, columns; column-major, ld = rows) to entry and scale; columns must be even. Squares of
// the scales are returned: a twelfth of them is the variance of what rounding does to a column.
inline double shorten(const float* X, Index rows, Index columns, Short* entry, float* scale) {
    constexpr float magic = 12582912.0f; // 1.5 2^23: its sum with x has round(x) in its last bits
    thread_local Buffer<float> work(2 * most_short_terms);
    float *square = work.data(), *most = square + most_short_terms;
    std::fill_n(square, rows, 0.0f);
    std::fill_n(most, rows, 0.0f);
    for (Index c = 0; c < columns; ++c)
        for (Index r = 0; r < rows; ++r) {
            const float x = X[c * rows + r];
            square[r] += x * x;
            most[r] = std::max(most[r], std::fabs(x));
        }
    double total = 0.0;
    for (Index r = 0; r < rows; ++r) {
        const double norm = std::sqrt(static_cast<double>(square[r]));
        const double unit = std::max(norm / short_norm, most[r] / short_most);
        if (!std::isfinite(unit))
            scale[r] = std::numeric_limits<float>::quiet_NaN(); // and so is what it updates
        else
            scale[r] = unit < 1e-37 ? 0.0f : static_cast<float>(unit); // whose inverse is finite
        square[r] = scale[r] > 0.0f ? 1.0f / scale[r] : 0.0f;          // from here on the inverse
        total += scale[r] * static_cast<double>(scale[r]);
    }
    for (Index first = 0; first < rows; first += short_rows) {
        const Index count = std::min(short_rows, rows - first);
        for (Index c = 0; c < columns; c += 2, entry += 2 * short_rows) {
            const float *even = X + c * rows + first, *odd = even + rows;
            const float* inverse = square + first;
            const auto to = [&](Index r, const float* x) {
                const float rounded = (inverse[r] > 0.0f ? x[r] * inverse[r] : 0.0f) + magic;
                return std::bit_cast<std::int32_t>(rounded) - std::bit_cast<std::int32_t>(magic);
            };
            std::int32_t pair[short_rows] = {};
            if (count == short_rows)
                for (Index r = 0; r < short_rows; ++r)
                    pair[r] = (to(r, even) & 0xffff) | (to(r, odd) << 16);
            else
                for (Index r = 0; r < count; ++r)
                    pair[r] = (to(r, even) & 0xffff) | (to(r, odd) << 16);
            std::memcpy(entry, pair, sizeof pair); // the lower half is the even one
        }
    }
    return total;
}

inline float widened(const ShortTile& A, Index r, Index c) {
    const Short q = A.lane(r)[(c / 2 * short_rows + r % short_rows) * 2 + c % 2];
    return static_cast<float>(q) * A.scale[r];
}

// -- products ------------------------------------------------------------

// sums[c][r] = A_r . B_c, 2 lanes of A (`apart` entries from one another) and 8 rows of one lane of
// B, so many pairs of terms each.
using ShortSums = void (*)(const Short* A, Index apart, const Short* B, Index pairs,
                           std::int32_t* sums);

inline std::int32_t pair_at(const Short* B) {
    std::int32_t both;
    std::memcpy(&both, B, sizeof both);
    return both;
}

#if defined(__AVX2__)
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) inline void
short_sums_vnni(const Short* A, Index apart, const Short* B, Index pairs, std::int32_t* sums) {
    __m512i upper[short_columns], lower[short_columns];
    for (Index c = 0; c < short_columns; ++c)
        upper[c] = lower[c] = _mm512_setzero_si512();
    for (Index k = 0; k < pairs; ++k, A += 2 * short_rows, B += 2 * short_rows) {
        const __m512i a = _mm512_loadu_si512(A), b = _mm512_loadu_si512(A + apart);
        for (Index c = 0; c < short_columns; ++c) {
            const __m512i x = _mm512_set1_epi32(pair_at(B + 2 * c));
            upper[c] = _mm512_dpwssd_epi32(upper[c], a, x);
            lower[c] = _mm512_dpwssd_epi32(lower[c], b, x);
        }
    }
    for (Index c = 0; c < short_columns; ++c) {
        _mm512_storeu_si512(sums + 2 * c * short_rows, upper[c]);
        _mm512_storeu_si512(sums + (2 * c + 1) * short_rows, lower[c]);
    }
}

// 1 lane and 4 rows at a time: as many sums as there are registers.
inline void short_sums_avx2(const Short* A, Index apart, const Short* B, Index pairs,
                            std::int32_t* sums) {
    constexpr Index step = 4;
    const auto word = [](const Short* p) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    };
    for (Index first = 0; first < short_columns; first += step)
        for (Index lane = 0; lane < 2; ++lane) {
            const Short *at = A + lane * apart, *other = B + 2 * first;
            __m256i upper[step], lower[step];
            for (Index c = 0; c < step; ++c)
                upper[c] = lower[c] = _mm256_setzero_si256();
            for (Index k = 0; k < pairs; ++k, at += 2 * short_rows, other += 2 * short_rows) {
                const __m256i a = word(at), b = word(at + short_rows);
                for (Index c = 0; c < step; ++c) {
                    const __m256i x = _mm256_set1_epi32(pair_at(other + 2 * c));
                    upper[c] = _mm256_add_epi32(upper[c], _mm256_madd_epi16(a, x));
                    lower[c] = _mm256_add_epi32(lower[c], _mm256_madd_epi16(b, x));
                }
            }
            for (Index c = 0; c < step; ++c) {
                std::int32_t* out = sums + ((first + c) * 2 + lane) * short_rows;
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), upper[c]);
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + short_rows / 2), lower[c]);
            }
        }
}
#endif

inline void short_sums_plain(const Short* A, Index apart, const Short* B, Index pairs,
                             std::int32_t* sums) {
    std::fill_n(sums, 2 * short_rows * short_columns, 0);
    for (Index k = 0; k < pairs; ++k)
        for (Index c = 0; c < short_columns; ++c)
            for (Index lane = 0; lane < 2; ++lane)
                for (Index r = 0; r < short_rows; ++r)
                    for (Index half = 0; half < 2; ++half)
                        sums[(c * 2 + lane) * short_rows + r] +=
                            A[lane * apart + (k * short_rows + r) * 2 + half] *
                            B[(k * short_rows + c) * 2 + half];
}

// All that this processor has, the quickest last.
inline std::vector<ShortSums> all_short_sums() {
    std::vector<ShortSums> all{short_sums_plain};
#if defined(__AVX2__)
    all.push_back(short_sums_avx2);
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        all.push_back(short_sums_vnni);
#endif
    return all;
}
inline ShortSums short_sums() {
    static const ShortSums best = all_short_sums().back();
    return best;
}

// Whether it is quicker than the product in float32.
#if defined(__AVX2__)
inline constexpr bool shorts_pay = true;
#else
inline constexpr bool shorts_pay = false;
#endif

// C -= A B^t; of a diagonal tile (A is B) no block that lies above the diagonal.
inline void subtract_shorts(Tile<float> C, const ShortTile& A, const ShortTile& B, bool diagonal,
                            ShortSums take = short_sums()) {
    const Index pairs = A.columns / 2;
    std::int32_t sums[2 * short_rows * short_columns];
    for (Index r = 0; r < A.rows; r += 2 * short_rows) {
        const Index count = std::min(2 * short_rows, A.rows - r);
        const Index apart = count > short_rows ? short_rows * A.columns : 0; // once more the same
        const Index end = diagonal ? std::min(B.rows, r + count) : B.rows;
        for (Index c = 0; c < end; c += short_columns) {
            const Short* b = B.lane(c) + c % short_rows * 2;
            take(A.lane(r), apart, b, pairs, sums);
            for (Index k = 0; k < std::min(short_columns, B.rows - c); ++k) {
                float* column = &C(r, c + k);
                const float scale = B.scale[c + k];
                const std::int32_t* sum = sums + k * 2 * short_rows;
                if (count == 2 * short_rows)
                    for (Index i = 0; i < 2 * short_rows; ++i)
                        column[i] -= static_cast<float>(sum[i]) * scale * A.scale[r + i];
                else
                    for (Index i = 0; i < count; ++i)
                        column[i] -= static_cast<float>(sum[i]) * scale * A.scale[r + i];
            }
        }
    }
}

// -- solves ------------------------------------------------------------

// As many rows of two columns as a vector of floats has: exact.
struct TwoColumns {
    Vec<float> even, odd;
    explicit TwoColumns(const Short* p) {
        typedef std::int32_t Words __attribute__((vector_size(vector_bytes)));
        Words both;
        std::memcpy(&both, p, sizeof both);
        even = __builtin_convertvector((both << 16) >> 16, Vec<float>);
        odd = __builtin_convertvector(both >> 16, Vec<float>);
    }
};

inline constexpr Index short_lanes = Simd<float>::lanes;
inline constexpr Index short_vectors = short_rows / short_lanes; // of a lane
// Products and sums of so many terms are float32, all else double: a relative 1e-7, far below what
// 16 bits leave, where doubles would be converted for longer than memory takes to deliver them.
inline constexpr Index short_terms = 32;

// Y -= L X
template <int B>
void forward(const ShortTile& L, const double* X, double* Y, Index n) {
    constexpr int step = std::min(B, 2);
    alignas(64) float x[step][most_short_terms];
    for (int first = 0; first < B; first += step) {
        for (int b = 0; b < step; ++b)
            for (Index c = 0; c < L.columns; ++c)
                x[b][c] = static_cast<float>(X[(first + b) * n + c]);
        for (Index r = 0; r < L.rows; r += short_rows) {
            const Short* entry = L.lane(r);
            double total[step][short_rows] = {};
            for (Index from = 0; from < L.columns; from += short_terms) {
                Vec<float> sums[short_vectors][step] = {};
                const Index end = std::min(from + short_terms, L.columns);
                for (Index c = from; c < end; c += 2, entry += 2 * short_rows) {
                    __builtin_prefetch(entry + 2048);
                    for (Index v = 0; v < short_vectors; ++v) {
                        const TwoColumns l(entry + 2 * short_lanes * v);
                        for (int b = 0; b < step; ++b) {
                            sums[v][b] += l.even * splat(x[b][c]);
                            sums[v][b] += l.odd * splat(x[b][c + 1]);
                        }
                    }
                }
                for (int b = 0; b < step; ++b)
                    for (Index i = 0; i < short_rows; ++i)
                        total[b][i] +=
                            static_cast<double>(sums[i / short_lanes][b][i % short_lanes]);
            }
            for (int b = 0; b < step; ++b)
                for (Index i = 0; i < std::min(short_rows, L.rows - r); ++i)
                    Y[(first + b) * n + r + i] -= static_cast<double>(L.scale[r + i]) * total[b][i];
        }
    }
}

// X -= L^t Y: so many columns at a time that their sums stay in the first cache.
template <int B>
void backward(const ShortTile& L, double* X, const double* Y, Index n) {
    constexpr int step = std::min(B, 2);
    constexpr Index abreast = 128, together = short_terms * short_lanes; // rows
    alignas(64) float y[step][most_short_terms];
    for (int first = 0; first < B; first += step) {
        for (int b = 0; b < step; ++b)
            for (Index r = 0; r < round_up(L.rows, short_rows); ++r)
                y[b][r] = r < L.rows ? static_cast<float>(static_cast<double>(L.scale[r]) *
                                                          Y[(first + b) * n + r])
                                     : 0.0f;
        for (Index c = 0; c < L.columns; c += abreast) {
            const Index width = std::min(abreast, L.columns - c);
            double total[step][abreast] = {};
            for (Index from = 0; from < L.rows; from += together) {
                Vec<float> sums[abreast][step];
                for (Index k = 0; k < width; ++k)
                    for (int b = 0; b < step; ++b)
                        sums[k][b] = Vec<float>{};
                for (Index r = from; r < std::min(from + together, L.rows); r += short_rows) {
                    const Short* entry = L.lane(r) + c * short_rows;
                    const Index next = short_rows * L.columns; // the same columns of the next lane
                    Vec<float> of[short_vectors][step];
                    for (Index v = 0; v < short_vectors; ++v)
                        for (int b = 0; b < step; ++b)
                            of[v][b] = load(&y[b][r + v * short_lanes]);
                    for (Index k = 0; k < width; k += 2, entry += 2 * short_rows) {
                        __builtin_prefetch(entry + next);
                        for (Index v = 0; v < short_vectors; ++v) {
                            const TwoColumns l(entry + 2 * short_lanes * v);
                            for (int b = 0; b < step; ++b) {
                                sums[k][b] += l.even * of[v][b];
                                sums[k + 1][b] += l.odd * of[v][b];
                            }
                        }
                    }
                }
                for (int b = 0; b < step; ++b)
                    for (Index k = 0; k < width; ++k)
                        total[b][k] += static_cast<double>(sum<float>(sums[k][b]));
            }
            for (int b = 0; b < step; ++b)
                for (Index k = 0; k < width; ++k)
                    X[(first + b) * n + c + k] -= total[b][k];
        }
    }
}

} // namespace mehler
