// K - s I = L L^t with L in a file: as many columns of tiles in memory as fit, a panel [a, b).
//
//   A_IJ  from the points                              J = a, ..., b-1,  I >= J
//   A_IJ -= L_Ik L_Jk^t        k = 0, ..., a-1, column k below a streamed from the file
//   A_IJ  made whole within the panel, written, and recorded once it has reached the disk
//
// The tiles are those of TiledCholesky, each goes through the same steps in the same order: the
// factor is the same, bit for bit, whatever the budget and the number of threads. n^3 / (6 w)
// entries are read for n^3 / 3 flops, w the width of a panel; panels grow wider as columns become
// shorter. Whatever is read is compared with its checksum before it is used.
#pragma once
#include <mutex>
#include <optional>

#include "disk/commit.hpp"
#include "disk/read_ahead.hpp"
#include "disk/tile_sums.hpp"
#include "gram/cholesky.hpp"
#include "gram/survey.hpp"

namespace mehler {

template <class T>
class OutOfCoreCholesky final : public Solver {
public:
    // points and profile must outlive this; budget: bytes that factor may take beside them.
    OutOfCoreCholesky(const Points& points, std::shared_ptr<const Profile> profile,
                      std::shared_ptr<const Survey> survey, double shift, std::string path,
                      std::array<char, FactorKey::digest_bytes> digest, Index budget)
        : points_(points), profile_(std::move(profile)), survey_(std::move(survey)), shift_(shift),
          path_(std::move(path)), digest_(digest), budget_(budget), tiling_(points.n()),
          together_(together(budget)) {
        if (budget < least_bytes(tiling_.n))
            throw std::invalid_argument("the budget holds no column of tiles");
    }

    // The smallest budget: a column of tiles, its head, and what is read ahead.
    static Index least_bytes(Index n) {
        const FactorTiling tiling(n);
        return (tiling.rows(0) * n + (1 + ReadAhead::slots) * tiling.edge * tiling.edge) *
               static_cast<Index>(sizeof(T));
    }
    static Index file_bytes(Index n) {
        return FactorTiling(n).entries() * static_cast<Index>(sizeof(T));
    }

    Index size() const override { return tiling_.n; }
    // In memory, by solves.
    Index bytes() const override { return ReadAhead::slots * together_ * tile_bytes(); }
    // In memory, by factor.
    Index most_bytes() const {
        Index most = 0;
        for (Index a = 0; a < tiling_.panels; a = panel_end(a))
            most = std::max(most, panel_bytes(a, panel_end(a)));
        return bytes() + most;
    }
    double shift() const override { return shift_; }
    const Survey& survey() const { return *survey_; }
    Index panels() const { return tiling_.panels; } // of TiledCholesky: columns of tiles
    bool complete() const { return complete_; }
    bool factored() const { return complete_ || column_ >= 0; }
    Index column() const { return column_; }
    double pivot() const { return pivot_; }

    // Columns of tiles that the file held when it was opened, bytes written and read by factor.
    Index resumed() const { return resumed_; }
    Index written() const { return written_; }
    Index read() const { return read_; }

    // Not yet factored: K - (shift + by) I.
    void lower(double by) { shift_ += by; }

    // The principal block of panels [first, first + count), in memory, not yet factored.
    std::shared_ptr<TiledCholesky<T>> block(Index first, Index count, int threads,
                                            Monitor& monitor) const {
        if (first < 0 || count < 1 || first + count > tiling_.panels)
            throw std::out_of_range("no such panels");
        const Index rows = (count - 1) * tiling_.edge + tiling_.rows(first + count - 1);
        return std::make_shared<TiledCholesky<T>>(points_, *profile_, shift_,
                                                  FactorTiling(rows, tiling_.edge),
                                                  first * tiling_.edge, threads, monitor);
    }

    void factor(int threads, Monitor& monitor) {
        const Index N = tiling_.panels;
        file_.emplace(path_, FactorKey{digest_, tiling_.n, tiling_.edge,
                                       static_cast<Index>(sizeof(T)), shift_});
        resumed_ = file_->done();
        slots_ = Buffer<char>(bytes());
        sums_.emplace(*file_, tiling_);
        verify(monitor);
        Index largest = 0, before = 0;
        for (Index a = resumed_; a < N; a = panel_end(a))
            largest = std::max(largest, panel_bytes(a, panel_end(a)));
        for (Index J = 0; J < resumed_; ++J)
            before += (N - J) * (J + 1);
        Buffer<T> space(largest / static_cast<Index>(sizeof(T)));
        monitor.phase("factor", N * (N + 1) * (N + 2) / 6);
        monitor.done.store(before);
        Commit commit(*file_);
        for (Index a = resumed_; a < N;) {
            Panel panel{tiling_, a, panel_end(a), space.data()};
            fill(panel, threads, monitor);
            update(panel, threads, monitor);
            if (!finish(panel, threads, monitor)) {
                commit.finish(monitor);
                return;
            }
            std::vector<std::uint64_t> sums = write(panel, monitor);
            commit.begin(a, std::move(sums), monitor);
            a = panel.end;
        }
        commit.finish(monitor);
        complete_ = true;
    }

