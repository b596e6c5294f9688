"""The shift-invert route: a Cholesky factor of K - s I, Lanczos on its inverse, float64 residuals.

    (K - s I)^-1 v = v / (lambda - s),    s <= lambda_min

s is as near as the points let one guess for little (``placing``), or 0, or just below the spectrum when K is
not positive. The factor is float32 first where K is large; products with K in float64, of entries computed again,
have to confirm what it says, and correct it (cpp/solve/shift_invert.hpp). What float32 cannot
factor, or cannot confirm, is factored in float64. A factor that completes at s says that no eigenvalue
lies below s, up to rounding; one that breaks down says that one does: then s moves down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, beyond, enough
from ..certificates.structure import zero_of
from ..kernels import Kernel
from ..operators.many import Filled
from ..result import EigenResult
from . import budget, copies
from .cholesky import (
    GUARDS,
    LEAST_BASIS,
    Factor,
    Make,
    factor_at,
    factor_bytes,
    sizes,
    stages,
    work,
)
from .outcome import (
    LOOSEST,
    Task,
    ended,
    entry_error,
    estimated_norm,
    nothing,
    remedy,
    result_of,
    rounding_of,
    structural,
    unknown,
    with_theory,
)
from .placing import block_bytes, place

MOST_BASIS = 600  # then a restart, whatever the memory


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
    held = points.nbytes + exact.nbytes
    precisions = stages(n, sizes(n, 1, held), precision, task.limit)
    first: list[Any] = []  # what the first fill saw

    def make(dtype: str, shift: float) -> Factor:
        kind = _core.Cholesky64 if dtype == "float64" else _core.Cholesky32
        if filled is not None and not first and (dtype, shift) == (filled.dtype, 0.0):
            F = _core.factor_of(filled.take().packed, task.threads, task.report.ask)
        else:
            F = kind(points, profile, shift, task.threads, task.report.ask)
        if not first:
            first.append(F.pairs())
            zero = zero_of(first[0], A, points, ker, task.given)
            if zero is not None:
                raise _Forced(zero)
        return F

    try:
        result = factored(make, exact, n, 1, task, None, precisions, entry_error(points, ker), held)
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
    from ..operators.gram import Gram

    if dense is None and not isinstance(K, Gram):
        raise TypeError(
            f"method='shift-invert' needs the entries of K: a Gram operator or a dense array; got "
            f"{type(K).__name__}. Use method='lanczos', or pass K as an array."
        )
    n = exact.size

    def make(dtype: str, shift: float) -> Factor:
        kind = _core.Cholesky64 if dtype == "float64" else _core.Cholesky32
        if dense is not None:
            return kind(dense, shift, task.threads, task.report.ask)
        return kind(K._points, K.kernel.h.compiled, shift, task.threads, task.report.ask)

    needs = sizes(n, k, nbytes)
    precisions = stages(n, needs, "auto", task.limit)
    if not precisions:
        need = min(needs.values()) - task.apart
        raise MemoryError(
            f"method='shift-invert' at n={n} takes {beyond(need, task.limit - task.apart)}. Use "
            f"method='lanczos', or max_memory={enough(need)!r}."
        )
    return factored(make, exact, n, k, task, block, precisions, 0.0, nbytes)


def factored(
    make: Make,
    exact: _core.Operator,
    n: int,
    k: int,
    task: Task,
    block: int | None,
    ladder: Sequence[str],
    entry_error: float,
    held: int,
) -> EigenResult:
    """Up the ladder of precisions until the k lowest eigenpairs are resolved.

    Parameters
    ----------
    make
        make(dtype, s): tiles of K - s I, not yet factored.
    exact
        Products with K in float64.
    n, k, task, block
        Order, wanted pairs, the task, vectors in a block.
    ladder
        Precisions of the factor, in the order in which they are tried.
    entry_error
        Error of each entry of K.
    held
        Bytes taken by what is not the factor.
    """
    result: EigenResult | None = None
    done = 0
    near: float | None = None  # the shift, where it is known

    def shift_of(F: Factor) -> float:
        nonlocal near
        if near is None:
            near = place(F, task, held)
        return near

    for dtype in ladder:
        last = dtype == ladder[-1]
        try:
            F = factor_at(make, dtype, task, last, shift_of)
        except (KeyboardInterrupt, _core.Interrupted):
            return ended(task) or nothing(
                task,
                n,
                "shift-invert",
                "before the factor was complete",
                dtype=ladder[0],
                nbytes=held,
            )
        if near:
            near = near if F is not None and F.shift == near else 0.0  # it holds, or is too high
        else:
            near = None  # another precision may see more
        if F is None:
            continue

        def again(
            V: Array,
            size: float,
            wanted: int,
            on: Task,
            F: Factor = F,
            dtype: str = dtype,
        ) -> EigenResult:
            rest = _core.Deflated(exact, V, size)
            return _solve(F, rest, n, wanted, on, block, dtype, entry_error, held, 0, V)

        result = _solve(F, exact, n, k, task, block, dtype, entry_error, held, done)
        result = copies.complete(result, again, exact, False, task)
        done = result.applications
        del F, again  # both hold the factor: the next one takes its place
        if result.resolved:
            break
        if result.interrupted or task.report.stopped:
            return ended(task) or result
    assert result is not None
    return result


def _solve(
    F: Factor,
    exact: _core.Operator,
    n: int,
    k: int,
    task: Task,
    block: int | None,
    dtype: str,
    entry_error: float,
    held: int,
    done: int,
    without: Array | None = None,
) -> EigenResult:
    """One factor's answer; ``without``: eigenvectors that are known, and taken out of ``exact``."""
    single = dtype == "float32"
    if block is None:
        block = 1 if n <= 200 else max(2, min(k, 4))
    guards = min(GUARDS, n - k)
    wanted = min(task.tol, LOOSEST)
    free = task.limit - held - F.nbytes - work(n, k, block, task.threads)
    bound = max(MOST_BASIS, 20 * k)
    most = budget.columns(n, free, bound + block) - block
    most = int(min(n, max(most, LEAST_BASIS, 2 * k + 8 * block), bound))
    found = _core.shift_invert(
        F if without is None else _core.DeflatedSolver(F, without),
        exact,
        k,
        guards,
        block,
        most,
        (10.0 if single else 0.7) * wanted,
        0.7 * wanted,
        0.0,
        8,
        task.seed,
        task.threads,
        task.report.ask,
    )
    applications = done + found["solves"] + found["products"]
    history = [(done + a, v, r) for a, v, r in found["history"]]
    interrupted = found["interrupted"]
    stopped = interrupted or task.report.stopped or found["stopped"]
    nbytes = 8 * n * (found["basis"] + 4 * (k + guards))
    if F.shift > 0.0:
        nbytes = max(nbytes, block_bytes(F))
    nbytes += held + F.nbytes
    measured = len(found["values"]) > 0
    values = found["values"] if measured else found["ritz_values"]
    residuals = found["residuals"] if measured else found["ritz_residuals"]
    if len(values) == 0:
        return nothing(
            task,
            n,
            "shift-invert",
            "before the first Ritz value",
            applications=applications,
            dtype=dtype,
            nbytes=nbytes,
            interrupted=interrupted,
        )
    value = float(values[0])

    def settled(rounding: float) -> bool:
        return measured and bool(np.all(residuals + rounding <= task.tol * np.abs(values)))

    rounding = rounding_of(n, F.frobenius, entry_error)
    if not settled(rounding) and measured and not stopped:  # |K|_F is more than |K|
        try:
            rounding = rounding_of(n, estimated_norm(exact, n, task, F.frobenius), entry_error)
        except (KeyboardInterrupt, _core.Interrupted):
            interrupted = stopped = True
    message = ""
    if settled(rounding):
        status = "resolved"
    elif stopped:
        status = "budget-limited"
        message = "interrupted" if interrupted else task.report.why
    elif single:
        status = "rounding-limited"
        rounding = max(rounding, float(np.max(residuals)))
        message = (
            f"a float32 factor knows it to about {rounding:.0e} only; "
            "use precision='double' or 'auto'"
        )
    elif found["too_many"]:
        status = "budget-limited"
        message = (
            f"too many products: {found['solves']} block solves, with a basis of at most {most} "
            "vectors; raise max_memory, or tol"
        )
    else:
        status = "rounding-limited"
        rounding = max(rounding, float(np.max(residuals)))
        message = remedy(value, rounding)
    known = float(np.max(residuals)) if not measured else 0.0
    how = f"shift-invert {dtype}, blocks of {block}"
    if F.shift != 0.0:
        how += f", s={F.shift:.1e}"
    return result_of(
        task,
        values=values,
        vectors=np.asfortranarray(found["vectors"]),
        residuals=residuals,
        lower=-math.inf,
        upper=value + 4.0 * rounding + known,  # a quotient of n terms errs by more than one
        lower_kind="none",
        status=status,
        method=how,
        applications=applications,
        floor=rounding,
        n=n,
        dtype=dtype,
        nbytes=nbytes,
        message=message,
        interrupted=interrupted,
        history=history,
    )
