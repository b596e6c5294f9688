// One file of packed tiles: who made it of what, how far it is, and a checksum for every tile.
//
//     0              header, one page: Header below, the rest zero
//     page           progress, two slots of slot_bytes
//     table          64 bits a tile: its checksum (core/checksum.hpp); 0: not there
//     data           the tiles, in the order and layout of gram/tiling.hpp: tile (I, J) begins
//                    at data + sizeof(entry) offset(I, J); padded to a page
//
// Numbers are those of the machine that wrote it; `order` says which. Header and slots carry
// checksums of their own.
//
// Invariant, after SIGKILL at any moment, and after a loss of power as far as fdatasync goes: the
// newer valid slot says that tiles [0, done) are there, and they are. A batch of tiles is written,
// then its checksums, then fdatasync, then the older slot is overwritten; a slot that is half
// written has a wrong checksum, and the other one holds. A tile found to be altered gets 0 in the
// table, and is made again at the next opening.
#pragma once
#include <algorithm>
#include <array>
#include <vector>

#include "core/checksum.hpp"
#include "core/file.hpp"

namespace mehler {

// What the tiles are of.
struct TileIdentity {
    Index n, d;
    char dtype[8];                                // float64, float32, fixed32
    Index edge, strip, tiles, bytes;              // of all tiles
    std::array<unsigned char, 32> points, kernel; // digests
};

class TileFile {
public:
    static constexpr Index page = 4096, slot_bytes = 50 * page;
    static constexpr Index format = 1;

    // Opens or makes it, locks it, and refuses one of anything else. Readers share a finished file.
    TileFile(const std::string& path, const TileIdentity& identity)
        : expected_{
              {'M', 'E', 'H', 'L', 'T', 'I', 'L', 'E'}, format, 0x0102030405060708, identity, 0},
          file_(open(path)) {
        expected_.sum = Checksum::of(&expected_, offsetof(Header, sum));
        const bool alone = file_.lock(File::Lock::alone);
        if (!alone && !file_.lock(File::Lock::shared))
            busy();
        sums_.assign(static_cast<std::size_t>(identity.tiles), 0);
        const Index size = file_.size();
        bool fresh = size == 0;
        if (!fresh)
            fresh = !check_header(size);
        if (fresh && !(alone && writable_))
            alone ? unfinished() : busy();
        if (!fresh)
            load(size);
        if (complete() && alone)
            file_.lock(File::Lock::shared); // others may read too
        else if (!complete() && !alone)
            busy();
        else if (!complete() && !writable_)
            unfinished();
        if (fresh || file_.size() < total())
            make(fresh);
    }

    const std::string& path() const { return file_.path(); }
    Index done() const { return done_; } // tiles [0, done) were written
    bool there(Index t) const { return sums_[static_cast<std::size_t>(t)] != 0; }
    bool complete() const {
        return done_ == identity().tiles && std::find(sums_.begin(), sums_.end(), 0) == sums_.end();
    }
    Index total() const { return data() + round_up(identity().bytes, page); } // bytes
    Index table_bytes() const { return round_up(8 * identity().tiles, page); }
    const std::vector<unsigned char>& note() const { return note_; } // what commit() was given last
    // Read by others from now on.
    void finish() { file_.lock(File::Lock::shared); }

    // Tiles [first, first + count) lie at `at` (bytes) of the data.
    void put(Index first, Index count, const void* tiles, Index bytes, Index at,
             const std::uint64_t* sums) {
        file_.write(tiles, bytes, data() + at);
        file_.write(sums, 8 * count, table() + 8 * first);
        file_.sync();
        std::copy(sums, sums + count, sums_.begin() + first);
    }
    // Tiles [0, done) are there, and so is what belongs to them.
    void commit(Index done, std::vector<unsigned char> note) {
        Slot slot{++turn_, done, static_cast<Index>(note.size()), 0};
        if (sizeof slot + note.size() > slot_bytes)
            throw std::logic_error("the note does not fit into a slot");
        std::vector<unsigned char> whole(sizeof slot + note.size());
        const auto pack = [&] { std::memcpy(whole.data(), &slot, sizeof slot); };
        std::copy(note.begin(), note.end(), whole.begin() + sizeof slot);
        pack();
        slot.sum = Checksum::of(whole.data(), static_cast<Index>(whole.size()));
        pack();
        file_.write(whole.data(), static_cast<Index>(whole.size()), page + turn_ % 2 * slot_bytes);
        done_ = done;
        note_ = std::move(note);
    }
    void sync() const { file_.sync(); }

