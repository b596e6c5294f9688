"""``spectrum``: the whole spectrum of a symmetric matrix, from products with blocks of vectors.

exact ends (eigsh)  ->  probes on what is beside them (stochastic Lanczos quadrature)  ->  SpectralDensity
all eigenvalues (LAPACK) where n is small
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core
from .._arrays import (
    Array,
    as_array,
    as_points,
    beyond,
    choice,
    duration,
    enough,
    generator_from,
    integer,
    memory_limit,
    thread_count,
)
from .._progress import Reporter, State
from ..activations import Activation
from ..errors import ConvergenceWarning, PrecisionWarning
from ..kernels import Kernel
from ..operators.feature_matrix import FeatureGram
from ..operators.foreign import as_operator, check_size, columns
from ..operators.gram import Gram, core_diagonal, gram, relative_error
from ..operators.packed import SINGLE
from ..question import kernel_of
from . import inertia
from .functions import LINE
from .interval import Interval, half
from .probes import EPS, Probes
from .result import SpectralDensity
from .traces import NOTHING

METHODS = ("auto", "dense", "quadrature")
DENSE_UP_TO = 2000  # all eigenvalues cost less than what else there is
TIGHT = 1e-8  # relative accuracy of the ends
Callback = Callable[[State], Any]


def spectrum(
    K: Any,
    activation: str | Activation | Kernel | Sequence[str | Activation] | None = None,
    *,
    kernel: str = "gradient",
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalize: bool = False,
    probes: int = 10,
    steps: int = 100,
    ends: int | tuple[int, int] = (10, 20),
    thresholds: Any = (),
    level: float = 0.99,
    method: str = "auto",
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callback | None = None,
) -> SpectralDensity:
    """N(x) = number of lambda_i(K) <= x, with a band; log det K, tr K^-1, degrees of freedom and the like, with intervals.

    Parameters
    ----------
    K
        A :class:`Gram`, a :class:`FeatureGram`, a dense symmetric array (n, n), a SciPy LinearOperator or sparse
        matrix, or anything with ``shape`` and ``K @ V``; with ``activation``: points (n, d), as in :func:`min_eig`.
    activation
        Makes K the points of which the kernel matrix is meant; None: K is the matrix.
    kernel, depth, weight_var, bias_var, normalize
        As in :func:`min_eig`.
    probes
        Random vectors. Bands and intervals shrink with the square root of their number.
    steps
        Lanczos steps of each, all of them in one block product a step. More resolve finer.
    ends
        How many of the lowest and of the highest eigenvalues are computed one by one and taken out of what the probes
        see; one number, or (lowest, highest). Without lowest ones, lambda_min is not known.
    thresholds
        Where the number of eigenvalues is to be known without chance: K - t I is factored just below and just above each t (n^3 / 3 flops, n^2 numbers; needs
        SciPy and the entries of K), and the band takes it over. The dense method needs none.
    level
        Probability, at least, with which a band holds everywhere, and each interval.
    method
        'dense' (every eigenvalue, by LAPACK), 'quadrature', or 'auto': dense up to n = 2000 where it fits.
    max_memory
        Bytes, or a text such as '10GB', for work space beside K, and for the kernel matrix of points. Default: 80 % of what
        the system has free.
    time_limit, threads, progress, callback
        As in :func:`min_eig`: what is known when it ends is returned.
    rng
        Seed or Generator of the random vectors.

    Returns
    -------
    SpectralDensity

    Raises
    ------
    TypeError, ValueError
        Not square, not symmetric, NaN or infinity; points without an activation; options out of range.
    MemoryError
        It does not fit into ``max_memory``; says what is enough.
    KeyboardInterrupt
        Before the first step of the probes; also when the callback says stop there, and of the dense method.

    Warns
    -----
    ConvergenceWarning
        Ended before all steps.

    References
    ----------
    Golub and Meurant, Matrices, Moments and Quadrature, 2010. Bai, Fahey and Golub 1996 (bounds of traces). Ubaru, Chen
    and Saad 2017; Chen, Trogdon and Ubaru 2021 (stochastic Lanczos quadrature).

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=500, d=6, rng=0)
    >>> density = mh.spectrum(X, "relu")
    >>> density.method, density.probes is None  # small: every eigenvalue
    ('dense', True)
    >>> K = mh.gram(X, "relu")
    >>> density = mh.spectrum(K, method="quadrature", rng=0)
    >>> exact = np.linalg.slogdet(K.toarray())[1]
    >>> float(exact) in density.logdet()
    True
    >>> np.trace(K.toarray()) in density.trace
    True
    """
    start = time.perf_counter()
    choice("method", method, METHODS)
    probes, steps = integer(probes, "probes"), integer(steps, "steps")
    for name, value, least in (("probes", probes, 2), ("steps", steps, 2)):
        if value < least:
            raise ValueError(f"{name} must be >= {least}; got {value}.")
    wanted, at = _pair(ends), _thresholds(thresholds)
    level = _level(level)
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    generator = generator_from(rng)
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        try:
            held = 0
            if activation is not None:
                ker = kernel_of(activation, kernel, depth, weight_var, bias_var)
                X = as_points(K)
                work = _work(len(X), probes, steps, wanted, count)
                stop = _stops(report)
                K = gram(
                    X, ker, max_memory=max(limit - work, 1), threads=count, normalize=normalize,
                    progress=progress, callback=stop,
                )  # fmt: skip
                held = K.nbytes
            else:
                _refuse_options(kernel, depth, weight_var, bias_var, normalize)
            limit -= held
            op, _, n, _, _, array = as_operator(K)
            if method == "auto":
                method = "dense" if n <= DENSE_UP_TO and _dense_bytes(n) <= limit else "quadrature"
            task = _Task(K, op, array, n, count, limit, held, level, start, report)
            if method == "dense" or n <= 3:
                return _dense(task)
            return _quadrature(task, probes, steps, wanted, at, generator)
        except _core.Interrupted:
            raise KeyboardInterrupt(report.why or "interrupted") from None
        except KeyboardInterrupt:
            if report.stopped:  # while filling
                raise KeyboardInterrupt(report.why) from None
            raise


class _Task:
    """The matrix, and what limits the work."""

    def __init__(
        self, K: Any, op: _core.Operator, array: Array | None, n: int, threads: int, limit: int, held: int,
        level: float, start: float, report: Reporter,
    ) -> None:  # fmt: skip
        self.K, self.op, self.array, self.n = K, op, array, n
        self.threads, self.limit, self.level, self.start, self.report = (
            threads,
            limit,
            level,
            start,
            report,
        )
        self.held = held  # bytes of K, where it is made here: part of max_memory
        self.semidefinite = isinstance(K, (Gram, FeatureGram))

    def trace(self) -> float:
        """tr K; NaN where there is no diagonal."""
        if self.array is not None:
            return float(math.fsum(np.diagonal(self.array)))
        if hasattr(self.K, "diagonal"):
            return float(math.fsum(np.asarray(self.K.diagonal(), dtype=np.float64)))
        return math.nan

    def entries(self) -> float:
        """What the stored matrix may be off, as an error of an eigenvalue, in its usual size."""
        K = self.K
        if not isinstance(K, Gram):
            return 0.0
        top = float(np.max(core_diagonal(K._points, K.kernel)))
        error = 2.0 * math.sqrt(self.n) * relative_error(K._points, K.kernel) * top
        if K.kind in SINGLE:
            from ..solvers.iterative import single_error

            error += single_error(K, self.threads)
        return error

    def floor(self, size: float) -> float:
        """Rounding of K and of products, with a largest eigenvalue of this size."""
        return float(4.0 * math.sqrt(self.n) * EPS * size + self.entries())


def _dense_bytes(n: int) -> int:
    return 3 * 8 * n * n


def _dense(task: _Task) -> SpectralDensity:
    """Every eigenvalue; LAPACK is backward stable, its error of the usual size sqrt(n) eps |K|."""
    n, K = task.n, task.K
    need = _dense_bytes(n)
    if need > task.limit:
        raise MemoryError(
            f"method='dense' at n={n} takes {beyond(need + task.held, task.limit + task.held)}; use method='quadrature', or "
            f"max_memory={enough(need + task.held)!r}."
        )
    products, A = 0, task.array
    if A is None and isinstance(K, Gram):
        A = np.asarray(K.toarray(), dtype=np.float64)
    elif A is None:
        A, products = columns(task.op, n, task.threads), n
    check_size(float(np.max(np.abs(A))))
    values: Array = np.asarray(np.linalg.eigvalsh(A), dtype=np.float64)
    floor = task.floor(float(np.max(np.abs(values))))
    error = np.full(n, floor)
    total = float(math.fsum(np.diagonal(A)))
    none = np.zeros(0)
    return SpectralDensity(
        n, values, none, error, none, None, floor, Interval(total, total, total), task.semidefinite, 1.0,
        (0.0, 0.0), task.threads, none, none, "dense", products, 0, time.perf_counter() - task.start, need,
    )  # fmt: skip


def _quadrature(
    task: _Task,
    probes: int,
    steps: int,
    wanted: tuple[int, int],
    at: Array,
    generator: np.random.Generator,
) -> SpectralDensity:
    """Exact ends, then probes on what is beside them."""
    n = task.n
    _check_entries(task, at)
    least = max(n // 4, 1)
    low_count, high_count = min(wanted[0], least), min(wanted[1], least)
    left = n - low_count - high_count
    steps = min(steps, left)
    work = _work(n, probes, steps, (low_count, high_count), task.threads)
    if work > task.limit:
        raise MemoryError(
            f"{probes} probes of {steps} steps at n={n} take {beyond(work + task.held, task.limit + task.held)}; ask for fewer, or use "
            f"max_memory={enough(work + task.held)!r}."
        )
    seeds = generator.integers(0, 2**63 - 1, size=2)
    said: list[str] = []
    products = 0
    found = []
    for which, k in (("LA", high_count), ("SA", low_count)):
        values, vectors, residuals, made, note = _end(task, k, which, int(seeds[0]))
        products += made
        found.append((values, vectors, residuals))
        if note:
            said.append(note)
    (high, U, high_residual), (low, V, low_residual) = found
    deflated = np.asfortranarray(np.hstack([V, U]))
    if deflated.shape[1]:
        deflated = np.asfortranarray(np.linalg.qr(deflated)[0])
    seen = _core.quadrature(
        task.op, deflated, probes, steps, int(seeds[1]), task.threads, task.report.ask
    )
    if seen["stopped"] and seen["steps"] < 2:
        raise KeyboardInterrupt(task.report.why or "interrupted before the second step")
    if seen["stopped"]:
        why = task.report.why or "interrupted"
        said.append(f"{why} after {seen['steps']} of {steps} steps: bands are wider")
    seen_by = Probes(
        n - deflated.shape[1], seen["squares"], seen["alpha"], seen["beta"], tuple(seen["lengths"])
    )
    size = float(max(abs(seen_by.lowest()), abs(seen_by.highest()), *map(abs, (*high, *low))))
    check_size(size)
    floor = task.floor(size)
    at = np.sort(np.concatenate([at - 2.0 * floor, at + 2.0 * floor]))  # a count is right to floor
    counted = _counted(task, at)
    rough = SpectralDensity(
        n, low, high, low_residual + floor, high_residual + floor, seen_by, floor, _exact(task.trace()),
        task.semidefinite, task.level, (float(np.linalg.norm(low_residual)), float(np.linalg.norm(high_residual))),
        task.threads, at, counted, "quadrature", products + probes * seen["steps"], seen["steps"], time.perf_counter() - task.start,
        _core.quadrature_bytes(n, probes, steps) + deflated.nbytes, "; ".join(said), bool(seen["interrupted"]),
    )  # fmt: skip
    if said:
        warnings.warn(rough.message, ConvergenceWarning, stacklevel=3)
    return rough if math.isfinite(rough.trace.value) else _with_trace(rough)


def _check_entries(task: _Task, at: Array) -> None:
    """Whether there is a matrix to factor, and room."""
    if not len(at):
        return
    n = task.n
    if task.array is None and not isinstance(task.K, Gram):
        raise TypeError(
            "counts at thresholds factor K, which needs its entries: a Gram operator or a dense array; got "
            f"{type(task.K).__name__}. Leave out thresholds and take count_below."
        )
    need = inertia.bytes_for(n, task.array is not None)
    if need > task.limit:
        raise MemoryError(
            f"a factor of K - t I at n={n} takes {beyond(need + task.held, task.limit + task.held)}; leave out thresholds, or use "
            f"max_memory={enough(need + task.held)!r}."
        )


def _counted(task: _Task, at: Array) -> Array:
    """How many eigenvalues lie below each threshold, by inertia."""
    if not len(at):
        return at
    A = task.array if task.array is not None else np.asarray(task.K.toarray(), dtype=np.float64)
    return inertia.counts_below(A, at)


def _exact(trace: float) -> Interval:
    return Interval(trace, trace, trace) if math.isfinite(trace) else NOTHING


def _with_trace(rough: SpectralDensity) -> SpectralDensity:
    """The same, with the trace by the probes where K has no diagonal."""
    import dataclasses

    return dataclasses.replace(rough, trace=rough._sum(LINE, half(rough.level)))


def _end(task: _Task, k: int, which: str, seed: int) -> tuple[Array, Array, Array, int, str]:
    """k eigenpairs of one end, ascending, as far as they are right to what the probes need."""
    n = task.n
    nothing = np.zeros(0), np.zeros((n, 0)), np.zeros(0), 0, ""
    if k == 0:
        return nothing
    from ..eigen import eigsh

    report, passed = task.report, time.perf_counter() - task.start
    remaining = None  # half of what is left: the probes need some
    if report.time_limit is not None:
        remaining = max(0.5 * (report.time_limit - passed), 1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", PrecisionWarning)
        found = eigsh(
            task.K, k, which, tol=TIGHT, certify="none", max_memory=task.limit, time_limit=remaining,
            threads=task.threads, rng=seed, progress=report.progress, callback=report.callback,
        )  # fmt: skip
    if found.interrupted or (report.callback is not None and "by the callback" in found.message):
        raise KeyboardInterrupt(found.message or "interrupted")
    side = "lowest" if which == "SA" else "highest"
    solves = found.method.startswith(("shift-invert", "dense"))  # no products with K
    made = 0 if solves else found.applications * (1 if n <= 200 else max(2, min(k, 4)))
    if found.vectors is None or not np.isfinite(found.values).all():
        return (*nothing[:3], made, f"the {side} eigenvalues are not known: {found.message}")
    values, vectors, residuals = found.values, found.vectors, found.residuals
    good = residuals <= np.maximum(1e-6 * np.abs(values), 16.0 * found.floor)
    keep = int(np.argmin(good)) if not good.all() else len(values)
    note = "" if keep == k else f"only {keep} of {k} {side} eigenvalues are known: {found.message}"
    chosen = _once(vectors[:, :keep])
    if len(chosen) < keep:  # where a gap may be left, the others are left to the probes
        note = f"only {len(chosen)} of {k} {side} eigenvalues are known: others came twice"
    order = chosen[np.argsort(values[chosen], kind="stable")]
    return values[order], vectors[:, order], residuals[order], made, note


def _once(V: Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Columns that are orthogonal to those before: an eigenvector that was found twice is one."""
    kept: list[int] = []
    for j in range(V.shape[1]):
        if not kept or float(np.max(np.abs(V[:, kept].T @ V[:, j]))) < 1e-3:
            kept.append(j)
    return np.array(kept, dtype=np.int64)


