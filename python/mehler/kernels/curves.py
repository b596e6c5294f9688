"""Functions of log s: Chebyshev interpolation on a range, and E f(s Z)^2 by quadrature.

Invariant: a rule is as fine as f(s z) needs it, whose features are as small as 1 / s.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..activations.hermite import Array, Function, density, gauss_legendre, reach
from .chebyshev import EPS, nodes

RANKS = (6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # nodes in log s
RESOLVED = 4e-15  # last coefficients below this are rounding


def chebyshev_nodes(low: float, high: float, count: int) -> Array:
    """First-kind nodes of [low, high]."""
    return low + (high - low) * nodes(count)[0]


def chebyshev_rows(a: Array, low: float, high: float, count: int) -> Array:
    """T_0..T_{count-1} at each a of [low, high], (n, count)."""
    x = (2.0 * a - low - high) / (high - low) if high > low else np.zeros_like(a)
    rows = np.empty((len(a), count))
    rows[:, 0] = 1.0
    if count > 1:
        rows[:, 1] = x
    for k in range(2, count):
        rows[:, k] = 2.0 * x * rows[:, k - 1] - rows[:, k - 2]
    return rows


@dataclass(frozen=True, eq=False)
class Curve:
    """Columns of functions of a on [low, high], by interpolation."""

    low: float
    high: float
    c: Array = field(repr=False)  # (nodes, columns)
    error: float

    def __call__(self, a: Array) -> Array:
        return chebyshev_rows(a, self.low, self.high, len(self.c)) @ self.c

    @property
    def steepest(self) -> float:
        """The largest |slope| of the first column, on a grid."""
        if self.high == self.low or len(self.c) < 2:
            return 0.0
        derivative = np.polynomial.chebyshev.chebder(self.c[:, 0]) * 2.0 / (self.high - self.low)
        x = np.linspace(-1.0, 1.0, 33)
        return float(np.max(np.abs(np.polynomial.chebyshev.chebval(x, derivative))))


def curve(values: Any, low: float, high: float) -> Curve:
    """The curve of values(a) -> (n, columns); its error is relative to the largest value of a column."""
    if high == low:
        return Curve(low, high, np.asarray(values(np.array([low]))), EPS)
    for count in RANKS[1:]:
        c = nodes(count)[1] @ values(chebyshev_nodes(low, high, count))
        size = np.maximum(np.max(np.abs(c), axis=0), 1e-300)
        tail = float(np.max(np.abs(c[-3:]) / size))
        if tail <= RESOLVED:
            break
    return Curve(low, high, c, max(tail, 4.0 * EPS))


def line(f: Function, kinks: Sequence[float], s: float) -> tuple[Array, Array]:
    """Nodes z and weights w, sum w g(z) = integral of g, fine enough for f(s z)^2 gamma(z)."""
    with np.errstate(all="ignore"):
        probe = np.linspace(-36.0, 36.0, 289)
        sizes = np.abs(f(s * probe)) * np.exp(-0.25 * probe * probe)
        size = float(np.max(sizes[np.isfinite(sizes)], initial=1e-300))
    radius = 1.3 * reach(lambda z: f(s * z), size)
    if not kinks:
        step = 1.0 / (32.0 * max(1.0, s))
        half = int(radius / step)
        return step * np.arange(-half, half + 1, dtype=np.float64), np.full(2 * half + 1, step)
    stops = sorted({-radius, radius, 0.0, *(c / s for c in kinks if abs(c / s) < radius)})
    edges = [np.array([-radius])]
    for a, b in itertools.pairwise(stops):
        # graded towards both ends, where features of the size 1 / s lie
        inner = min(0.25 / s, 0.25 * (b - a))
        steps = [inner]
        while steps[-1] < 0.5 * (b - a):
            steps.append(min(steps[-1] + min(steps[-1], 0.5), 0.5 * (b - a)))
        up = a + np.array(steps)
        edges.append(np.concatenate([up, b - np.array(steps)[-2::-1], [b]]))
    ends = np.concatenate(edges)
    x, w = gauss_legendre(20)
    widths = np.diff(ends)[:, None]
    return (ends[:-1, None] + widths * x).ravel(), (widths * w).ravel()


def mean_square(f: Function, kinks: Sequence[float], s: float) -> float:
    """E f(s Z)^2, or OverflowError."""
    z, w = line(f, kinks, s)
    with np.errstate(all="ignore"):
        values = f(s * z) * np.sqrt(density(z))
        total = float(w @ (values * values))
    if not 0.0 <= total < 1e300 or max(abs(values[0]), abs(values[-1])) > 1e-7 * math.sqrt(total):
        raise OverflowError
    return total
