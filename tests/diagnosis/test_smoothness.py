"""The class of an activation, found from its values: against closed forms, and against what is declared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.diagnosis.falloff import falloff
from mehler.diagnosis.kinks import search
from mehler.diagnosis.smoothness import smoothness

PARAMS = {"polynomial": {"coefficients": (1.0, 2.0, 0.0, 0.5)}, "hermite": {"k": 7}}
CATALOGUE = [mh.activation(name, **PARAMS.get(name, {})) for name in mh.activations()] + [
    mh.activation("rectified_power", q=3),
    mh.activation("rectified_power", q=5),
    mh.activation("elu", alpha=0.5),
    mh.activation("celu", alpha=0.3),
    mh.activation("leaky_relu", negative_slope=0.3),
    mh.activation("silu", beta=4.0),
]


@pytest.mark.parametrize("act", CATALOGUE, ids=repr)
def test_values_alone_say_what_the_declared_structure_says(act):
    kernel = mh.nngp if act.dphi is None else mh.gradient_kernel
    told = kernel(act).explain()
    bare = mh.Activation.from_function(act.phi, name=act.name)  # no kinks, no series, no parity
    seen = mh.diagnose(activation=bare).activation
    assert [k.at for k in seen.kinks] == pytest.approx([k.at for k in told.kinks], abs=1e-9)
    assert [k.order for k in seen.kinks] == [k.order for k in told.kinks]
    assert [k.size for k in seen.kinks] == pytest.approx([k.size for k in told.kinks], rel=1e-8)
    assert seen.parity == act.parity
    if told.kinks:
        assert seen.kind == "kinked" and told.smoothness.startswith("kinked")
        return
    law, rate = told.decay.law, told.decay.rate
    kind = {"finite": "polynomial", "root": "analytic"}.get(law, "entire")
    assert seen.kind == kind
    if kind == "analytic":
        assert seen.strip == pytest.approx(rate, rel=0.01)
    if kind == "polynomial":
        assert seen.degree == rate  # the degree of h, rho times that of phi' squared: the same
    if law == "geometric":
        assert seen.decay.law == "geometric"
    if law == "factorial":
        assert seen.decay.law == "factorial"


@pytest.mark.parametrize(
    ("f", "tau", "x0"),
    [
        (np.tanh, math.pi / 2, 0.0),
        (lambda z: z / (1.0 + np.exp(-z)), math.pi, 0.0),
        (np.arctan, 1.0, 0.0),
        (lambda z: np.sqrt(1.0 + z * z), 1.0, 0.0),  # branch points, not poles
        (lambda z: 1.0 / np.cosh(z), math.pi / 2, 0.0),
        (lambda z: np.tanh(z) + z / (1.0 + np.exp(-z)), math.pi / 2, 0.0),  # no parity
        (lambda z: z * np.tanh(np.log1p(np.exp(z))), 0.75 * math.pi, math.log(2.0) / 2),  # mish
        (lambda z: 1.0 / (1.0 + z**4), math.sqrt(0.5), math.sqrt(0.5)),
        (lambda z: np.tanh(z - 1.0), math.pi / 2, 1.0),
        (lambda z: np.tanh(40.0 * z), math.pi / 80, 0.0),  # a pole, near, and no kink
        (lambda z: np.tanh(z / 8.0), 4.0 * math.pi, 0.0),
    ],
    ids=["tanh", "silu", "arctan", "sqrt", "sech", "sum", "mish", "quartic", "shifted", "steep", "flat"],
)  # fmt: skip
def test_distance_of_the_nearest_singularity(f, tau, x0):
    assert search(f).found == ()
    law = falloff(f, 2e-16)
    assert law.law == "root"
    assert law.rate == pytest.approx(tau, rel=0.01)
    assert law.at == pytest.approx(x0, abs=0.01)
    assert law.doubt < 0.02 * tau


@settings(max_examples=6, deadline=None)
@given(st.floats(0.3, 6.0))
def test_distance_of_a_pole_anywhere(tau):
    law = falloff(lambda z: tau / (z * z + tau * tau), 2e-16)
    assert law.law == "root" and law.rate == pytest.approx(tau, rel=0.01)


@pytest.mark.parametrize(
    ("f", "law", "rate"),
    [
        (np.exp, "factorial", 1.0),  # mu_k = e^(1/2) / sqrt(k!)
        (lambda z: np.cos(5.0 * z), "factorial", 1.0),
        (lambda z: np.exp(-z * z), "geometric", 0.5 * math.log(1.5)),  # generating function of Hermite
        (lambda z: np.exp(-0.5 * z * z), "geometric", 0.5 * math.log(2.0)),
    ],
    ids=["exp", "cos", "gaussian", "wide"],
)  # fmt: skip
def test_entire_functions(f, law, rate):
    found = falloff(f, 2e-16)
    assert found.law == law and found.rate == pytest.approx(rate, rel=0.01)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-60, 60), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
    st.lists(st.floats(0.1, 3.0), min_size=4, max_size=4),
)
def test_any_jumps_of_a_spline_are_found(places, orders, sizes):
    jumps = sorted((c / 13.0, r, s) for c, r, s in zip(places, orders, sizes, strict=False))

    def f(z):
        smooth = np.sin(z) + 0.1 * z * z
        return smooth + sum(
            s * np.maximum(z - c, 0.0) ** r / math.factorial(r) for c, r, s in jumps
        )

    found = search(f).found
    assert [x.order for x in found] == [r for _, r, _ in jumps]
    np.testing.assert_allclose([x.at for x in found], [c for c, _, _ in jumps], atol=1e-6)
    np.testing.assert_allclose([x.size for x in found], [s for _, _, s in jumps], rtol=1e-4)


def test_steps_and_singular_points():
    step = search(lambda z: np.where(z > 0.3, 2.0, np.sin(z)))
    assert [(x.order, round(x.size, 6)) for x in step.found] == [(0, round(2.0 - math.sin(0.3), 6))]
    assert step.found[0].at == pytest.approx(0.3, abs=1e-7)
    root = search(lambda z: np.abs(z) ** 1.5)
    assert [x.order for x in root.found] == [None] and abs(root.found[0].at) < 1e-6
    single = search(lambda z: np.maximum(z.astype(np.float32), 0).astype(np.float64))
    assert [(x.at, x.order) for x in single.found] == [(0.0, 1)] and single.noise > 1e-9
    assert not search(lambda z: np.round(8.0 * z)).complete  # 160 steps


def test_what_cannot_be_told_is_not_told():
    many = smoothness(mh.Activation.from_function(lambda z: np.round(8.0 * z), name="stairs"))
    assert many.kind == "unresolved" and "not resolved" in many.text
    order_four = smoothness(mh.Activation.from_function(lambda z: np.exp(-(z**4)), name="flat"))
    assert order_four.kind == "unresolved" and math.isnan(order_four.strip)


@pytest.mark.parametrize("k", [0, 1, 12, 40, 100])
def test_hermite_polynomials_of_any_degree(k):
    assert smoothness(mh.activation("hermite", k=k)).degree == k


def test_a_small_leading_coefficient_counts():
    act = mh.Activation.from_function(lambda z: 1.0 + z + 1e-8 * z**6, name="p")
    assert smoothness(act).degree == 6
