// A kernel's profile h(rho): polynomials in x = sqrt(1 - |rho|) or x = 1 - |rho|, on SIMD lanes.
//
//   parity form   h = h(sigma) + x (E(s) + sigma O(s)),  s = 2x - 1,  sigma = sign(rho)
//   quarters      h = h(sigma) + x sum_k q[k, sigma, j] y^k,  j = x >= cut, y from -1 to 1 there
//   pieces form   h = sum_k c[sigma, j, k] y^k,          y = P x - j, j = floor(P x)
//
// All start at h(+-1) exactly, so that h(1) - h keeps its relative accuracy for the nearest pairs.
#pragma once
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "core/simd.hpp"
#include "core/types.hpp"

namespace mehler {

class Profile {
public:
    static constexpr int lanes = Simd<double>::lanes;
    static constexpr int vectors = 8; // enough chains to hide a latency of four
    static constexpr Index block = vectors * lanes;

    Profile(bool root, double at_one, double at_minus_one, std::vector<double> even,
            std::vector<double> odd)
        : root_(root), plus_(at_one), minus_(at_minus_one), even_(std::move(even)),
          odd_(std::move(odd)) {}

    Profile(bool root, double at_one, double at_minus_one, std::vector<double> pieces, Index count,
            Index width)
        : root_(root), plus_(at_one), minus_(at_minus_one), pieces_(std::move(pieces)),
          count_(count), width_(width) {}

    // quarters: four numbers a degree, lowest first: of rho > 0 before and beyond the cut, of rho <
    // 0.
    Profile(bool root, double at_one, double at_minus_one, std::vector<double> quarters, double cut)
        : root_(root), plus_(at_one), minus_(at_minus_one), quarters_(std::move(quarters)),
          cut_(cut) {
        const double near = 2.0 / cut, far = 2.0 / (1.0 - cut), start = -(1.0 + cut) / (1.0 - cut);
        const double scale[] = {near, far, near, far}, shift[] = {-1.0, start, -1.0, start};
        std::copy(scale, scale + 4, scale_);
        std::copy(shift, shift + 4, shift_);
    }

    double at_one() const { return plus_; }
    double at_minus_one() const { return minus_; }

    // out = h(rho), in place allowed; count entries, each computed the same way wherever it stands.
    void evaluate(const double* rho, double* out, Index count) const {
        if (!quarters_.empty())
            return four_polynomials(rho, out, count);
        Block x[2];
        Index i = 0;
        if (count >= block)
            distance(rho, x[0]);
        for (Index turn = 0; i + block <= count; i += block, turn ^= 1)
            polynomials(rho + i, x[turn], out + i, rho + (i + 2 * block <= count ? i + block : i),
                        x[turn ^ 1]);
        if (i < count) {
            double in[block], result[block];
            for (Index l = 0; l < block; ++l)
                in[l] = i + l < count ? rho[i + l] : 1.0;
            distance(in, x[0]);
            polynomials(in, x[0], result, in, x[1]);
            std::copy(result, result + (count - i), out + i);
        }
    }

    // h(sign (1 - deficit)) with the deficit given exactly.
    double at(bool positive, double deficit) const {
        const double x = root_ ? std::sqrt(deficit) : deficit;
        if (count_ > 0)
            return piece(positive, x);
        if (!quarters_.empty()) {
            const std::size_t j = 2 * std::size_t(!positive) + std::size_t(x >= cut_);
            const double y = std::fma(x, scale_[j], shift_[j]);
            double sum = 0.0;
            for (std::size_t k = quarters_.size(); k > 0; k -= 4)
                sum = std::fma(sum, y, quarters_[k - 4 + j]);
            return std::fma(x, sum, positive ? plus_ : minus_);
        }
        const double s = 2.0 * x - 1.0;
        double e = 0.0, o = 0.0;
        for (std::size_t k = even_.size(); k-- > 0;)
            e = std::fma(e, s, even_[k]);
        for (std::size_t k = odd_.size(); k-- > 0;)
            o = std::fma(o, s, odd_[k]);
        return std::fma(x, positive ? e + o : e - o, positive ? plus_ : minus_);
    }

private:
    using V = Vec<double>;
    struct Block {
        V v[vectors];
    };

    // x = 1 - |rho|, or its square root; a cosine beyond one counts as one.
    V distance(V rho) const {
        const V deficit = 1.0 - absolute(rho);
        V x = deficit > 0.0 ? deficit : V{};
        if (root_)
            for (int l = 0; l < lanes; ++l)
                x[l] = std::sqrt(x[l]);
        return x;
    }
    void distance(const double* rho, Block& x) const {
        for (int v = 0; v < vectors; ++v)
            x.v[v] = distance(load(rho + v * lanes));
    }

