// 64 bits of any bytes at the speed of a cache, for what is compared each time it is read: a
// Checksum multiplies two words of 64 bits for each word it takes, which is its limit; here the two
// halves of a word are multiplied, of as many words at once as a vector holds (the way of XXH3,
// Collet 2019). It finds accidents, not forgers.
//
// Eight sums run side by side over stripes of 64 bytes,
//
//     s_l += lo(w_l ^ k) hi(w_l ^ k) + w_(l ^ 1),      k of the place in a block of 16 stripes,
//
// and are mixed, s <- (s ^ s >> 47 ^ k) p, after each block. A Checksum takes them, and the rest.
#pragma once
#include <array>

#include "core/checksum.hpp"
#include "core/simd.hpp"

namespace mehler {

// Weyl's sequence, mixed (Steele, Lea and Flood 2014): `count` words from the `begin`-th on.
template <std::size_t count>
constexpr std::array<std::uint64_t, count> mixed_words(std::uint64_t begin) {
    std::array<std::uint64_t, count> all{};
    for (std::uint64_t& z : all) {
        z = ++begin * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
    }
    return all;
}

class StripeSum {
public:
    static std::uint64_t of(const void* data, Index bytes, std::uint64_t seed = 0) {
        const auto* p = static_cast<const char*>(data);
        const Index stripes = bytes / stripe;
        alignas(64) std::array<std::uint64_t, words> sums = mixed_words<words>(100);
        for (Index done = 0; done < stripes; done += block) {
            const Index some = std::min(block, stripes - done);
            add(sums, p, some);
            p += some * stripe;
            if (some == block)
                for (Index l = 0; l < words; ++l)
                    sums[at(l)] = (sums[at(l)] ^ (sums[at(l)] >> 47) ^ keys[at(block + l)]) * prime;
        }
        for (std::uint64_t& s : sums) // the bytes of the number, least first, on every machine
            s = little(s);
        const std::uint64_t whole =
            Checksum::of(sums.data(), stripe, seed + static_cast<std::uint64_t>(bytes));
        return Checksum::of(p, bytes % stripe, whole);
    }

private:
    static constexpr Index words = 8, stripe = 8 * words, block = 16; // bytes; stripes
    static constexpr std::uint64_t prime = 0x9E3779B1;
    static constexpr auto keys = mixed_words<words + block>(0); // of a stripe: 8 from its place on

    static constexpr std::size_t at(Index i) { return static_cast<std::size_t>(i); }
    static std::uint64_t little(std::uint64_t x) {
        if constexpr (std::endian::native == std::endian::big)
            return __builtin_bswap64(x);
        return x;
    }

#if defined(__AVX2__)
    static void add(std::array<std::uint64_t, words>& sums, const char* p, Index stripes) {
        constexpr Index half = 4;
        auto* const s = reinterpret_cast<__m256i*>(sums.data());
        __m256i a[2] = {_mm256_load_si256(s), _mm256_load_si256(s + 1)};
        for (Index t = 0; t < stripes; ++t, p += stripe)
            for (Index h = 0; h < 2; ++h) {
                const auto load = [](const void* from) {
                    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
                };
                const __m256i w = load(p + 32 * h);
                const __m256i x = _mm256_xor_si256(w, load(keys.data() + t + half * h));
                const __m256i product = _mm256_mul_epu32(x, _mm256_srli_epi64(x, 32));
                a[h] = _mm256_add_epi64(a[h], _mm256_shuffle_epi32(w, 0x4E)); // w_(l ^ 1)
                a[h] = _mm256_add_epi64(a[h], product);
            }
        _mm256_store_si256(s, a[0]);
        _mm256_store_si256(s + 1, a[1]);
    }
#else
    static void add(std::array<std::uint64_t, words>& sums, const char* p, Index stripes) {
        for (Index t = 0; t < stripes; ++t, p += stripe) {
            std::uint64_t w[words];
            std::memcpy(w, p, sizeof w);
            for (Index l = 0; l < words; ++l)
                w[l] = little(w[l]);
            for (Index l = 0; l < words; ++l) {
                const std::uint64_t x = w[l] ^ keys[at(t + l)];
                sums[at(l)] += (x & 0xFFFFFFFF) * (x >> 32) + w[l ^ 1];
            }
        }
    }
#endif
};

} // namespace mehler
