"""The dual of one function between points of unequal norm, compiled to a table.

    C(s, t, c) = E[f_s(u) f_t(v)],   f_s(z) = f(s z) / sqrt(E f(s z)^2),   c = +-(1 - delta)

for standard deviations s, t of a range, and f analytic but for a kink at zero. With a = log s, b = log t,

    C(s, t, 1 - delta)    = 1 - (a - b)^2 P(a, b) - x (E + O)(a, b, x)
    C(s, t, -(1 - delta)) = M(a, b)               - x (E - O)(a, b, x),       x = delta or sqrt(delta),

E and O of the even and the odd part of f. Scaling turns into a shift of a, and a kink at zero stays where
it is: P, M, E and O are analytic in a and b (in the sector of the plane of s where f is), and in x. They are Chebyshev
interpolants in all three; one basis T(a) of few functions serves them all. Invariant: drops are means of
products of differences, never differences of means, so that 1 - C of s = t is right to rounding times x.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..activations.hermite import (
    Array,
    Function,
    density,
    gauss_legendre,
    hermite_rows,
    reach,
)
from .duals import Dual
from .profile import EPS, _nodes

RANKS = (6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # nodes in log s
DEGREES = (("linear", 24), ("sqrt", 40), ("linear", 48), ("sqrt", 72), ("sqrt", 128))
TERMS = (512, 2048, 8192, 40_000)
RESOLVED = 4e-15  # last coefficients below this are rounding
SMALL = 4e-16  # what compression may leave out, in each coefficient


class TooWide(ValueError):
    """The range of norms is more than tables resolve."""


# -- functions of log s -----------------------------------------------------------------------------


def chebyshev_nodes(low: float, high: float, count: int) -> Array:
    """First-kind nodes of [low, high]."""
    return low + (high - low) * _nodes(count)[0]


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
        c = _nodes(count)[1] @ values(chebyshev_nodes(low, high, count))
        size = np.maximum(np.max(np.abs(c), axis=0), 1e-300)
        tail = float(np.max(np.abs(c[-3:]) / size))
        if tail <= RESOLVED:
            break
    return Curve(low, high, c, max(tail, 4.0 * EPS))


# -- one function at several standard deviations ----------------------------------------------------


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


class Sample(Protocol):
    """f_s at R standard deviations, and means of products between them."""

    def ends(self) -> tuple[Array, Array]:
        """E[f_e f_e'] and E[f_o f_o'], (R, R)."""

    def drops(self, deficit: float) -> tuple[Array, Array]:
        """What of them is lost at correlation 1 - deficit."""

    def factor(self) -> Array:
        """(R, N) F with F F^t = E[f f']."""


@dataclass(frozen=True, eq=False)
class SeriesSample:
    """By Hermite coefficients mu (R, K)."""

    mu: Array = field(repr=False)

    def ends(self) -> tuple[Array, Array]:
        even, odd = self.mu[:, 0::2], self.mu[:, 1::2]
        return even @ even.T, odd @ odd.T

    def drops(self, deficit: float) -> tuple[Array, Array]:
        k = np.arange(self.mu.shape[1])
        if deficit >= 1.0:
            fraction = (k > 0).astype(np.float64)
        else:
            fraction = -np.expm1(math.log1p(-deficit) * k)
        even, odd = self.mu[:, 0::2], self.mu[:, 1::2]
        return (even * fraction[0::2]) @ even.T, (odd * fraction[1::2]) @ odd.T

    def factor(self) -> Array:
        return self.mu


def _reach(f: Function, s: float, size: float) -> float:
    return reach(lambda z: f(s * z), size)


def series_sample(f: Function, s: Array, sizes: Array) -> SeriesSample | None:
    """Hermite coefficients of an analytic f, or None where they do not die out in time."""
    largest = float(np.max(s))
    radius = 13.0
    for one, size in ((float(np.min(s)), sizes[np.argmin(s)]), (largest, sizes[np.argmax(s)])):
        radius = max(radius, 1.3 * _reach(f, one, float(size)))
    for terms in TERMS:
        step = min(1.0 / 32.0, 2.0 * math.pi / (math.sqrt(terms) + 40.0 * largest + 80.0))
        half = int(radius / step)
        z = step * np.arange(-half, half + 1, dtype=np.float64)
        root = np.sqrt(density(z))
        with np.errstate(all="ignore"):
            weighted = step * root * f(np.multiply.outer(s, z)) / sizes[:, None]
        weighted[~np.isfinite(weighted)] = 0.0  # f overflowed where root is 1e-40
        mu = np.empty((len(s), terms + 1))
        block: list[Array] = []
        for k, psi in hermite_rows(terms, z, root):
            block.append(psi)
            if len(block) == 64 or k == terms:
                mu[:, k + 1 - len(block) : k + 1] = weighted @ np.array(block).T
                block = []
        squares = np.max(mu * mu, axis=0)
        tail = float(np.sum(squares[-len(squares) // 8 :]))
        if tail <= 1e-19:
            beyond = np.cumsum(squares[::-1])[::-1]
            return SeriesSample(mu[:, : max(int(np.count_nonzero(beyond > 1e-20)), 2)].copy())
        if tail > 1e-4 and terms > TERMS[0]:
            return None
    return None


@dataclass(frozen=True, eq=False)
class PanelSample:
    """By Gauss-Legendre panels in p = (u+v)/sqrt(2(1+c)), q = (u-v)/sqrt(2(1-c)), graded towards u = 0 and v = 0."""

    f: Function = field(repr=False)
    s: Array
    sizes: Array
    points: int = 12
    spread: float = 4.0

    @cached_property
    def steps(self) -> Array:
        """Distances of panel ends from a kink."""
        ends = [0.4 / float(np.max(self.s))]
        while ends[-1] < 1.5:
            ends.append(ends[-1] * self.spread)
        return np.array([min(e, 1.8) for e in ends])

    @property
    def outer(self) -> Array:
        return np.array([1.8, 4.0, 6.5, 10.0])

    def _parts(self, z: Array) -> tuple[Array, Array]:
        """(R, N) of f_e and f_o."""
        scaled = np.multiply.outer(self.s, z)
        right, left = self.f(scaled), self.f(-scaled)
        half = 0.5 / self.sizes[:, None]
        return half * (right + left), half * (right - left)

    @cached_property
    def half_line(self) -> tuple[Array, Array]:
        """Nodes z > 0 and weights of 2 gamma."""
        edges = np.unique(np.concatenate([[0.0], self.steps, self.outer]))
        x, w = gauss_legendre(2 * self.points)
        widths = np.diff(edges)[:, None]
        z = (edges[:-1, None] + widths * x).ravel()
        return z, 2.0 * (widths * w).ravel() * density(z)

    def factor(self) -> Array:
        z, w = self.half_line
        even, odd = self._parts(z)
        return np.asarray(np.concatenate([even, odd], axis=1) * np.sqrt(np.concatenate([w, w])))

    def ends(self) -> tuple[Array, Array]:
        both = self.factor()
        half = both.shape[1] // 2
        even, odd = both[:, :half], both[:, half:]
        return even @ even.T, odd @ odd.T

    def drops(self, deficit: float) -> tuple[Array, Array]:
        b = math.sqrt(0.5 * deficit)  # u = a p + b q, v = a p - b q
        a = math.sqrt(1.0 - 0.5 * deficit)
        x, w = gauss_legendre(self.points)
        edges = np.unique(np.concatenate([[0.0], self.steps, self.outer]))
        widths = np.diff(edges)[:, None]
        q = (edges[:-1, None] + widths * x).ravel()[:, None]
        wq = (widths * w).ravel() * density(q[:, 0])
        line = (b / a) * q  # v = 0
        near = np.concatenate([[0.0], self.steps])
        ends = np.concatenate(
            [
                np.broadcast_to(np.concatenate([[0.0], self.outer]), (len(q), len(self.outer) + 1)),
                np.clip(line + near, 0.0, 10.0),
                np.clip(line - self.steps, 0.0, 10.0),
            ],
            axis=1,
        )
        ends = np.sort(ends, axis=1)
        lengths = np.diff(ends, axis=1)[:, :, None]
        p = (ends[:, :-1, None] + lengths * x).reshape(len(q), -1)
        weight = ((lengths * w).reshape(len(q), -1) * density(p) * wq[:, None]).ravel()
        kept = weight > 1e-22
        ap, bq = (a * p).ravel()[kept], np.broadcast_to(b * q, p.shape).ravel()[kept]
        weight = weight[kept]
        even = np.zeros((len(self.s), len(self.s)))
        odd = np.zeros_like(even)
        for start in range(0, len(weight), 8192):
            here = slice(start, start + 8192)
            u_even, u_odd = self._parts(ap[here] + bq[here])
            v_even, v_odd = self._parts(ap[here] - bq[here])
            for u, v, total in ((u_even, v_even, even), (u_odd, v_odd, odd)):
                gap = u - v
                total += (gap * weight[here]) @ gap.T
        return 2.0 * even, 2.0 * odd


# -- the table ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class SurfaceTable:
    """C as a table: evaluated by NumPy here, by the compiled core on tiles.

    Parameters
    ----------
    variable
        'sqrt' or 'linear'.
    parity
        1, -1, 0: f is odd, even, neither.
    low, high
        Range of log s.
    basis
        (nodes, rank): T(a) = Chebyshev polynomials of a times this.
    drop, end
        (rank, rank) of P and of M; empty where they vanish or are not needed.
    even, odd
        Coefficients of Chebyshev polynomials in 2 x - 1, each a (r, r) matrix of the first r functions.
    error
        Estimated largest error of C.
    slope
        Largest dC/dc of s = t, over the chord from 1 - 1e-3.
    speed
        Largest |d f_s / d log s|: C(s, t, 1) is one less at most (speed log(s / t))^2 / 2.
    """

    variable: str
    parity: int
    low: float
    high: float
    basis: Array = field(repr=False)
    drop: Array = field(repr=False)
    end: Array = field(repr=False)
    even: tuple[Array, ...] = field(repr=False)
    odd: tuple[Array, ...] = field(repr=False)
    error: float = 0.0
    slope: float = 0.0
    speed: float = 0.0

    @property
    def terms(self) -> float:
        """What an entry costs, in terms of a polynomial."""
        return float(sum(len(G) + 2 for G in (*self.even, *self.odd, self.drop, self.end)))

    def rows(self, a: Array) -> Array:
        """(n, rank + 1): T(a), then a."""
        T = chebyshev_rows(a, self.low, self.high, len(self.basis)) @ self.basis
        return np.ascontiguousarray(np.concatenate([T, a[:, None]], axis=1))

    def lacks(self, a: Array, b: Array, deficit: Array) -> tuple[Array, Array]:
        """(1 - C at 1 - deficit, C at -(1 - deficit)) of pairs (a, b)."""
        A, B = self.rows(a)[:, :-1], self.rows(b)[:, :-1]
        x = np.sqrt(deficit) if self.variable == "sqrt" else deficit

        def bilinear(G: Array) -> Array:
            r = len(G)
            return np.asarray(np.einsum("nr,nr->n", A[:, :r] @ G, B[:, :r]))

        slopes = []
        for family in (self.even, self.odd):
            total = np.zeros(len(a))
            for m, G in enumerate(family):
                total += bilinear(G) * np.cos(m * np.arccos(np.clip(2.0 * x - 1.0, -1.0, 1.0)))
            slopes.append(total)
        lack = x * (slopes[0] + slopes[1])
        if self.drop.size:
            lack = lack + (a - b) ** 2 * bilinear(self.drop)
        if self.parity:
            return lack, -self.parity * (1.0 - lack)
        return lack, bilinear(self.end) - x * (slopes[0] - slopes[1])

    @cached_property
    def compiled(self) -> Any:
        """The same table in the compiled core."""
        from .. import _core

        root, rank = self.variable == "sqrt", self.basis.shape[1]
        even, odd = ([np.ascontiguousarray(G) for G in family] for family in (self.even, self.odd))
        return _core.Surface(root, self.parity, rank, self.drop, self.end, even, odd)

    @property
    def form(self) -> str:
        """A few words: variable, rank, degrees."""
        return (
            f"rank {self.basis.shape[1]}, degrees {len(self.even)} (even) and {len(self.odd)} (odd) "
            f"in {'sqrt(1-|c|)' if self.variable == 'sqrt' else '1-|c|'}"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "compiled"}


def surface(f: Function, kinks: Sequence[float], low: float, high: float) -> SurfaceTable:
    """The table of f, which is analytic but at zero, for log s in [low, high].

    Raises
    ------
    TooWide
        The range is too wide for what f does in it.
    OverflowError
        f(s z) leaves the range of doubles.
    """
    a, sample = _resolved_sample(f, kinks, low, high)
    count = len(a)
    to_coefficients = _nodes(count)[1]

    def both(G: Array) -> Array:
        """Values at (a_k, a_l) to coefficients."""
        return np.asarray(to_coefficients @ G @ to_coefficients.T)

    even_end, odd_end = sample.ends()
    parity = 0
    if float(np.max(np.abs(np.diagonal(even_end)))) <= 1e-26:
        parity = 1
    elif float(np.max(np.abs(np.diagonal(odd_end)))) <= 1e-26:
        parity = -1
    drop = both(_divided(sample, a, low, high)) if count > 1 else np.zeros((0, 0))
    end = both(even_end - odd_end) if parity == 0 else np.zeros((0, 0))
    variable, even, odd = _slopes(sample, bool(kinks), parity, both)
    basis, (drop, end), (even, odd) = _compressed([drop, end], [even, odd])
    table = SurfaceTable(variable, parity, low, high, basis, drop, end, tuple(even), tuple(odd))
    error = _measured(table, f, kinks, low, high)
    some = np.linspace(low, high, 9)
    chord = table.lacks(some, some, np.full(9, 1e-3))[0] / 1e-3
    T = table.rows(some)[:, : len(drop)]
    speed = math.sqrt(2.0 * float(np.max(np.einsum("nr,nr->n", T @ drop, T)))) if len(drop) else 0.0
    return SurfaceTable(
        variable, parity, low, high, basis, drop, end, tuple(even), tuple(odd), error,
        float(np.max(chord)), speed,
    )  # fmt: skip


def scale_free(dual: Dual, kinked: bool) -> SurfaceTable:
    """The table of a homogeneous f: nothing depends on the norms."""
    total = dual.even_end + dual.odd_end
    empty, one = np.zeros((0, 0)), np.ones((1, 1))
    if total == 0.0:
        return SurfaceTable("linear", -1, 0.0, 0.0, one, empty, empty, (), ())
    y, transform = _nodes(64)
    slopes = np.array(dual.drops(y * y if kinked else y)) / (y * total)
    c = slopes @ transform.T
    families: list[tuple[Array, ...]] = []
    for row in c:
        large = np.nonzero(np.abs(row) > 0.5 * EPS)[0]
        families.append(
            tuple(np.array([[x]]) for x in row[: int(large[-1]) + 1 if large.size else 0])
        )
    parity = 1 if dual.even_end <= 1e-26 * total else -1 if dual.odd_end <= 1e-26 * total else 0
    if parity:
        families[0 if parity > 0 else 1] = ()
    end = np.array([[(dual.even_end - dual.odd_end) / total]])
    chord = float(sum(d[0] for d in dual.drops(np.array([1e-3])))) / (1e-3 * total)
    error = dual.error / total + float(np.max(np.abs(c[:, -4:]))) + 8.0 * EPS
    variable = "sqrt" if kinked else "linear"
    return SurfaceTable(
        variable, parity, 0.0, 0.0, one, empty, empty if parity else end, families[0], families[1],
        error, chord,
    )  # fmt: skip


def _sample(f: Function, kinks: Sequence[float], a: Array, fine: bool = False) -> Sample:
    s = np.exp(a)
    sizes = np.sqrt([mean_square(f, kinks, t) for t in s])
    if not np.all(sizes > 0.0):
        raise ZeroDivisionError
    if not kinks:
        found = series_sample(f, s, sizes)
        if found is not None:
            return found
    if fine:
        return PanelSample(f, s, sizes, points=16, spread=3.0)
    return PanelSample(f, s, sizes)


def _resolved_sample(
    f: Function, kinks: Sequence[float], low: float, high: float
) -> tuple[Array, Sample]:
    """Nodes in log s that resolve f_s as a function of s, in the mean square."""
    if high == low:
        a = np.array([low])
        return a, _sample(f, kinks, a)
    z, w = line(f, kinks, math.exp(high))
    root = np.sqrt(w * density(z))
    for count in RANKS:
        a = chebyshev_nodes(low, high, count)
        with np.errstate(all="ignore"):
            F = root * f(np.multiply.outer(np.exp(a), z))
        F[~np.isfinite(F)] = 0.0
        F /= np.linalg.norm(F, axis=1)[:, None]
        tail = float(np.max(np.linalg.norm((_nodes(count)[1] @ F)[-2:], axis=1)))
        if tail <= RESOLVED:
            break
    if not tail <= 1e-6:
        raise TooWide
    return a, _sample(f, kinks, a)


def _divided(sample: Sample, a: Array, low: float, high: float) -> Array:
    """P at all pairs of nodes, from divided differences of Chebyshev polynomials: nothing cancels.

    f_a - f_b = (a - b) sum_j F_j w_j(a, b), w_j = (T_j(a) - T_j(b)) / (a - b), so 2 P = |sum_j F_j w_j|^2.
    """
    count = len(a)
    F = _nodes(count)[1] @ sample.factor()
    T = chebyshev_rows(a, low, high, count)
    x = (2.0 * a - low - high) / (high - low)
    w = np.zeros((count, count, count))  # (j, k, l)
    if count > 1:
        w[1] = 1.0
    for j in range(1, count - 1):
        w[j + 1] = 2.0 * x[:, None] * w[j] + 2.0 * T[None, :, j] - w[j - 1]
    w *= 2.0 / (high - low)
    R = np.linalg.qr(F.T, mode="r")  # R^t R = F F^t
    return np.asarray(0.5 * np.sum(np.tensordot(R, w, axes=(1, 0)) ** 2, axis=0))


def _slopes(
    sample: Sample, kinked: bool, parity: int, both: Any
) -> tuple[str, list[Array], list[Array]]:
    """Coefficients of E and O in the variable that takes the fewest."""
    best: tuple[int, str, list[list[Array]]] | None = None
    left = math.inf
    for variable, count in DEGREES:
        if kinked and variable == "linear":
            continue
        if best is not None and count >= best[0]:
            continue
        y, transform = _nodes(count)
        deficits = y * y if variable == "sqrt" else y
        values = np.array([sample.drops(float(t)) for t in deficits])  # (count, 2, R, R)
        values /= y[:, None, None, None]
        c = np.tensordot(transform, values, axes=(1, 0))  # (count, 2, R, R)
        size = np.max(np.abs(c), axis=(1, 2, 3))
        tail = float(np.max(size[-4:]))
        if tail > 16.0 * RESOLVED and best is None and (variable, count) != DEGREES[-1]:
            continue
        level = max(0.25 * EPS, 0.5 * tail)
        kept = [np.nonzero(np.max(np.abs(c[:, i]), axis=(1, 2)) > level)[0] for i in (0, 1)]
        lengths = [int(k[-1]) + 1 if k.size else 0 for k in kept]
        if tail > 16.0 * RESOLVED and best is not None:
            continue
        families = [[both(c[m, i]) for m in range(lengths[i])] for i in (0, 1)]
        if parity:
            families[0 if parity > 0 else 1] = []
        if best is None or max(lengths) < best[0]:
            best, left = (max(lengths), variable, families), tail
        break
    assert best is not None and math.isfinite(left)
    return best[1], best[2][0], best[2][1]


def _compressed(
    ends: list[Array], families: list[list[Array]]
) -> tuple[Array, list[Array], list[list[Array]]]:
    """A basis of as few functions as all matrices need, the most important first."""
    all_of = [G for G in (*ends, *families[0], *families[1]) if G.size]
    if not all_of:
        return np.ones((1, 1)), ends, families
    stack = np.concatenate(all_of)
    _, sigma, Vt = np.linalg.svd(stack, full_matrices=False)
    beyond = np.sqrt(np.cumsum(sigma[::-1] ** 2))[::-1]
    rank = max(int(np.count_nonzero(beyond > SMALL)), 1)
    V = np.ascontiguousarray(Vt[:rank].T)

    def cut(G: Array) -> Array:
        H = V.T @ G @ V
        H = 0.5 * (H + H.T)
        rows = np.sqrt(np.sum(H * H, axis=1))
        left = np.sqrt(np.cumsum(rows[::-1] ** 2))[::-1]
        r = max(int(np.count_nonzero(left > SMALL)), 1)
        return np.ascontiguousarray(H[:r, :r])

    return (
        V,
        [cut(G) if G.size else G for G in ends],
        [[cut(G) for G in family] for family in families],
    )


def _measured(
    table: SurfaceTable, f: Function, kinks: Sequence[float], low: float, high: float
) -> float:
    """The largest difference from other nodes, by a finer rule."""
    count = 7 if high > low else 1
    a = low + (high - low) * (np.arange(count) + 0.31) / count
    sample = _sample(f, kinks, a, fine=True)
    even_end, odd_end = sample.ends()
    k, l = np.repeat(np.arange(count), count), np.tile(np.arange(count), count)
    error = 0.0
    for deficit in (1e-9, 1e-4, 0.013, 0.17, 0.61, 1.0):
        even, odd = sample.drops(deficit)
        near = 1.0 - (even_end + odd_end - even - odd)
        far = (even_end - even) - (odd_end - odd)
        lack, value = table.lacks(a[k], a[l], np.full(len(k), deficit))
        error = max(error, float(np.max(np.abs(lack - near[k, l]))))
        error = max(error, float(np.max(np.abs(value - far[k, l]))))
    return max(error, 4.0 * EPS)
