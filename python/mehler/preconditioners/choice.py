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


def choose(ker: Kernel, n: int, d: int) -> str:
    """'sparse' for a kink in few dimensions, 'low-degree' where the quadratic terms fit, else 'sparse' again.

    In many dimensions near points make the smallest eigenvalue, whatever the activation: neighbours know them,
    landmarks what is common to all. Landmarks alone take two to five times the products.
    """
    if d <= sparse.TREE_UP_TO:
        if sparse.local(ker) and n >= 64:
            return "sparse"
    elif n >= CROWD and low_degree_rank(ker, n, d)[0] < 2:
        return "sparse"
    return "low-degree" if low_degree_rank(ker, n, d)[0] >= 2 else "landmarks"


def rank(choice: str, ker: Kernel, n: int, d: int) -> int:
    """Rank of the low-rank part."""
    if choice == "sparse":
        return sparse.low_rank(ker, n, d)
    return low_degree_rank(ker, n, d)[1] if choice == "low-degree" else features.landmark_count(n)


def neighbours(d: int) -> int:
    """m of a sparse inverse."""
    return min(sparse.neighbours(d), COMPANY) if d > sparse.TREE_UP_TO else sparse.neighbours(d)


def patience(choice: str, n: int) -> int:
    """Block products beyond which plain Lanczos is better."""
    return min(max(300, n // 16), 1200) if choice == "sparse" else 300


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
    patient = patience(choice, len(points.norms()))
    if choice == "sparse":
        sight = task.seen(ker, points)
        parts = sparse.split(
            ker, sight, task.seed, task.threads, task.report.ask, neighbours(sight.d), shift=shift
        )
        return Preconditioner(
            parts.inverse, 4, parts.Q.nbytes + parts.C.nbytes, parts.words, patient
        )
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
    degree, _ = low_degree_rank(ker, *U.shape)
    A = features.kept(known_coefficients(ker, degree), float(ker.h.ends[0]))
    tau = max(float(ker.h.ends[0] - A.sum()), 1e-10 * float(ker.h.ends[0]))
    return _core.Woodbury(
        features.chunks(U, A, threads), len(U), None, tau + more, _scale(ker, norms), threads, ask
    )


def landmarks(
    ker: Kernel,
    U: Array,
    norms: Array,
    seed: int,
    threads: int,
    ask: Any = None,
    more: float = 0.0,
) -> _core.Woodbury:
    """P^-1 with K_nr K_rr^-1 K_rn, r random points; ``more`` is added to tau."""
    n = len(U)
    chosen = features.landmarks_of(n, seed)
    r = len(chosen)
    C = features.chunked(n, r)
    chunk = C.shape[2]
    for p in range(len(C)):
        points = U[p * chunk : (p + 1) * chunk]
        C[p, :, : len(points)] = ker(U[chosen], points)
    M = ker(U[chosen])
    M[np.diag_indices(r)] += 1e-7 * n * M[0, 0] / r
    some = C[:, :, :: max(1, n // 256)].astype(np.float64).transpose(1, 0, 2).reshape(r, -1)
    some = some[:, np.any(some != 0.0, axis=0)]
    captured = np.einsum("ij,ij->j", some, np.linalg.solve(M, some))
    tau = max(float(np.mean(ker.h.ends[0] - captured)), 1e-10 * float(ker.h.ends[0]))
    return _core.Woodbury(C, n, M, tau + more, _scale(ker, norms), threads, ask)


def _scale(ker: Kernel, norms: Array) -> Array | None:
    q = ker.homogeneity
    return norms**q if q and np.ptp(norms) > 0.0 else None
