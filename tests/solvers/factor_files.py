"""Factors in a file, made beside their twins in memory."""

from __future__ import annotations

import numpy as np

import mehler as mh
from mehler import _core
from mehler._arrays import thread_count
from mehler.operators.points import core_points
from mehler.operators.storage import storage_bytes
from mehler.solvers import cholesky, out_of_core
from spectra import sphere

KINDS = {
    "float64": (_core.OutOfCore64, _core.Cholesky64),
    "float32": (_core.OutOfCore32, _core.Cholesky32),
}
RELU = mh.gradient_kernel("relu")


def made(X, path, *, shift=0.0, dtype="float64", budget=None, ker=RELU):
    """K - s I, not yet factored, and its twin in memory."""
    points, kind = core_points(X, ker, 1), KINDS[dtype]
    profile, n = ker.h.compiled, len(X)
    survey = _core.Survey(points, profile, 2)
    budget = kind[0].bytes_for(n) if budget is None else budget
    digest = out_of_core.digest(points, ker)
    F = kind[0](points, profile, survey, shift, str(path), digest, budget)
    return F, kind[1](points, profile, shift, 2)


def vectors(n, b):
    return np.asfortranarray(np.random.default_rng(b).standard_normal((n, b)))


def least(n, d, dtype):
    """The smallest max_memory that a factor in a file takes."""
    points = core_points(sphere(n, d), RELU, 1)
    threads = thread_count(None)
    held = points.nbytes + storage_bytes(n, "matrix-free", "float64", threads)
    return cholesky.in_file(n, cholesky.sizes(n, 1, held, threads), dtype)
