// Dense kernel matrices: of one set of points (symmetric to the bit), and between two sets.
#pragma once
#include "gram/packed.hpp"

namespace mehler {

// K (n, n) row-major: lower tiles, mirrored.
template <class T>
Pairs fill_dense(const Points& P, const Profile& h, T* K, int threads, Monitor& monitor) {
    constexpr Index edge = Tiling::edge;
    const Tiling tiling(P.n());
    const Index n = P.n(), tiles = tiling.tiles();
    monitor.phase("fill", tiles);
    Pairs all;
    std::vector<Pairs> seen(static_cast<std::size_t>(tiling.panels));
    std::vector<std::mutex> guards(static_cast<std::size_t>(tiling.panels));
    parallel_for(tiles, threads, monitor, [&](Index t) {
        thread_local Buffer<double> work(edge * edge);
        thread_local Buffer<T> tile(edge * edge);
        Index I, J;
        tiling.tile(tiles - 1 - t, I, J);
        Pairs mine;
        const TileRange at{I * edge, tiling.rows(I), J * edge, tiling.rows(J)};
        fill_tile(P, P, true, h, at, work.data(), &mine,
                  [&](Index r, Index start, Index count, const double* values) {
                      for (Index c = 0; c < count; ++c)
                          tile[r * edge + start + c] = static_cast<T>(values[c]);
                  });
        for (Index r = 0; r < at.rows; ++r) {
            const Index used = I == J ? r + 1 : at.columns;
            std::copy(tile.data() + r * edge, tile.data() + r * edge + used,
                      K + (at.row + r) * n + at.column);
        }
        for (Index c = 0; c < at.columns; ++c)
            for (Index r = I == J ? c + 1 : 0; r < at.rows; ++r)
                K[(at.column + c) * n + at.row + r] = tile[r * edge + c];
        monitor.done.fetch_add(1, std::memory_order_relaxed);
        const std::lock_guard lock(guards[static_cast<std::size_t>(I)]);
        seen[static_cast<std::size_t>(I)].merge(mine);
    });
    for (const Pairs& p : seen)
        all.merge(p);
    all.order();
    return all;
}

// K (n, m) row-major between points P and Q.
inline void fill_cross(const Points& P, const Points& Q, const Profile& h, double* K, int threads,
                       Monitor& monitor) {
    constexpr Index edge = Tiling::edge;
    const Index down = (P.n() + edge - 1) / edge, across = (Q.n() + edge - 1) / edge;
    parallel_for(down * across, threads, monitor, [&](Index t) {
        thread_local Buffer<double> work(edge * edge);
        const Index i = t / across * edge, j = t % across * edge;
        const TileRange at{i, std::min(edge, P.n() - i), j, std::min(edge, Q.n() - j)};
        fill_tile(P, Q, false, h, at, work.data(), nullptr,
                  [&](Index r, Index start, Index count, const double* values) {
                      std::copy(values, values + count, K + (i + r) * Q.n() + j + start);
                  });
    });
}

// A dense symmetric matrix that the user brought, as an operator; A (n, n) must outlive it.
class DenseOperator final : public Operator {
public:
    DenseOperator(const double* A, Index n) : A_(A), n_(n) {}
    Index size() const override { return n_; }
    Index bytes() const override { return n_ * n_ * 8; }
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        constexpr Index edge = 128;
        parallel_for((n_ + edge - 1) / edge, threads, monitor, [&](Index I) {
            const Index rows = std::min(edge, n_ - I * edge);
            Eigen::Map<const Rows> A(A_ + I * edge * n_, rows, n_);
            for (Index k = 0; k < b; ++k)
                Eigen::Map<Eigen::VectorXd>(Y + k * n_ + I * edge, rows).noalias() =
                    A * Eigen::Map<const Eigen::VectorXd>(V + k * n_, n_);
        });
    }

private:
    const double* A_;
    Index n_;
};

} // namespace mehler
