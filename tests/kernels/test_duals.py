"""Duals: two routes against each other, closed forms, and drops that never cancel."""

from __future__ import annotations

import numpy as np
import pytest

import reference
from mehler.activations import activation
from mehler.activations.hermite import normal_cdf, reach
from mehler.kernels.duals import PanelDual, SeriesDual, dual, dual_at, panel_dual

DEFICITS = np.array([1e-14, 1e-9, 1e-4, 0.03, 0.4, 0.93, 1.0])


def functions():
    for name in reference.NAMES:
        act = activation(name, **reference.PARAMS.get(name, {}))
        yield pytest.param(act.phi, act.kinks, id=name)
        if act.dphi is not None:
            yield pytest.param(act.dphi, act.kinks, id=f"{name}'")


@pytest.mark.parametrize(("f", "kinks"), list(functions()))
def test_chosen_route_agrees_with_finer_panels(f, kinks):
    chosen = dual(f, kinks)
    finer = PanelDual(f, kinks, level=2, points=20, radius=reach(f))
    even_end, odd_end = finer.ends()
    total = even_end + odd_end
    assert chosen.even_end == pytest.approx(even_end, abs=1e-15 * total)
    assert chosen.odd_end == pytest.approx(odd_end, abs=1e-15 * total)
    for mine, truth in zip(chosen.drops(DEFICITS), finer.drops(DEFICITS), strict=True):
        # Relative where it is small: a rounding of f(u) - f(v) is eps / sqrt(deficit).
        np.testing.assert_allclose(mine, truth, rtol=3e-9, atol=2e-31 * total)
        np.testing.assert_allclose(mine, truth, atol=2e-15 * total)
        assert np.all(np.diff(mine) >= -1e-16 * total) and np.all(mine >= 0.0)


def test_the_step_knows_the_angle_to_every_digit():
    # E[sign u sign v] = 1 - 2 theta / pi.
    theta = 2 * np.arcsin(np.sqrt(DEFICITS / 2))
    even, odd = dual(np.sign, (0.0,)).drops(DEFICITS)
    np.testing.assert_array_equal(even, 0.0)
    np.testing.assert_allclose(odd, 2 * theta / np.pi, rtol=2e-15)


@pytest.mark.parametrize(
    ("name", "derivative", "exact"),
    [
        ("sin", True, lambda rho: np.exp(-1.0) * np.cosh(rho)),
        ("exp", False, lambda rho: np.exp(1.0 + rho)),
        ("erf", True, lambda rho: 4 / np.pi / np.sqrt(9 - 4 * rho**2)),
        ("erf", False, lambda rho: 2 / np.pi * np.arcsin(2 * rho / 3)),
        ("identity", False, lambda rho: rho),
    ],
)
def test_closed_forms(name, derivative, exact):
    act = activation(name)
    kappa = dual(act.dphi if derivative else act.phi)
    assert isinstance(kappa, SeriesDual)
    for sign in (1.0, -1.0):
        rho = sign * (1 - DEFICITS)
        np.testing.assert_allclose(
            dual_at(kappa, np.full_like(rho, sign), DEFICITS), exact(rho), atol=2e-15 * exact(1.0)
        )


@pytest.mark.parametrize("c", [0.4, 1.0, 2.5])
def test_an_indicator_is_an_orthant_probability(c):
    # E[1{u > c} 1{v > c}] at rho = 0 is Phi(-c)^2, and its slope is the bivariate density.
    f = lambda z: np.where(z > c, 1.0, 0.0)
    kappa = panel_dual(f, (c,))
    t = 1e-3
    up, zero, down = (
        float(dual_at(kappa, np.array([s]), np.array([1 - r]))[0])
        for s, r in ((1.0, t), (1.0, 0.0), (-1.0, t))
    )
    assert zero == pytest.approx(normal_cdf(-c) ** 2, abs=1e-15)
    assert (up - down) / (2 * t) == pytest.approx(np.exp(-c * c) / (2 * np.pi), rel=1e-5)


def test_steep_functions_are_resolved_or_say_so():
    steep = activation("silu", beta=5.0)
    assert isinstance(dual(steep.dphi), SeriesDual)
    blurred = dual(lambda z: np.maximum(z, 0.0))  # a kink that nobody declared
    truth = dual(activation("relu").phi, (0.0,))
    gap = abs(blurred.even_end - truth.even_end)
    gap = max(gap, *np.abs(blurred.drops(DEFICITS)[0] - truth.drops(DEFICITS)[0]))
    assert 1e-9 < gap <= blurred.error


def test_zero_function():
    kappa = dual(np.zeros_like)
    assert kappa.even_end == kappa.odd_end == 0.0
    np.testing.assert_array_equal(kappa.drops(DEFICITS), np.zeros((2, len(DEFICITS))))
