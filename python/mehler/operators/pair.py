"""The kernel of two points: one number, for those who call a kernel pair by pair."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._arrays import UNIT
from ..kernels import Kernel
from .entries import cross_gram

NEAR = 1e-3  # as in the core: below, 1 - |cos| comes from differences


def pair_value(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], kernel: Kernel) -> float:
    """(|x| |y|)^q h(cos), as ``kernel(X, Y)`` has it up to the order of sums.

    Parameters
    ----------
    x, y
        Points, (d,).
    kernel
        The kernel; what it refuses of arrays of points it refuses here, in the same words.
    """
    if x.shape != y.shape or x.size == 0:
        return float(cross_gram(x[None], y[None], kernel)[0, 0])
    x, y = x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    a, b = math.sqrt(float(x @ x)), math.sqrt(float(y @ y))
    unit = abs(a - 1.0) <= UNIT and abs(b - 1.0) <= UNIT
    q = kernel.homogeneity
    if not (1e-100 < a < 1e100 and 1e-100 < b < 1e100 and (unit or q is not None)):
        return float(cross_gram(x[None], y[None], kernel)[0, 0])
    profile = kernel.h.compiled
    rho = float(x @ y) / (a * b)
    if 1.0 - abs(rho) >= NEAR:
        value = float(profile.evaluate(np.array([rho]))[0])
    else:
        # |x -+ y|^2 = (|x| - |y|)^2 + 2 |x| |y| (1 -+ cos)
        sign = math.copysign(1.0, rho)
        u, w = x - sign * y, x + sign * y
        square, gap = float(u @ u), float(u @ w) / (a + b)
        if gap * gap <= 0.25 * square:
            deficit = (square - gap * gap) / (2.0 * a * b)
        else:
            u = x / a - sign * (y / b)
            deficit = 0.5 * float(u @ u)
        value = float(profile.at(np.array([sign]), np.array([deficit]))[0])
    return value if unit or not q else value * (a**q * b**q)
