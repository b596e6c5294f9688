"""Forked and spawned processes work, and agree."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from children import PATIENCE

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
