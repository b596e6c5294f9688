// The smallest eigenpair of K in double-double from a factor L L^t near K.
//
//   (L L^t)^-1 V = V T + b_m q e_m^t,  V (n, m) orthonormal,  T tridiagonal
//
// Lanczos on the inverse, orthogonalised twice against everything, until the largest Ritz pair of T
// is there in double; then steps of inverse iteration, each of which takes what double left of an
// eigenvector of K's eigenvalue mu down by lambda / mu. Value and residual are those of K itself.
#pragma once
#include <Eigen/Eigenvalues>
#include <random>

#include "extended/cholesky.hpp"

namespace mehler {

inline DD dot(const DDVector& x, const DDVector& y) {
    constexpr Index lanes = Simd<double>::lanes;
    return across_lanes(sum_of_products<Vec<double>>(x.padded() / lanes, [&](Index v, auto& s) {
        const Index i = v * lanes;
        s.add(load(x.hi.data() + i, x.lo.data() + i), load(y.hi.data() + i, y.lo.data() + i));
    }));
}
inline void add_multiple(DDVector& y, DD a, const DDVector& x) { // y += a x
    constexpr Index lanes = Simd<double>::lanes;
    const DDVec av = splat(a);
    for (Index i = 0; i < x.padded(); i += lanes) {
        double *hi = y.hi.data() + i, *lo = y.lo.data() + i;
        store(hi, lo, load(hi, lo) + av * load(x.hi.data() + i, x.lo.data() + i));
    }
}
inline void scale(DDVector& x, DD a) {
    for (Index i = 0; i < x.padded(); ++i)
        x.set(i, a * x[i]);
}
inline DD make_unit(DDVector& x) { // |x|, before
    const DD size = root(dot(x, x));
    scale(x, dd(1.0) / size);
    return size;
}

class InverseLanczos {
public:
    struct Step {
        Index solves;
        double value, residual;
    };

    // tol: relative residual that ends the work; floor: absolute.
    InverseLanczos(const DDMatrix& K, const DDCholesky& factor, Index most, double tol,
                   double floor, std::uint64_t seed, int threads, Monitor& monitor)
        : vector(K.size()), K_(K), factor_(factor), threads_(threads), monitor_(monitor) {
        monitor.phase("shift-invert", 0);
        start(seed);
        for (int round = 0; round < rounds && !done_; ++round) {
            lanczos(most);
            for (int polish = 0; polish < polishes && !done_; ++polish) {
                monitor.check();
                factor_.solve(vector);
                ++solves;
                make_unit(vector);
                const double before = residual;
                judge();
                done_ = residual <= std::max(tol * std::fabs(value.hi), floor);
                if (polish > 0 && residual > 0.5 * before)
                    break;
            }
        }
    }

    DD value{0.0, 0.0};
    double residual = 0.0;
    DDVector vector;
    Index solves = 0, products = 0;
    std::vector<Step> history;
    bool converged() const { return done_; }

private:
    static constexpr int rounds = 3, polishes = 4;
    static constexpr double enough = 1e-13;

    void start(std::uint64_t seed) {
        std::mt19937_64 random(seed);
        for (Index i = 0; i < K_.size(); ++i) // (-1, 1), the same on every machine
            vector.set(i, dd(static_cast<double>(static_cast<std::int64_t>(random())) * 0x1p-63));
        make_unit(vector);
    }

    // From `vector` to the Ritz vector of the largest Ritz value of the inverse.
    void lanczos(Index most) {
        const Index n = K_.size();
        most = std::min(most, n);
        std::vector<DDVector> V;
        std::vector<double> diagonal, off;
        DDVector w(n);
        Eigen::VectorXd y;
        V.push_back(std::move(vector));
        for (Index m = 1;; ++m) {
            monitor_.check();
            std::copy_n(V.back().hi.data(), w.padded(), w.hi.data());
            std::copy_n(V.back().lo.data(), w.padded(), w.lo.data());
            factor_.solve(w);
            ++solves;
            const double size = std::sqrt(dot(w, w).hi);
            for (int twice = 0; twice < 2; ++twice)
                for (std::size_t j = V.size(); j-- > 0;) {
                    const DD c = dot(V[j], w);
                    if (twice == 0 && j + 1 == V.size())
                        diagonal.push_back(c.hi);
                    add_multiple(w, -c, V[j]);
                }
            const double beta = std::sqrt(std::max(dot(w, w).hi, 0.0));
            Eigen::MatrixXd T = Eigen::MatrixXd::Zero(m, m);
            for (Index j = 0; j < m; ++j) {
                T(j, j) = diagonal[static_cast<std::size_t>(j)];
                if (j + 1 < m)
                    T(j + 1, j) = off[static_cast<std::size_t>(j)];
            }
            const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> small(T);
            y = small.eigenvectors().col(m - 1);
            const double theta = small.eigenvalues()(m - 1);
            const double error = beta * std::fabs(y(m - 1));
            monitor_.progress.value = 1.0 / theta;
            monitor_.progress.residual = error / (theta * theta);
            history.push_back({solves, 1.0 / theta, error / (theta * theta)});
            if (m >= most || error <= enough * theta || !(beta > 1e-25 * size))
                break;
            off.push_back(beta);
            scale(w, dd(1.0) / root(dot(w, w)));
            V.push_back(std::move(w));
            w = DDVector(n);
        }
        vector = DDVector(n);
        for (Index j = 0; j < y.size(); ++j)
            add_multiple(vector, dd(y(j)), V[static_cast<std::size_t>(j)]);
        make_unit(vector);
    }

    void judge() {
        DDVector r(K_.size());
        K_.multiply(vector, r, threads_, monitor_);
        ++products;
        value = dot(vector, r);
        add_multiple(r, -value, vector);
        residual = std::sqrt(std::max(dot(r, r).hi, 0.0));
        monitor_.progress.value = value.hi;
        monitor_.progress.residual = residual;
        history.push_back({solves, value.hi, residual});
    }

    const DDMatrix& K_;
    const DDCholesky& factor_;
    int threads_;
    Monitor& monitor_;
    bool done_ = false;
};

} // namespace mehler
