"""Loading, generating, normalising and describing points, against brute force and written bytes."""

from __future__ import annotations

import gzip
import io
import itertools
import math
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.data.points import EQUAL

IMAGES = (
    Path(__file__).resolve().parents[3]
    / "shared"
    / "data"
    / "fashion-mnist-train-images-idx3-ubyte.gz"
)
TABLE = np.array([[1.5, -2.0, 3e-5], [0.0, 4.0, 5.25]])


# -- NumPy's files -------------------------------------------------------------------------------


def test_npy_is_mapped_and_read_only(tmp_path: Path):
    np.save(tmp_path / "x.npy", TABLE)
    X = mh.load(tmp_path / "x.npy")
    assert isinstance(X, np.memmap) and not X.flags.writeable
    np.testing.assert_array_equal(X, TABLE)
    np.testing.assert_array_equal(mh.load(str(tmp_path / "x.npy"), rows=1), TABLE[:1])


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint16", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_keeps_dtype_and_order(tmp_path: Path, dtype: str, order: str):
    A = np.arange(12.0).reshape(4, 3).astype(dtype, order=order)
    np.savez(tmp_path / "x.npz", A)
    np.savez_compressed(tmp_path / "y.npz", points=A, labels=np.arange(4))
    named = (mh.load(tmp_path / "y.npz", key="points"), mh.load(f"{tmp_path}/y.npz:points"))
    for X in (mh.load(tmp_path / "x.npz"), *named):
        assert X.dtype == A.dtype
        np.testing.assert_array_equal(X, A)
    np.testing.assert_array_equal(mh.load(tmp_path / "y.npz", key="points", rows=2), A[:2])


def test_npz_errors_name_the_arrays(tmp_path: Path):
    np.savez(tmp_path / "x.npz", points=TABLE, labels=np.arange(2))
    with pytest.raises(ValueError, match=r"holds 2 arrays \(labels, points\); name one .* key="):
        mh.load(tmp_path / "x.npz")
    with pytest.raises(ValueError, match="has no array 'z'; it holds: labels, points"):
        mh.load(tmp_path / "x.npz", key="z")
    with pytest.raises(ValueError, match="has no array 'z'"):
        mh.load(tmp_path / "x.npz:z")
    with pytest.raises(ValueError, match="names the array 'points', and key='labels' another"):
        mh.load(tmp_path / "x.npz:points", key="labels")
    with pytest.raises(FileNotFoundError, match=r"y\.npz does not exist"):
        mh.load(tmp_path / "y.npz:points")
    np.savez(tmp_path / "o.npz", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="it holds Python objects"):
        mh.load(tmp_path / "o.npz")
    np.savez(tmp_path / "s.npz", np.float64(3.0))
    with pytest.raises(ValueError, match="holds a single number"):
        mh.load(tmp_path / "s.npz")


