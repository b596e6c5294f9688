// The dual of a polynomial f of degree p for points of unequal norm: a finite sum, exact.
//
// With a_k(s) the Hermite coefficients of f(s z), divided by sqrt(E f(s z)^2), sum_k a_k^2 = 1,
//
//   C(s, t, c) = sum_k a_k(s) a_k(t) c^k
//   1 - C      = 1/2 sum_k (a_k(s) - a_k(t))^2 + sum_k a_k(s) a_k(t) (1 - c^k),
//
// and 1 - c^(k+1) = (1 - c) + c (1 - c^k): for c > 0 nothing cancels.
#pragma once
#include "kernel/norm_dual.hpp"

namespace mehler {

class PolynomialDual final : public NormDual {
public:
    // parity: 1, -1, 0 for f odd, even, neither.
    PolynomialDual(int parity, Index degree) : parity_(parity), degree_(degree) {}

    // a_0, ..., a_p.
    Index columns() const override { return degree_ + 1; }

    void evaluate(Side left, Side right, const double* minus, const double* plus, double* minus_out,
                  double* plus_out, double* space) const override {
        const Index count = left.count * right.count;
        double *deficit = space, *gone = deficit + entries; // 1 - |c|, 1 - |c|^k
        double *lack = gone + entries, *far = lack + entries;
        for (Index e = 0; e < count; ++e) {
            deficit[e] = std::max(std::min(minus[e], plus[e]), 0.0);
            gone[e] = lack[e] = far[e] = 0.0;
        }
        for (Index k = 0; k <= degree_; ++k) {
            double row[stretch]; // a_k of the points on the right
            for (Index j = 0; j < right.count; ++j)
                row[j] = right.rows[j * columns() + k];
            const double sign = k % 2 ? -1.0 : 1.0;
            for (Index i = 0, e = 0; i < left.count; ++i) {
                const double a = left.rows[i * columns() + k];
                for (Index j = 0; j < right.count; ++j, ++e) {
                    const double gap = a - row[j], product = a * row[j];
                    lack[e] += 0.5 * gap * gap + product * gone[e];
                    far[e] += sign * product * (1.0 - gone[e]);
                    gone[e] = deficit[e] + (1.0 - deficit[e]) * gone[e];
                }
            }
        }
        for (Index e = 0; e < count; ++e) {
            const bool positive = minus[e] <= plus[e];
            if (positive || parity_ != 0) {
                const bool mirrored = !positive && parity_ > 0;
                minus_out[e] = mirrored ? 2.0 - lack[e] : lack[e];
                plus_out[e] = mirrored ? lack[e] : 2.0 - lack[e];
            } else {
                minus_out[e] = 1.0 - far[e];
                plus_out[e] = 1.0 + far[e];
            }
        }
    }

private:
    int parity_;
    Index degree_;
};

} // namespace mehler
