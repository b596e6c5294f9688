"""Frozen random features: the table of error against range over 100 draws, a path of ridges against solves, ridge solves with images.

python -m pytest bench/test_bench_random_features.py
"""

from __future__ import annotations

import time

import numpy as np
import pytest

import mehler as mh
from cases import FASHION_MNIST, data_file, fashion_mnist
from mehler.studies import random_features as rf

DRAWS = 100


@pytest.mark.slow
@pytest.mark.benchmark(group="random features")
def test_ranges_over_many_draws(benchmark, say):
    """E2 over 100 draws of points and weights, 1,000 points: medians and worst."""

    def run() -> None:
        small = [rf.width_errors("sigmoid", 1.0, (25, 400), seed) for seed in range(DRAWS)]
        large = [rf.width_errors("sigmoid", 100.0, (400,), seed)[0] for seed in range(DRAWS)]
        share = min(rows[1].rmse / rows[0].rmse for rows in small)
        ranks = {rows[1].rank for rows in small}
        errors = np.array([r.rmse for r in large])
        ratios = np.array([rows[1].rmse for rows in small]) / errors
        say(f"  range 1:   error(400) / error(25) >= {share:.4f}, rank {sorted(ranks)}")
        say(
            f"  range 100: error(400) median {np.median(errors):.2g}, worst {errors.max():.2g}, below 0.002 in {np.sum(errors < 0.002)}"
        )
        say(f"  ratio of ranges: median {np.median(ratios):.3g}, least {ratios.min():.2g}")
        assert share > 0.95 and max(ranks) <= 12
        assert np.median(errors) < 0.002 and np.median(ratios) > 30.0

    benchmark.pedantic(run, rounds=1)


@pytest.mark.benchmark(group="random features")
def test_path_of_ridges(benchmark, say):
    """65 ridges, n = 2,000, L = 400: one decomposition against a solve of the normal equations each."""
    x = np.random.default_rng(0).random(2000)
    H, y = rf.frozen_layer("tanh", 400, lam=20.0, rng=0)(x), rf.bumps(x)

    def run() -> None:
        start = time.process_time()
        fit = rf.ReadOut(H, y)
        ridges = np.logspace(-4, 2, 65) * fit.singular_values[0]
        path = fit.path(ridges)
        ours = time.process_time() - start
        start = time.process_time()
        C = [np.linalg.solve(H.T @ H + r * np.eye(400), H.T @ y) for r in ridges]
        each = time.process_time() - start
        error = max(
            abs(np.linalg.norm(y - H @ c) / p - 1.0) for c, p in zip(C, path.residuals, strict=True)
        )
        say(
            f"  path {ours:.2f} s, one by one {each:.2f} s of processor time; residuals differ by {error:.0e}"
        )
        assert error < 1e-6 and ours < each

    benchmark.pedantic(run, rounds=1)


@pytest.mark.slow
@pytest.mark.benchmark(group="random features")
def test_kernel_ridge_of_images(benchmark, say):
    """Conjugate kernel of 2,500 images, ten classes, ridge 1e-4 of the diagonal: mh.solve to a true residual of 1e-6."""
    n, labelled = 2_500, "fashion-mnist-train-labels-idx1-ubyte.gz"
    if not (data_file(FASHION_MNIST).exists() and data_file(labelled).exists()):
        pytest.skip("no Fashion-MNIST")
    X = mh.normalize(fashion_mnist(n))
    labels = np.asarray(mh.load(data_file(labelled), rows=n)).reshape(-1).astype(int)
    K = mh.gram(X, mh.nngp("relu", weight_var=1 / 3, bias_var=1 / 3), dtype="float32")
    r = 1e-4 * float(np.mean(K.diagonal()))

    def run() -> None:
        iterations = {}
        for name in (None, "landmarks", "sparse", "cholesky"):
            start = time.process_time()
            a = mh.solve(K, np.eye(10)[labels], shift=r, preconditioner=name, tol=1e-6)
            took = time.process_time() - start
            iterations[name] = int(np.max(a.iterations))
            say(
                f"  {name!s:10} {iterations[name]:4} iterations, residual {np.max(a.residual):.0e}, {took:.1f} s of processor time"
            )
            assert a.status == "resolved" and np.max(a.residual) <= 1e-6
        assert 3 * iterations["landmarks"] < iterations[None]

    benchmark.pedantic(run, rounds=1)
