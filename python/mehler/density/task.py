"""The matrix of a spectrum, and what limits the work on it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from .._progress import Reporter
from ..operators.feature_matrix import FeatureGram
from ..operators.foreign import asymmetry, product_error
from ..operators.kernel_matrix import Gram
from ..operators.packed import SINGLE
from ..operators.points import core_diagonal, relative_error
from .probes import EPS


class Task:
    """The matrix, and what limits the work."""

    def __init__(
        self, K: Any, op: _core.Operator, array: Array | None, n: int, threads: int, limit: int, held: int,
        level: float, start: float, report: Reporter,
    ) -> None:  # fmt: skip
        self.K, self.op, self.array, self.n = K, op, array, n
        self.threads, self.limit, self.level, self.start, self.report = (
            threads,
            limit,
            level,
            start,
            report,
        )
        self.held = held  # bytes of K, where it is made here: part of max_memory
        self.noise = 0.0  # of products of one's own
        self.semidefinite = isinstance(K, (Gram, FeatureGram))

    def trace(self) -> float:
        """tr K, of the kernel matrix itself where its entries are rounded; NaN where there is no diagonal."""
        if isinstance(self.K, Gram):
            return float(math.fsum(core_diagonal(self.K._points, self.K.kernel)))
        return self.stored_trace()

    def stored_trace(self) -> float:
        """That of the matrix which is multiplied."""
        if self.array is not None:
            return float(math.fsum(np.diagonal(self.array)))
        if hasattr(self.K, "diagonal"):
            return float(math.fsum(np.asarray(self.K.diagonal(), dtype=np.float64)))
        return math.nan

    def entries(self) -> float:
        """What the stored matrix may be off, as an error of an eigenvalue, in its usual size."""
        K = self.K
        if self.array is not None:
            return asymmetry(self.array)
        if not isinstance(K, Gram):
            return 0.0
        top = float(np.max(core_diagonal(K._points, K.kernel)))
        error = 2.0 * math.sqrt(self.n) * relative_error(K._points, K.kernel) * top
        if K.kind in SINGLE:
            from ..solvers.iterative import single_error

            error += single_error(K, self.threads)
        return error

    def measured(self) -> int:
        """Sees how exact products of one's own are, from four of them, which it returns: those of a sum less their sum.

        Raises
        ------
        ValueError
            The products are not those of a symmetric matrix.
        """
        if self.array is not None or isinstance(self.K, (Gram, FeatureGram)):
            return 0
        self.noise, odd, size = product_error(self.op, self.n, self.threads)
        if size == 0.0:
            return 2  # zero, or NaN, which the probes refuse
        if odd > 1e-5 * size + self.noise:
            raise ValueError(
                "K must be symmetric; for two vectors x and y, x . K y and y . K x differ by "
                f"{odd:.2e}, with |K y| = {size:.2e}. Pass (K + K.T) / 2."
            )
        return 4

    def floor(self, size: float) -> float:
        """Rounding of K and of products, with a largest eigenvalue of this size."""
        return float(4.0 * math.sqrt(self.n) * EPS * size + self.entries() + self.noise)
