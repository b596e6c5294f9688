"""Sums over all eigenvalues, each with an interval, and what follows from them and from both ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import traces
from .functions import SQUARE, MinusLog, Ratio
from .interval import Interval, half
from .known import Known

SPARE = 1e-13  # of sums of thousands of terms: their rounding


@dataclass(frozen=True, eq=False)
class Summed(Known):
    """What is asked of sum_i f(lambda_i), and the ratios that follow."""

    def logdet(self, ridge: float = 0.0) -> Interval:
        """log det(K + ridge I) = sum_i log(lambda_i + ridge).

        Parameters
        ----------
        ridge
            Added to the diagonal.

        Returns
        -------
        Interval
            Holds with probability ``level``; without a lower bound where an eigenvalue may be zero within rounding. The
            upper one is then that of the trace, where K is positive semidefinite and the ridge not below zero.
        """
        found = self._falling(MinusLog(_number(ridge, "ridge")))
        return Interval(-found.upper, -found.value, -found.lower)

    def trace_inverse(self, ridge: float = 0.0) -> Interval:
        """tr (K + ridge I)^-1 = sum_i 1 / (lambda_i + ridge).

        Parameters
        ----------
        ridge
            Added to the diagonal.

        Returns
        -------
        Interval
            Holds with probability ``level``; without an upper bound where an eigenvalue may be zero within rounding. The
            lower one is then that of the trace, where K is positive semidefinite and the ridge not below zero.
        """
        return self._falling(Ratio(_number(ridge, "ridge")))

    def degrees_of_freedom(self, ridge: float) -> Interval:
        """tr K (K + ridge I)^-1 = sum_i lambda_i / (lambda_i + ridge), of ridge regression.

        Parameters
        ----------
        ridge
            Above zero.

        Returns
        -------
        Interval
            Holds with probability ``level``.
        """
        s = _number(ridge, "ridge")
        if not s > 0.0:
            raise ValueError(f"ridge must be above 0; got {ridge!r}.")
        found = self._falling(Ratio(s, 0.0, -1.0))  # falls, as -x / (x + s)
        return Interval(-found.upper, -found.value, -found.lower)

    def _falling(self, f: Ratio | MinusLog) -> Interval:
        """sum_i f(lambda_i), f convex and falling; from below also where eigenvalues may lie at its pole.

        No eigenvalue is negative, and f falls to the right of its pole. Of p values enclosed from above, f is at least what
        it is there; the N others have the sum R at most, and by Jensen's inequality

            sum f >= N f(sum lambda / N) >= N f(R / N),     R = tr K - (least sum of the p values),

        rounding of the n entries of the trace allowed for.
        """
        found = self._sum(f)
        if math.isfinite(found.lower) or not self.semidefinite or f.pole > 0.0:
            return found
        values = np.concatenate([self.low, self.high])
        errors = np.concatenate([self.low_error, self.high_error])
        above, below = np.maximum(values + errors, 0.0), np.maximum(values - errors, 0.0)
        rest = self.n - len(values)
        with np.errstate(divide="ignore"):
            terms = f(above)
            if rest:
                trace = self.trace.upper * (1.0 + SPARE) + self.n * self.floor
                R = max(trace - float(np.sum(below)), 0.0)
                terms = np.append(terms, rest * f(np.array([R / rest])))
        least = float(np.sum(terms) - SPARE * np.sum(np.abs(terms)))
        return Interval(least, math.nan, found.upper) if not math.isnan(least) else found

    @property
    def frobenius_squared(self) -> Interval:
        """|K|_F^2 = sum_i lambda_i^2."""
        return self._squares(self.level)

    def _squares(self, level: float) -> Interval:
        found = self._sum(SQUARE, level)
        return Interval(max(found.lower, 0.0), found.value, found.upper)

    @property
    def effective_rank(self) -> Interval:
        """(tr K)^2 / |K|_F^2: n for a multiple of the identity, 1 for rank one."""
        t = self.trace
        f = self._squares(self.level if t.lower == t.upper else half(self.level))
        if not (t.lower > 0.0 and f.lower > 0.0 and math.isfinite(f.upper)):
            return traces.NOTHING
        return Interval(t.lower**2 / f.upper, t.value**2 / f.value, t.upper**2 / f.lower)

    @property
    def intrinsic_dimension(self) -> Interval:
        """tr K / lambda_max."""
        t, top = self.trace, self.largest
        if not (t.lower > 0.0 and top.lower > 0.0 and math.isfinite(top.upper)):
            return traces.NOTHING
        return Interval(t.lower / top.upper, t.value / top.value, t.upper / top.lower)

    @property
    def condition(self) -> Interval:
        """lambda_max / lambda_min; no upper bound where lambda_min may be zero within rounding."""
        small, large = self.smallest, self.largest
        if not small.upper > 0.0:
            return traces.NOTHING
        upper = large.upper / small.lower if small.lower > 0.0 else math.inf
        value = large.value / small.value if small.value > self.floor else math.nan
        return Interval(large.lower / small.upper, value, upper)


def _number(x: Any, name: str) -> float:
    if isinstance(x, (str, bytes, bool)):
        raise TypeError(f"{name} must be a number; got {x!r}.")
    try:
        value = float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number; got {x!r}.") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite; got {x!r}.")
    return value