    // Around the page cache from now on, where the file system can; whole pages only then.
    void go_direct(bool wanted) {
        direct_ = File(path(), File::Access::read, wanted);
        if (wanted && !direct_.open())
            direct_ = File(path(), File::Access::read);
    }
    // Bytes [at, at + count) of the data: whole pages, into a buffer that begins on one.
    void read(void* to, Index count, Index at) const {
        if ((direct_.open() ? direct_ : file_).read(to, count, data() + at) != count)
            truncated(file_.size());
    }
    static std::uint64_t sum(const void* tile, Index bytes) {
        const std::uint64_t s = Checksum::of(tile, bytes);
        return s ? s : 1; // 0 is for tiles that are not there
    }
    // Ends the work unless the bytes of tile t are those that were written.
    void verify(Index t, const void* tile, Index bytes) const {
        if (sum(tile, bytes) == sums_[static_cast<std::size_t>(t)])
            return;
        const std::uint64_t none = 0;
        if (writable_)
            file_.write(&none, 8, table() + 8 * t);
        damaged("tile " + std::to_string(t) +
                " of the file has been altered: its checksum is not the one that was written; " +
                (writable_
                     ? "close the operator and open it again with the same path, which makes "
                       "this tile again and keeps the others"
                     : "it cannot be repaired, being read-only: make it writable, and open it "
                       "again"));
    }

private:
    struct Header {
        char magic[8];
        Index format;
        std::uint64_t order;
        TileIdentity of;
        std::uint64_t sum;
    };
    struct Slot {
        std::uint64_t turn;
        Index done, bytes;
        std::uint64_t sum; // of slot and note, itself being 0
    };

    const TileIdentity& identity() const { return expected_.of; }
    Index table() const { return page + 2 * slot_bytes; }
    Index data() const { return table() + table_bytes(); }

    File open(const std::string& path) {
        const bool was = File::exists(path);
        File file(path, File::Access::create);
        created_ = file.open() && !was;
        if (file.open()) {
            file.check_regular();
            return file;
        }
        if (file.code() == EISDIR)
            file.fail(EISDIR,
                      "path must name a file for the tiles; found a directory. Pass a file in "
                      "it, as in path='" +
                          path + "/tiles.mehler'");
        if (file.code() == EACCES || file.code() == EROFS || file.code() == EPERM) {
            File reading(path, File::Access::read);
            if (reading.open()) {
                reading.check_regular();
                writable_ = false;
                return reading;
            }
        }
        if (file.code() == ENOENT)
            file.fail(ENOENT, "the folder of path must exist; make it first");
        file.fail(file.code(), "the file of tiles must be readable and, until it is finished, "
                               "writable; change its permissions, or pass another path");
    }
    [[noreturn]] void busy() const {
        throw FileError(EWOULDBLOCK, path(),
                        "the file of tiles is in use by another process, or by an operator of this "
                        "one that is still open; wait, or close that operator");
    }
    [[noreturn]] void unfinished() const {
        throw FileError(EACCES, path(),
                        "the file of tiles is not finished, and it cannot be written; change its "
                        "permissions, or pass another path");
    }
    [[noreturn]] void damaged(const std::string& what) const { throw FileError(EIO, path(), what); }
    [[noreturn]] void truncated(Index size) const {
        damaged("the file of tiles has been cut: found " + std::to_string(size) +
                " bytes, expected " + std::to_string(total()) +
                "; restore it, or remove it to have it made again");
    }
    [[noreturn]] void other(const std::string& what, const std::string& found,
                            const std::string& wanted) const {
        throw std::invalid_argument("path '" + path() + "' holds tiles of " + what + ": found " +
                                    found + ", expected " + wanted +
                                    ". Pass another path, or remove the file.");
    }

