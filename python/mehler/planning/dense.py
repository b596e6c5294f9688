"""What all eigenpairs by LAPACK cost (``mehler.dense``): certain, and never more than n^3."""

from __future__ import annotations

from .. import dense
from .cost import Cost, Refusal, Work
from .parts import filling
from .problem import Problem

NAME = "dense"


def refusal(problem: Problem) -> Refusal | None:
    """Unless the array, its eigenvectors and LAPACK's work space fit."""
    need = dense.bytes_for(problem.n)
    return None if need <= problem.limit else Refusal("the array and its eigenvectors", need)


def cost(problem: Problem) -> Cost:
    """The array, its eigenvectors, and two products to check them."""
    n = float(problem.n)
    need = dense.bytes_for(problem.n)
    work = filling(problem) + Work(
        lapack=9.0 * n**3, gemm64=4.0 * n**3, fresh=float(need), fixed=5e-4
    )
    late = problem.n > 1 and problem.out_of_reach
    status = "rounding-limited" if late else "resolved"
    return Cost(work, need + problem.held, 0, "float64", status=status)
