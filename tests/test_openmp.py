"""Our OpenMP among others: seen by threadpoolctl, and at peace with the runtimes that neighbours bring.

A wheel carries a runtime of its own, as those of scikit-learn and PyTorch do, so that a process
holds two or three. Each case is a process of its own: what is loaded first differs, and a deadlock
ends with its time. The printed ratio is how long a solve takes beside a neighbour that has just
worked, against the same solve alone.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("threadpoolctl")


def child(code: str, **environment: str) -> Any:
    """What a process of its own prints last, as JSON."""
    clean = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=600,  # a deadlock ends; a busy machine does not fail
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


LIMITS = """
import json
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
import mehler as mh

def threads():
    return mh.build_info()["threads"], mh.min_eig(X, "relu").threads

X = mh.generate("sphere-random", 300, 5, rng=0)
ours = [one for one in threadpool_info() if one["user_api"] == "openmp"]
told = {"ours": ours, "free": threads()}
for limit in (1, 2):
    with threadpool_limits(limit):
        told[f"all {limit}"] = threads()
        told[f"seen {limit}"] = [o["num_threads"] for o in threadpool_info() if o["user_api"] == "openmp"]
        told[f"asked {limit}"] = mh.min_eig(X, "relu", threads=3).threads
    with threadpool_limits(limit, user_api="openmp"):
        told[f"openmp {limit}"] = threads()
with threadpool_limits(1, user_api="blas"):
    told["blas"] = threads()
told["after"] = threads()
print(json.dumps(told))
"""


def test_threadpoolctl_sees_and_limits_us():
    """NumPy's OpenBLAS uses no OpenMP: the one runtime of this process is ours."""
    told = child(LIMITS, OMP_NUM_THREADS="3")
    (ours,) = told["ours"]
    assert ours["prefix"] in ("libgomp", "libomp"), ours
    assert ours["num_threads"] == 3
    for limit in (1, 2):
        assert told[f"all {limit}"] == told[f"openmp {limit}"] == [limit, limit]
        assert told[f"seen {limit}"] == [limit]
        assert told[f"asked {limit}"] == 3  # an argument wins
    assert told["free"] == told["blas"] == told["after"] == [3, 3]


def test_omp_num_threads():
    code = "import json, mehler as mh; print(json.dumps(mh.build_info()['threads']))"
    assert child(code, OMP_NUM_THREADS="1") == 1
    assert child(code, OMP_NUM_THREADS="5") == 5


# -- neighbours -------------------------------------------------------------------------------------

OURS = """
import mehler as mh

X = mh.generate("sphere-random", 400, 5, rng=0)
METHODS = ("shift-invert", "lanczos")

def ours():
    return [mh.min_eig(X, "relu", method=m, threads=2, rng=0).value.hex() for m in METHODS]
"""

# what `theirs()` computes is known without it
THEIRS = {
    "sklearn": """
import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

Z = np.repeat(np.arange(8.0), 500)[:, None] + np.zeros(3)

def theirs():
    with threadpool_limits(2):
        found = KMeans(8, n_init=3, random_state=0).fit(Z)
    return sorted(found.cluster_centers_[:, 0].round(6).tolist()) == list(map(float, range(8)))
""",
    "torch": """
import numpy as np
import torch

torch.set_num_threads(2)
A = torch.arange(250_000, dtype=torch.float64).reshape(500, 500)

def theirs():
    total = float((A * 2.0).sum())  # element by element: OpenMP
    square = (A @ A).numpy()
    return total == 250_000 * 249_999 and bool(np.allclose(square, A.numpy() @ A.numpy()))
""",
    "jax": """
import numpy as np
import jax

def theirs():
    A = jax.numpy.arange(10_000, dtype="float32").reshape(100, 100) / 1e4
    return bool(np.allclose(np.asarray(A @ A), np.asarray(A) @ np.asarray(A), rtol=1e-4))
""",
}

TOGETHER = """
import json, os, time

def best(work, times=3):
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)

answers, right = [], []
for _ in range(3):
    answers.append(ours())
    right.append(theirs())

alone = best(ours)
def beside():
    theirs()
    return best(ours, 1)
shared = min(beside() for _ in range(3))

pid = os.fork() if FORK else 0
if FORK and pid == 0:
    os._exit(0 if ours() == answers[0] else 1)
forked = os.waitpid(pid, 0)[1] if FORK else 0
answers.append(ours())
right.append(theirs())

from threadpoolctl import threadpool_info
runtimes = sorted({one["filepath"] for one in threadpool_info() if one["user_api"] == "openmp"})
print(json.dumps({"answers": answers, "right": right, "ratio": shared / alone, "forked": forked,
                  "runtimes": runtimes}))
"""


@pytest.fixture(scope="module")
def alone() -> list[str]:
    return child(f"{OURS}\nimport json\nprint(json.dumps(ours()))")


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("neighbour", list(THEIRS))
def test_neighbours(neighbour, order, alone):
    """Three turns each, a fork, one turn more: every bit as alone, the neighbour right, no hang."""
    if importlib.util.find_spec(neighbour) is None:
        pytest.skip(f"could not import {neighbour!r}")
    first, second = THEIRS[neighbour], OURS
    if order == "after":
        first, second = second, first
    fork = neighbour != "jax" and hasattr(os, "fork")  # JAX itself forbids it
    told = child(f"FORK = {fork}\n{first}\n{second}\n{TOGETHER}")
    print(
        f"\n{neighbour} imported {order} mehler: {told['ratio']:.2f} times alone; {told['runtimes']}"
    )
    assert told["answers"] == [alone] * 4
    assert told["right"] == [True] * 4
    assert told["forked"] == 0
    assert told["ratio"] < 10.0  # runtimes that fight over the processors lose a hundred times
