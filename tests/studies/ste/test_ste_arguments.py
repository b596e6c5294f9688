"""Straight-through estimators: what is refused, and arguments of other dtypes, one row, extreme lengths."""

from __future__ import annotations

import numpy as np
import pytest
from student_and_teacher import ROOT, setting

from mehler.studies import ste
from mehler.studies.ste import network

GOOD = ([1.0, -1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0])


@pytest.mark.parametrize(
    ("place", "value", "error", "message"),
    [
        (0, [1.0], ValueError, "v and v_star must have one length; got 1 and 2"),
        (1, [1.0, 2.0, 3.0], ValueError, "w and w_star must have one length; got 3 and 2"),
        (1, [0.0, 0.0], ValueError, "w must not be zero, which has no direction"),
        (3, [0.0, 0.0], ValueError, "w_star must not be zero"),
        (0, [np.nan, 1.0], ValueError, "v must be finite; found NaN or infinity"),
        (3, [np.inf, 1.0], ValueError, "w_star must be finite"),
        (2, [], ValueError, "v_star must be a vector.*got shape \\(0,\\)"),
        (0, 1.0, ValueError, "v must be a vector.*got shape \\(\\)"),
        (0, "v.npy", TypeError, "v must be an array of numbers"),
        (1, [1j, 0.0], TypeError, "w must be real"),
    ],
)
def test_bad_vectors(place: int, value: object, error: type[Exception], message: str):
    at = [*GOOD]
    at[place] = value  # type: ignore[call-overload]
    for call in (
        ste.population_loss,
        ste.loss_gradient,
        ste.sampled_gradient,
        lambda *a: ste.coarse_gradient("relu", *a),
        lambda *a: ste.correlation("relu", *a),
        lambda *a: ste.descend("relu", *a, step_size=0.1, steps=1),
    ):
        with pytest.raises(error, match=message):
            call(*at)


def test_leading_axes_must_broadcast():
    with pytest.raises(ValueError, match=r"leading axes must broadcast; got v \(2, 2\)"):
        ste.population_loss(np.ones((2, 2)), np.ones((3, 2)), GOOD[2], GOOD[3])
    with pytest.raises(ValueError, match="v must be one vector; got shape"):
        ste.sampled_gradient(np.ones((2, 2)), *GOOD[1:])


def test_integers_and_float32_are_numbers():
    whole = [np.array(x, dtype=int) for x in GOOD]
    single = [np.array(x, dtype=np.float32) for x in GOOD]
    assert ste.population_loss(*whole) == ste.population_loss(*single) == ste.population_loss(*GOOD)
    assert ste.coarse_gradient("clipped", *single).dtype == np.float64


def test_one_row_and_one_coordinate():
    """m = n = 1: no escape (m - 1 = 0), the loss is that of a sign."""
    assert ste.population_loss([1.0], [-2.0], [1.0], [1.0]) == pytest.approx(0.5)
    one = ste.landscape([2.0])
    assert one.spurious is None  # s^2 = |v*|^2 is not below (m+1)/2 |v*|^2
    one = ste.sampled_gradient([1.0], [-2.0], [1.0], [1.0], draws=20_000)
    assert one.loss == 0.5 and one.loss_error == 0.0  # s(z) and s(-z) always differ
    assert abs(one.coarse["relu"][0] + 1.0 / ROOT) < 5.0 * one.coarse_error["relu"][0]


