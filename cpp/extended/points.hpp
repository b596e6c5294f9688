// n points in R^d, taken as exact doubles, divided by their norms in double-double; and what
// positive homogeneity asks for, K_ij = (|x_i| |x_j|)^q h(cos_ij).
//
// Panels of 64 points, each (64, d) column-major, so that cosines are the product of two panels.
#pragma once
#include "extended/tiles.hpp"

namespace mehler {

class DDPoints {
public:
    // X (n, d) row-major, no point zero, norms that neither overflow nor vanish when squared.
    DDPoints(const double* X, Index n, Index d, int exponent, int threads, Monitor& monitor)
        : tiling_(n), d_(d), unit_(2 * dd_edge * d * tiling_.panels), scale_(n) {
        parallel_for(tiling_.panels, threads, monitor, [&](Index I) {
            double* panel = unit_.data() + 2 * dd_edge * d * I;
            std::fill_n(panel, 2 * dd_edge * d, 0.0);
            for (Index r = 0; r < tiling_.rows(I); ++r) {
                const double* x = X + (I * dd_edge + r) * d;
                DD square{0.0, 0.0};
                for (Index k = 0; k < d; ++k) {
                    double e;
                    const double p = two_prod(x[k], x[k], e);
                    square = square + DD{p, e};
                }
                const DD norm = root(square);
                DD power = dd(1.0);
                for (int q = 0; q < exponent; ++q)
                    power = power * norm;
                scale_.set(I * dd_edge + r, power);
                for (Index k = 0; k < d; ++k) {
                    const DD u = dd(x[k]) / norm;
                    panel[k * dd_edge + r] = u.hi;
                    panel[(d + k) * dd_edge + r] = u.lo;
                }
            }
        });
    }

    Index n() const { return tiling_.n; }
    Index d() const { return d_; }
    const DDVector& scale() const { return scale_; }
    const double* high(Index I) const { return unit_.data() + 2 * dd_edge * d_ * I; } // (64, d)
    const double* low(Index I) const { return high(I) + dd_edge * d_; }
    Index bytes() const { return unit_.bytes() + scale_.hi.bytes() + scale_.lo.bytes(); }

private:
    DDTiling tiling_;
    Index d_;
    Buffer<double> unit_;
    DDVector scale_;
};

} // namespace mehler
