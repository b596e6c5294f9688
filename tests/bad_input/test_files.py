"""Files, end to end: what they hold is checked like any points."""

from __future__ import annotations

import numpy as np
import pytest
from odd import put
from runs import WHOLE, X, same

import mehler as mh


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
