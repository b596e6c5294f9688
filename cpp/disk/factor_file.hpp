// A factor's file: what it is the factor of, which columns of tiles are done, and those columns.
//
//   0       Header: whose factor, at which shift, in which precision; its own checksum
//   4096    one Record a column of tiles: the checksum of the column, and of the record
//   data    the columns, one after another: (J,J), (J+1,J), ...
//
// A record is written once its column has reached the disk. So a file that was left at any moment
// holds the columns up to the first without a record, and goes on from there.
#pragma once
#include <array>
#include <bit>

#include "core/checksum.hpp"
#include "core/file.hpp"
#include "gram/factor_tiling.hpp"

namespace mehler {

// What a factor is the factor of: a digest of points and kernel, K - shift I, bytes an entry.
struct FactorKey {
    static constexpr Index digest_bytes = 32;
    std::array<char, digest_bytes> digest;
    Index n, edge, width;
    double shift;
};

class FactorFile {
public:
    // The columns of tiling that are done, by what their checksums are.
    FactorFile(const std::string& path, const FactorKey& key)
        : file_(held(path)), key_(key), tiling_(key.n, key.edge) {
        if (!begun(file_)) {
            const Header found = header(file_);
            if (found.key.digest != key.digest || found.key.n != key.n)
                throw FileError(0, file_.path(),
                                file_.path() + " holds the factor of another matrix (n=" +
                                    std::to_string(found.key.n) +
                                    "): other points or another kernel; remove it, or pass "
                                    "another path.");
            // The same matrix, whose factor at another shift or in another precision was given up.
            if (found == Header(key)) {
                resume();
                return;
            }
            file_.cut(0);
        }
        try {
            const Header mine(key);
            file_.write(&mine, sizeof mine, 0);
            file_.sync(); // a file longer than its header has one
            file_.reserve(end());
            file_.sync();
        } catch (...) {
            File::remove(path);
            throw;
        }
    }

    // Bytes [at, at + count), all of them.
    void read(void* to, Index count, Index at) const {
        const Index got = file_.read(to, count, at);
        if (got < count)
            throw FileError(EIO, file_.path(),
                            file_.path() + " was truncated: it ends at byte " +
                                std::to_string(at + got) + ", and " + std::to_string(count - got) +
                                " more were written; remove it to begin again.");
    }
    void soon(Index at, Index count) const { file_.soon(at, count); } // the system may fetch them
    void write(const void* from, Index count, Index at) const { file_.write(from, count, at); }
    // Waits until bytes [at, at + count) are on the disk; false: given up, `stop` was set.
    bool sync(Index at, Index count, const std::atomic<bool>& stop) const {
        return file_.sync(at, count, stop);
    }
    void sync() const { file_.sync(); }
    Index done() const { return static_cast<Index>(sums_.size()); } // columns
    const std::string& path() const { return file_.path(); }

    // Bytes of column J, and where tile (I, J) begins.
    Index bytes(Index J) const {
        return (tiling_.n - J * tiling_.edge) * tiling_.rows(J) * key_.width;
    }
    Index offset(Index I, Index J) const {
        return data() + tiling_.column_offset(I, J) * key_.width;
    }
    // Of so many columns of a tile in panel I.
    Index bytes_of(Index I, Index columns) const { return tiling_.rows(I) * columns * key_.width; }
    std::uint64_t sum(Index J) const { return sums_[static_cast<std::size_t>(J)]; } // TileSums'

    // Column J, the first that is not done, is on the disk.
    void record(Index J, std::uint64_t sum) {
        const Record mine(J, sum);
        file_.write(&mine, sizeof mine, place(J));
        sums_.push_back(sum);
    }

    // Whose factor the file holds, how far; false where there is no file, or an empty one.
    static bool look(const std::string& path, FactorKey& key, Index& done) {
        if (!File::exists(path))
            return false;
        const File file(path, File::Access::read);
        check(file, "it cannot be opened");
        if (begun(file))
            return false;
        key = header(file).key;
        done = static_cast<Index>(records(file, FactorTiling(key.n, key.edge)).size());
        return true;
    }

private:
    static constexpr Index first_record = 4096, page = 4096;

