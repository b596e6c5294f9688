// Means over Gaussian inputs of what a network with a binary activation sends back, by sampling.
//
//   y = v^t s(Z w),   s(x) = 1{x > 0},   Z (m, n) of independent N(0, 1),   e = y - v*^t s(Z w*)
//   loss e^2 / 2,     dl/dv = e s(Z w),  g_mu = e Z^t (mu'(Z w) . v)
//   mu' = 1 (identity), 1{x > 0} (ReLU), 1{0 < x < 1} (clipped ReLU)
//
// Invariant: draw t is the same Z whatever the number of draws and of threads, and every sum has
// one order: chunks of draws of a size that m and n alone decide, then the chunks one by one.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>

#include "core/parallel.hpp"

namespace mehler {

// N(0, 1) in pairs, two for every index below 2^60: splitmix64 of the counter, Box-Muller. In
// stretches, by loops that the compiler puts on SIMD lanes; logarithm, sine and cosine are
// polynomials to a few ulp, because those of the library are called one by one.
class NormalPairs {
public:
    static constexpr Index stretch = 64;
    explicit NormalPairs(std::uint64_t seed) : key_(mix(seed)) {}

    // z (2 count): the pairs index ... index + count - 1.
    void fill(std::uint64_t index, Index count, double* z) const {
        alignas(64) double radius[stretch], angle[stretch];
        for (Index from = 0; from < count; from += stretch) {
            const Index size = std::min(stretch, count - from);
            for (Index p = 0; p < size; ++p) {
                const std::uint64_t at = 2 * (index + static_cast<std::uint64_t>(from + p));
                radius[p] = uniform(at);
                angle[p] = uniform(at + 1);
            }
            for (Index p = 0; p < size; ++p)
                radius[p] = std::sqrt(-2.0 * logarithm(radius[p]));
            double* out = z + 2 * from;
            for (Index p = 0; p < size; ++p) {
                // angle = q / 4 + r / 4 of a turn, |r| <= 1/2
                const double q = std::floor(4.0 * angle[p] + 0.5), r = 4.0 * angle[p] - q;
                const double x = 1.5707963267948966 * r, y = x * x;
                const double s = x * sine(y), c = cosine(y);
                const bool turned = q == 1.0 || q == 3.0;
                const double a = turned ? s : c, b = turned ? c : s;
                const double up = q == 1.0 || q == 2.0 ? -1.0 : 1.0;    // sign of cos
                const double right = q == 2.0 || q == 3.0 ? -1.0 : 1.0; // sign of sin
                out[2 * p] = radius[p] * up * a;
                out[2 * p + 1] = radius[p] * right * b;
            }
        }
    }

private:
    static std::uint64_t mix(std::uint64_t z) {
        z += 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    // (0, 1): the middles of 2^52 intervals.
    double uniform(std::uint64_t counter) const {
        const std::uint64_t bits = (mix(key_ + counter) >> 12) | 0x3ff0000000000000ULL;
        return std::bit_cast<double>(bits) - (1.0 - 0x1p-53);
    }
    // log(u), 0 < u < 1: u = 2^e f, 1/sqrt(2) <= f < sqrt(2), log f = 2 artanh((f-1)/(f+1)).
    static double logarithm(double u) {
        constexpr std::uint64_t half_root = 0x3fe6a09e667f3bcdULL; // 1/sqrt(2)
        const std::uint64_t bits = std::bit_cast<std::uint64_t>(u) - half_root;
        const double e =
            static_cast<double>(static_cast<std::int32_t>(static_cast<std::int64_t>(bits) >> 52));
        const double f = std::bit_cast<double>((bits & 0x000fffffffffffffULL) + half_root);
        const double t = (f - 1.0) / (f + 1.0), y = t * t; // y < 0.0295
        double p = 1.0 / 19.0;
        for (const double k : {17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0})
            p = p * y + 1.0 / k;
        return e * 0.6931471805599453 + 2.0 * t * p;
    }
    // sin(x)/x and cos(x) of y = x^2, |x| <= pi/4: Taylor.
    static double sine(double y) {
        double p = 1.0;
        for (const double k : {15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0})
            p = 1.0 - y * (1.0 / (k * (k - 1.0))) * p;
        return p;
    }
    static double cosine(double y) {
        double p = 1.0;
        for (const double k : {16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0})
            p = 1.0 - y * (1.0 / (k * (k - 1.0))) * p;
        return p;
    }
    std::uint64_t key_;
};

struct CoarseGradient {
    Index m, n;          // rows of Z, coordinates of w
    const double *v, *w; // (m), (n)
    const double *v_star, *w_star;
    std::uint64_t seed;

