"""What the functions of this package are given, made float64 and refused where it is not what they say."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._arrays import Array, as_array, integer

ROUNDING = 1e-10  # of the largest entry or eigenvalue: what a product W'W may lack of symmetry or of a sign


def finite(value: Any, name: str, ndims: tuple[int, ...], what: str) -> Array:
    """A float64 array of one of those numbers of dimensions, none of them empty, every entry finite."""
    A = as_array(value, name)
    if A.ndim not in ndims or 0 in A.shape:
        raise ValueError(f"{name} must be {what}, not empty; got shape {A.shape}.")
    out = np.ascontiguousarray(A, dtype=np.float64)
    if not np.isfinite(out).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(out))[0])
        raise ValueError(
            f"{name} must be finite; found {out[place]} at {place}. Remove or impute it first."
        )
    return out


def as_weights(W: Any, name: str = "W") -> Array:
    """(m, d) or (trials, m, d)."""
    return finite(W, name, (2, 3), "weights (m, d), or (trials, m, d)")


def symmetric(A: Any, name: str) -> Array:
    """A symmetric matrix (d, d)."""
    S = finite(A, name, (2,), "a matrix (d, d)")
    if S.shape[0] != S.shape[1]:
        raise ValueError(f"{name} must be square, (d, d); got shape {S.shape}.")
    gap = float(np.max(np.abs(S - S.T)))
    if gap > ROUNDING * float(np.max(np.abs(S))):
        raise ValueError(
            f"{name} must be symmetric; entries differ from those of its transpose by up to {gap:.3g}. "
            f"Pass ({name} + {name}.T) / 2, which has the same quadratic form."
        )
    return np.asarray(0.5 * (S + S.T))


def semidefinite(A: Any, name: str) -> Array:
    """A symmetric matrix without negative eigenvalues, but for rounding."""
    S = symmetric(A, name)
    values = np.linalg.eigvalsh(S)
    if values[0] < -ROUNDING * max(abs(values[0]), values[-1]):
        raise ValueError(
            f"{name} must be positive semidefinite, as matrix_of(W) is; its smallest eigenvalue is {values[0]:.3g}. "
            "No quadratic units have such a matrix."
        )
    return S


def as_times(times: Any) -> Array:
    """Ascending times >= 0."""
    t = finite(times, "times", (1,), "a list of numbers")
    if t[0] < 0.0 or (np.diff(t) < 0.0).any():
        raise ValueError(f"times must be >= 0 and ascending; got {t.tolist()}. Sort them.")
    return t


def at_least(value: Any, name: str, least: int) -> int:
    """An integer >= least."""
    count = integer(value, name)
    if count < least:
        raise ValueError(f"{name} must be an integer >= {least}; got {count}.")
    return count
