"""Print the constants of the cost model, fitted to the rows of bench/plan_grid.py.

    python bench/fit_plan.py --csv grid.csv

Numbers of products by least squares of logarithms (the ``Law`` of each route), what is spent beyond the
count by least squares of relative errors, none negative. The printed lines replace those of the same
names in python/mehler/planning/<route>.py.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mehler as mh
from cases import Case
from mehler.operators.packed import SINGLE
from mehler.operators.points import core_points
from mehler.planning import dense, lanczos, preconditioned, shift_invert
from mehler.planning.cost import NOMINAL, Rates, Work
from mehler.planning.parts import features
from mehler.planning.problem import Problem, problem_of
from mehler.preconditioners.sparse import TREE_UP_TO
from mehler.solvers.cholesky import SINGLE_FROM
from plan_grid import Row, default_csv, read

TOL, LIMIT = 1e-6, 10**11
_problems: dict[Any, Problem] = {}


def problem(cell: tuple[int, int, str], certify: str = "none") -> Problem:
    """The problem of a cell of the grid."""
    if (cell, certify) not in _problems:
        n, d, activation = cell
        X = Case("sphere", n, d).points()
        ker = mh.gradient_kernel(activation)
        points = core_points(X, ker, 1)
        _problems[cell, certify] = problem_of(X, points, ker, "auto", TOL, certify, LIMIT, 1)
    return _problems[cell, certify]


def rates_of(row: Row) -> Rates:
    """The machine's when the row was made."""
    known = json.loads(row.rates)
    return Rates(**known) if known else NOMINAL


@dataclass(frozen=True)
class Stage:
    """One run of a solver: its counts, and whether it ended what was asked."""

    row: Row
    dtype: str
    counts: dict[str, Any]
    last: bool

    def __getitem__(self, name: str) -> float:
        return float(self.counts.get(name, 0.0))


def stages(row: Row) -> list[Stage]:
    """Of a row, in the order in which they ran; without that of the rest, where near points were set apart."""
    found = json.loads(row.stages)
    if row.method != "shift-invert":
        found = [s for s in found if s["solver"] != "shift_invert"]
    elif row.status == "rounding-limited" and row.n < SINGLE_FROM:
        found = found[:1]
    last = next((t for t in SINGLE if t in row.how), "float64")
    kinds = [SINGLE[0], "float64"] if len(found) == 2 else [last]
    return [
        Stage(row, t, c, k == len(found) - 1)
        for k, (t, c) in enumerate(zip(kinds, found, strict=False))
    ]


def good(row: Row) -> bool:
    """A run that came to its own end."""
    return not row.error and not row.capped and row.seconds > 0.0


# -- numbers of products ---------------------------------------------------------------------------


def law(name: str, rows: Iterator[tuple[Row, float]], near: str = "") -> str:
    """``name = Law(...)`` for rows and their counts, and how well it fits.

    ``near`` names what a shift near the value leaves of the count, beside the square root of its distance,
    fitted along with the law.
    """
    pairs = [
        ([*features(problem(row.cell)), float(placed(row))], np.log(count / left(row)))
        for row, count in rows
        if count > 0
    ]
    if len(pairs) < 8:
        return f"# {name}: {len(pairs)} rows are too few"
    A, y = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    if not near:
        A = A[:, :5]
    # a little of the ridge regression keeps features apart that a small grid cannot tell apart
    ridge = 0.05 * np.sqrt(len(y)) * np.diag([0.0, 1.0, 1.0, 1.0, 1.0, 0.0][: A.shape[1]])
    c = np.linalg.lstsq(np.vstack([A, ridge]), np.append(y, np.zeros(A.shape[1])), rcond=None)[0]
    off = np.exp(np.abs(y - A @ c))
    words = ", ".join(f"{v:.3g}" for v in c[:5])
    fit = f"{name} = Law({words})  # {len(y)} rows, {np.mean(off < 1.5):.0%} within 1.5"
    return f"{fit}\n{near} = {np.exp(c[5]):.2g}" if near else fit


def placed(row: Row) -> bool:
    """Whether shift-invert found a shift above zero."""
    found = re.search(r"s=([-+.e0-9]+)", row.how)
    return found is not None and float(found[1]) > 0.0


def left(row: Row) -> float:
    """sqrt(1 - s / lambda_min) for the shift that the plan expects, where there was one."""
    share = shift_invert.placed(problem(row.cell), "float64") if placed(row) else 0.0
    return math.sqrt(1.0 - share)


