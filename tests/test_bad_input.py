"""Odd input: a message with found, expected and remedy, or the answer of plain float64 points."""

from __future__ import annotations

import contextlib
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import mehler as mh
from mehler._progress import Reporter
from spectra import relu_gram, sphere, with_spectrum

X = sphere(12, 4, seed=3)
K = with_spectrum(np.arange(1.0, 13.0), seed=1)
# Small whole numbers: the same doubles in every dtype. No zero row, no two rows in one line.
WHOLE = np.array([[1, 0, 2], [0, 3, 1], [5, 1, 1], [2, 2, 7], [1, 6, 0], [4, 0, 3]])
BITS = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]])

# Everything that takes points, as something that can be compared bit for bit.
RUNS = {
    "min_eig": lambda X: [
        getattr(mh.min_eig(X, "relu", rng=0), f) for f in ("value", "lower", "upper", "vector")
    ],
    "lanczos": lambda X: [
        getattr(mh.min_eig(X, "relu", rng=0, method="lanczos"), f) for f in ("value", "vector")
    ],
    "gram": lambda X: [mh.gram(X, "relu").toarray()],
    "gradient_kernel": lambda X: [mh.gradient_kernel("relu")(X)],
    "preconditioned": lambda X: [
        getattr(mh.min_eig(X, "relu", rng=0, method="preconditioned"), f)
        for f in ("value", "vector")
    ],
    "shift-invert": lambda X: [
        getattr(mh.min_eig(X, "relu", rng=0, method="shift-invert"), f) for f in ("value", "vector")
    ],
    "nngp": lambda X: [mh.nngp("abs")(X, X)],
    "diag": lambda X: [mh.nngp("relu").diag(X)],
    "normalize": lambda X: [mh.normalize(X)],
    "describe": lambda X: [str(mh.describe(X).to_dict())],
}


@pytest.fixture(params=RUNS)
def run(request):
    return RUNS[request.param]


