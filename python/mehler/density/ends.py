"""The lowest and the highest eigenvalues, one by one, as far as they are right to what probes of the rest need."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from .._arrays import Array
from ..errors import ConvergenceWarning, PrecisionWarning
from .task import Task

TIGHT = 1e-8  # relative accuracy


def end_of(task: Task, k: int, which: str, seed: int) -> tuple[Array, Array, Array, int, str]:
    """k eigenpairs of one end, ascending, as far as they are right to what the probes need."""
    n = task.n
    nothing = np.zeros(0), np.zeros((n, 0)), np.zeros(0), 0, ""
    if k == 0:
        return nothing
    from ..eigenpairs import eigsh

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
