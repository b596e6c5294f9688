"""Diagnosis of points: d' under known noise, against SVD; parity risk; what it says of points and activation together."""

from __future__ import annotations

import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.diagnosis.span import decide


def in_a_span(n: int, d: int, span: int, noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, span)) @ np.linalg.qr(rng.standard_normal((d, span)))[0].T
    X /= np.linalg.norm(X, axis=1)[:, None]
    return X + noise * rng.standard_normal((n, d))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.sampled_from([0.0, 1e-10, 1e-6, 1e-3]), st.integers(0, 10**6))
def test_dimension_and_noise_floor(span, noise, seed):
    X = in_a_span(300, 40, span, noise, seed)
    d = mh.diagnose(X).data
    assert d.dimension == span
    assert d.rank == (40 if noise else span)
    if noise:
        assert d.noise == pytest.approx(noise * math.sqrt(40 - span), rel=0.1)
        assert d.gap == pytest.approx(math.sqrt(1.0 / span) / noise, rel=0.6) and "gap" in d.how
    else:
        assert d.noise == 0.0 and d.gap == math.inf and "numerical rank" in d.how


def test_singular_values_are_those_of_the_unit_rows():
    X = np.random.default_rng(0).standard_normal((3000, 30)) * np.logspace(0, -3, 30)
    d = mh.diagnose(X).data
    U = X / np.linalg.norm(X, axis=1)[:, None]
    np.testing.assert_allclose(d.singular_values, np.linalg.svd(U, compute_uv=False), rtol=1e-10)
    energy = d.singular_values**2
    assert d.participation == pytest.approx(np.sum(energy) ** 2 / np.sum(energy**2))
    for share in (0.5, 0.9, 0.999, 1.0):
        k = d.dimension_of(share)
        assert np.sum(energy[:k]) >= share * np.sum(energy) * (1 - 1e-12)
        assert k == 1 or np.sum(energy[: k - 1]) < share * np.sum(energy)
    with pytest.raises(ValueError, match="0 < share <= 1"):
        d.dimension_of(0.0)


def test_no_gap_where_values_fall_evenly():
    falling = 10.0 ** -np.arange(8.0)  # each gap is 10, and as large as the fall that follows
    assert decide(falling, 8, 100)[0] == 8
    for seed in range(30):  # the last value of a square random matrix may be very small
        A = np.random.default_rng(seed).standard_normal((30, 30))
        assert decide(np.linalg.svd(A, compute_uv=False), 30, 30)[0] == 30
    assert decide(np.array([3.0]), 1, 5)[0] == 1
    assert decide(np.array([3.0, 1e-5]), 2, 5)[:2] == (1, pytest.approx(3e5))


def test_it_says_what_describe_says():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 7))
    X[5], X[9], X[30] = X[2], 0.0, -2.0 * X[11]
    d = mh.diagnose(X)
    assert d.data.points == mh.describe(X)
    assert d.data.points.zero_rows == (9,) and d.data.points.duplicates == 1
    assert math.isnan(d.data.norm_spread)
    assert any("duplicates" in s and "2 and 5" in s for s in d.implies)
    assert any("zero rows" in s for s in d.implies)


@pytest.mark.parametrize(
    ("act", "n", "d", "risk"),
    [("tanh", 20, 6, True), ("relu", 100, 4, True), ("elu", 20, 6, False), ("cos", 20, 6, True)],
)
def test_parity_risk(act, n, d, risk):
    """Near antipodes make lambda_min small exactly for the activations that are said to suffer."""
    X = mh.generate("sphere-random", n=n, d=d, rng=0)
    before = mh.min_eig(X, act).value
    X[1] = -X[0] + 1e-3 * X[2]
    X /= np.linalg.norm(X, axis=1)[:, None]
    seen = mh.diagnose(X, act)
    assert seen.data.antipodal_first
    assert any("parity risk" in s for s in seen.implies) == risk
    assert (mh.min_eig(X, act).value < 0.5 * before) == risk
    assert not any("parity risk" in s for s in mh.diagnose(X[1:], act).implies)


def test_exact_antipodes():
    X = mh.generate("circle-full", n=10, d=2)
    said = mh.diagnose(X, "tanh").implies
    assert any("5 antipodal pairs" in s and "singular" in s for s in said)
    assert not any("antipodal pairs" in s for s in mh.diagnose(X, "elu").implies)


def test_points_and_activation_together():
    low = in_a_span(400, 2, 2, 0.0)
    said = " ".join(mh.diagnose(low, "tanh").implies)
    assert "polynomials of degree" in said
    high = mh.generate("sphere-random", n=100, d=50, rng=0)
    assert "not small for this reason" in " ".join(mh.diagnose(high, "tanh").implies)
    cubic = mh.activation("polynomial", coefficients=(0.0, 1.0, 0.5, 0.2))
    said = " ".join(mh.diagnose(low, cubic).implies)  # C(2 + 3, 3) - 1 = 9
    assert "400 > 9: G is singular" in said
    assert np.linalg.matrix_rank(mh.gradient_kernel(cubic)(mh.normalize(low))) <= 9
    jump = mh.diagnose(high, "elu")
    assert f"separation^3 = {jump.data.points.separation**3:.2g}" in " ".join(jump.implies)


def test_alone_and_in_json():
    only = mh.diagnose(activation="silu")
    assert only.data is None and "analytic" in str(only)
    points = mh.diagnose(mh.generate("sphere-random", n=20, d=3, rng=0))
    assert points.activation is None and "dimension" in str(points)
    both = mh.diagnose(mh.generate("sphere-random", n=20, d=3, rng=0), "hardtanh")
    back = json.loads(json.dumps(both.to_dict()))
    assert back["data"]["dimension"] == 3 and back["activation"]["order"] == 1
    assert "derivative 1 jumps by -1 at 1" in str(both)


def test_bad_input():
    with pytest.raises(ValueError, match="points, an activation, or both"):
        mh.diagnose()
    with pytest.raises(TypeError, match="from_function"):
        mh.diagnose(activation=np.tanh)
    with pytest.raises(ValueError, match="Nearest: tanh"):
        mh.diagnose(activation="tahn")
    with pytest.raises(ValueError, match="must be finite"):
        mh.diagnose([[1.0, math.nan]])
    with pytest.raises(ValueError, match="not zero"):
        mh.diagnose(np.zeros((3, 2)))


def test_pictures_show_what_was_measured():
    X = in_a_span(200, 20, 4, 1e-4)
    fig = mh.diagnose(X, "hardswish").plot()
    spectrum, function, decay = fig.axes
    assert any("d' = 4" in t.get_text() for t in spectrum.get_legend().get_texts())
    drawn = next(line for line in function.get_lines() if len(line.get_xdata()) > 100)
    z = np.asarray(drawn.get_xdata())
    assert z.max() > 3.0  # beyond both kinks
    np.testing.assert_array_equal(drawn.get_ydata(), mh.activation("hardswish")(z))
    assert sum(len(line.get_xdata()) == 1 for line in function.get_lines()) == 2  # the kinks
    assert decay.get_yscale() == "log"
    assert len(mh.diagnose(X).plot().axes) == 1
    assert len(mh.diagnose(activation="tanh").plot().axes) == 2


def test_no_array_of_the_size_of_all_pairs():
    X = np.random.default_rng(0).standard_normal((6000, 64))  # 3 MB; all pairs: 288 MB
    tracemalloc.start()  # NumPy tells it of every array
    try:
        mh.diagnose(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6
