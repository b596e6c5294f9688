// Tile (I, J) of a factor made whole by one thread,
//
//   A_IJ -= L_Ik L_Jk^t   k = first, ..., J-1,   then   L_IJ = A_IJ L_JJ^-t   (L_JJ = chol A_JJ),
//
// each update as soon as what it needs is there. `Tiles` says where tiles lie, whole(I, J), which
// gate opens when one is made, gate(I, J), how the product is subtracted, subtract(C, I, J, k), and
// what becomes of a tile that is made, finish(I, J).
#pragma once
#include "core/parallel.hpp"
#include "gram/cholesky_tile.hpp"

namespace mehler {

// Where a factorisation ended: the diagonal tile, the column in it, and the pivot there.
struct Breakdown {
    Index tile = -1, column = -1;
    double pivot = 0.0;
};

// C -= L_Ik L_Jk^t of tiles that are as they came.
template <class T, class Tiles>
void subtract_whole(Tiles& tiles, Tile<T> C, Index I, Index J, Index k) {
    if (I == J)
        update_diagonal<T>(C, tiles.whole(I, k));
    else
        update<T>(C, tiles.whole(I, k), tiles.whole(J, k));
}

template <class T, class Tiles>
void make_tile(Tiles& tiles, Index first, Index I, Index J, Gates& gates, Monitor& monitor,
               Breakdown& breakdown) {
    Tile<T> C = tiles.whole(I, J);
    for (Index k = first; k < J; ++k) {
        gates.pass(tiles.gate(J, k));
        gates.pass(tiles.gate(I, k));
        tiles.subtract(C, I, J, k);
        monitor.done.fetch_add(1, std::memory_order_relaxed);
    }
    if (I == J) {
        double pivot = 0.0;
        const Index failed = factor_tile(C.data(), C.outerStride(), C.rows(), pivot);
        if (failed >= 0) { // the first in order: no later diagonal tile is made without this one
            breakdown = {I, failed, pivot};
            gates.cancel();
        }
    } else {
        gates.pass(tiles.gate(J, J));
        const Tile<T> L = tiles.whole(J, J);
        divide<T>(L.data(), L.outerStride(), C.data(), C.outerStride(), C.rows(), C.cols());
    }
    tiles.finish(I, J);
    monitor.done.fetch_add(1, std::memory_order_relaxed);
    gates.open(tiles.gate(I, J));
}

} // namespace mehler