def same(run, odd, plain) -> None:
    for a, b in zip(run(odd), run(plain), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_plain_run_is_right():
    """What the odd runs are compared with, against the definition."""
    truth = relu_gram(X)
    np.testing.assert_allclose(RUNS["gram"](X)[0], truth, atol=1e-15)
    assert RUNS["min_eig"](X)[0] == pytest.approx(np.linalg.eigvalsh(truth)[0], rel=1e-10)


# -- every dtype and layout gives the answer of the doubles it holds ---------------------------------


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


class Frame:
    """A table that NumPy reads through __array__."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


class Tensor:
    """An array that is handed over by DLPack only."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


class Refuses(Tensor):
    def __dlpack__(self, **options):
        raise BufferError("not exported")


class RefusesButConverts(Refuses, Frame):
    pass


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


# -- points that are refused, by everybody -----------------------------------------------------------


def put(value, i=2, j=1):
    A = X.copy()
    A[i, j] = value
    return A


def masked(A):
    return np.ma.array(A, mask=np.eye(*A.shape, dtype=bool))


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


# -- sizes at the ends of the doubles ----------------------------------------------------------------


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


# -- options -----------------------------------------------------------------------------------------

ONE_OF = r"{} must be one of \({}"
OPTIONS = [
    ({"activation": "rellu"}, ValueError, "unknown activation 'rellu'. Nearest: relu"),
    ({"activation": "tahn"}, ValueError, "unknown activation 'tahn'. Nearest: tanh"),
    ({"activation": "qqq"}, ValueError, "unknown activation 'qqq'. Known: abs, .*tanh"),
    ({"activation": np.tanh}, TypeError, r"got ufunc\. Wrap a callable with Activation\.from_func"),
    ({"activation": None}, TypeError, "a name or an Activation; got NoneType"),
    ({"kernel": "grad"}, ValueError, ONE_OF.format("kernel", "'gradient', 'nngp'.*got 'grad'")),
    ({"kernel": "cnn"}, ValueError, r"kernel must be one of .*'ntk'.*; got 'cnn'"),
    ({"kernel": ["nngp"]}, ValueError, r"kernel must be one of .*; got \['nngp'\]"),
    ({"method": "Dense"}, ValueError, ONE_OF.format("method", "'auto', 'dense', .*got 'Dense'")),
    ({"method": "sparse-inverse"}, ValueError, "method='sparse-inverse' needs at least 64 points"),
    ({"method": ["dense"]}, ValueError, r"method must be one of .*; got \['dense'\]"),
    ({"method": np.zeros(2)}, ValueError, "method must be one of .*; got array"),
    ({"precision": "half"}, ValueError, ONE_OF.format("precision", "'auto', 'single'.*'half'")),
    ({"precision": None}, ValueError, "precision must be one of .*; got None"),
    ({"certify": "yes"}, ValueError, ONE_OF.format("certify", "'auto', 'rigorous'.*got 'yes'")),
    ({"certify": True}, ValueError, "certify must be one of .*; got True"),
    ({"normalize": "no"}, TypeError, "normalize must be True or False; got 'no'"),
    ({"normalize": 1}, TypeError, "normalize must be True or False; got 1"),
    ({"depth": True}, TypeError, "depth must be an integer; got True"),
    ({"depth": 1.0}, TypeError, "depth must be an integer; got 1.0"),
    ({"depth": np.array([1, 2])}, TypeError, "depth must be an integer; got array"),
    ({"depth": 0}, ValueError, "depth must satisfy 1 <= depth <= 1000; got 0"),
    (
        {"activation": ["relu", "tanh"], "depth": 3},
        ValueError,
        "depth must be the number of activations, 2; got 3",
    ),
    ({"weight_var": 0}, ValueError, "weight_var must be positive and finite; got 0"),
    ({"weight_var": np.nan}, ValueError, "weight_var must be positive and finite; got nan"),
    ({"weight_var": "1"}, TypeError, "weight_var must be a number; got '1'"),
    ({"bias_var": -0.1}, ValueError, "bias_var must be >= 0 and finite; got -0.1"),
    ({"bias_var": None}, TypeError, "bias_var must be a number; got None"),
    ({"width": 0}, ValueError, "width must be >= 1, the number of neurons; got 0"),
    ({"width": 1.5}, TypeError, "width must be an integer; got 1.5"),
    ({"weights": np.ones((5, 9))}, ValueError, r"weights must have the shape \(m, [0-9]+\)"),
    ({"method": "factored"}, ValueError, "'factored' is for finite width; pass width= or weights="),
    (
        {"activation": mh.nngp("relu"), "bias_var": 0.5, "normalize": True},
        ValueError,
        r"bias_var cannot be changed in <nngp\(.*; leave it out",
    ),
    (
        {"activation": mh.nngp("relu"), "kernel": "foo"},
        ValueError,
        "kernel must be one of .*; got 'foo'",
    ),
    ({"max_memory": "1kB"}, MemoryError, r"n=12 takes 5\.76 kB, more than max_memory=1 kB"),
]
COMMON = [
    *[
        ({"tol": t}, ValueError, f"tol must satisfy 0 < tol < 1; got {t}")
        for t in (0, -1e-6, np.nan, np.inf, 1, 1.5)
    ],
    *[
        ({"tol": t}, TypeError, re.escape(f"tol must be a number; got {t!r}"))
        for t in ("x", "1e-3", None, True, 1j, [1e-3])
    ],
    *[
        ({"threads": t}, ValueError, f"threads must be >= 1 .*None for OpenMP's default; got {t}")
        for t in (0, -2, 2**40)
    ],
    *[
        ({"threads": t}, TypeError, re.escape(f"threads must be an integer; got {t!r}"))
        for t in (1.0, True, "2", [1])
    ],
    *[
        ({"rng": r}, error, r"None, an integer >= 0 or a numpy\.random\.Generator; got ")
        for r, error in (
            (-1, ValueError),
            ("x", TypeError),
            (1.5, TypeError),
            (np.nan, TypeError),
            (True, TypeError),
            ({}, TypeError),
            (np.random.RandomState(0), TypeError),
        )
    ],
    *[
        ({"max_memory": m}, ValueError, f"max_memory must be bytes or a text .*'10GB'; got '{m}'")
        for m in ("10XB", "", "GB", "10BB", "10IB", "1_0GB", "10 G B", "1e", "ten")
    ],
    *[
        ({"max_memory": m}, ValueError, f"max_memory must be positive; got .?{m}")
        for m in (0, -1, np.nan, np.inf, "-1GB", "nan", "inf", "1e400")
    ],
    *[
        ({"max_memory": m}, TypeError, "max_memory must be bytes or a text such as '10GB'; got")
        for m in ([1], b"1GB", True, 1j)
    ],
    ({"callback": 3}, TypeError, "callback must be callable; got 3"),
    ({"callback": "print"}, TypeError, "callback must be callable; got 'print'"),
    ({"progress": "yes"}, TypeError, "progress must be True or False; got 'yes'"),
    ({"progress": 2}, TypeError, "progress must be True or False; got 2"),
    ({"progress": np.zeros(2)}, TypeError, "progress must be True or False; got array"),
]


TIME = [
    *[
        ({"time_limit": t}, error, "time_limit must be a number of seconds above 0, or None; got ")
        for t, error in (
            (0, ValueError),
            (-1.0, ValueError),
            (np.nan, ValueError),
            ("10", TypeError),
            (True, TypeError),
            (1j, TypeError),
            ([1.0], TypeError),
        )
    ],
]


@pytest.mark.parametrize(("options", "error", "words"), OPTIONS + TIME + COMMON)
def test_options_of_min_eig(options, error, words):
    options = {"method": "dense", **options}
    with pytest.raises(error, match=words):
        mh.min_eig(X, **options)


EIGSH = [
    *[
        ({"k": k}, ValueError, f"k must satisfy 1 <= k <= n; got k={k} for n=12")
        for k in (0, -1, 13)
    ],
    *[
        ({"k": k}, TypeError, f"k must be an integer; got {k!r}")
        for k in (1.5, 1.0, True, "1", None)
    ],
    *[
        ({"block": b}, ValueError, f"block must satisfy 1 <= block <= n; got {b} for n=12")
        for b in (0, -1, 13)
    ],
    *[({"block": b}, TypeError, f"block must be an integer; got {b!r}") for b in (1.5, True, "1")],
    ({"which": "LM"}, ValueError, ONE_OF.format("which", "'SA', 'LA'.; got 'LM'")),
    ({"which": "sa"}, ValueError, ONE_OF.format("which", "'SA', 'LA'.; got 'sa'")),
    ({"which": ["SA"]}, ValueError, r"which must be one of .*; got \['SA'\]"),
    ({"method": "fast"}, ValueError, ONE_OF.format("method", "'auto', 'dense', .*got 'fast'")),
    (
        {"method": "sparse-inverse"},
        ValueError,
        "got 'sparse-inverse' .belongs to min_eig, which has ",
    ),
    (
        {"certify": "preconditioned"},
        ValueError,
        "got 'preconditioned' .belongs to min_eig, which has ",
    ),
]


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize(("options", "error", "words"), EIGSH + COMMON)
def test_options_of_eigsh(options, error, words, method):
    with pytest.raises(error, match=words):
        mh.eigsh(K, **{"method": method, **options})


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"storage": "sparse"}, ValueError, ONE_OF.format("storage", "'auto', .*got 'sparse'")),
        ({"storage": None}, ValueError, "storage must be one of .*; got None"),
        ({"dtype": "float16"}, ValueError, ONE_OF.format("dtype", "'float64', .*got 'float16'")),
        ({"dtype": "foo"}, ValueError, "dtype must be one of .*; got 'foo'"),
        ({"dtype": 3}, ValueError, "dtype must be one of .*; got 3"),
        ({"dtype": complex}, ValueError, "dtype must be one of .*; got 'complex128'"),
        ({"dtype": ">f8"}, ValueError, "dtype must be one of .*; got '>f8'"),
        (
            {"storage": "matrix-free", "dtype": "float32"},
            ValueError,
            "computed in float64; drop dtype='float32'",
        ),
        ({"kernel": "rellu"}, ValueError, "unknown activation 'rellu'. Nearest: relu"),
        ({"kernel": 3}, TypeError, "a name or an Activation; got int"),
        ({"normalize": "no"}, TypeError, "normalize must be True or False; got 'no'"),
        ({"max_memory": "1kB"}, MemoryError, "more than max_memory=1 kB"),
        *[c for c in COMMON if not {"tol", "rng"} & set(c[0])],
    ],
)
def test_options_of_gram(options, error, words):
    with pytest.raises(error, match=words):
        mh.gram(X, **options)


