"""The study: how the activation and the dimension of the data decide the smallest eigenvalue.

Generated points, one set of low dimension and one of high dimension; the G-matrix of each
activation; its spectrum, and its smallest eigenvalue as the dimension grows. Kinked activations
keep their smallest eigenvalue in low dimension, smooth ones lose it; in high dimension they are
alike.

An eigenvalue at or below n eps lambda_max is noise of float64: it is given as "<= floor".
"""

from __future__ import annotations

import math
import textwrap
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tables import csv_text
from ..activations import Activation, activation
from ..data.generated import generate
from ..errors import PrecisionWarning
from ..kernels import gradient_kernel
from .ask import ACTIVATIONS, kind_of
from .grid import label_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED = 20
POINTS = 300
LOW, AMBIENT, HIGH = 3, 10, 50
DIMENSIONS = (2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30)
QUICK_POINTS, QUICK_DIMENSIONS = 80, (2, 3, 5, 8, 14, 30)
EPS = float(np.finfo(np.float64).eps)
INSTALL = "python -m pip install 'mehler[plot]'"


@dataclass(frozen=True)
class Row:
    """One eigenvalue of the study.

    Attributes
    ----------
    experiment
        'spectrum' or 'dimension'.
    data, n, d, span
        Kind of points, their number, coordinates, and dimension of their span.
    activation
        Name.
    rank
        1 for the largest eigenvalue, n for the smallest.
    value
        The eigenvalue, or the floor where nothing above it can be seen.
    floor, resolved
        n eps lambda_max, and whether the value is above it.
    """

    experiment: str
    data: str
    n: int
    d: int
    span: int
    activation: str
    rank: int
    value: float
    floor: float
    resolved: bool

    def record(self) -> dict[str, Any]:
        """A row of a table."""
        return asdict(self)


