"""One pass over the neurons of a layer, into a factor or into entries; what it takes, and how far it is.

    F = Q S by blocked TSQR;   R from [S D_1; ...; S D_d'] at the end;   or F^T F by GEMM

Invariant: the tree of factorisations is a function of the numbers of neurons and points alone, and what the
neurons so far have made is the Gram matrix of a narrower network.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from .. import _core
from .._arrays import Array, size_text
from .._progress import Reporter
from .neurons import EPS, SLICE, Features

FACTOR_UP_TO = 3000  # points: beyond, the rotations of the factor take many minutes
ASK_EVERY = 0.1  # seconds
QR_ERROR = EPS  # of a column, for a reflection of all of it: measured, decision 15


class Made(NamedTuple):
    """R ('factor') or G ('dense') of a network, the relative rounding of columns or entries, the most rank."""

    storage: str
    width: int
    stored: Array
    rounding: float
    rank: int


class Stream:
    """One pass over all neurons, into a factor or into sums of squares; knows how far it has come."""

    def __init__(self, features: Features, storage: str, threads: int, report: Reporter) -> None:
        self.features, self.storage, self.threads, self.report = features, storage, threads, report
        self.done = 0
        n = features.n
        self.height = block_height(n)
        self._factor = _core.TriangularFactor(n, self.height) if storage == "factor" else None
        self._squares = np.zeros((n, n)) if storage == "dense" else None

    def run(self) -> None:
        """Ends with Interrupted when the report says stop, or KeyboardInterrupt."""
        rows = self.features.block_rows(self.height)
        for F in self.features.blocks(rows, self.threads):
            if self._factor is not None:
                self._factor.push(F, self.threads, self._listen)
            elif self._squares is not None:
                _core.add_squares(F, self._squares, self.threads)
            self.done += len(F)
            self.tell("features", self.done, self.features.width)

    def tell(self, phase: str, done: int, total: int) -> None:
        """Progress; Interrupted when it is time to stop."""
        ask = self.report.ask
        now = time.perf_counter()
        if ask is not None and now - self._last >= ASK_EVERY:
            self._last = now
            if ask(phase, done, total, 0.0, 0.0):
                raise _core.Interrupted(self.report.why)

    _last = 0.0

    def _listen(self, phase: str, done: int, total: int, value: float, residual: float) -> bool:
        """For the core, which asks within a long piece: the stream's own progress."""
        ask = self.report.ask
        return ask is not None and ask("features", self.done, self.features.width, 0.0, 0.0)

    def made(self) -> Made:
        """What the neurons so far make: the Gram matrix of a network of that width."""
        C = self.features.coordinates()
        d = 1 if C is None else C.shape[1]
        if self._factor is None:
            stored, rounding = self._entries(C)
        else:
            stored, rounding = self._triangle(C)
        rounding += self.features.rounding(self.threads)
        return Made(self.storage, self.done, stored, rounding, self.done * d)

    def _entries(self, C: Array | None) -> tuple[Array, float]:
        """G, and the relative rounding of its entries, but for that of the features."""
        assert self._squares is not None
        G = mirrored(self._squares)
        sizes = np.sqrt(np.diagonal(G))
        rounding = EPS * 2.0 + self.features.rounding(self.threads) + self._doubt(sizes)
        if C is not None:
            linear = np.zeros_like(G)
            _core.add_squares(np.ascontiguousarray(C.T), linear, self.threads)
            G *= mirrored(linear)
            rounding += EPS * math.sqrt(C.shape[1])
        G /= self.done
        return G, rounding

    def _triangle(self, C: Array | None) -> tuple[Array, float]:
        """R, (n, n), and the relative rounding of its columns, but for that of the features."""
        assert self._factor is not None
        S = R = self._factor.factor(self.threads, self._listen)
        levels = math.log2(max(1.0, self.done / self.height)) + 1.0
        lost = 0.0
        if C is not None:
            L, lost = compressed(C)
            levels += math.log2(L.shape[1]) + 1.0
            R = self._stacked(S, L)
        steps = max(reflections(S), reflections(R))
        whole = np.zeros((self.features.n, self.features.n))
        whole[: len(R)] = R
        rounding = QR_ERROR * math.sqrt((levels + 1.0) * steps)  # one more level: with pivots
        return whole, rounding + lost + self._doubt(np.sqrt(np.sum(S**2, axis=0)))

    def _doubt(self, sizes: Array) -> float:
        """What kinks that rounding may have crossed do to a column of such a size."""
        seen = sizes > 0.0
        return float(np.max(np.sqrt(self.features.doubt)[seen] / sizes[seen], initial=0.0))

    def _stacked(self, S: Array, L: Array) -> Array:
        """R of [S D_1; ...; S D_d']."""
        n, count = len(L), L.shape[1]
        each = max(1, self.height // len(S))  # coordinates in a block of the tree
        tree = _core.TriangularFactor(n, each * len(S))
        for start in range(0, count, 2 * each):
            part = L[:, start : start + 2 * each].T  # (c, n)
            rows = np.ascontiguousarray((part[:, None, :] * S).reshape(-1, n))
            tree.push(rows, self.threads, self._listen)
            self.tell("factor", start, count)
        return tree.factor(self.threads, self._listen)


def reflections(R: Array) -> float:
    """How many reflections have rounded a column, at most: the j-th rounds what j - 1 have left of it.

    sum_k k R_ki^2 / sum_k R_ki^2: near 1 for columns that are nearly parallel, n / 2 for random ones.
    """
    squares = R * R
    sizes = squares.sum(axis=0)
    seen = sizes > 0.0
    weighted = np.arange(1.0, len(R) + 1.0) @ squares
    return float(np.max(weighted[seen] / sizes[seen], initial=1.0))


def block_height(n: int) -> int:
    """Rows of a block of the tree: the QR of two triangles above it costs a fifth of its own."""
    return max(1024, 4 * n)


def compressed(C: Array) -> tuple[Array, float]:
    """(L, error): L L^T = C C^T with as few columns as the rank of C; error relative to each row.

    A C of full column rank is its own L.
    """
    lengths = np.linalg.norm(C, axis=1)
    scale = np.ldexp(1.0, np.frexp(np.where(lengths > 0.0, lengths, 1.0))[1])
    B = C / scale[:, None]
    U, s, V = np.linalg.svd(B, full_matrices=False)
    r = max(1, int(np.sum(s > EPS * max(C.shape) * s[0])))
    if r == C.shape[1]:
        return C, 0.0
    L = U[:, :r] * s[:r]
    rest = np.linalg.norm(B - L @ V[:r], axis=1) * scale / np.where(lengths > 0.0, lengths, 1.0)
    return np.asarray(L * scale[:, None]), float(np.max(rest)) + EPS


def mirrored(G: Array) -> Array:
    """The lower triangle of G above the diagonal too, in place."""
    n = len(G)
    for start in range(0, n, 512):
        end = min(start + 512, n)
        G[:start, start:end] = G[start:end, :start].T
        corner = np.tril(G[start:end, start:end])
        G[start:end, start:end] = corner + np.tril(corner, -1).T
    return G


# -- memory ----------------------------------------------------------------------------------------


def bytes_for(features: Features, storage: str, threads: int) -> int:
    """Bytes of a pass and of what it leaves."""
    n, height = features.n, block_height(features.n)
    rows = min(features.block_rows(height), -(-features.width // height) * height)
    d = features.inputs.shape[1]
    block = 8 * rows * (2 * n + 2 * d) + 8 * 6 * SLICE
    if storage == "dense":
        return int(block + 8 * 3 * n * n)
    levels = int(math.log2(max(1.0, features.width / height))) + 2
    pieces = rows // height
    tree = 8 * n * n * (levels + pieces + 6) + 8 * height * n * min(threads, pieces)
    stack = (
        0 if features.kernel == "nngp" else 8 * 2 * min(2 * height, (d + 1) * n) * n + 8 * 4 * n * d
    )
    jacobi = 8 * 5 * n * n
    return int(max(block + tree, tree + stack, jacobi + 2 * 8 * n * n))


def storage_for(features: Features, threads: int, limit: int) -> str:
    """The factor, where its singular values can be waited for and it fits."""
    fits = bytes_for(features, "factor", threads) <= limit
    return "factor" if features.n <= FACTOR_UP_TO and fits else "dense"


def check_memory(features: Features, storage: str, threads: int, limit: int) -> None:
    """A MemoryError that says what fits, before anything is allocated."""
    need = bytes_for(features, storage, threads)
    if need <= limit:
        return
    other = "dense" if storage == "factor" else "factor"
    less = bytes_for(features, other, threads)
    hint = (
        f"What fits: storage={other!r} takes {size_text(less)}."
        if less <= limit
        else f"The smallest max_memory that works is {size_text(1.01 * min(need, less))}, "
        f"with storage={other if less < need else storage!r}."
    )
    raise MemoryError(
        f"storage={storage!r} of n={features.n} at width {features.width} takes {size_text(need)}, more than "
        f"max_memory={size_text(limit)}. {hint}"
    )
