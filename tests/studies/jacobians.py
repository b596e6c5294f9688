"""A Jacobian of two layers at random, for the tests of Gauss-Newton."""

from __future__ import annotations

import numpy as np

from mehler.studies import gauss_newton as gn


def jacobian(n=24, d=5, m=40, seed=0):
    rng = np.random.default_rng(seed)
    return gn.TwoLayer.drawn(m, d, rng).evaluate(gn.separated(n, d, rng))[1]
