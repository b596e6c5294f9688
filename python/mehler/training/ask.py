"""What is asked of a training: labels, steps, numbers, checked before any work starts."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .._arrays import Array, as_array, integer

POINTS = 24  # of a curve, evenly on a logarithmic scale


def labels_of(y: Any, n: int, name: str = "y") -> Array:
    """(n, c), finite; (n,) is one output."""
    A = as_array(y, name)
    if A.ndim not in (1, 2) or A.shape[0] != n or A.size == 0:
        raise ValueError(
            f"{name} must have the shape ({n},), one number a point, or ({n}, c) of c outputs; got {A.shape}. "
            "Classes are rows of an identity matrix: np.eye(classes)[labels]."
        )
    out = np.array(A, dtype=np.float64).reshape(n, -1)
    if not np.isfinite(out).all():
        i, p = np.argwhere(~np.isfinite(out))[0]
        raise ValueError(f"{name} must be finite; found {out[i, p]} at row {i}. Remove such rows.")
    return out


def steps_of(steps: Any, most: int | None = None) -> tuple[int, ...]:
    """Steps of a curve: 0 and about POINTS up to a number, or those of an increasing sequence."""
    if not hasattr(steps, "__iter__"):
        last = whole(steps, "steps")
        if last == 0:
            return (0,)
        grid = np.rint(np.geomspace(1, last, min(POINTS, last))).astype(np.int64)
        return (0, *sorted(set(grid.tolist())))
    out = tuple(whole(s, "a step") for s in steps)
    if not out or any(a >= b for a, b in itertools.pairwise(out)):
        raise ValueError(f"steps must increase, 0 <= t_1 < t_2 < ...; got {steps!r}.")
    if most is not None and out[-1] > most:
        raise ValueError(
            f"record must hold steps up to steps={most}; got {out[-1]}. Raise steps, or drop it."
        )
    return out


def whole(value: Any, name: str) -> int:
    """An integer >= 0; floats such as 1e5 are taken."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    found = integer(value, name)
    if found < 0:
        raise ValueError(f"{name} must be an integer >= 0; got {value!r}.")
    return found


def positive(value: Any, name: str, what: str) -> float | None:
    """A finite number above 0, or None."""
    if value is None:
        return None
    try:
        if isinstance(value, (str, bytes, bool, np.bool_)):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be {what}; got {value!r}.") from None
    if not 0.0 < found < math.inf:
        raise ValueError(f"{name} must be {what}; got {value!r}.")
    return found
