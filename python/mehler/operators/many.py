"""Kernel matrices of the same points, filled together: one stream of cosines feeds all of them.

Invariant: each is the matrix that a fill of its own would give, bit for bit (cpp/gram/many.hpp).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .. import _core
from .._arrays import thread_count
from ..kernels import Kernel
from .kernel_matrix import Gram
from .points import core_diagonal

Ask = Callable[[str, int, int, float, float], bool] | None


class Filled:
    """A matrix that is filled already, and the route that takes it. It can be taken once.

    Parameters
    ----------
    matrix
        In packed tiles.
    route
        'lanczos', 'preconditioned' or 'shift-invert'.
    """

    def __init__(self, matrix: Gram, route: str) -> None:
        self._matrix: Gram | None = matrix
        self.dtype, self.route, self.nbytes = matrix.kind, route, matrix.nbytes

    def take(self) -> Gram:
        """The matrix; the taker frees it."""
        matrix, self._matrix = self._matrix, None
        assert matrix is not None
        return matrix


def filled(
    points: _core.Points,
    n: int,
    kernels: Sequence[Kernel],
    dtype: str,
    threads: int | None,
    ask: Ask = None,
) -> list[Gram]:
    """The packed matrices of the kernels, in their order.

    Parameters
    ----------
    points, n
        Points in the core, such that each kernel takes them so, and their number.
    kernels
        The kernels.
    dtype
        'fixed32', 'float32' or 'float64'.
    threads, ask
        Number of threads; listener of the fill.
    """
    profiles = [ker.h.compiled for ker in kernels]
    tops = [float(np.max(core_diagonal(points, ker))) for ker in kernels]
    made = _core.packed_many(points, profiles, dtype, thread_count(threads), ask, tops)
    return [
        Gram(points, n, ker, "packed", dtype, threads, made=one)
        for ker, one in zip(kernels, made, strict=True)
    ]
