"""tr f(B) from what M Gaussian probes saw of B, order N, spectrum within [a, b]: an interval that is proved.

For r(x) = f(x) - s x and the mean rbar of r over the spectrum, Z = sum_m v_m^T (r(B) - rbar) v_m is a sum of
independent centred chi-squares, so that (Laurent and Massart 2000, lemma 1; for coefficients of both signs
Boucheron, Lugosi and Massart 2013, section 2.4), each with probability at least 1 - e^-t,

    Z <= 2 sqrt(M Q t) + 2 t (max r - rbar),     -Z <= 2 sqrt(M Q t) + 2 t (rbar - min r),     Q = sum_i (r_i - rbar)^2
    y = sqrt(M Q) <= sqrt(w t) + sqrt(w t + W),  W = sum_m v_m^T (r(B) - c)^2 v_m,  w = max (r - c)^2

the last from the lower tail of W, for any fixed c. Nothing is estimated and then believed: t = log(3 / (1 - level)).
Slope s and centre c are those of the first probe, by least squares, and the other probes measure: they are independent
of it. The slope helps where the trace is known, from which the mean of s x follows; else it is zero.

Sum over spectrum: v^T f v = |v|^2 int f dmu lies between the Gauss rule and the Gauss-Radau rule with a node at a
(``probes``), for a completely monotone f. Of (r - c)^2 the larger of the two is taken, and their difference added.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._arrays import Array
from .interval import Interval
from .probes import Probes

GRID = 2001  # points for the least of a convex function
NOTHING = Interval(-math.inf, math.nan, math.inf)
Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Within:
    """Where the spectrum of B lies, and what is known of it.

    Attributes
    ----------
    low, high
        a and b; infinite where it is not known.
    slip
        How far an eigenvalue at x may be from one of B, of the same shape as x.
    trace
        tr B; NaN where it is not known.
    """

    low: float
    high: float
    slip: Function
    trace: float


def convex(
    probes: Probes, f: Function, within: Within, level: float, pole: float = -math.inf
) -> Interval:
    """tr f(B) of a completely monotone f, or a polynomial of degree 2 or less (convex), defined above ``pole``."""
    a, b, slip = within.low, within.high, within.slip
    if not (math.isfinite(a) and math.isfinite(b)):
        return NOTHING
    if a - float(slip(np.array([a]))[0]) <= pole:
        return NOTHING
    N, mean_x = probes.order, within.trace / probes.order

    x, w = probes.gauss(0)
    x = np.clip(x, a, b)
    w = w / np.sum(w)
    slope, spread = 0.0, float(w @ (x - w @ x) ** 2)
    if math.isfinite(mean_x) and spread > 0.0:
        slope = float((w * (x - w @ x)) @ f(x)) / spread
    r: Function = lambda z: f(z) - slope * z
    c = float(w @ r(x))
    t = math.log(3.0 / (1.0 - level))

    S = G = H = X = W = 0.0
    for m in range(1, len(probes)):
        (x, w), (z, v) = probes.gauss(m), probes.radau(m, a)
        x, z = np.maximum(x, a), np.maximum(z, a)  # rounding alone takes them below
        S += float(np.sum(w))
        X += float(w @ x)
        one, other = float(w @ f(x)), float(v @ f(z))
        G += min(one, other) - _change(f, x, w, slip, +1.0)
        H += max(one, other) + _change(f, z, v, slip, -1.0)
        one, other = float(w @ (r(x) - c) ** 2), float(v @ (r(z) - c) ** 2)
        W += max(one, other) + abs(one - other)
    lower, upper = (G - slope * X) / S, (H - slope * X) / S

    top = max(float(r(np.array([a]))[0]), float(r(np.array([b]))[0]))  # r is convex
    least = _least(r, a, b, pole)
    widest = max(top - c, c - least) ** 2
    y = math.sqrt(widest * t) + math.sqrt(widest * t + W)
    low, high = least, top
    for _ in range(2):  # the second time with what the first has shown of rbar
        low, high = (
            max(least, lower - (2.0 * y * math.sqrt(t) + 2.0 * t * (top - low)) / S),
            min(top, upper + (2.0 * y * math.sqrt(t) + 2.0 * t * (high - least)) / S),
        )
    back = slope * mean_x if slope else 0.0
    middle = min(max(0.5 * (lower + upper), low), high)
    return Interval(N * (low + back), N * (middle + back), N * (high + back))


def _change(f: Function, x: Array, w: Array, slip: Function, side: float) -> float:
    """How much int f dmu may be off, since eigenvalues may be by ``slip``."""
    return float(w @ np.abs(f(x + side * slip(x)) - f(x)))


def _least(r: Function, a: float, b: float, pole: float) -> float:
    """A lower bound of a convex function on [a, b], close: from its values and the chords beside the least of them."""
    if b <= a:
        return float(r(np.array([a]))[0])
    origin = pole if math.isfinite(pole) else a - 1e-3 * (b - a)
    if not a - origin > 0.0:  # a and b are neighbouring doubles, or nearly
        ends = r(np.array([a, b]))
        return float(2.0 * np.min(ends) - np.max(ends))
    x = origin + np.geomspace(a - origin, b - origin, GRID)
    x[0], x[-1] = a, b
    y = r(x)
    i = int(np.argmin(y))
    around = y[max(i - 1, 0) : i + 2]
    return float(y[i] - (np.max(around) - y[i]))
