"""The Gram matrix of quadratic units, and the number of samples at which its smallest eigenvalue becomes exactly zero.

    E_w (w.x)^2 (w.x')^2 = |x|^2 |x'|^2 + 2 (x.x')^2,   w ~ N(0, I),

is the conjugate kernel of the square. It and (x.x')^2 see a point through x x' alone, a symmetric matrix of d (d + 1)/2 numbers: with
general points both have the rank min(n, d (d + 1)/2). While n <= d (d + 1)/2 some symmetric A fits any labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, as_points
from ...activations import Activation, activation
from ...eigen import min_eig
from ...errors import ConvergenceWarning, PrecisionWarning
from ...kernels import Kernel, nngp
from .checks import at_least


def square() -> Activation:
    """phi(z) = z^2, as the catalogue's polynomial.

    Returns
    -------
    Activation
    """
    return activation("polynomial", coefficients=(0.0, 0.0, 1.0))


def conjugate_kernel() -> Kernel:
    """K(x, x') = E_w (w.x)^2 (w.x')^2 = |x|^2 |x'|^2 + 2 (x.x')^2, w ~ N(0, I): ``mh.nngp`` of the square.

    Returns
    -------
    Kernel
    """
    return nngp(square())


def squared_gram(X: Any) -> Array:
    """(x_i . x_j)^2.

    Parameters
    ----------
    X
        Points (n, d).

    Returns
    -------
    numpy.ndarray
        (n, n), of rank min(n, d (d + 1)/2) where the points are general.

    Raises
    ------
    TypeError, ValueError
        X is no array of points.
    """
    A = as_points(X)
    return np.asarray((A @ A.T) ** 2)


def squared_rank(X: Any) -> int:
    """The rank of (x_i . x_j)^2 in double precision, from the singular values of its factor.

    (x_i . x_j)^2 = <x_i x_i', x_j x_j'> = p_i . p_j, with p_i the d (d + 1)/2 entries of x_i x_i' (those off the diagonal times sqrt 2). The
    singular values of the matrix of the p_i are the square roots of the eigenvalues: a rank is seen down to eps^2 of the largest.

    Parameters
    ----------
    X
        Points (n, d). Norms do not matter: rows are scaled to one.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        X is no array of points.
    """
    A = as_points(X)
    A = A / np.max(np.abs(A), axis=1, keepdims=True)  # so that no square overflows
    A = A / np.linalg.norm(A, axis=1, keepdims=True)
    i, j = np.triu_indices(A.shape[1])
    P = A[:, i] * A[:, j] * np.where(i == j, 1.0, np.sqrt(2.0))
    values = np.linalg.svd(P, compute_uv=False)
    return int(np.sum(values > max(P.shape) * np.finfo(float).eps * values[0]))


@dataclass(frozen=True)
class RankRow:
    """Rank and smallest eigenvalue of the first n points.

    Attributes
    ----------
    n, d
        Points and coordinates.
    rank
        Of (x_i . x_j)^2.
    value, lower, upper, status
        Of the smallest eigenvalue of the conjugate kernel, as :func:`mehler.min_eig` gives them.
    """

    n: int
    d: int
    rank: int
    value: float
    lower: float
    upper: float
    status: str


def rank_scan(
    X: Any, samples: Sequence[int], *, tol: float = 1e-3, threads: int | None = None
) -> tuple[RankRow, ...]:
    """Rank of (x_i . x_j)^2 and lambda_min of the conjugate kernel |x|^2 |x'|^2 + 2 (x.x')^2, for the first n of the points.

    Parameters
    ----------
    X
        Points (N, d).
    samples
        Numbers n, 1 <= n <= N.
    tol, threads
        As in :func:`mehler.min_eig`.

    Returns
    -------
    tuple of RankRow

    Raises
    ------
    TypeError, ValueError
        X is no array of points; an n beyond N.
    """
    A = as_points(X)
    sizes = [at_least(n, "samples", 1) for n in samples]
    if not sizes or max(sizes) > len(A):
        raise ValueError(
            f"samples must hold numbers from 1 to the {len(A)} points of X; got {list(samples)}."
        )
    out = []
    for n in sizes:
        with warnings.catch_warnings():  # the status says it
            for ours in (ConvergenceWarning, PrecisionWarning):
                warnings.simplefilter("ignore", ours)
            r = min_eig(A[:n], square(), kernel="nngp", precision="double", tol=tol, threads=threads)  # fmt: skip
        out.append(RankRow(n, A.shape[1], squared_rank(A[:n]), r.value, r.lower, r.upper, r.status))
    return tuple(out)
