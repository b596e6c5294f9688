"""method='shift-invert': equal to dense truth when resolved, honest when not."""

from __future__ import annotations

import _thread
import threading

import numpy as np
import pytest
import scipy.sparse.linalg

import mehler as mh
from mehler import _core
from mehler.operators.points import core_points
from mehler.solvers.cholesky import factor_bytes
from spectra import circle, sphere, with_spectrum
from test_eigen import SPECTRA, check

POINTS = [(3, 600), (5, 1200), (10, 700), (50, 1300)]


@pytest.mark.parametrize("precision", ["single", "double", "auto"])
@pytest.mark.parametrize("name", ["relu", "selu"])
@pytest.mark.parametrize(("d", "n"), POINTS)
def test_equals_dense_truth(d, n, name, precision):
    X = sphere(n, d, seed=d)
    r = mh.min_eig(X, name, method="shift-invert", precision=precision, certify="theory", rng=0)
    check(r, mh.gradient_kernel(name)(X))
    assert r.method.startswith("shift-invert float") and r.lower_kind == "theory"
    assert r.applications > 0 and r.nbytes >= factor_bytes(n, "float32")


@pytest.mark.parametrize("name", ["elu", "tanh"])
@pytest.mark.parametrize(("d", "n"), POINTS)
def test_smooth_activations(d, n, name):
    """Resolved where double precision sees the value, else said to be below the floor."""
    X = sphere(n, d, seed=d)
    K = mh.gradient_kernel(name)(X)
    truth = np.linalg.eigvalsh(K)[0]
    floor = 2e-16 * np.linalg.norm(K, 2)
    if floor > 3e-6 * truth:
        with pytest.warns(mh.PrecisionWarning):
            r = mh.min_eig(X, name, method="shift-invert", rng=0)
        assert r.status == "rounding-limited" and abs(r.value - truth) <= 50 * r.floor
    else:
        r = mh.min_eig(X, name, method="shift-invert", rng=0)
        if floor < 1e-7 * truth:
            check(r, K)


def test_float32_climbs_when_it_breaks_down():
    X = sphere(2200, 4)
    K = mh.gradient_kernel("elu")(X)
    values = np.linalg.eigvalsh(K)
    truth = values[0]  # 1e-9 of |K|
    r = mh.min_eig(X, "elu", method="shift-invert", rng=0)
    assert r.resolved and r.dtype == "float64" and r.value == pytest.approx(truth, rel=1e-6)
    with pytest.warns(mh.PrecisionWarning, match="use precision='double' or 'auto'"):
        single = mh.min_eig(X, "elu", method="shift-invert", precision="single", rng=0)
    # the floor is a residual: some eigenvalue is as near as that, and neighbours may be mixed
    assert single.status == "rounding-limited"
    assert np.min(np.abs(values - single.value)) <= single.floor
    assert single.lower <= truth <= single.upper


def test_float32_serves_a_large_matrix():
    X = sphere(2300, 20)
    r = mh.min_eig(X, "relu", method="shift-invert", rng=0)
    assert r.dtype == "float32"
    check(r, mh.gradient_kernel("relu")(X))


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_tiny(n):
    X = sphere(n, 4, seed=n)
    check(mh.min_eig(X, "relu", method="shift-invert"), mh.gradient_kernel("relu")(X))


def test_forced_zero_and_rounding_floor():
    X = mh.generate("circle-full", n=50, d=2)
    r = mh.min_eig(X, "relu", method="shift-invert")
    assert (r.value, r.method, r.status) == (0.0, "structure", "resolved")
    with pytest.warns(mh.PrecisionWarning):
        r = mh.min_eig(circle(51), "tanh", method="shift-invert")  # 9.4e-16
    assert r.status == "rounding-limited" and abs(r.value - 9.38e-16) <= r.floor


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", SPECTRA)
def test_prescribed_spectrum(name, k):
    A = with_spectrum(SPECTRA[name], seed=5)
    check(mh.eigsh(A, k=k, method="shift-invert", tol=1e-6, rng=0), A, k)


@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")
@pytest.mark.parametrize("size", [1e-12, 1e-10, 1e-6, 1e-3])
def test_a_negative_eigenvalue_is_found(size):
    """One eigenvalue of -size |K|: never called positive, and known to its rounding."""
    A = with_spectrum(np.r_[-size, np.geomspace(1e-3, 1.0, 699)], seed=1)
    truth = np.linalg.eigvalsh(A)[0]
    r = mh.eigsh(A, method="shift-invert", rng=0)
    assert r.value < 0.0 and abs(r.value - truth) <= max(1e-6 * size, 2e-15)
    assert "s=-" in r.method
    if size >= 1e-8:
        assert r.resolved


def test_singular_and_zero():
    A = with_spectrum(np.r_[np.zeros(150), np.linspace(1, 2, 450)])
    with pytest.warns(mh.PrecisionWarning):
        r = mh.eigsh(A, k=2, method="shift-invert", rng=0)
    assert r.status == "rounding-limited" and np.all(np.abs(r.values) <= 1e-13)
    r = mh.eigsh(np.zeros((50, 50)), method="shift-invert")
    assert r.value == 0.0 and r.residual == 0.0


def test_gram_operators_of_every_storage():
    X = sphere(1100, 6)
    A = mh.gradient_kernel("relu")(X)
    for storage, dtype in (
        ("packed", "float64"),
        ("packed", "float32"),
        ("matrix-free", "float64"),
        ("dense", "float64"),
    ):
        K = mh.gram(X, "relu", storage=storage, dtype=dtype)
        check(mh.eigsh(K, k=2, method="shift-invert", rng=0), A, 2)


