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


HALF, SIXTH = 1.0 / np.sqrt(2.0), 1.0 / np.sqrt(6.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("act", "p", "depth", "error"),
    [
        (mh.activation("polynomial", coefficients=(0.5, 1.0, 0.25)), (0.5, 1.0, 0.25), 3, 4e-14),
        (mh.activation("polynomial", coefficients=(0.0, 1.0, 0.0, 0.25)), (0, 1, 0, 0.25), 2, 5e-14),
        (mh.activation("polynomial", coefficients=(0.0, 1.0, 0.0, 0.2)), (0, 1, 0, 0.2), 3, 4e-14),
        (mh.activation("polynomial", coefficients=(2.0, -3.0, 0.0, 1.0, 1.0)), (2, -3, 0, 1, 1), 2, 1e-13),
        (mh.activation("hermite", k=1), (0, 1), 3, 2e-15),
        (mh.activation("hermite", k=2), (-HALF, 0, HALF), 3, 4e-14),
        (mh.activation("hermite", k=3), (0, -3 * SIXTH, 0, SIXTH), 3, 1e-12),
    ],
    ids=["quadratic", "cubic", "deep cubic", "quartic", "hermite 1", "hermite 2", "hermite 3"],
)  # fmt: skip
def test_polynomials_are_their_moments(act, p, depth, error, kind):
    """Norms 0.5 to 5: standard deviations up to some 10^3 in the last layer."""
    with mp.workdps(50):
        truth = np.array([[kernel(p, kind, depth, x, y) for y in POINTS] for x in POINTS])
    K = KINDS[kind](act, depth=depth, weight_var=WEIGHT, bias_var=BIAS)(POINTS)
    size = np.sqrt(np.outer(np.diag(truth), np.diag(truth)))
    assert np.max(np.abs(K - truth) / size) < error


@pytest.mark.parametrize("k", [7, 14])
def test_hermite_polynomials_of_high_degree(k):
    """h_k(s z) by the rule of multiplication, against its moments in 80 digits."""
    with mp.workdps(80):
        b = [mpf(0)] * (k + 1)
        for i in range(k // 2 + 1):
            b[k - 2 * i] = (
                (-1) ** i * mp.factorial(k) / (mp.factorial(i) * mp.factorial(k - 2 * i) * 2**i)
            )
        b = [c / mp.sqrt(mp.factorial(k)) for c in b]
        truth = np.array([[kernel(b, "nngp", 1, x, y) for y in POINTS] for x in POINTS])
    K = mh.nngp(mh.activation("hermite", k=k), weight_var=WEIGHT, bias_var=BIAS)(POINTS)
    size = np.sqrt(np.outer(np.diag(truth), np.diag(truth)))
    assert np.max(np.abs(K - truth) / size) < 1e-12


def test_a_near_pair_keeps_the_digits_of_its_difference():
    """lambda_min of two points a ten-thousandth apart, of norms that differ: it is their difference, squared."""
    act, p = mh.activation("polynomial", coefficients=(0.0, 1.0, 0.0, 0.2)), (0, 1, 0, 0.2)
    X = np.array([[0.3, 2.0], [0.3, 2.0 * (1 + 1e-4)], [-1.0, 0.2]])
    with mp.workdps(50):
        truth = mp.matrix([[mpf(0)] * 3] * 3)
        for i in range(3):
            for j in range(3):
                truth[i, j] = exact(p, X[i], X[j])
        least = float(min(mp.eigsy(truth, eigvals_only=True)))
    found = mh.min_eig(X, mh.nngp(act), tol=1e-3)
    assert found.lower <= least * (1 + 1e-9) and least * (1 - 1e-9) <= found.upper
    assert found.resolved and abs(found.value / least - 1.0) < 1e-3


def exact(p, x, y):
    """The nngp kernel of one layer, in the digits of mpmath."""
    x, y = ([mpf(float(t)) for t in z] for z in (x, y))
    return mean(p, mp.fdot(x, x), mp.fdot(y, y), mp.fdot(x, y))


def test_a_range_that_no_table_resolves_is_refused():
    """ELU takes standard deviations apart by a factor of 10^4, not of 10^5."""
    ker = mh.nngp("elu")
    with pytest.raises(ValueError, match=r"layer 1 have standard deviations from .* to .*"):
        ker(np.array([[1e-3, 0.0], [0.0, 1e2]]))


def test_a_polynomial_that_leaves_the_range_of_doubles_is_refused():
    ker = mh.nngp(mh.activation("polynomial", coefficients=(1.0, 1.0, 0.0, 0.2)), depth=5)
    with pytest.raises(ValueError, match=r"layer 5 have standard deviations from .* to .*"):
        ker(10.0 * POINTS)
