"""Traces of functions: what the proof of an interval rests on, each against the measure itself."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from lanczos_reference import recurrence

import mehler as mh
from mehler.density import traces
from mehler.density.functions import SQUARE, MinusLog, Quadratic, Ratio, Slip
from mehler.density.probes import Probes
from spectra import with_spectrum

FUNCTIONS = {
    "inverse": Ratio(0.0),
    "ridge": Ratio(0.01, 0.3),
    "share": Ratio(0.01, 0.0, -1.0),
    "log": MinusLog(0.0),
    "log of large values": MinusLog(2.0, offset=1.5),
    "square": SQUARE,
    "quadratic": Quadratic(1.0, -3.0, 2.0),
}
SPECTRA = {
    "geometric": np.geomspace(1e-4, 10.0, 60),
    "clusters": np.concatenate([1e-3 * (1 + 1e-7 * np.arange(20)), 1.0 + 1e-3 * np.arange(20), [50.0]]),
    "one far below": np.append(1e-6, np.linspace(1.0, 2.0, 40)),
    "equal but one": np.append(np.full(30, 0.5), 3.0),
}  # fmt: skip


def seen(values, probes, steps, seed=0):
    """Probes of diag(values), and the weights v_m^2 themselves, (M, n)."""
    g = np.random.default_rng(seed).standard_normal((probes, len(values)))
    A, steps = np.diag(values), min(steps, len(np.unique(values)))
    rules = [recurrence(A, v, steps) for v in g]
    alpha, beta = (np.array([r[i] for r in rules]).T for i in (0, 1))
    if steps == len(np.unique(values)):
        beta[-1] = 0.0  # the space is all
    return Probes(len(values), np.sum(g * g, axis=1), alpha, beta, (steps,) * probes), g * g


@pytest.mark.parametrize("values", SPECTRA.values(), ids=SPECTRA)
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("steps", [2, 3, 7, 15])
def test_the_two_rules_bracket_what_squares_consist_of(f, values, steps):
    """Gauss <= int phi dmu <= Radau, and the bound of W is one, for slopes and centres of all signs."""
    probes, weights = seen(values, 2, steps)
    a, b = values[0] * (1 - 1e-3), values[-1]
    slip = Slip(a, b, 0.0, 0.0)
    t = 3.0
    first = probes.gauss(0)
    (x, w), (z, v) = probes.gauss(1), probes.radau(1, a)
    z = np.maximum(z, a)
    for slope in (0.0, -0.7, 2.0):
        for _, phi in [(1.0, f), *f.parts(slope, 0.3, b)]:
            exact = float(weights[1] @ phi(values))
            size = 1e-9 * float(weights[1] @ np.abs(phi(values))) + 1e-300
            assert float(w @ phi(x)) - size <= exact <= float(v @ phi(z)) + size
        y = traces._spread(
            f, slope, slip, (first[0], first[1] / first[1].sum()), [((x, w), (z, v))], t
        )
        r = f(values) - slope * values
        c = float(first[1] @ (f(first[0]) - slope * first[0])) / first[1].sum()
        widest, W = np.max((r - c) ** 2), float(weights[1] @ (r - c) ** 2)
        assert y >= (math.sqrt(widest * t) + math.sqrt(widest * t + W)) * (1 - 1e-9)


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_parts_are_the_square_but_for_powers(f):
    """(f - s x - c)^2 minus its parts is a polynomial that both rules integrate: divided differences say so."""
    x = np.linspace(0.5, 4.0, 12)
    slope, centre = -0.8, 0.45
    rest = (f(x) - slope * x - centre) ** 2
    rest -= sum((k * phi(x) for k, phi in f.parts(slope, centre, 4.0)), np.zeros(12))
    degree = 4 if isinstance(f, Quadratic) else 2
    size = float(np.max(np.abs(rest)))
    left = rest - np.polynomial.Polynomial.fit(x, rest, degree)(x)
    assert np.max(np.abs(left)) < 1e-12 * size
    fit = np.polynomial.Polynomial.fit(x, f(x), degree)
    assert isinstance(f, Quadratic) or np.max(np.abs(f(x) - fit(x))) > 1e-6


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("slip", [Slip(0.01, 3.0, 1e-3, 0.0), Slip(0.01, 3.0, 1e-4, 1e-3)])
def test_a_function_below_and_one_above(f, slip):
    g = np.random.default_rng(0)
    x = np.geomspace(slip.low, slip.high, 500)
    below, above = f.between(slip)
    for share in (-1.0, 1.0, *g.uniform(-1, 1, 20)):
        there = f(x + share * (slip.intercept + slip.gradient * x))
        assert np.all(below(x) <= there + 1e-12 * np.abs(there))
        assert np.all(there <= above(x) + 1e-12 * np.abs(there))
    far = np.max(above(x) - below(x))
    assert 0.0 < far < 0.5 * np.max(np.abs(f(x)))
    if isinstance(f, Quadratic):  # both signs of eigenvalues, and nothing but rounding
        wide = Slip(-2.0, 1.0, 0.1, 0.0)
        x = np.linspace(-2.0, 1.0, 301)
        below, above = f.between(wide)
        for d in (-0.1, 0.0, 0.07, 0.1):
            assert np.all(below(x) <= f(x + d) + 1e-12) and np.all(f(x + d) <= above(x) + 1e-12)


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_least_and_greatest_value(f):
    x = np.linspace(0.02, 3.0, 200001)
    for slope in (-30.0, -1.0, -0.1, 0.0, 2.0):
        low, high = traces._range(f, slope, 0.02, 3.0)
        r = f(x) - slope * x
        assert low <= np.min(r) + 1e-12 and np.max(r) <= high + 1e-12
        assert low >= np.min(r) - 1e-6 * (1 + abs(low)) and high <= np.max(r) + 1e-12


@pytest.mark.parametrize("level", [0.5, 0.9, 0.9999])
@pytest.mark.parametrize("trace_known", [True, False])
def test_misses_are_as_rare_as_said(level, trace_known):
    """Two probes, few steps, spectra far from even: 150 runs of each, all functions."""
    for values in SPECTRA.values():
        lost = dict.fromkeys(FUNCTIONS, 0)
        trace = float(np.sum(values)) if trace_known else math.nan
        slip = Slip(values[0] * (1 - 1e-9), values[-1] * (1 + 1e-9), 1e-15, 0.0)
        for seed in range(25):
            probes, _ = seen(values, 3, 6, seed)
            for name, f in FUNCTIONS.items():
                interval = traces.interval_of(probes, f, slip, trace, level)
                exact, size = float(np.sum(f(values))), 1e-9 * float(np.sum(np.abs(f(values))))
                lost[name] += not interval.lower - size <= exact <= interval.upper + size
        assert max(lost.values()) <= 25 * (1.0 - level), lost


@pytest.mark.parametrize("power", [-400, 430])
def test_units_change_nothing(power):
    """Squares of squares would leave the range of doubles: intervals of c K are those of K times c."""
    values, c = np.geomspace(1e-3, 1.0, 60), 2.0**power
    trace = float(np.sum(values))
    one = traces.interval_of(seen(values, 3, 6)[0], SQUARE, Slip(5e-4, 1.0, 1e-15, 0.0), trace, 0.9)
    probes = Probes(60, *(x * s for x, s in zip(_arrays(seen(values, 3, 6)[0]), (1.0, c, c), strict=True)), (6,) * 3)  # fmt: skip
    other = traces.interval_of(probes, SQUARE, Slip(5e-4 * c, c, 1e-15 * c, 0.0), trace * c, 0.9)
    assert one.upper - one.lower > 1.0
    np.testing.assert_allclose(np.array(other) / c**2, one, rtol=1e-9)


def _arrays(probes):
    return probes.squares, probes.alpha, probes.beta


def test_a_pole_within_reach_gives_no_bound():
    probes, _ = seen(np.linspace(0.1, 1.0, 20), 3, 5)
    slip = Slip(1e-3, 1.0, 2e-3, 0.0)  # at 1e-3 an eigenvalue may be zero
    for f in (Ratio(0.0), MinusLog(0.0)):
        assert traces.interval_of(probes, f, slip, math.nan, 0.9) == pytest.approx(traces.NOTHING, nan_ok=True)  # fmt: skip
    assert math.isfinite(traces.interval_of(probes, Ratio(0.01), slip, math.nan, 0.9).upper)


@pytest.mark.parametrize(
    "values",
    [
        np.full(40, 2.5),
        np.concatenate([np.zeros(20), np.linspace(1.0, 2.0, 30)]),
        np.concatenate([np.full(15, 1e-3), np.full(25, 1.0), np.full(10, 7.0)]),
        np.concatenate([-np.linspace(0.5, 3.0, 25), np.linspace(0.1, 2.0, 25)]),
        np.array([2.0]),
        np.array([-1.0, 4.0]),
        np.array([1e-3, 1.0, 30.0]),
        np.geomspace(1e-8, 1.0, 50),
        1e100 * np.geomspace(1e-3, 1.0, 30),
        1e-100 * np.geomspace(1e-3, 1.0, 30),
    ],
    ids=["equal", "rank 30 of 50", "three values", "indefinite", "n=1", "n=2", "n=3", "condition 1e8", "huge", "tiny"],
)  # fmt: skip
@pytest.mark.parametrize("level", [0.5, 0.9999])
def test_hostile_spectra(values, level):
    """Every summary holds the truth or says that it has no bound."""
    A = with_spectrum(np.sort(values))
    values = np.sort(values)
    ridge = 0.3 * float(np.max(np.abs(values)))
    for ends in (0, 2, (0, 3), (3, 0)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mh.ConvergenceWarning)
            d = mh.spectrum(A, method="quadrature", probes=4, steps=8, ends=ends, level=level, rng=3)  # fmt: skip
        truths = [(np.sum(values**2), d.frobenius_squared), (np.sum(values), d.trace), (values[0], d.smallest), (values[-1], d.largest)]  # fmt: skip
        if values[0] > -0.9 * ridge:
            shifted = values + ridge
            truths += [(np.sum(np.log(shifted)), d.logdet(ridge)), (np.sum(values / shifted), d.degrees_of_freedom(ridge))]  # fmt: skip
        if values[0] > 0.0:
            truths += [(np.sum(np.log(values)), d.logdet()), (np.sum(1 / values), d.trace_inverse())]  # fmt: skip
        else:
            assert d.logdet().lower == -math.inf and d.trace_inverse().upper == math.inf
        if np.sum(values) > 0.0:
            truths.append((np.sum(values) ** 2 / np.sum(values**2), d.effective_rank))
        for truth, interval in truths:
            size = 1e-12 * max(abs(float(truth)), float(np.sum(np.abs(values))) * (len(values) > 3))
            assert not math.isnan(interval.lower) and not math.isnan(interval.upper)
            if level > 0.99:
                assert interval.lower - size <= truth <= interval.upper + size
        x = np.concatenate([values[1:][np.diff(values) > 1e-6 * ridge], [values[0] - ridge, 2 * values[-1] + ridge]])  # fmt: skip
        x = x - 1e-9 * ridge
        lower, _, upper = d.cumulative(x)
        count = np.searchsorted(values, x, side="right")
        assert level < 0.99 or np.all((lower <= count) & (count <= upper))
        assert str(d) and d.to_json()
