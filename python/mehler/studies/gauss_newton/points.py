"""Points whose Gram matrix has a condition number that is asked for: pairs that nearly coincide."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._arrays import Array, generator_from, integer


def separated(n: int, d: int, rng: Any = None) -> Array:
    """n random points of the unit sphere.

    Parameters
    ----------
    n, d
        Points and coordinates, >= 1.
    rng
        Seed or Generator.

    Returns
    -------
    numpy.ndarray
        (n, d).
    """
    for name, value in (("n", n), ("d", d)):
        if integer(value, name) < 1:
            raise ValueError(f"{name} must be >= 1; got {value}.")
    X = generator_from(rng).standard_normal((n, d))
    return np.asarray(X / np.linalg.norm(X, axis=1)[:, None])


def near_pairs(n: int, d: int, distance: float, rng: Any = None) -> Array:
    """The same, the last n // 4 of them so far from one of the first: lambda_min falls with the distance.

    Parameters
    ----------
    n, d
        As of :func:`separated`.
    distance
        Of the two points of a pair, before both are put on the sphere.
    rng
        Seed or Generator.

    Returns
    -------
    numpy.ndarray
        (n, d).
    """
    draws = generator_from(rng)
    X = separated(n, d, draws)
    k = n // 4
    move = draws.standard_normal((k, d))
    X[n - k :] = X[:k] + distance * move / np.linalg.norm(move, axis=1)[:, None]
    return np.asarray(X / np.linalg.norm(X, axis=1)[:, None])
