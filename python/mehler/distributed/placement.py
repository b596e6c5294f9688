"""Who holds which leaves of a kernel matrix, what that takes, and what a product costs.

The lower tiles are cut into L = 2^k leaves (cpp/gram/leaf.hpp), L by n alone. A worker that holds both halves of a node
of the binary tree over the leaves sends their sum, so that of W workers each sends

    s_w n b doubles,    s_w: nodes that its leaves make up; 1 where L / W is a power of two

and Y does not depend on who holds what, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

from .. import _core
from .._arrays import size_text
from ..operators.packed import BYTES

OVER = 0.04  # of its share, that a worker may hold more, where fewer sums are sent for it
USED = 0.75  # of a worker's memory_limit; Dask pauses a worker at 0.8
BATCH = 32  # leaves whose sums are held at a time
CHUNK = 4  # vectors that are sent, and multiplied, at a time
LEAF: dict[str, Any] = {
    "float64": _core.Leaf64,
    "float32": _core.Leaf32,
    "fixed32": _core.LeafFixed32,
}

Node = tuple[int, int]  # first leaf, number of leaves


@dataclass(frozen=True)
class Room:
    """What a worker has: bytes that tiles and what goes with them may take, and threads."""

    nbytes: float
    threads: int


@dataclass(frozen=True)
class ProductCost:
    """What one product with a block of vectors costs.

    Attributes
    ----------
    workers
        How many of them.
    slices
        Questions that V goes in: of ``CHUNK`` vectors each, so that what a worker takes does not depend on b.
    messages
        One to each worker, and its answer, a slice.
    bytes_out, bytes_in
        To the workers: V for each. From them: the sums that they could not add themselves.
    entries
        Bytes of the matrix that the busiest worker holds, and reads once a slice.
    flops
        Of all workers: two halves of each stored entry, a multiplication and an addition each.
    """

    workers: int
    slices: int
    messages: int
    bytes_out: int
    bytes_in: int
    entries: int
    flops: float


def nodes_of(leaves: Iterable[int]) -> list[Node]:
    """The fewest nodes of the binary tree that so many leaves make up, in order."""
    held = {(leaf, 1) for leaf in leaves}
    size = 1
    while True:
        left = [(i, s) for i, s in held if s == size and i % (2 * size) == 0]
        pairs = [(i, s) for i, s in left if (i + size, size) in held]
        for i, s in pairs:
            held -= {(i, s), (i + size, size)}
            held.add((i, 2 * s))
        if not any(s > size for _, s in held):
            return sorted(held)
        size *= 2


def shares(count: int, rooms: Sequence[int]) -> list[int] | None:
    """How many of ``count`` equal leaves each worker holds: equal shares, but where its room is smaller; None: no room."""
    if sum(rooms) < count:
        return None
    given = [0] * len(rooms)
    order = sorted(range(len(rooms)), key=lambda w: rooms[w])
    left = count
    for k, w in enumerate(order):
        given[w] = min(rooms[w], math.ceil(left / (len(order) - k)))
        left -= given[w]
    return given if left == 0 else None


def cut(count: int, rooms: Sequence[int]) -> list[range] | None:
    """Leaves of each worker, side by side; bounds give way by ``OVER`` of a share where that saves sums."""
    given = shares(count, rooms)
    if given is None:
        return None
    plain = list(accumulate(given, initial=0))
    near = [0]
    for w, at in enumerate(plain[1:-1]):
        spare = OVER * min(given[w], given[w + 1])
        best = at
        for j in range(count.bit_length()):
            whole = round(at / 2**j) * 2**j
            if abs(whole - at) <= spare and near[-1] < whole < count:
                best = whole
        near.append(best)
    near.append(count)
    for bounds in (near, plain):
        ranges = [range(a, b) for a, b in pairwise(bounds)]
        if all(len(r) <= most for r, most in zip(ranges, rooms, strict=True)):
            return ranges
    return None


@lru_cache(maxsize=64)
def leaf_sizes(n: int, dtype: str) -> tuple[int, ...]:
    """Bytes of each leaf."""
    return tuple(LEAF[dtype].bytes_for(n, leaf) for leaf in range(_core.leaf_count(n)))


def beside(n: int, d: int, threads: int) -> int:
    """Bytes that a worker takes beside its leaves: points twice, vectors, sums of a batch."""
    points = 2 * 8 * n * d + 16 * n
    sums = 8 * n * CHUNK * (min(BATCH, _core.leaf_count(n)) + 6)
    return points + sums + 2**21 * threads


def making(n: int, d: int, threads: int) -> int:
    """Bytes that a worker takes before it has leaves, while points are made of the blocks in which they came.

    Blocks, rows, unit rows; and rows that are lifted, where the kernel has a bias and norms differ.
    """
    return 4 * 8 * n * d + 16 * n + 2**21 * threads


def fitting(n: int, d: int, dtype: str, room: Room, joins: bool = True) -> int:
    """How many leaves a worker has room for; ``joins``: what goes beside them is still to come."""
    if joins and room.nbytes < making(n, d, room.threads):
        return 0
    free = room.nbytes - joins * beside(n, d, room.threads)
    count = int(_core.leaf_count(n))
    return count if math.isinf(free) else min(count, max(0, int(free // max(leaf_sizes(n, dtype)))))


def placed(n: int, d: int, dtype: str, rooms: Sequence[Room]) -> list[range]:
    """Leaves of each worker.

    Raises
    ------
    MemoryError
        They do not fit; says how many such workers, or which dtype, would do.
    """
    size, count = max(leaf_sizes(n, dtype)), _core.leaf_count(n)
    able = [fitting(n, d, dtype, room) for room in rooms]
    found = cut(count, able)
    if found is not None:
        return found
    total = sum(leaf_sizes(n, dtype))
    most = max(able, default=0)
    remedies = []
    if dtype == "float64":
        if sum(fitting(n, d, "float32", room) for room in rooms) >= count:
            remedies.append("dtype='float32' fits on these workers")
    if most:
        remedies.append(f"{math.ceil(count / most)} workers like the largest of these would do")
    else:
        threads = max((r.threads for r in rooms), default=1)
        need = max(beside(n, d, threads) + size, making(n, d, threads))
        remedies.append(
            f"each needs a memory_limit of at least {size_text(need / USED)}, beside what it holds now"
        )
    raise MemoryError(
        f"tiles of n={n} in {dtype} take {size_text(total)}, and {size_text(beside(n, d, 1))} beside them on each "
        f"worker; the {len(rooms)} workers have room for {size_text(size * sum(able))} of tiles, at "
        f"{USED:.0%} of their memory_limit. {'; '.join(remedies)}."
    )


def product_cost(n: int, b: int, dtype: str, held: Sequence[Iterable[int]]) -> ProductCost:
    """What a product of the leaves that workers hold with (n, b) costs.

    Parameters
    ----------
    n, b
        Order, and vectors.
    dtype
        Of the entries.
    held
        Leaves of each worker; workers that hold none are not asked.
    """
    asked = [sorted(leaves) for leaves in held]
    asked = [leaves for leaves in asked if leaves]
    sent = sum(len(nodes_of(leaves)) for leaves in asked)
    size = leaf_sizes(n, dtype)
    total = sum(size[leaf] for leaves in asked for leaf in leaves)
    slices = math.ceil(b / CHUNK)
    return ProductCost(
        workers=len(asked),
        slices=slices,
        messages=2 * slices * len(asked),
        bytes_out=8 * n * b * len(asked),
        bytes_in=8 * n * b * sent,
        entries=max(sum(size[leaf] for leaf in leaves) for leaves in asked),
        flops=4.0 * b * total / BYTES[dtype],
    )
