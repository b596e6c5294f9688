"""The route by products: exact ends, then probes on what is beside them."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings

import numpy as np

from .. import _core
from .._arrays import Array, beyond, enough
from ..errors import ConvergenceWarning
from ..operators.foreign import check_size
from ..operators.kernel_matrix import Gram
from . import inertia
from .ends import end_of
from .functions import LINE
from .interval import Interval, half
from .probes import Probes
from .result import SpectralDensity
from .task import Task
from .traces import NOTHING


def by_products(
    task: Task,
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
    work = bytes_for(n, probes, steps, (low_count, high_count), task.threads)
    if work > task.limit:
        raise MemoryError(
            f"{probes} probes of {steps} steps at n={n} take {beyond(work + task.held, task.limit + task.held)}; ask for fewer, or use "
            f"max_memory={enough(work + task.held)!r}."
        )
    seeds = generator.integers(0, 2**63 - 1, size=2)
    said: list[str] = []
    products = task.measured()
    found = []
    for which, k in (("LA", high_count), ("SA", low_count)):
        values, vectors, residuals, made, note = end_of(task, k, which, int(seeds[0]))
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
        n - deflated.shape[1], seen["squares"], seen["alpha"], seen["beta"], tuple(seen["lengths"]),
        task.stored_trace() - float(np.sum(low)) - float(np.sum(high)),
    )  # fmt: skip
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


def _check_entries(task: Task, at: Array) -> None:
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


def _counted(task: Task, at: Array) -> Array:
    """How many eigenvalues lie below each threshold, by inertia."""
    if not len(at):
        return at
    A = task.array if task.array is not None else np.asarray(task.K.toarray(), dtype=np.float64)
    return inertia.counts_below(A, at)


def _exact(trace: float) -> Interval:
    return Interval(trace, trace, trace) if math.isfinite(trace) else NOTHING


def _with_trace(rough: SpectralDensity) -> SpectralDensity:
    """The same, with the trace by the probes where K has no diagonal."""
    return dataclasses.replace(rough, trace=rough._sum(LINE, half(rough.level)))


def bytes_for(n: int, probes: int, steps: int, ends: tuple[int, int], threads: int) -> int:
    """Bytes beside K: of the ends first, then of the probes, with the vectors that are kept."""
    from ..solvers import room

    kept = 8 * n * sum(ends)
    least = [_core.quadrature_bytes(n, probes, steps)]
    least += [room.needed(n, k, max(2, min(k, 4)), False, threads) for k in ends if k]
    return max(least) + kept
