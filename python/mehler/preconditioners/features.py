"""Features: columns C with C C^T, or C M^-1 C^T, a low-rank part of a kernel matrix.

    sum_k A_k (u . v)^k = sum over i_1 <= ... <= i_k of A_k k! / prod m_i! u_{i_1} v_{i_1} ... u_{i_k} v_{i_k},

m_i how often i occurs: the monomials of the points, one list of terms for every layout. And landmarks:
the few points between which and all others the kernel is taken (Nystrom).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array

Chunked = np.ndarray[Any, np.dtype[np.float32]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

LANDMARKS = 1000
NEGLIGIBLE = 1e-12  # of a coefficient, relative to h(1)


def kept(A: Array, top: float) -> Array:
    """The coefficients that matter beside top = h(1); zeros for the others."""
    return np.where(A > NEGLIGIBLE * top, A, 0.0)


def highest(A: Array, top: float, d: int, most: int, spare: float = -math.inf) -> tuple[int, int]:
    """(L, r): the highest degree whose terms up to there are at most ``most``, and their number.

    Parameters
    ----------
    A, top
        Coefficients, and h(1), their sum with all that follow.
    d
        Dimension.
    most
        Terms.
    spare
        What has to be left of h(1) for the rest, relatively.
    """
    count, best, rest = 0, (-1, 0), top
    for k, a in enumerate(A):
        if a > NEGLIGIBLE * top:
            count += math.comb(d + k - 1, k)
            rest -= float(a)
            if count > most or rest < spare * top:
                break
            best = (k, count)
    return best


def terms(A: Array, d: int) -> Iterator[tuple[Indices, Array]]:
    """By degree with A_k > 0: the coordinates of its terms (r, k), and their factors (r,)."""
    for k in np.flatnonzero(A > 0.0):
        chosen = list(combinations_with_replacement(range(d), int(k)))
        many = np.array([_arrangements(indices) for indices in chosen], dtype=np.float64)
        yield np.array(chosen, dtype=np.intp).reshape(len(chosen), k), np.sqrt(A[k] * many)


def _arrangements(chosen: tuple[int, ...]) -> int:
    """k! / prod m_i!, m_i how often i occurs among the k."""
    count = math.factorial(len(chosen))
    for i in set(chosen):
        count //= math.factorial(chosen.count(i))
    return count


def columns(U: Array, A: Array) -> Array:
    """C (n, r), float64, with C C^T = sum_k A[k] (U U^T)^k, entrywise powers."""
    n, d = U.shape
    found = list(terms(A, d))
    C = np.empty((n, sum(len(factors) for _, factors in found)), order="F")
    r = 0
    for chosen, factors in found:
        for which, factor in zip(chosen, factors, strict=True):
            C[:, r] = factor
            for i in which:
                C[:, r] *= U[:, i]
            r += 1
    return C


def chunks(U: Array, A: Array, threads: int = 1) -> Chunked:
    """C (r, n), float32, chunked, with C^T C = sum_k A[k] (U U^T)^k; chunks are made side by side."""
    n, d = U.shape
    found = [(chosen.T, factors.astype(np.float32)) for chosen, factors in terms(A, d)]
    C = chunked(n, sum(len(factors) for _, factors in found))
    chunk = C.shape[2]

    def fill(p: int) -> None:
        points = np.ascontiguousarray(U[p * chunk : (p + 1) * chunk].T, dtype=np.float32)
        r = 0
        for which, factors in found:
            part = C[p, r : r + len(factors), : points.shape[1]]
            part[:] = factors[:, None]
            for row in which:
                part *= points.take(row, axis=0)  # both let other threads run
            r += len(factors)

    pool = ThreadPoolExecutor(threads)
    try:
        list(pool.map(fill, range(len(C))))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for the chunks under way only
    return C


def chunked(n: int, r: int) -> Chunked:
    """Zeros (chunks, r, chunk): chunk p holds columns p chunk, ... of all rows."""
    chunk = _core.Woodbury.chunk
    return np.zeros((-(-n // chunk), r, chunk), dtype=np.float32)


def orthonormal(C: Chunked, tau: float) -> Array:
    """M = diag(1 / lambda), and in C's place rows U with U^T M^-1 U = C^T C, U U^T = I to rounding.

    S = tau M + U U^T of ``Woodbury`` is then near I, however much lambda varies: that of C itself has the condition
    number of tau I + C C^T, and what its inverse rounds makes P indefinite (Frangella, Tropp, Udell 2023).
    Rows with lambda well below tau are left out.
    """
    G = np.zeros((C.shape[1],) * 2)
    for part in C:
        wide = part.astype(np.float64)
        G += wide @ wide.T
    values, Q = np.linalg.eigh(G)
    del G
    least = 0.01 * tau
    size = np.maximum(values, least)
    turn = np.where(values > least, Q / np.sqrt(size), 0.0).T
    for p in range(len(C)):
        C[p] = turn @ C[p].astype(np.float64)
    return np.diag(1.0 / size)


def landmark_count(n: int) -> int:
    """How many of n points are landmarks."""
    return min(LANDMARKS, n // 8)


def landmarks_of(n: int, seed: int | list[int]) -> Indices:
    """Which ones, in ascending order: random ones."""
    order = np.random.default_rng(seed).permutation(n)[: landmark_count(n)]
    return np.asarray(np.sort(order), dtype=np.intp)
