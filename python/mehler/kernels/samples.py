"""One function at several standard deviations, f_s(z) = f(s z) / sqrt(E f(s Z)^2): means of products between them.

Two routes, as for one variance (``duals``): Mehler's series for functions whose Hermite coefficients die out,
panels between the lines u = 0 and v = 0 for the others. Invariant: what is lost at correlation 1 - deficit is a
mean of products of differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from .._progress import poll
from ..activations.hermite import Array, Function, density, gauss_legendre, hermite_rows, reach
from .curves import mean_square

BLOCK = 256
TERMS = (512, 2048, 8192, 40_000)


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

    @cached_property
    def halves(self) -> tuple[Array, Array]:
        """Coefficients of the even and of the odd part, each in one piece."""
        return np.ascontiguousarray(self.mu[:, 0::2]), np.ascontiguousarray(self.mu[:, 1::2])

    @cached_property
    def ahead(self) -> tuple[list[Array], list[Array]]:
        """sum_{k >= m BLOCK} mu_k mu_k^t of each half, m = 0, 1, ..."""
        return _sums_ahead(self.halves[0]), _sums_ahead(self.halves[1])

    def ends(self) -> tuple[Array, Array]:
        return self.ahead[0][0], self.ahead[1][0]

    def drops(self, deficit: float) -> tuple[Array, Array]:
        return self._drop(0, deficit), self._drop(1, deficit)

    def _drop(self, odd: int, deficit: float) -> Array:
        """sum_k mu_k mu_k^t (1 - c^k): where c^k is nothing the sums are known."""
        half, ahead = self.halves[odd], self.ahead[odd]
        rate = math.log1p(-deficit) if deficit < 1.0 else -math.inf
        terms = min(len(ahead) - 1, 1 + int(25.0 / (-rate * BLOCK)) if rate else len(ahead))
        first = half[:, : terms * BLOCK]
        k = odd + 2.0 * np.arange(first.shape[1])
        with np.errstate(invalid="ignore"):
            fraction = np.where(k > 0.0, -np.expm1(rate * k), 0.0)
        return np.asarray((first * fraction) @ first.T + ahead[terms])

    def factor(self) -> Array:
        return self.mu


def _sums_ahead(half: Array) -> list[Array]:
    """Of blocks from each one on, added from the last."""
    out = [np.zeros((len(half), len(half)))]
    for start in range((max(half.shape[1], 1) - 1) // BLOCK * BLOCK, -1, -BLOCK):
        part = half[:, start : start + BLOCK]
        out.append(out[-1] + part @ part.T)
    return out[::-1]


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
                poll("kernel")
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


def sample_of(f: Function, kinks: Sequence[float], a: Array, fine: bool = False) -> Sample:
    """f at log s = a, by whichever route resolves it; ``fine``: by smaller panels, to compare with."""
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
