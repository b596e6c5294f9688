// One-sided Jacobi SVD with high relative accuracy (Drmac and Veselic 2008).
//
// For A (r, n), r >= n:  A P = Q R,  R (n, n);  then rotations of columns make those of X = R^t
// orthogonal,
//
//     X V = U S,   so   A = Q (R P^t),   R = V S U^t :
//
// the singular values are the norms of the columns, the right singular vectors of A are P U, and V
// is never formed. Invariant: every rotation is orthogonal to eps, and a column is only ever
// changed by what is small beside it: singular values of A = B D are found to eps cond(B), whatever
// the diagonal D. The QR with pivots sorts the columns; each pair keeps the longer one first.
//
// Pairs are met block by block in a tournament: the blocks of a round are disjoint, so threads
// share nothing, and their number changes no bit.
#pragma once
#include <Eigen/Core>
#include <Eigen/Householder>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/parallel.hpp"

namespace mehler {

class JacobiSvd {
public:
    static constexpr Index block = 16; // columns; two blocks of 2,000 rows stay in the cache
    static constexpr Index tile = 64;  // columns that a reflection is applied to at a time
    static constexpr int most = 60;    // sweeps; about 6 to 10 are needed

    // A is destroyed.
    JacobiSvd(Eigen::MatrixXd& A, int threads, Monitor& monitor) : n_(A.cols()) {
        pivot(A, threads, monitor);
        const Index half = std::max<Index>(1, (n_ + 2 * block - 1) / (2 * block));
        monitor.phase("rotations", 0);
        for (bool moved = true; moved && sweeps_ < most; ++sweeps_) {
            moved = false;
            for (Index round = 0; round < 2 * half - 1; ++round) {
                std::vector<char> rotated(static_cast<std::size_t>(half), 0);
                parallel_for(half, threads, monitor, [&](Index seat) {
                    const auto [i, j] = meeting(round, seat, 2 * half);
                    rotated[static_cast<std::size_t>(seat)] = meet(i, j, round == 0);
                });
                moved |= std::find(rotated.begin(), rotated.end(), 1) != rotated.end();
            }
            monitor.done.fetch_add(1, std::memory_order_relaxed);
            converged_ = !moved;
        }
        order();
    }

    Index sweeps() const { return sweeps_; }
    bool converged() const { return converged_; }
    const Eigen::VectorXd& values() const { return values_; }   // decreasing
    const Eigen::MatrixXd& vectors() const { return vectors_; } // (n, n), right singular vectors

private:
    // X = R^t of the QR of A with column pivoting (Businger and Golub 1965).
    void pivot(Eigen::MatrixXd& A, int threads, Monitor& monitor) {
        const double largest = A.size() ? A.cwiseAbs().maxCoeff() : 0.0;
        if (largest > 0.0) // so that squares are doubles; a power of two: exact
            std::frexp(largest, &exponent_);
        A = A.unaryExpr([this](double a) { return std::ldexp(a, -exponent_); });
        place_.resize(static_cast<std::size_t>(n_));
        std::iota(place_.begin(), place_.end(), Index{0});
        Eigen::VectorXd left(n_);  // lengths of what is left of the columns
        Eigen::VectorXd known(n_); // when they were last summed up
        for (Index j = 0; j < n_; ++j)
            left[j] = known[j] = A.col(j).norm();
        const Index rank = std::min<Index>(A.rows(), n_);
        monitor.phase("pivots", rank);
        for (Index k = 0; k < rank; ++k) {
            Index longest;
            left.tail(n_ - k).maxCoeff(&longest);
            longest += k;
            if (longest != k) {
                A.col(k).swap(A.col(longest));
                std::swap(left[k], left[longest]);
                std::swap(known[k], known[longest]);
                std::swap(place_[static_cast<std::size_t>(k)],
                          place_[static_cast<std::size_t>(longest)]);
            }
            const Index rows = A.rows() - k;
            double tau, beta;
            A.col(k).tail(rows).makeHouseholderInPlace(tau, beta);
            A(k, k) = beta;
            const auto v = A.col(k).tail(rows - 1);
            parallel_for((n_ - k - 1 + tile - 1) / tile, threads, monitor, [&](Index t) {
                const Index from = k + 1 + t * tile, width = std::min(tile, n_ - from);
                Eigen::VectorXd work(width);
                A.block(k, from, rows, width).applyHouseholderOnTheLeft(v, tau, work.data());
                for (Index j = from; j < from + width; ++j)
                    shorten(A, k, left[j], known[j], j);
            });
            monitor.done.fetch_add(1, std::memory_order_relaxed);
        }
        X_ = Eigen::MatrixXd::Zero(n_, n_);
        X_.leftCols(rank) = A.topRows(rank).transpose();
        X_.leftCols(rank).template triangularView<Eigen::StrictlyUpper>().setZero();
        tolerance_ = 1e-16 * std::sqrt(static_cast<double>(std::max<Index>(n_, 4)));
    }
    // The length of column j below row k, by what row k has taken away; summed anew when that
    // cancels.
    static void shorten(const Eigen::MatrixXd& A, Index k, double& length, double& summed,
                        Index j) {
        if (length == 0.0)
            return;
        const double part = std::min(1.0, std::fabs(A(k, j)) / length);
        const double rest = (1.0 - part) * (1.0 + part), since = length / summed;
        if (rest * since * since > 1e-8) {
            length *= std::sqrt(rest);
        } else {
            length = summed = A.col(j).tail(A.rows() - k - 1).norm();
        }
    }

