// What a fill has seen of the pairs, as the note of a tile file.
//
//     nearest, antipodal, equal_count, opposite_count, |equal|, |opposite|, equal..., opposite...
#pragma once
#include <cstring>
#include <vector>

#include "kernel/tile.hpp"

namespace mehler {

inline std::vector<unsigned char> write_note(const Pairs& pairs) {
    std::vector<unsigned char> note;
    const auto put = [&](const auto& x) {
        const auto* p = reinterpret_cast<const unsigned char*>(&x);
        note.insert(note.end(), p, p + sizeof x);
    };
    const auto put_pair = [&](const Pair& p) {
        put(p.i);
        put(p.j);
        put(p.deficit);
    };
    put_pair(pairs.nearest);
    put_pair(pairs.antipodal);
    for (const Index count :
         {pairs.equal_count, pairs.opposite_count, static_cast<Index>(pairs.equal.size()),
          static_cast<Index>(pairs.opposite.size())})
        put(count);
    for (const auto* list : {&pairs.equal, &pairs.opposite})
        for (const Pair& p : *list)
            put_pair(p);
    return note;
}

inline void read_note(const std::vector<unsigned char>& note, Pairs& pairs) {
    std::size_t at = 0;
    const auto get = [&](auto& x) {
        if (at + sizeof x > note.size())
            throw std::runtime_error("the note of a tile file is too short");
        std::memcpy(&x, note.data() + at, sizeof x);
        at += sizeof x;
    };
    const auto get_pair = [&](Pair& p) {
        get(p.i);
        get(p.j);
        get(p.deficit);
    };
    get_pair(pairs.nearest);
    get_pair(pairs.antipodal);
    Index equal = 0, opposite = 0;
    get(pairs.equal_count);
    get(pairs.opposite_count);
    get(equal);
    get(opposite);
    pairs.equal.resize(static_cast<std::size_t>(equal));
    pairs.opposite.resize(static_cast<std::size_t>(opposite));
    for (auto* list : {&pairs.equal, &pairs.opposite})
        for (Pair& p : *list)
            get_pair(p);
}

} // namespace mehler