@dataclass(frozen=True)
class Study:
    """The outcome: every eigenvalue as a row, and what follows from them.

    Attributes
    ----------
    rows
        Tidy table.
    activations, kinds
        Names, in the order of the tables, and what the derivative of each does at its kinks.
    n, seed, seconds
        Points in each set, seed, and run time.
    """

    rows: tuple[Row, ...]
    activations: tuple[str, ...]
    kinds: tuple[str, ...]
    n: int
    seed: int
    seconds: float

    def of_kind(self, kind: str) -> list[str]:
        """Activations of one kind: 'slope jumps', 'curvature jumps' or 'smooth'."""
        return [a for a, k in zip(self.activations, self.kinds, strict=True) if k == kind]

    def smallest(self, experiment: str, name: str, span: int) -> Row:
        """The row of the smallest eigenvalue."""
        found = [
            r
            for r in self.rows
            if r.experiment == experiment and r.activation == name and r.span == span
        ]
        return max(found, key=lambda r: r.rank)

    def largest(self, name: str, span: int) -> float:
        """lambda_max of a spectrum."""
        return next(
            r.value
            for r in self.rows
            if r.experiment == "spectrum" and r.activation == name and r.span == span
        )

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Dimensions of the second experiment."""
        return tuple(sorted({r.span for r in self.rows if r.experiment == "dimension"}))

    @property
    def spans(self) -> tuple[int, int]:
        """Low and high dimension of the first experiment."""
        found = sorted({r.span for r in self.rows if r.experiment == "spectrum"})
        return found[0], found[-1]

    def ratio(self, span: int) -> float:
        """Smallest lambda_min of an activation whose slope jumps over the largest of a smooth one.

        A smooth one at its floor counts as the floor, so the true ratio is at least this.
        """
        kinked = [self.smallest("spectrum", a, span) for a in self.of_kind("slope jumps")]
        smooth = [self.smallest("spectrum", a, span) for a in self.of_kind("smooth")]
        return min(r.value for r in kinked) / max(r.value for r in smooth)

    def conclusion(self) -> str:
        """One sentence, computed from the numbers."""
        kinked = ", ".join(self.of_kind("slope jumps"))
        smooth = ", ".join(self.of_kind("smooth"))
        if not kinked or not smooth:
            return "The activations are all of one kind; there is nothing to compare."
        low, high = self.spans
        return (
            f"In {low} dimensions the smallest eigenvalue of every activation whose slope jumps "
            f"({kinked}) is at least {_times(self.ratio(low))} times that of every smooth one "
            f"({smooth}); in {high} dimensions the factor is {_times(self.ratio(high))}."
        )

    def ends(self, name: str) -> tuple[str, ...]:
        """Name, kink, and both ends of both spectra, as texts."""
        kind = self.kinds[self.activations.index(name)]
        cells = [
            (f"{self.largest(name, s):.2e}", _text(self.smallest("spectrum", name, s)))
            for s in self.spans
        ]
        return (name, kind, *(text for pair in cells for text in pair))

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "n": self.n,
            "seed": self.seed,
            "seconds": self.seconds,
            "activations": list(self.activations),
            "conclusion": self.conclusion(),
            "rows": [asdict(r) for r in self.rows],
        }

    def to_csv(self) -> str:
        """The rows as CSV."""
        return csv_text(list(Row.__annotations__), map(asdict, self.rows))

    def __str__(self) -> str:
        low, high = self.spans
        lines = [
            f"Spectrum of the G-matrix, {self.n} random unit points (seed {self.seed}) that span {low} of",
            f"{AMBIENT} dimensions, and {high} of {high}",
            "",
            f"{'':12}{'':18}{f'{low} dimensions':>24}{f'{high} dimensions':>24}",
            f"{'activation':12}{'kink':18}" + f"{'largest':>10}{'smallest':>14}" * 2,
        ]
        for name, kind in zip(self.activations, self.kinds, strict=True):
            cells = "".join(
                f"{self.largest(name, s):>10.2e}{_text(self.smallest('spectrum', name, s)):>14}"
                for s in self.spans
            )
            lines.append(f"{name:12}{kind:18}{cells}")
        head = "".join(f"{name:>12}" for name in self.activations)
        title = f"Smallest eigenvalue as the dimension grows ({self.n} other points of each sphere)"
        lines += ["", title, "", f"{'dimension':12}{head}"]
        for d in self.dimensions:
            row = (_text(self.smallest("dimension", a, d)) for a in self.activations)
            lines.append(f"{d:<12}" + "".join(f"{cell:>12}" for cell in row))
        lines += ["", *textwrap.wrap(self.conclusion(), 92)]
        if any(not r.resolved for r in self.rows if r.experiment == "dimension" or r.rank == r.n):
            lines.append("<= marks what float64 cannot see: the eigenvalue is no larger than that.")
        return "\n".join(lines)


def run_study(
    n: int | None = None,
    seed: int = SEED,
    quick: bool = False,
    activations: Sequence[str | Activation] = ACTIVATIONS,
    threads: int | None = None,
    report: Callable[[str], None] | None = None,
) -> Study:
    """Generate the points and compute every eigenvalue; deterministic for a seed.

    Parameters
    ----------
    n
        Points in each set; 300, or 80 when quick.
    seed
        Seed of the points.
    quick
        Fewer points and dimensions: seconds instead of a minute.
    activations
        Names from the catalogue, or Activation objects.
    threads
        Threads of the solver.
    report
        Called with a line of progress.
    """
    from ..eigen import min_eig
    from ..eigenpairs import eigsh
    from ..operators.gram import gram

    if n is None:
        n = QUICK_POINTS if quick else POINTS
    if n < 2:
        raise ValueError(f"a study needs at least two points; got n={n}.")
    start, say = time.perf_counter(), report or (lambda line: None)
    kernels = {label_of(a): gradient_kernel(activation(a)) for a in activations}
    rows: list[Row] = []
    sets = (("subspace-random", AMBIENT, LOW), ("sphere-random", HIGH, HIGH))
    for k, (kind, d, span) in enumerate(sets):
        X = generate(kind, n, d, span=span, rng=np.random.default_rng([seed, k]))
        for name, kernel in kernels.items():
            say(f"spectrum of {name} in {span} dimensions")
            values = np.linalg.eigvalsh(kernel(X))[::-1]
            floor = n * EPS * float(values[0])
            rows += [
                Row(
                    "spectrum", kind, n, d, span, name, rank, max(float(v), floor), floor, v > floor
                )
                for rank, v in enumerate(values.tolist(), 1)
            ]
    for d in QUICK_DIMENSIONS if quick else DIMENSIONS:
        say(f"smallest eigenvalues in {d} dimensions")
        X = generate("sphere-random", n, d, rng=np.random.default_rng([seed, 2, d]))
        for name, kernel in kernels.items():
            with warnings.catch_warnings():  # the table says what is not resolved
                warnings.simplefilter("ignore", PrecisionWarning)
                r = min_eig(X, kernel, precision="double", threads=threads, rng=seed)
                K = gram(X, kernel, threads=threads)
                top = eigsh(K, k=1, which="LA", tol=1e-2, rng=seed, threads=threads)
            if r.interrupted or top.interrupted:
                raise KeyboardInterrupt
            floor = max(float(r.floor), n * EPS * float(top.value))
            seen = bool(r.value > floor)
            value = float(r.value) if seen else floor
            rows.append(Row("dimension", "sphere-random", n, d, d, name, n, value, floor, seen))
    seconds = time.perf_counter() - start
    kinds = tuple(kind_of(a) for a in activations)
    return Study(tuple(rows), tuple(kernels), kinds, n, seed, seconds)


def figure(study: Study) -> Figure:
    """Spectra on the left, smallest eigenvalue against dimension on the right."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from ..plots import STYLE

    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        fig = Figure(figsize=(11.0, 4.8), dpi=160, layout="constrained")
        FigureCanvasAgg(fig)
        draw(fig, study)
    return fig


