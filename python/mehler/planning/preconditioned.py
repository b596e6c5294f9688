"""What generalised Davidson costs (``mehler.iterative``, ``mehler.preconditioners``).

Fewer products than Lanczos, each with an approximate inverse, which has to be made first.
"""

from __future__ import annotations

from .. import iterative, preconditioners
from ..gram import storage_bytes
from . import lanczos
from .cost import Cost, Refusal, Work
from .parts import BLOCK, Law, filling, product, recomputed, stored
from .problem import Problem

NAME = "preconditioned"

# Numbers of products (bench/fit_plan.py)
LOW_DEGREE = Law(1.53, 0.0838, 0.138, 0.386, 0.0292)  # at least the quadratic terms are in P
LANDMARKS = Law(1.22, 0.34, 0.0639, 0.234, 0.0957)
REFINING = Law(
    -0.663, -0.474, 0.557, 0.755, 0.0207
)  # with float32 storage, to correct what it says
EXACT = 2.0  # with entries computed again

# What is spent beyond the count
MAKE, FILL, PRODUCT, INVERSE, BASIS, FIXED, STEP = 2.0, 1.0, 1.0, 1.0, 7.0, 3e-3, 2e-4


def preconditioner(problem: Problem) -> tuple[str, int, int]:
    """Kind, rank, bytes."""
    n, d, ker = problem.n, problem.d, problem.ker
    choice = preconditioners.choose(ker, n, d)
    return (
        choice,
        preconditioners.rank(choice, ker, n, d),
        preconditioners.nbytes(choice, ker, n, d),
    )


def refusal(problem: Problem) -> Refusal | None:
    """Unless the matrix, or tiles of it, a basis and the preconditioner fit."""
    if problem.n < 8:
        return lanczos.refusal(problem)
    needed = iterative.room(problem.n, problem.held) + preconditioner(problem)[2]
    return lanczos.refused(problem, needed, "the matrix, a basis and a low-rank part")


def pieces(
    problem: Problem, storage: str, dtype: str, steps: float, refining: float, exact: float
) -> dict[str, Work]:
    """The pieces of a run on one storage, each before what is spent beyond it."""
    n, rank = problem.n, float(preconditioner(problem)[1])
    fill = filling(problem, exact)
    if storage == "packed":
        fill += stored(problem, dtype)
    return {
        "MAKE": Work(gemm32=1.0 * n * rank * rank, gemm64=2.0 * rank**3, fresh=4.0 * n * rank),
        "FILL": fill,
        "PRODUCT": product(problem, storage, dtype) * (steps + refining),
        "INVERSE": Work(stream=steps * (8.0 * n * rank + 8.0 * rank * rank)),
        "BASIS": Work(stream=steps * 8.0 * n * _held(steps)),
        "FIXED": Work(fixed=1.0),
        "STEP": Work(fixed=steps + refining),
    }


def _held(steps: float) -> float:
    """Vectors of the space, most of the time; images as many."""
    return min(BLOCK * steps, iterative.DAVIDSON_BASIS / 4.0)


def spent(part: dict[str, Work]) -> Work:
    """All of them, with what is spent beyond the count."""
    return (
        part["MAKE"] * MAKE
        + part["FILL"] * FILL
        + part["PRODUCT"] * PRODUCT
        + part["INVERSE"] * INVERSE
        + part["BASIS"] * BASIS
        + part["FIXED"] * FIXED
        + part["STEP"] * STEP
    )


def cost(problem: Problem) -> Cost:
    """As Lanczos, with a preconditioner in every product."""
    n = problem.n
    if n < 8:
        return lanczos.cost(problem)
    choice, rank, extra = preconditioner(problem)
    needed = iterative.room(n, problem.held) + extra
    stages = iterative.stages(n, needed, problem.precision, problem.size, problem.limit)
    law = LOW_DEGREE if choice == "low-degree" else LANDMARKS
    work, products, nbytes, words = Work(), 0.0, 0, []
    status, dtype = "rounding-limited" if problem.out_of_reach else "resolved", "float64"
    for storage, dtype in stages:
        lost = dtype == "float32" and lanczos.beyond_single(problem)
        steps = lanczos.GIVEN_UP(problem) if lost else law(problem)
        most = float(iterative.DAVIDSON_PRODUCTS)
        if steps >= most or (problem.out_of_reach and not lost):
            steps = min(most, n / BLOCK)
            if status == "resolved":
                status = "budget-limited"
        single = dtype == "float32" and not lost
        refining, exact = (REFINING(problem), EXACT) if single else (0.0, 0.0)
        work += spent(pieces(problem, storage, dtype, steps, refining, exact))
        products += steps + refining + exact
        taken = storage_bytes(n, storage, dtype) + problem.held + extra
        taken += 16 * n * int(_held(steps)) + (recomputed(n) if single else 0)
        nbytes = max(nbytes, taken)
        words.append(f"{storage} {dtype}")
        if not lost:
            break
    else:
        status = "rounding-limited"
    what = f"{rank} landmarks" if choice == "landmarks" else f"{rank} low-degree terms"
    how = f"{', then '.join(words)}; {what}"
    return Cost(work, nbytes, round(products), how, dtype, status)
