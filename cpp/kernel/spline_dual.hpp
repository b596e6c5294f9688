// The dual of a spline f of kinks anywhere, for points of unequal norm: entry by entry.
//
// Let jumps of the lowest order r be s_k at c_k, d the deltas that they leave in f^(m), m = r + 1,
// and g the rest of f^(m): a step function with jumps h_k at c_k. For l = E[u v] and F(l) = E[f(u)
// f(v)], d/dl derives both factors, so that
//
//   F^(m)(l) = sum s_k s_k' n + E[d g' + g d' + g g'] at l = 0
//            + int_0^l sum [h_k h_k' + s_k h_k' (a - b c) / (s (1 - c^2)) + h_k s_k' (b - a c) / (t
//            (1 - c^2))] n,
//
// n = n(c_k, c_k'; l) the density of (u, v), a = c_k / s, b = c_k' / t, c = l / (s t). Repeated
// integrals from 0 to L are single ones with powers of L - l. They run over y = sqrt((1 - |c|) /
// 2), in which n dl has no pole, on panels graded towards y = 0: where norms differ, terms exp(-(a
// - b)^2 / (2 (1 - c^2))) end at a small y.
#pragma once
#include <numbers>

#include "kernel/exponential.hpp"
#include "kernel/norm_dual.hpp"

namespace mehler {

class SplineDual final : public NormDual {
public:
    struct Kink {
        double at, low, high; // c_k, s_k, h_k
    };

    // f below its first kink, lowest power first; nodes and weights of a rule on [0, 1], a multiple
    // of four of them.
    SplineDual(Index order, bool odd, std::vector<double> base, std::vector<Kink> kinks,
               std::vector<double> nodes, std::vector<double> weights)
        : m_(order + 1), odd_(odd), base_(std::move(base)), kinks_(std::move(kinks)),
          x_(std::move(nodes)), w_(std::move(weights)) {}

    // s, sqrt(E f(s z)^2), E f^(j)(s z) for j < m, E g(s z), E d(s z).
    Index columns() const override { return m_ + 4; }

    void evaluate(Side left, Side right, const double* minus, const double* plus, double* minus_out,
                  double* plus_out, double*) const override {
        for (Index i = 0, e = 0; i < left.count; ++i)
            for (Index j = 0; j < right.count; ++j, ++e) {
                const double* p = left.rows + i * columns();
                const double* q = right.rows + j * columns();
                const bool positive = minus[e] <= plus[e];
                const double deficit = std::max(std::min(minus[e], plus[e]), 0.0);
                const double sign = positive ? 1.0 : -1.0, size = p[1] * q[1];
                const double value = moment(p, q, sign, deficit, 0) / size;
                double small = 1.0 - sign * value; // 1 - |C|, if C has the sign of c
                if (small < near && m_ > 1 && (positive || odd_))
                    small = (apart(p, q) + lost(p, q, deficit)) / size;
                else
                    small = std::min(std::max(small, 0.0), 2.0);
                minus_out[e] = positive ? small : 2.0 - small;
                plus_out[e] = positive ? 2.0 - small : small;
            }
    }

private:
    using V = Vec<double>;
    static constexpr double near = 1e-3; // 1 - C below comes from differences
    static constexpr double root_half = 0.70710678118654752440;

    // F^(j)(L), j < m: the mean of the j-th derivatives at L = sign s t (1 - deficit).
    double moment(const double* p, const double* q, double sign, double deficit, Index j) const {
        const double s = p[0], t = q[0], end = std::sqrt(0.5 * deficit);
        const double L = sign * s * t * (1.0 - deficit);
        const double *a = p + 2 + j, *b = q + 2 + j;
        const Index m = m_ - j;
        double sum = 0.0, power = 1.0;
        for (Index k = 0; k < m; ++k) {
            sum += a[k] * b[k] * power;
            power *= L / static_cast<double>(k + 1);
        }
        sum += ((a[m] + a[m + 1]) * (b[m] + b[m + 1]) - a[m + 1] * b[m + 1]) * power;
        const double least = std::max(end, least_gap(s, t, sign) / 18.0); // terms have ended below
        each_panel(least, root_half,
                   [&](double from, double to) { sum += panel(from, to, end, m, s, t, sign); });
        return end < least && end < root_half
                   ? sum + panel(end, std::min(least, root_half), end, m, s, t, sign)
                   : sum;
    }

    // work(from, to) for panels of [low, top], the upper end of each at most three times the lower.
    template <class Work>
    static void each_panel(double low, double top, const Work& work) {
        while (top > low) {
            const double bottom = top > 3.0 * low ? top / 3.0 : low;
            work(bottom, top);
            top = bottom;
        }
    }