def test_damaged_numpy_files(tmp_path: Path):
    np.save(tmp_path / "x.npy", TABLE)
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[:-8])
    with pytest.raises(ValueError, match=r"not a complete \.npy array of numbers"):
        mh.load(tmp_path / "x.npy")
    (tmp_path / "x.npy").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"not a complete \.npy array of numbers"):
        mh.load(tmp_path / "x.npy")
    (tmp_path / "x.npz").write_bytes(b"hello")
    with pytest.raises(ValueError, match="damaged or cut short"):
        mh.load(tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        archive.writestr("x.npy", whole[:-8])
    with pytest.raises(ValueError, match="cut short: found 40 bytes of 48"):
        mh.load(tmp_path / "y.npz")


def test_rows_of_an_npz_reads_no_more(tmp_path: Path):
    """A member cut after its second row still gives two rows."""
    stream = io.BytesIO()
    np.save(stream, np.arange(12.0).reshape(4, 3))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", stream.getvalue()[: -2 * 24])
    assert mh.load(tmp_path / "x.npz", rows=2).shape == (2, 3)


# -- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", "   "])
@pytest.mark.parametrize("header", [False, True])
def test_csv_delimiters_and_headers(tmp_path: Path, delimiter: str, header: bool):
    lines = [delimiter.join(map(repr, row)) for row in TABLE.tolist()]
    if header:
        lines.insert(0, delimiter.join(["x", "y", "z"]))
    (tmp_path / "x.csv").write_text("\n".join(lines))
    np.testing.assert_array_equal(mh.load(tmp_path / "x.csv"), TABLE)
    np.testing.assert_array_equal(mh.load(tmp_path / "x.csv", rows=1), TABLE[:1])


def test_csv_as_spreadsheets_write_it(tmp_path: Path):
    text = '\ufeff"first","second"\r\n\r\n# a comment\r\n"1.5", 2 # more\r\n-3e2,+4\r\n\r\n'
    (tmp_path / "x.csv").write_bytes(text.encode())
    np.testing.assert_array_equal(mh.load(tmp_path / "x.csv"), [[1.5, 2.0], [-300.0, 4.0]])
    with gzip.open(tmp_path / "y.tsv.gz", "wt") as file:
        file.write("1\t2\n3\t4\n")
    np.testing.assert_array_equal(mh.load(tmp_path / "y.tsv.gz"), [[1.0, 2.0], [3.0, 4.0]])


def test_csv_of_one_column(tmp_path: Path):
    (tmp_path / "x.txt").write_text("name\n1\n2\n")
    np.testing.assert_array_equal(mh.load(tmp_path / "x.txt"), [[1.0], [2.0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n", r"x\.csv, line 3, column 2: 'x' is not a number"),
        ("1,2\n\n# c\n3,\n", r"line 4, column 2: the cell is empty"),
        ("1;2\n3;4,5\n", r"line 2, column 2: '4,5' is not a number; .* decimal point"),
        ("1,2\n3,4\n5,6,7\n", r"line 3: found 3 columns, expected 2 as in the first row"),
        ("a,b\n1,2,3\n4,5,6\n", r"line 2: found 3 columns, expected 2"),
        ("1,two\n3,4\n", r"line 1, column 2: 'two' is not a number"),
        ("1_0,2\n", r"line 1, column 1: '1_0' is not a number"),
        ("1,5;2,5\n1;2\n", r"line 1, column 1: '1,5' is not a number"),  # and no header
        ("a,b\n", r"holds a header but no row"),
        ("\n# nothing\n", r"holds no row"),
    ],
)
def test_csv_errors_name_the_place(tmp_path: Path, text: str, message: str):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        mh.load(tmp_path / "x.csv")


def test_csv_must_be_text(tmp_path: Path):
    (tmp_path / "x.csv").write_bytes(b"1,2\n\xff\xfe,3\n")
    with pytest.raises(ValueError, match="not UTF-8 text"):
        mh.load(tmp_path / "x.csv")


def test_rows_of_a_csv_reads_no_more(tmp_path: Path):
    (tmp_path / "x.csv").write_text("1,2\n3,4\nbroken\n")
    np.testing.assert_array_equal(mh.load(tmp_path / "x.csv", rows=2), [[1.0, 2.0], [3.0, 4.0]])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_csv_round_trip_is_exact(tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]]):
    file = tmp_path_factory.mktemp("csv") / "x.csv"
    file.write_text("\n".join(",".join(map(repr, row)) for row in rows))
    np.testing.assert_array_equal(mh.load(file), np.array(rows))


# -- IDX -----------------------------------------------------------------------------------------


def idx_bytes(A: np.ndarray, code: int) -> bytes:
    sizes = struct.pack(f">{A.ndim}I", *A.shape)
    return bytes([0, 0, code, A.ndim]) + sizes + A.astype(A.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")],
)
@pytest.mark.parametrize("name", ["t-images-idx3-ubyte", "t.idx", "t-images-idx3-ubyte.gz"])
def test_idx_of_every_type(tmp_path: Path, code: int, dtype: str, name: str):
    A = np.arange(-6, 18).astype(dtype).reshape(4, 3, 2)
    opener = gzip.open if name.endswith(".gz") else open
    with opener(tmp_path / name, "wb") as file:
        file.write(idx_bytes(A, code))
    X = mh.load(tmp_path / name)
    assert X.dtype == np.dtype(dtype) and X.dtype.isnative
    np.testing.assert_array_equal(X, A.reshape(4, 6))
    np.testing.assert_array_equal(mh.load(tmp_path / name, rows=3), A.reshape(4, 6)[:3])


