"""The whole spectrum: bands and intervals against every eigenvalue, and what they cost.

Claims:
(s1) n=3000, five kernels, d=784 and d=10: the band at 99 % holds the true N(x) at every x, and the largest distance
     between estimate and truth (Kolmogorov) is a small part of n;
(s2) the interval of log det at 99 % holds in 200 of 200 runs, as do those of tr K^-1 and of the degrees of freedom;
(s3) n=6000: all of it takes less than every eigenvalue by LAPACK.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

import mehler as mh
from cases import Case

THREADS = 2
NAMES = ("relu", "selu", "elu", "tanh", "swish")
DIMENSIONS = (784, 10)
N = 3000


def truth_of(case: Case, name: str):
    """The operator, every eigenvalue by LAPACK, and the seconds that took."""
    K = mh.gram(case.points(), name, threads=THREADS)
    A = K.toarray()
    start = time.perf_counter()
    values = np.linalg.eigvalsh(A)
    return K, values, time.perf_counter() - start


def seen(K, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.ConvergenceWarning)
        return mh.spectrum(K, method="quadrature", threads=THREADS, **options)


@pytest.mark.slow
@pytest.mark.benchmark(group="spectrum")
@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_the_band_holds_the_truth(benchmark, say, name, d):
    """(s1)"""
    K, values, dense = truth_of(Case("sphere", N, d), name)
    found = benchmark.pedantic(lambda: seen(K, rng=0), rounds=1)
    clear = values[values > found.floor]
    x = np.concatenate([clear, clear * (1.0 + 1e-9), np.geomspace(clear[0], 2.0 * clear[-1], 300)])
    count = np.searchsorted(values, x, side="right")
    lower, value, upper = found.cumulative(x)
    held = float(np.mean((lower <= count) & (count <= upper)))
    distance = float(np.max(np.abs(value - count))) / N
    width = float(np.max(upper - lower)) / N
    exact = float(np.sum(np.log(values))) if values[0] > found.floor else float("nan")
    logdet = found.logdet()
    say(
        f"{name}, d={d}: held {100 * held:.1f} %, Kolmogorov {distance:.4f}, widest band {width:.4f}; log det {exact:.2f}: {logdet}; "
        f"{found.products} products of one vector, {found.seconds:.1f} s, eigvalsh {dense:.1f} s"
    )
    assert held == 1.0
    assert distance <= 0.03


@pytest.mark.slow
@pytest.mark.benchmark(group="spectrum")
@pytest.mark.parametrize("name", NAMES)
def test_two_hundred_runs(benchmark, say, name):
    """(s2) of 400 points: 4 probes of 40 steps, 4 values at each end."""
    K, values, _ = truth_of(Case("sphere", 400, 10), name)
    ridge = 0.01 * float(np.mean(values))
    truths = {
        "log det": float(np.sum(np.log(values))),
        "tr K^-1": float(np.sum(1.0 / values)),
        "degrees of freedom": float(np.sum(values / (values + ridge))),
    }
    widths = []

    def runs() -> dict[str, int]:
        held = dict.fromkeys(truths, 0)
        for seed in range(200):
            found = seen(K, probes=4, steps=40, ends=4, rng=seed)
            said = {
                "log det": found.logdet(),
                "tr K^-1": found.trace_inverse(),
                "degrees of freedom": found.degrees_of_freedom(ridge),
            }
            for key, interval in said.items():
                held[key] += truths[key] in interval
            widths.append(said["log det"].upper - said["log det"].lower)
        return held

    held = benchmark.pedantic(runs, rounds=1)
    share = float(np.median(widths)) / abs(truths["log det"])
    say(
        f"{name}: {held} of 200; log det {truths['log det']:.1f}, interval {100 * share:.1f} % wide"
    )
    assert all(count == 200 for count in held.values())


@pytest.mark.slow
@pytest.mark.benchmark(group="spectrum")
def test_less_than_every_eigenvalue(benchmark, say):
    """(s3) by turns."""
    K, values, dense = truth_of(Case("sphere", 6000, 50), "relu")
    found = benchmark.pedantic(lambda: seen(K, rng=0), rounds=1)
    logdet = found.logdet()
    say(
        f"n=6000: {found.products} products of one vector ({found.block_products} block products), {found.seconds:.1f} s, "
        f"eigvalsh {dense:.1f} s; log det {np.sum(np.log(values)):.1f}: {logdet}"
    )
    assert float(np.sum(np.log(values))) in logdet
    assert found.seconds < dense
