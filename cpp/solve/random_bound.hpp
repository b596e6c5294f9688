// How low can the lowest eigenvalue of A be, after k steps of Lanczos from a random start?
//
//     A Q = Q T + beta_k q_{k+1} e_k^t,      q_1 = g / |g|,  g Gaussian,  Q^t Q = I.
//
// Let mu be the spectral measure of (A, q_1), and p_0, p_1, ... its orthonormal polynomials, which
// T and beta_k give:  beta_j p_j = (x - alpha_j) p_{j-1} - beta_{j-1} p_{j-2}. An atom of mu at
// lambda weighs at most
//
//     1 / sum_{j=0}^k p_j(lambda)^2                                        (Christoffel's function)
//
// since any f of degree k has  int f^2 d mu >= f(lambda)^2 mu({lambda}). The weight at lambda_min
// is (w, q_1)^2, w a unit eigenvector, and below  w_0 = pi delta^2 / (2 (n - 1))  with probability
// at most delta (the density of (w, q_1)^2, Beta(1/2, (n-1)/2), is at most t^-1/2 / B(1/2,
// (n-1)/2)). So
//
//     lambda_min >= the lambda below T's lowest eigenvalue where sum_j p_j(lambda)^2 = 1 / w_0,
//
// but with probability delta. Unlike bounds that know the spread of the spectrum only (Kuczynski
// and Wozniakowski 1992), it uses all that the run has seen. One vector, full reorthogonalisation.
#pragma once
#include <cmath>
#include <limits>

#include "solve/eigensolver.hpp"

namespace mehler {

struct RandomBoundOptions {
    Index most = 100;     // steps
    double delta = 1e-10; // failure probability
    double enough = 0.0;  // stop once (ritz - lower) <= enough * |ritz|
    // or once lower >= target, or never can be (infinite: no target)
    double target = std::numeric_limits<double>::infinity();
    std::uint64_t seed = 0;
    int threads = 1;
};

class RandomBound {
public:
    // The bound is for A on the complement of V (n, m), orthonormal; m may be 0.
    RandomBound(const Operator& A, Matrix V, const RandomBoundOptions& options, Monitor& monitor)
        : A_(A), V_(std::move(V)), options_(options), monitor_(monitor), n_(A.size()),
          basis_(n_, options.threads, monitor) {}

    void run() {
        monitor_.phase("random-start bound", options_.most);
        const Index free = n_ - V_.cols(); // dimensions of the complement
        if (free < 3)
            throw std::invalid_argument("a random-start bound needs at least three dimensions");
        log_weight_ = std::log(3.141592653589793 / 2.0 / static_cast<double>(free - 1)) +
                      2.0 * std::log(options_.delta);
        Vector q(n_), w(n_);
        const Gaussian gaussian(options_.seed);
        const Index stream = Index(1) << 40; // not a column of a solver's starting block
        for (Index i = 0; i < n_; ++i)
            q[i] = gaussian(i, stream);
        leave_out(q);
        q.normalize();
        const Index most = std::min(options_.most, free);
        try {
            while (steps < most) {
                basis_.append(q.data(), 1);
                A_.apply(q.data(), w.data(), 1, options_.threads, monitor_);
                ++steps;
                monitor_.done.store(steps);
                leave_out(w);
                alpha_.push_back(q.dot(w));
                basis_.orthogonalise(w.data(), 1);
                basis_.orthogonalise(w.data(), 1);
                leave_out(w);
                beta_.push_back(w.norm());
                if (!std::isfinite(beta_.back()) || !std::isfinite(alpha_.back()))
                    throw std::runtime_error("a product with the operator gave NaN or infinity");
                size_ = std::max(size_, std::fabs(alpha_.back()) + beta_.back());
                if (beta_.back() <= 1e-14 * size_) { // an invariant space: nothing more is seen
                    bound();
                    return;
                }
                q = w / beta_.back();
                if (steps % 4 == 0 || steps == most) {
                    bound();
                    if (ritz - lower <= options_.enough * std::fabs(ritz))
                        return;
                    if (std::isfinite(options_.target) &&
                        (lower >= options_.target || ritz < options_.target))
                        return;
                }
            }
        } catch (const Interrupted&) {
            stopped = true;
            if (!alpha_.empty() && alpha_.size() == beta_.size())
                bound();
        }
    }

