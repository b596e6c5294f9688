"""What block Lanczos costs (``mehler.iterative``): products with a stored or recomputed matrix."""

from __future__ import annotations

from .. import iterative
from ..gram import storage_bytes
from .cost import Cost, Refusal, Work
from .parts import RECOMPUTED, basis, filling, law, product, single_noise, stored
from .problem import Problem

NAME = "lanczos"
BLOCK = 2

# Numbers of products, exp(a) n^b (|K| / lambda_min)^c d'^e: bench/fit_plan.py
RESOLVED = (2.5, 0.2, 0.06, 0.0)
ROUNDED = (3.0, 0.4, 0.0, 0.0)  # until rounding, or a full basis, ends it
GIVEN_UP = (2.5, 0.2, 0.0, 0.0)  # until float32 is seen not to be enough

REFINING = 18.0  # products with float32 storage that correct what it says
EXACT = 2.0  # products with entries computed again


def _needed(problem: Problem) -> int:
    return iterative.room(problem.n, problem.held)


def refusal(problem: Problem) -> Refusal | None:
    """Unless the matrix, or tiles of it, and a basis fit."""
    return refused(problem, _needed(problem), "the matrix and a basis")


def refused(problem: Problem, needed: int, what: str) -> Refusal | None:
    """Unless ``needed`` bytes and the smallest storage that ``precision`` allows fit."""
    try:
        need = iterative.least(problem.n, needed, problem.precision, problem.size)
    except ValueError as out_of_range:
        return Refusal(str(out_of_range))
    return None if need <= problem.limit else Refusal(what, need)


def cost(problem: Problem) -> Cost:
    """Up the precisions that fit, as the route goes."""
    n = problem.n
    stages = iterative.stages(
        n, _needed(problem), problem.precision, problem.size, problem.limit
    )
    work, products, nbytes, words = Work(), 0.0, 0, []
    status, dtype = "resolved", "float64"
    for storage, dtype in stages:
        again = dtype == "float32" and beyond_single(problem)
        steps = expected(problem, GIVEN_UP if again else RESOLVED)
        if problem.out_of_reach:
            steps = expected(problem, GIVEN_UP if again else ROUNDED)
            status = "rounding-limited"
        taken = storage_bytes(n, storage, dtype)
        most = iterative.most_basis(n, problem.limit - taken - problem.held, 1)
        if BLOCK * steps > most:
            steps = most / BLOCK
            if not again and status == "resolved" and most < n:
                status = "budget-limited"
        if storage == "packed":
            work += stored(problem, dtype)
        work += product(problem, storage, dtype) * steps + basis(n, steps, BLOCK)
        products += steps
        held = taken + problem.held + 8 * n * int(BLOCK * steps + 3 * BLOCK)
        if dtype == "float32" and not again:
            work += product(problem, storage, dtype) * REFINING + filling(problem, EXACT)
            products += REFINING + EXACT
            held += RECOMPUTED
        nbytes = max(nbytes, held)
        words.append(f"{storage} {dtype}")
        if not again:
            break
    else:
        if status == "resolved":
            status = "rounding-limited"
    return Cost(work, nbytes, round(products), ", then ".join(words), dtype, status)


def beyond_single(problem: Problem) -> bool:
    """Whether rounding to float32 is expected to hide the value."""
    return 5.0 * single_noise(problem) > problem.probe.lowest(problem.n)


def expected(problem: Problem, constants: tuple[float, float, float, float]) -> float:
    """Products, within what a space of n dimensions allows."""
    return min(max(law(constants, problem), 4.0), problem.n / BLOCK)
