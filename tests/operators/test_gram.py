"""Gram operators: entries against a double loop, storages against each other, laws."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.operators.storage import storage_bytes
from spectra import circle, relu_gram, sphere

STORAGES = [
    ("dense", "float64"),
    ("packed", "float64"),
    ("packed", "float32"),
    ("dense", "float32"),
    ("matrix-free", "float64"),
]
# one panel, its edges, several panels, a ragged last one of 1, 2 and 3 rows
SIZES = [1, 2, 3, 17, 255, 256, 257, 258, 259, 511, 513]


@pytest.fixture(params=STORAGES, ids=lambda p: "-".join(p))
def stored(request):
    return {"storage": request.param[0], "dtype": request.param[1]}


def tolerance(dtype: str) -> float:
    return 4e-15 if dtype == "float64" else 6e-8


@pytest.mark.parametrize("n", SIZES)
def test_entries_are_the_definition(n, stored):
    X = sphere(n, 4, seed=n)
    K = mh.gram(X, "relu", **stored)
    A = K.toarray()
    assert A.shape == K.shape == (n, n) and A.dtype == K.dtype == stored["dtype"]
    np.testing.assert_array_equal(A, A.T)
    np.testing.assert_array_equal(np.asarray(K), A)
    np.testing.assert_allclose(A, relu_gram(X), atol=tolerance(stored["dtype"]))
    np.testing.assert_allclose(K.diagonal(), 0.5, rtol=1e-15)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("b", [1, 2, 3, 4, 5, 7])
def test_products_are_those_of_the_array(n, b, stored):
    K = mh.gram(sphere(n, 5, seed=n), "selu", **stored)
    V = np.random.default_rng(b).standard_normal((n, b))
    exact = K.toarray().astype(np.float64) @ V
    scale = np.abs(K.toarray()).astype(np.float64) @ np.abs(V)
    error = np.abs(K @ V - exact) / scale
    assert error.max() < (1e-14 if stored["dtype"] == "float64" else 2e-6)


def test_products_take_any_vector(stored):
    K = mh.gram(sphere(40, 3), "relu", **stored)
    V = np.arange(80).reshape(40, 2)
    expected = K.toarray().astype(float) @ V
    tol = 1e-12 if stored["dtype"] == "float64" else 1e-4
    for W in (V, V.astype(float), np.asfortranarray(V), V.tolist(), V[::-1][::-1]):
        np.testing.assert_allclose(K @ W, expected, atol=tol)
    np.testing.assert_allclose(K @ V[:, 0], expected[:, 0], atol=tol)
    assert (K @ np.zeros((40, 0))).shape == (40, 0)
    with pytest.raises(
        ValueError, match=r"V must have the shape \(40,\) or \(40, b\); got \(39,\)"
    ):
        K @ np.ones(39)


def test_linear_operator_multiplies_blocks():
    K = mh.gram(sphere(300, 3), "elu")
    op = K.as_linear_operator()
    V = np.random.default_rng(0).standard_normal((300, 5))
    np.testing.assert_array_equal(op.matmat(V), K @ V)
    np.testing.assert_array_equal(op.matvec(V[:, 0]), K @ V[:, 0])
    np.testing.assert_array_equal(op.rmatvec(V[:, 0]), K @ V[:, 0])


@pytest.mark.parametrize("n", [2, 300, 515])
def test_storages_hold_the_same_doubles(n):
    X = sphere(n, 6, seed=n)
    packed = mh.gram(X, "relu", storage="packed").toarray()
    np.testing.assert_array_equal(packed, mh.gram(X, "relu", storage="matrix-free").toarray())
    np.testing.assert_array_equal(packed, mh.gradient_kernel("relu")(X))
    single = mh.gram(X, "relu", storage="packed", dtype="float32").toarray()
    np.testing.assert_array_equal(single, packed.astype(np.float32))


def test_norms_scale_homogeneous_kernels():
    X = sphere(60, 5) * np.geomspace(1e-3, 1e3, 60)[:, None]
    norms = np.linalg.norm(X, axis=1)
    error = np.abs(mh.gradient_kernel("relu")(X) - relu_gram(X)) / np.outer(norms, norms)
    assert error.max() < 1e-15
    square = mh.nngp("relu")
    unit = square(X / norms[:, None])
    np.testing.assert_allclose(square(X), unit * np.outer(norms, norms), rtol=1e-10)
    np.testing.assert_allclose(square.diag(X), np.diag(square(X)), rtol=1e-14)


def test_cross_gram_is_a_block_of_the_gram():
    X = sphere(300, 4)
    ker = mh.gradient_kernel("selu")
    full = ker(X)
    np.testing.assert_allclose(ker(X[:270], X[20:]), full[:270, 20:], atol=1e-15)
    assert ker(X[:1], X[:3]).shape == (1, 3)
    with pytest.raises(ValueError, match="X and Y must have one dimension d; got 4 and 3"):
        ker(X, sphere(5, 3))


@pytest.mark.parametrize("d", [2, 3, 50])
@pytest.mark.parametrize("angle", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_near_pairs_have_their_angle(d, angle, sign):
    """h(1) - h to eight digits at an angle of 1e-7, from points as they stand in memory."""
    rng = np.random.default_rng(d)
    x = rng.standard_normal(d)
    x /= np.linalg.norm(x)
    t = rng.standard_normal(d)
    t -= (t @ x) * x
    t /= np.linalg.norm(t)
    X = np.stack([x, sign * (np.cos(angle) * x + np.sin(angle) * t)])
    mpmath.mp.dps = 40
    a, b = ([mpmath.mpf(float(v)) for v in row] for row in X)
    inner = mpmath.fsum(p * q for p, q in zip(a, b, strict=True))
    na, nb = (mpmath.sqrt(mpmath.fsum(p * p for p in row)) for row in (a, b))
    theta = mpmath.acos(inner / (na * nb))
    exact = inner * (mpmath.pi - theta) / (2 * mpmath.pi)
    got = mh.gradient_kernel("relu")(X)
    if sign > 0:
        drop = (float(got[0, 0]) + float(got[1, 1])) / 2 - float(got[0, 1])
        true = float(na * nb / 2 - exact)
        assert drop == pytest.approx(true, rel=2e-8 if angle == 1e-7 else 1e-9, abs=1e-16)
    else:
        assert float(got[0, 1]) == pytest.approx(float(exact), abs=3e-16)


def test_coincidences_are_seen():
    X = np.concatenate([sphere(600, 3), sphere(600, 3)[5:6], -sphere(600, 3)[9:10]])
    pairs = mh.gram(X, "elu").pairs
    assert pairs["equal_count"] == 1 and pairs["equal"] == [(600, 5)]
    assert pairs["opposite_count"] == 1 and pairs["opposite"] == [(601, 9)]
    assert mh.gram(circle(50), "elu").pairs["opposite_count"] == 25


def test_nearest_pairs_are_the_nearest():
    X = sphere(700, 3, seed=3)
    C = X @ X.T
    C[np.triu_indices(700)] = np.nan
    near, far = mh.gram(X, "relu").pairs["nearest"], mh.gram(X, "relu").pairs["antipodal"]
    assert near[:2] == np.unravel_index(np.nanargmax(C), C.shape)
    assert far[:2] == np.unravel_index(np.nanargmin(C), C.shape)
    assert near[2] == pytest.approx(1.0 - np.nanmax(C), abs=1e-14)
    assert far[2] == pytest.approx(1.0 + np.nanmin(C), abs=1e-14)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_frobenius_norm_is_that_of_the_array(n, dtype):
    K = mh.gram(sphere(n, 4), "selu", storage="packed", dtype=dtype)
    expected = np.linalg.norm(K.toarray().astype(np.float64))
    assert K.op.frobenius(2) == pytest.approx(expected, rel=1e-13)
    assert K.op.frobenius(1) == K.op.frobenius(3)


def test_sizes_are_64_bit():
    n = 60_000  # n^2 > 2^31
    packed = storage_bytes(n, "packed", "float64", 1)
    assert 8 * n * n / 2 < packed < 1.01 * 8 * n * n / 2
    assert storage_bytes(n, "packed", "float32", 1) == packed // 2
    for m in (1, 255, 256, 1000):
        for storage in ("packed", "matrix-free"):
            for threads in (1, 3):
                K = mh.gram(sphere(m, 3), "relu", storage=storage, threads=threads)
                assert K.nbytes == storage_bytes(m, storage, "float64", threads)


def test_beyond_46341_matrix_free():
    n = 46_400
    X = sphere(n, 2)
    K = mh.gram(X, "identity", storage="matrix-free")  # h = rho: K V = X (X^T V)
    V = np.random.default_rng(0).standard_normal((n, 1))
    np.testing.assert_allclose(K @ V, X @ (X.T @ V), atol=1e-9)


def test_memory_is_refused_before_it_is_taken():
    X = sphere(3000, 3)
    with pytest.raises(
        MemoryError, match=r"packed float64 .* What fits: .*float32.*; storage='matrix-free'"
    ):
        mh.gram(X, "relu", storage="packed", max_memory="34MB")
    assert mh.gram(X, "relu", max_memory="34MB").storage == "matrix-free"
    with pytest.raises(MemoryError, match="Nothing smaller fits"):
        mh.gram(X, "relu", max_memory=1000)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(2, 6),
    st.integers(0, 10**6),
    st.sampled_from(["relu", "elu", "tanh", "gelu"]),
)
def test_laws(n, d, seed, name):
    X = sphere(n, d, seed)
    ker = mh.gradient_kernel(name)
    K = ker(X)
    np.testing.assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K)[0] > -1e-14 * n  # PSD up to rounding
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_allclose(ker(X[order]), K[np.ix_(order, order)], atol=1e-15)
