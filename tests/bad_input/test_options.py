"""Options: refused with found, expected and remedy, or taken in any spelling."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest
from runs import K, X

import mehler as mh
from spectra import relu_gram

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
    ({"storage": "dask"}, ValueError, r"got 'dask' \(pass an instance: mehler\.Dask\(client\)\)"),
    ({"storage": "Disk"}, ValueError, "got 'Disk' .of gram, whose operator eigsh takes"),
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
