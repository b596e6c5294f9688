"""Rates: measured values against one quantity, and the exponents that were fitted to them, as values."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tables import write_csv
from .._words import meant
from .laws import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RateRow:
    """One measurement.

    Attributes
    ----------
    activation
        Name.
    x, seed
        The quantity, and which draw.
    value
        y; NaN where it is not resolved.
    status
        As in :class:`EigenResult`.

    Examples
    --------
    >>> row = mh.rates("relu", against="separation").rows[0]
    >>> row.activation, row.status, row.value > 0
    ('relu', 'resolved', True)
    """

    activation: str
    x: float
    seed: int
    value: float
    status: str


@dataclass(frozen=True, eq=False)
class Rates:
    """What :func:`rates` found.

    Attributes
    ----------
    against
        The quantity.
    xlabel, ylabel
        What x and y are.
    rows
        Every measurement.
    fits
        One :class:`Fit` an activation.
    n, d
        Points and coordinates, where they are fixed.
    seconds
        Wall time.
    resumed
        Rows that were taken from the file.
    interrupted
        Ended by Ctrl-C: fits are of what was known.

    Examples
    --------
    >>> found = mh.rates("relu", against="separation")
    >>> found.fit("relu").expected
    1.0
    >>> len(found.records()) == len(found.rows)
    True
    >>> x, y = found.table("relu")  # (m,) and (m, seeds)
    >>> y.shape == (len(x), 1)
    True
    >>> found.to_csv("rates.csv")
    >>> figure = found.plot()
    """

    against: str
    xlabel: str
    ylabel: str
    rows: tuple[RateRow, ...]
    fits: tuple[Fit, ...]
    n: int
    d: int
    seconds: float
    resumed: int = 0
    interrupted: bool = False

    def fit(self, activation: str) -> Fit:
        """The fit of one activation.

        Parameters
        ----------
        activation
            Name.

        Returns
        -------
        Fit

        Raises
        ------
        ValueError
            It was not studied.
        """
        for f in self.fits:
            if f.activation == activation:
                return f
        names = [f.activation for f in self.fits]
        raise ValueError(
            f"activation must be one of {names}; got {activation!r}.{meant(activation, names)}"
        )

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries.

        Returns
        -------
        list of dict
            The attributes of :class:`RateRow`, and ``against``.
        """
        return [{"against": self.against, **asdict(r)} for r in self.rows]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as CSV, numbers with all their digits.

        Parameters
        ----------
        path
            The file; one that exists is replaced.

        Returns
        -------
        None
        """
        write_csv(path, ["against", *RateRow.__annotations__], self.records())

    def plot(self) -> Figure:
        """y against x, a curve an activation, with the fitted lines over their windows; needs matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from .rate_picture import draw
        from .report import Picture

        return Picture("", "", "", "", lambda fig: draw(fig, self)).figure()

    def table(self, activation: str) -> tuple[list[float], np.ndarray[Any, Any]]:
        """x, and y (m, seeds) with NaN where it is not known.

        Parameters
        ----------
        activation
            Name.

        Returns
        -------
        list of float, numpy.ndarray
        """
        rows = [r for r in self.rows if r.activation == activation]
        return tabled(rows)

    def __str__(self) -> str:
        law = "y ~ x^b" if self.fits and self.fits[0].law == "power" else "y ~ exp(b x)"
        lines = [
            f"{self.ylabel} against {self.xlabel}: {law}",
            f"{'activation':12} {'b':>9} {'95 %':>20} {'theory':>9} {'window of x':>20} {'points':>7} {'left out':>9}",
        ]
        for f in self.fits:
            if math.isnan(f.exponent):
                lines.append(
                    f"{f.activation:12} {'-':>9} {'':>20} {_text(f.expected):>9} {'fewer than 4 resolved':>20}"
                )
                continue
            band, window = f"{f.low:.3f} to {f.high:.3f}", f"{f.first:.3g} to {f.last:.3g}"
            lines.append(
                f"{f.activation:12} {f.exponent:>9.4f} {band:>20} {_text(f.expected):>9} {window:>20} {f.points:>7} {f.left_out:>9}"
            )
        foot = f"{self.seconds:.3g} s" + (
            f", {self.resumed} rows from the file" if self.resumed else ""
        )
        return "\n".join([*lines, foot + (", interrupted" if self.interrupted else "")])


def tabled(rows: list[RateRow]) -> tuple[list[float], np.ndarray[Any, Any]]:
    """x, and y (m, seeds)."""
    xs = sorted({r.x for r in rows})
    seeds = sorted({r.seed for r in rows})
    out = np.full((len(xs), len(seeds)), math.nan)
    for r in rows:
        out[xs.index(r.x), seeds.index(r.seed)] = r.value
    return xs, out


def _text(x: float | None) -> str:
    return "-" if x is None else f"{x:.4g}"
