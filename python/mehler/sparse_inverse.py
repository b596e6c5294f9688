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
from typing import Any

import numpy as np

from . import _core, sparse
from ._arrays import Array
from .dense import dense_pairs
from .gram import core_points
from .kernels import Kernel
from .outcome import (
    EPS,
    Task,
    diagonal_bound,
    ended,
    largest_scale,
    nothing,
    result_of,
    rounding_of,
    structural,
    unknown,
    with_theory,
)
from .result import EigenResult
from .structure import forced_zero

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
    n, d = len(A), sparse.dimension(points.unit)
    norms = points.norms()
    m = min(sparse.neighbours(d), n - 1)
    products, estimates = 0, []
    vectors, words, held = np.zeros((n, 0)), "", 0
    pairs = None
    try:
        for some in (max(m // 2, 1), m):
            parts = sparse.split(ker, points, task.seed, task.threads, task.report.ask, some, TERMS)
            pairs, words, held = parts.Q.pairs(), parts.words, parts.nbytes
            zero = forced_zero(pairs, A, norms, ker)
            if zero is not None:
                return _zero(zero, A, points, ker, task, held)
            found = _core.lanczos(
                parts.inverse, parts.inverse, min(BLOCK, n), min(BLOCK, n), min(n, MOST_BASIS), TOL,
                TOL, 0.0, 0.0, -math.inf, task.seed, True, MOST_PRODUCTS, math.inf, 0.0, 0, task.threads,
                task.report.ask,
            )  # fmt: skip
            products += found["applications"]
            if found["interrupted"] or found["stopped"] or len(found["ritz_values"]) == 0:
                break
            if found["end"] in ("converged", "too many products"):
                estimates.append(1.0 / float(found["ritz_values"][0]))
                vectors = np.asfortranarray(found["vectors"])
            del parts
        if not estimates:
            early = nothing(
                task, n, "sparse-inverse", "before the first estimate", ker=ker,
                upper=diagonal_bound(ker, points), applications=products, nbytes=held,
                interrupted=not task.report.stopped,
            )  # fmt: skip
            return with_theory(early, task, ker, points, pairs, certify)
        support = _support(vectors)
        upper, v = _principal(A, support, ker, task)
        result = _result(
            estimates, upper, None, v, support, n, task, ker, points, products, words, held
        )
        theta, residual = _residual(A, support, v, ker, task)
    except (KeyboardInterrupt, _core.Interrupted):
        early = ended(task) or unknown(n, ker, points, task, "sparse-inverse")
        return with_theory(early, task, ker, points, pairs, certify)
    result = _result(
        estimates, upper, (theta, residual), v, support, n, task, ker, points, products, words, held
    )
    return with_theory(result, task, ker, points, pairs, certify)


def _support(vectors: Array) -> Array:
    """Where the lowest vectors are largest, the lowest of all first: at most ``SUPPORT`` points."""
    weight = np.abs(vectors[:, 0])
    for i in range(1, vectors.shape[1]):
        weight = np.maximum(weight, 0.1 * np.abs(vectors[:, i]))
    s = min(len(weight), SUPPORT)
    return np.sort(np.argpartition(-weight, s - 1)[:s])


def _principal(A: Array, support: Array, ker: Kernel, task: Task) -> tuple[float, Array]:
    """(an upper bound of lambda_min(K_SS), its lowest eigenvector)."""
    part = core_points(np.ascontiguousarray(A[support]), ker, task.threads)
    K, _ = _core.dense_gram(part, ker.h.compiled, "float64", task.threads, task.report.ask)
    values, Q, error = dense_pairs(K)
    error += ker.error * largest_scale(part, ker) * min(len(K), 4.0 * math.sqrt(len(K)))
    return float(values[0]) + error, np.ascontiguousarray(Q[:, 0])


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


def _result(
    estimates: list[float],
    upper: float,
    measured: tuple[float, float] | None,
    v: Array,
    support: Array,
    n: int,
    task: Task,
    ker: Kernel,
    points: _core.Points,
    products: int,
    words: str,
    held: int,
) -> EigenResult:
    value, residual = min(estimates[-1], upper), math.inf
    # |K| <= trace; its products here are exact rows times a vector of norm one
    rounding = rounding_of(n, math.sqrt(n) * largest_scale(points, ker) * float(ker.h.ends[0]),
                           ker.error * largest_scale(points, ker))  # fmt: skip
    resolved = False
    change = abs(estimates[0] / estimates[-1] - 1.0) if len(estimates) > 1 else math.nan
    if measured is not None:
        residual = measured[1]
        resolved = residual + rounding <= task.tol * abs(measured[0])
        # P must not know of a smaller one
        spare = max(task.tol, 0.0 if math.isnan(change) else 30.0 * change, 1e-3)
        resolved = resolved and estimates[-1] >= (1.0 - spare) * measured[0]
    if resolved and measured is not None:
        value = measured[0]
    message = ""
    if not resolved:
        stopped = task.report.why if task.report.stopped else ""
        message = (stopped + "; " if stopped else "") + (
            f"an estimate by the sparse inverse, which half the neighbours change by {change:.0e}; "
            "upper bounds it from above; method='preconditioned' resolves it by products"
        )
    whole = np.zeros((n, 1))
    whole[support, 0] = v
    return result_of(
        task,
        values=np.array([value]),
        vectors=whole,
        residuals=np.array([residual]),
        lower=-math.inf,
        upper=upper + EPS * abs(upper),
        lower_kind="none",
        status="resolved" if resolved else "budget-limited",
        method=f"sparse-inverse, {words}",
        applications=products,
        floor=rounding,
        n=n,
        dtype="float64",
        nbytes=held + points.nbytes + 8 * n * (MOST_BASIS // 2),
        change=math.nan if resolved else change,
        message=message,
        history=[(products, e, math.nan) for e in estimates],
    )


def _zero(
    zero: object, A: Array, points: _core.Points, ker: Kernel, task: Task, held: int
) -> EigenResult:
    """A forced zero, with the size of K v from the few rows of v."""
    from .structure import Zero

    assert isinstance(zero, Zero)
    support = np.flatnonzero(zero.vector)
    _, residual = _residual(A, support, np.ascontiguousarray(zero.vector[support]), ker, task)
    return structural(zero, residual, len(A), task, held)