    // False: nothing has been written yet.
    bool check_header(Index size) {
        Header h{};
        const Index got = file_.read(&h, sizeof h, 0);
        if (size <= page) { // killed before the header came
            std::vector<char> all(static_cast<std::size_t>(size));
            file_.read(all.data(), size, 0);
            if (std::all_of(all.begin(), all.end(), [](char c) { return c == 0; }))
                return false;
        }
        if (got < static_cast<Index>(sizeof h) || std::memcmp(h.magic, expected_.magic, 8) != 0)
            throw std::invalid_argument(
                "path '" + path() +
                "' must be a file of tiles, or not exist; found a file that "
                "is something else. Pass another path.");
        if (h.order != expected_.order)
            other("a machine of another byte order", "the other one", "this one's");
        if (h.format != format)
            other("another format version", std::to_string(h.format), std::to_string(format));
        if (h.sum != Checksum::of(&h, offsetof(Header, sum)))
            damaged("the header of the file of tiles has been altered; restore it, or remove the "
                    "file to have it made again");
        const TileIdentity &a = h.of, &b = identity();
        const auto pair = [](Index n, Index d) {
            return "n=" + std::to_string(n) + ", d=" + std::to_string(d);
        };
        if (a.n != b.n || a.d != b.d)
            other("other points", pair(a.n, a.d), pair(b.n, b.d));
        if (std::memcmp(a.dtype, b.dtype, 8) != 0)
            other("another dtype", std::string(a.dtype, strnlen(a.dtype, 8)),
                  std::string(b.dtype, strnlen(b.dtype, 8)));
        if (a.points != b.points)
            other("other points", "digest " + hex(a.points), hex(b.points));
        if (a.kernel != b.kernel)
            other("another kernel", "digest " + hex(a.kernel), hex(b.kernel));
        if (a.edge != b.edge || a.strip != b.strip || a.tiles != b.tiles || a.bytes != b.bytes)
            other("another layout", "edge " + std::to_string(a.edge), std::to_string(b.edge));
        return true;
    }
    static std::string hex(const std::array<unsigned char, 32>& digest) {
        std::string text;
        for (int i = 0; i < 6; ++i)
            for (const int half : {digest[static_cast<std::size_t>(i)] >> 4,
                                   digest[static_cast<std::size_t>(i)] & 15})
                text += "0123456789abcdef"[half];
        return text + "...";
    }
    // Progress and table.
    void load(Index size) {
        std::vector<unsigned char> whole(slot_bytes);
        for (Index s = 0; s < 2; ++s) {
            Slot slot;
            if (file_.read(whole.data(), slot_bytes, page + s * slot_bytes) < slot_bytes)
                continue;
            std::memcpy(&slot, whole.data(), sizeof slot);
            if (slot.turn <= turn_ || slot.bytes < 0 ||
                slot.bytes > slot_bytes - static_cast<Index>(sizeof slot))
                continue;
            const std::uint64_t sum = std::exchange(slot.sum, 0);
            std::memcpy(whole.data(), &slot, sizeof slot);
            if (sum != Checksum::of(whole.data(), static_cast<Index>(sizeof slot) + slot.bytes))
                continue;
            turn_ = slot.turn;
            done_ = slot.done;
            note_.assign(whole.begin() + sizeof slot, whole.begin() + sizeof slot + slot.bytes);
        }
        if (size < total() && done_ > 0)
            truncated(size);
        file_.read(sums_.data(), 8 * identity().tiles, table());
        std::fill(sums_.begin() + done_, sums_.end(), 0);
    }
    // Header, and room for everything.
    void make(bool fresh) {
        try {
            const Index room = file_.room() + file_.size();
            if (room < total())
                throw FileError(ENOSPC, path(),
                                "the disk must have room for the tiles: found " +
                                    std::to_string(room) + " bytes, expected " +
                                    std::to_string(total()) +
                                    "; free some, pass a path on another disk, or use "
                                    "dtype='float32'");
            if (fresh) {
                std::vector<unsigned char> first(page);
                std::memcpy(first.data(), &expected_, sizeof expected_);
                file_.write(first.data(), page, 0);
                file_.sync();
            }
            file_.reserve(total());
        } catch (...) {
            if (created_) // leave nothing behind
                File::remove(path());
            throw;
        }
    }

    Header expected_;
    bool writable_ = true, created_ = false; // set by open()
    File file_;
    File direct_;
    Index done_ = 0;
    std::uint64_t turn_ = 0;
    std::vector<std::uint64_t> sums_;
    std::vector<unsigned char> note_;
};

} // namespace mehler
