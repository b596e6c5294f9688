// The fast Walsh-Hadamard transform, and the random sketches of rows that are made with it.
//
//     y = H_N x,   H_1 = 1,   H_2N = [[H_N, H_N], [H_N, -H_N]],   H_N H_N = N I        (N a power
//     of 2)
//
// N log2 N additions. A sketch of a row x (padded with zeros to N) by random signs D and picked
// coordinates p_1 .. p_s is
//
//     (H D x)_{p_t} / sqrt(s):   E |sketch|^2 = |x|^2,
//
// the subsampled randomised transform (SRHT; Ailon and Chazelle 2009, Tropp 2011). Of a row that is
// a Kronecker product a (x) b it can be had without the product: (H D1 a)_{p_t} (H D2 b)_{q_t} /
// sqrt(s) (TensorSRHT; Ahle et al. 2020).
//
// Invariant: a sign belongs to its seed and its coordinate, a sum has one order: results do not
// depend on the number of threads, bit for bit.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/parallel.hpp"

namespace mehler {

// The smallest power of two that is at least n.
inline Index power_of_two(Index n) {
    Index N = 1;
    while (N < n)
        N *= 2;
    return N;
}

// +1 or -1 of coordinate i: a bit of splitmix64 of the seed and of i / 64.
class Signs {
public:
    explicit Signs(std::uint64_t seed) : seed_(mix(seed + step)) {}
    // 64 signs: bit l set is -1 for coordinate 64 block + l.
    std::uint64_t word(Index block) const {
        return mix(seed_ + step * (static_cast<std::uint64_t>(block) + 1));
    }
    // out = D x, x (k); zeros up to N.
    void apply(const double* x, Index k, double* out, Index N) const {
        for (Index from = 0; from < k; from += 64) {
            const std::uint64_t bits = word(from / 64);
            const Index to = std::min(k, from + 64);
            for (Index i = from; i < to; ++i)
                out[i] = (bits >> (i - from)) & 1U ? -x[i] : x[i];
        }
        std::fill(out + k, out + N, 0.0);
    }

private:
    static constexpr std::uint64_t step = 0x9e3779b97f4a7c15ULL;
    static std::uint64_t mix(std::uint64_t z) {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    std::uint64_t seed_;
};

namespace hadamard {

// One level on blocks of 2 h: (a, b) <- (a + b, a - b).
inline void pairs(double* x, Index N, Index h) {
    for (Index i = 0; i < N; i += 2 * h)
        for (Index j = i; j < i + h; ++j) {
            const double a = x[j], b = x[j + h];
            x[j] = a + b;
            x[j + h] = a - b;
        }
}

// Two levels at once, on blocks of 4 h: half of the loads and stores.
inline void fours(double* x, Index N, Index h) {
    for (Index i = 0; i < N; i += 4 * h) {
        double *p = x + i, *q = p + h, *r = q + h, *t = r + h;
        for (Index j = 0; j < h; ++j) {
            const double a = p[j] + q[j], b = p[j] - q[j], c = r[j] + t[j], d = r[j] - t[j];
            p[j] = a + c;
            q[j] = b + d;
            r[j] = a - c;
            t[j] = b - d;
        }
    }
}

inline constexpr Index block = Index{1} << 14; // doubles that stay in a cache of 256 kB
inline constexpr Index strip = 64;             // columns that later levels take side by side

// A whole row that fits into the cache.
inline void small(double* x, Index N) {
    Index h = 1;
    for (; 4 * h <= N; h *= 4)
        fours(x, N, h);
    if (h < N)
        pairs(x, N, h);
}

// The same across the rows of (R, columns), for columns [from, from + width).
inline void across(double* x, Index R, Index columns, Index from, Index width) {
    for (Index h = 1; h < R; h *= 2)
        for (Index i = 0; i < R; i += 2 * h)
            for (Index k = i; k < i + h; ++k) {
                double *p = x + k * columns + from, *q = p + h * columns;
                for (Index j = 0; j < width; ++j) {
                    const double a = p[j], b = q[j];
                    p[j] = a + b;
                    q[j] = a - b;
                }
            }
}

// One row by one thread: levels inside blocks of the cache, then the others in strips.
inline void whole(double* x, Index N) {
    if (N <= block)
        return small(x, N);
    for (Index i = 0; i < N; i += block)
        small(x + i, block);
    for (Index from = 0; from < block; from += strip)
        across(x, N / block, block, from, strip);
}

} // namespace hadamard

// X (b, N) row-major <- X H_N, N a power of two.
inline void walsh_hadamard(double* X, Index b, Index N, int threads, Monitor& monitor) {
    using namespace hadamard;
    const Index inner = std::min(N, block), blocks = N / inner;
    const Index group = std::max<Index>(1, block / inner); // short rows, several a piece
    monitor.phase("transform", 0);
    parallel_for((b * blocks + group - 1) / group, threads, monitor, [&](Index g) {
        for (Index i = g * group; i < std::min(b * blocks, (g + 1) * group); ++i)
            small(X + i * inner, inner);
    });
    if (blocks == 1)
        return;
    const Index strips = inner / strip;
    parallel_for(b * strips, threads, monitor, [&](Index i) {
        across(X + i / strips * N, blocks, inner, i % strips * strip, strip);
    });
}

// row(i, work) for every row, with room for so many doubles that a few rows share.
template <class Row>
void each_row(Index n, Index doubles, int threads, Monitor& monitor, const Row& row) {
    constexpr Index few = 8;
    monitor.phase("sketch", n);
    parallel_for((n + few - 1) / few, threads, monitor, [&](Index piece) {
        Buffer<double> work(doubles);
        for (Index i = piece * few; i < std::min(n, (piece + 1) * few); ++i) {
            if (monitor.stopped())
                return;
            row(i, work.data());
            monitor.done.fetch_add(1, std::memory_order_relaxed);
            monitor.tick();
        }
    });
}

// out (n, s): SRHT of the rows of B (n, k), coordinates picked (s) of power_of_two(k).
inline void sketch_rows(const double* B, Index n, Index k, const Index* picked, Index s,
                        std::uint64_t seed, double* out, int threads, Monitor& monitor) {
    const Index N = power_of_two(k);
    const Signs D(seed);
    const double scale = 1.0 / std::sqrt(static_cast<double>(s));
    each_row(n, N, threads, monitor, [&](Index i, double* x) {
        D.apply(B + i * k, k, x, N);
        hadamard::whole(x, N);
        for (Index t = 0; t < s; ++t)
            out[i * s + t] = scale * x[picked[t]];
    });
}

// out (n, s): SRHT of the rows A_i (x) X_i, made one at a time and never held together; A (n, m),
// X (n, d).
inline void sketch_products(const double* A, const double* X, Index n, Index m, Index d,
                            const Index* picked, Index s, std::uint64_t seed, double* out,
                            int threads, Monitor& monitor) {
    const Index k = m * d, N = power_of_two(k);
    const Signs D(seed);
    const double scale = 1.0 / std::sqrt(static_cast<double>(s));
    each_row(n, N + k, threads, monitor, [&](Index i, double* x) {
        double* row = x + N;
        for (Index r = 0; r < m; ++r)
            for (Index c = 0; c < d; ++c)
                row[r * d + c] = A[i * m + r] * X[i * d + c];
        D.apply(row, k, x, N);
        hadamard::whole(x, N);
        for (Index t = 0; t < s; ++t)
            out[i * s + t] = scale * x[picked[t]];
    });
}

// out (n, s): TensorSRHT of the rows A_i (x) X_i; p (s) picked of power_of_two(m), q (s) of
// power_of_two(d).
inline void sketch_tensor(const double* A, const double* X, Index n, Index m, Index d,
                          const Index* p, const Index* q, Index s, std::uint64_t seed, double* out,
                          int threads, Monitor& monitor) {
    const Index M = power_of_two(m), N = power_of_two(d);
    const Signs left(seed), right(seed ^ 0x5851f42d4c957f2dULL);
    const double scale = 1.0 / std::sqrt(static_cast<double>(s));
    each_row(n, M + N, threads, monitor, [&](Index i, double* a) {
        double* x = a + M;
        left.apply(A + i * m, m, a, M);
        right.apply(X + i * d, d, x, N);
        hadamard::whole(a, M);
        hadamard::whole(x, N);
        for (Index t = 0; t < s; ++t)
            out[i * s + t] = scale * a[p[t]] * x[q[t]];
    });
}

} // namespace mehler
