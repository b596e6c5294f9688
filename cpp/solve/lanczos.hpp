// Block Lanczos for the lowest eigenvalues, with full reorthogonalisation and no restart.
//
//     K Q = Q T + Q_next B E^t      Q (n, k) orthonormal, T (k, k) block tridiagonal, k = steps * b
//
// stands before every step. A Ritz pair (theta, Q s) of T has the residual |B s_last|, known without a
// product. A block (b >= 2) cannot overlook one copy of a double eigenvalue, and each product reads K
// once for all of its vectors.
#pragma once
#include "core/operator.hpp"
#include "solve/band.hpp"
#include "solve/blocks.hpp"

namespace mehler {

struct LanczosOptions {
  Index wanted = 1, block = 2, most_basis = 1000;
  double tol = 1e-6;    // stop when every wanted residual <= tol |theta| ...
  double floor = 0.0;   // ... or <= floor * |K|: what rounding in the product leaves
  double below = 0.0;   // give up when theta falls below this: a more precise matrix is needed
  std::uint64_t seed = 0;
  int threads = 1;
};

struct LanczosStep {
  Index applications;
  double value, residual;
};

struct LanczosResult {
  enum class End { converged, basis_full, below, stopped } end = End::converged;
  Eigen::VectorXd values, residuals;  // wanted Ritz values, ascending, and their residual norms
  Matrix vectors;                     // (n, wanted)
  Eigen::VectorXd next;               // the Ritz values that follow
  double norm = 0.0;                  // largest row sum of T: at least every |Ritz value|
  Index applications = 0, basis = 0, bytes = 0;
  std::vector<LanczosStep> history;
};

class Lanczos {
 public:
  Lanczos(const Operator& K, const LanczosOptions& options, Monitor& monitor)
      : K_(K), options_(options), monitor_(monitor), n_(K.size()), b_(std::min(options.block, n_)),
        most_(std::max(b_, std::min(options.most_basis, n_) / b_ * b_)), tall_(n_, options.threads, monitor),
        gaussian_(options.seed), Q_((most_ + b_) * n_), T_(b_, most_ + b_) {}

  LanczosResult run() {
    result_.bytes = Q_.bytes();
    try {
      start();
      while (true) {
        expand();
        if (test()) break;
        if (k_ + b_ > most_) {
          result_.end = LanczosResult::End::basis_full;
          break;
        }
      }
    } catch (const Interrupted&) {
      result_.end = LanczosResult::End::stopped;
    }
    assemble();
    return std::move(result_);
  }

 private:
  double* Q(Index column) { return Q_.data() + column * n_; }

  void start() {
    monitor_.phase("lanczos", 0);
    for (Index c = 0; c < b_; ++c) randomise(c);
    Matrix R = Matrix::Zero(b_, b_);
    orthonormalise(0, R);
  }

  // One product, the block three-term recurrence, then one pass against the whole basis.
  void expand() {
    const Index j = k_;
    double* W = Q(j + b_);
    K_.apply(Q(j), W, b_, options_.threads, monitor_);
    ++result_.applications;
    if (j > 0) {
      // W -= Q_{j-1} B^t: B is the upper triangular block that led here
      tall_.add(Q(j - b_), b_, -B_.transpose(), W);
    }
    Matrix A = tall_.inner(Q(j), b_, W, b_);
    tall_.add(Q(j), b_, -A, W);
    const Matrix H = tall_.inner(Q(0), j + b_, W, b_);
    tall_.add(Q(0), j + b_, -H, W);
    A += H.bottomRows(b_);
    A = 0.5 * (A + A.transpose()).eval();
    T_.grow(j + b_);
    for (Index c = 0; c < b_; ++c)
      for (Index r = c; r < b_; ++r) T_.at(j + r, j + c) = A(r, c);
    Matrix R = Matrix::Zero(b_, b_);
    scale_ = std::max(scale_, A.norm());
    orthonormalise(j + b_, R);
    scale_ = std::max(scale_, R.norm());
    B_ = R;
    k_ = j + b_;
    if (k_ < most_ + b_)
      for (Index c = 0; c < b_; ++c)
        for (Index r = 0; r <= c; ++r) T_.at(k_ + r, k_ - b_ + c) = R(r, c);
  }

