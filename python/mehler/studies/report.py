"""A study as a value, and as files: one self-contained HTML page, tables as CSV, pictures as PNG.

A study is sections of paragraphs, tables and pictures, and the numbers behind them. ``page`` makes the HTML: pictures and
tables inside, nothing from a network, so that the one file can be sent, kept and opened in ten years.

Invariant: what stands in a picture or a table of the page stands, with all digits, in a CSV file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._tables import csv_text
from ..result import plain
from .stacked import break_titles, side_by_side
from .stacked import stacked as stacks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INSTALL = "python -m pip install 'mehler[plot]'"
Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure, drawn when it is needed.

    Attributes
    ----------
    name
        Part of the name of its file; '' for the first one of a study.
    title, caption
        Above and below it.
    alt
        What it shows, for who cannot see it.
    draw
        Draws into an empty matplotlib Figure.
    size
        Inches.
    """

    name: str
    title: str
    alt: str
    caption: str
    draw: Callable[[Figure], None]
    size: tuple[float, float] = (7.6, 4.6)

    def figure(self, stacked: bool = False) -> Figure:
        """The figure; matplotlib's own settings stay as they are.

        Parameters
        ----------
        stacked
            Panels one below the other, for a narrow screen.

        Returns
        -------
        matplotlib.figure.Figure
        """
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from ..plots import STYLE

        with mpl.rc_context(STYLE):  # type: ignore[arg-type]
            kind = stacks() if stacked else Figure
            fig = kind(figsize=self.size, dpi=160, layout="constrained")
            FigureCanvasAgg(fig)
            self.draw(fig)
            if stacked:
                break_titles(fig)
        return fig


@dataclass(frozen=True)
class Table:
    """Texts in rows and columns; the first column names the row.

    Attributes
    ----------
    title, note
        Above and below it.
    head, rows
        Texts; rows as long as the head.
    printed
        Whether ``print`` shows it; long ones are for the page.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    printed: bool = True

    def __str__(self) -> str:
        lines = [self.head, *self.rows]
        widths = [max(len(line[c]) for line in lines) for c in range(len(self.head))]
        text = [
            "  ".join(
                cell.rjust(w)
                if c and is_number(self.rows[0][c] if self.rows else "")
                else cell.ljust(w)
                for c, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join(
            [self.title, "", *text, *([self.note.replace("≤", "<=")] if self.note else [])]
        )


Part = str | Picture | Table


@dataclass(frozen=True, eq=False)
class Section:
    """Parts under one heading."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class StudyReport:
    """What :func:`study` found: ``print`` it, or ``save`` it as a page, tables and pictures.

    Attributes
    ----------
    which
        Name of the study.
    title
        Its question.
    conclusions
        Sentences computed from the numbers.
    sections
        What the page shows.
    records
        Tables behind it: name to a list of dictionaries; '' is the main one.
    asked
        What would make it again: points, seed, options.
    seconds
        Wall time.
    interrupted
        Ended by Ctrl-C: what was not reached is missing.
    stem
        How the names of files begin.
    text, more
        What ``print`` and JSON show instead of the tables, and of the records.

    Examples
    --------
    >>> found = mh.study("bounds", activations="relu", n=20, quick=True)
    >>> found.which, found.interrupted
    ('bounds', False)
    >>> len(found.csv().splitlines()) == 1 + len(found.records[""])  # the main table, with its heads
    True
    >>> found.file("", "html")
    'bounds.html'
    >>> files, _ = found.save("report")
    >>> sorted({path.suffix for path in files})
    ['.csv', '.html', '.png']
    >>> found.to_dict()["which"]
    'bounds'
    """

    which: str
    title: str
    conclusions: tuple[str, ...]
    sections: tuple[Section, ...]
    records: Mapping[str, Sequence[Record]]
    asked: Mapping[str, Any]
    seconds: float
    interrupted: bool = False
    stem: str = ""
    text: str = field(default="", repr=False)
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Every picture."""
        return tuple(p for s in self.sections for p in s.parts if isinstance(p, Picture))

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table."""
        return tuple(p for s in self.sections for p in s.parts if isinstance(p, Table))

    def file(self, name: str, kind: str) -> str:
        """The name of a file: stem-name.kind.

        Parameters
        ----------
        name
            Of a table or a picture; '' for the main one.
        kind
            'csv', 'png' or 'html'.

        Returns
        -------
        str
        """
        stem = self.stem or self.which
        return f"{stem}-{name}.{kind}" if name else f"{stem}.{kind}"

    def csv(self, name: str = "") -> str:
        """One of the tables behind the page, numbers with all their digits.

        Parameters
        ----------
        name
            A key of ``records``.

        Returns
        -------
        str
            CSV; None is an empty text, truth is 'true' or 'false'.
        """
        rows = self.records[name]
        head = list(dict.fromkeys(key for row in rows for key in row))
        return csv_text(head, rows)

    def to_dict(self) -> dict[str, Any]:
        """Everything but pictures, ready for JSON.

        Returns
        -------
        dict
            ``which``, ``conclusions``, ``asked``, ``seconds``, ``interrupted``, ``records``.
        """
        if self.more:
            return dict(self.more)
        return {
            "which": self.which,
            "conclusions": list(self.conclusions),
            "asked": dict(self.asked),
            "seconds": self.seconds,
            "interrupted": self.interrupted,
            "records": {
                name: [{k: plain(v) for k, v in row.items()} for row in rows]
                for name, rows in self.records.items()
            },
        }

    def save(
        self, folder: str | os.PathLike[str], command: str | None = None
    ) -> tuple[list[Path], str]:
        """Write the CSV files, the pictures, and the page.

        Parameters
        ----------
        folder
            Made when there is none.
        command
            The line that made it, for the page; None: the call in Python.

        Returns
        -------
        list of Path, str
            What was written, and why there are no pictures (empty when there are).
        """
        from .page import page, svg

        to = Path(folder)
        to.mkdir(parents=True, exist_ok=True)
        tables = [to / self.file(name, "csv") for name in self.records]
        for name, path in zip(self.records, tables, strict=True):
            path.write_text(self.csv(name), encoding="utf-8")
        drawn: dict[str, str] = {}
        narrow: dict[str, str] = {}
        images: list[Path] = []
        missing = ""
        try:
            for picture in self.pictures:
                fig = picture.figure()
                images.append(to / self.file(picture.name, "png"))
                fig.savefig(images[-1])
                drawn[picture.name] = svg(fig)
                if side_by_side(fig):
                    narrow[picture.name] = svg(picture.figure(stacked=True))
        except ImportError:
            missing = f"no picture: matplotlib is not installed; {INSTALL}"
        whole = to / self.file("", "html")
        whole.write_text(page(self, drawn, command, missing, narrow), encoding="utf-8")
        first = [p for p in images if p.stem == whole.stem]
        rest = [p for p in images if p.stem != whole.stem]
        return [*tables[:1], *first, whole, *tables[1:], *rest], missing

    def __str__(self) -> str:
        if self.text:
            return self.text
        parts = [
            self.title,
            *(str(t) for t in self.tables if t.printed),
            "\n".join(self.conclusions),
        ]
        if self.interrupted:
            parts.append("interrupted: what was not reached is missing")
        return "\n\n".join(parts)


def is_number(text: str) -> bool:
    """Whether a cell is a number, perhaps a bound of one."""
    bare = (
        text.removeprefix("<= ")
        .removeprefix(">= ")
        .removeprefix("> ")
        .replace(",", "")
        .rstrip("%x ")
    )
    try:
        float(bare)
    except ValueError:
        return bare in ("", "-")
    return True
