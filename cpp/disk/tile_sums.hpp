// What the tiles of a factor in a file are known by: the checksum of their column as far as each of
// their shares, some columns of a tile. So a share can be compared by itself.
#pragma once
#include "core/stripe_sum.hpp"
#include "disk/factor_file.hpp"

namespace mehler {

class TileSums {
public:
    static constexpr Index share = 64; // columns

    TileSums(const FactorFile& file, const FactorTiling& tiling)
        : file_(file), tiling_(tiling), shares_((tiling.edge + share - 1) / share),
          known_(static_cast<std::size_t>(tiling.panels * tiling.panels * shares_), 0) {}

    // Tiles [first, end) of column J, one after another, are known from now on, behind those before
    // them, whose checksum is `before`; the checksum as far as the last of them.
    std::uint64_t note(Index J, Index first, Index end, const char* tiles, std::uint64_t before) {
        for (Index I = first; I < end; ++I)
            for (Index c = 0; c < tiling_.rows(J); c += share) {
                const Index some = file_.bytes_of(I, std::min(share, tiling_.rows(J) - c));
                before = known_[at(I, J, c)] = StripeSum::of(tiles, some, before);
                tiles += some;
            }
        return before;
    }
    // Columns [c, c + share) of tile (I, J), c a multiple of share, are what was written.
    void compare(Index I, Index J, Index c, const char* columns) const {
        const Index some = file_.bytes_of(I, std::min(share, tiling_.rows(J) - c));
        if (StripeSum::of(columns, some, before(I, J, c)) != known_[at(I, J, c)])
            altered(J);
    }
    // So is all of it.
    void compare(Index I, Index J, const char* tile) const {
        for (Index c = 0; c < tiling_.rows(J); c += share)
            compare(I, J, c, tile + file_.bytes_of(I, c));
    }
    [[noreturn]] void altered(Index J) const {
        throw FileError(EIO, file_.path(),
                        file_.path() + ": column " + std::to_string(J) +
                            " of tiles is not what was written, by its checksum: the file was "
                            "altered, or the disk fails; remove it to begin again.");
    }

private:
    std::size_t at(Index I, Index J, Index c) const {
        return static_cast<std::size_t>((I * tiling_.panels + J) * shares_ + c / share);
    }
    std::uint64_t before(Index I, Index J, Index c) const {
        if (c > 0)
            return known_[at(I, J, c - share)];
        return I > J ? known_[at(I - 1, J, (tiling_.rows(J) - 1) / share * share)] : 0;
    }

    const FactorFile& file_;
    const FactorTiling tiling_;
    const Index shares_; // of a whole tile
    std::vector<std::uint64_t> known_;
};

} // namespace mehler
