"""The grid of the plan: every method on random points of the sphere, one process a run, one row a run.

    python bench/plan_grid.py --csv grid.csv                # everything that is missing in grid.csv
    python bench/plan_grid.py --csv grid.csv --n 500 1000   # a part of it
    python bench/plan_grid.py --csv grid.csv --n 2000 --d 3 50 --methods lanczos

The file of rows lies outside the repository ($MEHLER_PLAN_CSV, else in the folder for temporary files);
a run that is in it is not made again. bench/fit_plan.py reads the rows for the constants of the cost
model, bench/test_bench_plan.py for its claims, bench/draw_choices.py for its pictures.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import Case

SIZES = (500, 1000, 2000, 5000, 10_000, 20_000)
DIMENSIONS = (3, 10, 50, 784)
ACTIVATIONS = ("relu", "selu", "elu", "tanh", "swish")
SMOOTH = ("tanh", "swish")
PREFIX = "mehler-plan-row "
SCIPY = "scipy"
SCIPY_UP_TO = 10_000
AROUND = 6  # rows before and after
SHORT = 1.0  # seconds: shorter runs are made three times
DENSE_UP_TO = 5000


@dataclass(frozen=True)
class Row:
    """One run of a method on a cell of the grid.

    seconds, cpu: wall time, and that of all threads; peak: resident bytes beyond those before the run;
    nbytes: what the result says; stages: of each solver's run, the seconds, products and basis (JSON);
    rates: of the machine just after (JSON).
    """

    n: int
    d: int
    activation: str
    method: str
    limit: float
    status: str
    seconds: float
    cpu: float
    products: int
    nbytes: int
    peak: int
    value: float
    how: str
    stages: str
    rates: str = "{}"
    error: str = ""

    @property
    def cell(self) -> tuple[int, int, str]:
        return self.n, self.d, self.activation

    @property
    def capped(self) -> bool:
        """Ended by the time limit: it would have taken longer."""
        return self.status == "budget-limited" and self.seconds >= 0.9 * self.limit


def default_csv() -> Path:
    """Where rows are kept."""
    return Path(os.environ.get("MEHLER_PLAN_CSV", Path(tempfile.gettempdir()) / "mehler-plan.csv"))


def read(path: Path) -> list[Row]:
    """All rows, the last of each run."""
    if not path.exists():
        return []
    kinds = {"int": int, "float": float, "str": str}
    found: dict[Any, Row] = {}
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            known = {
                f.name: kinds[str(f.type)](line[f.name]) for f in fields(Row) if f.name in line
            }
            row = Row(**known)
            found[(*row.cell, row.method)] = row
    return settled(list(found.values()))


def settled(rows: list[Row]) -> list[Row]:
    """Rates as the median of those of the rows around, in the order in which they ran: one measurement in ten is
    spoiled by what else the machine does, and its speed changes over minutes, not from run to run."""
    known = [json.loads(row.rates) for row in rows]
    out = []
    for k, row in enumerate(rows):
        near = [r for r in known[max(k - AROUND, 0) : k + AROUND + 1] if r]
        rates = {key: median(r[key] for r in near) for key in near[0]} if near else {}
        out.append(replace(row, rates=json.dumps(rates)))
    return out


def append(path: Path, row: Row) -> None:
    names = [f.name for f in fields(Row)]
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, names)
        if new:
            writer.writeheader()
        writer.writerow(asdict(row))


# -- the child: one run, in a process of its own ---------------------------------------------------


def memory(word: str) -> int:
    """VmRSS or VmHWM of this process."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(word + ":")[1].split()[0]) * 1024


def timed_solvers(stages: list[dict[str, Any]]) -> None:
    """Has every solver of the core leave its seconds and products in ``stages``."""
    from mehler import _core

    counts = (
        "applications",
        "fast_applications",
        "exact_applications",
        "solves",
        "products",
        "basis",
    )

    def wrapped(name: str, solve: Any) -> Any:
        def run(*args: Any) -> Any:
            begin = time.perf_counter()
            found = solve(*args)
            seconds = time.perf_counter() - begin
            if name == "shift_invert" and args[1] is None:  # a block of K, to place the shift
                return found
            known = {key: int(found[key]) for key in counts if key in found}
            stages.append({"solver": name, "seconds": round(seconds, 6)} | known)
            return found

        return run

    for name in ("lanczos", "davidson", "shift_invert"):
        setattr(_core, name, wrapped(name, getattr(_core, name)))