@pytest.mark.parametrize("dtype", ["f4", np.float32, np.dtype("float32"), "<f4"])
def test_every_spelling_of_a_dtype(dtype):
    assert mh.gram(X, dtype=dtype).dtype == np.float32


@pytest.mark.parametrize("make", [mh.gradient_kernel, mh.nngp])
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [c for c in OPTIONS if set(c[0]) <= {"activation", "depth", "weight_var", "bias_var"}],
)
def test_options_of_kernels(make, options, error, words):
    rest = {name: value for name, value in options.items() if name != "activation"}
    with pytest.raises(error, match=words):
        make(options.get("activation", "relu"), **rest)


@pytest.mark.parametrize("make", [mh.gradient_kernel, mh.nngp])
@pytest.mark.parametrize("odd", ["no", None, 1])
def test_normalized_is_true_or_false(make, odd):
    with pytest.raises(TypeError, match=f"normalized must be True or False; got {odd!r}"):
        make("relu", normalized=odd)


@pytest.mark.parametrize("k", [1.5, "x", True, None])
def test_orders_of_coefficients_are_integers(k):
    with pytest.raises(TypeError, match=f"kmax must be an integer; got {k!r}"):
        mh.nngp("relu").coefficients(k)
    with pytest.raises(ValueError, match=f"N must hold integers >= 0; got {k!r}"):
        mh.nngp("relu").tail(k)
    with pytest.raises(ValueError, match=f"k must hold integers k >= 0; got {k!r}"):
        mh.activation("relu").hermite(k)


