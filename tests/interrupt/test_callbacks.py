"""Callbacks see states, stop the work, and may raise."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import mehler as mh
from mehler._progress import Reporter, State
from spectra import sphere

LONG = sphere(6000, 1000)  # a second to fill: a callback is asked ten times


def stopping(phase):
    return lambda state: state.phase == phase


def test_callback_sees_states_at_most_ten_times_a_second():
    seen: list[State] = []
    start = time.perf_counter()
    options = {
        "method": "lanczos",
        "precision": "double",
        "certify": "theory",
        "threads": 1,
        "rng": 0,
    }
    result = mh.min_eig(sphere(3500, 700), callback=seen.append, **options)
    result = mh.min_eig(sphere(3000, 6), callback=seen.append, **options)
    seconds = time.perf_counter() - start
    assert result.status == "resolved"
    assert len(seen) <= 10 * seconds + 1
    assert {"fill", "lanczos"} <= {s.phase for s in seen}
    assert {s.phase for s in seen} <= {"fill", "lanczos", "refine", "residual"}
    assert all(s.seconds >= 0.1 for s in seen)
    filling = [s for s in seen if s.phase == "fill"]
    assert all(0 < s.done <= s.total == 14 * 15 // 2 for s in filling if s.total != 78)
    last = seen[-1]
    assert last.value >= result.value * (1 - 1e-6)  # Ritz values fall
    with pytest.raises(AttributeError):
        last.value = 0.0  # type: ignore[misc]


def test_true_stops_the_fill():
    with pytest.warns(mh.ConvergenceWarning, match="stopped by the callback while filling"):
        result = mh.min_eig(LONG, threads=1, method="lanczos", callback=stopping("fill"))
    assert (result.status, result.interrupted) == ("budget-limited", False)
    assert math.isnan(result.value)
    assert result.vector is None
    assert 0.0 <= result.lower <= result.upper


@pytest.mark.parametrize("method", ["lanczos", "preconditioned"])
def test_true_stops_a_solver(method):
    with pytest.warns(mh.ConvergenceWarning, match="stopped by the callback"):
        result = mh.min_eig(
            sphere(8000, 3),
            method=method,
            precision="double",
            tol=1e-12,
            threads=1,
            rng=0,
            callback=lambda s: s.phase == method and s.value,
        )
    assert (result.status, result.interrupted) == ("budget-limited", False)
    assert result.value > 0.0
    assert abs(np.linalg.norm(result.vector) - 1.0) < 1e-9
    assert result.history


@pytest.mark.parametrize("truth", [True, 1, "yes", np.True_, [0]])
def test_any_true_value_stops(truth):
    report = Reporter(None, lambda state: truth if state.done else None)
    assert report.ask is not None
    assert report.ask("fill", 0, 10, 0.0, 0.0) is False
    assert report.ask("fill", 1, 10, 0.0, 0.0) is True
    assert report.stopped


def test_true_stops_gram():
    with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
        mh.gram(LONG, storage="packed", threads=1, callback=stopping("fill"))


class Unusual(Exception):
    pass


@pytest.mark.parametrize("kind", [Unusual, ValueError, SystemExit])
@pytest.mark.parametrize("threads", [1, 2])
def test_exception_in_a_callback_is_passed_on(kind, threads):
    thrown = kind("mine")

    def callback(state):
        raise thrown

    for work in (
        lambda: mh.min_eig(LONG, threads=threads, method="lanczos", callback=callback),
        lambda: mh.min_eig(LONG, threads=threads, method="shift-invert", callback=callback),
        lambda: mh.gram(LONG, threads=threads, callback=callback),
    ):
        with pytest.raises(kind, match="mine") as caught:
            work()
        assert caught.value is thrown
    assert mh.min_eig(LONG[:200], threads=threads).status == "resolved"


def test_exception_in_an_operator_is_passed_on():
    thrown = Unusual("in the product")

    class Broken:
        shape = (2000, 2000)

        def __matmul__(self, V):
            raise thrown

    with pytest.raises(Unusual) as caught:
        mh.eigsh(Broken())
    assert caught.value is thrown


def test_callback_that_solves_itself():
    """The core may be entered again from a callback."""
    inner: list[str] = []

    def callback(state):
        if not inner:
            inner.append(mh.min_eig(sphere(300, 5), threads=2, rng=0).status)

    mh.gram(LONG[:4000], storage="packed", threads=2, callback=callback)
    assert inner == ["resolved"]


@pytest.mark.parametrize("wrong", [1, "print"])
def test_callback_must_be_callable(wrong):
    with pytest.raises(TypeError, match="callback must be callable; got"):
        mh.min_eig(LONG[:20], callback=wrong)
