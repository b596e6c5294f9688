// Block Lanczos for the lowest eigenvalues, with full reorthogonalisation and thick restart.
//
//     K Q = Q T + Q_next B E^t      Q (n, k) orthonormal, T (k, k) a band of width b,
//                                   E the last b columns of I
//
// stands before every step, and after every restart, which comes when k has reached its bound: two
// fifths of the Ritz vectors stay, the lowest ones, and one fifth, the highest ones, which would
// cost as many products to find again (thick_restart.hpp). A Ritz pair (theta, Q s) of T has the
// residual |B E^t s|, known without a product. A block (b >= 2) cannot overlook one copy of a
// double eigenvalue, and each product reads K once for all of its vectors.
#pragma once
#include "solve/band.hpp"
#include "solve/eigensolver.hpp"
#include "solve/journal.hpp"
#include "solve/thick_restart.hpp"

namespace mehler {

class Lanczos final : public Eigensolver {
public:
    // journal: steps that an earlier run has left, and where those of this one go; may be null.
    Lanczos(const Operator& K, const EigenOptions& options, Monitor& monitor,
            Journal* journal = nullptr)
        : Eigensolver(K, options, monitor), journal_(journal),
          most_(options.most_basis >= n_ ? round_up(n_, b_) : options.most_basis / b_ * b_),
          basis_(n_, options.threads, monitor), T_(b_, most_ + b_) {}

    // Vectors without which a restart has nothing to go on with.
    static Index least_basis(Index wanted, Index block) { return 2 * wanted + 8 * block; }

    void run() override {
        if (most_ < n_ && most_ < least_basis(options_.wanted, b_))
            throw std::invalid_argument("most_basis must be at least 2 wanted + 8 block");
        try {
            start();
            while (true) {
                expand();
                if (test())
                    break;
                if (applications >= options_.most_applications) {
                    end = End::too_many;
                    break;
                }
                if (k_ + b_ > most_)
                    restart();
            }
        } catch (const Interrupted&) {
            end = End::stopped;
        }
    }

    Matrix vectors(double window) override {
        if (rescued_.size())
            return rescued_;
        Matrix S = ritz_.vectors.leftCols(values.size());
        for (Index more = 4; window > 0.0 && end == End::converged; more = most_guards) {
            const Band::Pairs pairs = T_.lowest(values.size() + more, ritz_.vectors);
            const Index count = near(pairs.values, window);
            S = pairs.vectors.leftCols(count);
            if (count < pairs.values.size() || more == most_guards)
                break;
        }
        return combine(S);
    }
    // The basis times H, columns of norm one; also after an interruption.
    Matrix combine(const Matrix& H) {
        Monitor quiet;
        basis_.watch(quiet);
        Matrix V = Matrix::Zero(n_, H.cols());
        basis_.add(H, V.data());
        basis_.watch(monitor_);
        V.colwise().normalize();
        return V;
    }

    // What the basis knows of K - theta, tau for the rest:
    // Q (T - theta)^+ Q^t + (I - Q Q^t) / tau.
    Vector precondition(const Matrix& V, const Vector& s, double, double tau) const override {
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

    // The next block, from the journal or from a product.
    void expand() {
        Matrix A, B;
        Index used = 0;
        const bool known = journal_ && journal_->next(k_, used, A, B, W_);
        if (known) {
            ++applications; // of the run that left it
            drawn(used);
            extend(A);
        } else {
            A = multiply();
            extend(A);
            B = orthonormalise(W_, basis_, scale_);
            if (journal_)
                journal_->append(k_, drawn(), A, B, W_);
        }
        k_ += b_;
        couple(B);
        std::swap(Q_, W_);
        basis_.append(Q_.data(), b_);
        if (known)
            monitor_.check();
    }

    // One product, the three-term recurrence, then one pass against the whole basis; the diagonal
    // block of T.
    Matrix multiply() {
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
        return A + H.bottomRows(b_);
    }

    // T gets its next diagonal block.
    void extend(const Matrix& diagonal) {
        const Index j = k_;
        T_.grow(j + b_);
        for (Index c = 0; c < b_; ++c)
            for (Index r = c; r < b_; ++r)
                T_.at(j + r, j + c) = 0.5 * (diagonal(r, c) + diagonal(c, r));
        if (j + b_ > n_) // columns beyond the whole space are zero: no eigenvalues of theirs
            for (Index c = n_ - j; c < b_; ++c)
                T_.at(j + c, j + c) = 2.0 * T_.norm();
        scale_ = std::max(scale_, diagonal.norm());
    }

    // The basis is full: what is worth most of it stays, and the invariant with it. An interruption
    // leaves a basis that is half rotated; the Ritz vectors made before it are the answer then.
    void restart() {
        const Index low = std::max(options_.wanted + b_, std::min(2 * k_ / 5, most_low));
        const Index high = std::min({k_ / 5, most_high, k_ - low - 2 * b_});
        const ThickRestart kept(T_, B_, low, high, monitor_);
        const Index p = kept.T.rows();
        Matrix rotation = Matrix::Zero(k_ + b_, p + b_);
        rotation.topLeftCorner(k_, p) = kept.rotation;
        rotation.bottomRightCorner(b_, b_).setIdentity(); // Q_next
        rescued_ = combine(ritz_.vectors);
        basis_.rotate(rotation);
        rescued_.resize(0, 0);
        ritz_.vectors = (kept.rotation.transpose() * ritz_.vectors).eval();
        T_ = Band(b_, most_ + b_);
        T_.grow(p);
        for (Index j = 0; j < p; ++j)
            for (Index i = j; i < std::min(p, j + b_ + 1); ++i)
                T_.at(i, j) = kept.T(i, j);
        k_ = p;
        couple(kept.B);
    }

    // B leads from the last block of Q to Q_next.
    void couple(const Matrix& B) {
        B_ = B;
        scale_ = std::max(scale_, B_.norm());
        for (Index c = 0; c < b_; ++c)
            for (Index r = 0; r <= c; ++r)
                T_.at(k_ + r, k_ - b_ + c) = B_(r, c);
    }

    // Ritz values, residuals, and whether the wanted ones are there.
    bool test() {
        if (k_ < options_.wanted + 1 && k_ < n_)
            return false;
        const Index step = k_ / b_;
        const bool last = k_ + b_ > most_ || k_ >= n_ || applications >= options_.most_applications;
        if (!last && step % (step > 64 ? 4 : step > 8 ? 2 : 1))
            return false;
        ritz_ = T_.lowest(options_.wanted, ritz_.vectors);
        const Index wanted = std::min(options_.wanted, k_);
        norm = std::max(norm, T_.norm());
        values = ritz_.values.head(wanted);
        residuals.resize(wanted);
        for (Index i = 0; i < wanted; ++i)
            residuals[i] = k_ >= n_ ? 0.0 : (B_ * ritz_.vectors.col(i).tail(b_)).norm();
        if (!judge() || k_ >= n_)
            return k_ >= n_;
        return end == End::below ||
               (nothing_hidden(T_.lowest(options_.wanted + 1, ritz_.vectors).values) &&
                (!options_.enough || options_.enough()));
    }

    static constexpr Index most_low = 400, most_high = 200; // more would cost more than they save

    Journal* const journal_;
    const Index most_;
    Basis basis_;
    Band T_;
    Matrix B_, Q_, W_, rescued_;
    Band::Pairs ritz_;
    Index k_ = 0;
    double scale_ = 0.0;
};

} // namespace mehler
