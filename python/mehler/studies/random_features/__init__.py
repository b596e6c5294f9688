"""Frozen random features: a hidden layer drawn from a box, a convex read-out, and what the box cannot reach.

>>> import numpy as np
>>> from mehler.studies import random_features as rf
>>> x = np.linspace(0.0, 1.0, 200)
>>> fit = rf.ReadOut(rf.frozen_layer("sigmoid", 100, lam=50.0, rng=0)(x), rf.bumps(x))
>>> bool(fit.lower_bound(10.0).value <= fit.capped(10.0).residual)
True
"""

from .layer import FrozenLayer, frozen_layer
from .lower import LowerBound, lower_bound
from .readout import ReadOut, RidgePath, Solution
from .ridgelet import RIDGELET, band_bound, band_limited_kernel, gaussian_tail, tail
from .table import Row, width_errors
from .target import bumps

__all__ = [
    "RIDGELET",
    "FrozenLayer",
    "LowerBound",
    "ReadOut",
    "RidgePath",
    "Row",
    "Solution",
    "band_bound",
    "band_limited_kernel",
    "bumps",
    "frozen_layer",
    "gaussian_tail",
    "lower_bound",
    "tail",
    "width_errors",
]
