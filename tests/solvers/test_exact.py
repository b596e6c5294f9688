"""precision='exact': enclosures against mpmath, refusals, budgets."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

import mehler as mh
from below_double import CIRCLE, circle, smallest

pytest.importorskip("flint")

# docs/accuracy.md; circulant sums


@pytest.mark.parametrize(("name", "n"), sorted(CIRCLE))
def test_full_circle(name, n):
    X = mh.generate("circle-full", n=n, d=2)
    r = mh.min_eig(X, name, precision="exact")
    assert r.resolved and r.lower <= r.value <= r.upper and r.upper - r.lower <= 1e-6 * r.value
    assert f"{r.value:.5e}" == f"{CIRCLE[name, n]:.5e}"
    assert r.lower_kind == "factorisation" and r.method.startswith("balls") and r.dtype == "exact"
    assert np.linalg.norm(r.vector) == pytest.approx(1.0, abs=1e-15)


def test_circulant_sums():
    # the points are rounded to doubles: the eigenvalue moves by 1e-16 times a modest condition
    X = mh.generate("circle-full", n=31, d=2)
    r = mh.min_eig(X, "swish", precision="exact", tol=1e-10)
    assert r.value == pytest.approx(float(circle(31, "silu", 240)), rel=1e-9)


@pytest.mark.parametrize("name", ["silu", "gelu"])
def test_the_enclosure_holds_the_truth(name):
    X = mh.generate("sphere-random", n=10, d=2, rng=3)
    r = mh.min_eig(X, name, precision="exact", tol=1e-12)
    truth = float(smallest(X, name, 240))
    assert r.lower * (1 - 1e-15) <= truth <= r.upper * (1 + 1e-15)
    assert r.upper - r.lower <= 1e-12 * r.value


def test_weights_biases_and_the_other_kernel():
    # a kernel of larger eigenvalues, where double is the judge
    X = mh.generate("sphere-random", n=12, d=4, rng=0)
    for options in (
        {"kernel": "nngp"},
        {"bias_var": 0.25},
        {"weight_var": 2.0},
        {"kernel": "nngp", "bias_var": 0.5, "weight_var": 0.5},
    ):
        r = mh.min_eig(X, "tanh", precision="exact", tol=1e-9, **options)
        d = mh.min_eig(X, "tanh", precision="double", **options)
        assert abs(r.value - d.value) <= 2 * d.floor + 1e-9 * r.value
    k = mh.gradient_kernel("silu", normalized=True)
    r, d = (mh.min_eig(X, k, precision=p, tol=1e-8) for p in ("exact", "double"))
    assert abs(r.value - d.value) <= 2 * d.floor + 1e-9 * r.value


def test_points_of_any_norm():
    X = mh.generate("sphere-random", n=9, d=2, rng=1)
    scaled = X * np.linspace(0.3, 7.0, 9)[:, None]
    with pytest.raises(
        ValueError, match=r"points must have unit norm for 'tanh', .* with precision='exact'"
    ):
        mh.min_eig(scaled, "tanh", precision="exact")
    r = mh.min_eig(scaled, "tanh", precision="exact", normalize=True)
    assert r.value == pytest.approx(mh.min_eig(X, "tanh", precision="exact").value, rel=1e-6)
    # homogeneous: K scales with the norms, z^3 gives (|x| |y|)^2 ... and the doubles agree
    cube = mh.activation("polynomial", coefficients=(0.0, 0.0, 0.0, 1.0))
    Y = scaled[:3]
    r, d = (mh.min_eig(Y, cube, precision=p) for p in ("exact", "double"))
    assert r.value == pytest.approx(d.value, rel=1e-6)


def test_one_point_and_two():
    r = mh.min_eig([[1.0, 0.0]], "tanh", precision="exact")
    assert r.value == pytest.approx(0.4644029, rel=1e-6) and r.resolved
    angle = 1e-12  # closer than double's cosine can see
    X = np.array([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
    r = mh.min_eig(X, "tanh", precision="exact")
    # h(1) - h(cos t) = h'(1) t^2 / 2 + ..., h' from the coefficients
    ker = mh.gradient_kernel("tanh")
    slope = float(np.arange(800) @ ker.coefficients(799))
    assert r.resolved and r.value == pytest.approx(slope * angle**2 / 2, rel=1e-6)


def test_equal_points_are_zero():
    X = mh.generate("sphere-random", n=6, d=3, rng=0)
    X[4] = X[1]
    r = mh.min_eig(X, "tanh", precision="exact")
    assert (r.value, r.upper, r.status, r.method) == (0.0, 0.0, "resolved", "structure")


def test_a_singular_kernel_ends():
    # three points of a plane in space: of <x, y>, rank three is possible in space, and two is what there is
    X = np.column_stack([mh.generate("sphere-random", n=3, d=2, rng=0), np.zeros(3)])
    with pytest.warns(mh.PrecisionWarning, match="not told from zero"):
        r = mh.min_eig(X, "identity", precision="exact")
    assert r.status == "rounding-limited" and r.lower == 0.0 and r.upper < 1e-300


def test_without_flint(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    X = mh.generate("circle-full", n=5, d=2)
    with pytest.raises(ImportError, match=r"needs python-flint.*pip install 'mehler\[exact\]'"):
        mh.min_eig(X, "tanh", precision="exact")


def test_refusals():
    X = mh.generate("sphere-random", n=1001, d=3, rng=0)
    with pytest.raises(
        ValueError, match=r"precision='exact' is for at most 1000 points .*; got 1001"
    ):
        mh.min_eig(X, "tanh", precision="exact")
    with pytest.raises(MemoryError, match=r"precision='exact' needs about .* for n=500"):
        mh.min_eig(X[:500], "tanh", precision="exact", max_memory="10MB")
    for precision in ("exact", "extended"):
        with pytest.raises(
            ValueError, match="method must be 'auto' or 'shift-invert'; got 'lanczos'"
        ):
            mh.min_eig(X[:5], "tanh", precision=precision, method="lanczos")
        with pytest.raises(
            ValueError, match="certify='preconditioned' is for activations with a kink"
        ):
            mh.min_eig(X[:5], "tanh", precision=precision, certify="preconditioned")


def test_time_limit_and_callback():
    X = mh.generate("sphere-random", n=120, d=2, rng=0)
    with pytest.warns(mh.ConvergenceWarning, match="time_limit"):
        r = mh.min_eig(X, "tanh", precision="exact", time_limit=0.2)
    assert r.status == "budget-limited" and r.lower == 0.0 and r.seconds < 2.0
    with pytest.warns(mh.ConvergenceWarning, match="callback"):
        r = mh.min_eig(X, "tanh", precision="exact", callback=lambda s: s.phase == "exact")
    assert r.status == "budget-limited" and r.upper > 0.0


def test_an_upper_bound_below_every_double_is_no_error():
    """Points of a subspace: exactly singular, and the quotient underflows."""
    X = np.zeros((40, 40))
    X[:, :5] = mh.generate("sphere-random", n=40, d=5, rng=0)
    with pytest.warns(mh.PrecisionWarning, match="may be exactly zero"):
        r = mh.min_eig(X, "identity", precision="exact", tol=1e-4)
    assert r.status == "rounding-limited" and r.lower == 0.0 and 0.0 <= r.upper < 1e-300
