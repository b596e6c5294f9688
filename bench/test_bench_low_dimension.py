"""Few dimensions, where the bottom of the spectrum is local: solver, certificate, a million points.

Sphere, ReLU unless said. Products are block products of width four (preconditioned) or two (Lanczos).

    python -m pytest bench/test_bench_low_dimension.py -s
"""

from __future__ import annotations

import resource
import time
import warnings

import numpy as np
import pytest

import mehler as mh
from cases import Case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::mehler.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning"),
]


def once(benchmark, work):
    """One run: minutes are not repeated."""
    start = time.perf_counter()
    result = benchmark.pedantic(work, rounds=1)
    return result, time.perf_counter() - start


def line(r, seconds: float) -> str:
    return (
        f"{r.value:.9g} [{r.lower:.9g}, {r.upper:.9g}] {r.status}, {r.applications} products, "
        f"{seconds:.1f} s, {r.method}"
    )


def test_three_dimensions(benchmark, say):
    """n=20,000, d=3: within 20 block products, equal to shift-invert to 1e-6."""
    X = Case("sphere", 20_000, 3, 4).points()
    ours, seconds = once(
        benchmark,
        lambda: mh.min_eig(
            X, "relu", method="preconditioned", precision="double", certify="theory"
        ),
    )
    say(line(ours, seconds))
    start = time.perf_counter()
    other = mh.min_eig(X, "relu", method="shift-invert", certify="theory")
    say(line(other, time.perf_counter() - start))
    start = time.perf_counter()
    plain = mh.min_eig(X, "relu", method="lanczos", certify="theory", time_limit=240)
    say(line(plain, time.perf_counter() - start))
    assert ours.resolved and other.resolved
    assert abs(ours.value / other.value - 1.0) < 1e-6
    assert ours.applications <= 20


def test_five_dimensions_without_storage(benchmark, say):
    """n=50,000, d=5, matrix-free: within 30 block products."""
    X = Case("sphere", 50_000, 5, 4).points()
    r, seconds = once(
        benchmark,
        lambda: mh.min_eig(X, "relu", method="preconditioned", certify="theory", max_memory="2GB"),
    )
    say(line(r, seconds))
    assert r.resolved and "matrix-free" in r.method and r.applications <= 30


def test_the_third_value_does_not_fool(benchmark, say):
    """n=12,000, d=5, seed 4: lowest values 0.00152541, 0.00153456, 0.00167187; every method."""
    X = Case("sphere", 12_000, 5, 4).points()
    r, seconds = once(benchmark, lambda: mh.min_eig(X, "relu", method="preconditioned"))
    say(line(r, seconds))
    for method in ("lanczos", "shift-invert"):
        other = mh.min_eig(X, "relu", method=method, certify="theory")
        say(line(other, other.seconds))
        assert other.resolved and abs(other.value / 0.00152541 - 1.0) < 5e-6
    assert r.resolved and abs(r.value / 0.00152541 - 1.0) < 5e-6


def test_beyond_the_square_root_of_two_to_the_31(benchmark, say):
    """n=50,000, d=20: two methods agree, and no principal submatrix lies below."""
    X = Case("sphere", 50_000, 20, 4).points()
    r, seconds = once(benchmark, lambda: mh.min_eig(X, "relu", certify="theory", max_memory="12GB"))
    say(line(r, seconds))
    other = mh.min_eig(X, "relu", method="lanczos", certify="theory", max_memory="12GB")
    say(line(other, other.seconds))
    assert r.resolved and other.resolved and abs(r.value / other.value - 1.0) < 1e-6
    heavy = np.argsort(-np.abs(r.vector))[:3000]
    part = mh.min_eig(X[np.sort(heavy)], "relu")
    say(f"principal submatrix of 3,000 points where the vector is largest: {part.value:.9g}")
    assert r.value <= part.upper


@pytest.mark.parametrize("name", ["relu", "selu"])
@pytest.mark.parametrize("d", [3, 5])
def test_certificate(benchmark, say, name, d):
    """n=20,000: lower >= (1 - 1e-6) value, by at most 200 products."""
    X = Case("sphere", 20_000, d, 4).points()
    plain = mh.min_eig(X, name, method="preconditioned", certify="theory")
    r, seconds = once(
        benchmark, lambda: mh.min_eig(X, name, method="preconditioned", certify="preconditioned")
    )
    used = r.certificate_products
    say(f"{name} d={d}: {line(r, seconds)}; without a certificate {plain.seconds:.1f} s")
    say(f"1 - lower / value = {1.0 - r.lower / r.value:.1e}, by {used} products")
    assert r.lower >= (1.0 - 1e-6) * r.value and used <= 200


@pytest.mark.parametrize("name", ["relu", "elu"])
def test_certificate_of_images(benchmark, say, name):
    """Fashion-MNIST, n=20,000: at least 0.9 of the value where the slope jumps; ELU says how far it got."""
    X = Case("fashion-mnist", 20_000, 784).points()
    plain = mh.min_eig(X, name, certify="theory")
    r, seconds = once(benchmark, lambda: mh.min_eig(X, name, certify="preconditioned"))
    say(f"{name}: {line(r, seconds)}; without a certificate {plain.seconds:.1f} s")
    say(f"lower / value = {r.lower / r.value:.9f}, by {r.certificate_products} products")
    if name == "elu" and r.lower < 0.9 * r.value:
        say(r.message)
        assert r.message.startswith("certified to ")
    else:
        assert r.lower >= 0.9 * r.value


@pytest.mark.parametrize("n", [5_000, 10_000, 20_000])
def test_how_near_the_estimate_is(benchmark, say, n):
    """The sparse inverse by itself, against shift-invert, in three and five dimensions."""
    for name, d in (("relu", 3), ("selu", 3), ("elu", 3), ("relu", 5), ("selu", 5)):
        X = Case("sphere", n, d, 4).points()
        true = mh.min_eig(X, name, method="shift-invert", certify="theory")
        if not true.resolved:
            say(f"{name} d={d} n={n:,}: not above rounding: <= {true.upper:.1e}")
            continue
        if (name, d) == ("relu", 3):
            r, _ = once(benchmark, lambda X=X: mh.min_eig(X, "relu", method="sparse-inverse"))
        else:
            r = mh.min_eig(X, name, method="sparse-inverse", certify="theory")
        say(
            f"{name} d={d} n={n:,}: error {r.value / true.value - 1.0:+.1e}, change {r.change:.0e}, "
            f"upper {r.upper / true.value - 1.0:+.1e}, {r.seconds:.1f} s; shift-invert {true.seconds:.1f} s"
        )
        assert r.upper >= true.value * (1.0 - 1e-6) and abs(r.value / true.value - 1.0) < 0.1


def test_a_million_points(benchmark, say):
    """Sphere, d=3, n=1,000,000: under ten minutes and 12 GB, with the change and an upper bound."""
    X = Case("sphere", 1_000_000, 3, 4).points()
    r, seconds = once(benchmark, lambda: mh.min_eig(X, "relu", method="sparse-inverse"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    say(str(r))
    say(f"{seconds:.0f} s, peak {peak:.1f} GiB of this process, change {r.change:.1e}")
    assert seconds < 600.0 and peak < 12.0 and r.value <= 1.01 * r.upper and r.change < 1e-2


def test_warnings_are_not_errors_here():
    """An estimate warns that it is not resolved."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        mh.min_eig(Case("sphere", 3_000, 3).points(), "relu", method="sparse-inverse")
    assert [w.category for w in seen] == [mh.ConvergenceWarning]
