"""The file of a factor: refused where it is not what was asked, or no file; begun again where nothing is in it; altered bytes are met."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import stat

import numpy as np
import pytest
from factor_files import least, made, vectors

import mehler as mh
from mehler import _core
from spectra import sphere


def test_what_is_not_its_file_is_refused_and_kept(tmp_path):
    X, path = sphere(600, 5), tmp_path / "factor"
    F, _ = made(X, path)
    with pytest.raises(BlockingIOError, match="another process"):
        F.factor(1), made(X, path)[0].factor(1)
    del F
    whole = path.read_bytes()

    def refused(match, content, error=ValueError, **options):
        path.write_bytes(content)
        with pytest.raises(error, match=match):
            made(**{"X": X, "path": path, **options})[0].factor(1)
        assert path.read_bytes() == content

    refused("another matrix", whole, X=sphere(600, 5, seed=1))
    refused("another matrix", whole, X=sphere(601, 5))
    refused("another matrix", whole, ker=mh.nngp("relu"))
    refused("truncated: it has", whole[:-1], OSError)
    refused("header was altered", whole[:20] + b"\x00" + whole[21:])
    refused("header was altered", b"notes of last year")
    for at in (8192, 8192 + 8 * 600 * 256 + 5, len(whole) - 1):
        altered = bytearray(whole)
        altered[at] ^= 1
        refused("by its checksum", bytes(altered), OSError)
    path.write_bytes(whole)
    assert made(X, path)[0].factor(1)


def test_what_is_left_of_a_header_is_begun_again(tmp_path):
    """A kill, or a loss of power, in the first write of all."""
    X, path = sphere(600, 5), tmp_path / "factor"
    F, _ = made(X, path)
    assert F.factor(1)
    del F
    whole = path.read_bytes()
    for left in (b"", whole[:16], whole[:60], bytes(100), bytes(4096)):
        path.write_bytes(left)
        F, twin = made(X, path)
        assert F.factor(1) and twin.factor(1) and F.resumed == 0
        assert np.array_equal(F.solve(vectors(600, 1), 1), twin.solve(vectors(600, 1), 1))
        del F
    for other in (bytes(4097), b"m", whole[:8] + b"anczos, notes of Monday\n"):
        path.write_bytes(other)
        with pytest.raises(ValueError, match="is not a factor"):
            made(X, path)[0].factor(1)
        assert path.read_bytes() == other


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    X = sphere(3000, 20)
    for name in ("a", "b.factor", "c.proof"):
        os.mkfifo(tmp_path / name)
    refused = "is not a regular file; pass another path"
    few = {"max_memory": "22MB", "threads": 2}
    with pytest.raises(ValueError, match=refused):
        mh.min_eig(X, "relu", path=tmp_path / "a", method="lanczos", **few)
    with pytest.raises(ValueError, match=refused):
        mh.min_eig(
            X, "relu", path=tmp_path / "b", method="shift-invert", max_memory="19MB", threads=2
        )
    r = mh.min_eig(X, "relu", path=tmp_path / "c", method="lanczos", certify="rigorous", **few)
    assert r.resolved and refused in r.message  # the value is none the worse
    with pytest.raises(ValueError, match=refused):
        mh.gram(X, "relu", storage="disk", path="/dev/null")
    assert all(stat.S_ISFIFO(os.stat(tmp_path / name).st_mode) for name in ("a", "b.factor"))


def test_truncated_while_in_use(tmp_path):
    path = tmp_path / "factor"
    F, _ = made(sphere(900, 5), path)
    assert F.factor(1)
    os.truncate(path, 100_000)
    with pytest.raises(OSError, match="was truncated: it ends at byte 100000"):
        F.solve(vectors(900, 1), 1)


def flip(path, at):
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("place", [0, 1000, -9])
def test_altered_after_it_was_written(tmp_path, place):
    """A disk that gives back something else is met in the solve."""
    path = tmp_path / "factor"
    F, _ = made(sphere(900, 5), path)
    assert F.factor(1)
    F.solve(vectors(900, 2), 2)
    flip(path, 8192 + place if place >= 0 else path.stat().st_size + place)
    for threads in (1, 2):
        with pytest.raises(OSError, match="is not what was written, by its checksum"):
            F.solve(vectors(900, 2), threads)


def test_altered_while_it_is_made(tmp_path):
    """And before a later column is made from it: no factor, and no proof, of what was not written."""
    path, altered = tmp_path / "factor", []

    def ask(phase, *_):
        if phase == "factor" and not altered and _core.factor_file(str(path))["done"] > 0:
            flip(path, 8192 + 8 * 256 * 3099)  # the last row of column 0
            altered.append(True)
        return False

    for _ in range(20):  # until the callback came between two columns
        path.unlink(missing_ok=True)
        F, _ = made(sphere(3100, 5), path)
        try:
            F.factor(1, ask)
        except OSError as error:
            assert "column 0 of tiles is not what was written" in str(error)
            break
        assert not altered, "an altered column went into the factor"
    assert altered


def test_folders_disks_and_options(tmp_path, monkeypatch):
    X, limit = sphere(1900, 20), least(1900, 20, "float64")
    ask = dict(method="shift-invert", precision="double", max_memory=limit)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        mh.min_eig(X, "relu", path=tmp_path / "none" / "relu", **ask)
    with pytest.raises(IsADirectoryError, match="must name a file; found a directory"):
        mh.min_eig(X, "relu", path=tmp_path, **ask)
    if os.geteuid() != 0:  # root may write anywhere
        os.chmod(tmp_path, 0o500)
        with pytest.raises(PermissionError):
            mh.min_eig(X, "relu", path=tmp_path / "relu", **ask)
        os.chmod(tmp_path, 0o700)
    for bad, error in ((3, TypeError), (b"x", TypeError), ("", ValueError)):
        with pytest.raises(error, match="path"):
            mh.min_eig(X, "relu", path=bad, **ask)
    for other in ({"method": "sparse-inverse"}, {"precision": "exact"}, {"width": 10}):
        with pytest.raises(ValueError, match=r"path= (holds the tiles|serves kernels)"):
            mh.min_eig(X, "tanh", path=tmp_path / "tanh", **other)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(OSError, match=r"the factor takes 16\.\d MB, and 1 kB are free") as full:
        mh.min_eig(X, "relu", path=tmp_path / "relu", **ask)
    assert full.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_a_file_that_may_not_grow(tmp_path):
    """RLIMIT_FSIZE stands for a full disk that the look before missed: nothing is left behind."""
    F, _ = made(sphere(900, 5), tmp_path / "factor")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(OSError, match="free that much, or pass a path on another disk") as full:
            F.factor(1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.value.errno in (errno.EFBIG, errno.ENOSPC)
    assert not (tmp_path / "factor").exists()
