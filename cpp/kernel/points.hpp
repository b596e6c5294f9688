// n points in R^d with what every tile needs of them: norms, unit vectors, diagonal scaling.
//
//   K_ij = (|x_i| |x_j|)^q h(cos_ij)       (q = 0 for points of unit norm)
//
// Points of unequal norm for kernels that are not homogeneous bring their layers (layers.hpp).
#pragma once
#include <cmath>

#include "core/parallel.hpp"
#include "kernel/layers.hpp"

namespace mehler {

class Points {
public:
    static constexpr Index chunk = 512;

    // X (n, d) row-major must outlive this; unit: take every norm as 1 (they are, to 1e-12).
    Points(const double* X, Index n, Index d, double exponent, bool unit, int threads,
           Monitor& monitor)
        : X_(X), n_(n), d_(d), norms_(n), scale_(n) {
        bool rounded = true; // all norms 1 to the last bits: X serves as it is
        std::vector<char> exact(static_cast<std::size_t>((n + chunk - 1) / chunk), 1);
        parallel_for(static_cast<Index>(exact.size()), threads, monitor, [&](Index c) {
            for (Index i = c * chunk; i < std::min(n, (c + 1) * chunk); ++i) {
                norms_[i] = norm(X + i * d);
                scale_[i] = unit ? 1.0 : std::pow(norms_[i], exponent);
                if (std::fabs(norms_[i] - 1.0) > 1e-15)
                    exact[static_cast<std::size_t>(c)] = 0;
            }
        });
        for (char e : exact)
            rounded = rounded && e;
        scaled_ = !unit;
        if (rounded)
            return;
        U_ = Buffer<double>(n * d);
        parallel_for(static_cast<Index>(exact.size()), threads, monitor, [&](Index c) {
            for (Index i = c * chunk; i < std::min(n, (c + 1) * chunk); ++i)
                for (Index k = 0; k < d; ++k)
                    U_[i * d + k] = X[i * d + k] / norms_[i];
        });
    }

    Index n() const { return n_; }
    Index d() const { return d_; }
    const double* unit() const { return U_.data() ? U_.data() : X_; } // (n, d) row-major
    double norm(Index i) const { return norms_[i]; }
    bool scaled() const { return scaled_; }
    double scale(Index i) const { return scale_[i]; }
    const double* scales() const { return scale_.data(); }
    const PointLayers* layers() const { return layers_.get(); }
    void bring(std::shared_ptr<const PointLayers> layers) { layers_ = std::move(layers); }
    Index bytes() const {
        return U_.bytes() + norms_.bytes() + scale_.bytes() + (layers_ ? layers_->bytes() : 0);
    }

    // 1 - |cos_ij| from differences:  |x -+ y|^2 = (|x| - |y|)^2 + 2 |x| |y| (1 -+ cos).
    // |x| - |y| is taken from (x - y).(x + y), so nothing cancels when the norms are close.
    static double deficit(const Points& P, Index i, const Points& Q, Index j, bool positive) {
        const double *x = P.X_ + i * P.d_, *y = Q.X_ + j * Q.d_;
        const double sign = positive ? 1.0 : -1.0, a = P.norms_[i], b = Q.norms_[j];
        double square = 0.0, cross = 0.0;
        for (Index k = 0; k < P.d_; ++k) {
            const double u = x[k] - sign * y[k], w = x[k] + sign * y[k];
            square += u * u;
            cross += u * w;
        }
        const double gap = cross / (a + b);
        if (gap * gap <= 0.25 * square)
            return (square - gap * gap) / (2.0 * a * b);
        const double *p = P.unit() + i * P.d_, *q = Q.unit() + j * Q.d_;
        square = 0.0;
        for (Index k = 0; k < P.d_; ++k) {
            const double u = p[k] - sign * q[k];
            square += u * u;
        }
        return 0.5 * square;
    }

private:
    double norm(const double* x) const {
        double largest = 0.0, s = 0.0;
        for (Index k = 0; k < d_; ++k)
            largest = std::max(largest, std::fabs(x[k]));
        if (largest > 1e-100 && largest < 1e100) {
            for (Index k = 0; k < d_; ++k)
                s += x[k] * x[k];
            return std::sqrt(s);
        }
        if (largest == 0.0)
            return 0.0;
        for (Index k = 0; k < d_; ++k)
            s += (x[k] / largest) * (x[k] / largest);
        return largest * std::sqrt(s);
    }

    const double* X_;
    Index n_, d_;
    bool scaled_ = false;
    Buffer<double> U_, norms_, scale_;
    std::shared_ptr<const PointLayers> layers_;
};

} // namespace mehler
