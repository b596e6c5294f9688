"""A certificate without n^3: K - s I whitened by a sparse inverse, its bottom deflated. Probabilistic.

P = F^-T F^-1 is near K (``sparse.py``), V (n, k) holds low eigenvectors of K, those below s and some
above; sigma > 0. The congruent matrix

    B = F^T (K - s I + V diag(sigma) V^T) F

is definite just when the middle is, and well conditioned: on an eigenvector of K outside V it is about
(1 - s / lambda), large where lambda is not near s. So a random-start Lanczos run of some dozens of
products bounds it from below (cpp/solve/random_bound.hpp). Once that bound, less rounding, is
positive, K is above s on the complement of V, and with H = V^T K V diagonal, S = K V - V H,

    lambda_min(K) >= the largest t < s for which H - t - S^T S / (s - t) >= 0      (Schur complement):

no smaller eigenvalue can have been missed. For s just above the value the bound is below it by
|S_1|^2 / (s - value) only. Each run fails with probability FAILURE / TRIALS at most, apart from
rounding, which is allowed for in its probable size: 4 eps |K| |P^-1| in B, 4 eps |K| in the bounds.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._arrays import Array, beyond, enough
from ..kernels import Kernel
from ..operators.layered import layered, refuse
from ..operators.storage import storage_bytes
from ..preconditioners import sparse
from ..result import EigenResult
from ..solvers import budget
from ..solvers.outcome import Task, entry_error, estimated_norm, replace, rounding_of

if TYPE_CHECKING:
    from ..planning.problem import Problem

LEAST = 64  # points
KNOWN = 1e-12  # of the kernel, relative to h(1)
FAILURE = 1e-10  # of all runs together
STEPS = 200  # of a run
ABOVE = 1.02  # s, in units of the value
CLOSE = 0.97  # where there are too many eigenvalues below
LOOSER = 0.7  # where that takes too many steps
TRIALS = 4
ROOM = 1.2  # eigenvectors up to this many values are deflated
MOST_VECTORS = 32
MOST_BASIS = 300  # of the Lanczos run on P^-1
GUARD_TOL = 1e-4  # residuals of the deflated eigenvectors


def obstacle(ker: Kernel, n: int) -> str:
    """What stands against it, whatever the memory, and what to do; nothing: ''."""
    name = ker.name
    if not sparse.local(ker):
        return f"needs an activation with a kink; {name!r} has none. Use certify='rigorous'."
    if n < LEAST:
        return f"needs at least {LEAST} points; got n={n}. Use certify='rigorous'."
    if ker.error > KNOWN * float(ker.h.ends[0]):
        return (
            f"needs a kernel known to {KNOWN:.0e}; that of {name!r} is known to {ker.error:.0e}. "
            "Declare its kinks, or use certify='theory'."
        )
    return ""


def possible(ker: Kernel, n: int) -> bool:
    """Whether the sparse inverse sees the bottom of this kernel."""
    return not obstacle(ker, n)


def nbytes(ker: Kernel, n: int, d: int, storage: str, threads: int) -> int:
    """Bytes at most: the split, K in float64, the bases of the runs."""
    bases = budget.vectors(n, MOST_BASIS + 8 * MOST_VECTORS) + budget.product(n, threads)
    return sparse.nbytes(ker, n, d) + storage_bytes(n, storage, "float64", threads) + bases


def storage_for(ker: Kernel, n: int, d: int, held: int, threads: int, limit: int) -> str | None:
    """'packed' where it fits, else 'matrix-free', else None."""
    for storage in ("packed", "matrix-free"):
        if nbytes(ker, n, d, storage, threads) + held <= limit:
            return storage
    return None


def pays(result: EigenResult, ker: Kernel, points: _core.Points, task: Task) -> bool:
    """Whether ``certify='auto'`` goes this way: where it is known to be sharp, and nothing sharp is known."""
    if not (result.resolved and result.lower_kind == "theory" and possible(ker, result.n)):
        return False
    if layered(points):
        return False
    if result.method.startswith("sparse-inverse"):
        return False
    d = task.seen(ker, points).d
    room = storage_for(ker, result.n, d, points.nbytes, task.threads, task.limit)
    return d <= sparse.TREE_UP_TO and room == "packed"


def check_kernel(problem: Problem) -> None:
    """Refuses a kernel, or points, that this certificate is not for, whatever the memory."""
    refuse(problem.sight.given, "certify='preconditioned'")
    why = obstacle(problem.ker, problem.n)
    if why:
        raise ValueError(f"certify='preconditioned' {why}")


def least_bytes(problem: Problem, threads: int) -> int:
    """Without which it is refused."""
    return nbytes(problem.ker, problem.n, problem.span, "matrix-free", threads) + problem.held


def check(problem: Problem, threads: int, least: int) -> None:
    """Refuses what cannot be, before any work.

    Parameters
    ----------
    problem
        What is asked of :func:`min_eig`.
    threads
        Number of threads.
    least
        Bytes that the solve takes at least, where that does not fit either.
    """
    ker, n, d, held = problem.ker, problem.n, problem.span, problem.held
    check_kernel(problem)
    if storage_for(ker, n, d, held, threads, problem.limit) is None:
        need = least_bytes(problem, threads)
        raise MemoryError(
            f"certify='preconditioned' at n={n} takes {beyond(need, problem.limit, problem.copied)}; "
            f"use certify='theory', or max_memory={enough(max(need, least) + problem.copied)!r}."
        )


def certified(
    result: EigenResult,
    points: _core.Points,
    ker: Kernel,
    task: Task,
) -> EigenResult:
    """The result with ``lower`` and its failure probability, as far as it got.

    Parameters
    ----------
    result
        Of a solver: ``vector`` and ``value``.
    points, ker, task
        K, and what all routes know.
    """
    if result.vector is None or not result.value > 0.0 or result.lower_kind == "structure":
        return result
    if result.interrupted or task.report.stopped:
        return result
    try:
        found = _certified(result, points, ker, task)
    except (KeyboardInterrupt, _core.Interrupted):
        found = replace(
            result,
            message=f"{task.report.why or 'interrupted'} before the certificate was complete",
            interrupted=not task.report.stopped,
        )
    return replace(found, seconds=time.perf_counter() - task.start)


def _certified(result: EigenResult, points: _core.Points, ker: Kernel, task: Task) -> EigenResult:
    sight = task.seen(ker, points)
    n, d = len(points.unit), sight.d
    storage = storage_for(ker, n, d, points.nbytes, task.threads, task.limit)
    assert storage is not None
    profile, ask = ker.h.compiled, task.report.ask
    K: _core.Operator
    if storage == "packed":
        K = _core.Packed64(points, profile, task.threads, ask)
    else:
        K = _core.Recomputed(points, profile)
    parts = sparse.split(ker, sight, task.seed + 1, task.threads, ask)
    entry = entry_error(points, ker)
    floor = max(result.floor, rounding_of(n, estimated_norm(K, n, task), entry))
    wanted, largest = _near(result, parts, task)
    noise = 4.0 * floor * 1.01 * largest  # rounding in K, seen through F: |F|^2 = |P^-1|
    if noise > 0.1:
        why = f"no certificate: rounding, seen through the preconditioner, is {noise:.0e}"
        return result if result.message else replace(result, message=why)
    above, used, lower, below = ABOVE, 0, 0.0, math.inf
    H = S = np.zeros(0)
    V = np.zeros((n, 0))
    for trial in range(TRIALS):
        if V.shape[1] < wanted:
            V, S, H, more = _vectors(result, K, parts, wanted, floor, task)
            used += more
        s = above * float(H[0])
        found = _core.random_bound(
            parts.whitened(sparse.changed(K, 1.0, V, np.diag(2.0 * np.abs(H)), -s), task.threads),
            np.zeros((0, 0)), STEPS, FAILURE / TRIALS, 0.0, noise, task.seed + 3 + trial, 0,
            task.threads, ask,
        )  # fmt: skip
        used += found["steps"]
        if found["stopped"] or found["interrupted"]:
            raise _core.Interrupted
        if found["lower"] >= noise:
            lower = _schur(H, S.T @ S, s) - 4.0 * floor
            break
        if found["ritz"] < -noise:  # x^T K x < s |x|^2 for some x
            below = min(below, s + 4.0 * floor)
        if found["ritz"] < noise and trial == 0:  # another eigenvalue below s
            wanted = V.shape[1] + 4
        elif above > CLOSE and found["ritz"] < noise:
            above = CLOSE
        elif above > LOOSER:
            above = LOOSER
        else:
            break
    upper = min(float(H[0]) + 4.0 * floor, below)
    changes: dict[str, Any] = {"upper": min(result.upper, upper)}
    if lower > max(result.lower, 0.0):
        changes |= {
            "lower": lower,
            "lower_kind": "preconditioned",
            "failure_probability": FAILURE,
        }
    width = task.tol * result.value
    if result.resolved and upper < result.value - width - 2.0 * floor:
        changes["status"] = "budget-limited"
        changes["message"] = f"a smaller eigenvalue was missed: at most {upper:.8g}"
    elif not result.message and lower < result.upper - width:
        changes["message"] = (
            f"certified to {max(lower, 0.0) / result.value:.3g} of the value, after {used} products more; "
            "certify='rigorous' is sharp"
        )
    return replace(result, certificate_products=used, **changes)


def _near(result: EigenResult, parts: sparse.Split, task: Task) -> tuple[int, float]:
    """(how many eigenvalues P has near the value, |P^-1|)."""
    n = parts.Q.size
    low = _core.lanczos(
        parts.inverse, parts.inverse, min(MOST_VECTORS, n), 4, min(n, MOST_BASIS), 1e-3, 1e-3, 0.0, 0.0,
        -math.inf, task.seed + 1, True, 2 * MOST_BASIS, math.inf, 0.0, 0, task.threads,
        task.report.ask,
    )  # fmt: skip
    if low["interrupted"] or low["stopped"]:
        raise _core.Interrupted
    values = low["ritz_values"]
    return max(int(np.sum(1.0 / values < ROOM * result.value)), 1), float(values[0])


def _vectors(
    result: EigenResult,
    K: _core.Operator,
    parts: sparse.Split,
    wanted: int,
    floor: float,
    task: Task,
) -> tuple[Array, Array, Array, int]:
    """(V, S, H, products): Ritz vectors of K, the one found first among them, residuals, values."""
    assert result.vector is not None
    n, used = K.size, 0
    V = result.vector[:, None]
    if wanted > 1:
        more = _core.davidson(
            K, K, parts.inverse, min(wanted, n), 4, 400, GUARD_TOL, GUARD_TOL, floor, 0.0, -math.inf,
            task.seed + 2, 150, math.inf, 0.0, 0, task.threads, task.report.ask,
        )  # fmt: skip
        if more["interrupted"] or more["stopped"]:
            raise _core.Interrupted
        V, used = _orthonormal(np.hstack([V, more["vectors"]])), int(more["applications"])
    KV = K.multiply(np.asfortranarray(V), task.threads)
    H, Y = np.linalg.eigh(V.T @ KV)
    V, S = V @ Y, KV @ Y
    return V, S - V * H, H, used - (-V.shape[1] // 4)


def _schur(H: Array, SS: Array, mu: float) -> float:
    """The largest t < mu with diag(H) - t - SS / (mu - t) >= 0, from below; -inf without any."""
    size = float(np.trace(SS)) ** 0.5
    high = min(float(H[0]), mu)
    low = high - 2.0 * size - abs(mu)

    def holds(t: float) -> bool:
        return mu > t and bool(np.all(np.linalg.eigvalsh(np.diag(H - t) - SS / (mu - t)) >= 0.0))

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
    return float(low)


def _orthonormal(V: Array) -> Array:
    """An orthonormal basis; a column that is near the span of those before it is left out."""
    kept = np.zeros((len(V), 0))
    for v in V.T:
        w = v / np.linalg.norm(v)
        for _ in range(2):
            w = w - kept @ (kept.T @ w)
        size = float(np.linalg.norm(w))
        if size > 0.05:
            kept = np.hstack([kept, (w / size)[:, None]])
    return kept
