"""The grid of a sweep: its combinations, checked, each a cell with its place in the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .._arrays import integer
from ..activations import Activation, activation
from .table import SweepRow


@dataclass(frozen=True)
class Cell:
    """One combination: where it stands in the table, and what it is."""

    place: int
    act: Activation
    row: SweepRow


def several(values: Any, name: str, one: tuple[type, ...]) -> list[Any]:
    """A list of them; a single one is a list of one."""
    if isinstance(values, one):
        return [values]
    try:
        found = list(values)
    except TypeError:
        raise TypeError(f"{name} must be a value or a list of them; got {values!r}.") from None
    if not found:
        raise ValueError(f"{name} must hold at least one value; got {values!r}.")
    return found


def size_of(m: int, most: int) -> int:
    m = int(integer(m, "n"))
    if not 1 <= m <= most:
        raise ValueError(f"n must satisfy 1 <= n <= {most}, the number of points; got {m}.")
    return m


def width_of(w: int) -> int:
    w = int(integer(w, "widths"))
    if w < 1:
        raise ValueError(f"widths must be >= 1, or None for infinite width; got {w}.")
    return w


def label_of(act: Any) -> str:
    """A name as it was given; of an activation, or where parameters are in the text, name and parameters."""
    if isinstance(act, str) and "(" in act:
        act = activation(act)
    if not isinstance(act, Activation):
        return str(act)
    words = ", ".join(f"{key}={value!r}" for key, value in act.params)
    return f"{act.name}({words})" if words else act.name


def check_apart(cells: list[Cell]) -> None:
    """Refuse a combination that is there twice."""
    if len({(c.row.activation, *_numbers(c.row)) for c in cells}) < len(cells):
        raise ValueError(
            "a sweep must not hold a combination twice; found one. Drop repeated values, and give "
            "activations names of their own (from_function(name=...))."
        )


def _numbers(row: SweepRow) -> Iterator[Any]:
    yield from (row.depth, row.weight_var, row.width, row.n)
