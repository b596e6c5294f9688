"""A number between two bounds."""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple


class Interval(NamedTuple):
    """lower <= truth <= upper, and an estimate between them.

    Attributes
    ----------
    lower, value, upper
        The bounds and the estimate; NaN for an estimate that does not exist, as where a bound is infinite.

    Examples
    --------
    >>> density = mh.spectrum(np.diag([1.0, 2.0, 3.0]))
    >>> isinstance(density.trace, mh.Interval), 6.0 in density.trace
    (True, True)
    """

    lower: float
    value: float
    upper: float

    def __contains__(self, truth: object) -> bool:
        return isinstance(truth, Real) and self.lower <= float(truth) <= self.upper

    def __str__(self) -> str:
        error = max(self.value - self.lower, self.upper - self.value)
        if not math.isfinite(self.value):
            return f"between {self.lower:.6g} and {self.upper:.6g}"
        digits = (
            10 if error <= 0.0 else math.ceil(math.log10(max(abs(self.value) / error, 1.0))) + 2
        )
        digits = max(3, min(10, digits))
        return f"{self.value:.{digits}g}  [{self.lower:.{digits}g}, {self.upper:.{digits}g}]"


def half(level: float) -> float:
    """The level of one of two intervals that hold together with ``level``."""
    return 0.5 * (1.0 + level)
