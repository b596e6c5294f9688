"""Points and matrices of sizes at the ends of the doubles."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from runs import RUNS, K, X
from scipy.sparse.linalg import aslinearoperator

import mehler as mh
from mehler._progress import Reporter
from spectra import relu_gram, sphere


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("exponent", [-450, -300, -70, 70, 300, 450])
def test_points_of_any_size(exponent, precision, method):
    """K(2^e X) = 4^e K(X): squares of such entries leave the doubles, those of float32 sooner."""
    A = sphere(40, 4, seed=2)
    seen = []
    callback = lambda state: seen.append(state.value)
    r = mh.min_eig(
        np.ldexp(A, exponent), "relu", method=method, precision=precision, rng=0, callback=callback
    )
    truth = np.linalg.eigvalsh(relu_gram(A))[0]
    assert r.status == "resolved"
    for value in (r.value, r.values[0]):
        assert np.ldexp(value, -2 * exponent) == pytest.approx(truth, rel=1e-6)
    assert r.lower <= r.value <= r.upper * (1 + 1e-12) and 0 <= r.residual <= 1e-6 * r.value
    assert np.linalg.norm(r.vector) == pytest.approx(1.0)
    for value in [v for _, v, _ in r.history] + [v for v in seen if v]:
        assert 0.5 * truth < np.ldexp(value, -2 * exponent) < 4.0


def test_states_are_of_the_points_given():
    seen = []
    reporter = Reporter(None, seen.append, scale=4.0)
    assert reporter.ask("lanczos", 3, 0, 2.0, 0.5) is False
    assert (seen[0].value, seen[0].residual, seen[0].done) == (8.0, 2.0, 3)


@pytest.mark.parametrize("factor", [1e-160, 1e-300, 1e160, 1e300])
def test_norms_beyond_the_doubles(factor):
    for do in (
        mh.min_eig,
        mh.gram,
        mh.gradient_kernel("relu"),
        mh.gradient_kernel("relu").diag,
    ):
        with pytest.raises(
            ValueError, match=r"norm.* overflows|leave the range of doubles.*rescale"
        ):
            do(X * factor)
    np.testing.assert_allclose(mh.min_eig(X * factor, normalize=True).value, RUNS["min_eig"](X)[0])


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("factor", [1e-300, 1e-160, 1e160, 1e300])
def test_matrices_whose_squares_are_no_doubles(factor, method):
    words = r"size between 1e-130 and 1e140; found about .*e.\d+\. Multiply it by a constant"
    for A in (K * factor, sparse.csr_array(K * factor)):
        with pytest.raises(ValueError, match=words):
            mh.eigsh(A, method=method, rng=0)
    if factor < 1:  # a product that overflows is refused as such
        with pytest.raises(ValueError, match=words):
            mh.eigsh(aslinearoperator(K * factor), method=method, rng=0)
    for ok in (1e-120, 1e120):
        assert mh.eigsh(K * ok, method=method, rng=0).value == pytest.approx(ok, rel=1e-6)


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_kernels_whose_squares_are_no_doubles(method):
    with pytest.raises(ValueError, match=r"size between 1e-130 and 1e140; found about .*e-20\d"):
        mh.min_eig(X, "relu", weight_var=1e-201, method=method, precision="double", rng=0)
    r = mh.min_eig(X, "relu", weight_var=1e-99, method=method, precision="double", rng=0)
    assert r.value == pytest.approx(1e-99 * np.linalg.eigvalsh(relu_gram(X))[0], rel=1e-6)


@pytest.mark.parametrize("weight_var", [1e-99, 1e-40, 1e45])
def test_single_precision_is_not_tried_beyond_its_range(weight_var):
    options = {"weight_var": weight_var, "method": "lanczos", "rng": 0}
    r = mh.min_eig(X, "relu", precision="auto", **options)
    truth = weight_var * np.linalg.eigvalsh(relu_gram(X))[0]
    assert (r.status, r.dtype) == ("resolved", "float64") and r.value == pytest.approx(truth)
    with pytest.raises(ValueError, match=r"leave the range of float32; use precision='double'"):
        mh.min_eig(X, "relu", precision="single", **options)


def test_float32_has_a_smaller_range():
    for factor in (1e-25, 1e25):
        with pytest.raises(ValueError, match=r"leave the range of float32; .* dtype='float64'"):
            mh.gram(X * factor, dtype="float32")
    np.testing.assert_allclose(mh.gram(X * 1e25).toarray(), 1e50 * relu_gram(X), atol=1e35)
