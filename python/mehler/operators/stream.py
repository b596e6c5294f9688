"""One pass over the neurons of a layer, into whatever form; what it takes, and how far it is.

    F = Q S by blocked TSQR;   R from [S D_1; ...; S D_d'; T (x) I_c] at the end, T of H;   or F^T F and H^T H by GEMM

Invariant: the tree of factorisations is a function of the numbers of neurons and points, and of where the pass
was cut, alone; and what the neurons so far have made is the Gram matrix of a narrower network.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .. import _core
from .._arrays import Array
from .._progress import Reporter
from .forms import Entries, Factor, Form, Panels, Products, combined
from .neurons import EPS, Block, Features
from .space import block_height, step_of

ASK_EVERY = 0.1  # seconds
QR_ERROR = EPS  # of a column, for a reflection of all of it: measured, decision 15


class Made(NamedTuple):
    """A Gram matrix: how it is stored, the relative rounding of columns or entries, and the most rank."""

    storage: str
    form: Form
    rounding: float
    rank: int
    width: int | None
    source: str  # of the rank, in words


class Tall:
    """R of a matrix whose rows arrive in blocks; what it knows of its own rounding."""

    def __init__(self, n: int, height: int) -> None:
        self.tree = _core.TriangularFactor(n, height)
        self.height, self.leaves = height, 0

    def push(self, A: Array, threads: int, listen: Callable[..., bool] | None) -> None:
        """Rows of A."""
        self.tree.push(A, threads, listen)
        self.leaves += -(-len(A) // self.height)

    @property
    def levels(self) -> float:
        """Of the tree: factorisations that a row has passed."""
        return math.log2(max(1, self.leaves)) + 1.0

    def factor(self, threads: int, listen: Callable[..., bool] | None) -> Array:
        """R, (min(rows, n), n), of the rows so far."""
        return self.tree.factor(threads, listen)


class Stream:
    """One pass over all neurons; knows how far it has come."""

    def __init__(self, features: Features, storage: str, threads: int, report: Reporter) -> None:
        self.features, self.storage, self.threads, self.report = features, storage, threads, report
        self.done = 0
        n, points = features.n, features.points
        self._last = 0.0
        self.height = block_height(n)
        self._sums: tuple[Tall | Panels | Array | None, ...] = (None, None)
        self._products: Products | None = None
        if storage in ("features", "matrix-free"):
            c = features.coefficients(features.width)
            C = None if features.slope is None else features.coordinates(c)
            kept: list[Block] | None = [] if storage == "features" else None
            self._products = Products(features, C, c.feature, kept)
        else:
            self._sums = (
                self._empty(n) if features.slope is not None else None,
                self._empty(points) if features.phi is not None else None,
            )

    def _empty(self, k: int) -> Tall | Panels | Array:
        """What sums of k columns are kept in."""
        if self.storage == "factor":
            return Tall(k, self.height)
        return Panels(k) if self.storage == "packed" else np.zeros((k, k))

    def run(self, cuts: Sequence[int] = (), reached: Callable[[int], None] | None = None) -> None:
        """All neurons, ``reached(k)`` called after the first k of every cut.

        Ends with Interrupted when the report says stop, or KeyboardInterrupt.
        """
        rows = self.features.block_rows(step_of(self.features.n, self.storage))
        for block in self.features.blocks(rows, self.threads, cuts):
            for part, total in zip(block, self._sums, strict=True):
                if part is not None and total is not None:
                    self._add(part, total)
            if self._products is not None:
                self._products.add(block)
            self.done += len(block)
            self.tell("features", self.done, self.features.width)
            if reached is not None and self.done in cuts:
                reached(self.done)

    def _add(self, part: Array, total: Tall | Panels | Array) -> None:
        if isinstance(total, Tall):
            total.push(part, self.threads, self._listen)
        elif isinstance(total, Panels):
            total.add(part, self.threads)
        else:
            _core.add_squares(part, total, self.threads)

    def tell(self, phase: str, done: int, total: int) -> None:
        """Progress; Interrupted when it is time to stop."""
        ask = self.report.ask
        now = time.perf_counter()
        if ask is not None and now - self._last >= ASK_EVERY:
            self._last = now
            if ask(phase, done, total, 0.0, 0.0):
                raise _core.Interrupted(self.report.why)

    def _listen(self, phase: str, done: int, total: int, value: float, residual: float) -> bool:
        """For the core, which asks within a long piece: the stream's own progress."""
        ask = self.report.ask
        return ask is not None and ask("features", self.done, self.features.width, 0.0, 0.0)

    def made(self, width: int | None = None) -> Made:
        """(1 / k) times the sums over the k neurons so far, with the coefficients of a network of ``width``.

        By default k: the Gram matrix of that narrower network.
        """
        f, k = self.features, self.done
        c = f.coefficients(k if width is None else width)
        C = None if f.slope is None else f.coordinates(c)
        form: Form
        if self._products is not None:
            form, rounding = self._products, EPS * (2.0 + math.sqrt(f.inputs.shape[1]))
        elif self.storage == "factor":
            R, rounding = self._triangle(C, c.feature)
            form = Factor(R, k)
        elif self.storage == "packed":
            form, rounding = self._panels(C, c.feature)
        else:
            form, rounding = self._entries(C, c.feature)
        rounding += f.rounding(self.threads) * (1.0 if self.storage == "factor" else 2.0)
        rounding += self._doubt()
        rank = f.rank(k)
        each = f" of {f.outputs} outputs" if f.outputs > 1 else ""
        source = f"{f.points} points{each}, and a layer of rank {rank} at most (width {k})"
        return Made(self.storage, form, rounding, rank, k, source)

    def _entries(self, C: Array | None, feature: float) -> tuple[Form, float]:
        """G, and the relative rounding of its entries, but for that of the features."""
        S, T = (None if part is None else np.array(part) for part in self._sums)
        c = self.features.outputs
        each = None if C is None else np.repeat(C, c, axis=0)
        G = combined(S, T, each, feature, c, self.threads)
        G /= self.done
        return Entries(G), EPS * (2.0 + (0.0 if C is None else math.sqrt(C.shape[1])))

    def _panels(self, C: Array | None, feature: float) -> tuple[Form, float]:
        """The same in panels, each by itself."""
        slopes, values = self._sums
        n, c, m = self.features.n, self.features.outputs, self.done
        out = Panels(n)
        each = None if C is None else np.repeat(C, c, axis=0)
        for place, (s, e) in enumerate(out.rows):
            P = out.panels[place]
            if isinstance(slopes, Panels) and each is not None:
                P += slopes.panels[place] * _core.products(each[s:e], each[:e], self.threads)
            if isinstance(values, Panels):
                add_outputs(P, s, e, values, feature, c)
            P /= m
        return out, EPS * (2.0 + (0.0 if C is None else math.sqrt(C.shape[1])))

    def _triangle(self, C: Array | None, feature: float) -> tuple[Array, float]:
        """R, (n, n), and the relative rounding of its columns, but for that of the features."""
        slopes, values = self._sums
        n, c = self.features.n, self.features.outputs
        levels, lost, steps = 0.0, 0.0, 1.0
        S: Array | None = None
        T: Array | None = None
        if isinstance(slopes, Tall):
            S = slopes.factor(self.threads, self._listen)
            levels, steps = slopes.levels, reflections(S)
        if isinstance(values, Tall):
            H = values.factor(self.threads, self._listen)
            levels, steps = max(levels, values.levels), max(steps, reflections(H))
            T = np.asarray(math.sqrt(feature) * (H if c == 1 else np.kron(H, np.eye(c))))
        if S is not None and C is not None:
            L, lost = compressed(C)
            levels += math.log2(L.shape[1] + 1.0) + 1.0
            R = self._stacked(S, np.repeat(L, c, axis=0), T)
            steps = max(steps, reflections(R))
        else:
            assert T is not None
            R = T
        whole = np.zeros((n, n))
        whole[: len(R)] = R
        rounding = QR_ERROR * math.sqrt((levels + 1.0) * steps)  # one more level: with pivots
        return whole, rounding + lost

    def _doubt(self) -> float:
        """What kinks that rounding may have crossed do to a column of such a size."""
        f, found = self.features, [0.0]
        for place, doubt in enumerate((f.doubt_slopes, f.doubt_values)):
            if doubt.any():
                sizes = self._sizes(place)
                seen = sizes > 0.0
                found.append(float(np.max(np.sqrt(doubt[seen] / sizes[seen]), initial=0.0)))
        return max(found)

    def _sizes(self, place: int) -> Array:
        """Squared lengths of the columns of F (0) or H (1)."""
        total = self._sums[place]
        if self._products is not None:
            return self._products.squares[place]
        if isinstance(total, Tall):
            S = total.factor(self.threads, self._listen)
            return np.asarray(np.sum(S**2, axis=0))
        assert total is not None
        return total.diagonal()

    def _stacked(self, S: Array, L: Array, T: Array | None) -> Array:
        """R of [S D_1; ...; S D_d'; T]."""
        n, count = len(L), L.shape[1]
        each = max(1, self.height // len(S))  # coordinates in a block of the tree
        tree = _core.TriangularFactor(n, each * len(S))
        for start in range(0, count, 2 * each):
            part = L[:, start : start + 2 * each].T  # (c, n)
            rows = np.ascontiguousarray((part[:, None, :] * S).reshape(-1, n))
            tree.push(rows, self.threads, self._listen)
            self.tell("factor", start, count)
        if T is not None:
            tree.push(np.ascontiguousarray(T), self.threads, self._listen)
        return tree.factor(self.threads, self._listen)


def add_outputs(P: Array, s: int, e: int, values: Panels, feature: float, c: int) -> None:
    """Adds feature T (x) I_c, T in panels, to the rows [s, e) of another matrix in panels."""
    for (first, last), Q in zip(values.rows, values.panels, strict=True):
        for p in range(c):
            low = max(first, -(-(s - p) // c))  # rows i with s <= i c + p < e
            high = min(last, -(-(e - p) // c))
            if low < high:
                rows = slice(low * c + p - s, (high - 1) * c + p - s + 1, c)
                width = len(range(p, e, c))
                part = np.zeros((high - low, width))
                held = Q[low - first : high - first, : min(width, Q.shape[1])]
                part[:, : held.shape[1]] = held
                P[rows, p:e:c] += feature * part


def reflections(R: Array) -> float:
    """How many reflections have rounded a column, at most: the j-th rounds what j - 1 have left of it.

    sum_k k R_ki^2 / sum_k R_ki^2: near 1 for columns that are nearly parallel, n / 2 for random ones.
    """
    squares = R * R
    sizes = squares.sum(axis=0)
    seen = sizes > 0.0
    weighted = np.arange(1.0, len(R) + 1.0) @ squares
    return float(np.max(weighted[seen] / sizes[seen], initial=1.0))


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
