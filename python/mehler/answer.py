"""From a question to its answer: the ways of ``min_eig``.

Question -> points -> route -> fill -> coincidences -> solver -> finish in float64 -> bounds, and where rounding limits
the answer: near points set apart -> higher precisions. One module a route in ``solvers``; ``certificates`` prove the lower bound afterwards.
"""

from __future__ import annotations

import dataclasses
import re
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core, planning
from ._progress import Reporter
from .certificates import deflated as deflated_certificate
from .certificates import factorisation as certificate
from .errors import ConvergenceWarning, PrecisionWarning
from .kernels import Kernel
from .operators.layered import layered, refuse
from .operators.many import Filled
from .operators.points import core_points, relative_error
from .question import Question
from .result import EigenResult
from .solvers import (
    dense,
    finite_rank,
    iterative,
    ladder,
    near_pairs,
    shift_invert,
    sparse_inverse,
)
from .solvers.outcome import MORE_DIGITS, Task, end_journals, ended, in_time, replace, unknown

if TYPE_CHECKING:
    from .distributed import Dask


def answered(
    asked: Question,
    X: Any,
    method: str,
    normalize: bool,
    seed: int,
    report: Reporter,
    points: _core.Points | None = None,
    filled: Filled | None = None,
    workers: Dask | None = None,
) -> EigenResult:
    """The answer to a question, without a warning; where time was over, with what was reached and how to go on.

    Parameters
    ----------
    asked, X, method, normalize, seed, report
        The question, and what of ``min_eig``'s arguments is not in it.
    points
        ``asked.A`` in the core, where they are there already.
    filled
        The matrix in packed tiles, where it is filled already, for the route that ``filled`` names: the
        one that ``method`` leads to.
    workers
        Who holds the matrix, where this process does not.
    """
    precision, certify, start = asked.precision, asked.certify, report.start
    A, ker, n = asked.A, asked.ker, len(asked.A)
    count, limit = asked.threads, asked.limit
    route, note = method, ""
    with report:
        task = Task(
            asked.tol, count, seed, limit, report, start, given=asked.given, path=asked.path
        )
        try:
            points = core_points(A, ker, count) if points is None else points
            if precision in ladder.BEYOND:
                refuse(points, f"precision={precision!r}")
            problem = asked.problem(points)
            task = dataclasses.replace(task, sight=problem.sight)
            if precision not in ladder.BEYOND:
                planning.check_certificate(problem, method)
            if precision in ladder.BEYOND:
                route = precision
            elif workers is not None:
                route = planning.workers.preferred(problem, workers) if method == "auto" else method
            elif method == "auto":
                route = planning.choose(problem) if filled is None else filled.route
            else:
                planning.check(problem, method)
            forced = finite_rank.points_route(A, points, ker, task)
            if forced is not None:
                result = forced
            elif route == "dense":
                result = dense.points_route(A, points, ker, task, certify)
            elif route == "shift-invert":
                result = shift_invert.points_route(A, points, ker, task, certify, precision, filled)
            elif route == "sparse-inverse":
                result = sparse_inverse.points_route(A, points, ker, task, certify)
            elif route in ladder.BEYOND:
                result = ladder.points_route(X, A, points, ker, task, certify, precision, normalize)
            else:
                result = iterative.points_route(
                    A,
                    points,
                    ker,
                    task,
                    certify,
                    precision,
                    route,
                    method == "auto",
                    filled,
                    workers,
                )
                if workers is None and result.lower_kind != "structure":
                    note = planning.unused_path(problem, route)
            if certify in ("auto", "rigorous") and precision not in ladder.BEYOND:
                result = certificate.certified(result, points, ker, task, certify)
            if certify == "preconditioned" or (
                certify == "auto" and deflated_certificate.pays(result, ker, points, task)
            ):
                result = deflated_certificate.certified(result, points, ker, task)
            if precision in ("auto", "double") and route not in ladder.BEYOND:
                result = near_pairs.apart(result, A, points, ker, task, certify)
            if precision == method == "auto" and workers is None:
                result = ladder.climb(result, X, A, points, ker, task, certify, normalize)
        except KeyboardInterrupt:  # between pieces of work
            result = ended(task) or unknown(n, ker, points, task, method)
            result = replace(result, lower=max(result.lower, 0.0), lower_kind="theory")
    if result.status == "rounding-limited" and points is not None:
        why = _known(points, ker)
        if why:
            result = replace(result, message=why)
        else:
            result = replace(result, message=result.message.replace(MORE_DIGITS, _digits(ker)))
    end_journals(task, result)
    if asked.scale != 1.0:
        result = _times(result, asked.scale)
    result = in_time(result, planned=True, files=task.files)
    if result.dtype in ladder.BEYOND:
        note = ""
    notes = filter(None, (result.message, note, _of_a_matrix(asked)))
    # also what was tried after the last solve, and came to nothing
    seconds = time.perf_counter() - start
    return replace(result, message="; ".join(notes), seconds=seconds)


