"""``random-features``: a hidden layer that is drawn and never trained, and what its box of weights cannot reach.

A smooth layer from a small box spans a few functions however wide it is; a homogeneous kinked one does not know the size of
its box. Both are told by the spectrum of one Gram matrix.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..ask import Ask
from ..report import Record, StudyReport

if TYPE_CHECKING:
    from .found import Found

NAME = "random-features"
TEXT = "frozen hidden layers: error against width and range of the weights, and what no read-out can reach"
OPTIONS = ("labels", "width")
DIVIDES = True  # points by their norms, itself


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    from . import found as work
    from .parts import sections
    from .words import conclusions

    start = time.perf_counter()
    if ask.X is not None and ask.labels is None:
        raise ValueError(
            "the study of random features learns the labels of points; got points without labels. Pass labels (--labels FILE) too, "
            "or leave X (--data) out."
        )
    found = work.posed(ask)
    cut = work.measured(found)
    made = f"{found.n:,} random points of [0, 1]"
    return StudyReport(
        which=NAME,
        title="What can a hidden layer do that is never trained?",
        conclusions=conclusions(found),
        sections=sections(found),
        records=records(found),
        asked=ask.asked(
            f"{made}; {found.data_text}" if found.data_text else made,
            activations=list(found.names), ranges=list(found.ranges), widths=list(found.widths),
            draws=found.seeds, labels=found.labels or None,
        ),
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )  # fmt: skip


def records(found: Found) -> dict[str, list[Record]]:
    """Tidy rows: the table first."""
    kinds: dict[str, Sequence[Any]] = {
        "": found.rows,
        "band": found.band,
        "bounds": found.caps,
        "ridges": found.paths,
        "data": found.data_rows,
        "data-bounds": found.data_caps,
    }
    return {name: [dict(vars(r)) for r in rows] for name, rows in kinds.items()}
