"""The sum that tiles of a factor in a file are known by: its definition (cpp/core/stripe_sum.hpp) in plain integers, on every CPU level."""

from __future__ import annotations

import itertools
import random
import struct

import pytest

from mehler import _core

MASK = 2**64 - 1
STRIPE, BLOCK = 64, 16


def mixed_words(count: int, begin: int) -> list[int]:
    found = []
    for i in range(begin + 1, begin + count + 1):
        z = i * 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        found.append(z ^ z >> 31)
    return found


def expected(data: bytes, seed: int = 0) -> int:
    sums, keys = mixed_words(8, 100), mixed_words(8 + BLOCK, 0)
    stripes = len(data) // STRIPE
    for t in range(stripes):
        words = struct.unpack_from("<8Q", data, STRIPE * t)
        place = t % BLOCK
        for lane in range(8):
            x = words[lane] ^ keys[place + lane]
            sums[lane] = (sums[lane] + (x & 0xFFFFFFFF) * (x >> 32) + words[lane ^ 1]) & MASK
        if place == BLOCK - 1:
            sums = [(s ^ s >> 47 ^ keys[BLOCK + i]) * 0x9E3779B1 & MASK for i, s in enumerate(sums)]
    whole = _core.checksum(struct.pack("<8Q", *sums), (seed + len(data)) & MASK)
    return _core.checksum(data[stripes * STRIPE :], whole)


@pytest.mark.parametrize(
    "size", [0, 1, 4, 63, 64, 65, 1023, 1024, 1028, 1088, 2048, 5000, 16 * 1024 + 12]
)
@pytest.mark.parametrize("seed", [0, 1, MASK])
def test_it_is_what_its_definition_says(size: int, seed: int) -> None:
    data = random.Random(size).randbytes(size)
    assert _core.stripe_sum(data, seed) == expected(data, seed)


def test_whatever_changes_is_seen() -> None:
    """Each bit, each pair of bytes that changes places, zeros for a part, more or less of them, another seed."""
    data = bytearray(random.Random(0).randbytes(1100))
    found = {_core.stripe_sum(bytes(data)), _core.stripe_sum(bytes(data), 1)}
    many = 2
    for place in range(8 * len(data)):
        data[place // 8] ^= 1 << place % 8
        found.add(_core.stripe_sum(bytes(data)))
        data[place // 8] ^= 1 << place % 8
        many += 1
    words = [bytes(data[i : i + 64]) for i in range(0, 1088, 64)]
    for i, j in itertools.combinations(range(len(words)), 2):
        turned = words.copy()
        turned[i], turned[j] = turned[j], turned[i]
        found.add(_core.stripe_sum(b"".join(turned) + bytes(data[1088:])))
        many += 1
    for length in range(2000):
        found.add(_core.stripe_sum(bytes(length)))
        many += 1
    assert len(found) == many
