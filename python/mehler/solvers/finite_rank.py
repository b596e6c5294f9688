"""Kernels of finite rank: of more points than that, K has the eigenvalue 0, and no solver is needed to say so.

The rank is what degrees of polynomials allow (``kernels/degrees``), for any points. A null vector of the matrix
of rank + 1 of them is one of K: K is positive semidefinite.
"""

from __future__ import annotations

import numpy as np

from .. import _core
from .._arrays import Array
from ..certificates.structure import Zero
from ..kernels import Kernel
from ..kernels.degrees import largest_rank
from ..operators.layered import layered
from ..operators.points import core_points
from ..result import EigenResult
from .cholesky import Factor, factor_at, factor_bytes
from .outcome import Task, structural, unknown

STEPS = 3  # of inverse iteration; of a singular matrix one is nearly enough


def points_route(A: Array, points: _core.Points, ker: Kernel, task: Task) -> EigenResult | None:
    """lambda_min = 0, with a null vector, of more points than the kernel's rank; None of others.

    Parameters
    ----------
    A, points
        The points, and the same in the core.
    ker, task
        The kernel; threads, memory, who listens.
    """
    n, d = A.shape
    if not layered(points) and float(ker.h.ends[0]) == 0.0:  # h(1) is the largest there is
        first = np.zeros(n)
        first[0] = 1.0
        return structural(Zero(first, "the kernel is zero everywhere", 0.0), 0.0, n, task, 0)
    rank = largest_rank(ker, d, not layered(points))
    if rank is None or n <= rank:
        return None
    need = factor_bytes(rank + 1, "float64")
    if need > task.limit:
        return None
    try:
        v = np.zeros(n)
        v[: rank + 1] = _null_vector(A[: rank + 1], ker, task)
        exact = _core.Recomputed(points, ker.h.compiled)
        size = float(np.linalg.norm(exact.multiply(np.asfortranarray(v[:, None]), task.threads)))
    except (KeyboardInterrupt, _core.Interrupted):
        return unknown(n, ker, points, task, "structure")
    reason = f"{n} points in {d} dimensions, and the kernel is a polynomial of rank {rank} at most"
    return structural(Zero(v, reason, 0.0), size, n, task, need)


def _null_vector(A: Array, ker: Kernel, task: Task) -> Array:
    """Of unit norm, by inverse iteration with a factor of K, raised by what rounding does to it."""
    points = core_points(np.ascontiguousarray(A), ker, task.threads)

    def make(dtype: str, s: float) -> Factor:
        return _core.Cholesky64(points, ker.h.compiled, s, task.threads, task.report.ask)

    F = factor_at(make, "float64", task, True, lambda F: 0.0)
    assert F is not None
    v = np.cos(3.7 * np.arange(len(A)) + 1.0)[:, None]
    for _ in range(STEPS):
        v = F.solve(np.asfortranarray(v), task.threads)
        v = v / np.linalg.norm(v)
    return np.asarray(v[:, 0])