    // c(s) by Horner's rule, with other work in between: work(v) for v in [0, vectors).
    template <class Work>
    static void horner(const std::vector<double>& c, const Block& s, Block& value,
                       const Work& work) {
        V sum[vectors]; // in registers
        Index k = static_cast<Index>(c.size()) - 1;
        const V top = splat(k >= 0 ? c.back() : 0.0);
        for (int v = 0; v < vectors; ++v)
            sum[v] = top;
        const auto step = [&] {
            const V ck = splat(c[static_cast<std::size_t>(--k)]);
            for (int v = 0; v < vectors; ++v)
                sum[v] = sum[v] * s.v[v] + ck;
        };
        if constexpr (!std::is_same_v<Work, std::nullptr_t>) {
            const bool spread = k >= 2 * vectors;
            for (int v = 0; v < vectors; ++v) {
                work(v);
                if (spread) {
                    step();
                    step();
                }
            }
        }
        while (k > 0)
            step();
        for (int v = 0; v < vectors; ++v)
            value.v[v] = sum[v];
    }

    // h from x and the sign of rho; and the x of the block that comes next. Its square roots keep
    // the divider busy and the multipliers not at all: spread among the polynomials they are free.
    void polynomials(const double* rho, const Block& x, double* out, const double* next,
                     Block& then) const {
        const auto prepare = [&](int v) { then.v[v] = distance(load(next + v * lanes)); };
        if (count_ > 0) {
            distance(next, then);
            for (Index l = 0; l < block; ++l)
                out[l] = piece(!std::signbit(rho[l]), x.v[l / lanes][l % lanes]);
            return;
        }
        Block s, e, o;
        for (int v = 0; v < vectors; ++v)
            s.v[v] = 2.0 * x.v[v] - 1.0;
        if (even_.size() >= odd_.size()) {
            horner(even_, s, e, prepare);
            horner(odd_, s, o, nullptr);
        } else {
            horner(even_, s, e, nullptr);
            horner(odd_, s, o, prepare);
        }
        const V plus = splat(plus_), minus = splat(minus_);
        for (int v = 0; v < vectors; ++v) {
            const auto negative = load(rho + v * lanes) < 0.0;
            const V slope = e.v[v] + negate(o.v[v], negative);
            store(out + v * lanes, x.v[v] * slope + (negative ? minus : plus));
        }
    }

    // Each entry chooses one polynomial of four, its coefficients out of a register: one chain an
    // entry, where the parity form takes two that are longer. Square roots as in `polynomials`.
    void four_polynomials(const double* rho, double* out, Index count) const {
        constexpr int few = 4; // two more values a vector than there: x, and the choice
        constexpr Index size = few * lanes;
        const Index top = static_cast<Index>(quarters_.size()) - 4;
        V next[few];
        const auto prepare = [&](const double* from) {
            for (int v = 0; v < few; ++v)
                next[v] = distance(load(from + v * lanes));
        };
        const auto turn = [&](const double* from, double* to, const double* then) {
            const double* q = quarters_.data() + top;
            V x[few], y[few], value[few];
            Choice which[few];
            for (int v = 0; v < few; ++v) {
                x[v] = next[v];
                which[v] = choose(load(from + v * lanes) < 0.0, x[v] >= cut_);
                y[v] = x[v] * pick(scale_, which[v]) + pick(shift_, which[v]);
                value[v] = pick(q, which[v]);
            }
            const auto step = [&] {
                q -= 4;
                for (int v = 0; v < few; ++v)
                    value[v] = value[v] * y[v] + pick(q, which[v]);
            };
            const bool spread = top >= 4 * few;
            for (int v = 0; v < few; ++v) {
                next[v] = distance(load(then + v * lanes));
                if (spread)
                    step();
            }
            while (q > quarters_.data())
                step();
            const V plus = splat(plus_), minus = splat(minus_);
            for (int v = 0; v < few; ++v) {
                const auto negative = load(from + v * lanes) < 0.0;
                store(to + v * lanes, x[v] * value[v] + (negative ? minus : plus));
            }
        };
        Index i = 0;
        if (count >= size)
            prepare(rho);
        for (; i + size <= count; i += size)
            turn(rho + i, out + i, rho + (i + 2 * size <= count ? i + size : i));
        if (i < count) {
            double in[size], result[size];
            for (Index l = 0; l < size; ++l)
                in[l] = i + l < count ? rho[i + l] : 1.0;
            prepare(in);
            turn(in, result, in);
            std::copy(result, result + (count - i), out + i);
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
    std::vector<double> even_, odd_, pieces_, quarters_;
    Index count_ = 0, width_ = 0;
    double cut_ = 0.5, scale_[4] = {}, shift_[4] = {};
};

} // namespace mehler
