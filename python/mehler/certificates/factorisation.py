"""A proof that no smaller eigenvalue was missed: a Cholesky factorisation that completes.

    K - s I = L L^t up to rounding of norm alpha(s)    proves    lambda_min(K) >= s - alpha(s),

and where it breaks down, lambda_min(K) <= s + alpha(s). ``allowance`` derives alpha; here s is
chosen: just below the value that a solver found, then down until a factorisation completes, then up again.
The other side is the Rayleigh quotient of the vector that the solver found, with its rounding.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from .. import _core
from .._arrays import Array, beyond, enough
from ..kernels import Kernel
from ..operators.kernel_matrix import Gram
from ..operators.packed import SINGLE
from ..result import EigenResult
from ..solvers import budget
from ..solvers.cholesky import factor_bytes, panel_bytes
from ..solvers.out_of_core import FactorFile
from ..solvers.outcome import Task, replace, theory
from .allowance import UNIT, ArrayMatrix, Matrix, PointMatrix, down, up

if TYPE_CHECKING:
    from ..planning.problem import Problem

TRIALS = 9
GEMM, STREAM = 75e9, 30e9  # flops and bytes a second: only their ratio decides


def pays(result: EigenResult) -> bool:
    """Whether a factorisation costs at most what the solve did."""
    shifted = result.method.startswith("shift-invert")
    return pays_for(result.n, result.dtype, result.applications, shifted)


def pays_for(n: int, dtype: str, applications: int, shifted: bool) -> bool:
    """The same from its numbers, by flops and bytes.

    Nominal rates, not the clock: the same call gives the same bound on every machine.

    Parameters
    ----------
    n, dtype
        Order of the matrix, and precision in which it was stored.
    applications
        Products with it, or solves with its factor.
    shifted
        Whether it was factored.
    """
    single = dtype in SINGLE
    factor = float(n) ** 3 / 3.0 / GEMM
    triangle = (2.0 if single else 4.0) * float(n) * n  # bytes
    solve = applications * triangle / STREAM
    if shifted:
        solve = (0.5 if single else 1.0) * factor + 2.0 * solve  # forward and back
    return factor <= solve


def nbytes(n: int, held: int, threads: int, disk: bool = False) -> int:
    """Bytes of a factor, in memory or in a file, beside what is held: points, what products work in, a few vectors."""
    factor = panel_bytes(n, "float64") if disk else factor_bytes(n, "float64")
    return factor + held + budget.product(n, threads) + budget.vectors(n, 8)


def check(problem: Problem, threads: int, least: int) -> None:
    """Refuses what will not fit, before any work.

    Parameters
    ----------
    problem
        What is asked of :func:`min_eig`.
    threads
        Number of threads.
    least
        Bytes that the solve takes at least, where that does not fit either.
    """
    if problem.disk and nbytes(problem.n, problem.held, threads, True) <= problem.limit:
        return
    check_memory(
        problem.n,
        problem.held,
        threads,
        problem.limit,
        "path=FILE, which may hold the factor, certify='theory' or 'preconditioned', fewer points",
        least,
        problem.copied,
    )


def check_memory(
    n: int, held: int, threads: int, limit: int, instead: str, least: int = 0, copied: int = 0
) -> None:
    need = nbytes(n, held, threads)
    if need > limit:
        raise MemoryError(
            f"certify='rigorous' at n={n} factors K in float64, which takes {beyond(need, limit, copied)}; "
            f"use {instead}, or max_memory={enough(max(need, least) + copied)!r}."
        )


def check_operator(
    K: Any,
    array: Array | None,
    largest: bool,
    threads: int,
    limit: int,
    least: int,
    disk: bool = False,
) -> None:
    """Refuses, before any work, what certify='rigorous' cannot prove of an operator.

    Parameters
    ----------
    K, array
        What ``eigsh`` was given, and its entries if they are stored.
    largest
        Whether the largest eigenvalue is wanted.
    threads
        Number of threads.
    limit
        Bytes beside K.
    least
        Bytes beside K that the solve takes at least.
    disk
        Whether there is a file for the factor.
    """
    if largest:
        raise ValueError(
            "certify='rigorous' proves a lower bound of the smallest eigenvalue, which='SA'; got "
            "which='LA'. Leave certify out, or pass the negative of K with which='SA'."
        )
    if array is None and not isinstance(K, Gram):
        raise TypeError(
            f"certify='rigorous' needs the entries of K: a Gram operator or a dense array; got "
            f"{type(K).__name__}. Pass K as an array, or leave certify out."
        )
    n = K.shape[0] if array is None else len(array)
    if disk and nbytes(n, 0, threads, True) <= limit:
        return
    check_memory(n, 0, threads, limit, "certify='auto'", least)


def matrix_of(K: Any, array: Array | None) -> Matrix | None:
    """What can be factored: a Gram operator's kernel matrix, an array; None for other operators."""
    if isinstance(K, Gram):
        return PointMatrix(K._points, K.kernel, semidefinite=False)
    return None if array is None else ArrayMatrix(array)


