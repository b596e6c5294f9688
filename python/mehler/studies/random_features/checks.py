"""Numbers that these modules are given: finite, positive, of the right shape, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._arrays import Array, as_array


def finite(value: Any, name: str, dimensions: tuple[int, ...]) -> Array:
    """float64 of one of so many dimensions, not empty, all finite.

    Parameters
    ----------
    value
        What was given.
    name
        What messages call it.
    dimensions
        That are allowed.
    """
    given = as_array(value, name)
    if given.ndim not in dimensions:
        words = " or ".join(f"{k}-D" for k in dimensions)
        raise ValueError(f"{name} must be {words}; got shape {given.shape}.")
    if given.size == 0:
        raise ValueError(f"{name} must not be empty; got shape {given.shape}.")
    out = np.asarray(given, dtype=np.float64)
    if not np.isfinite(out).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(out))[0])
        at = f" at index {', '.join(map(str, where))}" if where else ""
        raise ValueError(f"{name} must be finite; found {out[where]}{at}.")
    return out


def positive(value: Any, name: str, scalar: bool = False) -> Array:
    """A positive finite number, or an array of them."""
    _no_bool(value, name)
    out = finite(value, name, (0,) if scalar else (0, 1, 2))
    if np.any(out <= 0.0):
        raise ValueError(f"{name} must be positive; got {float(out.min()):g}.")
    return out


def at_least(value: Any, name: str, least: float) -> float:
    """A finite number, >= least."""
    _no_bool(value, name)
    number = float(finite(value, name, (0,)))
    if number < least:
        raise ValueError(f"{name} must be >= {least:g}; got {number:g}.")
    return number


def _no_bool(value: Any, name: str) -> None:
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a number; got {value!r}.")
