"""phi and phi' evaluated together, in place: the catalogue's own functions, in both precisions."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler.training.elementwise import SHARED, pair_of

OPTIONS = {
    "polynomial": [{"coefficients": (0.0, 1.0, 0.5)}],
    "hermite": [{"k": 3}],
    "leaky_relu": [{}, {"negative_slope": -0.3}],
    "elu": [{}, {"alpha": 0.4}],
    "celu": [{}, {"alpha": 2.5}],
    "silu": [{}, {"beta": 3.0}],
}
CASES = [
    (name, options)
    for name in mh.activations()
    if name != "step"
    for options in OPTIONS.get(name, [{}])
]
# absolute: what shares an exponential is known to some eps of the values, which are below 40 here
GRID = np.concatenate([np.linspace(-30.0, 30.0, 4001), [0.0, -0.0, 1e-300, -1e-300]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_the_pair_is_that_of_the_catalogue(name, options, dtype):
    act = mh.activation(name, **options)
    z = GRID.astype(dtype)
    if name in ("exp", "polynomial", "hermite"):
        z = z[np.abs(z) < 5.0]
    exact = z.astype(np.float64)
    value, slope = act(exact), act.derivative()(exact)
    h, s = np.empty_like(z), np.full_like(z, np.nan)
    with np.errstate(over="ignore"):
        pair_of(act)(z, h, s)
    eps = np.finfo(dtype).eps
    for got, truth in ((h, value), (z, slope)):
        assert got.dtype == dtype
        assert np.all(np.abs(got - truth) <= 16 * eps * (1.0 + np.abs(exact) + np.abs(truth)))


def test_common_activations_have_a_pair_of_their_own():
    assert set(SHARED) <= set(mh.activations())
    assert {"relu", "tanh", "silu", "elu", "selu"} <= set(SHARED)


def test_a_function_of_ones_own_is_not_mistaken_for_its_namesake():
    own = mh.Activation.from_function(lambda z: z**3, name="tanh")
    z = np.array([0.5, -2.0])
    h, s = np.empty(2), np.empty(2)
    pair_of(own)(z, h, s)
    assert h.tolist() == [0.125, -8.0]
    assert z == pytest.approx([0.75, 12.0], rel=1e-12)


def test_read_out_training_does_not_ask_for_a_slope():
    z = np.array([-1.0, 2.0])
    h, s = np.empty(2), np.empty(2)
    pair_of(mh.activation("step"), hidden=False)(z, h, s)
    assert h.tolist() == [0.0, 1.0]
