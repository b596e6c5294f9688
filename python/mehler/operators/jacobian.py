"""The Gram matrix of any network, G = J J^T, from the rows of its Jacobian in chunks: J itself is never needed whole.

    by parameters   J = [J_1, J_2, ...],    G = sum_b J_b J_b^T, or R of [J_1^T; J_2^T; ...] by TSQR: one pass
    by points       J = [J_1; J_2; ...],    G_bc = J_b J_c^T: one pass where J fits into memory; else one for each
                    group of chunks that does, G of a group against itself and all that follows

Invariant: chunks are exact doubles, and each is held once; what they are known to is the user's to say (``error``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .. import _core
from .._arrays import (
    Array,
    as_array,
    choice,
    duration,
    memory_limit,
    size_text,
    thread_count,
)
from .._progress import Reporter, State
from .feature_matrix import FeatureGram
from .forms import EDGE, Entries, Factor, Form, Panels, mirrored
from .neurons import EPS
from .space import FACTOR_UP_TO, block_height
from .stream import QR_ERROR, Made, Tall, reflections

STORAGES = ("auto", "factor", "dense", "packed")
LAYOUTS = ("parameters", "points")
SMALLEST, LARGEST = 1e-130, 1e140  # of entries: sums of squares have to be doubles


def gram_from_rows(
    chunks: Iterable[Any] | Callable[[], Iterable[Any]],
    *,
    by: str = "parameters",
    storage: str = "auto",
    error: float = 0.0,
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
) -> FeatureGram:
    """G = J J^T of a Jacobian J, (n, P), that arrives in chunks: the tangent kernel of any network.

    Parameters
    ----------
    chunks
        An iterable of chunks, read once, or a callable without arguments that returns such an iterable, each time the
        same. A single array is one chunk. With c outputs a chunk has three axes, and row i c + p of J is output p
        at point i.
    by
        'parameters': each chunk holds all points and some parameters, (n, p) or (n, c, p), say those of one layer;
        'points': some points and all parameters, (b, P) or (b, c, P).
    storage
        'factor': R with G = R^T R, which shows eigenvalues down to eps^2 of the largest; 'dense': the entries,
        down to eps; 'packed': their lower triangle; 'auto': the factor up to 3,000 rows where it fits into
        ``max_memory``, else entries.
    error
        Relative error of each row of J, |dJ_i| / |J_i|, that bounds shall count: 1e-7 where J was computed in
        float32. 0: the doubles given are J.
    max_memory
        As in :func:`min_eig`. Chunks by points of an iterable are kept until the last has come; those of a
        callable that do not fit are read again.
    time_limit, threads, progress, callback
        As in :func:`min_eig`; time that runs out is a TimeoutError here, a stop of the callback a
        KeyboardInterrupt.

    Returns
    -------
    FeatureGram
        ``np.asarray``, ``@``, ``.spectrum()``; :func:`eigsh` takes it.

    Raises
    ------
    TypeError, ValueError
        No chunks, or chunks of unlike shapes, with NaN or infinity, or no arrays of real numbers.
    MemoryError
        J by points, or what shall be made of it, does not fit into ``max_memory``.
    TimeoutError
        ``time_limit`` is over.

    References
    ----------
    Demmel, Grigori, Hoemmen, Langou, SISC 34, 2012 (TSQR).

    Examples
    --------
    >>> J = np.random.default_rng(0).standard_normal((20, 500))  # row i: df(x_i) / d(parameters)
    >>> G = mh.gram_from_rows([J[:, :200], J[:, 200:]])  # layer by layer
    >>> np.allclose(np.asarray(G), J @ J.T)
    True
    >>> r = mh.eigsh(G)
    >>> np.allclose(r.value, np.linalg.svd(J)[1][-1] ** 2, rtol=1e-10)
    True
    """
    start = time.perf_counter()
    choice("by", by, LAYOUTS)
    choice("storage", storage, STORAGES)
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    if isinstance(error, bool) or not isinstance(error, (int, float)) or not 0.0 <= error < 1.0:
        raise ValueError(f"error must satisfy 0 <= error < 1; got {error!r}.")
    source = chunks if callable(chunks) else _once(chunks)
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        reader = Reader(source, by, count, limit, report)
        try:
            gather = _by_parameters if by == "parameters" else _by_points
            form, rounding = gather(reader, storage, callable(chunks))
        except _core.Interrupted:
            if "time_limit" in report.why:
                raise TimeoutError(
                    f"{report.why} after {reader.seen} chunks; allow more time."
                ) from None
            raise KeyboardInterrupt(report.why) from None
    n, P = form.n, reader.parameters
    kind = {Factor: "factor", Entries: "dense", Panels: "packed"}[type(form)]
    rounding += error * (1.0 if kind == "factor" else 2.0)
    made = Made(kind, form, rounding, P, None, f"{n} rows of {P} parameters")
    return FeatureGram(made, threads=threads, seconds=time.perf_counter() - start)


class Reader:
    """Passes over the user's chunks, each checked: (rows, parameters), float64, finite, alike."""

    def __init__(
        self,
        source: Callable[[], Iterable[Any]],
        by: str,
        threads: int,
        limit: int,
        report: Reporter,
    ) -> None:
        self.source, self.by, self.threads, self.limit = source, by, threads, limit
        self.report = report
        self._largest = 0.0
        self.seen = self.parameters = 0
        self._like: tuple[int, ...] | None = None  # what chunks have in common

    def __iter__(self) -> Iterator[Array]:
        given = self.source()
        try:
            walk = iter([given] if _is_array(given) else given)
        except TypeError:
            raise TypeError(
                "chunks must be an iterable of arrays, or a callable that returns one; got "
                f"{type(given).__name__} from it."
            ) from None
        for index, chunk in enumerate(walk):
            yield self._checked(chunk, index)
            self.seen += 1
            self.tell()
        self._size_checked()

    def tell(self) -> None:
        """Progress; Interrupted when it is time to stop."""
        ask = self.report.ask
        if ask is not None and ask("rows", self.seen, 0, 0.0, 0.0):
            raise _core.Interrupted(self.report.why)

    def listen(self, phase: str, done: int, total: int, value: float, residual: float) -> bool:
        """For the core, within a long chunk."""
        ask = self.report.ask
        return ask is not None and ask("rows", self.seen, 0, 0.0, 0.0)

    def _checked(self, chunk: Any, index: int) -> Array:
        A = as_array(chunk, f"chunk {index}")
        if A.ndim not in (2, 3):
            shape = "(n, p) or (n, c, p)" if self.by == "parameters" else "(b, P) or (b, c, P)"
            raise ValueError(f"chunk {index} must have the shape {shape}; got {A.shape}.")
        like = A.shape[:-1] if self.by == "parameters" else A.shape[1:]
        if self._like is None:
            self._like = like
        if like != self._like:
            what = "points (and outputs)" if self.by == "parameters" else "outputs and parameters"
            other = "points" if self.by == "parameters" else "parameters"
            raise ValueError(
                f"chunks by {self.by} must agree in their {what}; chunk {index} has {A.shape}, and the first one had "
                f"{self._like} there. Pass by={other!r} if that is how they are cut."
            )
        J = np.ascontiguousarray(A, dtype=np.float64).reshape(math.prod(A.shape[:-1]), A.shape[-1])
        if not np.isfinite(J).all():
            i, j = np.argwhere(~np.isfinite(J))[0]
            raise ValueError(
                f"chunk {index} must be finite; found {J[i, j]} at row {i}, column {j}."
            )
        if J.size:
            self._largest = max(self._largest, float(J.max()), -float(J.min()))
            if self._largest > LARGEST:
                self._size_checked()
        return J

    def _size_checked(self) -> None:
        if self._largest and not SMALLEST <= self._largest <= LARGEST:
            raise ValueError(
                f"entries of J must be of a size between {SMALLEST:g} and {LARGEST:g}; found about "
                f"{self._largest:.1e}. Multiply J by a constant first."
            )


