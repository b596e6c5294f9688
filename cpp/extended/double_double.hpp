// Double-double numbers: an unevaluated sum hi + lo, |lo| <= u |hi|, u = 2^-53; about 32 digits.
//
//   two_sum    a + b = s + e     two_prod    a b = p + e      exactly (Dekker 1971, Knuth)
//
// for doubles and for vectors of them. The relative error of a sum is at most 3 u^2, that of a
// product 5 u^2 (Joldes, Muller, Popescu 2017, algorithms 6 and 12). None of this survives a
// compiler that contracts a b + c to one operation by itself: what includes this is built with
// -ffp-contract=off.
#pragma once
#include <cmath>

#include "core/simd.hpp"

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) // x86-64-v3, and every 64-bit ARM
#define MEHLER_FMA
#endif

namespace mehler {

#if defined(MEHLER_FMA)
inline double fused(double a, double b, double c) {
    return __builtin_fma(a, b, c);
}
inline Vec<double> fused(Vec<double> a, Vec<double> b, Vec<double> c) {
    Vec<double> r; // lane by lane: the compiler makes one instruction of it
    for (int l = 0; l < Simd<double>::lanes; ++l)
        r[l] = __builtin_fma(a[l], b[l], c[l]);
    return r;
}
#endif

template <class V>
inline V two_sum(V a, V b, V& e) {
    const V s = a + b, z = s - a;
    e = (a - (s - z)) + (b - z);
    return s;
}
// The same where |a| >= |b| or a = 0.
template <class V>
inline V fast_two_sum(V a, V b, V& e) {
    const V s = a + b;
    e = b - (s - a);
    return s;
}

#if defined(MEHLER_FMA)
template <class V>
inline V two_prod(V a, V b, V& e) {
    const V p = a * b;
    e = fused(a, b, -p);
    return p;
}
// a b + c, the rounding of a product that is small beside what it is added to.
template <class V>
inline V plus_product(V a, V b, V c) {
    return fused(a, b, c);
}
#else
// Veltkamp: a = h + l, both of at most 26 bits; |a| below 2^996.
template <class V>
inline V upper_half(V a) {
    const V c = 134217729.0 * a; // 2^27 + 1
    return c - (c - a);
}
template <class V>
inline V two_prod(V a, V b, V& e) {
    const V p = a * b, ah = upper_half(a), bh = upper_half(b), al = a - ah, bl = b - bh;
    e = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
    return p;
}
template <class V>
inline V plus_product(V a, V b, V c) {
    return c + a * b;
}
#endif

template <class V>
struct DoubleDouble {
    V hi, lo;
};
using DD = DoubleDouble<double>;
using DDVec = DoubleDouble<Vec<double>>;

inline DD dd(double x) {
    return {x, 0.0};
}
inline DDVec splat(DD x) {
    return {splat(x.hi), splat(x.lo)};
}
inline DDVec load(const double* hi, const double* lo) {
    return {load(hi), load(lo)};
}
inline void store(double* hi, double* lo, DDVec x) {
    store(hi, x.hi);
    store(lo, x.lo);
}

template <class V>
inline DoubleDouble<V> operator-(DoubleDouble<V> a) {
    return {-a.hi, -a.lo};
}
template <class V>
inline DoubleDouble<V> operator+(DoubleDouble<V> a, DoubleDouble<V> b) {
    V e, f, s = two_sum(a.hi, b.hi, e);
    const V t = two_sum(a.lo, b.lo, f);
    s = fast_two_sum(s, e + t, e);
    s = fast_two_sum(s, e + f, e);
    return {s, e};
}
template <class V>
inline DoubleDouble<V> operator-(DoubleDouble<V> a, DoubleDouble<V> b) {
    return a + (-b);
}
template <class V>
inline DoubleDouble<V> operator*(DoubleDouble<V> a, DoubleDouble<V> b) {
    V e, p = two_prod(a.hi, b.hi, e);
    e = plus_product(a.hi, b.lo, plus_product(a.lo, b.hi, e));
    p = fast_two_sum(p, e, e);
    return {p, e};
}
template <class V>
inline DoubleDouble<V> operator/(DoubleDouble<V> a, DoubleDouble<V> b) {
    // three digits of a quotient in base 2^53: the remainder after each is exact to the last one
    const V q = a.hi / b.hi;
    DoubleDouble<V> r = a - b * DoubleDouble<V>{q, V{}};
    const V q2 = r.hi / b.hi;
    r = r - b * DoubleDouble<V>{q2, V{}};
    const V q3 = r.hi / b.hi;
    V e, s = fast_two_sum(q, q2, e);
    s = fast_two_sum(s, e + q3, e);
    return {s, e};
}

inline DD root(DD a) { // a > 0: a Newton step from the double
    const double x = std::sqrt(a.hi);
    double e;
    const double p = two_prod(x, x, e);
    const DD rest = a - DD{p, e};
    const double correction = rest.hi / (2.0 * x);
    double f;
    const double s = fast_two_sum(x, correction, f);
    // (the step's own square is below 2^-106 of a)
    return {s, f};
}

// sum_k a_k b_k. Eight terms at a time go into a running (hi, lo) whose lo may grow to a few units
// of hi, at twelve operations a term instead of thirty; groups are added in full. A term of n
// passes through 3 n / 8 + dd_group u^2 of rounding (python/mehler/solvers/extended.py counts it).
inline constexpr long dd_group = 8;

template <class V>
class DDSum {
public:
    void add(DoubleDouble<V> a, DoubleDouble<V> b) {
        V e, t;
        const V p = two_prod(a.hi, b.hi, e);
        e = plus_product(a.hi, b.lo, plus_product(a.lo, b.hi, e));
        group_.hi = two_sum(group_.hi, p, t);
        group_.lo += t + e;
    }
    void close() {
        V e;
        const V h = two_sum(group_.hi, group_.lo, e);
        total_ = total_ + DoubleDouble<V>{h, e};
        group_ = DoubleDouble<V>{V{}, V{}};
    }
    DoubleDouble<V> total() const { return total_; } // once closed

private:
    DoubleDouble<V> total_{V{}, V{}}, group_{V{}, V{}};
};

inline DD across_lanes(DDVec s) {
    DD total{0.0, 0.0};
    for (int l = 0; l < Simd<double>::lanes; ++l)
        total = total + DD{s.hi[l], s.lo[l]};
    return total;
}

// sum of term(k) over [0, count): term hands a and b to the sum.
template <class V, class Term>
inline DoubleDouble<V> sum_of_products(long count, const Term& term) {
    DDSum<V> s;
    for (long first = 0; first < count; first += dd_group) {
        const long end = first + dd_group < count ? first + dd_group : count;
        for (long k = first; k < end; ++k)
            term(k, s);
        s.close();
    }
    return s.total();
}

} // namespace mehler
