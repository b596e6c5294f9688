"""What the study measures, in its order; cut short it keeps what it has."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..._arrays import Array
from ...activations import Activation
from ..ask import Ask
from ..grid import label_of
from ..targets import targets
from . import conjugate, data
from .data import CapRow, DataRow
from .readout import ReadOut
from .ridgelet import RIDGELET, gaussian_tail, tail
from .table import Row, draws, width_errors
from .target import bumps

ACTIVATIONS: tuple[str | Activation, ...] = ("sigmoid", "tanh", "relu", RIDGELET)
RANGES, QUICK_RANGES = (1.0, 10.0, 50.0, 100.0, 200.0), (1.0, 10.0, 100.0)
WIDEST, HALVINGS, QUICK_HALVINGS = 400, 4, 2
SEEDS, QUICK_SEEDS = 9, 3
POINTS, QUICK_POINTS = 1000, 400
CAPS, QUICK_CAPS = (1.0, 1e2, 1e4, 1e6), (1.0, 1e3, 1e6)
TAIL_RANGES = np.geomspace(0.5, 1000.0, 60)
NOISE = 0.02  # standard deviation, of the labels of the ridge path
RIDGES = np.logspace(-14.0, 2.0, 65)
# Of data.
DATA_RANGES = (0.1, 1.0, 10.0)
DATA_WIDTH, QUICK_DATA_WIDTH = 1000, 200
DATA_POINTS, QUICK_DATA_POINTS = 10_000, 480
DATA_CAPS = (1.0, 10.0, 100.0, 1e3, 1e4)


@dataclass(frozen=True)
class BandRow:
    """The target's share outside the band, by quadrature, and that of a Gaussian of scale 1."""

    lam: float
    tau: float
    gaussian: float


@dataclass(frozen=True)
class PathRow:
    """One ridge of one layer: errors on the noisy points that were fitted, and on the grid without noise."""

    activation: str
    lam: float
    ridge: float
    fitted: float
    tested: float
    norm: float


