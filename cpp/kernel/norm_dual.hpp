// The dual of one function for points of unequal norm,
//
//   C(s, t, c) = E[f(s u) f(t v)] / sqrt(E f(s u)^2 E f(t v)^2),
//
// (u, v) standard Gaussian with correlation c. Correlations go in and out as pairs (1 - c, 1 + c):
// the smaller of the two keeps its relative accuracy.
#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "core/types.hpp"

namespace mehler {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Points that meet: rows (count, columns) of what the dual wants to know of each.
struct Side {
    const double* rows;
    Index count;
};

class NormDual {
public:
    // Entries of a block: (block, 256) arrays stay in the second cache.
    static constexpr Index block = 32, stretch = 256, entries = block * stretch, arrays = 4;

    virtual ~NormDual() = default;
    virtual Index columns() const = 0;
    // (left, right) arrays, row-major; `space` holds `arrays` of them. In place is not allowed.
    virtual void evaluate(Side left, Side right, const double* minus, const double* plus,
                          double* minus_out, double* plus_out, double* space) const = 0;
};

// f analytic but for a kink at zero. With a = log s, and rows T(a) of a basis,
//
//   C(s, t, +-(1 - delta)) = [1 - (a - b)^2 P] or M, less x (E +- O),   x = delta or sqrt(delta),
//
// P, M and the Chebyshev coefficients of E and O in x are bilinear, T(a)^t G T(b). Columns of a
// point: T(a), then a. Odd (parity 1) and even (-1) functions mirror c > 0.
class Surface final : public NormDual {
public:
    using Matrices = std::vector<RowMatrix>; // G, one a degree, of the leading rows that matter

    Surface(bool root, int parity, Index rank, RowMatrix drop, RowMatrix end, Matrices even,
            Matrices odd)
        : root_(root), parity_(parity), rank_(rank), drop_(std::move(drop)), end_(std::move(end)),
          even_(std::move(even)), odd_(std::move(odd)) {}

    Index columns() const override { return rank_ + 1; }

    void evaluate(Side left, Side right, const double* minus, const double* plus, double* minus_out,
                  double* plus_out, double* space) const override {
        const Index count = left.count * right.count;
        double *twice = space, *even = twice + entries, *odd = even + entries,
               *rest = odd + entries;
        for (Index e = 0; e < count; ++e) {
            const double deficit = std::max(std::min(minus[e], plus[e]), 0.0);
            twice[e] = 4.0 * (root_ ? std::sqrt(deficit) : deficit) - 2.0; // 2 (2 x - 1)
        }
        polynomial(even_, left, right, twice, even, rest);
        polynomial(odd_, left, right, twice, odd, rest);
        double* top = rest;
        std::fill(top, top + count, 0.0);
        if (drop_.size()) {
            bilinear(drop_, left, right, top);
            for (Index i = 0, e = 0; i < left.count; ++i)
                for (Index j = 0; j < right.count; ++j, ++e) {
                    const double gap = log_size(left, i) - log_size(right, j);
                    top[e] *= gap * gap;
                }
        }
        double* far = minus_out; // M, wherever it is needed
        if (parity_ == 0) {
            std::fill(far, far + count, 0.0);
            bilinear(end_, left, right, far);
        }
        for (Index e = 0; e < count; ++e) {
            const double x = 0.25 * twice[e] + 0.5;
            const bool positive = minus[e] <= plus[e];
            if (positive || parity_ != 0) {
                const double lack = std::max(top[e] + x * (even[e] + odd[e]), 0.0);
                const bool mirrored = !positive && parity_ > 0;
                minus_out[e] = mirrored ? 2.0 - lack : lack;
                plus_out[e] = mirrored ? lack : 2.0 - lack;
            } else {
                const double value = far[e] - x * (even[e] - odd[e]);
                minus_out[e] = 1.0 - value;
                plus_out[e] = 1.0 + value;
            }
        }
    }

private:
    using Strided = Eigen::Map<const RowMatrix, 0, Eigen::OuterStride<>>;

    double log_size(Side side, Index i) const { return side.rows[i * columns() + rank_]; }
    Strided leading(Side side, Index r) const {
        return {side.rows, side.count, r, Eigen::OuterStride<>(columns())};
    }
    // out += T G T^t
    void bilinear(const RowMatrix& G, Side left, Side right, double* out) const {
        const Index r = G.rows();
        Eigen::Map<RowMatrix> sum(out, left.count, right.count);
        const RowMatrix half = leading(left, r) * G;
        sum.noalias() += half * leading(right, r).transpose();
    }
    // sum_m T_m(s) (T G_m T^t) by Clenshaw's recurrence, twice = 2 s; spare: one more array.
    void polynomial(const Matrices& G, Side left, Side right, const double* twice, double* out,
                    double* spare) const {
        const Index count = left.count * right.count;
        std::fill(out, out + count, 0.0);
        std::fill(spare, spare + count, 0.0);
        double *now = out, *before = spare;
        for (std::size_t m = G.size(); m-- > 0;) {
            const double factor = m == 0 ? 0.5 : 1.0;
            for (Index e = 0; e < count; ++e)
                before[e] = factor * twice[e] * now[e] - before[e];
            bilinear(G[m], left, right, before);
            std::swap(now, before);
        }
        if (now != out)
            std::copy(now, now + count, out);
    }

    bool root_;
    int parity_;
    Index rank_;
    RowMatrix drop_, end_;
    Matrices even_, odd_;
};

} // namespace mehler
