"""Counts of eigenvalues, with bands: on an axis, below a threshold, in bins, within rounding of zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays import Array, integer
from . import counts
from .interval import Interval
from .known import Known

BINS = 40


@dataclass(frozen=True, eq=False)
class Counted(Known):
    """What is asked of N(x), the number of eigenvalues at or below x."""

    def cumulative(self, x: Any) -> tuple[Array, Array, Array]:
        """N(x), the number of eigenvalues at or below x, in a band that holds at all x together.

        Parameters
        ----------
        x
            Where, (m,) or one number.

        Returns
        -------
        tuple of numpy.ndarray
            (lower, value, upper), each (m,): lower and upper are whole numbers, value is an estimate.
        """
        at = self._points(x)
        return self._counts(at, counts.at_all, self.level)

    def count_below(self, t: float) -> Interval:
        """The number of eigenvalues at or below t: sharper than the band, which holds for all t together.

        Parameters
        ----------
        t
            A threshold.

        Returns
        -------
        Interval
            Of whole numbers; lower and upper are equal where it is known.
        """
        at = self._points(t)
        if at.shape != (1,):
            raise ValueError(
                f"t must be one number; got shape {at.shape}. Use cumulative for several."
            )
        lower, value, upper = self._counts(at, counts.at_points, self.level)
        return Interval(float(lower[0]), float(value[0]), float(upper[0]))

    def histogram(self, bins: int | Any = BINS) -> tuple[Array, Array, Array, Array]:
        """How many eigenvalues lie in each bin of a logarithmic axis, above the floor.

        Parameters
        ----------
        bins
            Their number, or their edges, ascending.

        Returns
        -------
        tuple of numpy.ndarray
            (edges, lower, value, upper): counts in (edge_i, edge_i+1], all bounds together at ``level``.
        """
        edges = self._edges(bins)
        known_low, known_high = self._known(edges)
        inside = 0.5 * (np.diff(known_low) + np.diff(known_high))
        lower = np.maximum(known_low[1:] - known_high[:-1], 0.0)
        upper = known_high[1:] - known_low[:-1]
        value = inside
        if self.probes is not None:
            below, above = self._shares(edges)
            least = np.maximum(below[1:] - above[:-1], 0.0)
            most = np.minimum(above[1:] - below[:-1], 1.0)
            each = 1.0 - (1.0 - self.level) / len(least)
            N, M = self.probes.order, len(self.probes)
            one, other = counts.at_points(N, M, least, most, each)
            middle = 0.5 * (below + above)
            value = inside + np.clip(N * np.diff(middle), one, other)
            lower, upper = lower + one, upper + other
        return edges, lower, value, upper

    @property
    def below_floor(self) -> Interval:
        """How many eigenvalues are no larger than the floor in absolute value: their sign is not known."""
        return self._between(-self.floor, self.floor)

    @property
    def negative(self) -> Interval:
        """How many eigenvalues lie below -floor: negative beyond rounding; none of a kernel matrix."""
        if self.semidefinite:
            return Interval(0.0, 0.0, 0.0)
        return self.count_below(math.nextafter(-self.floor, -math.inf))

    def ritz_values(self) -> tuple[Array, Array]:
        """All nodes of the Gauss rules of all probes, whatever their sign and size, and the eigenvalues that each stands for.

        Returns
        -------
        tuple of numpy.ndarray
            (nodes, weights), nodes ascending; the weights sum to the number of eigenvalues between ``low`` and ``high``.
        """
        if self.probes is None:
            return np.zeros(0), np.zeros(0)
        rules = [self.probes.gauss(m) for m in range(len(self.probes))]
        nodes = np.concatenate([x for x, _ in rules])
        weights = np.concatenate([w for _, w in rules])
        order = np.argsort(nodes, kind="stable")
        scale = self.probes.order / float(np.sum(self.probes.squares))
        return nodes[order], scale * weights[order]

    def _edges(self, bins: int | Any) -> Array:
        if isinstance(bins, (int, np.integer)):
            count = integer(bins, "bins")
            if count < 1:
                raise ValueError(f"bins must be >= 1; got {bins!r}.")
            top = max(
                self.largest.upper if math.isfinite(self.largest.upper) else self.largest.lower,
                self.floor,
            )
            known = np.concatenate([self.low - self.low_error, self.high, [top]])
            least = (
                float(np.min(known))
                if len(self.low)
                else (self.probes.lowest() if self.probes else 0.0)
            )
            bottom = min(max(least, self.floor, 1e-300), 0.5 * top) if top > 0.0 else 1e-300
            return np.geomspace(
                bottom * (1.0 - 1e-9), max(top, 2.0 * bottom) * (1.0 + 1e-9), count + 1
            )
        edges = self._points(bins)
        if len(edges) < 2 or not (np.diff(edges) > 0.0).all():
            raise ValueError(f"edges must be two numbers or more, ascending; got {bins!r}.")
        return edges

    def _between(self, x: float, y: float) -> Interval:
        """How many eigenvalues lie in [x, y]."""
        edges = np.array([math.nextafter(x, -math.inf), y])
        _, lower, value, upper = self.histogram(edges)
        return Interval(float(lower[0]), float(value[0]), float(upper[0]))
