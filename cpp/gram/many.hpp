// Packed lower tiles of several kernels of the same points, from one stream of cosines.
//
// The product X X^t of a tile is computed once, and with it what the points alone decide: the
// extremes of each stretch, and the deficits of near pairs. Every profile is then applied while the
// stretch is in cache. Invariant: each matrix is that of a fill of its own, bit for bit.
#pragma once
#include <array>

#include "gram/packed.hpp"

namespace mehler {

using Profiles = std::vector<std::shared_ptr<const Profile>>;

// Entries of the tile of points P for each profile, as sink(k, r, start, count, values); work holds
// rows * columns doubles. As fill_tile, for P and P.
template <class Sink>
void fill_tile_many(const Points& P, const Profiles& profiles, const TileRange& at, double* work,
                    Pairs& pairs, const Sink& sink) {
    const Index d = P.d();
    const bool few = d <= Cosines::few;
    if (!few) {
        using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        Eigen::Map<const Rows> A(P.unit() + at.row * d, at.rows, d),
            B(P.unit() + at.column * d, at.columns, d);
        Eigen::Map<Rows>(work, at.rows, at.columns).noalias() = A * B.transpose();
    }

    constexpr Index span = Cosines::stretch;
    struct Close {
        Index c;
        bool same, positive; // the diagonal; the sign of the cosine
        double deficit;
    };
    std::array<Close, span> close;
    Cosines cosines;
    double line[span], h[span];
    for (Index start = 0; start < at.columns; start += span) {
        const Index count = std::min(span, at.columns - start);
        if (few)
            cosines.turn(P.unit() + (at.column + start) * d, count, d);
        for (Index r = 0; r < at.rows; ++r) {
            const Index i = at.row + r;
            const double* rho = few ? line : work + r * at.columns + start;
            if (few)
                cosines.with(P.unit() + i * d, line);
            double high, low;
            extremes(rho, count, low, high);
            std::size_t found = 0;
            const bool some = high > 1.0 - near || low < near - 1.0;
            const bool nearest =
                1.0 - high <= pairs.nearest.deficit || 1.0 + low <= pairs.antipodal.deficit;
            for (Index c = 0; (some || nearest) && c < count; ++c) {
                const Index j = at.column + start + c;
                if (i == j) {
                    close[found++] = {c, true, true, 0.0};
                    continue;
                }
                if (1.0 - std::fabs(rho[c]) >= near) {
                    if (j < i)
                        pairs.see_far(i, j, rho[c]);
                    continue;
                }
                const bool positive = rho[c] >= 0.0;
                // always from the larger index to the smaller: exact symmetry
                const double deficit =
                    Points::deficit(P, std::max(i, j), P, std::min(i, j), positive);
                close[found++] = {c, false, positive, deficit};
                if (j < i)
                    pairs.see(i, j, positive, deficit);
            }
            const double* scales = P.scales() + at.column + start;
            const double scale = P.scale(i);
            for (std::size_t k = 0; k < profiles.size(); ++k) {
                const Profile& profile = *profiles[k];
                profile.evaluate(rho, h, count);
                for (std::size_t m = 0; m < found; ++m) {
                    const Close& at_c = close[m];
                    h[at_c.c] =
                        at_c.same ? profile.at_one() : profile.at(at_c.positive, at_c.deficit);
                }
                if (P.scaled())
                    for (Index c = 0; c < count; ++c)
                        h[c] *= scale * scales[c];
                sink(k, r, start, count, h);
            }
        }
    }
}

// One matrix a profile.
template <class T>
std::vector<std::shared_ptr<PackedGram<T>>> fill_many(const std::shared_ptr<const Points>& points,
                                                      const Profiles& profiles, int threads,
                                                      Monitor& monitor) {
    constexpr Index edge = Tiling::edge;
    const Tiling tiling(points->n());
    const Index tiles = tiling.tiles();
    std::vector<Buffer<T>> data;
    for (std::size_t k = 0; k < profiles.size(); ++k)
        data.emplace_back(tiling.entries());
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
        fill_tile_many(*points, profiles, {I * edge, rows, J * edge, used}, work.data(), mine,
                       [&](std::size_t k, Index r, Index start, Index count, const double* values) {
                           put_stretch(data[k].data() + at, columns, r, start, count, values);
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
        made.push_back(
            std::make_shared<PackedGram<T>>(points, profiles[k], std::move(data[k]), pairs));
    return made;
}

} // namespace mehler
