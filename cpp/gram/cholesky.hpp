// K - s I = L L^t on packed lower tiles, in place, in float64 or float32.
//
// Panel I holds rows [I edge, I edge + rows(I)) as one column-major matrix: its tiles J = 0..I lie
// one after another. Tile (I, J) is made whole by one thread,
//
//   A_IJ -= L_Ik L_Jk^t   k = 0, 1, ..., J-1,   then   L_IJ = A_IJ L_JJ^-t   (L_JJ = chol A_JJ),
//
// tiles in the order of columns, each update as soon as what it needs is there. The order of the
// sums is fixed, so the factor does not depend on the number of threads; the diagonal tile of a
// column comes first and costs half of the others, so they do not wait for it.
#pragma once
#include <limits>
#include <memory>

#include "core/operator.hpp"
#include "gram/cholesky_tile.hpp"
#include "gram/packed.hpp"
#include "gram/tiling.hpp"
#include "gram/triangular.hpp"
#include "kernel/tile.hpp"

namespace mehler {

struct FactorTiling {
    explicit FactorTiling(Index n_) : FactorTiling(n_, n_ < 3072 ? 256 : 512) {}
    FactorTiling(Index n_, Index edge_) : n(n_), edge(edge_), panels((n_ + edge_ - 1) / edge_) {}

    Index rows(Index I) const { return std::min(edge, n - I * edge); }
    Index tiles() const { return panels * (panels + 1) / 2; }
    Index number(Index I, Index J) const { return I * (I + 1) / 2 + J; }
    Index offset(Index I, Index J) const { // all panels before I are whole
        return edge * edge * number(I, 0) + J * edge * rows(I);
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

    Index n, edge, panels;
};

template <class T>
class TiledCholesky final : public Solver {
public:
    // Filled with K - shift I of points; not yet factored.
    TiledCholesky(const Points& points, const Profile& profile, double shift, int threads,
                  Monitor& monitor)
        : shift_(shift), tiling_(points.n()), data_(tiling_.entries()) {
        const Tiling fine(tiling_.n);
        const Index tiles = fine.tiles();
        monitor.phase("fill", tiles);
        std::vector<Pairs> seen(static_cast<std::size_t>(fine.panels));
        std::vector<std::mutex> guards(static_cast<std::size_t>(fine.panels));
        std::vector<double> squares(static_cast<std::size_t>(tiles));
        parallel_for(tiles, threads, monitor, [&](Index t) {
            constexpr Index edge = Tiling::edge;
            thread_local Buffer<double> work(edge * edge);
            thread_local Buffer<T> tile(edge * edge);
            Index I, J;
            fine.tile(tiles - 1 - t, I, J);
            Pairs mine;
            double& square = squares[static_cast<std::size_t>(t)];
            const TileRange at{I * edge, fine.rows(I), J * edge, fine.rows(J)};
            fill_tile(points, points, true, profile, at, work.data(), &mine,
                      [&](Index r, Index start, Index count, const double* values) {
                          for (Index c = 0; c < count; ++c) {
                              tile[r * edge + start + c] = static_cast<T>(values[c]);
                              square += (I == J ? 1.0 : 2.0) * values[c] * values[c];
                          }
                          if (I == J && r >= start && r < start + count)
                              tile[r * edge + r] = static_cast<T>(values[r - start] - shift);
                      });
            put(at, tile.data());
            monitor.done.fetch_add(1, std::memory_order_relaxed);
            const std::lock_guard lock(guards[static_cast<std::size_t>(I)]);
            seen[static_cast<std::size_t>(I)].merge(mine);
        });
        for (const Pairs& p : seen)
            pairs_.merge(p);
        pairs_.order();
        frobenius_ = root_of_sum(squares);
    }

    // Filled with K, packed in the same precision; the tiles are those of a fill from points.
    TiledCholesky(const PackedGram<T>& K, int threads, Monitor& monitor)
        : shift_(0.0), tiling_(K.size()), data_(tiling_.entries()), pairs_(K.pairs()) {
        const Tiling fine(tiling_.n);
        parallel_for(fine.tiles(), threads, monitor, [&](Index t) {
            constexpr Index edge = Tiling::edge;
            thread_local Buffer<T> tile(edge * edge);
            Index I, J;
            fine.tile(t, I, J);
            const TileRange at{I * edge, fine.rows(I), J * edge, fine.rows(J)};
            const Index columns = fine.columns(I, J);
            for (Index r = 0; r < at.rows; ++r)
                for (Index c = 0; c < at.columns; c += line<T>)
                    std::copy_n(K.tile(I, J) + Tiling::within<T>(r, c, columns),
                                std::min(line<T>, at.columns - c), tile.data() + r * edge + c);
            put(at, tile.data());
        });
        frobenius_ = K.frobenius(threads, monitor);
    }

