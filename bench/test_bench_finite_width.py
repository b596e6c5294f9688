"""Finite width: math.md's table of widths to a million, the half circle below double precision, and its price.

Truth below eps is the same network in 80-bit arithmetic: features and Householder reflections in NumPy's
longdouble (64 bits of mantissa), whose own floor lies seven decades lower.
"""

from __future__ import annotations

import statistics
import time
import warnings

import numpy as np
import pytest

import mehler as mh

WIDTHS = (1000, 10_000, 100_000, 1_000_000)
REPORTED = {  # full circle; a network of each width, and the limit
    ("tanh", 31): (1.4e-12, 2.3e-11, 7.1e-11, 9.0e-11, 9.466e-11),
    ("tanh", 51): (2.9e-21, 2.5e-18, 5.9e-17, 2.6e-16, 9.382e-16),
    ("silu", 31): (2e-20, 5e-18, 2e-17, 9e-17, 1.500e-16),
    ("relu", 51): (3.6e-3, 4.8e-3, 4.9e-3, 4.94e-3, 4.949e-3),
    ("elu", 51): (7.3e-6, 9.7e-6, 10.0e-6, 10.1e-6, 1.0094e-5),
}
LONG = {
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
    "silu": lambda z: (1 + np.exp(-z) * (1 + z)) / (1 + np.exp(-z)) ** 2,
}


def lowest(*args, **options) -> tuple[mh.EigenResult, float]:
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        found = mh.min_eig(*args, **options)
    return found, time.perf_counter() - start


def householder(A: np.ndarray) -> np.ndarray:
    """R of A = Q R in the precision of A."""
    A = A.copy()
    for j in range(A.shape[1]):
        v = A[j:, j].copy()
        v[0] += np.copysign(np.sqrt(v @ v), v[0])
        v /= np.sqrt(v @ v)
        A[j:, j:] -= np.multiply.outer(2 * v, v @ A[j:, j:])
    return np.triu(A[: A.shape[1]])


def in_long_double(X: np.ndarray, name: str, width: int, seed: int) -> float:
    """lambda_min of the same network: features and factor in 80 bits, then 50-digit singular values."""
    import mpmath

    rng, n = np.random.default_rng(seed), len(X)
    R = np.zeros((0, n), np.longdouble)
    for start in range(0, width, 20_000):
        W = rng.standard_normal((min(20_000, width - start), X.shape[1])).astype(np.longdouble)
        R = householder(np.vstack([R, LONG[name](W @ X.T.astype(np.longdouble))]))
    R = householder(np.vstack([R * column for column in X.T.astype(np.longdouble)]))
    with mpmath.mp.workdps(50):
        high = R.astype(np.float64)
        low = (R - high).astype(np.float64)
        exact = mpmath.mp.matrix(high.tolist()) + mpmath.mp.matrix(low.tolist())
        return float(mpmath.mp.svd_r(exact, compute_uv=False)[n - 1] ** 2 / width)


@pytest.mark.benchmark(group="finite width")
def test_widths_to_a_million(benchmark, say):
    """Five seeds each: the known value lies within their spread, seconds each."""
    say("activation, n: median of five seeds (seconds) at width 1e3, 1e4, 1e5, 1e6; the limit")
    slowest = 0.0
    for (name, n), known in REPORTED.items():
        X, cells = mh.generate("circle-full", n=n, d=2), []
        for width, value in zip(WIDTHS, known, strict=False):
            runs = [lowest(X, name, width=width, rng=seed, tol=0.1) for seed in range(5)]
            logs = np.log([r.value for r, _ in runs])
            room = max(0.5 * np.ptp(logs), 0.03)
            assert logs.min() - room <= np.log(value) <= logs.max() + room, (name, n, width)
            seconds = statistics.median(s for _, s in runs)
            slowest = max(slowest, seconds)
            cells.append(f"{np.exp(np.median(logs)):.3g} ({seconds:.2f} s)")
        say(f"{name:5} {n}: {'  '.join(cells)}; {known[-1]:.4g}")
    assert slowest < 20.0
    X = mh.generate("circle-full", n=51, d=2)
    benchmark.pedantic(lambda: lowest(X, "tanh", width=10**6, rng=0), rounds=3)


@pytest.mark.slow
@pytest.mark.benchmark(group="finite width")
@pytest.mark.parametrize("name", ["tanh", "silu"])
def test_half_circle_below_double_precision(benchmark, say, name):
    """n = 50, width 1e6: the factored route, 80-bit truth, and what numpy.linalg.eigvalsh says of the same G."""
    X = mh.generate("circle-half", n=50, d=2)
    found = benchmark.pedantic(lambda: lowest(X, name, width=10**6, rng=0, tol=1e-3)[0], rounds=1)
    G = np.asarray(mh.feature_gram(X, name, width=10**6, rng=0, storage="dense"))
    truth = in_long_double(X, name, 10**6, 0)
    assert found.lower <= truth <= found.upper
    say(
        f"{name}: truth {truth:.4e}; factored {found.value:.4e} in [{found.lower:.2e}, {found.upper:.2e}], "
        f"{found.status}, {found.seconds:.1f} s; eigvalsh {np.linalg.eigvalsh(G)[0]:.1e}"
    )


@pytest.mark.benchmark(group="finite width")
def test_rotations_against_lapack(benchmark, say):
    """Singular values of a factor: one-sided Jacobi against LAPACK's bidiagonal route."""
    say("n, sweeps, seconds of jacobi_svd and of numpy.linalg.svd")
    for n in (51, 500, 1000):
        X = np.random.default_rng(0).standard_normal((n, 3))
        R = np.array(mh.feature_gram(X, "tanh", width=4 * n, rng=0, storage="factor").factor)
        start = time.perf_counter()
        ours = mh._core.jacobi_svd(R, mh._core.default_threads())
        middle = time.perf_counter()
        theirs = np.linalg.svd(R, compute_uv=True)[1]
        end = time.perf_counter()
        assert np.abs(ours["values"] - theirs).max() < 1e-12 * theirs[0]
        say(f"{n:5} {ours['sweeps']:3} {middle - start:8.3f} {end - middle:8.3f}")
    benchmark.pedantic(lambda: mh._core.jacobi_svd(R, 2), rounds=1)
