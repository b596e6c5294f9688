// The true residual, and the way from a cheap matrix to the exact one.
//
// `fast` is K rounded to float32, `exact` is K. Lanczos on `fast` leaves v with |K v - theta v| at the
// rounding of `fast`. Each round solves the correction equation of Jacobi and Davidson,
//
//     (I - V V^t) (fast - theta) (I - V V^t) z = -r,     v <- (v + z) / |v + z|,
//
// by some steps of MINRES, and measures theta = v^t K v and r = K v - theta v with `exact`.
#pragma once
#include <array>

#include "core/operator.hpp"
#include "solve/blocks.hpp"

namespace mehler {

struct RefineOptions {
  double tol = 1e-6, floor = 0.0;  // goal: |r| <= max(tol |theta|, floor)
  Index rounds = 6, inner = 60;
  int threads = 1;
};

struct RefineResult {
  Eigen::VectorXd values, residuals;  // of `exact`
  Index fast_applications = 0, exact_applications = 0;
  bool stopped = false;
};

class Refine {
 public:
  // V (n, k): approximate eigenvectors, improved in place. residuals_at_start: measured once for all.
  Refine(const Operator& fast, const Operator& exact, const RefineOptions& options, Monitor& monitor)
      : fast_(fast), exact_(exact), options_(options), monitor_(monitor), n_(exact.size()),
        tall_(n_, options.threads, monitor) {}

  RefineResult run(Matrix& V) {
    const Index k = V.cols();
    result_.values = Eigen::VectorXd::Constant(k, std::nan(""));
    result_.residuals = result_.values;
    try {
      Matrix R = measure(V);
      for (Index round = 0; round < options_.rounds && !good(); ++round) {
        Matrix next = V;
        for (Index i = 0; i < k; ++i)
          if (!good(i)) {
            next.col(i) += correction(V, i, R.col(i));
            next.col(i).normalize();
          }
        const RefineResult before = result_;
        const Matrix S = measure(next);
        if (result_.residuals.maxCoeff() > 0.7 * before.residuals.maxCoeff()) {  // no progress
          if (result_.residuals.maxCoeff() < before.residuals.maxCoeff()) {
            V = next;
          } else {
            result_.values = before.values;
            result_.residuals = before.residuals;
          }
          break;
        }
        V = next;
        R = S;
      }
    } catch (const Interrupted&) {
      result_.stopped = true;
    }
    return result_;
  }

 private:
  double goal(Index i) const { return std::max(options_.tol * std::fabs(result_.values[i]), options_.floor); }
  bool good(Index i) const { return result_.residuals[i] <= goal(i); }
  bool good() const {
    for (Index i = 0; i < result_.values.size(); ++i)
      if (!good(i)) return false;
    return true;
  }

  // theta = v^t K v and r = K v - theta v for every column.
  Matrix measure(const Matrix& V) {
    monitor_.phase("residual", 1);
    Matrix R(n_, V.cols());
    exact_.apply(V.data(), R.data(), V.cols(), options_.threads, monitor_);
    ++result_.exact_applications;
    Eigen::VectorXd values(V.cols()), residuals(V.cols());
    for (Index i = 0; i < V.cols(); ++i) {
      values[i] = V.col(i).dot(R.col(i)) / V.col(i).squaredNorm();
      R.col(i) -= values[i] * V.col(i);
      residuals[i] = R.col(i).norm() / V.col(i).norm();
    }
    result_.values = values;  // both or none: an interruption leaves the last complete pair
    result_.residuals = residuals;
    monitor_.progress.value = values[0];
    monitor_.progress.residual = residuals[0];
    return R;
  }

  void project(const Matrix& V, double* w) const {
    tall_.add(V.data(), V.cols(), -tall_.inner(V.data(), V.cols(), w, 1), w);
  }

  // MINRES (Paige and Saunders 1975) on the projected equation, started from zero.
  Eigen::VectorXd correction(const Matrix& V, Index i, const Eigen::VectorXd& r) {
    monitor_.phase("refine", options_.inner);
    const double theta = result_.values[i];
    Eigen::VectorXd z = Eigen::VectorXd::Zero(n_), v = -r, v_old = z, w = z, w_old = z, Av(n_);
    project(V, v.data());
    double beta = v.norm();
    if (beta == 0.0) return z;
    const double enough = 0.3 * std::max(1e-2 * beta, std::min(goal(i), beta));
    double eta = beta, c = 1.0, c_old = 1.0, s = 0.0, s_old = 0.0, left = beta;
    v /= beta;
    double beta_old = 0.0;
    for (Index step = 0; step < options_.inner && left > enough; ++step) {
      fast_.apply(v.data(), Av.data(), 1, options_.threads, monitor_);
      ++result_.fast_applications;
      monitor_.done.store(step);
      Av -= theta * v;
      project(V, Av.data());
      const double alpha = v.dot(Av);
      Av -= alpha * v + beta_old * v_old;
      const double next = Av.norm();
      // rotations of the tridiagonal matrix
      const double delta = c * alpha - c_old * s * beta_old;
      const double rho = std::hypot(delta, next), rho2 = s * alpha + c_old * c * beta_old, rho3 = s_old * beta_old;
      if (!(rho > 0.0)) break;
      c_old = c;
      s_old = s;
      c = delta / rho;
      s = next / rho;
      const Eigen::VectorXd w_new = (v - rho3 * w_old - rho2 * w) / rho;
      z += c * eta * w_new;
      w_old = w;
      w = w_new;
      eta = -s * eta;
      left = std::fabs(eta);
      if (!(next > 0.0)) break;
      v_old = v;
      v = Av / next;
      beta_old = next;
    }
    return z;
  }

  const Operator& fast_;
  const Operator& exact_;
  const RefineOptions options_;
  Monitor& monitor_;
  const Index n_;
  const Tall tall_;
  RefineResult result_;
};

}  // namespace mehler
