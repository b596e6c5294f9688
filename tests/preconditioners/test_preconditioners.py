"""Preconditioners against dense inverses; refinement against the residual of the dense matrix."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler.preconditioners import choice as preconditioners
from mehler.solvers import iterative
from spectra import sphere


def rows(C: np.ndarray, n: int) -> np.ndarray:
    """C (r, n) from its chunks."""
    return C.transpose(1, 0, 2).reshape(C.shape[1], -1)[:, :n].astype(np.float64)


@pytest.mark.parametrize("r", [1, 3, 40])
@pytest.mark.parametrize("b", [1, 2, 3])
@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("tau", [1e-6, 0.7])  # sums in double, in float32
def test_woodbury_is_the_inverse(r, b, inner, scaled, tau):
    rng, n = np.random.default_rng(r), 1300
    C = np.zeros((3, r, _core.Woodbury.chunk), dtype=np.float32)
    C[...] = 0.01 * rng.standard_normal(C.shape)
    C[2, :, n - 2 * C.shape[2] :] = 0.0
    A = rng.standard_normal((r, r))
    M = A @ A.T + np.eye(r) if inner else None
    D = rng.uniform(0.5, 2.0, n) if scaled else None
    W = _core.Woodbury(C, n, M, tau, D, 2)
    dense = rows(C, n)
    P = dense.T @ np.linalg.solve(np.eye(r) if M is None else M, dense) + tau * np.eye(n)
    if D is not None:
        P = D[:, None] * P * D
    V = np.asfortranarray(rng.standard_normal((n, b)))
    np.testing.assert_allclose(P @ W.multiply(V, 2), V, atol=1e-4 if tau > 0.1 else 1e-8)
    np.testing.assert_array_equal(W.multiply(V, 1), W.multiply(V, 3))


@pytest.mark.parametrize("kind", ["low_degree", "landmarks"])
@pytest.mark.parametrize("name", ["relu", "abs", "selu"])
def test_preconditioners_are_near_the_inverse(kind, name):
    """P^-1 K has few eigenvalues far from one: its condition is a fraction of K's."""
    n, d = 600, 6
    X = sphere(n, d)
    if name != "selu":
        X *= np.random.default_rng(0).uniform(0.5, 2.0, n)[:, None]
    ker = mh.gradient_kernel(name)
    norms = np.linalg.norm(X, axis=1)
    U = X / norms[:, None]
    if kind == "low_degree":
        W = preconditioners.low_degree(ker, U, norms, 1)
    else:
        W = preconditioners.landmarks(ker, U, norms, 0, 1)
    K = ker(X)
    inverse = W.multiply(np.asfortranarray(np.eye(n)), 2)
    np.testing.assert_allclose(inverse, inverse.T, atol=1e-9 * np.abs(inverse).max())
    L = np.linalg.cholesky(0.5 * (inverse + inverse.T))
    spectrum = np.linalg.eigvalsh(L.T @ K @ L)
    assert spectrum[0] > 0 and spectrum[-1] / spectrum[0] < 0.1 * np.linalg.cond(K)


