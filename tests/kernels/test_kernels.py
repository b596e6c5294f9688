"""Kernels: the catalogue against mpmath, variances, the power series, and the front door."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

import mehler as mh
import reference
from mehler.activations import Activation, activation
from mehler.errors import PrecisionWarning
from mehler.kernels import gradient_kernel, nngp

# The table of 200 cosines is bench/accuracy_table.py; here, the ends and a few between.
POINTS = [(1, 0.0), (1, 1e-14), (1, 3e-6), (1, 0.27), (-1, 0.6), (-1, 1e-3), (-1, 1e-14)]
FEW = {"softsign": [(1, 1e-14), (-1, 0.6)], "arctan": POINTS[1:5]}
BUILD = {"gradient": gradient_kernel, "nngp": nngp}
CASES = [
    (kind, name)
    for name in reference.NAMES
    for kind in BUILD
    # celu(1) is elu(1); the gradient kernel of tanh covers its coefficients
    if (kind, name) != ("gradient", "step") and name != "celu"
]


def build(kind, name, **options):
    return BUILD[kind](activation(name, **reference.PARAMS.get(name, {})), **options)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_catalogue_against_mpmath(kind, name):
    kernel = build(kind, name)
    top = float(kernel.h.ends[0])
    for sign, deficit in FEW.get(name, POINTS):
        exact = reference.kernel(kind, name, sign, deficit)
        gap = abs(float(mpf(float(kernel.h.at(sign, deficit))) - exact))
        assert gap <= min(4e-15 * top, kernel.error), (sign, deficit, gap / top)


def test_celu_of_one_is_elu():
    rho = np.linspace(-1, 1, 33)
    np.testing.assert_allclose(
        gradient_kernel("celu")(rho), gradient_kernel("elu")(rho), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("name", "second_moment"),
    [("relu", 0.5), ("elu", 0.668102), ("selu", 1.071575), ("tanh", 0.464403), ("swish", 0.379482),
     ("gelu", 0.455851), ("softplus", 0.293379)],
)  # fmt: skip
def test_published_second_moments_of_the_derivative(name, second_moment):
    assert gradient_kernel(name)(1.0) == pytest.approx(second_moment, abs=6e-7)


@pytest.mark.parametrize(
    ("name", "second_moment"),
    [("relu", 0.5), ("selu", 1.0), ("elu", 0.644945), ("tanh", 0.394294), ("swish", 0.355776),
     ("gelu", 0.425221), ("softplus", 0.921246)],
)  # fmt: skip
def test_published_second_moments(name, second_moment):
    assert nngp(name)(1.0) == pytest.approx(second_moment, abs=6e-7)


@pytest.mark.parametrize(
    ("name", "n", "low", "high"),
    [
        ("relu", 11, 2.84003e-2, 1.39871),
        ("selu", 11, 2.71057e-2, 5.52621),
        ("elu", 11, 3.93648e-3, 3.24712),
        ("tanh", 11, 9.45634e-5, 2.39112),
        ("swish", 11, 5.28408e-6, 1.375),
        ("relu", 51, 4.94887e-3, 6.37991),
        ("selu", 51, 3.64434e-3, 25.5727),
        ("elu", 51, 1.00944e-5, 15.0546),
    ],
)
def test_extreme_eigenvalues_of_the_circle(name, n, low, high):
    turn = 2 * np.pi * np.arange(n) / n
    angle = turn[:, None] - turn
    cosine = np.cos(angle)
    deficit = np.where(cosine > 0, 2 * np.sin(angle / 2) ** 2, 2 * np.cos(angle / 2) ** 2)
    values = np.linalg.eigvalsh(gradient_kernel(name).h.at(np.sign(cosine), deficit))
    assert values[0] == pytest.approx(low, rel=6e-6)
    assert values[-1] == pytest.approx(high, rel=6e-6)


# -- variances, biases, normalisation ------------------------------------------------------------


def quadrature(f, rho, nodes=220):
    """E[f(u) f(v)] by a Gauss-Hermite product, for smooth f."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = w / w.sum()
    a, b = z[:, None], z[None, :]
    return float(w @ (f(a) * f(rho * a + np.sqrt(1 - rho * rho) * b)) @ w)