    // Y = L^-1 Y down the file, X = L^-t Y up again: each column is read once for all vectors, and
    // goes through the steps of TiledCholesky in its order. Whoever works on a piece reads it, into
    // a slot of its own; the system is told which will be next.
    void solve(const double* B, double* X, Index b, int threads, Monitor& monitor) const override {
        if (!complete_)
            throw std::logic_error("the factor is not complete");
        const std::lock_guard lock(busy_); // there is one space to read into
        const Index n = tiling_.n, N = tiling_.panels;
        const int most = static_cast<int>(std::min<Index>(threads, ReadAhead::slots * together_));
        if (X != B)
            std::copy(B, B + n * b, X);
        for (Index J = 0; J < N; ++J)
            go_down(J, X, b, most, monitor);
        for (Index J = N; J-- > 0;)
            for (Index end = N; end > J; end -= std::min(together_, end - J))
                go_up({J, std::max(J, end - together_), end}, X, b, most, monitor);
    }

private:
    // Tiles [first, end) of column J, as they are read.
    struct Part {
        Index J, first, end;
    };
    // Columns [first, end), in memory as in the file.
    struct Panel {
        const FactorTiling& tiling;
        Index first, end;
        T* data;

        T* tile(Index I, Index J) const {
            return data + tiling.column_offset(I, J) - tiling.column_offset(first, first);
        }
        Tile<T> whole(Index I, Index J) const {
            return part(tile(I, J), tiling.rows(I), 0, 0, tiling.rows(I), tiling.rows(J));
        }
        Index gate(Index I, Index J) const { return (J - first) * tiling.panels + I; }
        void subtract(Tile<T> C, Index I, Index J, Index k) const {
            subtract_whole<T>(*this, C, I, J, k);
        }
        void finish(Index, Index) const {}
    };

    Index tile_bytes() const { return tiling_.edge * tiling_.edge * static_cast<Index>(sizeof(T)); }
    Index slot_bytes() const { return together_ * tile_bytes(); }
    Index tiles_bytes(Index J, Index first, Index end) const {
        return (std::min(end * tiling_.edge, tiling_.n) - first * tiling_.edge) * tiling_.rows(J) *
               static_cast<Index>(sizeof(T));
    }
    Block block_of(const Part& p) const {
        return {file_->offset(p.first, p.J), tiles_bytes(p.J, p.first, p.end)};
    }
    // Tiles in a block: an eighth of the budget for what is read ahead, no more than is of use, and
    // one column beside it.
    Index together(Index budget) const {
        const Index blocks = ReadAhead::slots * tile_bytes();
        return std::clamp<Index>(std::min(budget / 8, budget - panel_bytes(0, 1)) / blocks, 1, 8);
    }
    // Bytes of columns [a, b) and of the tiles that head them.
    Index panel_bytes(Index a, Index b) const {
        Index bytes = (b - a) * tile_bytes();
        for (Index J = a; J < b; ++J)
            bytes += tiles_bytes(J, J, tiling_.panels);
        return bytes;
    }
    Index panel_end(Index a) const {
        Index b = a + 1;
        while (b < tiling_.panels && bytes() + panel_bytes(a, b + 1) <= budget_)
            ++b;
        return b;
    }

