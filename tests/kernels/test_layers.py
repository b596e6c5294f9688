"""Kernels of several layers against the recursion in mpmath, against themselves, and at their limits."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import deep_reference as deep
import mehler as mh
from mehler.kernels.layers import network

MAKE = {"gradient": mh.gradient_kernel, "nngp": mh.nngp, "ntk": mh.ntk}
# (sign, 1 - |rho|): the ends, next to them, between
COSINES = [
    (1, 0),
    (1, 1e-14),
    (1, 1e-7),
    (1, 0.04),
    (1, 0.7),
    (-1, 0.85),
    (-1, 0.2),
    (-1, 1e-9),
    (-1, 0),
]
VARIANCES = {
    "default": {},
    "large": {"weight_var": 2.0},
    "biased": {"weight_var": 0.7, "bias_var": 0.3},
}


def act(name):
    if name == "polynomial":
        return mh.activation(name, coefficients=(1.0, 2.0, 0.5, -0.75))
    return mh.activation(name)


def truth(kind, duals, sign, deficit, options):
    names = {"weight_var": "weight", "bias_var": "bias", "normalized": "normalized"}
    with mp.workdps(deep.DIGITS):
        rho = sign * (1 - mpf(deficit))
        return deep.deep(kind, duals, rho, **{names[k]: v for k, v in options.items()})


def check(kernel, kind, duals, options, cosines=COSINES, relative=1e-10):
    """Within kernel.error everywhere; relative to the value off the diagonal; h(1) to 1e-13, its drop to 1e-7."""
    top = truth(kind, duals, 1, 0, options)
    assert abs(float(kernel.h.ends[0] / top - 1)) <= 1e-13
    for sign, deficit in cosines:
        exact = truth(kind, duals, sign, deficit, options)
        gap = abs(float(mpf(float(kernel.h.at(sign, deficit))) - exact))
        assert gap <= min(kernel.error, 1e-12 * float(top)), (sign, deficit, gap, kernel.error)
        if abs(exact) > 1e-3 * top:
            assert gap <= relative * abs(exact)
        if sign > 0 and 0 < deficit < 1e-3:  # a near pair decides by h(1) - h
            drop = float(top - exact)
            # the table is x times a polynomial known to rounding, x = sqrt(deficit)
            slack = 1e-7 * drop + 1e-15 * float(top) * deficit**0.5
            assert abs(float(kernel.h.drop(deficit)) - drop) <= slack


# -- closed forms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("depth", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("variances", VARIANCES)
def test_relu_and_erf_against_the_recursion(kind, depth, variances):
    options = VARIANCES[variances]
    for name in ("relu", "erf"):
        kernel = MAKE[kind](name, depth=depth, **options)
        check(kernel, kind, [deep.CLOSED[name]] * depth, options)


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize(
    "name", ["leaky_relu", "abs", "identity", "sin", "cos", "gaussian", "polynomial"]
)
def test_closed_forms_at_depth_three(kind, name):
    for options in ({}, {"weight_var": 0.7, "bias_var": 0.3, "normalized": True}):
        kernel = MAKE[kind](act(name), depth=3, **options)
        check(kernel, kind, [deep.CLOSED[name]] * 3, options)


@pytest.mark.parametrize("kind", MAKE)
def test_exp_at_depth_two(kind):
    check(MAKE[kind]("exp", depth=2), kind, [deep.CLOSED["exp"]] * 2, {})


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize(
    "names", [("relu", "erf"), ("erf", "relu", "sin"), ("identity", "abs"), ("cos", "erf")]
)
def test_layers_that_differ(kind, names):
    for options in ({}, {"weight_var": 1.3, "bias_var": 0.2}):
        kernel = MAKE[kind](list(names), **options)
        assert kernel.depth == len(names) and kernel.name == ", ".join(names)
        check(kernel, kind, [deep.CLOSED[n] for n in names], options)


@pytest.mark.parametrize("name", ["tanh", "silu", "elu", "selu"])
def test_two_layers_by_quadrature(name):
    """tanh and SiLU by a product rule in the plane, ELU and SELU by conditional moments: 25 digits."""
    duals = [deep.by_quadrature(name)] * 2
    cosines = [(1, 0.4), (-1, 0.3)] if name in ("tanh", "silu") else [(-1, 0.3)]
    for kind, make in MAKE.items():
        if kind != "ntk":  # ntk is made of the same integrals
            kernel = make(name, depth=2)
            for sign, deficit in cosines:
                exact = truth(kind, duals, sign, deficit, {})
                gap = abs(float(mpf(float(kernel.h.at(sign, deficit))) - exact))
                assert gap <= kernel.error and gap <= 1e-12 * abs(exact), (kind, sign, deficit)


# -- laws -------------------------------------------------------------------------------------------

NAMES = ["relu", "tanh", "gelu", "erf", "elu", "softplus", "abs", "sin", "sigmoid"]
RHO = np.concatenate([np.linspace(-1, 1, 33), 1 - 10.0 ** -np.arange(2, 15)])


@pytest.mark.parametrize("name", NAMES)
def test_one_layer_is_what_it_was(name):
    """Depth 1 by its two names; ntk = gradient + nngp; the network that makes depth makes one layer too."""
    for kind in ("gradient", "nngp"):
        one = MAKE[kind](name)
        assert MAKE[kind](name, depth=1) == one == MAKE[kind]([name])
        made = network(kind, one.layers, 1.0, 0.0, False)
        plus, minus = made.drops(1.0 - np.abs(RHO))
        again = np.where(RHO >= 0, made.ends[0] - (plus + minus), made.ends[1] - (plus - minus))
        assert np.max(np.abs(again - one(RHO))) <= made.error + one.error
    both = mh.gradient_kernel(name)(RHO) + mh.nngp(name)(RHO)
    np.testing.assert_allclose(mh.ntk(name)(RHO), both, rtol=0, atol=2e-14 * both.max())


@pytest.mark.parametrize("name", ["relu", "tanh", "selu"])
@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 1), (2, 3)])
def test_normalized_layers_compose(name, a, b):
    """nngp_{a+b} = nngp_b o nngp_a: normalized and without bias, every layer is the same map."""
    first, second, both = (mh.nngp(name, depth=n, normalized=True) for n in (a, b, a + b))
    np.testing.assert_allclose(second(np.clip(first(RHO), -1, 1)), both(RHO), atol=3e-8, rtol=0)
    inner = (
        np.abs(RHO) < 0.999
    )  # at the ends the composition of rounded values loses half of its digits
    np.testing.assert_allclose(second(first(RHO[inner])), both(RHO[inner]), atol=1e-13, rtol=0)


@pytest.mark.parametrize("name", ["tanh", "gelu", "sin"])
def test_gradient_is_the_slope_of_nngp(name):
    """d S_L / d L_L = D_L, by central differences of the last layer's dual at its variance."""
    w, b = 1.3, 0.2
    inner = mh.nngp(name, depth=2, weight_var=w, bias_var=b)
    q = w * inner(1.0) + b
    outer = mh.nngp(
        name, weight_var=q
    )  # E phi(u) phi(v) at variance q, as a function of the correlation
    last = mh.gradient_kernel(name, depth=3, weight_var=w, bias_var=b)
    step = 1e-3
    for rho in (-0.6, 0.1, 0.5):
        cov = w * float(inner(rho)) + b
        c = cov / q
        near = [float(outer(c + k * step)) for k in (-2, -1, 1, 2)]
        slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step) / q
        assert float(last(rho)) == pytest.approx(cov * slope, rel=1e-10)


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(sorted(MAKE)),
    names=st.lists(
        st.sampled_from(["relu", "tanh", "gelu", "erf", "abs", "identity", "sin"]),
        min_size=1,
        max_size=4,
    ),
    weight=st.sampled_from([0.5, 1.0, 2.0]),
    bias=st.sampled_from([0.0, 0.1, 1.0]),
    normalized=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
)
@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")  # kernel.error is part of every law
def test_laws_of_any_network(kind, names, weight, bias, normalized, seed):
    kernel = MAKE[kind](names, weight_var=weight, bias_var=bias, normalized=normalized)
    top = kernel(1.0)
    X = np.random.default_rng(seed).standard_normal((9, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    K = kernel(X)
    np.testing.assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K)[0] >= -9 * (1e-13 * top + kernel.error)
    h = kernel(np.linspace(0.0, 1.0, 200))
    assert np.all(np.diff(h) >= -2 * kernel.error) and np.all(
        h >= -kernel.error
    )  # coefficients >= 0
    assert np.all(
        np.abs(kernel(np.linspace(-1.0, 0.0, 50)))
        <= kernel(np.linspace(1.0, 0.0, 50)) + kernel.error
    )
    if bias == 0.0 and kernel.homogeneity is not None:
        scales = np.array([0.5, 3.0, 1.0, 2.0, 0.1, 1.5, 1.0, 7.0, 1.0]) ** (kernel.homogeneity)
        stretched = X * np.array([0.5, 3.0, 1.0, 2.0, 0.1, 1.5, 1.0, 7.0, 1.0])[:, None]
        np.testing.assert_allclose(
            kernel(stretched), K * np.outer(scales, scales), rtol=1e-9, atol=1e-12 * top
        )
    a = kernel.coefficients(16)
    assert np.all(a >= 0.0) and a.sum() <= top * (1 + 1e-12) + kernel.error


def test_points_of_unequal_norm_against_the_definition():
    """No bias and homogeneous layers: the recursion with the two variances of a pair, by the angle."""
    x, y = np.array([0.3, 1.1, -0.4]), np.array([2.0, 0.1, 0.7])

    def arc(qx, qy, c):
        t = np.arccos(c / np.sqrt(qx * qy))
        return (
            np.sqrt(qx * qy) * (np.sin(t) + (np.pi - t) * np.cos(t)) / (2 * np.pi),
            (np.pi - t) / (2 * np.pi),
        )

    w = 1.7
    sx, sy, s = x @ x, y @ y, x @ y
    t = d = None
    for _ in range(4):
        qx, qy, c = w * sx, w * sy, w * s
        t = c if t is None else w * t * d + c
        s, d = arc(qx, qy, c)
        sx, sy = qx / 2, qy / 2
    pair = np.stack([x, y])
    assert mh.nngp("relu", depth=4, weight_var=w)(pair)[0, 1] == pytest.approx(s, rel=1e-12)
    assert mh.gradient_kernel("relu", depth=4, weight_var=w)(pair)[0, 1] == pytest.approx(
        c * d, rel=1e-12
    )
    assert mh.ntk("relu", depth=4, weight_var=w)(pair)[0, 1] == pytest.approx(t * d + s, rel=1e-12)


def test_degrees_multiply():
    degree = lambda *layers, **o: mh.ntk(list(layers), **o).homogeneity
    assert degree("relu", "relu") == 1.0 and degree("relu2", "abs", "relu2") == 4.0
    assert degree("relu", "tanh") is None and degree("relu", "relu", bias_var=0.1) is None
    X = np.array([[1.0, 0.0], [0.6, 0.8]])
    K = mh.ntk(["relu2", "relu"])
    np.testing.assert_allclose(K(2.0 * X), 2.0**4 * K(X), rtol=1e-13)
    mixed = mh.nngp(["relu", "tanh"])  # tanh sees a variance four times as large
    half = float(mh.nngp("tanh", weight_var=2.0)(1.0))  # E relu(2 Z)^2 = 2
    np.testing.assert_allclose(np.diagonal(mixed(2.0 * X)), half, rtol=1e-12)
    assert np.all(mixed(2.0 * X) < 3.0 * mixed(X))


# -- limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKE)
def test_a_hundred_layers_of_large_or_tiny_variance(kind):
    cases = [
        ("relu", {"weight_var": 1000.0}),  # h(1) = 500^100 = 1e270
        ("relu", {"weight_var": 0.01}),  # 1e-230
    ]
    if kind == "nngp":
        cases.append(("tanh", {"weight_var": 1e-8, "normalized": True}))
        cases.append(("erf", {"weight_var": 0.5, "bias_var": 0.1}))
    for name, options in cases:
        with warnings.catch_warnings():
            # 2e-12 of h(1) is what some are known to
            warnings.simplefilter("ignore", mh.PrecisionWarning)
            kernel = MAKE[kind](name, depth=100, **options)
        values = kernel(RHO)
        assert np.all(np.isfinite(values)) and kernel(1.0) > 0.0
        assert kernel.error <= 1e-11 * kernel(1.0), (name, options)
    relu = MAKE["nngp"]("relu", depth=100, weight_var=1000.0)
    assert relu(1.0) == pytest.approx(float(mpf(500) ** 100), rel=1e-14)
    np.testing.assert_allclose(
        relu(RHO) / relu(1.0), mh.nngp("relu", depth=100, weight_var=2.0)(RHO), rtol=1e-13
    )


def test_a_chaotic_network_says_what_it_knows():
    """erf with large weights: h is nearly a step at rho = 1 after 60 layers, and the error must say so."""
    options = {"weight_var": 20.0}
    with pytest.warns(mh.PrecisionWarning, match="changes ever faster near rho = 1"):
        kernel = mh.nngp("erf", depth=60, **options)
    duals = [deep.CLOSED["erf"]] * 60
    for sign, deficit in [(1, 1e-12), (1, 1e-6), (1, 0.3), (-1, 0.2)]:
        exact = truth("nngp", duals, sign, deficit, options)
        assert abs(float(mpf(float(kernel.h.at(sign, deficit))) - exact)) <= kernel.error


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mh.nngp("relu", depth=100, weight_var=1e5), r"h\(1\) = 7\..*e\+469, of this nngp kernel leaves .*normalized=True"),
        (lambda: mh.ntk("relu", depth=100, weight_var=1e-4), "of this ntk kernel leaves the range of doubles"),
        (lambda: mh.gradient_kernel("relu2", depth=100, weight_var=3.0), "of layer 60 have the variance .*e.651593.*, at which 'rectified_power' cannot be"),
        (lambda: mh.nngp("exp", depth=5), "of layer 3 have the variance .*'exp' cannot be evaluated .*normalized=True"),
        (lambda: mh.nngp(["relu", "tanh"], depth=3), "depth must be the number of activations, 2; got 3"),
        (lambda: mh.nngp([]), "one a hidden layer; got none"),
        (lambda: mh.nngp("relu", depth=0), "depth must satisfy 1 <= depth <= 1000; got 0"),
        (lambda: mh.ntk(["step", "relu"]), "the derivative of 'step' is a delta"),
        (lambda: mh.gradient_kernel(["relu", "step"]), "the derivative of 'step' is a delta"),
        (lambda: mh.nngp(mh.activation("polynomial", coefficients=(0.0,)), depth=2), "layer 1 .* is zero for every input"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_step_in_an_inner_layer_needs_no_derivative():
    """Its kernel falls like the fourth root of 1 - rho, which no table resolves: the error says so."""
    with pytest.warns(mh.PrecisionWarning, match="kernel.error says so"):
        kernel = mh.gradient_kernel(["step", "relu"])
    for rho in (0.3, -0.4, 1 - 1e-4, 1 - 1e-9):
        inner = (np.pi - np.arccos(rho)) / (2 * np.pi)
        outer = 0.25 + np.arcsin(inner / 0.5) / (2 * np.pi)
        assert abs(kernel(rho) - inner * outer) <= kernel.error < 0.01


def test_values_repr_and_pickles():
    kernel = mh.ntk("relu", depth=3, weight_var=2.0)
    assert repr(kernel).startswith("<ntk(activation('relu'), depth=3, weight_var=2.0): h(1)=4")
    assert mh.nngp(["relu", "relu"]) == mh.nngp("relu", depth=2) != mh.nngp("relu")
    mixed = mh.nngp(["relu", mh.activation("elu", alpha=0.5)])
    assert repr(mixed).startswith(
        "<nngp([activation('relu'), activation('elu', alpha=0.5)]): h(1)="
    )
    twin = pickle.loads(pickle.dumps(mixed))
    assert twin == mixed and hash(twin) == hash(mixed) and twin.h is mixed.h
    assert mh.nngp(("relu", "tanh")).activation == (mh.activation("relu"), mh.activation("tanh"))


def test_a_function_of_the_user_at_depth():
    softer = mh.Activation.from_function(
        lambda z: np.maximum(z, 0.1 * z), kinks=(0.0,), name="softer"
    )
    kernel = mh.ntk(softer, depth=3)
    same = mh.ntk(mh.activation("leaky_relu", negative_slope=0.1), depth=3)
    gap = np.max(np.abs(kernel(RHO) - same(RHO)))
    assert gap <= kernel.error + same.error and kernel.error <= 1e-11 * kernel(1.0)
    rough = mh.Activation.from_function(
        lambda z: np.maximum(z, 0.1 * z), name="rough"
    )  # its kink is not declared
    with pytest.warns(mh.PrecisionWarning, match="Declare every kink"):
        kernel = mh.nngp(rough, depth=3)
    gap = np.max(np.abs(kernel(RHO) - mh.nngp(softer, depth=3)(RHO)))
    assert 1e-12 < gap <= kernel.error
