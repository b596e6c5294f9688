// A symmetric matrix of double-double numbers as square tiles of its lower triangle.
//
// Panel I holds rows [64 I, 64 I + 64); its tiles J = 0..I lie one after another. A tile is 64 x
// 64, column-major, the high parts first and the low parts after them; rows and columns beyond n
// are zero, so that no loop has an end to mind.
#pragma once
#include <algorithm>

#include "core/parallel.hpp"
#include "extended/double_double.hpp"

namespace mehler {

inline constexpr Index dd_edge = 64;                  // of a tile: three of them fit into 192 kB
inline constexpr Index dd_square = dd_edge * dd_edge; // numbers in a tile

struct DDTiling {
    explicit DDTiling(Index n_) : n(n_), panels((n_ + dd_edge - 1) / dd_edge) {}

    Index rows(Index I) const { return std::min(dd_edge, n - I * dd_edge); }
    Index tiles() const { return panels * (panels + 1) / 2; }
    Index number(Index I, Index J) const { return I * (I + 1) / 2 + J; }
    Index doubles() const { return 2 * dd_square * tiles(); }
    // Tile t of the list of columns (0,0), (1,0), ..., (1,1), (2,1), ...
    void by_columns(Index t, Index& I, Index& J) const {
        for (J = 0; t >= panels - J; ++J)
            t -= panels - J;
        I = J + t;
    }

    Index n, panels;
};

// n numbers, padded with zeros to whole tiles.
struct DDVector {
    explicit DDVector(Index n) : hi(round_up(n, dd_edge)), lo(round_up(n, dd_edge)) {
        std::fill_n(hi.data(), hi.size(), 0.0);
        std::fill_n(lo.data(), lo.size(), 0.0);
    }
    DD operator[](Index i) const { return {hi[i], lo[i]}; }
    void set(Index i, DD x) {
        hi[i] = x.hi;
        lo[i] = x.lo;
    }
    Index padded() const { return hi.size(); }

    Buffer<double> hi, lo;
};

// S = A B^t for a stretch of `width` columns of A and B, tiles (or panels) of 64 rows: one vector
// of rows by `across` columns of S at a time, given to put(row, column, sum).
template <class Put>
inline void product_of_tiles(const double* A, const double* Al, const double* B, const double* Bl,
                             Index width, const Put& put) {
    constexpr Index lanes = Simd<double>::lanes, across = 4;
    for (Index c = 0; c < dd_edge; c += across)
        for (Index r = 0; r < dd_edge; r += lanes) {
            DDSum<Vec<double>> s[across];
            for (Index first = 0; first < width; first += dd_group) {
                const Index end = std::min(first + dd_group, width);
                for (Index k = first; k < end; ++k) {
                    const Index at = k * dd_edge;
                    const DDVec a = load(A + at + r, Al + at + r);
                    for (Index j = 0; j < across; ++j)
                        s[j].add(a, splat(DD{B[at + c + j], Bl[at + c + j]}));
                }
                for (Index j = 0; j < across; ++j)
                    s[j].close();
            }
            for (Index j = 0; j < across; ++j)
                put(r, c + j, s[j].total());
        }
}

// C -= A B^t
inline void subtract_product(double* C, const double* A, const double* B) {
    product_of_tiles(A, A + dd_square, B, B + dd_square, dd_edge,
                     [&](Index r, Index c, const DDVec& s) {
                         double* at = C + c * dd_edge + r;
                         store(at, at + dd_square, load(at, at + dd_square) - s);
                     });
}

} // namespace mehler
