"""The iterative routes: block Lanczos or preconditioned Davidson on a Gram operator.

Precision starts low and climbs: four bytes an entry first (fixed point, or float32 where norms differ much), whose
answer a float64 residual computed tile by tile has to confirm; float64 storage when those cannot see the value.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._arrays import Array, beyond, enough, size_text
from ..certificates.structure import zero_of
from ..distributed.operator import DaskGram
from ..kernels import Kernel
from ..operators.disk import DISK, Journal
from ..operators.foreign import check_size
from ..operators.gram import Gram
from ..operators.layered import refuse
from ..operators.many import Filled
from ..operators.packed import PACKED, SINGLE, reach, rounding
from ..preconditioners import choice as preconditioners
from ..result import EigenResult
from . import room
from .outcome import (
    EPS,
    LOOSEST,
    Task,
    ended,
    entry_error,
    largest_entry,
    nothing,
    remedy,
    result_of,
    rounding_of,
    single_of,
    structural,
    unknown,
    with_theory,
)

if TYPE_CHECKING:
    from ..distributed import Dask

MOST_PRODUCTS = 3000  # block products of Lanczos
DAVIDSON_BASIS = 1200  # vectors and their images


def points_route(
    A: Array,
    points: _core.Points,
    ker: Kernel,
    task: Task,
    certify: str,
    precision: str,
    method: str,
    fallback: bool = False,
    filled: Filled | None = None,
    workers: Dask | None = None,
) -> EigenResult:
    """lambda_min of the kernel matrix of points, which fits: ``stages`` is not empty.

    Tiles that memory does not hold are in the file at ``task.path``, if there is one; those in float64 that
    follow tiles of four bytes stand beside it, in ``task.path``.float64.

    Parameters
    ----------
    A, points
        The points, and the same in the core.
    ker, task
        The kernel; tolerance, threads, seed, memory, who listens.
    certify, precision, method
        As in :func:`min_eig`.
    fallback
        Whether Lanczos takes over where the preconditioner does not lead to the end.
    filled
        The matrix of the first stage, where it has been filled with others.
    workers
        Who holds the matrix, where this process does not.
    """
    n = len(A)
    needed, low_rank = room.beside(n, points.nbytes, task.threads), "none"
    if method == "preconditioned" and n >= 8:  # below, Lanczos ends after n products anyway
        d = task.seen(ker, points).d
        low_rank = preconditioners.choose(ker, n, d)
        needed += preconditioners.nbytes(low_rank, ker, n, d)
    size = largest_entry(points, ker)
    if workers is None:
        single, disk = single_of(points, ker), task.path is not None
        plan = room.stages(n, needed, precision, size, single, task.limit, task.threads, disk)
    else:
        ladder = room.ladder(precision, size, single_of(points, ker))
        plan = [("dask", t) for t in workers.fitting(n, points.d, ladder)]
    result: EigenResult | None = None
    inverse: preconditioners.Preconditioner | None = None
    for step, (storage, dtype) in enumerate(plan):
        last = step == len(plan) - 1
        try:
            if filled is not None and step == 0 and (storage, dtype) == ("packed", filled.dtype):
                K = filled.take()
            elif workers is not None:
                K = workers.place(A, points, ker, dtype, task.threads)
            else:
                file = task.path if storage == "disk" else None
                if file is not None and step > 0:
                    file += "." + dtype
                if file is not None:
                    task.files.append(file)
                K = Gram(points, n, ker, storage, dtype, task.threads, task.report.ask, path=file)
            if K.journal is not None:
                task.journals.append(K.journal)
            if step == 0:
                pairs = K.pairs
                zero = None if pairs is None else zero_of(pairs, A, points, ker, task.given)
                if zero is not None:
                    v = np.asfortranarray(zero.vector[:, None])
                    size = float(np.linalg.norm(K.exact().multiply(v, task.threads)))
                    return structural(zero, size, n, task, K.nbytes)
            if low_rank != "none" and inverse is None:
                inverse = preconditioners.make(low_rank, ker, points, task)
        except (KeyboardInterrupt, _core.Interrupted):
            if result is None:
                return unknown(n, ker, points, task, method)
            result = ended(task)
            break
        result = _on(K, inverse, ker, task, last)
        if inverse is not None and fallback and _gave_up(result, task):
            low_rank, inverse = "none", None  # Lanczos is safer where its rank is not enough
            result = _on(K, None, ker, task, last)
        K.close()
        del K
        if result.resolved:
            break
        if result.interrupted or task.report.stopped:
            result = ended(task)
            break
    assert result is not None
    return with_theory(result, task, ker, points, pairs, certify)


def _on(
    K: Gram,
    inverse: preconditioners.Preconditioner | None,
    ker: Kernel,
    task: Task,
    last: bool,
) -> EigenResult:
    """The smallest eigenvalue by what a storage of K holds; not the last: gives up on tiny values."""
    points, single = K._points, K.kind in SINGLE
    error = single_error(K, task.threads) if single else 0.0
    noise = 0.5 * error / math.sqrt(K.shape[0])  # about: of independent errors
    return solve(
        K.op,
        K.exact(),
        K.shape[0],
        1,
        False,
        task,
        None,
        K.kind,
        K.held + points.nbytes,
        f"{'lanczos' if inverse is None else 'preconditioned'}, {K.storage}",
        entry_error=entry_error(points, ker),
        noise=noise,
        error=error,
        below=-math.inf if last else 10.0 * noise,
        earlier=max((r.applications for r in task.known), default=0),
        inverse=inverse,
        journal=K.journal,
    )


def gone_on(replayed: int, word: str) -> str:
    """What there is to say of the steps that an earlier run has left."""
    earlier = f"{replayed} of the block products are those of an earlier run" if replayed else ""
    return "; ".join(filter(None, (earlier, word)))


def solve(
    op: _core.Operator,
    exact: _core.Operator,
    n: int,
    k: int,
    largest: bool,
    task: Task,
    block: int | None,
    dtype: str,
    nbytes: int,
    method: str,
    *,
    entry_error: float = 0.0,
    noise: float = 0.0,
    error: float = math.inf,
    below: float = -math.inf,
    earlier: int = 0,
    inverse: preconditioners.Preconditioner | None = None,
    journal: Journal | None = None,
) -> EigenResult:
    """The k smallest (or largest) pairs: a solver on ``op``, then the float64 residual.

    Parameters
    ----------
    op, exact
        Products with K as stored, and in float64.
    n, k, largest, task, block
        As in ``eigsh``.
    dtype, nbytes, method
        Of the storage; the method's name.
    entry_error
        Error of each entry of K.
    noise, error
        What rounding in ``op`` does to a vector of norm one: about, and at most.
    below
        Values below end the work: ``op`` cannot see them.
    earlier
        Products made before.
    inverse
        An approximate inverse of K: generalised Davidson instead of block Lanczos.
    journal
        Where Lanczos goes on from, should it have been killed, and keeps what it learns.
    """
    if block is None:
        block = 1 if n <= 200 else max(room.BLOCK, min(k, 4))
        if inverse is not None and inverse.block is not None:
            block = max(block, inverse.block)
    single = dtype in SINGLE
    if inverse is not None:
        nbytes += inverse.nbytes
    beside = nbytes + room.work(n, k, block, task.threads)
    need = nbytes + room.needed(n, k, block, single, task.threads, images=inverse is not None)
    if need > task.limit:
        raise MemoryError(
            f"{k} pair{'s' * (k > 1)} at n={n} by {method} takes "
            f"{beyond(need - task.apart, task.limit - task.apart)}; ask for fewer pairs, or use "
            f"max_memory={enough(need - task.apart)!r}."
        )
    most = room.most_basis(n, task.limit - beside, k, block, single)
    # Solvers see float32 entries only; refinement takes the residual on from there, in float64.
    # Nor do they take a loose tol at its word: a Ritz value that far off may belong to any eigenvalue.
    # An approximate inverse gets there in steps so few that a low vector may not have shown by then.
    wanted = min(task.tol, LOOSEST if inverse is None else 0.1 * LOOSEST)
    tol, goal, floor, relative = 0.5 * wanted, 0.85 * wanted, 0.5 * noise, 0.0
    if not single:
        # what rounding leaves of a residual; more, where it has passed through an approximate inverse
        relative = 0.5 * EPS if inverse is None else 16.0 * EPS
    rounds = 8 if single else 1
    proving = rounding_of(
        n, 0.0, entry_error
    )  # of tol, what refinement leaves for the core's own rounding
    window = reach(dtype, error, n) if single else 0.0  # rounding may have changed their order
    if inverse is None:
        found = _core.lanczos(
            op, exact, k, block, most, tol, goal, floor, relative, below, task.seed, largest,
            max(MOST_PRODUCTS, 20 * k), error, window, rounds, task.threads, task.report.ask,
            None if journal is None else journal.arguments(), task.tol, proving,
        )  # fmt: skip
    else:
        found = _core.davidson(
            op, exact, inverse.inverse, k, block, min(most, DAVIDSON_BASIS) // 2, tol, goal, floor, relative,
            below, task.seed, max(inverse.patience, 40 * k), error, window, rounds, task.threads, task.report.ask,
            task.tol, proving,
        )  # fmt: skip
    check_size(found["norm"])
    history = [(earlier + a, v, r) for a, v, r in found["history"]]
    applications = (
        earlier + found["applications"] + found["fast_applications"] + found["exact_applications"]
    )
    rounding = rounding_of(n, found["norm"], entry_error) + found["slack"]
    bytes_used = nbytes + 8 * n * (found["basis"] + 3 * block)
    stopped = found["interrupted"] or task.report.stopped
    interrupted = stopped and not task.report.stopped
    V = np.asfortranarray(found["vectors"])
    values, residuals = found["ritz_values"], found["ritz_residuals"]
    if len(values) == 0:
        return nothing(
            task,
            n,
            method,
            "before the first Ritz value",
            applications=applications,
            floor=rounding,
            dtype=dtype,
            nbytes=bytes_used,
            interrupted=interrupted,
            history=history,
        )
    measured = len(found["values"]) == len(values) and not np.isnan(found["values"]).any()
    if measured:
        values, residuals = found["values"], found["residuals"]
        order = np.argsort(-values if largest else values, kind="stable")
        values, residuals, V = values[order], residuals[order], V[:, order]
        history.append((applications, float(values[0]), float(np.max(residuals))))
    else:
        residuals = residuals + error  # of the rounded matrix: not yet measured in float64
    value = float(values[0])
    slack = 4.0 * rounding + (
        0.0 if measured else error
    )  # a quotient of n terms errs by more than one
    resolved = (
        measured
        and found["complete"]
        and bool(np.all(residuals + rounding <= task.tol * np.abs(values)))
        and (inverse is None or bool(np.all(residuals <= wanted * np.abs(values))))
    )
    message = ""
    if resolved:
        status = "resolved"
    elif stopped:
        status, message = (
            "budget-limited",
            task.report.why if task.report.stopped else "interrupted",
        )
    elif np.all(residuals <= np.maximum(8.0 * rounding, task.tol * np.abs(values))):
        if inverse is not None:  # its rounding came through the inverse, and lies along low vectors
            rounding = slack
        status, message = "rounding-limited", remedy(value, rounding)
    elif found["end"] == "too many products":
        status = "budget-limited"
        message = (
            f"too many products: {found['applications']} block products, with a basis of at most {most} "
            f"vectors ({size_text(8 * n * most)}); raise max_memory, or tol"
        )
    elif single or found["end"] == "below":
        status = "rounding-limited"
        rounding = max(rounding, noise)
        message = f"{dtype} storage knows it to about {rounding:.0e} only; use precision='double' or 'auto'"
    elif not found["complete"]:
        status = "budget-limited"
        message = f"several eigenvalues lie within the rounding of {dtype}; use precision='double'"
    else:
        status = "budget-limited"
        message = (
            "K v - value v is larger than the recurrence says; is K symmetric and always the same?"
        )
    if journal is not None and inverse is None:
        message = "; ".join(filter(None, (message, gone_on(found["replayed"], found["journal"]))))
    return result_of(
        task,
        values=values,
        vectors=V,
        residuals=residuals,
        # a Rayleigh quotient bounds the smallest eigenvalue from above, the largest from below
        lower=value - slack if largest else -math.inf,
        upper=math.inf if largest else value + slack,
        lower_kind="rayleigh" if largest else "none",
        status=status,
        method=f"{method} {dtype}, blocks of {block}" + (f", {inverse.words}" if inverse else ""),
        applications=applications,
        floor=rounding,
        n=n,
        dtype=dtype,
        nbytes=bytes_used,
        message=message,
        interrupted=interrupted,
        history=history,
    )


def inverse_of(K: Any, k: int, task: Task) -> preconditioners.Preconditioner | None:
    """An approximate inverse of a Gram operator, for k pairs; None where K is too small to have one."""
    if not isinstance(K, Gram):
        raise TypeError(
            f"method='preconditioned' needs the points of K: a Gram operator; got {type(K).__name__}. "
            "Use method='lanczos', or pass mehler.gram(X, kernel)."
        )
    n = K.shape[0]
    if n < 8:
        return None
    task = dataclasses.replace(task, sight=task.seen(K.kernel, K._points))
    refuse(K._points, "method='preconditioned'")
    d = task.seen(K.kernel, K._points).d
    low_rank = preconditioners.choose(K.kernel, n, d)
    block = preconditioners.block(low_rank, d)
    if block is None:
        block = 1 if n <= 200 else max(room.BLOCK, min(k, 4))
    making = preconditioners.nbytes(low_rank, K.kernel, n, d) + room.work(n, k, block, task.threads)
    using = preconditioners.held(low_rank, K.kernel, n, d)
    using += room.needed(n, k, block, K.kind in SINGLE, task.threads, images=True)
    need = max(making, using) + K.nbytes
    if need > task.limit:
        raise MemoryError(
            f"method='preconditioned' at n={n} takes {beyond(need - K.nbytes, task.limit - K.nbytes)}. Use "
            f"method='lanczos', or max_memory={enough(need - K.nbytes)!r}."
        )
    return preconditioners.make(low_rank, K.kernel, K._points, task)


def single_error(K: Gram, threads: int) -> float:
    """A bound of |E|, E what storage in four bytes leaves of K."""
    if isinstance(K.op, (*PACKED, *DISK)):
        return rounding(K.op, threads)
    if isinstance(K, DaskGram):
        return K.rounding()
    assert K._array is not None
    return 2.0**-24 * (1.0 + 1e-6) * float(np.linalg.norm(K._array.astype(np.float64)))


def _gave_up(result: EigenResult, task: Task) -> bool:
    """Not resolved for want of products or basis, not because it was told to stop."""
    stopped = result.interrupted or task.report.stopped
    return result.status == "budget-limited" and not stopped
