// How much of a measure lies below x, when only the first steps of its Lanczos recurrence are
// known?
//
// T (k, k) and beta_k determine the moments mu_0 ... mu_2k, and among all rules with those moments
// one has a node at x: that of
//
//     T_x = [ T            beta_k e_k ]        a_x = x + beta_k^2 / d_k,
//           [ beta_k e_k^t a_x        ]        d_k the last pivot of T - x = L D L^t
//
// (Golub 1973). Its weights W_j at nodes z_j, one of them x, bound the measure itself:
//
//     sum_{z_j < x} W_j  <=  mu((-inf, x))  <=  mu((-inf, x])  <=  sum_{z_j <= x} W_j
//
// (Chebyshev, Markov, Stieltjes: polynomials of degree 2k that agree with the step at all nodes lie
// on one side of it; Akhiezer, The Classical Moment Problem, 1965). No bound from these moments is
// sharper. Nodes and weights by QL with implicit shifts on the first row of the eigenvectors alone
// (Golub and Welsch 1969): k^2.
#pragma once
#include <cmath>
#include <limits>
#include <stdexcept>

#include "solve/basis.hpp"

namespace mehler {

// Diagonal d (k), coupling e (k - 1 and one place to spare): d becomes the nodes, in no order, and
// w their weights, which sum to 1.
inline void golub_welsch(Vector& d, Vector& e, Vector& w) {
    const Index k = d.size();
    constexpr double eps = std::numeric_limits<double>::epsilon();
    w.setZero(k);
    w[0] = 1.0;
    e[k - 1] = 0.0;
    for (Index l = 0; l < k; ++l) {
        for (int round = 0;; ++round) {
            Index m = l;
            while (m + 1 < k && std::fabs(e[m]) > eps * (std::fabs(d[m]) + std::fabs(d[m + 1])))
                ++m;
            if (m == l)
                break;
            if (round == 100)
                throw std::runtime_error("QL did not converge on a tridiagonal matrix");
            double g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            double r = std::hypot(g, 1.0);
            g = d[m] - d[l] + e[l] / (g + std::copysign(r, g));
            double s = 1.0, c = 1.0, p = 0.0;
            Index i = m - 1;
            for (; i >= l; --i) {
                const double f = s * e[i], b = c * e[i];
                r = std::sqrt(f * f + g * g);
                e[i + 1] = r;
                if (r == 0.0) { // the matrix splits
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    break;
                }
                s = f / r;
                c = g / r;
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                const double z = w[i + 1];
                w[i + 1] = s * w[i] + c * z;
                w[i] = c * w[i] - s * z;
            }
            if (r == 0.0 && i >= l)
                continue;
            d[l] -= p;
            e[l] = g;
            e[m] = 0.0;
        }
    }
    w = w.cwiseAbs2();
}

// The measure of one recurrence: alpha (k), beta (k), the last of beta the one that leads on; zero
// where the recurrence has ended, and then the measure is known whole.
class CanonicalRule {
public:
    CanonicalRule(const double* alpha, const double* beta, Index k)
        : k_(k), alpha_(Eigen::Map<const Vector>(alpha, k)),
          beta_(Eigen::Map<const Vector>(beta, k)) {
        const double size = alpha_.cwiseAbs().maxCoeff() + 2.0 * beta_.cwiseAbs().maxCoeff();
        scale_ = size > 0.0 ? 1.0 / size : 1.0;
        alpha_ *= scale_;
        beta_ *= scale_;
        ended_ = beta_[k - 1] == 0.0;
        if (ended_) {
            nodes_ = alpha_;
            Vector e = beta_;
            golub_welsch(nodes_, e, weights_);
        }
    }

    // At most mu((-inf, x]), and at least.
    double below(double x) const { return bound(scale_ * x, -1.0); }
    double above(double x) const { return bound(scale_ * x, 1.0); }

private:
    double bound(double x, double side) const {
        if (ended_)
            return sum(nodes_, weights_, x, true);
        if (std::fabs(x) > far) { // squares must stay doubles
            if (x * side > 0.0)
                return x > 0.0 ? 1.0 : 0.0;
            x = std::copysign(far, x);
        }
        // Beside a Ritz value the last node runs away and takes the digits of the others with it: a
        // step further to the safe side, as far as rounding reaches anyway.
        double last = last_node(x);
        for (double step = 1e-16; std::fabs(last) > most && step < 1.0; step *= 2.0) {
            x += side * step;
            last = last_node(x);
        }
        Vector d(k_ + 1), e(k_ + 1), w;
        d << alpha_, last;
        e << beta_, 0.0;
        golub_welsch(d, e, w);
        Index at = 0; // the node at x, which rounding has moved a little
        (d.array() - x).abs().minCoeff(&at);
        return sum(d, w, d[at], side > 0.0);
    }
    double last_node(double x) const {
        double d = alpha_[0] - x;
        for (Index j = 1; j < k_; ++j)
            d = alpha_[j] - x - beta_[j - 1] * beta_[j - 1] / away(d);
        return x + beta_[k_ - 1] * beta_[k_ - 1] / away(d);
    }
    double away(double d) const {
        constexpr double least = 1e-30;
        return std::fabs(d) < least ? least : d;
    }
    static double sum(const Vector& nodes, const Vector& weights, double x, bool with) {
        double total = 0.0;
        for (Index j = 0; j < nodes.size(); ++j)
            if (nodes[j] < x || (with && nodes[j] == x))
                total += weights[j];
        return std::min(total, 1.0);
    }

    static constexpr double far = 8.0;   // of x, in sizes of T
    static constexpr double most = 16.0; // of the last node
    const Index k_;
    Vector alpha_, beta_, nodes_, weights_;
    double scale_ = 1.0; // of T, to size one
    bool ended_ = false;
};

} // namespace mehler
