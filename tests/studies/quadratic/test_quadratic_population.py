"""Quadratic units: loss, flow and rates of the population (acceptance c1, c2) against Monte Carlo, SciPy and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import mehler as mh
from mehler.studies import quadratic
from mehler.studies.quadratic import population


def pair(d: int, m_star: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A student of 2 d Gaussian units, and a teacher of m*."""
    rng = np.random.default_rng([seed, d, m_star])
    A = quadratic.matrix_of(rng.standard_normal((2 * d, d)))
    return A, quadratic.matrix_of(rng.standard_normal((m_star, d)))


@pytest.mark.parametrize(("d", "m_star"), [(6, 2), (3, 3)])
def test_c1_population_loss_is_the_mean_over_gaussian_samples(d: int, m_star: int):
    """2e6 draws, within 5 standard errors. 20 seeds of each pair: 2.3 at most."""
    A, T = pair(d, m_star)
    rng = np.random.default_rng(1)
    total = squares = 0.0
    for _ in range(10):
        x = rng.standard_normal((200_000, d))
        part = 0.25 * np.sum((x @ (A - T)) * x, axis=1) ** 2
        total += float(np.sum(part))
        squares += float(np.sum(part**2))
    mean = total / 2e6
    error = math.sqrt((squares / 2e6 - mean**2) / 2e6)
    assert error < 0.01 * mean
    assert abs(quadratic.population_loss(A, T) - mean) < 5.0 * error


@pytest.mark.parametrize(("d", "m_star"), [(8, 1), (8, 3), (12, 2)])
def test_c2_loss_falls_like_the_constant_over_t_squared(d: int, m_star: int):
    """E t^2 at t = 256 within 2 % of the formula, at these seeds.

    20 seeds a pair, inside and worst: (8, 1) 19, 3.30 %, from a start whose smallest eigenvalue is 0.017; (8, 3) 20, 0.44 %; (12, 2) 20, 1.26 %.
    """
    A, T = pair(d, m_star)
    flow = quadratic.population_flow(A, T, [128.0, 256.0])
    constant = quadratic.rate_constant(d, m_star)
    assert flow.losses[-1] * 256.0**2 == pytest.approx(constant, rel=0.02)


@pytest.mark.parametrize(("d", "m_star"), [(4, 1), (5, 3)])
def test_c2_what_is_missing_is_the_start_which_is_forgotten_slowly(d: int, m_star: int):
    """Eigenvalues on the null space: std / mean falls like t^(-(m* + 2)/(d + 2)). So c2 has seeds outside of 2 %, and no fixed time."""
    T = np.diag([1.0] * m_star + [0.0] * (d - m_star))
    A = np.diag([1.0] * m_star + list(np.linspace(0.8, 1.2, d - m_star)))
    flow = quadratic.population_flow(A, T, [32.0, 64.0, 128.0])
    null = np.array([np.diag(B)[m_star:] for B in flow.matrices])
    apart = np.std(null, axis=1) / np.mean(null, axis=1)
    np.testing.assert_allclose(np.diff(np.log2(apart)), -(m_star + 2) / (d + 2), rtol=2e-3)


def test_c2_an_isotropic_start_leaves_an_error_of_1_over_t():
    """A = I and a teacher of eigenvalues one: nothing but the time that the teacher's own directions take."""
    flow = quadratic.population_flow(
        np.eye(6), np.diag([1.0, 1.0, 0, 0, 0, 0]), [64.0, 128.0, 256.0]
    )
    off = flow.losses * flow.times**2 / quadratic.rate_constant(6, 2) - 1.0
    assert 0.0 < off[2] < 0.65 * off[1] < 0.65**2 * off[0] < 0.02


def test_flow_of_one_dimension_is_logistic():
    """d = 1: dA/dt = 6 A (A* - A)."""
    times = [0.0, 0.1, 0.5, 2.0]
    for start, teacher in ((0.01, 1.5), (4.0, 0.5)):
        flow = quadratic.population_flow([[start]], [[teacher]], times)
        exact = [teacher / (1.0 + (teacher / start - 1.0) * math.exp(-6.0 * teacher * t)) for t in times]  # fmt: skip
        np.testing.assert_allclose(flow.matrices[:, 0, 0], exact, rtol=1e-8)


def test_flow_to_no_teacher_is_a_hyperbola():
    """A* = 0, A = b I: db/dt = -2 (d + 2) b^2, and so m* = 0 in the formula of the rate."""
    flow = quadratic.population_flow(2.0 * np.eye(4), np.zeros((4, 4)), [0.0, 1.0, 1e3, 1e6])
    b = 2.0 / (1.0 + 2.0 * 12.0 * flow.times)
    np.testing.assert_allclose(flow.matrices, b[:, None, None] * np.eye(4), rtol=1e-7, atol=1e-20)
    limit = flow.losses[-1] * flow.times[-1] ** 2
    assert limit == pytest.approx(quadratic.rate_constant(4, 0), rel=1e-6)


