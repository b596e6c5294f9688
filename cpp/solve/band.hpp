// Lowest eigenpairs of a small symmetric band matrix T: what block Lanczos asks for at every test.
//
// Bisection on "does T - s I have a Cholesky factor" brackets the lowest eigenvalue to rounding;
// inverse iteration from just below it, on a few vectors, gives the pairs. Everything costs O(order
// * width^2).
#pragma once
#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include "core/types.hpp"

namespace mehler {

class Band {
public:
    Band(Index width, Index most)
        : width_(width), entries_(Eigen::MatrixXd::Zero(width + 1, most)) {}

    Index order() const { return order_; }
    void grow(Index order) { order_ = order; }
    // T(i, j), i >= j, i - j <= width
    double& at(Index i, Index j) { return entries_(i - j, j); }
    double at(Index i, Index j) const { return entries_(i - j, j); }

    double norm() const { // largest row sum
        Eigen::VectorXd sums = Eigen::VectorXd::Zero(order_);
        for (Index j = 0; j < order_; ++j)
            for (Index i = j; i < std::min(order_, j + width_ + 1); ++i) {
                sums[i] += std::fabs(at(i, j));
                if (i != j)
                    sums[j] += std::fabs(at(i, j));
            }
        return sums.size() ? sums.maxCoeff() : 0.0;
    }

    struct Pairs {
        Eigen::VectorXd values;  // ascending
        Eigen::MatrixXd vectors; // (order, count)
    };

    // guess: vectors of an earlier, smaller T (may be empty).
    Pairs lowest(Index count, const Eigen::MatrixXd& guess) const {
        constexpr double eps = std::numeric_limits<double>::epsilon();
        const Index k = order_;
        count = std::min(count, k);
        const double size = std::max(norm(), std::numeric_limits<double>::min());
        double high = at(0, 0), low = -size;
        for (Index i = 1; i < k; ++i)
            high = std::min(high, at(i, i));
        low -= 4.0 * eps * size;
        Eigen::MatrixXd L(width_ + 1, k);
        while (high - low > 8.0 * eps * size) {
            const double middle = 0.5 * (low + high);
            (factor(middle, L) ? low : high) = middle;
        }
        double shift = low - 16.0 * eps * size;
        while (!factor(shift, L))
            shift -= 16.0 * eps * size;

        Eigen::MatrixXd X(k, count);
        for (Index c = 0; c < count; ++c)
            for (Index i = 0; i < k; ++i)
                X(i, c) = c < guess.cols() && i < guess.rows()
                              ? guess(i, c)
                              : 1e-3 * std::sin(double(1 + i * (c + 2)));
        Pairs result;
        double before = std::numeric_limits<double>::infinity();
        for (int round = 0; round < 200; ++round) {
            solve(L, X);
            orthonormalise(X);
            const Eigen::MatrixXd TX = times(X);
            Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> small(symmetric(X.transpose() * TX));
            result.values = small.eigenvalues();
            X = X * small.eigenvectors();
            const double residual = (TX * small.eigenvectors() - X * result.values.asDiagonal())
                                        .colwise()
                                        .norm()
                                        .maxCoeff();
            if (residual <= 64.0 * eps * size || (round > 20 && residual > 0.9 * before))
                break;
            before = residual;
        }
        result.vectors = std::move(X);
        return result;
    }

    // (T - theta)^+ y for theta at the low end: the first `beside` Ritz vectors are left out. The
    // factor is made once for a band that grows no more.
    Eigen::VectorXd solve_beside(Eigen::VectorXd y, const Pairs& ritz, Index beside) const {
        constexpr double eps = std::numeric_limits<double>::epsilon();
        if (beside_.cols() != order_) {
            beside_ = Eigen::MatrixXd(width_ + 1, order_);
            const double step = 16.0 * eps * std::max(norm(), std::numeric_limits<double>::min());
            double shift = ritz.values[0] - step;
            for (double back = 2.0 * step; !factor(shift, beside_); back *= 2.0)
                shift = ritz.values[0] - back;
        }
        const Eigen::MatrixXd S = ritz.vectors.leftCols(beside);
        Eigen::MatrixXd X = y - S * (S.transpose() * y).eval();
        solve(beside_, X);
        y = X;
        return y - S * (S.transpose() * y).eval();
    }

private:
    static Eigen::MatrixXd symmetric(const Eigen::MatrixXd& A) { return 0.5 * (A + A.transpose()); }
    static void orthonormalise(Eigen::MatrixXd& X) {
        Eigen::HouseholderQR<Eigen::MatrixXd> qr(X);
        X = qr.householderQ() * Eigen::MatrixXd::Identity(X.rows(), X.cols());
    }
    Eigen::MatrixXd times(const Eigen::MatrixXd& X) const {
        Eigen::MatrixXd Y = Eigen::MatrixXd::Zero(X.rows(), X.cols());
        for (Index j = 0; j < order_; ++j)
            for (Index i = j; i < std::min(order_, j + width_ + 1); ++i) {
                Y.row(i) += at(i, j) * X.row(j);
                if (i != j)
                    Y.row(j) += at(i, j) * X.row(i);
            }
        return Y;
    }
    // L L^t = T - shift I, band storage as T; false when it does not exist.
    bool factor(double shift, Eigen::MatrixXd& L) const {
        for (Index j = 0; j < order_; ++j) {
            const Index last = std::min(order_, j + width_ + 1);
            for (Index i = j; i < last; ++i) {
                double s = at(i, j) - (i == j ? shift : 0.0);
                for (Index p = std::max<Index>(0, i - width_); p < j; ++p)
                    s -= L(i - p, p) * L(j - p, p);
                if (i == j) {
                    if (!(s > 0.0))
                        return false;
                    L(0, j) = std::sqrt(s);
                } else {
                    L(i - j, j) = s / L(0, j);
                }
            }
        }
        return true;
    }
    void solve(const Eigen::MatrixXd& L, Eigen::MatrixXd& X) const {
        for (Index j = 0; j < order_; ++j) {
            X.row(j) /= L(0, j);
            for (Index i = j + 1; i < std::min(order_, j + width_ + 1); ++i)
                X.row(i) -= L(i - j, j) * X.row(j);
        }
        for (Index j = order_; j-- > 0;) {
            for (Index i = j + 1; i < std::min(order_, j + width_ + 1); ++i)
                X.row(j) -= L(i - j, j) * X.row(i);
            X.row(j) /= L(0, j);
        }
    }

    Index width_, order_ = 0;
    Eigen::MatrixXd entries_;
    mutable Eigen::MatrixXd beside_;
};

} // namespace mehler
