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

#include "disk/read_ahead.hpp"
#include "disk/word_sum.hpp"
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
    FactorFile(std::string path, const FactorKey& key)
        : file_(std::move(path)), key_(key), tiling_(key.n, key.edge) {
        const Index before = file_.size();
        if (before > 0) {
            const Header found = header(file_);
            if (found.key.digest != key.digest || found.key.n != key.n)
                throw FactorFileError(0, file_.path(),
                                      file_.path() + " holds the factor of another matrix (n=" +
                                          std::to_string(found.key.n) +
                                          "): other points or another kernel; remove it, or pass "
                                          "another path.");
            // The same matrix, whose factor at another shift or in another precision was given up.
            if (found == Header(key)) {
                resume();
                return;
            }
            file_.clear();
        }
        try {
            const Header mine(key);
            file_.write(0, sizeof mine, &mine);
            file_.reserve(end());
            file_.settle();
        } catch (...) {
            file_.remove();
            throw;
        }
    }

    const BlockFile& file() const { return file_; }
    Index done() const { return static_cast<Index>(sums_.size()); } // columns

    // Bytes of column J, and where tile (I, J) begins.
    Index bytes(Index J) const {
        return (tiling_.n - J * tiling_.edge) * tiling_.rows(J) * key_.width;
    }
    Index offset(Index I, Index J) const {
        return data() + tiling_.column_offset(I, J) * key_.width;
    }
    std::uint64_t sum(Index J) const { return sums_[static_cast<std::size_t>(J)]; }

    // Column J, the first that is not done, is on the disk.
    void record(Index J, std::uint64_t sum) {
        const Record mine(J, sum);
        file_.write(place(J), sizeof mine, &mine);
        sums_.push_back(sum);
    }

    // Whose factor the file holds, how far; false where there is no file, or an empty one.
    static bool look(const std::string& path, FactorKey& key, Index& done) {
        if (::access(path.c_str(), F_OK) != 0)
            return false;
        const BlockFile file(path, true);
        if (file.size() == 0)
            return false;
        key = header(file).key;
        done = static_cast<Index>(records(file, FactorTiling(key.n, key.edge)).size());
        return true;
    }

private:
    static constexpr Index first_record = 4096, page = 4096;

    struct Header {
        std::array<char, 8> name{'m', 'e', 'h', 'l', 'e', 'r', ' ', 'L'};
        Index version = 1;
        FactorKey key{};
        std::uint64_t sum = 0;

        Header() = default;
        explicit Header(const FactorKey& key_) : key(key_) { sum = of(); }
        std::uint64_t of() const {
            return word_sum(this, static_cast<Index>(offsetof(Header, sum)));
        }
        bool operator==(const Header& o) const { return std::memcmp(this, &o, sizeof o) == 0; }
    };
    struct Record {
        Index column = -1;
        std::uint64_t sum = 0, own = 0;
        Record() = default;
        Record(Index column_, std::uint64_t sum_) : column(column_), sum(sum_) { own = of(); }
        std::uint64_t of() const {
            return word_sum(this, static_cast<Index>(offsetof(Record, own)));
        }
    };

    static Index place(Index J) { return first_record + J * static_cast<Index>(sizeof(Record)); }
    Index data() const { return round_up(place(tiling_.panels), page); }
    Index end() const {
        const Index last = tiling_.panels - 1;
        return offset(last, last) + bytes(last);
    }

    static Header header(const BlockFile& file) {
        Header found;
        if (file.size() >= static_cast<Index>(sizeof found))
            file.read(0, sizeof found, &found);
        if (found.name != Header().name || found.sum != found.of() || found.version != 1)
            throw FactorFileError(0, file.path(),
                                  file.path() +
                                      " is not a factor that this version wrote, or its header was "
                                      "altered; remove it, or pass another path.");
        return found;
    }
    static std::vector<std::uint64_t> records(const BlockFile& file, const FactorTiling& tiling) {
        std::vector<std::uint64_t> sums;
        for (Index J = 0; J < tiling.panels; ++J) {
            Record r;
            if (file.size() < place(J + 1))
                break;
            file.read(place(J), sizeof r, &r);
            if (r.column != J || r.own != r.of())
                break;
            sums.push_back(r.sum);
        }
        return sums;
    }
    void resume() {
        sums_ = records(file_, tiling_);
        if (!sums_.empty() && file_.size() < end())
            throw FactorFileError(EIO, file_.path(),
                                  file_.path() + " was truncated: it has " +
                                      std::to_string(file_.size()) + " bytes of " +
                                      std::to_string(end()) + "; remove it to begin again.");
        if (file_.size() < end()) // left before its space was taken
            file_.reserve(end());
    }

    BlockFile file_;
    const FactorKey key_;
    const FactorTiling tiling_;
    std::vector<std::uint64_t> sums_;
};

} // namespace mehler
