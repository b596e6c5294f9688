"""Up a ladder of storages or precisions, as the routes go: each rung is paid for, until one holds.

A rung is lost where rounding in its storage is expected to hide the value: then the next one is climbed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .cost import Cost, Work
from .problem import Problem


@dataclass(frozen=True)
class Rung:
    """One storage, or one precision of a factor.

    Attributes
    ----------
    work, products, nbytes
        What is spent on it, and the bytes at its peak.
    what, dtype
        In words, and its precision.
    lost
        Whether rounding hides the value there.
    exhausted
        Whether patience ends before the value is resolved.
    """

    work: Work
    products: float
    nbytes: int
    what: str
    dtype: str
    lost: bool
    exhausted: bool = False


def climb(problem: Problem, rungs: Iterable[Rung]) -> Cost:
    """The cost of all rungs up to the first that is not lost.

    Parameters
    ----------
    problem
        What is asked.
    rungs
        In the order in which they are tried; asked for one at a time.
    """
    work, products, nbytes, words = Work(), 0.0, 0, []
    status, dtype = "rounding-limited" if problem.out_of_reach else "resolved", "float64"
    for rung in rungs:
        work += rung.work
        products += rung.products
        nbytes, dtype = max(nbytes, rung.nbytes), rung.dtype
        words.append(rung.what)
        if rung.exhausted and status == "resolved":
            status = "budget-limited"
        if not rung.lost:
            break
    else:
        status = "rounding-limited"
    return Cost(work, nbytes, round(products), ", then ".join(words), dtype, status)