def test_a_large_dense_array_goes_by_float32_and_back():
    A = with_spectrum(np.r_[1e-3, 1.1e-3, np.geomspace(2e-3, 10.0, 2198)], seed=2)
    r = mh.eigsh(A, k=2, method="shift-invert", rng=0)
    assert r.dtype == "float32"
    check(r, A, 2)


def test_threads_give_the_same_bits():
    X = sphere(2100, 8)
    first = mh.min_eig(X, "relu", method="shift-invert", threads=1, rng=3)
    for threads in (2, 3):
        r = mh.min_eig(X, "relu", method="shift-invert", threads=threads, rng=3)
        assert r.value == first.value and np.array_equal(r.vector, first.vector)


def test_refusals_say_what_to_do():
    A = with_spectrum(np.arange(1.0, 40.0))
    op = scipy.sparse.linalg.aslinearoperator(A)
    with pytest.raises(TypeError, match=r"needs the entries of K.*method='lanczos'"):
        mh.eigsh(op, method="shift-invert")
    with pytest.raises(ValueError, match=r"finds the smallest.*method='lanczos'"):
        mh.eigsh(A, which="LA", method="shift-invert")
    X = sphere(3000, 5)
    with pytest.raises(MemoryError, match=r"method='shift-invert'.*max_memory=20 MB"):
        mh.min_eig(X, "relu", method="shift-invert", max_memory="20MB")
    r = mh.min_eig(X, "relu", method="shift-invert", max_memory="70MB", rng=0)
    assert r.resolved and r.dtype == "float32" and r.nbytes <= 70e6


@pytest.mark.parametrize("phase", ["fill", "factor", "lanczos", "residual"])
def test_stopped_by_the_callback(phase):
    X = sphere(4500, 1500)  # wide: the fill takes longer than the tenth of a second between calls
    with pytest.warns(mh.ConvergenceWarning, match="stopped by the callback"):
        r = (
            mh.min_eig(X, "relu", method="shift-invert", rng=0, callback=lambda s: s.phase == phase)
            if phase in ("fill", "factor")
            else _stopped_late(X, phase)
        )
    assert r.status == "budget-limited" and not r.interrupted
    assert r.lower <= r.upper <= 0.5 * (1 + 1e-14)  # K_ii = h(1), its rounding allowed for
    if phase in ("fill", "factor"):
        assert np.isnan(r.value)


def _stopped_late(X, phase):
    """Phases may end within the tenth of a second between two calls: stop at the first one after."""
    order = ["fill", "shift", "factor", "lanczos", "residual", "refine"]
    return mh.min_eig(
        X,
        "relu",
        method="shift-invert",
        rng=0,
        tol=1e-15,
        callback=lambda s: order.index(s.phase) >= order.index(phase),
    )


def test_interrupted_within_a_second():
    X = sphere(6000, 50)
    ended: list[float] = []
    timer = threading.Timer(0.6, _thread.interrupt_main)
    timer.start()
    with pytest.warns(mh.ConvergenceWarning, match="interrupted"):
        r = mh.min_eig(X, "relu", method="shift-invert", precision="double", rng=0)
    ended.append(r.seconds)
    assert r.interrupted and r.status == "budget-limited" and ended[0] < 1.6


def test_core_refuses_sizes_that_differ():
    F = _core.Cholesky64(np.eye(5), 0.0, 1)
    assert F.factor(1)
    with pytest.raises(ValueError, match="one size"):
        _core.shift_invert(F, _core.DenseOperator(np.eye(6)), 1, 0, 1, 5, 1e-6, 1e-6, 0.0, 1, 0, 1)
    ker = mh.gradient_kernel("relu")
    P = core_points(sphere(5, 3), ker, 1)
    assert _core.Cholesky32(P, ker.h.compiled, 0.0, 1).factor(1)


@pytest.mark.parametrize(
    "apart, dtype", [(1.5e-5, "float32"), (4e-6, "float32"), (2e-6, "float64")]
)
def test_values_that_a_float32_factor_may_confuse_are_guards_up_to_a_number(apart, dtype):
    """2^-23 |K|_F = 1.2e-4 of rounding may move 8 values past the lowest, or 30, or 60: too many for float32 to tell apart."""
    n = 2100
    w = np.concatenate([0.5 + apart * np.arange(80), np.linspace(1.0, 2.0, n - 81), [1000.0]])
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]
    r = mh.eigsh((Q * w) @ Q.T, method="shift-invert", certify="none", rng=0)
    assert r.resolved and f"shift-invert {dtype}" in r.method
    assert abs(r.value - 0.5) <= 1e-6 * 0.5
    assert abs(Q[:, 0] @ r.vector) > 0.99


@pytest.mark.parametrize("seed", [0, 1])
def test_values_that_are_on_their_way_do_not_hide_what_float32_has_moved(seed):
    """float32 moves the lowest of 102 values within rounding into the others, of which Lanczos has seen a few."""
    n, lowest = 2100, 2e-4
    m = n // 2 - 1
    a = 900.0 + 0.501 * 2.0**-14  # a and a - lowest are rounded apart
    others = lowest * np.r_[1.01, np.linspace(1.1, 1.35, 100), np.geomspace(2.3, 1000.0, m - 101)]
    K = np.zeros((n, n))
    K[0, 0] = K[1, 1] = a
    K[0, 1] = K[1, 0] = a - lowest
    i = 2 * np.arange(1, m + 1)
    K[i, i] = K[i + 1, i + 1] = 1.0
    K[i, i + 1] = K[i + 1, i] = 1.0 - others
    r = mh.eigsh(K, method="shift-invert", tol=1e-4, certify="none", rng=seed)
    assert not r.resolved or abs(r.value - lowest) <= 1e-4 * lowest
    assert r.resolved and "float64" in r.method
