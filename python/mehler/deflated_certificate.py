"""A certificate without n^3: K above a sparse P, made tight by deflation. Probabilistic.

Write K = K_low + K_tail, K_low = C C^T, U U^T near K_tail^-1 (``sparse.py``), B = U^T K_tail U.

1. B is well conditioned, so a random-start Lanczos run bounds it from below (cpp/solve/random_bound.hpp).
   With Z (n, p) orthonormal Ritz vectors of its lowest values, A = Z^T B Z, R = B Z - Z A, and beta a
   bound on B over the complement of Z (a second run), for any eta > 0

       B >= Z (A - eta) Z^T + b (I - Z Z^T),    b = beta - |R|^2 / eta.

2. So K >= P,  P^-1 = (K_low + Q_b^-1)^-1,  Q_b = U U^T / b + U Z ((A - eta)^-1 - I / b) (U Z)^T:
   sparse, and of low rank besides.
3. V (n, k): low eigenvectors of K, H = V^T K V diagonal, S = K V - V H; mu: a bound on P, and so on K,
   over the complement of V (a third run, on the inverse of P there: sparse products only). Then

       lambda_min(K) >= the largest t < mu for which H - t - S^T S / (mu - t) >= 0      (Schur complement).

As soon as mu is above the value, no smaller eigenvalue can have been missed, and the bound is below the
value by |S_1|^2 / (mu - value) only. Each run fails with probability delta at most; the rounding of
products is subtracted.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from . import _core, sparse
from ._arrays import Array, size_text
from .gram import storage_bytes
from .kernels import Kernel
from .outcome import Task, largest_scale, replace, rounding_of
from .result import EigenResult

FAILURE = 1e-10  # of all runs together
STEPS = 60  # of each run on B
SPARSE_STEPS = 300  # of the run on P^-1
RITZ = 12  # of B, that may be deflated
MOST_VECTORS = 48  # of K
MOST_TERMS = (
    500  # of low degree: more than a solver needs, as what counts here is how near P is to K
)
ROOM = 1.25  # how far mu should be above the value
GUARD_TOL = 3e-4  # residuals of the other low eigenvectors


class Bounded(NamedTuple):
    """What B is proved to be above, and at which price."""

    inverse: _core.Operator  # P^-1
    below: float  # b
    deflated: int  # columns of Z
    products: int
    done: bool  # False: the bound on B is not positive


def possible(ker: Kernel, n: int, d: int) -> bool:
    """Whether the sparse inverse sees the bottom of this kernel."""
    return sparse.local(ker) and n >= 64 and ker.error <= 1e-12 * float(ker.h.ends[0])


def neighbours(d: int) -> int:
    """m: more than a solver takes."""
    return 60 if d <= 2 else 120 if d == 3 else 200


def nbytes(ker: Kernel, n: int, d: int, storage: str) -> int:
    """Bytes at most: the split, K in float64, the bases of the runs."""
    bases = 8 * n * (SPARSE_STEPS + 6 * MOST_VECTORS + 4 * RITZ)
    return (
        sparse.nbytes(ker, n, d, neighbours(d), MOST_TERMS)
        + storage_bytes(n, storage, "float64")
        + bases
    )


def storage_for(ker: Kernel, n: int, d: int, held: int, limit: int) -> str | None:
    """'packed' where it fits, else 'matrix-free', else None."""
    for storage in ("packed", "matrix-free"):
        if nbytes(ker, n, d, storage) + held <= limit:
            return storage
    return None


def pays(result: EigenResult, ker: Kernel, d: int, limit: int) -> bool:
    """Whether ``certify='auto'`` goes this way: where it is known to be sharp, and nothing sharp is known."""
    return (
        d <= sparse.TREE_UP_TO
        and possible(ker, result.n, d)
        and result.resolved
        and result.lower_kind == "theory"
        and storage_for(ker, result.n, d, result.nbytes, limit) is not None
    )


def check(ker: Kernel, n: int, d: int, held: int, limit: int) -> None:
    """Refuses what cannot be, before any work."""
    if not sparse.local(ker):
        raise ValueError(
            f"certify='preconditioned' needs an activation with a kink; {ker.activation.name!r} has none. "
            "Use certify='rigorous'."
        )
    if n < 64:
        raise ValueError(
            f"certify='preconditioned' needs at least 64 points; got n={n}. Use certify='rigorous'."
        )
    if ker.error > 1e-12 * float(ker.h.ends[0]):
        raise ValueError(
            f"certify='preconditioned' needs a kernel known to 1e-12; that of {ker.activation.name!r} is "
            f"known to {ker.error:.0e}. Declare its kinks, or use certify='theory'."
        )
    if storage_for(ker, n, d, held, limit) is None:
        raise MemoryError(
            f"certify='preconditioned' at n={n} takes {size_text(nbytes(ker, n, d, 'matrix-free') + held)}, "
            f"more than max_memory={size_text(limit)}; use certify='theory'."
        )


def certified(
    result: EigenResult,
    U: Array,
    points: _core.Points,
    ker: Kernel,
    task: Task,
) -> EigenResult:
    """The result with ``lower`` and its failure probability, as far as it got.

    Parameters
    ----------
    result
        Of a solver: ``vector`` and ``value``.
    U
        The points, of unit norm.
    points, ker, task
        K, and what all routes know.
    """
    if result.vector is None or not result.value > 0.0 or result.lower_kind == "structure":
        return result
    if result.interrupted or task.report.stopped:
        return result
    try:
        found = _certified(result, U, points, ker, task)
    except (KeyboardInterrupt, _core.Interrupted):
        found = replace(
            result,
            message=f"{task.report.why or 'interrupted'} before the certificate was complete",
            interrupted=not task.report.stopped,
        )
    return replace(found, seconds=time.perf_counter() - task.start)


def _certified(
    result: EigenResult, U: Array, points: _core.Points, ker: Kernel, task: Task
) -> EigenResult:
    n, d = U.shape
    storage = storage_for(ker, n, d, points.nbytes, task.limit)
    assert storage is not None
    profile, ask = ker.h.compiled, task.report.ask
    K: _core.Operator
    if storage == "packed":
        K = _core.Packed64(points, profile, task.threads, ask)
    else:
        K = _core.Recomputed(points, profile)
    m, terms = neighbours(d), MOST_TERMS
    parts = sparse.split(ker, U, points, task.seed + 1, task.threads, ask, m, terms)
    floor = max(
        result.floor, rounding_of(n, _norm(K, n, task), ker.error * largest_scale(points, ker))
    )
    bounded = _below(parts, K, floor, task)
    used = bounded.products
    if not bounded.done:
        return replace(result, message=_too_low(result, used, "U^T K U has no positive bound"))
    # how many eigenvectors of K are needed: those of P below the value, with some room
    low = _lowest(bounded.inverse, MOST_VECTORS, task)
    count = int(np.sum(low < ROOM * result.value))
    V = result.vector[:, None]
    if count > 1:
        more = _core.davidson(
            K, K, bounded.inverse, min(count, n), 4, 400, GUARD_TOL, GUARD_TOL, floor, 0.0, -math.inf,
            task.seed + 2, 150, math.inf, 0.0, 0, task.threads, ask,
        )  # fmt: skip
        used += more["applications"]
        if more["interrupted"] or more["stopped"]:
            raise _core.Interrupted
        V = np.hstack([V, more["vectors"]])
    V = _orthonormal(V)
    KV = K.multiply(np.asfortranarray(V), task.threads)
    H, Y = np.linalg.eigh(V.T @ KV)
    V, S = V @ Y, KV @ Y
    S -= V * H
    used += -(-V.shape[1] // 4)
    mu, steps = _complement(bounded.inverse, V, task)
    lower = _schur(H, S.T @ S, mu) - floor
    changes: dict[str, Any] = {"upper": min(result.upper, float(H[0]) + floor)}
    reached = lower / result.value
    if lower > max(result.lower, 0.0):
        changes |= {"lower": lower, "lower_kind": "preconditioned", "failure_probability": FAILURE}
    width = task.tol * result.value
    if result.resolved and H[0] < result.value - width - 2.0 * floor:
        changes["status"] = "budget-limited"
        changes["message"] = f"a smaller eigenvalue was missed: at most {H[0] + floor:.8g}"
    elif not result.message and lower < result.upper - width:
        changes["message"] = _too_low(
            result, used, f"certified to {max(reached, 0.0):.3g} of the value"
            f" (mu={mu:.3g} with {V.shape[1]} vectors)"
        )  # fmt: skip
    return replace(result, applications=result.applications + used, **changes)


def _too_low(result: EigenResult, used: int, what: str) -> str:
    return f"{what}, after {used} products; certify='rigorous' is sharp"


def _below(parts: sparse.Split, K: _core.Operator, floor: float, task: Task) -> Bounded:
    """Steps 1 and 2."""
    n, ask = K.size, task.report.ask
    B = parts.whitened(K)
    factor = _core.SparseFactor(parts.Q, False)
    # rounding in K, seen through U: |U|^2 = |Q|
    noise = 4.0 * floor * _norm(parts.Q, n, task)
    none = np.zeros((0, 0))
    delta = FAILURE / 3.0
    first = _core.random_bound(
        B, none, STEPS, delta, 0.03, math.inf, task.seed + 3, RITZ, task.threads, ask
    )
    _go_on(first)
    used, b = first["steps"], first["lower"] - noise
    good = first["residuals"] < 1e-4 * np.abs(first["values"])
    worth = good & (first["values"] < first["values"][-1])
    Z, A, p = np.zeros((n, 0)), np.zeros((0, 0)), int(np.sum(worth))
    if p and b < 0.75:
        Z0 = _orthonormal(first["vectors"][:, worth])
        BZ = B.multiply(np.asfortranarray(Z0), task.threads)
        A0 = Z0.T @ BZ
        rest = float(np.linalg.norm(BZ - Z0 @ A0, 2))
        second = _core.random_bound(
            B, np.asfortranarray(Z0), STEPS, delta, 0.03, math.inf, task.seed + 4, 0, task.threads, ask
        )  # fmt: skip
        _go_on(second)
        used += second["steps"] + -(-p // 4)
        lowest = float(np.linalg.eigvalsh(A0)[0])
        eta = max(rest, 1e-3 * lowest)
        higher = second["lower"] - noise - rest * rest / eta
        if higher > b and lowest - eta - noise > 0.0:
            b, Z, A = higher, Z0, A0 - (eta + noise) * np.eye(p)
    if not b > 0.0:
        return Bounded(parts.inverse, b, 0, used, False)
    UZ = factor.multiply(np.asfortranarray(Z), task.threads)
    M = sparse.inverse_of(A) - np.eye(len(A)) / b if len(A) else A
    Q = sparse.changed(parts.Q, 1.0 / b, UZ, M)
    return Bounded(sparse.with_low_part(Q, parts.C, task.threads), b, len(A), used, True)


def _lowest(inverse: _core.Operator, count: int, task: Task) -> Array:
    """The lowest eigenvalues of P, to about a thousandth."""
    n = inverse.size
    found = _core.lanczos(
        inverse, inverse, min(count, n), 4, min(n, SPARSE_STEPS), 1e-3, 1e-3, 0.0, 0.0, -math.inf,
        task.seed + 5, True, math.inf, 0.0, 0, task.threads, task.report.ask,
    )  # fmt: skip
    if found["interrupted"] or found["stopped"]:
        raise _core.Interrupted
    return np.asarray(1.0 / found["ritz_values"])


def _complement(inverse: _core.Operator, V: Array, task: Task) -> tuple[float, int]:
    """(mu, steps): P >= mu on the complement of V."""
    T = sparse.without(inverse, -1.0, V, task.threads)
    bound = _core.random_bound(
        T, np.asfortranarray(V), SPARSE_STEPS, FAILURE / 3.0, 0.01, math.inf, task.seed + 6, 0,
        task.threads, task.report.ask,
    )  # fmt: skip
    _go_on(bound)
    top = -bound["lower"] * (1.0 + 1e-9)  # of P^-1 on the complement, with its rounding
    return (1.0 / top if 0.0 < top < math.inf else 0.0), bound["steps"]


def _schur(H: Array, SS: Array, mu: float) -> float:
    """The largest t < mu with diag(H) - t - SS / (mu - t) >= 0, from below; -inf without any."""
    size = float(np.trace(SS)) ** 0.5
    low, high = min(float(H[0]), mu) - 2.0 * size - abs(mu), min(float(H[0]), mu)

    def holds(t: float) -> bool:
        return mu > t and float(np.linalg.eigvalsh(np.diag(H - t) - SS / (mu - t))[0]) >= 0.0

    if not holds(low):
        return -math.inf
    for _ in range(200):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def _norm(A: _core.Operator, n: int, task: Task) -> float:
    """|A|, with a tenth to spare: a few steps of the power method."""
    from .outcome import estimated_norm

    return estimated_norm(A, n, task)


def _orthonormal(V: Array) -> Array:
    """An orthonormal basis of the columns; one that is near the span of those before it is left out."""
    Q, R = np.linalg.qr(V)
    keep = np.abs(np.diagonal(R)) > 0.05
    return np.asarray(Q[:, keep])


def _go_on(found: dict[str, Any]) -> None:
    if found["stopped"] or found["interrupted"]:
        raise _core.Interrupted
