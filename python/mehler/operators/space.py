"""What a pass over neurons takes of memory, and which form of the matrix fits.

Invariant: what does not fit is refused before anything of its size is allocated, and the message names what does.
"""

from __future__ import annotations

import math

from .._arrays import size_text
from .forms import COLUMNS, EDGE, HEIGHT, Panels
from .neurons import SLICE, Features

STORAGES = ("auto", "factor", "dense", "packed", "features", "matrix-free")
FACTOR_UP_TO = 3000  # order: beyond, the rotations of the factor take many minutes


def block_height(n: int) -> int:
    """Rows of a block of the tree: the QR of two triangles above it costs a fifth of its own."""
    return max(1024, 4 * n)


def step_of(n: int, storage: str) -> int:
    """Blocks of neurons are multiples of this: of those of the tree, of a factor."""
    return block_height(n) if storage == "factor" else HEIGHT


def bytes_for(features: Features, storage: str, threads: int) -> int:
    """Bytes of a pass and of what it leaves."""
    n, height = features.n, block_height(features.n)
    points = features.points if features.phi is not None else 0
    step = step_of(n, storage)
    rows = min(features.block_rows(step), -(-features.width // step) * step)
    d = features.inputs.shape[1]
    block = 8 * rows * (2 * features.columns + 2 * d + features.outputs) + 8 * 6 * SLICE
    if storage == "dense":
        return int(block + 8 * 3 * n * n + 8 * 2 * points**2)
    if storage == "packed":
        sums = 2 * Panels.bytes_for(n) + (Panels.bytes_for(points) if points else 0)
        return int(block + 8 * rows * features.columns + sums + 8 * 3 * EDGE * n)
    if storage in ("features", "matrix-free"):
        stored = 8 * features.width * features.columns if storage == "features" else 0
        slices = 8 * (4 * COLUMNS + 8 * n)
        return int(block + 8 * rows * n + stored + slices)
    levels = int(math.log2(max(1.0, features.width / height))) + 2
    pieces = rows // height
    tree = 8 * n * n * (levels + pieces + 6) + 8 * height * n * min(threads, pieces)
    tree *= 2 if points and features.slope is not None else 1
    stack = (
        0
        if features.slope is None
        else 8 * 2 * min(2 * height, (d + 1) * n) * n + 8 * 4 * n * d + 8 * 2 * n * n * (points > 0)
    )
    jacobi = 8 * 5 * n * n
    return int(max(block + tree, tree + stack, jacobi + 2 * 8 * n * n))


def storage_for(features: Features, threads: int, limit: int) -> str:
    """The factor, where its singular values can be waited for and it fits; else the entries."""
    fits = bytes_for(features, "factor", threads) <= limit
    if features.n <= FACTOR_UP_TO and fits:
        return "factor"
    return operator_for(features, threads, limit)


def operator_for(features: Features, threads: int, limit: int) -> str:
    """What multiplies quickest of what fits; 'dense' when nothing does, to be refused."""
    for storage in STORAGES[2:]:
        if bytes_for(features, storage, threads) <= limit:
            return storage
    return "dense"


def check_memory(
    features: Features, storage: str, threads: int, limit: int, beside: int = 0
) -> None:
    """A MemoryError that says what fits, before anything is allocated; ``beside``: bytes that come with any form."""
    need = bytes_for(features, storage, threads) + beside
    if need <= limit:
        return
    others = [s for s in STORAGES[1:] if s != storage]
    takes = {s: bytes_for(features, s, threads) + beside for s in others}
    fits = [f"storage={s!r} takes {size_text(size)}" for s, size in takes.items() if size <= limit]
    least = min(takes, key=lambda s: takes[s])
    least = storage if need <= takes[least] else least
    hint = (
        f"What fits: {'; '.join(fits)}."
        if fits
        else f"The smallest max_memory that works is {size_text(1.01 * min(need, takes.get(least, need)))}, "
        f"with storage={least!r}."
    )
    raise MemoryError(
        f"storage={storage!r} of n={features.n} at width {features.width} takes {size_text(need)}, more than "
        f"max_memory={size_text(limit)}. {hint}"
    )
