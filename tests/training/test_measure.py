"""Quadrature of the decaying loss: exact where theory says so, bounds everywhere, against prescribed spectra."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mehler.training.lanczos import residual_measure
from mehler.training.measure import LONGEST, Measure, Rule
from spectra import with_spectrum

STEPS = np.array([0.0, 1.0, 2.0, 7.0, 50.0, 1000.0, 1e6])


def exact_loss(values, projections, eta, steps, flow):
    """(1/2) sum_i f(lambda_i) (v_i . r)^2 in 40 digits."""
    with mpmath.mp.workdps(40):
        out = []
        for t in steps:
            total = mpmath.mpf(0)
            for x, p in zip(values, projections, strict=True):
                rate = eta * mpmath.mpf(float(x))
                f = mpmath.exp(-2 * rate * t) if flow else (1 - rate) ** (2 * int(t))
                total += f * mpmath.mpf(float(p)) ** 2
            out.append(total / 2)
        return out


def seen(K, r, k, least=0.0):
    """The measure after k products, told of n eps |K|: what eigh, which says the truth, may be off by."""
    return residual_measure(
        lambda v: K @ v, r, max(len(r), 8) * 2.3e-16, k, lambda m: False, lambda k: False, least
    )


@settings(max_examples=40, deadline=None)
@example(99999, 14, 1, 0.060924349846676176, False, 0.0)  # every eigenvalue is 1, but for rounding
@given(
    st.integers(0, 10**6), st.integers(2, 14), st.integers(1, 9),
    st.floats(0.02, 1.98), st.booleans(), st.floats(-9.0, 0.0),
)  # fmt: skip
def test_bounds_hold_for_every_spectrum(seed, n, k, edge, flow, spread):
    """Gauss below, Radau or Lobatto above, at any number of products, step size and spread of the spectrum."""
    rng = np.random.default_rng(seed)
    values = np.sort(10.0 ** rng.uniform(spread, 0.0, n))
    K = with_spectrum(values, seed=seed % 1000)
    values, V = np.linalg.eigh(K)  # of the rounded matrix
    r = rng.standard_normal(n)
    eta = edge / values[-1]
    m = seen(K, r, k)
    m = Measure(
        m.size, m.error, max(m.largest, values[-1]), m.spectrum, m.alpha, m.beta, m.least, k
    )
    lower, upper, floor = m.decay(eta, flow).bounds(STEPS)
    truth = exact_loss(values, V.T @ r, eta, STEPS, flow)
    for a, x, b in zip(lower, truth, upper, strict=True):
        assert a <= x <= b
    assert np.all(floor <= 1.01 * (upper - lower) + 1e-14 * upper + 1e-149 * m.size)
    if k >= n:
        assert np.all(upper - lower <= 1e-8 * m.size)


def test_rules_are_exact_up_to_their_degree():
    """k nodes: degree 2k - 1; a prescribed one more: 2k; two prescribed of k + 1: 2k - 1."""
    rng = np.random.default_rng(3)
    values = np.linspace(0.5, 3.0, 12)
    K, r = with_spectrum(values, seed=2), rng.standard_normal(12)
    values, V = np.linalg.eigh(K)
    weights = (V.T @ r) ** 2
    m = seen(K, r, 4, least=0.25)
    m = Measure(m.size, m.error, 3.5, None, m.alpha, m.beta, 0.25, 4)
    for rule, degree, nodes in ((m.gauss(), 7, []), (m.radau(), 8, [0.25]), (m.lobatto(), 7, [0.25, 3.5])):  # fmt: skip
        assert rule.weights.min() > 0.0
        for node in nodes:
            assert np.min(np.abs(rule.nodes - node)) < 1e-12
        for p in range(degree + 1):
            truth = np.sum(weights * values**p)
            assert np.sum(rule.weights * rule.nodes**p) == pytest.approx(truth, rel=1e-11)
        over = degree + 1
        assert (
            abs(np.sum(rule.weights * rule.nodes**over) / np.sum(weights * values**over) - 1) > 1e-9
        )


def test_a_lower_bound_of_the_spectrum_sharpens_the_upper_bound():
    values = np.geomspace(1e-3, 1.0, 60)
    K = with_spectrum(values, seed=5)
    r = np.random.default_rng(0).standard_normal(60)
    t = np.array([2000.0])
    loose, sharp = (seen(K, r, 25, least).decay(1.0).bounds(t) for least in (0.0, 9.9e-4))
    truth = float(exact_loss(*_pairs(K, r), 1.0, t, False)[0])
    assert sharp[0][0] <= truth <= sharp[1][0] < 0.5 * loose[1][0]


def _pairs(K, r):
    values, V = np.linalg.eigh(K)
    return values, V.T @ r


def test_a_residual_in_an_invariant_subspace_ends_the_recurrence():
    values = np.arange(1.0, 31.0)
    K = with_spectrum(values, seed=7)
    V = np.linalg.eigh(K)[1]
    r = V[:, [2, 11, 29]] @ [1.0, 2.0, 3.0]
    m = seen(K, r, 30)
    assert m.spectrum is not None and m.applications == 3
    assert np.sort(m.spectrum.nodes) == pytest.approx([3.0, 12.0, 30.0])
    assert m.spectrum.weights == pytest.approx([1.0, 4.0, 9.0])


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("target", [3.0, 1e-2, 1e-9])
def test_first_step_below_a_target_is_the_one_that_counting_finds(flow, target):
    nodes, weights = np.array([0.003, 0.1, 1.0]), np.array([2.0, 5.0, 1.0])
    decay = Measure(8.0, 1e-16, 1.0, Rule(nodes, weights)).decay(0.7, flow)
    t = np.arange(20_000)
    curve = Rule(nodes, weights).loss(0.7, t.astype(float), flow)
    found = int(np.argmax(curve <= target))
    assert decay.first_below(target, 0) <= found <= decay.first_below(target, 1)
    assert decay.first_below(target, 1) - decay.first_below(target, 0) <= 1


def test_what_never_decays_is_never_below():
    decay = Measure(2.0, 1e-16, 1.0, Rule(np.array([0.0, 1.0]), np.array([1.0, 1.0]))).decay(1.0)
    assert decay.first_below(0.4, 0) > 1e14  # rounding may hide an eigenvalue of 1e-16
    assert decay.first_below(0.4, 1) == math.inf and decay.first_below(0.6, 1) == 1
    assert LONGEST > 1e18


def test_divergence_is_finite_and_large():
    decay = Measure(2.0, 1e-16, 1.0, Rule(np.array([0.5, 1.0]), np.array([1.0, 1.0]))).decay(2.5)
    lower, upper, _ = decay.bounds(np.array([0.0, 10.0, 1e9]))
    assert np.isfinite(upper[:2]).all() and not np.isnan(lower).any() and not np.isnan(upper).any()
    assert lower[1] <= 0.5 * (1.5**20 + 0.25**20) <= upper[1] and lower[2] > 1e200
