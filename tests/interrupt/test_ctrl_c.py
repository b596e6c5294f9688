"""Ctrl-C: what is known is returned, or a KeyboardInterrupt, within a second or so."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from children import ANSWER, PATIENCE, run_child, wait_for_growth

import mehler as mh
from mehler._progress import State
from spectra import sphere


@pytest.mark.parametrize(
    ("phase", "points", "options"),
    [
        ("fill", "sphere(14000, 500)", "method='lanczos'"),
        ("fill", "sphere(7000, 2500)", "method='dense', max_memory='64GB'"),
        ("fill", "sphere(14000, 500)", "method='shift-invert'"),
        ("lanczos", "sphere(5000, 4)", "method='lanczos', precision='double', tol=1e-12"),
        (
            "preconditioned",
            "sphere(5000, 12)",
            "method='preconditioned', precision='double', tol=1e-12",
        ),
        ("factor", "sphere(12000, 8)", "method='shift-invert'"),
    ],
)
def test_ctrl_c_in_min_eig(phase, points, options):
    lines, seconds, code = run_child(f"""
        X = {points}
        known(mh.min_eig(X, 'relu', {options}, rng=0, callback=at({phase!r})))
    """)
    status, interrupted, message, value, lower, upper, vector, steps = json.loads(lines[0])
    assert (status, interrupted, code) == ("budget-limited", True, 0)
    assert "interrupted" in message
    assert 0.0 <= lower <= upper <= 0.5 + 1e-12  # the diagonal is 1/2
    if phase in ("lanczos", "preconditioned"):
        n = 5000
        assert steps > 0
        assert 0.0 < value <= upper
        assert vector == [n, pytest.approx(1.0, abs=1e-9)]
    else:
        assert value is None
        assert vector is None
    assert seconds < ANSWER


@pytest.mark.parametrize(
    ("phase", "n", "width"),
    [("features", 51, 10**9), ("features", 1500, 10**6), ("pivots", 1500, 2000)],
)
def test_ctrl_c_in_finite_width(phase, n, width):
    least = 510 if n == 51 else 0  # neurons that are in, however slow the machine
    lines, seconds, code = run_child(f"""
        def tell(state):
            if state.phase == {phase!r} and state.done >= {least} and not said:
                said.append(state)
                say("now")

        said, X = [], sphere({n}, 3)
        options = dict(rng=0, method="factored", callback=tell)
        known(mh.min_eig(X, "relu", width={width}, **options))
    """)
    status, interrupted, message, value, lower, upper, _, _ = json.loads(lines[0])
    assert (status, interrupted, value, code) == ("budget-limited", True, None, 0)
    assert message.startswith("interrupted")
    assert 0.0 <= lower <= upper and seconds < ANSWER
    if n == 51:  # the neurons so far are a lower bound
        assert lower > 0.0 and re.search(r"after \d+ of 1000000000 neurons, whose own", message)


def circle(n: int, d: int) -> np.ndarray:
    """Points on a circle in d dimensions: float32 cannot hold their smallest eigenvalue."""
    X = np.zeros((n, d))
    X[:, :2] = sphere(n, 2)
    return X


class InFloat64:
    """Ends the work when a phase of the second round, the one in float64, has come."""

    def __init__(self, phase: str, how: str) -> None:
        self.phase, self.how = phase, how
        self.fills, self.last, self.ended = 0, ("", 0), False

    def __call__(self, state: State) -> bool:
        if state.phase == "fill" and (self.last[0] != "fill" or state.done < self.last[1]):
            self.fills += 1
        self.last = (state.phase, state.done)
        if self.ended or self.fills < 2 or state.phase != self.phase:
            return False
        self.ended = True
        if self.how == "ctrl-c":
            signal.raise_signal(signal.SIGINT)
        return True


@pytest.mark.parametrize(
    ("method", "phase", "how"),
    [
        ("lanczos", "fill", "stop"),
        ("lanczos", "fill", "ctrl-c"),
        ("lanczos", "lanczos", "ctrl-c"),
        ("preconditioned", "fill", "ctrl-c"),
    ],
)
def test_end_in_float64_keeps_what_float32_said(method, phase, how):
    """The second fill and the first steps of the second solver know less than the first round did."""
    callback = InFloat64(phase, how)
    said = "interrupted" if how == "ctrl-c" else "stopped by the callback"
    X = circle(3500, 700)
    with pytest.warns(mh.ConvergenceWarning, match=f"not resolved: {said}$"):
        result = mh.min_eig(X, method=method, threads=1, rng=0, callback=callback)
    assert callback.ended
    assert (result.status, result.interrupted) == ("budget-limited", how == "ctrl-c")
    assert result.lower_kind == "theory"
    assert 0.0 <= result.lower < result.upper < 1e-4  # 1e-8, and what float32 hides
    assert result.value <= result.upper
    assert abs(np.linalg.norm(result.vector) - 1.0) < 1e-9
    assert result.applications > 0
    assert result.history


def test_end_in_the_second_factor():
    callback = InFloat64("fill", "ctrl-c")
    with pytest.warns(mh.ConvergenceWarning, match="not resolved: interrupted"):
        result = mh.min_eig(
            circle(3500, 700), method="shift-invert", threads=1, rng=0, callback=callback
        )
    assert callback.ended
    assert (result.status, result.interrupted) == ("budget-limited", True)
    assert 0.0 <= result.lower <= result.upper <= 0.5 + 1e-12


def test_ctrl_c_without_a_listener_and_after_it():
    """No callback, no bar: signals are asked for all the same; the process goes on as before."""
    lines, seconds, code = run_child(
        """
        X = sphere(14000, 500)
        say("now")
        known(mh.min_eig(X, rng=0))
        say(mh.min_eig(X[:300], rng=0).status)
        """,
        growth=150e6,
    )
    assert json.loads(lines[0])[:2] == ["budget-limited", True]
    assert lines[1] == "resolved"
    assert code == 0
    assert seconds < ANSWER


@pytest.mark.parametrize(
    "work",
    [
        "K = mh.gram(sphere(80000, 64), storage='matrix-free')\nV = np.ones((80000, 4))|K @ V",
        "X = sphere(14000, 500)|mh.gram(X, storage='packed', dtype='float32')",
        "X = sphere(12000, 700)|mh.gram(X, storage='dense', dtype='float32', max_memory='64GB')",
        "X = sphere(9000, 1200); ker = mh.nngp('tanh')|ker(X[:8000], X)",
    ],
    ids=["product", "packed", "dense", "cross"],
)
def test_ctrl_c_elsewhere_is_a_keyboard_interrupt(work):
    before, _, during = work.partition("|")
    code = f"""
{before}
say("now")
try:
    {during}