    // Filled with A - shift I of a dense symmetric A (n, n).
    TiledCholesky(const double* A, Index n, double shift, int threads, Monitor& monitor)
        : shift_(shift), tiling_(n), data_(tiling_.entries()) {
        monitor.phase("fill", tiling_.tiles());
        std::vector<double> squares(static_cast<std::size_t>(tiling_.tiles()));
        parallel_for(tiling_.tiles(), threads, monitor, [&](Index t) {
            Index I, J;
            tiling_.by_columns(t, I, J);
            T* out = tile(I, J);
            const Index rows = tiling_.rows(I), i = I * tiling_.edge, j = J * tiling_.edge;
            for (Index c = 0; c < tiling_.rows(J); ++c) {
                const double* column = A + (j + c) * n + i; // row j + c, which is also column
                for (Index r = 0; r < rows; ++r) {
                    out[c * rows + r] = static_cast<T>(column[r]);
                    squares[static_cast<std::size_t>(t)] +=
                        (I == J ? 1.0 : 2.0) * column[r] * column[r];
                }
                if (I == J)
                    out[c * rows + c] = static_cast<T>(column[c] - shift);
            }
            monitor.done.fetch_add(1, std::memory_order_relaxed);
        });
        frobenius_ = root_of_sum(squares);
    }

    // The principal block of panels [first, first + count) of K - shift I, not yet factored.
    TiledCholesky(const TiledCholesky& K, Index first, Index count)
        : shift_(K.shift_), tiling_(K.rows_of(first, count), K.tiling_.edge),
          data_(tiling_.entries()) {
        K.check_filled();
        for (Index I = 0; I < count; ++I) // tiles of a panel lie one after another
            std::copy_n(K.tile(first + I, first),
                        tiling_.rows(I) * (I * tiling_.edge + tiling_.rows(I)), tile(I, 0));
        frobenius_ = K.frobenius_;
    }

    // Not yet factored: K - (shift + by) I in place of K - shift I.
    void lower(double by) {
        check_filled();
        shift_ += by;
        for (Index I = 0; I < tiling_.panels; ++I)
            for (Index c = 0, rows = tiling_.rows(I); c < rows; ++c) {
                T& x = tile(I, I)[c * rows + c];
                x = static_cast<T>(static_cast<double>(x) - by);
            }
    }

    // Not yet factored: the least of (K_ii + K_jj) / 2 - |K_ij|, the quotients of (e_i +- e_j) /
    // sqrt 2. No smallest eigenvalue lies above it.
    double pair_bound(int threads, Monitor& monitor) const {
        check_filled();
        std::vector<double> least(static_cast<std::size_t>(tiling_.tiles()));
        parallel_for(tiling_.tiles(), threads, monitor, [&](Index t) {
            Index I, J;
            tiling_.by_columns(t, I, J);
            const Index rows = tiling_.rows(I), across = tiling_.rows(J);
            const T *here = tile(I, I), *there = tile(J, J), *entry = tile(I, J);
            Buffer<T> diagonal(rows);
            for (Index r = 0; r < rows; ++r)
                diagonal[r] = here[r * rows + r];
            T best = std::numeric_limits<T>::infinity();
            for (Index c = 0; c < across; ++c) {
                const T d = there[c * across + c];
                for (Index r = I == J ? c + 1 : 0; r < rows; ++r)
                    best =
                        std::min(best, T(0.5) * (diagonal[r] + d) - std::fabs(entry[c * rows + r]));
            }
            least[static_cast<std::size_t>(t)] = static_cast<double>(best);
        });
        return shift_ + *std::min_element(least.begin(), least.end());
    }

    // Bytes that n points will take.
    static Index bytes_for(Index n) {
        return FactorTiling(n).entries() * static_cast<Index>(sizeof(T));
    }

    // Edge of the tiles of n points: what the certificate counts roundings by.
    static Index edge_for(Index n) { return FactorTiling(n).edge; }

    Index size() const override { return tiling_.n; }
    Index bytes() const override { return data_.bytes(); }
    double shift() const override { return shift_; }
    double frobenius() const { return frobenius_; } // |K|_F
    Index panels() const { return tiling_.panels; }
    const Pairs& pairs() const { return pairs_; }
    bool complete() const { return complete_; }
    // Where the factorisation ended: K - shift I, rounded to T, has an eigenvalue <= 0.
    Index column() const { return column_; } // -1: it did not
    double pivot() const { return pivot_; }

    void factor(int threads, Monitor& monitor) {
        const Index N = tiling_.panels;
        monitor.phase("factor", N * (N + 1) * (N + 2) / 6);
        complete_ = parallel_pipeline(tiling_.tiles(), tiling_.tiles(), threads, monitor,
                                      [&](Index t, Gates& gates) {
                                          Index I, J;
                                          tiling_.by_columns(t, I, J);
                                          make_tile(I, J, gates, monitor);
                                      });
    }

    // Y = L^-1 Y, then X = L^-t Y, four vectors at a time.
    void solve(const double* B, double* X, Index b, int threads, Monitor& monitor) const override {
        if (!complete_)
            throw std::logic_error("the factor is not complete");
        const Index n = tiling_.n;
        if (bytes() < alone)
            threads = 1;
        if (X != B)
            std::copy(B, B + n * b, X);
        for (; b > 0;) {
            const Index step = b >= 4 ? 4 : b >= 2 ? 2 : 1;
            if (step == 4)
                solve_block<4>(X, threads, monitor);
            else if (step == 2)
                solve_block<2>(X, threads, monitor);
            else
                solve_block<1>(X, threads, monitor);
            X += step * n;
            b -= step;
        }
    }