    double lower = -std::numeric_limits<double>::infinity();
    double ritz = std::numeric_limits<double>::quiet_NaN(); // T's lowest eigenvalue
    double largest = 0.0;                                   // T's largest
    Index steps = 0;
    bool stopped = false;

    // Ritz pairs: values ascending, (n, count) vectors, and the residuals of A on the complement.
    void pairs(Index count, Vector& values, Matrix& vectors, Vector& residuals) {
        Monitor quiet;
        basis_.watch(quiet);
        const Eigen::SelfAdjointEigenSolver<Matrix> small(tridiagonal());
        count = std::min(count, steps);
        values = small.eigenvalues().head(count);
        residuals =
            (beta_.back() * small.eigenvectors().row(steps - 1).head(count)).cwiseAbs().transpose();
        vectors = Matrix::Zero(n_, count);
        basis_.add(small.eigenvectors().leftCols(count), vectors.data());
        basis_.watch(monitor_);
    }

private:
    void leave_out(Vector& x) const {
        if (V_.cols())
            for (int pass = 0; pass < 2; ++pass)
                x -= V_ * (V_.transpose() * x).eval();
    }
    Matrix tridiagonal() const {
        const Index k = static_cast<Index>(alpha_.size());
        Matrix T = Matrix::Zero(k, k);
        for (Index j = 0; j < k; ++j) {
            T(j, j) = alpha_[static_cast<std::size_t>(j)];
            if (j + 1 < k)
                T(j + 1, j) = T(j, j + 1) = beta_[static_cast<std::size_t>(j)];
        }
        return T;
    }
    // log of sum_{j <= k} p_j(x)^2, scaled on the way: it overflows otherwise.
    double log_sum(double x) const {
        double before = 0.0, now = 1.0, sum = 1.0, scale = 0.0;
        for (std::size_t j = 0; j < alpha_.size(); ++j) {
            if (beta_[j] <= 1e-14 * size_)
                break;
            const double next =
                ((x - alpha_[j]) * now - (j ? beta_[j - 1] * before : 0.0)) / beta_[j];
            before = now;
            now = next;
            sum += now * now;
            if (sum > 1e100) {
                before *= 1e-50;
                now *= 1e-50;
                sum *= 1e-100;
                scale += 100.0 * std::log(10.0);
            }
        }
        return scale + std::log(sum);
    }
    void bound() {
        const Eigen::SelfAdjointEigenSolver<Matrix> small(tridiagonal(), Eigen::EigenvaluesOnly);
        ritz = small.eigenvalues()[0];
        largest = small.eigenvalues()[small.eigenvalues().size() - 1];
        // the sum falls towards the Ritz value; where it is not 1 / w_0 yet, lambda_min may lie
        double inside = ritz, outside = ritz;
        double step = 1e-15 * std::max(size_, std::fabs(ritz));
        do {
            outside = ritz - step;
            step *= 2.0;
        } while (log_sum(outside) < -log_weight_ && step < 1e6 * size_);
        if (log_sum(outside) < -log_weight_)
            return; // too few steps
        for (int round = 0; round < 100 && inside - outside > 1e-16 * size_; ++round) {
            const double middle = 0.5 * (inside + outside);
            (log_sum(middle) < -log_weight_ ? inside : outside) = middle;
        }
        lower = std::max(lower, outside);
    }

    const Operator& A_;
    const Matrix V_;
    const RandomBoundOptions options_;
    Monitor& monitor_;
    const Index n_;
    Basis basis_;
    std::vector<double> alpha_, beta_;
    double size_ = 0.0, log_weight_ = 0.0;
};

} // namespace mehler
