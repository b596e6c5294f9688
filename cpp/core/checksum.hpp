// XXH64 (Collet 2012-2023, the published specification): 64 bits of any bytes, at the speed of
// memory. It finds accidents, not forgers.
//
// Four sums run side by side over stripes of 32 bytes; each multiplies, turns and multiplies what
// comes in. The four are merged, the rest of the bytes joins, and the bits are mixed.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

#include "core/types.hpp"

namespace mehler {

class Checksum {
public:
    static std::uint64_t of(const void* data, Index bytes, std::uint64_t seed = 0) {
        const auto* p = static_cast<const unsigned char*>(data);
        const auto* const end = p + bytes;
        std::uint64_t h = seed + p5;
        if (bytes >= 32) {
            std::uint64_t a = seed + p1 + p2, b = seed + p2, c = seed, d = seed - p1;
            for (; end - p >= 32; p += 32) {
                a = round(a, word<std::uint64_t>(p));
                b = round(b, word<std::uint64_t>(p + 8));
                c = round(c, word<std::uint64_t>(p + 16));
                d = round(d, word<std::uint64_t>(p + 24));
            }
            h = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
            for (const std::uint64_t part : {a, b, c, d})
                h = (h ^ round(0, part)) * p1 + p4;
        }
        h += static_cast<std::uint64_t>(bytes);
        for (; end - p >= 8; p += 8)
            h = std::rotl(h ^ round(0, word<std::uint64_t>(p)), 27) * p1 + p4;
        for (; end - p >= 4; p += 4)
            h = std::rotl(h ^ word<std::uint32_t>(p) * p1, 23) * p2 + p3;
        for (; p < end; ++p)
            h = std::rotl(h ^ *p * p5, 11) * p1;
        h = (h ^ (h >> 33)) * p2;
        h = (h ^ (h >> 29)) * p3;
        return h ^ (h >> 32);
    }

private:
    static constexpr std::uint64_t p1 = 0x9E3779B185EBCA87, p2 = 0xC2B2AE3D27D4EB4F,
                                   p3 = 0x165667B19E3779F9, p4 = 0x85EBCA77C2B2AE63,
                                   p5 = 0x27D4EB2F165667C5;
    static std::uint64_t round(std::uint64_t sum, std::uint64_t in) {
        return std::rotl(sum + in * p2, 31) * p1;
    }
    template <class Word>
    static std::uint64_t word(const unsigned char* p) {
        Word w;
        std::memcpy(&w, p, sizeof w);
        if constexpr (std::endian::native == std::endian::big)
            w = sizeof w == 8 ? static_cast<Word>(__builtin_bswap64(w))
                              : static_cast<Word>(__builtin_bswap32(static_cast<std::uint32_t>(w)));
        return w;
    }
};

} // namespace mehler
