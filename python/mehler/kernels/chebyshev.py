"""Chebyshev interpolation on [0, 1]: nodes, coefficients, where they end in noise, and monomials."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ..activations.hermite import Array

EPS = float(np.finfo(np.float64).eps)


@lru_cache(maxsize=8)
def nodes(n: int) -> tuple[Array, Array]:
    """First-kind nodes y = (1 + cos(pi (i + 1/2) / n)) / 2 in [0, 1], and values -> coefficients.

    y is a squared cosine, right to the last digit near zero; the angles of the transform are
    reduced exactly, so that high coefficients are not drowned in noise.
    """
    i = np.arange(n)
    y = np.cos(np.pi * (2 * i + 1) / (4 * n)) ** 2
    turns = (i[:, None] * (2 * i + 1)) % (4 * n)
    transform = 2.0 / n * np.cos(np.pi * turns / (2 * n))
    transform[0] *= 0.5
    return y, transform


def chebyshev(values: Array) -> Array:
    """Chebyshev coefficients from values at the nodes."""
    return np.asarray(nodes(len(values))[1] @ values)


def chop(c: Array, tolerance: float, most: int | None = None) -> Array:
    """Drop the trailing coefficients that are rounding noise.

    Behind the true coefficients lies a plateau of noise; its height is read off the last quarter.
    A series that has not come down to 16 tolerances there is not resolved and is kept whole, up to ``most``.
    """
    noise = float(np.max(np.abs(c[-len(c) // 4 :])))
    level = tolerance if noise > 16.0 * tolerance else max(tolerance, 2.0 * noise)
    large = np.nonzero(np.abs(c) > level)[0]
    return c[: min(int(large[-1]) + 1, most or len(c))] if large.size else c[:0]


def monomials(c: Array) -> Array:
    """Chebyshev to monomial coefficients on [-1, 1], summed exactly where it matters."""
    if c.size == 0:
        return np.zeros(0)
    integers = _table(len(c))
    return np.array([math.fsum(column) for column in (integers * c[:, None]).T])


def _table(n: int) -> Array:
    """Row k holds the monomial coefficients of T_k."""
    table = np.zeros((n, n))
    table[0, 0] = 1.0
    if n > 1:
        table[1, 1] = 1.0
    for k in range(2, n):
        table[k, 1:] = 2.0 * table[k - 1, :-1]
        table[k] -= table[k - 2]
    return table
