"""The lowest eigenpairs by factors of K - s I, up the precisions: one factor's answer, and what it is worth.

Every route of shift-invert ends here, with tiles to be had in each precision and products with K in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .. import _core
from .._arrays import Array
from ..operators.packed import reach
from ..result import EigenResult
from . import budget, copies
from .cholesky import (
    GUARDS,
    LEAST_BASIS,
    Factor,
    InFile,
    Make,
    factor_at,
    in_shorts,
    work,
)
from .outcome import (
    LOOSEST,
    Task,
    ended,
    estimated_norm,
    nothing,
    remedy,
    result_of,
    rounding_of,
)
from .placing import block_bytes, place

MOST_GUARDS = 32  # as the core has it
SPREADS = 16.0  # deviations of a random entry: two eigenvalues so far apart keep their order
MOST_BASIS = 600  # then a restart, whatever the memory


def factored(
    make: Make,
    exact: _core.Operator,
    n: int,
    k: int,
    task: Task,
    block: int | None,
    ladder: Sequence[str],
    entry_error: float,
    held: int,
    begun: tuple[str, float] | None = None,
    shorten: bool = False,
) -> EigenResult:
    """Up the ladder of precisions until the k lowest eigenpairs are resolved.

    Parameters
    ----------
    make
        make(dtype, s): tiles of K - s I, not yet factored.
    exact
        Products with K in float64.
    n, k, task, block
        Order, wanted pairs, the task, vectors in a block.
    ladder
        Precisions of the factor, in the order in which they are tried.
    entry_error
        Error of each entry of K.
    held
        Bytes taken by what is not the factor.
    begun
        Precision and shift of a factor that a file holds, done or not.
    shorten
        Before float32, the same with tiles of 16 bits where these tell eigenvalues apart.
    """
    result: EigenResult | None = None
    done = 0
    near: float | None = None  # the shift, where it is known

    def shift_of(F: Factor) -> float:
        nonlocal near
        if near is None:
            near = place(F, task, held)
        return near

    stages = [(dtype, False) for dtype in ladder]
    if shorten and ladder[0] == "float32":
        stages.insert(0, ("float32", True))
    shortened = True  # the last factor
    for dtype, shorten in stages:
        if dtype == "float32" and not shorten and not shortened:
            continue  # it was this one
        last = dtype == ladder[-1]
        try:
            at = begun[1] if begun is not None and begun[0] == dtype else None
            F = factor_at(make, dtype, task, last, shift_of, at, shorten)
        except (KeyboardInterrupt, _core.Interrupted):
            return ended(task) or nothing(
                task,
                n,
                "shift-invert",
                "before the factor was complete",
                dtype=ladder[0],
                nbytes=held,
            )
        shortened = in_shorts(F)
        if near:
            near = near if F is not None and F.shift == near else 0.0  # it holds, or is too high
        else:
            near = None  # another precision may see more
        if F is None:
            continue

        def again(
            V: Array,
            size: float,
            wanted: int,
            on: Task,
            F: Factor = F,
            dtype: str = dtype,
        ) -> EigenResult:
            rest = _core.Deflated(exact, V, size)
            return _solve(F, rest, n, wanted, on, block, dtype, entry_error, held, 0, V)

        result = _solve(F, exact, n, k, task, block, dtype, entry_error, held, done)
        result = copies.complete(result, again, exact, False, task)
        done = result.applications
        del F, again  # both hold the factor: the next one takes its place
        if result.resolved:
            break
        if result.interrupted or task.report.stopped:
            return ended(task) or result
    assert result is not None
    return result


def _solve(
    F: Factor,
    exact: _core.Operator,
    n: int,
    k: int,
    task: Task,
    block: int | None,
    dtype: str,
    entry_error: float,
    held: int,
    done: int,
    without: Array | None = None,
) -> EigenResult:
    """One factor's answer; ``without``: eigenvectors that are known, and taken out of ``exact``."""
    single = dtype == "float32"
    if block is None:
        block = 1 if n <= 200 else max(2, min(k, 4))
    guards = min(GUARDS, n - k)
    wanted = min(task.tol, LOOSEST)
    free = task.limit - held - F.nbytes - work(n, k, block, task.threads)
    bound = max(MOST_BASIS, 20 * k)
    # Rounding may move one eigenvalue of K past another: all within it have to be among the guards. Where 16 bits
    # leave too many of them, float32 comes next.
    near = reach("float32", 2.0**-24 * F.frobenius, n) if single else 0.0
    moved, spread = near, 0.0  # how far any eigenvalue; deviation of an entry's error
    if isinstance(F, _core.Cholesky32) and F.shortened:
        moved += F.blur
        spread = max(F.blur / (2.0 * math.sqrt(n)), 1e-300)  # of a random matrix as wide as that
        near += SPREADS * spread
    room, window = budget.vectors(n, 6 * (MOST_GUARDS - GUARDS)), 0.0
    if single and free > room + budget.basis(n, LEAST_BASIS + 2 * k + 8 * block):
        free, window = free - room, near
    most = budget.columns(n, free, bound + block) - block
    most = int(min(n, max(most, LEAST_BASIS, 2 * k + 8 * block), bound))
    found = _core.shift_invert(
        F if without is None else _core.DeflatedSolver(F, without),
        exact,
        k,
        guards,
        block,
        most,
        (10.0 if single else 0.7) * wanted,
        0.7 * wanted,
        0.0,
        8,
        task.seed,
        task.threads,
        window,
        spread,
        task.report.ask,
    )
    applications = done + found["solves"] + found["products"]
    history = [(done + a, v, r) for a, v, r in found["history"]]
    interrupted = found["interrupted"]
    stopped = interrupted or task.report.stopped or found["stopped"]
    ends = found["with_guards"]
    nbytes = 8 * n * (found["basis"] + 4 * max(k + guards, len(ends)))
    if F.shift > 0.0:
        nbytes = max(nbytes, block_bytes(F))
    nbytes += held + F.nbytes
    if isinstance(F, InFile):
        nbytes = max(nbytes, held + F.most_nbytes)
    measured = len(found["values"]) > 0
    values = found["values"] if measured else found["ritz_values"]
    residuals = found["residuals"] if measured else found["ritz_residuals"] + moved
    if len(values) == 0:
        return nothing(
            task,
            n,
            "shift-invert",
            "before the first Ritz value",
            applications=applications,
            dtype=dtype,
            nbytes=nbytes,
            interrupted=interrupted,
        )
    value = float(values[0])

    def settled(rounding: float) -> bool:
        return measured and bool(np.all(residuals + rounding <= task.tol * np.abs(values)))

    crowded = (
        single and measured and len(ends) < n and float(ends[-1]) <= float(np.max(values)) + near
    )
    rounding = rounding_of(n, F.frobenius, entry_error)
    if not settled(rounding) and measured and not stopped:  # |K|_F is more than |K|
        try:
            rounding = rounding_of(n, estimated_norm(exact, n, task, F.frobenius), entry_error)
        except (KeyboardInterrupt, _core.Interrupted):
            interrupted = stopped = True
    message = ""
    if settled(rounding) and not crowded:
        status = "resolved"
    elif stopped:
        status = "budget-limited"
        message = "interrupted" if interrupted else task.report.why
    elif single and settled(rounding):
        status = "rounding-limited"
        rounding = max(rounding, near)
        message = (
            "several eigenvalues lie within the rounding of a float32 factor; "
            "use precision='double' or 'auto'"
        )
    elif single:
        status = "rounding-limited"
        rounding = max(rounding, float(np.max(residuals)))
        message = (
            f"a float32 factor knows it to about {rounding:.0e} only; "
            "use precision='double' or 'auto'"
        )
    elif found["too_many"]:
        status = "budget-limited"
        message = (
            f"too many products: {found['solves']} block solves, with a basis of at most {most} "
            "vectors; raise max_memory, or tol"
        )
    else:
        status = "rounding-limited"
        worst = float(np.max(residuals))
        if abs(value) > 1e3 * rounding and worst > max(1e3 * rounding, 1e-9 * F.frobenius):
            status = "budget-limited"
            message = (
                f"corrections of the factor's own pairs end at a residual of {worst:.0e}: the values next to it lie too "
                "close to be told apart; method='lanczos' goes on, or a larger tol takes it"
            )
        else:
            rounding = max(rounding, float(residuals[0]))
            message = remedy(value, rounding)
            if worst > 10.0 * rounding:  # one far below rounding drowns the others in its inverse
                message += f"; others have residuals up to {worst:.1e}, method='lanczos' has them"
    known = float(np.max(residuals)) if not measured else 0.0
    how = f"shift-invert {dtype}, blocks of {block}"
    if in_shorts(F):
        how += ", tiles of 16 bits"
    if F.shift != 0.0:
        how += f", s={F.shift:.1e}"
    if isinstance(F, InFile):
        how += ", factor in a file"
    return result_of(
        task,
        values=values,
        vectors=np.asfortranarray(found["vectors"]),
        residuals=residuals,
        lower=-math.inf,
        upper=value + 4.0 * rounding + known,  # a quotient of n terms errs by more than one
        lower_kind="none",
        status=status,
        method=how,
        applications=applications,
        floor=rounding,
        n=n,
        dtype=dtype,
        nbytes=nbytes,
        message=message,
        interrupted=interrupted,
        history=history,
    )
