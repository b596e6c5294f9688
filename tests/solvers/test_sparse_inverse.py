"""The sparse-inverse route against all eigenvalues; what it refuses."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler.preconditioners import sparse
from mehler.solvers import sparse_inverse
from spectra import sphere


def estimate(X, name, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.ConvergenceWarning)
        return mh.min_eig(X, name, method="sparse-inverse", rng=0, **options)


@pytest.mark.parametrize(
    ("name", "d", "error"),
    [("relu", 2, 1e-4), ("relu", 3, 1e-3), ("selu", 3, 1e-2), ("abs", 3, 1e-2), ("relu", 5, 1e-2)],
)
def test_the_estimate_is_near_and_the_upper_bound_holds(name, d, error):
    X = sphere(2500, d, 7)
    r = estimate(X, name)
    truth = np.linalg.eigvalsh(mh.gradient_kernel(name)(X))
    unsure = 4.0 * np.finfo(float).eps * truth[-1]
    assert abs(r.value / truth[0] - 1.0) < error
    assert r.lower <= truth[0] + unsure and truth[0] - unsure <= r.upper < 1.05 * truth[0]
    if r.resolved:  # a pair far from all others
        assert r.value == pytest.approx(truth[0], rel=1e-6)
    else:
        assert r.status == "budget-limited" and r.lower_kind == "theory"
        assert 0.0 <= r.change < 10.0 * error and "half the neighbours" in r.message
    # the vector is that of the principal submatrix, and its residual that of K
    K, v = mh.gradient_kernel(name)(X), r.vector
    theta = v @ K @ v
    assert r.residual == pytest.approx(np.linalg.norm(K @ v - theta * v), rel=1e-6)
    assert np.count_nonzero(v) <= sparse_inverse.SUPPORT


def test_a_value_that_its_vector_proves_is_resolved():
    """Up to ``SUPPORT`` points the principal submatrix is the matrix."""
    X = sphere(800, 3, 1)
    r = mh.min_eig(X, "selu", method="sparse-inverse", rng=0)
    truth = np.linalg.eigvalsh(mh.gradient_kernel("selu")(X))[0]
    assert r.resolved and r.value == pytest.approx(truth, rel=1e-8) and math.isnan(r.change)


def test_points_of_any_norm():
    X = sphere(2400, 3, 2) * np.random.default_rng(0).uniform(0.5, 2.0, 2400)[:, None]
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    assert estimate(X, "relu").value == pytest.approx(truth, rel=1e-3)


def test_forced_zeros_are_seen():
    X = sphere(300, 3)
    X[17] = X[200]
    r = mh.min_eig(X, "relu", method="sparse-inverse")
    assert r.lower_kind == "structure" and r.value == 0.0 and "same direction" in r.message


def test_what_it_refuses():
    X = sphere(200, 3)
    with pytest.raises(ValueError, match=r"needs an activation with a kink.*'tanh' has none"):
        mh.min_eig(X, "tanh", method="sparse-inverse")
    with pytest.raises(ValueError, match="at least 64 points; got n=50"):
        mh.min_eig(X[:50], "relu", method="sparse-inverse")
    with pytest.raises(MemoryError, match=r"method='sparse-inverse' at n=200 takes .* max_memory"):
        mh.min_eig(X, "relu", method="sparse-inverse", max_memory="100kB")


@pytest.mark.parametrize("phase", ["sparse inverse", "lanczos", "residual"])
def test_what_is_known_comes_back(phase):
    """A callback ends it; what is known by then holds."""
    X = sphere(30_000 if phase == "residual" else 12_000, 3)

    def stop(state):
        return state.phase == phase and (phase != "lanczos" or state.done > 0)

    r = estimate(X, "relu", callback=stop)
    assert r.status == "budget-limited" and r.lower >= 0.0
    assert r.upper <= 0.5 * (1 + 1e-14)  # K_ii = h(1), its rounding allowed for
    if phase == "residual":
        assert 0.0 < r.value <= 1.01 * r.upper


@pytest.mark.parametrize("phase", ["sparse inverse", "lanczos"])
def test_an_end_in_the_second_run_keeps_the_first_estimate(phase, monkeypatch):
    X, splits, split, lanczos = sphere(12_000, 3), [], sparse.split, _core.lanczos

    def counted(*given):
        splits.append(given)
        return split(*given)

    def asked(*given):
        """The second run takes a tenth of a second, in which the core may not ask: it asks here."""
        if len(splits) == 2 and given[-1] is not None and given[-1]("lanczos", 1, 0, 0.0, 0.0):
            raise _core.Interrupted
        return lanczos(*given)

    monkeypatch.setattr(sparse, "split", counted)
    monkeypatch.setattr(_core, "lanczos", asked)
    r = estimate(X, "relu", callback=lambda state: len(splits) == 2 and state.phase == phase)
    whole = estimate(X, "relu")
    assert len(splits) == 4 and r.status == "budget-limited" and not r.interrupted
    assert r.value == whole.history[0][1] and math.isnan(r.change)
    assert r.lower <= whole.upper <= r.upper and r.vector is None
    assert r.message == (
        "stopped by the callback; an estimate by the sparse inverse; how far more neighbours change "
        "it is not known"
    )
    assert f"{r.value:.2g}" in str(r).splitlines()[0], "no digits are claimed beyond two"


def test_ctrl_c_in_the_second_run_keeps_the_first_estimate(monkeypatch):
    X, split = sphere(2500, 3), sparse.split

    def interrupted(*given):
        if given[5] > 30:
            raise KeyboardInterrupt
        return split(*given)

    monkeypatch.setattr(sparse, "split", interrupted)
    r = estimate(X, "relu")
    assert r.interrupted and r.message.startswith("interrupted; an estimate by the sparse inverse;")
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    assert r.value == pytest.approx(truth, rel=0.05) and r.lower <= truth <= r.upper


@pytest.mark.parametrize("failure", [MemoryError(), np.linalg.LinAlgError("not definite")])
def test_a_second_run_that_fails_keeps_the_first_estimate(failure, monkeypatch):
    X, split = sphere(2500, 3), sparse.split

    def failing(*given):
        if given[5] > 30:
            raise failure
        return split(*given)

    monkeypatch.setattr(sparse, "split", failing)
    r = estimate(X, "relu")
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    assert r.value == pytest.approx(truth, rel=0.05) and truth <= r.upper < 1.05 * truth
    assert math.isnan(r.change) and not r.interrupted
    why = str(failure) or "MemoryError"
    assert f"is not known (60 neighbours failed: {why}); upper bounds it" in r.message
    monkeypatch.setattr(sparse, "split", lambda *given: (_ for _ in ()).throw(failure))
    with pytest.raises(type(failure)):
        mh.min_eig(X, "relu", method="sparse-inverse")


def test_threads_agree():
    X = sphere(2100, 3)
    one, two = (estimate(X, "relu", threads=t) for t in (1, 2))
    assert (one.value, one.upper) == (two.value, two.upper)
