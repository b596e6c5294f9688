"""Kernel matrices as plain arrays: of points, and of two sets of them."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._arrays import Array, as_points, thread_count
from ..kernels import Kernel
from .points import core_points, meeting_points


def dense_gram(X: Any, kernel: Kernel, threads: int | None = None) -> Array:
    """K(X, X) as a dense float64 array (n, n), symmetric to the bit.

    Parameters
    ----------
    X
        Points, (n, d).
    kernel
        The kernel.
    threads
        Number of threads; default OpenMP's.
    """
    A = as_points(X)
    points = core_points(A, kernel, threads)
    K: Array = _core.dense_gram(points, kernel.h.compiled, "float64", thread_count(threads))[0]
    return K


def cross_gram(X: Any, Y: Any, kernel: Kernel, threads: int | None = None) -> Array:
    """K(X, Y) as a dense float64 array (n, m).

    Parameters
    ----------
    X, Y
        Points, (n, d) and (m, d).
    kernel
        The kernel.
    threads
        Number of threads; default OpenMP's.
    """
    A, B = as_points(X), as_points(Y, name="Y")
    if A.shape[1] != B.shape[1]:
        raise ValueError(f"X and Y must have one dimension d; got {A.shape[1]} and {B.shape[1]}.")
    P, Q = meeting_points([A, B], kernel, threads)
    return _core.cross_gram(P, Q, kernel.h.compiled, thread_count(threads))
