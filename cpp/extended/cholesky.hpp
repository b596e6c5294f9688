// K - s I = L L^t in double-double on tiles, as gram/cholesky.hpp does it in double:
//
//   A_IJ -= L_Ik L_Jk^t   k = 0, 1, ..., J-1,   then   L_IJ = A_IJ L_JJ^-t   (L_JJ = chol A_JJ),
//
// each tile by one thread, sums in a fixed order: the factor does not depend on the number of
// threads. A term of a sum passes at most 64 roundings of its tile's sum and one for each tile.
#pragma once
#include "extended/matrix.hpp"

namespace mehler {

class DDCholesky {
public:
    DDCholesky(const DDMatrix& K, DD shift, int threads, Monitor& monitor)
        : tiling_(K.tiling()), data_(tiling_.doubles()) {
        monitor.phase("factor", tiling_.tiles());
        complete_ = parallel_pipeline(tiling_.tiles(), tiling_.tiles(), threads, monitor,
                                      [&](Index t, Gates& gates) {
                                          Index I, J;
                                          tiling_.by_columns(t, I, J);
                                          copy(K, shift, I, J);
                                          make_tile(I, J, gates);
                                          monitor.done.fetch_add(1, std::memory_order_relaxed);
                                      });
    }

    Index size() const { return tiling_.n; }
    Index bytes() const { return data_.bytes(); }
    bool complete() const { return complete_; }
    Index column() const { return column_; } // where it broke down, -1: it did not

    // x = (L L^t)^-1 x
    void solve(DDVector& x) const {
        if (!complete_)
            throw std::logic_error("the factor is not complete");
        const Index N = tiling_.panels;
        for (Index I = 0; I < N; ++I) {
            for (Index J = 0; J < I; ++J)
                forward(tile(I, J), x, I * dd_edge, J * dd_edge);
            forward_diagonal(tile(I, I), x, I * dd_edge, tiling_.rows(I));
        }
        for (Index J = N; J-- > 0;) {
            for (Index I = J + 1; I < N; ++I)
                backward(tile(I, J), x, I * dd_edge, J * dd_edge);
            backward_diagonal(tile(J, J), x, J * dd_edge, tiling_.rows(J));
        }
    }
    // L, (n, n) row-major, zeros above the diagonal.
    void dense(double* hi, double* lo) const {
        const Index n = tiling_.n;
        std::fill_n(hi, n * n, 0.0);
        std::fill_n(lo, n * n, 0.0);
        for (Index i = 0; i < n; ++i)
            for (Index j = 0; j <= i; ++j) {
                const double* L = tile(i / dd_edge, j / dd_edge);
                const Index at = j % dd_edge * dd_edge + i % dd_edge;
                hi[i * n + j] = L[at];
                lo[i * n + j] = L[dd_square + at];
            }
    }

private:
    static constexpr Index lanes = Simd<double>::lanes;

    double* tile(Index I, Index J) { return data_.data() + 2 * dd_square * tiling_.number(I, J); }
    const double* tile(Index I, Index J) const {
        return data_.data() + 2 * dd_square * tiling_.number(I, J);
    }
    static DDVec at(const double* L, Index r, Index c) {
        return load(L + c * dd_edge + r, L + dd_square + c * dd_edge + r);
    }
    static DD number(const double* L, Index r, Index c) {
        return {L[c * dd_edge + r], L[dd_square + c * dd_edge + r]};
    }
    static void put(double* L, Index r, Index c, DD x) {
        L[c * dd_edge + r] = x.hi;
        L[dd_square + c * dd_edge + r] = x.lo;
    }
    static void put(double* L, Index r, Index c, DDVec x) {
        store(L + c * dd_edge + r, L + dd_square + c * dd_edge + r, x);
    }

