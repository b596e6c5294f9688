"""How fast this machine is: measured once for each number of threads, in about a tenth of a second.

What is measured says how many seconds a method will take here. It never decides which method is
taken: that would make the answer depend on the clock (docs/decisions/0010-plan.md).
"""

from __future__ import annotations

import math
import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from .. import _core
from .cost import NOMINAL, Rates

_known: dict[int, Rates] = {}
_set: list[Rates] = []

PATIENCE = 0.03  # seconds for each of four rates
SETTLE = 0.05  # seconds; threads of a BLAS spin for about 0.03 s after their last call
COPIED = 0.2  # of the stream (partly of a cache): what a file gives that the system has in memory
ROUNDS = 8  # at most; the best of them, as whatever else the machine does only slows it


def rates(threads: int) -> Rates:
    """The rates of this machine with so many threads; measured at the first call.

    Parameters
    ----------
    threads
        Number of threads.
    """
    said = fixed()
    if said is not None:
        return said
    if threads not in _known:
        _known[threads] = measure(threads)
    return _known[threads]


def fixed() -> Rates | None:
    """What ``given`` has said, if anything."""
    return _set[-1] if _set else None


@contextmanager
def given(known: Rates) -> Iterator[None]:
    """Within, ``rates`` says these: for tests, and for plans of another machine."""
    _set.append(known)
    try:
        yield
    finally:
        _set.pop()


def measure(threads: int) -> Rates:
    """Rates of GEMM, kernel entries, memory stream and fresh memory.

    LAPACK's rate, which takes longest to measure, is taken in its nominal ratio to GEMM's.
    """
    time.sleep(SETTLE)
    each = threads / 2.0  # nominal rates are those of two
    gemm64 = _best(lambda t: _gemm("float64", t), threads, NOMINAL.gemm64 * each)
    gemm32 = _best(lambda t: _gemm("float32", t), threads, NOMINAL.gemm32 * each)
    stream = _best(
        lambda t: _core.bench_stream(24_000_000, t) * 1e9, threads, NOMINAL.stream, min(threads, 2)
    )
    profile = _best(_profile(threads), threads, NOMINAL.profile * each)
    fresh = _rounds(_fresh, PATIENCE)
    lapack = NOMINAL.lapack * gemm64 / NOMINAL.gemm64
    return Rates(gemm64, gemm32, profile, stream, fresh, lapack, cached=COPIED * stream)


def reading(path: str) -> float:
    """Bytes a second at which the file is read past the system's cache, one piece after another.

    Parameters
    ----------
    path
        The file. What is not there yet, or too short, is taken to be read at the nominal rate.
    """
    piece = 4 << 20
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECT", 0))
    except OSError:
        return NOMINAL.disk
    with mmap.mmap(-1, piece) as room:  # begins on a page
        try:
            start, total = time.perf_counter(), 0
            while time.perf_counter() - start < 2 * PATIENCE:
                if os.preadv(file, [room], total) < piece:
                    return NOMINAL.disk
                total += piece
            return total / (time.perf_counter() - start)
        finally:
            os.close(file)


def _best(
    measured: Callable[[int], float], threads: int, usual: float, times: int | None = None
) -> float:
    """The best of some rounds, within patience: other work on the machine only slows it.

    Where it keeps threads waiting for one another, all together may be slower than one alone: then it is as if
    each had gone alone, or so many ``times`` one alone. That is looked at where all are less than half as fast as ``usual``.
    """
    best = _rounds(lambda: measured(threads), PATIENCE)
    if threads > 1 and best < 0.5 * usual:
        best = max(best, (times or threads) * _rounds(lambda: measured(1), 2.0 * PATIENCE))
    return best


def _rounds(measured: Callable[[], float], patience: float) -> float:
    start, best = time.perf_counter(), 0.0
    for _ in range(ROUNDS):
        best = max(best, measured())
        if time.perf_counter() - start > patience:
            break
    return best


def _gemm(dtype: str, threads: int) -> float:
    """Flops a second of two tiles a thread."""
    m, n = 256, 512 * threads
    return 2.0 * m * n * m / _core.bench_gemm(m, n, m, dtype, threads)


def _profile(threads: int) -> Callable[[int], float]:
    """Polynomial terms a second of a product with entries computed again, in four dimensions; two tiles a thread, and more."""
    n, degree = 256 * max(3, math.ceil(2.0 * math.sqrt(threads))), 24
    X = np.cos(np.arange(1.0, 4 * n + 1.0) ** 2).reshape(n, 4)
    X /= np.linalg.norm(X, axis=1)[:, None]
    profile = _core.Profile(
        "sqrt", np.array([1.0, 0.0]), 2.0 ** -np.arange(degree + 1.0), np.zeros(0)
    )
    K = _core.Recomputed(_core.Points(X, 0.0, True, threads), profile)
    v = np.ones((n, 1), order="F")

    def measured(t: int) -> float:
        start = time.perf_counter()
        K.multiply(v, t)
        return entries(n) * (OVERHEAD + degree) / (time.perf_counter() - start)

    return measured


def _fresh() -> float:
    nbytes = 8_000_000
    start = time.perf_counter()
    np.empty(nbytes // 8).fill(1.0)
    return nbytes / (time.perf_counter() - start)


OVERHEAD = 66.0  # of an entry (square root, sign, near pairs, store), in terms of a polynomial


def entries(n: int) -> float:
    """Entries of a triangle."""
    return 0.5 * n * (n + 1.0)
