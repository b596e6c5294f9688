"""What a network is trained on: labels of a file as numbers, or random signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays import Array, as_array

MOST_CLASSES = 100  # distinct integers: beyond, they are numbers


@dataclass(frozen=True, eq=False)
class Targets:
    """Y (n, c) and what it is, in words.

    Attributes
    ----------
    y
        One row a point.
    text
        For the report.
    classes
        The label of every point, (n,), where there are classes.
    """

    y: Array
    text: str
    classes: Any = None


def checked(labels: Any, n: int) -> Any:
    """Labels as an array of n rows; refused otherwise, before any work."""
    given = as_array(labels, "labels")
    if given.ndim not in (1, 2) or given.size == 0 or given.shape[0] != n:
        found = f"{len(given):,} rows" if given.ndim else "a single number"
        raise ValueError(
            f"labels must have a row for each of the {n:,} points; got {found}. Take as many points as labels, in the same order."
        )
    if not np.isfinite(given.astype(np.float64)).all():
        raise ValueError("labels must be finite; found NaN or infinity. Remove such rows.")
    return given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given


def targets(labels: Any, n: int, seed: int) -> Targets:
    """Classes as rows of an identity matrix, two classes as signs, other numbers as they are, none as random signs.

    Parameters
    ----------
    labels
        As :func:`checked` gives them, of n points at least; None for random signs.
    n
        Points.
    seed
        Of the signs.
    """
    if labels is None:
        signs = np.where(np.random.default_rng([seed, 600, n]).random(n) < 0.5, -1.0, 1.0)
        return Targets(signs[:, None], "random signs (no labels were given)")
    given = np.asarray(labels[:n])
    values = given.astype(np.float64)
    if given.ndim == 2:
        return Targets(values, f"{given.shape[1]} numbers a point, as given")
    kinds, place = np.unique(values, return_inverse=True)
    if len(kinds) == 1:
        raise ValueError(
            f"labels must differ; all {n:,} are {kinds[0]:g}. Take other points, or none for random signs."
        )
    if len(kinds) > MOST_CLASSES or not np.all(kinds == np.rint(kinds)):
        return Targets(values[:, None], "one number a point, as given")
    classes = kinds.astype(np.int64)[place]
    if len(kinds) == 2:
        return Targets(
            np.where(place == 0, -1.0, 1.0)[:, None],
            f"two classes as signs, {kinds[0]:g} is -1 and {kinds[1]:g} is 1",
            classes,
        )
    return Targets(
        np.eye(len(kinds))[place],
        f"{len(kinds)} classes, an output each: rows of an identity matrix",
        classes,
    )
