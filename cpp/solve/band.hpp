// Extreme eigenpairs of a small symmetric band matrix T: what block Lanczos asks for at every test.
//
// Bisection on the inertia of T - s I brackets each eigenvalue to rounding, inverse iteration gives
// its vector. Everything costs O(order * width^2).
#pragma once
#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <vector>

#include "core/monitor.hpp"

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

    // guess: vectors of an earlier, smaller T (may be empty); monitor: of many, may end the work.
    Pairs lowest(Index count, const Eigen::MatrixXd& guess, Monitor* monitor = nullptr) const {
        count = std::min(count, order_);
        const double size = norm();
        if (size == 0.0)
            return {Eigen::VectorXd::Zero(count), Eigen::MatrixXd::Identity(order_, count)};
        Band unit = *this; // of norm one: nothing under- or overflows
        unit.entries_ /= size;
        Pairs pairs = unit.lowest_of_unit(count, guess, monitor);
        pairs.values *= size;
        return pairs;
    }

    // The largest ones, descending.
    Pairs highest(Index count, Monitor* monitor = nullptr) const {
        Band minus = *this;
        minus.entries_ = -entries_;
        Pairs pairs = minus.lowest(count, {}, monitor);
        pairs.values = -pairs.values;
        return pairs;
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

    // (T - theta)^+ y for theta at the low end: the first `beside` Ritz vectors are left out. The
    // factor is made once for a band that grows no more.
    Eigen::VectorXd solve_beside(Eigen::VectorXd y, const Pairs& ritz, Index beside) const {
        constexpr double eps = std::numeric_limits<double>::epsilon();
        if (beside_.cols() != order_) {
            beside_ = Eigen::MatrixXd(width_ + 1, order_);
            const double size = std::max(norm(), std::numeric_limits<double>::min());
            double shift = ritz.values[0] - 16.0 * eps * size;
            for (double back = 32.0 * eps * size; !factor(shift, beside_); back *= 2.0)
                shift = ritz.values[0] - back;
        }
        const Eigen::MatrixXd S = ritz.vectors.leftCols(beside);
        Eigen::MatrixXd X = y - S * (S.transpose() * y).eval();
        solve(beside_, X);
        y = X;
        return y - S * (S.transpose() * y).eval();
    }

private:
    // Eigenvalue i by bisection on the inertia of T - s I, its vector by inverse iteration beside
    // the vectors before it; a last Rayleigh-Ritz step separates clusters.
    Pairs lowest_of_unit(Index count, const Eigen::MatrixXd& guess, Monitor* monitor) const {
        constexpr double eps = std::numeric_limits<double>::epsilon();
        const Index k = order_;
        Eigen::MatrixXd U(2 * width_ + 1, k), X(k, count);
        double floor = -1.0 - 4.0 * eps;
        for (Index i = 0; i < count; ++i) {
            if (monitor && i % 16 == 0)
                monitor->check();
            double high = 1.0 + 4.0 * eps;
            while (high - floor > 4.0 * eps) {
                const double middle = 0.5 * (floor + high);
                (eliminate(middle, U, nullptr, i) > i ? high : floor) = middle;
            }
            for (Index r = 0; r < k; ++r)
                X(r, i) = 1e-3 * std::sin(double(1 + r * (i + 2))) +
                          (i < guess.cols() && r < guess.rows() ? guess(r, i) : 0.0);
            const auto before = X.leftCols(i);
            for (int round = 0; round < 3; ++round) {
                Eigen::VectorXd x = X.col(i);
                eliminate(floor - 2.0 * eps, U, &x, k);
                for (Index r = k; r-- > 0;) {
                    for (Index c = r + 1; c < std::min(k, r + 2 * width_ + 1); ++c)
                        x[r] -= U(c - r, r) * x[c];
                    x[r] /= U(0, r) != 0.0 ? U(0, r) : eps;
                }
                for (int pass = 0; pass < 2; ++pass) {
                    x /= x.norm();
                    x -= before * (before.transpose() * x).eval();
                }
                X.col(i) = x / x.norm();
            }
        }
        Eigen::HouseholderQR<Eigen::MatrixXd> qr(X);
        X = qr.householderQ() * Eigen::MatrixXd::Identity(k, count);
        const Eigen::MatrixXd H = X.transpose() * times(X);
        Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> small(0.5 * (H + H.transpose()));
        return {small.eigenvalues(), X * small.eigenvectors()};
    }

    // Number of eigenvalues below shift: the changes of sign among the leading minors of T - shift
    // I (Martin and Wilkinson 1967). Rows enter one by one and are interchanged with those before
    // them, so entries do not grow. U(c - r, r) is row r of the triangle, x (if any) becomes what
    // U y = x needs. The count ends once it is above `enough`.
    Index eliminate(double shift, Eigen::MatrixXd& U, Eigen::VectorXd* x, Index enough) const {
        const Index w = width_, k = order_;
        std::vector<double> row(static_cast<std::size_t>(3 * w + 1)); // columns r - w .. r + 2 w
        Index count = 0;
        bool minor = false, before = false; // negative
        for (Index r = 0; r < k && count <= enough; ++r) {
            std::fill(row.begin(), row.end(), 0.0);
            double* v = row.data() + w - r; // v[c] is column c
            for (Index c = std::max<Index>(0, r - w); c < std::min(k, r + w + 1); ++c)
                v[c] = at(std::max(r, c), std::min(r, c)) - (c == r ? shift : 0.0);
            for (Index p = std::max<Index>(0, r - w); p < r; ++p) {
                const Index width = std::min(k - p, 2 * w + 1);
                if (std::fabs(v[p]) > std::fabs(U(0, p))) {
                    minor ^= (v[p] < 0.0) == (U(0, p) < 0.0);
                    for (Index l = 0; l < width; ++l)
                        std::swap(v[p + l], U(l, p));
                    if (x)
                        std::swap((*x)[p], (*x)[r]);
                }
                const double m = U(0, p) != 0.0 ? v[p] / U(0, p) : 0.0;
                for (Index l = 0; l < width; ++l)
                    v[p + l] -= m * U(l, p);
                if (x)
                    (*x)[r] -= m * (*x)[p];
            }
            for (Index l = 0; l < std::min(k - r, 2 * w + 1); ++l)
                U(l, r) = v[r + l];
            minor ^= U(0, r) < 0.0;
            count += minor != before;
            before = minor;
        }
        return count;
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