def test_idx_labels_stay_flat(tmp_path: Path):
    (tmp_path / "l-idx1-ubyte").write_bytes(idx_bytes(np.arange(5, dtype=np.uint8), 8))
    np.testing.assert_array_equal(mh.load(tmp_path / "l-idx1-ubyte"), np.arange(5))


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_idx_errors(tmp_path: Path, gz: str):
    good = idx_bytes(np.arange(24, dtype=np.uint8).reshape(4, 6), 8)
    path = tmp_path / f"x-idx2-ubyte{gz}"

    def write(data: bytes) -> None:
        path.write_bytes(gzip.compress(data) if gz else data)

    write(good[:-1])
    with pytest.raises(ValueError, match=r"cut short: .* 24 bytes of values \(4, 6\), found 23"):
        mh.load(path)
    assert mh.load(path, rows=3).shape == (3, 6), "the rest is not read"
    write(good + b"x")
    with pytest.raises(ValueError, match="holds more than the 24 bytes"):
        mh.load(path)
    write(b"\1" + good[1:])
    with pytest.raises(ValueError, match=r"not an IDX file: it starts with '01 00 08 02'"):
        mh.load(path)
    write(b"\0\0\x0a\2" + good[4:])
    with pytest.raises(ValueError, match=r"expected '00 00 type ndim' with a type of 08, 09, 0b"):
        mh.load(path)
    write(good[:7])
    with pytest.raises(ValueError, match="ends within its IDX header"):
        mh.load(path)
    write(b"\0\0\x0e\3" + b"\xff" * 12)
    with pytest.raises(ValueError, match="cut short"):
        mh.load(path)
    write(good)
    with pytest.raises(ValueError, match=r"rows=5 asked for, but .* holds 4; ask for at most 4"):
        mh.load(path, rows=5)


def test_a_damaged_gzip_is_named(tmp_path: Path):
    path = tmp_path / "x-idx2-ubyte.gz"
    path.write_bytes(b"no gzip at all")
    with pytest.raises(ValueError, match="damaged or cut short"):
        mh.load(path)
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((50, 60)), 0x0E))[:30])
    with pytest.raises(ValueError, match="cut short"):
        mh.load(path)


def test_damage_behind_the_rows_is_not_met(tmp_path: Path):
    A = np.random.default_rng(0).integers(0, 256, (4000, 300), dtype=np.uint8)
    data = gzip.compress(idx_bytes(A, 0x08))
    (tmp_path / "x-idx2-ubyte.gz").write_bytes(data[: len(data) // 2])
    np.testing.assert_array_equal(mh.load(tmp_path / "x-idx2-ubyte.gz", rows=10), A[:10])
    with pytest.raises(ValueError, match="damaged or cut short"):
        mh.load(tmp_path / "x-idx2-ubyte.gz")


def test_fashion_mnist():
    if not IMAGES.parent.is_dir():
        pytest.skip("the images do not lie beside the clone")
    X = mh.load(IMAGES, rows=1000)
    assert X.shape == (1000, 784) and X.dtype == np.uint8
    U = mh.normalize(X)
    summary = mh.describe(X)
    C = U @ U.T
    np.fill_diagonal(C, -1.0)
    assert summary.max_abs_cosine == pytest.approx(C.max(), abs=1e-12)
    assert summary.nearest_pair == tuple(sorted(divmod(int(C.argmax()), 1000)))


# -- which file ----------------------------------------------------------------------------------


def test_paths_that_do_not_serve(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"none\.npy does not exist"):
        mh.load(tmp_path / "none.npy")
    with pytest.raises(IsADirectoryError, match="is a directory; expected a file"):
        mh.load(tmp_path)
    (tmp_path / "x.parquet").write_text("")
    with pytest.raises(ValueError, match=r"x\.parquet is of no kind that can be read; .*\.npz"):
        mh.load(tmp_path / "x.parquet")
    np.save(tmp_path / "x.npy", TABLE)
    with pytest.raises(ValueError, match=r"key='a' is for \.npz files"):
        mh.load(tmp_path / "x.npy", key="a")


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (0, ValueError, "rows must be >= 1; got rows=0"),
        (-3, ValueError, "rows must be >= 1"),
        (1.5, TypeError, "rows must be an integer or None; got 1.5"),
        (3, ValueError, r"rows=3 asked for, but x\.npy holds 2"),
    ],
)
def test_rows_out_of_range(tmp_path: Path, rows: int, error: type[Exception], message: str):
    np.save(tmp_path / "x.npy", TABLE)
    with pytest.raises(error, match=message):
        mh.load(tmp_path / "x.npy", rows=rows)


# -- normalize -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e-5, 1.0, 1e200, 1e307])
def test_normalize_at_any_scale(scale: float):
    X = np.random.default_rng(0).standard_normal((20, 7))
    X[:, 0] = 3.0
    U = mh.normalize(X * scale)
    tolerance = 1e-2 if scale < 1e-300 else 4e-16
    np.testing.assert_allclose(U, X / np.linalg.norm(X, axis=1)[:, None], atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(U, axis=1), 1.0, atol=4e-16)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.integers(-999, 999), min_size=3, max_size=3).filter(any),
        min_size=1,
        max_size=5,
    ),
    power=st.integers(-1000, 1000),
)
def test_normalize_ignores_powers_of_two(rows: list[list[int]], power: int):
    """To the bit: 2^power x and x have one direction, also at the ends of the range."""
    X = np.array(rows, dtype=np.float64)
    np.testing.assert_array_equal(mh.normalize(np.ldexp(X, power)), mh.normalize(X))


