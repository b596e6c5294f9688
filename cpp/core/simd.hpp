// Vectors of the width that the target has, by the compiler's own extension: no intrinsics.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#if defined(__AVX2__)
#include <immintrin.h> // for one word that the extension lacks: pick
#endif

namespace mehler {

#if defined(__AVX__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

template <class T>
struct Simd {}; // of other types, such as pairs of vectors, there are none
template <class T>
    requires std::is_arithmetic_v<T>
struct Simd<T> {
    typedef T type __attribute__((vector_size(vector_bytes)));
    static constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));
};
template <class T>
using Vec = typename Simd<T>::type;

template <class T>
inline Vec<T> load(const T* p) {
    Vec<T> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
// Doubles, or as many floats or integers made doubles.
inline Vec<double> widen(const double* p) {
    return load(p);
}
inline Vec<double> widen(const float* p) {
    Vec<double> v; // lane by lane: one instruction, where the compiler's own conversion takes five
    for (int l = 0; l < Simd<double>::lanes; ++l)
        v[l] = static_cast<double>(p[l]);
    return v;
}
inline Vec<double> widen(const std::int32_t* p) {
    Vec<double> v;
    for (int l = 0; l < Simd<double>::lanes; ++l)
        v[l] = static_cast<double>(p[l]);
    return v;
}
template <class T>
inline void store(T* p, Vec<T> v) {
    std::memcpy(p, &v, sizeof v);
}
template <class T>
inline Vec<T> splat(T x) {
    return x - Vec<T>{};
}
// |x|, and -x where a comparison holds, by the sign bit alone.
using Mask = decltype(Vec<double>{} < 0.0);
inline constexpr std::int64_t sign_bit = std::numeric_limits<std::int64_t>::min();

inline Vec<double> absolute(Vec<double> x) {
    return std::bit_cast<Vec<double>>(std::bit_cast<Mask>(x) & ~sign_bit);
}
inline Vec<double> negate(Vec<double> x, Mask where) {
    return std::bit_cast<Vec<double>>(std::bit_cast<Mask>(x) ^ (where & sign_bit));
}
// One of four numbers for each lane: pick(four, choose(a, b)) is four[2 a + b], a and b being 0 or
// 1 where a comparison fails or holds.
#if defined(__AVX2__)
using Choice = Mask; // the two halves of a double, by number
inline Choice choose(Mask a, Mask b) {
    const Mask first = (a & 4) | (b & 2); // 2 (2 a + b)
    return first | ((first | 1) << 32);
}
inline Vec<double> pick(const double* four, Choice which) {
    const auto all = std::bit_cast<__m256>(load(four));
    return std::bit_cast<Vec<double>>(_mm256_permutevar8x32_ps(all, std::bit_cast<__m256i>(which)));
}
#else
struct Choice {
    Mask a, b;
};
inline Choice choose(Mask a, Mask b) {
    return {a, b};
}
inline Vec<double> pick(const double* four, Choice which) {
    const Vec<double> low = which.b ? splat(four[1]) : splat(four[0]);
    const Vec<double> high = which.b ? splat(four[3]) : splat(four[2]);
    return which.a ? high : low;
}
#endif
template <class T>
inline T sum(Vec<T> v) {
    T s = 0;
    for (int l = 0; l < Simd<T>::lanes; ++l)
        s += v[l];
    return s;
}

} // namespace mehler
