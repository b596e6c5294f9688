"""auto: which method, by size, dimension, activation and memory; every choice gives the same number."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler.planning import pick
from spectra import sphere

GB = 10**9


@pytest.mark.parametrize(
    ("name", "n", "d", "limit", "method"),
    [
        ("relu", 500, 3, GB, "dense"),
        ("relu", 501, 3, GB, "shift-invert"),
        ("tanh", 4000, 50, GB, "shift-invert"),
        ("relu", 4000, 50, 10**7, "auto"),  # no room for a factor
        ("relu", 10_000, 50, GB, "auto"),  # preconditioned
        ("relu", 10_000, 784, GB, "shift-invert"),
        ("relu", 10_000, 5, GB, "shift-invert"),
        ("tanh", 10_000, 50, GB, "shift-invert"),
        ("relu", 12_001, 784, 10**11, "auto"),
    ],
)
def test_pick(name, n, d, limit, method):
    assert pick(mh.gradient_kernel(name), n, d, "auto", limit, 8 * n * d) == method


def test_double_needs_twice_the_room():
    ker = mh.gradient_kernel("relu")
    assert pick(ker, 5000, 9, "auto", 100 * 10**6, 0) == "shift-invert"
    assert pick(ker, 5000, 9, "double", 100 * 10**6, 0) == "auto"


def test_every_choice_gives_the_same_number():
    X = sphere(600, 12, seed=1)
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    methods = {}
    for memory in ("1GB", "4.5MB"):
        r = mh.min_eig(X, "relu", max_memory=memory, rng=0)
        assert r.resolved and r.value == pytest.approx(truth, rel=1e-6)
        methods[memory] = r.method.split(" ")[0].rstrip(",")
    assert methods == {"1GB": "shift-invert", "4.5MB": "preconditioned"}
