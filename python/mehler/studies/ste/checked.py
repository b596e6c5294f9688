"""What a question about the population holds: v (..., m), w (..., n) and the teacher's, checked once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, as_array

erf: Callable[[Any], Array] = np.vectorize(math.erf, otypes=[np.float64])
erfc: Callable[[Any], Array] = np.vectorize(math.erfc, otypes=[np.float64])


@dataclass(frozen=True, eq=False)
class Pair:
    """Student and teacher, with the angle between their filters.

    Attributes
    ----------
    v, v_star
        Second layers (..., m).
    w, norm, along
        Filters (..., n), their norms (...), w / |w|.
    star
        w* / |w*|: the teacher's output knows no more of w*.
    near, far
        |along - star| and |along + star|, (...): theta = 2 atan2(near, far), to a few ulp for every theta.
    """

    v: Array
    v_star: Array
    w: Array
    norm: Array
    along: Array
    star: Array
    near: Array
    far: Array

    @property
    def theta(self) -> Array:
        """The angle, 0 to pi."""
        return 2.0 * np.arctan2(self.near, self.far)

    @property
    def sin(self) -> Array:
        """Of the angle: a product of two lengths, without cancellation at 0 and pi."""
        return 0.5 * self.near * self.far

    @property
    def cos(self) -> Array:
        """Of the angle."""
        return 0.25 * (self.far - self.near) * (self.far + self.near)

    @property
    def across(self) -> Array:
        """p = w* - cos(theta) w / |w|, (..., n): from whichever of w / |w| and -w / |w| is nearer, so that it keeps its digits."""
        forth = self.star - self.along + 0.5 * self.near[..., None] ** 2 * self.along
        back = self.star + self.along - 0.5 * self.far[..., None] ** 2 * self.along
        return np.where((self.near <= self.far)[..., None], forth, back)

    @property
    def dot(self) -> Array:
        """v^t v*."""
        return np.asarray(np.sum(self.v * self.v_star, axis=-1))

    @property
    def h(self) -> Array:
        """|v|^2 + (1^t v)^2 - (1^t v)(1^t v*) + v^t v*."""
        total = np.sum(self.v, axis=-1)
        cross = total * (total - np.sum(self.v_star, axis=-1))
        return np.asarray(np.sum(self.v**2, axis=-1) + cross + self.dot)


def vectors(value: Any, name: str) -> Array:
    """(..., k), k >= 1, float64, finite."""
    A = as_array(value, name)
    if A.ndim == 0 or A.shape[-1] == 0:
        raise ValueError(
            f"{name} must be a vector, or vectors in the last axis, of at least one number; got shape {A.shape}."
        )
    out = np.array(A, dtype=np.float64)
    if not np.isfinite(out).all():
        raise ValueError(f"{name} must be finite; found NaN or infinity. Leave such vectors out.")
    return out


def pair(v: Any, w: Any, v_star: Any, w_star: Any) -> Pair:
    """Student and teacher; leading axes of all four broadcast.

    Raises
    ------
    TypeError, ValueError
        No real numbers; lengths that differ; NaN or infinity; a filter of zeros, which has no direction.
    """
    names = ("v", "w", "v_star", "w_star")
    v, w, v_star, w_star = (
        vectors(a, k) for a, k in zip((v, w, v_star, w_star), names, strict=True)
    )
    for one, other, a, b in ((v, v_star, "v", "v_star"), (w, w_star, "w", "w_star")):
        if one.shape[-1] != other.shape[-1]:
            raise ValueError(
                f"{a} and {b} must have one length; got {one.shape[-1]} and {other.shape[-1]}."
            )
    try:
        lead = np.broadcast_shapes(*(a.shape[:-1] for a in (v, w, v_star, w_star)))
    except ValueError:
        shapes = ", ".join(
            f"{k} {a.shape}" for k, a in zip(names, (v, w, v_star, w_star), strict=True)
        )
        raise ValueError(f"the leading axes must broadcast; got {shapes}.") from None
    v, w, v_star, w_star = (
        np.broadcast_to(a, (*lead, a.shape[-1])) for a in (v, w, v_star, w_star)
    )
    _, star = direction(w_star, "w_star")
    return seen(v, w, v_star, star)


def seen(v: Array, w: Array, v_star: Array, star: Array) -> Pair:
    """The same of checked arrays of one leading shape, |star| = 1."""
    norm, along = direction(w, "w")
    near, far = np.linalg.norm(along - star, axis=-1), np.linalg.norm(along + star, axis=-1)
    return Pair(v, v_star, w, norm, along, star, near, far)


def direction(w: Array, name: str) -> tuple[Array, Array]:
    """|w| (...) and w / |w| (..., n), without overflow or underflow of squares."""
    size = np.max(np.abs(w), axis=-1, keepdims=True)
    if not np.all(size > 0.0):
        raise ValueError(
            f"{name} must not be zero, which has no direction; found a vector of zeros."
        )
    scaled = w / size
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    return (size * length)[..., 0], scaled / length
