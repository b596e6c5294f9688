"""Which rows of a sweep are filled together.

A matrix in packed tiles serves every route but the dense one and the sparse inverse: products as it is,
and a factor, whose tiles are made of it. The route of a row is the one that ``min_eig`` takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from .. import _core, planning
from .._arrays import UNIT
from ..certificates import deflated as deflated_certificate
from ..certificates import factorisation as certificate
from ..operators.layered import layered
from ..operators.storage import storage_bytes
from ..planning.problem import Problem
from ..preconditioners import choice as preconditioners
from ..question import Question
from ..solvers import budget, cholesky, ladder, room

COLUMNS = 600  # of a basis that each solve is left, where memory allows more matrices than that

SHARING = ("lanczos", "preconditioned", "shift-invert")


@dataclass(frozen=True)
class Shared:
    """How a row is made.

    Attributes
    ----------
    points
        Which points in the core: rows of one name take the same ones.
    route, dtype
        The route on a matrix that is filled with others, and its first precision; None: alone.
    most
        How many matrices memory allows at a time.
    """

    points: str
    route: str | None
    dtype: str
    most: int


def shared(question: Question, points: _core.Points, method: str) -> Shared:
    """The way of one question.

    Raises
    ------
    MemoryError
        Nothing that the question allows fits.
    """
    unit = not (np.abs(points.norms() - 1.0) > UNIT).any()
    name = "unit" if unit else f"norms^{question.ker.homogeneity} / {question.scale}"
    if layered(points):  # between unequal norms points bring what one kernel makes of them
        return Shared(f"layers of {question.ker!r}", None, "", 1)
    alone = Shared(name, None, "", 1)
    problem = question.problem(points)
    if question.precision in ladder.BEYOND:
        return alone
    least = planning.least(problem, method)
    if question.certify == "rigorous":
        certificate.check(problem, question.threads, least)
    if question.certify == "preconditioned":
        deflated_certificate.check(problem, question.threads, least)
    if method == "auto":
        route = planning.choose(problem)
    else:
        planning.check(problem, method)
        route = method
    if route not in SHARING:
        return alone
    dtype, need = _first(problem, route)
    if dtype is None:
        return alone
    each = storage_bytes(problem.n, "packed", dtype, problem.threads)
    return Shared(name, route, dtype, max(int((problem.limit - need) // each), 1))


def groups(rows: Iterable[tuple[int, Shared]]) -> Iterator[list[int]]:
    """Places of rows that are filled in one pass."""

    def kind(row: tuple[int, Shared]) -> tuple[str, str]:
        return row[1].points, row[1].dtype

    for _, found in groupby(sorted(rows, key=lambda row: (kind(row), row[0])), key=kind):
        members = list(found)
        while members:
            most = 1 if members[0][1].route is None else min(way.most for _, way in members)
            yield [place for place, _ in members[:most]]
            members = members[most:]


def _first(problem: Problem, route: str) -> tuple[str | None, int]:
    """The precision in which a route begins, and what it takes beside the matrices: None where entries are not stored."""
    n, threads, columns = problem.n, problem.threads, budget.basis(problem.n, COLUMNS)
    if route == "shift-invert":
        exact = storage_bytes(n, "matrix-free", "float64", threads)
        sizes = cholesky.sizes(n, 1, problem.held + exact, threads)
        dtype = cholesky.stages(n, sizes, problem.precision, problem.limit)[0]
        return dtype, sizes[dtype] + columns
    beside = room.beside(n, problem.held, threads)
    if route == "preconditioned" and n >= 8:
        rank = preconditioners.choose(problem.ker, n, problem.span)
        beside += preconditioners.nbytes(rank, problem.ker, n, problem.span)
    found = room.stages(
        n, beside, problem.precision, problem.size, problem.single, problem.limit, threads
    )
    storage, dtype = found[0]
    return (dtype if storage == "packed" else None), beside + columns