def _once(chunks: Any) -> Callable[[], Iterable[Any]]:
    if not _is_array(chunks) and not hasattr(chunks, "__iter__"):
        raise TypeError(
            "chunks must be an iterable of arrays, or a callable that returns one; got "
            f"{type(chunks).__name__}."
        )
    return lambda: chunks


def _is_array(chunks: Any) -> bool:
    """One chunk by itself."""
    return hasattr(chunks, "ndim") or hasattr(chunks, "__dlpack__")


class Sums:
    """J_b^T block after block, into a factor or sums of squares."""

    def __init__(self, n: int, storage: str, reader: Reader) -> None:
        self.n, self.reader = n, reader
        if n == 0:
            raise ValueError("chunks must hold at least one row; got chunks of none.")
        takes = {
            "factor": 8 * (12 * n * n + 2 * block_height(n) * n),
            "dense": 8 * 2 * n * n,
            "packed": Panels.bytes_for(n) + 8 * EDGE * n,
        }
        fits = [s for s, size in takes.items() if size <= reader.limit]
        if storage == "auto":
            storage = next((s for s in fits if s != "factor" or n <= FACTOR_UP_TO), "dense")
        if storage not in fits:
            hint = (
                f"What fits: {', '.join(f'storage={s!r}' for s in fits)}."
                if fits
                else f"The smallest max_memory that works is {size_text(1.01 * min(takes.values()))}."
            )
            raise MemoryError(
                f"storage={storage!r} of n={n} rows takes {size_text(takes[storage])}, more than "
                f"max_memory={size_text(reader.limit)}. {hint}"
            )
        self.tall = Tall(n, block_height(n)) if storage == "factor" else None
        self.panels = Panels(n) if storage == "packed" else None
        self.squares = np.zeros((n, n)) if storage == "dense" else None

    def add(self, J: Array) -> None:
        """Adds J J^T, J (n, p)."""
        reader, step = self.reader, max(1, 4 * block_height(self.n))
        for s in range(0, J.shape[1], step):
            rows = np.ascontiguousarray(J[:, s : s + step].T)
            if self.tall is not None:
                self.tall.push(rows, reader.threads, reader.listen)
            elif self.panels is not None:
                self.panels.add(rows, reader.threads)
            elif self.squares is not None:
                _core.add_squares(rows, self.squares, reader.threads)
            reader.tell()

    def made(self, P: int) -> tuple[Form, float]:
        """The form, and its relative rounding."""
        if self.tall is not None:
            R = self.tall.factor(self.reader.threads, self.reader.listen)
            whole = np.zeros((self.n, self.n))
            whole[: len(R)] = R
            rounding = QR_ERROR * math.sqrt((self.tall.levels + 1.0) * reflections(R))
            return Factor(whole, 1), rounding
        rounding = EPS * (2.0 + math.sqrt(P))  # of sums of P terms, in their probable size
        if self.panels is not None:
            return self.panels, rounding
        assert self.squares is not None
        return Entries(mirrored(self.squares)), rounding