def _work(n: int, probes: int, steps: int, ends: tuple[int, int], threads: int) -> int:
    """Bytes beside K: of the ends first, then of the probes, with the vectors that are kept."""
    from ..solvers import room

    kept = 8 * n * sum(ends)
    least = [_core.quadrature_bytes(n, probes, steps)]
    least += [room.needed(n, k, max(2, min(k, 4)), False, threads) for k in ends if k]
    return max(least) + kept


def _stops(report: Reporter) -> Callback | None:
    """What ends a fill: the user's callback, and time."""
    if report.callback is None and report.time_limit is None:
        return None

    def stop(state: State) -> bool:
        if report.callback is not None and report.callback(state):
            report.stop("stopped by the callback")
        if (
            report.time_limit is not None
            and time.perf_counter() - report.start >= report.time_limit
        ):
            report.stop(f"stopped by time_limit={report.time_limit:g} s")
        return report.stopped

    return stop


def _refuse_options(
    kernel: str, depth: int | None, weight_var: float, bias_var: float, normalize: bool
) -> None:
    given = {
        "kernel": kernel,
        "depth": depth,
        "weight_var": weight_var,
        "bias_var": bias_var,
        "normalize": normalize,
    }
    usual = {
        "kernel": "gradient",
        "depth": None,
        "weight_var": 1.0,
        "bias_var": 0.0,
        "normalize": False,
    }
    odd = [name for name in given if given[name] != usual[name]]
    if odd:
        raise ValueError(
            f"{', '.join(odd)} belong to points; pass an activation too, as in spectrum(X, 'relu')."
        )


def _pair(ends: Any) -> tuple[int, int]:
    pair = tuple(ends) if isinstance(ends, (tuple, list)) else (ends, ends)
    if len(pair) != 2:
        raise ValueError(f"ends must be one number or (lowest, highest); got {ends!r}.")
    low, high = (integer(k, "ends") for k in pair)
    if low < 0 or high < 0:
        raise ValueError(f"ends must be >= 0; got {ends!r}.")
    return low, high


def _thresholds(thresholds: Any) -> Array:
    at = np.atleast_1d(as_array(thresholds, "thresholds")).astype(np.float64)
    if at.ndim != 1 or not np.isfinite(at).all():
        raise ValueError(f"thresholds must be finite numbers, (m,); got {thresholds!r}.")
    return np.sort(at)


def _level(level: Any) -> float:
    if isinstance(level, (str, bytes, bool, np.bool_)):
        raise TypeError(f"level must be a number; got {level!r}.")
    value = float(level)
    if not 0.5 <= value < 1.0:
        raise ValueError(f"level must satisfy 0.5 <= level < 1; got {level!r}.")
    return value
