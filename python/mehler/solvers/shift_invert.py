"""The shift-invert route: a Cholesky factor of K - s I, Lanczos on its inverse, float64 residuals.

    (K - s I)^-1 v = v / (lambda - s),    s <= lambda_min

s is as near as the points let one guess for little (``placing``), or 0, or just below the spectrum when K is
not positive. The factor is float32 first where K is large; products with K in float64, of entries computed again,
have to confirm what it says, and correct it (cpp/solve/shift_invert.hpp). What float32 cannot
factor, or cannot confirm, is factored in float64. A factor that completes at s says that no eigenvalue
lies below s, up to rounding; one that breaks down says that one does: then s moves down.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, beyond, enough, size_text
from ..certificates.structure import zero_of
from ..kernels import Kernel
from ..operators.many import Filled
from ..operators.storage import storage_bytes
from ..result import EigenResult
from .cholesky import (
    Factor,
    factor_bytes,
    in_file,
    shorts_pay,
    sizes,
    stages,
)
from .inverse import factored
from .out_of_core import FactorFile, file_bytes
from .outcome import (
    Task,
    entry_error,
    structural,
    unknown,
    with_theory,
)


def points_route(
    A: Array,
    points: _core.Points,
    ker: Kernel,
    task: Task,
    certify: str,
    precision: str,
    filled: Filled | None = None,
) -> EigenResult:
    """lambda_min of the kernel matrix of points, whose factor fits: ``stages`` is not empty.

    Precisions whose factor does not fit into memory have it in a file, ``task.path``.factor, if there may be one.

    Parameters
    ----------
    A, points
        The points, and the same in the core.
    ker
        The kernel.
    task
        Tolerance, threads, seed, memory, who listens.
    certify, precision
        As in :func:`min_eig`.
    filled
        The matrix in packed tiles of the first precision, where it has been filled with others.
    """
    n = len(A)
    profile = ker.h.compiled
    exact = _core.Recomputed(points, profile)
    held = points.nbytes + storage_bytes(n, "matrix-free", "float64", task.threads)
    needs = sizes(n, 1, held, task.threads)
    precisions = stages(n, needs, precision, task.limit, task.path is not None)
    large = [t for t in precisions if needs[t] > task.limit]
    file: FactorFile | None = None
    if large and task.path is not None:
        auto = precision == "auto"
        file = FactorFile(f"{task.path}.factor", points, ker, precisions, large, task, held, auto)
        precisions = file.from_there(precisions)
    first: list[Any] = []  # what the first fill saw

    def make(dtype: str, shift: float) -> Factor:
        kind = _core.Cholesky64 if dtype == "float64" else _core.Cholesky32
        F: Factor
        if file is not None and (dtype in large or file.holds(dtype)):
            F = file.make(dtype, shift)
        elif filled is not None and not first and (dtype, shift) == (filled.dtype, 0.0):
            tiles = filled.take().packed
            assert not isinstance(tiles, _core.PackedFixed32)
            F = _core.factor_of(tiles, task.threads, task.report.ask)
        else:
            F = kind(points, profile, shift, task.threads, task.report.ask)
        if not first:
            first.append(F.pairs())
            zero = zero_of(first[0], A, points, ker, task.given)
            if zero is not None:
                raise _Forced(zero)
        return F

    try:
        error = entry_error(points, ker)
        begun = None if file is None else file.begun
        short = shorts_pay(n, points.d)
        result = factored(make, exact, n, 1, task, None, precisions, error, held, begun, short)
    except _Forced as found:
        zero = found.zero
        size = float(
            np.linalg.norm(exact.multiply(np.asfortranarray(zero.vector[:, None]), task.threads))
        )
        return structural(zero, size, n, task, factor_bytes(n, precisions[0]))
    if not first:
        return unknown(n, ker, points, task, "shift-invert")
    return with_theory(result, task, ker, points, first[0], certify)


class _Forced(Exception):
    """Two points force a zero: nothing is left to compute."""

    def __init__(self, zero: Any) -> None:
        super().__init__("an eigenvalue is exactly zero")
        self.zero = zero


def operator_route(
    K: Any,
    dense: Array | None,
    exact: _core.Operator,
    k: int,
    task: Task,
    block: int | None,
    nbytes: int,
) -> EigenResult:
    """The k lowest eigenpairs of a Gram operator or of a dense array.

    A factor of a Gram operator that does not fit into memory is in a file, ``task.path``.factor, if there may be one.

    Parameters
    ----------
    K
        The Gram operator, if ``dense`` is None.
    dense
        The array (n, n), in C order.
    exact
        Products with K in float64.
    k, task, block
        As in :func:`eigsh`.
    nbytes
        Bytes that K takes already.
    """
    from ..operators.kernel_matrix import Gram

    if dense is None and not isinstance(K, Gram):
        raise TypeError(
            f"method='shift-invert' needs the entries of K: a Gram operator or a dense array; got "
            f"{type(K).__name__}. Use method='lanczos', or pass K as an array."
        )
    n = exact.size
    needs = sizes(n, k, nbytes, task.threads)
    precisions = stages(n, needs, "auto", task.limit, task.path is not None)
    if not precisions:
        raise MemoryError(_too_large(n, k, needs, task, dense is None))
    large = [t for t in precisions if needs[t] > task.limit]
    file: FactorFile | None = None
    if large:
        file = FactorFile(
            f"{task.path}.factor", K._points, K.kernel, precisions, large, task, nbytes, auto=True
        )
        precisions = file.from_there(precisions)

    def make(dtype: str, shift: float) -> Factor:
        if file is not None and (dtype in large or file.holds(dtype)):
            return file.make(dtype, shift)
        kind = _core.Cholesky64 if dtype == "float64" else _core.Cholesky32
        if dense is not None:
            return kind(dense, shift, task.threads, task.report.ask)
        return kind(K._points, K.kernel.h.compiled, shift, task.threads, task.report.ask)

    begun = None if file is None else file.begun
    return factored(make, exact, n, k, task, block, precisions, 0.0, nbytes, begun)


def _too_large(n: int, k: int, needs: dict[str, int], task: Task, points: bool) -> str:
    """What is refused; ``points``: whether a file could hold the factor."""
    if task.path is None:
        need = min(needs.values()) - task.apart
        size = size_text(file_bytes(n, "float64"))
        instead = f", or path=, for a file of {size} that holds the factor" if points else ""
    else:
        need, instead = min(in_file(n, needs, t) for t in needs) - task.apart, ""
    return (
        f"method='shift-invert' at n={n} takes {beyond(need, task.limit - task.apart)}. Use "
        f"method='lanczos', or max_memory={enough(need)!r}{instead}."
    )
