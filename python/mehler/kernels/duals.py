"""The dual of a function, kappa(rho) = E[f(u) f(v)], near rho = +-1 as exactly as anywhere.

(u, v) is standard Gaussian with correlation rho. A cosine is given as a sign and a deficit
delta = 1 - |rho|, and the answer as two drops. With f = f_e + f_o split into even and odd part,

    kappa(+-(1 - delta)) = (A - drop_e(delta)) +- (B - drop_o(delta)),   A = E f_e^2, B = E f_o^2,
    drop_e(delta) = E[(f_e(u) - f_e(v))^2] / 2 >= 0   at correlation 1 - delta, and the same for f_o.

A mean square never cancels, so drops keep their relative accuracy down to delta = 1e-15.

Two routes, chosen by :func:`dual`:

* :class:`SeriesDual`: Mehler's series, for functions whose Hermite coefficients die out;
* :class:`PanelDual`: Gauss-Legendre panels in p = (u+v)/sqrt(2(1+rho)), q = (u-v)/sqrt(2(1-rho)).
  f is analytic between its kinks, so the integrand is analytic between the lines u = +-c, v = +-c;
  panels in p end on these lines, panels in q end where two lines meet. No limit is taken, no kink
  is smoothed: the same few thousand nodes serve every correlation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ..activations.hermite import (
    Array,
    Function,
    coefficients_by_quadrature,
    density,
    gauss_legendre,
    reach,
)

EPS = float(np.finfo(np.float64).eps)
TERMS = (600, 2400, 20_000)
LEVELS = (1, 2, 4)
UNRESOLVED = 1e-10


class Dual(Protocol):
    """kappa through its ends and its drops."""

    @property
    def even_end(self) -> float:
        """E f_e(Z)^2."""

    @property
    def odd_end(self) -> float:
        """E f_o(Z)^2."""

    @property
    def error(self) -> float:
        """Estimated absolute error of kappa."""

    def drops(self, deficit: Array) -> tuple[Array, Array]:
        """(drop_e, drop_o) at correlation 1 - deficit, 0 <= deficit <= 1."""


def dual_at(dual: Dual, sign: Array, deficit: Array) -> Array:
    """kappa(sign (1 - deficit))."""
    even, odd = dual.drops(np.asarray(deficit, dtype=np.float64))
    return (dual.even_end - even) + np.sign(sign) * (dual.odd_end - odd)


@dataclass(frozen=True, eq=False)
class SeriesDual:
    """kappa(rho) = sum_k a_k rho^k with a_k = mu_k^2, summed as drops a_k (1 - (1-delta)^k)."""

    squares: Array = field(repr=False)

    @property
    def even_end(self) -> float:
        return math.fsum(self.squares[0::2])

    @property
    def odd_end(self) -> float:
        return math.fsum(self.squares[1::2])

    @property
    def error(self) -> float:
        return 2 * EPS * (self.even_end + self.odd_end)

    def drops(self, deficit: Array) -> tuple[Array, Array]:
        k = np.arange(1, len(self.squares))
        with np.errstate(divide="ignore"):
            fractions = -np.expm1(np.log1p(-deficit)[:, None] * k)  # (n, K), all >= 0
        return fractions[:, 1::2] @ self.squares[2::2], fractions[:, 0::2] @ self.squares[1::2]


@dataclass(frozen=True, eq=False)
class PanelDual:
    """kappa by Gauss-Legendre panels between the kinks, at a given refinement level."""

    f: Function = field(repr=False)
    kinks: tuple[float, ...]
    level: int = 1
    points: int = 16
    radius: float = 10.0
    error: float = 0.0
    even_end: float = 0.0
    odd_end: float = 0.0

    def drops(self, deficit: Array) -> tuple[Array, Array]:
        pairs = [self._drop(float(delta)) for delta in deficit]
        table = np.array(pairs).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    @property
    def fixed_edges(self) -> Array:
        """Panel ends that serve the Gaussian factor alone."""
        outer = np.arange(6.5, self.radius - 1.0, 3.5)
        ends = np.array([0.0, 1.8, 4.0, *outer, self.radius])
        steps = np.arange(self.level) / self.level
        return np.append((ends[:-1, None] + np.diff(ends)[:, None] * steps).ravel(), ends[-1])

    def _drop(self, delta: float) -> tuple[float, float]:
        if delta == 0.0:
            return 0.0, 0.0
        b = math.sqrt(0.5 * delta)  # u = a p + b q, v = a p - b q
        a = math.sqrt(1.0 - 0.5 * delta)
        c = np.unique(np.abs(np.asarray(self.kinks, dtype=np.float64)))
        fixed = self.fixed_edges
        meets = np.abs(
            np.concatenate([np.add.outer(c, c).ravel(), np.subtract.outer(c, c).ravel()])
        )
        meets = np.unique(meets / (2.0 * b))
        outer = np.unique(np.concatenate([fixed, meets[(meets > 0.0) & (meets < self.radius)]]))
        x, w = gauss_legendre(self.points)
        widths = np.diff(outer)[:, None]
        q = (outer[:-1, None] + widths * x).ravel()[:, None]  # (Q, 1)
        wq = (widths * w).ravel() * density(q[:, 0])
        lines = [np.broadcast_to(fixed, (len(q), len(fixed)))]
        if c.size:
            both = np.concatenate([(c - b * q) / a, (c + b * q) / a, (b * q - c) / a], axis=1)
            lines.append(np.clip(both, 0.0, self.radius))
        edges = np.sort(np.concatenate(lines, axis=1), axis=1)  # (Q, lines)
        lengths = np.diff(edges, axis=1)[:, :, None]
        p = (edges[:, :-1, None] + lengths * x).reshape(len(q), -1)  # (Q, P)
        weight = (lengths * w).reshape(len(q), -1) * density(p) * wq[:, None]
        kept = weight.ravel() > 1e-40
        ap, bq = (a * p).ravel()[kept], np.broadcast_to(b * q, p.shape).ravel()[kept]
        weight = weight.ravel()[kept]
        u_even, u_odd = _parts(self.f, ap + bq)
        v_even, v_odd = _parts(self.f, ap - bq)
        # Four quadrants are alike; E[...]/2 = 2 x (quadrant).
        return (
            2.0 * float(weight @ (u_even - v_even) ** 2),
            2.0 * float(weight @ (u_odd - v_odd) ** 2),
        )

    def ends(self) -> tuple[float, float]:
        """(E f_e^2, E f_o^2) by panels on the line."""
        c = [abs(k) for k in self.kinks if abs(k) < self.radius]
        edges = np.unique(np.concatenate([self.fixed_edges, np.asarray(c)]))
        x, w = gauss_legendre(2 * self.points)
        widths = np.diff(edges)[:, None]
        z = (edges[:-1, None] + widths * x).ravel()
        weight = 2.0 * (widths * w).ravel() * density(z)
        even, odd = _parts(self.f, z)
        return float(weight @ even**2), float(weight @ odd**2)


def _parts(f: Function, z: Array) -> tuple[Array, Array]:
    """f_e(z) and f_o(z)."""
    right, left = f(z), f(-z)
    return 0.5 * (right + left), 0.5 * (right - left)


def panel_dual(f: Function, kinks: Sequence[float], noise: float = 0.0) -> PanelDual:
    """The PanelDual at the lowest level that a doubling no longer changes.

    ``noise`` is the relative error of f itself: no change below it is meant.
    """
    kinks = tuple(kinks)
    checks = np.array([1e-6, 0.03, 0.4, 1.0])
    trial = PanelDual(f, kinks, radius=reach(f))
    before: tuple[PanelDual, Array] | None = None
    for level in LEVELS:
        trial = replace(trial, level=level)
        even, odd = trial.ends()
        total = even + odd
        trial = replace(trial, even_end=even, odd_end=odd, error=4 * EPS * total)
        here = np.concatenate([np.ravel(trial.drops(checks)), [even, odd]])
        if before is not None:
            coarse, there = before
            change = float(np.max(np.abs(here - there)))
            if change <= max(8 * EPS, noise) * total:
                return coarse
            trial = replace(trial, error=max(2.0 * change, 4 * EPS * total))
            if change > UNRESOLVED * total and level == LEVELS[-1]:
                return replace(coarse, error=2.0 * change)  # finer panels do not help: be quick
        before = trial, here
    return trial


def series_dual(f: Function, kinks: Sequence[float] = ()) -> SeriesDual | None:
    """The SeriesDual of an analytic f, or None when its coefficients do not die out in time."""
    if kinks:
        return None
    for terms in TERMS:
        squares = coefficients_by_quadrature(f, (), terms) ** 2
        series = truncated(squares)
        if series is not None:
            return series
        # Coefficients exp(-tau sqrt(k)) gain tau sqrt(k) digits; algebraic ones gain nothing.
        total, tail = float(np.sum(squares)), float(np.max(squares[-terms // 8 :]))
        if tail > 1e-9 * total:
            return None
    return None


def truncated(squares: Array) -> SeriesDual | None:
    """The series without its negligible tail, or None when the tail is not negligible yet."""
    total = float(np.sum(squares))
    if total == 0.0:
        return SeriesDual(np.zeros(2))
    # Rounding alone leaves squares of about 1e-33; what is above them at the end is signal.
    if float(np.sum(squares[-len(squares) // 8 :])) > 1e-24 * total:
        return None
    beyond = np.cumsum(squares[::-1])[::-1]
    return SeriesDual(squares[: max(int(np.count_nonzero(beyond > 1e-19 * total)), 2)].copy())


def dual(f: Function, kinks: Sequence[float] = (), noise: float = 0.0) -> Dual:
    """The dual of f by whichever route resolves it."""
    series = series_dual(f, kinks)
    return series if series is not None else panel_dual(f, kinks, noise)
