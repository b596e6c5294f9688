// What the tiles of a factor in a file are known by: the checksum of their column as far as each of
// them.
#pragma once
#include "disk/factor_file.hpp"

namespace mehler {

class TileSums {
public:
    TileSums(const FactorFile& file, const FactorTiling& tiling)
        : file_(file), tiling_(tiling),
          known_(static_cast<std::size_t>(tiling.panels * tiling.panels), 0) {}

    // Tiles [first, end) of column J, one after another, are known from now on, behind those before
    // them, whose checksum is `before`; the checksum as far as the last of them.
    std::uint64_t note(Index J, Index first, Index end, const char* tiles, std::uint64_t before) {
        for (Index I = first; I < end; ++I) {
            before = known_[at(I, J)] = file_.sum(J, I, I + 1, tiles, before);
            tiles += file_.offset(I + 1, J) - file_.offset(I, J);
        }
        return before;
    }
    // Tile (I, J) is what was written.
    void compare(Index I, Index J, const char* tile) const {
        const std::uint64_t before = I > J ? known_[at(I - 1, J)] : 0;
        if (file_.sum(J, I, I + 1, tile, before) != known_[at(I, J)])
            altered(J);
    }
    [[noreturn]] void altered(Index J) const {
        throw FileError(EIO, file_.path(),
                        file_.path() + ": column " + std::to_string(J) +
                            " of tiles is not what was written, by its checksum: the file was "
                            "altered, or the disk fails; remove it to begin again.");
    }

private:
    std::size_t at(Index I, Index J) const {
        return static_cast<std::size_t>(I * tiling_.panels + J);
    }

    const FactorFile& file_;
    const FactorTiling tiling_;
    std::vector<std::uint64_t> known_;
};

} // namespace mehler