def draw(fig: Figure, study: Study) -> None:
    """The same into an empty figure."""
    from ..plots import plot_dimension, plot_spectrum

    low, high = study.spans
    left, right = fig.subplots(1, 2)
    for span, line in ((high, {"lw": 1.0, "alpha": 0.5, "ls": (0, (4, 2))}), (low, {})):
        spectra: dict[str, Any] = {}
        floors: dict[str, float] = {}
        for name in study.activations:
            chosen = [
                r
                for r in study.rows
                if (r.experiment, r.activation, r.span) == ("spectrum", name, span)
            ]
            floors[name] = chosen[0].floor
            spectra[name] = np.array([r.value for r in chosen])
        plot_spectrum(left, spectra, floors, **line)
    left.set_title(f"Spectra: points in {low} dimensions (solid), in {high} (dashed)")
    found = {a: [study.smallest("dimension", a, d) for d in study.dimensions]
             for a in study.activations}  # fmt: skip
    plot_dimension(
        right,
        np.array(study.dimensions),
        {a: np.array([r.value for r in rows]) for a, rows in found.items()},
        {a: np.array([r.floor for r in rows]) for a, rows in found.items()},
    )
    right.set_title("Smallest eigenvalue against the dimension")
    right.set_xticks(study.dimensions, [str(d) for d in study.dimensions])
    right.minorticks_off()
    handles, labels = right.get_legend_handles_labels()
    fig.legend(handles, labels, frameon=False, loc="outside upper center", ncols=len(labels))
    fig.supxlabel(caption(study), x=0.99, ha="right", fontsize="small", color="#606060")


def caption(study: Study) -> str:
    """What a picture needs to be made again: points, dimensions, seed."""
    low = next(r for r in study.rows if r.experiment == "spectrum" and r.span == study.spans[0])
    first, *_, last = study.dimensions
    return (
        f"G-matrix, infinite width; n = {study.n} random unit points a set, seed {study.seed}; "
        f"left: d = {low.d} (of which they span {low.span}) and d = {study.spans[1]}; "
        f"right: d = {first} to {last}"
    )


def save(study: Study, folder: Path) -> tuple[list[Path], str]:
    """Write study.csv and study.png.

    Returns
    -------
    list of Path, str
        What was written, and why the picture was not (empty when it was).
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "study.csv"
    table.write_text(study.to_csv(), encoding="utf-8")
    try:
        fig = figure(study)
    except ImportError:
        return [table], f"no picture: matplotlib is not installed; {INSTALL}"
    picture = folder / "study.png"
    fig.savefig(picture)
    return [table, picture], ""


def _text(row: Row) -> str:
    return f"{row.value:.2e}" if row.resolved else f"<= {row.value:.0e}"


def _times(ratio: float) -> str:
    """Two digits, rounded down: the sentence says "at least"."""
    unit = 10.0 ** (math.floor(math.log10(ratio)) - 1)
    down = math.floor(ratio / unit * (1.0 + 4.0 * EPS)) * unit
    return f"{down:.2g}" if ratio < 100.0 else f"{down:,.0f}"
