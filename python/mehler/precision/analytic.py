"""Activations that are analytic in a strip: formulas for numbers of any kind, and how they grow there.

    |f(x + iy)| <= (A(y) + B(y) |x|) exp(c |x|),   |y| < strip

From these bounds the trapezoidal rule and the truncated series get theirs (``coefficients``). The
formulas are those of the catalogue (``activations``), in exp, log, erf, atan, sin, cos alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..activations import Activation

Formula = Callable[[Any, Any], Any]  # (arithmetic, z) -> f(z)
Growth = Callable[[float], tuple[float, float, float]]  # y -> (A, B, c)


@dataclass(frozen=True)
class Analytic:
    """f with its strip.

    Attributes
    ----------
    f
        (m, z) -> f(z), z a number of the arithmetic m.
    strip
        f is analytic for |Im z| < strip; infinity for entire functions.
    growth
        y -> (A, B, c), for |y| < strip.
    """

    f: Formula
    strip: float
    growth: Growth


def analytic(act: Activation, derivative: bool) -> Analytic | None:
    """phi, or phi', of a smooth activation of the catalogue; None of any other."""
    if act.source == "user" or act.kinks:
        return None
    entry = _TABLE.get(act.name)
    if entry is None:
        return None
    return entry(**dict(act.params))[1 if derivative else 0]


def polynomial(act: Activation, derivative: bool) -> Sequence[Any] | None:
    """Coefficients (lowest first, rational) of phi or phi' and None, or None for what is no polynomial.

    Those of hermite(k) lack the factor 1 / sqrt(k!), see :func:`squared_scale`.
    """
    from fractions import Fraction

    params = dict(act.params)
    if act.source == "user":
        return None
    if act.name == "identity":
        c = [Fraction(0), Fraction(1)]
    elif act.name == "polynomial":
        given = params["coefficients"]
        c = [Fraction(x) for x in (given if isinstance(given, tuple) else (given,))]
    elif act.name == "hermite":
        before, c = [Fraction(0)], [Fraction(1)]
        for k in range(params["k"]):  # He_{k+1} = z He_k - k He_{k-1}
            longer = [Fraction(0), *c]
            for j, b in enumerate(before):
                longer[j] -= k * b
            before, c = c, longer
    else:
        return None
    return [m * x for m, x in enumerate(c)][1:] or [Fraction(0)] if derivative else c


def squared_scale(act: Activation) -> Any:
    """What divides the squares of a polynomial's coefficients: k! for hermite(k)."""
    return math.factorial(dict(act.params)["k"]) if act.name == "hermite" else 1


# -- pieces of the bounds ---------------------------------------------------------------------------


def _tanh_size(y: float) -> float:
    """|tanh(x + iy)|^2 = (sinh^2 x + sin^2 y) / (sinh^2 x + cos^2 y)."""
    return max(1.0, abs(math.tan(y)))


def _sigmoid_size(y: float) -> float:
    """sigmoid(z) = (1 + tanh(z/2)) / 2."""
    return 0.5 * (1.0 + _tanh_size(0.5 * y))


def _sigmoid_slope(y: float) -> float:
    """sigmoid'(z) = 1 / (4 cosh^2(z/2)), |cosh(x + iy)|^2 = cos^2 y + sinh^2 x."""
    return 0.25 / math.cos(0.5 * y) ** 2


def _normal_size(y: float) -> float:
    """|Phi(x + iy)| <= Phi(x) + integral over t in (0, y) of |gamma(x + it)|."""
    return 1.0 + 0.4 * abs(y) * math.exp(0.5 * y * y)


def _sigmoid(m: Any, z: Any) -> Any:
    return 1 / (1 + m.exp(-z))


def _normal(m: Any, z: Any) -> Any:
    return (1 + m.erf(z / m.sqrt(m.number(2)))) / 2


def _tanh_of_softplus(m: Any, z: Any) -> Any:
    square = (1 + m.exp(z)) * (1 + m.exp(z))
    return 1 - 2 / (square + 1)


# -- the table --------------------------------------------------------------------------------------

_Pair = tuple[Analytic, Analytic]


def _tanh() -> _Pair:
    def slope(m: Any, z: Any) -> Any:
        s = _sigmoid(m, 2 * z)
        return 4 * s * (1 - s)

    return (
        Analytic(
            lambda m, z: 2 * _sigmoid(m, 2 * z) - 1,
            math.pi / 2,
            lambda y: (_tanh_size(y), 0.0, 0.0),
        ),
        Analytic(slope, math.pi / 2, lambda y: (1.0 / math.cos(y) ** 2, 0.0, 0.0)),
    )


def _sigmoid_pair() -> _Pair:
    def slope(m: Any, z: Any) -> Any:
        s = _sigmoid(m, z)
        return s * (1 - s)

    return (
        Analytic(_sigmoid, math.pi, lambda y: (_sigmoid_size(y), 0.0, 0.0)),
        Analytic(slope, math.pi, lambda y: (_sigmoid_slope(y), 0.0, 0.0)),
    )


def _softplus() -> _Pair:
    # |softplus(x + iy)| <= |softplus(0)| + |z| sup |sigmoid|
    return (
        Analytic(
            lambda m, z: m.log(1 + m.exp(z)),
            math.pi,
            lambda y: (0.7 + abs(y) * _sigmoid_size(y), _sigmoid_size(y), 0.0),
        ),
        Analytic(_sigmoid, math.pi, lambda y: (_sigmoid_size(y), 0.0, 0.0)),
    )


