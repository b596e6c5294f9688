"""The shift near the smallest eigenvalue: what the blocks of K say of it, and what happens when they are wrong."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler._progress import Reporter
from mehler.operators.points import core_points
from mehler.solvers import inverse, placing
from mehler.solvers.outcome import Task
from spectra import sphere, with_spectrum
from test_eigen import check

N = 1100
KINDS = {"float32": _core.Cholesky32, "float64": _core.Cholesky64}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """From fewer points on than is worth it: every case is quick."""
    monkeypatch.setattr(placing, "PLACED_FROM", 1000)


def tiles(X, name="relu", dtype="float32"):
    ker = mh.gradient_kernel(name)
    return KINDS[dtype](core_points(X, ker, 1), ker.h.compiled, 0.0, 2)


def task(limit=10**10):
    return Task(1e-6, 2, 0, limit, Reporter(None, None), 0.0)


# -- tiles before they are factored ----------------------------------------------------------------


@pytest.mark.parametrize(("n", "dtype"), [(700, "float32"), (700, "float64"), (3100, "float32")])
def test_a_block_is_the_principal_block(n, dtype):
    X = sphere(n, 15)  # tiles of either edge, the last one short
    K = mh.gradient_kernel("relu")(X)
    edge, close = _core.Cholesky32.edge_for(n), 3e-6 if dtype == "float32" else 1e-13
    whole = tiles(X, dtype=dtype)
    for first, count in ((0, 2), (whole.panels - 2, 2), (1, 1)):
        at = slice(first * edge, min((first + count) * edge, n))
        B = whole.block(first, count)
        assert B.size == len(K[at, at]) and B.factor(2)
        np.testing.assert_allclose(B.dense(), np.linalg.cholesky(K[at, at]), atol=close)
    if n == 700:
        assert whole.block(0, whole.panels).factor(2) and whole.factor(
            2
        )  # the copies left it alone
        np.testing.assert_allclose(whole.dense(), np.linalg.cholesky(K), atol=close)


@pytest.mark.parametrize("dtype", KINDS)
def test_lowered_tiles_are_those_of_the_shift(dtype):
    A = with_spectrum(np.linspace(1.0, 3.0, 600))
    F = KINDS[dtype](A, 0.25, 1)
    F.lower(0.5)
    assert F.shift == 0.75 and F.factor(1)
    L = F.dense().astype(float)
    np.testing.assert_allclose(
        L @ L.T, A - 0.75 * np.eye(600), atol=1e-6 if dtype == "float32" else 1e-14
    )


@pytest.mark.parametrize("dtype", KINDS)
def test_pair_bound_is_the_least_quotient_of_two(dtype):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((700, 700))
    A = A @ A.T / 700 + np.diag(rng.uniform(0.0, 1.0, 700))
    i, j = np.tril_indices(700, -1)
    truth = np.min(0.5 * (A[i, i] + A[j, j]) - np.abs(A[i, j]))
    F = KINDS[dtype](A, 0.0, 2)
    assert F.pair_bound(2) == pytest.approx(truth, abs=1e-6 if dtype == "float32" else 1e-15)
    assert truth >= np.linalg.eigvalsh(A)[0]
    F.lower(0.1)  # of K, not of K - s
    assert F.pair_bound(1) == pytest.approx(truth, abs=1e-6)


def test_pair_bound_of_tiles_of_either_edge_in_one_process():
    """Small tiles first: what a thread keeps for them must not serve the larger ones."""
    for n in (700, 3100, 700):
        A = np.diag(np.arange(2.0, n + 2.0))
        A[n - 1, n - 3] = A[n - 3, n - 1] = n - 1.0  # between n - 1 and n + 1 on the diagonal
        assert _core.Cholesky32(A, 0.0, 2).pair_bound(1) == 1.0


def test_a_factor_has_no_tiles_of_k_left():
    F = _core.Cholesky64(np.eye(300), 0.0, 1)
    for bad in ((0, 0), (0, 3), (-1, 1), (2, 1)):
        with pytest.raises(IndexError, match="no such panels"):
            F.block(*bad)
    assert F.factor(1)
    for use in (lambda: F.block(0, 1), lambda: F.lower(0.1), lambda: F.pair_bound(1)):
        with pytest.raises(RuntimeError, match="factored before"):
            use()


# -- the guess -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "name"), [(20, "relu"), (50, "relu"), (50, "tanh"), (80, "selu")])
def test_near_and_below_on_random_points(d, name):
    X = sphere(N, d, seed=d)
    truth = np.linalg.eigvalsh(mh.gradient_kernel(name)(X))[0]
    s = placing.place(tiles(X, name), task(), 0)
    assert 0.3 * truth < s < truth


@pytest.mark.parametrize("name", ["elu", "tanh"])
def test_none_where_it_falls_steeply(name):
    """In few dimensions more points lower the value by orders of magnitude."""
    X = sphere(N, 3)
    F = tiles(X, name, "float64")
    truth = np.linalg.eigvalsh(mh.gradient_kernel(name)(X))[0]
    assert placing.place(F, task(), 0) <= max(truth, 0.0)


def test_none_for_few_points_and_where_memory_is_short():
    assert placing.place(tiles(sphere(900, 50)), task(), 0) == 0.0
    F = tiles(sphere(N, 50))
    need = F.nbytes + placing.block_bytes(F)
    assert placing.place(F, task(need - 1), 0) == 0.0 < placing.place(F, task(need), 0)


def test_fewer_solves_for_the_same_answer(monkeypatch):
    X = sphere(2100, 50)  # float32
    near = mh.min_eig(X, "relu", method="shift-invert", rng=0)
    monkeypatch.setattr(inverse, "place", lambda *_: 0.0)
    plain = mh.min_eig(X, "relu", method="shift-invert", rng=0)
    assert "s=" in near.method and "s=" not in plain.method
    assert near.resolved and near.value == pytest.approx(plain.value, rel=2e-6)
    assert near.applications < 0.8 * plain.applications
    check(near, mh.gradient_kernel("relu")(X))


# -- wrong guesses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("low", [1e-4, 0.3, 0.7])
def test_a_guess_too_high_is_made_again(low, k):
    """An eigenvalue that no block shows: its vector is spread over all of K, of which they are a quarter."""
    A = with_spectrum(np.r_[low, np.linspace(1.0, 2.0, N - 1)], seed=3)
    F = _core.Cholesky32(A, 0.0, 2)
    s = placing.place(F, task(), 0)
    if low < 0.5:
        assert s > low
        F.lower(s)
        assert not F.factor(2)
    r = mh.eigsh(A, k=k, method="shift-invert", rng=0)
    assert "s=" not in r.method or s < low
    check(r, A, k)


@pytest.mark.parametrize("copies", [2, 3, 5])
def test_points_that_no_block_holds(copies):
    """Near-duplicates in the middle: their quotient bounds the guess."""
    X = sphere(N, 50)
    for c in range(1, copies):
        X[N // 2 + c] = X[N // 2] + 0.02 * sphere(1, 50, seed=c)[0]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    K = mh.gradient_kernel("relu")(X)
    check(mh.min_eig(X, "relu", method="shift-invert", rng=0), K)


def test_sorted_points():
    """Both ends of a sorted set are unlike its middle."""
    X = sphere(N, 20, seed=4)
    middle = slice(N // 3, 2 * N // 3)
    X[middle] = X[middle.start] + 0.3 * X[middle]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    check(mh.min_eig(X, "relu", method="shift-invert", rng=0), mh.gradient_kernel("relu")(X))


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_scale_does_not_matter(scale):
    A = with_spectrum(np.geomspace(1.0, 4.0, N), seed=6)
    plain = placing.place(_core.Cholesky32(A, 0.0, 2), task(), 0)
    assert plain > 0.5
    assert placing.place(_core.Cholesky32(scale * A, 0.0, 2), task(), 0) == pytest.approx(
        scale * plain, rel=1e-3
    )


def test_a_callback_ends_it_while_the_shift_is_placed(monkeypatch):
    """The phase has a name of its own, and tells no values of blocks."""
    seen = []

    def stop(F, task, held):
        seen.append(task.report.ask("shift", 0, 0, 0.0, 0.0))
        raise _core.Interrupted("ended")

    monkeypatch.setattr(inverse, "place", stop)
    with pytest.warns(mh.ConvergenceWarning, match="stopped by the callback"):
        r = mh.min_eig(
            sphere(N, 50), "relu", method="shift-invert", callback=lambda s: s.phase == "shift"
        )
    assert seen == [True] and r.status == "budget-limited" and r.lower <= r.upper