@dataclass(eq=False)
class Found:
    """What is known so far."""

    ask: Ask
    activations: tuple[str | Activation, ...]
    ranges: tuple[float, ...]
    widths: tuple[int, ...]
    seeds: int
    n: int
    rows: list[Row] = field(default_factory=list)
    band: list[BandRow] = field(default_factory=list)
    caps: list[CapRow] = field(default_factory=list)
    paths: list[PathRow] = field(default_factory=list)
    data_text: str = ""
    data_rows: list[DataRow] = field(default_factory=list)
    data_caps: list[CapRow] = field(default_factory=list)
    labels: str = ""
    classes: bool = True
    fitted: int = 0
    tested: int = 0
    left_out: list[str] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the activations."""
        return tuple(label_of(a) for a in self.activations)

    def cell(self, name: str, lam: float, width: int) -> tuple[float, float]:
        """Median error and median rank over seeds; NaN where nothing was reached."""
        mine = [r for r in self.rows if (r.activation, r.lam, r.width) == (name, lam, width)]
        if not mine:
            return math.nan, math.nan
        return float(np.median([r.rmse for r in mine])), float(np.median([r.rank for r in mine]))


def posed(ask: Ask) -> Found:
    """What will be measured."""
    widest = ask.width or WIDEST
    halvings = QUICK_HALVINGS if ask.quick else HALVINGS
    step = 4 if ask.quick else 2
    widths = sorted({max(widest // step**k, 1) for k in range(halvings + 1)})
    own = ask.n if ask.X is None else None  # with points of the user's n is about those
    return Found(
        ask,
        ask.activations if ask.chosen else ACTIVATIONS,
        QUICK_RANGES if ask.quick else RANGES,
        tuple(widths),
        QUICK_SEEDS if ask.quick else SEEDS,
        own or (QUICK_POINTS if ask.quick else POINTS),
    )


def measured(found: Found) -> bool:
    """Everything; true when it was cut short."""
    try:
        for step in (of_widths, of_band, of_caps, of_paths, of_data):
            step(found)
    except KeyboardInterrupt:
        return True
    return False


def of_widths(found: Found) -> None:
    """Error against width and range."""
    for act, name in zip(found.activations, found.names, strict=True):
        for lam in found.ranges:
            found.ask.say(f"{name}, weights in [-{lam:g}, {lam:g}], {found.seeds} draws")
            for k in range(found.seeds):
                made = width_errors(act, lam, found.widths, found.ask.seed + k, found.n)
                found.rows += [Row(name, *(getattr(r, f) for f in FIELDS)) for r in made]


FIELDS = ("lam", "width", "seed", "rmse", "norm", "rank")


def of_band(found: Found) -> None:
    """tau of the target, and of a Gaussian."""
    found.ask.say("the target's share outside the band")
    at = np.unique(np.concatenate([TAIL_RANGES, found.ranges]))
    share, closed = tail(bumps, at, (-1.0, 2.0)), gaussian_tail(at)
    found.band = [BandRow(*map(float, row)) for row in zip(at, share, closed, strict=True)]


def of_caps(found: Found) -> None:
    """The best that coefficients of norm B do, and the bound, of the widest layer of the first draw."""
    found.ask.say("lower bounds from Gram spectra")
    for act, name in zip(found.activations, found.names, strict=True):
        for lam in found.ranges:
            x, layer = draws(act, lam, max(found.widths), found.ask.seed, found.n)
            fit = ReadOut(layer(x), bumps(x))
            for B in QUICK_CAPS if found.ask.quick else CAPS:
                low, best = fit.lower_bound(B), fit.capped(B).residual
                found.caps.append(
                    CapRow(
                        name,
                        lam,
                        layer.width,
                        B,
                        low.value / fit.norm,
                        best / fit.norm,
                        low.directions,
                    )
                )


def of_paths(found: Found) -> None:
    """Paths of ridges on noisy labels, each from one decomposition."""
    found.ask.say("ridge paths")
    grid = np.linspace(0.0, 1.0, 300)
    truth = bumps(grid)
    for act, name in zip(found.activations, found.names, strict=True):
        for lam in (found.ranges[0], found.ranges[-1]):
            x, layer = draws(act, lam, max(found.widths), found.ask.seed, found.n)
            noise = np.random.default_rng([found.ask.seed, 902]).standard_normal(len(x))
            fit = ReadOut(layer(x), bumps(x) + NOISE * noise)
            unit = float(fit.singular_values[0] ** 2)
            path = fit.path(RIDGES * unit)
            tested = np.sqrt(np.mean((path.predict(layer(grid)) - truth) ** 2, axis=1))
            fitted = path.residuals / math.sqrt(len(x))
            found.paths += [
                PathRow(name, lam, *map(float, row))
                for row in zip(RIDGES, fitted, tested, path.norms, strict=True)
            ]


def of_data(found: Found) -> None:
    """The same question of a data set."""
    from ...data.points import normalize

    ask = found.ask
    try:
        X, labels, found.data_text = data_of(ask)
    except ImportError as problem:
        found.left_out.append(f"The part about data is left out: {problem}")
        return
    s = data.split(normalize(X), targets(labels, len(X), ask.seed), ask.seed)
    found.labels, found.classes = s.targets.text, s.targets.classes is not None
    found.fitted, found.tested = len(s.fitted), len(s.tested)
    widest = ask.width or (QUICK_DATA_WIDTH if ask.quick else DATA_WIDTH)
    widths = tuple(sorted({max(widest // 4**k, 1) for k in range(3)}))
    for act, name, lam in settings(found):
        ask.say(f"data: {name}, weights of the range {lam:g}")
        rows, caps = data.finite_widths(s, act, lam, widths, "normal", ask.seed, DATA_CAPS)
        found.data_rows += rows
        found.data_caps += caps
        found.data_rows += data.finite_widths(s, act, lam, widths[-1:], "box", ask.seed)[0]
        row, caps = conjugate.kernel_limit(s, act, lam, DATA_CAPS, ask.threads, ask.seed)
        found.data_rows.append(row)
        found.data_caps += caps


def settings(found: Found) -> Iterator[tuple[str | Activation, str, float]]:
    """Activations, their names, ranges."""
    for act, name in zip(found.activations, found.names, strict=True):
        for lam in DATA_RANGES:
            yield act, name, lam


def data_of(ask: Ask) -> tuple[Array, Any, str]:
    """Points, labels, and what they are."""
    if ask.X is not None:
        points = ask.points("circle-half", 0, 0, 0)  # the user's, as many as were asked for
        if ask.n is None and len(points.X) > DATA_POINTS:
            points = points.first(DATA_POINTS)
        return points.X, ask.labels, points.text
    X, labels = data.digits()
    n = min(len(X), QUICK_DATA_POINTS if ask.quick else len(X))
    part = "" if n == len(X) else f"the first {n:,} of "
    return X[:n], labels[:n], f"{part}{len(X):,} digits of scikit-learn, d = {X.shape[1]}"
