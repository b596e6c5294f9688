// A kernel's profile h(rho): polynomials in x = sqrt(1 - |rho|) or x = 1 - |rho|, on SIMD lanes.
//
//   parity form   h = h(sigma) + x (E(s) + sigma O(s)),  s = 2x - 1,  sigma = sign(rho)
//   pieces form   h = sum_k c[sigma, j, k] y^k,          y = P x - j, j = floor(P x)
//
// Both start at h(+-1) exactly, so that h(1) - h keeps its relative accuracy for the nearest pairs.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/simd.hpp"
#include "core/types.hpp"

namespace mehler {

class Profile {
public:
    static constexpr Index block =
        32; // eight vectors of four: enough chains to hide a latency of four

    Profile(bool root, double at_one, double at_minus_one, std::vector<double> even,
            std::vector<double> odd)
        : root_(root), plus_(at_one), minus_(at_minus_one), even_(std::move(even)),
          odd_(std::move(odd)) {}

    Profile(bool root, double at_one, double at_minus_one, std::vector<double> pieces, Index count,
            Index width)
        : root_(root), plus_(at_one), minus_(at_minus_one), pieces_(std::move(pieces)),
          count_(count), width_(width) {}

    double at_one() const { return plus_; }
    double at_minus_one() const { return minus_; }

    // out = h(rho), in place allowed; count entries, each computed the same way wherever it stands.
    void evaluate(const double* rho, double* out, Index count) const {
        Index i = 0;
        for (; i + block <= count; i += block)
            evaluate_block(rho + i, out + i);
        if (i < count) {
            double in[block], result[block];
            for (Index l = 0; l < block; ++l)
                in[l] = i + l < count ? rho[i + l] : 1.0;
            evaluate_block(in, result);
            std::copy(result, result + (count - i), out + i);
        }
    }

    // h(sign (1 - deficit)) with the deficit given exactly.
    double at(bool positive, double deficit) const {
        const double x = root_ ? std::sqrt(deficit) : deficit;
        if (count_ > 0)
            return piece(positive, x);
        const double s = 2.0 * x - 1.0;
        double e = 0.0, o = 0.0;
        for (std::size_t k = even_.size(); k-- > 0;)
            e = std::fma(e, s, even_[k]);
        for (std::size_t k = odd_.size(); k-- > 0;)
            o = std::fma(o, s, odd_[k]);
        return std::fma(x, positive ? e + o : e - o, positive ? plus_ : minus_);
    }

private:
    static constexpr int lanes = Simd<double>::lanes;
    static constexpr int vectors = static_cast<int>(block) / lanes;
    using V = Vec<double>;

    static void horner(const std::vector<double>& c, const V* s, V* acc) {
        for (int v = 0; v < vectors; ++v)
            acc[v] = V{};
        for (std::size_t k = c.size(); k-- > 0;) {
            const V ck = splat(c[k]);
            for (int v = 0; v < vectors; ++v)
                acc[v] = acc[v] * s[v] + ck;
        }
    }

    void evaluate_block(const double* rho, double* out) const {
        double x[block];
        for (Index l = 0; l < block; ++l) {
            const double deficit = 1.0 - std::fabs(rho[l]);
            x[l] = deficit > 0.0 ? deficit : 0.0;
        }
        if (root_)
            for (Index l = 0; l < block; ++l)
                x[l] = std::sqrt(x[l]);
        if (count_ > 0) {
            for (Index l = 0; l < block; ++l)
                out[l] = piece(!std::signbit(rho[l]), x[l]);
            return;
        }
        V s[vectors], e[vectors], o[vectors];
        for (int v = 0; v < vectors; ++v)
            s[v] = 2.0 * load(x + v * lanes) - 1.0;
        horner(even_, s, e);
        const V plus = splat(plus_), minus = splat(minus_);
        if (odd_.empty()) {
            for (int v = 0; v < vectors; ++v) {
                const auto negative = load(rho + v * lanes) < 0.0;
                store(out + v * lanes, load(x + v * lanes) * e[v] + (negative ? minus : plus));
            }
            return;
        }
        horner(odd_, s, o);
        for (int v = 0; v < vectors; ++v) {
            const auto negative = load(rho + v * lanes) < 0.0;
            const V slope = negative ? e[v] - o[v] : e[v] + o[v];
            store(out + v * lanes, load(x + v * lanes) * slope + (negative ? minus : plus));
        }
    }

    double piece(bool positive, double x) const {
        const double scaled = static_cast<double>(count_) * x;
        const Index j = std::min<Index>(static_cast<Index>(scaled), count_ - 1);
        const double y = scaled - static_cast<double>(j);
        const double* c = pieces_.data() + ((positive ? 0 : count_) + j) * width_;
        double value = c[width_ - 1];
        for (Index k = width_ - 1; k-- > 0;)
            value = std::fma(value, y, c[k]);
        return value;
    }

    bool root_;
    double plus_, minus_;
    std::vector<double> even_, odd_, pieces_;
    Index count_ = 0, width_ = 0;
};

} // namespace mehler
