"""Points from files, generated points, unit norm, and what a summary says of them.

Truth is the obvious way: arrays written by NumPy, IDX bytes packed by hand, and a double loop over
all pairs in exact rational arithmetic where rounding matters.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import struct
from dataclasses import FrozenInstanceError
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mehler.data import describe, generate, load, normalize
from mehler.generated import KINDS

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
IMAGES = SHARED / "fashion-mnist-train-images-idx3-ubyte.gz"
LABELS = SHARED / "fashion-mnist-train-labels-idx1-ubyte.gz"

IDX_CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx_bytes(A: np.ndarray, code: str) -> bytes:
    head = bytes([0, 0, IDX_CODES[code], A.ndim]) + struct.pack(f">{A.ndim}I", *A.shape)
    return head + A.astype(code).tobytes(order="C")


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((7, 3))


# -- .npy and .npz ---------------------------------------------------------------------------------


def test_npy_is_mapped_and_read_only(tmp_path: Path, X):
    np.save(tmp_path / "x.npy", X)
    A = load(tmp_path / "x.npy")
    assert isinstance(A, np.memmap) and not A.flags.writeable
    np.testing.assert_array_equal(A, X)
    np.testing.assert_array_equal(load(str(tmp_path / "x.npy"), rows=2), X[:2])


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", ">f8", "bool"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_keeps_type_and_order(tmp_path: Path, X, dtype, order):
    A = np.asarray(X, dtype=dtype, order=order)
    np.save(tmp_path / "x.npy", A)
    np.savez_compressed(tmp_path / "x.npz", only=A)
    for file in ("x.npy", "x.npz"):
        for rows in (None, 4):
            B = load(tmp_path / file, rows=rows)
            assert B.dtype == np.dtype(dtype)
            np.testing.assert_array_equal(B, A[:rows])


def test_npz_by_key(tmp_path: Path, X):
    np.savez(tmp_path / "two.npz", train=X, labels=np.arange(7))
    np.testing.assert_array_equal(load(tmp_path / "two.npz", key="train", rows=3), X[:3])
    with pytest.raises(ValueError, match=r"two\.npz holds 2 arrays \(labels, train\); name one"):
        load(tmp_path / "two.npz")
    with pytest.raises(ValueError, match="has no array 'test'; it holds: labels, train"):
        load(tmp_path / "two.npz", key="test")


def test_npz_without_an_array(tmp_path: Path):
    np.savez(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"holds 0 arrays \(none\)"):
        load(tmp_path / "none.npz")


def test_numpy_files_that_are_none(tmp_path: Path, X):
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    np.save(tmp_path / "number.npy", np.float64(3.0))
    whole = tmp_path / "whole.npy"
    np.save(whole, X)
    (tmp_path / "short.npy").write_bytes(whole.read_bytes()[:-8])
    (tmp_path / "text.npy").write_text("1,2,3")
    (tmp_path / "text.npz").write_text("1,2,3")
    for name, message in [
        ("objects.npy", "not a complete .npy array of numbers"),
        ("objects.npz", "'a' in objects.npz is not an array of numbers: it holds Python objects"),
        ("number.npy", "holds a single number"),
        ("short.npy", "not a complete .npy array"),
        ("text.npy", "not a complete .npy array"),
        ("text.npz", "damaged or cut short"),
    ]:
        with pytest.raises(ValueError, match=message):
            load(tmp_path / name)


# -- IDX -------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    code=st.sampled_from(sorted(IDX_CODES)),
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
    zipped=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_idx_round_trip(tmp_path_factory, code, shape, zipped, seed):
    draw = np.random.default_rng(seed)
    dtype = np.dtype(code)
    if dtype.kind == "f":
        A = draw.standard_normal(shape).astype(dtype)
    else:
        span = np.iinfo(dtype)
        A = draw.integers(span.min, span.max, shape, endpoint=True, dtype=dtype.newbyteorder("="))
    file = tmp_path_factory.mktemp("idx") / ("a-idx-data" + (".gz" if zipped else ""))
    data = idx_bytes(A, code)
    file.write_bytes(gzip.compress(data) if zipped else data)
    flat = A if len(shape) == 1 else A.reshape(shape[0], -1)
    B = load(file)
    assert B.dtype == dtype.newbyteorder("=") and B.dtype.isnative
    np.testing.assert_array_equal(B, flat)
    np.testing.assert_array_equal(load(file, rows=1), flat[:1])


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_reads_no_more_than_the_rows(tmp_path: Path, zipped):
    A = np.arange(4 * 6, dtype="u1").reshape(4, 2, 3)
    data = idx_bytes(A, "u1")
    file = tmp_path / ("x-idx3-ubyte" + (".gz" if zipped else ""))
    file.write_bytes(gzip.compress(data[:-10]) if zipped else data[:-10])  # rows 0 and 1 are whole
    np.testing.assert_array_equal(load(file, rows=2), A.reshape(4, 6)[:2])
    with pytest.raises(ValueError, match=r"cut short: its header promises 24 bytes.*found 14"):
        load(file)


def test_idx_gz_stops_before_damage_behind_the_rows(tmp_path: Path):
    A = np.random.default_rng(0).integers(0, 256, (4000, 300), dtype="u1")
    file = tmp_path / "x-idx2-ubyte.gz"
    data = gzip.compress(idx_bytes(A, "u1"))
    file.write_bytes(data[: len(data) // 2])
    np.testing.assert_array_equal(load(file, rows=10), A[:10])
    with pytest.raises(ValueError, match="damaged or cut short"):
        load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b + b"\0", "holds more than the 6 bytes"),
        (lambda b: b[:-1], "cut short: its header promises 6 bytes"),
        (lambda b: b[:9], "ends within its IDX header"),
        (lambda b: b[:3], "not an IDX file: it starts with '00 00 08'"),
        (lambda b: b"\x93NUM" + b[4:], "not an IDX file: it starts with '93 4e 55 4d'"),
        (lambda b: b"\0\0\x0a\x02" + b[4:], "expected '00 00 type ndim' with a type of 08, 09"),
        (lambda b: b"\0\0\x08\x00" + b[4:], "not an IDX file"),
        (lambda b: b[:4] + b"\xff" * 8 + b[12:], "cut short: its header promises 1844674"),
    ],
    ids=["extra", "short", "header", "magic-short", "magic", "type", "ndim", "enormous"],
)
def test_idx_that_is_none(tmp_path: Path, change, message):
    good = idx_bytes(np.arange(6, dtype="u1").reshape(2, 3), "u1")
    (tmp_path / "x-idx2-ubyte").write_bytes(change(good))
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "x-idx2-ubyte")


def test_gz_that_is_none(tmp_path: Path):
    (tmp_path / "x-idx2-ubyte.gz").write_bytes(b"no gzip at all")
    with pytest.raises(ValueError, match=r"x-idx2-ubyte\.gz is damaged or cut short"):
        load(tmp_path / "x-idx2-ubyte.gz")


@pytest.mark.skipif(not IMAGES.exists(), reason="the Fashion-MNIST files are not there")
def test_fashion_mnist():
    A = load(IMAGES, rows=100)
    assert A.shape == (100, 784) and A.dtype == np.uint8
    labels = load(LABELS)
    assert labels.shape == (60_000,) and sorted(set(labels.tolist())) == list(range(10))
    with gzip.open(IMAGES) as stream:
        raw = stream.read(16 + 100 * 784)
    np.testing.assert_array_equal(A.ravel(), np.frombuffer(raw[16:], "u1"))
    np.testing.assert_allclose(np.linalg.norm(normalize(A), axis=1), 1.0, rtol=4e-16)


# -- delimited text --------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", "   ", ", "])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".TXT"])
def test_text_round_trip(tmp_path: Path, X, delimiter, header, suffix):
    lines = [delimiter.join(map(repr, row)) for row in X.tolist()]
    if header:
        lines.insert(0, delimiter.join(["height", "width", "depth"]))
    text = "\n".join(lines).encode()
    file = tmp_path / f"x{suffix}"
    file.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    np.testing.assert_array_equal(load(file), X)
    np.testing.assert_array_equal(load(file, rows=3), X[:3])


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa,b\r\n1,2\r\n3,4\r\n",
        "# by hand\n\n1,2\n# between\n3,4",
        '"a","b"\n"1","2"\n"3","4"\n',
        "  1   2  \n3\t4\n".replace("\t", " "),
        "1e0;+2\n 3.0 ; 4.\n",
    ],
    ids=["bom-crlf", "comments", "quoted", "blanks", "spellings"],
)
def test_text_as_people_write_it(tmp_path: Path, text):
    (tmp_path / "x.csv").write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(load(tmp_path / "x.csv"), [[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x4\n", r"bad\.csv, line 3, column 2: 'x4' is not a number"),
        ("1,2\n\n# a\n3,\n", "line 4, column 2: the cell is empty"),
        ("1,2\n3,4,5\n", "line 2: found 3 columns, expected 2 as in the first row"),
        ("a,b,c\n1,2\n3,4\n", "line 2: found 2 columns, expected 3"),
        ("1,5;2,5\n1,5;2,5\n", r"line 1, column 1: '1,5' is not a number.*decimal point"),
        ("1,2\n1_0,2\n", "line 2, column 1: '1_0' is not a number"),
        ("1,x\n2,3\n", "line 1, column 2: 'x' is not a number"),
        ("a,b\n", "holds a header but no row"),
        ("", "holds no row; expected one point a line"),
        ("# nothing\n\n", "holds no row"),
    ],
)
def test_text_that_is_no_table(tmp_path: Path, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "bad.csv")


def test_text_behind_the_rows_is_not_read(tmp_path: Path):
    (tmp_path / "x.csv").write_text("1,2\n3,4\nnot,numbers\n")
    np.testing.assert_array_equal(load(tmp_path / "x.csv", rows=2), [[1.0, 2.0], [3.0, 4.0]])


def test_text_that_is_not_text(tmp_path: Path):
    (tmp_path / "x.csv").write_bytes(b"1,2\n\xff\xfe,3\n")
    with pytest.raises(ValueError, match=r"x\.csv is not UTF-8 text"):
        load(tmp_path / "x.csv")


# -- any file --------------------------------------------------------------------------------------


def test_paths_that_lead_nowhere(tmp_path: Path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    (tmp_path / "bare").write_bytes(b"0")
    with pytest.raises(FileNotFoundError, match=r"missing\.npy does not exist"):
        load(tmp_path / "missing.npy")
    with pytest.raises(IsADirectoryError, match=r"is a directory; expected a file: \.npy"):
        load(tmp_path)
    for name in ("x.parquet", "bare"):
        with pytest.raises(ValueError, match=f"{name} is of no kind that can be read; expected"):
            load(tmp_path / name)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x-idx2-double"])
def test_rows(tmp_path: Path, X, name):
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "x.npz", X)
    np.savetxt(tmp_path / "x.csv", X, delimiter=",", fmt="%.17g")
    (tmp_path / "x-idx2-double").write_bytes(idx_bytes(X, ">f8"))
    file = tmp_path / name
    np.testing.assert_array_equal(load(file, rows=7), X)
    np.testing.assert_array_equal(load(file, rows=np.int64(2)), X[:2])
    with pytest.raises(ValueError, match=r"rows=8 asked for, but .* holds 7; ask for at most 7"):
        load(file, rows=8)
    with pytest.raises(ValueError, match=r"rows must be >= 1; got rows=0"):
        load(file, rows=0)
    with pytest.raises(TypeError, match=r"rows must be an integer or None; got 2\.5"):
        load(file, rows=2.5)
    if name != "x.npz":
        with pytest.raises(ValueError, match=r"key='a' is for \.npz files"):
            load(file, key="a")


# -- unit norm -------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.floats(-1e3, 1e3, allow_nan=False), min_size=3, max_size=3).filter(
            lambda r: max(map(abs, r)) > 1e-3
        ),
        min_size=1,
        max_size=5,
    ),
    power=st.integers(-900, 900),
)
def test_normalize_ignores_scale(rows, power):
    """x / |x| to rounding, and the same to the bit when x is scaled by a power of two."""
    X = np.array(rows)
    X[np.abs(X) < 1e-12] = 0.0  # scaled down by 2^-900, smaller ones would lose digits
    U = normalize(X)
    np.testing.assert_allclose(U, X / np.linalg.norm(X, axis=1, keepdims=True), rtol=1e-15)
    np.testing.assert_array_equal(normalize(np.ldexp(X, power)), U)


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e300, 5e-324, 1.7e308])
def test_normalize_neither_overflows_nor_underflows(scale):
    with np.errstate(all="raise"):
        U = normalize(np.array([[scale, scale, 0.0], [0.0, -scale, 0.0]]))
    half = math.sqrt(0.5)
    np.testing.assert_allclose(U, [[half, half, 0.0], [0.0, -1.0, 0.0]], rtol=3e-16)


def test_normalize_leaves_its_input_alone(X):
    before = X.copy()
    X.flags.writeable = False
    U = normalize(X)
    np.testing.assert_array_equal(X, before)
    assert U.dtype == np.float64 and U.flags.c_contiguous and U.flags.writeable
    for other in (np.asfortranarray(X), X.tolist(), X[::-1][::-1]):
        np.testing.assert_array_equal(normalize(other), U)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], ValueError, r"found 2 \(rows 1, 2\)"),
        ([[1.0, np.nan]], ValueError, "must be finite; found nan at row 0, column 1"),
        ([[1.0, 0.0], [np.inf, 0.0]], ValueError, "found inf at row 1, column 0"),
        ([1.0, 2.0], ValueError, r"must be 2-D, one point a row; got shape \(2,\)"),
        (np.zeros((0, 3)), ValueError, "at least one point"),
        ([[1j, 0.0]], TypeError, "must be real; got complex128"),
        ([["a", "b"]], TypeError, "must hold real numbers"),
        ("file.npy", TypeError, "Load a file with mehler.load"),
        ([[1.0], [1.0, 2.0]], ValueError, "rectangular"),
    ],
)
@pytest.mark.parametrize("function", [normalize, describe])
def test_points_that_are_none(bad, error, message, function):
    if function is describe and "found 2" in message:
        assert describe(bad).zero_rows == (1, 2)  # counted, not refused
        return
    with pytest.raises(error, match=message):
        function(bad)


# -- generated points ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [2, 3, 10])
def test_generated_points(kind, d):
    span = 2 if kind == "subspace-random" else None
    X = generate(kind, 21, d, span=span, rng=5)
    assert X.shape == (21, d) and X.dtype == np.float64 and X.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1.0, rtol=4e-16)
    assert describe(X).rank == {"sphere-random": d}.get(kind, 2)
    np.testing.assert_array_equal(X, generate(kind, 21, d, span=span, rng=5))
    again = generate(kind, 21, d, span=span, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(X, again)


@pytest.mark.parametrize(("kind", "turn"), [("circle-half", 1.0), ("circle-full", 2.0)])
@pytest.mark.parametrize("d", [2, 10])
def test_circles_have_the_angles_they_say(kind, turn, d):
    n = 11
    X = generate(kind, n, d, rng=0)
    gap = np.arange(n)[:, None] - np.arange(n)
    np.testing.assert_allclose(X @ X.T, np.cos(turn * np.pi * gap / n), atol=2e-15)


def test_the_full_circle_has_antipodes():
    assert describe(generate("circle-full", 10, 2)).antipodal_pairs == 5
    assert describe(generate("circle-full", 11, 2)).antipodal_pairs == 0
    assert describe(generate("circle-half", 10, 2)).antipodal_pairs == 0


def test_lifting_keeps_cosines():
    low = generate("sphere-random", 30, 3, rng=7)
    high = generate("subspace-random", 30, 12, span=3, rng=7)
    np.testing.assert_allclose(high @ high.T, low @ low.T, atol=2e-15)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("torus", 5, 3), ValueError, "kind must be one of circle-half, .*; got 'torus'"),
        (("sphere-random", 0, 3), ValueError, "n must be >= 1; got n=0"),
        (("sphere-random", 5, -1), ValueError, "d must be >= 1; got d=-1"),
        (("sphere-random", 5.0, 3), TypeError, r"n must be an integer; got 5\.0"),
        (("subspace-random", 5, 3), ValueError, "needs span="),
        (("subspace-random", 5, 3, 4), ValueError, "span 4 dimensions need d >= 4; got d=3"),
        (("subspace-random", 5, 3, 0), ValueError, "span must be >= 1; got span=0"),
        (("circle-half", 5, 1), ValueError, "need d >= 2; got d=1"),
        (("circle-half", 5, 4, 3), ValueError, "spans 2 dimensions; got span=3"),
    ],
)
def test_points_that_cannot_be_generated(arguments, error, message):
    with pytest.raises(error, match=message):
        generate(*arguments)


# -- the summary -----------------------------------------------------------------------------------


def brute(U: np.ndarray, sign: int) -> tuple[float, tuple[int, int]]:
    """(distance, pair) of the nearest u_i and sign u_j, squares summed exactly."""

    def square(i: int, j: int) -> Fraction:
        return sum((Fraction(a) - sign * Fraction(b)) ** 2 for a, b in zip(U[i], U[j], strict=True))

    best = min(itertools.combinations(range(len(U)), 2), key=lambda ij: square(*ij))
    return math.sqrt(square(*best)), best


@pytest.mark.parametrize("d", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [2, 3, 40])
def test_summary_against_all_pairs(n, d):
    X = np.random.default_rng(n + d).standard_normal((n, d)) * 3.0
    s = describe(X)
    U = normalize(X)
    plus, minus = brute(U, 1), brute(U, -1)
    assert (s.n, s.d, s.rank) == (n, d, min(n, d))
    assert s.nearest == pytest.approx(plus[0], rel=1e-13, abs=1e-300)
    assert s.nearest_antipodal == pytest.approx(minus[0], rel=1e-13, abs=1e-300)
    if d > 1:
        assert s.nearest_pair == plus[1]
        assert s.nearest_antipodal_pair == minus[1]
    assert s.separation == min(s.nearest, s.nearest_antipodal)
    cosines = np.abs(U @ U.T)[np.triu_indices(n, 1)]
    assert s.max_abs_cosine == pytest.approx(float(cosines.max()), rel=1e-14)
    norms = np.linalg.norm(X, axis=1)
    assert (s.norm_min, s.norm_max) == pytest.approx((norms.min(), norms.max()), rel=1e-15)


@pytest.mark.parametrize("gap", [1e-3, 1e-7, 1e-9, 1e-12])
@pytest.mark.parametrize("sign", [1, -1])
def test_near_pairs_keep_their_digits(gap, sign):
    """Cosines cannot tell 1e-9 from 1e-12: 1 - gap^2 / 2 rounds to one."""
    X = np.random.default_rng(1).standard_normal((200, 5))
    u, v = np.linalg.qr(np.random.default_rng(2).standard_normal((5, 2)))[0].T
    X[150] = u * math.cos(gap) + v * math.sin(gap)
    X[20] = sign * u
    X[60], X[61] = v, sign * (v + 3.0 * gap * u)  # near as well, but not the nearest
    s = describe(X)
    nearest = (s.nearest, s.nearest_pair) if sign > 0 else (
        s.nearest_antipodal, s.nearest_antipodal_pair)  # fmt: skip
    assert nearest[1] == (20, 150)
    assert nearest[0] == pytest.approx(2.0 * math.sin(gap / 2.0), rel=1e-14, abs=4e-16)
    assert s.duplicates == s.antipodal_pairs == 0


def test_duplicates_and_antipodes_are_counted_across_scales_and_tiles():
    X = np.random.default_rng(3).standard_normal((2500, 4))
    X[2400] = 4.0 * X[10]  # bit for bit one direction
    X[2401] = 0.3 * X[10]  # one direction but for rounding
    X[1500] = -7.0 * X[20]
    s = describe(X)
    assert s.duplicates == 3 and s.antipodal_pairs == 1
    assert s.nearest == 0.0 and s.nearest_pair == (10, 2400)
    assert s.nearest_antipodal_pair == (20, 1500) and s.nearest_antipodal < 1e-15
    assert s.max_abs_cosine == 1.0


@pytest.mark.parametrize("copies", [2, 5])
def test_many_equal_points(copies):
    X = np.repeat(np.random.default_rng(4).standard_normal((300, 3)), copies, axis=0)
    X[::2] *= -1.0
    s = describe(X)
    sign = np.where(np.arange(len(X)) % 2, 1, -1).reshape(300, copies)
    plus = (sign > 0).sum(axis=1)
    minus = copies - plus
    assert s.duplicates == int(np.sum(plus * (plus - 1) // 2 + minus * (minus - 1) // 2))
    assert s.antipodal_pairs == int(np.sum(plus * minus))


def test_rank_is_that_of_the_directions():
    """A span stays what it is when rows differ in norm by 1e200."""
    X = generate("subspace-random", 200, 10, span=3, rng=0)
    scales = np.logspace(-100, 100, 200)[:, None]
    s = describe(X * scales)
    assert s.rank == 3 and s.d == 10
    assert 1e-16 < s.rank_threshold < 1e-10
    assert s.norm_min == pytest.approx(1e-100) and s.norm_max == pytest.approx(1e100)


def test_zero_rows_are_named_and_left_out():
    X = np.random.default_rng(5).standard_normal((6, 3))
    X[[0, 4]] = 0.0
    X[5] = 2.0 * X[1]
    s = describe(X)
    assert s.n == 6 and s.zero_rows == (0, 4) and s.norm_min == 0.0
    assert s.nearest_pair == (1, 5) and s.duplicates == 1
    assert "zero rows          2  (rows 0, 4)" in str(s)
    with pytest.raises(ValueError, match="must hold a point that is not zero; all 2 rows are"):
        describe(np.zeros((2, 3)))


def test_one_point_has_no_pair():
    s = describe([[3.0, 4.0]])
    assert (s.n, s.rank, s.norm_min, s.separation, s.nearest_pair) == (1, 1, 5.0, None, None)
    assert json.loads(json.dumps(s.to_dict()))["separation"] is None
    assert "nearest pair       -" in str(s)


def test_summary_is_a_value_for_people_and_machines():
    X = generate("circle-full", 10, 2)
    s = describe(X)
    with pytest.raises(FrozenInstanceError):
        s.n = 3
    known = json.loads(json.dumps(s.to_dict()))
    assert known["antipodal_pairs"] == 5 and known["nearest_pair"] == [*s.nearest_pair]
    text = str(s)
    for words in ("10 of 2 coordinates", "unit norm", "5 pairs", "singular"):
        assert words in text, text
    assert describe(X.astype(np.float32)).n == 10


def test_summary_takes_integers(tmp_path: Path):
    np.save(tmp_path / "x.npy", np.array([[3, 4], [-6, -8], [0, 5]], dtype="i2"))
    s = describe(load(tmp_path / "x.npy"))
    assert (s.rank, s.antipodal_pairs, s.norm_max) == (2, 1, 10.0)
