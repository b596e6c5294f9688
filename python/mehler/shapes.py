"""Functions in [-1, 1] that are one at rho = 1, as pairs (1 - c, 1 + c), and what layers do to them.

``Shape`` is kappa(c) / kappa(1) of one layer: shares A, B and drops of its even and odd part, read
off polynomials of drop / delta (or of drop / sqrt(delta), for a function with jumps) that are
accurate relative to the drop however small it is. Nothing here subtracts what is nearly equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .duals import Dual
from .hermite import Array
from .profile import EPS, _chebyshev, _nodes

POINTS = 32  # of a leaf
DEEPEST = 7  # bisections
NOTHING = 1e-28  # of a share: the square of rounding
RESOLVED = 1e-13  # a dual known to this is known to as much of every drop
TESTS = np.array([1e-13, 1e-9, 1e-5, 1e-3, 0.03, 0.2, 0.45, 0.77, 0.96, 1.0])


@dataclass(frozen=True)
class Pair:
    """c as (1 - c, 1 + c), and if wanted an estimate of its absolute error."""

    below: Array
    above: Array
    error: Array | None = None

    @property
    def deficit(self) -> Array:
        """1 - |c|."""
        return np.minimum(self.below, self.above)

    def affine(self, weight: float, rest: float) -> Pair:
        """weight c + rest; weight + rest = 1."""
        below, above = weight * self.below, weight * self.above + 2.0 * rest
        if self.error is None:
            return Pair(below, above)
        return Pair(below, above, weight * self.error + EPS * np.minimum(below, above))


def mixed(a: float, x: Pair, b: float, y: Pair) -> Pair:
    """a x + b y; a + b = 1."""
    below, above = a * x.below + b * y.below, a * x.above + b * y.above
    if x.error is None or y.error is None:
        return Pair(below, above)
    rounding = 2.0 * EPS * np.minimum(below, above)
    return Pair(below, above, a * x.error + b * y.error + rounding)


def product(x: Pair, y: Pair) -> Pair:
    """x y."""
    u, v = x.deficit, y.deficit
    near = u + (1.0 - u) * v
    same = (x.below <= x.above) == (y.below <= y.above)
    below, above = np.where(same, near, 2.0 - near), np.where(same, 2.0 - near, near)
    if x.error is None or y.error is None:
        return Pair(below, above)
    error = (1.0 - u) * y.error + (1.0 - v) * x.error + x.error * y.error
    return Pair(below, above, error + 2.0 * EPS * near)


@dataclass(frozen=True, eq=False)
class Drops:
    """Both drops of a dual: on leaves of x, power times a Chebyshev series.

    Parameters
    ----------
    smooth
        x is the deficit, else its square root.
    starts, widths
        Of the leaves.
    coefficients
        (2, leaves, POINTS), for the even and the odd part.
    roots
        Whether a part's power is sqrt(deficit), else the deficit.
    """

    smooth: bool
    starts: Array
    widths: Array
    coefficients: Array = field(repr=False)
    roots: tuple[bool, bool]

    def __call__(self, deficit: Array) -> tuple[Array, Array]:
        """(even, odd)."""
        root = np.sqrt(deficit)
        x = deficit if self.smooth else root
        which = np.searchsorted(self.starts, x, side="right") - 1
        s = 2.0 * (x - self.starts[which]) / self.widths[which] - 1.0
        out = []
        for series, rooted in zip(self.coefficients, self.roots, strict=True):
            if not series.any():
                out.append(np.zeros_like(x))
                continue
            one = two = np.zeros_like(x)
            for k in range(series.shape[1] - 1, 0, -1):  # Clenshaw
                one, two = series[which, k] + 2.0 * s * one - two, one
            value = series[which, 0] + s * one - two
            out.append(value * (root if rooted else deficit))
        return out[0], out[1]


@dataclass(frozen=True, eq=False)
class Shape:
    """kappa(c) / kappa(1) of one layer.

    Parameters
    ----------
    even, odd
        A and B, A + B = 1.
    drops
        Of both parts; None for a constant.
    relative
        Error relative to the drop, times sqrt(deficit): differences f(u) - f(v) are of that size.
    absolute
        Error whatever the drop (of duals that are not resolved, of numerical derivatives).
    """

    even: float
    odd: float
    drops: Drops | None = field(repr=False)
    relative: float = 0.0
    absolute: float = 0.0

    def __call__(self, c: Pair, drift: float = 0.0) -> Pair:
        """kappa(c) / kappa(1); drift: a further error relative to the drop."""
        u, negative = c.deficit, c.above < c.below
        if self.drops is None:
            zero = np.zeros_like(u)
            return Pair(zero, zero + 2.0, None if c.error is None else zero)
        even, odd = self.drops(u)
        high = self.even + (self.even - even)  # twice the even part of the value, plus its drop
        side = self.odd + (self.odd - odd)
        below = even + np.where(negative, side, odd)
        above = high + np.where(negative, odd, side)
        if c.error is None:
            return Pair(below, above)
        # kappa has positive coefficients: nowhere does it change faster than towards |c| = 1.
        drop = even + odd
        least = self.drops(np.maximum(u - c.error, 0.0))
        moved = np.maximum(drop - (least[0] + least[1]), 0.0)
        with np.errstate(invalid="ignore"):
            noise = np.where(u > 0.0, self.relative * drop / np.sqrt(u) + self.absolute, 0.0)
        known = noise + drift * drop
        rounding = 2.0 * EPS * (drop + np.where(negative, min(self.even, self.odd), 0.0))
        return Pair(below, above, moved + known + rounding)


def shape_of(dual: Dual | None, smooth: bool = True, noise: float = 0.0) -> Shape:
    """The shape of a dual; of None, that of a constant.

    Parameters
    ----------
    dual
        kappa.
    smooth
        Without kinks: its drops are smooth in the deficit, else in its square root.
    noise
        Absolute error of kappa / kappa(1) beside the dual's own.
    """
    if dual is None:
        return Shape(1.0, 0.0, None)
    total = dual.even_end + dual.odd_end
    shares = np.array([dual.even_end, dual.odd_end]) / total
    kept = shares > NOTHING
    even, odd = np.where(kept, shares, 0.0)

    def drops(deficit: Array) -> Array:
        return np.where(kept[:, None], np.array(dual.drops(deficit)) / total, 0.0)

    near = drops(np.array([1e-12, 1e-10]))
    if not np.any(drops(TESTS)):
        return Shape(even, odd, None)
    known = dual.error / total
    roots = tuple(bool(0.0 < fine and coarse < 30.0 * fine) for fine, coarse in near)
    table = _leaves(drops, smooth, (roots[0], roots[1]), max(16.0 * EPS, known))
    truth = drops(TESTS).sum(axis=0)
    gap = np.abs(sum(table(TESTS)) - truth)
    seen = truth > 0.0
    relative = float(np.max((gap * np.sqrt(TESTS))[seen] / truth[seen], initial=0.0))
    if known > RESOLVED:
        return Shape(even, odd, table, 4.0 * EPS, known + noise + float(np.max(gap)))
    return Shape(even, odd, table, max(relative, known, 4.0 * EPS), noise)


def _leaves(
    drops: Callable[[Array], Array], smooth: bool, roots: tuple[bool, bool], tolerance: float
) -> Drops:
    """Bisect x in [0, 1] until both series have come down to ``tolerance`` of their largest term."""
    y, _ = _nodes(POINTS)
    leaves: list[tuple[float, float, Array]] = []
    waiting = [(0.0, 1.0)]
    for depth in range(DEEPEST + 1):
        deeper: list[tuple[float, float]] = []
        for a, b in waiting:
            x = a + (b - a) * y
            deficit = x if smooth else x * x
            values = drops(deficit)
            powers = [np.sqrt(deficit) if rooted else deficit for rooted in roots]
            c = np.array([_chebyshev(v / p) for v, p in zip(values, powers, strict=True)])
            size = np.max(np.abs(c), axis=1)
            tail = np.max(np.abs(c[:, -3:]), axis=1)
            if np.all(tail <= tolerance * size) or depth == DEEPEST or len(waiting) > 16:
                leaves.append((a, b, c))
            else:
                deeper += [(a, 0.5 * (a + b)), (0.5 * (a + b), b)]
        waiting = deeper
    leaves.sort(key=lambda leaf: leaf[0])
    starts = np.array([a for a, _, _ in leaves])
    widths = np.array([b - a for a, b, _ in leaves])
    return Drops(smooth, starts, widths, np.stack([c for _, _, c in leaves], axis=1), roots)
