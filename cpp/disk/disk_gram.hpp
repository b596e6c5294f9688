// The packed lower tiles of a kernel matrix in a file (tile_file.hpp), filled in batches that
// survive the process, multiplied in one pass over the file.
//
// Products add the same tiles in the same shares as PackedGram: equal to its products bit for bit.
#pragma once
#include <future>

#include "disk/pairs_note.hpp"
#include "disk/tile_stream.hpp"
#include "gram/packed.hpp"

namespace mehler {

template <class T>
class DiskGram final : public Operator {
public:
    static constexpr bool fixed = std::is_integral_v<T>;
    using Value = std::conditional_t<fixed, double, T>;
    static constexpr Index size_of = static_cast<Index>(sizeof(T));

    static const char* dtype() { return fixed ? "fixed32" : size_of == 8 ? "float64" : "float32"; }

    // Bytes of memory that it takes, to fill and to multiply: what is asked of a user's budget.
    static Index bytes_for(Index n, int threads) {
        const Index panels = (n + Tiling::edge - 1) / Tiling::edge;
        const Index tiles = panels * (panels + 1) / 2;
        const Index filling = 2 * most_batch(tiles) * tile_bytes + area * 8 * threads;
        return std::max(filling, TileBuffers::bytes(tile_bytes, tiles, threads)) + 8 * tiles;
    }
    static Index file_bytes(Index n) {
        const Tiling tiling(n);
        return round_up(size_of * tiling.entries(), TileFile::page) +
               round_up(8 * tiling.tiles(), TileFile::page) + TileFile::page +
               2 * TileFile::slot_bytes;
    }

    // Opens the file, and computes what it does not hold yet. digests: of what decides the entries.
    DiskGram(std::shared_ptr<const Points> points, std::shared_ptr<const Profile> profile,
             double top, const std::string& path,
             const std::array<unsigned char, 32>& points_digest,
             const std::array<unsigned char, 32>& kernel_digest, int threads, Monitor& monitor)
        : points_(std::move(points)), profile_(std::move(profile)), tiling_(points_->n()),
          scale_(top), file_(path, identity(points_digest, kernel_digest)) {
        const Index tiles = tiling_.tiles();
        if (file_.done() > 0)
            read_note(file_.note(), pairs_);
        found = file_.done();
        monitor.phase("fill", tiles);
        monitor.done.store(found);
        if (!file_.complete()) {
            fill(threads, monitor);
            file_.sync();
            file_.finish();
        }
        pairs_.order();
    }

    Index size() const override { return tiling_.n; }
    Index bytes() const override { return bytes_for(tiling_.n, default_threads()); }
    Index on_disk() const { return file_.total(); }
    const std::string& path() const { return file_.path(); }
    const Pairs& pairs() const { return pairs_; }
    double unit() const { return scale_.unit; }
    void direct(bool wanted) { file_.go_direct(wanted); }

    Index found = 0; // tiles that were there before

    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        const Index n = tiling_.n;
        for (Index c = 0; c < b;) { // one pass a step, of the steps of symmetric_product
            const Index step = b - c >= 4 ? 4 : b - c >= 2 ? 2 : 1;
            pass(shares_of(tiling_), threads, monitor, [&](TileStream& stream) {
                symmetric_product<T>(tiling_, V + c * n, Y + c * n, step, threads, monitor,
                                     Tiles{stream});
            });
            c += step;
        }
        if constexpr (fixed)
            for (Index i = 0; i < b * n; ++i)
                Y[i] *= scale_.unit;
    }

    void diagonal(double* out) const {
        constexpr Index edge = Tiling::edge;
        Buffer<char> memory(size_of * edge * edge + 3 * TileFile::page);
        for (Index I = 0; I < tiling_.panels; ++I) {
            const Index from = size_of * tiling_.offset(I, I);
            const Index bytes = size_of * tiling_.height(I) * tiling_.width(I);
            const T* tile = read(memory, I * (I + 1) / 2 + I, from, bytes);
            for (Index r = 0; r < tiling_.rows(I); ++r)
                out[I * edge + r] = value(tile[Tiling::within<T>(r, r, tiling_.width(I))]);
        }
    }
    // As PackedGram::frobenius.
    double frobenius(int threads, Monitor& monitor) const {
        std::vector<double> sums(static_cast<std::size_t>(tiling_.tiles()));
        each_tile(threads, monitor, [&](Index t, Index I, Index J, const T* tile) {
            sums[static_cast<std::size_t>(t)] =
                (I == J ? 1.0 : 2.0) *
                sum_of_squares(tile, tiling_.height(I) * tiling_.columns(I, J));
        });
        double total = 0.0;
        for (const double part : sums)
            total += part;
        return scale_.unit * std::sqrt(total);
    }
    // The full (n, n) row-major matrix.
    template <class S>
    void dense(S* out, int threads, Monitor& monitor) const {
        constexpr Index edge = Tiling::edge;
        const Index n = tiling_.n;
        each_tile(threads, monitor, [&](Index, Index I, Index J, const T* tile) {
            for (Index r = 0; r < tiling_.rows(I); ++r)
                for (Index c = 0; c < (I == J ? r + 1 : edge); ++c) {
                    const Index i = I * edge + r, j = J * edge + c;
                    out[i * n + j] = out[j * n + i] =
                        static_cast<S>(value(tile[Tiling::within<T>(r, c, tiling_.columns(I, J))]));
                }
        });
    }
    // Reads everything, and with it compares everything with its checksum.
    void verify(int threads, Monitor& monitor) const {
        each_tile(threads, monitor, [](Index, Index, Index, const T*) {});
    }

private:
    static constexpr Index area = Tiling::edge * Tiling::edge, tile_bytes = size_of * area;
    // Tiles that are written at once: 16 MB, or a sixteenth of all.
    static Index most_batch(Index tiles) {
        return std::min((Index{16} << 20) / tile_bytes, (tiles + 15) / 16);
    }

