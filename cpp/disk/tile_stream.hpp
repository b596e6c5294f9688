// One pass over the tiles of a file, read ahead of the work.
//
// symmetric_product cuts the list of tiles into shares, each a run of the file, which threads take
// in their order. A lane is a reading thread with a ring of buffers; it takes the next share that
// nobody reads, reads it in pieces, and goes on to another, as far ahead as its ring allows. So the
// disk is busy while tiles are multiplied, and memory is lanes * ring * piece bytes.
//
// No lane waits for ever: the lowest share that is not used up is taken by some worker, and all
// pieces before it in its lane's ring have been given back.
//
// Every tile is compared with its checksum each time it is used.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/parallel.hpp"
#include "disk/tile_file.hpp"
#include "gram/symmetric_product.hpp"

namespace mehler {

// Room for the ring of every lane.
class TileBuffers {
public:
    static constexpr Index ring = 3;
    static constexpr Index wanted_piece = Index{4} << 20, most = Index{48} << 20;

    // tile: bytes of a whole one; tiles: how many a pass goes through.
    TileBuffers(Index tile, Index tiles, Index lanes_)
        : lanes(lanes_), piece(piece_bytes(tile, tiles, lanes_)),
          slot_(round_up(piece, TileFile::page) + TileFile::page), // reads begin and end on pages
          memory_(lanes * ring * slot_ + TileFile::page) {}
    static Index bytes(Index tile, Index tiles, Index lanes) {
        return lanes * ring * (piece_bytes(tile, tiles, lanes) + 2 * TileFile::page);
    }
    char* slot(Index lane, Index k) {
        const auto at = reinterpret_cast<std::uintptr_t>(memory_.data());
        const Index skip =
            round_up(static_cast<Index>(at), TileFile::page) - static_cast<Index>(at);
        return memory_.data() + skip + (lane * ring + k) * slot_;
    }
    const Index lanes, piece;

private:
    // What is read at once: whole tiles, no more than a share; 4 MB, or less for many lanes.
    static Index piece_bytes(Index tile, Index tiles, Index lanes) {
        const Index share = (tiles + most_shares - 1) / most_shares;
        return tile *
               std::clamp<Index>(std::min(wanted_piece, most / (ring * lanes)) / tile, 1, share);
    }
    const Index slot_;
    Buffer<char> memory_;
};

class TileStream {
public:
    // size: bytes of an entry; the tiles [tiles s / shares, tiles (s + 1) / shares) are share s.
    TileStream(const TileFile& file, const Tiling& tiling, Index size, Index shares,
               TileBuffers& buffers, Monitor& monitor)
        : file_(file), tiling_(tiling), size_(size), buffers_(buffers), monitor_(monitor) {
        const Index tiles = tiling.tiles();
        for (Index s = 0; s < shares; ++s) {
            first_.push_back(static_cast<Index>(pieces_.size()));
            const Index end = tiles * (s + 1) / shares;
            for (Index t = tiles * s / shares; t < end;) {
                const Index from = t;
                for (; t < end && at(t + 1) - at(from) <= buffers.piece; ++t)
                    ;
                t = std::max(t, from + 1);
                pieces_.push_back({from, t, -1, nullptr});
            }
        }
        first_.push_back(static_cast<Index>(pieces_.size()));
        now_.assign(static_cast<std::size_t>(shares), -1);
        const Index lanes = std::min(buffers.lanes, shares);
        free_.assign(static_cast<std::size_t>(lanes), (1u << TileBuffers::ring) - 1);
        for (Index l = 0; l < lanes; ++l)
            readers_.emplace_back([this, l] { read_on(l); });
    }
    ~TileStream() {
        {
            const std::lock_guard lock(guard_);
            ended_ = true;
        }
        change_.notify_all();
        for (std::thread& reader : readers_)
            reader.join();
    }

    // The bytes of tile t, of share s: the next one of it. Valid until its next one, or done(s).
    const char* tile(Index s, Index t) {
        Index& now = now_[static_cast<std::size_t>(s)];
        if (now < 0 || t >= piece(now).end) {
            const Index next = now < 0 ? first_[static_cast<std::size_t>(s)] : now + 1;
            give_back(now);
            wait(next);
            now = next;
        }
        const char* bytes = piece(now).bytes + (at(t) - at(piece(now).first));
        file_.verify(t, bytes, at(t + 1) - at(t));
        return bytes;
    }
    // Share s is used up.
    void done(Index s) { give_back(std::exchange(now_[static_cast<std::size_t>(s)], -1)); }

private:
    struct Piece {
        Index first, end; // tiles
        Index slot;       // lane * ring + k, once it is read
        const char* bytes;
    };
    Piece& piece(Index p) { return pieces_[static_cast<std::size_t>(p)]; }
    Index at(Index t) const { // bytes before tile t
        if (t == tiling_.tiles())
            return size_ * tiling_.entries();
        Index I = 0, J = 0;
        tiling_.tile(t, I, J);
        return size_ * tiling_.offset(I, J);
    }

    void give_back(Index p) {
        if (p < 0)
            return;
        {
            const std::lock_guard lock(guard_);
            const Index slot = piece(p).slot;
            free_[static_cast<std::size_t>(slot / TileBuffers::ring)] |=
                1u << (slot % TileBuffers::ring);
        }
        change_.notify_all();
    }
    void wait(Index p) {
        std::unique_lock lock(guard_);
        while (!piece(p).bytes) {
            if (failure_)
                std::rethrow_exception(failure_);
            change_.wait_for(lock, std::chrono::milliseconds(50));
            lock.unlock();
            monitor_.check();
            lock.lock();
        }
    }
    // A lane.
    void read_on(Index lane) {
        const Index shares = static_cast<Index>(now_.size());
        try {
            for (Index s; (s = next_.fetch_add(1)) < shares;)
                for (Index p = first_[static_cast<std::size_t>(s)];
                     p < first_[static_cast<std::size_t>(s) + 1]; ++p) {
                    const Index k = take(lane);
                    if (k < 0)
                        return;
                    char* to = buffers_.slot(lane, k);
                    const Index from = at(piece(p).first), end = at(piece(p).end);
                    const Index start = from / TileFile::page * TileFile::page;
                    file_.read(to, round_up(end, TileFile::page) - start, start);
                    const std::lock_guard lock(guard_);
                    piece(p).slot = lane * TileBuffers::ring + k;
                    piece(p).bytes = to + (from - start);
                    change_.notify_all();
                }
        } catch (...) {
            const std::lock_guard lock(guard_);
            if (!failure_)
                failure_ = std::current_exception();
            change_.notify_all();
        }
    }
    // A free buffer of the lane; -1: the pass has ended.
    Index take(Index lane) {
        unsigned& free = free_[static_cast<std::size_t>(lane)];
        std::unique_lock lock(guard_);
        change_.wait(lock, [&] { return ended_ || free != 0; });
        if (ended_)
            return -1;
        const Index k = std::countr_zero(free);
        free &= free - 1;
        return k;
    }

    const TileFile& file_;
    const Tiling& tiling_;
    const Index size_;
    TileBuffers& buffers_;
    Monitor& monitor_;
    std::vector<Piece> pieces_;
    std::vector<Index> first_, now_; // of each share: its first piece, the one in use
    std::vector<unsigned> free_;     // of each lane: a bit a buffer
    std::atomic<Index> next_{0};
    std::mutex guard_;
    std::condition_variable change_;
    bool ended_ = false;
    std::exception_ptr failure_;
    std::vector<std::thread> readers_;
};

} // namespace mehler
