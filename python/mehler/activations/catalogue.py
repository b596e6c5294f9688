"""The catalogue of activations: phi, phi', where they kink, their symmetry, and their source.

One function per activation, decorated with ``@catalogue``; its parameters are the activation's
parameters. Nothing else in the package knows an activation by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .hermite import Array, density, hermite_polynomial
from .lookup import catalogue, positive
from .pieces import exponential_unit, log1pexp, logistic, logistic_slope, spline

erf_ = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])


# -- polynomial pieces --------------------------------------------------------------------------


@catalogue
def relu() -> Mapping[str, Any]:
    return spline([], [(0.0, 1, 1.0)]) | {
        "phi": lambda z: np.maximum(z, 0.0),
        "homogeneity": 1.0,
        "parity": "linear-even",
        "formula": "max(z, 0)",
        "source": "Nair and Hinton 2010",
    }


@catalogue
def leaky_relu(negative_slope: float = 0.01) -> Mapping[str, Any]:
    a = negative_slope
    return spline([0.0, a], [(0.0, 1, 1.0 - a)]) | {
        "phi": lambda z: np.where(z > 0.0, z, a * z),
        "dphi": lambda z: np.where(z > 0.0, 1.0, a),
        "homogeneity": 1.0,
        "parity": "linear-even",
        "formula": "z for z > 0, else negative_slope z",
        "source": "Maas, Hannun and Ng 2013",
    }


@catalogue
def abs_() -> Mapping[str, Any]:
    return spline([0.0, -1.0], [(0.0, 1, 2.0)]) | {
        "phi": np.abs,
        "dphi": np.sign,
        "homogeneity": 1.0,
        "parity": "even",
        "formula": "|z|",
        "source": "classical",
    }


@catalogue
def step() -> Mapping[str, Any]:
    return spline([], [(0.0, 0, 1.0)]) | {
        "homogeneity": 0.0,
        "parity": "constant-odd",
        "formula": "1 for z > 0, else 0",
        "source": "McCulloch and Pitts 1943",
    }


@catalogue
def relu6() -> Mapping[str, Any]:
    return spline([], [(0.0, 1, 1.0), (6.0, 1, -1.0)]) | {
        "phi": lambda z: np.clip(z, 0.0, 6.0),
        "formula": "min(max(z, 0), 6)",
        "source": "Krizhevsky 2010",
    }


@catalogue
def rectified_power(q: int = 2) -> Mapping[str, Any]:
    if not 1 <= q <= 20:
        raise ValueError(f"rectified_power: q must satisfy 1 <= q <= 20; got {q}.")
    return spline([], [(0.0, q, float(math.factorial(q)))]) | {
        "phi": lambda z: np.maximum(z, 0.0) ** q,
        "homogeneity": float(q),
        "parity": "linear-even" if q == 1 else "none",
        "formula": "max(z, 0)^q",
        "source": "Cho and Saul 2009",
    }


@catalogue
def hardtanh() -> Mapping[str, Any]:
    return spline([-1.0], [(-1.0, 1, 1.0), (1.0, 1, -1.0)]) | {
        "phi": lambda z: np.clip(z, -1.0, 1.0),
        "dphi": lambda z: np.where(np.abs(z) < 1.0, 1.0, 0.0),
        "parity": "odd",
        "formula": "min(max(z, -1), 1)",
        "source": "Collobert 2004",
    }


@catalogue
def hardswish() -> Mapping[str, Any]:
    third = 1.0 / 3.0
    jumps = [(-3.0, 1, -0.5), (-3.0, 2, third), (3.0, 1, -0.5), (3.0, 2, -third)]
    return spline([], jumps) | {
        "phi": lambda z: z * np.clip(z + 3.0, 0.0, 6.0) / 6.0,
        "dphi": lambda z: np.where(
            np.abs(z) < 3.0, (2.0 * z + 3.0) / 6.0, np.where(z > 0, 1.0, 0.0)
        ),
        "parity": "linear-even",
        "formula": "z min(max(z + 3, 0), 6) / 6",
        "source": "Howard et al. 2019",
    }


@catalogue
def identity() -> Mapping[str, Any]:
    return spline([0.0, 1.0], []) | {
        "homogeneity": 1.0,
        "parity": "odd",
        "formula": "z",
        "source": "classical",
    }


@catalogue
def polynomial(coefficients: Sequence[float]) -> Mapping[str, Any]:
    c = (coefficients,) if isinstance(coefficients, float) else tuple(coefficients)
    if not c or len(c) > 41:
        raise ValueError(
            f"polynomial: coefficients must hold 1 to 41 numbers, lowest first; got {len(c)}."
        )
    odd, even = any(c[1::2]), any(c[0::2])
    parity = "none" if odd and even else ("odd" if odd else "even")
    if odd and even and not any(c[3::2]):
        parity = "linear-even"
    elif odd and even and not any(c[2::2]):
        parity = "constant-odd"
    used = [m for m, value in enumerate(c) if value]
    return spline(c, []) | {
        "homogeneity": float(used[0]) if len(used) == 1 else None,
        "parity": parity,
        "formula": "sum_m coefficients[m] z^m",
        "source": "classical",
    }


@catalogue
def hermite(k: int) -> Mapping[str, Any]:
    if not 0 <= k <= 100:
        raise ValueError(f"hermite: k must satisfy 0 <= k <= 100; got {k}.")

    def dphi(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        return math.sqrt(k) * hermite_polynomial(k - 1, z) if k else np.zeros_like(z)

    def series(kmax: int, derivative: bool) -> Array:
        mu = np.zeros(kmax + 1)
        degree, size = (k - 1, math.sqrt(k)) if derivative else (k, 1.0)
        if 0 <= degree <= kmax:
            mu[degree] = size
        return mu

    return {
        "phi": lambda z: hermite_polynomial(k, np.asarray(z, dtype=np.float64)),
        "dphi": dphi,
        "series": series,
        "homogeneity": float(k) if k < 2 else None,
        "parity": "odd" if k % 2 else "even",
        "formula": "He_k(z) / sqrt(k!)",
        "source": "Hermite 1864",
    }


# -- an exponential branch below zero -----------------------------------------------------------


@catalogue
def elu(alpha: float = 1.0) -> Mapping[str, Any]:
    return exponential_unit(1.0, alpha, 1.0) | {
        "formula": "z for z > 0, else alpha (exp(z) - 1)",
        "source": "Clevert, Unterthiner and Hochreiter 2016",
    }


@catalogue
def selu() -> Mapping[str, Any]:
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return exponential_unit(scale, alpha, 1.0) | {
        "formula": "1.0507 (z for z > 0, else 1.6733 (exp(z) - 1))",
        "source": "Klambauer et al. 2017",
    }


@catalogue
def celu(alpha: float = 1.0) -> Mapping[str, Any]:
    positive("celu", alpha=alpha)
    return exponential_unit(1.0, alpha, 1.0 / alpha) | {
        "formula": "z for z > 0, else alpha (exp(z / alpha) - 1)",
        "source": "Barron 2017",
    }


@catalogue
def softsign() -> Mapping[str, Any]:
    return {
        "phi": lambda z: z / (1.0 + np.abs(z)),
        "dphi": lambda z: 1.0 / (1.0 + np.abs(z)) ** 2,
        "kinks": (0.0,),
        "parity": "odd",
        "formula": "z / (1 + |z|)",
        "source": "Elliott 1993",
    }


# -- analytic activations -----------------------------------------------------------------------


@catalogue
def gelu() -> Mapping[str, Any]:
    def cdf(z: Array) -> Array:
        return np.asarray(0.5 * erfc(-np.asarray(z) / math.sqrt(2.0)))

    return {
        "phi": lambda z: z * cdf(z),
        "dphi": lambda z: cdf(z) + z * density(np.asarray(z, dtype=np.float64)),
        "parity": "linear-even",
        "formula": "z Phi(z), Phi the normal distribution function",
        "source": "Hendrycks and Gimpel 2016",
    }


@catalogue
def silu(beta: float = 1.0) -> Mapping[str, Any]:
    return {
        "phi": lambda z: z * logistic(beta * np.asarray(z)),
        "dphi": lambda z: (
            logistic(beta * np.asarray(z)) + beta * z * logistic_slope(beta * np.asarray(z))
        ),
        "parity": "linear-even",
        "formula": "z / (1 + exp(-beta z)), also called swish",
        "source": "Elfwing, Uchibe and Doya 2018; Ramachandran, Zoph and Le 2017",
    }


@catalogue
def tanh() -> Mapping[str, Any]:
    return {
        "phi": np.tanh,
        # 1/cosh^2 without overflow: 4 e^{-2|z|} / (1 + e^{-2|z|})^2.
        "dphi": lambda z: 4.0 * logistic_slope(2.0 * np.asarray(z)),
        "parity": "odd",
        "formula": "tanh(z)",
        "source": "classical",
    }


@catalogue
def sigmoid() -> Mapping[str, Any]:
    return {
        "phi": logistic,
        "dphi": logistic_slope,
        "parity": "constant-odd",
        "formula": "1 / (1 + exp(-z))",
        "source": "classical",
    }


@catalogue
def softplus() -> Mapping[str, Any]:
    return {
        "phi": log1pexp,
        "dphi": logistic,
        "parity": "linear-even",
        "formula": "log(1 + exp(z))",
        "source": "Dugas et al. 2001",
    }


@catalogue
def mish() -> Mapping[str, Any]:
    def dphi(z: Array) -> Array:
        t = np.tanh(log1pexp(z))
        return np.asarray(t + z * 4.0 * logistic_slope(2.0 * log1pexp(z)) * logistic(z))

    return {
        "phi": lambda z: z * np.tanh(log1pexp(np.asarray(z))),
        "dphi": lambda z: dphi(np.asarray(z, dtype=np.float64)),
        "formula": "z tanh(log(1 + exp(z)))",
        "source": "Misra 2020",
    }


@catalogue
def arctan() -> Mapping[str, Any]:
    return {
        "phi": np.arctan,
        "dphi": lambda z: 1.0 / (1.0 + np.asarray(z) ** 2),
        "parity": "odd",
        "formula": "arctan(z)",
        "source": "classical",
    }


@catalogue
def erf() -> Mapping[str, Any]:
    return {
        "phi": erf_,
        "dphi": lambda z: 2.0 / math.sqrt(math.pi) * np.exp(-(np.asarray(z) ** 2)),
        "parity": "odd",
        "formula": "erf(z)",
        "source": "classical; Williams 1997 for its kernel",
    }


@catalogue
def sin() -> Mapping[str, Any]:
    return {
        "phi": np.sin,
        "dphi": np.cos,
        "parity": "odd",
        "formula": "sin(z)",
        "source": "Sitzmann et al. 2020",
    }


@catalogue
def cos() -> Mapping[str, Any]:
    return {
        "phi": np.cos,
        "dphi": lambda z: -np.sin(z),
        "parity": "even",
        "formula": "cos(z)",
        "source": "Rahimi and Recht 2007",
    }


@catalogue
def exp() -> Mapping[str, Any]:
    return {"phi": np.exp, "dphi": np.exp, "formula": "exp(z)", "source": "classical"}


@catalogue
def gaussian() -> Mapping[str, Any]:
    return {
        "phi": lambda z: np.exp(-(np.asarray(z) ** 2)),
        "dphi": lambda z: -2.0 * z * np.exp(-(np.asarray(z) ** 2)),
        "parity": "even",
        "formula": "exp(-z^2)",
        "source": "classical",
    }
