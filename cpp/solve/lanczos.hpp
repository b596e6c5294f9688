// Block Lanczos for the lowest eigenvalues, with full reorthogonalisation and no restart.
//
//     K Q = Q T + Q_next B E^t      Q (n, k) orthonormal, T (k, k) block tridiagonal, k = steps * b
//
// stands before every step. A Ritz pair (theta, Q s) of T has the residual |B E^t s|, known without
// a product. A block (b >= 2) cannot overlook one copy of a double eigenvalue, and each product
// reads K once for all of its vectors.
#pragma once
#include "core/operator.hpp"
#include "solve/band.hpp"
#include "solve/basis.hpp"

namespace mehler {

struct LanczosOptions {
    Index wanted = 1, block = 2, most_basis = 1000;
    double tol = 1e-6; // stop when every wanted residual <= tol |theta| ...
    double floor =
        0.0; // ... or <= floor + floor_relative * |K|: what rounding in the product leaves
    double floor_relative = 0.0;
    double below = 0.0; // give up when theta falls below this: a more precise matrix is needed
    std::uint64_t seed = 0;
    int threads = 1;
};

struct LanczosStep {
    Index applications;
    double value, residual;
};

enum class End { converged, basis_full, below, stopped };

class Lanczos {
public:
    Lanczos(const Operator& K, const LanczosOptions& options, Monitor& monitor)
        : K_(K), options_(options), monitor_(monitor), n_(K.size()),
          b_(std::min(options.block, n_)),
          most_(std::max(b_, std::min(options.most_basis, n_) / b_ * b_)),
          basis_(n_, most_ + b_, options.threads, monitor), gaussian_(options.seed),
          T_(b_, most_ + b_) {}

    void run() {
        try {
            start();
            while (true) {
                expand();
                if (test())
                    break;
                if (k_ + b_ > most_) {
                    end = End::basis_full;
                    break;
                }
            }
        } catch (const Interrupted&) {
            end = End::stopped;
        }
    }

    // Ritz vectors (n, wanted), also after an interruption.
    Matrix vectors() {
        Matrix V = combine(ritz_.vectors.leftCols(values.size()));
        for (Index i = 0; i < V.cols(); ++i)
            V.col(i).normalize();
        return V;
    }
    // The basis times H, also after an interruption.
    Matrix combine(const Matrix& H) {
        Monitor quiet;
        basis_.watch(quiet);
        Matrix V = Matrix::Zero(n_, H.cols());
        basis_.add(H, V.data());
        basis_.watch(monitor_);
        return V;
    }

    // What the correction equation needs: the invariant at the last test.
    const Basis& basis() const { return basis_; } // (n, order + b): Q and Q_next
    const Band& band() const { return T_; }
    const Band::Pairs& ritz() const { return ritz_; }
    const Matrix& coupling() const { return B_; }
    Index order() const { return k_; }
    Index block() const { return b_; }
    bool complete() const { return k_ >= n_; }

    End end = End::converged;
    Vector values, residuals; // wanted Ritz values, ascending, and their residual norms
    double norm = 0.0;        // largest row sum of T: at least every |Ritz value|
    Index applications = 0;
    std::vector<LanczosStep> history;

private:
    void start() {
        monitor_.phase("lanczos", 0);
        W_ = Matrix(n_, b_);
        for (Index c = 0; c < b_; ++c)
            randomise(c);
        orthonormalise();
        Q_ = W_;
        basis_.append(Q_.data(), b_);
    }

    // One product, the three-term recurrence, then one pass against the whole basis.
    void expand() {
        K_.apply(Q_.data(), W_.data(), b_, options_.threads, monitor_);
        ++applications;
        const Index j = k_; // columns [j, j + b) of the basis are Q_j
        // W -= Q_{j-1} B^t + Q_j A, B the upper triangular block that led here
        Matrix near_part(j > 0 ? 2 * b_ : b_, b_);
        const Matrix A = basis_.inner(W_.data(), b_, j);
        if (j > 0)
            near_part.topRows(b_) = -B_.transpose();
        near_part.bottomRows(b_) = -A;
        basis_.add(near_part, W_.data(), j > 0 ? j - b_ : j);
        const Matrix H = basis_.orthogonalise(W_.data(), b_);
        const Matrix diagonal = A + H.bottomRows(b_);
        T_.grow(j + b_);
        for (Index c = 0; c < b_; ++c)
            for (Index r = c; r < b_; ++r)
                T_.at(j + r, j + c) = 0.5 * (diagonal(r, c) + diagonal(c, r));
        scale_ = std::max(scale_, diagonal.norm());
        B_ = orthonormalise();
        scale_ = std::max(scale_, B_.norm());
        k_ = j + b_;
        for (Index c = 0; c < b_; ++c)
            for (Index r = 0; r <= c; ++r)
                T_.at(k_ + r, j + c) = B_(r, c);
        std::swap(Q_, W_);
        basis_.append(Q_.data(), b_);
    }

