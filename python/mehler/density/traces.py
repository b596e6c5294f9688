"""tr f(B) from what M Gaussian probes saw of B, order N, spectrum within [a, b]: an interval that is proved.

For r(x) = f(x) - s x and the mean rbar of r over the spectrum, Z = sum_m v_m^T (r(B) - rbar) v_m is a sum of
independent centred chi-squares, so that (Laurent and Massart 2000, lemma 1; for coefficients of both signs
Boucheron, Lugosi and Massart 2013, section 2.4), each with probability at least 1 - e^-t,

    Z <= 2 sqrt(M Q t) + 2 t (max r - rbar),     -Z <= 2 sqrt(M Q t) + 2 t (rbar - min r),     Q = sum_i (r_i - rbar)^2
    y = sqrt(M Q) <= sqrt(w t) + sqrt(w t + W),  W = sum_m v_m^T (r(B) - c)^2 v_m,  w = max (r - c)^2

the last from the lower tail of W, for any fixed c. Slope s and centre c are those of the first probe, by least squares, and
the other probes measure: they are independent of it. The slope helps where the trace is known, from which the mean of s x
follows; else it is zero.

Eigenvalues slip by rounding and residuals: the lower bound is one of a function below f, the upper one of a function above it
(``functions``), each with its own Z and W, four tails in all: t = log(4 / (1 - level)).

Sums over the spectrum: v^T f v = |v|^2 int f dmu lies between the Gauss rule and the Gauss-Radau rule with a node at a (``probes``).
W needs an upper bound: (r - c)^2 is a sum of bracketed functions, so that the Gauss-Radau rule of it falls short of the integral by no more than
what the two rules differ by for those with a negative coefficient. Nothing is estimated and then believed.
"""

from __future__ import annotations

import math

import numpy as np

from .._arrays import Array
from .functions import UNIT, Function, Slip
from .interval import Interval
from .probes import Probes

ROUNDED = (
    100.0  # roundings of a mean over rules of some hundred nodes, in units of its largest term
)
NOTHING = Interval(-math.inf, math.nan, math.inf)
Rule = tuple[Array, Array]


def interval_of(probes: Probes, f: Function, slip: Slip, trace: float, level: float) -> Interval:
    """The sum of f over eigenvalues that are within ``slip`` of those of B.

    Parameters
    ----------
    probes
        At least two.
    f
        Of what.
    slip
        Eigenvalues of B lie in [slip.low, slip.high].
    trace
        tr B; NaN where it is not known.
    level
        Probability, at least, with which the interval holds.
    """
    a, b = slip.low, slip.high
    if not (math.isfinite(a) and math.isfinite(b)):
        return NOTHING
    below, above = f.between(slip)
    if a <= above.pole:
        return NOTHING
    N, mean_x = probes.order, trace / probes.order
    x, w = _within(probes.gauss(0), a, b)
    w = w / np.sum(w)
    x0, slope = float(w @ x), 0.0
    reach = float(np.max(np.abs(x - x0)))
    if math.isfinite(mean_x) and reach > 0.0:
        u, seen = (x - x0) / reach, f(x)
        slope = float((w * u) @ (seen - float(w @ seen))) / float(w @ u**2) / reach
        # f is convex; where all nodes but lie within rounding, their slope is none
        slope = min(max(slope, f.slope(a)), f.slope(b))
    t = math.log(4.0 / (1.0 - level))
    rules = [
        (_within(probes.gauss(m), a, b), _within(probes.radau(m, a), a, b))
        for m in range(1, len(probes))
    ]

    S = sum(float(np.sum(w)) for (_, w), _ in rules)
    X = sum(float(w @ x) for (x, w), _ in rules)
    G = sum(float(w @ below(x)) for (x, w), _ in rules) - slope * X
    H = sum(float(w @ above(x)) for _, (x, w) in rules) - slope * X
    low, high = _range(below, slope, a, b)[0], _range(above, slope, a, b)[1]
    if S > 2.0 * t:  # else the range is all that is known: few probes in few dimensions
        y, (_, top) = _spread(below, slope, slip, (x, w), rules, t), _range(below, slope, a, b)
        low = max(low, (G - 2.0 * y * math.sqrt(t) - 2.0 * t * top) / (S - 2.0 * t))
        y, (least, _) = _spread(above, slope, slip, (x, w), rules, t), _range(above, slope, a, b)
        high = min(high, (H + 2.0 * y * math.sqrt(t) - 2.0 * t * least) / (S - 2.0 * t))
    back = slope * mean_x if slope else 0.0
    ends = np.array([a, b])
    size = np.abs(f(ends)) + abs(slope) * np.abs(ends)
    for g in (below, above):
        size = size + (g.rounding(ends) + g.moved(ends)) / UNIT
    spare = ROUNDED * UNIT * float(np.max(size))
    low, high = min(low, high) + back - spare, max(low, high) + back + spare
    low = max(low, _range(below, 0.0, a, b)[0] - spare)  # whatever the slope
    high = min(high, _range(above, 0.0, a, b)[1] + spare)
    middle = min(max(0.5 * (G + H) / S + back, low), high)
    return Interval(N * low, N * middle, N * high)


def _within(rule: Rule, a: float, b: float) -> Rule:
    """Rounding alone, which is less than the slip, takes nodes outside."""
    return np.clip(rule[0], a, b), rule[1]


def _range(f: Function, slope: float, a: float, b: float) -> tuple[float, float]:
    """Least and greatest value of r = f - slope x, which is convex, on [a, b]."""
    at = np.array([a, min(max(f.turn(slope), a), b), b])
    r = f(at) - slope * at
    return float(np.min(r)), float(np.max(r))


def _spread(
    f: Function, slope: float, slip: Slip, first: Rule, rules: list[tuple[Rule, Rule]], t: float
) -> float:
    """An upper bound of y, which fails with probability e^-t."""
    a, b = slip.low, slip.high
    x, w = first
    c = float(w @ (f(x) - slope * x))
    low, high = _range(f, slope, a, b)
    widest = max(
        high - c, c - low
    )  # the unit of what follows: squares of squares leave the range of doubles
    if not widest > 0.0:
        return 0.0
    W = 0.0
    parts = [(-weight, phi) for weight, phi in f.parts(slope, c, b) if weight < 0.0]
    for (x, w), (z, v) in rules:
        W += float(v @ ((f(z) - slope * z - c) / widest) ** 2)
        for k, phi in parts:
            W += k / widest * (max(float(v @ phi(z)) - float(w @ phi(x)), 0.0) / widest)
    return widest * (math.sqrt(t) + math.sqrt(t + W))
