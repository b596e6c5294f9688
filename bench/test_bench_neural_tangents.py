"""Entries of a kernel matrix: ours against neural-tangents on the same processor, in one run.

Claims: ReLU, d = 50, at least 20 times faster; tanh, by its quadrature, at least 2,000 times; per entry, and equal
to within what its quadrature leaves. Its kernel function is called as it comes; inside jax.jit it is quicker, and that is
printed too. neural-tangents needs an interpreter of its own (peers.py):

    MEHLER_BENCH_PYTHON_NEURAL_TANGENTS=peer/bin/python python -m pytest bench/test_bench_neural_tangents.py -s
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from statistics import median

import numpy as np
import pytest

import mehler as mh

PYTHON = os.environ.get("MEHLER_BENCH_PYTHON_NEURAL_TANGENTS", sys.executable)
D = 50
CHILD = """
import json, sys, time
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from neural_tangents import stax
name, n, d = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
X = np.random.default_rng(0).standard_normal((n, d))
X /= np.linalg.norm(X, axis=1)[:, None]
layer = stax.Relu() if name == "relu" else stax.ElementwiseNumerical(jax.numpy.tanh, deg=25)
kernel = stax.serial(stax.Dense(1), layer, stax.Dense(1))[2]
ask = lambda x: kernel(x, None, "ntk")
Z = X * np.sqrt(d)
found = []
for how in (ask, jax.jit(ask)):
    K = np.asarray(how(Z).block_until_ready())  # compiled
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        how(Z).block_until_ready()
        seconds.append(time.perf_counter() - start)
    found.append(sorted(seconds)[1])
print(json.dumps([*found, K[:5, :5].tolist()]))
"""


@pytest.mark.slow
@pytest.mark.benchmark(group="neural-tangents")
@pytest.mark.parametrize(
    ("name", "n", "theirs", "times", "error"),
    [("relu", 20_000, 4_000, 20.0, 1e-8), ("tanh", 20_000, 300, 2_000.0, 1e-3)],
)
def test_entries(benchmark, say, name, n, theirs, times, error):
    """Nanoseconds an entry of a full matrix; each at a size that suits it."""
    done = subprocess.run(
        [PYTHON, "-c", CHILD, name, str(theirs), str(D)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"neural-tangents does not run: {done.stderr.strip().splitlines()[-1]}")
    seconds, compiled, corner = json.loads(done.stdout.splitlines()[-1])
    X = np.random.default_rng(0).standard_normal((n, D))
    X /= np.linalg.norm(X, axis=1)[:, None]
    ker = mh.ntk(name)
    first = np.random.default_rng(0).standard_normal((theirs, D))
    first /= np.linalg.norm(first, axis=1)[:, None]
    np.testing.assert_allclose(ker(first[:5]), corner, atol=error)
    _ = ker.h.compiled
    mine = []
    for _ in range(5):
        start = time.perf_counter()
        mh.gram(X, ker, storage="packed")
        mine.append(time.perf_counter() - start)
    benchmark.pedantic(lambda: mh.gram(X, ker, storage="packed"), rounds=1)
    ours, other = 1e9 * median(mine) / n**2, 1e9 * seconds / theirs**2
    say(
        f"{name}, d={D}: {ours:.2f} ns an entry (packed, n={n:,}), neural-tangents {other:,.0f} ns (n={theirs:,}): "
        f"{other / ours:,.0f} times (claim: >= {times:,.0f}); inside jax.jit {1e9 * compiled / theirs**2:,.0f} ns"
    )
    assert other >= times * ours
