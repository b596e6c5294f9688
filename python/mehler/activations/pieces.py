"""What formulas of the catalogue share: polynomial pieces given by their jumps, an exponential branch, the logistic function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .hermite import (
    Array,
    Function,
    coefficients_by_quadrature,
    exponential_branch,
    monomials,
    truncated_power,
)

Jump = tuple[float, int, float]  # (c, r, s): phi^(r) jumps by s at c, a term s (z-c)_+^r / r!


def _spline_value(base: Sequence[float], jumps: Sequence[Jump]) -> Function:
    def f(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        value = np.zeros_like(z)
        for c in reversed(list(base)):
            value = value * z + c
        for c, r, s in jumps:
            value = value + (s / math.factorial(r)) * np.where(z > c, (z - c) ** r, 0.0)
        return value

    return f


def spline(base: Sequence[float], jumps: Sequence[Jump]) -> dict[str, Any]:
    """Polynomial pieces: sum_m base_m z^m + sum s (z-c)_+^r / r!."""
    slope_base = [m * c for m, c in enumerate(base)][1:]
    slope_jumps = [(c, r - 1, s) for c, r, s in jumps]
    steps = any(r == 0 for _, r, _ in jumps)

    def series(kmax: int, derivative: bool) -> Array:
        poly, terms = (slope_base, slope_jumps) if derivative else (base, jumps)
        mu = monomials(poly, kmax)
        for c, r, s in terms:
            mu = mu + s * truncated_power(c, r, kmax)
        return mu

    return {
        "phi": _spline_value(base, jumps),
        "dphi": None if steps else _spline_value(slope_base, slope_jumps),
        "kinks": tuple(sorted({c for c, _, _ in jumps})),
        "series": series,
        "spline": (tuple(base), tuple(jumps)),
    }


def exponential_unit(scale: float, alpha: float, beta: float) -> dict[str, Any]:
    """scale (z for z > 0, alpha (exp(beta z) - 1) for z < 0)."""

    def phi(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        return scale * np.where(z > 0.0, z, alpha * np.expm1(beta * np.minimum(z, 0.0)))

    def dphi(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        return scale * np.where(z > 0.0, 1.0, alpha * beta * np.exp(beta * np.minimum(z, 0.0)))

    def series(kmax: int, derivative: bool) -> Array:
        slopes = scale * exponential_branch(alpha, beta, max(kmax, 1))
        if derivative:
            return slopes[: kmax + 1]
        mean = coefficients_by_quadrature(phi, (0.0,), 0)
        return np.concatenate([mean, slopes[:kmax] / np.sqrt(np.arange(1, kmax + 1))])

    # For a steep branch the recurrence starts from exp(beta^2/2) Phi(-beta) and loses digits.
    return {"phi": phi, "dphi": dphi, "kinks": (0.0,), "series": series if beta <= 2.0 else None}


def logistic(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0.0, 1.0, small) / (1.0 + small))


def logistic_slope(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    return np.asarray(small / (1.0 + small) ** 2)


def log1pexp(z: Array) -> Array:
    return np.asarray(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))))
