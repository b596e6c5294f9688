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
//
// In float32 the tiles of a factor may be kept in integers of 16 bits (short_tile.hpp), in their
// places: the products, which are nearly all of the work, take half of the time, and the solves
// read half of the bytes. Diagonal tiles stay as they are, and so does the first half of the
// first tiles, which holds what points have in common and would be rounded most. As each product
// takes the entries that are kept, L L^t differs from K - s I by the rounding of a tile times its
// diagonal tile: an error that does not grow with the number of tiles.
#pragma once
#include <limits>
#include <memory>

#include "core/operator.hpp"
#include "gram/factor_tiling.hpp"
#include "gram/make_tile.hpp"
#include "gram/packed.hpp"
#include "gram/short_tile.hpp"
#include "gram/triangular.hpp"

namespace mehler {

template <class T>
class TiledCholesky final : public Solver {
public:
    // Filled with K - shift I of points; not yet factored.
    TiledCholesky(const Points& points, const Profile& profile, double shift, int threads,
                  Monitor& monitor)
        : TiledCholesky(points, profile, shift, FactorTiling(points.n()), 0, threads, monitor) {}

    // The same of the points from `first` on that a tiling holds.
    TiledCholesky(const Points& points, const Profile& profile, double shift,
                  const FactorTiling& tiling, Index first, int threads, Monitor& monitor)
        : shift_(shift), tiling_(tiling), data_(tiling_.entries()) {
        const Tiling fine(tiling_.n);
        const Index tiles = fine.tiles();
        monitor.phase("fill", tiles);
        std::vector<Pairs> seen(static_cast<std::size_t>(fine.panels));
        std::vector<std::mutex> guards(static_cast<std::size_t>(fine.panels));
        std::vector<double> squares(static_cast<std::size_t>(tiles));
        parallel_for(tiles, threads, monitor, [&](Index t) {
            constexpr Index edge = Tiling::edge;
            thread_local Buffer<T> tile(edge * edge);
            Index I, J;
            fine.tile(tiles - 1 - t, I, J);
            Pairs mine;
            TileRange at{I * edge, fine.rows(I), J * edge, fine.rows(J)};
            fill_fine(points, profile, shift,
                      {first + at.row, at.rows, first + at.column, at.columns}, tile.data(), &mine,
                      squares[static_cast<std::size_t>(t)]);
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
                        tiling_.room(I) * I * tiling_.edge + tiling_.rows(I) * tiling_.rows(I),
                        tile(I, 0));
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
    Index bytes() const override { return data_.bytes() + scales_.bytes(); }
    double shift() const override { return shift_; }
    double frobenius() const { return frobenius_; } // |K|_F
    Index panels() const { return tiling_.panels; }
    const Pairs& pairs() const { return pairs_; }
    bool complete() const { return complete_; }
    // Where the factorisation ended: K - shift I, rounded to T, has an eigenvalue <= 0.
    Index column() const { return column_; } // -1: it did not
    double pivot() const { return pivot_; }

    // Not yet factored: the largest entry of K - shift I.
    double largest() const {
        check_filled();
        double most = 0.0;
        for (Index I = 0; I < tiling_.panels; ++I)
            for (Index c = 0, rows = tiling_.rows(I); c < rows; ++c)
                most = std::max(most, static_cast<double>(tile(I, I)[c * rows + c]));
        return most;
    }

    void factor(int threads, Monitor& monitor, bool shorten = false) {
        const Index N = tiling_.panels;
        Breakdown at;
        if (shorten && N > 1) {
            if constexpr (!may_shorten)
                throw std::logic_error("16-bit tiles are made of float32");
            shortened_ = true;
            scales_ = Buffer<float>(tiling_.tiles() * tiling_.edge);
            scale_squares_.assign(static_cast<std::size_t>(tiling_.tiles()), 0.0);
        }
        monitor.phase("factor", N * (N + 1) * (N + 2) / 6);
        complete_ = parallel_pipeline(tiling_.tiles(), tiling_.tiles(), threads, monitor,
                                      [&](Index t, Gates& gates) {
                                          Index I, J;
                                          tiling_.by_columns(t, I, J);
                                          make_tile<T>(*this, 0, I, J, gates, monitor, at);
                                      });
        if (at.tile >= 0)
            column_ = at.tile * tiling_.edge + at.column;
        pivot_ = at.pivot;
        if (shortened_ && complete_)
            blur_ = measured_blur();
    }

    bool shortened() const { return shortened_; }
    // An estimate of |E|, L L^t = K - s I + E, of what 16-bit tiles leave; 0 without them.
    double blur() const { return blur_; }

    // What make_tile needs to know.
    Tile<T> whole(Index I, Index J) {
        return part(tile(I, J), tiling_.rows(I), 0, 0, tiling_.rows(I), tiling_.rows(J));
    }
    Index gate(Index I, Index J) const { return tiling_.number(I, J); }
    void subtract(Tile<T> C, Index I, Index J, Index k) {
        if constexpr (may_shorten)
            if (is_short(I, k)) {
                if (whole_columns(k) > 0) {
                    if (I == J)
                        update_diagonal<T>(C, first_columns(I, k));
                    else
                        update<T>(C, first_columns(I, k), first_columns(J, k));
                }
                subtract_shorts(C, short_tile(I, k), short_tile(J, k), I == J);
                return;
            }
        subtract_whole<T>(*this, C, I, J, k);
    }
    void finish(Index I, Index J) {
        if constexpr (may_shorten)
            if (is_short(I, J)) {
                const Index rows = tiling_.rows(I), whole = whole_columns(J);
                const Index columns = tiling_.rows(J) - whole;
                T* const from = tile(I, J) + whole * rows;
                const Index count = ShortTile::entries(rows, columns);
                thread_local Buffer<Short> entries(tiling_.edge * tiling_.edge);
                if (entries.size() < count)
                    entries = Buffer<Short>(count);
                scale_squares_[static_cast<std::size_t>(tiling_.number(I, J))] =
                    shorten(from, rows, columns, entries.data(), scale(I, J));
                std::memcpy(from, entries.data(), static_cast<std::size_t>(count) * sizeof(Short));
            }
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
                    out[i * n + j] = entry(I, r, j);
    }

private:
    // A factor that a cache holds is read faster than threads meet.
    static constexpr Index alone = Index{12} << 20;

    static constexpr bool may_shorten = std::is_same_v<T, float>;
    bool is_short(Index I, Index J) const { return shortened_ && I > J; }
    // Of a short tile: its first columns, which are not.
    Index whole_columns(Index J) const { return J == 0 ? tiling_.edge / 2 : 0; }
    Tile<T> first_columns(Index I, Index J) {
        return part(tile(I, J), tiling_.rows(I), 0, 0, tiling_.rows(I), whole_columns(J));
    }
    float* scale(Index I, Index J) { return scales_.data() + tiling_.number(I, J) * tiling_.edge; }
    ShortTile short_tile(Index I, Index J) const {
        const Index rows = tiling_.rows(I), whole = whole_columns(J);
        return {reinterpret_cast<const Short*>(tile(I, J) + whole * rows),
                scales_.data() + tiling_.number(I, J) * tiling_.edge, rows,
                tiling_.rows(J) - whole};
    }
    T entry(Index I, Index r, Index j) const { // of L, in row r of panel I and column j
        const Index J = j / tiling_.edge, c = j % tiling_.edge;
        if constexpr (may_shorten)
            if (is_short(I, J) && c >= whole_columns(J))
                return widened(short_tile(I, J), r, c - whole_columns(J));
        return tile(I, J)[c * tiling_.rows(I) + r];
    }

    // Tile (I, J) leaves D_IJ L_JJ^t, entries of D independent and of the variance scale^2 / 12: of
    // such a matrix with m rows |D L^t| is about sqrt(m) |L| + |L|_F deviations. Columns of tiles
    // give the first term, each its own, rows of tiles the second.
    double measured_blur() const {
        const Index N = tiling_.panels;
        std::vector<double> across(static_cast<std::size_t>(N));
        double down = 0.0;
        for (Index J = 0; J + 1 < N; ++J) {
            double total = 0.0, square = 0.0, wide = 0.0;
            diagonal_squares(J, square, wide);
            for (Index I = J + 1; I < N; ++I) {
                const double scale = scale_squares_[static_cast<std::size_t>(tiling_.number(I, J))];
                total += scale;
                across[static_cast<std::size_t>(I)] +=
                    scale / static_cast<double>(tiling_.rows(I)) * wide;
            }
            down = std::max(down, total * square);
        }
        const double right = *std::max_element(across.begin(), across.end());
        return (std::sqrt(down) + std::sqrt(right)) / std::sqrt(12.0);
    }
    // |L_JJ|^2, by the power method, and |L_JJ|_F^2, of its columns that short tiles multiply.
    void diagonal_squares(Index J, double& square, double& frobenius) const {
        const Index rows = tiling_.rows(J), whole = whole_columns(J), n = rows - whole;
        const Tile<T> tail = part(const_cast<T*>(tile(J, J)), rows, whole, whole, n, n);
        const Eigen::MatrixXd L =
            tail.template cast<double>().template triangularView<Eigen::Lower>();
        Eigen::VectorXd v(n);
        for (Index r = 0; r < n; ++r)
            v[r] = 1.0 + 0.5 * std::cos(static_cast<double>(r * r));
        for (int step = 0; step < 8 && v.norm() > 0.0; ++step) {
            v = L * (L.transpose() * v.normalized()).eval();
            square = 1.2 * v.norm(); // eight steps end below it
        }
        frobenius = L.squaredNorm();
    }

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
    void put(const TileRange& at, const T* fine) {
        put_fine(tiling_, at, fine, tile(at.row / tiling_.edge, at.column / tiling_.edge));
    }

    template <int B>
    void solve_block(double* X, int threads, Monitor& monitor) const {
        const Index n = tiling_.n, N = tiling_.panels, edge = tiling_.edge;
        parallel_pipeline(N, N, threads, monitor, [&](Index I, Gates& gates) {
            const Index rows = tiling_.rows(I);
            double* y = X + I * edge;
            for (Index J = 0; J < I; ++J) {
                gates.pass(J);
                if constexpr (may_shorten)
                    if (is_short(I, J)) {
                        const Index whole = whole_columns(J);
                        forward<T, B>(tile(I, J), rows, rows, whole, X + J * edge, y, n);
                        forward<B>(short_tile(I, J), X + J * edge + whole, y, n);
                        continue;
                    }
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
                if constexpr (may_shorten)
                    if (is_short(I, J)) {
                        const Index whole = whole_columns(J), below = tiling_.rows(I);
                        const double* from = X + I * edge;
                        backward<T, B>(tile(I, J), below, below, whole, x, from, n);
                        backward<B>(short_tile(I, J), x + whole, from, n);
                        continue;
                    }
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
    Buffer<float> scales_; // of the rows of each tile, where they are short
    std::vector<double> scale_squares_;
    bool complete_ = false, shortened_ = false;
    Index column_ = -1;
    double pivot_ = 0.0, frobenius_ = 0.0, blur_ = 0.0;
};

} // namespace mehler