def test_normalize_takes_what_arrays_there_are():
    np.testing.assert_allclose(mh.normalize([[3, 4]]), [[0.6, 0.8]], atol=1e-16)
    X = np.asfortranarray(np.arange(1.0, 13.0).reshape(3, 4))[::-1]
    X.setflags(write=False)
    U = mh.normalize(X)
    assert U.dtype == np.float64 and U.flags.c_contiguous
    np.testing.assert_allclose(U @ U.T, (X @ X.T) / np.outer(*2 * [np.linalg.norm(X, axis=1)]))


def test_normalize_refuses_a_zero_row():
    X = np.ones((6, 2))
    X[[1, 4]] = 0.0
    with pytest.raises(ValueError, match=r"zero rows.*found 2 \(rows 1, 4\)"):
        mh.normalize(X)
    with pytest.raises(ValueError, match="must be 2-D"):
        mh.normalize(np.ones(3))


# -- describe ------------------------------------------------------------------------------------


def brute(U: np.ndarray, sign: int) -> tuple[float, int]:
    pairs = list(itertools.combinations(range(len(U)), 2))
    distance = [float(np.linalg.norm(U[i] - sign * U[j])) for i, j in pairs]
    return min(distance), sum(d <= EQUAL for d in distance)


@pytest.mark.parametrize("seed", range(6))
def test_describe_agrees_with_a_double_loop(seed: int, monkeypatch: pytest.MonkeyPatch):
    """Duplicates, scaled copies, antipodes, near pairs and zero rows, in tiles of 7."""
    monkeypatch.setattr("mehler.data.points.TILE", 7)
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((23, 1 + seed))
    extra = [X[3] * 3.0, X[3], -X[5] * 0.7, X[8] + 1e-9 * X[9], -X[11] + 1e-7 * X[2]][:seed]
    X = np.vstack([X, *extra, np.zeros((seed % 2, 1 + seed))])[
        rng.permutation(23 + seed + seed % 2)
    ]
    s = mh.describe(X)
    keep = np.flatnonzero(X.any(axis=1))
    U = mh.normalize(X[keep])
    assert s.zero_rows == tuple(np.flatnonzero(~X.any(axis=1)))
    for sign, distance, pair, count in (
        (1, s.nearest, s.nearest_pair, s.duplicates),
        (-1, s.nearest_antipodal, s.nearest_antipodal_pair, s.antipodal_pairs),
    ):
        truth, number = brute(U, sign)
        assert count == number
        assert distance == pytest.approx(truth, rel=1e-12, abs=EQUAL)
        i, j = (int(np.searchsorted(keep, p)) for p in pair)
        assert i < j and np.linalg.norm(U[i] - sign * U[j]) == pytest.approx(truth, abs=EQUAL)
    assert s.separation == min(s.nearest, s.nearest_antipodal)
    assert s.max_abs_cosine == pytest.approx(1.0 - s.separation**2 / 2.0, abs=1e-15)
    assert s.rank == np.linalg.matrix_rank(U)


