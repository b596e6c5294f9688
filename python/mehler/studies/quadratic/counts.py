"""How many samples: the numbers n_c and d (d + 1) / 2, and proportions of trials with their bands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .checks import at_least

NORMAL = 1.959963984540054  # 97.5 % of N(0, 1) lie below


def symmetric_dimension(d: int) -> int:
    """d (d + 1) / 2, the dimension of symmetric d x d matrices, and the largest rank of the matrix (x_i . x_j)^2.

    Parameters
    ----------
    d
        Dimension, >= 1.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        No such integer.
    """
    d = at_least(d, "d", 1)
    return d * (d + 1) // 2


def critical_samples(d: int, m_star: int) -> int:
    """n_c = d (m* + 1) - m* (m* + 1) / 2 for m* < d, and d (d + 1) / 2 from there on.

    A count: the matrices of rank m* near A* are d m* - m* (m* - 1) / 2 numbers, and d - m* more samples keep the rest of a semidefinite A
    from growing. At finite d it is the middle of a smooth transition, not a wall: below it, the teacher is found sometimes.

    Parameters
    ----------
    d
        Dimension, >= 1.
    m_star
        Units of the teacher, >= 1.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        No such integers.
    """
    d, m_star = at_least(d, "d", 1), at_least(m_star, "m_star", 1)
    rank = min(m_star, d)
    return d * (rank + 1) - rank * (rank + 1) // 2


@dataclass(frozen=True)
class Proportion:
    """So many trials of so many, with a 95 % band.

    Attributes
    ----------
    successes, trials
        Counts.
    """

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """The proportion; NaN of no trials."""
        return self.successes / self.trials if self.trials else math.nan

    @property
    def error(self) -> float:
        """Its binomial standard error, with the proportion itself put in: 0 at 0 and at 1."""
        return math.sqrt(self.value * (1.0 - self.value) / self.trials) if self.trials else math.nan

    @property
    def band(self) -> tuple[float, float]:
        """Wilson's 95 % interval, ((p + z^2/2N) -+ z sqrt(p (1 - p)/N + z^2/4N^2)) / (1 + z^2/N): it is honest at 0 and at 1 too."""
        if not self.trials:
            return math.nan, math.nan
        p, N, z = self.value, self.trials, NORMAL
        middle = p + z * z / (2.0 * N)
        half = z * math.sqrt(p * (1.0 - p) / N + z * z / (4.0 * N * N))
        scale = 1.0 + z * z / N
        low = 0.0 if not self.successes else max(0.0, (middle - half) / scale)
        high = 1.0 if self.successes == N else min(1.0, (middle + half) / scale)
        return low, high