@pytest.mark.parametrize("name", ["gelu", "sin", "softplus"])
@pytest.mark.parametrize(("weight", "bias"), [(1.7, 0.0), (0.5, 0.3), (1.0, 1.0)])
def test_variances_follow_the_definition(name, weight, bias):
    act, q = activation(name), weight + bias
    s = np.sqrt(q)
    second = quadrature(lambda z: act(s * z), 0.999999999999)
    for rho in (-0.95, -0.2, 0.0, 0.4, 0.8):
        c = (weight * rho + bias) / q
        value = (weight * rho + bias) * quadrature(lambda z: act.dphi(s * z), c)
        feature = quadrature(lambda z: act(s * z), c)
        options = {"weight_var": weight, "bias_var": bias}
        assert gradient_kernel(act, **options)(rho) == pytest.approx(value, abs=2e-13)
        assert nngp(act, **options)(rho) == pytest.approx(feature, abs=2e-13)
        scaled = nngp(act, normalized=True, **options)(rho)
        assert scaled == pytest.approx(feature / second, rel=1e-9)


@pytest.mark.parametrize("rho", [-1.0, -0.6, 0.0, 0.3, 0.999, 1.0])
def test_relu_with_biases_in_closed_form(rho):
    weight, bias = 0.8, 0.35
    c = (weight * rho + bias) / (weight + bias)
    exact = (weight * rho + bias) * (0.25 + np.arcsin(c) / (2 * np.pi))
    kernel = gradient_kernel("relu", weight_var=weight, bias_var=bias)
    assert kernel(rho) == pytest.approx(exact, abs=2e-15)


def test_relu_scales_with_the_variance():
    rho = np.linspace(-1, 1, 21)
    np.testing.assert_allclose(
        gradient_kernel("relu", weight_var=2.0)(rho), 2.0 * gradient_kernel("relu")(rho), atol=3e-15
    )
    assert nngp("relu", weight_var=3.0, normalized=True)(1.0) == pytest.approx(1.0, abs=1e-15)


# -- power series ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "gelu", "exp", "polynomial", "identity", "hermite"])
@pytest.mark.parametrize("options", [{}, {"weight_var": 0.5, "bias_var": 0.2}])
def test_power_series_sums_to_h(name, options):
    for kind in BUILD:
        kernel = build(kind, name, **options)
        a = kernel.coefficients(300)
        assert np.all(a >= 0.0) and a.shape == (301,)
        for rho in (-0.8, 0.1, 0.7):
            value = np.polynomial.polynomial.polyval(rho, a)
            assert value == pytest.approx(kernel(rho), abs=1e-14 * kernel(1.0))


def test_relu_power_series():
    # rho/4 + rho asin(rho) / (2 pi)
    a = gradient_kernel("relu").coefficients(6)
    exact = [0, 0.25, 1 / (2 * np.pi), 0, 1 / (12 * np.pi), 0, 3 / (80 * np.pi)]
    np.testing.assert_allclose(a, exact, atol=1e-15)


def test_published_tails():
    relu = gradient_kernel("relu").tail(np.array([11, 101, 1001]))
    np.testing.assert_allclose(relu, [0.04044, 0.012709, 0.0040160], rtol=2e-4)
    assert gradient_kernel("elu").tail(1001) == pytest.approx(1.3412e-6, rel=5e-5)
    # The sum of 2,000,000 terms and the rest by the jump rule: 2.010482e-3.
    assert gradient_kernel("selu").tail(1001) == pytest.approx(2.010482e-3, rel=1e-6)