FUNCTION = r"f must map an array to an array of the same shape; .*Use np\.vectorize"


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (3, TypeError, "f must be a callable of an array; got int"),
        (lambda z: 1.0 if z > 0 else 0.0, ValueError, FUNCTION),
        (lambda z: float(z), TypeError, FUNCTION),
        (lambda z: z[:3], ValueError, FUNCTION),
        (lambda z: 1.0, ValueError, FUNCTION),
        (np.log, ValueError, "f must be finite on the real line; 'log' is not near zero"),
        (lambda z: z + 1j, TypeError, "f must return real numbers; .*complex128"),
        (lambda z: z.astype(str), TypeError, "f must return real numbers; .*<U"),
    ],
)
def test_functions_that_are_no_activations(f, error, words):
    with pytest.raises(error, match=words):
        mh.Activation.from_function(f)


@pytest.mark.parametrize(
    ("kinks", "error", "words"),
    [
        ("x", TypeError, r"kinks must be a sequence of numbers, as in kinks=\(0\.0,\); got 'x'"),
        (0.0, TypeError, r"kinks must be a sequence of numbers, .*; got 0\.0"),
        ([None], TypeError, r"kinks must be a sequence of numbers, .*; got \[None\]"),
        ([np.inf], ValueError, "kinks must be finite; got"),
    ],
)
def test_kinks(kinks, error, words):
    with pytest.raises(error, match=words):
        mh.Activation.from_function(np.tanh, kinks=kinks)


@pytest.mark.parametrize("k", [1.5, "x", True, None, np.nan, np.inf, [1]])
def test_degrees_are_integers(k):
    with pytest.raises(ValueError, match=re.escape(f"hermite: k must be an integer; got {k!r}")):
        mh.activation("hermite", k=k)
    assert mh.activation("hermite", k=np.int8(3)) == mh.activation("hermite", k=3.0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"kind": "sphere"}, ValueError, "kind must be one of circle-half, .*; got 'sphere'"),
        ({"n": 0}, ValueError, "n must be >= 1; got n=0"),
        ({"n": True}, TypeError, "n must be an integer; got True"),
        ({"d": 2.0}, TypeError, r"d must be an integer; got 2\.0"),
        ({"rng": "x"}, TypeError, r"rng must be None, an integer >= 0 or .*; got 'x'"),
        ({"rng": -1}, ValueError, r"rng must be None, an integer >= 0 or .*; got -1"),
        ({"rng": True}, TypeError, r"rng must be None, an integer >= 0 or .*; got True"),
    ],
)
def test_generate_refuses(options, error, words):
    with pytest.raises(error, match=words):
        mh.generate(**{"kind": "sphere-random", "n": 5, "d": 3, **options})


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (
            1.5,
            ValueError,
            r"cosines must lie in \[-1, 1\]; found 1\.5 .* Pass points as a 2-D array",
        ),
        ([0.0, np.nan], ValueError, r"cosines must lie in \[-1, 1\]; found nan"),
        (0.5j, TypeError, "X must be real; got complex128"),
        ("0.5", TypeError, "X must be an array of numbers; got str"),
        (np.ma.masked_equal([0.1, 0.2], 0.2), ValueError, "no masked entries; found 1"),
    ],
)
def test_cosines(bad, error, words):
    with pytest.raises(error, match=words):
        mh.nngp("relu")(bad)


