"""A proof that no smaller eigenvalue was missed: a Cholesky factorisation that completes.

If floating-point Cholesky of A = K - s I completes, its factor is that of A + E with

    |E|_2 <= g trace(A) / (1 - g),    g = m u / (1 - m u),    u = 2^-53,

where no term of an inner product passes through more than m roundings: A + E = L L^T,
|E| <= g |L| |L|^T entry by entry, whatever the order of the sums (Higham, Accuracy and Stability of
Numerical Algorithms, 2002, section 8.1 and theorem 10.3), and the norm of |L| |L|^T is at most
|L|_F^2, the trace of L L^T (Demmel 1989; Rump 2006). Tiles make m small: within a tile its order, and one
for each tile before. With e the error of the entries that were factored, against the kernel's,

    lambda_min(K) >= s - |E|_2 - u max|A_ii| - e sum_i s_i^2,

an entry of K being known to e s_i s_j, s_i = |x_i|^q.

The other way round: at an s where the factorisation breaks down, lambda_min(K) <= s plus the same.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._arrays import size_text
from .kernels import Kernel
from .outcome import Task, replace
from .result import EigenResult
from .shift_invert import factor_bytes

UNIT = 2.0**-53
NEAR = 1e-3  # cosine deficits below come from differences (cpp/kernel/tile.hpp)
TRIALS = 9
GEMM, STREAM = 75e9, 30e9  # flops and bytes a second: only their ratio decides


@dataclass(frozen=True)
class Allowance:
    """What separates a completed factorisation at s from lambda_min(K) >= s.

    Attributes
    ----------
    factor
        Rounding in the factorisation, |E|_2 + u max|A_ii|.
    entries
        e sum_i s_i^2: the kernel's evaluation error.
    """

    factor: float
    entries: float

    @property
    def total(self) -> float:
        return self.factor + self.entries


def roundings(n: int) -> int:
    """m: the most roundings on the way of a term into an entry of the factor."""
    edge = 256 if n < 3072 else 512  # FactorTiling
    return min(n, -(-n // edge) + 3 * edge) + 10


def entry_error(ker: Kernel, d: int) -> float:
    """e: the largest error of a computed entry of K between points of norm one.

    That of the profile (measured for the catalogue, estimated for a function of the user's own);
    that of the cosine (inner product and norms of d terms), times the slope of
    h; that of the scaling. h has a power series with coefficients >= 0, so |h'| over |rho| <= 1 - NEAR is at
    most the slope of the chord from 1 - NEAR to 1, and nearer pairs, whose deficit has a relative
    error, are no worse.
    """
    q = ker.homogeneity or 0.0
    top = float(ker.h.ends[0])
    slope = (top - float(ker(np.array([1.0 - NEAR]))[0]) + 2.0 * ker.error) / NEAR
    cosine = (2.0 * d + 50.0) * UNIT * slope
    scaling = (q * (d + 4.0) + 4.0) * UNIT * top
    return ker.error + cosine + scaling


def allowance(ker: Kernel, points: _core.Points, n: int, d: int) -> Allowance:
    """For any shift 0 <= s <= max K_ii."""
    q = ker.homogeneity or 0.0
    squares = points.norms() ** (2.0 * q)
    m = roundings(n) * UNIT
    g = m / (1.0 - m)
    total, top = float(squares.sum()) * (1.0 + n * UNIT), float(ker.h.ends[0])
    rounding = g / (1.0 - g) * top * total + UNIT * top * float(squares.max())
    return Allowance(1.001 * rounding + n * 1e-300, 1.001 * total * entry_error(ker, d))


def pays(result: EigenResult) -> bool:
    """Whether a factorisation costs at most what the solve did."""
    shifted = result.method.startswith("shift-invert")
    return pays_for(result.n, result.dtype, result.applications, shifted)


def pays_for(n: int, dtype: str, applications: int, shifted: bool) -> bool:
    """The same from its numbers, by flops and bytes.

    Nominal rates, not the clock: the same call gives the same bound on every machine.

    Parameters
    ----------
    n, dtype
        Order of the matrix, and precision in which it was stored.
    applications
        Products with it, or solves with its factor.
    shifted
        Whether it was factored.
    """
    single = dtype == "float32"
    factor = float(n) ** 3 / 3.0 / GEMM
    triangle = (2.0 if single else 4.0) * float(n) * n  # bytes
    solve = applications * triangle / STREAM
    if shifted:
        solve = (0.5 if single else 1.0) * factor + 2.0 * solve  # forward and back
    return factor <= solve


def check_memory(n: int, held: int, limit: int) -> None:
    """Refuses what will not fit, before any work."""
    need = factor_bytes(n, "float64") + held
    if need > limit:
        raise MemoryError(
            f"certify='rigorous' at n={n} factors K in float64, which takes {size_text(need)}, more "
            f"than max_memory={size_text(limit)}; use certify='theory', or fewer points."
        )


def certified(
    result: EigenResult,
    points: _core.Points,
    ker: Kernel,
    task: Task,
    certify: str,
    d: int,
) -> EigenResult:
    """The result with ``lower`` from a factorisation, where one can be had.

    Parameters
    ----------
    result
        Of a solver: ``value`` and ``upper`` say where to factor.
    points, ker, task
        K, and what all routes know.
    certify
        'rigorous': always; 'auto': where it costs no more than the solve.
    d
        Dimension of the points.
    """
    if result.lower_kind == "structure" or not result.value > 0.0:
        return result
    if certify == "auto":
        fits = factor_bytes(result.n, "float64") + points.nbytes <= task.limit
        if not (result.resolved and result.lower_kind == "theory" and fits and pays(result)):
            return result
    if result.interrupted or task.report.stopped:
        return result
    spare = allowance(ker, points, result.n, d)
    try:
        found = _enclose(result, spare, points, ker, task)
    except (KeyboardInterrupt, _core.Interrupted):
        why = task.report.why or "interrupted"
        found = replace(
            result,
            message=f"{why} before the certificate was complete",
            interrupted=not task.report.stopped,
        )
    return replace(found, seconds=time.perf_counter() - task.start)


def _enclose(
    result: EigenResult, spare: Allowance, points: _core.Points, ker: Kernel, task: Task
) -> EigenResult:
    """Down from just below the value until a factorisation completes; up again by halves."""
    value, width = result.value, task.tol * result.value
    passed, failed = 0.0, math.inf
    s = result.upper - 0.9 * width + spare.total
    if s > value - 0.5 * spare.total:  # rounding is wider than what was asked for
        s = value - 2.0 * (result.upper - value) - spare.total
    for _ in range(TRIALS):
        if s <= spare.total:
            break  # would prove nothing
        F = _core.Cholesky64(points, ker.h.compiled, s, task.threads, task.report.ask)
        if F.factor(task.threads, task.report.ask):
            passed = s
        else:
            failed = s
        del F
        if passed == 0.0:
            s = max(value - 30.0 * (value - failed), 0.03 * failed)
        elif failed - passed <= max(2.0 * spare.total, 0.5 * width) or failed == math.inf:
            break
        else:
            s = 0.5 * (passed + failed)
    lower, upper = max(passed - spare.total, 0.0), min(result.upper, failed + spare.total)
    changes: dict[str, Any] = {"upper": upper}
    if lower > 0.0 and (lower > result.lower or result.lower_kind != "theory"):
        changes |= {"lower": lower, "lower_kind": "factorisation"}
    if upper < value - result.floor and value - lower > width:
        changes["status"] = "budget-limited"
        changes["message"] = (
            f"a smaller eigenvalue was missed: K - s I has no factor at s={failed:.8g}; "
            "use method='shift-invert'"
        )
    elif not result.message and "lower" not in changes:
        changes["message"] = f"no certificate: rounding allows for {spare.total:.1e}"
    elif not result.message and upper - lower > width:
        changes["message"] = (
            f"certified to {(upper - lower) / value:.0e} of the value: rounding allows for "
            f"{spare.factor:.0e}, the kernel's evaluation for {spare.entries:.0e}"
        )
    return replace(result, **changes)
