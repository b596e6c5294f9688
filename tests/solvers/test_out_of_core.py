"""The factor in a file: that of memory bit for bit, resumed after a kill, refused where it is not what was asked.

Truth is NumPy's dense algebra, and the factor in memory. Budgets hold one column of tiles, so that
every matrix here streams: n = 1100 has five columns, n = 3000 twelve.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from factor_files import KINDS, RELU, least, made, vectors

import mehler as mh
from mehler import _core
from mehler._arrays import thread_count
from mehler.certificates import factorisation
from mehler.solvers import cholesky
from spectra import sphere
from test_eigen import check


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "spare"), [(1, 0), (300, 0), (1100, 0), (1100, 1.5e6), (3100, 0)])
def test_bit_for_bit_that_of_memory(tmp_path, n, spare, dtype):
    X = sphere(n, 20)
    kind = KINDS[dtype][0]
    F, twin = made(X, tmp_path / "factor", dtype=dtype, budget=kind.bytes_for(n) + int(spare))
    assert F.factor(2) and twin.factor(2)
    assert F.frobenius == pytest.approx(twin.frobenius, rel=1e-14) and F.pairs() == twin.pairs()
    assert F.written >= kind.file_bytes(n) and (F.read > 0) == (n > 256)
    assert F.most_nbytes <= kind.bytes_for(n) + spare
    for b in (1, 2, 3, 4, 7):
        B = vectors(n, b)
        assert np.array_equal(F.solve(B, 1), twin.solve(B, 1))
        assert np.array_equal(F.solve(B, 2), F.solve(B, 1))
    if n <= 1100:
        truth = np.linalg.solve(RELU(X), B)
        assert np.allclose(F.solve(B, 2), truth, rtol=0, atol=(1e-11 if dtype == "float64" else 5e-3) * np.abs(truth).max())  # fmt: skip


def test_threads_and_budgets_write_the_same_file(tmp_path):
    X = sphere(1100, 3)
    files = []
    for threads, spare in ((1, 0), (2, 0), (2, 3_000_000), (1, 10**9)):
        path = tmp_path / f"{threads} {spare}"
        F, _ = made(X, path, budget=_core.OutOfCore64.bytes_for(1100) + spare)
        assert F.factor(threads)
        files.append(path.read_bytes())
    assert all(f == files[0] for f in files)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("place", [0.02, 0.5, 1.5])
def test_a_breakdown_is_that_of_memory(tmp_path, place, dtype):
    """Between eigenvalues, and above all diagonal entries."""
    X = sphere(1100, 6)
    shift = place if place > 1.0 else float(np.quantile(np.linalg.eigvalsh(RELU(X)), place))
    F, twin = made(X, tmp_path / "factor", shift=shift, dtype=dtype)
    assert not F.factor(2) and not twin.factor(2)
    assert (F.column, F.pivot) == (twin.column, twin.pivot) and F.pivot <= 0.0
    with pytest.raises(RuntimeError, match="not complete"):
        F.solve(vectors(1100, 1), 1)
    with pytest.raises(RuntimeError, match="factored before"):
        F.factor(1)


def test_left_after_any_column(tmp_path):
    """What a kill leaves: columns that are recorded, and behind them anything."""
    X = sphere(1100, 5)
    path = tmp_path / "factor"
    F, twin = made(X, path)
    assert F.factor(2) and twin.factor(2)
    panels, whole = F.panels, path.read_bytes()
    del F
    B = vectors(1100, 2)
    truth = twin.solve(B, 1)
    for left in range(panels + 1):
        torn = bytearray(whole)
        records = 4096 + 24 * left
        torn[records : 4096 + 24 * panels] = bytes(24 * (panels - left))
        begin = 8192 + 8 * sum(256 * (1100 - 256 * J) for J in range(min(left, panels - 1)))
        if left < panels:
            torn[begin:] = b"\x7f" * (len(torn) - begin)
        path.write_bytes(torn)
        assert _core.factor_file(str(path))["done"] == left
        F, _ = made(X, path)
        assert F.factor(2) and F.resumed == left
        assert np.array_equal(F.solve(B, 2), truth)
        del F
        assert path.read_bytes() == whole


def test_sigkill_and_resume(tmp_path):
    path, file = tmp_path / "relu", tmp_path / "relu.factor"
    code = f"""
    import os, signal
    import mehler as mh
    from mehler import _core
    from spectra import sphere

    def kill(state):
        found = _core.factor_file({str(file)!r})
        if state.phase == "factor" and found and 0 < found["done"] < found["panels"]:
            os.kill(os.getpid(), signal.SIGKILL)

    mh.min_eig(sphere(3000, 10), "relu", method="shift-invert", precision="double", path={str(path)!r},
               max_memory="34MB", threads=1, rng=0, callback=kill)
    """
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    left = _core.factor_file(str(file))
    assert 0 < left["done"] < left["panels"]
    seen = []
    X, ask = sphere(3000, 10), dict(method="shift-invert", precision="double", rng=0, tol=1e-6)
    r = mh.min_eig(
        X, "relu", path=path, max_memory="34MB", callback=lambda s: seen.append(s.phase), **ask
    )
    assert _core.factor_file(str(file))["shift"] == left["shift"]  # that of the run before
    s = mh.min_eig(X, "relu", **ask)
    assert r.resolved and r.value == pytest.approx(s.value, rel=2e-6)
    assert r.method.endswith("in a file") and not s.method.endswith("in a file")


@pytest.mark.parametrize(
    ("name", "n", "d", "dtype"),
    [("relu", 1900, 20, "float64"), ("selu", 1900, 3, "float64"), ("relu", 2100, 20, "float32"), ("elu", 2100, 4, "float64")],
)  # fmt: skip
def test_the_smallest_eigenvalue_in_little_memory(tmp_path, name, n, d, dtype):
    """Also where a float32 factor breaks down, and a float64 one takes its place in the file."""
    X, limit, path = sphere(n, d), least(n, d, "float64"), tmp_path / "relu"
    file = tmp_path / "relu.factor"
    ask = dict(method="shift-invert", max_memory=limit, rng=0, certify="theory")
    r = mh.min_eig(X, name, path=path, **ask)
    assert r.dtype == dtype and r.nbytes <= limit
    check(r, mh.gradient_kernel(name)(X))
    found = _core.factor_file(str(file))
    if "in a file" not in r.method:  # float32 tiles may fit where float64 ones do not
        assert dtype == "float32" and found is None
        return
    assert found["dtype"] == dtype and found["done"] == found["panels"]
    before = os.stat(file).st_mtime_ns
    again = mh.min_eig(X, name, path=path, **ask)  # uses the factor that is there
    assert os.stat(file).st_mtime_ns == before and again.resolved
    assert again.value == pytest.approx(r.value, rel=1e-12)


def test_where_it_fits_no_file_is_made(tmp_path):
    r = mh.min_eig(sphere(500, 5), "relu", method="shift-invert", path=tmp_path / "relu")
    assert r.resolved and not list(tmp_path.iterdir())


def test_without_a_path_the_refusal_names_it_and_the_plan_knows(tmp_path):
    X, limit = sphere(1900, 20), least(1900, 20, "float64")
    ask = dict(method="shift-invert", precision="double", max_memory=limit)
    with pytest.raises(
        MemoryError, match=r"or path=, for a file of 16\.\d MB that holds the factor"
    ):
        mh.min_eig(X, "relu", **ask)
    assert mh.plan(X, "relu", **ask).method is None
    p = mh.plan(X, "relu", path=tmp_path / "relu", **ask)
    assert p.method == "shift-invert" and p.nbytes <= limit
    assert not list(tmp_path.iterdir())
    row = next(c for c in p.candidates if c.method == "shift-invert")
    assert "in a file" in row.how
    with pytest.raises(MemoryError, match="a panel of the factor"):
        mh.min_eig(X, "relu", path=tmp_path / "relu", **{**ask, "max_memory": limit // 2})


def test_stopped_and_taken_up_again(tmp_path):
    X, limit, path = sphere(3000, 10), "34MB", tmp_path / "relu"
    ask = dict(method="shift-invert", precision="double", max_memory=limit, rng=0, path=path)
    with pytest.warns(mh.ConvergenceWarning):
        r = mh.min_eig(X, "relu", callback=lambda s: s.phase == "factor", threads=1, **ask)
    assert r.status == "budget-limited"
    assert mh.min_eig(X, "relu", **ask).resolved


def test_a_proof_in_little_memory(tmp_path):
    """certify='rigorous' factors in a file of its own, which goes when the proof is there."""
    X, limit = sphere(1900, 8), least(1900, 8, "float64")
    r = mh.min_eig(
        X,
        "relu",
        method="shift-invert",
        certify="rigorous",
        path=tmp_path / "relu",
        max_memory=limit,
        rng=0,
    )
    truth = np.linalg.eigvalsh(RELU(X))[0]
    assert r.lower_kind == "factorisation" and r.message == ""
    assert r.lower <= truth <= r.upper and r.upper - r.lower <= 2e-6 * truth
    assert [p.name for p in tmp_path.iterdir()] == ["relu.factor"]


# -- eigsh ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gram_1900():
    return mh.gram(sphere(1900, 20), "relu", dtype="float32")


def least_beside(K, k=1):
    """The smallest max_memory of eigsh for a float64 factor in a file."""
    n = K.shape[0]
    return cholesky.in_file(n, cholesky.sizes(n, k, 0, thread_count(None)), "float64")


def test_eigsh_keeps_its_factor_in_a_file(tmp_path, gram_1900):
    K, file = gram_1900, tmp_path / "K.factor"
    ask = dict(method="shift-invert", max_memory=least_beside(K, 3), rng=0, certify="none")
    in_memory = mh.eigsh(K, 3, method="shift-invert", rng=0, certify="none")
    r = mh.eigsh(K, 3, path=tmp_path / "K", **ask)
    assert r.resolved and r.method.endswith("in a file") and not in_memory.method.endswith("a file")
    assert r.nbytes <= ask["max_memory"] + K.nbytes
    np.testing.assert_allclose(r.values, in_memory.values, rtol=1e-8)
    found = _core.factor_file(str(file))
    assert found["done"] == found["panels"]
    before = os.stat(file).st_mtime_ns
    assert mh.eigsh(K, 3, path=tmp_path / "K", **ask).resolved  # by the factor that is there
    assert os.stat(file).st_mtime_ns == before
    assert [p.name for p in tmp_path.iterdir()] == ["K.factor"]


def test_a_factor_of_min_eig_serves_eigsh(tmp_path):
    X, path = sphere(1900, 20), tmp_path / "relu"
    ask = dict(method="shift-invert", max_memory=least(1900, 20, "float64"), path=path, rng=0)
    mh.min_eig(X, "relu", certify="none", precision="double", **ask)
    before = os.stat(tmp_path / "relu.factor").st_mtime_ns
    K = mh.gram(X, "relu", storage="matrix-free")
    r = mh.eigsh(K, certify="none", **ask)
    assert r.resolved and r.method.endswith("in a file")
    assert os.stat(tmp_path / "relu.factor").st_mtime_ns == before
    other = mh.gram(sphere(1900, 20, seed=5), "relu", storage="matrix-free")
    with pytest.raises(ValueError, match="holds the factor of another matrix"):
        mh.eigsh(other, certify="none", **ask)


def test_eigsh_proves_in_a_file(tmp_path, gram_1900):
    K = gram_1900
    limit = max(least_beside(K), factorisation.nbytes(1900, 0, thread_count(None), disk=True))
    ask = dict(method="lanczos", max_memory=limit, rng=0, certify="rigorous")
    with pytest.raises(MemoryError, match="factors K in float64, which takes"):
        mh.eigsh(K, **ask)
    r = mh.eigsh(K, path=tmp_path / "K", **ask)
    plain = mh.eigsh(K, method="lanczos", certify="rigorous", rng=0)
    assert r.lower_kind == "factorisation" and r.resolved
    assert r.lower == pytest.approx(plain.lower, rel=1e-7)
    assert r.upper == pytest.approx(plain.upper, rel=1e-7)
    assert not list(tmp_path.iterdir())  # gone with the proof


def test_eigsh_makes_no_file_where_memory_suffices(tmp_path, gram_1900):
    r = mh.eigsh(gram_1900, method="shift-invert", path=tmp_path / "K", certify="rigorous")
    assert r.resolved and not list(tmp_path.iterdir())


def test_eigsh_refuses_a_path_that_nothing_would_use(tmp_path, gram_1900):
    K, path = gram_1900, tmp_path / "K"
    for method in ("auto", "lanczos", "preconditioned", "dense"):
        with pytest.raises(
            ValueError, match=rf"path= holds the factor of.*got method='{method}'.*storage='disk'"
        ):
            mh.eigsh(K, method=method, path=path)
    with pytest.raises(ValueError, match="K must be a Gram operator; got ndarray"):
        mh.eigsh(np.eye(9), method="shift-invert", path=path)
    with pytest.raises(IsADirectoryError, match="path must name a file; found a directory"):
        mh.eigsh(K, method="shift-invert", path=tmp_path)
    with pytest.raises(TypeError, match="path must be a text or a path; got 3"):
        mh.eigsh(K, method="shift-invert", path=3)
    with pytest.raises(MemoryError, match=r"or path=, for a file of 1[56]\.\d MB that holds"):
        mh.eigsh(K, method="shift-invert", max_memory=least_beside(K))
    with pytest.raises(MemoryError, match=r"max_memory='[\d.]+MB'\.$"):
        mh.eigsh(K, method="shift-invert", max_memory="1MB", path=path)
    assert not list(tmp_path.iterdir())


def test_a_file_goes_on_at_another_budget_and_precision(tmp_path):
    """More memory keeps the factor that is there, also where float32 would not be tried; double precision takes the place of one in single."""
    few = sphere(1500, 10)
    ask = {"method": "shift-invert", "certify": "theory", "path": tmp_path / "few", "rng": 0}
    values = [mh.min_eig(few, "relu", max_memory=m, threads=1, **ask) for m in ("11MB", "14MB")]
    assert all("float32" in r.method and "in a file" in r.method for r in values)
    assert values[0].value == values[1].value
    X = sphere(3000, 10)
    ask |= {"path": tmp_path / "a", "threads": 2}
    first = mh.min_eig(X, "relu", max_memory="20MB", **ask)
    assert first.resolved and "float32" in first.method and "in a file" in first.method
    left = (tmp_path / "a.factor").read_bytes()
    more = mh.min_eig(X, "relu", max_memory="38MB", **ask)
    assert more.resolved and more.value == first.value and "in a file" in more.method
    assert (tmp_path / "a.factor").read_bytes() == left
    double = mh.min_eig(X, "relu", max_memory="38MB", precision="double", **ask)
    assert double.resolved and "float64" in double.method and "in a file" in double.method
    assert double.value == pytest.approx(first.value, rel=1e-6)
    assert os.path.getsize(tmp_path / "a.factor") > 1.9 * len(left)
    with pytest.raises(ValueError, match="also n=3000, but of other points"):
        mh.min_eig(X[::-1], "relu", max_memory="20MB", **ask)
