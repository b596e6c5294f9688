"""A child process that is sent Ctrl-C.

It says on stdout when it has come to the phase under test; it then gets SIGINT and must answer within ANSWER seconds (one is
promised; tests may run beside others).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

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
