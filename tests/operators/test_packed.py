"""Entries in fixed point: what is lost, and that nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler import _core
from mehler.operators import packed
from mehler.operators.many import filled
from mehler.operators.points import core_diagonal, core_points


def points(n: int, d: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1)[:, None]


def stored(X: np.ndarray, ker: mh.Kernel, threads: int = 2) -> _core.PackedFixed32:
    P = core_points(X, ker, threads)
    top = float(core_diagonal(P, ker).max())
    K = packed.fill(P, ker.h.compiled, "fixed32", threads, None, top)
    assert isinstance(K, _core.PackedFixed32)
    return K


@settings(max_examples=25, deadline=None)
@given(
    n=st.sampled_from([1, 2, 17, 255, 256, 257, 300]),
    d=st.integers(1, 9),
    name=st.sampled_from(["relu", "tanh", "sin", "abs"]),  # odd ones have entries down to -h(1)
    seed=st.integers(0, 99),
)
def test_a_unit_is_lost_at_most(n, d, name, seed):
    """Against the same kernel in float64; the largest entries, +-h(1), are there too."""
    X = points(n, d, seed)
    if n > 2:
        X[1] = -X[0]
    ker = mh.gradient_kernel(name)
    K, truth = stored(X, ker), ker(X)
    found = K.dense(2)
    assert found.dtype == np.float64 and np.array_equal(found, found.T)
    assert np.abs(found - truth).max() <= K.unit * (1.0 + 1e-6)
    assert K.unit == pytest.approx(truth.max() / 2.0**31, rel=1e-8)
    np.testing.assert_array_equal(K.diagonal(), np.diagonal(found))
    assert K.frobenius(2) == pytest.approx(np.linalg.norm(found), rel=1e-13)
    E = found - truth
    assert np.linalg.norm(E, 2) <= packed.rounding(K, 2)
    V = np.asfortranarray(np.random.default_rng(seed).standard_normal((n, 3)))
    np.testing.assert_allclose(K.multiply(V, 2), found @ V, atol=1e-13 * n * truth.max())
    assert np.array_equal(K.multiply(V, 1), K.multiply(V, 2))


@pytest.mark.parametrize("size", [1e-30, 1.0, 3e20])
def test_any_size_of_entries(size):
    """A unit of the largest entry, whatever that is: points of norm sqrt(size), a homogeneous kernel."""
    X, ker = np.sqrt(size) * points(70, 5), mh.gradient_kernel("relu")
    K = stored(X, ker)
    assert np.abs(K.dense(1) - ker(X)).max() <= K.unit * (1.0 + 1e-6) <= 4e-10 * size


def test_filled_together_or_alone():
    X = points(600, 20)
    kernels = [mh.gradient_kernel("relu"), mh.nngp("tanh"), mh.ntk("elu", depth=2)]
    P = core_points(X, kernels[0], 2)
    for K, ker in zip(filled(P, len(X), kernels, "fixed32", 2), kernels, strict=True):
        assert K.kind == "fixed32" and K.nbytes < 600 * 600 * 4
        np.testing.assert_array_equal(K.toarray(), stored(X, ker, 1).dense(1))


def test_which_format_serves():
    assert packed.four_bytes(np.array([1.0, 1.0])) == "fixed32"
    assert packed.four_bytes(np.array([1.0, 64.0])) == "fixed32"
    assert packed.four_bytes(np.array([1.0, 65.0])) == "float32"  # small entries decide there
    for odd in ([0.0, 1.0], [0.0, 0.0], [np.nan, 1.0], [1.0, np.inf]):
        assert packed.four_bytes(np.array(odd)) == "float32"
    X = points(300, 40)
    for factor, kind in ((1.0, "fixed32"), (np.linspace(1.0, 9.0, 300)[:, None], "float32")):
        r = mh.min_eig(factor * X, "relu", method="lanczos", precision="single", rng=0)
        truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(factor * X))[0]
        assert (r.dtype, r.status) == (kind, "resolved")
        assert r.value == pytest.approx(truth, rel=1e-6) and f"packed {kind}" in r.method


def test_a_top_that_is_none_is_refused():
    X, ker = points(5, 3), mh.gradient_kernel("relu")
    P = core_points(X, ker, 1)
    for top in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="top must be positive"):
            _core.PackedFixed32(P, ker.h.compiled, 1, None, top)
    with pytest.raises(ValueError, match="one number a profile"):
        _core.packed_many(P, [ker.h.compiled], "fixed32", 1)


def simplices(m, k):
    """Two regular simplices in orthogonal spaces: three different cosines, so that any rule would round alike."""
    X = np.zeros((m + k, m + k))
    for at, size in ((0, m), (m, k)):
        S = np.eye(size) - 1.0 / size
        X[at : at + size, at : at + size] = S / np.linalg.norm(S, axis=1)[:, None]
    return X


def test_errors_are_independent_whatever_the_points():
    """Mean zero, and a norm of unit sqrt(n) where errors that are alike would come to unit n / 2."""
    X, ker = simplices(600, 300), mh.gradient_kernel("gelu")
    K = stored(X, ker)
    E = (K.dense(2) - ker(X)) / K.unit
    n = len(X)
    below = E[np.tril_indices(n, -1)]
    assert len(np.unique(np.round(ker(X), 13))) < 9 and np.abs(E).max() <= 1.0 + 1e-5
    assert abs(below.mean()) < 5.0 * 0.5 / np.sqrt(len(below))
    assert 2.0 * np.linalg.norm(E, 2) <= packed.reach("fixed32", packed.rounding(K, 2), n) / K.unit
    assert np.linalg.norm(E, 2) <= 1.1 * np.sqrt(n)


@pytest.mark.parametrize("method", ["lanczos", "preconditioned"])
@pytest.mark.parametrize(
    ("name", "var", "m", "k"),
    [("tanh", 0.1, 494, 264), ("sin", 0.03, 512, 76), ("tanh", 0.01, 513, 60), ("softsign", 0.01, 518, 233)],
)  # fmt: skip
def test_the_smaller_of_two_that_nearly_coincide(method, name, var, m, k):
    """Each simplex has an eigenvector of ones, whose eigenvalues differ by less than errors of equal entries would add up to."""
    X, ker = simplices(m, k), mh.gradient_kernel(name, weight_var=var)
    truth = np.linalg.eigvalsh(ker(X))[0]
    r = mh.min_eig(X, ker, method=method)
    assert r.lower <= truth * (1.0 + 1e-9) and r.upper >= truth * (1.0 - 1e-9)
    assert not r.resolved or r.value == pytest.approx(truth, rel=1.1e-6)


def test_formats_say_how_far_they_reach():
    assert packed.reach("fixed32", 1.0, 400) == 0.2  # independent errors
    assert packed.reach("float32", 1.0, 400) == 2.0  # any
