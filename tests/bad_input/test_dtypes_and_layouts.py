"""Every dtype and layout gives the answer of the doubles it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from odd import Frame, RefusesButConverts, Tensor
from runs import BITS, RUNS, WHOLE, X, same

import mehler as mh
from spectra import relu_gram, sphere


def test_the_plain_run_is_right():
    """What the odd runs are compared with, against the definition."""
    truth = relu_gram(X)
    np.testing.assert_allclose(RUNS["gram"](X)[0], truth, atol=1e-15)
    assert RUNS["min_eig"](X)[0] == pytest.approx(np.linalg.eigvalsh(truth)[0], rel=1e-10)


@pytest.mark.parametrize(
    "dtype",
    "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 longdouble >f8 >f4 >i4 <f8 bool".split(),
)
def test_dtypes(dtype, run):
    odd = (BITS if dtype == "bool" else WHOLE).astype(dtype)
    same(run, odd, odd.astype(np.float64))


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble"])
def test_rounded_points_are_taken_as_they_are(dtype, run):
    odd = (3 * X).astype(dtype)
    same(run, odd, odd.astype(np.float64))


def mapped(tmp_path: Path):
    np.save(tmp_path / "x.npy", X)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def read_only(_):
    A = X.copy()
    A.flags.writeable = False
    return A


LAYOUTS = {
    "Fortran": lambda _: np.asfortranarray(X),
    "negative strides": lambda _: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "every second": lambda _: np.repeat(np.repeat(X, 2, 0), 3, 1)[::2, ::3],
    "unaligned": lambda _: (
        np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:]
        .view("V8")
        .view(np.float64)
        .reshape(X.shape)
    ),
    "columns of a record": lambda _: np.rec.fromarrays([X, X], names="a,b").a,
    "read-only": read_only,
    "memmap": mapped,
    "masked, nothing masked": lambda _: np.ma.array(X),
    "matrix": lambda _: X.view(np.matrix),
    "list of lists": lambda _: X.tolist(),
    "tuple of rows": lambda _: tuple(X),
    "buffer": lambda _: memoryview(X),
    "__array__": lambda _: Frame(X),
    "DLPack": lambda _: Tensor(X),
    "DLPack float32 Fortran": lambda _: Tensor(np.asfortranarray(WHOLE, dtype="f4")),
    "DLPack refused, __array__ given": lambda _: RefusesButConverts(X),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, run, tmp_path):
    odd = LAYOUTS[layout](tmp_path)
    before = np.array(X)
    same(run, odd, WHOLE.astype(float) if "float32" in layout else X)
    np.testing.assert_array_equal(X, before)  # and nobody wrote into it


def test_one_point():
    r = mh.min_eig([[3, 4]], "relu")
    assert (r.value, r.n, r.status) == (12.5, 1, "resolved") and abs(r.vector[0]) == 1.0
    assert mh.min_eig([[3, 4]], "tanh", normalize=True).status == "resolved"
    assert mh.min_eig([[-2.0]], "abs", method="lanczos").value == 4.0
    assert mh.gram([[3, 4]]).toarray().tolist() == [[12.5]]
    assert mh.nngp("identity")([[3, 4]]).tolist() == [[25.0]]
    assert mh.normalize([[3, 4]]).tolist() == [[0.6, 0.8]]
    s = mh.describe([[3, 4]])
    assert (s.n, s.d, s.rank, s.separation) == (1, 2, 1, None)
    assert mh.eigsh([[7]]).value == 7.0


@pytest.mark.parametrize("method", ["dense", "lanczos", "preconditioned", "shift-invert"])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 20])
def test_few_points(n, method):
    """From one point on, whatever the method needs for itself (landmarks, bands, blocks)."""
    A = sphere(n, 30, seed=n)
    r = mh.min_eig(A, "relu", method=method, rng=0)
    assert r.status == "resolved" and r.n == n
    assert r.value == pytest.approx(np.linalg.eigvalsh(relu_gram(A))[0], rel=1e-6)


@pytest.mark.parametrize("make", [mh.gradient_kernel, mh.nngp])
@pytest.mark.parametrize("storage", ["dense", "packed", "matrix-free"])
@pytest.mark.parametrize("stretch", [0.5, 1e-13, 0.0])
@pytest.mark.parametrize("name", ["relu", "identity", "tanh", "relu2"])
def test_one_diagonal(name, stretch, storage, make):
    """Kernel, operator and matrix have the same diagonal, to the bit but for two libraries' pow."""
    stretch = min(stretch, 1e-13) if name == "tanh" else stretch
    A = X * np.linspace(1.0 - stretch, 1.0 + stretch, 12)[:, None]
    K = mh.gram(A, make(name), storage=storage)
    ulps = 4 if name == "relu2" else 0
    np.testing.assert_array_max_ulp(make(name).diag(A), K.diagonal(), ulps)
    np.testing.assert_array_max_ulp(K.diagonal(), np.diag(K.toarray()), ulps)
