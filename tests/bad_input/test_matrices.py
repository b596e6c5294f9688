"""Matrices that are not symmetric, real, finite or square; and right ones of every layout and dtype."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from odd import Frame, Tensor, masked
from runs import K
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import mehler as mh


def entry(i, j, value):
    A = K.copy()
    A[i, j] = value
    return A


def operator(product, n=12):
    return LinearOperator((n, n), matvec=product, matmat=product, dtype=float)


SYMMETRIC = r"K must be symmetric; found .* up to 1\.00e-02 with entries .* Pass \(K \+ K\.T\) / 2"
SKEW = entry(1, 2, K[1, 2] + 1e-2)
MATRICES = {
    "nan": (entry(2, 3, np.nan), ValueError, r"K must be finite; found nan at \(2, 3\)"),
    "inf": (entry(2, 3, -np.inf), ValueError, r"K must be finite; found -inf at \(2, 3\)"),
    "skew": (SKEW, ValueError, SYMMETRIC),
    "skew, sparse": (sparse.csr_array(SKEW), ValueError, SYMMETRIC),
    "skew, diagonals": (sparse.dia_array(SKEW), ValueError, SYMMETRIC),
    "nan, sparse": (sparse.csc_array(entry(2, 3, np.nan)), ValueError, "K must be finite; found"),
    "not square": (
        K[:5],
        ValueError,
        r"K must be square, \(n, n\) with n >= 1; got shape \(5, 12\)\. Rows that are points need an activation",
    ),
    "1-D": (K[0], ValueError, r"K must be square, .* got shape \(12,\)"),
    "3-D": (K[None], ValueError, r"K must be square, .* got shape \(1, 12, 12\)"),
    "(0, 0)": (K[:0, :0], ValueError, r"K must be square, .* got shape \(0, 0\)"),
    "not square, sparse": (sparse.csr_array(K[:5]), ValueError, r"K must be square.*\(5, 12\)"),
    "not square, operator": (aslinearoperator(K[:5]), ValueError, r"K must be square.*\(5, 12\)"),
    "complex": (K + 0j, TypeError, r"K must be real; got complex128\. Take its real part"),
    "complex, sparse": (sparse.csr_array(K + 0j), TypeError, "K must be real; got complex128"),
    "complex, operator": (aslinearoperator(K + 0j), TypeError, "K must be real; got complex128"),
    "object": (K.astype(object), TypeError, "K must hold real numbers; got dtype object"),
    "masked": (masked(K), ValueError, r"K must hold no masked entries; found 12\."),
    "str": ("K.npy", TypeError, "Gram operator, a symmetric array or a LinearOperator; got str"),
    "None": (None, TypeError, "Gram operator, a symmetric array or a LinearOperator; got NoneType"),
    "function": (lambda v: v, TypeError, "a LinearOperator; got function"),
    "complex products": (
        operator(lambda V: V * 1j),
        TypeError,
        "product K @ V must be real; got c",
    ),
    "text products": (operator(lambda V: "V"), TypeError, "product K @ V must be an array of num"),
    "short products": (
        operator(lambda V: V[:5]),
        ValueError,
        r"the product K @ V must have the shape \(12, \d+\) of V; got \(5, \d+\)",
    ),
    "nan products": (operator(lambda V: V * np.nan), (ValueError, RuntimeError), "NaN or infinity"),
}


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("case", MATRICES)
def test_matrices_refused(case, method):
    matrix, error, words = MATRICES[case]
    with pytest.raises(error, match=words):
        mh.eigsh(matrix, method=method, rng=0)


def test_a_skew_operator_is_not_called_resolved():
    with pytest.raises(ValueError, match=SYMMETRIC):
        mh.eigsh(aslinearoperator(SKEW), method="dense")
    with pytest.warns(mh.ConvergenceWarning, match="is K symmetric and always the same"):
        r = mh.eigsh(aslinearoperator(SKEW), method="lanczos", rng=0)
    assert r.status == "budget-limited"


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize(
    "make",
    [
        lambda A: np.asfortranarray(A),
        lambda A: A[::-1, ::-1].copy()[::-1, ::-1],
        lambda A: A.astype(">f8"),
        lambda A: A.astype("longdouble"),
        lambda A: A.tolist(),
        Frame,
        Tensor,
    ],
)
def test_matrices_of_every_layout(make, method):
    odd, plain = (mh.eigsh(A, k=3, method=method, rng=0) for A in (make(K), K))
    np.testing.assert_array_equal(odd.values, plain.values)
    np.testing.assert_array_equal(odd.vectors, plain.vectors)
    np.testing.assert_allclose(odd.values, [1.0, 2.0, 3.0], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["i1", "u4", "f2", "f4", "bool"])
def test_matrices_of_every_dtype(dtype):
    A = (np.eye(6) if dtype == "bool" else np.diag([3, 1, 2, 5, 4, 6])).astype(dtype)
    for matrix in (A, sparse.csr_array(A.astype("f4" if dtype == "f2" else dtype))):
        r = mh.eigsh(matrix, which="LA", method="lanczos", rng=0)
        assert r.value == pytest.approx(1.0 if dtype == "bool" else 6.0)