    // What an earlier run left is what it wrote.
    void verify(Monitor& monitor) {
        std::vector<Part> parts;
        std::vector<Block> blocks;
        for (Index J = 0; J < resumed_; ++J)
            for (Index I = J; I < tiling_.panels; I += together_) {
                parts.push_back({J, I, std::min(I + together_, tiling_.panels)});
                blocks.push_back(block_of(parts.back()));
            }
        monitor.phase("verify", static_cast<Index>(parts.size()));
        ReadAhead ahead(*file_, blocks, slots_.data(), slot_bytes());
        std::uint64_t sum = 0;
        for (const Part& p : parts) {
            sum = sums_->note(p.J, p.first, p.end, ahead.next(monitor), sum);
            monitor.done.fetch_add(1, std::memory_order_relaxed);
            if (p.end < tiling_.panels)
                continue;
            if (sum != file_->sum(p.J))
                sums_->altered(p.J);
            sum = 0;
        }
    }
    void fill(const Panel& panel, int threads, Monitor& monitor) const {
        constexpr Index edge = Tiling::edge;
        const Tiling fine(tiling_.n);
        const Index scale = tiling_.edge / edge, first = panel.first * scale;
        std::vector<std::pair<Index, Index>> tiles;
        for (Index J = first; J < std::min(panel.end * scale, fine.panels); ++J)
            for (Index I = J; I < fine.panels; ++I)
                tiles.emplace_back(I, J);
        parallel_for(static_cast<Index>(tiles.size()), threads, monitor, [&](Index t) {
            thread_local Buffer<T> tile(edge * edge);
            const auto [I, J] = tiles[static_cast<std::size_t>(t)];
            const TileRange at{I * edge, fine.rows(I), J * edge, fine.rows(J)};
            double square = 0.0; // the survey has it, and the pairs
            fill_fine<T>(points_, *profile_, shift_, at, tile.data(), nullptr, square);
            put_fine(tiling_, at, tile.data(), panel.tile(I / scale, J / scale));
        });
    }

    // A_IJ -= L_Ik L_Jk^t for the columns k before the panel.
    void update(const Panel& panel, int threads, Monitor& monitor) {
        const Index N = tiling_.panels, a = panel.first;
        std::vector<Part> parts;
        std::vector<Block> blocks;
        for (Index k = 0; k < a; ++k)
            for (Index I = a; I < N; I += together_) {
                parts.push_back({k, I, std::min(I + together_, N)});
                blocks.push_back(block_of(parts.back()));
                read_ += blocks.back().bytes;
            }
        T* const heads = panel.data + (panel_bytes(a, panel.end) / static_cast<Index>(sizeof(T)) -
                                       (panel.end - a) * tiling_.edge * tiling_.edge);
        ReadAhead ahead(*file_, std::move(blocks), slots_.data(), slot_bytes());
        std::vector<std::pair<Index, Index>> pieces;
        for (const Part& p : parts) {
            T* const tiles = reinterpret_cast<T*>(const_cast<char*>(ahead.next(monitor)));
            const Index k = p.J, size = tiling_.edge * tiling_.edge; // of all but the last
            parallel_for(p.end - p.first, threads, monitor, [&](Index t) {
                const Index I = p.first + t;
                sums_->compare(I, k, reinterpret_cast<const char*>(tiles + t * size));
            });
            const auto at = [&](T* data, Index I) {
                return part(data, tiling_.rows(I), 0, 0, tiling_.rows(I), tiling_.rows(k));
            };
            pieces.clear();
            for (Index I = p.first; I < p.end; ++I) {
                if (I < panel.end)
                    std::copy_n(tiles + (I - p.first) * size, tiling_.rows(I) * tiling_.rows(k),
                                heads + (I - a) * size);
                for (Index J = a; J <= std::min(I, panel.end - 1); ++J)
                    pieces.emplace_back(I, J);
            }
            parallel_for(static_cast<Index>(pieces.size()), threads, monitor, [&](Index t) {
                const auto [I, J] = pieces[static_cast<std::size_t>(t)];
                const Tile<T> L = at(tiles + (I - p.first) * size, I);
                if (I == J)
                    update_diagonal<T>(panel.whole(I, I), L);
                else
                    mehler::update<T>(panel.whole(I, J), L, at(heads + (J - a) * size, J));
                monitor.done.fetch_add(1, std::memory_order_relaxed);
            });
        }
    }

    // The rest, within the panel; false: a pivot was not positive.
    bool finish(Panel& panel, int threads, Monitor& monitor) {
        std::vector<std::pair<Index, Index>> tiles;
        for (Index J = panel.first; J < panel.end; ++J)
            for (Index I = J; I < tiling_.panels; ++I)
                tiles.emplace_back(I, J);
        Breakdown at;
        const bool whole = parallel_pipeline(
            static_cast<Index>(tiles.size()), (panel.end - panel.first) * tiling_.panels, threads,
            monitor, [&](Index t, Gates& gates) {
                const auto [I, J] = tiles[static_cast<std::size_t>(t)];
                make_tile<T>(panel, panel.first, I, J, gates, monitor, at);
            });
        if (!whole) {
            column_ = at.tile * tiling_.edge + at.column;
            pivot_ = at.pivot;
        }
        return whole;
    }

    // Checksums of the columns, which the system has now, but perhaps not yet the disk.
    std::vector<std::uint64_t> write(const Panel& panel, Monitor& monitor) {
        std::vector<std::uint64_t> sums;
        for (Index J = panel.first; J < panel.end; ++J) {
            const char* data = reinterpret_cast<const char*>(panel.tile(J, J));
            const Index bytes = file_->bytes(J);
            for (Index at = 0; at < bytes; at += File::piece) {
                file_->write(data + at, std::min(File::piece, bytes - at),
                             file_->offset(J, J) + at);
                monitor.check();
            }
            sums.push_back(sums_->note(J, J, tiling_.panels, data, 0));
            written_ += bytes;
        }
        return sums;
    }