def _silu(beta: float) -> _Pair:
    b = abs(beta)

    def slope(m: Any, z: Any) -> Any:
        t = m.number(beta) * z
        s = _sigmoid(m, t)
        return s + t * s * (1 - s)

    return (
        Analytic(
            lambda m, z: z * _sigmoid(m, m.number(beta) * z),
            math.pi / b if b else math.inf,
            lambda y: (abs(y) * _sigmoid_size(b * y), _sigmoid_size(b * y), 0.0),
        ),
        Analytic(
            slope,
            math.pi / b if b else math.inf,
            lambda y: (
                _sigmoid_size(b * y) + b * abs(y) * _sigmoid_slope(b * y),
                b * _sigmoid_slope(b * y),
                0.0,
            ),
        ),
    )


def _gelu() -> _Pair:
    def slope(m: Any, z: Any) -> Any:
        return _normal(m, z) + z * m.exp(-z * z / 2) / m.sqrt(2 * m.pi)

    return (
        Analytic(
            lambda m, z: z * _normal(m, z),
            math.inf,
            lambda y: (abs(y) * _normal_size(y), _normal_size(y), 0.0),
        ),
        Analytic(  # |z| |gamma(z)| <= (|y| + |x|) exp(y^2/2 - x^2/2) / sqrt(2 pi), |x| exp(-x^2/2) < 0.61
            slope,
            math.inf,
            lambda y: (
                _normal_size(y) + 0.4 * (abs(y) + 0.61) * math.exp(0.5 * y * y),
                0.0,
                0.0,
            ),
        ),
    )


def _erf() -> _Pair:
    return (
        Analytic(
            lambda m, z: m.erf(z),
            math.inf,
            lambda y: (1.0 + 1.13 * abs(y) * math.exp(y * y), 0.0, 0.0),
        ),
        Analytic(
            lambda m, z: 2 * m.exp(-z * z) / m.sqrt(m.pi),
            math.inf,
            lambda y: (1.13 * math.exp(y * y), 0.0, 0.0),
        ),
    )


def _arctan() -> _Pair:
    # |1 + z^2| = |z - i| |z + i| >= (1 - |y|)(1 + |y|)
    return (
        Analytic(
            lambda m, z: m.atan(z),
            1.0,
            lambda y: (0.5 * math.pi + abs(y) / (1.0 - y * y), 0.0, 0.0),
        ),
        Analytic(lambda m, z: 1 / (1 + z * z), 1.0, lambda y: (1.0 / (1.0 - y * y), 0.0, 0.0)),
    )


def _sine() -> _Pair:
    def growth(y: float) -> tuple[float, float, float]:
        return math.cosh(y), 0.0, 0.0

    return (
        Analytic(lambda m, z: m.sin(z), math.inf, growth),
        Analytic(lambda m, z: m.cos(z), math.inf, growth),
    )


def _cosine() -> _Pair:
    sine, cosine = _sine()
    return cosine, Analytic(lambda m, z: -m.sin(z), math.inf, sine.growth)


def _exponential() -> _Pair:
    both = Analytic(lambda m, z: m.exp(z), math.inf, lambda y: (1.0, 0.0, 1.0))
    return both, both


def _gaussian() -> _Pair:
    return (
        Analytic(lambda m, z: m.exp(-z * z), math.inf, lambda y: (math.exp(y * y), 0.0, 0.0)),
        Analytic(  # |x| exp(-x^2) < 0.43
            lambda m, z: -2 * z * m.exp(-z * z),
            math.inf,
            lambda y: (2.0 * (0.43 + abs(y)) * math.exp(y * y), 0.0, 0.0),
        ),
    )


def _mish() -> _Pair:
    strip = 0.75 * math.pi  # (1 + e^z)^2 = -1 at e^z = -1 +- i

    def size(y: float) -> float:
        # tanh(softplus z) = 1 - 2 / (w - a)(w - conj a), w = e^z on rays of angle |y|, a = -1 + i
        angle = strip - abs(y)
        distance = math.sqrt(2.0) * (math.sin(angle) if angle < 0.5 * math.pi else 1.0)
        return 1.0 + 2.0 / distance**2

    def slope(m: Any, z: Any) -> Any:
        t = _tanh_of_softplus(m, z)
        return t + z * (1 - t * t) * _sigmoid(m, z)

    def growth(y: float) -> tuple[float, float, float]:
        rest = (1.0 + size(y) ** 2) * _sigmoid_size(y)
        return size(y) + abs(y) * rest, rest, 0.0

    return (
        Analytic(
            lambda m, z: z * _tanh_of_softplus(m, z),
            strip,
            lambda y: (abs(y) * size(y), size(y), 0.0),
        ),
        Analytic(slope, strip, growth),
    )


_TABLE: dict[str, Callable[..., _Pair]] = {
    "arctan": _arctan,
    "cos": _cosine,
    "erf": _erf,
    "exp": _exponential,
    "gaussian": _gaussian,
    "gelu": _gelu,
    "mish": _mish,
    "sigmoid": _sigmoid_pair,
    "silu": _silu,
    "sin": _sine,
    "softplus": _softplus,
    "tanh": _tanh,
}
