"""Functions whose integrals Gauss and Gauss-Radau rules bracket, and their squares as well.

A function phi is called bracketed on [a, b] here where, from the second derivative on, those of even order are >= 0 and those of odd
order <= 0. The error of a Gauss rule of k >= 1 nodes has the sign of the derivative of order 2k, that of the Gauss-Radau rule with one node
more, at a, the sign of the derivative of order 2k + 1 (Golub and Meurant 2010, theorems 6.3 and 6.4), so that

    Gauss(phi) <= int phi dmu <= Radau(phi)

Bracketed are 1/y, 1/y^2, -log y, y log y on y > 0, and log(y/B)^2 on 0 < y <= B (a product of two functions that are >= 0 there and
whose derivatives alternate in sign). Of these, with powers of y which both rules integrate exactly, consist the squares of f(x) - s x - c:

    (w/y - s y - C)^2               = w^2 / y^2 - 2 w C / y + (s y + C)^2 - 2 w s,                   C = c - s shift
    (log(B/y) + d - s y - C)^2      = log(y/B)^2 + 2 D log(y/B) + 2 s y log(y/B) + (s y + D)^2,      D = C - d

A slip of eigenvalues, at x by at most ``delta(x) = intercept + gradient x``, leads from f to f(x + delta(x)) <= f <= f(x - delta(x)), which
are functions of the same kind: nothing has to be said of how smooth the slip is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._arrays import Array

UNIT, TINY = 2.0**-53, 2.0**-1022
Parts = list[tuple[float, Callable[[Array], Array]]]


@dataclass(frozen=True)
class Slip:
    """delta(x) = intercept + gradient x >= 0 on [low, high], 0 <= gradient < 1/2: how far an eigenvalue may be from x."""

    low: float
    high: float
    intercept: float
    gradient: float

    def __call__(self, x: float) -> float:
        return self.intercept + self.gradient * x


class Function(Protocol):
    """A convex f on x > pole, bracketed."""

    @property
    def pole(self) -> float: ...

    def __call__(self, x: Array) -> Array: ...

    def rounding(self, x: Array) -> Array:
        """A bound of what rounding does to f(x), given x."""
        ...

    def moved(self, x: Array) -> Array:
        """A bound of what it does to f(x) that the coefficients of f are rounded."""
        ...

    def between(self, slip: Slip) -> tuple[Function, Function]:
        """(below, above): functions of x between which f is at all points within the slip of x."""
        ...

    def slope(self, x: float) -> float:
        """f'(x)."""
        ...

    def turn(self, slope: float) -> float:
        """Where f(x) - slope x is least; infinite where it falls, or rises, all the way."""
        ...

    def parts(self, slope: float, centre: float, high: float) -> Parts:
        """Coefficients and bracketed functions whose sum is (f(x) - slope x - centre)^2 on x <= high, but for powers of x."""
        ...


@dataclass(frozen=True)
class Ratio:
    """(constant + linear x) / (x + shift), falling: constant - linear shift > 0."""

    shift: float
    constant: float = 1.0
    linear: float = 0.0

    @property
    def pole(self) -> float:
        return -self.shift

    @property
    def weight(self) -> float:
        """w of linear + w / (x + shift)."""
        return self.constant - self.linear * self.shift

    def __call__(self, x: Array) -> Array:
        return np.asarray((self.constant + self.linear * x) / (x + self.shift))

    def rounding(self, x: Array) -> Array:
        above = np.abs(self.constant) + np.abs(self.linear * x)
        return np.asarray(4.0 * UNIT * above / np.abs(x + self.shift))

    def moved(self, x: Array) -> Array:
        y = np.abs(x + self.shift)
        size = np.abs(self(x)) * abs(self.shift) + abs(self.constant)
        return np.asarray(4.0 * UNIT * size / y)

    def _of(self, intercept: float, gradient: float) -> Ratio:
        """f(intercept + gradient x)."""
        return Ratio(
            (self.shift + intercept) / gradient,
            (self.constant + self.linear * intercept) / gradient,
            self.linear,
        )

    def between(self, slip: Slip) -> tuple[Ratio, Ratio]:
        d, g = slip.intercept, slip.gradient
        return self._of(d, 1.0 + g), self._of(-d, 1.0 - g)

    def slope(self, x: float) -> float:
        return -self.weight / (x + self.shift) / (x + self.shift)

    def turn(self, slope: float) -> float:
        return math.sqrt(self.weight / -slope) - self.shift if slope < 0.0 else math.inf

    def parts(self, slope: float, centre: float, high: float) -> Parts:
        w, s = self.weight, self.shift
        C = centre - self.linear - slope * s
        return [
            (w * w, lambda x: np.asarray((x + s) ** -2.0)),
            (-2.0 * w * C, lambda x: np.asarray(1.0 / (x + s))),
        ]