    // act(vectors, their number as a type), four at a time, as TiledCholesky takes them.
    template <class Act>
    void by_fours(double* X, Index b, const Act& act) const {
        for (; b >= 4; b -= 4, X += 4 * tiling_.n)
            act(X, std::integral_constant<int, 4>());
        if (b >= 2) {
            act(X, std::integral_constant<int, 2>());
            b -= 2;
            X += 2 * tiling_.n;
        }
        if (b == 1)
            act(X, std::integral_constant<int, 1>());
    }

    // Bytes of the file, in this thread's slot.
    const T* fetch(Index at, Index bytes) const {
        char* const slot = slots_.data() + this_thread() * tile_bytes();
        file_->read(slot, bytes, at);
        return reinterpret_cast<const T*>(slot);
    }
    // Tile (I, J), compared with its checksum.
    const T* fetch_tile(Index I, Index J) const {
        const T* const tile = fetch(file_->offset(I, J), tiles_bytes(J, I, I + 1));
        sums_->compare(I, J, reinterpret_cast<const char*>(tile));
        return tile;
    }

    // The diagonal tile, then the tiles below, each of which has rows of its own.
    void go_down(Index J, double* X, Index b, int threads, Monitor& monitor) const {
        const Index n = tiling_.n, edge = tiling_.edge, width = tiling_.rows(J);
        const Index window = ReadAhead::slots * slot_bytes();
        const T* const head = fetch_tile(J, J);
        by_fours(X + J * edge, b,
                 [&](double* x, auto B) { forward_diagonal<T, B()>(head, width, width, x, n); });
        parallel_for(tiling_.panels - J - 1, threads, monitor, [&](Index t) {
            const Index I = J + 1 + t, rows = tiling_.rows(I);
            file_->soon(file_->offset(I, J) + window, tiles_bytes(J, I, I + 1));
            const T* const L = fetch_tile(I, J);
            by_fours(X, b, [&](double* x, auto B) {
                forward<T, B()>(L, rows, rows, width, x + J * edge, x + I * edge, n);
            });
        });
    }

    // The tiles from below, shared out by columns, each of which has a sum of its own; then the
    // diagonal tile.
    void go_up(const Part& p, double* X, Index b, int threads, Monitor& monitor) const {
        constexpr Index share = TileSums::share; // a multiple of the columns that are taken abreast
        const Index n = tiling_.n, edge = tiling_.edge, width = tiling_.rows(p.J);
        const Index first = std::max(p.first, p.J + 1);
        const Index before = file_->offset(p.first, p.J) - file_->offset(0, 0); // the next to come
        file_->soon(file_->offset(p.first, p.J) - std::min(slot_bytes(), before),
                    std::min(slot_bytes(), before));
        if (first < p.end)
            parallel_for((width + share - 1) / share, threads, monitor, [&](Index s) {
                const Index c = s * share, columns = std::min(share, width - c);
                for (Index I = p.end - 1; I >= first; --I) {
                    const Index rows = tiling_.rows(I), size = rows * static_cast<Index>(sizeof(T));
                    const T* const L = fetch(file_->offset(I, p.J) + c * size, columns * size);
                    sums_->compare(I, p.J, c, reinterpret_cast<const char*>(L));
                    by_fours(X, b, [&](double* x, auto B) {
                        backward<T, B()>(L, rows, rows, columns, x + p.J * edge + c, x + I * edge,
                                         n);
                    });
                }
            });
        if (p.first > p.J)
            return;
        const T* const head = fetch_tile(p.J, p.J);
        by_fours(X + p.J * edge, b,
                 [&](double* x, auto B) { backward_diagonal<T, B()>(head, width, width, x, n); });
    }

    const Points& points_;
    const std::shared_ptr<const Profile> profile_;
    const std::shared_ptr<const Survey> survey_;
    double shift_;
    const std::string path_;
    const std::array<char, FactorKey::digest_bytes> digest_;
    const Index budget_;
    const FactorTiling tiling_;
    const Index together_; // tiles in a block that is read
    std::optional<FactorFile> file_;
    std::optional<TileSums> sums_;
    mutable Buffer<char> slots_;
    mutable std::mutex busy_;
    bool complete_ = false;
    Index column_ = -1, resumed_ = 0, written_ = 0, read_ = 0;
    double pivot_ = 0.0;
};

} // namespace mehler
