"""Smallest (and largest) eigenvalues: from data or an operator to an EigenResult.

``min_eig`` goes: points -> kernel -> fill -> coincidences -> solver -> finish in float64 -> bounds.
Precision starts low and climbs: float32 storage first, whose answer a float64 residual computed tile
by tile has to confirm; float64 storage when float32 cannot see the value.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _core, preconditioners
from ._arrays import (
    Array,
    as_array,
    as_points,
    choice,
    flag,
    integer,
    memory_limit,
    seed_from,
    size_text,
    thread_count,
    tolerance,
)
from ._progress import Reporter, State
from .activations import Activation
from .bounds import gershgorin_tail
from .dense import dense_pairs
from .errors import ConvergenceWarning, PrecisionWarning
from .gram import Gram, core_points, storage_bytes
from .kernels import Kernel, gradient_kernel, nngp
from .result import EigenResult
from .structure import forced_zero

EPS = float(np.finfo(np.float64).eps)
DENSE_UP_TO = 1000  # the dense route is faster below
DENSE_RESCUE = 4000  # and affordable up to here when Lanczos runs out of basis
MOST_BASIS = 3000
DAVIDSON_BASIS = 1200  # vectors and their images
DAVIDSON_PRODUCTS = 300  # beyond, plain Lanczos is better
LEAST_BASIS = 100
METHODS = ("auto", "dense", "lanczos", "shift-invert", "preconditioned")
EIGSH_METHODS = ("auto", "dense", "lanczos", "shift-invert")
PRECISIONS = ("auto", "single", "double")
CERTIFICATES = ("auto", "theory", "none")
KERNELS = {"gradient": gradient_kernel, "nngp": nngp}
Callback = Callable[[State], Any]


@dataclass(frozen=True)
class _Task:
    """What every route needs to know."""

    tol: float
    threads: int
    seed: int
    limit: int
    report: Reporter
    start: float
    known: list[EigenResult] = field(default_factory=list)  # results so far


def min_eig(
    X: Any,
    activation: str | Activation | Kernel = "relu",
    *,
    kernel: str = "gradient",
    depth: int = 1,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    width: int | None = None,
    weights: Any = None,
    normalize: bool = False,
    precision: str = "auto",
    tol: float = 1e-6,
    certify: str = "auto",
    method: str = "auto",
    max_memory: int | float | str | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callback | None = None,
) -> EigenResult:
    """lambda_min(K), K_ij = (|x_i| |x_j|)^q h(cos_ij): by default the G-matrix at infinite width.

    Parameters
    ----------
    X
        Points, (n, d): one a row, of unit norm (to 1e-12) unless the activation is positively
        homogeneous or ``normalize=True``. Any real dtype and layout.
    activation
        A name (see :func:`activations`), an :class:`Activation`, or a kernel made by
        :func:`gradient_kernel` or :func:`nngp`.
    kernel
        'gradient' (train the hidden layer: G = L_1 * D_1) or 'nngp' (train the read-out: V_1).
    depth, weight_var, bias_var
        As in :func:`gradient_kernel`.
    width, weights
        Finite width is not available in this version: None.
    normalize
        Divide each point by its norm first.
    precision
        'single' (float32 storage, answer refined and confirmed in float64), 'double', or 'auto':
        single first where the matrix is large, double when single cannot resolve the value.
    tol
        Relative accuracy: resolved means residual + rounding <= tol * value.
    certify
        'theory' or 'auto': a proven lower bound (all eigenpairs when n is small, else the
        Hermite-tail bound); 'none': no lower bound but 0.
    method
        'dense', 'lanczos', 'shift-invert' (Cholesky factor, then Lanczos on its inverse),
        'preconditioned' (generalised Davidson; K approximated by the low-degree part of its kernel,
        or by landmark points), or 'auto': dense up to n = 1000, then preconditioned for activations
        with a kink and Lanczos for the others.
    max_memory
        Bytes, or a text such as '10GB'. Default: 80 % of what the system has free.
    threads
        Number of threads; default OpenMP's, asked at call time. The result does not depend on it.
    rng
        Seed or Generator for the starting block.
    progress
        True: a progress bar on stderr.
    callback
        Called at most ten times a second with a state; a true return value ends the work with
        what is known, an exception propagates.

    Returns
    -------
    EigenResult
        Also when it is interrupted (Ctrl-C): status 'budget-limited', with what is known. Only while
        the input is still being checked, Ctrl-C is a KeyboardInterrupt.

    Raises
    ------
    TypeError, ValueError
        Bad points or options; found, expected and remedy are in the message.
    MemoryError
        Nothing fits into ``max_memory``; raised before anything is allocated.

    Warns
    -----
    ConvergenceWarning
        status 'budget-limited'.
    PrecisionWarning
        status 'rounding-limited'.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020 (the G-matrix). Golub, Underwood 1977 (block Lanczos).
    """
    start = time.perf_counter()
    ker = _kernel(activation, kernel, depth, weight_var, bias_var)
    if width is not None or weights is not None:
        raise ValueError(
            "width and weights (finite width) are not available in this version; leave them None."
        )
    choice("precision", precision, PRECISIONS, {"extended", "exact"})
    choice("method", method, METHODS, {"sparse-inverse"})
    choice("certify", certify, CERTIFICATES, {"rigorous", "preconditioned"})
    tol = tolerance(tol)
    count, seed, limit = thread_count(threads), seed_from(rng), memory_limit(max_memory)
    A = as_points(X)
    if flag("normalize", normalize):
        from .data import normalize as to_unit_norm

        A = to_unit_norm(A)
    A, scale = _near_one(A, ker)
    n = len(A)
    points: _core.Points | None = None
    with Reporter(progress, callback, scale) as report:
        task = _Task(tol, count, seed, limit, report, start)
        try:
            points = core_points(A, ker, threads)
            if method == "dense" or (method == "auto" and n <= DENSE_UP_TO):
                result = _dense_route(A, points, ker, task, certify)
            elif method == "shift-invert":
                from .shift_invert import points_route

                result = points_route(A, points, ker, task, certify, precision)
            else:
                result = _iterative_route(A, points, ker, task, certify, precision, method)
        except KeyboardInterrupt:  # between pieces of work
            result = _ended(task) or _unknown(n, ker, points, task, method)
            result = _replace(result, lower=max(result.lower, 0.0), lower_kind="theory")
    if scale != 1.0:
        result = _times(result, scale)
    _warn(result)
    return result


def eigsh(
    K: Any,
    k: int = 1,
    which: str = "SA",
    *,
    method: str = "auto",
    tol: float = 1e-6,
    block: int | None = None,
    max_memory: int | float | str | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callback | None = None,
) -> EigenResult:
    """K v = lambda v for the k smallest ('SA') or largest ('LA') eigenvalues of a symmetric K.

    Parameters
    ----------
    K
        A :class:`Gram`, a dense symmetric array (n, n), a SciPy LinearOperator or sparse matrix, or
        anything with ``shape`` and ``K @ V`` for V of shape (n, b).
    k
        Number of eigenvalues, 1 <= k <= n.
    which
        'SA' (smallest, ascending) or 'LA' (largest, descending).
    method
        'dense', 'lanczos', 'shift-invert' (smallest ones of a Gram operator or an array), or 'auto':
        dense up to n = 1000.
    tol
        Relative accuracy of each eigenvalue, by its residual.
    block
        Vectors in a block; default max(2, min(k, 4)).
    max_memory, threads, rng, progress, callback
        As in :func:`min_eig`.

    Returns
    -------
    EigenResult
        ``values``, ``vectors``, ``residuals`` hold the k pairs, ``value`` the extreme one.

    Raises
    ------
    TypeError, ValueError
        Not square, not symmetric, NaN or infinity, k out of range, unknown options.

    Warns
    -----
    ConvergenceWarning, PrecisionWarning
        As in :func:`min_eig`.
    """
    start = time.perf_counter()
    choice("method", method, EIGSH_METHODS, {"preconditioned", "sparse-inverse"})
    choice("which", which, ("SA", "LA"))
    tol = tolerance(tol)
    count, seed, limit = thread_count(threads), seed_from(rng), memory_limit(max_memory)
    op, exact, n, dtype, nbytes, dense = _operator(K)
    k = integer(k, "k")
    if not 1 <= k <= n:
        raise ValueError(f"k must satisfy 1 <= k <= n; got k={k} for n={n}.")
    if block is not None and not 1 <= integer(block, "block") <= n:
        raise ValueError(f"block must satisfy 1 <= block <= n; got {block!r} for n={n}.")
    largest = which == "LA"
    with Reporter(progress, callback) as report:
        task = _Task(tol, count, seed, limit, report, start)
        try:
            if method == "dense" or (method == "auto" and n <= DENSE_UP_TO):
                A = dense if dense is not None else _columns(op, n, count)
                result = _dense_result(A, k, largest, task, 0.0, -math.inf, "none", "dense", nbytes)
            elif method == "shift-invert":
                from .shift_invert import operator_route

                if largest:
                    raise ValueError(
                        "method='shift-invert' finds the smallest eigenvalues, which='SA'; got which='LA'. "
                        "Use method='lanczos'."
                    )
                result = operator_route(K, dense, exact, k, task, block, nbytes)
            else:
                result = _solve(
                    op, exact, n, k, largest, task, block, dtype, nbytes, "lanczos", 0.0
                )
        except KeyboardInterrupt:  # between pieces of work
            result = _ended(task) or _unknown(n, None, None, task, method)
    _warn(result)
    return result


# -- routes ------------------------------------------------------------------------------------------


def _dense_route(
    A: Array, points: _core.Points, ker: Kernel, task: _Task, certify: str
) -> EigenResult:
    n = len(A)
    need = 5 * 8 * n * n
    if need > task.limit:
        raise MemoryError(
            f"method='dense' at n={n} takes {size_text(need)}, more than max_memory={size_text(task.limit)}. "
            "Use method='auto'."
        )
    try:
        K, pairs = _core.dense_gram(
            points, ker.h.compiled, "float64", task.threads, task.report.ask
        )
    except (KeyboardInterrupt, _core.Interrupted):
        early = _ended(task) or _unknown(n, ker, points, task, "dense")
        return _replace(early, lower=max(early.lower, 0.0), lower_kind="theory")
    zero = forced_zero(pairs, A, points.norms(), ker)
    if zero is not None:
        return _structural(
            zero.vector, zero.reason, float(np.linalg.norm(K @ zero.vector)), n, task, K.nbytes
        )
    lower, kind = _theory(ker, n, pairs, points, certify)
    entry = ker.error * _largest_scale(points, ker)
    return _dense_result(K, 1, False, task, entry, lower, kind, "dense", K.nbytes, certify)


def _dense_result(
    K: Array,
    k: int,
    largest: bool,
    task: _Task,
    entry_error: float,
    lower: float,
    kind: str,
    method: str,
    nbytes: int,
    certify: str = "auto",
) -> EigenResult:
    """From all eigenpairs. entry_error: of each entry of K; lower: what theory says, if anything."""
    n = len(K)
    _check_size(float(np.max(np.abs(K))))
    values, Q, error = dense_pairs(K)
    # |E| <= n max|E_ij|; rounding of entries is not aligned, sqrt(n) is what happens, 4 to spare.
    error += entry_error * min(n, 4.0 * math.sqrt(n))
    order = np.arange(n - 1, n - 1 - k, -1) if largest else np.arange(k)
    chosen, V = values[order], np.ascontiguousarray(Q[:, order])
    residuals = np.linalg.norm(K @ V - V * chosen, axis=0)
    value = float(chosen[0])
    proved = value - error
    if proved > lower and (certify != "none" or lower == -math.inf):
        lower, kind = proved, "dense"
    floor = max(
        EPS * float(np.max(np.abs(values))),
        _rounding(n, float(np.max(np.abs(values))), entry_error),
    )
    resolved = bool(np.all(residuals + floor <= task.tol * np.abs(chosen)))
    status = "resolved" if resolved else "rounding-limited"
    return _result(
        task,
        values=chosen,
        vectors=V,
        residuals=residuals,
        lower=lower,
        upper=value + error if largest else min(value + error, float(np.min(np.diagonal(K)))),
        lower_kind=kind,
        status=status,
        method=method,
        applications=0,
        floor=floor,
        n=n,
        dtype="float64",
        nbytes=nbytes,
        message="" if resolved else _remedy(value, floor),
    )


def _iterative_route(
    A: Array,
    points: _core.Points,
    ker: Kernel,
    task: _Task,
    certify: str,
    precision: str,
    method: str,
) -> EigenResult:
    n = len(A)
    room = (LEAST_BASIS + 72) * 8 * n + points.nbytes
    low_rank = "none"
    wanted = method == "preconditioned" or (method == "auto" and preconditioners.pays(ker))
    if wanted and n >= 8:  # below, no low-rank part: Lanczos ends after n products anyway
        low_rank = preconditioners.choose(ker, n, A.shape[1])
        extra = preconditioners.nbytes(low_rank, ker, n, A.shape[1])
        least = min(storage_bytes(n, s, "float32") for s in ("packed", "matrix-free"))
        if method == "auto" and least + room + extra > task.limit:
            low_rank, extra = "none", 0
        room += extra
    sizes = {t: storage_bytes(n, "packed", t) + room for t in ("float32", "float64")}
    ladder = {"auto": ["float32", "float64"], "single": ["float32"], "double": ["float64"]}[
        precision
    ]
    size = float(ker.h.ends[0]) * _largest_scale(points, ker)
    if not 1e-25 <= size <= 1e37:  # float32 would hold zeros or infinities
        if precision == "single":
            raise ValueError(
                f"entries of K up to {size:.1e} leave the range of float32; use precision='double' "
                "or 'auto'."
            )
        ladder = ["float64"]
    plan = [("packed", t) for t in ladder if sizes[t] <= task.limit]
    if (
        not plan
        and precision == "auto"
        and storage_bytes(n, "matrix-free", "float64") + room <= task.limit
    ):
        plan = [("matrix-free", "float64")]
    if not plan:
        raise MemoryError(
            f"precision={precision!r} at n={n} takes {size_text(sizes[ladder[0]])}, more than "
            f"max_memory={size_text(task.limit)}; packed float32 takes {size_text(sizes['float32'])}, "
            f"matrix-free (precision='auto') {size_text(storage_bytes(n, 'matrix-free', 'float64') + room)}."
        )
    result: EigenResult | None = None
    inverse: _core.Woodbury | None = None
    before = 0
    for step, (storage, dtype) in enumerate(plan):
        try:
            K = Gram(points, n, ker, storage, dtype, task.threads, task.report.ask)
        except (KeyboardInterrupt, _core.Interrupted):
            if result is None:
                return _unknown(n, ker, points, task, "lanczos")
            result = _ended(task)
            break
        if K.pairs is not None and step == 0:
            zero = forced_zero(K.pairs, A, points.norms(), ker)
            if zero is not None:
                v = np.asfortranarray(zero.vector[:, None])
                size = float(np.linalg.norm(K.exact().multiply(v, task.threads)))
                return _structural(zero.vector, zero.reason, size, n, task, K.nbytes)
        if low_rank != "none" and inverse is None:
            try:
                inverse = preconditioners.make(low_rank, ker, A, points.norms(), task)
            except (KeyboardInterrupt, _core.Interrupted):
                return _unknown(n, ker, points, task, "preconditioned")
        single = dtype == "float32"
        noise = _single_noise(K, task) if single else 0.0
        last = step == len(plan) - 1

        def solve(
            with_inverse: _core.Woodbury | None,
            K: Gram = K,
            noise: float = noise,
            last: bool = last,
            earlier: int = before,
        ) -> EigenResult:
            return _solve(
                K.op,
                K.exact(),
                n,
                1,
                False,
                task,
                None,
                str(K.dtype),
                K.nbytes + points.nbytes,
                f"{'lanczos' if with_inverse is None else 'preconditioned'}, {K.storage}",
                ker.error * _largest_scale(points, ker),
                noise=noise,
                below=-math.inf if last else 10.0 * noise,
                earlier=earlier,
                inverse=with_inverse,
            )

        result = solve(inverse)
        if inverse is not None and method == "auto" and _gave_up(result, task):
            low_rank, inverse = (
                "none",
                None,
            )  # Lanczos is safer where the low-rank part is not enough
            result = solve(None, earlier=result.applications)
        before = result.applications
        pairs = K.pairs
        del K
        if result.resolved:
            break
        if result.interrupted or task.report.stopped:
            result = _ended(task)
            break
    assert result is not None
    if (
        _gave_up(result, task)
        and method == "auto"
        and n <= DENSE_RESCUE
        and 5 * 8 * n * n <= task.limit
    ):
        return _dense_route(A, points, ker, task, certify)
    lower, kind = _theory(ker, n, pairs, points, certify)
    top = float(np.min(points.norms() ** (2.0 * (ker.homogeneity or 0.0)))) * float(ker.h.ends[0])
    upper = min(result.upper, top) if math.isfinite(result.upper) else top
    return _replace(
        result, lower=lower, lower_kind=kind, upper=upper, seconds=time.perf_counter() - task.start
    )


def _solve(
    op: _core.Operator,
    exact: _core.Operator,
    n: int,
    k: int,
    largest: bool,
    task: _Task,
    block: int | None,
    dtype: str,
    nbytes: int,
    method: str,
    entry_error: float,
    noise: float = 0.0,
    below: float = -math.inf,
    earlier: int = 0,
    inverse: _core.Woodbury | None = None,
) -> EigenResult:
    """An eigensolver on ``op``, then the float64 residual, refined if ``op`` is not ``exact``.

    Block Lanczos; with an approximate inverse generalised Davidson.
    """
    if block is None:
        block = 1 if n <= 200 else max(2, min(k, 4))
    room = max(task.limit - nbytes, 0) // (8 * n) - 72
    most = int(min(n, max(room, LEAST_BASIS), max(MOST_BASIS, 20 * k)))
    single = dtype == "float32"
    # Solvers see float32 entries only; refinement takes the residual on from there, in float64.
    tol, goal, floor, relative = 0.5 * task.tol, 0.85 * task.tol, 0.5 * noise, 0.0
    if not single:
        relative = 0.5 * EPS
    rounds = 8 if single else 1
    if inverse is None:
        found = _core.lanczos(
            op, exact, k, block, most, tol, goal, floor, relative, below, task.seed, largest,
            rounds, task.threads, task.report.ask,
        )  # fmt: skip
    else:
        nbytes += inverse.nbytes
        found = _core.davidson(
            op, exact, inverse, k, block, min(most, DAVIDSON_BASIS) // 2, tol, goal, floor, relative,
            below, task.seed, DAVIDSON_PRODUCTS, rounds, task.threads, task.report.ask,
        )  # fmt: skip
    _check_size(found["norm"])
    history = [(earlier + a, v, r) for a, v, r in found["history"]]
    applications = (
        earlier + found["applications"] + found["fast_applications"] + found["exact_applications"]
    )
    rounding = _rounding(n, found["norm"], entry_error)
    bytes_used = nbytes + 8 * n * (found["basis"] + 3 * block)
    interrupted = found["interrupted"]
    ended = interrupted or task.report.stopped
    V = np.asfortranarray(found["vectors"])
    values, residuals = found["ritz_values"], found["ritz_residuals"]
    if len(values) == 0:
        return _result(
            task,
            values=np.array([math.nan]),
            vectors=None,
            residuals=np.array([math.inf]),
            lower=-math.inf,
            upper=math.inf,
            lower_kind="none",
            status="budget-limited",
            method=method,
            applications=applications,
            floor=rounding,
            n=n,
            dtype=dtype,
            nbytes=bytes_used,
            message=(
                "interrupted" if interrupted else "stopped by the callback" if ended else "ended"
            )
            + " before the first Ritz value",
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
        residuals = residuals + noise  # of the rounded matrix: not yet measured in float64
    value = float(values[0])
    resolved = measured and bool(np.all(residuals + rounding <= task.tol * np.abs(values)))
    message = ""
    if resolved:
        status = "resolved"
    elif ended:
        status, message = (
            "budget-limited",
            "interrupted" if interrupted else "stopped by the callback",
        )
    elif np.all(residuals <= np.maximum(8.0 * rounding, task.tol * np.abs(values))):
        status, message = "rounding-limited", _remedy(value, rounding)
    elif single or found["end"] == "below":
        status = "rounding-limited"
        rounding = max(rounding, noise)
        message = f"float32 storage knows it to about {rounding:.0e} only; use precision='double' or 'auto'"
    elif found["end"] == "converged":
        status = "budget-limited"
        message = (
            "K v - value v is larger than the recurrence says; is K symmetric and always the same?"
        )
    else:
        status = "budget-limited"
        message = (
            f"{found['end']} at {found['basis']} vectors ({size_text(8 * n * found['basis'])}); "
            "raise max_memory, or tol"
        )
    return _result(
        task,
        values=values,
        vectors=V,
        residuals=residuals,
        lower=-math.inf,
        upper=math.inf
        if largest  # a Rayleigh quotient bounds the largest eigenvalue from below only
        else value + rounding + (0.0 if measured else noise),
        lower_kind="none",
        status=status,
        method=f"{method} {dtype}, blocks of {block}",
        applications=applications,
        floor=rounding,
        n=n,
        dtype=dtype,
        nbytes=bytes_used,
        message=message,
        interrupted=interrupted,
        history=history,
    )


# -- pieces ------------------------------------------------------------------------------------------


def _rounding(n: int, size: float, entry_error: float) -> float:
    """Absolute error of an eigenvalue from rounding: of products, and of entries (not aligned)."""
    return EPS * size + 2.0 * math.sqrt(n) * entry_error


def _single_noise(K: Gram, task: _Task) -> float:
    """|E v| for a unit v, E what float32 storage leaves of K: about 3e-8 |K|_F / sqrt(n)."""
    g = np.asfortranarray(np.random.default_rng(task.seed).standard_normal((K.shape[0], 2)))
    return 3e-8 * float(np.linalg.norm(K.op.multiply(g, task.threads)) / np.linalg.norm(g))


def _gave_up(result: EigenResult, task: _Task) -> bool:
    """Not resolved for want of products or basis, not because it was told to stop."""
    ended = result.interrupted or task.report.stopped
    return result.status == "budget-limited" and not ended


def _theory(
    ker: Kernel, n: int, pairs: dict[str, Any] | None, points: _core.Points, certify: str
) -> tuple[float, str]:
    """The Hermite-tail bound from the nearest pairs; 0 when nothing positive can be shown (K is PSD)."""
    if certify == "none" or pairs is None:
        return 0.0, "theory"
    seen = [p[2] for p in (pairs["nearest"], pairs["antipodal"]) if p is not None]
    deficit = max(min(seen) * (1.0 - 1e-9) - 4e-15 * (min(seen) >= 1e-3), 0.0) if seen else 1.0
    value, _ = gershgorin_tail(ker, n, 1.0 - deficit, float(np.min(points.norms())), deficit)
    return value, "theory"


def _largest_scale(points: _core.Points, ker: Kernel) -> float:
    q = ker.homogeneity
    return float(np.max(points.norms())) ** (2.0 * q) if q else 1.0


def _remedy(value: float, floor: float) -> str:
    if abs(value) <= floor:
        return f"the value is at or below the rounding floor {floor:.1e} of double precision"
    return f"known to about {floor:.0e} only, the rounding of double precision"


def _structural(
    v: Array, reason: str, size: float, n: int, task: _Task, nbytes: int
) -> EigenResult:
    return _result(
        task,
        values=np.zeros(1),
        vectors=v[:, None],
        residuals=np.array([size]),
        lower=0.0,
        upper=0.0,
        lower_kind="structure",
        status="resolved",
        method="structure",
        applications=0,
        floor=0.0,
        n=n,
        dtype="float64",
        nbytes=nbytes,
        message=f"exactly zero: {reason}",
    )


def _unknown(
    n: int, ker: Kernel | None, points: _core.Points | None, task: _Task, method: str
) -> EigenResult:
    """Ended in the fill: lambda_min lies between 0 and the smallest diagonal entry."""
    lower, upper = (-math.inf if ker is None else 0.0), math.inf
    if ker is not None and points is not None and "h" in ker.__dict__:
        q = ker.homogeneity or 0.0
        upper = float(np.min(points.norms() ** (2.0 * q))) * float(ker.h.ends[0])
    return _result(
        task,
        values=np.array([math.nan]),
        vectors=None,
        residuals=np.array([math.inf]),
        lower=lower,
        upper=upper,
        lower_kind="none" if ker is None else "theory",
        status="budget-limited",
        method=method,
        applications=0,
        floor=math.nan,
        n=n,
        dtype="float64",
        nbytes=0 if points is None else points.nbytes,
        message="stopped by the callback while filling"
        if task.report.stopped
        else "interrupted while filling",
        interrupted=not task.report.stopped,
    )


def _ended(task: _Task) -> EigenResult | None:
    """What is known when Ctrl-C or the callback ends the work: the lowest upper bound so far.

    Not the last value: a solver that has just begun again in float64 knows less than float32 did.
    """
    if not task.known:
        return None
    known = [r for r in task.known if math.isfinite(r.value)] or task.known
    best = min(reversed(known), key=lambda r: r.upper)
    why = "stopped by the callback" if task.report.stopped else "interrupted"
    return _replace(
        best,
        status="resolved" if best.resolved else "budget-limited",
        message=best.message if best.message.startswith(why) else why,
        interrupted=not task.report.stopped,
        applications=max(r.applications for r in task.known),
        seconds=time.perf_counter() - task.start,
    )


def _result(
    task: _Task, *, values: Array, vectors: Array | None, residuals: Array, **rest: Any
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


def _replace(result: EigenResult, **changes: Any) -> EigenResult:
    from dataclasses import replace

    return replace(result, **changes)


def _near_one(A: Array, ker: Kernel) -> tuple[Array, float]:
    """(2^-e A, 2^(2qe)), so that neither float32 entries nor squares of norms leave their range.

    Exact: K(A) = 2^(2qe) K(2^-e A). Points of ordinary size are left alone.
    """
    q = ker.homogeneity or 0.0
    e = int(np.frexp(max(A.max(), -A.min()))[1])
    if q == 0.0 or abs(e) <= 16 or abs(2.0 * q * e) > 1000.0:
        return A, 1.0
    return np.ldexp(A, -e), 2.0 ** (2.0 * q * e)


def _times(result: EigenResult, factor: float) -> EigenResult:
    """What holds of K, from what holds of K / factor."""
    names = ("value", "lower", "upper", "residual", "floor", "values", "residuals")
    return _replace(
        result,
        history=tuple((a, factor * v, factor * r) for a, v, r in result.history),
        **{name: factor * getattr(result, name) for name in names},
    )


def _warn(result: EigenResult) -> None:
    if result.status == "budget-limited":
        warnings.warn(f"not resolved: {result.message}", ConvergenceWarning, stacklevel=3)
    elif result.status == "rounding-limited":
        warnings.warn(f"not resolved: {result.message}", PrecisionWarning, stacklevel=3)


def _kernel(
    activation: str | Activation | Kernel,
    kernel: str,
    depth: int,
    weight_var: float,
    bias_var: float,
) -> Kernel:
    choice("kernel", kernel, tuple(KERNELS), {"ntk"})
    if isinstance(activation, Kernel):
        given = {"kernel": kernel, "depth": depth, "weight_var": weight_var, "bias_var": bias_var}
        usual = {"kernel": "gradient", "depth": 1, "weight_var": 1.0, "bias_var": 0.0}
        odd = [name for name in given if given[name] != usual[name]]
        if odd:
            raise ValueError(
                f"{', '.join(odd)} cannot be changed in {activation!r}; leave it out, or pass the "
                "activation instead of a kernel."
            )
        return activation
    return KERNELS[kernel](activation, depth=depth, weight_var=weight_var, bias_var=bias_var)


def _operator(K: Any) -> tuple[_core.Operator, _core.Operator, int, str, int, Array | None]:
    """(op, exact, n, dtype, nbytes, dense array or None) of whatever can multiply."""
    if isinstance(K, Gram):
        dense = None
        if K.storage == "dense" and K.dtype == np.float64:
            dense = np.asarray(K._array)
        exact = K.exact()
        if dense is None and K.shape[0] <= DENSE_UP_TO:
            dense = None
        return K.op, exact, K.shape[0], str(K.dtype), K.nbytes, dense
    is_operator = hasattr(K, "matmat") or (hasattr(K, "tocsr") and hasattr(K, "shape"))
    array_like = (
        isinstance(K, (np.ndarray, list, tuple))
        or hasattr(K, "__array__")
        or hasattr(K, "__dlpack__")
    )
    if not is_operator and array_like:
        A = as_array(K, "K")
        if A.ndim != 2 or A.shape[0] != A.shape[1] or A.shape[0] == 0:
            raise ValueError(f"K must be square, (n, n) with n >= 1; got shape {A.shape}.")
        dense = np.ascontiguousarray(A, dtype=np.float64)
        _check_symmetric(dense)
        op = _core.DenseOperator(dense)
        return op, op, len(dense), "float64", dense.nbytes, dense
    shape = getattr(K, "shape", None)
    if shape is None or not (hasattr(K, "__matmul__") or callable(K)):
        raise TypeError(
            f"K must be a Gram operator, a symmetric array or a LinearOperator; got {type(K).__name__}."
        )
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 1:
        raise ValueError(f"K must be square, (n, n) with n >= 1; got shape {tuple(shape)}.")
    dtype = getattr(K, "dtype", None)
    if dtype is not None and np.dtype(dtype).kind == "c":
        raise TypeError(f"K must be real; got {dtype}.")
    if hasattr(K, "tocsr"):
        _check_sparse(K)
    multiply = K.matmat if hasattr(K, "matmat") else K.__matmul__

    def product(V: Array) -> Array:
        Y = as_array(multiply(V), "the product K @ V")
        if Y.shape != V.shape:
            raise ValueError(
                f"the product K @ V must have the shape {V.shape} of V; got {Y.shape}."
            )
        return Y

    n = int(shape[0])
    wrapped = _core.CallableOperator(product, n)
    return wrapped, wrapped, n, "float64", 0, None


def _check_symmetric(A: Array) -> None:
    size = 0.0
    worst = 0.0
    for start in range(0, len(A), 1024):
        rows = A[start : start + 1024]
        if not np.isfinite(rows).all():
            i, j = np.argwhere(~np.isfinite(rows))[0]
            raise ValueError(f"K must be finite; found {rows[i, j]} at ({start + i}, {j}).")
        size = max(size, float(np.max(np.abs(rows))))
        worst = max(worst, float(np.max(np.abs(rows - A[:, start : start + 1024].T))))
    _check_difference(worst, size, 1e-10)
    _check_size(size)


def _check_sparse(K: Any) -> None:
    K = K.tocsr()
    size, worst = float(abs(K).max()), float(abs(K - K.T).max())
    if not math.isfinite(size):
        raise ValueError(f"K must be finite; found an entry of size {size}.")
    _check_difference(worst, size, 1e-10)
    _check_size(size)


def _check_difference(worst: float, size: float, tol: float) -> None:
    if worst > tol * size:
        raise ValueError(
            f"K must be symmetric; found |K - K^T| up to {worst:.2e} with entries up to {size:.2e}. "
            "Pass (K + K.T) / 2 if that is rounding."
        )


def _check_size(size: float) -> None:
    """Norms are sums of squares: these, and those of residuals, have to be doubles."""
    if size != 0.0 and not 1e-130 <= size <= 1e140:
        raise ValueError(
            f"K must be of a size between 1e-130 and 1e140; found about {size:.1e}. "
            "Multiply it by a constant first."
        )


def _columns(op: _core.Operator, n: int, threads: int) -> Array:
    """The matrix of an operator, by its products with unit vectors."""
    out = np.empty((n, n))
    for start in range(0, n, 64):
        E = np.zeros((n, min(64, n - start)), order="F")
        E[np.arange(start, start + E.shape[1]), np.arange(E.shape[1])] = 1.0
        out[:, start : start + E.shape[1]] = op.multiply(E, threads)
    if not np.isfinite(out).all():
        raise ValueError("products with K must be finite; found NaN or infinity.")
    size = float(np.max(np.abs(out)))
    _check_difference(float(np.max(np.abs(out - out.T))), size, 1e-6)  # of float32, perhaps
    _check_size(size)
    return np.asarray(0.5 * (out + out.T))