def certified(
    result: EigenResult,
    points: _core.Points,
    ker: Kernel,
    task: Task,
    certify: str,
) -> EigenResult:
    """The result of ``min_eig`` with ``lower`` from a factorisation, where one can be had.

    Parameters
    ----------
    result
        Of a solver: ``value`` and ``upper`` say where to factor.
    points, ker, task
        K, and what all routes know.
    certify
        'rigorous': always; 'auto': where it costs no more than the solve.
    """
    if result.lower_kind == "structure" or not math.isfinite(result.value):
        return result
    if certify == "auto":
        fits = nbytes(result.n, points.nbytes, task.threads) <= task.limit
        if not (result.resolved and result.lower_kind == "theory" and fits and pays(result)):
            return result
    elif result.lower_kind == "dense":  # which knows rounding in its probable size only
        lower, kind = theory(ker, result.n, None, points, certify)
        result = replace(result, lower=lower, lower_kind=kind)
    return _with_file(result, PointMatrix(points, ker), task, points.nbytes)


def _with_file(result: EigenResult, K: PointMatrix, task: Task, held: int) -> EigenResult:
    """Factors that do not fit into memory, of which ``held`` bytes are taken, go into a file beside ``task.path``.

    It is removed once the proof is there.
    """
    n = result.n
    if task.path is None or nbytes(n, held, task.threads) <= task.limit:
        return _certified(result, K, task)
    held += budget.product(n, 0) + budget.vectors(n, 8)
    try:
        K.file = FactorFile(
            f"{task.path}.proof", K.points, K.ker, ["float64"], ["float64"], task, held
        )
        found = _certified(result, K, task)
    except (OSError, ValueError) as error:  # of the file: the result is none the worse
        return replace(result, message=f"no certificate: {error}")
    if not found.interrupted and not task.report.stopped:
        K.file.remove()
    return found


def certified_operator(
    result: EigenResult, K: Any, array: Array | None, task: Task, certify: str, held: int
) -> EigenResult:
    """The same for ``eigsh`` and the smallest eigenvalue, of either sign, of an array or a Gram operator.

    Parameters
    ----------
    result, task
        As in :func:`certified`.
    K, array
        What ``eigsh`` was given, and its entries if they are stored.
    certify
        'rigorous', 'auto' or 'none'.
    held
        Bytes that K takes already.
    """
    if certify == "none" or not math.isfinite(result.value):
        return result
    if certify == "auto":
        fits = nbytes(result.n, held, task.threads) <= task.limit
        if not (result.resolved and result.lower_kind == "none" and fits and pays(result)):
            return result
    matrix = matrix_of(K, array)
    if isinstance(matrix, PointMatrix):
        return _with_file(result, matrix, task, held)
    return result if matrix is None else _certified(result, matrix, task)


def _certified(result: EigenResult, K: Matrix, task: Task) -> EigenResult:
    if result.interrupted or task.report.stopped:
        return result
    try:
        found = enclosed(result, K, task)
    except (KeyboardInterrupt, _core.Interrupted):
        why = task.report.why or "interrupted"
        found = replace(
            result,
            message=f"{why} before the certificate was complete",
            interrupted=not task.report.stopped,
        )
    return replace(found, seconds=time.perf_counter() - task.start)