    // The circle method: seat 0 stays, all others move on by one.
    static std::pair<Index, Index> meeting(Index round, Index seat, Index blocks) {
        const auto who = [&](Index s) { return s == 0 ? 0 : 1 + (s - 1 + round) % (blocks - 1); };
        const Index a = who(seat), b = who(blocks - 1 - seat);
        return {std::min(a, b), std::max(a, b)};
    }

    // Rotates all pairs across two blocks, and those within each when `within`. True: some moved.
    bool meet(Index i, Index j, bool within) {
        const Index i0 = i * block, i1 = std::min(n_, i0 + block);
        const Index j0 = j * block, j1 = std::min(n_, j0 + block);
        bool moved = false;
        if (within) {
            for (Index p = i0; p < i1; ++p)
                for (Index q = p + 1; q < i1; ++q)
                    moved |= rotate(p, q);
            for (Index p = j0; p < j1; ++p)
                for (Index q = p + 1; q < j1; ++q)
                    moved |= rotate(p, q);
        }
        for (Index p = i0; p < i1; ++p)
            for (Index q = j0; q < j1; ++q)
                moved |= rotate(p, q);
        return moved;
    }

    // Makes columns p and q orthogonal, the longer one first.
    bool rotate(Index p, Index q) {
        auto x = X_.col(p), y = X_.col(q);
        double a = x.squaredNorm(), b = y.squaredNorm();
        if (a < b) {
            x.swap(y);
            std::swap(a, b);
        }
        if (b < 1e-290) // rounding of an exact zero: squares are no doubles any more
            return false;
        const double c = x.dot(y), length = std::sqrt(a) * std::sqrt(b);
        if (!(std::fabs(c) > tolerance_ * length))
            return false;
        const double zeta = (b - a) / (2.0 * c);
        const double t = std::copysign(1.0, zeta) / (std::fabs(zeta) + std::hypot(1.0, zeta));
        const double cosine = 1.0 / std::hypot(1.0, t), sine = cosine * t;
        double *u = x.data(), *v = y.data();
        for (Index k = 0; k < n_; ++k) {
            const double s = u[k];
            u[k] = cosine * s - sine * v[k];
            v[k] = sine * s + cosine * v[k];
        }
        return true;
    }

    // Values in decreasing order, vectors in the order of the columns of A.
    void order() {
        Eigen::VectorXd norms(n_);
        for (Index k = 0; k < n_; ++k)
            norms[k] = X_.col(k).stableNorm();
        std::vector<Index> by(static_cast<std::size_t>(n_));
        std::iota(by.begin(), by.end(), Index{0});
        std::stable_sort(by.begin(), by.end(),
                         [&](Index a, Index b) { return norms[a] > norms[b]; });
        values_.resize(n_);
        vectors_.resize(n_, n_);
        for (Index k = 0; k < n_; ++k) {
            const Index from = by[static_cast<std::size_t>(k)];
            values_[k] = std::ldexp(norms[from], exponent_);
            const double scale = norms[from] > 0.0 ? 1.0 / norms[from] : 0.0;
            for (Index i = 0; i < n_; ++i)
                vectors_(place_[static_cast<std::size_t>(i)], k) = scale * X_(i, from);
        }
    }

    Index n_;
    int exponent_ = 0;
    double tolerance_ = 0.0;
    Index sweeps_ = 0;
    bool converged_ = false;
    Eigen::MatrixXd X_, vectors_;
    Eigen::VectorXd values_;
    std::vector<Index> place_;
};

} // namespace mehler
