"""The tiled factor: K - s I = L L^t for any size, precision and number of threads, and its solves."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler.operators.points import core_points
from spectra import sphere, with_spectrum

SIZES = [1, 2, 3, 31, 33, 255, 256, 257, 511, 512, 513, 1300]
KINDS = {"float64": _core.Cholesky64, "float32": _core.Cholesky32}
EPS = {t: float(np.finfo(t).eps) for t in KINDS}


def positive(n: int, seed: int = 0) -> np.ndarray:
    """A well-conditioned symmetric matrix whose entries have no pattern."""
    B = np.random.default_rng(seed + n).standard_normal((n, n))
    A = B @ B.T / n + 0.5 * np.eye(n)
    return (A + A.T) / 2


def columns(n: int, b: int) -> np.ndarray:
    return np.asfortranarray(np.random.default_rng(b).standard_normal((n, b)))


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_factor_equals_numpy(n, dtype):
    A = positive(n)
    F = KINDS[dtype](A, 0.0, 2)
    assert not F.complete and F.factor(2) and F.complete
    assert F.column is None and F.size == n and F.shift == 0.0
    L = F.dense()
    assert L.dtype == dtype and np.array_equal(L, np.tril(L))
    # backward error of Cholesky: a small multiple of eps sqrt(n) |A|
    assert np.abs(L.astype(float) @ L.T.astype(float) - A).max() <= 20 * EPS[dtype] * A.max()
    np.testing.assert_allclose(L, np.linalg.cholesky(A), atol=100 * EPS[dtype] * A.max())


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("n", [1, 2, 257, 513, 1300, 3200])
def test_any_number_of_threads_gives_the_same_bits(n, dtype):
    A = positive(n)
    factors, solutions = [], []
    B = columns(n, 7)
    for threads in (1, 2, 3):
        F = KINDS[dtype](A, 0.1, threads)
        assert F.factor(threads)
        factors.append(F.dense())
        solutions.append(F.solve(B, threads))
    for L, X in zip(factors[1:], solutions[1:], strict=True):
        assert np.array_equal(L, factors[0]) and np.array_equal(X, solutions[0])


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_solves_are_those_of_the_factor_in_double(n, dtype):
    """Also for a float32 factor: solves are made in double, so that the inverse is symmetric."""
    F = KINDS[dtype](positive(n), 0.0, 2)
    assert F.factor(2)
    L = F.dense().astype(np.float64)
    for b in (1, 2, 3, 4, 5):
        B = columns(n, b)
        X = F.solve(B, 2)
        assert np.abs(L @ (L.T @ X) - B).max() <= 1e-12 * np.abs(B).max()
        assert np.array_equal(F.solve(B, 1), X)


def test_three_thousand_points_take_wide_tiles():
    """Tiles are wider from n = 3072 on; a ragged last one."""
    A = positive(3100)
    F = _core.Cholesky64(A, 0.0, 2)
    assert F.factor(2)
    np.testing.assert_allclose(F.dense(), np.linalg.cholesky(A), atol=1e-12)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("n", [1, 300, 513, 1300, 3100])
def test_tiles_of_points_are_those_of_the_gram_operator(n, dtype):
    X = sphere(n, 6) * np.linspace(0.5, 2.0, n)[:, None]  # norms of their own
    ker = mh.gradient_kernel("relu")
    points = core_points(X, ker, 2)
    K = mh.gram(X, ker, storage="packed", dtype="float64")
    shift = -1e-2
    F = KINDS[dtype](points, ker.h.compiled, shift, 2)
    assert F.frobenius == pytest.approx(np.linalg.norm(K.toarray()), rel=1e-12)
    assert F.pairs() == K.pairs
    assert F.factor(2)
    A = K.toarray() - shift * np.eye(n)
    G = KINDS[dtype](A, 0.0, 2)
    assert G.factor(2)
    assert np.array_equal(F.dense(), G.dense())
    assert (
        F.nbytes
        == KINDS[dtype].bytes_for(n)
        <= (n + 512) * (n + 512) * F.dense().itemsize // 2 + 512 * n * 8
    )


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("column", [0, 1, 40, 255, 256, 511, 512, 700, 1299])
def test_the_column_where_it_breaks_down_is_reported(column, dtype):
    A = positive(1300)
    A[column, column] = -1.0
    for threads in (1, 2, 3):
        F = KINDS[dtype](A, 0.0, threads)
        assert not F.factor(threads)
        assert F.column == column and F.pivot < 0.0 and not F.complete
    with pytest.raises(RuntimeError, match="not complete"):
        F.solve(columns(1300, 1), 2)
    with pytest.raises(RuntimeError, match="factored before"):
        F.factor(2)


def test_zero_nan_and_infinity_break_down():
    for bad in (0.0, np.nan, np.inf):
        A = np.eye(300)
        A[70, 70] = bad
        F = _core.Cholesky64(A, 0.0, 2)
        assert not F.factor(2) and F.column == 70


def test_a_breakdown_counts_eigenvalues_below_the_shift():
    values = np.geomspace(1e-3, 10.0, 700)
    A = with_spectrum(values)
    for s in (0.0, 0.5e-3, 0.99e-3, 1.01e-3, 1e-2, 20.0):
        assert _core.Cholesky64(A, s, 2).factor(2) == (s < values[0])


@pytest.mark.parametrize("size", [1e-10, 1e-8, 1e-4])
def test_a_tiny_negative_eigenvalue_breaks_down(size):
    """|K| = 1; breakdown is certain once the value is far above n eps."""
    A = with_spectrum(np.r_[-size, np.linspace(0.1, 1.0, 599)], seed=3)
    F = _core.Cholesky64(A, 0.0, 2)
    assert not F.factor(2) and F.column is not None
    assert _core.Cholesky64(A, -2.0 * size, 2).factor(2)


def test_stopping_and_errors():
    A = positive(2500)
    F = _core.Cholesky64(A, 0.0, 2)
    seen = []

    def stop(phase, done, total, value, residual):
        seen.append((phase, done, total))
        return True

    big = _core.Cholesky64(np.eye(6000) * 2.0, 0.0, 2)
    with pytest.raises(_core.Interrupted):
        big.factor(2, stop)
    assert seen[0][0] == "factor" and 0 < seen[0][1] < seen[0][2]

    def fail(*state):
        raise RuntimeError("the listener failed")

    big = _core.Cholesky64(np.eye(6000) * 2.0, 0.0, 2)
    with pytest.raises(RuntimeError, match="the listener failed"):
        big.factor(2, fail)
    assert F.factor(2, lambda *state: False)
    with pytest.raises(ValueError, match="square"):
        _core.Cholesky64(np.ones((3, 4)), 0.0, 1)
    with pytest.raises(ValueError, match="shape"):
        F.solve(columns(7, 1), 1)
