"""Differences of a profile that no subtraction of values could give: between cosines that nearly agree.

    drop(delta) = h(1) - h(1 - delta)      relative accuracy, for delta from 1e-30 to 1e-3
    h'(rho), h''(rho)                      for differences of two rows, and of two rows and two columns

Analytic kernels take them from the power series, whose terms have one sign. Kernels with a kink take them from
the compiled polynomials in x = sqrt(1 - |rho|):  drop = c_0 x + c_1 x^2 + ...,  where c_0 = 0 unless what is
differentiated jumps; the rounding that stands in its place would outweigh c_1 x below x = 1e-12, so it goes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from fractions import Fraction

import numpy as np
from numpy.polynomial.polynomial import polyder, polyval

from ..activations.hermite import Array
from .chebyshev import EPS
from .kernel import Kernel, known_coefficients
from .profile import ProfileTable

TERMS = 2000
PROMISED = 4e-15  # of h(1): what compiled profiles are held to
NEAR = 1e-3  # deficits for which drops are expanded


class Differences(ABC):
    """What a kernel's profile does over short distances.

    Attributes
    ----------
    relative
        Relative error of ``drop``.
    """

    relative: float

    @abstractmethod
    def drop(self, deficit: Array) -> Array:
        """h(1) - h(1 - deficit), deficit <= NEAR."""

    @abstractmethod
    def slope(self, rho: Array) -> tuple[Array, Array]:
        """(h', its error)."""

    @abstractmethod
    def curvature(self, rho: Array) -> tuple[Array, Array]:
        """(h'', its error)."""


class SeriesDifferences(Differences):
    """h(rho) = sum_p A_p rho^p, A_p >= 0."""

    def __init__(self, coefficients: Array, relative: float) -> None:
        p = np.arange(len(coefficients))
        self._a = coefficients
        self._first = (p * coefficients)[1:]
        self._second = (p * (p - 1.0) * coefficients)[2:]
        self.relative = relative

    def drop(self, deficit: Array) -> Array:
        t = np.asarray(deficit, dtype=np.float64)
        p = np.arange(1.0, len(self._a))
        lost = -np.expm1(np.log1p(-t.reshape(-1, 1)) * p)
        return np.asarray((lost @ self._a[1:]).reshape(t.shape))

    def slope(self, rho: Array) -> tuple[Array, Array]:
        return self._of(self._first, rho)

    def curvature(self, rho: Array) -> tuple[Array, Array]:
        return self._of(self._second, rho)

    def _of(self, coefficients: Array, rho: Array) -> tuple[Array, Array]:
        value, size = np.zeros_like(rho), float(coefficients.sum())
        for a in coefficients[::-1]:
            value = value * rho + a
        return value, np.full(rho.shape, self.relative * size)


class ProfileDifferences(Differences):
    """h(sigma (1 - x^2)) = h(sigma) - D(x), D the table's polynomials."""

    def __init__(self, table: ProfileTable, start: Array, order: int, error: float) -> None:
        self._table, self._start, self._order, self._error = table, start, order, error
        self._degree = _degree(table)
        self._even, self._odd = _jet(table.even), _jet(table.odd)
        unit = (
            error if order == 1 else 2.0 * self._degree**2 * error
        )  # Markov's inequality at x = 0
        self.relative = 8.0 * EPS + unit / abs(float(start[order]))

    def drop(self, deficit: Array) -> Array:
        x = np.sqrt(deficit) if self._table.variable == "sqrt" else np.asarray(deficit)
        value = np.zeros_like(x)
        for c in self._start[: self._order - 1 : -1]:
            value = value * x + c
        return np.asarray(value * x**self._order)

    def slope(self, rho: Array) -> tuple[Array, Array]:
        x, one, _, inner = self._parts(rho)
        size = np.minimum(2.0 * self._degree**2, self._degree * inner) * self._error
        if self._table.variable == "linear":
            return _sign(rho) * one, size
        return _sign(rho) * one / (2.0 * x), size / (2.0 * x)

    def curvature(self, rho: Array) -> tuple[Array, Array]:
        x, one, two, inner = self._parts(rho)
        first = np.minimum(2.0 * self._degree**2, self._degree * inner) * self._error
        second = (
            np.minimum(4.0 / 3.0 * self._degree**4, 2.0 * (self._degree * inner) ** 2) * self._error
        )
        if self._table.variable == "linear":
            return -two, second
        return one / (4.0 * x**3) - two / (4.0 * x**2), first / (4.0 * x**3) + second / (4.0 * x**2)

    def _parts(self, rho: Array) -> tuple[Array, Array, Array, Array]:
        """x, D', D'' in x, and 1 / sqrt(x (1 - x)), which Bernstein's inequality knows."""
        table, sign = self._table, _sign(rho)
        deficit = np.maximum(1.0 - np.abs(rho), 1e-30)
        x = np.sqrt(deficit) if table.variable == "sqrt" else deficit
        inner = 1.0 / np.sqrt(np.clip(x * (1.0 - x), 1e-30, None))
        if table.pieces is None:
            s = 2.0 * x - 1.0
            Q = [
                polyval(s, e) + sign * polyval(s, o)
                for e, o in zip(self._even, self._odd, strict=True)
            ]
            return x, -Q[0] - 2.0 * x * Q[1], -4.0 * Q[1] - 4.0 * x * Q[2], inner
        count = table.pieces.shape[1]
        j = np.minimum((count * x).astype(np.int64), count - 1)
        y = count * x - j
        c = table.pieces[np.where(sign > 0, 0, 1), j]
        k = np.arange(c.shape[-1], dtype=np.float64)
        powers = y[..., None] ** np.maximum(k - 1.0, 0.0)
        lower = y[..., None] ** np.maximum(k - 2.0, 0.0)
        one = -count * np.sum(c * k * powers, axis=-1)
        two = -(count**2) * np.sum(c * k * (k - 1.0) * lower, axis=-1)
        return x, one, two, np.full(x.shape, 2.0 * count)


def differences(ker: Kernel) -> Differences | None:
    """Those of a kernel; None where they are not known to the accuracy that near points ask for."""
    top = float(ker.h.ends[0])
    error = max(ker.error, PROMISED * top)
    if not error <= 1e-13 * top:
        return None
    if not ker.kinked:
        return _of_series(ker, top)
    table = ker.h
    start = _start(table)
    if len(start) < 3:
        return None
    # the first power of x = 1 - |rho| itself leaves room for no jump
    order = 1
    if table.variable == "sqrt" and abs(start[1]) < 1e-7 * top:
        if abs(start[1]) > 64.0 * error or _jumps(ker):
            return None
        order = 2
    if abs(start[order]) < 1e-7 * top:
        return None
    return ProfileDifferences(table, start, order, error)


def _of_series(ker: Kernel, top: float) -> Differences | None:
    a = known_coefficients(ker, TERMS)
    if not abs(math.fsum(a) - top) <= 1e-11 * top:
        return None
    found = SeriesDifferences(a, 1e-12)
    probes = np.array([1e-3, 1e-4])
    seen, known = found.drop(probes), ker.h.drop(probes)
    lack = float(np.max(np.abs(seen - known) - PROMISED * top)) / float(seen[1])
    if lack > 1e-9:
        return None
    found.relative = max(1e-12, 10.0 * lack)
    return found


def _jumps(ker: Kernel) -> bool:
    """Whether what the kernel is the dual of jumps somewhere: phi' for gradients, phi for the rest."""
    for part in ker.single_layers():
        act = part.layers[0]
        f = act.dphi if part.kind == "gradient" else act.phi
        if f is None:
            return True
        for t in act.kinks:
            step = 1e-13 * max(1.0, abs(t))
            left, right = np.asarray(f(np.array([t - step, t + step])), dtype=np.float64)
            if not abs(right - left) <= 1e-11:
                return True
    return False


def _start(table: ProfileTable) -> Array:
    """D in powers of x on the side of rho = 1, from x = 0 on: D = sum_k start_k x^k, start_0 = 0."""
    if table.pieces is not None:
        count = float(table.pieces.shape[1])
        c = -table.pieces[0, 0] * count ** np.arange(table.pieces.shape[2])
        c[0] = 0.0
        return np.asarray(c)
    size = max(len(table.even), len(table.odd))
    both = [Fraction(0)] * size
    for part in (table.even, table.odd):
        for k, c in enumerate(part):
            both[k] += Fraction(float(c))
    powers = [Fraction(0)] * size
    for c in reversed(both):  # Horner's rule in s = 2 x - 1
        powers = [2 * b - a for a, b in zip(powers, [Fraction(0), *powers[:-1]], strict=True)]
        powers[0] += c
    return np.array([0.0] + [-float(c) for c in powers])


def _degree(table: ProfileTable) -> int:
    if table.pieces is not None:
        return int(table.pieces.shape[2])
    return max(len(table.even), len(table.odd)) + 1


def _sign(rho: Array) -> Array:
    return np.where(np.signbit(rho), -1.0, 1.0)


def _jet(c: Array) -> tuple[Array, ...]:
    """Coefficients of a polynomial and of its first two derivatives."""
    own = np.asarray(c if len(c) else [0.0], dtype=np.float64)
    return own, np.asarray(polyder(own, 1), np.float64), np.asarray(polyder(own, 2), np.float64)
