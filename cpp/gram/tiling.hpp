// How a lower triangle is cut into tiles, and how symmetric work on it is shared out.
//
// Panel I holds rows [I edge, I edge + rows(I)). Its tiles J = 0..I lie one after another; tile (I,
// J) is height(I) by columns(I, J), padded with zeros, in strips (panel_product.hpp).
#pragma once
#include <algorithm>

#include "gram/panel_product.hpp"

namespace mehler {

struct Tiling {
    static constexpr Index edge = 256;
    static constexpr Index pad =
        16; // columns of a tile are a multiple of a cache line of either type

    explicit Tiling(Index n_) : n(n_), panels((n_ + edge - 1) / edge) {
        start.reserve(static_cast<std::size_t>(panels) + 1);
        Index at = 0;
        for (Index I = 0; I < panels; ++I) {
            start.push_back(at);
            at += height(I) * (I * edge + width(I));
        }
        start.push_back(at);
    }
    Index rows(Index I) const { return std::min(edge, n - I * edge); }
    Index height(Index I) const { return round_up(rows(I), strip); }
    Index width(Index I) const { return round_up(rows(I), pad); }
    Index columns(Index I, Index J) const { return I == J ? width(I) : edge; }
    Index offset(Index I, Index J) const {
        return start[static_cast<std::size_t>(I)] + J * height(I) * edge;
    }
    Index entries() const { return start.back(); }
    Index tiles() const { return panels * (panels + 1) / 2; }

    // Where entry (r, c) of a tile with so many columns lies in it.
    template <class T>
    static Index within(Index r, Index c, Index columns) {
        return r / strip * strip * columns + c / line<T> * strip * line<T> + r % strip * line<T> +
               c % line<T>;
    }

    // Tile t of the list (0,0), (1,0), (1,1), (2,0), ...
    void tile(Index t, Index& I, Index& J) const {
        I = 0;
        Index low = 0, high = panels;
        while (low < high) { // largest I with I (I+1) / 2 <= t
            const Index mid = (low + high) / 2;
            if (mid * (mid + 1) / 2 <= t) {
                I = mid;
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        J = t - I * (I + 1) / 2;
    }

    Index n, panels;
    std::vector<Index> start;
};

} // namespace mehler
