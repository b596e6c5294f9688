"""Quadratic units: the acceptance bounds over many seeds, steps of descent against their products, and uniqueness by an SDP solver.

    python -m pytest bench/test_bench_quadratic.py

c1 to c5 are those of tests/studies/quadratic/, there at one seed each.
"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from mehler.studies import quadratic

SEEDS = range(20)


@pytest.mark.benchmark(group="quadratic")
def test_c1_loss_against_monte_carlo(benchmark, say):
    """2e6 draws: |formula - mean| in standard errors, 20 seeds."""

    def run() -> None:
        for d, m_star in ((6, 2), (3, 3)):
            off = []
            for seed in SEEDS:
                rng = np.random.default_rng([seed, d])
                A = quadratic.matrix_of(rng.standard_normal((2 * d, d)))
                T = quadratic.matrix_of(rng.standard_normal((m_star, d)))
                total = squares = 0.0
                for _ in range(10):
                    x = rng.standard_normal((200_000, d))
                    part = 0.25 * np.sum((x @ (A - T)) * x, axis=1) ** 2
                    total += float(np.sum(part))
                    squares += float(np.sum(part**2))
                mean = total / 2e6
                error = math.sqrt((squares / 2e6 - mean**2) / 2e6)
                off.append(abs(quadratic.population_loss(A, T) - mean) / error)
            say(f"  d={d} m*={m_star}: worst of {len(off)} seeds {max(off):.2f} standard errors")
            assert max(off) < 5.0

    benchmark.pedantic(run, rounds=1)


@pytest.mark.benchmark(group="quadratic")
def test_c2_constant_of_the_rate(benchmark, say):
    """E t^2 over its limit at t = 256: Gaussian starts and teachers, 20 seeds; and A = I with a teacher of eigenvalues one."""

    def run() -> None:
        for d, m_star in ((8, 1), (8, 3), (12, 2)):
            constant = quadratic.rate_constant(d, m_star) / 256.0**2
            off = []
            for seed in SEEDS:
                rng = np.random.default_rng([seed, d, m_star])
                A = quadratic.matrix_of(rng.standard_normal((2 * d, d)))
                T = quadratic.matrix_of(rng.standard_normal((m_star, d)))
                off.append(abs(quadratic.population_flow(A, T, [256.0]).losses[0] / constant - 1.0))
            plain = np.diag([1.0] * m_star + [0.0] * (d - m_star))
            easy = quadratic.population_flow(np.eye(d), plain, [256.0]).losses[0] / constant - 1.0
            inside = sum(x < 0.02 for x in off)
            say(
                f"  d={d:2} m*={m_star}: within 2 % {inside} of {len(off)} seeds, median {np.median(off):.2%}, worst {max(off):.2%}; A = I {easy:.2%}"
            )
            assert inside >= 19 and abs(easy) < 0.02

    benchmark.pedantic(run, rounds=1)


@pytest.mark.benchmark(group="quadratic")
def test_c4_success_of_descent(benchmark, say):
    """Five scans of 24 trials: the least and the largest proportion of a scan of 24, and of all 120."""

    def run() -> None:
        for m_star in (1, 2):
            n_c = quadratic.critical_samples(8, m_star)
            samples = [n_c - 3, n_c, n_c + 4, n_c + 8]
            scans = [quadratic.threshold_scan(8, m_star, samples, trials=24, rng=s) for s in range(5)]  # fmt: skip
            for n in samples:
                p = [s.at(n) for s in scans]
                all_of_them = quadratic.Proportion(sum(q.successes for q in p), 24 * len(p))
                low, high = all_of_them.band
                say(
                    f"  m*={m_star} n={n:2} (n_c{n - n_c:+d}): {all_of_them.value:.3f} ({low:.3f} to {high:.3f}), "
                    f"scans {min(q.value for q in p):.2f} to {max(q.value for q in p):.2f}, still moving {sum(s.moving(n) for s in scans)}"
                )
                if n == n_c - 3:
                    assert all(q.value <= 0.4 for q in p)
                if n == n_c + 8:
                    assert all(q.value >= 0.9 for q in p)

    benchmark.pedantic(run, rounds=1)


@pytest.mark.benchmark(group="quadratic")
def test_c5_certificates(benchmark, say):
    """Twenty times 4,000 trials: distances from .43, .175 and .07 in binomial standard errors, and the pooled probability."""

    def run() -> None:
        for d, known in ((3, 0.43), (4, 0.175), (5, 0.07)):
            p = [quadratic.certificate_probability(d, 4000, s) for s in SEEDS]
            error = math.sqrt(known * (1.0 - known) / 4000)
            worst = max(abs(q.value - known) / error for q in p)
            pooled = quadratic.Proportion(sum(q.successes for q in p), 4000 * len(p))
            say(
                f"  d={d}: {pooled.value:.4f} +- {pooled.error:.4f} against {known}; worst of {len(p)} seeds {worst:.2f} standard errors"
            )
            assert worst < 4.0

    benchmark.pedantic(run, rounds=1)


@pytest.mark.benchmark(group="quadratic")
@pytest.mark.parametrize(("n", "d", "m"), [(20, 8, 16), (200, 20, 40), (2_000, 50, 100)])
def test_steps_against_numpy(benchmark, say, n, d, m):
    """Processor time of a step beside the same two products in NumPy, one thread each; 4 n m d flops."""
    rng = np.random.default_rng(0)
    X, W, w = rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.standard_normal(d)
    y = (X @ w) ** 2
    steps = max(20, int(4e8 / (4 * n * m * d)))
    eta = quadratic.largest_step(X, y, W)

    def numpy_steps(count: int) -> np.ndarray:
        V = W.copy()
        for _ in range(count):
            Z = X @ V.T
            r = np.mean(Z * Z, axis=1) - y
            V -= eta / n * (Z * r[:, None]).T @ X
        return V

    start = time.process_time()
    found = quadratic.descend(X, y, W, steps, step_size=eta, tol=0.0, threads=1)
    ours = (time.process_time() - start) / steps
    few = max(10, steps // 10)
    start = time.process_time()
    numpy_steps(few)
    theirs = (time.process_time() - start) / few
    say(
        f"  n={n} d={d} m={m}: {1e6 * ours:.2f} us a step, {4e-9 * n * m * d / ours:.2f} GFlop/s; NumPy {1e6 * theirs:.2f} us"
    )
    few = min(steps, 50)
    ends = quadratic.descend(X, y, W, few, step_size=eta, tol=0.0, threads=1).weights[0]
    np.testing.assert_allclose(ends, numpy_steps(few), rtol=1e-8, atol=1e-10)
    assert found.steps[0] == steps
    benchmark.pedantic(lambda: None, rounds=1)


def test_certificate_against_an_sdp_solver(say):
    """n = d + 1: the feasible set has no width along a random direction exactly when the certificate says so. Needs cvxpy."""
    cp = pytest.importorskip("cvxpy")
    agree = failed = total = 0
    for d in (3, 4):
        rng = np.random.default_rng([17, d])
        for _ in range(40):
            X, w, R = (rng.standard_normal(s) for s in ((d + 1, d), d, (d, d)))
            R = (R + R.T) / 2.0
            unique = bool(quadratic.certificate(X, w).unique[0])
            A = cp.Variable((d, d), PSD=True)
            fits = [cp.sum(cp.multiply(np.outer(x, x), A)) == float((x @ w) ** 2) for x in X]
            ends = []
            for goal in (cp.Maximize, cp.Minimize):
                problem = cp.Problem(goal(cp.sum(cp.multiply(R, A))), fits)
                try:
                    ends.append(problem.solve(solver=cp.CLARABEL))
                except cp.SolverError:  # it fails on sets of one point now and then
                    ends.append(None)
            total += 1
            if any(e is None or not math.isfinite(e) for e in ends):
                failed += 1
                continue
            agree += unique == (abs(ends[0] - ends[1]) < 1e-3 * np.linalg.norm(R) * (w @ w))
    say(
        f"  certificate and SDP agree in {agree} of {total - failed}; the solver failed in {failed}"
    )
    assert failed <= total // 10 and agree >= 0.97 * (total - failed)
