"""Random sketches S = Pi J' that keep |J'p| for every p, and what a sketch knows of J J'.

    Pi = sqrt(N / s) P H D:   D random signs, H the orthonormal Walsh-Hadamard matrix of order N = 2^k >= m d,
                              P keeps s of N coordinates                                         (SRHT)
    Pi = (H D1) (x) (H D2), s of its M N coordinates, of rows that are Kronecker products        (TensorSRHT)

With S = Q R, the spectrum of R^-T J J' R^-1 lies near [1 / (1 + q)^2, 1 / (1 - q)^2], q = sqrt(n / s): whatever the
condition number of J J' (that of Gaussian sketches; ours, measured for both of these). Conjugate gradients then
gain a factor q an iteration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _core
from ..._arrays import Array, as_array, choice, generator_from, integer, thread_count
from .jacobian import Jacobian

KINDS = ("srht", "tensor")


def padded(k: int) -> int:
    """The smallest power of two that is at least k.

    Parameters
    ----------
    k
        >= 1.

    Returns
    -------
    int
    """
    return 1 << max(integer(k, "k") - 1, 0).bit_length()


def walsh_hadamard(x: Any, threads: int | None = None) -> Array:
    """H_N x, unnormalised: H_2N = [[H_N, H_N], [H_N, -H_N]], so that applied twice it is N x.

    Parameters
    ----------
    x
        (N,) or rows (b, N), N a power of two.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    numpy.ndarray
        Of the shape of x.

    Raises
    ------
    TypeError, ValueError
        No real array, no power of two, NaN or infinity.
    """
    A = _rows(x, "x", (1, 2))
    rows = np.ascontiguousarray(A.reshape(-1, A.shape[-1]), dtype=np.float64)
    if rows.shape[1] != padded(rows.shape[1]):
        raise ValueError(
            f"the length of x must be a power of two; got {rows.shape[1]}. Pad it with zeros to "
            f"{padded(rows.shape[1])}."
        )
    return _core.walsh_hadamard(rows, thread_count(threads)).reshape(A.shape)


def srht(B: Any, s: int, rng: Any = None, threads: int | None = None) -> Array:
    """Rows b of any matrix to sqrt(N / s) (H D b)_picked: E |sketch|^2 = |b|^2.

    Parameters
    ----------
    B
        (n, k), rows.
    s
        Coordinates kept, 1 <= s <= N, the power of two above k.
    rng, threads
        Seed or Generator; number of threads, on which the result does not depend.

    Returns
    -------
    numpy.ndarray
        (n, s).

    Raises
    ------
    TypeError, ValueError
        No real array, NaN, s out of range.

    References
    ----------
    Ailon, Chazelle, SIAM J. Comput. 39, 2009. Tropp, Adv. Adapt. Data Anal. 3, 2011.
    """
    A = np.ascontiguousarray(_rows(B, "B", (2,)), dtype=np.float64)
    picked, seed = _picked(padded(A.shape[1]), s, rng)
    return _core.sketch_rows(A, picked, seed, thread_count(threads))


def sketch(
    J: Jacobian, s: int, kind: str = "tensor", rng: Any = None, threads: int | None = None
) -> Array:
    """(Pi J')' of a Jacobian that is never formed.

    Parameters
    ----------
    J
        The Jacobian.
    s
        Coordinates kept: 1 <= s <= N, the power of two above m d (of m, times that of d, for 'tensor').
    kind
        'srht', n N log N flops: rows of J one at a time; or 'tensor', n (m log m + d log d + s).
    rng, threads
        As of :func:`srht`.

    Returns
    -------
    numpy.ndarray
        (n, s), a row a point.

    Raises
    ------
    TypeError, ValueError
        Unknown kind, s out of range.

    References
    ----------
    Ahle, Kapralov, Knudsen, Pagh, Velingker, Woodruff, Zandieh, SODA 2020 (TensorSRHT).
    """
    choice("kind", kind, KINDS)
    count = thread_count(threads)
    if kind == "srht":
        picked, seed = _picked(padded(J.m * J.d), s, rng)
        return _core.sketch_products(J.A, J.X, picked, seed, count)
    width = padded(J.d)
    picked, seed = _picked(padded(J.m) * width, s, rng)
    return _core.sketch_tensor(J.A, J.X, picked // width, picked % width, seed, count)


@dataclass(frozen=True, eq=False)
class Preconditioner:
    """(R'R)^-1, R of the QR factorisation of a sketch: a preconditioner of J J'.

    Attributes
    ----------
    R
        (n, n), upper triangular.
    inverse
        R^-1.
    s
        Rows of the sketch.
    """

    R: Array
    inverse: Array
    s: int

    @staticmethod
    def of(S: Array) -> Preconditioner:
        """By Householder's QR.

        Parameters
        ----------
        S
            (n, s), a sketch by rows of points; s >= n.

        Returns
        -------
        Preconditioner

        Raises
        ------
        ValueError
            Fewer coordinates than points; a sketch that is singular to rounding.
        """
        n, s = S.shape
        if s < n:
            raise ValueError(f"a sketch needs s >= n for a QR factor; got s={s} for n={n}.")
        R = np.asarray(np.linalg.qr(S.T, mode="r"))
        size = np.abs(np.diag(R))
        if not size.min() > 1e-14 * size.max():
            raise ValueError(
                "J J' is singular to rounding: points that coincide, or fewer weights than points. Take them out, "
                "or more neurons."
            )
        return Preconditioner(R, np.linalg.inv(R), s)

    def __call__(self, V: Array) -> Array:
        """R^-1 R^-T V."""
        return np.asarray(self.inverse @ (self.inverse.T @ V))

    def spectrum(self, G: Array) -> Array:
        """Eigenvalues of R^-T G R^-1, ascending.

        Parameters
        ----------
        G
            (n, n), J J'.

        Returns
        -------
        numpy.ndarray
            (n,).
        """
        M = self.inverse.T @ G @ self.inverse
        return np.asarray(np.linalg.eigvalsh(0.5 * (M + M.T)), dtype=np.float64)


def expected_condition(ratio: float) -> float:
    """((1 + q) / (1 - q))^2, q = sqrt(n / s): the condition number that a sketch of s = ratio n rows leaves.

    Parameters
    ----------
    ratio
        s / n, above 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        ratio <= 1.
    """
    if not ratio > 1.0:
        raise ValueError(f"ratio = s / n must be above 1; got {ratio}.")
    q = 1.0 / math.sqrt(ratio)
    return ((1.0 + q) / (1.0 - q)) ** 2


UNIT_STEP_FROM = (
    1.0 / (1.0 - 2.0**-0.25) ** 2
)  # s / n: 39.5, where lambda_max(M)^2 = 1 / (1 - q)^4 passes 2


def _rows(B: Any, name: str, dimensions: tuple[int, ...]) -> np.ndarray[Any, Any]:
    A = as_array(B, name)
    if A.ndim not in dimensions or A.size == 0:
        raise ValueError(
            f"{name} must be a table of rows, with at least one number; got shape {A.shape}."
        )
    if not np.isfinite(A).all():
        raise ValueError(f"{name} must be finite; found NaN or infinity.")
    return A


def _picked(N: int, s: int, rng: Any) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    if not 1 <= integer(s, "s") <= N:
        raise ValueError(
            f"s must satisfy 1 <= s <= N; got s={s} for N={N} coordinates of a padded row."
        )
    draws = generator_from(rng)
    picked = draws.choice(N, s, replace=False).astype(np.int64)
    return picked, int(draws.integers(0, 2**63 - 1))
