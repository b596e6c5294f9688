// The dual of a spline f of kinks anywhere, for points of unequal norm: entry by entry.
//
// Let jumps of the lowest order r be s_k at c_k, and g the part of f^(m), m = r + 1, that is no
// delta: a step function. With l = E[u v] and F(l) = E[f(u) f(v)], d/dl derives both factors:
//
//   F^(m)(l) = sum_kl s_k s_l n(c_k, c_l; l) + sum_k s_k (n(c_k) E[g(v) | u = c_k] + the same of v)
//            + E g(u) E g(v) + sum of g's jumps s s' int_0^l n(c, c'; l') dl',
//
// n the Gaussian densities. Repeated integrals from l = 0 are single ones with (L - l)^(m-1); they
// run over tau = arccos|l / (s t)|, where n dl has no pole, on panels graded towards tau = 0: terms
// exp(-(c/s - c'/t)^2 / (2 sin^2 tau)) end at any small tau when norms differ.
#pragma once
#include <numbers>

#include "kernel/norm_dual.hpp"

namespace mehler {

class SplineDual final : public NormDual {
public:
    struct Jump {
        double at, size;
    };

    // Jumps of f of order r and of order r + 1; nodes and weights of a rule on [0, 1].
    SplineDual(Index order, std::vector<Jump> low, std::vector<Jump> high,
               std::vector<double> nodes, std::vector<double> weights)
        : m_(order + 1), low_(std::move(low)), high_(std::move(high)), x_(std::move(nodes)),
          w_(std::move(weights)) {}

    // s, sqrt(E f(s z)^2), then E f^(j)(s z), j < m, and E g(s z).
    Index columns() const override { return m_ + 3; }

    void evaluate(Side left, Side right, const double* minus, const double* plus, double* minus_out,
                  double* plus_out, double*) const override {
        for (Index i = 0, e = 0; i < left.count; ++i)
            for (Index j = 0; j < right.count; ++j, ++e) {
                const double* p = left.rows + i * columns();
                const double* q = right.rows + j * columns();
                const double value = moment(p, q, minus[e], plus[e]) / (p[1] * q[1]);
                const double c = std::min(std::max(value, -1.0), 1.0);
                minus_out[e] = 1.0 - c;
                plus_out[e] = 1.0 + c;
            }
    }

private:
    static double normal(double z) { return 0.5 * std::erfc(-z * std::numbers::sqrt2 * 0.5); }
    static double density(double z) {
        return std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi * std::numbers::sqrt2 * 0.5;
    }

    double moment(const double* p, const double* q, double minus, double plus) const {
        const double s = p[0], t = q[0], sign = minus <= plus ? 1.0 : -1.0;
        const double deficit = std::max(std::min(minus, plus), 0.0);
        const double end = 2.0 * std::asin(std::sqrt(0.5 * deficit)); // tau of L
        const double L = sign * s * t * (1.0 - deficit);
        double sum = 0.0, power = 1.0;
        for (Index k = 0; k <= m_; ++k) {
            sum += p[2 + k] * q[2 + k] * power;
            power *= L / static_cast<double>(k + 1);
        }
        // Below `low`, terms with a gap have ended.
        const double low = std::max(end, least_gap(s, t, sign) / 9.0);
        double top = 0.5 * std::numbers::pi;
        while (top > low) {
            const double bottom = top > 3.0 * low ? top / 3.0 : low;
            sum += panel(bottom, top, end, s, t, sign);
            top = bottom;
        }
        return end < top ? sum + panel(end, top, end, s, t, sign) : sum;
    }

    // The smallest |c/s -+ c'/t| that is not zero.
    double least_gap(double s, double t, double sign) const {
        double least = 1e300;
        const auto meet = [&](const std::vector<Jump>& one, const std::vector<Jump>& two) {
            for (const Jump& a : one)
                for (const Jump& b : two) {
                    const double gap = std::fabs(a.at / s - sign * b.at / t);
                    if (gap > 1e-15)
                        least = std::min(least, gap);
                }
        };
        meet(low_, low_);
        meet(low_, high_);
        meet(high_, low_);
        meet(high_, high_);
        return least;
    }

    double panel(double from, double to, double end, double s, double t, double sign) const {
        double total = 0.0;
        for (std::size_t k = 0; k < x_.size(); ++k) {
            const double tau = from + (to - from) * x_[k];
            // L - l, without cancellation
            const double rest =
                2.0 * sign * s * t * std::sin(0.5 * (tau + end)) * std::sin(0.5 * (tau - end));
            double weight = sign * (to - from) * w_[k];
            for (Index j = 1; j < m_; ++j)
                weight *= rest / static_cast<double>(j);
            const double sine = std::sin(tau), half = std::tan(0.5 * tau);
            double value = densities(low_, sine, half, s, t, sign);
            if (!high_.empty()) {
                value += rest / static_cast<double>(m_) * densities(high_, sine, half, s, t, sign);
                value +=
                    sine * (given(sine, half, s, t, sign) * t + given(sine, half, t, s, sign) * s);
            }
            total += weight * value;
        }
        return total;
    }

    // sum s s' n(c, c'; l) dl / dtau = sum s s' exp(-gap^2 / (2 sin^2) -+ a b / (1 + cos)) / (2 pi)
    static double densities(const std::vector<Jump>& jumps, double sine, double half, double s,
                            double t, double sign) {
        double sum = 0.0;
        const double share = 0.5 * (1.0 + half * half); // 1 / (1 + cos tau)
        for (const Jump& one : jumps)
            for (const Jump& two : jumps) {
                const double a = one.at / s, b = sign * two.at / t, gap = (a - b) / sine;
                sum += one.size * two.size * std::exp(-0.5 * gap * gap - a * b * share);
            }
        return sum * (0.5 / std::numbers::pi);
    }

    // sum_k s_k gamma(c_k / s) E[g(v) | u = c_k], without the part of g before its jumps
    double given(double sine, double half, double s, double t, double sign) const {
        double sum = 0.0;
        for (const Jump& one : low_)
            for (const Jump& two : high_) {
                const double a = one.at / s, b = sign * two.at / t;
                const double z = sign * ((a - b) / sine - a * half);
                sum += one.size * two.size * density(a) * normal(z);
            }
        return sum;
    }

    Index m_;
    std::vector<Jump> low_, high_;
    std::vector<double> x_, w_;
};

} // namespace mehler
