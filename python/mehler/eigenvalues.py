"""Spectrum: all eigenvalues of a matrix, each with its bounds and its own status.

Invariant: lower <= eigenvalue <= upper, one by one, and 'resolved' is said of value_i exactly when
(upper_i - lower_i) / 2 <= tol |value_i|.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._arrays import Array, tolerance


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What :func:`eigvalsh` and :meth:`FeatureGram.spectrum` know of every eigenvalue.

    Attributes
    ----------
    values
        Ascending, (n,).
    lower, upper
        lower <= eigenvalue <= upper, (n,): rigorous in 'exact', with rounding in its usual size otherwise.
    status
        'resolved' (known to tol) or 'rounding-limited', one a value.
    precision
        The last one that was taken: 'double', 'extended' or 'exact'.
    tol
        The relative accuracy that was asked for.
    seconds
        Wall time.
    message
        What was climbed, and what would give more.

    Examples
    --------
    >>> C = mh.generate("circle-full", n=21, d=2)
    >>> s = mh.eigvalsh(C, "tanh")
    >>> s.resolved, s.precision
    (True, 'double')
    >>> " ".join(f"{v:.3e}" for v in s.values[:3])  # a simple one, then pairs
    '6.294e-08 1.464e-07 1.464e-07'
    >>> ((s.lower <= s.values) & (s.values <= s.upper)).all().item()
    True
    >>> s.at(1e-30).resolved  # not to thirty digits
    False
    """

    values: Array = field(repr=False)
    lower: Array = field(repr=False)
    upper: Array = field(repr=False)
    status: tuple[str, ...] = field(repr=False)
    precision: str
    tol: float
    seconds: float
    message: str = ""

    @property
    def resolved(self) -> bool:
        """Whether every value is."""
        return all(s == "resolved" for s in self.status)

    def at(self, tol: float) -> Spectrum:
        """The same with the status that another tolerance gives.

        Parameters
        ----------
        tol
            Relative accuracy at which a value counts as resolved, 0 < tol < 1.

        Returns
        -------
        Spectrum
        """
        status = statuses(self.values, self.lower, self.upper, tolerance(tol))
        return dataclasses.replace(self, status=status, tol=float(tol))

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.array(self.values, dtype=dtype)

    def __str__(self) -> str:
        n = len(self)
        shown = list(range(n)) if n <= 20 else [*range(10), -1, *range(n - 5, n)]
        lines = []
        for i in shown:
            if i < 0:
                lines.append("...")
            elif self.status[i] == "resolved":
                lines.append(f"{i:4d}  {self.values[i]:.8g}")
            else:
                lines.append(f"{i:4d}  <= {self.upper[i]:.1e}  rounding-limited")
        known = sum(s == "resolved" for s in self.status)
        lines.append(
            f"{known} of {n} resolved to {self.tol:g}, {self.precision}, {self.seconds:.3g} s"
        )
        return "\n".join([*lines, self.message] if self.message else lines)


def known_to(values: Array, lower: Array, upper: Array, tol: float) -> np.ndarray[Any, Any]:
    """Which values their bounds enclose to tol."""
    return np.asarray(0.5 * (upper - lower) <= tol * np.abs(values))


def statuses(values: Array, lower: Array, upper: Array, tol: float) -> tuple[str, ...]:
    """'resolved' or 'rounding-limited', one a value."""
    known = known_to(values, lower, upper, tol)
    return tuple("resolved" if k else "rounding-limited" for k in known)
