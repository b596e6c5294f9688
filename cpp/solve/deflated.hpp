// What is left of a matrix once some of its eigenvectors are known: V (n, m) orthonormal.
#pragma once
#include "core/operator.hpp"
#include "solve/basis.hpp"

namespace mehler {

// K + size V V^t: the known eigenvalues are moved up by size (down, if it is negative).
class Deflated final : public Operator {
public:
    Deflated(const Operator& K, Matrix V, double size) : K_(K), V_(std::move(V)), size_(size) {}
    Index size() const override { return K_.size(); }
    Index bytes() const override { return K_.bytes() + 8 * V_.size(); }
    void apply(const double* X, double* Y, Index b, int threads, Monitor& monitor) const override {
        K_.apply(X, Y, b, threads, monitor);
        const Eigen::Map<const Matrix> in(X, V_.rows(), b);
        Eigen::Map<Matrix>(Y, V_.rows(), b) += size_ * (V_ * (V_.transpose() * in).eval());
    }

private:
    const Operator& K_;
    const Matrix V_;
    const double size_;
};

// Q (K - s I)^-1 Q, Q = I - V V^t: the known eigenvalues are moved to infinity.
class DeflatedSolver final : public Solver {
public:
    DeflatedSolver(const Solver& factor, Matrix V) : factor_(factor), V_(std::move(V)) {}
    Index size() const override { return factor_.size(); }
    Index bytes() const override { return factor_.bytes() + 8 * V_.size(); }
    double shift() const override { return factor_.shift(); }
    void solve(const double* B, double* X, Index b, int threads, Monitor& monitor) const override {
        Matrix rest = Eigen::Map<const Matrix>(B, V_.rows(), b);
        leave_out(rest);
        factor_.solve(rest.data(), rest.data(), b, threads, monitor);
        leave_out(rest);
        Eigen::Map<Matrix>(X, V_.rows(), b) = rest;
    }

private:
    void leave_out(Matrix& B) const { B -= V_ * (V_.transpose() * B).eval(); }

    const Solver& factor_;
    const Matrix V_;
};

} // namespace mehler
