"""The catalogue: every entry against its definition, and the doors into it."""

from __future__ import annotations

import copy
import math
import pickle

import mpmath
import numpy as np
import pytest

import mehler as mh
import reference
from mehler.activations import Activation, activation, activations
from mehler.activations.hermite import coefficients_by_quadrature

Z = np.linspace(-4.9, 4.9, 57) + 0.0137  # off every kink
ENTRIES = [activation(name, **reference.PARAMS.get(name, {})) for name in reference.NAMES]
named = pytest.mark.parametrize("act", ENTRIES, ids=lambda act: act.name)


def test_truth_knows_the_whole_catalogue():
    assert activations() == reference.NAMES


@named
def test_derivative_is_the_slope(act):
    if act.dphi is None:
        with pytest.raises(ValueError, match="is a delta"):
            act.derivative()
        return
    step = 1e-5
    slope = (act(Z + step) - act(Z - step)) / (2 * step)
    scale = 1.0 + np.abs(act(Z)) + np.abs(slope)
    np.testing.assert_allclose(act.dphi(Z) / scale, slope / scale, atol=5e-9)


@named
def test_values_are_finite_and_vectorised_far_out(act):
    z = np.array([[-30.0, -1.0], [1.0, 30.0]])
    assert act(z).shape == z.shape and np.all(np.isfinite(act(z)))
    assert act.phi(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("name", sorted(reference.ANALYTIC))
@pytest.mark.parametrize("derivative", [False, True])
def test_analytic_entries_match_mpmath(name, derivative):
    act = activation(name, **reference.PARAMS.get(name, {}))
    f, truth = (act.dphi if derivative else act.phi), reference.ANALYTIC[name][derivative]
    for z in (-7.3, -1.1, -0.02, 0.4, 2.9):
        exact = float(truth(mpmath.mpf(z)))
        assert float(f(np.array(z))) == pytest.approx(exact, rel=2e-14, abs=1e-16)


@named
def test_parity_is_what_it_says(act):
    z = 2.0 * Z
    even, odd = 0.5 * (act(z) + act(-z)), 0.5 * (act(z) - act(-z))
    size = np.abs(act(z)) + np.abs(act(-z)) + 1e-300
    law = {
        "odd": even / size,
        "even": odd / size,
        "linear-even": (odd - z * (odd[-1] / z[-1])) / size,
        "constant-odd": (even - even[-1]) / size,
        "none": np.zeros_like(z),
    }[act.parity]
    assert np.max(np.abs(law)) < 1e-14
    if act.parity == "none":  # and it could not say more
        assert np.ptp(odd / z) > 1e-3 and np.ptp(even) > 1e-3


@named
def test_homogeneity_is_what_it_says(act):
    ratio = act(2.0 * Z) - 2.0 ** (act.homogeneity or 0.0) * act(Z)
    assert (np.max(np.abs(ratio)) < 1e-12) == (act.homogeneity is not None)


@named
def test_hermite_coefficients_match_the_definition(act):
    k = np.array([0, 1, 2, 3, 10, 101, 300])
    for derivative in (False, True):
        f = act.dphi if derivative else act.phi
        if f is None:
            continue
        truth = coefficients_by_quadrature(f, act.kinks, 300)[k]
        np.testing.assert_allclose(act.hermite(k, derivative=derivative), truth, atol=2e-15)


@pytest.mark.parametrize("name", ["gelu", "mish", "silu"])
def test_analytic_coefficients_match_mpmath(name):
    act = activation(name)
    for derivative in (False, True):
        truth = [float(m) for m in reference.coefficients(name, derivative)]
        mu = act.hermite(np.arange(len(truth)), derivative=derivative)
        np.testing.assert_allclose(mu, truth, atol=5e-16)


def test_published_coefficients_of_the_derivative():
    known = {
        "relu": [0.5, 0.39894228, 0, -0.1628675, 0, 0.10925484, 0, -0.08429194],
        "elu": [0.76157829, 0.26157829, -0.09713101, -0.05607861, 0.05339445, 0.02387872],
        "selu": [0.98523112, 0.17766951, -0.17076596, 0.01662043, 0.09387274, -0.03530553],
        "tanh": [0.60570551, 0, -0.25710076, 0, 0.13986052, 0, -0.08319676],
        "swish": [0.5, 0.35084544, 0, -0.07561002, 0, 0.02407235, 0, -0.00882569],
    }
    for name, values in known.items():
        mu = activation(name).hermite(np.arange(len(values)), derivative=True)
        np.testing.assert_allclose(mu, values, atol=6e-9, err_msg=name)


def test_hermite_takes_scalars_and_refuses_the_rest():
    relu = activation("relu")
    assert isinstance(relu.hermite(3), float)
    assert relu.hermite(np.zeros((0,), dtype=int)).shape == (0,)
    for bad in (-1, 1.5, [0, -2]):
        with pytest.raises(ValueError, match="k must hold integers k >= 0"):
            relu.hermite(bad)
    with pytest.raises(ValueError, match="is a delta"):
        activation("step").hermite(1, derivative=True)


@named
def test_equal_by_value_hashable_and_picklable(act):
    again = activation(act.name, **dict(act.params))
    for twin in (again, pickle.loads(pickle.dumps(act)), copy.deepcopy(act)):
        assert twin == act and hash(twin) == hash(act)
        np.testing.assert_array_equal(twin(Z), act(Z))
    assert eval(repr(act), {"activation": activation}) == act


def test_parameters_distinguish():
    assert activation("elu", alpha=1) == activation("elu") != activation("elu", alpha=0.5)
    assert activation("elu") != activation("celu") and activation("elu") != "elu"


def test_aliases_and_spelling():
    assert activation("swish") == activation("SiLU") == activation("silu", beta=1.0)
    assert activation("leaky-relu") == activation("leaky_relu")
    assert activation("relu2") == activation("rectified_power", q=2)
    act = activation("tanh")
    assert activation(act) is act


def test_unknown_name_answers_with_the_nearest():
    with pytest.raises(ValueError, match=r"unknown activation 'rellu'\. Nearest: .*relu"):
        activation("rellu")
    with pytest.raises(ValueError, match=r"unknown activation 'qqqq'\. Known: abs, arctan"):
        activation("qqqq")
    with pytest.raises(TypeError, match="must be a name or an Activation; got function"):
        activation(lambda z: z)


@pytest.mark.parametrize(
    ("name", "params", "error", "words"),
    [
        ("elu", {"slope": 1}, TypeError, "'elu' has no parameter 'slope'; its parameters: alpha"),
        ("tanh", {"a": 1}, TypeError, "its parameters: none"),
        ("relu2", {"q": 3}, TypeError, "'relu2' has no parameter 'q'"),
        ("hermite", {}, TypeError, "'hermite' needs the parameter 'k'"),
        ("hermite", {"k": -1}, ValueError, "k must satisfy 0 <= k <= 100; got -1"),
        ("hermite", {"k": 1.5}, ValueError, "k must be an integer; got 1.5"),
        ("rectified_power", {"q": 0}, ValueError, "q must satisfy 1 <= q <= 20; got 0"),
        ("elu", {"alpha": float("nan")}, ValueError, "alpha must be finite; got nan"),
        ("celu", {"alpha": 0.0}, ValueError, "alpha must be positive; got 0.0"),
        ("polynomial", {"coefficients": []}, ValueError, "must hold 1 to 41 numbers"),
    ],
)
def test_bad_parameters(name, params, error, words):
    with pytest.raises(error, match=words):
        activation(name, **params)


def test_an_instance_takes_no_parameters():
    with pytest.raises(TypeError, match="parameters go with a name"):
        activation(activation("elu"), alpha=2.0)


class TestFromFunction:
    def test_complex_step_finds_the_derivative_to_rounding(self):
        act = Activation.from_function(np.tanh)
        assert act.dphi_error == 0.0
        np.testing.assert_allclose(act.dphi(Z), 1 / np.cosh(Z) ** 2, rtol=1e-14)

    def test_interpolants_serve_functions_of_real_arguments(self):
        act = Activation.from_function(activation("gelu").phi, name="mine")
        truth = activation("gelu").dphi(Z)
        assert 0.0 < act.dphi_error < 1e-12
        assert np.max(np.abs(act.dphi(Z) - truth) * np.exp(-(Z**2) / 4)) <= act.dphi_error

    def test_kinks_are_panel_ends(self):
        act = Activation.from_function(np.abs, kinks=(0,))
        assert act.kinks == (0.0,) and act.dphi_error < 1e-12
        np.testing.assert_allclose(act.dphi(Z), np.sign(Z), atol=1e-12)

    def test_an_undeclared_kink_shows_in_the_error(self):
        assert Activation.from_function(lambda z: np.abs(z - 0.3)).dphi_error > 1e-3

    def test_given_derivative_is_used(self):
        act = Activation.from_function(np.sin, df=np.cos)
        np.testing.assert_array_equal(act.dphi(Z), np.cos(Z))

    def test_pickle_and_equality(self):
        act = Activation.from_function(np.tanh, kinks=[1, -1], name="t")
        twin = pickle.loads(pickle.dumps(act))
        assert twin == act and twin.kinks == (-1.0, 1.0)
        assert act != Activation.from_function(np.tanh, name="t")

    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            (("tanh",), TypeError, "f must be a callable of an array; got str"),
            ((np.tanh, 3), TypeError, "df must be a callable of an array or None; got int"),
            ((np.tanh, None, (np.nan,)), ValueError, "kinks must be finite"),
            ((np.sum,), ValueError, r"mapped shape \(7,\) to \(\)"),
            ((np.log,), ValueError, "f must be finite on the real line"),
        ],
    )
    def test_bad_arguments(self, arguments, error, words):
        with pytest.raises(error, match=words):
            Activation.from_function(*arguments)


