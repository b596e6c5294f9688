// One stored tile times both of its panels: each entry is read once, in the order it lies in
// memory.
//
//   y_I += T x_J        panels (edge, B), one contiguous column a vector, B known at compile time
//   y_J += T^t x_I
//
// A tile is stored in strips of R rows; a strip, in runs of one cache line a row: the R lines of a
// run lie side by side. So each load of x_J and y_J serves R rows, and memory is one sequential
// stream (with the rows apart, four streams reached 12 GB/s where one reaches 27). Arithmetic is in
// double whatever the storage: sums in float32 would lose ten times what rounding the entries does.
#pragma once
#include "core/simd.hpp"
#include "core/types.hpp"

#include <algorithm>

namespace mehler {

inline constexpr Index strip = 2; // R
template <class T>
inline constexpr Index line = 64 / static_cast<Index>(sizeof(T));

inline constexpr Index prefetch_bytes = 4096; // lines asked for this far ahead

// A sum waits four cycles for its last addition: one vector needs two chains a row to keep two
// multipliers busy. (Two vectors have four sums without them; more did not fit into registers.)
template <int B>
inline constexpr int chains = B == 1 ? 2 : 1;

template <class T, int B, bool Both>
inline void strip_times_panels(const T* tile, Index columns, const double* xj, const double* xi,
                               double* yi, double* yj, Index panel) {
    using V = Vec<double>;
    constexpr int lanes = Simd<double>::lanes, R = strip, C = chains<B>;
    V acc[C][R][B], left[R][B];
    for (int r = 0; r < R; ++r)
        for (int b = 0; b < B; ++b) {
            for (int k = 0; k < C; ++k)
                acc[k][r][b] = V{};
            if (Both)
                left[r][b] = splat(xi[b * panel + r]);
        }
    for (Index c = 0; c < columns; c += line<T>, tile += R * line<T>) {
        for (int r = 0; r < R; ++r)
            __builtin_prefetch(tile + r * line<T> + prefetch_bytes / sizeof(T));
        for (Index m = 0; m < line<T>; m += C * lanes)
            for (int k = 0; k < C; ++k) {
                const Index l = m + k * lanes;
                V t[R];
                for (int r = 0; r < R; ++r)
                    t[r] = widen(tile + r * line<T> + l);
                for (int b = 0; b < B; ++b) {
                    const V x = load(xj + b * panel + c + l);
                    for (int r = 0; r < R; ++r)
                        acc[k][r][b] += t[r] * x;
                    if (Both) {
                        V y = load(yj + b * panel + c + l);
                        for (int r = 0; r < R; ++r)
                            y += t[r] * left[r][b];
                        store(yj + b * panel + c + l, y);
                    }
                }
            }
    }
    for (int r = 0; r < R; ++r)
        for (int b = 0; b < B; ++b) {
            V total = acc[0][r][b];
            for (int k = 1; k < C; ++k)
                total += acc[k][r][b];
            yi[b * panel + r] += sum<double>(total);
        }
}

// rows a multiple of strip, columns of line<T>; padding holds zeros. Two vectors at a time: the
// sums and factors of four do not fit into the registers, while a strip stays in the first cache.
template <class T, int B, bool Both>
void tile_times_panels(const T* tile, Index rows, Index columns, const double* xj, const double* xi,
                       double* yi, double* yj, Index panel) {
    constexpr int step = std::min(B, 2);
    static_assert(B % step == 0);
    for (Index r = 0; r < rows; r += strip, tile += strip * columns)
        for (Index b = 0; b < B * panel; b += step * panel)
            strip_times_panels<T, step, Both>(tile, columns, xj + b, xi + b + r, yi + b + r, yj + b,
                                              panel);
}

} // namespace mehler
