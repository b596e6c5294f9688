"""The ways out of long work, and into other processes: Ctrl-C, callbacks, progress, fork, pickle.

Ctrl-C is tested on a child process. It says on stdout when it has come to the phase under test; it
then gets SIGINT and must answer within ANSWER seconds (one is promised; tests may run beside others).
"""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import mehler as mh
from mehler._progress import Reporter, State
from spectra import sphere

ANSWER = 2.0
PATIENCE = 120

HEAD = """
import json, math, signal, sys, time, warnings
import numpy as np
import mehler as mh

warnings.simplefilter("ignore", mh.ConvergenceWarning)

def sphere(n, d):
    X = np.random.default_rng(0).standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1)[:, None]

def say(word):
    print(word, flush=True)

def at(phase):
    said = []
    def callback(state):
        if state.phase == phase and (state.value or phase in ("fill", "factor")) and not said:
            said.append(phase)
            say("now")
    return callback

def known(r):
    vector = None if r.vector is None else [len(r.vector), float(np.linalg.norm(r.vector))]
    say(json.dumps([r.status, r.interrupted, r.message, None if math.isnan(r.value) else r.value,
                    r.lower, r.upper, vector, len(r.history)]))
"""


def memory(child: subprocess.Popen[str]) -> int:
    """Bytes that a child holds now."""
    with open(f"/proc/{child.pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_for_growth(child: subprocess.Popen[str], nbytes: float) -> None:
    """Until a child holds so many bytes more than now: its matrix is being filled."""
    start, deadline = memory(child), time.monotonic() + PATIENCE
    while child.poll() is None and memory(child) < start + nbytes:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def run_child(code: str, *, wait: float = 0.0, growth: float = 0.0) -> tuple[list[str], float, int]:
    """Lines after 'now', seconds from SIGINT to the first of them, exit code."""
    child = subprocess.Popen(
        [sys.executable, "-c", HEAD + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        first = child.stdout.readline()
        if first.strip() != "now":
            pytest.fail(f"the child said {first!r}; {child.communicate(timeout=PATIENCE)[1]}")
        wait_for_growth(child, growth)
        time.sleep(wait)
        start = time.perf_counter()
        child.send_signal(signal.SIGINT)
        line = child.stdout.readline()
        seconds = time.perf_counter() - start
        rest, errors = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
        child.wait()
    assert line, errors
    return [line, *rest.splitlines()], seconds, child.returncode


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
    lines, seconds, code = run_child(f"""
        def tell(state):
            if state.phase == {phase!r} and not said:
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


# -- callbacks --------------------------------------------------------------------------------------


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


# -- progress ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tqdm_there", [True, False])
def test_progress_goes_to_stderr_alone(tqdm_there):
    code = HEAD + ("" if tqdm_there else "sys.modules['tqdm'] = None\n")
    code += """
X = sphere(3000, 500)
r = mh.min_eig(X, method="lanczos", precision="double", threads=1, rng=0, progress=True)
assert r.status == "resolved", r
mh.gram(X, threads=1, progress=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "Error" not in done.stderr
    if tqdm_there:
        assert "fill" in done.stderr


def test_progress_without_tqdm_prints_lines(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with Reporter(True, None, scale=2.0) as report:
        ask = report.ask
        assert ask is not None
        for done in range(5):
            ask("fill", done, 10, 0.0, 0.0)  # too early for a line
        report.start -= 3.0
        ask("fill", 7, 10, 0.0, 0.0)
        report.start -= 3.0
        ask("lanczos", 40, 0, 0.25, 1e-3)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["fill 7/10  3 s", "lanczos 40  value 0.5  residual 2.0e-03  6 s"]


def test_progress_with_tqdm(capsys):
    with Reporter(True, None) as report:
        assert report.ask is not None
        report.ask("fill", 7, 10, 0.0, 0.0)
        report.ask("lanczos", 40, 0, 0.25, 1e-3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "fill" in err
    assert "lanczos" in err


def test_nobody_listens_by_default():
    assert Reporter(None, None).ask is None
    assert Reporter(False, None).ask is None


# -- other processes --------------------------------------------------------------------------------


FORK = """
import os, sys, time, threading
import multiprocessing as mp
import numpy as np
import mehler as mh

X = np.random.default_rng(0).standard_normal((300, 6))
X /= np.linalg.norm(X, axis=1)[:, None]

def work(seed=0):
    K = mh.gram(X, "relu", storage="packed", threads=2)
    r = mh.min_eig(X, "relu", method="lanczos", precision="double", threads=2, rng=seed)
    d = mh.min_eig(X[:100], "relu", method="dense", threads=2)
    return (K @ np.ones(300)).tobytes(), r.value, r.vector.tobytes(), d.value

def child_of(answer):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() == answer else 3
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

FORKS = {
    "after use": """
        answer = work()
        print(child_of(answer), child_of(answer), work() == answer)
    """,
    "before use": """
        pid = os.fork()
        if pid == 0:
            os._exit(0 if work()[1] > 0 else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, work() == work())
    """,
    "of a fork": """
        answer = work()
        pid = os.fork()
        if pid == 0:
            os._exit(child_of(answer))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, work() == answer)
    """,
    "in a thread": """
        answer = work()
        codes = []
        def run():
            work()
            codes.append(child_of(answer))
        t = threading.Thread(target=run); t.start(); t.join()
        print(codes[0], child_of(answer), work() == answer)
    """,
    "pool": """
        answer = work()
        with mp.get_context("fork").Pool(2) as pool:
            found = pool.map_async(work, [0, 0, 0]).get(timeout=60)
        print(0, 0, found == [answer] * 3)
    """,
    "spawn": """
        answer = work()
        with mp.get_context("spawn").Pool(1) as pool:
            found = pool.map_async(work, [0]).get(timeout=60)
        print(0, 0, found == [answer])
    """,
}


@pytest.mark.parametrize("how", FORKS)
def test_other_processes_work_and_agree(how, tmp_path):
    script = tmp_path / "main.py"
    body = textwrap.indent(textwrap.dedent(FORKS[how]), "    ")
    script.write_text(FORK + '\nif __name__ == "__main__":\n' + body)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )
    assert done.stdout.split() == ["0", "0", "True"], done.stderr


# -- pickling ---------------------------------------------------------------------------------------


def twice(u):
    return 2.0 * np.tanh(u)


@pytest.mark.parametrize("how", ["pickle", "copy"])
@pytest.mark.parametrize(
    "value",
    [
        mh.activation("relu"),
        mh.activation("elu", alpha=0.5),
        mh.gradient_kernel("gelu"),
        mh.nngp("relu", bias_var=0.1),
        mh.gradient_kernel(mh.Activation.from_function(twice)),
    ],
    ids=["relu", "elu", "gradient", "nngp", "own"],
)
def test_values_survive_a_copy(how, value):
    if isinstance(value, mh.Kernel):
        value(0.5)  # compiled: what is compiled is not copied
    again = pickle.loads(pickle.dumps(value)) if how == "pickle" else copy.deepcopy(value)
    assert again == value
    assert repr(again) == repr(value)
    if isinstance(value, mh.Kernel):
        assert again(0.3) == value(0.3)


def test_results_survive_a_copy():
    result = mh.min_eig(sphere(50, 3), rng=0)
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert again.to_dict() == result.to_dict()
        np.testing.assert_array_equal(again.vector, result.vector)


@pytest.mark.parametrize(
    "make",
    [
        lambda X: mh.plan(X, "relu"),
        lambda X: mh.bounds(X, "relu"),
        lambda X: mh.eigvalsh(X, "relu"),
        lambda X: mh.describe(X),
        lambda X: mh.check_psd(mh.gradient_kernel("relu")(X)),
        lambda X: mh.ntk("relu", depth=2).explain(),
    ],
    ids=["plan", "bounds", "spectrum", "summary", "definiteness", "explanation"],
)
def test_what_functions_return_survives_a_copy(make):
    value = make(sphere(30, 3))
    for again in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert type(again) is type(value) and str(again) == str(value)


def test_operators_are_not_copied():
    K = mh.gram(sphere(20, 3))
    with pytest.raises(TypeError, match=r"Gram operator cannot be pickled; .*toarray"):
        pickle.dumps(K)
