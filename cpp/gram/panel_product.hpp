// One stored tile times both of its panels: each entry is read once.
//
//   y_I += T x_J        T (rows, columns) row-major, leading dimension ld
//   y_J += T^t x_I      panels (panel, B), one contiguous column a vector, B known at compile time
//
// Four rows at a time: every load of x_J and y_J serves four rows of T. Sums run over one tile in the
// tile's own precision; the caller adds them up in double.
#pragma once
#include "core/simd.hpp"
#include "core/types.hpp"

namespace mehler {

template <class T, int B, int R, bool Both>
inline void rows_times_panels(const T* tile, Index ld, Index columns, const T* xj, const T* xi, T* yi, T* yj,
                              Index panel) {
  using V = Vec<T>;
  constexpr int lanes = Simd<T>::lanes;
  V acc[R][B], left[R][B];
  for (int r = 0; r < R; ++r)
    for (int b = 0; b < B; ++b) {
      acc[r][b] = V{};
      if (Both) left[r][b] = splat(xi[b * panel + r]);
    }
  for (Index c = 0; c < columns; c += lanes) {
    V t[R];
    for (int r = 0; r < R; ++r) t[r] = load(tile + r * ld + c);
    for (int b = 0; b < B; ++b) {
      const V x = load(xj + b * panel + c);
      for (int r = 0; r < R; ++r) acc[r][b] += t[r] * x;
      if (Both) {
        V y = load(yj + b * panel + c);
        for (int r = 0; r < R; ++r) y += t[r] * left[r][b];
        store(yj + b * panel + c, y);
      }
    }
  }
  for (int r = 0; r < R; ++r)
    for (int b = 0; b < B; ++b) yi[b * panel + r] += sum<T>(acc[r][b]);
}

// columns must be a multiple of the vector width (pad with zeros); panels hold `panel` entries each.
template <class T, int B, bool Both>
void tile_times_panels(const T* tile, Index ld, Index rows, Index columns, const T* xj, const T* xi, T* yi, T* yj,
                       Index panel) {
  constexpr int R = B == 1 ? 4 : 2;
  Index r = 0;
  for (; r + R <= rows; r += R)
    rows_times_panels<T, B, R, Both>(tile + r * ld, ld, columns, xj, xi + r, yi + r, yj, panel);
  for (; r < rows; ++r)
    rows_times_panels<T, B, 1, Both>(tile + r * ld, ld, columns, xj, xi + r, yi + r, yj, panel);
}

}  // namespace mehler
