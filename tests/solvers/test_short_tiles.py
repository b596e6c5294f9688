"""Factors in tiles of 16 bits: exact products, the error that is left, solves, and what shift-invert makes of them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import mehler as mh
from mehler import _core
from mehler.operators.points import core_points
from mehler.solvers import cholesky, inverse

Array = NDArray[np.float64]


def sphere(n: int, d: int, seed: int = 0) -> Array:
    X = np.random.default_rng(seed).standard_normal((n, d))
    X /= np.linalg.norm(X, axis=1)[:, None]
    return X


def factor(X: Array, name: str = "relu", shift: float = 0.0, threads: int = 2) -> _core.Cholesky32:
    ker = mh.gradient_kernel(name)
    F = _core.Cholesky32(core_points(X, ker, threads), ker.h.compiled, shift, threads)
    assert F.factor(threads, None, True) and F.shortened
    return F


def error(F: _core.Cholesky32, K: Array) -> float:
    L = np.tril(F.dense().astype(float))
    return float(np.linalg.norm(L @ L.T - K, 2))


# -- products ------------------------------------------------------------------------------------


def unit(A: Array) -> Array:
    """Of each row, by the definition."""
    return np.maximum(np.linalg.norm(A, axis=1) / _core.SHORT_NORM, np.abs(A).max(axis=1) / 32767.0)


@given(
    m=st.integers(1, 70),
    n=st.integers(1, 40),
    half=st.integers(1, 256),
    seed=st.integers(0, 999),
    spikes=st.booleans(),
)
def test_products_err_by_half_a_unit_in_each_entry(m, n, half, seed, spikes):
    g = np.random.default_rng(seed)
    A, B = (g.standard_normal((r, 2 * half)).astype(np.float32) for r in (m, n))
    if spikes:  # one entry makes the row
        A[:, 0], B[:, 0] = 1e4, -1e4
    found = _core.short_products(np.asfortranarray(A), np.asfortranarray(B))
    for C in found:
        np.testing.assert_array_equal(C, found[0])  # every instruction set the same bits
    A, B = A.astype(float), B.astype(float)
    p, q = unit(A), unit(B)
    sums = np.abs(A).sum(axis=1), np.abs(B).sum(axis=1)
    allowed = 0.51 * (p[:, None] * sums[1] + sums[0][:, None] * q + half * p[:, None] * q)
    allowed += 2e-7 * np.linalg.norm(A, axis=1)[:, None] * np.linalg.norm(B, axis=1)
    assert np.all(np.abs(found[0] + A @ B.T) <= allowed)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_sums_do_not_overflow(sign):
    """The largest there are: rows along one another, flat or with one entry; at 2^31 the sign would change."""
    flat = np.ones((3, 512), np.float32)
    spike = np.zeros((3, 512), np.float32)
    spike[:, 7] = 1.0
    for A in (flat, spike, flat + 100.0 * spike):
        for C in _core.short_products(np.asfortranarray(A), np.asfortranarray(sign * A)):
            np.testing.assert_allclose(C, -sign * (A @ A.T), rtol=6e-4)


def test_rows_of_zeros_and_of_any_size():
    A = np.asfortranarray(np.random.default_rng(0).standard_normal((5, 64)).astype(np.float32))
    A[1] = 0.0
    for scale in (1e-12, 1e15):
        C = _core.short_products(np.float32(scale) * A, A)[-1]
        truth = -(np.float32(scale) * A).astype(float) @ A.T.astype(float)
        np.testing.assert_allclose(C, truth, rtol=0.0, atol=2e-3 * scale)
        assert np.all(C[1] == 0.0) and np.all(C[:, 1] == 0.0)
    A[2, 3] = np.inf  # no number comes of it: the factor breaks down there
    assert np.all(np.isnan(_core.short_products(A, A)[-1][2]))


def test_shapes_are_checked():
    A = np.zeros((3, 5), np.float32, order="F")
    for B in (A, np.zeros((3, 514), np.float32), np.zeros((3, 4), np.float32)):
        with pytest.raises(ValueError, match="k even"):
            _core.short_products(A, np.asfortranarray(B))


# -- factors and solves ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [257, 519, 520, 527, 528, 529, 777, 3073, 3590])
def test_a_factor_errs_by_its_blur(n):
    """Last panels of 1, 7, 8, 15, 16, 17 rows among them; |E| by a dense norm."""
    X = sphere(n, 20, seed=n)
    F = factor(X)
    K = np.asarray(mh.gram(X, "relu"))
    found = error(F, K)
    assert 0.3 * F.blur <= found <= F.blur
    assert F.blur < cholesky.expected_blur(n) * K.max()
    assert F.nbytes == cholesky.factor_bytes(n, "float32") + cholesky.scale_bytes(n)


@pytest.mark.parametrize(("name", "d"), [("relu", 5), ("elu", 50), ("tanh", 784), ("swish", 100)])
def test_blur_of_kernels(name, d):
    X = sphere(1500, d)
    K = np.asarray(mh.gram(X, name))
    shift = 0.5 * np.linalg.eigvalsh(K)[0]
    F = factor(X, name, shift)
    assert error(F, K - shift * np.eye(1500)) <= F.blur


def test_blur_of_like_points():
    """Rounding is alike in rows that are alike: orthonormal points, and many copies of few."""
    g = np.random.default_rng(0)
    few = sphere(40, 8)[g.integers(40, size=900)]
    for X in (np.eye(900), few + 1e-3 * g.standard_normal(few.shape)):
        X = X / np.linalg.norm(X, axis=1)[:, None]
        F = factor(X, "relu")
        K = np.asarray(mh.gram(X, "relu"))
        V = np.linalg.eigh(K)[1]
        L = np.tril(F.dense().astype(float))
        E = V[:, :50].T @ (L @ L.T - K) @ V[:, :50]  # where it matters
        assert np.linalg.norm(E, 2) <= F.blur + 2.0**-24 * np.linalg.norm(K)  # and of float32


def test_solves_are_those_of_the_factor():
    n = 1111
    X = sphere(n, 30)
    F = factor(X)
    L = np.tril(F.dense().astype(float))
    B = np.asfortranarray(np.random.default_rng(1).standard_normal((n, 7)))
    truth = np.linalg.solve(L @ L.T, B)
    found = F.solve(B, 2)
    # sums of 32 terms are float32
    np.testing.assert_allclose(found, truth, rtol=0.0, atol=5e-7 * np.abs(truth).max())
    G = np.linalg.inv(L @ L.T)
    np.testing.assert_allclose(F.solve(np.eye(n, order="F"), 2), G, atol=1e-6 * np.abs(G).max())


def test_threads_agree():
    X = sphere(3333, 30)  # large enough for both to work
    F, G = factor(X, threads=1), factor(X, threads=2)
    np.testing.assert_array_equal(F.dense(), G.dense())
    assert F.blur == G.blur
    B = np.asfortranarray(np.random.default_rng(1).standard_normal((3333, 3)))
    np.testing.assert_array_equal(F.solve(B, 1), G.solve(B, 2))


def test_only_float32_is_shortened():
    F = _core.Cholesky64(np.eye(300), 0.0, 1)
    with pytest.raises(RuntimeError, match="float32"):
        F.factor(1, None, True)


def test_a_breakdown_is_one():
    K = np.asarray(mh.gram(sphere(700, 30), "relu"))
    F = _core.Cholesky32(K, float(1.01 * np.linalg.eigvalsh(K)[0]), 2)
    assert not F.factor(2, None, True) and F.column is not None and F.column > 256


# -- shift-invert ----------------------------------------------------------------------------------


@pytest.fixture
def everywhere(monkeypatch):
    """Tiles of 16 bits whatever the size, at 0.7 of the smallest eigenvalue."""

    def at(K: Array) -> None:
        low = float(np.linalg.eigvalsh(K)[0])
        monkeypatch.setattr(inverse, "place", lambda *_: 0.7 * low)
        monkeypatch.setattr(cholesky, "SINGLE_FROM", 0)
        monkeypatch.setattr(cholesky, "SHORTS_FROM", 0)
        monkeypatch.setattr(cholesky, "SHORTS_FOR", 0)
        monkeypatch.setattr(cholesky, "may_shorten", lambda F: True)

    return at


needs_avx2 = pytest.mark.skipif(not _core.SHORTS_PAY, reason="no quicker than float32 here")


@needs_avx2
def test_the_answer_is_that_of_float64():
    X = sphere(3200, 40)
    r = mh.min_eig(X, "relu", method="shift-invert", rng=0)
    assert r.resolved and "tiles of 16 bits" in r.method
    assert r.value == pytest.approx(np.linalg.eigvalsh(np.asarray(mh.gram(X, "relu")))[0], rel=1e-6)


@needs_avx2
@pytest.mark.parametrize("seed", range(12))
def test_never_another_eigenvalue(seed, everywhere):
    """Points of few dimensions, near pairs and near antipodes among them: the smallest, or no claim."""
    g = np.random.default_rng(seed)
    n, d = int(g.integers(300, 900)), int(g.integers(2, 7))
    X = sphere(n, d, seed)
    for k in range(int(g.integers(0, 4))):
        X[k] = (1.0 if k % 2 else -1.0) * X[-1 - k] + 10.0 ** -g.uniform(1, 4) * X[100 + k]
    X /= np.linalg.norm(X, axis=1)[:, None]
    name = ("relu", "leaky_relu", "abs", "selu", "elu")[seed % 5]
    K = np.asarray(mh.gram(X, name))
    everywhere(K)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is not resolved
        r = mh.min_eig(X, name, method="shift-invert", precision="single", rng=seed)
    truth = float(np.linalg.eigvalsh(K)[0])
    assert not r.resolved or abs(r.value - truth) <= 1e-6 * truth + 1e-13


@needs_avx2
def test_values_that_are_not_told_apart_go_on_in_float32(everywhere, monkeypatch):
    X = sphere(1200, 784)
    everywhere(np.asarray(mh.gram(X, "tanh")))
    monkeypatch.setattr(inverse, "SPREADS", 1e5)
    r = mh.min_eig(X, "tanh", method="shift-invert", rng=0)
    assert r.resolved and "16 bits" not in r.method
    assert r.value == pytest.approx(np.linalg.eigvalsh(np.asarray(mh.gram(X, "tanh")))[0], rel=1e-6)


@pytest.mark.parametrize("mixed", [0.03, 30.0])
def test_errors_that_mix_the_vectors_are_not_measured(mixed):
    """Their deviation as a share of the distance of the two lowest values: 3 % leaves the first its own, 30 times does not."""
    X = sphere(900, 30)
    K = np.asarray(mh.gram(X, "relu"))
    w = np.linalg.eigvalsh(K)
    F = factor(X, shift=0.7 * w[0])
    spread = mixed * (w[1] - w[0])
    exact = _core.DenseOperator(K)
    found = _core.shift_invert(
        F, exact, 1, 3, 2, 300, 1e-5, 1e-6, 0.0, 8, 0, 2, 0.5 * (w[1] - w[0]), spread
    )
    assert len(found["ritz_values"]) == 1
    assert (len(found["values"]) == 1) == (mixed < 1.0)
    if mixed < 1.0:
        assert found["values"][0] == pytest.approx(w[0], rel=1e-6)


@needs_avx2
def test_a_bound_before_the_first_product_allows_for_the_factor(everywhere):
    """Many values within the blur, and the end before anything is measured: the truth lies within what is said."""
    X = sphere(1500, 30)
    for k in range(30):
        X[k] = X[-1 - k] + 0.02 * sphere(30, 30, 1)[k]
    X /= np.linalg.norm(X, axis=1)[:, None]
    K = np.asarray(mh.gram(X, "relu"))
    truth = float(np.linalg.eigvalsh(K)[0])
    everywhere(K)
    F = factor(X, shift=0.7 * truth)

    def callback(state: Any) -> bool:
        return bool(state.phase == "residual")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r = mh.min_eig(X, "relu", method="shift-invert", certify="none", rng=0, callback=callback)
    assert r.upper >= truth
    if not r.resolved:  # it was asked in time
        assert r.residual >= F.blur


@pytest.mark.parametrize(
    ("name", "d"),
    [("swish", 20), ("relu", 2)],  # too small for 16 bits
)
def test_small_values_are_not_shortened(name, d):
    r = mh.min_eig(sphere(3100, d), name, method="shift-invert", tol=1e-4, rng=0)
    assert "16 bits" not in r.method


def test_many_dimensions_are_not_shortened():
    assert not cholesky.shorts_pay(10_000, 784)
    assert cholesky.shorts_pay(10_000, 50) == _core.SHORTS_PAY
