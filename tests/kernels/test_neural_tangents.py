"""The kernels of neural-tangents, from a table of its values, and live where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from neural_tangents_values import RHO, VALUES

POLYNOMIAL = (1.0, 2.0, 0.5, -0.75)
MAKE = {"nngp": mh.nngp, "ntk": mh.ntk}


def kernel(kind, name, depth, w, b):
    act = mh.activation(name, coefficients=POLYNOMIAL) if name == "polynomial" else name
    return MAKE[kind](act, depth=depth, weight_var=w, bias_var=b)


@pytest.mark.parametrize("name", sorted({case[0] for case in VALUES}))
def test_values_are_those_of_neural_tangents(name):
    """1e-10 relative, the diagonal too: it was taken from x and y that are equal to the bit."""
    for case, values in VALUES.items():
        if case[0] == name:
            for kind, theirs in zip(MAKE, values, strict=True):
                mine = kernel(kind, *case)(np.array(RHO))
                np.testing.assert_allclose(mine, theirs, rtol=1e-10, err_msg=f"{kind} {case}")


@pytest.mark.parametrize("depth", [1, 3])
def test_neural_tangents_itself(depth):
    """ntk and nngp are those of Dense(W_std=sqrt(w), b_std=sqrt(b)), activation, ..., Dense(1) at X sqrt(d)."""
    jax = pytest.importorskip("jax", exc_type=ImportError)
    stax = pytest.importorskip("neural_tangents.stax", exc_type=ImportError)
    jax.config.update("jax_enable_x64", True)
    X = np.random.default_rng(0).standard_normal((5, 4))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    off = ~np.eye(5, dtype=bool)
    for name, layer in (("relu", stax.Relu), ("erf", stax.Erf), ("gelu", stax.Gelu)):
        for w, b in ((1.0, 0.0), (1.5, 0.2)):
            layers = [stax.Dense(1, W_std=w**0.5, b_std=b**0.5), layer()] * depth
            *_, theirs = stax.serial(*layers, stax.Dense(1))
            found = theirs(X * 2.0, None, ("nngp", "ntk"))
            for kind in MAKE:
                mine, there = kernel(kind, name, depth, w, b)(X), np.array(getattr(found, kind))
                np.testing.assert_allclose(mine[off], there[off], rtol=1e-10)
                np.testing.assert_allclose(np.diag(mine), np.diag(there), rtol=1e-7)