    // The smallest |c/s -+ c'/t| that is not zero.
    double least_gap(double s, double t, double sign) const {
        double least = 1e300;
        for (const Kink& one : kinks_)
            for (const Kink& two : kinks_) {
                const double gap = std::fabs(one.at / s - sign * two.at / t);
                if (gap > 1e-15)
                    least = std::min(least, gap);
            }
        return least;
    }

    // The integrals over y in [from, to]; end: y of L.
    double panel(double from, double to, double end, Index m, double s, double t,
                 double sign) const {
        constexpr int lanes = Simd<double>::lanes;
        V total{};
        double factor = 1.0; // 1 / (m - 1)!
        for (Index k = 2; k < m; ++k)
            factor /= static_cast<double>(k);
        for (std::size_t k = 0; k < x_.size(); k += lanes) {
            const V y = from + (to - from) * load(x_.data() + k), y2 = y * y;
            const V rest = 2.0 * sign * s * t * ((y - end) * (y + end)); // L - l
            const V cosine2 = 1.0 - y2;                                  // (1 + |c|) / 2
            V root = cosine2;
            for (int l = 0; l < lanes; ++l)
                root[l] = std::sqrt(root[l]);
            const V share = 0.5 / cosine2, sine2 = 4.0 * y2 * cosine2; // 1 / (1 + |c|), 1 - c^2
            V power = factor * sign * (to - from) / std::numbers::pi * load(w_.data() + k) / root;
            for (Index j = 1; j < m; ++j)
                power *= rest;
            const V next = power * rest / static_cast<double>(m), gaps = 1.0 / sine2;
            for (const Kink& one : kinks_)
                for (const Kink& two : kinks_) {
                    const double a = one.at / s, b = sign * two.at / t, gap = a - b;
                    const V n = exponential(-0.5 * gap * gap * gaps - a * b * share);
                    V size = one.low * two.low * power;
                    if (one.high != 0.0 || two.high != 0.0) {
                        const V u = gap * gaps + b * share, v = a * share - gap * gaps;
                        size += next * (one.high * two.high + one.low * two.high / s * u +
                                        sign * one.high * two.low / t * v);
                    }
                    total += size * n;
                }
        }
        return sum<double>(total);
    }

    // E (f(s z) / sigma - f(t z) / tau)^2 / 2 times sigma tau, piece by piece of the line.
    double apart(const double* p, const double* q) const {
        if (p[0] == q[0])
            return 0.0;
        std::vector<double> ends;
        for (double z = -10.0; z <= 10.0; z += 2.0)
            ends.push_back(z);
        for (const Kink& kink : kinks_)
            for (const double s : {p[0], q[0]})
                if (std::fabs(kink.at / s) < 10.0)
                    ends.push_back(kink.at / s);
        std::sort(ends.begin(), ends.end());
        double total = 0.0;
        for (std::size_t e = 0; e + 1 < ends.size(); ++e)
            for (std::size_t k = 0; k < x_.size(); ++k) {
                const double z = ends[e] + (ends[e + 1] - ends[e]) * x_[k];
                const double gap = function(p[0] * z) / p[1] - function(q[0] * z) / q[1];
                total += (ends[e + 1] - ends[e]) * w_[k] * gap * gap * std::exp(-0.5 * z * z);
            }
        return 0.25 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi * total * p[1] * q[1];
    }
    double function(double z) const {
        double value = 0.0, r = 1.0;
        for (std::size_t k = base_.size(); k-- > 0;)
            value = value * z + base_[k];
        for (Index k = 2; k < m_; ++k)
            r *= static_cast<double>(k);
        for (const Kink& kink : kinks_)
            if (z > kink.at) {
                const double low = std::pow(z - kink.at, static_cast<double>(m_ - 1));
                value += kink.low * low / r;
                value += kink.high * low * (z - kink.at) / (r * static_cast<double>(m_));
            }
        return value;
    }

    // F(s t) - F(s t (1 - deficit)) from F', m > 1.
    double lost(const double* p, const double* q, double deficit) const {
        const double s = p[0], t = q[0], end = std::sqrt(0.5 * deficit);
        const double least = std::min(std::max(least_gap(s, t, 1.0) / 18.0, 1e-6 * end), end);
        double total = 0.0;
        const auto add = [&](double from, double to) { // dl = 4 s t y dy
            for (std::size_t k = 0; k < x_.size(); ++k) {
                const double y = from + (to - from) * x_[k];
                total += (to - from) * w_[k] * y * moment(p, q, 1.0, 2.0 * y * y, 1);
            }
        };
        if (end > 0.0) {
            each_panel(least, end, add);
            add(0.0, least);
        }
        return 4.0 * s * t * total;
    }

    Index m_;
    bool odd_;
    std::vector<double> base_;
    std::vector<Kink> kinks_;
    std::vector<double> x_, w_;
};

} // namespace mehler