except KeyboardInterrupt:
    say("caught")
"""
    lines, seconds, exit_code = run_child(code, wait=0.4)
    assert lines == ["caught\n"]
    assert exit_code == 0
    assert seconds < ANSWER


def test_ctrl_c_within_an_operator_of_ones_own():
    """Most of the time is spent in the user's Python: there, too, what is known is returned."""
    lines, seconds, _ = run_child(
        """
        d = np.linspace(1e-6, 1.0, 3000)
        class Slow:
            shape = (3000, 3000)
            def __matmul__(self, V):
                if not hasattr(self, "told"):
                    self.told = say("now")
                time.sleep(0.02)
                return d[:, None] * V
        known(mh.eigsh(Slow(), k=1, tol=1e-12, rng=0))
        """,
        wait=0.5,
    )
    status, interrupted, *_rest, steps = json.loads(lines[0])
    assert (status, interrupted) == ("budget-limited", True)
    assert steps > 0
    assert seconds < ANSWER


@pytest.mark.parametrize("json_asked", [False, True])
def test_ctrl_c_on_the_command_line(tmp_path, json_asked):
    np.save(tmp_path / "X.npy", sphere(9000, 300).astype(np.float32))
    command = [sys.executable, "-m", "mehler", "min-eig", str(tmp_path / "X.npy"), "--normalize"]
    command += ["--method", "lanczos", "--precision", "double", "--tol", "1e-12"]
    child = subprocess.Popen(
        command + ["--json"] * json_asked,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stderr is not None
        first = child.stderr.readline()
        assert "read 9,000 x 300" in first
        wait_for_growth(child, 150e6)  # of 324 MB
        start = time.perf_counter()
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=PATIENCE)
        seconds = time.perf_counter() - start
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130, errors
    assert "Traceback" not in errors
    if json_asked:
        told = json.loads(out)
        assert told["status"] == "budget-limited"
        assert told["lower"] >= 0.0
    else:
        assert "budget-limited" in out
        assert "interrupted" in out
    assert seconds < ANSWER
