"""What generalised Davidson costs (``mehler.iterative``, ``mehler.preconditioners``): fewer products,
each with an approximate inverse that has to be made first."""

from __future__ import annotations

import math

from .. import iterative, preconditioners
from ..gram import storage_bytes
from . import lanczos
from .cost import Cost, Refusal, Work
from .parts import RECOMPUTED, filling, law, product, stored
from .problem import Problem

NAME = "preconditioned"
BLOCK = 2

# Numbers of products, exp(a) n^b (|K| / lambda_min)^c d'^e: bench/fit_plan.py
LOW_DEGREE = (1.5, 0.3, 0.06, 0.0)  # at least the quadratic terms are in the preconditioner
LANDMARKS = (2.5, 0.3, 0.06, 0.0)

REFINING = 18.0
EXACT = 2.0


def _preconditioner(problem: Problem) -> tuple[str, int, int]:
    """Kind, rank, bytes."""
    n, d, ker = problem.n, problem.d, problem.ker
    choice = preconditioners.choose(ker, n, d)
    return choice, preconditioners.rank(choice, ker, n, d), preconditioners.nbytes(choice, ker, n, d)


def refusal(problem: Problem) -> Refusal | None:
    """Unless the matrix, or tiles of it, a basis and the preconditioner fit."""
    if problem.n < 8:
        return lanczos.refusal(problem)
    needed = iterative.room(problem.n, problem.held) + _preconditioner(problem)[2]
    return lanczos.refused(problem, needed, "the matrix, a basis and a low-rank part")


def cost(problem: Problem) -> Cost:
    """As Lanczos, with a preconditioner in every product."""
    n = problem.n
    if n < 8:
        return lanczos.cost(problem)
    choice, rank, extra = _preconditioner(problem)
    needed = iterative.room(n, problem.held) + extra
    stages = iterative.stages(n, needed, problem.precision, problem.size, problem.limit)
    constants = LOW_DEGREE if choice == "low-degree" else LANDMARKS
    making = Work(gemm32=2.0 * n * rank * rank, gemm64=2.0 * rank**3, fresh=4.0 * n * rank)
    work, products, nbytes, words = making, 0.0, 0, []
    status, dtype = "resolved", "float64"
    for storage, dtype in stages:
        again = dtype == "float32" and lanczos.beyond_single(problem)
        steps = min(max(law(constants, problem), 4.0), n / BLOCK)
        if steps >= iterative.DAVIDSON_PRODUCTS:
            steps = float(iterative.DAVIDSON_PRODUCTS)
            status = "budget-limited"
        if problem.out_of_reach:
            status = "rounding-limited"
        if storage == "packed":
            work += stored(problem, dtype)
        work += product(problem, storage, dtype) * steps
        # both passes over the low-rank part, and a basis with its images
        held = min(BLOCK * steps, iterative.DAVIDSON_BASIS / 2.0)
        work += Work(stream=steps * (8.0 * n * rank + 6.0 * 8.0 * n * held), fixed=1e-4 * steps)
        products += steps
        taken = storage_bytes(n, storage, dtype) + problem.held + math.ceil(16 * n * held)
        if dtype == "float32" and not again:
            work += product(problem, storage, dtype) * REFINING + filling(problem, EXACT)
            products += REFINING + EXACT
            taken += RECOMPUTED
        nbytes = max(nbytes, taken + extra)
        words.append(f"{storage} {dtype}")
        if not again:
            break
    how = f"{', then '.join(words)}, {rank} {choice} terms"
    if choice == "landmarks":
        how = f"{', then '.join(words)}, {rank} landmarks"
    return Cost(work, nbytes, round(products), how, dtype, status)