@pytest.mark.parametrize("c", [0.0, 0.3, 3.3])
def test_a_declared_jump_has_no_gradient_kernel(c):
    """phi' holds a delta: h(1) of the gradient kernel is infinite; nngp is well."""
    jump = mh.Activation.from_function(lambda z: (z > c) + 0.5 * z, kinks=(c,), name="jump")
    with pytest.raises(ValueError, match="'jump' is a delta"):
        mh.gradient_kernel(jump)
    assert mh.nngp(jump).error < 1e-12
    # E[phi^2] = P(Z > c) + E[Z 1(Z > c)] + 1/4
    tail, density = 0.5 * math.erfc(c / math.sqrt(2)), math.exp(-c * c / 2) / math.sqrt(2 * math.pi)
    assert float(mh.nngp(jump)(1.0)) == pytest.approx(tail + density + 0.25, rel=1e-12)


@pytest.mark.parametrize(
    ("f", "df"), [(np.tanh, np.sin), (np.sin, np.tanh), (np.square, lambda z: z), (np.abs, np.abs)]
)
def test_a_wrong_derivative_is_refused(f, df):
    with pytest.raises(ValueError, match=r"df must be the derivative of f.*Leave df out"):
        mh.Activation.from_function(f, df=df, kinks=(0.0,))


def test_a_given_derivative_does_not_hide_a_jump():
    with pytest.raises(ValueError, match="delta"):
        mh.gradient_kernel(mh.Activation.from_function(np.sign, df=np.zeros_like, kinks=(0.0,)))


def test_a_derivative_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="df must map an array"):
        mh.Activation.from_function(np.tanh, df=lambda z: 1.0)


@pytest.mark.parametrize(
    ("f", "df", "kinks"),
    [
        (np.tanh, lambda z: 1 / np.cosh(z) ** 2, ()),
        (lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0), (0.0,)),
        (lambda z: np.floor(5 * z) * 0 + z, np.ones_like, ()),
        (lambda z: 1e-9 * z, lambda z: np.full_like(z, 1e-9), ()),
        (lambda z: 3.0 + 0 * z, np.zeros_like, ()),
        (np.sign, np.zeros_like, (0.0,)),
    ],
)
def test_a_right_derivative_is_taken(f, df, kinks):
    mh.Activation.from_function(f, df=df, kinks=kinks)
