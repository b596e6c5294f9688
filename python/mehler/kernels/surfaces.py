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

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._progress import poll
from ..activations.hermite import Array, Function, density
from .chebyshev import EPS, nodes
from .curves import RANKS, RESOLVED, chebyshev_nodes, chebyshev_rows, line
from .duals import Dual
from .samples import Sample, sample_of

DEGREES = (("linear", 24), ("sqrt", 40), ("linear", 48), ("sqrt", 72), ("sqrt", 128))
STEEPEST = 400.0  # standard deviations of f without kinks: rules take s nodes a unit
SMALL = 4e-16  # what compression may leave out, in each coefficient


class TooWide(ValueError):
    """The range of norms is more than tables resolve."""


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
    to_coefficients = nodes(count)[1]

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
    y, transform = nodes(64)
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


def _resolved_sample(
    f: Function, kinks: Sequence[float], low: float, high: float
) -> tuple[Array, Sample]:
    """Nodes in log s that resolve f_s as a function of s, in the mean square."""
    if high == low:
        a = np.array([low])
        return a, sample_of(f, kinks, a)
    if not kinks and high > math.log(STEEPEST):  # a step, as far as any rule can tell
        raise TooWide
    z, w = line(f, kinks, math.exp(high))
    root = np.sqrt(w * density(z))
    for count in RANKS:
        poll("kernel")
        a = chebyshev_nodes(low, high, count)
        with np.errstate(all="ignore"):
            F = root * f(np.multiply.outer(np.exp(a), z))
        F[~np.isfinite(F)] = 0.0
        F /= np.linalg.norm(F, axis=1)[:, None]
        tail = float(np.max(np.linalg.norm((nodes(count)[1] @ F)[-2:], axis=1)))
        if tail <= RESOLVED:
            break
    if not tail <= 1e-6:
        raise TooWide
    return a, sample_of(f, kinks, a)


def _divided(sample: Sample, a: Array, low: float, high: float) -> Array:
    """P at all pairs of nodes, from divided differences of Chebyshev polynomials: nothing cancels.

    f_a - f_b = (a - b) sum_j F_j w_j(a, b), w_j = (T_j(a) - T_j(b)) / (a - b), so 2 P = |sum_j F_j w_j|^2.
    """
    count = len(a)
    F = nodes(count)[1] @ sample.factor()
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
    sample: Sample, kinked: bool, parity: int, both: Callable[[Array], Array]
) -> tuple[str, list[Array], list[Array]]:
    """Coefficients of E and O in the first variable and number of nodes that resolve them, else in the last."""
    for variable, count in DEGREES:
        if kinked and variable == "linear":
            continue
        y, transform = nodes(count)
        deficits = y * y if variable == "sqrt" else y
        values = np.array([sample.drops(float(t)) for t in deficits])  # (count, 2, R, R)
        c = np.tensordot(transform, values / y[:, None, None, None], axes=(1, 0))
        tail = float(np.max(np.abs(c[-4:])))
        if tail <= 16.0 * RESOLVED:
            break
    level = max(0.25 * EPS, 0.5 * tail)  # behind the coefficients lies a plateau of noise

    def family(i: int) -> list[Array]:
        large = np.nonzero(np.max(np.abs(c[:, i]), axis=(1, 2)) > level)[0]
        return [both(c[m, i]) for m in range(int(large[-1]) + 1 if large.size else 0)]

    return variable, [] if parity > 0 else family(0), [] if parity < 0 else family(1)


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
    sample = sample_of(f, kinks, a, fine=True)
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