@pytest.mark.parametrize("kind", BUILD)
@pytest.mark.parametrize("name", ["relu", "tanh", "elu", "hardtanh"])
def test_tails_are_lower_bounds_that_fall(kind, name):
    kernel = build(kind, name)
    tails = kernel.tail(np.arange(60))
    assert np.all(np.diff(tails) <= 1e-18) and tails[0] <= kernel(1.0)
    truth = kernel(1.0) - np.concatenate([[0], np.cumsum(kernel.coefficients(58))])
    np.testing.assert_allclose(tails, truth, atol=1e-12)
    assert np.all(tails <= truth + 1e-14)


def test_series_arguments():
    kernel = gradient_kernel("relu")
    with pytest.raises(ValueError, match="kmax must be >= 0; got -1"):
        kernel.coefficients(-1)
    with pytest.raises(ValueError, match="N must hold integers >= 0"):
        kernel.tail(1.5)
    assert kernel.tail(np.zeros(0, dtype=int)).size == 0


# -- the front door ---------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(CASES), st.integers(2, 12), st.integers(1, 6), st.integers(0, 2**31 - 1))
def test_gram_matrices_are_symmetric_and_positive_semidefinite(case, n, d, seed):
    X = np.random.default_rng(seed).standard_normal((n, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    kernel = build(*case)
    K = kernel(X)
    np.testing.assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K)[0] >= -1e-14 * n * kernel(1.0)
    np.testing.assert_allclose(np.diag(K), kernel.diag(X), rtol=1e-13)
    np.testing.assert_allclose(kernel(X, X[:1])[:, 0], K[:, 0], atol=1e-14 * kernel(1.0))


def test_cosines_of_any_small_shape():
    kernel = gradient_kernel("relu")
    assert isinstance(float(kernel(0.5)), float) and np.ndim(kernel(0.5)) == 0
    assert kernel([0.5, -0.5]).shape == (2,) and kernel(np.zeros(0)).shape == (0,)
    assert kernel(1.0 + 1e-13) == kernel(1.0)
    for bad in (1.0 + 1e-9, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"cosines must lie in \[-1, 1\]; found"):
            kernel(bad)


def test_homogeneity_and_diagonal():
    X = np.array([[3.0, 4.0], [0.0, 0.5]])
    np.testing.assert_allclose(gradient_kernel("relu").diag(X), [12.5, 0.125])
    np.testing.assert_allclose(nngp("relu2").diag(X), 1.5 * np.array([5.0, 0.5]) ** 4)
    assert gradient_kernel("relu").homogeneity == 1.0
    assert gradient_kernel("relu", bias_var=0.1).homogeneity is None
    assert gradient_kernel("tanh").homogeneity is None
    z = np.linspace(-12.0, 12.0, 24_001)  # the trapezoidal rule is exact for such functions
    weight = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) * (z[1] - z[0])
    alone = [s * s * float(weight @ np.cosh(s * z) ** -4.0) for s in (5.0, 0.5)]
    np.testing.assert_allclose(gradient_kernel("tanh").diag(X), alone, rtol=1e-12)
    with pytest.raises(ValueError, match="X must be 2-D, one point a row; got shape"):
        gradient_kernel("tanh").diag(X[0])


def test_values_are_equal_hashable_picklable_and_shared():
    kernel = gradient_kernel("elu", weight_var=2.0)
    twin = pickle.loads(pickle.dumps(kernel))
    assert twin == kernel and hash(twin) == hash(kernel) and twin.h is kernel.h
    assert gradient_kernel("swish") == gradient_kernel("silu") != nngp("silu")


def test_repr_says_what_was_compiled():
    text = repr(gradient_kernel("elu", weight_var=2.0))
    assert text.startswith("<gradient_kernel(activation('elu', alpha=1.0), weight_var=2.0): h(1)=")
    assert "sqrt(1-|rho|)" in text and "error" in text
    assert "normalized=True" in repr(nngp("tanh", bias_var=0.5, normalized=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 0}, "depth must satisfy 1 <= depth <= 1000; got 0"),
        ({"weight_var": 0.0}, "weight_var must be positive and finite; got 0.0"),
        ({"bias_var": -1.0}, "bias_var must be >= 0 and finite; got -1.0"),
    ],
)
def test_bad_options(options, words):
    for kernel in BUILD.values():
        with pytest.raises(ValueError, match=words):
            kernel("relu", **options)


