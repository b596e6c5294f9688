"""The shift-invert route: a Cholesky factor of K - s I, Lanczos on its inverse, float64 residuals.

    (K - s I)^-1 v = v / (lambda - s),    s = 0, or just below the spectrum when K is not positive

The factor is float32 first where K is large; products with K in float64, of entries computed again,
have to confirm what it says, and correct it (cpp/solve/shift_invert.hpp). What float32 cannot
factor, or cannot confirm, is factored in float64. A factor that breaks down at s says that an
eigenvalue lies below s, up to rounding: then s moves down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, beyond, enough, thread_count
from ..certificates.structure import zero_of
from ..kernels import Kernel
from ..operators.many import Filled
from ..result import EigenResult
from . import budget, copies
from .outcome import (
    EPS,
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

Factor = _core.Cholesky64 | _core.Cholesky32
Make = Callable[[str, float], Factor]

SINGLE_FROM = 2048  # below, a float64 factor costs less than what float32 leaves to do
MOST_BASIS = 600  # then a restart, whatever the memory
LEAST_BASIS = 64
GUARDS = 3
DTYPES = ("float32", "float64")


def factor_bytes(n: int, dtype: str) -> int:
    """Bytes of the packed tiles of a factor of order n."""
    kind = _core.Cholesky64 if dtype == "float64" else _core.Cholesky32
    return int(kind.bytes_for(n))


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
    for dtype in ladder:
        last = dtype == ladder[-1]
        try:
            F, breakdowns = _factor(make, dtype, task, last)
        except (KeyboardInterrupt, _core.Interrupted):
            return ended(task) or nothing(
                task,
                n,
                "shift-invert",
                "before the factor was complete",
                dtype=ladder[0],
                nbytes=held,
            )
        if F is None:
            continue

        def again(
            V: Array,
            size: float,
            wanted: int,
            on: Task,
            F: Factor = F,
            dtype: str = dtype,
            breakdowns: int = breakdowns,
        ) -> EigenResult:
            rest = _core.Deflated(exact, V, size)
            return _solve(F, rest, n, wanted, on, block, dtype, entry_error, held, 0, breakdowns, V)

        result = _solve(F, exact, n, k, task, block, dtype, entry_error, held, done, breakdowns)
        result = copies.complete(result, again, exact, False, task)
        done = result.applications
        del F, again  # both hold the factor: the next one takes its place
        if result.resolved:
            break
        if result.interrupted or task.report.stopped:
            return ended(task) or result
    assert result is not None
    return result


def _factor(make: Make, dtype: str, task: Task, last: bool) -> tuple[Factor | None, int]:
    """The factor at the first shift of 0, -d, -100 d, ... where it exists; d is what rounding does.

    None when float32 breaks down and float64 is still to come.
    """
    shift, breakdowns = 0.0, 0
    while True:
        F = make(dtype, shift)
        if F.factor(task.threads, task.report.ask):
            return F, breakdowns
        if not last:
            return None, 1
        size = F.frobenius
        del F
        if not math.isfinite(size):
            raise ValueError(
                "K is too large: its Frobenius norm overflows; divide K by a constant."
            )
        if shift < -size:
            raise ValueError(
                f"K is not finite in {dtype}: even K + |K|_F has no factor; rescale K."
            )
        breakdowns += 1
        unit = 10.0 * EPS if dtype == "float64" else 1e-7
        shift = max(-unit * 100.0 ** (breakdowns - 1), -1.5) * (size or 1.0)


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
    breakdowns: int,
    without: Array | None = None,
) -> EigenResult:
    """One factor's answer; ``without``: eigenvectors that are known, and taken out of ``exact``."""
    single = dtype == "float32"
    if block is None:
        block = 1 if n <= 200 else max(2, min(k, 4))
    guards = min(GUARDS, n - k)
    wanted = min(task.tol, LOOSEST)
    free = task.limit - held - F.nbytes - _work(n, k, block, task.threads)
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
    nbytes = held + F.nbytes + 8 * n * (found["basis"] + 4 * (k + guards))
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
    if breakdowns:
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


def sizes(n: int, k: int, held: int) -> dict[str, int]:
    """Bytes by precision of the factor, for k pairs, ``held`` taken already."""
    block = max(2, min(k, 4))
    room = held + _work(n, k, block, thread_count(None))
    least = max(LEAST_BASIS, 2 * k + 8 * block)
    room += budget.basis(n, least + block) + budget.restart(least)
    return {t: factor_bytes(n, t) + room for t in DTYPES}


def _work(n: int, k: int, block: int, threads: int) -> int:
    """Bytes beside the factor and the basis: products, blocks, the spaces of Rayleigh-Ritz."""
    return budget.product(n, threads) + budget.vectors(
        n, 2 * block + 10 + 6 * (k + GUARDS) + 16 * k
    )


def ladder(n: int, precision: str) -> list[str]:
    """Precisions of the factor, in the order in which they are tried."""
    if precision == "auto":
        return ["float64", "float32"] if n < SINGLE_FROM else list(DTYPES)
    return ["float32" if precision == "single" else "float64"]


def stages(n: int, sizes: dict[str, int], precision: str, limit: int) -> list[str]:
    """Those that fit into ``limit``; float64 is the last of them. None: []."""
    fits = [t for t in ladder(n, precision) if sizes[t] <= limit]
    return fits[:1] if fits[:1] == ["float64"] else fits


def fits(n: int, held: int, precision: str, limit: int) -> bool:
    """Whether one pair can be had within ``limit`` bytes."""
    return bool(stages(n, sizes(n, 1, held), precision, limit))
