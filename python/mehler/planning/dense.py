"""What all eigenpairs by LAPACK cost (``mehler.solvers.dense``)."""

from __future__ import annotations

from ..solvers import dense
from .cost import Cost, Refusal, Work
from .parts import filling
from .problem import Problem

NAME = "dense"

CACHED = 1000.0  # order of a matrix that stays in the cache, while it is made tridiagonal

# What is spent beyond the count (bench/fit_plan.py)
LAPACK, STREAM, GEMM, FIXED = 0.3, 1.5, 1.0, 3e-2


def refusal(problem: Problem) -> Refusal | None:
    """Unless the array, its eigenvectors and LAPACK's work space fit."""
    need = dense.bytes_for(problem.n)
    return None if need <= problem.limit else Refusal("the array and its eigenvectors", need)


def pieces(problem: Problem) -> dict[str, Work]:
    """The pieces of a run, each before what is spent beyond it."""
    n = float(problem.n)
    return {
        "LAPACK": Work(lapack=9.0 * n**3),
        "STREAM": Work(stream=8.0 / 3.0 * max(n**3 - CACHED**3, 0.0)),
        "GEMM": Work(gemm64=4.0 * n**3) + filling(problem),
        "FIXED": Work(fixed=1.0),
    }


def cost(problem: Problem) -> Cost:
    """The array, its eigenvectors, and two products to check them."""
    part = pieces(problem)
    work = part["LAPACK"] * LAPACK + part["STREAM"] * STREAM
    work += part["GEMM"] * GEMM + part["FIXED"] * FIXED
    work += Work(fresh=5.0 * 8.0 * problem.n**2)
    late = problem.n > 1 and problem.out_of_reach
    status = "rounding-limited" if late else "resolved"
    need = dense.bytes_for(problem.n) + problem.held
    return Cost(work, need, 0, "float64", status=status)