@dataclass(frozen=True)
class MinusLog:
    """offset - log(x + shift), where |x| < shift as offset - log(shift) - log(1 + x / shift)."""

    shift: float
    offset: float = 0.0

    @property
    def pole(self) -> float:
        return -self.shift

    def __call__(self, x: Array) -> Array:
        far = np.abs(x) >= 0.5 * self.shift  # everywhere, where the shift is not above zero
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = self.offset - np.log(np.where(far, x + self.shift, 1.0))
            return np.asarray(np.where(far, beyond, self._near(np.where(far, 0.0, x))))

    def _near(self, x: Array) -> Array:
        if not self.shift > 0.0:
            return np.zeros_like(x)
        return np.asarray((self.offset - math.log(self.shift)) - np.log1p(x / self.shift))

    def rounding(self, x: Array) -> Array:
        far = np.abs(x) >= 0.5 * self.shift
        size = np.abs(np.log(np.maximum(np.abs(x + self.shift), TINY)))
        whole = abs(self.offset) + 1.0 + size
        if not self.shift > 0.0:
            return np.asarray(4.0 * UNIT * whole)
        inside = np.where(far, 0.0, np.abs(x))
        near = abs(self.offset) + abs(math.log(self.shift)) + 2.0 * inside / self.shift
        return np.asarray(4.0 * UNIT * np.where(far, whole, near))

    def moved(self, x: Array) -> Array:
        return np.asarray(
            4.0 * UNIT * (abs(self.offset) + abs(self.shift) / np.abs(x + self.shift))
        )

    def _of(self, intercept: float, gradient: float) -> MinusLog:
        """f(intercept + gradient x)."""
        return MinusLog((self.shift + intercept) / gradient, self.offset - math.log(gradient))

    def between(self, slip: Slip) -> tuple[MinusLog, MinusLog]:
        d, g = slip.intercept, slip.gradient
        return self._of(d, 1.0 + g), self._of(-d, 1.0 - g)

    def slope(self, x: float) -> float:
        return -1.0 / (x + self.shift)

    def turn(self, slope: float) -> float:
        return -1.0 / slope - self.shift if slope < 0.0 else math.inf

    def parts(self, slope: float, centre: float, high: float) -> Parts:
        s, B = self.shift, high + self.shift
        D = centre - slope * s - self.offset + math.log(B)
        return [
            (1.0, lambda x: np.asarray(np.log((x + s) / B) ** 2)),
            (-2.0 * D, lambda x: np.asarray(-np.log((x + s) / B))),
            (2.0 * slope, lambda x: np.asarray((x + s) * np.log((x + s) / B))),
        ]


@dataclass(frozen=True)
class Quadratic:
    """constant + linear x + square x^2, square >= 0: rules of two nodes and more are exact, of its square with a node at a as well."""

    constant: float
    linear: float
    square: float

    @property
    def pole(self) -> float:
        return -math.inf

    def __call__(self, x: Array) -> Array:
        return np.asarray(self.constant + x * (self.linear + self.square * x))

    def rounding(self, x: Array) -> Array:
        size = abs(self.constant) + np.abs(x) * (abs(self.linear) + self.square * np.abs(x))
        return np.asarray(4.0 * UNIT * size)

    def moved(self, x: Array) -> Array:
        return self.rounding(x)

    def between(self, slip: Slip) -> tuple[Quadratic, Quadratic]:
        # 2 |x| d <= e x^2 + d^2 / e, for any e; here e is small where d is, by x at the ends
        d, q = slip(slip.high), self.square
        if d == 0.0:
            return self, self
        size = max(abs(slip.low), abs(slip.high))
        e = min(d / size, 1.0) if size > 0.0 else 1.0
        step = abs(self.linear) * d
        below = Quadratic(
            self.constant - step + q * (1.0 - 1.0 / e) * d * d, self.linear, q * (1.0 - e)
        )
        above = Quadratic(
            self.constant + step + q * (1.0 + 1.0 / e) * d * d, self.linear, q * (1.0 + e)
        )
        return below, above

    def slope(self, x: float) -> float:
        return self.linear + 2.0 * self.square * x

    def turn(self, slope: float) -> float:
        rise = slope - self.linear
        if self.square > 0.0:
            return rise / (2.0 * self.square)
        return math.copysign(math.inf, rise) if rise else 0.0

    def parts(self, slope: float, centre: float, high: float) -> Parts:
        return []


LINE, SQUARE = Quadratic(0.0, 1.0, 0.0), Quadratic(0.0, 0.0, 1.0)