    struct Tiles { // what symmetric_product asks for
        TileStream& stream;
        const T* operator()(Index s, Index I, Index J) const {
            return reinterpret_cast<const T*>(stream.tile(s, I * (I + 1) / 2 + J));
        }
        void done(Index s) const { stream.done(s); }
    };

    double value(T stored) const { return scale_.unit * static_cast<double>(stored); }

    TileIdentity identity(const std::array<unsigned char, 32>& points_digest,
                          const std::array<unsigned char, 32>& kernel_digest) const {
        TileIdentity id{};
        id.n = points_->n();
        id.d = points_->d();
        std::copy_n(dtype(), 8, id.dtype);
        id.edge = Tiling::edge;
        id.strip = strip;
        id.tiles = tiling_.tiles();
        id.bytes = size_of * tiling_.entries();
        id.points = points_digest;
        id.kernel = kernel_digest;
        return id;
    }

    template <class Work> // work(stream)
    void pass(Index shares, int threads, Monitor& monitor, const Work& work) const {
        TileBuffers buffers(tile_bytes, tiling_.tiles(), forked() ? 1 : threads);
        TileStream stream(file_, tiling_, size_of, shares, buffers, monitor);
        work(stream);
    }
    template <class Work> // work(t, I, J, tile)
    void each_tile(int threads, Monitor& monitor, const Work& work) const {
        const Index shares = shares_of(tiling_), tiles = tiling_.tiles();
        pass(shares, threads, monitor, [&](TileStream& stream) {
            parallel_for(shares, threads, monitor, [&](Index s) {
                for (Index t = tiles * s / shares; t < tiles * (s + 1) / shares; ++t) {
                    if (monitor.stopped())
                        return;
                    Index I, J;
                    tiling_.tile(t, I, J);
                    work(t, I, J, Tiles{stream}(s, I, J));
                    monitor.tick();
                }
                stream.done(s);
            });
        });
    }
    // Tile t, verified, into memory that has pages to spare.
    const T* read(Buffer<char>& memory, Index t, Index from, Index bytes) const {
        const auto raw = reinterpret_cast<std::uintptr_t>(memory.data());
        const Index skip =
            round_up(static_cast<Index>(raw), TileFile::page) - static_cast<Index>(raw);
        const Index start = from / TileFile::page * TileFile::page;
        char* to = memory.data() + skip;
        file_.read(to, round_up(from + bytes, TileFile::page) - start, start);
        file_.verify(t, to + (from - start), bytes);
        return reinterpret_cast<const T*>(to + (from - start));
    }

    // A batch is computed while the one before it is written.
    void fill(int threads, Monitor& monitor) {
        const Index tiles = tiling_.tiles(), most = most_batch(tiles);
        Buffer<T> batch[2] = {Buffer<T>(most * area), Buffer<T>(most * area)};
        std::future<void> writing;
        int turn = 0;
        for (Index first = 0; first < tiles;) {
            if (file_.there(first)) {
                ++first;
                continue;
            }
            const bool again = first < found; // altered tiles: their pairs are known
            Index end = first;
            while (end < tiles && end - first < most && !file_.there(end) && (end < found) == again)
                ++end;
            Buffer<T>& data = batch[turn ^= 1];
            const Index count = end - first, base = offset(first);
            std::vector<std::uint64_t> sums(static_cast<std::size_t>(count));
            std::vector<Pairs> seen(static_cast<std::size_t>(count));
            parallel_for(count, threads, monitor, [&](Index k) {
                thread_local Buffer<double> work(area);
                Index I, J;
                tiling_.tile(first + k, I, J);
                T* tile = data.data() + (tiling_.offset(I, J) - base);
                fill_lower(*points_, *profile_, tiling_, I, J, work.data(), tile,
                           &seen[static_cast<std::size_t>(k)], scale_);
                sums[static_cast<std::size_t>(k)] =
                    TileFile::sum(tile, size_of * tiling_.height(I) * tiling_.columns(I, J));
                monitor.done.fetch_add(1, std::memory_order_relaxed);
            });
            for (const Pairs& p : seen)
                if (!again)
                    pairs_.merge(p);
            if (writing.valid())
                writing.get();
            const Index bytes = size_of * (offset(end) - base);
            std::vector<unsigned char> note = write_note(pairs_);
            writing = std::async(std::launch::async, [this, &data, first, count, base, bytes, again,
                                                      end, sums = std::move(sums),
                                                      note = std::move(note)]() mutable {
                file_.put(first, count, data.data(), bytes, size_of * base, sums.data());
                if (!again)
                    file_.commit(end, std::move(note));
            });
            first = end;
        }
        if (writing.valid())
            writing.get();
    }
    Index offset(Index t) const { // entries before tile t
        if (t == tiling_.tiles())
            return tiling_.entries();
        Index I, J;
        tiling_.tile(t, I, J);
        return tiling_.offset(I, J);
    }

    std::shared_ptr<const Points> points_;
    std::shared_ptr<const Profile> profile_;
    Tiling tiling_;
    Scale<T> scale_;
    mutable TileFile file_;
    Pairs pairs_;
};

} // namespace mehler
