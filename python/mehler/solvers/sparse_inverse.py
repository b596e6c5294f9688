"""The sparse-inverse route: the smallest eigenvalue without one dense product.

    P = K_low + (U U^T)^-1,    lambda_min(K) is near lambda_min(P) = 1 / lambda_max(P^-1)

P^-1 costs n m numbers, so a million points in three dimensions are minutes. What is known of K itself:

- *upper*: lambda_min of the principal submatrix K_SS, S where the lowest vectors of P are largest
  (interlacing), computed densely with its rounding bound;
- *residual*: |K v - theta v|, v the lowest eigenvector of K_SS with zeros elsewhere: n |S| entries;
- *change*: the estimate at half the neighbours, beside the one at all of them.

Where the residual meets the tolerance the value is resolved like any other; else it is an estimate, and
the status says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from ..certificates.structure import Zero, forced_zero
from ..kernels import Kernel
from ..operators.points import core_points
from ..preconditioners import sparse
from ..result import EigenResult
from .dense import dense_pairs
from .outcome import (
    EPS,
    Task,
    diagonal_bound,
    ended,
    entry_error,
    largest_entry,
    nothing,
    result_of,
    rounding_of,
    structural,
    unknown,
    with_theory,
)

SUPPORT = 2000  # points of the principal submatrix
TERMS = (
    30  # of low degree: an estimate gains nothing from more, and they cost 24 bytes a point each
)
BLOCK = 4
MOST_BASIS = 300
MOST_PRODUCTS = 600
TOL = 1e-7  # of the lowest eigenvalue of P
LEAST = 64  # points


def nbytes(ker: Kernel, n: int, d: int) -> int:
    """Bytes at most."""
    s = min(n, SUPPORT)
    return sparse.nbytes(ker, n, d, terms=TERMS) + 8 * n * (MOST_BASIS + 6 * BLOCK) + 5 * 8 * s * s


def obstacle(ker: Kernel, n: int) -> str:
    """What stands against the route, whatever the memory; nothing: ''."""
    if not sparse.local(ker):
        return f"needs an activation with a kink; {ker.name!r} has none"
    if n < LEAST:
        return f"needs at least {LEAST} points; got n={n}"
    if n > sparse.MOST_POINTS:
        return f"takes up to 2^32 - 2 points; got n={n}"
    return ""


@dataclass
class Runs:
    """What the runs on P^-1 have said so far, one a number of neighbours.

    Attributes
    ----------
    estimates
        lambda_min(P) of each.
    vectors
        Lowest eigenvectors of the last P, (n, k).
    pairs
        What the splits saw of the nearest pairs.
    products
        Block products with P^-1.
    words, nbytes
        How the last P was made, and its size.
    lacks
        Why there is no second one, where it failed.
    """

    estimates: list[float] = field(default_factory=list)
    vectors: Array | None = None
    pairs: dict[str, Any] | None = None
    products: int = 0
    words: str = ""
    nbytes: int = 0
    lacks: str = ""

    @property
    def change(self) -> float:
        """From half the neighbours to all, relatively; NaN where that is not known."""
        if len(self.estimates) < 2:
            return math.nan
        return abs(self.estimates[0] / self.estimates[-1] - 1.0)

    @property
    def message(self) -> str:
        """What the estimate is worth."""
        if len(self.estimates) < 2:
            why = f" ({self.lacks})" if self.lacks else ""
            return f"an estimate by the sparse inverse; how far more neighbours change it is not known{why}"
        return f"an estimate by the sparse inverse, which half the neighbours change by {self.change:.0e}"


@dataclass(frozen=True)
class Principal:
    """K_SS: an upper bound of its lowest eigenvalue, and the eigenvector (|S|,)."""

    support: Array
    upper: float
    vector: Array


def points_route(
    A: Array, points: _core.Points, ker: Kernel, task: Task, certify: str
) -> EigenResult:
    """lambda_min of the kernel matrix of points, by its sparse inverse; ``obstacle`` finds none.

    Parameters
    ----------
    A, points
        The points, and the same in the core.
    ker, task, certify
        As in :func:`min_eig`.
    """
    runs = Runs()
    try:
        zero = _estimate(runs, A, points, ker, task)
        if zero is not None:
            return _zero(zero, A, points, ker, task, runs.nbytes)
        if not runs.estimates:
            early = nothing(
                task, len(A), "sparse-inverse", "before the first estimate", ker=ker,
                upper=diagonal_bound(ker, points), applications=runs.products, nbytes=runs.nbytes,
                interrupted=not task.report.stopped,
            )  # fmt: skip
            return with_theory(early, task, ker, points, runs.pairs, certify)
        assert runs.vectors is not None
        part = _principal(A, _support(runs.vectors), ker, task)
        _result(runs, part, None, task, ker, points)  # known from now on
        measured = _residual(A, part.support, part.vector, ker, task)
    except (KeyboardInterrupt, _core.Interrupted):
        early = ended(task) or (
            _unmeasured(runs, task, ker, points)
            if runs.estimates
            else unknown(len(A), ker, points, task, "sparse-inverse")
        )
        return with_theory(early, task, ker, points, runs.pairs, certify)
    result = _result(runs, part, measured, task, ker, points)
    return with_theory(result, task, ker, points, runs.pairs, certify)


def _estimate(runs: Runs, A: Array, points: _core.Points, ker: Kernel, task: Task) -> Zero | None:
    """lambda_min(P) at half the neighbours, then at all; or the zero that two points force."""
    n, norms = len(A), points.norms()
    sight = task.seen(ker, points)
    m = min(sparse.neighbours(sight.d), n - 1)
    for some in (max(m // 2, 1), m):
        try:
            parts = sparse.split(ker, sight, task.seed, task.threads, task.report.ask, some, TERMS)
        except (MemoryError, RuntimeError, np.linalg.LinAlgError) as failed:
            if not runs.estimates or isinstance(failed, _core.Interrupted):
                raise
            runs.lacks = f"{some} neighbours failed: {str(failed) or type(failed).__name__}"
            break
        runs.pairs, runs.words, runs.nbytes = parts.Q.pairs(), parts.words, parts.nbytes
        zero = forced_zero(runs.pairs, A, norms, ker, task.given)
        if zero is not None:
            return zero
        found = _core.lanczos(
            parts.inverse, parts.inverse, min(BLOCK, n), min(BLOCK, n), min(n, MOST_BASIS), TOL,
            TOL, 0.0, 0.0, -math.inf, task.seed, True, MOST_PRODUCTS, math.inf, 0.0, 0, task.threads,
            task.report.ask,
        )  # fmt: skip
        runs.products += found["applications"]
        if found["interrupted"] or found["stopped"]:
            if runs.estimates:
                raise _core.Interrupted
            break
        if len(found["ritz_values"]) == 0:
            break
        if found["end"] in ("converged", "too many products"):
            runs.estimates.append(1.0 / float(found["ritz_values"][0]))
            runs.vectors = np.asfortranarray(found["vectors"])
        del parts
    return None


def _support(vectors: Array) -> Array:
    """Where the lowest vectors are largest, the lowest of all first: at most ``SUPPORT`` points."""
    weight = np.abs(vectors[:, 0])
    for i in range(1, vectors.shape[1]):
        weight = np.maximum(weight, 0.1 * np.abs(vectors[:, i]))
    s = min(len(weight), SUPPORT)
    return np.sort(np.argpartition(-weight, s - 1)[:s])


def _principal(A: Array, support: Array, ker: Kernel, task: Task) -> Principal:
    """K_SS by all its eigenvalues, with their rounding bound."""
    part = core_points(np.ascontiguousarray(A[support]), ker, task.threads)
    K, _ = _core.dense_gram(part, ker.h.compiled, "float64", task.threads, task.report.ask)
    values, Q, error = dense_pairs(K)
    error += entry_error(part, ker) * min(len(K), 4.0 * math.sqrt(len(K)))
    return Principal(support, float(values[0]) + error, np.ascontiguousarray(Q[:, 0]))


def _residual(A: Array, support: Any, v: Array, ker: Kernel, task: Task) -> tuple[float, float]:
    """(theta, |K v - theta v|) of v on the support, zero elsewhere: rows of K a stretch at a time."""
    part = core_points(np.ascontiguousarray(A[support]), ker, task.threads)
    image = np.empty(len(A))
    step = 4096
    for start in range(0, len(A), step):
        rows = core_points(np.ascontiguousarray(A[start : start + step]), ker, task.threads)
        K = _core.cross_gram(rows, part, ker.h.compiled, task.threads)
        image[start : start + step] = K @ v
        if task.report.ask and task.report.ask("residual", start, len(A), math.nan, math.nan):
            raise _core.Interrupted
    theta = float(v @ image[support])
    image[support] -= theta * v
    return theta, float(np.linalg.norm(image))


def _rounding(ker: Kernel, points: _core.Points) -> float:
    """Of the residual: |K| <= trace; its products here are exact rows times a vector of norm one."""
    n = len(points.norms())
    return rounding_of(n, math.sqrt(n) * largest_entry(points, ker), entry_error(points, ker))


def _result(
    runs: Runs,
    part: Principal,
    measured: tuple[float, float] | None,
    task: Task,
    ker: Kernel,
    points: _core.Points,
) -> EigenResult:
    """The estimate with its upper bound; ``measured``: theta and residual of the vector, once known."""
    value, residual = min(runs.estimates[-1], part.upper), math.inf
    rounding = _rounding(ker, points)
    resolved = False
    if measured is not None:
        residual = measured[1]
        resolved = residual + rounding <= task.tol * abs(measured[0])
        # P must not know of a smaller one
        spare = max(task.tol, 0.0 if math.isnan(runs.change) else 30.0 * runs.change, 1e-3)
        resolved = resolved and runs.estimates[-1] >= (1.0 - spare) * measured[0]
    if resolved and measured is not None:
        value = measured[0]
    message = ""
    if not resolved:
        stopped = task.report.why if task.report.stopped else ""
        message = (stopped + "; " if stopped else "") + (
            f"{runs.message}; upper bounds it from above; method='preconditioned' resolves it by products"
        )
    n = len(points.norms())
    whole = np.zeros((n, 1))
    whole[part.support, 0] = part.vector
    return result_of(
        task,
        values=np.array([value]),
        vectors=whole,
        residuals=np.array([residual]),
        lower=-math.inf,
        upper=part.upper + EPS * abs(part.upper),
        lower_kind="none",
        status="resolved" if resolved else "budget-limited",
        method=f"sparse-inverse, {runs.words}",
        applications=runs.products,
        floor=rounding,
        n=n,
        dtype="float64",
        nbytes=runs.nbytes + points.nbytes + 8 * n * (MOST_BASIS // 2),
        change=math.nan if resolved else runs.change,
        message=message,
        history=[(runs.products, e, math.nan) for e in runs.estimates],
    )


def _unmeasured(runs: Runs, task: Task, ker: Kernel, points: _core.Points) -> EigenResult:
    """Ended before there was a vector of K: the estimate so far, below the smallest diagonal entry."""
    n, top = len(points.norms()), diagonal_bound(ker, points)
    return result_of(
        task,
        values=np.array([min(runs.estimates[-1], top)]),
        vectors=None,
        residuals=np.array([math.inf]),
        lower=-math.inf,
        upper=top,
        lower_kind="none",
        status="budget-limited",
        method=f"sparse-inverse, {runs.words}",
        applications=runs.products,
        floor=_rounding(ker, points),
        n=n,
        dtype="float64",
        nbytes=runs.nbytes + points.nbytes + 8 * n * (MOST_BASIS // 2),
        change=runs.change,
        message=f"{task.report.why if task.report.stopped else 'interrupted'}; {runs.message}",
        interrupted=not task.report.stopped,
        history=[(runs.products, e, math.nan) for e in runs.estimates],
    )


def _zero(
    zero: Zero, A: Array, points: _core.Points, ker: Kernel, task: Task, held: int
) -> EigenResult:
    """A forced zero, with the size of K v from the few rows of v."""
    support = np.flatnonzero(zero.vector)
    _, residual = _residual(A, support, np.ascontiguousarray(zero.vector[support]), ker, task)
    return structural(zero, residual, len(A), task, held)
