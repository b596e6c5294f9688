"""Thick restart: with a basis that is far too short, Lanczos finds the same pairs.

The core is asked directly, so that the bound of the basis is what the test says; truth is the prescribed
spectrum, and the definition of a residual.
"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import scipy.sparse

import mehler as mh
from mehler import _core
from mehler.solvers import iterative, room
from spectra import sphere, with_spectrum

TOL = 1e-7
SPECTRA = {
    "spread": np.linspace(1.0, 50.0, 400),
    "cluster": np.r_[1.0 + 1e-7 * np.arange(4), np.linspace(2.0, 9.0, 396)],
    "double": np.r_[1.0, 1.0, np.linspace(1.5, 9.0, 398)],
    "graded": np.geomspace(0.2, 10.0, 400),
    "indefinite": np.r_[-1e-2, np.geomspace(0.2, 10.0, 399)],
    "negative": -np.geomspace(1.0, 30.0, 400),
    "far above": np.r_[np.linspace(1.0, 2.0, 360), np.geomspace(1e2, 1e4, 40)],
    "rank one above": np.r_[np.ones(399), 1e4],
    "identity": np.ones(400),
}


def lanczos(op, k=1, block=2, most=40, largest=False, products=5000, threads=1, ask=None, tol=TOL):
    """Pairs of a float64 operator, with a basis of at most ``most`` vectors."""
    return _core.lanczos(
        op, op, k, block, most, 0.5 * tol, tol, 0.0, 1e-16, -math.inf, 7, largest, products,
        math.inf, 0.0, 1, threads, ask,
    )  # fmt: skip


def operator(A):
    return _core.DenseOperator(np.ascontiguousarray(A))


@pytest.mark.parametrize("which", ["SA", "LA"])
@pytest.mark.parametrize(("k", "block"), [(1, 1), (1, 2), (3, 2), (4, 4)])
@pytest.mark.parametrize("name", SPECTRA)
def test_prescribed_spectrum(name, k, block, which):
    A = with_spectrum(SPECTRA[name], seed=5)
    most = 64
    found = lanczos(operator(A), k, block, most, which == "LA")
    truth = np.sort(SPECTRA[name])
    truth = truth[:k] if which == "SA" else truth[::-1][:k]
    size, V = np.abs(truth).max(), found["vectors"]
    assert found["end"] == "converged"
    assert found["basis"] <= most
    order = np.argsort(found["values"] if which == "SA" else -found["values"], kind="stable")
    values, V = found["values"][order], V[:, order]
    np.testing.assert_allclose(V.T @ V, np.eye(k), atol=1e-6)
    R = A @ V - V * values
    # rounding of |A| stays in each residual, whatever the recurrence says
    noise = 1e-14 * np.abs(SPECTRA[name]).max()
    assert np.all(np.linalg.norm(R, axis=0) <= TOL * np.abs(values) + 30.0 * noise)
    if block > 1 or name not in ("double", "identity", "rank one above"):  # copies: copies.py
        np.testing.assert_allclose(values, truth, rtol=2.0 * TOL, atol=size * TOL + noise)
    if name == "spread" or (block > 1 and name in ("graded", "indefinite", "negative")):
        assert block * found["applications"] > most  # it has restarted


@pytest.mark.parametrize("d", [5, 50])
def test_products_grow_little(d):
    """A basis of 160: at most twice the products of a basis that may grow (docs/decisions/0011)."""
    K = mh.gram(sphere(1500, d), "relu")
    free, short = lanczos(K.op, most=1500, tol=1e-6), lanczos(K.op, most=160, tol=1e-6)
    assert free["end"] == short["end"] == "converged"
    assert short["values"] == pytest.approx(free["values"], rel=1e-9)
    assert short["basis"] <= 160 and 2 * short["applications"] > 160
    assert short["applications"] <= 2 * free["applications"]


def test_threads_agree_bit_for_bit():
    K = mh.gram(sphere(700, 5), "relu")
    one, two = (lanczos(K.op, most=40, threads=t, tol=1e-3) for t in (1, 2))
    assert one["applications"] == two["applications"] > 20
    np.testing.assert_array_equal(one["vectors"], two["vectors"])


def test_products_are_bounded():
    """The Laplacian of a path: 2e-8 beside 4, hopeless. The Rayleigh quotient is an upper bound."""
    n = 4000
    ones = np.ones(n)
    lap = scipy.sparse.diags_array([-ones[1:], 2 * ones, -ones[1:]], offsets=[-1, 0, 1])
    truth = 2 - 2 * np.cos(np.pi / (n + 1))
    found = lanczos(_core.CallableOperator(lambda V: lap @ V, n), most=48, products=200)
    assert (found["end"], found["applications"]) == ("too many products", 200)
    assert found["basis"] <= 48
    assert truth <= found["ritz_values"][0]


def test_the_result_says_that_products_ran_out(monkeypatch):
    monkeypatch.setattr(iterative, "MOST_PRODUCTS", 100)
    n = 4000
    lap = scipy.sparse.diags_array(
        [-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]
    )
    with pytest.warns(mh.ConvergenceWarning, match="too many products: 100 block products, with"):
        r = mh.eigsh(lap, max_memory="20MB", rng=0)
    assert r.status == "budget-limited"
    assert 2 - 2 * np.cos(np.pi / (n + 1)) <= r.upper < 1e-2
    assert "raise max_memory" in r.message


def test_many_pairs_and_all_copies_in_a_short_basis(monkeypatch):
    monkeypatch.setattr(room, "MOST_BASIS", 64)
    values = np.concatenate([np.full(5, 1.0), np.geomspace(1.5, 1e3, 595)])
    A = with_spectrum(values)
    r = mh.eigsh(A, k=8, method="lanczos", tol=1e-6, rng=1)
    assert r.status == "resolved"
    np.testing.assert_allclose(r.values, values[:8], rtol=2e-6)
    np.testing.assert_allclose(r.vectors.T @ r.vectors, np.eye(8), atol=1e-5)


@pytest.mark.parametrize("method", ["lanczos", "shift-invert"])
def test_min_eig_in_a_short_basis(method, monkeypatch):
    """float32 storage, refined: the correction is preconditioned by what a restart has left."""
    from mehler.solvers import inverse

    monkeypatch.setattr(room, "MOST_BASIS", 64)
    monkeypatch.setattr(inverse, "MOST_BASIS", 24)
    X = sphere(2100, 5, seed=3)
    r = mh.min_eig(X, "relu", method=method, precision="single", rng=0)
    assert r.status == "resolved"
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    assert r.value == pytest.approx(truth, rel=1e-6)


class Slow:
    """K @ V; from product ``last`` on, everything is slow enough for the listener to be asked."""

    def __init__(self, A, last):
        self.A, self.last, self.done = A, last, 0

    def __call__(self, V):
        self.done += 1
        if self.done == self.last:
            time.sleep(0.11)
        return self.A @ V


@pytest.mark.parametrize("asked", range(2, 16, 2))
def test_an_end_within_a_restart_keeps_the_ritz_vectors(asked):
    """The listener is asked ten times a second; it takes its time, so that each tick asks it.

    The product before the first restart is the slow one. Whatever tick ends the work, the vectors are
    those of the Ritz values, of norm one.
    """
    A = with_spectrum(np.geomspace(1e-3, 1.0, 500))
    most, calls = 48, 0

    def ask(*_):
        nonlocal calls
        calls += 1
        if calls == asked:
            return True
        time.sleep(0.1)
        return False

    product = Slow(A, most // 2)
    found = lanczos(_core.CallableOperator(product, 500), most=most, ask=ask)
    assert found["end"] == "stopped" and calls == asked
    assert product.done <= most // 2 + 2
    V, theta = found["vectors"], found["ritz_values"]
    assert np.linalg.norm(V[:, 0]) == pytest.approx(1.0, abs=1e-12)
    assert V[:, 0] @ A @ V[:, 0] == pytest.approx(theta[0], rel=1e-9)
