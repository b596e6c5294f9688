"""Jumps of the derivatives of an activation at its kinks, read off the function itself.

    s_r(c) = phi^(r)(c+) - phi^(r)(c-)

from Chebyshev interpolants of phi' (of phi, where phi' is not given in closed form) on either side of c. A jump
counts where it stands clear of the rounding of the interpolant's derivative.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from ..activations import Activation

ORDERS = 5  # derivatives of phi that are looked at; a homogeneous phi is known exactly
DEGREE, REACH = 16, 0.5
EPS = float(np.finfo(np.float64).eps)
NODES = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))  # none at the kink itself
FIT = np.linalg.inv(chebyshev.chebvander(NODES, DEGREE))


class Jump(NamedTuple):
    """phi^(order) jumps by ``size`` at ``at``."""

    at: float
    order: int
    size: float


@lru_cache(maxsize=256)
def jumps(act: Activation) -> tuple[Jump, ...]:
    """Every jump that is seen, by place and order.

    Parameters
    ----------
    act
        The activation; its ``kinks`` say where to look.
    """
    q = act.homogeneity
    if act.kinks == (0.0,) and q is not None and q == int(q):
        # c_+ z^q and c_- |z|^q: one jump, of order q
        right, left = (float(act(np.array([z]))[0]) for z in (1.0, -1.0))
        size = math.factorial(int(q)) * (right - (-1.0) ** int(q) * left)
        return (Jump(0.0, int(q), size),) if size else ()
    given = act.dphi is not None and act.dphi_error == 0.0
    f = act.derivative() if given else act.phi
    shift = 1 if given else 0
    found = []
    for c in act.kinks:
        others = [abs(c - other) for other in act.kinks if other != c]
        reach = min([REACH, *(0.5 * gap for gap in others)])
        sides, noise = [], np.zeros(ORDERS + 1)
        for sign in (1.0, -1.0):
            series = FIT @ f(c + sign * reach * 0.5 * (NODES + 1.0))
            size = max(float(np.max(np.abs(series))), 1e-300)
            values = []
            for k in range(ORDERS + 1 - shift):
                scale = (2.0 * sign / reach) ** k
                values.append(scale * float(chebyshev.chebval(-1.0, series)))
                # |T_n^(k)(1)| of the last terms, each with the rounding of the values
                growth = math.prod((DEGREE**2 - i * i) / (2 * i + 1) for i in range(k))
                noise[k] = max(noise[k], 1e3 * EPS * size * max(growth, 1.0) * abs(scale))
                series = np.asarray(chebyshev.chebder(series), dtype=np.float64)
            sides.append(values)
        for k, (right, left) in enumerate(zip(*sides, strict=True)):
            if abs(right - left) > noise[k]:
                found.append(Jump(c, k + shift, right - left))
    return tuple(found)
