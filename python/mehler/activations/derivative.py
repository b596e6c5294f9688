"""phi' of a callable: by a complex step where f takes one, else from Chebyshev interpolants between the kinks."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .hermite import Array, Function


def jumps(phi: Function, c: float) -> bool:
    """phi itself jumps at c: its difference there does not shrink with the step."""
    size = max(1.0, abs(c))
    steps = np.array([1e-9, 1e-6]) * size
    with np.errstate(all="ignore"):
        gaps = np.abs(phi(c + steps) - phi(c - steps))
        scale = float(np.max(np.abs(phi(c + size * np.linspace(-0.5, 0.5, 8)))))
    return bool(gaps[0] > 1e-6 * scale and gaps[0] > 0.5 * gaps[1])


def check_derivative(phi: Function, dphi: Function, label: str) -> None:
    """ValueError unless df is the slope of f at most of some points (kinks may spoil a few)."""
    z, step = np.linspace(-2.03, 2.07, 42), 1e-5
    with np.errstate(all="ignore"):
        slope = (phi(z + step) - phi(z - step)) / (2.0 * step)
        given = dphi(z)
    if given.shape != z.shape:
        raise ValueError(
            f"df must map an array to an array of the same shape; mapped shape {z.shape} to {given.shape}."
        )
    off = np.abs(given - slope) > 1e-3 * (np.abs(slope) + np.max(np.abs(slope)) + 1e-300)
    if np.count_nonzero(off) > len(z) // 4:
        k = int(np.argmax(np.abs(given - slope)))
        raise ValueError(
            f"df must be the derivative of f; that of {label!r} at z={z[k]:.3g} is about {slope[k]:.6g}, "
            f"df gave {given[k]:.6g}. Leave df out to have it computed."
        )


@dataclass(frozen=True)
class AsFloat:
    """f with its result as float64; picklable when f is."""

    f: Callable[[Array], Any]

    def __call__(self, z: Array) -> Array:
        return np.asarray(self.f(z), dtype=np.float64)


@dataclass(frozen=True)
class ComplexStep:
    """phi'(z) = Im f(z + ih) / h, exact to rounding for an f that is analytic on its pieces."""

    f: Callable[[Any], Any]
    h: float = 1e-40

    def __call__(self, z: Array) -> Array:
        return np.asarray(np.imag(self.f(np.asarray(z, dtype=np.float64) + 1j * self.h)) / self.h)

    def agrees_with(self, spectral: SpectralDerivative) -> bool:
        """Compare at points that avoid the ends of panels; any failure of f means no."""
        if not spectral.error <= 1e-9:
            return False
        z = np.linspace(-12.0, 12.0, 1501) + 0.00123
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error")  # a discarded imaginary part is a failure
                mine = self(z)
        except (TypeError, ValueError, ArithmeticError, AttributeError, Warning):
            return False
        if mine.shape != z.shape or mine.dtype != np.float64 or not np.all(np.isfinite(mine)):
            return False
        gap = np.abs(mine - spectral(z)) * np.exp(-0.25 * z * z)
        return bool(np.max(gap) <= 10.0 * spectral.error + 1e-14)


class SpectralDerivative:
    """phi' from Chebyshev interpolants of phi on panels that end at the kinks.

    The panels are halved until the interpolant of phi is at rounding level (or until halving no
    longer helps); ``error`` is the largest error of phi' found between the nodes, relative to the
    Gaussian weight exp(-z^2/4).
    """

    degree = 20
    radius = 20.0

    def __init__(self, f: Function, kinks: Sequence[float]) -> None:
        n = self.degree
        nodes = np.cos(np.pi * np.arange(n + 1) / n)
        vandermonde = np.polynomial.chebyshev.chebvander(nodes, n)
        self._fit = np.linalg.inv(vandermonde)
        best: tuple[float, Array, Array] | None = None
        for width in (2.0, 1.0, 0.5, 0.25, 0.125):
            edges = self._edges(kinks, width)
            middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
            with np.errstate(all="ignore"):
                values = f(middle[:, None] + half[:, None] * nodes)
            values = np.where(np.isfinite(values), values, 0.0)
            weight = np.exp(-0.25 * np.minimum(np.abs(edges[1:]), np.abs(edges[:-1])) ** 2)
            c = values @ self._fit.T
            size = np.max(np.abs(values), axis=1)
            # Derivative error: the last coefficients times n^2, and rounding of f times n.
            tail = n * n * np.max(np.abs(c[:, -3:]), axis=1)
            error = float(np.max(weight * np.maximum(tail, 2e-16 * n * size) / half))
            if best is None or error < best[0]:
                slopes = np.polynomial.chebyshev.chebder(c, axis=1) / half[:, None]
                best = (error, edges, slopes)
        assert best is not None
        self.error, self._panels, self._slopes = best

    def _edges(self, kinks: Sequence[float], width: float) -> Array:
        stops = sorted({-self.radius, self.radius, *(c for c in kinks if abs(c) < self.radius)})
        parts = [
            np.linspace(a, b, 1 + math.ceil((b - a) / width))[:-1]
            for a, b in itertools.pairwise(stops)
        ]
        return np.concatenate([*parts, np.array([self.radius])])

    def __call__(self, z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        panel = np.clip(
            np.searchsorted(self._panels, z, side="right") - 1, 0, len(self._slopes) - 1
        )
        low, high = self._panels[panel], self._panels[panel + 1]
        t = np.clip((2.0 * z - low - high) / (high - low), -1.0, 1.0)
        c = self._slopes
        first, second = np.zeros_like(t), np.zeros_like(t)
        for k in range(c.shape[1] - 1, 0, -1):
            first, second = c[panel, k] + 2.0 * t * first - second, first
        return np.asarray(c[panel, 0] + t * first - second)
