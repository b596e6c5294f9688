"""What the sparse inverse by itself costs (``mehler.solvers.sparse_inverse``): no dense product at all.

It estimates, and so ``auto`` does not take it; the plan shows what it would cost.
"""

from __future__ import annotations

from ..preconditioners import sparse
from ..solvers import sparse_inverse
from .cost import Cost, Refusal, Work
from .parts import UNEQUAL, terms
from .preconditioned import sparse_split
from .problem import Problem

NAME = "sparse-inverse"

STEPS = 16.0  # block products with P^-1, at each number of neighbours


def refusal(problem: Problem) -> Refusal | None:
    """Unless the activation has a kink, the points are many, and the factor fits."""
    what = UNEQUAL if problem.unequal else sparse_inverse.obstacle(problem.ker, problem.n)
    if what:
        return Refusal(what)
    need = sparse_inverse.nbytes(problem.ker, problem.n, problem.span) + problem.held
    return None if need <= problem.limit else Refusal("the sparse factor and a basis", need)


def cost(problem: Problem) -> Cost:
    """Two factors, two runs on P^-1, a principal submatrix and its rows."""
    n, d = problem.n, problem.span
    m, s = sparse.neighbours(d), float(min(n, sparse_inverse.SUPPORT))
    rank = sparse.low_degree(problem.ker, n, d, sparse_inverse.TERMS)[1]
    work = sparse_split(problem, m, rank) + sparse_split(problem, max(m // 2, 1), rank)
    work += Work(stream=2.0 * STEPS * n * (24.0 * m + 16.0 * rank))
    work += Work(lapack=9.0 * s**3, gemm64=4.0 * s**3 + 2.0 * problem.d * n * s)
    work += Work(profile=terms(problem) * n * s)
    need = sparse_inverse.nbytes(problem.ker, n, d) + problem.held
    how = f"{m // 2}, then {m} neighbours"
    return Cost(work, need, round(2.0 * STEPS), how, status="estimate")
