"""Loss, gradient and coarse gradients over Gaussian inputs, in closed form.

    y = v^t s(Z w),  s(x) = 1{x > 0},  Z (m, n) of independent N(0, 1),  teacher (v*, w*),  f = E (y - y*)^2 / 2

theta is the angle of w and w*, J = 1 1^t, h = |v|^2 + (1^t v)^2 - (1^t v)(1^t v*) + v^t v*. Everything takes any leading axes: v
(..., m), w (..., n). Numbers in brackets are those of docs/systems/ste.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._arrays import Array, choice
from .checked import Pair, erf, erfc, pair
from .estimators import ESTIMATORS

ROOT = math.sqrt(2.0 * math.pi)


def population_loss(v: Any, w: Any, v_star: Any, w_star: Any) -> Array:
    """f = (1/8) [v^t (I+J) v - 2 v^t ((1 - 2 theta/pi) I + J) v* + v*^t (I+J) v*]  (1).

    Parameters
    ----------
    v, v_star
        Second layers (..., m), of student and teacher.
    w, w_star
        Filters (..., n); their directions alone matter.

    Returns
    -------
    numpy.ndarray
        (...), >= 0.

    Raises
    ------
    TypeError, ValueError
        No real numbers; lengths that differ; NaN, infinity; a filter of zeros.

    References
    ----------
    Yin, Lyu, Zhang, Osher, Qi, Xin, ICLR 2019, arXiv 1903.05662.

    Examples
    --------
    >>> print(f"{ste.population_loss([1.0], [1.0, 0.0], [1.0], [0.0, 1.0]):.4f}")  # theta = pi/2: P(s differs) / 2
    0.2500
    """
    return loss_of(pair(v, w, v_star, w_star))


def loss_of(p: Pair) -> Array:
    """(1) as a sum of terms that are never negative where v is near v*: (1/8) [|d|^2 + (1^t d)^2 + (4 theta/pi) v^t v*], d = v - v*."""
    d = p.v - p.v_star
    square = np.sum(d * d, axis=-1) + np.sum(d, axis=-1) ** 2
    return np.asarray(0.125 * (square + 4.0 / math.pi * p.theta * p.dot))


def loss_gradient(v: Any, w: Any, v_star: Any, w_star: Any) -> tuple[Array, Array]:
    """df/dv = (1/4) [(I+J) v - ((1 - 2 theta/pi) I + J) v*]  (2) and df/dw = -(v^t v*)/(2 pi |w|) p/|p|, p = w* - cos(theta) w/|w|  (3).

    df/dv needs no estimator. f has a cone at theta = 0 and at pi, and no df/dw there: the vector of zeros that is returned is the
    mean over all directions, the shortest element of the subdifferential.

    Parameters
    ----------
    v, v_star
        Second layers (..., m).
    w, w_star
        Filters (..., n).

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        (..., m) and (..., n).

    Raises
    ------
    TypeError, ValueError
        As :func:`population_loss`.

    Examples
    --------
    >>> dv, dw = ste.loss_gradient([1.0], [1.0, 0.0], [1.0], [0.0, 1.0])
    >>> print(dv.round(4), dw.round(4) + 0.0)
    [0.25] [ 0.     -0.1592]
    """
    p = pair(v, w, v_star, w_star)
    return second_layer(p), filter_gradient(p)


def second_layer(p: Pair) -> Array:
    """(2), (..., m)."""
    d = p.v - p.v_star
    turned = (2.0 / math.pi * p.theta)[..., None] * p.v_star
    return np.asarray(0.25 * (d + np.sum(d, axis=-1, keepdims=True) + turned))


def filter_gradient(p: Pair) -> Array:
    """(3), (..., n)."""
    across = p.across
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    unit = np.divide(across, length, out=np.zeros_like(across), where=length > 0.0)
    return np.asarray(-(p.dot / (2.0 * math.pi * p.norm))[..., None] * unit)


def coarse_gradient(estimator: str, v: Any, w: Any, v_star: Any, w_star: Any) -> Array:
    """E g_mu, g_mu = Z^t (mu'(Z w) . v) (y - y*): what is sent to w in the place of df/dw.

    identity   [|v|^2 w/|w| - (v^t v*) w*] / sqrt(2 pi)                               (5)
    relu       [h w/|w| - (v^t v*) (w/|w| + w*)] / (2 sqrt(2 pi))                     (4)
    clipped    (p0 h / 2) w/|w| - (v^t v*) (Cw w/|w| + Cu u)                          (6)

    with c = 1/|w|, p0 = (1 - exp(-c^2/2)) / sqrt(2 pi), u = p / |p|, E = erf(c / (sqrt(2) sin theta)), Cu = sin(theta) E / (2 sqrt(2 pi)),
    Cw = 1/(2 sqrt(2 pi)) - phi(c) Phi(c cot theta) + cos(theta) E / (2 sqrt(2 pi)). At theta = 0 and pi the limits: (4) as it is written here
    has none to take, in (6) sin(theta) u = p is 0.

    Parameters
    ----------
    estimator
        'identity', 'relu' or 'clipped'.
    v, v_star
        Second layers (..., m).
    w, w_star
        Filters (..., n).

    Returns
    -------
    numpy.ndarray
        (..., n).

    Raises
    ------
    TypeError, ValueError
        As :func:`population_loss`; no such estimator.

    References
    ----------
    Yin, Lyu, Zhang, Osher, Qi, Xin, ICLR 2019, arXiv 1903.05662, for (4) and (5); (6) in this form is our own derivation.

    Examples
    --------
    >>> for estimator in ste.ESTIMATORS:
    ...     print(estimator, ste.coarse_gradient(estimator, [1.0], [1.0, 0.0], [1.0], [0.0, 1.0]).round(4))
    identity [ 0.3989 -0.3989]
    relu [ 0.1995 -0.1995]
    clipped [ 0.0785 -0.1362]
    """
    choice("estimator", estimator, ESTIMATORS)
    return coarse_of(estimator, pair(v, w, v_star, w_star))


def coarse_of(estimator: str, p: Pair) -> Array:
    """(4), (5) or (6), (..., n)."""
    dot = p.dot[..., None]
    if estimator == "identity":
        return np.asarray((np.sum(p.v**2, axis=-1)[..., None] * p.along - dot * p.star) / ROOT)
    if estimator == "relu":
        return np.asarray((p.h[..., None] * p.along - dot * (p.along + p.star)) / (2.0 * ROOT))
    sin, cos = p.sin, p.cos
    c = 1.0 / np.maximum(p.norm, 0.01)  # from c = 40 on phi(c) and 1 - E are 0 in double
    with np.errstate(divide="ignore"):  # theta = 0, pi: erf(inf) = 1, Phi(-+inf) = 0, 1
        E = erf(c / (math.sqrt(2.0) * sin))
        below = 0.5 * erfc(-c * cos / (math.sqrt(2.0) * sin))
    share = -np.expm1(-0.5 * c * c)
    Cw = (1.0 + cos * E) / (2.0 * ROOT) - np.exp(-0.5 * c * c) * below / ROOT
    radial = 0.5 * share * p.h / ROOT - p.dot * Cw
    return np.asarray(radial[..., None] * p.along - dot * (E / (2.0 * ROOT))[..., None] * p.across)


def correlation(estimator: str, v: Any, w: Any, v_star: Any, w_star: Any) -> Array:
    """<E g_mu, df/dw> >= 0, the reason why a coarse gradient can descend  (7).

    relu: sin(theta) (v^t v*)^2 / (2 (2 pi)^(3/2) |w|); identity: twice that; clipped: that of relu times erf(1 / (sqrt(2) |w| sin theta)).

    Parameters
    ----------
    estimator
        'identity', 'relu' or 'clipped'.
    v, v_star
        Second layers (..., m).
    w, w_star
        Filters (..., n).

    Returns
    -------
    numpy.ndarray
        (...).

    Raises
    ------
    TypeError, ValueError
        As :func:`coarse_gradient`.

    Examples
    --------
    >>> at = ([1.0, 2.0], [1.0, 0.0], [1.0, -1.0], [0.6, 0.8])
    >>> g, (_, dw) = ste.coarse_gradient("relu", *at), ste.loss_gradient(*at)
    >>> bool(abs(g @ dw - ste.correlation("relu", *at)) < 1e-15)
    True
    """
    choice("estimator", estimator, ESTIMATORS)
    p = pair(v, w, v_star, w_star)
    relu = p.sin * p.dot**2 / (2.0 * ROOT**3 * p.norm)
    if estimator == "identity":
        return np.asarray(2.0 * relu)
    if estimator == "relu":
        return np.asarray(relu)
    with np.errstate(divide="ignore"):
        return np.asarray(relu * erf(1.0 / (math.sqrt(2.0) * p.norm * p.sin)))
