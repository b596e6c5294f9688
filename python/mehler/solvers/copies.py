"""Copies of an eigenvalue that a block cannot see.

In exact arithmetic the Krylov space of a block of b vectors holds b copies of a multiple eigenvalue
at most. So when k > 1 pairs are found, the solver runs again on what is left of K without them, from
another start, until nothing smaller is left (larger, for the largest ones).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from .. import _core
from .._arrays import Array
from ..result import EigenResult
from .outcome import Task, estimated_norm, replace

# again(V, size, wanted, task): the lowest pairs of K + size V V^t, V (n, m) orthonormal
Again = Callable[[Array, float, int, Task], EigenResult]

LOOSE = 1e-3  # enough to see that nothing is missing, mostly
AT_ONCE = 8


def complete(
    result: EigenResult, again: Again, exact: _core.Operator, largest: bool, task: Task
) -> EigenResult:
    """The k extreme pairs of K with all copies, from k pairs of which some may be missing.

    Parameters
    ----------
    result
        k resolved pairs.
    again
        The same solver on the rest.
    exact
        Products with K in float64.
    largest, task
        As in the solver.
    """
    if len(result.values) == 1 or not result.resolved:
        return result
    try:
        return _complete(result, again, exact, largest, task)
    except (KeyboardInterrupt, _core.Interrupted):
        return _doubtful(result, result.applications, task.report.why or "interrupted")


def _complete(
    result: EigenResult, again: Again, exact: _core.Operator, largest: bool, task: Task
) -> EigenResult:
    assert result.vectors is not None
    k, n, sign = len(result.values), result.n, -1.0 if largest else 1.0
    found, values = result.vectors, sign * result.values  # signed: ascending
    norm = estimated_norm(exact, n, task)
    done, wanted, tol = result.applications + 3, 1, max(task.tol, LOOSE)
    while found.shape[1] < n:
        V = np.asfortranarray(np.linalg.qr(found)[0])
        # all that is known goes beyond the k-th value, however little of |K| the estimate saw
        limit = float(np.sort(values)[k - 1])
        size = sign * (limit - float(np.min(values)) + norm)
        # from another start: what the first one could not see, it would not see again
        another = dataclasses.replace(task, tol=tol, seed=task.seed + found.shape[1], known=[])
        rest = again(V, size, min(wanted, n - V.shape[1]), another)
        done += rest.applications
        if rest.vectors is None or rest.interrupted or task.report.stopped:
            return _doubtful(result, done, task.report.why or rest.message)
        limit -= task.tol * abs(limit)
        new = sign * rest.values
        if rest.resolved and new[0] - tol * abs(new[0]) >= limit:
            break
        if tol > task.tol:
            tol = task.tol
            continue
        if not rest.resolved:
            return _doubtful(result, done, rest.message)
        if new[0] >= limit:
            break
        lower = new < limit  # the others may be known already, and only moved
        found = np.hstack([found, rest.vectors[:, lower]])
        values = np.concatenate([values, new[lower]])
        wanted, tol = min(k, AT_ONCE), max(task.tol, LOOSE) if wanted == 1 else task.tol
    if found.shape[1] == k:
        return replace(result, applications=done)
    # pairs of several runs are orthogonal to their residuals only: Rayleigh-Ritz in their span
    V = np.asfortranarray(np.linalg.qr(found)[0])
    KV = exact.multiply(V, task.threads)
    H = V.T @ KV
    theta, Y = np.linalg.eigh(0.5 * (H + H.T))
    first = np.argsort(sign * theta, kind="stable")[:k]
    theta, V, KV = theta[first], np.asfortranarray(V @ Y[:, first]), KV @ Y[:, first]
    residuals = np.linalg.norm(KV - V * theta, axis=0)
    value = float(theta[0])
    good = bool(np.all(residuals + result.floor <= task.tol * np.abs(theta)))
    last = (done + 1, value, float(np.max(residuals)))
    return replace(
        result,
        value=value,
        values=theta,
        vectors=V,
        vector=np.ascontiguousarray(V[:, 0]),
        residual=float(residuals[0]),
        residuals=residuals,
        lower=max(result.lower, value - 4.0 * result.floor) if largest else result.lower,
        upper=result.upper if largest else min(result.upper, value + 4.0 * result.floor),
        status="resolved" if good else "rounding-limited",
        message="" if good else "rounding disturbs the copies of an eigenvalue",
        applications=done + 1,
        history=(*result.history, last),
    )


def _doubtful(result: EigenResult, done: int, why: str) -> EigenResult:
    return replace(
        result,
        status="budget-limited",
        message=f"{why or 'ended'}, before it was known whether a copy of an eigenvalue is missing",
        interrupted=why.startswith("interrupted"),
        applications=done,
    )
