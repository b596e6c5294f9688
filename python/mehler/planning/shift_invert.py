"""What shift-invert costs (``mehler.solvers.shift_invert``): a Cholesky factor, then few solves."""

from __future__ import annotations

import dataclasses
import math

from .._arrays import size_text
from ..solvers import cholesky, out_of_core, placing
from ..solvers.cholesky import APART, expected_blur, shorts_pay
from .cost import Cost, Refusal, Work
from .ladder import Rung, climb
from .parts import BLOCK, Law, basis, factored, filling, recomputed, single_noise, solve
from .problem import Problem

NAME = "shift-invert"

# Numbers of solves (bench/fit_plan.py)
RESOLVED = Law(0.453, 0.498, -0.0472, 0.105, -0.207)
HIDDEN = Law(1.9, 0.45, 0.0, 0.0, 0.0)  # a shift above lambda_min leaves many values near
UNSURE = 60.0  # times the rounding of float32 must the value be
EXACT = {"float32": 2.7, "float64": 1.0}  # products with entries computed again

# What is spent beyond the count
FACTOR, SOLVE, BASIS, FIXED, STEP = 1.2, 1.8, 2.4, 9.2e-4, 1.6e-4
BREAKS = 0.6  # of a factorisation that does not complete, done before it breaks down

# A shift at a share x of the value leaves NEAR sqrt(1 - x) of the solves; of the share that a probe lets one expect, blocks
# reach so much; what they take of a factor and of solves at zero
NEAR, REACHED, BLOCKS, BLOCK_SOLVES = 1.1, 0.8, 0.035, 0.1
# Tiles of 16 bits: of a factor's time, and of its solves', in float32; solves and products more
SHORT_FACTOR, SHORT_SOLVE, SHORT_SOLVES, SHORT_EXACT = 0.55, 0.6, 14.0, 0.7


def _sizes(problem: Problem) -> dict[str, int]:
    return cholesky.sizes(problem.n, 1, problem.held + recomputed(problem), problem.threads)


def refusal(problem: Problem) -> Refusal | None:
    """Unless a factor and a basis fit; or, where there is a file for the factor, a panel of it."""
    n, sizes = problem.n, _sizes(problem)
    ladder = cholesky.ladder(n, problem.precision)
    need = min(sizes[t] for t in ladder)
    if need <= problem.limit:
        return None
    panel = min(cholesky.in_file(n, sizes, t) for t in ladder)
    if problem.disk:
        return None if panel <= problem.limit else Refusal("a panel of the factor", panel)
    stages = cholesky.stages(n, sizes, problem.precision, problem.limit, True)
    if not stages:
        return Refusal("the factor", need)
    size = size_text(out_of_core.file_bytes(n, stages[-1]))
    return Refusal("the factor", need, f", or path=, for a file of {size} that holds the factor")


def pieces(
    problem: Problem, dtype: str, factors: float, solves: float, exact: float
) -> dict[str, Work]:
    """The pieces of a run in one precision, each before what is spent beyond it."""
    return {
        "FACTOR": factored(problem, dtype) * factors + filling(problem, exact),
        "SOLVE": solve(problem, dtype) * solves,
        "BASIS": basis(problem.n, solves),
        "FIXED": Work(fixed=1.0),
        "STEP": Work(fixed=solves),
    }


def spent(part: dict[str, Work]) -> Work:
    """All of them, with what is spent beyond the count."""
    return (
        part["FACTOR"] * FACTOR
        + part["SOLVE"] * SOLVE
        + part["BASIS"] * BASIS
        + part["FIXED"] * FIXED
        + part["STEP"] * STEP
    )


def cost(problem: Problem) -> Cost:
    """Up the precisions that fit, as the route goes."""
    sizes = _sizes(problem)
    stages = cholesky.stages(problem.n, sizes, problem.precision, problem.limit, problem.disk)
    found = climb(problem, (rung(problem, dtype, dtype == stages[-1]) for dtype in stages))
    return dataclasses.replace(found, how=f"factor {found.how}")


def rung(problem: Problem, dtype: str, last: bool) -> Rung:
    """One precision of the factor; ``last``: no other is to come."""
    n = problem.n
    lost = dtype == "float32" and beyond_single(problem)
    breaks = lost and not last
    solves = exact = extra = 0.0
    if not breaks:
        solves = (HIDDEN if problem.hidden else RESOLVED)(problem)
        exact = EXACT[dtype]
    # a factor that breaks down is made again at a shift
    factors = BREAKS if breaks else 1.0 + BREAKS * problem.hidden
    share = 0.0 if breaks else placed(problem, dtype)
    if share > 0.0:
        factors += BLOCKS
        extra = BLOCK_SOLVES * solves
        solves = max(min(NEAR * math.sqrt(1.0 - share), 1.0) * solves, 4.0)
    to_file = problem.disk and _sizes(problem)[dtype] > problem.limit
    short = share > 0.0 and not to_file and shortened(problem, dtype, share)
    if short:
        solves, exact = solves + SHORT_SOLVES, exact + SHORT_EXACT
    done = pieces(problem, dtype, factors, solves, exact)
    if short:
        done["FACTOR"] = dataclasses.replace(
            done["FACTOR"], gemm32=SHORT_FACTOR * done["FACTOR"].gemm32
        )
        done["SOLVE"] *= SHORT_SOLVE
    work = spent(done) + solve(problem, dtype) * (extra * SOLVE)
    what, factor = dtype, cholesky.factor_bytes(n, dtype)
    if to_file:
        what, panel = f"{dtype} in a file", cholesky.panel_bytes(n, dtype)
        free = problem.limit - problem.held - recomputed(problem)
        again = out_of_core.read(n, dtype, free) * factors + 2.0 * (solves + extra) * factor
        work += filling(problem) + Work(disk=factor * factors) + problem.read_again(factor, again)
        factor = max(panel, min(factor, free))
        return Rung(
            work, solves + exact, factor + problem.held + recomputed(problem), what, dtype, lost
        )
    held = factor + problem.held + recomputed(problem)
    nbytes = held + 8 * n * (BLOCK * int(solves) + 16)
    return Rung(work, solves + exact, nbytes, what, dtype, lost)


def placed(problem: Problem, dtype: str) -> float:
    """The share of lambda_min at which a shift is expected; 0 where none is, or float32 blurs it."""
    n, lowest = problem.n, problem.probe.lowest
    if n < placing.PLACED_FROM or problem.hidden:
        return 0.0
    value, before = lowest(n), lowest(n // 4)
    slope = max(math.log(before / value), 0.0) / math.log(4.0)
    share = REACHED * placing.SHARE * placing.FURTHER**-slope
    if share * value < placing.STEEPEST * before:
        return 0.0
    blur = single_noise(problem, dtype) if dtype == "float32" else 0.0
    return share if blur < APART * share * value else 0.0


def shortened(problem: Problem, dtype: str, share: float) -> bool:
    """Whether tiles of the factor will be kept in 16 bits."""
    if dtype != "float32" or not shorts_pay(problem.n, problem.d):
        return False
    return expected_blur(problem.n) < APART * share * problem.probe.lowest(problem.n)


def beyond_single(problem: Problem) -> bool:
    """Whether K rounded to float32 is expected not to be positive definite any more, or nearly so.

    A probe may say a few times too much; a factor made in vain costs more than any number of products.
    """
    return UNSURE * single_noise(problem, "float32") > problem.probe.lowest(problem.n)