def _by_parameters(reader: Reader, storage: str, again: bool) -> tuple[Form, float]:
    sums: Sums | None = None
    for J in reader:
        sums = sums or Sums(len(J), storage, reader)
        sums.add(J)
        reader.parameters += J.shape[1]
    return _whole(sums, reader)


def _whole(sums: Sums | None, reader: Reader) -> tuple[Form, float]:
    if sums is None or reader.parameters == 0:
        raise ValueError(
            "chunks must hold at least one row and one parameter; got none. An iterator that was read before is empty."
        )
    return sums.made(reader.parameters)


def _by_points(reader: Reader, storage: str, again: bool) -> tuple[Form, float]:
    """All of J where it fits into half of the memory, else groups of chunks, one pass each."""
    groups = Groups(reader)
    if groups.first(again, storage):
        J = np.concatenate(groups.held) if groups.held else np.zeros((0, 0))
        groups.held.clear()
        if J.size == 0:
            return _whole(None, reader)
        sums = Sums(len(J), storage, reader)
        sums.add(J)
        return sums.made(reader.parameters)
    G = groups.rest()
    return Entries(mirrored(G)), EPS * (2.0 + math.sqrt(reader.parameters))


class Groups:
    """Chunks of points that are held at a time, and G of them against themselves and all that follow."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.held: list[Array] = []
        self.bytes = 0
        self.columns: list[Array] = []  # G of what followed the group, (b, rows of the group)
        self.count = 0  # chunks of all groups so far

    def _take(self, J: Array) -> bool:
        """Whether J is held too: what is held stays below half of the memory, but one chunk is always held."""
        if self.columns or (self.held and self.bytes + J.nbytes > self.reader.limit // 2):
            return False
        self.held.append(J)
        self.bytes += J.nbytes
        return True

    def _follow(self, J: Array) -> None:
        parts = [_core.products(J, H, self.reader.threads) for H in self.held]
        self.columns.append(np.concatenate(parts, axis=1))

    def first(self, again: bool, storage: str) -> bool:
        """The first pass; whether all of J is held."""
        for J in self.reader:
            self.reader.parameters = J.shape[1]
            if self._take(J):
                continue
            if not again or storage in ("factor", "packed"):
                remedy = (
                    "chunks by='parameters', or storage='dense' with a callable, need no more than a chunk at a time"
                    if again
                    else "pass a callable that returns the chunks, which can be read again, or chunks by='parameters'"
                )
                raise MemoryError(
                    f"J by points does not fit into half of max_memory={size_text(self.reader.limit)}: "
                    f"{len(self.held)} chunks take {size_text(self.bytes)}. Allow more, or {remedy}."
                )
            self._follow(J)
        return not self.columns

    def rest(self) -> Array:
        """The lower triangle of G; one more pass for each further group."""
        n = sum(map(len, self.held)) + sum(map(len, self.columns))
        total = self.count_chunks()
        if 8 * n * n > self.reader.limit // 2:
            raise MemoryError(
                f"G of n={n} rows takes {size_text(8 * n * n)}, more than half of max_memory="
                f"{size_text(self.reader.limit)}; pass max_memory={size_text(16.2 * n * n)!r}."
            )
        G, row = np.zeros((n, n)), 0
        while True:
            row = self._fill(G, row)
            if self.count == total:
                return G
            for index, J in enumerate(self.reader):
                if index >= self.count and not self._take(J):
                    self._follow(J)
            if self.count + self.count_chunks() != total or row + self.rows() != n:
                raise ValueError(
                    "chunks must be the same in every pass; the callable has returned others. Return a fresh iterable "
                    "of the same chunks each time."
                )

    def rows(self) -> int:
        """Rows of the group and of what follows it."""
        return sum(map(len, self.held)) + sum(map(len, self.columns))

    def count_chunks(self) -> int:
        """Chunks of the group and of what follows it."""
        return len(self.held) + len(self.columns)

    def _fill(self, G: Array, row: int) -> int:
        """The group's columns of G, from its row on; gives the group up."""
        J = np.concatenate(self.held)
        end = row + len(J)
        G[row:end, row:end] = _core.products(J, J, self.reader.threads)
        for part in self.columns:
            G[end : end + len(part), row : row + len(J)] = part
            end += len(part)
        self.count += len(self.held)
        self.held, self.columns, self.bytes = [], [], 0
        return row + len(J)
