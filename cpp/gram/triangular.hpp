// One tile of a triangular factor times a block of vectors, and the diagonal tiles' substitution.
//
//   forward    Y -= L X        Y (rows, B), X (columns, B), columns contiguous, ld apart
//   backward   X -= L^t Y
//
// The tile is read once, in the order it lies in memory; vectors and sums are double whatever the
// tile is, so that the inverse of a float32 factor is symmetric to double rounding.
#pragma once
#include "core/simd.hpp"
#include "core/types.hpp"

namespace mehler {

// Columns taken together; fewer where sums for each would not fit into registers.
inline constexpr int abreast = 4;
template <int B>
inline constexpr int abreast_back = B <= 2 ? 4 : 2;

template <class T>
inline constexpr Index cache_line = 64 / static_cast<Index>(sizeof(T));

// While C columns are worked on abreast, a line of each at a time, the C columns after them are
// asked for in the order of memory: it delivers one stream
// much faster than C (13 GB/s before, 22 after, one thread, float32).
template <class T, int C>
inline void ask_ahead(const T* next, Index r) {
    for (int c = 0; c < C; ++c)
        __builtin_prefetch(next + C * r + c * cache_line<T>, 0, 2);
}

template <class T, int B, int C>
inline void forward_columns(const T* L, Index ld, Index rows, const double* X, double* Y, Index n) {
    constexpr Index lanes = Simd<double>::lanes;
    Vec<double> x[C][B];
    for (int c = 0; c < C; ++c)
        for (int b = 0; b < B; ++b)
            x[c][b] = splat(X[b * n + c]);
    const auto step = [&](Index r) {
        Vec<double> y[B];
        for (int b = 0; b < B; ++b)
            y[b] = load(Y + b * n + r);
        for (int c = 0; c < C; ++c) {
            const Vec<double> l = widen(L + c * ld + r);
            for (int b = 0; b < B; ++b)
                y[b] -= l * x[c][b];
        }
        for (int b = 0; b < B; ++b)
            store(Y + b * n + r, y[b]);
    };
    Index r = 0;
    for (; r + cache_line<T> <= rows; r += cache_line<T>) {
        ask_ahead<T, C>(L + C * ld, r);
        for (Index l = 0; l < cache_line<T>; l += lanes)
            step(r + l);
    }
    for (; r + lanes <= rows; r += lanes)
        step(r);
    for (; r < rows; ++r)
        for (int b = 0; b < B; ++b)
            for (int c = 0; c < C; ++c)
                Y[b * n + r] -= static_cast<double>(L[c * ld + r]) * X[b * n + c];
}

template <class T, int B, int C>
inline void backward_columns(const T* L, Index ld, Index rows, double* X, const double* Y,
                             Index n) {
    constexpr Index lanes = Simd<double>::lanes;
    Vec<double> sums[C][B] = {};
    const auto step = [&](Index r) {
        Vec<double> y[B];
        for (int b = 0; b < B; ++b)
            y[b] = load(Y + b * n + r);
        for (int c = 0; c < C; ++c) {
            const Vec<double> l = widen(L + c * ld + r);
            for (int b = 0; b < B; ++b)
                sums[c][b] += l * y[b];
        }
    };
    Index r = 0;
    for (; r + cache_line<T> <= rows; r += cache_line<T>) {
        ask_ahead<T, C>(L + C * ld, r);
        for (Index l = 0; l < cache_line<T>; l += lanes)
            step(r + l);
    }
    for (; r + lanes <= rows; r += lanes)
        step(r);
    for (int c = 0; c < C; ++c)
        for (int b = 0; b < B; ++b) {
            double total = sum<double>(sums[c][b]);
            for (Index i = r; i < rows; ++i)
                total += static_cast<double>(L[c * ld + i]) * Y[b * n + i];
            X[b * n + c] -= total;
        }
}

template <class T, int B>
void forward(const T* L, Index ld, Index rows, Index columns, const double* X, double* Y, Index n) {
    Index c = 0;
    for (; c + abreast <= columns; c += abreast)
        forward_columns<T, B, abreast>(L + c * ld, ld, rows, X + c, Y, n);
    for (; c < columns; ++c)
        forward_columns<T, B, 1>(L + c * ld, ld, rows, X + c, Y, n);
}

template <class T, int B>
void backward(const T* L, Index ld, Index rows, Index columns, double* X, const double* Y,
              Index n) {
    Index c = 0;
    for (; c + abreast_back<B> <= columns; c += abreast_back<B>)
        backward_columns<T, B, abreast_back<B>>(L + c * ld, ld, rows, X + c, Y, n);
    for (; c < columns; ++c)
        backward_columns<T, B, 1>(L + c * ld, ld, rows, X + c, Y, n);
}

// Y = L^-1 Y with a diagonal tile, a narrow block of columns at a time.
template <class T, int B>
void forward_diagonal(const T* L, Index ld, Index rows, double* Y, Index n) {
    constexpr Index narrow = 8;
    for (Index j = 0; j < rows; j += narrow) {
        const Index width = std::min(narrow, rows - j);
        for (Index c = j; c < j + width; ++c)
            for (int b = 0; b < B; ++b) {
                const double y = Y[b * n + c] /= static_cast<double>(L[c * ld + c]);
                for (Index r = c + 1; r < j + width; ++r)
                    Y[b * n + r] -= static_cast<double>(L[c * ld + r]) * y;
            }
        forward<T, B>(L + j * ld + j + width, ld, rows - j - width, width, Y + j, Y + j + width, n);
    }
}

// X = L^-t X
template <class T, int B>
void backward_diagonal(const T* L, Index ld, Index rows, double* X, Index n) {
    constexpr Index narrow = 8;
    for (Index j = (rows - 1) / narrow * narrow; j >= 0; j -= narrow) {
        const Index width = std::min(narrow, rows - j);
        backward<T, B>(L + j * ld + j + width, ld, rows - j - width, width, X + j, X + j + width,
                       n);
        for (Index c = j + width; c-- > j;)
            for (int b = 0; b < B; ++b) {
                double x = X[b * n + c];
                for (Index r = c + 1; r < j + width; ++r)
                    x -= static_cast<double>(L[c * ld + r]) * X[b * n + r];
                X[b * n + c] = x / static_cast<double>(L[c * ld + c]);
            }
    }
}

} // namespace mehler
