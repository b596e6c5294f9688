"""Frozen random features: what the range of the weights lets through (E1), errors and ranks over ranges and widths (E2, E3)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mehler.studies import random_features as rf
from mehler.studies.random_features import table

# -- E1: the tail, the kernel ----------------------------------------------------------------------


def gauss(x: np.ndarray) -> np.ndarray:
    """The self-admissible activation, written out."""
    return x * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def energy_inside(lam: float, s: float) -> float:
    """int_{|a| <= lam} |R f|^2 / |f|^2 of f = exp(-x^2 / 2 s^2), from the definition of R alone.

    x and b by the trapezoidal rule, a by Gauss-Legendre on both signs at once: R f(-a, b) = R f(a, -b) of an even f.
    """
    x = np.linspace(-9.0 * s, 9.0 * s, 145)
    f = np.exp(-0.5 * (x / s) ** 2) * (x[1] - x[0])
    node, weight = np.polynomial.legendre.leggauss(40)
    total = 0.0
    for a, w in zip(0.5 * lam * (node + 1.0), 0.5 * lam * weight, strict=True):
        reach = 9.0 * (1.0 + a * s)
        b = np.linspace(-reach, reach, 161)
        R = gauss(a * x[None, :] - b[:, None]) @ f
        total += 2.0 * w * float(R @ R) * (b[1] - b[0])
    return total / (s * math.sqrt(math.pi))


def test_e1_tail_is_the_energy_outside_the_box():
    """1 - tau of the closed form, of the quadrature over u and of R f itself: to 1e-8. Deterministic, no seeds; 6 pairs
    (lam, s), worst seen 6e-15 (against R f) and 2e-16 (closed form against quadrature)."""
    for lam, s in [(0.5, 1.0), (1.0, 1.0), (3.0, 1.0), (1.0, 0.3), (8.0, 0.3), (0.2, 2.0)]:
        tau = rf.gaussian_tail(lam, s)
        assert 1.0 - tau == pytest.approx(1.0 / math.sqrt(1.0 + 1.0 / (lam * s) ** 2), rel=1e-14)
        assert 1.0 - tau == pytest.approx(energy_inside(lam, s), abs=1e-8)
        other = rf.tail(lambda x, s=s: np.exp(-0.5 * (x / s) ** 2), lam, (-12.0 * s, 12.0 * s))
        assert tau == pytest.approx(other, abs=1e-12)


def test_tails_have_digits_where_they_are_small():
    """mpmath, 40 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        for x in (1e-8, 1e-3, 0.7, 1.5, 30.0, 1e7, 1e150):
            exact = 1 - 1 / mpmath.sqrt(1 + 1 / mpmath.mpf(x) ** 2)
            assert rf.gaussian_tail(x) == pytest.approx(float(exact), rel=4e-16)
    assert rf.gaussian_tail(1e-200) == 1.0
    small = rf.tail(lambda x: np.exp(-x * x), 1e4, (-8.0, 8.0))
    assert small == pytest.approx(rf.gaussian_tail(1e4, math.sqrt(0.5)), rel=1e-9)


@pytest.mark.parametrize("lam", [0.05, 1e-3, 1e-5, 1e-12])
def test_tails_of_small_boxes(lam):
    """1 / lam samples were wanted, and a smooth target was called one with jumps."""
    assert 1.0 - rf.tail(lambda x: np.exp(-0.5 * x * x), lam) == pytest.approx(
        1.0 - rf.gaussian_tail(lam), rel=1e-9, abs=4e-16
    )
    both = rf.tail(lambda x: np.exp(-0.5 * x * x), np.array([lam, 2.0]))
    assert both == pytest.approx([rf.gaussian_tail(lam), rf.gaussian_tail(2.0)], rel=1e-9)


def test_e1_kernel_is_the_mean_over_the_box():
    """lam / (2 sqrt(pi)) exp(-lam^2 (x - x')^2 / 4) against Monte Carlo over a and b, 2e5 draws, within 5 standard errors.

    Re-measured over 40 seeds, 5 pairs of points and 3 ranges each: worst 2.7 standard errors."""
    x = np.array([0.0, 0.15, 0.4, 1.0])
    for lam in (0.5, 2.0, 6.0):
        rng = np.random.default_rng(11)
        a = rng.uniform(-lam, lam, 200_000)
        edge = lam + 7.0  # |a x - b| > 7 beyond: sigma is nothing there
        b = rng.uniform(-edge, edge, len(a))
        S = gauss(np.outer(a, x) - b[:, None])
        K = rf.band_limited_kernel(x, x, lam)
        for i, j in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 2)]:
            sample = 4.0 * lam * edge * S[:, i] * S[:, j]
            error = float(np.std(sample)) / math.sqrt(len(sample))
            assert abs(float(np.mean(sample)) - K[i, j]) < 5.0 * error


