"""Points that are refused, by everybody: a message with found, expected and remedy."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sparse
from odd import Frame, Refuses, Tensor, masked, put
from runs import RUNS, X

import mehler as mh

FINITE = r"X must be finite; found {} at row 2, column 1\. Remove or impute such rows first\."
REFUSED = {
    "nan": (put(np.nan), ValueError, FINITE.format("nan")),
    "inf": (put(np.inf), ValueError, FINITE.format("inf")),
    "-inf": (put(-np.inf), ValueError, FINITE.format("-inf")),
    "float16 inf": (put(np.inf).astype("f2"), ValueError, FINITE.format("inf")),
    "longdouble beyond doubles": (
        np.full((3, 2), np.longdouble(10) ** 400),
        ValueError,
        "X must be finite; found inf at row 0, column 0",
    ),
    "None in a list": ([[1.0, None]], TypeError, "must hold real numbers; got dtype object"),
    "0-D": (
        np.array(1.0),
        ValueError,
        r"X must be 2-D, one point a row; got shape \(\)\. Pass a table",
    ),
    "1-D": (X[0], ValueError, r"got shape \(4,\)\. A single point is X\[None, :\]"),
    "3-D": (X[None], ValueError, r"got shape \(1, 12, 4\)\. Flatten images: X\.reshape"),
    "(0, d)": (X[:0], ValueError, r"at least one point of at least one dimension; .* \(0, 4\)"),
    "(n, 0)": (X[:, :0], ValueError, r"at least one point of at least one dimension; .* \(12, 0\)"),
    "[[]]": ([[]], ValueError, r"at least one point of at least one dimension; .* \(1, 0\)"),
    "str": ("x.npy", TypeError, r"array of numbers; got str\. Load a file with mehler\.load"),
    "bytes": (b"x.npy", TypeError, r"array of numbers; got bytes\. Load a file"),
    "path": (Path("x.npy"), TypeError, r"array of numbers; got \w+Path\. Load a file"),
    "texts": (
        [["1", "2"]],
        TypeError,
        r"real numbers; got dtype <U1\. Convert it first, as in X\.",
    ),
    "object": (X.astype(object), TypeError, r"got dtype object\. Convert it .* X\.astype\(float\)"),
    "complex": (X + 0j, TypeError, r"X must be real; got complex128\. Take its real part"),
    "complex, in a frame": (Frame(X + 0j), TypeError, "X must be real; got complex128"),
    "dates": (np.zeros((2, 2), "M8[s]"), TypeError, r"got dtype datetime64\[s\]"),
    "records": (np.zeros(2, [("a", "f8")]), TypeError, r"must hold real numbers; got dtype \[\("),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, "rectangular array; rows of different lengths"),
    "None": (None, TypeError, "X must be an array of numbers; got NoneType"),
    "dict": ({1: 2}, TypeError, "X must be an array of numbers; got dict"),
    "sparse": (
        sparse.csr_array(X),
        TypeError,
        r"must be dense; got csr_array\. Pass X\.toarray\(\)",
    ),
    "masked": (masked(X), ValueError, r"no masked entries; found 4\. .* X\.filled\(value\)"),
    "masked, in a frame": (Frame(masked(X)), ValueError, "no masked entries; found 4"),
    "masked, in a list": (list(masked(X)), ValueError, "no masked entries; found 4"),
    "on a device": (
        Tensor(X, (2, 0)),
        TypeError,
        r"memory of the CPU; it lies on DLPack device \(2, 0\)\. Move it there first",
    ),
    "DLPack refused": (Refuses(X), TypeError, r"DLPack refused Refuses \(not exported\)"),
}
COSINES = {"0-D", "1-D"}  # a kernel takes cosines of fewer than two dimensions


@pytest.mark.parametrize("case", REFUSED)
def test_points_refused(case, run):
    points, error, words = REFUSED[case]
    if case in COSINES and run is RUNS["gradient_kernel"]:
        np.testing.assert_array_equal(run(points)[0], run(np.array(points).tolist())[0])
        return
    if case == "1-D" and run is RUNS["nngp"]:  # K(x, y) of two points is a number
        assert np.ndim(run(points)[0]) == 0
        return
    with pytest.raises(error, match=words):
        run(points)


@pytest.mark.parametrize("who", [r for r in RUNS if r != "describe"])
def test_zero_rows_are_named(who):
    A = X.copy()
    A[[3, 7]] = 0
    with pytest.raises(
        ValueError, match=r"zero rows, .* found 2 \(rows 3, 7\)\. Remove them first"
    ):
        RUNS[who](A)
    assert mh.describe(A).zero_rows == (3, 7)  # which is there to find them


def test_the_second_argument_is_checked_and_named():
    ker = mh.nngp("relu")
    with pytest.raises(ValueError, match="Y must be finite; found nan at row 2"):
        ker(X, put(np.nan))
    with pytest.raises(ValueError, match=r"A single point is Y\[None, :\]"):
        ker(X, X[0])
    with pytest.raises(TypeError, match="V must be real; got complex128"):
        mh.gram(X) @ (np.ones(12) * 1j)
    with pytest.raises(ValueError, match="V must hold no masked entries; found 1"):
        mh.gram(X) @ np.ma.masked_equal(np.arange(12.0), 3)


@pytest.mark.parametrize("activation", ["tanh", "selu", "gelu"])
@pytest.mark.parametrize(
    "do",
    [
        lambda X, a: mh.min_eig(X, a, method="preconditioned"),
        lambda X, a: mh.min_eig(X, a, certify="preconditioned", kernel="nngp"),
    ],
)
def test_norms_other_than_one(do, activation):
    A = X.copy()
    A[5] *= 1 + 1e-9
    with pytest.raises(ValueError, match=r"unit norm"):
        do(A, activation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        r = mh.min_eig(mh.normalize(A) * (1 + 1e-13), activation, method="preconditioned")
    assert r.value > 0.0  # rounding is forgiven
