// What block Lanczos has learnt from products, in a file, block after block: a run that was killed
// goes on from the last whole one.
//
//     header     page: magic, format, byte order, whose steps these are, checksum
//     record r   (k, drawn), A (b, b), B (b, b), Q_next (n, b), checksum of these
//
// A record holds what cannot be had without the product: the diagonal block A of T, B that leads to
// the next block, and that block. Everything else (Ritz values, tests, restarts) is computed again
// from them, in the order of the first run and to the same bits. k is the order of the basis before
// the step: records that do not follow, because a run with another bound restarts elsewhere, end
// the replay, as do records that are cut or altered. Checksums begin with the header's and the
// number of the record, so that none passes for another.
//
// After SIGKILL at any moment whole records stand before at most one that is half written. Once a
// second they reach the disk itself, for a loss of power. Nothing else hangs on the journal: where
// it cannot be kept, the solve goes on without, and `word` says why.
#pragma once
#include <array>
#include <chrono>

#include "core/checksum.hpp"
#include "core/file.hpp"
#include "solve/basis.hpp"

namespace mehler {

// Whose steps. A solve that differs in one of these takes other steps, or restarts otherwise.
struct JournalIdentity {
    Index n, block, wanted, largest;
    std::uint64_t seed;
    std::array<unsigned char, 32> matrix; // digest of it, and of the program
};

class Journal {
public:
    static constexpr Index page = 4096, format = 1;

    // most: bytes that it may grow to.
    Journal(const std::string& path, const JournalIdentity& of, Index most)
        : n_(of.n), b_(of.block), most_(most), file_(path, File::Access::create) {
        if (!file_.open()) {
            give_up(File::words(file_.code()));
            return;
        }
        guarded([&] { begin(of); });
    }

    // What belongs to the step from order k, of those that were left; false: no more.
    bool next(Index k, Index& drawn, Matrix& A, Matrix& B, Matrix& Q) {
        if (!keeping_ || ended_)
            return false;
        const Index at = place();
        double* p = room_.data();
        guarded([&] {
            ended_ = file_.read(p, record(), at) < record() ||
                     sum() != bits(p + record() / 8 - 1) ||
                     bits(p) != static_cast<std::uint64_t>(k);
            if (ended_ && file_.size() > std::max(at, page)) {
                also("steps after the first " + std::to_string(replayed) + " in " + file_.path() +
                     " were cut, altered, or of another max_memory: made again");
                file_.cut(at);
            }
        });
        if (!keeping_ || ended_)
            return false;
        drawn = static_cast<Index>(bits(p + 1));
        A = Eigen::Map<const Matrix>(p + 2, b_, b_);
        B = Eigen::Map<const Matrix>(p + 2 + b_ * b_, b_, b_);
        Q = Eigen::Map<const Matrix>(p + 2 + 2 * b_ * b_, n_, b_);
        ++count_;
        ++replayed;
        return true;
    }
    void append(Index k, Index drawn, const Matrix& A, const Matrix& B, const Matrix& Q) {
        const Index at = place();
        if (!keeping_ || at + record() > most_)
            return;
        double* p = room_.data();
        std::memcpy(p, &k, 8);
        std::memcpy(p + 1, &drawn, 8);
        Eigen::Map<Matrix>(p + 2, b_, b_) = A;
        Eigen::Map<Matrix>(p + 2 + b_ * b_, b_, b_) = B;
        Eigen::Map<Matrix>(p + 2 + 2 * b_ * b_, n_, b_) = Q;
        const std::uint64_t s = sum();
        std::memcpy(p + record() / 8 - 1, &s, 8);
        guarded([&] {
            file_.write(p, record(), at);
            const auto now = std::chrono::steady_clock::now();
            if (now - synced_ > std::chrono::seconds(1)) {
                file_.sync();
                synced_ = now;
            }
        });
        ++count_;
    }

