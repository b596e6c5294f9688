"""Gauss-Newton on two layers, B1 to B3: sketches and products. Truth: dense linear algebra, finite differences."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jacobians import jacobian
from scipy.linalg import hadamard

import mehler as mh
from mehler.studies import gauss_newton as gn
from mehler.studies.gauss_newton.plan import iterations

# -- B1: the transform and its sketches ------------------------------------------------------------


@pytest.mark.parametrize("N", [1, 2, 8, 1024, 1 << 14, 1 << 15, 1 << 17])
def test_b1_the_transform_twice_is_n_times_x(N):
    """To 1e-12; the worst of 24 seeds and lengths from 8 to 2^17 was 2e-15."""
    x = np.random.default_rng(N).standard_normal((2, N))
    y = gn.walsh_hadamard(x)
    assert np.max(np.abs(gn.walsh_hadamard(y) - N * x)) <= 1e-12 * N
    assert np.array_equal(gn.walsh_hadamard(x, threads=2), gn.walsh_hadamard(x, threads=1))
    assert np.array_equal(gn.walsh_hadamard(x[0]), y[0])


@given(k=st.integers(0, 9), seed=st.integers(0, 100))
@settings(max_examples=15, deadline=None)
def test_b1_the_transform_is_the_matrix(k, seed):
    x = np.random.default_rng(seed).standard_normal(2**k)
    assert np.allclose(gn.walsh_hadamard(x), hadamard(2**k) @ x, rtol=0, atol=1e-13 * 2**k)
    assert np.array_equal(gn.walsh_hadamard(np.arange(2**k)), hadamard(2**k) @ np.arange(2**k))


def test_b1_sketches_keep_norms_in_the_mean():
    """Within 2 % over 200 seeds; the worst of 24 such means was 1.5 % (TensorSRHT), 0.6 % (SRHT)."""
    J = jacobian()
    full, size = J.explicit(), np.sum(J.explicit() ** 2)
    rows = np.random.default_rng(0).standard_normal((8, 300))
    kept = {"rows": [], "srht": [], "tensor": []}
    for seed in range(200):
        kept["rows"].append(np.sum(gn.srht(rows, 64, seed) ** 2) / np.sum(rows**2))
        for kind in ("srht", "tensor"):
            kept[kind].append(np.sum(gn.sketch(J, 64, kind, seed) ** 2) / size)
    for name, found in kept.items():
        assert np.mean(found) == pytest.approx(1.0, abs=0.02), name
    whole = gn.srht(full, gn.padded(full.shape[1]), 3)  # every coordinate: an isometry
    assert np.allclose(whole @ whole.T, J.gram(), atol=1e-12)
    for kind, every in (
        ("srht", gn.padded(J.m * J.d)),
        ("tensor", gn.padded(J.m) * gn.padded(J.d)),
    ):
        S = gn.sketch(J, every, kind, 3)
        assert np.allclose(S @ S.T, J.gram(), atol=1e-12)


def test_b1_a_sketch_never_forms_what_it_sketches_and_is_the_same():
    J = jacobian()
    assert np.array_equal(gn.sketch(J, 50, "srht", 7), gn.srht(J.explicit(), 50, 7))
    for kind in ("srht", "tensor"):
        one, two = (gn.sketch(J, 50, kind, 7, threads=t) for t in (1, 2))
        assert np.array_equal(one, two)
        assert not np.array_equal(one, gn.sketch(J, 50, kind, 8))


# -- B2: what a sketch leaves ----------------------------------------------------------------------


def _near(distance, seed, n=128, d=10, m=2048):
    rng = np.random.default_rng([seed, 77])
    X = gn.near_pairs(n, d, distance, rng)
    _, J = gn.TwoLayer.drawn(m, d, rng).evaluate(X)
    return J, rng.standard_normal(n)


@pytest.mark.parametrize("kind", ["srht", "tensor"])
def test_b2_the_condition_number_left_does_not_know_that_of_the_matrix(kind):
    """[6, 13] at s = 4 n, [3.3, 6] at 8 n, kappa(G) from 1e2 to 4e8.

    Over 24 seeds: 7.68 to 10.0 at 4 n, 3.93 to 4.82 at 8 n, at most 37 iterations to 1e-8.
    """
    seen = []
    for distance in (0.5, 0.05, 5e-4):
        J, r = _near(distance, 1)
        G = J.gram()
        seen.append(np.linalg.cond(J.explicit()) ** 2)
        for ratio, low, high in ((4, 6.0, 13.0), (8, 3.3, 6.0)):
            P = gn.Preconditioner.of(gn.sketch(J, ratio * J.n, kind, 5))
            values = P.spectrum(G)
            assert low <= values[-1] / values[0] <= high, (distance, ratio)
            r1 = mh.solve(J.normal(), r, preconditioner=P)
            assert r1.resolved
            assert r1.iterations <= 45
    assert min(seen) < 3e2
    assert max(seen) > 3e7


def test_b2_plain_conjugate_gradients_pay_for_the_condition_number():
    """At least 150 to 1e-8 at kappa 2e3 and n = 256, against at most 45 with a sketch.

    Over 24 seeds (kappa 1.8e3 to 3.3e3): 175 to 209 without, at most 29 with.
    """
    J, r = _near(0.05, 3, n=256)
    condition = np.linalg.cond(J.explicit()) ** 2
    assert 1e3 < condition < 4e3
    plain = mh.solve(J.normal(), r, preconditioner=None)
    P = gn.Preconditioner.of(gn.sketch(J, 4 * J.n, "tensor", 0))
    better = mh.solve(J.normal(), r, preconditioner=P)
    assert plain.resolved
    assert better.resolved
    assert plain.iterations >= 150
    assert better.iterations <= 45


def test_b2_where_double_precision_ends_the_true_residual_is_said():
    """kappa(G) above 1e12: eps |G| |g| / |r| is some 1e-5, and so is the residual, which is that of dense products.

    Over 24 seeds the residual was at most .26 of that floor, and differed from the dense one by at most .07 of it.
    """
    J, r = _near(1e-5, 2)
    P = gn.Preconditioner.of(gn.sketch(J, 4 * J.n, "tensor", 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        found = mh.solve(J.normal(), r, preconditioner=P, tol=1e-12)
    assert found.status == "rounding-limited"
    full = J.explicit()
    true = np.linalg.norm(r - full @ (full.T @ found.x)) / np.linalg.norm(r)
    assert found.residual == pytest.approx(true, abs=0.2 * found.floor)
    assert 1e-12 < found.residual <= found.floor
    assert found.iterations < 200


def test_b2_unit_steps_diverge_below_39_5_n_and_converge_above():
    """Over 24 seeds: none converged at 4 n and 16 n, 16 at 39 n, 20 at 45 n, all at 60 n and 100 n."""
    rng = np.random.default_rng(0)
    _, J = gn.TwoLayer.drawn(2048, 8, rng).evaluate(gn.separated(64, 8, rng))
    r = rng.standard_normal(64)
    for ratio in (4, 16):
        g, sizes = gn.unit_step(
            J, r, gn.Preconditioner.of(gn.sketch(J, ratio * 64, "tensor", 1)), 1e-8
        )
        assert sizes[-1] > 1e5
    g, sizes = gn.unit_step(J, r, gn.Preconditioner.of(gn.sketch(J, 100 * 64, "tensor", 1)), 1e-8)
    assert sizes[-1] <= 1e-8
    assert np.linalg.norm(J.gram() @ g - r) <= 1e-6 * np.linalg.norm(r)
    assert gn.UNIT_STEP_FROM == pytest.approx(39.5, abs=0.05)
    q = gn.UNIT_STEP_FROM**-0.5
    assert (1.0 - q) ** -4 == pytest.approx(2.0)


def test_b2_expected_condition_and_iterations():
    assert [round(gn.expected_condition(s), 2) for s in (2, 4, 8, 16, 40)] == [
        33.97,
        9.0,
        4.38,
        2.78,
        1.89,
    ]
    assert iterations(4.0, 1e-8) == 28


# -- B3: products without J ------------------------------------------------------------------------


@given(n=st.integers(1, 12), d=st.integers(1, 7), m=st.integers(1, 30), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_b3_structured_products_are_those_of_the_explicitjacobian(n, d, m, seed):
    """To 1e-12; the worst of 1,000 random ones was 6e-16."""
    rng = np.random.default_rng(seed)
    J = gn.Jacobian(rng.standard_normal((n, m)), rng.standard_normal((n, d)))
    full, p, V = J.explicit(), rng.standard_normal(n), rng.standard_normal((m, d))
    size = 1.0 + np.linalg.norm(full)
    assert np.max(np.abs(J.transposed(p).reshape(-1) - full.T @ p)) <= 1e-12 * size
    assert np.max(np.abs(J.times(V) - full @ V.reshape(-1))) <= 1e-12 * size * (
        1 + np.linalg.norm(V)
    )
    assert np.max(np.abs(J.gram() - full @ full.T)) <= 1e-12 * size**2
    assert np.max(np.abs(J.normal() @ p - full @ (full.T @ p))) <= 1e-12 * size**2 * (
        1 + np.linalg.norm(p)
    )
    textbook = ((J.A * p[:, None]).T @ J.X, np.sum((J.X @ V.T) * J.A, axis=1))
    assert np.allclose(J.transposed(p), textbook[0], atol=1e-12 * size)
    assert np.allclose(J.times(V), textbook[1], atol=1e-12 * size * (1 + np.linalg.norm(V)))


def test_b3_the_jacobian_is_the_derivative_of_the_network():
    """By central differences of f, which is linear between kinks: no truncation error."""
    rng = np.random.default_rng(3)
    net, X = gn.TwoLayer.drawn(15, 4, rng), gn.separated(6, 4, rng)
    f, J = net.evaluate(X)
    assert np.allclose(f, net(X), atol=1e-14)
    V = rng.standard_normal(net.W.shape)
    h = 1e-7
    slope = (net.moved(-h * V)(X) - net.moved(h * V)(X)) / (2.0 * h)
    assert np.allclose(J.times(V), slope, atol=1e-7)


def test_b3_the_gram_matrix_goes_to_the_gradient_kernel():
    """J J' -> (x.x')(pi - arccos)/(2 pi) like m^(-1/2): here 2e5 neurons, 5 standard errors of an entry."""
    X = gn.separated(8, 3, 0)
    G = np.mean([gn.TwoLayer.drawn(20_000, 3, s).evaluate(X)[1].gram() for s in range(10)], axis=0)
    assert np.max(np.abs(G - mh.gradient_kernel("relu")(X))) <= 5 * 0.5 / np.sqrt(2e5)
