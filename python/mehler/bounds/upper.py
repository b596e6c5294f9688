"""Upper bounds of lambda_min(K).

diagonal   min_i K_ii
pair       the smaller eigenvalue of the 2 x 2 matrix of two points
points     lambda_min of a principal submatrix (Cauchy interlacing)
head/tail  n E_N / (n - D_N): the head, a polynomial of degree N in the cosine, has rank <= D_N, and the eigenvalues
           beyond sum to at most the trace of the tail
rank       0, where K is a polynomial and n exceeds the dimension of its space
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .._arrays import Array
from ..kernels import Kernel
from ..kernels.kernel import known_coefficients
from ..kernels.layer_series import LOW, series_of
from ..kernels.parity import SIMPLE, Parity

Integers = np.ndarray[Any, np.dtype[np.int64]]

EPS = float(np.finfo(np.float64).eps)
TILE = 1024
CLOSE_POINTS = 200
DIGITS = 60  # of coefficients whose tails are wanted far below the rounding of doubles
DEGREES = 400  # of the head that are tried, where doubles have to do


class Close(NamedTuple):
    """For every point its nearest one in the projective distance: |cos|, and which it is."""

    cosine: Array
    other: Integers


def closest(U: Array) -> Close:
    """Tile by tile; no n x n array is made."""
    n = len(U)
    best, at = np.full(n, -1.0), np.zeros(n, dtype=np.int64)
    for low in range(0, n, TILE):
        rows = slice(low, min(low + TILE, n))
        for start in range(0, n, TILE):
            C = np.abs(U[rows] @ U[start : start + TILE].T)
            if start == low:
                np.fill_diagonal(C, -1.0)
            j = np.argmax(C, axis=1).astype(np.int64)
            value = C[np.arange(len(C)), j]
            better = value > best[rows]
            best[rows] = np.where(better, value, best[rows])
            at[rows] = np.where(better, j + start, at[rows])
    return Close(best, at)


def pair(ker: Kernel, A: Array, near: Close) -> tuple[float, int, int]:
    """(value, i, j) of the pair, among the nearest one of every point, with the smallest eigenvalue."""
    order = np.argsort(-near.cosine)[: 4 * CLOSE_POINTS]
    best = (math.inf, 0, 0)
    for i in order:
        i, j = sorted((int(i), int(near.other[i])))
        K = ker(A[[i, j]])
        a, b, c = float(K[0, 0]), float(K[1, 1]), float(K[0, 1])
        # (a + b)/2 - sqrt(((a - b)/2)^2 + c^2), as det / larger: no cancellation but in a b - c^2
        large = 0.5 * (a + b) + math.hypot(0.5 * (a - b), c)
        value = (a - abs(c)) if a == b else (a * b - c * c) / large
        value += 4.0 * EPS * large + 2.0 * _error(ker, large)
        best = min(best, (value, i, j))
    return best


def _error(ker: Kernel, size: float) -> float:
    """Of an entry of this size, by the kernel's evaluation."""
    top = float(ker.h.ends[0])
    return ker.error * size / top if top else 0.0


def submatrix(ker: Kernel, A: Array, near: Close) -> tuple[float, int]:
    """(value, m): lambda_min of the m points that lie nearest to others, and of those."""
    order = np.argsort(-near.cosine, kind="stable")
    chosen: dict[int, None] = {}
    for i in order:
        for k in (int(i), int(near.other[i])):
            chosen[k] = None
        if len(chosen) >= CLOSE_POINTS:
            break
    K = ker(A[list(chosen)])
    m, size = len(K), float(np.max(np.diagonal(K)))
    lost = m * (_error(ker, size) + 8.0 * EPS * size)
    return float(np.linalg.eigvalsh(K)[0]) + lost, m