def enclosed(result: EigenResult, K: Matrix, task: Task) -> EigenResult:
    """The result with a proved enclosure of lambda_min(K).

    Parameters
    ----------
    result
        Its ``value`` is where lambda_min is believed to be, its ``vector`` what shows it.
    K
        The matrix.
    task
        Tolerance, threads, who listens.
    """
    value, width = result.value, task.tol * abs(result.value)
    quotient, top = value, result.upper
    if result.vector is not None:
        quotient, error = K.quotient(result.vector, 0.02 * width, task.threads)
        top = up(quotient + error)
    passed, failed, lower, upper = _search(K, quotient, width, min(top, K.ceiling), task)
    if K.stretch:
        lower = down(lower - K.stretch * abs(lower))
        upper = up(upper + K.stretch * abs(upper))
    spare = K.allowance(passed if math.isfinite(passed) else value)
    if K.semidefinite:
        lower = max(lower, 0.0)
    changes: dict[str, Any] = {"upper": upper}
    if (lower > 0.0 if K.semidefinite else lower > -math.inf) and (
        lower > result.lower or result.lower_kind != "theory"
    ):
        changes |= {"lower": lower, "lower_kind": "factorisation"}
        if not lower <= value <= upper:  # rounding in the solver is more than in the quotient
            new = min(max(quotient, lower), upper)
            values = result.values.copy()
            values[0] = new
            changes |= {"value": new, "values": values}
    if upper < quotient - result.floor and quotient - lower > width:
        changes |= {"value": value, "values": result.values, "status": "budget-limited"}
        changes["message"] = (
            f"a smaller eigenvalue was missed: K - s I has no factor at s={failed:.8g}; "
            "use method='shift-invert'"
        )
    elif not result.message and "lower" not in changes:
        changes["message"] = f"no certificate: rounding allows for {spare.total:.1e}"
    elif not result.message and upper - lower > width:
        near = (
            f"{(upper - lower) / abs(value):.0e} of the value" if value else f"{upper - lower:.0e}"
        )
        more = f", {K.lacking} for {spare.entries:.0e}" if spare.entries else ""
        changes["message"] = f"certified to {near}: rounding allows for {spare.factor:.0e}{more}"
    return replace(result, **changes)


def _search(
    K: Matrix, value: float, width: float, top: float, task: Task
) -> tuple[float, float, float, float]:
    """(passed, failed, lower, upper): shifts where K - s I has a factor and has none, and the bounds.

    Down from just below the value, thirty times as far each time, until a factorisation completes; up
    again by halves.
    """
    passed, failed, lower, upper = -math.inf, math.inf, -math.inf, top
    spare = K.allowance(value).total
    s = top - 0.9 * width + spare
    if s > value - 0.5 * spare:  # rounding is wider than what was asked for
        s = value - 2.0 * max(top - value, 0.0) - spare
    least = 4.0 * UNIT * max(abs(value), UNIT * float(abs(K.diagonal).max()))
    gap = max(value - s, least)
    for trial in range(TRIALS):
        s = min(s, down(value))
        spare = K.allowance(s).total
        if K.semidefinite and s <= spare:
            break  # would prove nothing
        F = K.tiles(s, task)
        if F.factor(task.threads, task.report.ask):
            passed, lower = s, down(s - spare)
        else:
            failed = s
            if math.isfinite(F.pivot):
                upper = min(upper, up(s + spare))
        del F
        if passed == -math.inf:
            if failed == K.lowest:
                break
            gap *= 30.0 if trial < 5 else math.inf
            s = max(value - gap, 0.03 * failed if K.semidefinite else K.lowest)
        elif failed == math.inf or failed - passed <= max(2.0 * spare, 0.5 * width):
            break
        else:  # by halves of the distance's logarithm
            s = value - math.sqrt((value - passed) * (value - failed))
    return passed, failed, lower, upper