def test_kernel_multiplies_the_fourier_transform():
    """S_V S_V^t on samples of exp(-x^2/2): the transform times exp(-u^2/lam^2) is a wider Gaussian."""
    x = np.linspace(-12.0, 12.0, 601)
    for lam in (1.0, 4.0):
        y = rf.band_limited_kernel(x, x, lam) @ np.exp(-0.5 * x * x) * (x[1] - x[0])
        wide = 1.0 + 2.0 / lam**2
        np.testing.assert_allclose(y, np.exp(-0.5 * x * x / wide) / math.sqrt(wide), atol=1e-10)


def test_band_bound_is_sharp_and_holds():
    assert rf.band_bound(0.75) == 0.5 and rf.band_bound(0.0) == 0.0 and rf.band_bound(1.0) == 1.0
    assert rf.band_bound(1e-14) == pytest.approx(5e-15, rel=1e-12)
    np.testing.assert_allclose(rf.band_bound([0.75, 0.36], cap=0.5), [0.75, 0.6])
    assert rf.band_bound(0.75, cap=3.0) == 0.0
    # g = c P_V R f attains it along f up to the part of S g off f: |f - S g| >= (1 - B sqrt(1 - tau)) |f| on a grid
    x = np.linspace(-20.0, 20.0, 1201)
    h, f = x[1] - x[0], np.exp(-0.5 * x * x)
    for lam in (0.5, 1.0, 3.0):
        share = 1.0 - rf.gaussian_tail(lam)
        Sg = (
            rf.band_limited_kernel(x, x, lam) @ f * h / math.sqrt(share)
        )  # g = P_V R f / |P_V R f| |f|
        left = np.linalg.norm(f - Sg) / np.linalg.norm(f)
        assert left >= rf.band_bound(1.0 - share) * (1.0 - 1e-9)


# -- E2, E3: the table -----------------------------------------------------------------------------


def test_e2_a_small_box_stops_a_smooth_layer_a_large_one_does_not():
    """sigmoid, medians of 15 draws (seeds 0 to 14): error(400) / error(25) > 0.95 and rank <= 12 at range 1; error(400) < 0.002
    at range 100; ratio of ranges > 30.

    Re-measured over 100 seeds: the ratio of widths is never below 0.9937, the rank always 8. The error at range 100 is below
    0.002 in 58 draws of 100 (worst 0.028), its median is 0.0016, that of ratios 40. A median of few draws may miss the bound
    (of 5 in 34 % of resampled groups, of 15 in 24 %): these seeds do not, and bench/test_bench_random_features.py takes all 100.
    """
    small = [rf.width_errors("sigmoid", 1.0, (25, 400), seed) for seed in range(15)]
    large = [rf.width_errors("sigmoid", 100.0, (400,), seed) for seed in range(15)]
    assert min(rows[1].rmse / rows[0].rmse for rows in small) > 0.95
    assert max(rows[1].rank for rows in small) <= 12
    last, wide = (float(np.median([rows[-1].rmse for rows in found])) for found in (small, large))
    assert wide < 0.002 and last / wide > 30.0


def test_e3_a_homogeneous_layer_does_not_know_its_box():
    """ReLU predictions of ranges 1, 10 and 200, the same draws: equal to 1e-6; those of sigmoid differ.

    Re-measured over 30 seeds: worst difference 1.5e-8 (targets up to 0.5); sigmoid's are never below 0.15."""
    x, _ = table.draws("relu", 1.0, 400, 3, 1000)
    grid, y = np.linspace(0.0, 1.0, 300), rf.bumps(x)

    def predictions(act: str, lam: float) -> np.ndarray:
        layer = table.draws(act, lam, 400, 3, 1000)[1]
        return layer(grid) @ rf.ReadOut(layer(x), y).least_squares().coefficients

    relu, sigmoid = predictions("relu", 1.0), predictions("sigmoid", 1.0)
    for lam in (10.0, 200.0):
        assert np.abs(predictions("relu", lam) - relu).max() < 1e-6
        assert np.abs(predictions("sigmoid", lam) - sigmoid).max() > 1e-3


def test_rank_of_kinks_is_counted_by_hand():
    """ReLU on a line: kinks inside [0, 1] that stand between points, plus the constant and the linear function."""
    rows = rf.width_errors("relu", 5.0, (50, 200), seed=2, n=2000)
    _, layer = table.draws("relu", 5.0, 200, 2, 2000)
    kinks = layer.biases / layer.weights[:, 0]
    for row in rows:
        inside = np.sum((kinks[: row.width] > 0.0) & (kinks[: row.width] < 1.0))
        assert inside <= row.rank <= inside + 2
