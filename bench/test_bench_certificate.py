"""The certificate: two thousand hard matrices against exact arithmetic, and what it costs at n = 5,000.

Truth is decided in integers (tests/exact.py) for exactly the doubles of each matrix: K - lower I has no
negative eigenvalue, K - upper I is not positive definite.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf

import mehler as mh

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from exact import is_lower, is_upper, semidefinite
from hard_matrices import FAMILIES, hadamard
from reference import exact_gram
from spectra import sphere

METHODS = ("dense", "lanczos", "shift-invert")
EACH = 140  # of 14 families
EXACT = 42  # of each order of those whose spectrum is exact
Answer = tuple[list[mh.EigenResult], mh.Definiteness]


def answers(K: np.ndarray, seed: int) -> Answer:
    """Every method's certified eigenvalue, and whether K is positive semidefinite."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.ConvergenceWarning)
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        found = [mh.eigsh(K, method=m, certify="rigorous", rng=seed) for m in METHODS]
    return found, mh.check_psd(K)


def row(name: str, all_of_them: list[Answer], wrong: int) -> str:
    results = [r for found, _ in all_of_them for r in found]
    resolved = [r for r in results if r.resolved]
    widths = [(r.upper - r.lower) / abs(r.value) for r in resolved if r.value]
    words = [c.psd for _, c in all_of_them]
    width = f"{statistics.median(widths):.0e}" if widths else "-"
    return (
        f"{name:22} {len(all_of_them):5} {len(resolved):5} of {len(results):4} {wrong:5} {width:>7}"
        f" {words.count(True):5} {words.count(False):5} {words.count(None):5}"
    )


@pytest.mark.slow
@pytest.mark.benchmark(group="certificate")
def test_never_a_wrong_bound(benchmark, say):
    """lower <= lambda_min <= upper by every method, exactly; K is never called definite when it is not."""
    say(
        f"{'family':22} count resolved of 3 wrong median (upper - lower) / |value| of the resolved, psd yes / no / open"
    )
    totals = {"matrices": 0, "wrong": 0}

    def family(name: str, members: list[tuple[np.ndarray, int]], judge: Callable[..., int]) -> None:
        seen, wrong = [], 0
        for K, seed in members:
            answer = answers(K, seed)
            wrong += judge(K, seed, *answer)
            seen.append(answer)
        totals["matrices"] += len(members)
        totals["wrong"] += wrong
        say(row(name, seen, wrong))

    def exactly(K, seed, results, psd) -> int:
        lower = max([psd.lower, *(r.lower for r in results)])
        upper = min([psd.upper, *(r.upper for r in results)])
        good = is_lower(K, lower) and is_upper(K, upper)
        good = good and (psd.psd is None or psd.psd == semidefinite(K))
        return 0 if good else 1

    def known(K, seed, results, psd) -> int:
        truth = hadamard(int(np.log2(len(K))), seed)[1]
        good = all(r.lower <= truth <= r.upper for r in [*results, psd])
        return 0 if good and (psd.psd is None or psd.psd == (truth >= 0.0)) else 1

    def run() -> None:
        for name, make in FAMILIES.items():
            family(name, [(make(s), s) for s in range(1000, 1000 + EACH)], exactly)
        for order in (6, 9):
            many = [(hadamard(order, s)[0], s) for s in range(EXACT)]
            family(f"exact spectrum, n={2**order}", many, known)

    benchmark.pedantic(run, rounds=1)
    say(f"{totals['matrices']} matrices, {totals['wrong']} wrong")
    assert totals["matrices"] >= 2000 and totals["wrong"] == 0


def positive_pivots(K, s) -> bool:
    """Whether K - s I is positive definite, K a matrix of mpmath."""
    A = K - s * mp.eye(K.rows)
    for k in range(A.rows):
        if A[k, k] <= 0:
            return False
        for i in range(k + 1, A.rows):
            for j in range(k + 1, i + 1):
                A[i, j] -= A[i, k] * A[j, k] / A[k, k]
    return True


