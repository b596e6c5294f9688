"""What all routes share: the task, what rounding and theory say, and the making of results."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from .._progress import Reporter
from ..certificates.structure import Zero
from ..certificates.tail_bound import gershgorin_tail
from ..kernels import Kernel
from ..operators.disk import Journal
from ..operators.layered import layered
from ..operators.packed import four_bytes
from ..operators.points import core_diagonal, relative_error
from ..preconditioners.sparse import Sight
from ..result import EigenResult

EPS = float(np.finfo(np.float64).eps)
LOOSEST = 1e-3  # of a solver: at a looser tol the first Ritz value may be any eigenvalue


@dataclass(frozen=True)
class Task:
    """What every route needs to know."""

    tol: float
    threads: int
    seed: int
    limit: int
    report: Reporter
    start: float
    known: list[EigenResult] = field(default_factory=list)  # results so far
    apart: int = 0  # bytes of ``limit`` beside the user's max_memory: of K, which is there already
    sight: Sight | None = None  # of the points, if somebody has looked already
    given: Array | None = None  # the points before they were normalised, where they were
    path: str | None = None  # as min_eig has it; the names of all files begin with it
    files: list[str] = field(default_factory=list)  # of these, what the work has opened or made
    journals: list[Journal] = field(default_factory=list)  # that the work may go on from

    def seen(self, ker: Kernel, points: _core.Points) -> Sight:
        """The points as an approximate inverse sees them."""
        return self.sight or Sight(ker, points)


# -- what is known beforehand -----------------------------------------------------------------------


def rounding_of(n: int, size: float, entry_error: float) -> float:
    """Absolute error of an eigenvalue from rounding: of products, and of entries (not aligned)."""
    return EPS * size + 2.0 * math.sqrt(n) * entry_error


def estimated_norm(exact: _core.Operator, n: int, task: Task, most: float = math.inf) -> float:
    """|K|, at most ``most``, by the power method: three products, a tenth to spare."""
    g = np.random.default_rng(task.seed).standard_normal((n, 1))
    size = 0.0
    for _ in range(3):
        g = np.asfortranarray(g / np.linalg.norm(g))
        g = exact.multiply(g, task.threads)
        size = float(np.linalg.norm(g))
        if size == 0.0:
            break
    return min(1.1 * size, most)


def largest_entry(points: _core.Points, ker: Kernel) -> float:
    """max K_ii = max |K_ij|."""
    return float(np.max(core_diagonal(points, ker)))


def single_of(points: _core.Points, ker: Kernel) -> str:
    """Which format of four bytes serves K."""
    return four_bytes(core_diagonal(points, ker))


def entry_error(points: _core.Points, ker: Kernel) -> float:
    """What an entry of K may lack, at most."""
    return relative_error(points, ker) * largest_entry(points, ker)


MORE_DIGITS = "more digits take precision='extended', or 'exact', for activations without kinks"


def remedy(value: float, floor: float) -> str:
    """Why no more is known, and what to do."""
    if abs(value) <= 20.0 * floor:
        return f"not far above the rounding floor {floor:.1e} of double precision; {MORE_DIGITS}"
    return (
        f"known to +- {floor:.0e}, {within(floor, value)}, by the rounding of double precision; "
        f"tol={2.0 * floor / abs(value):.0e} is within reach"
    )


def within(floor: float, value: float) -> str:
    """``2e-4 of the value``."""
    return f"{floor / abs(value):.0e} of the value" if value else "and may be zero"


def theory(
    ker: Kernel, n: int, pairs: dict[str, Any] | None, points: _core.Points, certify: str
) -> tuple[float, str]:
    """The Hermite-tail bound from the nearest pairs; 0 when nothing positive can be shown (K is PSD)."""
    if relative_error(points, ker) > 1e-12:  # an estimate is no ground for a proof
        return -math.inf, "none"
    if certify == "none" or pairs is None or layered(points):
        return 0.0, "none" if certify == "none" else "theory"
    seen = [p[2] for p in (pairs["nearest"], pairs["antipodal"]) if p is not None]
    deficit = max(min(seen) * (1.0 - 1e-9) - 4e-15 * (min(seen) >= 1e-3), 0.0) if seen else 1.0
    value, _ = gershgorin_tail(ker, n, 1.0 - deficit, float(np.min(points.norms())), deficit)
    return value, "theory"


def diagonal_bound(ker: Kernel, points: _core.Points) -> float:
    """The smallest diagonal entry, rounding allowed for: no smallest eigenvalue lies above it."""
    least = float(np.min(core_diagonal(points, ker)))
    return least * (1.0 + relative_error(points, ker) + 4.0 * EPS)


def with_theory(
    result: EigenResult,
    task: Task,
    ker: Kernel,
    points: _core.Points,
    pairs: dict[str, Any] | None,
    certify: str,
) -> EigenResult:
    """The result of an iterative solver with the theory's lower and the diagonal's upper bound."""
    lower, kind = theory(ker, result.n, pairs, points, certify)
    upper = min(result.upper, diagonal_bound(ker, points))  # also when result.upper is infinite
    seconds = time.perf_counter() - task.start
    return replace(result, lower=lower, lower_kind=kind, upper=upper, seconds=seconds)


# -- results ----------------------------------------------------------------------------------------


def result_of(
    task: Task, *, values: Array, vectors: Array | None, residuals: Array, **rest: Any
) -> EigenResult:
    history = rest.pop("history", ())
    result = EigenResult(
        value=float(values[0]),
        residual=float(residuals[0]),
        vector=None if vectors is None else np.ascontiguousarray(vectors[:, 0]),
        values=np.asarray(values),
        vectors=vectors,
        residuals=np.asarray(residuals),
        tol=task.tol,
        threads=task.threads,
        seconds=time.perf_counter() - task.start,
        history=tuple((int(a), float(v), float(r)) for a, v, r in history),
        **rest,
    )
    task.known.append(result)
    return result


def replace(result: EigenResult, **changes: Any) -> EigenResult:
    return dataclasses.replace(result, **changes)


def structural(zero: Zero, size: float, n: int, task: Task, nbytes: int) -> EigenResult:
    """An eigenvalue that points force to be zero; size: |K v|.

    Where they are alike to rounding only, the eigenvalue is some number between 0 and ``zero.upper``.
    """
    exact = zero.upper == 0.0
    why = zero.reason if exact else f"{zero.reason}; take one of these points out"
    return result_of(
        task,
        values=np.zeros(1),
        vectors=zero.vector[:, None],
        residuals=np.array([size]),
        lower=0.0,
        upper=zero.upper,
        lower_kind="structure",
        status="resolved" if exact else "rounding-limited",
        method="structure",
        applications=0,
        floor=zero.upper,
        n=n,
        dtype="float64",
        nbytes=nbytes,
        message=f"{'exactly zero' if exact else 'zero to rounding'}: {why}",
    )


def nothing(
    task: Task,
    n: int,
    method: str,
    when: str,
    *,
    upper: float = math.inf,
    ker: Kernel | None = None,
    applications: int = 0,
    floor: float = math.nan,
    dtype: str = "float64",
    nbytes: int = 0,
    **rest: Any,
) -> EigenResult:
    """Ended before the first Ritz value; the matrix of a kernel has no negative eigenvalue."""
    rest.setdefault("interrupted", not task.report.stopped)
    why = (
        task.report.why
        if task.report.stopped
        else "interrupted"
        if rest["interrupted"]
        else "ended"
    )
    return result_of(
        task,
        values=np.array([math.nan]),
        vectors=None,
        residuals=np.array([math.inf]),
        lower=-math.inf if ker is None else 0.0,
        upper=upper,
        lower_kind="none" if ker is None else "theory",
        status="budget-limited",
        method=method,
        applications=applications,
        floor=floor,
        n=n,
        dtype=dtype,
        nbytes=nbytes,
        message=f"{why} {when}",
        **rest,
    )


def unknown(
    n: int, ker: Kernel | None, points: _core.Points | None, task: Task, method: str
) -> EigenResult:
    """Ended in the fill: lambda_min lies between 0 and the smallest diagonal entry."""
    upper = math.inf
    if ker is not None and points is not None and "h" in ker.__dict__:
        upper = diagonal_bound(ker, points)
    nbytes = 0 if points is None else points.nbytes
    return nothing(task, n, method, "while filling", upper=upper, ker=ker, nbytes=nbytes)


def in_time(result: EigenResult, planned: bool, files: Sequence[str] = ()) -> EigenResult:
    """The result; where its time was over, the message also says what was reached, and how to go on.

    planned: whether ``plan`` can say how long it takes; files: what the work has opened or made, and a later call takes up.
    """
    if result.status != "budget-limited" or not result.message.startswith("stopped by time_limit="):
        return result
    if not math.isfinite(result.value):
        reached = "no value yet, only bounds"
    elif math.isfinite(result.residual) and result.value != 0.0:
        reached = (
            f"residual {result.residual / abs(result.value):.1e} of the value, tol={result.tol:g}"
        )
    else:
        reached = "an estimate"
    how = "pass a larger time_limit" + (" (plan says what it takes)" if planned else "")
    if any(os.path.exists(name) for name in files):
        how = "the same call goes on from the file at path"
    return replace(result, message=f"{result.message}: {reached}; {how}")


def end_journals(task: Task, result: EigenResult) -> None:
    """Nothing is left to do, a proof included: what solves have kept goes, unless they would go on from there."""
    if result.status == "budget-limited" or result.interrupted or task.report.stopped:
        return
    for journal in task.journals:
        journal.remove()


def ended(task: Task) -> EigenResult | None:
    """What is known when Ctrl-C or the callback ends the work: the lowest upper bound so far.

    Not the last value: a solver that has just begun again in float64 knows less than float32 did.
    """
    if not task.known:
        return None
    known = [r for r in task.known if math.isfinite(r.value)] or task.known
    best = min(reversed(known), key=lambda r: r.upper)
    why = task.report.why or "interrupted"
    return replace(
        best,
        status="resolved" if best.resolved else "budget-limited",
        message=best.message if best.message.startswith(why) else why,
        interrupted=not task.report.stopped,
        applications=max(r.applications for r in task.known),
        seconds=time.perf_counter() - task.start,
    )
