"""Where descent can end: the global minimum, the spurious one, the saddles between them, and how fast the identity leaves.

    v(theta) = (I+J)^-1 ((1 - 2 theta/pi) I + J) v*  is the best second layer at an angle theta;  s = 1^t v*

Global minima: v = v*, theta = 0. If s^2 < (m+1)/2 |v*|^2, and only then, there are a spurious minimum at theta = pi and saddles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, as_array
from .checked import vectors


@dataclass(frozen=True, eq=False)
class Landscape:
    """Critical points of the population loss for one teacher (8), and the push of the identity at the spurious one (9).

    Attributes
    ----------
    v_star
        The teacher's second layer (m,): the global minimum, theta = 0, loss 0.
    total
        s = 1^t v*.
    spurious
        v_sp = -v* + 2 s/(m+1) 1 at theta = pi, (m,); None where there is no spurious minimum.
    spurious_loss
        s^2 / (2 (m+1)); NaN where there is none.
    saddle_angle
        (pi/2) (m+1)|v*|^2 / ((m+1)|v*|^2 - s^2); NaN where there is none.
    saddle
        v at that angle, (m,); None where there is none.
    saddle_loss
        NaN where there is none.
    identity_push
        |E g_id| = 2 (m-1) s^2 / (sqrt(2 pi) (m+1)^2) at the spurious minimum, where those of relu and clipped are 0. NaN where there is none.
    """

    v_star: Array
    total: float
    spurious: Array | None
    spurious_loss: float
    saddle_angle: float
    saddle: Array | None
    saddle_loss: float
    identity_push: float


def landscape(v_star: Any) -> Landscape:
    """Global minimum, spurious minimum and saddles of the population loss.

    Parameters
    ----------
    v_star
        The teacher's second layer (m,), not all zero.

    Returns
    -------
    Landscape

    Raises
    ------
    TypeError, ValueError
        No real numbers, no vector, NaN, infinity, all zeros; a largest entry outside of 1e-150 to 1e150, whose
        squares are no doubles.

    References
    ----------
    Yin, Lyu, Zhang, Osher, Qi, Xin, ICLR 2019, arXiv 1903.05662; the closed form of v_sp and of its loss is our own derivation.

    Examples
    --------
    >>> one = ste.landscape([1.0] * 6 + [-1.0] * 4)
    >>> print(f"{one.spurious_loss:.4f} {one.saddle_angle:.4f} {one.identity_push:.4f}")
    0.1818 1.6301 0.2374
    >>> ste.landscape([1.0] * 10).spurious is None  # s^2 = 100 > 55
    True
    """
    v = sized(v_star)
    m, s, square = len(v), float(np.sum(v)), float(v @ v)
    if square == 0.0:
        raise ValueError(
            "v_star must not be zero: every w would be a global minimum. Pass another one."
        )
    if not s * s < 0.5 * (m + 1) * square:
        return Landscape(v, s, None, math.nan, math.nan, None, math.nan, math.nan)
    angle = 0.5 * math.pi * (m + 1) * square / ((m + 1) * square - s * s)
    at = best_second_layer(angle, v)
    return Landscape(
        v_star=v,
        total=s,
        spurious=2.0 * s / (m + 1) - v,
        spurious_loss=s * s / (2.0 * (m + 1)),
        saddle_angle=angle,
        saddle=at,
        saddle_loss=float(loss_at(angle, v)),
        identity_push=2.0 * (m - 1) * s * s / (math.sqrt(2.0 * math.pi) * (m + 1) ** 2),
    )


def best_second_layer(theta: Any, v_star: Any) -> Array:
    """v(theta) = (I+J)^-1 ((1 - 2 theta/pi) I + J) v* = (1 - 2 theta/pi) v* + (2 theta/pi) s/(m+1) 1.

    Parameters
    ----------
    theta
        Angles (...), 0 to pi.
    v_star
        The teacher's second layer (m,).

    Returns
    -------
    numpy.ndarray
        (..., m).

    Raises
    ------
    TypeError, ValueError
        No real numbers, no vector, an angle outside of 0 to pi.

    Examples
    --------
    >>> print(ste.best_second_layer(np.pi, [2.0, 1.0]))
    [0. 1.]
    """
    v = vector(v_star, "v_star")
    t = 2.0 / math.pi * angles(theta)[..., None]
    return np.asarray((1.0 - t) * v + t * np.sum(v) / (len(v) + 1))


def loss_at(theta: Any, v_star: Any) -> Array:
    """The loss at the best second layer: t (1 - t) |v*|^2 / 2 + t^2 s^2 / (2 (m+1)), t = theta/pi.

    Parameters
    ----------
    theta
        Angles (...), 0 to pi.
    v_star
        The teacher's second layer (m,).

    Returns
    -------
    numpy.ndarray
        (...).

    Raises
    ------
    TypeError, ValueError
        As :func:`best_second_layer`.

    Examples
    --------
    >>> print(ste.loss_at([0.0, np.pi], [2.0, 1.0]))
    [0.  1.5]
    """
    v, t = sized(v_star), angles(theta) / math.pi
    return np.asarray(0.5 * t * ((1.0 - t) * (v @ v) + t * np.sum(v) ** 2 / (len(v) + 1)))


def escape_time(norm: float, v_star: Any) -> float:
    """Step size times steps until the identity leaves the spurious minimum: |w0| sqrt(2 pi) (m+1)^2 / (2 (m-1) s^2).

    There E g_id points along w and has a length that does not depend on |w|: w shrinks at a constant rate, comes to 0 and
    turns round. Infinite where s = 0 or m = 1.

    Parameters
    ----------
    norm
        |w0| > 0.
    v_star
        The teacher's second layer (m,), with a spurious minimum.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        A norm that is not a number above 0; no spurious minimum to leave.

    Examples
    --------
    >>> print(f"{ste.escape_time(1.0, [1.0] * 7 + [-1.0] * 3):.4f}")  # m = 10, s = 4
    1.0531
    """
    size = as_array(norm, "norm")
    if size.ndim or not 0.0 < float(size) < math.inf:
        raise ValueError(f"norm must be a number above 0; got {norm!r}.")
    one = landscape(v_star)
    if one.spurious is None:
        raise ValueError(
            "v_star must have a spurious minimum, (1^t v*)^2 < (m+1)/2 |v*|^2; this one has none. Take entries of both signs."
        )
    return float(size) / one.identity_push if one.identity_push > 0.0 else math.inf


def vector(value: Any, name: str) -> Array:
    """(k,), finite."""
    v = vectors(value, name)
    if v.ndim != 1:
        raise ValueError(f"{name} must be one vector; got shape {v.shape}. Take them one by one.")
    return v


def sized(v_star: Any) -> Array:
    """The teacher's second layer, of a size whose squares are doubles."""
    v = vector(v_star, "v_star")
    size = float(np.max(np.abs(v)))
    if size != 0.0 and not 1e-150 <= size <= 1e150:
        raise ValueError(
            f"v_star must be of a size between 1e-150 and 1e150; its largest entry is {size:.3g}. Divide it by a "
            "constant c: losses and pushes are then divided by c^2, angles stay."
        )
    return v


def angles(theta: Any) -> Array:
    """(...), 0 to pi."""
    t = np.array(as_array(theta, "theta"), dtype=np.float64)
    if not np.all((t >= 0.0) & (t <= math.pi)):
        raise ValueError(f"theta must be an angle from 0 to pi; got {theta!r}.")
    return t
