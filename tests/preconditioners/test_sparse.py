"""The sparse inverse against its definition; operators made of operators; what a random start proves."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler.operators.points import core_points
from mehler.preconditioners import sparse
from spectra import sphere

NONE = np.zeros((0, 0))


def parts_of(ker, X, m, terms=sparse.MOST_TERMS, seed=0, threads=2):
    points = core_points(X, ker, threads)
    return sparse.split(ker, points, seed, threads, None, m, terms)


def dense(op):
    return op.multiply(np.asfortranarray(np.eye(op.size)), 2)


def tail_of(ker, X, parts):
    return ker(X) - parts.C @ parts.C.T


def points_of_any_norm(n, d, ker, seed=0):
    X = sphere(n, d, seed)
    if ker.homogeneity is not None:
        X = X * np.random.default_rng(seed).uniform(0.5, 2.0, n)[:, None]
    return X


@pytest.mark.parametrize("name", ["relu", "selu", "hardtanh", "abs"])
@pytest.mark.parametrize("d", [2, 3, 12])
def test_with_all_neighbours_it_is_the_inverse_of_the_tail(name, d):
    ker = mh.gradient_kernel(name)
    X = points_of_any_norm(90, d, ker)
    parts = parts_of(ker, X, 89)
    tail = tail_of(ker, X, parts)
    np.testing.assert_allclose(tail @ dense(parts.Q), np.eye(90), atol=1e-13 * np.linalg.cond(tail))
    K = ker(X)
    np.testing.assert_allclose(K @ dense(parts.inverse), np.eye(90), atol=1e-12 * np.linalg.cond(K))


@pytest.mark.parametrize("d", [3, 5, 12])  # neighbours by the tree, and by tiles
def test_columns_are_those_of_the_definition(d):
    """Column i: K_ss^-1 e_i / sqrt(e_i^T K_ss^-1 e_i), s the m earlier points of largest |cos|, and i."""
    n, m, seed = 700, 17, 3
    ker = mh.gradient_kernel("relu")
    X = sphere(n, d, 1)
    parts = parts_of(ker, X, m, seed=seed)
    U = dense(_core.SparseFactor(parts.Q, False))
    tail, rho = tail_of(ker, X, parts), np.abs(X @ X.T)
    order = np.random.default_rng(seed).permutation(n)
    for rank in [0, 1, m - 1, m, m + 1, 100, 499, n - 1]:
        i, earlier = order[rank], order[:rank]
        s = np.append(earlier[np.argsort(-rho[i, earlier], kind="stable")[:m]], i)
        assert set(np.flatnonzero(U[:, i])) == set(s)
        e = np.zeros(len(s))
        e[-1] = 1.0
        column = np.linalg.solve(tail[np.ix_(s, s)], e)
        np.testing.assert_allclose(U[s, i], column / math.sqrt(column[-1]), rtol=1e-9, atol=1e-10)


def test_products_with_the_factor():
    parts = parts_of(mh.gradient_kernel("selu"), sphere(400, 4), 20)
    U, Ut = (_core.SparseFactor(parts.Q, t) for t in (False, True))
    np.testing.assert_array_equal(dense(U), dense(Ut).T)
    np.testing.assert_allclose(dense(U) @ dense(U).T, dense(parts.Q), rtol=1e-12, atol=1e-12)
    V = np.asfortranarray(np.random.default_rng(0).standard_normal((400, 7)))
    for op in (parts.Q, U, Ut, parts.inverse, parts.whitened(parts.Q, 1)):
        whole = op.multiply(V, 2)
        np.testing.assert_array_equal(whole, op.multiply(V, 1))
        np.testing.assert_allclose(whole[:, 6:], op.multiply(V[:, 6:], 1), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("d", [3, 12])
def test_threads_and_runs_agree_bit_for_bit(d):
    ker, X = mh.gradient_kernel("relu"), sphere(1500, d)
    V = np.asfortranarray(np.random.default_rng(0).standard_normal((1500, 3)))
    one, two = (parts_of(ker, X, 30, threads=t).Q.multiply(V, 1) for t in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("name", "d", "worst"), [("relu", 3, 3.0), ("selu", 3, 15.0), ("relu", 5, 12.0)]
)
def test_it_is_near_the_inverse(name, d, worst):
    ker, X = mh.gradient_kernel(name), sphere(1200, d)
    parts = parts_of(ker, X, sparse.neighbours(d))
    K = ker(X)
    spectrum = np.linalg.eigvalsh(dense(parts.whitened(_core.DenseOperator(K), 2)))
    assert spectrum[0] > 0.0 and spectrum[-1] / spectrum[0] < worst < 1e-2 * np.linalg.cond(K)
    # a congruence: as many eigenvalues below zero as K - s I has
    w = np.linalg.eigvalsh(K)
    s = 0.5 * (w[2] + w[3])
    shifted = sparse.changed(_core.DenseOperator(K), 1.0, np.zeros((1200, 0)), NONE, -s)
    assert np.sum(np.linalg.eigvalsh(dense(parts.whitened(shifted, 2))) < 0.0) == 3


def test_pairs_are_those_of_the_fill():
    ker, rng = mh.gradient_kernel("relu"), np.random.default_rng(5)
    X = sphere(600, 4, 2)
    X[7], X[400] = -X[90], X[33]
    X[11] = X[12] + 1e-7 * rng.standard_normal(4)
    X[11] /= np.linalg.norm(X[11])
    parts = parts_of(ker, X, 25)
    seen, filled = parts.Q.pairs(), mh.gram(X, ker).pairs
    assert seen["equal"] == filled["equal"] == [(400, 33)]
    assert seen["opposite"] == filled["opposite"] == [(90, 7)]
    assert seen["nearest"] == filled["nearest"]
    assert parts.Q.raised > 0 and np.isfinite(dense(parts.Q)).all()  # singular to rounding


def test_low_degree_terms_and_landmarks_are_below_the_kernel():
    ker, X = mh.gradient_kernel("elu"), sphere(500, 4)
    for C in (parts_of(ker, X, 5).C, sparse.landmarks(ker, sphere(500, 20), 0)):
        d = 4 if C.shape[1] != 62 else 20
        K = ker(sphere(500, d))
        assert np.linalg.eigvalsh(K - C @ C.T)[0] > -1e-13 * np.linalg.norm(K)


@pytest.mark.parametrize("method", ["preconditioned", "sparse-inverse"])
def test_the_span_is_looked_for_once_a_call(method, monkeypatch):
    isometry, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((40, 3)))
    seen, span = [], sparse.span

    def counted(U):
        seen.append(len(U))
        return span(U)

    monkeypatch.setattr(sparse, "span", counted)
    X = mh.normalize(sphere(500, 3) @ isometry.T)
    assert mh.min_eig(X, "relu", method=method, certify="preconditioned", rng=0).n == 500
    assert seen == [500]


def test_points_of_a_small_span_are_taken_for_what_they_are():
    ker, rng = mh.gradient_kernel("relu"), np.random.default_rng(0)
    X = sphere(500, 3) * rng.uniform(0.5, 2.0, 500)[:, None]
    isometry, _ = np.linalg.qr(rng.standard_normal((40, 3)))
    Z = X @ isometry.T
    assert sparse.Sight(ker, core_points(Z, ker, 1)).d == 3
    flat, lifted = parts_of(ker, X, 30), parts_of(ker, Z, 30)
    assert flat.words == lifted.words
    np.testing.assert_allclose(dense(lifted.inverse), dense(flat.inverse), rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(
        mh.min_eig(Z, ker, method="preconditioned", rng=0).value,
        np.linalg.eigvalsh(ker(Z))[0],
        rtol=1e-6,
    )
    # all but one point: not a small span
    Z[321] += 1e-3 * rng.standard_normal(40)
    assert sparse.span(Z / np.linalg.norm(Z, axis=1)[:, None]) is None
    assert sparse.span(sphere(500, 20)) is None and sparse.span(sphere(5, 20)) is None


def test_bad_order_and_sizes_are_refused():
    ker, X = mh.gradient_kernel("relu"), sphere(50, 3)
    points, none = core_points(X, ker, 1), np.zeros((50, 0))
    order = np.arange(50)
    order[3] = 4
    with pytest.raises(ValueError, match="order must be a permutation"):
        _core.SparseInverse(points, ker.h.compiled, [], none, order, 5, 1)
    with pytest.raises(ValueError, match="order must hold the n points"):
        _core.SparseInverse(points, ker.h.compiled, [], none, np.arange(49), 5, 1)
    with pytest.raises(ValueError, match=r"C must have the shape \(n, r\)"):
        _core.SparseInverse(points, ker.h.compiled, [], np.zeros((49, 2)), np.arange(50), 5, 1)
    with pytest.raises(ValueError, match=r"G must have the shape \(n, r\), M \(r, r\)"):
        _core.LowRankChange(_core.Identity(50), 1.0, 0.0, np.zeros((50, 2)), np.zeros((3, 3)))


def test_memory_is_what_was_said():
    ker, X = mh.gradient_kernel("relu"), sphere(3000, 3)
    parts = parts_of(ker, X, 40)
    assert parts.Q.nbytes == _core.SparseInverse.bytes_for(3000, 40)
    assert parts.nbytes <= sparse.nbytes(ker, 3000, 3, 40)


def test_operators_made_of_operators():
    rng = np.random.default_rng(0)
    A, B, G = (rng.standard_normal(s) for s in ((60, 60), (60, 60), (60, 5)))
    A, B, M = A + A.T, B + B.T, np.diag(rng.standard_normal(5))
    a, b = _core.DenseOperator(A), _core.DenseOperator(B)
    np.testing.assert_allclose(dense(_core.Composition([a, b, a])), A @ B @ A, atol=1e-11)
    changed = sparse.changed(a, -2.0, G, M, 0.7)
    np.testing.assert_allclose(
        dense(changed), -2.0 * A + 0.7 * np.eye(60) + G @ M @ G.T, atol=1e-12
    )
    with pytest.raises(ValueError, match="needs a factor"):
        _core.Composition([])


# -- what a random start proves -----------------------------------------------------------------------

SPECTRA = {
    "even": np.linspace(1.0, 2.0, 80),
    "one below": np.append(1e-3, np.linspace(1.0, 2.0, 79)),
    "cluster": np.concatenate([1.0 + 1e-9 * np.arange(20), np.linspace(1.1, 50.0, 60)]),
    "graded": np.logspace(-8, 0, 80),
    "negative": np.append(-1e-2, np.linspace(0.5, 1.0, 79)),
    "constant": np.full(80, 3.0),
}


def matrix_with(spectrum, seed=0):
    Q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(spectrum),) * 2))
    A = (Q * spectrum) @ Q.T
    return 0.5 * (A + A.T), Q


@pytest.mark.parametrize("name", list(SPECTRA))
@pytest.mark.parametrize("steps", [2, 10, 40, 80])
def test_the_bound_is_below_the_lowest_eigenvalue(name, steps):
    A, _ = matrix_with(SPECTRA[name])
    truth, size = SPECTRA[name].min(), np.abs(SPECTRA[name]).max()
    for seed in range(8):
        b = _core.random_bound(
            _core.DenseOperator(A), NONE, steps, 1e-10, 0.0, math.inf, seed, 0, 2
        )
        assert b["lower"] <= truth + 1e-13 * size and b["ritz"] >= truth - 1e-13 * size
    if steps == 80 and name in ("even", "one below", "negative"):
        assert b["lower"] >= truth - 1e-2


def test_the_failure_probability_is_what_it_says():
    """With delta = 0.2 at most a fifth of starts fail; some do, so that the bound is not merely loose."""
    A, _ = matrix_with(np.append(0.0, np.linspace(1.0, 1.5, 199)))
    op, failed, runs = _core.DenseOperator(A), 0, 600
    for seed in range(runs):
        b = _core.random_bound(op, NONE, 4, 0.2, 0.0, math.inf, seed, 0, 1)
        failed += b["lower"] > 0.0
    assert 0.02 * runs < failed <= 0.2 * runs + 4.0 * math.sqrt(0.2 * 0.8 * runs)


def test_the_complement_and_ritz_pairs():
    A, Q = matrix_with(SPECTRA["one below"])
    op = _core.DenseOperator(A)
    b = _core.random_bound(op, np.asfortranarray(Q[:, :1]), 60, 1e-10, 0.0, math.inf, 1, 3, 2)
    assert 0.9 < b["lower"] <= 1.0 <= b["ritz"] + 1e-13
    assert abs(b["vectors"].T @ Q[:, 0]).max() < 1e-12
    R = A @ b["vectors"] - b["vectors"] * b["values"]
    np.testing.assert_allclose(np.linalg.norm(R, axis=0), b["residuals"], atol=1e-12)
    early = _core.random_bound(op, NONE, 80, 1e-10, 0.0, 5e-4, 1, 0, 2)  # a target ends it
    assert early["lower"] >= 5e-4 and early["steps"] < 80
    never = _core.random_bound(
        op, NONE, 80, 1e-10, 0.0, 0.5, 1, 0, 2
    )  # one that cannot be met, too
    assert never["ritz"] < 0.5 and never["steps"] < 40


def test_bounds_need_dimensions_and_shapes():
    op = _core.DenseOperator(np.eye(4))
    with pytest.raises(ValueError, match="at least three dimensions"):
        _core.random_bound(op, np.asfortranarray(np.eye(4)[:, :2]), 4, 0.1, 0.0, math.inf, 0, 0, 1)
    with pytest.raises(ValueError, match=r"V must have the shape \(n, m\)"):
        _core.random_bound(op, np.zeros((3, 1)), 4, 0.1, 0.0, math.inf, 0, 0, 1)


@pytest.mark.parametrize("angle", [0.5, 0.7])
def test_points_at_right_angles_are_found_once(angle):
    """Their distance rounds to more than sqrt(2) or to less, their cosine to zero."""
    c, s = math.cos(angle), math.sin(angle)
    X = np.array([[c, s]] * 32 + [[-s, c]] * 33)
    parts = parts_of(mh.gradient_kernel("relu"), X, 30)
    columns = np.count_nonzero(dense(_core.SparseFactor(parts.Q, False)), axis=0)
    assert parts.Q.neighbours == 30 and columns.max() <= 31
    assert np.isfinite(dense(parts.Q)).all()
    r = mh.min_eig(X, "relu", method="sparse-inverse")
    assert r.value == 0.0 and r.lower_kind == "structure"


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")
@pytest.mark.filterwarnings("ignore::mehler.ConvergenceWarning")
def test_a_tail_of_nothing_ends(degree):
    """A polynomial that claims to have a kink: K is of low rank, and the tail rounding."""
    act = mh.Activation.from_function(
        lambda z: z**degree, lambda z: degree * z ** (degree - 1), kinks=(0.0,)
    )
    X = sphere(200, 3)
    parts = parts_of(mh.gradient_kernel(act), X, 20)
    assert np.isfinite(dense(parts.Q)).all()
    r = mh.min_eig(X, act, method="preconditioned", time_limit=20, rng=0)
    assert r.lower <= 1e-12 and r.upper >= -1e-12


def test_random_starts_of_neighbouring_seeds_differ():
    """Not even by a shift."""
    A = _core.DenseOperator(np.diag(np.arange(1.0, 301.0)))
    values = [
        _core.random_bound(A, NONE, 3, 1e-3, 0.0, math.inf, seed, 1, 1)["ritz"] for seed in range(6)
    ]
    assert len(set(values)) == 6
