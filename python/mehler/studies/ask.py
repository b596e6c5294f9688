"""What a study is asked: points of the user's or generated ones, activations, how many, which seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays import Array
from ..activations import Activation, activation
from ..data.generated import generate
from ..result import above
from .grid import label_of
from .table import SweepRow

ACTIVATIONS = ("relu", "selu", "elu", "tanh", "swish")
TOL = 1e-3  # as much as a picture shows
MOST_PERCENT = 10.0  # times a number that a difference from it is still a percentage
MOST_OF_FILE = 200  # rows of the user's that a quick study takes


@dataclass(frozen=True, eq=False)
class Ask:
    """One study, asked.

    Attributes
    ----------
    X
        Points (N, d), or None: every study generates its own.
    source
        Where they come from, in words.
    activations
        Names or Activation objects.
    n
        Number of points; None: as the study chooses, and all of X.
    seed
        Of points and weights.
    quick
        Fewer points, fewer steps.
    threads
        Of the solver.
    say
        Takes a line of progress.
    labels
        Of all of X, one row each, or None: random signs.
    width, steps
        Of what is trained; None: as the study has it.
    time_limit
        Seconds, or None.
    chosen
        Whether the activations were named; else they are the default five.
    """

    X: Array | None
    source: str
    activations: tuple[str | Activation, ...]
    n: int | None
    seed: int
    quick: bool
    threads: int | None
    say: Callable[[str], None]
    labels: Any = None
    width: int | None = None
    steps: int | None = None
    time_limit: float | None = None
    chosen: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Of the activations."""
        return tuple(label_of(a) for a in self.activations)

    def count(self, full: int, quick: int) -> int:
        """How many generated points."""
        return self.n or (quick if self.quick else full)

    def points(self, kind: str, n: int, d: int, stream: int, span: int | None = None) -> Points:
        """The points of the user, or generated ones.

        Parameters
        ----------
        kind, n, d, span
            As in :func:`generate`.
        stream
            Which stream of the seed.
        """
        if self.X is None:
            rng = np.random.default_rng([self.seed, stream])
            X = generate(kind, n, d, span=span, rng=rng)
            return Points(X, f"{n} generated points, {KINDS[kind].format(d=span or d)}", True)
        most = min(len(self.X), MOST_OF_FILE) if self.quick else len(self.X)
        most = min(self.n or most, len(self.X))
        part = "" if most == len(self.X) else f"the first {most:,} of "
        return Points(
            self.X[:most],
            f"{part}{len(self.X):,} points of {self.source}, d = {self.X.shape[1]}",
            False,
        )

    def of(self, X: Array) -> Ask:
        """The same question about fewer of the points."""
        return dataclasses.replace(self, X=X, n=None)

    def asked(self, points: str, **more: Any) -> dict[str, Any]:
        """For the foot of the page."""
        return {
            "points": points,
            "file": self.source or None,
            "n": self.n,
            "seed": self.seed,
            "activations": list(self.names),
            "quick": self.quick,
            **more,
        }


@dataclass(frozen=True, eq=False)
class Points:
    """Points and what they are."""

    X: Array
    text: str
    generated: bool

    def first(self, n: int) -> Points:
        """The first n of them."""
        if n >= len(self.X):
            return self
        return dataclasses.replace(self, X=self.X[:n], text=f"the first {n:,} of {self.text}")


KINDS = {
    "circle-half": "equally spaced on a half circle (d' = 2)",
    "circle-full": "equally spaced on a circle (d' = 2)",
    "sphere-random": "random on the sphere of d' = {d} dimensions",
    "subspace-random": "random on the sphere of a subspace of d' = {d} dimensions",
}


def kind_of(act: str | Activation) -> str:
    """'slope jumps', 'curvature jumps' or 'smooth': what the derivative does at kinks."""
    entry = activation(act)
    if not entry.kinks:
        return "smooth"
    slope, h = entry.derivative(), 1e-9
    jumps = (
        abs(float(slope(np.array(c + h))) - float(slope(np.array(c - h)))) for c in entry.kinks
    )
    return "slope jumps" if any(j > 1e-6 for j in jumps) else "curvature jumps"


def times(x: float) -> str:
    """A factor in two digits: "170", "4,100", "3.3e+07"."""
    return f"{float(f'{x:.2g}'):,.0f}" if 10.0 <= x < 1e6 else f"{x:.2g}"


def beside(ratio: float, digits: str = ".2g") -> str:
    """How far a number is from another, by their ratio: "+3.1 %"; beyond 1000 % a factor, "4,300 times"."""
    if not abs(ratio - 1.0) <= MOST_PERCENT:
        return f"{times(ratio)} times"
    return f"{100.0 * (ratio - 1.0):+{digits}} %"


def neurons(m: int | None) -> str:
    """A width: "10,691", "5.5e+19", "-"."""
    return "-" if m is None else f"{m:,}" if m < 10**9 else f"{float(m):.2g}"


def seen(row: SweepRow) -> float:
    """The value of a row where it is known, else NaN."""
    return row.value if row.status == "resolved" else float("nan")


def at_most(row: SweepRow) -> float:
    """What an unresolved row is at most; NaN of a resolved one and of one that was not run."""
    if row.status == "resolved" or not row.finished or not row.upper > 0.0:
        return float("nan")
    return float(row.upper) if np.isfinite(row.upper) else float("nan")


def text_of(row: SweepRow | None) -> str:
    """A cell: the value, "<= bound", or "-" where nothing is known."""
    if row is None:
        return "-"
    if row.status == "resolved":
        return f"{row.value:.2e}"
    bound = at_most(row)
    return "-" if np.isnan(bound) else f"<= {above(bound, 2)}"
