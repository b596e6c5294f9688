"""What generalised Davidson costs (``mehler.solvers.iterative``, ``mehler.preconditioners``).

Fewer products than Lanczos, each with an approximate inverse, which has to be made first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..certificates import deflated as deflated_certificate
from ..kernels.parity import SIMPLE
from ..operators.packed import SINGLE
from ..operators.storage import storage_bytes
from ..preconditioners import choice as preconditioners
from ..preconditioners import sparse
from ..solvers import iterative
from . import lanczos, parts
from .cost import Cost, Refusal, Work
from .ladder import Rung, climb
from .parts import BLOCK, Law, filling, product, recomputed, stored
from .problem import Problem

if TYPE_CHECKING:
    from .workers import Workers

NAME = "preconditioned"

# Numbers of products (bench/fit_plan.py)
LOW_DEGREE = Law(3.34, 0.348, 0.0674, -0.231, -0.464)  # at least the quadratic terms are in P
LANDMARKS = Law(3.7, 0.0, 0.0195, 0.155, 0.281)
NEIGHBOURS = Law(1.22, 0.193, 0.153, 0.388, -0.139)  # a sparse inverse, many dimensions
REFINING = Law(-0.623, 0.123, 0.353, 0.187, -0.555)  # with float32 storage, to correct what it says
NO_CUBIC = 0.6  # times as many
GIVEN_UP = 5.0  # until float32 is seen not to be enough
EXACT = 2.0  # with entries computed again

# What is spent beyond the count
# MAKE, FILL, PRODUCT, INVERSE, BASIS, RITZ, FIXED, STEP
BEYOND = (5.6, 0.99, 2.5, 0.0, 20.0, 1.0, 0.0, 2.2e-4)
SPARSE = (0.88, 1.1, 2.0, 2.8, 48.0, 0.49, 0.0, 0.0)  # the same with a sparse inverse


SPARSE_REFINING = 8.0
COLUMN = 8.0  # small Cholesky factors, against the rate of large products
NEAR = 3.0  # kernel entries one by one, from differences
SEARCH = 1.5e-5  # seconds of a search for neighbours in a tree


def preconditioner(problem: Problem) -> tuple[str, int, int]:
    """Kind, rank, bytes."""
    n, d, ker = problem.n, problem.span, problem.ker
    choice = preconditioners.choose(ker, n, d)
    return (
        choice,
        preconditioners.rank(choice, ker, n, d),
        preconditioners.nbytes(choice, ker, n, d),
    )


def refusal(problem: Problem) -> Refusal | None:
    """Unless the matrix, or tiles of it, a basis and the preconditioner fit."""
    if problem.unequal:
        return Refusal(parts.UNEQUAL)
    if problem.n < 8:
        return lanczos.refusal(problem)
    return lanczos.refused(problem, needed(problem), "the matrix, a basis and a low-rank part")


def needed(problem: Problem) -> int:
    """Bytes beside the matrix."""
    return lanczos.needed(problem) + (preconditioner(problem)[2] if problem.n >= 8 else 0)


def sparse_split(problem: Problem, m: int, rank: int) -> Work:
    """Neighbours, columns of order m, and Q C: what a sparse inverse takes."""
    n = float(problem.n)
    flops = n * (COLUMN * m**3 / 3.0 + 2.0 * min(problem.d, 64) * m * m) + 2.0 * n * rank * rank
    if problem.span > sparse.TREE_UP_TO:
        flops += n * n * problem.d  # cosines with all that came before
    return Work(
        gemm64=flops,
        profile=n * m * m / 2.0 * NEAR * parts.terms(problem),
        stream=n * m * 24.0 * max(rank, 4) / 4.0,
        fixed=n * SEARCH,
    )


def pieces(
    problem: Problem, storage: str, dtype: str, steps: float, refining: float, exact: float
) -> dict[str, Work]:
    """The pieces of a run on one storage, each before what is spent beyond it."""
    n, rank = problem.n, float(preconditioner(problem)[1])
    make = Work(gemm32=1.0 * n * rank * rank, gemm64=2.0 * rank**3, fresh=4.0 * n * rank)
    inverse = Work(stream=steps * (8.0 * n * rank + 8.0 * rank * rank))
    if preconditioner(problem)[0] == "sparse":
        m = preconditioners.neighbours(problem.span)
        make = sparse_split(problem, m, int(rank))
        inverse = Work(stream=steps * n * (24.0 * m + 16.0 * rank))
    fill = filling(problem, exact)
    if storage != "matrix-free":
        fill += stored(problem, storage, dtype)
    return {
        "MAKE": make,
        "FILL": fill,
        "PRODUCT": product(problem, storage, dtype) * (steps + refining),
        "INVERSE": inverse,
        "BASIS": Work(stream=steps * 8.0 * n * _held(steps)),
        "RITZ": Work(gemm64=_ritz(steps)),
        "FIXED": Work(fixed=1.0),
        "STEP": Work(fixed=steps + refining),
    }


def low_degree_steps(problem: Problem) -> float:
    """Block products with the low-degree part; fewer where the kernel has no cubic term: the rest begins at rho^4."""
    return LOW_DEGREE(problem) * parity_factor(problem)


def parity_factor(problem: Problem) -> float:
    """Of that number."""
    return NO_CUBIC if problem.ker.parity.odd <= SIMPLE else 1.0


def sparse_steps(problem: Problem) -> float:
    """Block products with a sparse inverse: in few dimensions hardly any more for larger n, more for milder kinks."""
    if problem.span > sparse.TREE_UP_TO:
        return NEIGHBOURS(problem)
    mild = 1.0 if problem.probe.order <= 1.0 else 3.0
    return 6.0 + mild * 3.0 * problem.span


def _held(steps: float) -> float:
    """Vectors of the space, most of the time; images as many."""
    return min(BLOCK * steps, iterative.DAVIDSON_BASIS / 4.0)


def _ritz(steps: float) -> float:
    """sum of k^3 over the steps: a projected matrix of order k is factored in each."""
    k = min(BLOCK * steps, float(iterative.DAVIDSON_BASIS))
    return k**4 / (4.0 * BLOCK) + max(steps - k / BLOCK, 0.0) * k**3 / 2.0


def spent(part: dict[str, Work], choice: str) -> Work:
    """All of them, with what is spent beyond the count."""
    total = Work()
    for work, factor in zip(part.values(), SPARSE if choice == "sparse" else BEYOND, strict=True):
        total += work * factor
    return total


def cost(problem: Problem, workers: Workers | None = None) -> Cost:
    """As Lanczos, with a preconditioner in every product."""
    n = problem.n
    if n < 8:
        return lanczos.cost(problem, workers)
    choice, rank, _ = preconditioner(problem)
    if workers is None:
        stages = lanczos.stages(problem, needed(problem))
    else:
        stages = [("dask", dtype) for dtype in workers.dtypes]
    found = climb(problem, (_rung(problem, *stage, workers) for stage in stages))
    what = f"{rank} landmarks" if choice == "landmarks" else f"{rank} low-degree terms"
    if choice == "sparse":
        part = "landmarks" if problem.span > sparse.TREE_UP_TO else "terms"
        what = f"sparse inverse, {rank} {part}"
    return dataclasses.replace(found, how=f"{found.how}; {what}")


def _rung(problem: Problem, storage: str, dtype: str, workers: Workers | None = None) -> Rung:
    elsewhere = workers is not None
    n, (choice, _, extra) = problem.n, preconditioner(problem)
    law: Callable[[Problem], float] = low_degree_steps if choice == "low-degree" else LANDMARKS
    if choice == "sparse":
        law = sparse_steps
    lost = dtype in SINGLE and lanczos.beyond_single(problem, dtype)
    steps = GIVEN_UP if lost else law(problem)
    most = float(preconditioners.patience(choice, n, problem.span))
    exhausted = steps >= most or (problem.out_of_reach and not lost)
    if exhausted:
        steps = min(most, n / BLOCK)
    single = dtype in SINGLE and not lost
    refining, exact = (
        (lanczos.CORRECTED[dtype] * REFINING(problem), EXACT) if single else (0.0, 0.0)
    )
    if single and choice == "sparse":
        refining = SPARSE_REFINING
    part = pieces(problem, "matrix-free" if elsewhere else storage, dtype, steps, refining, exact)
    if workers is not None:
        part |= workers.pieces(problem, dtype, steps + refining, exact)
    work = spent(part, choice)
    running = preconditioners.held(choice, problem.ker, n, problem.span)
    running += 16 * n * int(_held(steps))
    running += recomputed(problem) if single and not elsewhere else 0
    taken = problem.held
    taken += 0 if elsewhere else storage_bytes(n, storage, dtype, problem.threads)
    taken += max(extra, running)  # while it is made, and while it is used
    products = steps + refining + exact
    return Rung(work, products, taken, f"{storage} {dtype}", dtype, lost, exhausted)


# -- the certificate without n^3 --------------------------------------------------------------------

CERTIFYING = 45.0  # products with one vector


def sharpened(problem: Problem, method: str, status: str) -> bool:
    """Whether ``certify`` will take the certificate of ``mehler.certificates.deflated``."""
    if problem.unequal:
        return False
    if problem.certify == "preconditioned":
        return deflated_certificate.possible(problem.ker, problem.n)
    return (
        problem.certify == "auto"
        and status == "resolved"
        and method not in ("dense", "sparse-inverse")
        and deflated_certificate.possible(problem.ker, problem.n)
        and problem.span <= sparse.TREE_UP_TO
        and sharpening_bytes(problem) <= problem.limit
    )


def sharpening(problem: Problem) -> Work:
    """K stored in float64, a split, products with K and with the split."""
    n, m, rank = problem.n, sparse.neighbours(problem.span), preconditioner(problem)[1]
    work = stored(problem, "packed", "float64") + sparse_split(problem, m, rank)
    each = product(problem, "packed", "float64") + Work(stream=n * (24.0 * m + 32.0 * rank))
    return work + each * CERTIFYING


def sharpening_bytes(problem: Problem) -> int:
    """Of all that it holds."""
    n, d, held, threads = problem.n, problem.span, problem.held, problem.threads
    storage = "packed"
    if problem.certify == "preconditioned":
        found = deflated_certificate.storage_for(problem.ker, n, d, held, threads, problem.limit)
        storage = found or "matrix-free"
    return deflated_certificate.nbytes(problem.ker, n, d, storage, threads) + held
