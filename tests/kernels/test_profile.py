"""Profiles: both forms against the kernel they were compiled from, near pairs above all."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import reference
from mehler import _core
from mehler.activations import activation
from mehler.kernels import gradient_kernel, nngp, ntk
from mehler.kernels.profile import ProfileTable, compile_profile

RNG = np.random.default_rng(5)
DEFICITS = np.sort(np.concatenate([10.0 ** -np.arange(1.0, 16.0), RNG.random(60), [0.0, 1.0]]))
KERNELS = {
    f"{kind}-{name}": (kind, name)
    for name in reference.NAMES
    for kind in ("gradient", "nngp")
    if (kind, name) != ("gradient", "step")
}


def build(kind, name):
    act = activation(name, **reference.PARAMS.get(name, {}))
    return (gradient_kernel if kind == "gradient" else nngp)(act)


class Closed:
    """A cosine kernel given by a formula, as another kernel would hand it over."""

    error = 0.0

    def __init__(self, h, ends):
        self.h, self.ends = h, ends

    def drops(self, deficit):
        plus = self.ends[0] - self.h(1.0 - deficit)
        minus = self.ends[1] - self.h(deficit - 1.0)
        return 0.5 * (plus + minus), 0.5 * (plus - minus)


@pytest.mark.parametrize(("kind", "name"), KERNELS.values(), ids=KERNELS)
def test_table_holds_the_kernel_it_was_compiled_from(kind, name):
    from mehler.kernels.compiled import OneLayer
    from mehler.kernels.layers import layer_dual

    kernel = build(kind, name)
    table, top = kernel.h, float(kernel.h.ends[0])
    layer = OneLayer(
        layer_dual(kernel.activation, kind == "gradient", 1.0), 1.0, 0.0, kind == "gradient", 1.0
    )
    same, flips = layer.drops(DEFICITS)
    assert np.max(np.abs(table.drop(DEFICITS) - (same + flips))) <= 4e-15 * top
    for sign, drop in ((1.0, same + flips), (-1.0, same - flips)):
        end = layer.ends[0 if sign > 0 else 1]
        assert np.max(np.abs(table.at(sign, DEFICITS) - (end - drop))) <= 4e-15 * top
    assert table.error <= 4e-15 * top


@pytest.mark.parametrize(("kind", "name"), KERNELS.values(), ids=KERNELS)
def test_forms_are_short(kind, name):
    table = build(kind, name).h
    assert table.variable in ("sqrt", "linear") and table.ends.shape == (2,)
    if table.pieces is None:
        assert max(len(table.even), len(table.odd)) <= 45
        return
    signs, count, width = table.pieces.shape
    assert signs == 2 and count in (16, 32, 64, 128, 256) and width <= 12
    np.testing.assert_array_equal(table.pieces[:, 0, 0], table.ends)
    # Neighbouring pieces meet: sum of coefficients is the value at y = 1.
    gaps = table.pieces[:, :-1].sum(axis=2) - table.pieces[:, 1:, 0]
    assert np.max(np.abs(gaps)) < 1e-14 * table.ends[0]


def test_relu_costs_one_half():
    table = gradient_kernel("relu").h
    assert table.variable == "sqrt" and len(table.even) <= 30
    # The odd part is rho/4: h = +-1/4 (1 - x^2) + even.
    np.testing.assert_allclose(table.odd, [-0.125, -0.125], rtol=4e-16)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "abs", "hardtanh", "selu", "relu6"])
def test_kinks_keep_their_angle(name):
    """h(1) - h(rho) to 8 digits at an angle of 1e-7, where 1 - rho is 5e-15."""
    kernel = build("gradient", name)
    deficit = 2 * np.sin(0.5e-7) ** 2
    with mp.workdps(40):
        exact = reference.kernel("gradient", name, 1, mpf(0)) - reference.kernel(
            "gradient", name, 1, mpf(float(deficit))
        )
    assert float(kernel.h.drop(deficit)) == pytest.approx(float(exact), rel=1e-8)


def test_closed_relu_drop_is_right_to_the_last_digits():
    # h(1) - h = theta / (2 pi) + delta (1/2 - theta / (2 pi)), theta = 2 asin(sqrt(delta/2)).
    delta = 10.0 ** -np.arange(1.0, 30.0)
    theta = 2 * np.arcsin(np.sqrt(delta / 2))
    exact = theta / (2 * np.pi) + delta * (0.5 - theta / (2 * np.pi))
    np.testing.assert_allclose(gradient_kernel("relu").h.drop(delta), exact, rtol=3e-15)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(KERNELS)), st.floats(-1.0, 1.0))
def test_laws_of_a_positive_definite_function(which, rho):
    kernel = build(*KERNELS[which])
    top = float(kernel.h.ends[0])
    h, mirrored = float(kernel.h(rho)), float(kernel.h(-rho))
    assert abs(h) <= top * (1 + 1e-15)
    assert kernel.h(abs(rho)) >= -4e-15 * top  # all power-series coefficients are >= 0
    parity = {"odd": -1.0, "even": 1.0}.get(kernel.activation.parity)
    if parity is not None:  # rho kappa(phi') and kappa(phi) have the parity of phi
        assert h == pytest.approx(parity * mirrored, abs=4e-15 * top)


def test_any_cosine_kernel_compiles():
    table = compile_profile(Closed(lambda r: r**3 + 0.5 * r**2, (1.5, -0.5)))
    rho = np.linspace(-1, 1, 101)
    np.testing.assert_allclose(table(rho), rho**3 + 0.5 * rho**2, atol=3e-15)
    assert "1-|rho|" in table.form and len(table.even) + len(table.odd) <= 6


def test_pieces_serve_what_no_single_polynomial_holds():
    h = lambda r: np.exp(-1.0 / (1.0 - r + 1e-2)) + 1.0 + 0.1 * r
    table = compile_profile(Closed(h, (h(1.0), h(-1.0))))
    assert table.pieces is not None
    rho = np.linspace(-1, 1, 997)
    np.testing.assert_allclose(table(rho), h(rho), atol=8e-15)
    assert "pieces of degree" in table.form


def test_unresolvable_kernel_says_so():
    h = lambda r: np.where(np.abs(r) > 0.4321, 1.0, 0.5)
    assert compile_profile(Closed(h, (1.0, 1.0))).error > 1e-3


def test_zero_and_scalars():
    zero = compile_profile(Closed(lambda r: 0.0 * r, (0.0, 0.0)))
    assert float(zero(0.3)) == 0.0
    table = gradient_kernel("tanh").h
    assert np.shape(table(0.3)) == () and table(np.zeros((2, 3))).shape == (2, 3)
    assert float(table.at(-1, 0.7)) == pytest.approx(float(table(-0.3)), abs=1e-16)


DEEP = {
    "relu": gradient_kernel("relu", depth=30, weight_var=2.0),
    "selu": ntk("selu", depth=3),
    "gelu": nngp("gelu", depth=5),
    "abs": gradient_kernel("abs", depth=30),
}


@pytest.mark.parametrize("kernel", DEEP.values(), ids=DEEP)
def test_quarters_are_one_polynomial_of_four(kernel):
    """They agree with the other form of the same table, and keep near pairs as it does."""
    table = kernel.h
    whole = replace(table, quarters=None)
    assert table.quarters is not None and len(table.quarters.q) <= 30
    assert table.terms < 0.8 * whole.terms
    rho = np.concatenate([np.linspace(-1, 1, 997), 1 - 10.0 ** -np.arange(1, 16)])
    at_cut = table.quarters.cut ** (2 if table.variable == "sqrt" else 1)
    rho = np.concatenate([rho, [1 - at_cut, at_cut - 1, 0.0, -0.0]])
    np.testing.assert_allclose(table(rho), whole(rho), rtol=0, atol=2 * table.error)
    deficit = 10.0 ** -np.arange(8.0, 30.0)
    np.testing.assert_allclose(table.drop(deficit), whole.drop(deficit), rtol=2e-7)
    # the core, wherever an entry stands
    core = table.compiled
    found = core.evaluate(rho)
    np.testing.assert_allclose(found, table(rho), rtol=0, atol=2e-15 * table.ends[0])
    for start, stop in ((0, 1), (3, 8), (5, 40), (100, 163)):
        np.testing.assert_array_equal(core.evaluate(rho[start:stop].copy()), found[start:stop])
    mirrored = core.evaluate(rho[::-1].copy())[::-1]
    np.testing.assert_array_equal(mirrored, found)
    sign = np.where(rho < 0, -1.0, 1.0)
    np.testing.assert_allclose(
        core.at(sign, 1.0 - np.abs(rho)), found, rtol=0, atol=2e-15 * table.ends[0]
    )


def test_quarters_come_where_they_are_cheaper():
    """Not for kernels with a parity of one cheap part."""
    for kernel in (gradient_kernel("relu"), gradient_kernel("tanh"), nngp("cos")):
        assert kernel.h.quarters is None
    assert gradient_kernel("selu").h.quarters is not None
    assert "degree 18 before and beyond" in gradient_kernel("selu").h.form


def test_bad_quarters_are_refused():
    ends, none = np.array([1.0, 0.0]), np.zeros(0)
    for q, cut, words in (
        (np.zeros((3, 2)), 0.5, "shape"),
        (np.zeros((0, 4)), 0.5, "shape"),
        (np.zeros((3, 4)), 1.0, "cut"),
        (np.zeros((3, 4)), np.nan, "cut"),
    ):
        with pytest.raises(ValueError, match=words):
            _core.Profile("sqrt", ends, none, none, None, q, cut)


def test_compiled_evaluates_alike():
    for name in ("relu", "elu", "tanh", "hardtanh"):
        table = gradient_kernel(name).h
        rho = np.concatenate([np.linspace(-1, 1, 257), 1 - 10.0 ** -np.arange(1, 16)])
        mine = table(rho)
        np.testing.assert_allclose(table.compiled.evaluate(rho), mine, atol=2e-15 * table.ends[0])
        sign = np.where(rho < 0, -1.0, 1.0)
        deficit = 10.0 ** -np.linspace(0, 25, len(rho))
        np.testing.assert_allclose(
            table.compiled.at(sign, deficit), table.at(sign, deficit), atol=2e-15 * table.ends[0]
        )


def test_pickle_leaves_the_compiled_form_behind():
    table = gradient_kernel("elu").h
    assert table.compiled is table.compiled
    twin = pickle.loads(pickle.dumps(table))
    assert isinstance(twin, ProfileTable) and "compiled" not in vars(twin)
    np.testing.assert_array_equal(twin(DEFICITS), table(DEFICITS))
