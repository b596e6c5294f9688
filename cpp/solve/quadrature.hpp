// Stochastic Lanczos quadrature: the spectral measures that random vectors see.
//
//     A Q_m = Q_m T_m + beta_k q_{k+1} e_k^t,   q_1 = v_m / |v_m|,   Q_m^t Q_m = I,   m = 1 ... M
//
// A is P K P, P the projection beside V (n, p), whose columns are known eigenvectors of K; v_m = P
// g_m, g_m Gaussian. The Gauss rule of T_m belongs to mu_m(x) = sum_i (u_i, q_1)^2 [lambda_i <= x],
// whose mean over v_m is the share of eigenvalues of P K P that lie at or below x (Golub and
// Meurant 2010, Ubaru, Chen and Saad 2017). One recurrence a probe, each with a basis of its own
// and full reorthogonalisation (without it Ritz values come as copies, and their weights belong to
// no rule); one block product for all of them, which reads K once.
#pragma once
#include <cmath>
#include <memory>

#include "core/operator.hpp"
#include "solve/basis.hpp"

namespace mehler {

struct QuadratureOptions {
    Index probes = 10;
    Index steps = 100;
    std::uint64_t seed = 0;
    int threads = 1;
};

class Quadrature {
public:
    Quadrature(const Operator& K, Matrix V, const QuadratureOptions& options, Monitor& monitor)
        : K_(K), V_(std::move(V)), options_(options), monitor_(monitor), n_(K.size()),
          most_(std::min(options.steps, n_ - V_.cols())),
          alpha(Matrix::Zero(most_, options.probes)), beta(Matrix::Zero(most_, options.probes)),
          squares(Vector::Zero(options.probes)),
          lengths(static_cast<std::size_t>(options.probes), 0) {
        if (most_ < 1)
            throw std::invalid_argument("no dimension is left beside V");
    }

    static Index bytes_for(Index n, Index probes, Index steps) {
        return 8 * probes * (round_up(n, Basis::chunk) * round_up(steps, Basis::slab) + 3 * n);
    }

    // Columns [0, steps) of what is known stay, whatever ends it.
    void run() {
        monitor_.phase("quadrature", most_);
        try {
            start();
            while (steps < most_ && !ended())
                expand();
        } catch (const Interrupted&) {
            stopped = true;
        }
    }

    Index steps = 0; // of the longest recurrence: block products
    bool stopped = false;

private:
    const Operator& K_;
    const Matrix V_;
    const QuadratureOptions options_;
    Monitor& monitor_;
    const Index n_, most_;

public:
    Matrix alpha, beta; // (most, M): T_m, the last beta of each the one that leads on; 0: the end
    Vector squares;     // (M): |v_m|^2
    std::vector<Index> lengths; // (M): k of each

private:
    using Column = Eigen::Map<Vector>;

    void start() {
        const Index M = options_.probes;
        const Gaussian gaussian(options_.seed);
        Q_ = Matrix(n_, M);
        W_ = Matrix(n_, M);
        for (Index m = 0; m < M; ++m)
            bases_.push_back(std::make_unique<Basis>(n_, 1, monitor_));
        each_probe([&](Index m) {
            for (Index i = 0; i < n_; ++i)
                Q_(i, m) = gaussian(i, stream + m);
            Column q(Q_.col(m).data(), n_);
            leave_out(q);
            squares[m] = q.squaredNorm();
            q /= std::sqrt(squares[m]);
        });
    }

    void expand() {
        K_.apply(Q_.data(), W_.data(), options_.probes, options_.threads, monitor_);
        const Index j = steps;
        each_probe([&](Index m) {
            if (!runs(m))
                return; // its column is zero
            Basis& basis = *bases_[static_cast<std::size_t>(m)];
            Column q(Q_.col(m).data(), n_), w(W_.col(m).data(), n_);
            leave_out(w);
            alpha(j, m) = q.dot(w);
            basis.append(q.data(), 1);
            basis.orthogonalise(w.data(), 1);
            basis.orthogonalise(w.data(), 1);
            leave_out(w);
            double b = w.norm();
            if (!std::isfinite(b) || !std::isfinite(alpha(j, m)))
                throw std::runtime_error("a product with the operator gave NaN or infinity");
            double size = 0.0;
            for (Index i = 0; i <= j; ++i)
                size = std::max(size, std::fabs(alpha(i, m)) + beta(i, m));
            if (b <= 1e-14 * size || j + 1 == n_ - V_.cols())
                b = 0.0; // an invariant space: the rule is the measure
            beta(j, m) = b;
            if (b > 0.0)
                q = w / b;
            else
                q.setZero();
        });
        for (Index m = 0; m < options_.probes; ++m)
            if (runs(m))
                lengths[static_cast<std::size_t>(m)] = j + 1;
        ++steps;
        monitor_.done.store(steps);
    }

    // Whether the recurrence of a probe has taken every step so far and goes on.
    bool runs(Index m) const {
        return lengths[static_cast<std::size_t>(m)] == steps &&
               (steps == 0 || beta(steps - 1, m) > 0.0);
    }
    bool ended() const {
        for (Index m = 0; m < options_.probes; ++m)
            if (runs(m))
                return false;
        return true;
    }

    template <class Work>
    void each_probe(const Work& work) {
        parallel_for(options_.probes, options_.threads, monitor_, work);
    }
    template <class X>
    void leave_out(X&& x) const {
        if (V_.cols())
            for (int pass = 0; pass < 2; ++pass)
                x -= V_ * (V_.transpose() * x).eval();
    }

    static constexpr Index stream = Index(1) << 41; // not a column of a solver's starting block
    Matrix Q_, W_;
    std::vector<std::unique_ptr<Basis>> bases_;
};

} // namespace mehler