    struct Header {
        std::array<char, 8> name{'m', 'e', 'h', 'l', 'e', 'r', ' ', 'L'};
        Index version = 3;
        FactorKey key{};
        std::uint64_t sum = 0;

        Header() = default;
        explicit Header(const FactorKey& key_) : key(key_) { sum = of(); }
        std::uint64_t of() const {
            return Checksum::of(this, static_cast<Index>(offsetof(Header, sum)));
        }
        bool operator==(const Header& o) const { return std::memcmp(this, &o, sizeof o) == 0; }
    };
    struct Record {
        Index column = -1;
        std::uint64_t sum = 0, own = 0;
        Record() = default;
        Record(Index column_, std::uint64_t sum_) : column(column_), sum(sum_) { own = of(); }
        std::uint64_t of() const {
            return Checksum::of(this, static_cast<Index>(offsetof(Record, own)));
        }
    };

    // Nothing, or what is left of a header that was being written: zeros, or the first of its
    // bytes.
    static bool begun(const File& file) {
        const Index size = file.size();
        std::array<char, first_record> some{};
        if (size > first_record)
            return false;
        file.read(some.data(), size, 0);
        const auto end = some.begin() + size;
        if (std::all_of(some.begin(), end, [](char c) { return c == 0; }))
            return true;
        const Header whole;
        constexpr Index known = static_cast<Index>(offsetof(Header, key)); // name and version
        return size >= known && size < static_cast<Index>(sizeof whole) &&
               std::memcmp(some.data(), &whole, static_cast<std::size_t>(known)) == 0;
    }

    static void check(const File& file, const std::string& what) {
        if (!file.open())
            file.fail(file.code(), what);
        file.check_regular();
    }
    // Made where there is none; one process at a time has it.
    static File held(const std::string& path) {
        File file(path, File::Access::create);
        check(file, "it has to be opened for reading and writing");
        if (!file.lock(File::Lock::alone))
            file.fail(EWOULDBLOCK,
                      "another process, or another factor of this one, uses it; pass another path");
        return file;
    }

    static Index place(Index J) { return first_record + J * static_cast<Index>(sizeof(Record)); }
    Index data() const { return round_up(place(tiling_.panels), page); }
    Index end() const {
        const Index last = tiling_.panels - 1;
        return offset(last, last) + bytes(last);
    }

    static Header header(const File& file) {
        Header found;
        if (file.size() >= static_cast<Index>(sizeof found))
            file.read(&found, sizeof found, 0);
        if (found.name != Header().name || found.sum != found.of() ||
            found.version != Header().version)
            throw FileError(0, file.path(),
                            file.path() +
                                " is not a factor that this version wrote, or its header was "
                                "altered; remove it, or pass another path.");
        return found;
    }
    static std::vector<std::uint64_t> records(const File& file, const FactorTiling& tiling) {
        std::vector<std::uint64_t> sums;
        for (Index J = 0; J < tiling.panels; ++J) {
            Record r;
            if (file.size() < place(J + 1))
                break;
            file.read(&r, sizeof r, place(J));
            if (r.column != J || r.own != r.of())
                break;
            sums.push_back(r.sum);
        }
        return sums;
    }
    void resume() {
        sums_ = records(file_, tiling_);
        if (!sums_.empty() && file_.size() < end())
            throw FileError(EIO, file_.path(),
                            file_.path() + " was truncated: it has " +
                                std::to_string(file_.size()) + " bytes of " +
                                std::to_string(end()) + "; remove it to begin again.");
        if (file_.size() < end()) // left before its space was taken
            file_.reserve(end());
    }

    File file_;
    const FactorKey key_;
    const FactorTiling tiling_;
    std::vector<std::uint64_t> sums_;
};

} // namespace mehler