    void copy(const DDMatrix& K, DD shift, Index I, Index J) {
        std::copy_n(K.tile(I, J), 2 * dd_square, tile(I, J));
        if (I == J)
            for (Index r = 0; r < tiling_.rows(I); ++r)
                put(tile(I, I), r, r, number(tile(I, I), r, r) - shift);
    }
    void make_tile(Index I, Index J, Gates& gates) {
        for (Index k = 0; k < J; ++k) {
            gates.pass(tiling_.number(J, k));
            gates.pass(tiling_.number(I, k));
            subtract_product(tile(I, J), tile(I, k), tile(J, k));
        }
        if (I == J) {
            const Index failed = factor_tile(tile(I, I), tiling_.rows(I));
            if (failed >= 0) {
                column_ = I * dd_edge + failed;
                gates.cancel();
            }
        } else {
            gates.pass(tiling_.number(J, J));
            divide(tile(J, J), tile(I, J), tiling_.rows(J));
        }
        gates.open(tiling_.number(I, J));
    }

    // C = L L^t in place, its first n rows and columns; what lies above the diagonal becomes zero.
    static Index factor_tile(double* C, Index n) {
        for (Index j = 0; j < n; ++j) {
            const Index first = j / lanes * lanes;
            for (Index r = first; r < dd_edge; r += lanes)
                put(C, r, j, at(C, r, j) - sum_of_products<Vec<double>>(j, [&](Index p, auto& s) {
                                 s.add(at(C, r, p), splat(number(C, j, p)));
                             }));
            const DD pivot = number(C, j, j);
            if (!(pivot.hi > 0.0) || !std::isfinite(pivot.hi))
                return j;
            const DD diagonal = root(pivot);
            const DDVec d = splat(diagonal);
            for (Index r = first; r < dd_edge; r += lanes)
                put(C, r, j, at(C, r, j) / d);
            put(C, j, j, diagonal);
            for (Index r = 0; r < j; ++r)
                put(C, r, j, DD{0.0, 0.0});
        }
        return -1;
    }
    // X = X L^-t for the first n columns.
    static void divide(const double* L, double* X, Index n) {
        constexpr Index abreast = 4;
        for (Index r = 0; r < dd_edge; r += abreast * lanes)
            for (Index c = 0; c < n; ++c) {
                DDSum<Vec<double>> s[abreast];
                for (Index from = 0; from < c; from += dd_group) {
                    for (Index p = from; p < std::min<Index>(from + dd_group, c); ++p) {
                        const DDVec l = splat(number(L, c, p));
                        for (Index v = 0; v < abreast; ++v)
                            s[v].add(at(X, r + v * lanes, p), l);
                    }
                    for (Index v = 0; v < abreast; ++v)
                        s[v].close();
                }
                const DDVec d = splat(number(L, c, c));
                for (Index v = 0; v < abreast; ++v)
                    put(X, r + v * lanes, c, (at(X, r + v * lanes, c) - s[v].total()) / d);
            }
    }

    static void forward(const double* L, DDVector& x, Index to, Index from) {
        for (Index r = 0; r < dd_edge; r += lanes) {
            const DDVec s = sum_of_products<Vec<double>>(
                dd_edge, [&](Index c, auto& sum) { sum.add(at(L, r, c), splat(x[from + c])); });
            double *hi = x.hi.data() + to + r, *lo = x.lo.data() + to + r;
            store(hi, lo, load(hi, lo) - s);
        }
    }
    static void forward_diagonal(const double* L, DDVector& x, Index to, Index n) {
        for (Index c = 0; c < n; ++c) {
            const DD y = x[to + c] / number(L, c, c);
            x.set(to + c, y);
            for (Index r = c + 1; r < n; ++r)
                x.set(to + r, x[to + r] - number(L, r, c) * y);
        }
    }
    static void backward(const double* L, DDVector& x, Index from, Index to) {
        for (Index c = 0; c < dd_edge; ++c) {
            const DDVec s = sum_of_products<Vec<double>>(dd_edge / lanes, [&](Index v, auto& sum) {
                const Index r = from + v * lanes;
                sum.add(at(L, v * lanes, c), load(x.hi.data() + r, x.lo.data() + r));
            });
            x.set(to + c, x[to + c] - across_lanes(s));
        }
    }
    static void backward_diagonal(const double* L, DDVector& x, Index to, Index n) {
        for (Index c = n; c-- > 0;) {
            DD y = x[to + c];
            for (Index r = c + 1; r < n; ++r)
                y = y - number(L, r, c) * x[to + r];
            x.set(to + c, y / number(L, c, c));
        }
    }

    DDTiling tiling_;
    Buffer<double> data_;
    bool complete_ = false;
    Index column_ = -1;
};

} // namespace mehler
