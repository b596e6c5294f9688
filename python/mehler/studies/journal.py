"""The file of a sweep that can be resumed: finished rows, each with what it is the answer to.

Invariant: a row is whole or not there (one write, synced; a torn last line is cut off), and no row of
other data or other settings is ever taken for an answer: every line carries a fingerprint of the
bytes of the points, their shape, the settings and the version of mehler.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from .._arrays import Array
from ..activations import Activation
from .table import SweepRow

COLUMNS = (*(f.name for f in fields(SweepRow)), "fingerprint")
Key = tuple[Any, ...]
PROBE = np.linspace(-3.0, 3.0, 25)


def key_of(row: SweepRow) -> Key:
    """The combination of a row."""
    return row.activation, row.kernel, row.depth, row.weight_var, row.bias_var, row.width, row.n


def fingerprint(X: Array, settings: Mapping[str, Any]) -> str:
    """Of the points, their shape, and the settings.

    Parameters
    ----------
    X
        Points, C-contiguous float64.
    settings
        Everything else that a value depends on.
    """
    digest = hashlib.blake2b(digest_size=8)
    digest.update(repr((X.shape, sorted(settings.items()))).encode())
    digest.update(X.tobytes())
    return digest.hexdigest()


def fingerprint_of(settings: Mapping[str, Any]) -> str:
    """Of settings alone."""
    return hashlib.blake2b(repr(sorted(settings.items())).encode(), digest_size=8).hexdigest()


def own(act: Activation) -> str:
    """What tells a function of the user's from another one of the same name; '' of the catalogue."""
    if act.source != "user":
        return ""
    values = " ".join(f"{v:.10g}" for v in act(PROBE))
    return "-" + hashlib.blake2b(values.encode(), digest_size=4).hexdigest()


class Journal:
    """Finished rows in a CSV file.

    Parameters
    ----------
    path
        The file; made when there is none.
    print_
        The fingerprint of this sweep.

    Raises
    ------
    ValueError
        The file is no file of a sweep, or one of other points, settings or another version.
    """

    def __init__(self, path: str | os.PathLike[str], print_: str) -> None:
        self.path, self.print = Path(path), print_
        self._known: dict[Key, tuple[SweepRow, str]] = {}
        text = whole_lines(self.path, COLUMNS, "a sweep")
        for number, cells in enumerate(csv.DictReader(io.StringIO(text)), 2):
            try:
                row, mark = SweepRow.of_cells(cells), cells["fingerprint"]
            except (ValueError, KeyError, TypeError, AttributeError):
                raise ValueError(
                    f"resume={str(self.path)!r} must hold rows of a sweep; line {number} is none. "
                    "Remove that line, or pass the name of a new file."
                ) from None
            if mark.partition("-")[0] != print_:
                raise ValueError(
                    f"resume={str(self.path)!r} holds rows of other points, settings or another version of "
                    f"mehler: found fingerprint {mark.partition('-')[0]} in line {number}, expected {print_}. "
                    "Pass the name of a new file, or repeat the sweep that the file is of."
                )
            self._known[key_of(row)] = row, mark

    def known(self, row: SweepRow, act: Activation) -> SweepRow | None:
        """The finished row of this combination, if the file has it."""
        found = self._known.get(key_of(row))
        if found is None:
            return None
        expected = self.print + own(act)
        if found[1] != expected:
            raise ValueError(
                f"resume={str(self.path)!r} holds a row of another activation {row.activation!r}: found "
                f"fingerprint {found[1]}, expected {expected}. Name the activations apart "
                "(from_function(name=...)), or pass the name of a new file."
            )
        return found[0]

    def add(self, row: SweepRow, act: Activation) -> None:
        """Append a finished row."""
        text = io.StringIO()
        csv.DictWriter(text, COLUMNS, lineterminator="\n").writerow(
            row.cells() | {"fingerprint": self.print + own(act)}
        )
        append(self.path, text.getvalue())


def whole_lines(path: str | os.PathLike[str], columns: Sequence[str], what: str) -> str:
    """The text of a file that is appended to, made when there is none; a torn last line is cut off.

    Parameters
    ----------
    path
        The file.
    columns
        Its head.
    what
        Whose it must be, in words.
    """
    file, head = Path(path), ",".join(columns) + "\n"
    if not file.exists() or file.stat().st_size == 0:
        append(file, head)
        return head
    raw = file.read_bytes()
    whole = raw.rfind(b"\n") + 1
    text = raw[:whole].decode("utf-8", errors="replace")
    if not text.startswith(head):
        raise ValueError(
            f"resume={str(file)!r} must be the file of {what}; its first line is "
            f"{text.partition(chr(10))[0][:60]!r}. Pass the name of a new file, which rows go to as they are done; a "
            "table that was written at the end says nothing of the points."
        )
    if whole < len(raw):  # a line that was being written when the process died
        with open(file, "r+b") as torn:
            torn.truncate(whole)
    return text


def append(path: str | os.PathLike[str], text: str) -> None:
    """One synced write at the end of a file."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as problem:
        raise OSError(
            f"resume={str(path)!r} must be a file that can be written; {problem}."
        ) from None
    try:
        os.write(file, text.encode())
        os.fsync(file)
    finally:
        os.close(file)
