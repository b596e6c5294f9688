"""What is known of a spectrum: values at both ends, and what random vectors saw of the rest.

The eigenvalues of K are those of diag(low, high) and of B = P K P, P the projection beside their vectors, but for
``slip``; B is known through its probes. Counts and sums of functions are those of the ends plus those of B.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._arrays import Array, as_array
from . import traces
from .functions import TINY, UNIT, Function, Slip
from .interval import Interval
from .probes import Probes

Rule = Callable[[int, int, Array, Array, float], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Known:
    """The fields of :class:`SpectralDensity` that hold mathematics, and what follows from them."""

    n: int
    low: Array = field(repr=False)
    high: Array = field(repr=False)
    low_error: Array = field(repr=False)
    high_error: Array = field(repr=False)
    probes: Probes | None = field(repr=False)
    floor: float
    trace: Interval
    semidefinite: bool
    level: float
    coupling: tuple[float, float]
    threads: int
    thresholds: Array = field(repr=False)
    counted: Array = field(repr=False)

    @property
    def smallest(self) -> Interval:
        """lambda_min; no estimate where rounding hides it."""
        if not len(self.low):
            least = 0.0 if self.semidefinite else -math.inf
            seen = math.inf if self.probes is None else self.probes.lowest() + self.floor
            return Interval(least, math.nan, seen)
        value, error = float(self.low[0]), float(self.low_error[0])
        least = max(value - error, 0.0) if self.semidefinite else value - error
        hidden = abs(value) <= self.floor and error > 0.0
        return Interval(least, math.nan if hidden else value, value + error)

    @property
    def largest(self) -> Interval:
        """lambda_max."""
        known, errors = (
            (self.high, self.high_error) if len(self.high) else (self.low, self.low_error)
        )
        if not len(self.high) and self.probes is not None:
            most = self.trace.upper if self.semidefinite else math.inf
            return Interval(self.probes.highest() - self.floor, math.nan, most)
        return Interval(
            float(known[-1] - errors[-1]), float(known[-1]), float(known[-1] + errors[-1])
        )

    @property
    def _ends(self) -> tuple[float, float]:
        """a <= what is between ``low`` and ``high`` <= b."""
        a = 0.0 if self.semidefinite else -math.inf
        b = math.inf
        if len(self.low):
            a = float(self.low[-1] - self.low_error[-1])
        if len(self.high):
            b = float(self.high[0] + self.high_error[0])
        elif self.semidefinite:
            b = self.trace.upper
        if self.probes is not None:  # they may have seen what was missed
            a, b = min(a, self.probes.lowest()), max(b, self.probes.highest())
        return a, b

    def _slip(self, x: Array) -> Array:
        """How far an eigenvalue at x may be from one of the rest: rounding, and the residuals of those that are known.

        Li and Li, A note on eigenvalues of perturbed Hermitian matrices, 2005: 2 r^2 / (d + sqrt(d^2 + 4 r^2)), d the distance from x to
        the known values, r the norm of their residuals.
        """
        out = np.full(np.shape(x), self.floor)
        for known, r in ((self.low, self.coupling[0]), (self.high, self.coupling[1])):
            if len(known) and r > 0.0:
                at = np.clip(np.searchsorted(known, x), 1, max(len(known) - 1, 1))
                near = known[np.minimum(at, len(known) - 1)], known[at - 1]
                d = np.minimum(np.abs(x - near[0]), np.abs(x - near[1]))
                out = out + _coupled(r, d)
        return np.asarray(out)

    def _points(self, x: Any) -> Array:
        at = np.atleast_1d(as_array(x, "x")).astype(np.float64)
        if at.ndim != 1 or np.isnan(at).any():
            raise ValueError(
                f"x must be numbers, (m,); got shape {at.shape}, {int(np.isnan(at).sum())} of them NaN."
            )
        return at

    def _known(self, x: Array) -> tuple[Array, Array]:
        """How many of the known values lie at or below x, at least and at most."""
        least = np.zeros(len(x))
        most = np.zeros(len(x))
        for values, errors in ((self.low, self.low_error), (self.high, self.high_error)):
            least += np.searchsorted(np.sort(values + errors), x, side="right")
            most += np.searchsorted(np.sort(values - errors), x, side="right")
        return least, most

    def _shares(self, x: Array) -> tuple[Array, Array]:
        """Bounds of F(x), the share of the rest at or below x that the probes see."""
        assert self.probes is not None
        a, b = self._ends
        slip = self._slip(x)
        low, high = x - slip, x + slip
        finite = np.clip(low, -1e300, 1e300), np.clip(high, -1e300, 1e300)
        below, above = self.probes.share_below(*finite, self.threads)
        below = np.where(low >= b, 1.0, below)
        return below, np.where(high < a, 0.0, np.maximum(above, below))

    def _counts(self, x: Array, rule: Rule, level: float) -> tuple[Array, Array, Array]:
        least, most = self._known(x)
        value = 0.5 * (least + most)
        if self.probes is None:
            return least, value, most
        N, M = self.probes.order, len(self.probes)
        below, above = self._shares(x)
        one, other = rule(N, M, below, above, level)
        one, other = np.where(below >= 1.0, N, one), np.where(above <= 0.0, 0, other)
        lower, upper = least + one, most + other
        # whole matrices were factored at some thresholds: N grows from one to the next
        near = self.floor
        before = np.searchsorted(self.thresholds + near, x, side="right")
        after = np.searchsorted(self.thresholds - near, x, side="right")
        least, most = np.append(0.0, self.counted)[before], np.append(self.counted, self.n)[after]
        # what is certain holds where chance, as it may, has missed it
        lower = np.clip(lower, least, most)
        upper = np.clip(upper, least, most)
        return lower, np.clip(value + 0.5 * N * (below + above), lower, upper), upper

    def _slip_of_all(self) -> Slip:
        """Where the rest lies, and a line above ``_slip``: constant but for the residuals of ``high``, whose part is convex."""
        a, b = self._ends
        d, gradient = self.floor + (self.coupling[0] if len(self.low) else 0.0), 0.0
        if len(self.high) and self.coupling[1] > 0.0:
            r, distance = self.coupling[1], float(self.high[0]) - a
            far = _coupled(r, np.array([max(distance, 0.0)]))[0]
            d += float(far)
            if distance > 4.0 * r:  # from there to r at high[0]
                gradient = (r - float(far)) / distance
            else:
                d += r
        most = d + gradient * (b - a)
        # the eigenvalues of K lie in [a, b], those of B within their slip of it
        return Slip(a - d, b + 2.0 * most, d - gradient * a, gradient)

    def _sum(self, f: Function, level: float | None = None) -> Interval:
        """sum_i f(lambda_i): of the known values between the ends of their errors, of the rest by the probes."""
        lower = value = upper = 0.0
        for values, errors in ((self.low, self.low_error), (self.high, self.high_error)):
            if not len(values):
                continue
            if float(np.min(values - errors)) <= f.pole:
                return traces.NOTHING
            ends = f(values - errors), f(values + errors)  # convex: greatest at one of them
            inside = f(np.clip(f.turn(0.0), values - errors, values + errors))
            # each sum is rounded once; so is every term of it
            least, most, middle = (math.fsum(y) for y in (inside, np.maximum(*ends), f(values)))
            spare = 2.0 * UNIT * max(abs(least), abs(most)) + len(values) * TINY
            for at in (values - errors, values + errors):
                spare += math.fsum(f.rounding(at))
            lower, value, upper = lower + least - spare, value + middle, upper + most + spare
        if self.probes is None:
            return Interval(lower, value, upper)
        found = traces.interval_of(
            self.probes,
            f,
            self._slip_of_all(),
            self.probes.trace,
            self.level if level is None else level,
        )
        lower, value, upper = lower + found.lower, value + found.value, upper + found.upper
        last = 2.0 * UNIT * max(abs(lower), abs(upper))
        return (
            Interval(lower - last, value, upper + last)
            if math.isfinite(last)
            else Interval(lower, value, upper)
        )


def _coupled(r: float, d: Array) -> Array:
    """How far a coupling of norm r moves an eigenvalue at a distance d from those that it couples to."""
    return np.asarray(2.0 * r * r / (d + np.sqrt(d * d + 4.0 * r * r)))