def test_flow_is_scipys():
    A, T = pair(5, 2)
    eye = np.eye(5)

    def velocity(_: float, flat: np.ndarray) -> np.ndarray:
        S = flat.reshape(5, 5)
        K = 2.0 * (T - S) + np.trace(T - S) * eye
        return (S @ K + K @ S).ravel()

    times = [0.05, 1.0, 20.0]
    truth = solve_ivp(velocity, (0.0, 20.0), A.ravel(), "DOP853", times, rtol=1e-12, atol=1e-13).y
    flow = quadratic.population_flow(A, T, times, tol=1e-10)
    np.testing.assert_allclose(flow.matrices.reshape(3, 25), truth.T, atol=1e-7)
    np.testing.assert_array_equal(flow.matrices, np.swapaxes(flow.matrices, 1, 2))
    coarse = quadratic.population_flow(A, T, times, tol=1e-4)
    assert coarse.steps < flow.steps
    np.testing.assert_allclose(
        quadratic.population_velocity(A, T).ravel(), velocity(0.0, A.ravel()), rtol=1e-12
    )


def test_velocity_is_gradient_flow_of_the_weights():
    """dw/dt = -m dE/dw by central differences of the loss, and dA/dt = (W'' W + W' W')/m with it."""
    rng = np.random.default_rng(5)
    W, T = rng.standard_normal((5, 3)), pair(3, 2)[1]
    gradient, h = np.zeros_like(W), 1e-6
    for place in np.ndindex(W.shape):
        at = [0.0, 0.0]
        for k, sign in enumerate((1.0, -1.0)):
            V = W.copy()
            V[place] += sign * h
            at[k] = quadratic.population_loss(quadratic.matrix_of(V), T)
        gradient[place] = (at[0] - at[1]) / (2.0 * h)
    move = -5.0 * gradient
    velocity = (move.T @ W + W.T @ move) / 5.0
    np.testing.assert_allclose(
        velocity, quadratic.population_velocity(quadratic.matrix_of(W), T), atol=1e-7
    )


@pytest.mark.parametrize("values", [(0.3, 0.5, 1.0), (0.3, 3.0, 3.0), (0.7,)])
def test_full_rank_teachers_are_learned_exponentially(values: tuple[float, ...]):
    """Slope of log E over late times; the teacher need not be diagonal."""
    d = len(values)
    Q, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((d, d)))
    T = Q @ np.diag(values) @ Q.T
    rate = quadratic.exponential_rate(T)
    a = sorted(values)
    assert 8.0 * a[0] <= rate + 1e-12
    assert d == 1 or rate <= 4.0 * (a[0] + a[1]) + 1e-12
    times = np.array([10.0, 12.0]) / rate
    E = quadratic.population_flow(1.3 * np.eye(d) + 0.2, T, times, tol=1e-12).losses
    assert math.log(E[0] / E[1]) / (times[1] - times[0]) == pytest.approx(rate, rel=0.01)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 10**6))
def test_loss_is_that_of_the_difference(d: int, m: int, seed: int):
    """Nonnegative, zero at the teacher only, quadratic in D, and blind to rotations."""
    rng = np.random.default_rng(seed)
    A, T = (quadratic.matrix_of(rng.standard_normal((m, d))) for _ in range(2))
    E = quadratic.population_loss(A, T)
    assert E > 0.0 and quadratic.population_loss(T, T) == 0.0
    half = quadratic.population_loss(0.5 * (A + T), T)
    assert half == pytest.approx(0.25 * E, rel=1e-9)
    Q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    turned = quadratic.population_loss(Q @ A @ Q.T, Q @ T @ Q.T)
    assert turned == pytest.approx(E, rel=1e-9)
    zero = quadratic.population_loss(np.zeros((d, d)), T)
    assert quadratic.relative_loss(A, T) == pytest.approx(E / zero)


def test_the_flow_ends_where_steps_do_and_says_so(monkeypatch):
    """At rest the rates still limit the steps, and a tol below rounding rejects most of them: both ran on for ever."""
    A, T = np.diag([1.0, 2.0]), np.eye(2)
    monkeypatch.setattr(population, "MOST_STEPS", 300)
    with pytest.warns(mh.ConvergenceWarning, match=r"300 steps came to t=.*; the times beyond"):
        flow = quadratic.population_flow(A, T, [0.0, 1.0, 1e9])
    assert list(flow.times) == [0.0, 1.0] and flow.matrices.shape == (2, 2, 2)
    assert flow.steps + flow.rejected == 300
    within = quadratic.population_flow(A, T, [0.0, 1.0])
    assert np.array_equal(flow.losses, within.losses)
    with pytest.raises(ValueError, match=r"tol must be at least 1e-15: below, rounding is the"):
        quadratic.population_flow(A, T, [1.0], tol=1e-16)
    for pair in ((1e200 * A, T), (A, 1e200 * T)):
        with pytest.raises(ValueError, match=r"must have entries up to 1e\+70, so that products"):
            quadratic.population_flow(*pair, [1.0])
