"""A sweep that is under way: the rows so far, and how one more comes to be.

Invariant: a row goes into the table and, if it was not cut short, into the file, before the next is begun.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import _core
from .._arrays import Array
from .._progress import Reporter, State
from ..errors import ConvergenceWarning, PrecisionWarning
from ..operators.layered import layered
from ..operators.many import Filled, filled
from ..operators.points import core_points
from ..question import Question
from ..result import EigenResult
from .grid import Cell
from .groups import Shared, shared
from .journal import Journal
from .table import SweepRow


class Run:
    """The rows so far, and how one more comes to be."""

    def __init__(
        self,
        A: Array,
        raw: Array,
        normalize: bool,
        method: str,
        seed: int,
        threads: int,
        start: float,
        journal: Journal | None,
        rows: list[SweepRow],
    ) -> None:
        self.A, self.raw, self.normalize, self.method = A, raw, normalize, method
        self.seed, self.threads, self.start = seed, threads, start
        self.journal, self.rows = journal, rows
        self.shared, self.interrupted = 0, False

    def together(
        self,
        cells: Sequence[Cell],
        asked: dict[int, Question],
        ways: dict[int, Shared],
        points: _core.Points,
        report: Reporter,
    ) -> None:
        """Infinite width: matrices filled in one pass, solved one by one; or one row by itself."""
        first = ways[cells[0].place]
        start = time.perf_counter()
        made: list[Filled] = []
        if first.route is not None:
            kernels = [asked[c.place].ker for c in cells]
            grams = filled(points, cells[0].row.n, kernels, first.dtype, self.threads, report.ask)
            made = [
                Filled(K, ways[c.place].route or "lanczos")
                for c, K in zip(cells, grams, strict=True)
            ]
            del grams
            if len(cells) > 1:
                self.shared += len(cells)
        part = (time.perf_counter() - start) / len(cells)
        while cells:
            cell, cells = cells[0], cells[1:]
            one = made.pop(0) if made else None
            question = asked[cell.place]
            beside = sum(other.nbytes for other in made)
            held = dataclasses.replace(question, limit=question.limit - beside)
            begun = time.perf_counter()
            result = self.answer(held, cell.row.n, points, one, report)
            self.put(cell, result, time.perf_counter() - begun + part, report)

    def answer(
        self,
        question: Question,
        n: int,
        points: _core.Points,
        one: Filled | None,
        report: Reporter,
    ) -> EigenResult:
        from ..answer import answered

        inner = Reporter(None, forward(report), question.scale)
        return answered(
            question, self.raw[:n], self.method, self.normalize, self.seed, inner, points, one
        )

    def finite(self, cell: Cell, kernel: str, how: dict[str, Any], report: Reporter) -> None:
        """Finite width, by ``min_eig`` itself."""
        from ..eigen import min_eig

        row, begun = cell.row, time.perf_counter()
        with warnings.catch_warnings():  # the table says what is not resolved
            for ours in (ConvergenceWarning, PrecisionWarning):
                warnings.simplefilter("ignore", ours)
            result = min_eig(
                self.A[: row.n],
                cell.act,
                kernel=kernel,
                depth=row.depth,
                weight_var=row.weight_var,
                bias_var=row.bias_var,
                width=row.width,
                callback=forward(report),
                **how,
            )
        self.put(cell, result, time.perf_counter() - begun, report)

    def put(self, cell: Cell, result: EigenResult, seconds: float, report: Reporter) -> None:
        """Into the table and, if it was not cut short, into the file."""
        row = dataclasses.replace(
            cell.row,
            value=float(result.value),
            lower=float(result.lower),
            upper=float(result.upper),
            residual=float(result.residual),
            floor=float(result.floor),
            lower_kind=result.lower_kind,
            status=result.status,
            method=result.method,
            applications=int(result.applications),
            seconds=seconds,
            message=" ".join(result.message.split()),
        )
        self.rows[cell.place] = row
        if self.ended(result, report):
            raise KeyboardInterrupt
        if self.journal is not None:
            self.journal.add(row, cell.act)
        done = sum(r.finished for r in self.rows)
        if report.ask is not None and report.ask(
            "sweep", done, len(self.rows), row.value, row.residual
        ):
            raise KeyboardInterrupt

    @staticmethod
    def ended(result: EigenResult, report: Reporter) -> bool:
        """Whether somebody wants the whole sweep to end."""
        return result.interrupted or report.stopped


def ways_of(
    cells: Iterable[Cell], asked: dict[int, Question], method: str, threads: int
) -> dict[int, Shared]:
    """How each row of infinite width is made; what does not fit is refused here."""
    found: dict[int, Shared] = {}
    of_size: dict[Any, _core.Points] = {}
    for cell in sorted(cells, key=lambda c: c.row.n):
        question = asked.get(cell.place)
        if question is None:
            continue
        if cell.row.n not in {key[0] for key in of_size}:
            of_size.clear()
        q = question.ker.homogeneity
        key = cell.row.n, question.scale, q
        known = of_size.get(key)
        if known is None or (layered(known) and known.layers.kernel != question.ker):
            of_size[key] = core_points(question.A, question.ker, threads)
        found[cell.place] = shared(question, of_size[key], method)
    return found


def points_of(
    cells: Iterable[Cell], asked: dict[int, Question], ways: dict[int, Shared], threads: int
) -> dict[str, _core.Points]:
    """The points of one size in the core, as often as kernels take them differently."""
    found: dict[str, _core.Points] = {}
    for cell in cells:
        question = asked.get(cell.place)
        if question is not None and ways[cell.place].points not in found:
            made = core_points(question.A, question.ker, threads)
            found[ways[cell.place].points] = made
    return found


def forward(report: Reporter) -> Callable[[State], bool] | None:
    """What the solver of a row calls: the callback of the sweep. The bar shows rows alone."""
    callback = report.callback
    if callback is None:
        return None

    def tell(state: State) -> bool:
        if callback(state):
            report.stop("stopped by the callback")
        return report.stopped

    return tell