@pytest.mark.parametrize("size", [1e-300, 1e-5, 1e5, 1e300])
def test_extreme_lengths_stay_finite(size: float):
    v, w, v_star, w_star = setting(1)
    for e in ste.ESTIMATORS:
        for star in (w_star, w, -w):
            assert np.isfinite(ste.coarse_gradient(e, v, size * w, v_star, star)).all()
    assert ste.population_loss(v, size * w, v_star, w_star) == pytest.approx(float(ste.population_loss(v, w, v_star, w_star)))  # fmt: skip


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ste.coarse_gradient("sigmoid", *GOOD), ValueError, "estimator must be one of"),
        (lambda: ste.correlation("ReLU", *GOOD), ValueError, "estimator must be one of"),
        (lambda: ste.surrogate("tanh"), ValueError, "estimator must be one of"),
        (lambda: ste.surrogate_kernel(1), ValueError, "estimator must be one of"),
        (lambda: ste.cross_gram("x", np.eye(2)), ValueError, "estimator must be one of"),
        (lambda: ste.cross_gram("relu", np.zeros((2, 2))), ValueError, "zero rows"),
        (lambda: ste.cross_gram("relu", np.eye(2), np.eye(3)), ValueError, "one number of coordinates; got 2 and 3"),
        (lambda: ste.descend("relu", *GOOD, step_size=0.0, steps=1), ValueError, "step_size must be a number above 0"),
        (lambda: ste.descend("relu", *GOOD, step_size=np.nan, steps=1), ValueError, "step_size must be a number above 0"),
        (lambda: ste.descend("relu", *GOOD, step_size=0.1, steps=-1), ValueError, "steps must be >= 0; got -1"),
        (lambda: ste.descend("relu", *GOOD, step_size=0.1, steps=1.5), TypeError, "steps must be an integer"),
        (lambda: ste.sampled_gradient(*GOOD, draws=1), ValueError, "draws must be >= 2"),
        (lambda: ste.sampled_gradient(*GOOD, draws=2**60), ValueError, "draws must be >= 2 and <="),
        (lambda: ste.sampled_gradient(*GOOD, draws=1e6), TypeError, "draws must be an integer"),
        (lambda: ste.sampled_gradient(*GOOD, threads=0), ValueError, "threads must be >= 1"),
        (lambda: ste.landscape([0.0, 0.0]), ValueError, "v_star must not be zero"),
        (lambda: ste.landscape(np.eye(2)), ValueError, "v_star must be one vector"),
        (lambda: ste.loss_at(4.0, [1.0, -1.0]), ValueError, "theta must be an angle from 0 to pi"),
        (lambda: ste.loss_at(np.nan, [1.0, -1.0]), ValueError, "theta must be an angle from 0 to pi"),
        (lambda: ste.escape_time(0.0, [1.0, -1.0]), ValueError, "norm must be a number above 0"),
        (lambda: ste.escape_time(1.0, [1.0, 1.0]), ValueError, "must have a spurious minimum"),
        (lambda: ste.Quantiser(0, 1.0), ValueError, "bits must be >= 1 and <= 8; got 0"),
        (lambda: ste.Quantiser(2.0, 1.0), TypeError, "bits must be an integer"),
        (lambda: ste.Quantiser(2, -1.0), ValueError, "step must be a number above 0"),
        (lambda: ste.quantiser(9), ValueError, "bits must be >= 1 and <= 8; got 9"),
        (lambda: ste.quantiser(2, samples=10), ValueError, "samples must be >= 100"),
        (lambda: network.new_network(2, 2, (), np.random.default_rng(0)), ValueError, "hidden must hold at least one"),
        (lambda: network.new_network(0, 2, (3,), np.random.default_rng(0)), ValueError, "d must be >= 1; got 0"),
    ],
)  # fmt: skip
def test_refused(call: object, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]


def test_a_step_onto_zero_is_an_error_and_no_nan():
    """m = n = 1, theta = pi, v = v*: E g of the identity is 2 w/|w| / sqrt(2 pi), and a step of 1 from there ends at 0."""
    with pytest.raises(FloatingPointError, match="w is 0 after step 1"):
        ste.descend("identity", [1.0], [-2.0 / ROOT], [1.0], [1.0], step_size=1.0, steps=2)


def test_a_landscape_of_extreme_size_is_refused_and_one_near_it_is_a_multiple():
    """1e-170 was called zero, and 1e160 lost its spurious minimum to an overflow."""
    v = np.array([1.0] * 6 + [-1.0] * 4)
    for size in (1e-170, 1e160):
        for ask in (
            ste.landscape,
            lambda w: ste.loss_at(1.0, w),
            lambda w: ste.escape_time(1.0, w),
        ):
            with pytest.raises(
                ValueError, match="v_star must be of a size between 1e-150 and 1e150; its"
            ):
                ask(size * v)
    one = ste.landscape(v)
    for size in (1e-140, 1e140):
        other = ste.landscape(size * v)
        assert other.saddle_angle == pytest.approx(one.saddle_angle, rel=1e-14)
        assert other.spurious_loss / size / size == pytest.approx(one.spurious_loss, rel=1e-13)