def laws(rows: list[Row]) -> Iterator[str]:
    """Of all routes."""

    def of(method: str, count: str, keep: Callable[[Stage], bool]) -> Iterator[tuple[Row, float]]:
        for row in rows:
            if row.method == method and good(row):
                yield from ((row, s[count]) for s in stages(row) if keep(s))

    def resolved(s: Stage) -> bool:
        return s.last and s.row.status == "resolved"

    def kept(s: Stage) -> bool:
        return s.last and s.row.status != "rounding-limited"

    def rounded(hidden: bool) -> Callable[[Stage], bool]:
        return lambda s: (
            s.last and s.row.status == "rounding-limited" and problem(s.row.cell).hidden is hidden
        )

    def taken(choice: str) -> Callable[[Stage], bool]:
        return lambda s: kept(s) and preconditioned.preconditioner(problem(s.row.cell))[0] == choice

    yield "lanczos.py"
    yield law("RESOLVED", of("lanczos", "applications", resolved))
    for name, hidden in (("ROUNDED", False), ("HIDDEN", True)):
        yield law(name, of("lanczos", "applications", rounded(hidden)))
    yield law("GIVEN_UP", of("lanczos", "applications", lambda s: not s.last))
    yield law(
        "REFINING",
        of("lanczos", "fast_applications", lambda s: resolved(s) and s.dtype in SINGLE),
    )
    yield "preconditioned.py"
    yield law(
        "LOW_DEGREE",
        (
            (row, count / preconditioned.parity_factor(problem(row.cell)))
            for row, count in of("preconditioned", "applications", taken("low-degree"))
        ),
    )
    yield law(
        "LANDMARKS",
        of("preconditioned", "applications", taken("landmarks")),
    )
    yield law(
        "REFINING",
        of("preconditioned", "fast_applications", lambda s: resolved(s) and s.dtype in SINGLE),
    )
    yield law(
        "NEIGHBOURS",
        of(
            "preconditioned",
            "applications",
            lambda s: taken("sparse")(s) and problem(s.row.cell).span > TREE_UP_TO,
        ),
    )
    for count in ("applications", "fast_applications"):
        for row, products in of("preconditioned", count, taken("sparse")):
            p = problem(row.cell)
            if p.span <= TREE_UP_TO:
                yield f"# sparse, {row.cell}, order {p.probe.order:g}, d'={p.span}: {products:.0f} {count}"
    yield "shift_invert.py"
    yield law("RESOLVED", of("shift-invert", "solves", resolved), "NEAR")
    yield law("HIDDEN", of("shift-invert", "solves", rounded(True)))
    for dtype in ("float32", "float64"):
        exact = [
            s["products"]
            for r in rows
            if r.method == "shift-invert" and good(r)
            for s in stages(r)
            if resolved(s) and s.dtype == dtype
        ]
        if exact:
            yield f"EXACT[{dtype!r}] = {np.mean(exact):.1f}"


# -- what is spent beyond the count ----------------------------------------------------------------


def pieces(row: Row) -> dict[str, Work]:
    """The pieces of a row's run with the counts that it had."""
    p, total = problem(row.cell), dict[str, Work]()

    def add(more: dict[str, Work]) -> None:
        for name, work in more.items():
            total[name] = total.get(name, Work()) + work

    if row.method == "dense":
        add(dense.pieces(p))
    for s in stages(row):
        if row.method == "shift-invert":
            add(shift_invert.pieces(p, s.dtype, 1.0, s["solves"], s["products"]))
        elif row.method in ("lanczos", "preconditioned"):
            route = lanczos if row.method == "lanczos" else preconditioned
            counts = s["applications"], s["fast_applications"], s["exact_applications"]
            add(route.pieces(p, "packed", s.dtype, *counts))
    return total


def sparse_inverse_in(row: Row) -> bool:
    """Whether the preconditioner is a sparse inverse."""
    return (
        row.method == "preconditioned"
        and preconditioned.preconditioner(problem(row.cell))[0] == "sparse"
    )


def factors(rows: list[Row]) -> Iterator[str]:
    """Of all routes."""
    from scipy.optimize import nnls

    for method in ("dense", "lanczos", "preconditioned", "sparse", "shift-invert"):
        A, names = [], list[str]()
        for row in rows:
            # a factor that broke down has left no count, nor has what is set apart
            broken = row.status == "rounding-limited"
            own = "sparse" if sparse_inverse_in(row) else row.method
            if own != method or not good(row) or broken:
                continue
            found = pieces(row)
            names = list(found)
            rates = rates_of(row)
            A.append([rates.seconds(w) / row.seconds for w in found.values()])
        if len(A) < 8:
            continue
        B = np.array(A)
        scale = np.linalg.norm(B, axis=0)
        c = nnls(B / scale, np.ones(len(B)))[0] / scale
        off = np.exp(np.abs(np.log(B @ c)))
        yield f"{method}: {len(B)} rows, {np.mean(off < 1.5):.0%} within 1.5"
        yield "    " + ", ".join(names) + " = " + ", ".join(f"{v:.2g}" for v in c)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", type=Path, default=default_csv())
    o = parser.parse_args()
    rows = read(o.csv)
    print(f"{len(rows)} rows of {o.csv}\n")
    for line in (*laws(rows), "", *factors(rows)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
