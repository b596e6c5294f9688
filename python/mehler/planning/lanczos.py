"""What block Lanczos costs (``mehler.solvers.iterative``): products with a stored or recomputed matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..operators.packed import SINGLE
from ..operators.storage import storage_bytes
from ..solvers import iterative, room
from .cost import Cost, Refusal, Work
from .ladder import Rung, climb
from .parts import BLOCK, Law, basis, filling, product, recomputed, single_noise, stored
from .problem import Problem

if TYPE_CHECKING:
    from .workers import Workers

NAME = "lanczos"

# Numbers of products (bench/fit_plan.py)
RESOLVED = Law(1.26, 0.316, 0.143, 0.231, -0.177)
ROUNDED = Law(1.26, 0.65, 0.0, 0.0, 0.0)  # until rounding, or a full basis, ends it
HIDDEN = Law(5.25, 0.0, 0.0, 0.0, 0.0)  # the same where K is not even positive definite to rounding
GIVEN_UP = Law(8.38, -0.0959, -0.136, -0.0992, 0.015)  # until float32 is seen not to be enough
REFINING = Law(-1.07, 0.552, 0.421, -0.757, -0.849)  # with float32 storage, to correct what it says
CORRECTED = {"float32": 1.0, "fixed32": 0.4}  # of these (32 sets of points, n = 1,000 to 20,000)
EXACT = 2.0  # with entries computed again

RESTARTS = 1.5  # times as many, where the basis is shorter than that

# What is spent beyond the count
FILL, PRODUCT, BASIS, FIXED, STEP = 1.3, 2.4, 3.2, 6.7e-3, 3.6e-5


def needed(problem: Problem) -> int:
    """Bytes beside the matrix."""
    return room.beside(problem.n, problem.held, problem.threads)


def refusal(problem: Problem) -> Refusal | None:
    """Unless the matrix, or tiles of it, and a basis fit."""
    return refused(problem, needed(problem), "the matrix and a basis")


def refused(problem: Problem, beside: int, what: str) -> Refusal | None:
    """Unless ``beside`` bytes and the smallest storage that ``precision`` allows fit."""
    try:
        need = room.least(
            problem.n, beside, problem.precision, problem.size, problem.threads, problem.disk
        )
    except ValueError as out_of_range:
        return Refusal(str(out_of_range))
    return None if need <= problem.limit else Refusal(what, need)


def stages(problem: Problem, beside: int) -> list[tuple[str, str]]:
    """Storage and dtype of each run, as the solver goes through them with ``beside`` bytes taken."""
    return room.stages(
        problem.n,
        beside,
        problem.precision,
        problem.size,
        problem.single,
        problem.limit,
        problem.threads,
        problem.disk,
    )


def pieces(
    problem: Problem, storage: str, dtype: str, steps: float, refining: float, exact: float
) -> dict[str, Work]:
    """The pieces of a run on one storage, each before what is spent beyond it."""
    fill = filling(problem, exact)
    if storage != "matrix-free":
        fill += stored(problem, storage, dtype)
    return {
        "FILL": fill,
        "PRODUCT": product(problem, storage, dtype) * (steps + refining),
        "BASIS": basis(problem.n, steps),
        "FIXED": Work(fixed=1.0),
        "STEP": Work(fixed=steps + refining),
    }


def spent(part: dict[str, Work]) -> Work:
    """All of them, with what is spent beyond the count."""
    return (
        part["FILL"] * FILL
        + part["PRODUCT"] * PRODUCT
        + part["BASIS"] * BASIS
        + part["FIXED"] * FIXED
        + part["STEP"] * STEP
    )


def cost(problem: Problem, workers: Workers | None = None) -> Cost:
    """Up the precisions that fit, here or on workers, as the route goes."""
    if workers is not None:
        return climb(problem, (_rung(problem, "dask", t, workers) for t in workers.dtypes))
    return climb(problem, (_rung(problem, *s) for s in stages(problem, needed(problem))))


def _rung(problem: Problem, storage: str, dtype: str, workers: Workers | None = None) -> Rung:
    n, elsewhere = problem.n, workers is not None
    lost = dtype in SINGLE and beyond_single(problem, dtype)
    rounded = HIDDEN if problem.hidden else ROUNDED
    law = GIVEN_UP if lost else rounded if problem.out_of_reach else RESOLVED
    steps = law(problem)
    taken = problem.held
    taken += 0 if elsewhere else storage_bytes(n, storage, dtype, problem.threads)
    free = problem.limit - taken - room.work(n, 1, BLOCK, problem.threads)
    most = room.most_basis(n, free, 1, BLOCK, dtype in SINGLE) / BLOCK
    if steps > most:  # restarts
        steps = min(steps * RESTARTS, float(iterative.MOST_PRODUCTS))
    kept = min(steps, most)
    single = dtype in SINGLE and not lost
    refining, exact = (CORRECTED[dtype] * REFINING(problem), EXACT) if single else (0.0, 0.0)
    part = pieces(problem, "matrix-free" if elsewhere else storage, dtype, steps, refining, exact)
    if workers is not None:
        part |= workers.pieces(problem, dtype, steps + refining, exact)
    work = spent(part)
    taken += 8 * n * BLOCK * (int(kept) + 3) + (
        recomputed(problem) if single and not elsewhere else 0
    )
    return Rung(work, steps + refining + exact, taken, f"{storage} {dtype}", dtype, lost)


def beyond_single(problem: Problem, dtype: str) -> bool:
    """Whether rounding to four bytes is expected to hide the value."""
    return 5.0 * single_noise(problem, dtype) > problem.probe.lowest(problem.n)
