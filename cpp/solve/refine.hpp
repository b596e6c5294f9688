// The true residual, and the way from a cheap matrix to the exact one.
//
// `fast` is K rounded to float32, `exact` is K. Lanczos on `fast` leaves v with r = K v - theta v
// at the rounding of `fast`. A round solves the correction equation (Jacobi and Davidson) on v's
// complement,
//
//     (fast - theta) z = -r,    v <- (v + z) / |v + z|,
//
// by conjugate gradients, preconditioned by what the Lanczos basis knows of fast - theta:
//
//     M^-1 = Q (T - theta)^+ Q^t + (I - Q Q^t) / tau,
//
// tau the mean of the spectrum outside Q, which is narrow: rounding errors live there. A round ends
// with theta = v^t K v and r = K v - theta v by `exact`. Rounds go on while r falls.
#pragma once
#include "solve/lanczos.hpp"

namespace mehler {

struct RefineOptions {
    double tol = 1e-6, floor = 0.0; // goal: |r| <= max(tol |theta|, floor)
    Index rounds = 6, inner = 60;
    int threads = 1;
};

class Refine {
public:
    Refine(const Operator& fast, const Operator& exact, Lanczos& lanczos,
           const RefineOptions& options, Monitor& monitor)
        : fast_(fast), exact_(exact), lanczos_(lanczos), options_(options), monitor_(monitor),
          n_(exact.size()) {}

    // V (n, wanted), improved in place.
    void run(Matrix& V) {
        const Index k = V.cols();
        values = residuals = Vector::Constant(k, std::nan(""));
        try {
            Matrix R = measure(V);
            for (Index round = 0; round < options_.rounds && !good() && !lanczos_.complete();
                 ++round) {
                Matrix next = V;
                for (Index i = 0; i < k; ++i)
                    if (!good(i)) {
                        next.col(i) += correction(V, i, R.col(i));
                        next.col(i).normalize();
                    }
                const Vector old_values = values, old_residuals = residuals;
                R = measure(next);
                const bool fell = residuals.maxCoeff() < old_residuals.maxCoeff();
                if (fell) {
                    V = next;
                } else {
                    values = old_values;
                    residuals = old_residuals;
                }
                if (!(residuals.maxCoeff() < 0.7 * old_residuals.maxCoeff()))
                    break;
            }
        } catch (const Interrupted&) {
            stopped = true;
        }
    }

    Vector values, residuals; // of `exact`; NaN before the first measurement
    Index fast_applications = 0, exact_applications = 0;
    bool stopped = false;

private:
    double goal(Index i) const {
        return std::max(options_.tol * std::fabs(values[i]), options_.floor);
    }
    bool good(Index i) const { return residuals[i] <= goal(i); }
    bool good() const {
        for (Index i = 0; i < values.size(); ++i)
            if (!good(i))
                return false;
        return true;
    }

    // theta = v^t K v and r = K v - theta v for every column.
    Matrix measure(const Matrix& V) {
        monitor_.phase("residual", 1);
        Matrix R(n_, V.cols());
        exact_.apply(V.data(), R.data(), V.cols(), options_.threads, monitor_);
        ++exact_applications;
        Vector theta(V.cols()), size(V.cols());
        for (Index i = 0; i < V.cols(); ++i) {
            theta[i] = V.col(i).dot(R.col(i)) / V.col(i).squaredNorm();
            R.col(i) -= theta[i] * V.col(i);
            size[i] = R.col(i).norm() / V.col(i).norm();
        }
        values = theta; // both or none: an interruption leaves the last complete pair
        residuals = size;
        monitor_.progress.value = theta[0];
        monitor_.progress.residual = size[0];
        return R;
    }

    void leave_out(const Matrix& V, Vector& w) const { w -= V * (V.transpose() * w).eval(); }

    void multiply(const Vector& p, double theta, Vector& image) {
        fast_.apply(p.data(), image.data(), 1, options_.threads, monitor_);
        ++fast_applications;
        image -= theta * p;
    }

    // M^-1 s
    Vector precondition(const Matrix& V, const Vector& s, double tau) const {
        const Basis& Q = lanczos_.basis();
        const Index k = lanczos_.order();
        const Vector h = Q.inner(s.data(), 1).topRows(k);
        const Vector y = lanczos_.band().solve_beside(h, lanczos_.ritz(), V.cols()) - h / tau;
        Vector z = s / tau;
        Q.add(y, z.data());
        leave_out(V, z);
        return z;
    }

    Vector correction(const Matrix& V, Index i, const Vector& r) {
        monitor_.phase("refine", options_.inner);
        const double theta = values[i];
        Vector z = Vector::Zero(n_), s = -r, image(n_);
        leave_out(V, s);
        const double enough = std::max(0.5 * goal(i), 1e-3 * s.norm());
        multiply(s, theta, image);
        double tau = s.dot(image) / s.squaredNorm();
        if (!(tau > 0.0))
            tau = 1.0;
        Vector p = precondition(V, s, tau), q = p;
        double sq = s.dot(q);
        for (Index step = 0; step < options_.inner && s.norm() > enough; ++step) {
            multiply(p, theta, image);
            leave_out(V, image);
            monitor_.done.store(step);
            const double curvature = p.dot(image);
            if (!(curvature > 0.0) || !(sq > 0.0))
                break; // theta is not below the rest: rounding
            const double alpha = sq / curvature;
            z += alpha * p;
            s -= alpha * image;
            q = precondition(V, s, tau);
            const double now = s.dot(q);
            p = q + now / sq * p;
            sq = now;
        }
        return z;
    }

    const Operator& fast_;
    const Operator& exact_;
    Lanczos& lanczos_;
    const RefineOptions options_;
    Monitor& monitor_;
    const Index n_;
};

} // namespace mehler