def run_here(n: int, d: int, activation: str, method: str, limit: float) -> Row:
    """The run itself."""
    import warnings

    import mehler as mh

    X = Case("sphere", n, d).points()
    warnings.simplefilter("ignore")
    if method == SCIPY:
        from peers import numpy_gram, scipy_cholesky

        numpy_gram(X[:100])
        solve = lambda points: scipy_cholesky(points)
    else:
        solve = lambda points: mh.min_eig(
            points, activation, method=method, certify="none", time_limit=limit, rng=0
        )
    solve(Case("sphere", 300, d, 1).points())  # libraries, threads and their buffers
    stages: list[dict[str, Any]] = []
    timed_solvers(stages)
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts afresh
    base = memory("VmRSS")
    seconds, cpu = [], []
    while not seconds or (seconds[0] < SHORT and len(seconds) < 3):
        stages.clear()
        begin, used = time.perf_counter(), time.process_time()
        result = solve(X)
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
    peak = max(memory("VmHWM") - base, 1)
    from mehler.planning.rates import rates  # after the run: its memory is not the run's

    speeds = json.dumps(asdict(rates(mh.build_info()["threads"])))
    if method == SCIPY:
        known = ("resolved", result.products or 0, 0, result.value, "NumPy Gram, cho_factor, eigsh")
    else:
        known = (result.status, result.applications, result.nbytes, result.value, result.method)
    return Row(
        n, d, activation, method, limit, known[0], median(seconds), median(cpu), *known[1:3],
        peak, *known[3:], json.dumps(stages), speeds,
    )  # fmt: skip


# -- the parent ------------------------------------------------------------------------------------


def run(n: int, d: int, activation: str, method: str, limit: float) -> Row:
    """A run in a process of its own; one that fails leaves its error."""
    words = [sys.executable, __file__, "--one", str(n), str(d), activation, method, str(limit)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith(PREFIX):
            return Row(**json.loads(line[len(PREFIX) :]))
    last = (done.stderr.strip().splitlines() or ["no output"])[-1]
    return Row(
        n, d, activation, method, limit, "failed", 0.0, 0.0, 0, 0, 0, 0.0, "", "[]", "{}", last
    )


def limit_of(n: int) -> float:
    """Seconds that a method gets, so that the grid ends."""
    return 40.0 if n > 10_000 else 20.0 if n > 5000 else 12.0


def work(
    sizes: Iterable[int] = SIZES,
    dimensions: Iterable[int] = DIMENSIONS,
    activations: Iterable[str] = ACTIVATIONS,
    methods: Iterable[str] | None = None,
) -> Iterator[tuple[int, int, str, str]]:
    """Every run of the grid, in order of size."""
    from mehler.question import METHODS

    chosen = tuple(methods or [m for m in METHODS if m != "auto"] + [SCIPY])
    dimensions, activations = tuple(dimensions), tuple(activations)
    for n in sizes:
        for d in dimensions:
            for activation in activations:
                for method in chosen:
                    if method == "dense" and n > DENSE_UP_TO:
                        continue
                    if method == "sparse-inverse" and activation in SMOOTH:
                        continue  # refused: no kink
                    if method == SCIPY and (activation != "relu" or n > SCIPY_UP_TO):
                        continue
                    yield n, d, activation, method


def collect(
    path: Path,
    jobs: Iterable[tuple[int, int, str, str]],
    say: Any = None,
    patience: float = 1.0,
) -> list[Row]:
    """The rows of these runs; those that are missing are made, and kept."""
    known = {(*row.cell, row.method): row for row in read(path)}
    out = []
    for job in jobs:
        if job not in known:
            known[job] = run(*job, patience * limit_of(job[0]))
            append(path, known[job])
            if say is not None:
                row = known[job]
                say(
                    f"{row.n:6} {row.d:4} {row.activation:6} {row.method:15} {row.seconds:8.3f} s "
                    f"{row.products:5} {row.status} {row.error}"
                )
        out.append(known[job])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", type=Path, default=default_csv())
    parser.add_argument("--n", type=int, nargs="+", default=SIZES)
    parser.add_argument("--d", type=int, nargs="+", default=DIMENSIONS)
    parser.add_argument("--activations", nargs="+", default=ACTIVATIONS)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--patience", type=float, default=1.0, help="times the usual time limit")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.one:
        n, d, activation, method, limit = o.one
        row = run_here(int(n), int(d), activation, method, float(limit))
        print(PREFIX + json.dumps(asdict(row)), flush=True)
        return
    jobs = work(o.n, o.d, o.activations, o.methods)
    collect(o.csv, jobs, lambda line: print(line, flush=True), o.patience)


if __name__ == "__main__":
    main()