def _known(points: _core.Points, ker: Kernel) -> str:
    """Why the eigenvalue is not known, where that is for want of the kernel and not of arithmetic."""
    error = relative_error(points, ker)
    if error <= 1e-13:
        return ""
    between = " between points of unequal norm" if layered(points) else ""
    what = f"the kernel of {ker.name} is known to {error:.0e} only{between}, which is what limits the eigenvalue"
    return f"{what}; {_cure(ker, bool(between))}"


def _cure(ker: Kernel, unequal: bool) -> str:
    """What its functions show, where they are the user's own; else what makes a kernel easier to know."""
    from .diagnosis.kinks import search

    for one in ker.layers:
        if one.source != "user":
            continue
        seen = search(one.phi)
        missing = [f.at for f in seen.found if all(abs(f.at - c) > 1e-6 for c in one.kinks)]
        if not seen.complete:
            return f"{one.name!r} is singular in more places than can be told apart"
        if missing:
            places = ", ".join(f"{c:.6g}" for c in missing)
            return f"{one.name!r} has a kink at {places}: declare it, as in kinks=({places},)"
        if seen.noise > 1e-12:
            return f"{one.name!r} is itself rounded to {seen.noise:.0e}: compute it in float64"
    if unequal:
        return "norms nearer to each other, fewer layers or normalize=True help"
    return "no kink is seen that is not declared: it changes too fast beside weight_var, which may be smaller"


def _digits(ker: Kernel) -> str:
    """Where more of them are to be had."""
    own = [one.name for one in ker.layers if one.source == "user"]
    if own:
        return (
            f"more digits take an activation of the catalogue: {own[0]!r} is a function of doubles"
        )
    if ker.kind == "ntk" or ker.depth != 1:
        return "more digits are to be had of gradient and nngp kernels of one hidden layer"
    return MORE_DIGITS


A_MATRIX = (
    "X is square and symmetric, and its rows were taken as points: of a matrix, ask mehler.eigsh(X)"
)


def _of_a_matrix(asked: Question) -> str:
    """A word where the points look like a matrix whose eigenvalue was meant."""
    X = asked.A if asked.given is None else asked.given
    n, d = X.shape
    # row by row: the first one tells, and no second array is made
    if (
        1 < n == d
        and np.count_nonzero(X) > n
        and all(np.array_equal(X[i], X[:, i]) for i in range(n))
    ):
        return A_MATRIX
    return ""


_SHIFT = re.compile(r"\bs=([-+.e0-9]+)")


def _times(result: EigenResult, factor: float) -> EigenResult:
    """What holds of K, from what holds of K / factor."""
    names = ("value", "lower", "upper", "residual", "floor", "values", "residuals")
    return replace(
        result,
        history=tuple((a, factor * v, factor * r) for a, v, r in result.history),
        method=_SHIFT.sub(lambda s: f"s={factor * float(s[1]):.1e}", result.method),
        **{name: factor * getattr(result, name) for name in names},
    )


def warn_of(result: EigenResult) -> None:
    """A warning of what is not resolved, for the caller of the function that calls this one."""
    if result.status == "budget-limited":
        warnings.warn(f"not resolved: {result.message}", ConvergenceWarning, stacklevel=3)
    elif result.status == "rounding-limited":
        warnings.warn(f"not resolved: {result.message}", PrecisionWarning, stacklevel=3)
    elif A_MATRIX in result.message:
        warnings.warn(A_MATRIX, UserWarning, stacklevel=3)
