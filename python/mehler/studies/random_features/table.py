"""Error against width and range: the table of the study, one row a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, integer
from ...activations import Activation, activation
from .layer import FrozenLayer, frozen_layer
from .readout import ReadOut
from .target import bumps

RCOND = 1e-12  # of least squares: what lies below is rounding
RANK = 1e-10  # singular values above this share of the largest count
GRID = 300  # points of the test


@dataclass(frozen=True)
class Row:
    """A layer, and what least squares made of it.

    Attributes
    ----------
    activation, lam, width, seed
        Which layer.
    rmse
        On the grid.
    norm
        |c|.
    rank
        Singular values of H above 1e-10 of the largest.
    """

    activation: str
    lam: float
    width: int
    seed: int
    rmse: float
    norm: float
    rank: int


def draws(
    act: str | Activation, lam: float, width: int, seed: int, n: int
) -> tuple[Array, FrozenLayer]:
    """Points x uniform in [0, 1], (n,), and a layer: each of a stream of its own, the same for every range and activation."""
    x = np.random.default_rng([seed, 900]).random(n)
    return x, frozen_layer(act, width, 1, lam, np.random.default_rng([seed, 901]))


def width_errors(
    act: str | Activation,
    lam: float,
    widths: Sequence[int] = (25, 50, 100, 200, 400),
    seed: int = 0,
    n: int = 1000,
    target: Callable[[Array], Any] = bumps,
) -> list[Row]:
    """Least squares of least norm on n random points of [0, 1], with the first L neurons of one layer for each width L.

    Parameters
    ----------
    act
        A name, or an :class:`Activation`.
    lam
        Half width of the box that weights and biases are drawn from.
    widths
        L, ascending or not.
    seed
        Of points and layer: every activation and range meets the same draws.
    n
        Number of points that are fitted.
    target
        A function of an array.

    Returns
    -------
    list of Row
        One a width: the error is the root mean square over 300 equally spaced points, ends included.

    Raises
    ------
    TypeError, ValueError
        Bad numbers; no widths.
    """
    sizes = [integer(w, "widths") for w in widths]
    if not sizes or min(sizes) < 1:
        raise ValueError(f"widths must be at least one integer >= 1; got {list(widths)}.")
    if integer(seed, "seed") < 0 or integer(n, "n") < 1:
        raise ValueError(f"seed must be >= 0 and n >= 1; got seed={seed} and n={n}.")
    x, layer = draws(act, lam, max(sizes), seed, n)
    grid = np.linspace(0.0, 1.0, GRID)
    H, T, y, truth = layer(x), layer(grid), target(x), target(grid)
    rows = []
    for width in sizes:
        fit = ReadOut(H[:, :width], y)
        best = fit.least_squares(RCOND)
        error = float(np.sqrt(np.mean((T[:, :width] @ best.coefficients - truth) ** 2)))
        name = activation(act).name
        rows.append(Row(name, float(lam), width, seed, error, best.norm, fit.rank(RANK)))
    return rows
