"""What survives a pickle or a copy, and what refuses one."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import mehler as mh
from spectra import sphere


def twice(u):
    return 2.0 * np.tanh(u)


@pytest.mark.parametrize("how", ["pickle", "copy"])
@pytest.mark.parametrize(
    "value",
    [
        mh.activation("relu"),
        mh.activation("elu", alpha=0.5),
        mh.gradient_kernel("gelu"),
        mh.nngp("relu", bias_var=0.1),
        mh.gradient_kernel(mh.Activation.from_function(twice)),
    ],
    ids=["relu", "elu", "gradient", "nngp", "own"],
)
def test_values_survive_a_copy(how, value):
    if isinstance(value, mh.Kernel):
        value(0.5)  # compiled: what is compiled is not copied
    again = pickle.loads(pickle.dumps(value)) if how == "pickle" else copy.deepcopy(value)
    assert again == value
    assert repr(again) == repr(value)
    if isinstance(value, mh.Kernel):
        assert again(0.3) == value(0.3)


def test_results_survive_a_copy():
    result = mh.min_eig(sphere(50, 3), rng=0)
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert again.to_dict() == result.to_dict()
        np.testing.assert_array_equal(again.vector, result.vector)


@pytest.mark.parametrize(
    "make",
    [
        lambda X: mh.plan(X, "relu"),
        lambda X: mh.bounds(X, "relu"),
        lambda X: mh.eigvalsh(X, "relu"),
        lambda X: mh.describe(X),
        lambda X: mh.check_psd(mh.gradient_kernel("relu")(X)),
        lambda X: mh.ntk("relu", depth=2).explain(),
    ],
    ids=["plan", "bounds", "spectrum", "summary", "definiteness", "explanation"],
)
def test_what_functions_return_survives_a_copy(make):
    value = make(sphere(30, 3))
    for again in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert type(again) is type(value) and str(again) == str(value)


def test_operators_are_not_copied():
    K = mh.gram(sphere(20, 3))
    with pytest.raises(TypeError, match=r"Gram operator cannot be pickled; .*toarray"):
        pickle.dumps(K)
