"""Every eigenvalue, by LAPACK."""

from __future__ import annotations

import math
import time

import numpy as np

from .._arrays import Array, beyond, enough
from ..operators.foreign import check_size, columns
from ..operators.kernel_matrix import Gram
from .interval import Interval
from .result import SpectralDensity
from .task import Task


def bytes_for(n: int) -> int:
    return 3 * 8 * n * n


def every_one(task: Task) -> SpectralDensity:
    """Every eigenvalue; LAPACK is backward stable, its error of the usual size sqrt(n) eps |K|."""
    n, K = task.n, task.K
    need = bytes_for(n)
    if need > task.limit:
        raise MemoryError(
            f"method='dense' at n={n} takes {beyond(need + task.held, task.limit + task.held)}; use method='quadrature', or "
            f"max_memory={enough(need + task.held)!r}."
        )
    products, A, unsure = 0, task.array, 0.0
    if A is None and isinstance(K, Gram):
        A = np.asarray(K.toarray(), dtype=np.float64)
    elif A is None:
        products = n + task.measured()
        A = columns(task.op, n, task.threads)
        unsure = n * task.noise  # |tr E| <= n |E|
    check_size(float(np.max(np.abs(A))))
    values: Array = np.asarray(np.linalg.eigvalsh(A), dtype=np.float64)
    floor = task.floor(float(np.max(np.abs(values))))
    error = np.full(n, floor)
    total = task.trace() if isinstance(K, Gram) else float(math.fsum(np.diagonal(A)))
    none = np.zeros(0)
    return SpectralDensity(
        n, values, none, error, none, None, floor, Interval(total - unsure, total, total + unsure), task.semidefinite, 1.0,
        (0.0, 0.0), task.threads, none, none, "dense", products, 0, time.perf_counter() - task.start, need,
    )  # fmt: skip
