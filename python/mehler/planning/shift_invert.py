"""What shift-invert costs (``mehler.shift_invert``): a Cholesky factor, then few solves."""

from __future__ import annotations

from .. import shift_invert
from .cost import Cost, Refusal, Work
from .parts import RECOMPUTED, basis, factored, filling, law, single_noise, solve
from .problem import Problem

NAME = "shift-invert"
BLOCK = 2

# Numbers of solves, exp(a) n^b (|K| / lambda_min)^c d'^e: bench/fit_plan.py
RESOLVED = (2.0, 0.2, 0.0, 0.3)

EXACT = 3.0  # products with entries computed again
BREAKS = 0.5  # of a factorisation that does not complete, done before it breaks down


def _sizes(problem: Problem) -> dict[str, int]:
    return shift_invert.sizes(problem.n, 1, problem.held + RECOMPUTED)


def refusal(problem: Problem) -> Refusal | None:
    """Unless a factor and a basis fit."""
    sizes = _sizes(problem)
    need = min(sizes[t] for t in shift_invert.ladder(problem.n, problem.precision))
    return None if need <= problem.limit else Refusal("the factor", need)


def cost(problem: Problem) -> Cost:
    """Up the precisions that fit, as the route goes."""
    n = problem.n
    stages = shift_invert.stages(n, _sizes(problem), problem.precision, problem.limit)
    work, products, nbytes, words = Work(), 0.0, 0, []
    status, dtype = "resolved", "float64"
    solves = min(max(law(RESOLVED, problem), 4.0), n / BLOCK)
    for dtype in stages:
        lost = dtype == "float32" and beyond_single(problem)
        if lost and dtype != stages[-1]:
            work += factored(problem, dtype) * BREAKS
        else:
            work += factored(problem, dtype) + solve(problem, dtype) * solves
            work += basis(n, solves, BLOCK) + filling(problem, EXACT)
            products += solves + EXACT
            if problem.out_of_reach or lost:
                status = "rounding-limited"
        held = shift_invert.factor_bytes(n, dtype) + problem.held + RECOMPUTED
        nbytes = max(nbytes, held + 8 * n * int(BLOCK * solves + 16))
        words.append(dtype)
        if not lost:
            break
    return Cost(work, nbytes, round(products), f"factor {', then '.join(words)}", dtype, status)


def beyond_single(problem: Problem) -> bool:
    """Whether K rounded to float32 is expected not to be positive definite any more."""
    return single_noise(problem) > problem.probe.lowest(problem.n)
