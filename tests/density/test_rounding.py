"""Intervals of sums hold the truth where rounding of the sums themselves is what is left: large ridges, equal values, tiny and large matrices."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import mehler as mh

mp.mp.dps = 50


def holds(interval: mh.Interval, truth: mp.mpf) -> None:
    assert interval.lower <= interval.upper
    assert mp.mpf(interval.lower) <= truth <= mp.mpf(interval.upper), (interval, truth)
    assert np.isnan(interval.value) or interval.lower <= interval.value <= interval.upper


@pytest.mark.parametrize(
    ("method", "n"),
    [("dense", n) for n in (1, 2, 5, 30, 300)] + [("quadrature", n) for n in (5, 30, 300)],
)
@pytest.mark.parametrize("c", [0.0, 1e-9, 1e-3, 1 / 3, 7.3, 1e6])
def test_multiples_of_the_identity(method, n, c):
    for ends in ((10, 20), (0, 0)):
        d = mh.spectrum(c * np.eye(n), method=method, ends=ends, rng=0)
        C = mp.mpf(c)
        for ridge in (1e-3, 0.1, 1.0, 1e9):
            s = mp.mpf(ridge)
            holds(d.logdet(ridge), n * mp.log(C + s))
            holds(d.trace_inverse(ridge), n / (C + s))
            holds(d.degrees_of_freedom(ridge), n * C / (C + s))


@pytest.mark.parametrize("method", ["dense", "quadrature"])
@pytest.mark.parametrize("size", [1e-9, 1.0])
def test_a_ridge_far_above_the_matrix(method, size):
    X = mh.generate("sphere-random", n=120, d=10, rng=0)
    K = size * np.asarray(mh.gram(X, "relu"))
    values = np.linalg.eigvalsh(
        K
    )  # the sums are made in higher precision; these are right to 1e-15 |K|
    d = mh.spectrum(K, method=method, rng=0)
    for ridge in (size, 1e3 * size, 1e6 * size, 1e9 * size):
        share = mp.fsum(mp.mpf(v) / (mp.mpf(v) + mp.mpf(ridge)) for v in values)
        log = mp.fsum(mp.log(mp.mpf(v) + mp.mpf(ridge)) for v in values)
        near = 1e-13 * len(values)
        for found, truth in ((d.degrees_of_freedom(ridge), share), (d.logdet(ridge), log)):
            assert (
                found.lower - near * abs(float(truth))
                <= truth
                <= found.upper + near * abs(float(truth))
            )
        assert (
            abs(d.degrees_of_freedom(ridge).value - share)
            <= (1e-12 if method == "dense" else 1e-2) * share
        )
    if method == "dense":
        small = mh.spectrum(np.array([[1e-9]])).logdet(1.0)
        holds(small, mp.log1p(mp.mpf(1e-9)))
        assert abs(small.value - 1e-9) < 1e-17


def test_an_array_that_is_symmetric_to_rounding_is_its_symmetric_part_within_the_bounds():
    B = np.array([[2.0, 0.5, 0.1], [0.5, 3.0, 0.2], [0.1, 0.2, 1.0]])
    B[0, 1] += 1e-10
    part = mp.matrix(3)
    for i in range(3):
        for j in range(3):
            part[i, j] = (mp.mpf(B[i, j]) + mp.mpf(B[j, i])) / 2
    values = sorted(mp.eigsy(part, eigvals_only=True))
    d = mh.spectrum(B)
    holds(d.smallest, values[0])
    holds(d.largest, values[2])
    holds(d.logdet(), mp.fsum(mp.log(v) for v in values))
    assert d.logdet().upper - d.logdet().lower < 1e-9


def test_bounds_of_counts_do_not_cross():
    """Where chance has left no whole number that is likely, at a low level."""
    A = np.diag([0.0437, 0.0651, 0.1220, 0.1304, 0.2866, 0.9910])
    for seed in range(200):
        d = mh.spectrum(
            A, method="quadrature", probes=40, steps=5, ends=(1, 1), level=0.5, rng=seed
        )
        for x in (0.0651, 0.1, 0.2):
            found = d.count_below(x)
            assert found.lower <= found.value <= found.upper


@pytest.mark.parametrize("ends", [(10, 20), (2, 2), (1, 1)])
def test_equal_values_have_no_slope(ends):
    """All but one lie within rounding of each other: what a line through them says is noise."""
    n = 200
    v = np.random.default_rng(0).standard_normal(n)
    v /= np.linalg.norm(v)
    d = mh.spectrum(np.eye(n) + 1e4 * np.outer(v, v), method="quadrature", ends=ends, rng=0)
    s, top = mp.mpf(1e-3), 1 + mp.mpf(10) ** 4
    share = (n - 1) / (1 + s) + top / (top + s)
    found = d.degrees_of_freedom(1e-3)
    holds(found, share)
    assert found.upper - found.lower < 0.02 and found.upper <= n
    inverse = d.trace_inverse(1e-9)
    assert inverse.lower <= 199.0001 - 2e-7 <= inverse.upper < 1e6


@pytest.mark.filterwarnings("error")
def test_a_ridge_far_below_the_matrix():
    for values, ridge in (([1e100, 2e100], 1e-220), ([1e-5, 1.0], 5e-324), ([1e30, 1.0], 1e-300)):
        found = mh.spectrum(np.diag(values)).logdet(ridge)
        holds(found, mp.fsum(mp.log(mp.mpf(v) + mp.mpf(ridge)) for v in values))
