"""phi and phi' of a slice at once, in place, in single or double precision.

    h = phi(z),   z <- phi'(z)

Common activations share what both need (one exponential), known to a few eps in absolute value; every other one goes
through the float64 functions of the catalogue. Nothing is allocated on the way: s is scratch of the shape of z.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..activations import Activation

Slice = np.ndarray[Any, Any]
Pair = Callable[[Slice, Slice, Slice], None]  # (z, h, scratch)


def pair_of(act: Activation, hidden: bool = True) -> Pair:
    """How to evaluate an activation; without ``hidden``, phi' is not wanted and z is left undefined."""
    parameters = dict(act.params)
    if act.key and act.key[0] == "function":
        return _general(act, hidden)
    make = SHARED.get(act.name)
    return _general(act, hidden) if make is None else make(**parameters)


def _general(act: Activation, hidden: bool) -> Pair:
    slope = act.derivative() if hidden else None

    def pair(z: Slice, h: Slice, s: Slice) -> None:
        wide = z.astype(np.float64, copy=False)
        h[...] = act.phi(wide)
        if slope is not None:
            z[...] = slope(wide)

    return pair


def _relu() -> Pair:
    def pair(z: Slice, h: Slice, s: Slice) -> None:
        np.maximum(z, 0.0, out=h)
        np.greater(z, 0.0, out=z, casting="unsafe")

    return pair


def _leaky(negative_slope: float) -> Pair:
    def pair(z: Slice, h: Slice, s: Slice) -> None:
        np.greater(z, 0.0, out=h, casting="unsafe")
        h *= 1.0 - negative_slope
        h += negative_slope  # the slope
        z *= h
        s[...] = h
        h[...] = z
        z[...] = s

    return pair


def _exponential_unit(scale: float, alpha: float, beta: float) -> Pair:
    at_zero = scale * alpha * beta

    def pair(z: Slice, h: Slice, s: Slice) -> None:
        e = np.minimum(z, 0.0, out=s)
        if beta != 1.0:
            e *= beta
        np.exp(e, out=e)  # 1 for z > 0
        np.maximum(z, 0.0, out=h)
        if scale != at_zero:
            np.greater(z, 0.0, out=z, casting="unsafe")
            z *= scale - at_zero
        if scale != 1.0:
            h *= scale
        if scale * alpha != 1.0:
            e *= scale * alpha
        h += e
        h -= scale * alpha
        if beta != 1.0:
            e *= beta
        if scale != at_zero:
            z += e
        else:
            z[...] = e

    return pair


def _logistic(z: Slice, beta: float, s: Slice) -> Slice:
    """s = 1 / (1 + exp(-beta z))."""
    np.multiply(z, -beta, out=s)
    np.exp(s, out=s)
    s += 1.0
    return np.divide(1.0, s, out=s)


def _tanh() -> Pair:
    def pair(z: Slice, h: Slice, s: Slice) -> None:
        _logistic(z, -2.0, s)  # tanh = 1 - 2 s, tanh' = 4 s (1 - s)
        np.multiply(s, -2.0, out=h)
        h += 1.0
        np.subtract(1.0, s, out=z)
        z *= s
        z *= 4.0

    return pair


def _silu(beta: float) -> Pair:
    def pair(z: Slice, h: Slice, s: Slice) -> None:
        _logistic(z, beta, s)
        np.multiply(z, s, out=h)
        np.subtract(1.0, s, out=z)
        z *= h
        if beta != 1.0:
            z *= beta
        z += s

    return pair


def _sigmoid() -> Pair:
    def pair(z: Slice, h: Slice, s: Slice) -> None:
        _logistic(z, 1.0, h)
        np.subtract(1.0, h, out=z)
        z *= h

    return pair


def _softplus() -> Pair:
    def pair(z: Slice, h: Slice, s: Slice) -> None:
        np.abs(z, out=h)
        np.negative(h, out=h)
        np.exp(h, out=h)
        np.log1p(h, out=h)
        h += np.maximum(z, 0.0, out=s)
        _logistic(z, 1.0, s)
        z[...] = s

    return pair


def _erf_like(name: str) -> Callable[..., Pair]:
    def make() -> Pair:
        try:
            from scipy.special import erf, ndtr
        except ImportError:  # pragma: no cover - a slow way round
            from ..activations import activation

            return _general(activation(name), True)
        if name == "erf":

            def of_erf(z: Slice, h: Slice, s: Slice) -> None:
                erf(z, out=h)
                z *= z
                np.negative(z, out=z)
                np.exp(z, out=z)
                z *= 2.0 / np.sqrt(np.pi).item()

            return of_erf

        def of_gelu(z: Slice, h: Slice, s: Slice) -> None:
            p = ndtr(z, out=s)
            np.multiply(z, z, out=h)
            h *= -0.5
            np.exp(h, out=h)
            h *= (0.5 / np.pi) ** 0.5
            h *= z
            h += p  # the slope
            z *= p
            s[...] = z
            z[...] = h
            h[...] = s

        return of_gelu

    return make


SHARED: dict[str, Callable[..., Pair]] = {
    "relu": _relu,
    "leaky_relu": _leaky,
    "elu": lambda alpha: _exponential_unit(1.0, alpha, 1.0),
    "selu": lambda: _exponential_unit(1.0507009873554804934, 1.6732632423543772848, 1.0),
    "celu": lambda alpha: _exponential_unit(1.0, alpha, 1.0 / alpha),
    "tanh": _tanh,
    "silu": _silu,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "gelu": _erf_like("gelu"),
    "erf": _erf_like("erf"),
}