def test_choice_and_memory():
    relu, tanh = mh.gradient_kernel("relu"), mh.gradient_kernel("tanh")
    assert preconditioners.choose(relu, 10_000, 5) == "sparse"
    assert preconditioners.choose(tanh, 10_000, 5) == "low-degree"
    assert preconditioners.choose(relu, 40, 5) != "sparse"
    assert preconditioners.choose(relu, 10_000, 50) == "low-degree"
    assert preconditioners.choose(relu, 10_000, 784) == "sparse"
    assert preconditioners.choose(tanh, 10_000, 784) == "sparse"
    assert preconditioners.choose(tanh, 800, 784) == "landmarks"
    assert preconditioners.neighbours(784) == 80 < preconditioners.neighbours(5)
    assert preconditioners.rank("sparse", tanh, 10_000, 784) == 1000
    degree, count = preconditioners.low_degree_rank(relu, 10_000, 50)
    assert (degree, count) == (2, 50 + 51 * 50 // 2)
    assert preconditioners.rank("low-degree", relu, 10_000, 50) == count
    assert preconditioners.rank("landmarks", relu, 10_000, 784) == 1000
    assert preconditioners.nbytes("low-degree", relu, 10_000, 50) > 4 * count * 10_000


@pytest.mark.parametrize("name", ["relu", "elu", "tanh", "swish"])
def test_neighbours_serve_in_many_dimensions(name):
    """Crowded points in 40 dimensions: the dense value in a third of the products of Lanczos, whatever the kink."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, 40))[rng.integers(0, 60, 1200)] + 0.3 * rng.standard_normal(
        (1200, 40)
    )
    X /= np.linalg.norm(X, axis=1)[:, None]
    options = dict(certify="none", tol=1e-6, rng=0)
    r = mh.min_eig(X, name, method="preconditioned", **options)
    assert r.resolved and "80 neighbours, 150 landmarks" in r.method
    values, V = np.linalg.eigh(mh.gradient_kernel(name)(X))
    assert r.value == pytest.approx(values[0], rel=2e-6)
    assert abs(V[:, 0] @ r.vector) > 0.999
    assert r.applications < 0.5 * mh.min_eig(X, name, method="lanczos", **options).applications
    one = mh.min_eig(X, name, method="preconditioned", threads=1, **options)
    assert one.value == r.value and np.array_equal(one.vector, r.vector)


@pytest.mark.parametrize(("apart", "status"), [(1e-4, "resolved"), (1e-9, "rounding-limited")])
@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")
def test_landmarks_in_clusters_are_no_obstacle(apart, status):
    """The low-rank part is singular to rounding there."""
    rng = np.random.default_rng(0)
    U = np.repeat(sphere(60, 24), 20, axis=0)
    U += apart * rng.standard_normal(U.shape)
    U /= np.linalg.norm(U, axis=1)[:, None]
    r = mh.min_eig(U, "relu", method="preconditioned", certify="none", rng=0)
    assert "landmarks" in r.method and r.status == status
    if r.resolved:
        truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(U))[0]
        assert r.value == pytest.approx(truth, rel=1e-6)


def test_a_low_rank_part_of_nothing_but_copies_is_inverted():
    C = np.ones((1, 5, _core.Woodbury.chunk), dtype=np.float32)
    W = _core.Woodbury(C, 512, None, 1e-17, None, 1)  # 5 equal rows: tau is below rounding
    v = np.asfortranarray(np.random.default_rng(1).standard_normal((512, 1)))
    assert float(v[:, 0] @ W.multiply(v, 1)[:, 0]) > 0.0


def test_a_shape_that_does_not_fit_is_refused():
    C = np.zeros((1, 3, _core.Woodbury.chunk), dtype=np.float32)
    with pytest.raises(TypeError, match="chunks"):
        _core.Woodbury(C, 600, None, 1.0, None, 1)
    with pytest.raises(ValueError, match=r"M must be \(r, r\)"):
        _core.Woodbury(C, 300, np.eye(4), 1.0, None, 1)


@pytest.mark.parametrize("error", ["known", "unknown"])
def test_predicted_residuals_are_those_of_the_matrix(error):
    """With |E| known one product of the exact matrix is enough; the residual bound still holds."""
    X = sphere(1500, 20)
    ker = mh.gradient_kernel("relu")
    K = mh.gram(X, ker, storage="packed", dtype="float32")
    most = iterative.single_error(K, 2) if error == "known" else math.inf
    rounded = K.toarray().astype(np.float64)
    A = ker(X)
    assert np.linalg.norm(rounded - A, 2) <= iterative.single_error(K, 2)
    # Lanczos stops early: something is left to correct
    found = _core.lanczos(
        K.op, K.exact(), 1, 2, 800, 4e-5, 1e-5, 0.0, 0.0, -math.inf, 1, False, 3000, most, 0.0, 8, 2
    )  # fmt: skip
    v, theta = found["vectors"][:, 0], found["values"][0]
    residual = np.linalg.norm(A @ v - theta * v)
    assert (
        residual <= found["residuals"][0] * (1 + 1e-9) + 1e-13
        and found["residuals"][0] <= 1e-5 * theta
    )
    # residual^2 over the gap, which is more than 1e-3 here
    assert abs(theta - np.linalg.eigvalsh(A)[0]) <= 1e3 * residual**2 + found["slack"] + 1e-13
    assert found["exact_applications"] == (1 if error == "known" else 2)
    assert (found["slack"] > 0.0) == (error == "known")


@pytest.mark.parametrize(
    ("dtype", "k", "d"), [("float64", 1, 8), ("float64", 5, 8), ("float32", 3, 20)]
)
def test_eigsh_takes_the_points_of_a_gram_operator(dtype, k, d):
    X = sphere(1200, d, seed=2)
    K = mh.gram(X, "relu", dtype=dtype)
    r = mh.eigsh(K, k=k, method="preconditioned", rng=0)
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[:k]
    assert r.status == "resolved" and r.method.startswith("preconditioned")
    np.testing.assert_allclose(r.values, truth, rtol=2e-6)
    np.testing.assert_allclose(r.vectors.T @ r.vectors, np.eye(k), atol=1e-5)


def test_eigsh_says_what_it_needs():
    K = mh.gram(sphere(400, 8), "relu")
    with pytest.raises(TypeError, match=r"needs the points of K.*Use method='lanczos'"):
        mh.eigsh(K.toarray(), method="preconditioned")
    with pytest.raises(
        ValueError, match=r"method='preconditioned' finds the smallest.*Use method='lanczos'"
    ):
        mh.eigsh(K, which="LA", method="preconditioned")
    with pytest.raises(MemoryError, match=r"more than max_memory=1 MB\. Use method='lanczos'"):
        mh.eigsh(K, method="preconditioned", max_memory="1MB")


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_what_rounding_drowns_is_not_printed_as_digits(activation):
    pytest.importorskip("flint")
    for n in (20, 28, 60):
        X = mh.generate("sphere-random", n=n, d=2, rng=0)
        true = mh.min_eig(X, activation, precision="exact").value
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            r = mh.min_eig(X, activation, method="preconditioned", precision="double", rng=0)
        assert r.lower <= true <= r.upper
        assert abs(r.value - true) <= max(r.residual, r.floor)


@pytest.mark.parametrize("shift", [0.0, 1e-6])
@pytest.mark.parametrize(
    ("kind", "name", "d", "bias"),
    [
        ("landmarks", "relu", 3, 1.0),
        ("landmarks", "tanh", 2, 0.0),
        ("landmarks", "gelu", 2, 1.0),
        ("low_degree", "erf", 2, 1.0),
        ("low_degree", "identity", 3, 1.0),
    ],
)
def test_steep_kernels_leave_it_definite(kind, name, d, bias, shift):
    """Rounding of the small matrix made P^-1 indefinite: of eigenvalues down to 1e-12 of the largest."""
    n = 800
    U = mh.generate("sphere-random", n=n, d=d, rng=0)
    ker = mh.nngp(name, bias_var=bias)
    more = {"more": shift}
    if kind == "landmarks":
        W = preconditioners.landmarks(ker, U, np.ones(n), 0, 2, **more)
    else:
        W = preconditioners.low_degree(ker, U, np.ones(n), 2, **more)
    P = W.multiply(np.eye(n, order="F"), 2)
    values = np.linalg.eigvalsh(0.5 * (P + P.T))
    top = n * float(ker(1.0))
    assert values[0] > 0.3 / (top + shift)  # the inverse of |K|, at most its trace
    assert values[-1] < 1.1 / max(shift, 1e-12 * top)


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_loose_tol_does_not_take_the_second_eigenvalue(precision):
    """Three near-coincident pairs on spread norms: after 18 products, with a residual of 1e-3, it was 35 times too large."""
    rng = np.random.default_rng([7, 30])
    n, d = (
        int(np.exp(rng.uniform(np.log(700), np.log(1500)))),
        int(rng.choice([2, 3, 4, 5, 8, 20, 50])),
    )
    U = mh.generate("sphere-random", n=n, d=d, rng=30)
    rng.random()
    k = int(rng.integers(1, 4))
    Z = U[:k] + 10.0 ** rng.uniform(-6, -1) * rng.standard_normal((k, d))
    U[-k:] = Z / np.linalg.norm(Z, axis=1)[:, None] * np.where(rng.random(k) < 0.5, -1, 1)[:, None]
    norms = np.where(np.random.default_rng(0).random(n) < 0.02, 1.0, 8.24)
    norms[:2] = 1.0, 8.24
    X = U * norms[:, None]
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    for seed in (3, 30):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mh.PrecisionWarning)
            r = mh.min_eig(
                X, "relu", precision=precision, tol=1e-2, method="preconditioned", rng=seed
            )
        assert r.status == "rounding-limited" or r.value == pytest.approx(truth, rel=1e-2)
        assert r.lower <= truth * (1 + 1e-6) and truth <= r.upper * (1 + 1e-6)
