"""Filling packed storage: how much more than the bare product of the points does it cost?

Claim (a): at d=784 at most 1.3 times the GEMM alone; at d=4 at least 4e8 entries a second on two
cores. Thirty layers at most 1.1 times one, in any dimension.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
import pytest

import mehler as mh
from cases import NARROW, WIDE, Case
from mehler import _core
from peers import numpy_gram

THREADS = 2
PANEL = 2048


def fill(case: Case, benchmark, before=lambda: None):
    """Fill packed float64 storage five times; ``before`` runs before each. Returns (K, seconds)."""
    X = case.points()
    kernel = mh.gradient_kernel("relu")
    K = benchmark.pedantic(
        lambda: mh.gram(X, kernel, storage="packed", dtype="float64"),
        setup=before,
        rounds=5,
        warmup_rounds=1,
    )
    check_entries(K, X)
    return K, median(benchmark.stats.stats.data)


def check_entries(K, X: np.ndarray) -> None:
    """Columns of K, by products with unit vectors, against the closed form."""
    rows = np.linspace(0, len(X) - 1, 7).astype(int)
    E = np.zeros((len(X), len(rows)))
    E[rows, np.arange(len(rows))] = 1.0
    R = np.clip(X @ X[rows].T, -1.0, 1.0)
    R[rows, np.arange(len(rows))] = 1.0
    expected = R * (0.25 + np.arcsin(R) / (2.0 * np.pi))
    # asin near one turns the rounding of R into its square root: there the filled entry, which
    # repairs near pairs from differences, is the better one.
    far = np.abs(R) < 0.999
    np.testing.assert_allclose((K @ E)[far], expected[far], rtol=0, atol=4e-15)


@pytest.mark.benchmark(group="fill")
def test_fill_wide(benchmark, say):
    """(a) packed float64 at d=784 against the GEMM of its lower triangle alone."""
    n, d = WIDE.n, WIDE.d
    gemm: list[float] = []
    flops = n * (n + 1.0) * d

    def limit() -> None:
        seconds = _core.bench_gemm(PANEL, PANEL, d, "float64", THREADS)
        gemm.append(seconds * flops / (2.0 * PANEL * PANEL * d))

    K, seconds = fill(WIDE, benchmark, limit)
    alone = median(gemm)
    benchmark.extra_info.update(gemm_seconds=alone, ratio=seconds / alone, nbytes=K.nbytes)
    say(
        f"{WIDE}: fill {seconds:.3f} s, GEMM alone {alone:.3f} s "
        f"({flops / alone / 1e9:.0f} GFlop/s), ratio {seconds / alone:.2f} (claim: <= 1.3), "
        f"{K.nbytes / 2**20:.0f} MiB"
    )
    assert seconds <= 1.3 * alone


@pytest.mark.benchmark(group="fill")
def test_fill_narrow(benchmark, say):
    """(a) packed float64 at d=4: entries a second."""
    entries = NARROW.n * (NARROW.n + 1) / 2
    K, seconds = fill(NARROW, benchmark)
    benchmark.extra_info.update(entries_per_second=entries / seconds, nbytes=K.nbytes)
    say(
        f"{NARROW}: fill {seconds:.3f} s, {entries / seconds:.2e} entries/s (claim: >= 4e8), "
        f"{K.nbytes / 2**20:.0f} MiB"
    )
    assert entries / seconds >= 4e8


@pytest.mark.benchmark(group="fill")
@pytest.mark.parametrize("d", [50, 100, 784])
def test_fill_deep(benchmark, say, d):
    """Thirty layers against one: processor time of one thread, medians of fifteen pairs."""
    n = 2500
    X = Case("sphere", n, d).points()
    names = ("relu", "elu", "selu", "gelu", "tanh", "abs")
    pairs = {
        f"{name} {kind.__name__}": [kind(name, depth=depth, weight_var=2.0 if name == "relu" else 1.0) for depth in (1, 30)]
        for name in names
        for kind in (mh.gradient_kernel, mh.ntk)
    }  # fmt: skip
    times: dict[str, list[tuple[float, float]]] = {key: [] for key in pairs}

    def seconds(kernel) -> float:
        start = time.process_time()
        mh.gram(X, kernel, storage="packed", threads=1)
        return time.process_time() - start

    def run() -> None:
        for key, (one, deep) in pairs.items():
            times[key].append((seconds(one), seconds(deep)))

    for one, deep in pairs.values():  # compiled
        seconds(one), seconds(deep)
    benchmark.pedantic(run, rounds=15)
    ratios = {
        key: median(b for _, b in both) / median(a for a, _ in both) for key, both in times.items()
    }
    say(f"n={n}, d={d}: " + ", ".join(f"{key} {ratio:.2f}" for key, ratio in ratios.items()))
    benchmark.extra_info.update(ratios)
    assert max(ratios.values()) <= 1.1


@pytest.mark.benchmark(group="fill")
def test_fill_numpy(benchmark, say):
    """The same matrix as a dense array, by NumPy's closed form."""
    X = WIDE.points()
    benchmark.pedantic(lambda: numpy_gram(X), rounds=3, warmup_rounds=1)
    say(f"{WIDE}: NumPy {median(benchmark.stats.stats.data):.3f} s")