    static constexpr Index estimators = 3;
    // Loss, dl/dv (m), g of each estimator (n): so many means.
    Index size() const { return 1 + m + estimators * n; }

    // Sums and sums of squares over the draws 0 ... draws - 1, (size) each.
    void sums(Index draws, double* sum, double* square, int threads, Monitor& monitor) const {
        const Index chunk = std::clamp<Index>((Index{1} << 18) / (m * n), 1, 4096);
        const Index chunks = (draws + chunk - 1) / chunk, k = size();
        const Index wave = std::clamp<Index>((Index{1} << 22) / k, 1, 1024); // bounds the memory
        Buffer<double> parts(std::min(wave, chunks) * 2 * k);
        std::fill_n(sum, k, 0.0);
        std::fill_n(square, k, 0.0);
        monitor.phase("draws", chunks);
        for (Index first = 0; first < chunks; first += wave) {
            const Index count = std::min(wave, chunks - first);
            parallel_for(count, threads, monitor, [&](Index c) {
                const Index from = (first + c) * chunk;
                add(from, std::min(from + chunk, draws), parts.data() + c * 2 * k);
                monitor.done.fetch_add(1, std::memory_order_relaxed);
            });
            for (Index c = 0; c < count; ++c) {
                const double* part = parts.data() + c * 2 * k;
                for (Index i = 0; i < k; ++i) {
                    sum[i] += part[i];
                    square[i] += part[k + i];
                }
            }
        }
    }

private:
    // out (2, size): sums and sums of squares over the draws from ... to - 1.
    void add(Index from, Index to, double* out) const {
        const NormalPairs normal(seed);
        const Index k = size(), pairs = (m * n + 1) / 2;
        Buffer<double> Z(2 * pairs), one(k);
        Buffer<std::uint8_t> on(m), inside(m); // s(Z w), and 1{0 < Z w < 1}
        double *dv = one.data() + 1, *g = dv + m;
        std::fill_n(out, 2 * k, 0.0);
        for (Index t = from; t < to; ++t) {
            normal.fill(static_cast<std::uint64_t>(t * pairs), pairs, Z.data());
            double e = 0.0;
            for (Index i = 0; i < m; ++i) {
                double a = 0.0, b = 0.0;
                for (Index j = 0; j < n; ++j) {
                    a += Z[i * n + j] * w[j];
                    b += Z[i * n + j] * w_star[j];
                }
                on[i] = a > 0.0;
                inside[i] = on[i] & (a < 1.0);
                e += v[i] * on[i] - v_star[i] * (b > 0.0);
            }
            std::fill_n(one.data(), k, 0.0);
            one[0] = 0.5 * e * e;
            for (Index i = 0; i < m; ++i) {
                const double back = e * v[i], open = back * on[i], box = back * inside[i];
                dv[i] = e * on[i];
                for (Index j = 0; j < n; ++j) {
                    const double z = Z[i * n + j];
                    g[j] += back * z;
                    g[n + j] += open * z;
                    g[2 * n + j] += box * z;
                }
            }
            for (Index i = 0; i < k; ++i) {
                out[i] += one[i];
                out[k + i] += one[i] * one[i];
            }
        }
    }
};

} // namespace mehler