    // The file goes, unless a solve is using it, or it is something else.
    static void remove(const std::string& path) {
        File file(path, File::Access::write);
        if (!file.open())
            return;
        try {
            if (!file.lock(File::Lock::alone) || !ours(file))
                return;
            file.cut(0); // a link leaves what it leads to
            File::remove(path);
        } catch (const FileError&) { // it stays
        }
    }

    Index replayed = 0; // steps that were there
    std::string word;   // why not all of them, or why none will be; else empty

private:
    struct Header {
        char magic[8];
        Index format;
        std::uint64_t order;
        JournalIdentity of;
        std::uint64_t sum;
    };
    static constexpr char magic[8] = {'M', 'E', 'H', 'L', 'S', 'T', 'E', 'P'};

    // Whether a file is a journal, however early it was cut. The header is on the disk before a
    // step follows it: zeros in its place, of a loss of power, stand alone.
    static bool ours(const File& file) {
        Header found{};
        const Index got = file.read(&found, sizeof found, 0);
        const Index known = std::min<Index>(got, sizeof magic);
        return std::memcmp(found.magic, magic, static_cast<std::size_t>(known)) == 0 ||
               (zero(found) && file.size() <= static_cast<Index>(sizeof found));
    }
    void begin(const JournalIdentity& of) {
        if (!file_.lock(File::Lock::alone)) {
            give_up("another solve is using it");
            return;
        }
        Header header{{}, format, 0x0102030405060708, of, 0};
        std::memcpy(header.magic, magic, sizeof magic);
        header.sum = seed_ = Checksum::of(&header, offsetof(Header, sum));
        if (!ours(file_))
            throw std::invalid_argument("path '" + file_.path() +
                                        "' is where the steps of the solve belong; found a file "
                                        "that is something else. Move it.");
        Header found{};
        file_.read(&found, sizeof found, 0);
        keeping_ = true;
        if (std::memcmp(&found, &header, sizeof header) != 0) {
            if (!zero(found))
                word = "the steps in " + file_.path() + " were " + difference(found, header) +
                       ": begun again";
            file_.cut(0);
            file_.write(&header, sizeof header, 0);
            file_.sync();
        }
        room_.resize(static_cast<std::size_t>(record() / 8));
    }
    Index record() const { return 8 * (3 + 2 * b_ * b_ + n_ * b_); }
    Index place() const { return page + count_ * record(); }
    std::uint64_t sum() const {
        return Checksum::of(room_.data(), record() - 8, seed_ + static_cast<std::uint64_t>(count_));
    }
    static std::uint64_t bits(const double* p) {
        std::uint64_t b;
        std::memcpy(&b, p, 8);
        return b;
    }
    static bool zero(const Header& h) { // killed, or without power, before the header came
        const Header none{};
        return std::memcmp(&h, &none, sizeof h) == 0;
    }
    static std::string difference(const Header& found, const Header& wanted) {
        const JournalIdentity &a = found.of, &b = wanted.of;
        if (found.order != wanted.order || found.format != wanted.format)
            return "of another format or machine";
        if (found.sum != Checksum::of(&found, offsetof(Header, sum)))
            return "cut or altered";
        if (a.n != b.n || a.matrix != b.matrix)
            return "of other points, or another kernel, dtype or version";
        if (a.block != b.block || a.wanted != b.wanted || a.largest != b.largest)
            return "of other pairs or blocks";
        return "from another start (rng)";
    }
    void also(const std::string& more) { word += (word.empty() ? "" : "; ") + more; }
    void give_up(const std::string& why) {
        keeping_ = false;
        also("no steps are kept in " + file_.path() + ": " + why);
    }
    template <class Work>
    void guarded(const Work& work) {
        try {
            work();
        } catch (const FileError& error) {
            give_up(error.what());
        }
    }

    Index n_, b_, most_;
    File file_;
    std::uint64_t seed_ = 0; // of the checksums
    Index count_ = 0;
    bool keeping_ = false, ended_ = false;
    std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
    std::vector<double> room_; // of one record
};

} // namespace mehler
