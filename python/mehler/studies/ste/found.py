"""What the study measures on the population: sampling against formulas, escapes, Gram matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..._arrays import Array
from ...data.generated import generate
from .checked import pair
from .descent import CoarseDescent, descend
from .estimators import ESTIMATORS
from .experiment import Trained
from .grams import cross_gram, surrogate_kernel
from .landscape import Landscape, escape_time, landscape
from .population import coarse_of, loss_of, second_layer
from .sampled import sampled_gradient

M, N = 10, 8  # of the landscape: rows, coordinates
TOTALS = (4, 2, 0)  # 1^t v*; 0 is the control, where the identity is stable
NOISE = 0.05  # of the perturbed starts
STARTS = 20
LONGER = 3.0  # times the predicted escape
LONG_TIME = 20.0  # of the control, and of the perturbed starts: what stays has settled by then
POINTS, DIMENSION = 30, 6


@dataclass(frozen=True)
class Deviation:
    """A formula beside its sampled mean, the entry that is furthest off in standard errors."""

    formula: str
    closed: float
    sampled: float
    error: float
    deviation: float
    entries: int


@dataclass(frozen=True, eq=False)
class Escape:
    """Descent of every estimator with one teacher and step size: from the spurious minimum itself, and from near it."""

    total: int
    step_size: float
    ground: Landscape
    predicted: float
    exact: dict[str, CoarseDescent]
    near: dict[str, CoarseDescent]


@dataclass(frozen=True)
class Smallest:
    """Of one estimator and number of points: ends of the spectrum of both matrices."""

    estimator: str
    n: int
    d: int
    lambda_min: float
    lambda_max: float
    cross_min: float
    cross_max: float
    cross_negative: int

    @property
    def floor(self) -> float:
        """What rounding can hide of the smallest eigenvalue: n eps lambda_max."""
        return self.n * float(np.finfo(float).eps) * self.lambda_max


@dataclass(eq=False)
class Found:
    """What is known so far."""

    draws: int = 0
    deviations: list[Deviation] = field(default_factory=list)
    escapes: list[Escape] = field(default_factory=list)
    smallest: list[Smallest] = field(default_factory=list)
    images: list[Smallest] = field(default_factory=list)
    images_text: str = ""
    trained: list[Trained] = field(default_factory=list)
    missing: str = ""


def deviations(draws: int, seed: int, threads: int | None) -> list[Deviation]:
    """Formulas 1, 2, 4, 5 and 6 against as many draws, m = 5, n = 6."""
    rng = np.random.default_rng([seed, 800])
    v, v_star = rng.standard_normal((2, 5))
    w, w_star = rng.standard_normal((2, 6))
    one = sampled_gradient(v, w, v_star, w_star, draws, threads=threads, rng=rng)
    p = pair(v, w, v_star, w_star)
    rows: list[tuple[str, Any, Any, Any]] = [
        ("loss (1)", loss_of(p), one.loss, one.loss_error),
        ("df/dv (2)", second_layer(p), one.dv, one.dv_error),
    ]
    for estimator, number in zip(ESTIMATORS, (5, 4, 6), strict=True):
        rows.append(
            (f"E g {estimator} ({number})", coarse_of(estimator, p), one.coarse[estimator], one.coarse_error[estimator])
        )  # fmt: skip
    return [furthest(*row) for row in rows]


def furthest(name: str, closed: Any, sampled: Any, error: Any) -> Deviation:
    """The entry with the largest deviation."""
    a, b, e = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (closed, sampled, error))
    off = np.abs(a - b) / e
    k = int(np.argmax(off))
    return Deviation(name, float(a[k]), float(b[k]), float(e[k]), float(off[k]), len(a))


def teacher(total: int) -> Array:
    """v* (m,) of entries 1 and -1 with this sum."""
    ones = (M + total) // 2
    return np.array([1.0] * ones + [-1.0] * (M - ones))


def escape(total: int, step_size: float, seed: int, longer: float = LONGER) -> Escape:
    """Descent from (v_sp, -w*) with |w0| = 1, and from starts near it; all three estimators."""
    v_star = teacher(total)
    ground = landscape(v_star)
    assert ground.spurious is not None  # |1^t v*| <= 4 < sqrt(55)
    predicted = escape_time(1.0, v_star)
    span = longer * predicted if math.isfinite(predicted) else LONG_TIME
    rng = np.random.default_rng([seed, 801, total])
    star = rng.standard_normal(N)
    star /= np.linalg.norm(star)
    v = ground.spurious + NOISE * rng.standard_normal((STARTS, M))
    w = -star + NOISE * rng.standard_normal((STARTS, N))
    w /= np.linalg.norm(w, axis=1)[:, None]

    def run(v: Array, w: Array, time: float) -> dict[str, CoarseDescent]:
        steps = math.ceil(time / step_size)
        return {
            e: descend(e, v, w, v_star, star, step_size=step_size, steps=steps) for e in ESTIMATORS
        }

    exact = run(ground.spurious, -star, span)
    near = run(v, w, max(span, LONG_TIME))
    return Escape(total, step_size, ground, predicted, exact, near)


def smallest(X: Array) -> list[Smallest]:
    """Both matrices of unit points, every estimator."""
    out = []
    for estimator in ESTIMATORS:
        G = np.linalg.eigvalsh(surrogate_kernel(estimator)(X))
        K = cross_gram(estimator, X)
        C = np.linalg.eigvalsh(0.5 * (K + K.T))
        floor = len(X) * float(np.finfo(float).eps) * float(C[-1])
        out.append(
            Smallest(estimator, len(X), X.shape[1], float(G[0]), float(G[-1]), float(C[0]), float(C[-1]), int(np.sum(C < -floor)))
        )  # fmt: skip
    return out


def measured(found: Found, quick: bool, seed: int, threads: int | None, say: Callable[[str], None]) -> None:  # fmt: skip
    """Everything on the population, into ``found``."""
    for total in TOTALS:
        for step_size in (0.05,) if quick else (0.05, 0.01):
            say(f"descent: s = {total}, step size {step_size:g}")
            found.escapes.append(escape(total, step_size, seed))
    for n in (4, 6, 8, POINTS) if quick else (2, 4, 6, 8, 12, 20, POINTS, 60, 120, 240):
        say(f"Gram matrices of {n} points")
        X = generate("sphere-random", n, DIMENSION, rng=np.random.default_rng([seed, 802, n]))
        found.smallest += smallest(X)
    found.draws = 100_000 if quick else 4_000_000
    say(f"sampling: {found.draws:,} draws")
    found.deviations = deviations(found.draws, seed, threads)
