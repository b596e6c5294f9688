// The true residual, and the way from a cheap matrix to the exact one.
//
// `fast` is K rounded to float32, `exact` is K. Lanczos on `fast` leaves v with r = K v - theta v
// at the rounding of `fast`. A round solves the correction equation (Jacobi and Davidson) on v's
// complement,
//
//     (fast - theta) z = -r,    v <- (v + z) / |v + z|,
//
// by conjugate gradients, preconditioned by what the eigensolver knows of fast - theta, as far as
// the goal or as `fast` can carry: a residual by `exact` costs as much as a hundred steps. A round
// ends with theta = v^t K v and r = K v - theta v by `exact`. Rounds go on while r falls.
#pragma once
#include "solve/eigensolver.hpp"

namespace mehler {

struct RefineOptions {
    double tol = 1e-6, floor = 0.0; // goal: |r| <= max(tol |theta|, floor) ...
    // ... and, where that can be, |r| + eps |K| + rounding <= most |theta|.
    double most = std::numeric_limits<double>::infinity(), rounding = 0.0;
    double error = std::numeric_limits<double>::infinity(); // |fast - exact|, at most
    Index rounds = 6, inner = 400;
    int threads = 1;
};

class Refine {
public:
    Refine(const Operator& fast, const Operator& exact, const Eigensolver& solver,
           const RefineOptions& options, Monitor& monitor)
        : fast_(fast), exact_(exact), solver_(solver), options_(options), monitor_(monitor),
          n_(exact.size()) {}

    // V (n, k) or with guards behind; on return (n, k), improved.
    void run(Matrix& V, Index k) {
        values = residuals = Vector::Constant(k, std::nan(""));
        try {
            Matrix R = V.cols() > k ? choose(V, k) : measure(V);
            for (Index round = 0; round < options_.rounds && !good() && !solver_.complete();
                 ++round) {
                Matrix next = V, Z = Matrix::Zero(n_, k);
                for (Index i = 0; i < k; ++i)
                    if (!good(i))
                        Z.col(i) = correction(V, i, R.col(i));
                next += Z;
                if (predict(V, Z, R, next)) {
                    V = next;
                    return;
                }
                next.colwise().normalize();
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
    double slack = 0.0;       // what the values may be off by, beyond their residuals
    Index fast_applications = 0, exact_applications = 0;
    bool stopped = false;

private:
    double goal(double theta) const {
        const double size = std::fabs(theta), tol = options_.tol * size;
        const double rounding =
            options_.rounding + std::numeric_limits<double>::epsilon() * solver_.norm;
        const double left = 0.95 * (options_.most * size - rounding);
        // Where rounding leaves next to nothing, no residual is small enough.
        return std::max(left >= 0.1 * tol ? std::min(tol, left) : tol, options_.floor);
    }
    double goal(Index i) const { return goal(values[i]); }
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
        note(V, R);
        return R;
    }
    // Values and residuals; R comes as K V and leaves as K V - V theta.
    void note(const Matrix& V, Matrix& R) {
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
    }

    // The lowest k pairs of `exact` in the span of V, orthonormal: rounding in `fast` may have
    // changed their order.
    Matrix choose(Matrix& V, Index k) {
        monitor_.phase("residual", 1);
        Matrix KV(n_, V.cols());
        exact_.apply(V.data(), KV.data(), V.cols(), options_.threads, monitor_);
        ++exact_applications;
        const Matrix H = V.transpose() * KV;
        const Eigen::SelfAdjointEigenSolver<Matrix> small(0.5 * (H + H.transpose()));
        const Matrix Y = small.eigenvectors().leftCols(k);
        V = (V * Y).eval();
        Matrix R = KV * Y;
        note(V, R);
        return R;
    }

    // K (v + z) = K v + fast z + E z, |E z| <= error |z|: where that is next to nothing, the goal
    // is known to be met without a product of `exact`. next = V + Z becomes of unit norm then.
    bool predict(const Matrix& V, const Matrix& Z, const Matrix& R, Matrix& next) {
        const Vector sizes = next.colwise().norm().transpose();
        const Vector unknown =
            options_.error * (Z.colwise().norm().transpose().array() / sizes.array()).matrix();
        for (Index i = 0; i < V.cols(); ++i)
            if (!(unknown[i] <= 0.01 * goal(i)))
                return false;
        Matrix image(n_, V.cols());
        fast_.apply(Z.data(), image.data(), V.cols(), options_.threads, monitor_);
        ++fast_applications;
        Vector theta(V.cols()), size(V.cols());
        for (Index i = 0; i < V.cols(); ++i) {
            const Vector v = next.col(i) / sizes[i];
            Vector r = (R.col(i) + values[i] * V.col(i) + image.col(i)) / sizes[i];
            theta[i] = v.dot(r);
            r -= theta[i] * v;
            size[i] = r.norm() + unknown[i];
            if (!(size[i] <= goal(theta[i])))
                return false;
        }
        next = next * sizes.cwiseInverse().asDiagonal();
        values = theta;
        residuals = size;
        slack = unknown.maxCoeff();
        return true;
    }

    void leave_out(const Matrix& V, Vector& w) const { w -= V * (V.transpose() * w).eval(); }

    // image = (fast - theta) p on the complement of V
    void multiply(const Matrix& V, const Vector& p, double theta, Vector& image) {
        fast_.apply(p.data(), image.data(), 1, options_.threads, monitor_);
        ++fast_applications;
        image -= theta * p;
        leave_out(V, image);
    }

    Vector correction(const Matrix& V, Index i, const Vector& r) {
        monitor_.phase("refine", options_.inner);
        const double theta = values[i];
        Vector z = Vector::Zero(n_), s = -r, image(n_);
        leave_out(V, s);
        // No further than the goal, nor than what `fast` leaves of |(exact - theta) z + r|.
        const double noise = std::isfinite(options_.error)
                                 ? 0.25 * options_.error / std::sqrt(static_cast<double>(n_))
                                 : 0.0;
        const double enough = std::max(0.5 * goal(i), 1e-5 * s.norm());
        multiply(V, s, theta, image);
        double tau = s.dot(image) / s.squaredNorm();
        if (!(tau > 0.0))
            tau = 1.0;
        Vector q = solver_.precondition(V, s, theta, tau), p, Ap;
        double before = 0.0;
        for (Index step = 0; step < options_.inner && s.norm() > std::max(enough, noise * z.norm());
             ++step) {
            multiply(V, q, theta, image);
            monitor_.done.store(step);
            const double now = q.dot(image);
            if (!(now > 0.0))
                break; // theta is not below the rest: rounding
            if (step == 0) {
                p = q;
                Ap = image;
            } else {
                p = q + now / before * p;
                Ap = image + now / before * Ap;
            }
            before = now;
            const Vector MAp = solver_.precondition(V, Ap, theta, tau);
            const double alpha = now / Ap.dot(MAp);
            if (!(alpha > 0.0))
                break;
            z += alpha * p;
            s -= alpha * Ap;
            q -= alpha * MAp;
        }
        return z;
    }

    const Operator& fast_;
    const Operator& exact_;
    const Eigensolver& solver_;
    const RefineOptions options_;
    Monitor& monitor_;
    const Index n_;
};

} // namespace mehler