  // Columns at.. become orthonormal to each other and to all before, W = Q R. A column that has
  // nothing left (an invariant subspace is complete) is replaced by a random one, its R being zero.
  void orthonormalise(Index at, Matrix& R) {
    constexpr double eps = std::numeric_limits<double>::epsilon();
    for (Index c = 0; c < b_; ++c) {
      double* w = Q(at + c);
      double before = tall_.norm(w);
      for (int pass = 0; pass < 2 && c > 0; ++pass) {
        const Matrix h = tall_.inner(Q(at), c, w, 1);
        tall_.add(Q(at), c, -h, w);
        R.block(0, c, c, 1) += h;
      }
      double size = tall_.norm(w);
      if (at > 0 && size < 0.1 * before && size > 0.0) {  // cancelled: clean against all once more
        const Matrix h = tall_.inner(Q(0), at + c, w, 1);
        tall_.add(Q(0), at + c, -h, w);
        size = tall_.norm(w);
      }
      if (!std::isfinite(size)) throw std::runtime_error("a product with the operator gave NaN or inf");
      R(c, c) = size;
      if (size <= 10.0 * eps * scale_ || size == 0.0) {
        R(c, c) = 0.0;
        if (at + c >= n_) {  // the basis spans the whole space
          Eigen::Map<Eigen::VectorXd>(w, n_).setZero();
          continue;
        }
        randomise(at + c);
        for (int pass = 0; pass < 3; ++pass) {
          tall_.scale(w, 1.0 / tall_.norm(w));
          tall_.add(Q(0), at + c, -tall_.inner(Q(0), at + c, w, 1), w);
        }
        size = tall_.norm(w);
      }
      tall_.scale(w, 1.0 / size);
    }
  }

  void randomise(Index column) {
    const Index stream = drawn_++;
    for (Index i = 0; i < n_; ++i) Q(column)[i] = gaussian_(i, stream);
  }

  // Ritz values, residuals, and whether the wanted ones are there.
  bool test() {
    const Index step = k_ / b_;
    if (k_ < options_.wanted + 1 && k_ < n_) return false;
    const bool last = k_ + b_ > most_ || k_ >= n_;
    if (!last && step % 2 && step > 8) return false;
    const Band::Pairs low = T_.lowest(options_.wanted + 2, guess_);
    guess_ = low.vectors;
    const Index wanted = std::min(options_.wanted, k_);
    result_.norm = T_.norm();
    result_.values = low.values.head(wanted);
    result_.next = low.values.tail(low.values.size() - wanted);
    result_.residuals.resize(wanted);
    bool done = true;
    for (Index i = 0; i < wanted; ++i) {
      const double residual = k_ >= n_ ? 0.0 : (B_ * low.vectors.col(i).tail(b_)).norm();
      result_.residuals[i] = residual;
      const double goal = std::max(options_.tol * std::fabs(low.values[i]), options_.floor * result_.norm);
      done = done && residual <= goal;
    }
    monitor_.progress.value = result_.values[0];
    monitor_.progress.residual = result_.residuals[0];
    monitor_.done.store(result_.applications);
    result_.history.push_back({result_.applications, result_.values[0], result_.residuals.maxCoeff()});
    if (done || k_ >= n_) return true;
    if (result_.values[0] < options_.below) {
      result_.end = LanczosResult::End::below;
      return true;
    }
    return false;
  }

  void assemble() {
    result_.basis = k_;
    const Index wanted = result_.values.size();
    if (wanted == 0) return;
    Monitor quiet;  // what is known is handed over, also after an interruption
    const Tall tall(n_, options_.threads, quiet);
    result_.vectors = Matrix::Zero(n_, wanted);
    tall.add(Q(0), guess_.rows(), guess_.leftCols(wanted), result_.vectors.data());
    for (Index i = 0; i < wanted; ++i) result_.vectors.col(i).normalize();
  }

  const Operator& K_;
  const LanczosOptions options_;
  Monitor& monitor_;
  const Index n_, b_, most_;
  const Tall tall_;
  const Gaussian gaussian_;
  Buffer<double> Q_;
  Band T_;
  Matrix B_, guess_;
  Index k_ = 0, drawn_ = 0;
  double scale_ = 0.0;
  LanczosResult result_;
};

}  // namespace mehler
