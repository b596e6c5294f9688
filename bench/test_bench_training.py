"""Training: math's table of gradient descent, steps against the GEMMs in them, and the loss of real images predicted.

    python -m pytest bench/test_bench_training.py

The table names neither its labels nor its seed: the signs and the seed of tests/training/test_train.py give its rows. Below
1e-2 a loss depends on which network was drawn (weights move by more than the residual that is left): there a factor of 2.5
is asked for, above it 10 %.
"""

from __future__ import annotations

import os
import resource
import statistics
import time

import numpy as np
import pytest

import mehler as mh
from mehler._progress import Reporter
from mehler.training.descent import Descent
from mehler.training.setting import setting_of
from mehler.training.watch import Watch

STEPS = (0, 100, 300, 1000, 3000)
SIGNS = 2.0 * np.array([0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1]) - 1.0
REPORTED = {
    "relu": (12.2, 6.2e-3, 1e-6, 1e-17),
    "selu": (16.6, 2.36, 0.54, 1e-2, 3.7e-7),
    "elu": (14.3, 4.42, 2.68, 0.55, 1.3e-2),
    "tanh": (13.1, 7.6, 6.1, 4.2, 2.4),
    "silu": (12.4, 3.5, 1.9, 1.1, 0.67),
}


@pytest.mark.slow
@pytest.mark.benchmark(group="training")
def test_table_of_gradient_descent(benchmark, say):
    """n = 11 on the circle, m = 20,000, eta = 1 / lambda_max: |f - y|^2, reported / trained / predicted."""
    X = mh.generate("circle-full", n=11, d=2)

    def run() -> None:
        for name, row in REPORTED.items():
            steps = STEPS[: len(row)]
            r = mh.train(X, SIGNS, name, 20_000, steps[-1], record=steps, gram=False, rng=21)
            cells = []
            for reported, seen in zip(row, r.rows, strict=True):
                got = 2.0 * seen.loss
                cells.append(
                    f"{seen.step}: {reported:.3g} / {got:.3g} / {2.0 * seen.predicted:.3g}"
                )
                if reported > 1e-2:
                    assert got == pytest.approx(reported, rel=0.10), (name, seen.step)
                else:
                    assert reported / 2.5 < got < 2.5 * reported, (name, seen.step)
            say(f"  {name:5} {'  '.join(cells)}   {1e3 * r.step_seconds:.2g} ms a step")

    benchmark.pedantic(run, rounds=1)


@pytest.mark.benchmark(group="training")
@pytest.mark.parametrize(
    ("n", "m", "d"), [(2000, 4000, 100), (50, 1_000_000, 2), (4000, 10_000, 784)]
)
def test_step_against_its_products(benchmark, say, n, m, d):
    """A step beside its two GEMMs (4 n m d flops), in turn; the rest is phi and phi', here ns for each activation."""
    X = np.random.default_rng(0).standard_normal((n, d))
    X /= np.linalg.norm(X, axis=1)[:, None]
    for dtype in ("float32", "float64"):
        for act in ("relu", "tanh", "selu"):
            net, _ = setting_of(
                X, mh.gradient_kernel(act), 1, m, None, None, 0,
                init="unit", parameterization="ntk", train_bias=None,
            )  # fmt: skip
            W, P = net.weights.astype(dtype), X.astype(dtype)
            y, watch = np.sign(X[:, :1]), Watch(Reporter(None, None))
            with Descent(net, y, np.dtype(dtype), 2, 8 * 10**9, watch, n) as descent:
                Z, G = np.empty((m, n), dtype), np.empty((m, d), dtype)
                floors, steps = [], []
                for _ in range(4):
                    start = time.perf_counter()
                    np.matmul(W, P.T, out=Z)
                    np.matmul(Z, P, out=G)
                    floors.append(time.perf_counter() - start)
                    start = time.perf_counter()
                    descent.residuals(downhill=True)
                    descent.move(1e-4)
                    steps.append(time.perf_counter() - start)
            step, floor = min(steps), min(floors)
            ratio = statistics.median(s / f for s, f in zip(steps, floors, strict=True))
            each = 1e9 * (step - floor) / (n * m)
            say(
                f"  {act:5} {dtype}: {step:.3f} s, products {floor:.3f} s, ratio {ratio:.2f}, {each:.1f} ns"
            )
            if d >= 784:
                assert ratio < 2.5
    benchmark.pedantic(lambda: None, rounds=1)


@pytest.mark.slow
@pytest.mark.benchmark(group="training")
def test_images(benchmark, say):
    """10,000 points of 784 coordinates (images, where MEHLER_IMAGES names a file), width 10,000, float32."""
    file = os.environ.get("MEHLER_IMAGES")
    if file:
        X = mh.normalize(mh.load(file)[:10_000])
    else:
        X = mh.generate("subspace-random", n=10_000, d=784, span=50, rng=0)
    y = np.sign(np.random.default_rng(0).standard_normal(10_000))

    def run() -> mh.Training:
        return mh.train(X, y, "relu", 10_000, 10, rng=0, dtype="float32")

    r = benchmark.pedantic(run, rounds=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    say(
        f"  {r.step_seconds:.2f} s a step, {r.seconds:.0f} s in all; loss {r.losses[0]:.1f} to {r.loss:.1f}, predicted "
        f"{r.rows[-1].predicted:.1f}; allocated {r.nbytes / 1e9:.2f} GB, peak of the process {peak / 1e9:.2f} GB"
    )
    say(f"  {r.prediction.applications} products; {r.prediction.iterations(0.1 * r.losses[0])}")
    for row in r.rows:
        assert row.loss == pytest.approx(row.predicted, rel=0.02)
