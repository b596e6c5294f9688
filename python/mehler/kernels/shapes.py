"""Functions in [-1, 1] that are one at rho = 1, as pairs (1 - c, 1 + c), and what layers do to them.

Beside the pair goes ``moved``, how far c is from its value at the first deficit of the array, which is
zero: a drop from rho = +-1 that is not the difference of two values.

``Shape`` is kappa(c) / kappa(1) of one layer: shares A, B and drops of its even and odd part, read
off polynomials of drop / delta (or of drop / sqrt(delta), for a function with jumps) that are
accurate relative to the drop however small it is. Nothing here subtracts what is nearly equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ..activations.hermite import Array
from .chebyshev import EPS, chebyshev, nodes
from .duals import Dual

POINTS, SMOOTH_POINTS = 32, 48  # of a leaf
DEEPEST = 7  # bisections
NOTHING = 1e-28  # of a share: the square of rounding
RESOLVED = 1e-13  # a dual known to this is known to as much of every drop
TESTS = np.array([1e-13, 1e-9, 1e-5, 1e-3, 0.03, 0.2, 0.45, 0.77, 0.96, 1.0])


@dataclass(frozen=True)
class Pair:
    """c as (1 - c, 1 + c) and c - c[0], and if wanted an estimate of its absolute error."""

    below: Array
    above: Array
    moved: Array
    error: Array | None = None

    @property
    def value(self) -> Array:
        """c."""
        return np.where(self.below <= self.above, 1.0 - self.below, self.above - 1.0)

    @property
    def deficit(self) -> Array:
        """1 - |c|."""
        return np.minimum(self.below, self.above)

    def affine(self, weight: float, rest: float) -> Pair:
        """weight c + rest; weight + rest = 1."""
        below, above = weight * self.below, weight * self.above + 2.0 * rest
        moved = weight * self.moved
        if self.error is None:
            return Pair(below, above, moved)
        error = weight * self.error + EPS * np.minimum(below, above)
        return Pair(below, above, moved, error)


def mixed(a: float, x: Pair, b: float, y: Pair) -> Pair:
    """a x + b y; a + b = 1."""
    below, above = a * x.below + b * y.below, a * x.above + b * y.above
    moved = a * x.moved + b * y.moved
    if x.error is None or y.error is None:
        return Pair(below, above, moved)
    rounding = 2.0 * EPS * np.minimum(below, above)
    return Pair(below, above, moved, a * x.error + b * y.error + rounding)


def product(x: Pair, y: Pair) -> Pair:
    """x y."""
    u, v = x.deficit, y.deficit
    near = u + (1.0 - u) * v
    same = (x.below <= x.above) == (y.below <= y.above)
    below, above = np.where(same, near, 2.0 - near), np.where(same, 2.0 - near, near)
    moved = x.moved * y.value + x.value[0] * y.moved
    if x.error is None or y.error is None:
        return Pair(below, above, moved)
    error = (1.0 - u) * y.error + (1.0 - v) * x.error + x.error * y.error
    return Pair(below, above, moved, error + 2.0 * EPS * near)


@dataclass(frozen=True, eq=False)
class Drops:
    """Both drops of a dual: on leaves of x, power times a polynomial.

    Values come from the nodes by the barycentric formula, to a few units of rounding; differences
    from the Chebyshev series.

    Parameters
    ----------
    smooth
        x is the deficit, else its square root.
    starts, widths
        Of the leaves.
    values
        (2, leaves, points) of the polynomials at the nodes, for the even and the odd part.
    roots
        Whether a part's power is sqrt(deficit), else the deficit.
    """

    smooth: bool
    starts: Array
    widths: Array
    values: Array = field(repr=False)
    roots: tuple[bool, bool]

    def __call__(self, deficit: Array) -> tuple[Array, Array]:
        """(even, odd)."""
        root = np.sqrt(deficit)
        x = deficit if self.smooth else root
        which = np.searchsorted(self.starts, x, side="right") - 1
        y, weights = _barycentric(self.values.shape[2])
        apart = ((x - self.starts[which]) / self.widths[which])[:, None] - y
        apart[apart == 0.0] = 1e-300
        w = weights / apart
        whole = w.sum(axis=1)
        out = []
        for values, rooted in zip(self.values, self.roots, strict=True):
            value = np.einsum("ij,ij->i", w, values[which]) / whole
            out.append(value * (root if rooted else deficit))
        return out[0], out[1]

    def moved(self, deficit: Array, change: Array) -> tuple[Array, Array]:
        """Both drops less those at deficit[0], change = deficit - deficit[0] given exactly.

        power P - power_0 P_0 = (power - power_0) P + power_0 (P - P_0), and (P - P_0) / (s - s_0) = sum_k c_k G_k,
        G_{k+1} = 2 s G_k + 2 T_k(s_0) - G_{k-1}, on the leaf of s_0.
        """
        even_odd = self(deficit)
        root = np.sqrt(deficit)
        with np.errstate(invalid="ignore"):
            step = np.where(change == 0.0, 0.0, change / (root + root[0]))  # of the root
        x, dx = (deficit, change) if self.smooth else (root, step)
        which = np.searchsorted(self.starts, x, side="right") - 1
        width = self.widths[which[0]]
        s = 2.0 * (x - self.starts[which[0]]) / width - 1.0
        out = []
        for values, rooted, drop in zip(self.values, self.roots, even_odd, strict=True):
            power, dp = (root, step) if rooted else (deficit, change)
            if power[0] == 0.0:
                out.append(drop)
                continue
            c = chebyshev(values[which[0]])
            slope, before, after = c[1] + np.zeros_like(s), np.zeros_like(s), np.ones_like(s)
            t0, t1 = 1.0, float(s[0])
            for k in range(2, len(c)):
                before, after = after, 2.0 * (s * after + t1) - before
                t0, t1 = t1, 2.0 * float(s[0]) * t1 - t0
                slope = slope + c[k] * after
            with np.errstate(divide="ignore", invalid="ignore"):
                value = np.where(power > 0.0, drop / power, 0.0)
            near = dp * value + power[0] * slope * (2.0 * dx / width)
            out.append(np.where(which == which[0], near, drop - drop[0]))
        return out[0], out[1]


@lru_cache(maxsize=4)
def _barycentric(points: int) -> tuple[Array, Array]:
    """Nodes in [0, 1], and the weights (-1)^j sin of their angles."""
    j = np.arange(points)
    weights = (-1.0) ** j * np.sin(np.pi * (2 * j + 1) / (2 * points))
    return nodes(points)[0], np.asarray(weights, dtype=np.float64)


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
            return Pair(zero, zero + 2.0, zero, None if c.error is None else zero)
        even, odd = self.drops(u)
        high = self.even + (self.even - even)  # twice the even part of the value, plus its drop
        side = self.odd + (self.odd - odd)
        below = even + np.where(negative, side, odd)
        above = high + np.where(negative, odd, side)
        sign = np.where(negative, -1.0, 1.0)
        de, do = self.drops.moved(u, -sign * c.moved)
        found = Pair(below, above, -de - sign * do)
        across = found.value - found.value[0]  # the other side of c = 0
        moved = np.where(negative == negative[0], found.moved, across)
        if c.error is None:
            return Pair(below, above, moved)
        # kappa has positive coefficients: nowhere does it change faster than towards |c| = 1.
        drop = even + odd
        least = self.drops(np.maximum(u - c.error, 0.0))
        steps = np.maximum(drop - (least[0] + least[1]), 0.0)
        with np.errstate(invalid="ignore"):
            noise = np.where(u > 0.0, self.relative * drop / np.sqrt(u) + self.absolute, 0.0)
        known = noise + drift * drop
        rounding = 2.0 * EPS * (drop + np.where(negative, min(self.even, self.odd), 0.0))
        return Pair(below, above, moved, steps + known + rounding)


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
    pair = (roots[0], roots[1])
    if smooth:  # analytic within, but for a singularity at the end that the root may see better
        tables = [
            _leaves(drops, s, pair, max(4.0 * EPS, known), SMOOTH_POINTS) for s in (True, False)
        ]
        table = min(tables, key=lambda t: len(t.starts))
    else:
        table = _leaves(drops, False, pair, max(16.0 * EPS, known), POINTS)
    truth = drops(TESTS).sum(axis=0)
    gap = np.abs(sum(table(TESTS)) - truth)
    seen = truth > 0.0
    relative = float(np.max((gap * np.sqrt(TESTS))[seen] / truth[seen], initial=0.0))
    if known > RESOLVED:
        return Shape(even, odd, table, 4.0 * EPS, known + noise + float(np.max(gap)))
    return Shape(even, odd, table, max(relative, known, 4.0 * EPS), noise)


def _leaves(
    drops: Callable[[Array], Array],
    smooth: bool,
    roots: tuple[bool, bool],
    tolerance: float,
    points: int,
) -> Drops:
    """Bisect x in [0, 1] until both series have come down to ``tolerance`` of their largest term."""
    y, _ = nodes(points)
    leaves: list[tuple[float, float, Array]] = []
    waiting = [(0.0, 1.0)]
    for depth in range(DEEPEST + 1):
        deeper: list[tuple[float, float]] = []
        for a, b in waiting:
            x = a + (b - a) * y
            deficit = x if smooth else x * x
            values = drops(deficit)
            powers = [np.sqrt(deficit) if rooted else deficit for rooted in roots]
            slopes = values / np.array(powers)
            c = np.array([chebyshev(v) for v in slopes])
            size = np.max(np.abs(c), axis=1)
            tail = np.max(np.abs(c[:, -3:]), axis=1)
            if np.all(tail <= tolerance * size) or depth == DEEPEST or len(waiting) > 16:
                leaves.append((a, b, slopes))
            else:
                deeper += [(a, 0.5 * (a + b)), (0.5 * (a + b), b)]
        waiting = deeper
    leaves.sort(key=lambda leaf: leaf[0])
    starts = np.array([a for a, _, _ in leaves])
    widths = np.array([b - a for a, b, _ in leaves])
    return Drops(smooth, starts, widths, np.stack([c for _, _, c in leaves], axis=1), roots)
