"""Points in files, against written bytes; and the page that says how they are read."""

from __future__ import annotations

import gzip
import io
import re
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh

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


@pytest.mark.parametrize("named", [False, True])
def test_the_index_that_pandas_writes_is_refused(tmp_path, named):
    """DataFrame(X).to_csv: an empty cell heads the index, whether columns have names or numbers."""
    names = ",".join("abc") if named else "0,1,2"
    path = tmp_path / "table.csv"
    path.write_text(f",{names}\n0,0.5,1.5,2.5\n1,3.5,4.5,5.5\n")
    with pytest.raises(ValueError, match=r"line 1: the first cell is empty, .* index=False"):
        mh.load(path)


def test_what_counts_as_pandas_does_is_said(tmp_path):
    """Column names 0, 1, 2 are a row of numbers, and an index without a header is a column of them."""
    X = np.random.default_rng(0).standard_normal((4, 3))
    rows = [",".join(map(str, x)) for x in X]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["0,1,2", *rows]))
    with pytest.warns(
        UserWarning, match=r"The first row of table.csv counts .* header=False"
    ) as said:
        assert mh.load(path).shape == (5, 3)
    assert said[0].filename == __file__
    path.write_text("\n".join(f"{i},{row}" for i, row in enumerate(rows)))
    with pytest.warns(UserWarning, match="The first column of table.csv counts .* index=False"):
        assert mh.load(path).shape == (4, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fine in ("\n".join(rows), "0,1,2\n3,4,5\n6,7,8", "0,1\n1,0\n2,1", "\n".join("01234")):
            path.write_text(fine)
            mh.load(path)


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


# -- the page ------------------------------------------------------------------------------------


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = Path(__file__).resolve().parents[2] / "docs" / "data.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    exec("\n".join(blocks), {})
