"""The dual of a polynomial between points of unequal norm: finite sums, at any standard deviations.

    f(s z) = sum_k mu_k(s) h_k(z),   E f(s Z)^2 = sum_k mu_k(s)^2,
    C(s, t, c) = sum_k a_k(s) a_k(t) c^k,   a_k = mu_k / sqrt(sum_j mu_j^2)

h_k orthonormal. For f = sum_m b_m z^m, mu_k(s) = sum_m b_m s^m E[z^m h_k]; for f = h_m, whose own b_m cancel,

    h_m(s z) = sum_i sqrt(m! / (m - 2i)!) / (2^i i!) s^(m-2i) (s^2 - 1)^i h_(m-2i)(z).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..activations import Activation
from ..activations.hermite import Array
from .chebyshev import EPS

GRID = 257  # points at which slopes are looked at


@dataclass(frozen=True, eq=False)
class Monomials:
    """mu_k of sum_m b_m z^m. ``moments[m, k]`` = b_m E[z^m h_k] = b_m m! / (2^i i! sqrt(k!)), m - k = 2 i."""

    moments: Array

    @property
    def degree(self) -> int:
        return len(self.moments) - 1

    def __call__(self, a: Array) -> tuple[Array, Array]:
        """(mu, d mu / d log s), each (n, degree + 1), at log s."""
        m = np.arange(self.degree + 1)
        powers = np.exp(np.multiply.outer(a, m))
        return powers @ self.moments, (powers * m) @ self.moments


@dataclass(frozen=True, eq=False)
class Hermite:
    """mu_k of scale h_m."""

    degree: int
    scale: float

    def __call__(self, a: Array) -> tuple[Array, Array]:
        """(mu, d mu / d log s), each (n, degree + 1), at log s."""
        m = self.degree
        i = np.arange(m // 2 + 1)
        k = m - 2 * i
        factor = self.scale * np.array([_share(m, int(j)) for j in i])
        s, over = np.exp(a)[:, None], np.expm1(2.0 * a)[:, None]  # s, s^2 - 1
        mu, moved = np.zeros((len(a), m + 1)), np.zeros((len(a), m + 1))
        mu[:, k] = factor * s**k * over**i
        moved[:, k] = k * mu[:, k] + factor * (
            2.0 * i * s ** (k + 2) * over ** np.maximum(i - 1, 0)
        )
        return mu, moved


def _share(m: int, i: int) -> float:
    """sqrt(m! / (m - 2i)!) / (2^i i!)."""
    return math.sqrt(math.perm(m, 2 * i)) / float(2**i * math.factorial(i))


Expansion = Monomials | Hermite


def expansion_of(act: Activation, derivative: bool) -> Expansion | None:
    """mu of phi or phi' where it is a polynomial, not zero."""
    if act.name == "hermite" and act.series is not None:
        k = int(dict(act.params)["k"])
        if not derivative:
            return Hermite(k, 1.0)
        return Hermite(k - 1, math.sqrt(k)) if k else None
    if act.spline is None or act.spline[1]:
        return None
    b = np.trim_zeros(np.array(act.spline[0], dtype=np.float64), "b")
    if derivative:
        b = b[1:] * np.arange(1, len(b))
    if not len(b):
        return None
    moments = np.zeros((len(b), len(b)))
    for m, c in enumerate(b):
        for k in range(m % 2, m + 1, 2):
            i = (m - k) // 2
            whole = math.factorial(m) // (2**i * math.factorial(i))
            moments[m, k] = c * (whole / math.sqrt(math.factorial(k)))
    return Monomials(moments)


@dataclass(frozen=True, eq=False)
class PolynomialSize:
    """log E f(s Z)^2 over log s in [low, high]; as ``curves.Curve``."""

    low: float
    high: float
    expand: Expansion = field(repr=False)
    error: float

    def __call__(self, a: Array) -> Array:
        mu, _ = self.expand(np.asarray(a, dtype=np.float64))
        top = np.max(np.abs(mu), axis=1)
        return np.asarray(2.0 * np.log(top) + np.log(np.sum((mu / top[:, None]) ** 2, axis=1)))[
            :, None
        ]

    @cached_property
    def steepest(self) -> float:
        """The largest |slope|, on a grid."""
        mu, moved = self.expand(np.linspace(self.low, self.high, GRID))
        slopes = 2.0 * np.sum(mu * moved, axis=1) / np.sum(mu * mu, axis=1)
        return float(np.max(np.abs(slopes)))


@dataclass(frozen=True, eq=False)
class PolynomialTable:
    """C of a polynomial: evaluated by the compiled core on tiles; as ``surfaces.SurfaceTable``.

    Parameters
    ----------
    expand
        log s -> mu_k and their slopes.
    parity
        1, -1, 0: f is odd, even, neither.
    error
        Estimated largest error of C.
    slope
        Largest dC/dc of s = t: sum_k k a_k^2.
    speed
        Largest |d a / d log s|.
    """

    expand: Expansion = field(repr=False)
    parity: int
    error: float
    slope: float
    speed: float

    @property
    def terms(self) -> float:
        """What an entry costs, in terms of a polynomial."""
        return 3.0 * (self.expand.degree + 1)

    def rows(self, a: Array) -> Array:
        """(n, p + 1): a_k."""
        mu, _ = self.expand(np.asarray(a, dtype=np.float64))
        mu /= np.max(np.abs(mu), axis=1)[:, None]
        return np.ascontiguousarray(mu / np.linalg.norm(mu, axis=1)[:, None])

    @cached_property
    def compiled(self) -> Any:
        """The same in the compiled core."""
        from .. import _core

        return _core.PolynomialDual(self.parity, self.expand.degree)

    @property
    def form(self) -> str:
        """A few words."""
        return f"polynomial of degree {self.expand.degree}"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "compiled"}


def polynomial(
    expand: Expansion, low: float, high: float
) -> tuple[PolynomialSize, PolynomialTable]:
    """Size and table of a polynomial for log s in [low, high].

    Raises
    ------
    OverflowError
        f(s z) leaves the range of doubles.
    """
    grid = np.linspace(low, high, GRID)
    with np.errstate(over="ignore", invalid="ignore"):
        mu, moved = expand(grid)
        size = np.max(np.abs(mu), axis=1)[:, None]
    if not (np.isfinite(moved).all() and size.min() > 1e-140 and size.max() < 1e140):
        raise OverflowError
    a, turned = mu / size, moved / size
    length = np.linalg.norm(a, axis=1)[:, None]
    a, turned = a / length, turned / length
    turned -= np.sum(a * turned, axis=1)[:, None] * a
    used = np.max(np.abs(a), axis=0)
    parity = 1 if not used[::2].any() else -1 if not used[1::2].any() else 0
    speed = 1.01 * float(np.max(np.linalg.norm(turned, axis=1)))
    slope = float(np.max(a * a @ np.arange(expand.degree + 1.0)))
    off = 0.5 * EPS * (1.0 + max(abs(low), abs(high)))  # of log s, by its own rounding
    few = (expand.degree + 4.0) * EPS
    return (
        PolynomialSize(low, high, expand, 2.0 * expand.degree * off + few),
        PolynomialTable(expand, parity, 2.0 * speed * off + few, slope, speed),
    )
