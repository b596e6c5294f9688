"""threads=t is what memory is counted for: OpenMP's default is not asked where a number was given."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler._arrays import MOST_THREADS
from mehler.operators.storage import storage_bytes
from mehler.planning.cost import NOMINAL
from mehler.planning.rates import given
from spectra import sphere

X = sphere(900, 6, seed=3)
TILES = 2 * 256 * 256 * 8  # bytes of a thread that computes entries again


@pytest.fixture
def unasked(monkeypatch):
    """Whoever asks for OpenMP's default fails."""

    def ask():
        raise AssertionError("the default number of threads was asked for")

    monkeypatch.setattr(_core, "default_threads", ask)


@pytest.fixture
def crowd(monkeypatch):
    """A machine of as many threads as can be asked for."""
    monkeypatch.setattr(_core, "default_threads", lambda: MOST_THREADS)


@pytest.mark.usefixtures("unasked")
@pytest.mark.parametrize(
    "method", ["auto", "dense", "lanczos", "shift-invert", "preconditioned", "sparse-inverse"]
)
@pytest.mark.parametrize("certify", ["auto", "preconditioned"])
def test_min_eig_and_plan_ask_for_no_other_number(method, certify):
    ask = dict(method=method, certify=certify, threads=1, max_memory="200MB")
    with given(NOMINAL):
        assert mh.plan(X, "relu", **ask).method is not None
    assert np.isfinite(mh.min_eig(X, "relu", rng=0, tol=1e-3, **ask).value)


@pytest.mark.usefixtures("unasked")
@pytest.mark.parametrize(
    "work",
    [
        lambda path: mh.min_eig(X, "relu", method="lanczos", path=path, max_memory="6.7MB", threads=1),
        lambda path: mh.min_eig(X, "relu", width=50, rng=0, threads=1),
        lambda path: mh.min_eig(X[:20], "tanh", precision="extended", threads=1),
        lambda path: mh.min_eig(np.vstack([X, X[:2] + 1e-9]), "relu", threads=1),
        lambda path: mh.sweep(X[:300], ["relu", "tanh"], tol=1e-2, threads=1),
        lambda path: mh.check_psd(mh.gram(X, "relu", threads=1), threads=1),
        lambda path: mh.spectrum(X, "relu", threads=1),
        lambda path: mh.eigvalsh(X[:50], "relu", threads=1),
        lambda path: mh.solve(mh.gram(X, "relu", threads=1), np.ones(len(X)), threads=1),
    ],
    ids="disk width extended near sweep check_psd spectrum eigvalsh solve".split(),
)  # fmt: skip
def test_nor_does_anything_else(work, tmp_path):
    work(tmp_path / "tiles")


@pytest.mark.usefixtures("unasked")
@pytest.mark.parametrize("storage", ["packed", "matrix-free", "dense", "disk"])
def test_nor_does_a_gram_operator(storage, tmp_path):
    path = tmp_path / "tiles" if storage == "disk" else None
    with mh.gram(X, "relu", storage=storage, path=path, threads=1) as K:
        for method in ("lanczos", "shift-invert", "preconditioned"):
            mh.eigsh(K, method=method, threads=1, rng=0, tol=1e-2)
        if storage in ("matrix-free", "disk"):
            assert K.nbytes == storage_bytes(len(X), storage, "float64", 1)


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("method", ["lanczos", "shift-invert", "preconditioned"])
def test_what_one_thread_needs_is_enough_for_one(method):
    """Where a crowd needs gigabytes, the least that is named for one thread is enough for one."""
    points = sphere(2000, 6, seed=4)
    ask = dict(method=method, tol=1e-3, certify="none")
    needs = {}
    with given(NOMINAL):
        for threads in (1, 2, 64, None):
            planned = mh.plan(points, "relu", max_memory="100kB", threads=threads, **ask)
            rows = {row.method: row for row in planned.candidates}
            assert not rows[method].fits
            needs[threads] = rows[method].nbytes
    assert 0.95 * TILES < needs[2] - needs[1] < 5 * TILES  # tiles, and what multiplies points
    assert needs[2] < needs[64] < needs[None] and needs[None] > 5e9
    with pytest.raises(MemoryError):
        mh.min_eig(points, "relu", max_memory=needs[1], **ask)
    with pytest.raises(MemoryError):
        mh.min_eig(points, "relu", max_memory=needs[1] - 1, threads=1, **ask)
    r = mh.min_eig(points, "relu", max_memory=needs[1], threads=1, rng=0, **ask)
    assert r.resolved and r.nbytes <= needs[1]


@pytest.mark.usefixtures("crowd")
def test_a_plan_counts_the_threads_asked_for():
    ask = dict(method="lanczos", certify="none", precision="single", max_memory="100GB")
    with given(NOMINAL):
        one, two, crowd = (mh.plan(X, "relu", threads=t, **ask).nbytes for t in (1, 2, None))
    assert two - one == TILES and crowd - one == (MOST_THREADS - 1) * TILES


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("storage", ["matrix-free", "disk"])
def test_gram_counts_the_threads_asked_for(storage, tmp_path):
    ask = dict(storage=storage, path=tmp_path / "tiles" if storage == "disk" else None)
    with pytest.raises(MemoryError, match=rf"{storage} float64 of n=900 takes"):
        mh.gram(X, "relu", max_memory="20MB", **ask)
    with mh.gram(X, "relu", max_memory="20MB", threads=1, **ask) as K:
        assert K.nbytes < 20e6
