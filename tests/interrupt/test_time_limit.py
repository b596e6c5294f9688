"""time_limit: what is known at its end, and how to go on."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import mehler as mh
from mehler._progress import Reporter
from spectra import sphere

LONG = sphere(6000, 1000)  # a second to fill: a callback is asked ten times


def test_the_report_says_when_time_is_over():
    report = Reporter(None, None, time_limit=10.0, start=time.perf_counter())
    assert report.ask is not None
    assert report.ask("fill", 0, 10, 0.0, 0.0) is False
    report.start -= 10.0
    assert report.ask("fill", 1, 10, 0.0, 0.0) is True
    assert report.why == "stopped by time_limit=10 s"
    report.start += 10.0
    assert report.ask("fill", 2, 10, 0.0, 0.0) is True  # for good


@pytest.mark.parametrize("method", ["auto", "lanczos", "preconditioned", "shift-invert"])
def test_time_is_over_in_the_fill(method):
    with pytest.warns(mh.ConvergenceWarning, match=r"stopped by time_limit=0\.001 s"):
        result = mh.min_eig(LONG, method=method, time_limit=1e-3, threads=1)
    assert (result.status, result.interrupted) == ("budget-limited", False)
    assert 0.0 <= result.lower <= result.upper < math.inf
    assert result.message.endswith(
        "only bounds; pass a larger time_limit (plan says what it takes)"
    )


@pytest.mark.parametrize("method", ["lanczos", "preconditioned"])
def test_time_is_over_in_a_solver(method):
    seen, begun = [], time.perf_counter()

    def slow(s):  # whatever the machine, it is asked again, and time is over once there is a value
        if s.value:
            time.sleep(max(0.0, begun + 3.1 - time.perf_counter()))
        elif s.phase == method and s.done not in seen:
            seen.append(s.done)
            time.sleep(0.11)  # solvers ask ten times a second

    with pytest.warns(mh.ConvergenceWarning, match=r"stopped by time_limit=3 s"):
        result = mh.min_eig(
            sphere(4000, 8),
            method=method,
            precision="double",
            tol=1e-12,
            time_limit=3.0,
            threads=1,
            rng=0,
            callback=slow,
        )
    assert (result.status, result.interrupted) == ("budget-limited", False)
    assert 0.0 <= result.lower <= result.upper < math.inf
    assert result.value > 0.0
    assert result.history


def test_eigsh_ends_when_time_is_over():
    K = np.diag(np.arange(1.0, 3001.0))  # 3,000 distinct eigenvalues, none apart from the rest

    class Slow:
        shape = K.shape

        def __matmul__(self, V):
            time.sleep(0.02)
            return K @ V

    with pytest.warns(mh.ConvergenceWarning, match=r"stopped by time_limit=0\.5 s"):
        result = mh.eigsh(Slow(), tol=1e-12, time_limit=0.5)
    assert result.status == "budget-limited"
    assert result.value >= 1.0 - 1e-9
    assert result.upper >= 1.0
    reached = f"residual {result.residual / result.value:.1e} of the value, tol=1e-12"
    assert result.message.endswith(f"{reached}; pass a larger time_limit")


def test_what_a_file_holds_is_not_asked_for_again(tmp_path):
    where = tmp_path / "K"

    def slow(s):  # time is over once the file of the factor is there
        time.sleep(1.1 * (tmp_path / "K.factor").exists())

    with pytest.warns(mh.ConvergenceWarning, match="the same call goes on from the file at path"):
        mh.min_eig(
            sphere(3000, 8), method="shift-invert", precision="double", path=where,
            max_memory="30MB", time_limit=1.0, callback=slow,
        )  # fmt: skip


@pytest.mark.parametrize("there", ["", ".factor", ".proof"])
def test_a_file_that_the_call_does_not_use_is_not_spoken_of(tmp_path, there):
    """Whatever lies at path: only what this call has opened or made is gone on from."""
    (tmp_path / f"K{there}").write_text("somebody else's")
    with pytest.warns(mh.ConvergenceWarning, match=r"pass a larger time_limit \(plan says"):
        mh.min_eig(
            LONG[:1000], method="lanczos", path=tmp_path / "K", time_limit=0.5,
            callback=lambda s: time.sleep(0.6),
        )  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == [f"K{there}"]


def test_eigsh_on_disk_says_that_it_goes_on(tmp_path):
    with mh.gram(LONG[:1500], storage="disk", dtype="float32", path=tmp_path / "K") as K:
        products = []

        def slow(s):
            products.append(s)
            time.sleep(0.6 * (len(products) > 1))

        with pytest.warns(mh.ConvergenceWarning, match="the same call goes on from the file"):
            mh.eigsh(K, method="lanczos", time_limit=0.5, callback=slow)
        again = mh.eigsh(K, method="lanczos")
        assert again.resolved and "of an earlier run" in again.message


def test_an_answer_in_time_is_an_answer():
    X = LONG[:300]
    assert mh.min_eig(X, time_limit=3600.0).resolved
    assert mh.min_eig(X, time_limit=math.inf).resolved
