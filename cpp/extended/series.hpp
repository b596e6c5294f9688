// A kernel's profile as a power series with double-double coefficients, on stretches of cosines:
//
//   h(rho) = f(rho) (E(c^2) + c O(c^2)),   c = a rho + b,   f(rho) = u rho + v,
//
// E and O the even and the odd powers of the series, all coefficients >= 0; with no bias c = rho.
#pragma once
#include <vector>

#include "core/types.hpp"
#include "extended/double_double.hpp"

namespace mehler {

class DDSeries {
public:
    std::vector<DD> even, odd;          // lowest power first
    DD a{1.0, 0.0}, b{0.0, 0.0};        // c = a rho + b
    DD slope{0.0, 0.0}, mean{1.0, 0.0}; // f(rho)

    // h of `count` cosines in place, count a multiple of the stretch.
    void apply(double* hi, double* lo, Index count) const {
        for (Index i = 0; i < count; i += stretch)
            apply_stretch(hi + i, lo + i);
    }
    DD at(DD rho) const { // one cosine: as a stretch has it, to the bit
        double hi[stretch], lo[stretch];
        for (Index i = 0; i < stretch; ++i) {
            hi[i] = rho.hi;
            lo[i] = rho.lo;
        }
        apply_stretch(hi, lo);
        return {hi[0], lo[0]};
    }

private:
    static constexpr int vectors = 4; // each waits for itself alone
    static constexpr Index stretch = vectors * Simd<double>::lanes;

    // s t + x for s, t, x >= 0: nothing cancels, so the short sum keeps its 3 u^2.
    static DDVec step(DDVec s, DDVec t, DDVec x) {
        Vec<double> e, g;
        const Vec<double> p = two_prod(s.hi, t.hi, e);
        e = plus_product(s.hi, t.lo, plus_product(s.lo, t.hi, e));
        const Vec<double> h = two_sum(p, x.hi, g);
        DDVec r;
        r.hi = fast_two_sum(h, g + (e + x.lo), r.lo);
        return r;
    }
    static void horner(const std::vector<DD>& coefficients, const DDVec* t, DDVec* s) {
        for (int v = 0; v < vectors; ++v)
            s[v] = DDVec{};
        for (std::size_t k = coefficients.size(); k-- > 0;) {
            const DDVec x = splat(coefficients[k]);
            for (int v = 0; v < vectors; ++v)
                s[v] = step(s[v], t[v], x);
        }
    }
    void apply_stretch(double* hi, double* lo) const {
        constexpr Index lanes = Simd<double>::lanes;
        DDVec c[vectors], t[vectors], e[vectors], o[vectors];
        for (int v = 0; v < vectors; ++v) {
            c[v] = load(hi + v * lanes, lo + v * lanes);
            if (b.hi != 0.0)
                c[v] = splat(a) * c[v] + splat(b);
            t[v] = c[v] * c[v];
        }
        horner(even, t, e);
        horner(odd, t, o);
        for (int v = 0; v < vectors; ++v) {
            DDVec h = odd.empty() ? e[v] : even.empty() ? c[v] * o[v] : e[v] + c[v] * o[v];
            if (slope.hi != 0.0) {
                const DDVec rho = load(hi + v * lanes, lo + v * lanes);
                h = h * (mean.hi != 0.0 ? splat(slope) * rho + splat(mean) : splat(slope) * rho);
            }
            store(hi + v * lanes, lo + v * lanes, h);
        }
    }
};

} // namespace mehler
