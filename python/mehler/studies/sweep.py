"""``sweep``: the smallest eigenvalue for every combination of activation, network and number of points.

For each number of points the kernels are filled in groups, as many at a time as memory allows: the
products of points are computed once for all (``operators.many``), and each goes the way that
``min_eig`` would have gone with it.

Invariant: a row is what ``min_eig`` gives for the same arguments, to the bit unless memory is short.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core
from .._arrays import as_points, flag, integer, memory_limit, seed_from, thread_count
from .._progress import Reporter, State
from ..activations import Activation, activation
from ..operators.finite_width import features_of
from ..question import Question, kernel_of, posed
from ..solvers import factored
from .grid import Cell, check_apart, label_of, several, size_of, width_of
from .groups import groups
from .journal import Journal, fingerprint
from .running import Run, points_of, ways_of
from .table import Sweep, SweepRow


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

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=100, d=3, rng=0)
    >>> table = mh.sweep(X, ["relu", "tanh"], depths=[1, 2], tol=1e-4)
    >>> for row in table.rows:
    ...     print(f"{row.activation} {row.depth} {row.value:.3g} {row.status}")
    relu 1 0.000429 resolved
    relu 2 0.000215 resolved
    tanh 1 1.04e-08 resolved
    tanh 2 1.16e-09 resolved
    """
    start = time.perf_counter()
    seed = seed_from(rng)
    count, limit = thread_count(threads), memory_limit(max_memory)
    acts = [
        (label_of(a), activation(a)) for a in several(activations, "activations", (str, Activation))
    ]
    A = as_points(X)
    sizes = [len(A)] if n is None else [size_of(m, len(A)) for m in several(n, "n", (int,))]
    raw = A
    if flag("normalize", normalize):
        from ..data.points import normalize as to_unit_norm

        A = to_unit_norm(A)
    shares = isinstance(X, np.ndarray) and np.may_share_memory(A, X)
    limit -= 0 if shares else A.nbytes
    cells: list[Cell] = []
    asked: dict[int, Question] = {}
    settings = {"kernel": kernel, "bias_var": bias_var, "precision": precision, "tol": tol}
    grid = itertools.product(
        acts,
        [integer(d, "depths") for d in several(depths, "depths", (int, np.integer))],
        several(scales, "scales", (int, float, np.number)),
        [None if w is None else width_of(w) for w in several(widths, "widths", (int, type(None)))],
        sizes,
    )
    for place, ((label, act), depth, scale, width, m) in enumerate(grid):
        ker = kernel_of(act, kernel, depth, scale, bias_var)
        row = SweepRow(label, ker.kind, ker.depth, ker.weight_var, ker.bias_var, width, m)
        cells.append(Cell(place, act, row))
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
    check_apart(cells)
    settings |= {
        "certify": certify,
        "method": method,
        "normalize": normalize,
        "version": _version(),
    }
    settings |= {"rng": int(rng) if isinstance(rng, (int, np.integer)) else "fresh"}
    journal = None if resume is None else Journal(resume, fingerprint(raw, settings))
    rows = [cell.row for cell in cells]
    todo: list[Cell] = []
    for cell in cells:
        done = None if journal is None else journal.known(cell.row, cell.act)
        rows[cell.place] = done or cell.row
        if done is None:
            todo.append(cell)
    ways = ways_of(todo, asked, method, count)
    proof = "auto" if certify == "theory" else certify  # of finite width: what it knows anyway
    if any(c.row.width is not None for c in cells):
        factored.check(precision, method, proof)
    run = Run(A, raw, normalize, method, seed, count, start, journal, rows)
    finite = {"precision": precision, "tol": tol, "certify": proof, "method": method}
    finite |= {"normalize": False, "threads": threads, "max_memory": max(limit, 1)}
    finite |= {"rng": rng if isinstance(rng, (int, np.integer)) else seed}
    with Reporter(progress, callback, start=start) as report:
        try:
            for size in dict.fromkeys(sizes):
                here = [c for c in todo if c.row.n == size]
                points = points_of(here, asked, ways, count)
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


def _version() -> str:
    from .. import __version__

    return __version__