def test_the_step_has_a_feature_kernel_only():
    assert nngp("step")(0.0) == pytest.approx(0.25, abs=1e-15)
    with pytest.raises(ValueError, match="delta, not a function: it has no gradient kernel"):
        gradient_kernel("step")


# -- functions of the user --------------------------------------------------------------------------

RHO = np.concatenate([np.linspace(-1, 1, 41), 1 - 10.0 ** -np.arange(1, 15)])


@pytest.mark.parametrize(
    ("f", "kinks", "same"),
    [
        (np.tanh, (), "tanh"),
        (lambda z: np.maximum(z, 0.0), (0.0,), "relu"),
        (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), (0.0,), "elu"),
        (lambda z: np.clip(z, -1.0, 1.0), (-1.0, 1.0), "hardtanh"),
        (lambda z: np.abs(z), (0.0,), "abs"),
    ],
)
def test_functions_with_declared_kinks_reach_the_catalogue(f, kinks, same):
    act = Activation.from_function(f, kinks=kinks)
    for kernel in BUILD.values():
        mine, truth = kernel(act), kernel(same)
        gap = np.max(np.abs(mine(RHO) - truth(RHO)))
        assert gap <= mine.error + truth.error and gap <= 1e-13 * truth(1.0)
        assert mine.error <= 1e-12 * truth(1.0)


def test_a_polynomial_object_is_a_function_too():
    f = np.polynomial.Polynomial([0.0, 1.0, 0.5])
    truth = gradient_kernel(activation("polynomial", coefficients=(0.0, 1.0, 0.5)))
    np.testing.assert_allclose(
        gradient_kernel(Activation.from_function(f))(RHO), truth(RHO), atol=1e-13
    )


def test_an_undeclared_kink_warns_and_the_error_is_honest():
    act = Activation.from_function(lambda z: np.maximum(z, 0.0))
    for kernel in BUILD.values():
        with pytest.warns(PrecisionWarning, match="Declare every kink"):
            mine = kernel(act)
        gap = np.max(np.abs(mine(RHO) - kernel("relu")(RHO)))
        assert 1e-12 < gap <= mine.error < 0.1
        assert f"{mine.error:.1e}" in repr(mine)


@pytest.mark.parametrize("name", ["relu", "abs", "tanh", "gelu"])
@pytest.mark.parametrize("make", [mh.gradient_kernel, mh.nngp])
@pytest.mark.parametrize(("weight", "bias"), [(0.001, 3.0), (0.0099, 1.0), (0.05, 1.0), (1.0, 0.5)])
def test_tails_stay_below_what_is_left_of_h(name, make, weight, bias):
    """T_1 = h(1) - h(0), and T_2 = h(1) - h(0) - h'(0), by differences of the profile."""
    ker = make(name, weight_var=weight, bias_var=bias)
    top, zero = float(ker(1.0)), float(ker(0.0))
    tail = ker.tail(np.arange(3))
    assert tail[1] <= (top - zero) + 1e-14 * top
    t = 1e-3
    slope = (8 * (ker(t) - ker(-t)) - (ker(2 * t) - ker(-2 * t))) / (12 * t)
    assert tail[2] <= (top - zero - float(slope)) + 1e-9 * top
    assert np.all(np.diff(tail) <= 1e-15 * top)


def test_coefficients_that_cannot_be_had_are_said():
    ker = mh.gradient_kernel("relu", weight_var=1e-5, bias_var=4.0)
    with pytest.warns(mh.PrecisionWarning, match="may lack"):
        ker.coefficients(30)