def dimension(parity: Parity, span: int, degree: int, constant: bool = True) -> int:
    """D_N: polynomials of degree <= N on the sphere in R^d', of the powers that the kernel has.

    Even ones of degree <= N are the forms of the largest even degree (times |x|^2 = 1), and so are odd ones.
    """

    def forms(p: int) -> int:
        return math.comb(span + p - 1, p) if p >= 0 else 0

    even = degree - degree % 2
    odd = degree - 1 + degree % 2
    of_even = (
        0 if not parity.even else 1 if parity.even == SIMPLE else forms(even) if even >= 0 else 0
    )
    of_odd = 0 if not parity.odd or odd < 1 else span if parity.odd == SIMPLE else forms(odd)
    return of_even + of_odd


class Series(NamedTuple):
    """One analytic layer: h = factor-weighted sum_k a_k c^k (times rho where ``shift``), to DIGITS digits.

    a
        Coefficients in c = (w rho + b) / (w + b), whose powers are polynomials in rho.
    beyond
        sum_{j > k} a_j, with all that is not known.
    shift
        1 for gradient kernels: the factor w rho + b adds a degree.
    """

    a: Array
    beyond: Array
    shift: int

    @property
    def slope(self) -> float:
        """h'(1), at most."""
        return float(np.sum((np.arange(len(self.a)) + self.shift) * self.a)) * (1.0 + 1e-12)


def series(ker: Kernel) -> Series | None:
    """None for what has no such series: kinks, depth, activations of the user's."""
    from ..precision.coefficients import coefficients, kernel_refusal

    if kernel_refusal(ker, "extended") is not None:
        return None
    gradient = ker.kind == "gradient"
    variance = Fraction(ker.weight_var) + Fraction(ker.bias_var)
    layer = coefficients(ker.layers[0], gradient, variance, DIGITS)
    factor = float(variance) if gradient else 1.0
    if ker.normalized:
        factor /= float(coefficients(ker.layers[0], False, variance, DIGITS).total)
    a = factor * np.array([float(x) for x in layer.squares])
    ahead = np.append(np.cumsum(a[::-1])[::-1][1:], 0.0)
    beyond = (ahead + factor * (layer.tail + len(a) * layer.error)) * (1.0 + 1e-12)
    if layer.tail == 0.0:  # a polynomial: nothing is beyond its degree
        beyond[-1] = 0.0
    return Series(a, beyond, int(gradient))


def tails(ker: Kernel, n: int, span: int) -> Iterator[tuple[int, float, int]]:
    """(N, E_N, D_N): the part of degree <= N of the series has rank <= D_N, the rest a diagonal <= E_N."""
    known = series(ker)
    if known is not None:
        beyond, shift = known.beyond, known.shift
    else:  # h(1) minus what is sure: seen down to the rounding of doubles
        top, shift = float(ker.h.ends[0]), 0
        sure = _sure(ker, min(DEGREES, ker.last_tail), top)
        beyond = top * (1.0 + len(sure) * EPS) + ker.error - np.cumsum(sure)
    for k, rest in enumerate(beyond):
        D = dimension(ker.parity, span, k + shift)
        if D >= n:
            return
        yield k + shift, float(rest), D


def _sure(ker: Kernel, kmax: int, top: float) -> Array:
    """A_p from below."""
    if ker.deep:
        return np.asarray(top * series_of(ker, kmax).rows[LOW][: kmax + 1] * (1.0 - 4.0 * EPS))
    a = np.asarray(known_coefficients(ker, kmax))
    return np.maximum(a - 4e-15 * np.sqrt(top * a) - 2e-29 * top, 0.0)


def head_and_tail(ker: Kernel, n: int, span: int, scale: float) -> tuple[float, int, int] | None:
    """(value, N, D_N): the least of scale n E_N / (n - D_N), or None."""
    best: tuple[float, int, int] | None = None
    for N, rest, D in tails(ker, n, span):
        value = scale * n * rest / (n - D) * (1.0 + 1e-14)
        if best is None or value < best[0]:
            best = (value, N, D)
    return best