    // L (n, n) row-major, zeros above the diagonal.
    void dense(T* out) const {
        const Index n = tiling_.n;
        std::fill(out, out + n * n, T(0));
        for (Index I = 0; I < tiling_.panels; ++I)
            for (Index r = 0, i = I * tiling_.edge; r < tiling_.rows(I); ++r, ++i)
                for (Index j = 0; j <= i; ++j)
                    out[i * n + j] = data_[tiling_.offset(I, 0) + j * tiling_.rows(I) + r];
    }

private:
    // A factor that a cache holds is read faster than threads meet.
    static constexpr Index alone = Index{12} << 20;

    void check_filled() const {
        if (complete_ || column_ >= 0)
            throw std::logic_error("the tiles were factored before");
    }
    Index rows_of(Index first, Index count) const {
        if (first < 0 || count < 1 || first + count > tiling_.panels)
            throw std::out_of_range("no such panels");
        return (count - 1) * tiling_.edge + tiling_.rows(first + count - 1);
    }
    static double root_of_sum(const std::vector<double>& squares) {
        double total = 0.0;
        for (double s : squares)
            total += s;
        return std::sqrt(total);
    }
    T* tile(Index I, Index J) { return data_.data() + tiling_.offset(I, J); }
    const T* tile(Index I, Index J) const { return data_.data() + tiling_.offset(I, J); }
    Tile<T> whole(Index I, Index J) {
        return part(tile(I, J), tiling_.rows(I), 0, 0, tiling_.rows(I), tiling_.rows(J));
    }

    // A fine tile, rows in cache, to its place; what lies above the diagonal of a tile is zero.
    void put(const TileRange& at, const T* fine) {
        constexpr Index edge = Tiling::edge, block = 16;
        const Index I = at.row / tiling_.edge, J = at.column / tiling_.edge, ld = tiling_.rows(I);
        const Index down = at.row - I * tiling_.edge, across = at.column - J * tiling_.edge;
        T* out = tile(I, J) + across * ld + down;
        for (Index c = 0; c < at.columns; c += block)
            for (Index r = 0; r < at.rows; r += block)
                for (Index k = c; k < std::min(c + block, at.columns); ++k)
                    for (Index l = r; l < std::min(r + block, at.rows); ++l)
                        out[k * ld + l] = fine[l * edge + k];
        if (I == J && at.row != at.column)
            for (Index c = 0; c < at.rows; ++c)
                std::fill_n(tile(I, J) + (down + c) * ld + across, at.columns, T(0));
    }

    void make_tile(Index I, Index J, Gates& gates, Monitor& monitor) {
        for (Index k = 0; k < J; ++k) {
            gates.pass(tiling_.number(J, k));
            gates.pass(tiling_.number(I, k));
            if (I == J)
                update_diagonal<T>(whole(I, I), whole(I, k));
            else
                update<T>(whole(I, J), whole(I, k), whole(J, k));
            monitor.done.fetch_add(1, std::memory_order_relaxed);
        }
        const Index rows = tiling_.rows(I);
        if (I == J) {
            const Index failed = factor_tile(tile(I, I), rows, rows, pivot_);
            if (failed >= 0) {
                column_ = I * tiling_.edge + failed;
                gates.cancel();
            }
        } else {
            gates.pass(tiling_.number(J, J));
            divide<T>(tile(J, J), tiling_.rows(J), tile(I, J), rows, rows, tiling_.rows(J));
        }
        monitor.done.fetch_add(1, std::memory_order_relaxed);
        gates.open(tiling_.number(I, J));
    }

    template <int B>
    void solve_block(double* X, int threads, Monitor& monitor) const {
        const Index n = tiling_.n, N = tiling_.panels, edge = tiling_.edge;
        parallel_pipeline(N, N, threads, monitor, [&](Index I, Gates& gates) {
            const Index rows = tiling_.rows(I);
            double* y = X + I * edge;
            for (Index J = 0; J < I; ++J) {
                gates.pass(J);
                forward<T, B>(tile(I, J), rows, rows, edge, X + J * edge, y, n);
            }
            forward_diagonal<T, B>(tile(I, I), rows, rows, y, n);
            gates.open(I);
        });
        parallel_pipeline(N, N, threads, monitor, [&](Index p, Gates& gates) {
            const Index J = N - 1 - p;
            double* x = X + J * edge;
            for (Index I = N - 1; I > J; --I) {
                gates.pass(I);
                backward<T, B>(tile(I, J), tiling_.rows(I), tiling_.rows(I), edge, x, X + I * edge,
                               n);
            }
            backward_diagonal<T, B>(tile(J, J), tiling_.rows(J), tiling_.rows(J), x, n);
            gates.open(J);
        });
    }

    double shift_;
    FactorTiling tiling_;
    Buffer<T> data_;
    Pairs pairs_;
    bool complete_ = false;
    Index column_ = -1;
    double pivot_ = 0.0, frobenius_ = 0.0;
};

} // namespace mehler
