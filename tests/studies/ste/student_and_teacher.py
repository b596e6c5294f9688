"""A student and its teacher, at random; sqrt(2 pi), which stands in all their gradients."""

from __future__ import annotations

import math

import numpy as np

ROOT = math.sqrt(2.0 * math.pi)
Vector = np.ndarray


def setting(seed: int, m: int = 5, n: int = 6) -> tuple[Vector, Vector, Vector, Vector]:
    rng = np.random.default_rng(seed)
    v, v_star = rng.standard_normal((2, m))
    w, w_star = rng.standard_normal((2, n))
    return v, w, v_star, w_star
