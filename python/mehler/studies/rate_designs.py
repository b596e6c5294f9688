"""What a rate is measured on: one design a quantity, with the points, the measurement, the law, and what theory expects.

separation  n points on an arc of a circle, delta apart: lambda_min ~ delta^(2r-1) where phi^(r) is the first to jump,
            delta^(2(n-1)) of a smooth activation (flat limit: Barthelme, Usevich, SIAM J. Matrix Anal. Appl. 2021)
n           uniform points on the sphere of d dimensions: the closest pair is delta = n^(-2/(d-1)) apart, hence lambda_min
            ~ n^(-2/(d-1)) when the slope jumps, up to logarithms (Song 2026: >= c delta / sqrt(log n)); else at least
            as steep as n^(-4/(d-1)), and no law is claimed
dimension   the same, d varied: no law is known that would not depend on the range
scale       weights of variance s^2: lambda_min(G) / s^2 ~ s^(2(r-1)); of a smooth activation, a power that grows with n
width       |G_m - G| / |G| ~ m^(-1/2), a mean of m independent matrices
depth       1 - lambda_min of the features of the standardised activation ~ (1 - mu)^L, mu = 1 - alpha_1^2
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays import Array
from ..activations import Activation, activation
from ..bounds.needs import nonlinearity
from ..data.generated import generate
from ..errors import PrecisionWarning
from ..kernels import gradient_kernel
from ..planning.problem import order
from .laws import EXPONENTIAL, POWER
from .standardised import standardised
from .sweep import sweep
from .widths import width_study

Measured = list[tuple[float, str]]  # value, status; NaN where not resolved


@dataclass(frozen=True)
class Setting:
    """How many points, of how many dimensions, how well, with which threads and draws."""

    n: int
    d: int
    tol: float
    threads: int | None
    rng: int


@dataclass(frozen=True)
class Design:
    """One quantity.

    Attributes
    ----------
    xlabel, ylabel, law, towards
        In words; 'power' or 'exponential'; the end where it holds.
    values, whole, least
        Default values of x; whether they are integers; the least.
    n, d, fixed
        Defaults, and whether d is not to be chosen.
    random
        Whether there are seeds.
    measure
        (activation, values, seed, setting) -> one value and status for every x.
    expected
        (activation, setting) -> the exponent of theory, or None.
    """

    xlabel: str
    ylabel: str
    law: str
    towards: str
    values: tuple[float, ...]
    whole: bool
    least: float
    n: int
    d: int
    random: bool
    measure: Callable[[str | Activation, Sequence[float], int, Setting], Measured]
    expected: Callable[[Activation, Setting], float | None]


def jump(act: Activation) -> int | None:
    """r: phi^(r) is the first derivative that jumps; None of a smooth activation."""
    power = order(gradient_kernel(act))
    return round(0.5 * (power + 1.0)) if math.isfinite(power) else None


def arc(n: int, delta: float) -> Array:
    """n points of the unit circle, neighbours delta apart (angle)."""
    angle = delta * (np.arange(n) - 0.5 * (n - 1))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _resolved(rows: Any, factor: float = 1.0) -> Measured:
    return [(r.value * factor if r.status == "resolved" else math.nan, r.status) for r in rows]


def _draw(s: Setting, seed: int, n: int, d: int) -> Array:
    return generate("sphere-random", n, d, rng=np.random.default_rng([s.rng, seed, d]))


def _separation(act: str | Activation, x: Sequence[float], seed: int, s: Setting) -> Measured:
    out: Measured = []
    for delta in x:
        out += _resolved(sweep(arc(s.n, delta), act, tol=s.tol, threads=s.threads).rows)
    return out


def _points(act: str | Activation, x: Sequence[float], seed: int, s: Setting) -> Measured:
    X = _draw(s, seed, int(max(x)), s.d)
    return _resolved(sweep(X, act, n=[int(v) for v in x], tol=s.tol, threads=s.threads).rows)


def _dimension(act: str | Activation, x: Sequence[float], seed: int, s: Setting) -> Measured:
    out: Measured = []
    for d in x:
        out += _resolved(sweep(_draw(s, seed, s.n, int(d)), act, tol=s.tol, threads=s.threads).rows)
    return out


def _scale(act: str | Activation, x: Sequence[float], seed: int, s: Setting) -> Measured:
    X = generate("circle-half", s.n, 2)
    rows = sweep(X, act, scales=[v * v for v in x], tol=s.tol, threads=s.threads).rows
    return [one for v, r in zip(x, rows, strict=True) for one in _resolved([r], 1.0 / (v * v))]


def _width(act: str | Activation, x: Sequence[float], seed: int, s: Setting) -> Measured:
    X = _draw(s, 0, s.n, s.d)
    study = width_study(X, act, [int(v) for v in x], [seed], tol=0.1, threads=s.threads)
    if len(study.rows) < len(x):
        raise KeyboardInterrupt
    return [(r.deviation, "resolved" if r.deviation > 0.0 else "not known") for r in study.rows]


def _depth(act: str | Activation, x: Sequence[float], seed: int, s: Setting) -> Measured:
    f = standardised(activation(act), str(getattr(act, "name", act)))
    X = _draw(s, seed, s.n, s.d)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        rows = sweep(
            X, f, depths=[int(v) for v in x], kernel="nngp", tol=1e-9, threads=s.threads
        ).rows
    known = [r.status == "resolved" and 1.0 - r.value > 1e-6 for r in rows]
    return [(1.0 - r.value if k else math.nan, r.status) for k, r in zip(known, rows, strict=True)]


def _of_separation(act: Activation, s: Setting) -> float | None:
    r, smooth = jump(act), 2.0 * (s.n - 1)
    return smooth if r is None else min(2.0 * r - 1.0, smooth)


def _of_points(act: Activation, s: Setting) -> float | None:
    return -2.0 / (s.d - 1) if jump(act) == 1 else None


def _of_scale(act: Activation, s: Setting) -> float | None:
    r = jump(act)
    return None if r is None else 2.0 * (r - 1)


def _of_depth(act: Activation, s: Setting) -> float | None:
    mu = nonlinearity(act)
    return math.log1p(-mu) if mu is not None and 0.0 < mu < 1.0 else None


def _nothing(act: Activation, s: Setting) -> float | None:
    return None


def _half(act: Activation, s: Setting) -> float | None:
    return -0.5


DESIGNS: dict[str, Design] = {
    "separation": Design(
        "separation delta of n points on an arc", "smallest eigenvalue of G", POWER, "small",
        tuple(0.2 * 2.0**-k for k in range(10)), False, 0.0, 4, 2, False, _separation, _of_separation,
    ),
    "n": Design(
        "number of points n", "smallest eigenvalue of G", POWER, "large",
        (25, 50, 100, 200, 400, 800), True, 2, 0, 3, True, _points, _of_points,
    ),
    "dimension": Design(
        "dimension d' of the points", "smallest eigenvalue of G", POWER, "large",
        (3, 4, 6, 8, 12, 16, 24, 32), True, 2, 100, 0, True, _dimension, _nothing,
    ),
    "scale": Design(
        "initial scale s of the weights", "smallest eigenvalue of G over s^2", POWER, "small",
        tuple(10.0 ** (-0.5 * k) for k in range(8)), False, 0.0, 8, 2, False, _scale, _of_scale,
    ),
    "width": Design(
        "neurons m", "|G_m - G| / |G|", POWER, "large",
        (100, 300, 1_000, 3_000, 10_000, 30_000), True, 1, 40, 5, True, _width, _half,
    ),
    "depth": Design(
        "hidden layers L", "1 - smallest eigenvalue of the standardised features", EXPONENTIAL, "large",
        tuple(range(4, 52, 4)), True, 1, 12, 10, True, _depth, _of_depth,
    ),
}  # fmt: skip