def test_near_pairs_keep_their_digits():
    """At an angle of 1e-10 a cosine knows nothing; differences do."""
    angle = np.array([0.0, 1.0, 1.0 + 1e-10, 2.5])
    s = mh.describe(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    assert s.nearest == pytest.approx(1e-10, rel=1e-5)
    assert s.nearest_pair == (1, 2) and s.duplicates == 0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("gap", [1e-3, 1e-9, 1e-12])
def test_the_nearest_of_many_near_pairs(gap: float, sign: int):
    """Pairs at gap and 3 gap: below 1e-8 both cosines round to one."""
    X = np.random.default_rng(1).standard_normal((200, 5))
    u, v = np.linalg.qr(np.random.default_rng(2).standard_normal((5, 2)))[0].T
    X[20], X[150] = sign * u, u * math.cos(gap) + v * math.sin(gap)
    X[60], X[61] = v, sign * (v + 3.0 * gap * u)
    s = mh.describe(X)
    found = {1: (s.nearest, s.nearest_pair), -1: (s.nearest_antipodal, s.nearest_antipodal_pair)}
    assert found[sign][1] == (20, 150)
    assert found[sign][0] == pytest.approx(2.0 * math.sin(gap / 2.0), abs=4e-16)
    assert s.duplicates == s.antipodal_pairs == 0


def test_rank_is_that_of_the_directions():
    """Norms from 1e-100 to 1e100 do not hide a dimension."""
    X = (
        mh.generate("subspace-random", 200, 10, span=3, rng=0)
        * np.logspace(-100, 100, 200)[:, None]
    )
    s = mh.describe(X)
    assert s.rank == 3
    assert (s.norm_min, s.norm_max) == (pytest.approx(1e-100), pytest.approx(1e100))


def test_rank_sees_through_rounding():
    X = mh.generate("subspace-random", 3000, 40, span=7, rng=0)
    s = mh.describe(X)
    assert (s.n, s.d, s.rank) == (3000, 40, 7)
    assert 0.0 < s.rank_threshold < 1e-9


def test_all_points_equal_or_one_point():
    s = mh.describe(np.ones((2500, 3)))
    assert s.duplicates == 2500 * 2499 // 2 and s.nearest == 0.0 and s.nearest_antipodal == 2.0
    one = mh.describe([[3.0, 4.0]])
    assert one.separation is None and one.max_abs_cosine is None and one.rank == 1
    assert "nearest pair       -" in str(one)


def test_many_ties_are_no_trouble():
    s = mh.describe(np.eye(1500))
    assert s.separation == pytest.approx(math.sqrt(2.0)) and s.rank == 1500
    circle = mh.describe(np.repeat(mh.generate("circle-full", 400, 2), 2, axis=0))
    assert (circle.duplicates, circle.antipodal_pairs) == (400, 4 * 200)


def test_summary_reads_well_and_serialises():
    X = np.vstack([mh.generate("circle-full", 6, 3, rng=0) * 2.0, np.zeros((1, 3))])
    s = mh.describe(X)
    text = str(s)
    for words in ("7 of 3 coordinates", "1  (rows 6)", "3 pairs", "antipodes make", "rank"):
        assert words in text
    assert s.to_dict()["zero_rows"] == [6] and s.to_dict()["antipodal_pairs"] == 3
    with pytest.raises(AttributeError):
        s.n = 3


def test_describe_refuses():
    with pytest.raises(ValueError, match="all 4 rows are"):
        mh.describe(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="must be 2-D"):
        mh.describe(np.ones(4))
    with pytest.raises(ValueError, match="at least one point"):
        mh.describe(np.ones((0, 4)))
    with pytest.raises(ValueError, match="must be finite; found nan at row 1"):
        mh.describe([[1.0, 2.0], [np.nan, 1.0]])
    with pytest.raises(TypeError, match=r"Load a file with mehler\.load"):
        mh.describe("points.npy")


# -- generate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["circle-half", "circle-full", "sphere-random", "subspace-random"])
@pytest.mark.parametrize("d", [3, 12])
def test_generated_points_are_unit_and_repeatable(kind: str, d: int):
    span = 3 if kind == "subspace-random" else None
    X = mh.generate(kind, 31, d, span=span, rng=5)
    assert X.shape == (31, d) and X.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1.0, atol=5e-16)
    np.testing.assert_array_equal(X, mh.generate(kind, 31, d, span=span, rng=5))
    s = mh.describe(X)
    assert s.rank == {"circle-half": 2, "circle-full": 2, "sphere-random": d}.get(kind, 3)
    assert s.duplicates == s.antipodal_pairs == 0


def test_circles_are_equally_spaced():
    for kind, turn in (("circle-half", math.pi), ("circle-full", 2.0 * math.pi)):
        X = mh.generate(kind, 9, 4, rng=1)
        steps = np.arccos(np.einsum("ij,ij->i", X[1:], X[:-1]))
        np.testing.assert_allclose(steps, turn / 9, atol=1e-14)
    assert mh.describe(mh.generate("circle-full", 10, 2)).antipodal_pairs == 5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("circle", 5, 2), ValueError, "kind must be one of circle-half, .*; got 'circle'"),
        (("subspace-random", 5, 3), ValueError, "needs span="),
        (("subspace-random", 5, 3, 4), ValueError, "span 4 dimensions need d >= 4; got d=3"),
        (("circle-half", 5, 1), ValueError, "span 2 dimensions need d >= 2; got d=1"),
        (("sphere-random", 5, 3, 2), ValueError, "spans 3 dimensions; got span=2"),
        (("sphere-random", 0, 3), ValueError, "n must be >= 1; got n=0"),
        (("sphere-random", 5, 2.5), TypeError, "d must be an integer; got 2.5"),
    ],
)
def test_generate_refuses(arguments: tuple, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        mh.generate(*arguments)


# -- the page ------------------------------------------------------------------------------------


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = Path(__file__).resolve().parents[2] / "docs" / "data.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    exec("\n".join(blocks), {})