    // The columns of W become orthonormal, W = W' R. One that has nothing left (an invariant
    // subspace is complete) is replaced by a random one orthogonal to everything, its R being zero.
    Matrix orthonormalise() {
        constexpr double eps = std::numeric_limits<double>::epsilon();
        Matrix R = Matrix::Zero(b_, b_);
        for (Index c = 0; c < b_; ++c) {
            auto w = W_.col(c);
            const double before = w.norm();
            if (!std::isfinite(before))
                throw std::runtime_error("a product with the operator gave NaN or infinity");
            const auto done = W_.leftCols(c);
            for (int pass = 0; pass < 2 && c > 0; ++pass) {
                const Vector h = done.transpose() * w;
                w -= done * h;
                R.col(c).head(c) += h;
            }
            if (w.norm() < 0.1 * before)
                basis_.orthogonalise(w.data(), 1); // cancelled: clean it once more
            double size = w.norm();
            R(c, c) = size;
            if (size <= 10.0 * eps * scale_ || size == 0.0) {
                R(c, c) = 0.0;
                if (basis_.columns() + c >= n_) { // the basis spans the whole space
                    w.setZero();
                    continue;
                }
                randomise(c);
                for (int pass = 0; pass < 3; ++pass) {
                    w /= w.norm();
                    basis_.orthogonalise(w.data(), 1);
                    if (c > 0)
                        w -= done * (done.transpose() * w).eval();
                }
                size = w.norm();
            }
            w /= size;
            if (size < 1e-7 * scale_) // little was left: rounding in it has grown by as much
                for (int pass = 0; pass < 2; ++pass) {
                    basis_.orthogonalise(w.data(), 1);
                    w -= done * (done.transpose() * w).eval();
                    w.normalize();
                }
        }
        return R;
    }

    void randomise(Index column) {
        const Index stream = drawn_++;
        for (Index i = 0; i < n_; ++i)
            W_(i, column) = gaussian_(i, stream);
    }

    // Ritz values, residuals, and whether the wanted ones are there.
    bool test() {
        if (k_ < options_.wanted + 1 && k_ < n_)
            return false;
        const Index step = k_ / b_;
        const bool last = k_ + b_ > most_ || k_ >= n_;
        if (!last && step % (step > 64 ? 4 : step > 8 ? 2 : 1))
            return false;
        ritz_ = T_.lowest(options_.wanted, ritz_.vectors);
        const Index wanted = std::min(options_.wanted, k_);
        norm = T_.norm();
        values = ritz_.values.head(wanted);
        residuals.resize(wanted);
        bool done = true;
        for (Index i = 0; i < wanted; ++i) {
            residuals[i] = k_ >= n_ ? 0.0 : (B_ * ritz_.vectors.col(i).tail(b_)).norm();
            const double goal = std::max(options_.tol * std::fabs(values[i]),
                                         options_.floor + options_.floor_relative * norm);
            done = done && residuals[i] <= goal;
        }
        monitor_.progress.value = values[0];
        monitor_.progress.residual = residuals[0];
        monitor_.done.store(applications);
        history.push_back({applications, values[0], residuals.maxCoeff()});
        if (done || k_ >= n_)
            return true;
        if (values[0] < options_.below) {
            end = End::below;
            return true;
        }
        return false;
    }

    const Operator& K_;
    const LanczosOptions options_;
    Monitor& monitor_;
    const Index n_, b_, most_;
    Basis basis_;
    const Gaussian gaussian_;
    Band T_;
    Matrix B_, Q_, W_;
    Band::Pairs ritz_;
    Index k_ = 0, drawn_ = 0;
    double scale_ = 0.0;
};

} // namespace mehler
