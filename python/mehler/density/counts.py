"""How many of N eigenvalues lie at or below x, from what M Gaussian probes saw: exact laws, no asymptotics.

    F(x) = sum_m |v_m|^2 mu_m(x) / sum_m |v_m|^2 = S_c,      c = c(x) the number of eigenvalues at or below x,
    S_c = (G_1 + ... + G_c) / (G_1 + ... + G_N),             G_i independent, Gamma(M/2)

since (u_i . v_m)^2 are independent chi-squares of one degree. So S_c ~ Beta(M c / 2, M (N - c) / 2), whatever the
matrix, and with p = c / N, s = M N / 2, kl(p, x) = p log(p/x) + (1 - p) log((1 - p)/(1 - x)),

    P(S_c >= x) <= exp(-s kl(p, x)) for x >= p,      P(S_c <= x) <= exp(-s kl(p, x)) for x <= p

(Chernoff's bound of a ratio of Gamma variables, its exponent in closed form). At one x the interval holds the c for
which neither tail is below (1 - level) / 2. For all x at once: bounds of S at some counts c_1 < ... < c_J, each tail
(1 - level) / (2J), are bounds between them too, since S_c grows with c:

    F(x) < bound of S_cj from below  =>  c(x) < c_j,      F(x) > bound from above  =>  c(x) > c_j
"""

from __future__ import annotations

import math

import numpy as np

from .._arrays import Array

MOST_GRID = 400  # counts at which the path is held


def divergence(p: Array, x: Array) -> Array:
    """kl(p, x), of shares in [0, 1]."""
    p, x = np.broadcast_arrays(np.asarray(p, float), np.asarray(x, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(p > 0.0, p * np.log(p / x), 0.0)
        second = np.where(p < 1.0, (1.0 - p) * np.log((1.0 - p) / (1.0 - x)), 0.0)
    return np.asarray(first + second)


def at_points(
    order: int, probes: int, lower: Array, upper: Array, level: float
) -> tuple[Array, Array]:
    """c at each of some x, each with this level: from bounds of F there."""
    depth = math.log(2.0 / (1.0 - level)) / (0.5 * order * probes)
    least = _solve(
        lambda p: divergence(p, lower) > depth, np.zeros_like(lower), lower, rising=False
    )
    most = _solve(lambda p: divergence(p, upper) > depth, upper, np.ones_like(upper), rising=True)
    one, other = np.ceil(order * least - 1e-9), np.floor(order * most + 1e-9)
    return np.minimum(one, other), np.maximum(one, other)  # turned round where no number will do


def at_all(
    order: int, probes: int, lower: Array, upper: Array, level: float
) -> tuple[Array, Array]:
    """c at each of some x, at all x together with this level: from bounds of F there."""
    J = min(MOST_GRID, order - 1)
    if J < 1:
        return np.where(lower > 0.5, order, 0), np.where(upper < 0.5, 0, order)
    counts = np.rint(order * np.sin(0.5 * math.pi * np.arange(1, J + 1) / (J + 1)) ** 2)
    counts = np.unique(np.clip(counts, 1, order - 1))
    p = counts / order
    depth = math.log(2.0 * len(counts) / (1.0 - level)) / (0.5 * order * probes)
    least = _solve(lambda x: divergence(p, x) > depth, np.zeros_like(p), p, rising=False)
    most = _solve(lambda x: divergence(p, x) > depth, p, np.ones_like(p), rising=True)
    above = np.append(counts - 1.0, order)[np.searchsorted(least, upper, side="right")]
    below = np.append(0.0, counts + 1.0)[np.searchsorted(most, lower, side="left")]
    return np.minimum(below, above), np.maximum(below, above)


def _solve(beyond, inner: Array, outer: Array, rising: bool) -> Array:  # type: ignore[no-untyped-def]
    """Where ``beyond`` begins between two ends, the end that errs to the safe side; rising: towards the second."""
    low, high = np.array(inner, float), np.array(outer, float)
    for _ in range(60):
        middle = 0.5 * (low + high)
        out = beyond(middle)
        if rising:
            low, high = np.where(out, low, middle), np.where(out, middle, high)
        else:
            low, high = np.where(out, middle, low), np.where(out, high, middle)
    return high if rising else low
