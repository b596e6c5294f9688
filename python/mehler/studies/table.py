"""Sweep: a table of smallest eigenvalues, one combination of activation, network and points a row."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from .._tables import write_csv
from ..result import above, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOT_RUN = "not run"
QUANTITIES = ("depth", "weight_var", "width", "n")  # what may be swept beside the activation


@dataclass(frozen=True)
class SweepRow:
    """The smallest eigenvalue of one combination.

    Attributes
    ----------
    activation, kernel, depth, weight_var, bias_var, width, n
        The combination; ``width`` is None for infinite width.
    value, lower, upper, lower_kind, status, residual, floor, method, applications, message
        As in :class:`EigenResult`; ``status`` is 'not run' for what was not reached.
    seconds
        Of its solve, and its share of what was computed for several rows at once.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=100, d=3, rng=0)
    >>> row = mh.sweep(X, "relu").rows[0]
    >>> row.finished, row.status, row.width
    (True, 'resolved', None)
    >>> mh.SweepRow.of_cells(row.cells()) == row  # texts of a CSV, to the bit
    True
    """

    activation: str
    kernel: str
    depth: int
    weight_var: float
    bias_var: float
    width: int | None
    n: int
    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    lower_kind: str = ""
    status: str = NOT_RUN
    residual: float = math.nan
    floor: float = math.nan
    method: str = ""
    applications: int = 0
    seconds: float = 0.0
    message: str = ""

    @property
    def finished(self) -> bool:
        """Whether it was computed to its end."""
        return self.status != NOT_RUN

    def cells(self) -> dict[str, str]:
        """Texts that :meth:`of_cells` reads back to the bit.

        Returns
        -------
        dict
            Names of the fields to texts; an empty one for None.
        """
        return {k: "" if v is None else str(v) for k, v in asdict(self).items()}

    @staticmethod
    def of_cells(cells: Mapping[str, str]) -> SweepRow:
        """The row of such texts.

        Parameters
        ----------
        cells
            What :meth:`cells` gives.

        Returns
        -------
        SweepRow
            Equal to the one that gave the texts.

        Raises
        ------
        KeyError, ValueError
            A field is missing, or is no number.
        """
        found: dict[str, Any] = {}
        for f in fields(SweepRow):
            text, kind = cells[f.name], str(f.type)
            if kind.startswith("int"):
                found[f.name] = None if not text and "None" in kind else int(text)
            else:
                found[f.name] = float(text) if kind == "float" else text
        return SweepRow(**found)


@dataclass(frozen=True)
class Sweep:
    """What :func:`sweep` found: one row a combination, in the order of the grid.

    Attributes
    ----------
    rows
        The table.
    seconds
        Wall time.
    resumed
        Rows that were taken from the file of an earlier sweep.
    shared
        Rows whose matrices were filled together with others.
    interrupted
        Ended by Ctrl-C or a callback: what was not reached has the status 'not run'.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=100, d=3, rng=0)
    >>> table = mh.sweep(X, "relu", n=[25, 50, 100])
    >>> table.resolved, [row.n for row in table.rows]
    (True, [25, 50, 100])
    >>> values = [record["value"] for record in table.records()]
    >>> values == sorted(values, reverse=True)  # interlacing
    True
    >>> table.to_csv("sweep.csv")
    >>> figure = table.plot()
    >>> sorted(table.to_dict())
    ['interrupted', 'resumed', 'rows', 'seconds', 'shared']

    ``table.to_dataframe()`` is the table in pandas.
    """

    rows: tuple[SweepRow, ...]
    seconds: float
    resumed: int = 0
    shared: int = 0
    interrupted: bool = False

    @property
    def resolved(self) -> bool:
        """Whether every row is."""
        return all(r.status == "resolved" for r in self.rows)

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries.

        Returns
        -------
        list of dict
            Keys are the attributes of :class:`SweepRow`.
        """
        return [asdict(r) for r in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON (NaN and infinity become None).

        Returns
        -------
        dict
            The attributes by name; ``rows`` as dictionaries.
        """
        rows = [{k: plain(v) for k, v in r.items()} for r in self.records()]
        return {
            "seconds": self.seconds,
            "resumed": self.resumed,
            "shared": self.shared,
            "interrupted": self.interrupted,
            "rows": rows,
        }

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
        write_csv(path, [f.name for f in fields(SweepRow)], (r.cells() for r in self.rows))

    def to_dataframe(self) -> Any:
        """The rows as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            One column an attribute of :class:`SweepRow`.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "to_dataframe needs pandas, which is not installed: python -m pip install pandas; "
                "records() and to_csv() do without it."
            ) from None
        return pandas.DataFrame(self.records(), columns=[f.name for f in fields(SweepRow)])

    def plot(self, ax: Axes | Mapping[str, Axes] | None = None) -> Figure | None:
        """lambda_min against each swept quantity, a curve an activation.

        Parameters
        ----------
        ax
            Axes for the one quantity that is swept, or axes by the names of quantities ('depth',
            'weight_var', 'width', 'n'); None makes a figure with one picture each.

        Returns
        -------
        matplotlib.figure.Figure or None
            The figure, where it was made here.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        ValueError
            Nothing but activations was swept, a name that was not, or one Axes for several quantities.
        """
        from .pictures import draw

        return draw(self, ax)

    def __str__(self) -> str:
        varied = [q for q in QUANTITIES if len({getattr(r, q) for r in self.rows}) > 1]
        head = ["activation", *varied, "value", "status", "method", "seconds"]
        lines = [head]
        for r in self.rows:
            cells = [r.activation]
            cells += [_cell(getattr(r, q)) for q in varied]
            lines.append([*cells, _value(r), r.status, r.method, f"{r.seconds:.2g}"])
        widths = [max(len(line[c]) for line in lines) for c in range(len(head))]
        left = {0, len(head) - 3, len(head) - 2}
        text = [
            "  ".join(
                cell.ljust(w) if c in left else cell.rjust(w)
                for c, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        first = self.rows[0]
        fixed = [f"{q}={_cell(getattr(first, q))}" for q in QUANTITIES if q not in varied]
        known = sum(r.finished for r in self.rows)
        foot = f"{first.kernel} kernel, bias_var={first.bias_var:g}, {', '.join(fixed)}"
        foot += f"; {self.seconds:.3g} s"
        if self.resumed:
            foot += f", {self.resumed} rows from the file"
        if known < len(self.rows):
            foot += f"; {len(self.rows) - known} of {len(self.rows)} rows not run"
        return "\n".join([*text, "", foot])


def _cell(value: Any) -> str:
    return "inf" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _value(r: SweepRow) -> str:
    if math.isnan(r.value):
        return f"<= {above(r.upper, 2)}" if math.isfinite(r.upper) else "-"
    if r.status == "rounding-limited" and abs(r.value) <= r.floor:
        return f"<= {above(r.upper, 2)}"
    return f"{r.value:.6g}"
