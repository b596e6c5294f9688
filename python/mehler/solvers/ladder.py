"""The precisions above double, and precision='auto' on its way up to them.

single and double are steps of the routes themselves (``iterative``, ``shift_invert``). Where double says
'rounding-limited', the ladder goes on for activations that are analytic:

    extended    double-double, n^3: ``extended``
    exact       balls with as many digits as it takes, for few points: ``exact``
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from .. import _core
from .._arrays import Array, as_points, size_text
from ..kernels import Kernel
from ..operators.layered import layered
from ..planning.plan import Candidate, Plan, duration
from ..planning.problem import Problem
from ..precision import balls
from ..precision.coefficients import kernel_refusal
from ..result import EigenResult
from . import exact, extended
from .outcome import Task

BEYOND = ("extended", "exact")
EXTENDED_UP_TO = 4000  # points that 'auto' takes to double-double: a minute or so
EXACT_UP_TO = 200  # and to balls


def check(ker: Kernel, precision: str, method: str, certify: str) -> None:
    """ValueError or ImportError before work starts, where a precision above double was asked for."""
    if precision in BEYOND:
        extended.check(ker, method, certify, precision)
        if precision == "exact":
            balls.flint()


def points_route(
    X: Any,
    A: Array,
    points: _core.Points,
    ker: Kernel,
    task: Task,
    certify: str,
    precision: str,
    normalize: bool,
) -> EigenResult:
    """lambda_min in the precision asked for.

    Parameters
    ----------
    X, A
        The user's points, and what double made of them. Norms are divided out again in the higher precision
        from the points as given.
    points
        A in the core.
    """
    raw = as_points(X) if normalize else A
    route = extended.points_route if precision == "extended" else exact.points_route
    return route(raw, points, ker, task, certify, normalize)


def climb(
    result: EigenResult,
    X: Any,
    A: Array,
    points: _core.Points,
    ker: Kernel,
    task: Task,
    certify: str,
    normalize: bool,
) -> EigenResult:
    """What the higher precisions make of a result that double's rounding limits; itself where none can.

    Bounds of all steps hold, so the tightest of them are kept when a step does not get to its end.
    """
    if result.status != "rounding-limited" or certify == "preconditioned":
        return result
    if kernel_refusal(ker, "extended") is not None or layered(points):
        return result
    way = [f"double left {_left(result)}"]
    for precision in BEYOND:
        no = _refused(precision, len(A), A.shape[1], task.limit)
        if no:
            way.append(no)
            continue
        higher = points_route(X, A, points, ker, task, certify, precision, normalize)
        if higher.interrupted or task.report.stopped or math.isnan(higher.value):
            why = task.report.why or "interrupted"
            return replace(
                result,
                lower=max(result.lower, higher.lower),
                upper=min(result.upper, higher.upper),
                status="budget-limited",
                message=f"{why} in precision='{precision}'; {way[0]}",
                interrupted=not task.report.stopped,
                seconds=higher.seconds,
            )
        result = higher
        if result.resolved:
            return replace(result, message=f"{', '.join(way)}: {precision} resolves it")
        way.append(f"{precision} left {_left(result)}")
    note = "; ".join([", ".join(way), result.message])
    return replace(result, message=note)


def _left(result: EigenResult) -> str:
    """What was known, in a few words."""
    if abs(result.value) <= result.floor:
        return f"<= {max(result.upper, result.floor):.1e}"
    return f"{result.value:.2g} to about {result.floor:.0e}"


def _refused(precision: str, n: int, d: int, limit: int) -> str:
    """Why 'auto' does not take this step, or ''."""
    most = EXTENDED_UP_TO if precision == "extended" else EXACT_UP_TO
    if n > most:
        return f"precision='{precision}' is not tried by itself beyond n={most}"
    need = extended.bytes_for(n, d) if precision == "extended" else exact.bytes_for(n)
    if need > limit:
        return f"precision='{precision}' needs {size_text(need)}"
    if precision == "exact" and not balls.available():
        return "precision='exact' needs pip install 'mehler[exact]'"
    return ""


def foreseen(problem: Problem, precision: str, threads: int) -> Plan:
    """What ``plan`` says of a precision above double: one way, its seconds to a factor of two or three."""
    n, d = problem.X.shape
    certified = problem.certify in ("auto", "rigorous")
    seconds, need = cost(precision, n, d, threads, certified)
    fits = need <= problem.limit
    how = "double-double, Cholesky" if precision == "extended" else "balls"
    name = "shift-invert"
    row = Candidate(
        name,
        fits,
        seconds if fits else math.nan,
        0.0,
        need,
        0,
        "resolved" if fits else "",
        f"{how}, precision='{precision}'" if fits else f"{how} does not fit",
        seconds if fits else math.nan,
    )
    reason = (
        f"precision='{precision}': about {duration(seconds)}."
        if fits
        else f"precision='{precision}' needs {size_text(need)}, and max_memory allows {size_text(problem.limit)}."
    )
    return Plan(
        name if fits else None,
        row.seconds,
        need,
        0,
        row.status,
        reason,
        (row,),
        n,
        d,
        math.nan,
        math.nan,
        problem.limit,
    )


def followed(found: Plan, problem: Problem, threads: int) -> Plan:
    """A plan by precision='auto', with the step that ``climb`` takes where double is not expected to resolve the value."""
    if found.status != "rounding-limited" or problem.certify == "preconditioned":
        return found
    if kernel_refusal(problem.ker, "extended") is not None or problem.unequal:
        return found
    n, d = problem.X.shape
    if _refused("extended", n, d, problem.limit):
        return found
    seconds, need = cost("extended", n, d, threads, problem.certify in ("auto", "rigorous"))
    return replace(
        found,
        seconds=found.seconds + seconds,
        nbytes=max(found.nbytes, need + problem.copied),
        reason=f"{found.reason} Then precision='extended' is tried, about {duration(seconds)} more; it may not suffice either.",
    )


def cost(precision: str, n: int, d: int, threads: int, certified: bool) -> tuple[float, int]:
    """(seconds, bytes) of the step, to a factor of two or three on a machine of today."""
    if precision == "exact":
        return 3e-6 * n**2.5 + 0.2, exact.bytes_for(n)
    entries = 0.5 * n * n * (0.8 * d + 600.0)  # some hundred terms of the series
    factors = (2.0 if certified else 1.0) * n**3 / 6.0
    return 1e-9 * (entries + factors + 60.0 * 2.0 * n * n) / min(threads, 64), extended.bytes_for(
        n, d
    )
