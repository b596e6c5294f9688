"""``sweep``: the smallest eigenvalue for every combination of activation, network and number of points.

For each number of points the kernels are filled in groups, as many at a time as memory allows: the
products of points are computed once for all (``operators.many``), and each goes the way that
``min_eig`` would have gone with it.

Invariant: a row is what ``min_eig`` gives for the same arguments, to the bit unless memory is short.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, as_points, flag, integer, memory_limit, seed_from, thread_count
from .._progress import Reporter, State
from ..activations import Activation, activation
from ..errors import ConvergenceWarning, PrecisionWarning
from ..operators.finite_width import features_of
from ..operators.gram import core_points
from ..operators.layered import layered
from ..operators.many import Filled, filled
from ..question import Question, kernel_of, posed
from ..result import EigenResult
from ..solvers import factored
from .groups import Shared, groups, shared
from .journal import Journal, fingerprint
from .table import Sweep, SweepRow


@dataclass(frozen=True)
class _Cell:
    """One combination: where it stands in the table, and what it is."""

    place: int
    act: Activation
    row: SweepRow


def sweep(
    X: Any,
    activations: str | Activation | Sequence[str | Activation] = "relu",
    *,
    depths: int | Sequence[int] = 1,
    scales: float | Sequence[float] = 1.0,
    widths: int | Sequence[int | None] | None = None,
    n: int | Sequence[int] | None = None,
    kernel: str = "gradient",
    bias_var: float = 0.0,
    normalize: bool = False,
    precision: str = "auto",
    tol: float = 1e-6,
    certify: str = "theory",
    method: str = "auto",
    max_memory: int | float | str | None = None,
    threads: int | None = None,
    rng: Any = 0,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> Sweep:
    """lambda_min(K) of K_ij = h(cos_ij) for every activation, depth, weight variance, width and number of points.

    Parameters
    ----------
    X
        Points, (N, d), as in :func:`min_eig`.
    activations
        Names or :class:`Activation` objects; every layer has the same one.
    depths
        Numbers of hidden layers.
    scales
        Variances of the weights, ``weight_var``.
    widths
        Numbers of neurons, as ``width`` in :func:`min_eig`; None among them is infinite width.
    n
        Numbers of points: the first so many rows of X, so that smaller sets are part of larger ones. None: all.
    kernel, bias_var, normalize, precision, tol, method
        As in :func:`min_eig`.
    certify
        As in :func:`min_eig`, but 'theory' unless asked otherwise: a proof costs more than a value. At finite
        width, 'theory' is what 'auto' is there.
    max_memory
        As in :func:`min_eig`; decides how many matrices are filled at a time.
    threads
        As in :func:`min_eig`.
    rng
        Seed or Generator; every row starts from the same seed, so the weights of every width are drawn
        from one stream.
    progress
        True: a progress bar of rows on stderr.
    callback
        Called at most ten times a second with a state (phase 'sweep' between rows); a true return value ends the
        sweep with what is known, an exception propagates.
    resume
        A CSV file: every finished row is appended to it, and rows that it has already are not computed
        again. They must be of the same points, settings and version of mehler; the grid may grow.

    Returns
    -------
    Sweep
        One row a combination, in the order activation, depth, scale, width, n. Also when it is
        interrupted (Ctrl-C): what was not reached has the status 'not run'. Statuses other than 'resolved'
        are in the table, without a warning.

    Raises
    ------
    TypeError, ValueError
        Bad points or options, an empty list, n beyond the number of points, a ``resume`` file of something
        else; found, expected and remedy are in the message.
    MemoryError
        A row does not fit into ``max_memory``; raised before the first is computed.
    """
    start = time.perf_counter()
    seed = seed_from(rng)
    count, limit = thread_count(threads), memory_limit(max_memory)
    acts = [
        (_label(a), activation(a)) for a in _several(activations, "activations", (str, Activation))
    ]
    A = as_points(X)
    sizes = [len(A)] if n is None else [_size(m, len(A)) for m in _several(n, "n", (int,))]
    raw = A
    if flag("normalize", normalize):
        from ..data.points import normalize as to_unit_norm

        A = to_unit_norm(A)
    shares = isinstance(X, np.ndarray) and np.may_share_memory(A, X)
    limit -= 0 if shares else A.nbytes
    cells: list[_Cell] = []
    asked: dict[int, Question] = {}
    settings = {"kernel": kernel, "bias_var": bias_var, "precision": precision, "tol": tol}
    grid = itertools.product(
        acts,
        [integer(d, "depths") for d in _several(depths, "depths", (int, np.integer))],
        _several(scales, "scales", (int, float, np.number)),
        [None if w is None else _width(w) for w in _several(widths, "widths", (int, type(None)))],
        sizes,
    )
    for place, ((label, act), depth, scale, width, m) in enumerate(grid):
        ker = kernel_of(act, kernel, depth, scale, bias_var)
        row = SweepRow(label, ker.kind, ker.depth, ker.weight_var, ker.bias_var, width, m)
        cells.append(_Cell(place, act, row))
        if width is not None:
            features_of(A[:1], ker, width, None, 0)  # refuses what has no finite width
        else:
            asked[place] = posed(
                A[:m],
                ker,
                kernel="gradient",
                depth=None,
                weight_var=1.0,
                bias_var=0.0,
                normalize=False,
                precision=precision,
                tol=tol,
                certify=certify,
                method=method,
                max_memory=max(limit, 1),
                threads=threads,
            )
    if len({(c.row.activation, *_numbers(c.row)) for c in cells}) < len(cells):
        raise ValueError(
            "a sweep must not hold a combination twice; found one. Drop repeated values, and give "
            "activations names of their own (from_function(name=...))."
        )
    settings |= {
        "certify": certify,
        "method": method,
        "normalize": normalize,
        "version": _version(),
    }
    settings |= {"rng": int(rng) if isinstance(rng, (int, np.integer)) else "fresh"}
    journal = None if resume is None else Journal(resume, fingerprint(raw, settings))
    rows = [cell.row for cell in cells]
    todo: list[_Cell] = []
    for cell in cells:
        done = None if journal is None else journal.known(cell.row, cell.act)
        rows[cell.place] = done or cell.row
        if done is None:
            todo.append(cell)
    ways = _ways(todo, asked, method, count)
    proof = "auto" if certify == "theory" else certify  # of finite width: what it knows anyway
    if any(c.row.width is not None for c in cells):
        factored.check(precision, method, proof)
    run = _Run(A, raw, normalize, method, seed, count, start, journal, rows)
    finite = {"precision": precision, "tol": tol, "certify": proof, "method": method}
    finite |= {"normalize": False, "threads": threads, "max_memory": max(limit, 1)}
    finite |= {"rng": rng if isinstance(rng, (int, np.integer)) else seed}
    with Reporter(progress, callback, start=start) as report:
        try:
            for size in dict.fromkeys(sizes):
                here = [c for c in todo if c.row.n == size]
                points = _points(here, asked, ways, count)
                for group in groups((c.place, ways[c.place]) for c in here if c.place in asked):
                    at = points[ways[group[0]].points]
                    run.together([cells[p] for p in group], asked, ways, at, report)
                del points
                for c in here:
                    if c.place not in asked:
                        run.finite(c, kernel, finite, report)
        except (KeyboardInterrupt, _core.Interrupted):
            run.interrupted = True
    return Sweep(
        tuple(rows),
        time.perf_counter() - start,
        resumed=len(cells) - len(todo),
        shared=run.shared,
        interrupted=run.interrupted,
    )


class _Run:
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
        cells: Sequence[_Cell],
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
        from ..eigen import answered

        inner = Reporter(None, _forward(report), question.scale)
        return answered(
            question, self.raw[:n], self.method, self.normalize, self.seed, inner, points, one
        )

    def finite(self, cell: _Cell, kernel: str, how: dict[str, Any], report: Reporter) -> None:
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
                callback=_forward(report),
                **how,
            )
        self.put(cell, result, time.perf_counter() - begun, report)

    def put(self, cell: _Cell, result: EigenResult, seconds: float, report: Reporter) -> None:
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


def _ways(
    cells: Iterable[_Cell], asked: dict[int, Question], method: str, threads: int
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


def _points(
    cells: Iterable[_Cell], asked: dict[int, Question], ways: dict[int, Shared], threads: int
) -> dict[str, _core.Points]:
    """The points of one size in the core, as often as kernels take them differently."""
    found: dict[str, _core.Points] = {}
    for cell in cells:
        question = asked.get(cell.place)
        if question is not None and ways[cell.place].points not in found:
            made = core_points(question.A, question.ker, threads)
            found[ways[cell.place].points] = made
    return found


def _forward(report: Reporter) -> Callable[[State], bool] | None:
    """What the solver of a row calls: the callback of the sweep. The bar shows rows alone."""
    callback = report.callback
    if callback is None:
        return None

    def tell(state: State) -> bool:
        if callback(state):
            report.stop("stopped by the callback")
        return report.stopped

    return tell


def _several(values: Any, name: str, one: tuple[type, ...]) -> list[Any]:
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


def _size(m: int, most: int) -> int:
    m = int(integer(m, "n"))
    if not 1 <= m <= most:
        raise ValueError(f"n must satisfy 1 <= n <= {most}, the number of points; got {m}.")
    return m


def _width(w: int) -> int:
    w = int(integer(w, "widths"))
    if w < 1:
        raise ValueError(f"widths must be >= 1, or None for infinite width; got {w}.")
    return w


def _label(act: Any) -> str:
    """A name as it was given; of an activation, its name and parameters."""
    if not isinstance(act, Activation):
        return str(act)
    words = ", ".join(f"{key}={value!r}" for key, value in act.params)
    return f"{act.name}({words})" if words else act.name


def _numbers(row: SweepRow) -> Iterator[Any]:
    yield from (row.depth, row.weight_var, row.width, row.n)


def _version() -> str:
    from .. import __version__

    return __version__
