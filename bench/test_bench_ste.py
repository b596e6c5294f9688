"""Straight-through estimators: closed forms against sampling over seeds, what a draw costs, and networks of few bits on real images.

    python -m pytest bench/test_bench_ste.py -s

Which estimator trains networks of few bits best is an outcome, not a claim: the table is printed, and what is asserted is that they learn.
"""

from __future__ import annotations

import gzip
import statistics
import time

import numpy as np
import pytest

from cases import data_file, fashion_mnist
from mehler.studies import ste
from mehler.studies.ste.experiment import Plan, Trained, band, trained

LABELS = "fashion-mnist-train-labels-idx1-ubyte.gz"
SEEDS = 20


def deviation(seed: int, draws: int) -> float:
    """Of the entry that is furthest off, in standard errors; m = 5, n = 6."""
    rng = np.random.default_rng(seed)
    v, v_star = rng.standard_normal((2, 5))
    w, w_star = rng.standard_normal((2, 6))
    at = (v, w, v_star, w_star)
    one = ste.sampled_gradient(*at, draws=draws, rng=seed)
    pairs = [(ste.population_loss(*at), one.loss, one.loss_error), (ste.loss_gradient(*at)[0], one.dv, one.dv_error)]  # fmt: skip
    pairs += [(ste.coarse_gradient(e, *at), one.coarse[e], one.coarse_error[e]) for e in ste.ESTIMATORS]  # fmt: skip
    return max(float(np.max(np.abs((np.asarray(a) - b) / e))) for a, b, e in pairs)


@pytest.mark.benchmark(group="ste")
def test_a1_over_seeds(benchmark, say):
    """4,000,000 draws of twenty problems: the furthest entry in standard errors; the bound is 5."""

    def run() -> list[float]:
        return [deviation(seed, 4_000_000) for seed in range(SEEDS)]

    off = benchmark.pedantic(run, rounds=1)
    say(f"  worst {max(off):.2f}, median over seeds {statistics.median(off):.2f}")
    assert max(off) < 5.0


@pytest.mark.benchmark(group="ste")
def test_a_draw_beside_numpy(benchmark, say):
    """One draw of all three estimators (m = 5, n = 6, one thread), beside the same in NumPy by batches of 10,000."""
    rng = np.random.default_rng(0)
    v, v_star = rng.standard_normal((2, 5))
    w, w_star = rng.standard_normal((2, 6))

    def numpy_batch() -> None:
        Z = rng.standard_normal((10_000, 5, 6))
        a = Z @ w
        on = a > 0.0
        e = on @ v - (Z @ w_star > 0.0) @ v_star
        for slope in (np.ones_like(a), on, on & (a < 1.0)):
            g = np.einsum("tin,ti->tn", Z, slope * v) * e[:, None]
            g.sum(axis=0), (g * g).sum(axis=0)

    ratios, own = [], 0.0
    for _ in range(5):
        start = time.process_time()
        ste.sampled_gradient(v, w, v_star, w_star, draws=200_000, threads=1)
        own = (time.process_time() - start) / 200_000
        start = time.process_time()
        for _ in range(5):
            numpy_batch()
        ratios.append((time.process_time() - start) / 50_000 / own)
    ratio = statistics.median(ratios)
    say(f"  {1e9 * own:.0f} ns a draw; NumPy takes {ratio:.1f} times as long")
    assert ratio > 2.0
    benchmark.pedantic(lambda: None, rounds=1)


@pytest.mark.slow
@pytest.mark.benchmark(group="ste")
def test_few_bits_on_images(benchmark, say):
    """Fashion-MNIST, 12,000 images, 784-128-128-128-128-10, 2 and 4 bits, 5 seeds: training loss and validation accuracy with 95 % of the mean."""
    if not data_file(LABELS).exists():
        pytest.skip(f"no {LABELS}; name its folder by MEHLER_DATA")
    X = fashion_mnist(12_000)
    with gzip.open(data_file(LABELS)) as file:
        y = np.frombuffer(file.read()[8 : 8 + len(X)], np.uint8).astype(np.int64)
    out: list[Trained] = []
    plan = Plan(bits=(2, 4), seeds=5, hidden=(128,) * 4, float_epochs=5, epochs=10)
    benchmark.pedantic(lambda: trained(X, y, "images", plan, 20, lambda _: None, out), rounds=1)
    for bits in plan.bits:
        for e in ste.ESTIMATORS:
            runs = out[0].of(bits, e)
            loss, loss_half = band([r.training_loss for r in runs])
            share, half = band([100.0 * r.accuracy for r in runs])
            gap, gap_half = band([100.0 * d for d in out[0].paired(bits, e, "relu", "accuracy")])
            say(
                f"  {bits} bits {e:8}: loss {loss:.3f} +- {loss_half:.3f}, accuracy {share:.2f} +- {half:.2f} %, less relu {gap:+.2f} +- {gap_half:.2f}"
            )
            assert share > 70.0  # ten classes: it learns
