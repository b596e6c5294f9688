// Gradient descent on students with quadratic units: many independent trials at once.
//
//     f_k = |W x_k|^2 / m,   r_k = f_k - y_k,   L = (1/4n) sum_k r_k^2,
//     W <- W - (step/n) sum_k r_k (W x_k) x_k^t        (= W - step m dL/dW)
//
// Samples pass by in panels: Z = X_p W^t, then G += (diag(r) Z)^t X_p, two products a panel, and
// one pass a step gives L and its gradient. Nothing of size n m is kept.
//
// Invariant: a trial is the work of one thread and a function of the numbers of its own arrays, so
// neither the number of threads nor the other trials change a bit of it. What is written lies in
// aligned storage of the trial's own: where Eigen's vectors begin does not depend on its place.
#pragma once
#include <Eigen/Core>

#include <algorithm>

#include "core/parallel.hpp"

namespace mehler {

struct QuadraticTrials {
    Index trials, n, d, m;
    const double* X;    // (trials, n, d)
    const double* y;    // (trials, n)
    const double* step; // (trials)
    double* W;          // (trials, m, d), from the start to the end of the descent
    double* loss;       // (trials), of the W that is left
    Index* taken;       // (trials), steps
};

class QuadraticDescent {
public:
    static constexpr Index panel = 256;     // samples
    static constexpr double diverged = 1e6; // times the first loss
    static constexpr double unasked = 1e6;  // flops between two looks at the monitor

    QuadraticDescent(const QuadraticTrials& all, Index trial, Monitor& monitor)
        : n_(all.n), step_(all.step[trial]), monitor_(monitor),
          X_(all.X + trial * all.n * all.d, all.n, all.d), y_(all.y + trial * all.n, all.n),
          out_(all.W + trial * all.m * all.d, all.m, all.d), W_(out_),
          Z_(std::min(panel, all.n), all.m), G_(all.m, all.d), r_(std::min(panel, all.n)) {}

    // At most `steps`, fewer once L <= tol L(W = 0), or once L is beyond all bounds.
    void run(Index steps, double tol) {
        descend(steps, tol);
        out_ = W_;
    }

    double loss = 0.0;
    Index taken = 0;

private:
    using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

    void descend(Index steps, double tol) {
        const double enough = tol * y_.squaredNorm() / (4.0 * static_cast<double>(n_));
        double most = 0.0;
        for (taken = 0;; ++taken) {
            loss = gradient();
            if (taken == 0)
                most = diverged * loss;
            if (taken == steps || loss <= enough || !(loss <= most)) // also when it is no number
                return;
            W_ -= (step_ / static_cast<double>(n_)) * G_;
        }
    }

    // G = sum_k r_k (W x_k) x_k^t; L.
    double gradient() {
        const double units = static_cast<double>(W_.rows());
        double squares = 0.0;
        for (Index from = 0; from < n_; from += panel) {
            const Index count = std::min(panel, n_ - from);
            const auto X = X_.middleRows(from, count);
            auto Z = Z_.topRows(count);
            auto r = r_.head(count);
            Z.noalias() = X * W_.transpose();
            r = Z.rowwise().squaredNorm() / units - y_.segment(from, count);
            squares += r.squaredNorm();
            Z.array().colwise() *= r.array();
            if (from == 0)
                G_.noalias() = Z.transpose() * X;
            else
                G_.noalias() += Z.transpose() * X;
            work_ += 4.0 * static_cast<double>(count) * static_cast<double>(W_.size());
            if (work_ > unasked) {
                work_ = 0.0;
                monitor_.check();
            }
        }
        return squares / (4.0 * static_cast<double>(n_));
    }

    const Index n_;
    const double step_;
    Monitor& monitor_;
    Eigen::Map<const Rows> X_;
    Eigen::Map<const Eigen::VectorXd> y_;
    Eigen::Map<Rows> out_;
    Rows W_, Z_, G_;
    Eigen::VectorXd r_;
    double work_ = 0.0; // flops since the last look
};

inline void quadratic_descent(const QuadraticTrials& all, Index steps, double tol, int threads,
                              Monitor& monitor) {
    monitor.phase("descent", all.trials);
    parallel_for(all.trials, threads, monitor, [&](Index trial) {
        QuadraticDescent one(all, trial, monitor);
        one.run(steps, tol);
        all.loss[trial] = one.loss;
        all.taken[trial] = one.taken;
        monitor.done.fetch_add(1, std::memory_order_relaxed);
    });
}

} // namespace mehler
