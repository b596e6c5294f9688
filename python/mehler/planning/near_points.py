"""What setting near points apart costs (``mehler.solvers.near_pairs``): tried by every method whose value rounding limits.

Of n random points in d dimensions n (n - 1) / 2 Gamma(d / 2) / (2 sqrt(pi) Gamma((d + 1) / 2)) (2 delta)^((d - 1) / 2) pairs
have a deficit 1 - cos below a small delta; where rounding hides about as many as the solver takes, it takes them.
"""

from __future__ import annotations

import dataclasses
import math

from ..solvers import cholesky, near_pairs
from ..solvers.outcome import entry_error, rounding_of
from . import shift_invert
from .cost import Cost, Work
from .parts import factored, filling
from .problem import Problem

LEAST = 0.5  # pairs
REFINED = 12.0  # products with entries computed again
FIXED, EACH = 0.012, 3e-6  # seconds of interpreted code, and of it for a pair and a point


def followed(problem: Problem, cost: Cost) -> Cost:
    """A method's cost, with shift-invert of the rest and, where that is definite, another factor and some products."""
    if cost.status != "rounding-limited" or not expected(problem):
        return cost
    rest = shift_invert.rung(problem, "float64", True)
    work = cost.work + rest.work + Work(fixed=FIXED + EACH * pairs(problem) * problem.n)
    if not problem.hidden:
        work += factored(problem, "float64") * shift_invert.FACTOR + filling(problem, REFINED)
    return dataclasses.replace(cost, work=work, nbytes=max(cost.nbytes, rest.nbytes))


def expected(problem: Problem) -> bool:
    """Whether near points are expected that can be set apart."""
    if problem.unequal or problem.precision not in ("auto", "double"):
        return False
    if not cholesky.fits(problem.n, 2 * problem.held, "double", problem.limit, problem.threads):
        return False
    return LEAST <= pairs(problem) <= near_pairs.MOST


def pairs(problem: Problem) -> float:
    """The expected number of pairs so near that rounding hides their difference."""
    n, d = problem.n, max(problem.probe.about, 2.0)
    size = problem.probe.top * n * float(problem.ker.h.ends[0])
    floor = rounding_of(n, size, entry_error(problem.sight.given, problem.ker))
    within = near_pairs.hidden(problem.ker, floor, problem.tol)
    share = math.exp(math.lgamma(d / 2.0) - math.lgamma(d / 2.0 + 0.5)) / math.sqrt(4.0 * math.pi)
    return float(0.5 * n * (n - 1.0) * share * (2.0 * within) ** (0.5 * (d - 1.0)))
