"""The target of the study: a broad bump and two that are eight times narrower."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._arrays import Array
from .checks import finite


def bumps(x: Any) -> Array:
    """g(x) = 0.2 exp(-(10 x - 4)^2) + 0.5 exp(-(80 x - 40)^2) + 0.3 exp(-(80 x - 20)^2), for x in [0, 1].

    Parameters
    ----------
    x
        Points on the line, (n,).

    Returns
    -------
    numpy.ndarray
        (n,).

    References
    ----------
    A usual test function of the literature on random-weight networks.
    """
    t = finite(x, "x", (1,))
    with np.errstate(under="ignore"):
        return np.asarray(
            0.2 * np.exp(-((10.0 * t - 4.0) ** 2))
            + 0.5 * np.exp(-((80.0 * t - 40.0) ** 2))
            + 0.3 * np.exp(-((80.0 * t - 20.0) ** 2))
        )
