// Packed lower tiles of several kernels of the same points, from one stream of cosines.
//
// The walk over a tile's cosines is made once, and with it what the points alone decide: the
// extremes of each stretch, and the deficits of near pairs. Every profile is then applied while the
// stretch is in cache. Invariant: each matrix is that of a fill of its own, bit for bit.
#pragma once
#include "gram/packed.hpp"

namespace mehler {

using Profiles = std::vector<std::shared_ptr<const Profile>>;

// One matrix a profile; tops: no entry is larger.
template <class T>
std::vector<std::shared_ptr<PackedGram<T>>>
fill_many(const std::shared_ptr<const Points>& points, const Profiles& profiles,
          const std::vector<double>& tops, int threads, Monitor& monitor) {
    constexpr Index edge = Tiling::edge;
    const Tiling tiling(points->n());
    const Index tiles = tiling.tiles();
    std::vector<Buffer<T>> data;
    std::vector<Scale<T>> scales;
    for (std::size_t k = 0; k < profiles.size(); ++k) {
        data.emplace_back(tiling.entries());
        scales.emplace_back(tops[k]);
    }
    monitor.phase("fill", tiles);
    std::vector<Pairs> seen(static_cast<std::size_t>(tiling.panels));
    std::vector<std::mutex> guards(static_cast<std::size_t>(tiling.panels));
    parallel_for(tiles, threads, monitor, [&](Index t) {
        thread_local Buffer<double> work(edge * edge);
        Index I, J;
        tiling.tile(tiles - 1 - t, I, J); // the longest panels first
        const Index rows = tiling.rows(I), columns = tiling.columns(I, J);
        const Index used = J < I ? edge : rows, at = tiling.offset(I, J);
        if (I == J || rows % strip)
            for (Buffer<T>& K : data)
                std::fill(K.data() + at, K.data() + at + tiling.height(I) * columns, T(0));
        Pairs mine;
        const Points& P = *points;
        const TileRange tile{I * edge, rows, J * edge, used};
        double h[Cosines::stretch];
        walk_tile(P, P, true, tile, work.data(), &mine, [&](const Stretch& s) {
            for (std::size_t k = 0; k < profiles.size(); ++k) {
                entries(*profiles[k], P, P, tile, s, h);
                put_stretch(data[k].data() + at, columns, s.r, s.start, s.count, h, scales[k],
                            {I * edge, J * edge});
            }
        });
        if (I == J)
            for (Buffer<T>& K : data)
                mirror(K.data() + at, rows, columns);
        monitor.done.fetch_add(1, std::memory_order_relaxed);
        const std::lock_guard lock(guards[static_cast<std::size_t>(I)]);
        seen[static_cast<std::size_t>(I)].merge(mine);
    });
    Pairs pairs;
    for (const Pairs& p : seen)
        pairs.merge(p);
    pairs.order();
    std::vector<std::shared_ptr<PackedGram<T>>> made;
    for (std::size_t k = 0; k < profiles.size(); ++k)
        made.push_back(std::make_shared<PackedGram<T>>(points, profiles[k], scales[k],
                                                       std::move(data[k]), pairs));
    return made;
}

} // namespace mehler
