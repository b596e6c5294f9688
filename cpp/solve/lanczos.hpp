// Block Lanczos for the lowest eigenvalues, with full reorthogonalisation and no restart.
//
//     K Q = Q T + Q_next B E^t      Q (n, k) orthonormal, T (k, k) block tridiagonal, k = steps * b
//
// stands before every step. A Ritz pair (theta, Q s) of T has the residual |B E^t s|, known without
// a product. A block (b >= 2) cannot overlook one copy of a double eigenvalue, and each product
// reads K once for all of its vectors.
#pragma once
#include "solve/band.hpp"
#include "solve/eigensolver.hpp"

namespace mehler {

class Lanczos final : public Eigensolver {
public:
    Lanczos(const Operator& K, const EigenOptions& options, Monitor& monitor)
        : Eigensolver(K, options, monitor),
          most_(options.most_basis >= n_ ? round_up(n_, b_)
                                         : std::max(b_, options.most_basis / b_ * b_)),
          basis_(n_, options.threads, monitor), T_(b_, most_ + b_) {}

    void run() override {
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

    Matrix vectors(double window) override {
        Matrix S = ritz_.vectors.leftCols(values.size());
        for (Index more = 4; window > 0.0 && end == End::converged; more = most_guards) {
            const Band::Pairs pairs = T_.lowest(values.size() + more, ritz_.vectors);
            const Index count = near(pairs.values, window);
            S = pairs.vectors.leftCols(count);
            if (count < pairs.values.size() || more == most_guards)
                break;
        }
        Matrix V = combine(S);
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

    // What the basis knows of K - theta, tau for the rest:
    // Q (T - theta)^+ Q^t + (I - Q Q^t) / tau.
    Vector precondition(const Matrix& V, const Vector& s, double tau) const override {
        const Vector h = basis_.inner(s.data(), 1).topRows(k_);
        const Vector y = T_.solve_beside(h, ritz_, V.cols()) - h / tau;
        Vector z = s / tau;
        basis_.add(y, z.data());
        return z - V * (V.transpose() * z).eval();
    }
    bool complete() const override { return k_ >= n_; }
    Index order() const override { return k_; }

    // The invariant at the last test: K Q = Q T + Q_next B E^t.
    const Basis& basis() const { return basis_; } // (n, order + b): Q and Q_next
    const Band& band() const { return T_; }
    const Band::Pairs& ritz() const { return ritz_; }
    const Matrix& coupling() const { return B_; }
    Index block() const { return b_; }

private:
    void start() {
        monitor_.phase("lanczos", 0);
        W_ = Matrix(n_, b_);
        for (Index c = 0; c < b_; ++c)
            randomise(W_.col(c).data());
        orthonormalise(W_, basis_, 0.0);
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
        if (j + b_ > n_) // columns beyond the whole space are zero: no eigenvalues of theirs
            for (Index c = n_ - j; c < b_; ++c)
                T_.at(j + c, j + c) = 2.0 * T_.norm();
        scale_ = std::max(scale_, diagonal.norm());
        B_ = orthonormalise(W_, basis_, scale_);
        scale_ = std::max(scale_, B_.norm());
        k_ = j + b_;
        for (Index c = 0; c < b_; ++c)
            for (Index r = 0; r <= c; ++r)
                T_.at(k_ + r, j + c) = B_(r, c);
        std::swap(Q_, W_);
        basis_.append(Q_.data(), b_);
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
        for (Index i = 0; i < wanted; ++i)
            residuals[i] = k_ >= n_ ? 0.0 : (B_ * ritz_.vectors.col(i).tail(b_)).norm();
        return judge() || k_ >= n_;
    }

    const Index most_;
    Basis basis_;
    Band T_;
    Matrix B_, Q_, W_;
    Band::Pairs ritz_;
    Index k_ = 0;
    double scale_ = 0.0;
};

} // namespace mehler
