"""One product with packed storage: is it as fast as memory can be read?

Claim (b): one packed product reaches at least 80 % of the measured memory stream, and four vectors
cost at most 1.6 times one.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import pytest

import mehler as mh
from cases import PRODUCT
from mehler import _core

THREADS = 2
STREAM_BYTES = 2**30


@pytest.fixture(scope="module", params=["float64", "float32"])
def K(request):
    X = PRODUCT.points()
    return mh.gram(X, mh.gradient_kernel("relu"), storage="packed", dtype=request.param)


def timed(action: Callable[[], object], into: list[float]) -> Callable[[], None]:
    def run() -> None:
        begin = perf_counter()
        action()
        into.append(perf_counter() - begin)

    return run


def check_product(K, V: np.ndarray) -> None:
    """Some rows of K V against the closed form."""
    X = PRODUCT.points()
    rows = np.linspace(0, len(X) - 1, 5).astype(int)
    R = np.clip(X[rows] @ X.T, -1.0, 1.0)
    R[np.arange(len(rows)), rows] = 1.0
    expected = (R * (0.25 + np.arcsin(R) / (2.0 * np.pi))) @ V
    eps = np.finfo(K.dtype).eps
    # rounding of entries and of sums, of which sqrt(n) at most pull the same way
    size = (np.abs(R) * (0.25 + np.abs(np.arcsin(R)) / (2.0 * np.pi))) @ np.abs(V)
    np.testing.assert_allclose((K @ V)[rows], expected, rtol=0, atol=eps * size.max())


@pytest.mark.benchmark(group="product")
def test_one_vector(benchmark, say, K):
    """(b) one packed product against the memory stream."""
    v = np.random.default_rng(0).standard_normal((len(PRODUCT.points()), 1))
    v /= np.linalg.norm(v)
    check_product(K, v)
    rates: list[float] = []
    benchmark.pedantic(
        lambda: K @ v,
        setup=lambda: rates.append(_core.bench_stream(STREAM_BYTES, THREADS)),
        rounds=9,
        warmup_rounds=1,
    )
    seconds = median(benchmark.stats.stats.data)
    rate, stream = K.nbytes / seconds / 1e9, median(rates)
    benchmark.extra_info.update(rate=rate, stream=stream, ratio=rate / stream)
    say(
        f"{PRODUCT} {K.dtype}: {seconds * 1e3:.1f} ms, {rate:.1f} GB/s of {stream:.1f} GB/s, "
        f"{rate / stream:.0%} (claim: >= 80 %)"
    )
    assert rate >= 0.8 * stream


@pytest.mark.benchmark(group="product")
def test_four_vectors(benchmark, say, K):
    """(b) four vectors against one."""
    V = np.random.default_rng(0).standard_normal((len(PRODUCT.points()), 4))
    V /= np.linalg.norm(V, axis=0)
    check_product(K, V)
    v = np.ascontiguousarray(V[:, :1])
    one: list[float] = []
    benchmark.pedantic(lambda: K @ V, setup=timed(lambda: K @ v, one), rounds=9, warmup_rounds=1)
    seconds, single = median(benchmark.stats.stats.data), median(one)
    benchmark.extra_info.update(ratio=seconds / single)
    say(
        f"{PRODUCT} {K.dtype}: four {seconds * 1e3:.1f} ms, one {single * 1e3:.1f} ms, "
        f"ratio {seconds / single:.2f} (claim: <= 1.6)"
    )
    assert seconds <= 1.6 * single
