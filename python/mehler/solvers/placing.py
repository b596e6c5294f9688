"""Where the shift of shift-invert goes: below the smallest eigenvalue, and near it, before anything is factored.

Lanczos on (K - s)^-1 takes about sqrt((lambda - s) / gap) steps, and random points leave a small gap. What the
points say of lambda = lambda_min(K) for little: the smallest eigenvalues of principal blocks at both ends of K,
which are copies of its tiles, a quarter of its order each, and of their halves. By interlacing they lie above lambda.
From m to n points they go on falling at least as they fell from m / 2 to m, and often more steeply: s is what they
would come to for three times as many points as there are,

    s = 0.91 lambda(m) (m / 3n)^slope,    slope = log(lambda(m / 2) / lambda(m)) / log 2,

lambda(m) that of the lower end, and 0 where the two differ much. It is a guess, and only time hangs on it: a factor
that completes at s says that no eigenvalue of the rounded matrix lies below s, one that breaks down is made again at 0.
Where two points alone make the smallest eigenvalue, their quotient bounds it, and nothing is guessed above half of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .. import _core
from . import budget
from .cholesky import APART, Factor, InFile, in_single
from .outcome import Task

PLACED_FROM = 2048  # points: below, solves cost less than the blocks do
SHARE = 0.91  # of what is expected
FURTHER = 3.0  # times as many points as there are
ALIKE = 0.5  # the lower end to the higher: ends that differ more say nothing of what lies between
STEEPEST = 0.1  # of lambda(m): what is expected to fall further is no expectation
OF_PAIRS = 0.5  # of the least quotient of two points
ROUGH = 0.01  # of an eigenvalue of a block
BASIS = 64  # vectors


def place(F: Factor, task: Task, held: int) -> float:
    """A shift s >= 0 for the tiles of K, in F and not yet factored; 0 where none is expected to be of use.

    Parameters
    ----------
    F
        The tiles.
    task
        Threads, seed, memory, who listens.
    held
        Bytes taken by what is not F.

    Raises
    ------
    KeyboardInterrupt, _core.Interrupted
        Ended from outside.
    """
    n, panels = F.size, F.panels
    count = max(2, round(panels / 4))
    if n < PLACED_FROM or panels < 2 * count or held + F.nbytes + block_bytes(F) > task.limit:
        return 0.0
    values: list[float] = []
    falls = grows = m = 0.0  # of both ends together, and their mean order
    for first in (0, panels - count):
        size, value = _lowest(F, first, count, task)
        part, before = _lowest(F, first, count // 2, task)
        if not (value > 0.0 and before > 0.0):  # or nan
            return 0.0
        values.append(value)
        falls += math.log(before / value)
        grows += math.log(size / part)
        m += 0.5 * size
    low, high = min(values), max(values)
    s = expected(low, m, n, max(falls, 0.0) / grows)
    if low < ALIKE * high or s < STEEPEST * low:
        return 0.0
    s = min(s, OF_PAIRS * F.pair_bound(task.threads, _quiet(task)))
    blurred = F.frobenius * (2.0**-24 if in_single(F) else 2.0**-53)
    return s if blurred < APART * s else 0.0


def expected(value: float, m: float, n: int, slope: float) -> float:
    """0.91 value (m / 3n)^slope: a share of lambda_min of n points whose part of m has this ``value``."""
    return SHARE * value * math.pow(m / (FURTHER * n), slope)


def block_bytes(F: Factor) -> int:
    """Bytes of a block of a quarter of the tiles, and of what it is solved in."""
    edge = F.edge_for(F.size)
    size = min(F.size, edge * max(2, round(F.panels / 4)))
    entries = size * (size + edge) // 2
    room = budget.basis(size, BASIS + 2) + budget.restart(BASIS) + budget.vectors(size, 20)
    return entries * (4 if in_single(F) else 8) + room


def _lowest(F: Factor, first: int, count: int, task: Task) -> tuple[int, float]:
    """Order and smallest eigenvalue of the block of these panels; nan where it is not found."""
    ask = _quiet(task)
    if isinstance(F, InFile):  # whose entries are made, where those in memory are copied
        B = F.block(first, count, task.threads, ask)
    else:
        B = F.block(first, count)
    if not B.factor(task.threads, ask):
        return B.size, math.nan
    found = _core.shift_invert(
        B, None, 1, 0, 2, BASIS, ROUGH, ROUGH, 0.0, 0, task.seed, task.threads, ask=ask
    )
    if found["interrupted"]:
        raise KeyboardInterrupt
    if found["stopped"]:
        raise _core.Interrupted("ended while the shift was placed")
    values = found["ritz_values"]
    return B.size, float(values[0]) if len(values) and not found["too_many"] else math.nan


def _quiet(task: Task) -> Callable[[str, int, int, float, float], bool] | None:
    """Who listens, told of the phase alone: the values are not those of K."""
    ask = task.report.ask
    if ask is None:
        return None
    return lambda phase, done, total, value, residual: ask("shift", 0, 0, 0.0, 0.0)