@pytest.mark.parametrize(
    "options",
    [
        {"tol": np.float32(1e-3)},
        {"tol": np.array(1e-6)},
        {"threads": np.int8(1)},
        {"rng": np.random.default_rng(1)},
        {"rng": np.random.PCG64(1)},
        {"rng": [1, 2]},
        {"max_memory": " 1.5 gib "},
        {"max_memory": "1e7"},
        {"max_memory": 1e300},
        {"progress": np.False_},
        {"normalize": np.True_},
        {"weight_var": 1},
        {"weight_var": np.float32(1)},
        {"callback": lambda state: None},
        {"activation": " ReLU "},
        {"activation": mh.gradient_kernel("relu"), "kernel": "gradient", "weight_var": 1.0},
    ],
)
@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_good_options_of_odd_types(options, method):
    r = mh.min_eig(X, **{"method": method, **options})
    assert r.value == pytest.approx(np.linalg.eigvalsh(relu_gram(X))[0], rel=1e-3)
    assert r.status == "resolved" and r.tol == float(options.get("tol", 1e-6))


@pytest.mark.parametrize(
    ("text", "least"),
    [("6kB", True), ("5kB", False), ("6 KiB", True), ("5.5KiB", False), ("5760", True)],
)
def test_units_of_memory(text, least):
    """The dense route at n = 12 takes 5 arrays of 8 n^2 = 1152 bytes: 5760."""
    outcome = contextlib.nullcontext() if least else pytest.raises(MemoryError, match=r"5\.76 kB")
    with outcome:
        assert mh.min_eig(X, max_memory=text, method="dense").n == 12


def test_progress_that_is_true_writes_to_stderr_only(capsys):
    mh.min_eig(X, method="lanczos", progress=True)
    assert capsys.readouterr().out == ""


# -- matrices that are not symmetric, real, finite, square -------------------------------------------


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
        r"K must be square, \(n, n\) with n >= 1; got shape \(5, 12\)",
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


# -- files, end to end -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (put(np.nan), ValueError, "X must be finite; found nan at row 2, column 1"),
        (X[0], ValueError, r"X must be 2-D, one point a row; got shape \(4,\)"),
        (X + 0j, TypeError, "X must be real; got complex128"),
        (X[:0], ValueError, "at least one point"),
        (np.array([["a"]]), TypeError, "must hold real numbers; got dtype <U1"),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_loaded_points_are_checked(content, error, words, suffix, tmp_path):
    file = tmp_path / f"x.{suffix}"
    (np.save if suffix == "npy" else np.savez)(file, content)
    with pytest.raises(error, match=words):
        mh.min_eig(mh.load(file))


@pytest.mark.parametrize("dtype", ["f2", ">f4", "i1", "u8", "longdouble"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_loaded_points_give_the_plain_answer(dtype, order, tmp_path, run):
    odd = WHOLE.astype(dtype, order=order)
    np.save(tmp_path / "x.npy", odd)
    same(run, mh.load(tmp_path / "x.npy"), WHOLE.astype(float))


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("none.npy", FileNotFoundError, "none.npy does not exist; give the path of a data file"),
        (".", IsADirectoryError, "is a directory; expected a file"),
        ("x.parquet", ValueError, "of no kind that can be read; expected .npy"),
        (3, TypeError, "path must be the name of a file; got 3"),
        (None, TypeError, "path must be the name of a file; got None"),
    ],
)
def test_load_refuses(path, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(error, match=words):
        mh.load(path)