@pytest.mark.slow
@pytest.mark.benchmark(group="certificate")
def test_kernels_of_near_points(benchmark, say):
    """Kernels of exactly these points, near-duplicates and near-antipodes among them, against 30 digits."""
    methods = ("dense", "lanczos", "shift-invert", "preconditioned")
    count = {"cases": 0, "wrong": 0, "factorisation": 0, "bounds": 0}

    def run() -> None:
        for seed in range(60):
            rng = np.random.default_rng([5, seed])
            n, d, name = (
                int(rng.integers(5, 15)),
                int(rng.integers(2, 5)),
                ("relu", "abs", "leaky_relu")[seed % 3],
            )
            X = sphere(n, d, seed)
            X[1] = X[0] + 10.0 ** -rng.uniform(1, 7) * X[2]
            X[4] = -X[3] + 10.0 ** -rng.uniform(1, 7) * X[2]
            X /= np.linalg.norm(X, axis=1)[:, None]
            exact = exact_gram(X, name)
            count["cases"] += 1
            for method in methods:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", mh.PrecisionWarning)
                    warnings.simplefilter("ignore", mh.ConvergenceWarning)
                    r = mh.min_eig(X, name, method=method, certify="rigorous", rng=seed)
                with mp.workdps(30):
                    low = r.lower == 0.0 or positive_pivots(exact, mpf(r.lower))
                    good = low and not positive_pivots(exact, mpf(r.upper))
                count["wrong"] += not good
                count["bounds"] += 1
                count["factorisation"] += r.lower_kind == "factorisation"

    benchmark.pedantic(run, rounds=1)
    say(str(count))
    assert count["wrong"] == 0 and count["factorisation"] > 0.5 * count["bounds"]


@pytest.mark.slow
@pytest.mark.benchmark(group="certificate")
def test_one_negative_eigenvalue_is_always_called(benchmark, say):
    """One eigenvalue -1e-10 |K|, n up to 2,000: check_psd says no, every time."""
    from spectra import with_spectrum

    sizes = [2, 3, 10, 50, 200, 500, 1000, 2000]
    found: list[tuple[int, bool | None]] = []

    def run() -> None:
        for n in sizes:
            for seed in range(10 if n <= 500 else 2):
                K = with_spectrum(np.r_[-1e-10, np.linspace(0.1, 1.0, n - 1)], seed)
                found.append((n, mh.check_psd(K).psd))

    benchmark.pedantic(run, rounds=1)
    say(f"{len(found)} matrices of n = {sizes}: {sum(p is False for _, p in found)} answered no")
    assert all(p is False for _, p in found)


@pytest.mark.parametrize("name", ["relu", "selu"])
@pytest.mark.benchmark(group="certificate")
def test_price_at_five_thousand(benchmark, say, name):
    """n=5,000 on the sphere in d=50: rigorous to 1e-6 of the value, beside the run without it."""
    X = sphere(5000, 50, seed=0)
    mh.gradient_kernel(name).h  # noqa: B018  compiled once, by either
    times: dict[str, list[float]] = {"none": [], "rigorous": []}
    clock: dict[str, list[float]] = {"none": [], "rigorous": []}
    last: dict[str, mh.EigenResult] = {}

    def run() -> None:
        for certify in ("none", "rigorous"):
            start, cpu = time.perf_counter(), time.process_time()
            last[certify] = mh.min_eig(X, name, certify=certify, rng=0)
            clock[certify].append(time.perf_counter() - start)
            times[certify].append(time.process_time() - cpu)

    benchmark.pedantic(run, rounds=3)
    r = last["rigorous"]
    width = (r.upper - r.lower) / r.value
    cpu, wall = (
        {k: statistics.median(v) for k, v in measured.items()} for measured in (times, clock)
    )
    say(
        f"{name}: value {r.value:.8g}, (upper - lower) / value {width:.1e}; without {wall['none']:.2f} s ("
        f"{cpu['none']:.2f} s of processor), with {wall['rigorous']:.2f} s ({cpu['rigorous']:.2f} s): "
        f"{cpu['rigorous'] / cpu['none']:.2f} times"
    )
    assert r.resolved and r.lower_kind == "factorisation" and r.message == ""
    assert width <= 1e-6
    assert r.lower <= last["none"].value * (1.0 + 1e-12) and last["none"].value <= r.upper * (
        1 + 1e-12
    )
