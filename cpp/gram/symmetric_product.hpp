// Y = K V for a symmetric K given by lower tiles, each visited once.
//
// The list of tiles is cut into a number of shares that depends on n alone. A share adds into its
// own (n, b) sums in double; the sums of all shares are added in a fixed order. So the result does
// not depend on the number of threads.
#pragma once
#include "core/parallel.hpp"
#include "gram/tiling.hpp"

namespace mehler {

inline constexpr Index most_shares = 24;
inline Index shares_of(const Tiling& tiling) {
    return std::min(most_shares, tiling.tiles());
}

template <class T, int B>
void one_tile(const T* tile, const Tiling& tiling, Index I, Index J, const double* panels,
              double* sums, double* work) {
    constexpr Index edge = Tiling::edge;
    const Index rows = tiling.rows(I), columns = tiling.columns(I, J);
    const double *xi = panels + I * edge * B, *xj = panels + J * edge * B;
    double *yi = work, *yj = work + edge * B;
    std::fill(work, work + 2 * edge * B, 0.0);
    if (I == J)
        tile_times_panels<T, B, false>(tile, tiling.height(I), columns, xj, xi, yi, yj, edge);
    else
        tile_times_panels<T, B, true>(tile, tiling.height(I), columns, xj, xi, yi, yj, edge);
    for (int b = 0; b < B; ++b) {
        double* s = sums + b * tiling.n;
        for (Index r = 0; r < rows; ++r)
            s[I * edge + r] += yi[b * edge + r];
        if (I != J)
            for (Index c = 0; c < edge; ++c)
                s[J * edge + c] += yj[b * edge + c];
    }
}

template <class T>
void at_least(Buffer<T>& buffer, Index count) {
    if (buffer.size() < count) {
        buffer = Buffer<T>(); // the smaller one goes first
        buffer = Buffer<T>(count);
    }
}

// What products of a thread work in, of whatever type and number of vectors. Kept from product to
// product: fresh pages would cost a third of its time.
struct ProductSpace {
    Buffer<double> panels, sums;
};
inline ProductSpace& product_space() {
    thread_local ProductSpace space;
    return space;
}

// Tiles [first, last) of the list into sums (n, B); tile_of(I, J) -> const T*.
template <class T, int B, class TileOf>
void add_tiles(const Tiling& tiling, Index first, Index last, const double* panels, double* sums,
               Monitor& monitor, const TileOf& tile_of) {
    Buffer<double> work(2 * Tiling::edge * B); // on cache lines: 15 % of the time of four
    std::fill(sums, sums + tiling.n * B, 0.0);
    for (Index t = first; t < last && !monitor.stopped(); ++t) {
        Index I = 0, J = 0;
        tiling.tile(t, I, J);
        one_tile<T, B>(tile_of(I, J), tiling, I, J, panels, sums, work.data());
        monitor.tick();
    }
}

// Panels (edge, B) of V, one after another, the last one with zeros below.
template <int B>
void pack_panels(const Tiling& tiling, const double* V, double* panels, int threads,
                 Monitor& monitor) {
    constexpr Index edge = Tiling::edge;
    parallel_for(tiling.panels, threads, monitor, [&](Index I) {
        for (int b = 0; b < B; ++b)
            for (Index r = 0; r < edge; ++r)
                panels[(I * B + b) * edge + r] =
                    r < tiling.rows(I) ? V[b * tiling.n + I * edge + r] : 0.0;
    });
}

// tile_of(s, I, J) -> const T*: a tile's entries, valid until share s asks for its next one. It may
// have done(s), which is told of the end of a share.
template <class T, int B, class TileOf>
void symmetric_product(const Tiling& tiling, const double* V, double* Y, int threads,
                       Monitor& monitor, const TileOf& tile_of) {
    constexpr Index edge = Tiling::edge;
    const Index n = tiling.n, shares = shares_of(tiling);
    ProductSpace& space = product_space();
    at_least(space.panels, tiling.panels * edge * B);
    at_least(space.sums, shares * n * B);
    double* const packed = space.panels.data();
    double* const added = space.sums.data();
    pack_panels<B>(tiling, V, packed, threads, monitor);
    const auto share = [&](Index s) {
        const Index first = tiling.tiles() * s / shares, last = tiling.tiles() * (s + 1) / shares;
        add_tiles<T, B>(tiling, first, last, packed, added + s * n * B, monitor,
                        [&](Index I, Index J) { return tile_of(s, I, J); });
        if constexpr (requires { tile_of.done(s); })
            tile_of.done(s);
    };
    parallel_for(shares, threads, monitor, share);
    parallel_for(tiling.panels, threads, monitor, [&](Index I) {
        for (int b = 0; b < B; ++b)
            for (Index r = I * edge; r < I * edge + tiling.rows(I); ++r) {
                double total = 0.0;
                for (Index s = 0; s < shares; ++s)
                    total += added[(s * B + b) * n + r];
                Y[b * n + r] = total;
            }
    });
}

// Any number of vectors: four at a time, then two, then one.
template <class T, class TileOf>
void symmetric_product(const Tiling& tiling, const double* V, double* Y, Index b, int threads,
                       Monitor& monitor, const TileOf& tile_of) {
    const Index n = tiling.n;
    while (b > 0) {
        const Index step = b >= 4 ? 4 : b >= 2 ? 2 : 1;
        if (step == 4)
            symmetric_product<T, 4>(tiling, V, Y, threads, monitor, tile_of);
        else if (step == 2)
            symmetric_product<T, 2>(tiling, V, Y, threads, monitor, tile_of);
        else
            symmetric_product<T, 1>(tiling, V, Y, threads, monitor, tile_of);
        V += step * n;
        Y += step * n;
        b -= step;
    }
}

} // namespace mehler
