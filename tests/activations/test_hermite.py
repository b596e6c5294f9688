"""Hermite coefficients: definition, closed recurrences against quadrature, published values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.activations.hermite import (
    coefficients_by_quadrature,
    exponential_branch,
    gauss_legendre,
    hermite_at_point,
    hermite_polynomial,
    monomials,
    normal_cdf,
    truncated_power,
)


def test_gauss_legendre_integrates_polynomials_to_the_last_digit():
    for points in (4, 16, 32):
        x, w = gauss_legendre(points)
        for power in range(2 * points):
            assert w @ x**power == pytest.approx(1.0 / (power + 1), rel=4e-16 * points)


@pytest.mark.parametrize("kinks", [(), (0.3,)])
def test_hermite_polynomials_are_orthonormal(kinks):
    for j in (0, 1, 7, 12):
        mu = coefficients_by_quadrature(lambda z, j=j: hermite_polynomial(j, z), kinks, 14)
        np.testing.assert_allclose(mu, np.eye(15)[j], atol=2e-13)


@pytest.mark.parametrize("c", [0.0, 0.7, -2.5])
def test_values_at_a_point_follow_the_recurrence(c):
    h = hermite_at_point(c, 50)
    k = np.arange(1, 50)
    np.testing.assert_allclose(
        np.sqrt(k + 1) * h[2:], c * h[1:-1] - np.sqrt(k) * h[:-2], atol=1e-14
    )


def test_values_at_zero_are_double_factorials():
    h = hermite_at_point(0.0, 20)
    for k in range(0, 21, 2):
        odds, evens = math.prod(range(k - 1, 0, -2)), math.prod(range(k, 0, -2))
        assert h[k] ** 2 == pytest.approx(odds / evens, rel=1e-14)


@pytest.mark.parametrize("r", range(4))
@pytest.mark.parametrize("c", [-1.3, 0.0, 0.5, 3.0])
def test_truncated_powers_match_quadrature(c, r):
    f = lambda z: np.where(z > c, (z - c) ** r, 0.0) / math.factorial(r)
    quadrature = coefficients_by_quadrature(f, (c,), 300)
    np.testing.assert_allclose(truncated_power(c, r, 300), quadrature, atol=2e-15)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=7))
def test_monomials_match_quadrature(c):
    f = lambda z: np.polynomial.polynomial.polyval(z, c)
    np.testing.assert_allclose(
        monomials(c, 9), coefficients_by_quadrature(f, (), 9), atol=1e-13 * (1 + sum(map(abs, c)))
    )


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (1.6732632, 1.0), (0.5, 2.0), (2.0, 0.5)])
def test_exponential_branch_matches_quadrature(alpha, beta):
    def f(z):
        return np.where(z > 0, 1.0, alpha * beta * np.exp(beta * np.minimum(z, 0.0)))

    quadrature = coefficients_by_quadrature(f, (0.0,), 400)
    np.testing.assert_allclose(exponential_branch(alpha, beta, 400), quadrature, atol=2e-15)


def test_many_coefficients_are_cheap_and_fall_by_the_jump_rule():
    # s^2 (2 pi)^(-3/2) N^(-1/2) / (1/2) for the tail of a jump s = 1, from k = N on.
    mu = truncated_power(0.0, 0, 1_000_000)
    tail = float(np.sum(mu[100_000:] ** 2))
    rule = (2 * math.pi) ** -1.5 * 2 * (100_000**-0.5 - 1_000_000**-0.5)
    assert tail == pytest.approx(rule, rel=1e-4)


def test_normal_cdf_keeps_relative_accuracy_in_the_tail():
    assert normal_cdf(0.0) == 0.5
    assert normal_cdf(-10.0) == pytest.approx(7.619853024160527e-24, rel=1e-13)


MURRAY = {  # percent of sum_p kappa_p in the first T + 1 terms, T = 0..5
    "relu": (43.944, 77.277, 93.192, 93.192, 95.403, 95.403),
    "tanh": (41.362, 91.468, 91.468, 97.487, 97.487, 99.090),
    "sigmoid": (91.557, 99.729, 99.729, 99.977, 99.977, 99.997),
    "gaussian": (95.834, 95.834, 98.729, 98.729, 99.634, 99.634),
}


@pytest.mark.parametrize("name", MURRAY)
def test_murray_et_al_s_table_of_percentages(name):
    """kappa_p of rho D(rho) + V(rho) + 1 - E phi^2: the NTK of one hidden layer, bias variance such that V(1) becomes 1.

    Murray, Jin, Bowman, Montufar, ICLR 2023, as math.md quotes it; half a unit of the last digit.
    """
    act = mh.activation(name)
    if name == "gaussian":  # theirs is the density
        density = lambda z: np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
        act = mh.Activation.from_function(density, name="density")
    ker = mh.ntk(act)
    square = 0.5 if name == "relu" else float(np.sum(act.hermite_series(500) ** 2))  # E phi^2
    fill = 1.0 - square
    shares = 100.0 * (np.cumsum(ker.coefficients(5)[:6]) + fill) / (float(ker.h.ends[0]) + fill)
    np.testing.assert_allclose(shares, MURRAY[name], atol=6e-4)
