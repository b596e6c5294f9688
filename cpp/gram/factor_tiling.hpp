// How a factor's lower triangle is cut into tiles, and how K - s I of points comes into them.
//
// Panel I holds rows [I edge, I edge + rows(I)); tile (I, J) is column-major, rows(I) by rows(J).
// Points fill the finer tiles of storage (tiling.hpp), whatever the edge: so every storage holds
// the same entries, bit for bit.
#pragma once
#include "gram/tiling.hpp"
#include "kernel/tile.hpp"

namespace mehler {

struct FactorTiling {
    explicit FactorTiling(Index n_) : FactorTiling(n_, n_ < 3072 ? 256 : 512) {}
    FactorTiling(Index n_, Index edge_) : n(n_), edge(edge_), panels((n_ + edge_ - 1) / edge_) {}

    Index rows(Index I) const { return std::min(edge, n - I * edge); }
    Index tiles() const { return panels * (panels + 1) / 2; }
    Index number(Index I, Index J) const { return I * (I + 1) / 2 + J; }
    Index room(Index I) const {
        return std::max(rows(I), Index{8});
    } // rows that tiles have room for
    Index offset(Index I, Index J) const { // all panels before I are whole
        return edge * edge * number(I, 0) + J * edge * room(I);
    }
    Index entries() const {
        return offset(panels - 1, panels - 1) + rows(panels - 1) * rows(panels - 1);
    }
    // Tile t of the list of columns (0,0), (1,0), ..., (1,1), (2,1), ...
    void by_columns(Index t, Index& I, Index& J) const {
        for (J = 0; t >= panels - J; ++J)
            t -= panels - J;
        I = J + t;
    }
    // Where tile (I, J) begins when columns lie one after another: (J,J), (J+1,J), ...
    Index column_offset(Index I, Index J) const {
        return J * edge * n - edge * edge * (J * (J - 1) / 2) + (I - J) * edge * rows(J);
    }

    Index n, edge, panels;
};

// The fine tile `at` of K - shift I, rows apart by Tiling::edge; `square` grows by its share of
// |K|_F^2, `pairs`, unless null, by what was seen.
template <class T>
void fill_fine(const Points& points, const Profile& profile, double shift, const TileRange& at,
               T* tile, Pairs* pairs, double& square) {
    constexpr Index edge = Tiling::edge;
    thread_local Buffer<double> work(edge * edge);
    const bool diagonal = at.row == at.column;
    fill_tile(points, points, true, profile, at, work.data(), pairs,
              [&](Index r, Index start, Index count, const double* values) {
                  for (Index c = 0; c < count; ++c) {
                      tile[r * edge + start + c] = static_cast<T>(values[c]);
                      square += (diagonal ? 1.0 : 2.0) * values[c] * values[c];
                  }
                  if (diagonal && r >= start && r < start + count)
                      tile[r * edge + r] = static_cast<T>(values[r - start] - shift);
              });
}

// A fine tile, rows in cache, to its place in the factor's tile (I, J) at `out`; rows and columns
// of `at` count from the matrix's first. What lies above the diagonal of a tile is zero.
template <class T>
void put_fine(const FactorTiling& tiling, const TileRange& at, const T* fine, T* out) {
    constexpr Index edge = Tiling::edge, block = 16;
    const Index I = at.row / tiling.edge, J = at.column / tiling.edge, ld = tiling.rows(I);
    const Index down = at.row - I * tiling.edge, across = at.column - J * tiling.edge;
    T* corner = out + across * ld + down;
    for (Index c = 0; c < at.columns; c += block)
        for (Index r = 0; r < at.rows; r += block)
            for (Index k = c; k < std::min(c + block, at.columns); ++k)
                for (Index l = r; l < std::min(r + block, at.rows); ++l)
                    corner[k * ld + l] = fine[l * edge + k];
    if (I == J && at.row != at.column)
        for (Index c = 0; c < at.rows; ++c)
            std::fill_n(out + (down + c) * ld + across, at.columns, T(0));
}

} // namespace mehler
