"""Frozen random features: what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler.studies import random_features as rf

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rf.gaussian_tail(0.0), "lam must be positive; got 0"),
        (lambda: rf.gaussian_tail(NAN), "lam must be finite; found nan"),
        (lambda: rf.gaussian_tail(1.0, -1.0), "scale must be positive"),
        (lambda: rf.gaussian_tail(1.0, [1.0, 2.0]), "scale must be 0-D"),
        (lambda: rf.gaussian_tail([]), "lam must not be empty"),
        (lambda: rf.tail(np.cos, 1.0), "must have decayed at the ends"),
        (lambda: rf.tail(lambda x: 0.0 * x, 1.0), "must not be zero"),
        (lambda: rf.tail(lambda x: x[:-1], 1.0), "must return an array of the shape of x"),
        (lambda: rf.tail(lambda x: np.where(x == x, NAN, x), 1.0), "the target must be finite"),
        (lambda: rf.tail(rf.bumps, 1.0, (2.0, 1.0)), "interval must be two numbers, low < high"),
        (lambda: rf.band_limited_kernel([[0.0]], [1.0], 1.0), "x must be 1-D"),
        (lambda: rf.band_limited_kernel([0.0], [INF], 1.0), "y must be finite; found inf at index 0"),
        (lambda: rf.band_bound(1.5), r"tau must lie in \[0, 1\]"),
        (lambda: rf.band_bound(0.5, -1.0), "cap must be >= 0"),
        (lambda: rf.frozen_layer("relu", 0), "width and d must be >= 1; got width=0"),
        (lambda: rf.frozen_layer("relu", 5, -1), "got width=5 and d=-1"),
        (lambda: rf.frozen_layer("relu", 5, lam=-2.0), "lam must be positive; got -2"),
        (lambda: rf.frozen_layer("rellu", 5), "unknown activation 'rellu'"),
        (lambda: rf.frozen_layer("relu", 5)(np.zeros((2, 2))), "X must have 1 coordinates"),
        (lambda: rf.frozen_layer("relu", 5)(np.zeros((0, 1))), "X must not be empty"),
        (lambda: rf.frozen_layer("relu", 5).first(6), "width must satisfy 1 <= width <= 5; got 6"),
        (lambda: rf.FrozenLayer(mh.activation("relu"), np.ones((3, 2)), np.ones(2)), r"biases must be one a neuron, \(3,\)"),
        (lambda: rf.ReadOut(np.ones((3, 2)), np.ones(2)), "y must have a row for each of the 3 rows of H; got 2"),
        (lambda: rf.ReadOut(np.full((3, 2), NAN), np.ones(3)), "H must be finite; found nan at index 0, 0"),
        (lambda: rf.ReadOut(np.ones(3), np.ones(3)), "H must be 2-D"),
        (lambda: rf.ReadOut(np.eye(3), np.ones(3)).ridge(0.0), "ridge must be positive"),
        (lambda: rf.ReadOut(np.eye(3), np.ones(3)).path([1.0, -1.0]), "ridges must be positive; got -1"),
        (lambda: rf.ReadOut(np.eye(3), np.ones(3)).path([[1.0]]), "ridges must be a list of numbers"),
        (lambda: rf.ReadOut(np.eye(3), np.ones(3)).path([1.0]).predict(np.eye(2)), "H must have 3 features"),
        (lambda: rf.ReadOut(np.eye(3), np.ones(3)).capped(0.0), "cap must be positive"),
        (lambda: rf.ReadOut(np.eye(3), np.ones(3)).rank(1e-17), r"max\(n, L\) eps = 6.7e-16 <= tol"),
        (lambda: rf.ReadOut(np.eye(3), np.ones(3)).least_squares(1.0), "0 <= rcond < 1; got 1"),
        (lambda: rf.lower_bound([1.0, 2.0], [1.0, 1.0], 1.0), "eigenvalues must descend"),
        (lambda: rf.lower_bound([1.0, -2.0], [1.0, 1.0], 1.0), "eigenvalues and energies must be >= 0"),
        (lambda: rf.lower_bound([1.0], [1.0, 1.0], 1.0), r"energies must be one an eigenvalue, \(1,\)"),
        (lambda: rf.width_errors("relu", 1.0, ()), "widths must be at least one integer >= 1"),
        (lambda: rf.width_errors("relu", 1.0, (5,), n=0), "seed must be >= 0 and n >= 1"),
        (lambda: rf.bumps([NAN]), "x must be finite"),
        (lambda: mh.study("random-features", np.ones((9, 2))), "got points without labels"),
        (lambda: mh.study("random-features", steps=3), "steps goes with the study 'data'"),
        (lambda: mh.study("random-features", np.eye(5) + 1.0, labels=np.arange(5), quick=True, width=4, activations="relu"), "at least 6 points; got 5"),
    ],
)  # fmt: skip
def test_bad_input(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: rf.gaussian_tail("1"),
        lambda: rf.gaussian_tail(True),
        lambda: rf.gaussian_tail(1j),
        lambda: rf.frozen_layer("relu", 2.5),
        lambda: rf.frozen_layer("relu", 3, rng="x"),
        lambda: rf.ReadOut([["a"]], [1.0]),
        lambda: rf.ReadOut(np.eye(2), np.ones(2)).capped(None),
        lambda: rf.width_errors("relu", 1.0, (5.5,)),
    ],
)
def test_wrong_types(call):
    with pytest.raises(TypeError):
        call()
