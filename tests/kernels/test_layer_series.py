"""Power series of deep kernels: they sum to h, and what they say of tails is never too much."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

import deep_reference as deep
import mehler as mh
from mehler.certificates.tail_bound import gershgorin_tail
from mehler.kernels import Kernel
from mehler.kernels.layer_series import series_of

MAKE = {"gradient": mh.gradient_kernel, "nngp": mh.nngp, "ntk": mh.ntk}
NETWORKS = [
    ("relu", 2, {}),
    ("relu", 5, {"weight_var": 2.0}),
    ("tanh", 3, {}),
    ("tanh", 2, {"bias_var": 0.4}),
    ("selu", 2, {"weight_var": 0.7, "bias_var": 0.1, "normalized": True}),
    (["relu", "tanh"], None, {"bias_var": 0.05}),
    (["erf", "abs", "gelu"], None, {}),
    ("sigmoid", 2, {}),
]
CASES = [(kind, *network) for kind in MAKE for network in NETWORKS]


@pytest.mark.parametrize(("kind", "act", "depth", "options"), CASES)
def test_it_sums_to_h(kind, act, depth, options):
    ker = MAKE[kind](act, depth=depth, **options)
    a = ker.coefficients(200)
    assert a.shape == (201,) and np.all(a >= 0.0)
    rho = np.array([-0.8, -0.3, 0.0, 0.2, 0.8])  # 0.8^201 is 3e-20
    values = np.polynomial.polynomial.polyval(rho, a)
    np.testing.assert_allclose(values, ker(rho), rtol=0, atol=1e-12 * ker(1.0))


@pytest.mark.parametrize(("kind", "act", "depth", "options"), CASES)
def test_tails_are_lower_bounds(kind, act, depth, options):
    """Of h(1) - sum_{p < N} A_p, and near it."""
    ker = MAKE[kind](act, depth=depth, **options)
    tails, top = ker.tail(np.arange(64)), float(ker(1.0))
    left = top - np.concatenate([[0.0], np.cumsum(ker.coefficients(62))])
    assert np.all(tails <= left + 1e-14 * top) and np.all(tails >= left - 1e-10 * top)
    assert np.all(tails >= 0.0) and np.all(np.diff(tails) <= 1e-15 * top)
    assert ker.tail(10**6) == 0.0


def test_relu_of_two_layers_to_forty_digits():
    """A_p of nngp by Taylor's formula, and tails below what is left."""
    ker = mh.nngp("relu", depth=2)
    with mp.workdps(60):
        exact = mp.taylor(lambda r: deep.deep("nngp", [deep.CLOSED["relu"]] * 2, r), 0, 8)
        left = [mpf(1) / 4 - mp.fsum(exact[:n]) for n in range(9)]
        np.testing.assert_allclose(
            ker.coefficients(8), [float(x) for x in exact], rtol=1e-11, atol=1e-17
        )
        for n, tail in enumerate(ker.tail(np.arange(9))):
            assert mpf(float(tail)) <= left[n] <= mpf(float(tail)) + mpf("1e-11")


def test_small_tails_of_smooth_networks_keep_their_digits():
    """ntk of sin: rho cosh(rho) + sinh(rho), over e. Terms far below rounding of h(1) are added up."""
    ker = mh.ntk("sin")
    with mp.workdps(40):
        exact = [mpf(0)] * 40
        for p in range(1, 40, 2):
            exact[p] = (1 / mp.factorial(p - 1) + 1 / mp.factorial(p)) / mp.e
        for n in (5, 11, 15):
            left = mp.fsum(exact[n:])
            assert (
                0.99 * left <= mpf(float(ker.tail(n))) + mpf(2 * ker.error) and ker.tail(n) <= left
            )


@pytest.mark.parametrize(("kind", "act", "depth", "options"), CASES)
def test_theory_stays_below_the_smallest_eigenvalue(kind, act, depth, options):
    ker = MAKE[kind](act, depth=depth, **options)
    for n, d in ((20, 3), (40, 30)):
        X = mh.generate("sphere-random", n=n, d=d, rng=1)
        cosine = np.abs(X @ X.T) - 2.0 * np.eye(n)
        value, _ = gershgorin_tail(ker, n, float(cosine.max()))
        assert 0.0 <= value <= np.linalg.eigvalsh(ker(X))[0] + 1e-13 * ker(1.0)
        if ker.kinked and d == 30:
            assert value > 0.0


def test_what_a_series_may_lack_is_bounded_and_said():
    assert 0.0 <= series_of(mh.nngp("relu", depth=3), 16).lack <= 1e-12
    near = mh.nngp("relu", depth=2, weight_var=1e-5, bias_var=1.0)
    with pytest.warns(mh.PrecisionWarning, match="may lack .* so near to a constant"):
        near.coefficients(30)


def test_single_layers_decide_the_singularity():
    relu, tanh = mh.activation("relu"), mh.activation("tanh")
    assert mh.ntk(["relu", "tanh"]).single_layers() == (
        Kernel(relu, "nngp"),
        Kernel(tanh, "nngp"),
        Kernel(relu, "gradient"),
        Kernel(tanh, "gradient"),
    )
    assert len(mh.gradient_kernel("relu", depth=7).single_layers()) == 2
