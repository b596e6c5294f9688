// A checksum at the speed of memory: eight lanes of h = (h xor word) p, p odd (Fowler, Noll and
// Vo). Each step is a bijection of h for a given word, so a change of one word changes the sum.
#pragma once
#include <cstring>

#include "core/types.hpp"

namespace mehler {

class WordSum {
public:
    // All but the last part a multiple of 64 bytes.
    void add(const void* data, Index bytes) {
        const char* from = static_cast<const char*>(data);
        for (; bytes >= 64; bytes -= 64, from += 64) {
            std::uint64_t words[8];
            std::memcpy(words, from, 64);
            for (int l = 0; l < 8; ++l)
                lanes_[l] = (lanes_[l] ^ words[l]) * prime;
        }
        for (int l = 0; bytes > 0; ++l) {
            std::uint64_t word = 0;
            const Index some = bytes < 8 ? bytes : 8;
            std::memcpy(&word, from, static_cast<std::size_t>(some));
            lanes_[l] = (lanes_[l] ^ word) * prime;
            bytes -= some;
            from += some;
        }
    }
    std::uint64_t value() const {
        std::uint64_t h = basis;
        for (const std::uint64_t lane : lanes_)
            h = (h ^ lane ^ (lane >> 32)) * prime;
        return h ^ (h >> 32);
    }

private:
    static constexpr std::uint64_t basis = 0xcbf29ce484222325u, prime = 0x100000001b3u;
    std::uint64_t lanes_[8] = {basis,     basis + 1, basis + 2, basis + 3,
                               basis + 4, basis + 5, basis + 6, basis + 7};
};

inline std::uint64_t word_sum(const void* data, Index bytes) {
    WordSum sum;
    sum.add(data, bytes);
    return sum.value();
}

} // namespace mehler
