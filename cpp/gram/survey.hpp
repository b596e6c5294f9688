// What one look at every entry of K says, nothing kept: |K|_F, the nearest pairs, and the least of
// (K_ii + K_jj) / 2 - |K_ij|, the quotients of (e_i +- e_j) / sqrt 2. No smallest eigenvalue lies
// above that.
#pragma once
#include <cmath>
#include <limits>

#include "gram/factor_tiling.hpp"

namespace mehler {

class Survey {
public:
    Survey(const Points& points, const Profile& profile, int threads, Monitor& monitor) {
        constexpr Index edge = Tiling::edge;
        const Tiling fine(points.n());
        const Index tiles = fine.tiles();
        Buffer<double> diagonal(points.n());
        std::vector<Pairs> seen(static_cast<std::size_t>(fine.panels));
        std::vector<std::mutex> guards(static_cast<std::size_t>(fine.panels));
        std::vector<double> squares(static_cast<std::size_t>(tiles)),
            least(static_cast<std::size_t>(tiles), std::numeric_limits<double>::infinity());
        monitor.phase("survey", tiles);
        const auto look = [&](Index I, Index J, Index t) {
            thread_local Buffer<double> tile(edge * edge);
            const TileRange at{I * edge, fine.rows(I), J * edge, fine.rows(J)};
            Pairs mine;
            fill_fine(points, profile, 0.0, at, tile.data(), &mine,
                      squares[static_cast<std::size_t>(t)]);
            if (I == J)
                for (Index r = 0; r < at.rows; ++r)
                    diagonal[at.row + r] = tile[r * edge + r];
            double best = least[static_cast<std::size_t>(t)];
            for (Index r = 0; r < at.rows; ++r)
                for (Index c = 0, end = I == J ? r : at.columns; c < end; ++c)
                    best = std::min(best, 0.5 * (diagonal[at.row + r] + diagonal[at.column + c]) -
                                              std::fabs(tile[r * edge + c]));
            least[static_cast<std::size_t>(t)] = best;
            monitor.done.fetch_add(1, std::memory_order_relaxed);
            const std::lock_guard lock(guards[static_cast<std::size_t>(I)]);
            seen[static_cast<std::size_t>(I)].merge(mine);
        };
        // The diagonal first, which the others' quotients take.
        parallel_for(fine.panels, threads, monitor,
                     [&](Index I) { look(I, I, I * (I + 1) / 2 + I); });
        parallel_for(tiles, threads, monitor, [&](Index t) {
            Index I, J;
            fine.tile(tiles - 1 - t, I, J);
            if (I != J)
                look(I, J, tiles - 1 - t);
        });
        for (const Pairs& p : seen)
            pairs_.merge(p);
        pairs_.order();
        double total = 0.0;
        for (double s : squares)
            total += s;
        frobenius_ = std::sqrt(total);
        pair_bound_ = *std::min_element(least.begin(), least.end());
    }

    const Pairs& pairs() const { return pairs_; }
    double frobenius() const { return frobenius_; }
    double pair_bound() const { return pair_bound_; }

private:
    Pairs pairs_;
    double frobenius_ = 0.0, pair_bound_ = 0.0;
};

} // namespace mehler
