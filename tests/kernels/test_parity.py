"""Which powers of rho a kernel has, against the power series; and the zeros that they force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import mehler as mh
from mehler.kernels.kernel import known_coefficients
from mehler.kernels.parity import FULL, NONE, SIMPLE, parity_of

ACTS = ["tanh", "cos", "relu", "sigmoid", "identity"]
MAKE = {"gradient": mh.gradient_kernel, "nngp": mh.nngp, "ntk": mh.ntk}


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_it_is_that_of_the_coefficients(kind, bias):
    """For networks of one layer and of two, exactly."""
    pairs = itertools.product(ACTS if bias == 0.0 else ("tanh", "relu"), repeat=2)
    for names in [*itertools.product(ACTS, repeat=1), *pairs]:
        ker = MAKE[kind](list(names), bias_var=bias)
        a = known_coefficients(ker, 12) > 1e-13 * ker(1.0)
        odd = FULL if a[3::2].any() else SIMPLE if a[1] else NONE
        even = FULL if a[2::2].any() else SIMPLE if a[0] else NONE
        assert ker.parity == (odd, even), names


def test_layers_of_the_user_may_have_any_parity():
    odd = mh.Activation.from_function(lambda z: z**3, name="cube")
    assert parity_of("nngp", (odd,), False) == (FULL, FULL)


@pytest.mark.parametrize(
    ("make", "pairs", "reason"),
    [
        (lambda: mh.ntk("tanh", depth=3), 1, "the kernel is odd"),
        (lambda: mh.nngp(["tanh", "cos"]), 1, "the kernel is even"),
        (lambda: mh.nngp(["identity", "relu"]), 4, "the odd part of the kernel is linear"),
        (lambda: mh.ntk("relu"), 4, "the odd part of the kernel is linear"),
        (lambda: mh.nngp(["tanh", "sigmoid"]), 2, "the even part of the kernel is constant"),
        (lambda: mh.nngp("relu", depth=2), 4, None),
        (lambda: mh.nngp("tanh", depth=2, bias_var=0.1), 4, None),
    ],
)
def test_zeros_that_opposite_points_force(make, pairs, reason):
    X = mh.generate("sphere-random", n=8, d=3, rng=0)
    X = np.concatenate([X, -X[:pairs]])
    ker = make()
    r = mh.min_eig(X, ker)
    if reason is None:
        assert r.status == "resolved" and r.value > 1e-9 and r.method != "structure"
    else:
        assert r.value == 0.0 and r.method == "structure" and reason in r.message
        assert np.linalg.norm(ker(X) @ r.vector) <= 1e-13 * ker(1.0)
