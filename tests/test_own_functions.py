"""Activations of one's own: what a result says where the function, and not the arithmetic, is the limit."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mehler as mh

X = mh.generate("sphere-random", n=120, d=4, rng=0)


def own(f, **options):
    return mh.Activation.from_function(f, name="mine", **options)


@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")
@pytest.mark.parametrize(
    ("f", "options", "said"),
    [
        (
            lambda z: np.maximum(z, 0.0),
            {},
            r"'mine' has a kink at 0: declare it, as in kinks=\(0,\)",
        ),
        (
            lambda z: np.maximum(z, 0.0) + np.abs(z - 1.25),
            {"kinks": (0.0,)},
            r"a kink at 1.25: declare it",
        ),
        (lambda z: np.tanh(60.0 * z), {}, "no kink is seen that is not declared"),
        (
            lambda z: np.tanh(z.astype(np.float32)),
            {},
            "is itself rounded to .*compute it in float64",
        ),
    ],
)
def test_what_limits_it_is_looked_for(f, options, said):
    r = mh.min_eig(X, own(f, **options))
    assert r.status == "rounding-limited"
    assert "known to" in r.message and "which is what limits" in r.message
    assert re.search(said, r.message), r.message


def test_more_digits_are_promised_where_they_are_to_be_had():
    C = mh.generate("circle-full", n=51, d=2)
    with pytest.warns(
        mh.PrecisionWarning, match="more digits take an activation of the catalogue: 'mine' is"
    ):
        mh.min_eig(C, own(lambda z: z / (1.0 + np.exp(-1.7 * z))))
    with pytest.warns(mh.PrecisionWarning, match="more digits are to be had of gradient and nngp"):
        mh.min_eig(C, "swish", kernel="ntk")
    with pytest.warns(mh.PrecisionWarning, match="more digits take precision='extended'"):
        mh.min_eig(C, "swish", precision="double")


@pytest.mark.parametrize("kernel", ["gradient", "nngp"])
def test_a_kernel_beyond_doubles_is_refused(kernel):
    with pytest.raises(
        ValueError, match=r"the kernel of 'mine' is beyond doubles: E f.* is infinite"
    ):
        mh.min_eig(X, own(lambda z: np.exp(z**2)), kernel=kernel)


@pytest.mark.parametrize("n", [50, 300])
def test_a_constant_has_the_gradient_kernel_zero(n):
    X = mh.generate("sphere-random", n=n, d=4, rng=0)
    constant = own(lambda z: np.ones_like(z))
    r = mh.min_eig(X, constant)
    assert r.resolved and r.value == 0.0 == r.upper and "zero everywhere" in r.message
    assert mh.plan(X, constant).method is not None
