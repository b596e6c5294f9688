"""Approximate inverses of a Gram matrix: what the preconditioned eigensolver divides residuals by.

``sparse``, for activations with a kink in few dimensions and for any in many: the first terms of the kernel,
exactly, or landmarks, and a sparse inverse of the rest (``sparse.py``). Elsewhere

    P = D (C^T M^-1 C + tau I) D,    D = diag(|x_i|^q),

a low-rank part of K and the mean of the rest, by one of two choices of the low-rank part:

- ``low_degree``: the first terms of h(rho) = sum_k A_k rho^k, whose features are the monomials of
  the points (few in few dimensions);
- ``landmarks``: K between r of the points and all (Nystrom), for any kernel and dimension.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._arrays import Array
from ..kernels import Kernel
from ..kernels.kernel import known_coefficients
from . import features, sparse

MOST_FEATURES = 1500
MOST_DEGREE = 12
CROWD = 1000  # points in many dimensions that are worth a search for neighbours
COMPANY = 80  # neighbours there: more cost more than they save
JITTER = 1e-12  # of the trace of K between landmarks, added to its diagonal
LEAST_TAU = 1e-12  # of n h(1) >= |K|: below, I - C^T S^-1 C is rounding where K is largest
STEEP = 1e-9  # of n h(1): below, S of C as it comes has lost what tells C^T S^-1 C from I


def choose(ker: Kernel, n: int, d: int) -> str:
    """'sparse' for a kink in few dimensions, 'low-degree' where the quadratic terms fit, else 'sparse' again.

    In many dimensions near points make the smallest eigenvalue, whatever the activation: neighbours know them,
    landmarks what is common to all. Landmarks alone take two to five times the products.
    """
    few = d <= sparse.TREE_UP_TO
    if few and sparse.local(ker) and n >= 64:
        return "sparse"
    if low_degree_rank(ker, n, d)[0] >= 2:
        return "low-degree"
    return "landmarks" if few or n < CROWD else "sparse"


def rank(choice: str, ker: Kernel, n: int, d: int) -> int:
    """Rank of the low-rank part."""
    if choice == "sparse":
        return sparse.low_rank(ker, n, d)
    return low_degree_rank(ker, n, d)[1] if choice == "low-degree" else features.landmark_count(n)


def neighbours(d: int) -> int:
    """m of a sparse inverse."""
    return min(sparse.neighbours(d), COMPANY) if d > sparse.TREE_UP_TO else sparse.neighbours(d)


def block(choice: str, d: int) -> int | None:
    """Vectors that a block should have; None: as many as Lanczos has.

    In few dimensions a run ends after some ten products, by which a low vector may not have shown among
    fewer; in many it takes hundreds, of which those with two vectors stream K and those with four compute.
    """
    return 4 if choice == "sparse" and d <= sparse.TREE_UP_TO else None


def patience(choice: str, n: int, d: int) -> int:
    """Block products beyond which plain Lanczos is better."""
    vectors = min(max(1200, n // 4), 4800) if choice == "sparse" else 600
    return vectors // (block(choice, d) or 2)


def nbytes(choice: str, ker: Kernel, n: int, d: int) -> int:
    """Bytes while the preconditioner is made."""
    if choice == "sparse":
        return sparse.nbytes(ker, n, d, neighbours(d))
    r = rank(choice, ker, n, d)
    return 4 * r * (n + _core.Woodbury.chunk) + 32 * r * r


def held(choice: str, ker: Kernel, n: int, d: int) -> int:
    """Bytes of the preconditioner once it is made."""
    r = rank(choice, ker, n, d)
    if choice == "sparse":
        m = neighbours(d)
        return int(_core.SparseInverse.bytes_for(n, m)) + 8 * n * r + 8 * r * r
    return 4 * r * (n + _core.Woodbury.chunk) + 8 * r * r


class Preconditioner(NamedTuple):
    """P^-1, the vectors that a block should have (None: the solver's own choice), bytes, words, patience."""

    inverse: _core.Operator
    block: int | None
    nbytes: int
    words: str
    patience: int


def make(
    choice: str, ker: Kernel, points: _core.Points, task: Any, shift: float = 0.0
) -> Preconditioner:
    """The preconditioner of K + shift I; task gives seed, threads and report."""
    patient = patience(choice, len(points.norms()), task.seen(ker, points).d)
    if choice == "sparse":
        sight = task.seen(ker, points)
        parts = sparse.split(
            ker, sight, task.seed, task.threads, task.report.ask, neighbours(sight.d), shift=shift
        )
        held = parts.Q.nbytes + parts.C.nbytes
        return Preconditioner(parts.inverse, block(choice, sight.d), held, parts.words, patient)
    inverse = _low_rank(choice, ker, points, task, shift)
    return Preconditioner(inverse, None, inverse.nbytes, f"{choice} part", patient)


def _low_rank(
    choice: str, ker: Kernel, points: _core.Points, task: Any, shift: float
) -> _core.Woodbury:
    U, norms = points.unit, points.norms()  # no copy of the points
    scale = _scale(ker, norms)
    more = shift if scale is None else shift * float(np.mean(1.0 / (scale * scale)))
    if choice == "low-degree":
        return low_degree(ker, U, norms, task.threads, task.report.ask, more)
    return landmarks(ker, U, norms, task.seed, task.threads, task.report.ask, more)


def low_degree_rank(ker: Kernel, n: int, d: int) -> tuple[int, int]:
    """(degree, number of features): the highest degree that stays below n / 5 and 1500 features."""
    A, top = known_coefficients(ker, MOST_DEGREE), float(ker.h.ends[0])
    return features.highest(A, top, d, min(MOST_FEATURES, n // 5))


def low_degree(
    ker: Kernel, U: Array, norms: Array, threads: int, ask: Any = None, more: float = 0.0
) -> _core.Woodbury:
    """P^-1 with the terms of h up to the degree that ``low_degree_rank`` gives; ``more`` is added to tau."""
    n, top = len(U), float(ker.h.ends[0])
    degree, _ = low_degree_rank(ker, *U.shape)
    A = features.kept(known_coefficients(ker, degree), top)
    tau = max(top - float(A.sum()), 1e-10 * top, LEAST_TAU * n * top) + more
    return _woodbury(features.chunks(U, A, threads), ker, norms, tau, threads, ask)


def landmarks(
    ker: Kernel,
    U: Array,
    norms: Array,
    seed: int,
    threads: int,
    ask: Any = None,
    more: float = 0.0,
) -> _core.Woodbury:
    """P^-1 with K_nr K_rr^-1 K_rn, r random points; ``more`` is added to tau.

    C = L^-1 K_rn, L L^T = K_rr: S of K_rn itself has the square of its condition number.
    """
    n, top = len(U), float(ker.h.ends[0])
    chosen = features.landmarks_of(n, seed)
    r = len(chosen)
    K = ker(U[chosen])
    K[np.diag_indices(r)] += JITTER * r * top
    whiten = np.linalg.inv(np.linalg.cholesky(K))
    C = features.chunked(n, r)
    chunk, captured = C.shape[2], 0.0
    for p in range(len(C)):
        points = U[p * chunk : (p + 1) * chunk]
        part = whiten @ ker(U[chosen], points)
        C[p, :, : len(points)] = part
        captured += float(np.vdot(part, part))
    tau = max(top - captured / n, LEAST_TAU * n * top) + more
    del K, whiten
    return _woodbury(C, ker, norms, tau, threads, ask)


def _woodbury(
    C: features.Chunked, ker: Kernel, norms: Array, tau: float, threads: int, ask: Any
) -> _core.Woodbury:
    """(D (C^T C + tau I) D)^-1; C is taken over."""
    n = len(norms)
    steep = tau < STEEP * n * float(ker.h.ends[0])
    M = features.orthonormal(C, tau) if steep else None
    return _core.Woodbury(C, n, M, tau, _scale(ker, norms), threads, ask)


def _scale(ker: Kernel, norms: Array) -> Array | None:
    q = ker.homogeneity
    return norms**q if q and np.ptp(norms) > 0.0 else None
