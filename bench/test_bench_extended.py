"""Below double precision: how fast, and never a wrong digit called certain.

Claims:
(x1) the double-double factor takes at most 40 times as long as the float64 one, n=2000;
(x2) ... and is at least 20 times faster than python-flint's solve at 128 bits, 1000 times faster than
     mpmath's factorisation, per multiplication and addition (n=200 and n=40 there);
(x3) tanh on the sphere, d=3, n=3000, from points to bounds in under 3 minutes on two cores;
(x4) over 500 random problems, no enclosure misses the truth (balls), and no value called resolved is off by
     more than tol.
"""

from __future__ import annotations

import time
import warnings
from statistics import median

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler.operators.points import core_points
from mehler.solvers import extended

THREADS = 2
NAMES = ("tanh", "swish", "gelu", "softplus", "arctan", "erf", "sigmoid", "mish", "gaussian", "sin")


def seconds(work, rounds=3) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def matrices(n: int):
    """Points in the core in double, and the kernel matrix in double-double."""
    X = mh.generate("sphere-random", n=n, d=10, rng=0)
    ker = mh.gradient_kernel("tanh")
    U = _core.ExtendedPoints(X, 0, THREADS)
    K = _core.ExtendedMatrix(U, extended.series(ker).compiled, THREADS)
    return X, core_points(X, ker, THREADS), ker.h.compiled, K


@pytest.mark.benchmark(group="extended")
def test_factor_against_float64(benchmark, say):
    """(x1) in one run, by turns."""
    _, points, profile, K = matrices(2000)
    ratios, times = [], []

    def once() -> None:
        F = _core.Cholesky64(points, profile, 0.0, THREADS)
        single = seconds(lambda: F.factor(THREADS), 1)
        double = seconds(lambda: _core.ExtendedCholesky(K, (0.0, 0.0), THREADS), 1)
        ratios.append(double / single)
        times.append((single, double))

    once()
    benchmark.pedantic(once, rounds=5)
    ratio = median(ratios)
    say(
        f"n=2000: float64 {times[-1][0]:.3f} s, double-double {times[-1][1]:.3f} s, ratio {ratio:.1f}"
    )
    assert ratio <= 40.0


@pytest.mark.benchmark(group="extended")
def test_factor_against_flint_and_mpmath(benchmark, say):
    """(x2): ours at n=2000, theirs at sizes that end, all per n^3."""
    flint = pytest.importorskip("flint")
    from mpmath import mp

    _, _, _, K = matrices(2000)
    ours = seconds(lambda: _core.ExtendedCholesky(K, (0.0, 0.0), 1)) / (2000**3 / 6)
    _, _, _, small = matrices(200)
    hi, lo = small.dense()
    arb = flint.arb
    with flint.ctx.workprec(128):
        A = flint.arb_mat(
            [
                [arb(a) + arb(b) for a, b in zip(*row, strict=True)]
                for row in zip(hi, lo, strict=True)
            ]
        )
        B = flint.arb_mat([[arb(1)] for _ in range(200)])
        balls = seconds(lambda: A.solve(B, algorithm="lu"), 1) / (200**3 / 3)  # LU: twice the work
    with mp.workprec(106):
        M = mp.matrix(40, 40)
        for i in range(40):
            for j in range(40):
                M[i, j] = mp.mpf(hi[i, j]) + mp.mpf(lo[i, j])
        slow = seconds(lambda: mp.cholesky(M), 1) / (40**3 / 6)
    benchmark.pedantic(lambda: None, rounds=1)
    say(
        f"a multiplication and addition, one thread: double-double {1e9 * ours:.2f} ns, "
        f"balls of 128 bits {1e9 * balls:.0f} ns ({balls / ours:.0f} x), mpmath {1e9 * slow:.0f} ns ({slow / ours:.0f} x)"
    )
    assert balls >= 20.0 * ours and slow >= 1000.0 * ours


@pytest.mark.benchmark(group="extended")
def test_sphere(benchmark, say):
    """(x3)"""
    X = mh.generate("sphere-random", n=3000, d=3, rng=0)
    found = []

    def run() -> None:
        found.append(mh.min_eig(X, "tanh", precision="extended", tol=1e-2, threads=THREADS))

    benchmark.pedantic(run, rounds=1)
    r = found[0]
    say(
        f"tanh, sphere, d=3, n=3000: {r.value:.10g} in [{r.lower:.10g}, {r.upper:.10g}], {r.seconds:.1f} s"
    )
    assert r.resolved and r.lower_kind == "factorisation" and r.seconds < 180.0


def problem(seed: int):
    """Points of the circle or the sphere, sometimes with a near pair, and an activation."""
    g = np.random.default_rng(seed)
    n, d = int(g.integers(3, 50)), int(g.integers(2, 5))
    X = g.standard_normal((n, d))
    if g.random() < 0.3:
        X[0] = X[1] + 10.0 ** g.uniform(-14, -2) * g.standard_normal(d)
    options = {"bias_var": 0.5} if g.random() < 0.2 else {}
    options |= {"weight_var": 0.5} if g.random() < 0.2 else {}
    options |= {"kernel": "nngp"} if g.random() < 0.2 else {}
    return X, NAMES[int(g.integers(len(NAMES)))], options


def judge(seed: int) -> tuple[str, bool, float]:
    """(what is wrong or '', resolved, error / floor)."""
    X, name, options = problem(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t = mh.min_eig(X, name, precision="exact", tol=1e-9, normalize=True, **options)
        r = mh.min_eig(X, name, precision="extended", normalize=True, **options)
    if t.method == "structure" or not t.resolved:
        return "", False, 0.0
    error = abs(r.value - t.value)
    said = f"seed {seed}: {name} n={len(X)} {options}: {r.value!r} [{r.lower!r}, {r.upper!r}] {r.status}, true {t.value!r}"
    wrong = r.lower > t.upper or t.lower > r.upper
    wrong = wrong or (r.resolved and error > (1e-6 + 1e-9) * t.value)
    wrong = wrong or error > r.floor + r.residual + 1e-9 * t.value
    return said if wrong else "", r.resolved, error / r.floor


@pytest.mark.slow
@pytest.mark.benchmark(group="extended")
def test_never_a_wrong_digit(benchmark, say):
    """(x4)"""
    answers = []
    benchmark.pedantic(lambda: answers.extend(judge(seed) for seed in range(500)), rounds=1)
    problems = [a[0] for a in answers if a[0]]
    say(
        f"500 problems, {sum(a[1] for a in answers)} resolved, {len(problems)} wrong; "
        f"largest error {max(a[2] for a in answers):.2f} of the floor"
    )
    assert not problems, "\n".join(problems)
