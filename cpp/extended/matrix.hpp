// The kernel matrix in double-double: cosines by products of panels, then the series along them.
#pragma once
#include "extended/points.hpp"
#include "extended/series.hpp"

namespace mehler {

class DDMatrix {
public:
    DDMatrix(const DDPoints& points, const DDSeries& h, int threads, Monitor& monitor)
        : tiling_(points.n()), data_(tiling_.doubles()) {
        monitor.phase("fill", tiling_.tiles());
        const DD one = h.at(dd(1.0));
        parallel_for(tiling_.tiles(), threads, monitor, [&](Index t) {
            Index I, J;
            tiling_.by_columns(t, I, J);
            double* K = tile(I, J);
            product_of_tiles(points.high(I), points.low(I), points.high(J), points.low(J),
                             points.d(), [&](Index r, Index c, const DDVec& s) {
                                 store(K + c * dd_edge + r, K + dd_square + c * dd_edge + r, s);
                             });
            h.apply(K, K + dd_square, dd_square);
            if (I == J) // a point's cosine with itself is one
                for (Index r = 0; r < dd_edge; ++r)
                    set(K, r, r, one);
            finish(K, I, J, points.scale());
            monitor.done.fetch_add(1, std::memory_order_relaxed);
        });
    }
    // hi + lo, (n, n) row-major; the lower triangle is read.
    DDMatrix(const double* hi, const double* lo, Index n, int threads, Monitor& monitor)
        : tiling_(n), data_(tiling_.doubles()) {
        parallel_for(tiling_.tiles(), threads, monitor, [&](Index t) {
            Index I, J;
            tiling_.by_columns(t, I, J);
            double* K = tile(I, J);
            std::fill_n(K, 2 * dd_square, 0.0);
            for (Index r = 0; r < tiling_.rows(I); ++r)
                for (Index c = 0; c < tiling_.rows(J); ++c) {
                    const Index i = std::max(I * dd_edge + r, J * dd_edge + c);
                    const Index j = std::min(I * dd_edge + r, J * dd_edge + c);
                    set(K, r, c, {hi[i * n + j], lo[i * n + j]});
                }
        });
    }

    static Index bytes_for(Index n) { return 8 * DDTiling(n).doubles(); }
    Index size() const { return tiling_.n; }
    Index bytes() const { return data_.bytes(); }
    const DDTiling& tiling() const { return tiling_; }
    const double* tile(Index I, Index J) const {
        return data_.data() + 2 * dd_square * tiling_.number(I, J);
    }
    DD entry(Index i, Index j) const {
        if (i < j)
            std::swap(i, j);
        const double* K = tile(i / dd_edge, j / dd_edge);
        const Index at = j % dd_edge * dd_edge + i % dd_edge;
        return {K[at], K[dd_square + at]};
    }

    // y = K x. Panel by panel, each sum in the order of the columns.
    void multiply(const DDVector& x, DDVector& y, int threads, Monitor& monitor) const {
        parallel_for(tiling_.panels, threads, monitor, [&](Index I) {
            DD sums[dd_edge] = {};
            for (Index J = 0; J < tiling_.panels; ++J)
                if (J <= I)
                    times(tile(I, J), x, J * dd_edge, sums);
                else
                    times_transposed(tile(J, I), x, J * dd_edge, sums);
            for (Index r = 0; r < dd_edge; ++r)
                y.set(I * dd_edge + r, sums[r]);
        });
    }

private:
    double* tile(Index I, Index J) { return data_.data() + 2 * dd_square * tiling_.number(I, J); }
    static void set(double* K, Index r, Index c, DD x) {
        K[c * dd_edge + r] = x.hi;
        K[dd_square + c * dd_edge + r] = x.lo;
    }
    // Scales of homogeneous kernels; zeros beyond n (where scale is zero).
    void finish(double* K, Index I, Index J, const DDVector& scale) const {
        for (Index c = 0; c < dd_edge; ++c)
            for (Index r = 0; r < dd_edge; ++r) {
                const DD s = scale[I * dd_edge + r] * scale[J * dd_edge + c];
                if (s.hi == 1.0 && s.lo == 0.0)
                    continue;
                const Index at = c * dd_edge + r;
                set(K, r, c, s.hi == 0.0 ? DD{0.0, 0.0} : s * DD{K[at], K[dd_square + at]});
            }
    }
    static void times(const double* K, const DDVector& x, Index from, DD* sums) {
        constexpr Index lanes = Simd<double>::lanes;
        for (Index r = 0; r < dd_edge; r += lanes) {
            const auto s = sum_of_products<Vec<double>>(dd_edge, [&](Index c, auto& sum) {
                sum.add(load(K + c * dd_edge + r, K + dd_square + c * dd_edge + r),
                        splat(x[from + c]));
            });
            for (Index l = 0; l < lanes; ++l)
                sums[r + l] = sums[r + l] + DD{s.hi[l], s.lo[l]};
        }
    }
    static void times_transposed(const double* K, const DDVector& x, Index from, DD* sums) {
        constexpr Index lanes = Simd<double>::lanes;
        for (Index c = 0; c < dd_edge; ++c) {
            const auto s = sum_of_products<Vec<double>>(dd_edge / lanes, [&](Index v, auto& sum) {
                const Index r = v * lanes, at = c * dd_edge + r;
                sum.add(load(K + at, K + dd_square + at),
                        load(x.hi.data() + from + r, x.lo.data() + from + r));
            });
            sums[c] = sums[c] + across_lanes(s);
        }
    }

    DDTiling tiling_;
    Buffer<double> data_;
};

} // namespace mehler
