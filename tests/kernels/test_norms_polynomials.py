"""Polynomial activations between points of unequal norm, against moments of Gaussians in 50 digits."""

from __future__ import annotations

from math import comb, factorial

import numpy as np
import pytest
from mpmath import mp, mpf

import mehler as mh

KINDS = {"nngp": mh.nngp, "gradient": mh.gradient_kernel, "ntk": mh.ntk}
WEIGHT, BIAS = 0.7, 0.1
POINTS = np.array([[0.5, 0.0, 0.0], [0.6, 0.8, 0.0], [-3.0, 0.0, 4.0], [4.0, 0.3, -2.9]])


def moment(i, j, a, b, c):
    """E[u^i v^j], variances a and b, covariance c: k of the u are paired with v's, the rest among themselves (Isserlis)."""
    if (i + j) % 2:
        return mpf(0)
    pairs = lambda m: mp.fac2(m - 1)  # ways to pair m
    return mp.fsum(
        comb(i, k) * comb(j, k) * factorial(k) * c**k
        * pairs(i - k) * a ** ((i - k) // 2) * pairs(j - k) * b ** ((j - k) // 2)
        for k in range(i % 2, min(i, j) + 1, 2)
    )  # fmt: skip


def mean(p, a, b, c):
    """E[p(u) p(v)], coefficients lowest first."""
    terms = [(i, x) for i, x in enumerate(p) if x]
    return mp.fsum(x * y * moment(i, j, a, b, c) for i, x in terms for j, y in terms)


def kernel(p, kind, depth, x, y):
    """K(x, y) by the recursion of the layers."""
    slope = [i * c for i, c in enumerate(p)][1:]
    x, y = ([mpf(float(t)) for t in z] for z in (x, y))
    a, b, S, T, D = mp.fdot(x, x), mp.fdot(y, y), mp.fdot(x, y), None, mpf(0)
    for _ in range(depth):
        a, b, L = WEIGHT * a + BIAS, WEIGHT * b + BIAS, WEIGHT * S + BIAS
        T = L if T is None else WEIGHT * T * D + L
        S, D = mean(p, a, b, L), mean(slope, a, b, L)
        a, b = mean(p, a, a, a), mean(p, b, b, b)
    return float({"nngp": S, "gradient": L * D, "ntk": T * D + S}[kind])


HALF = 1.0 / np.sqrt(2.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("act", "p", "depth", "error"),
    [
        (mh.activation("polynomial", coefficients=(0.5, 1.0, 0.25)), (0.5, 1.0, 0.25), 3, 4e-14),
        (mh.activation("polynomial", coefficients=(0.0, 1.0, 0.0, 0.25)), (0, 1, 0, 0.25), 2, 5e-14),
        (mh.activation("hermite", k=1), (0, 1), 3, 2e-15),
        (mh.activation("hermite", k=2), (-HALF, 0, HALF), 2, 4e-14),
    ],
    ids=["quadratic", "cubic", "hermite 1", "hermite 2"],
)  # fmt: skip
def test_polynomials_are_their_moments(act, p, depth, error, kind):
    """Norms 0.5 to 5: standard deviations up to some 10^3 in the last layer."""
    with mp.workdps(50):
        truth = np.array([[kernel(p, kind, depth, x, y) for y in POINTS] for x in POINTS])
    K = KINDS[kind](act, depth=depth, weight_var=WEIGHT, bias_var=BIAS)(POINTS)
    size = np.sqrt(np.outer(np.diag(truth), np.diag(truth)))
    assert np.max(np.abs(K - truth) / size) < error


def test_a_range_that_no_table_resolves_is_refused():
    """Three layers of a cubic take norms of 0.5 to 5 apart by a factor of 10^5."""
    ker = mh.nngp(mh.activation("polynomial", coefficients=(0.0, 1.0, 0.0, 0.2)), depth=3)
    with pytest.raises(ValueError, match=r"layer 3 have standard deviations from .* to .*"):
        ker(POINTS)
