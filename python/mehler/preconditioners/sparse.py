"""K = K_low + K_tail with a sparse inverse of the tail: the preconditioner of few dimensions, and of crowded points in many.

    K_low = C C^T,       C (n, r): the first terms of h(rho) = sum_k A_k rho^k, or landmarks,
    K_tail^-1 is near Q = U U^T,    U sparse (cpp/gram/sparse_inverse.hpp),
    P^-1 = (K_low + Q^-1)^-1 = Q - G (I + C^T G)^-1 G^T,    G = Q C                  (Woodbury).

A kink makes the tail local in the projective distance |rho| -> 1; the low-degree part is what is not
local, and is exact. In more than ``TREE_UP_TO`` dimensions the terms of low degree are too many, and
landmarks (Nystrom, with a ridge that keeps the tail positive definite on them) take their place.

Schaefer, Katzfuss and Owhadi 2021 (the sparse factor).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import _core
from .._arrays import Array
from ..kernels import Kernel
from ..kernels.kernel import known_coefficients
from . import features

Ask = Callable[[str, int, int, float, float], bool] | None

TREE_UP_TO = 8  # dimensions in which neighbours are found by a tree
MOST_TERMS = 150
MOST_DEGREE = 8
RIDGE = 0.03  # of h(1), on the landmarks
MOST_POINTS = 2**32 - 2  # numbered in 32 bits


@dataclass(frozen=True)
class Split:
    """K near K_low + Q^-1.

    Attributes
    ----------
    Q
        U U^T, near the inverse of the tail.
    C
        (n, r), K_low = C C^T.
    inverse
        P^-1.
    words
        How it was made.
    """

    Q: _core.SparseInverse
    C: Array
    inverse: _core.Operator
    words: str

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        return int(self.Q.nbytes + 3 * self.C.nbytes)

    def whitened(self, A: _core.Operator, threads: int) -> _core.Operator:
        """F^T A F with F F^T = P^-1: near the identity for A = K, and definite just when A is.

        F = U H,  H = (I + Y Y^T)^(-1/2) = I - Y Z diag(1 / (w (1 + w))) Z^T Y^T,  Y = U^T C,
        Y^T Y = Z diag(w^2 - 1) Z^T.
        """
        U, Ut = _core.SparseFactor(self.Q, False), _core.SparseFactor(self.Q, True)
        Y = Ut.multiply(self.C, threads)
        t, Z = np.linalg.eigh(Y.T @ Y)
        w = np.sqrt(1.0 + np.maximum(t, 0.0))
        H = changed(_core.Identity(len(Y)), 1.0, Y, -(Z / (w * (1.0 + w))) @ Z.T)
        return _core.Composition([H, Ut, A, U, H])


def local(ker: Kernel) -> bool:
    """Whether the bottom of the spectrum is local: some derivative of an activation jumps."""
    return ker.kinked


def neighbours(d: int) -> int:
    """m: enough for a condition number of U^T K_tail U below about ten."""
    return 30 if d <= 2 else 60 if d == 3 else 120


def low_rank(ker: Kernel, n: int, d: int, terms: int = MOST_TERMS) -> int:
    """r, the rank of K_low."""
    return low_degree(ker, n, d, terms)[1] if d <= TREE_UP_TO else features.landmark_count(n)


def span(U: Array) -> Array | None:
    """Unit coordinates (n, d') of points that span d' <= 8 of more dimensions, or None.

    An isometry, to rounding; good enough for an approximate inverse, never used for K itself.
    """
    n, d = U.shape
    if d <= TREE_UP_TO:
        return None
    some = U[:: max(1, n // 64)][:64]
    _, size, V = np.linalg.svd(some, full_matrices=False)
    r = int(np.sum(size > 1e-10 * size[0]))
    if r > TREE_UP_TO or r >= len(some):
        return None
    Y, worst = U @ V[:r].T, 0.0
    for start in range(0, n, 1024):
        rows = slice(start, start + 1024)
        worst = max(worst, float(np.max(np.abs(U[rows] - Y[rows] @ V[:r]))))
    if worst > 1e-11 * float(np.max(np.abs(some))):
        return None
    return np.asarray(Y / np.linalg.norm(Y, axis=1)[:, None])


class Sight:
    """Points as an approximate inverse sees them: in coordinates of their span, where a kink makes it matter.

    Looked at once a call, when first asked.

    Parameters
    ----------
    ker, points
        The kernel; the points in the core, with their scaling.
    """

    def __init__(self, ker: Kernel, points: _core.Points) -> None:
        self.ker, self.given = ker, points

    @cached_property
    def coordinates(self) -> Array | None:
        """(n, d') of a small span of more dimensions, else None."""
        return span(self.given.unit) if local(self.ker) else None

    @property
    def d(self) -> int:
        """Dimension of the span, where that is small; else the number of coordinates."""
        Y = self.coordinates
        return int((self.given.unit if Y is None else Y).shape[1])

    def points(self, threads: int) -> tuple[Array, _core.Points]:
        """(unit vectors, the same in the core), in as few coordinates as there are."""
        from ..operators.points import core_points

        Y = self.coordinates
        if Y is None:
            return self.given.unit, self.given
        X = np.ascontiguousarray(Y * self.given.norms()[:, None]) if self.ker.homogeneity else Y
        return Y, core_points(X, self.ker, threads)


def low_degree(ker: Kernel, n: int, d: int, most: int = MOST_TERMS) -> tuple[int, int]:
    """(L, r): the highest degree, up to 8, whose terms stay below ``most`` and n / 20.

    Something is left for the tail.
    """
    A, top = known_coefficients(ker, MOST_DEGREE), float(ker.h.ends[0])
    return features.highest(A, top, d, max(min(most, n // 20), d + 1), spare=1e-9)


def nbytes(ker: Kernel, n: int, d: int, m: int | None = None, terms: int = MOST_TERMS) -> int:
    """Bytes while the split is made: first K_low beside the search, then beside Q K_low and a copy of it."""
    m = neighbours(d) if m is None else m
    r = low_rank(ker, n, d, terms)
    search = n * d * 8 + (n * (8 + 2 * d * 6) if d <= TREE_UP_TO else 8 * n * m)
    low = max(search + 8 * n * r, 3 * 8 * n * r)
    return int(_core.SparseInverse.bytes_for(n, m)) + low + 32 * r * r + 16 * n


def split(
    ker: Kernel,
    given: _core.Points | Sight,
    seed: int,
    threads: int,
    ask: Ask = None,
    m: int | None = None,
    terms: int = MOST_TERMS,
    shift: float = 0.0,
) -> Split:
    """The split of the kernel matrix of points.

    Parameters
    ----------
    ker, given
        The kernel; the points in the core, or as they are seen.
    seed
        Of the random order in which points look for earlier neighbours, and of landmarks.
    threads, ask
        As everywhere.
    m
        Number of neighbours; default by dimension.
    terms
        Of low degree, at most.
    shift
        Of K + shift I: Q is near the inverse of the tail + shift I.
    """
    sight = given if isinstance(given, Sight) else Sight(ker, given)
    U, points = sight.points(threads)
    n, d = U.shape
    m = neighbours(d) if m is None else m
    order = np.random.default_rng(seed).permutation(n).astype(np.int64)
    q = ker.homogeneity
    scale = points.norms() ** q if q else np.ones(n)
    if d <= TREE_UP_TO:
        degree, r = low_degree(ker, n, d, terms)
        A = features.kept(
            known_coefficients(ker, max(degree, 0))[: degree + 1], float(ker.h.ends[0])
        )
        C, near = features.columns(U, A), np.zeros((n, 0))
        words = f"degree {degree} ({r} terms)"
    else:
        A = np.zeros(0)
        C = near = landmarks(ker, U, seed)
        words = f"{C.shape[1]} landmarks"
    Q = _core.SparseInverse(points, ker.h.compiled, A.tolist(), near, order, m, threads, ask, shift)
    del near
    C *= scale[:, None]
    C = np.asfortranarray(C)
    return Split(Q, C, with_low_part(Q, C, threads), f"{Q.neighbours} neighbours, {words}")


def with_low_part(Q: _core.Operator, C: Array, threads: int) -> _core.Operator:
    """(Q^-1 + C C^T)^-1."""
    if C.shape[1] == 0:
        return Q
    G = Q.multiply(C, threads)
    S = np.eye(C.shape[1]) + C.T @ G
    return changed(Q, 1.0, G, -inverse_of(S))


def changed(
    A: _core.Operator, scale: float, G: Array, M: Array, shift: float = 0.0
) -> _core.Operator:
    """scale A + shift I + G M G^T."""
    M = np.asfortranarray(0.5 * (M + M.T))
    return _core.LowRankChange(A, scale, shift, np.asfortranarray(G), M)


def inverse_of(S: Array) -> Array:
    """The inverse of a symmetric positive definite matrix, by its Cholesky factor."""
    L = np.linalg.inv(np.linalg.cholesky(0.5 * (S + S.T)))
    return np.asarray(L.T @ L)


def landmarks(ker: Kernel, U: Array, seed: int) -> Array:
    """C (n, r) with C C^T = K_nr (K_rr + ridge I)^-1 K_rn, which is below K."""
    n = len(U)
    chosen = features.landmarks_of(n, [seed, 1])
    M = ker(U[chosen])
    M[np.diag_indices(len(M))] += RIDGE * float(ker.h.ends[0])
    L = np.linalg.inv(np.linalg.cholesky(M))
    C = np.empty((n, len(M)))
    for start in range(0, n, 4096):
        C[start : start + 4096] = ker(U[start : start + 4096], U[chosen]) @ L.T
    return C
