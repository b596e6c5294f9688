"""What min_eig and plan are asked: one set of checks, and points of a size that squares survive."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler.question import near_one
from spectra import sphere

X = sphere(12, 3)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (X, {"activation": "rellu"}),
        (X, {"kernel": "ntkk"}),
        (X, {"activation": mh.nngp("relu"), "bias_var": 0.1}),
        (X, {"precision": "half"}),
        (X, {"method": "qr"}),
        (X, {"certify": "yes"}),
        (X, {"tol": 0.0}),
        (X, {"threads": 0}),
        (X, {"max_memory": "lots"}),
        (X, {"normalize": "no"}),
        (X[0], {}),
    ],
)
def test_plan_refuses_what_min_eig_refuses_in_the_same_words(given, options):
    messages = []
    for ask in (mh.min_eig, mh.plan):
        with pytest.raises((ValueError, TypeError)) as refused:
            ask(given, **options)
        messages.append((refused.type, str(refused.value)))
    assert messages[0] == messages[1]


def test_points_of_extreme_size_are_scaled_by_a_power_of_two():
    ker = mh.gradient_kernel("relu")  # homogeneous: K(t X) = t^2 K(X)
    A, scale = near_one(2.0**-200 * X, ker)
    assert 0.5 <= np.max(np.abs(X)) < 1.0
    np.testing.assert_array_equal(A, X)
    assert scale == 2.0**-400
    assert near_one(X, ker)[0] is X and near_one(X, ker)[1] == 1.0
    assert near_one(2.0**-200 * X, mh.gradient_kernel("tanh"))[1] == 1.0
