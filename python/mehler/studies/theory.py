"""``bounds``: lower <= lambda_min <= upper, drawn, with what every bound supposes and where it comes from."""

from __future__ import annotations

import math
import time
import warnings
from typing import TYPE_CHECKING

from ..bounds import Bounds, bounds
from ..bounds.bound import LOWER
from ..errors import ConvergenceWarning, PrecisionWarning
from ..plots import look
from . import drawing
from .ask import Ask, Points, neurons
from .report import Picture, Record, Section, StudyReport, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "bounds"
TEXT = "what theory proves of it, from both sides, beside the measured value"
LOW, HIGH = 3, 30
POINTS, QUICK_POINTS = 200, 100
SHOWN = 1e-9  # of the largest value of a picture: what is smaller stands at its edge

Found = dict[str, Bounds]


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    start = time.perf_counter()
    n = ask.count(POINTS, QUICK_POINTS)
    sets = [ask.points("sphere-random", n, LOW, 400)]
    if sets[0].generated:
        sets.append(ask.points("sphere-random", n, HIGH, 401))
    found: list[tuple[Points, Found]] = []
    cut = False
    for points in sets:
        of: Found = {}
        found.append((points, of))
        try:
            for name, act in zip(ask.names, ask.activations, strict=True):
                ask.say(f"bounds of {name}, {points.text}")
                with warnings.catch_warnings():  # the table says what was not measured
                    for ours in (ConvergenceWarning, PrecisionWarning):
                        warnings.simplefilter("ignore", ours)
                    of[name] = bounds(points.X, act, threads=ask.threads)
        except KeyboardInterrupt:
            cut = True
            break
    found = [(points, of) for points, of in found if of]
    return StudyReport(
        which=NAME,
        title="What does theory say of the smallest eigenvalue?",
        conclusions=conclusions(found),
        sections=tuple(section(k, points, of) for k, (points, of) in enumerate(found)),
        records={"": records(found)},
        asked=ask.asked("; ".join(points.text for points, _ in found)),
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )


def section(k: int, points: Points, found: Found) -> Section:
    """Picture and tables of one set."""
    first = next(iter(found.values()))
    delta = "" if first.separation is None else f", separation {first.separation:.3g}"
    rows = [
        (a, r.name, r.direction, f"{r.value:.3g}", r.detail, r.hypothesis, r.source)
        for a, b in found.items()
        for r in sorted(
            b.rows, key=lambda r: (r.direction, -r.value if r.direction == LOWER else r.value)
        )
    ]
    reported = [
        (a, r.name, r.formula, f"{r.shape:.3g}", r.source)
        for a, b in found.items()
        for r in b.reported
    ]
    parts: list[str | Picture | Table] = [
        f"{points.text[0].upper()}{points.text[1:]}: {first.n:,} points that span {first.span} dimensions{delta}.",
        Picture(
            "" if k == 0 else "high",
            "Proved from below, measured, proved from above",
            "For every activation the best lower bound, the measured smallest eigenvalue and the best upper bound on a logarithmic axis: "
            + "; ".join(
                f"{a}: {b.lower:.2g} <= {'not measured' if b.measured is None else f'{b.measured:.3g}'} <= {b.upper:.2g}"
                for a, b in found.items()
            ),
            "Bar: from the best lower to the best upper bound; dot: measured; ticks: the other bounds. An arrow at the left edge: the lower "
            "bound is smaller than the axis shows.",
            lambda fig: draw(fig, found),
            (7.6, 1.5 + 0.55 * len(found)),
        ),
        Table(
            "The best of both sides",
            (
                "activation",
                "lower",
                "measured",
                "upper",
                "measured / lower",
                "layers",
                "neurons",
            ),
            tuple((a, *_row(b)) for a, b in found.items()),
            "Layers: that make it at least half of the diagonal (standardised activation); neurons: that keep half of the lower bound with "
            "probability 0.99. Both are enough, and may be far from necessary.",
        ),
        Table(
            "Every bound, its hypothesis and its source",
            ("activation", "bound", "side", "value", "attained at", "supposes", "source"),
            tuple(rows),
            "; ".join(dict.fromkeys(text for b in found.values() for text in b.left_out)),
            False,
        ),
    ]
    if reported:
        parts.append(
            Table(
                "Reported rates whose constants are not known: shapes with the constant one, no bounds",
                ("activation", "rate", "formula", "shape", "source"),
                tuple(reported),
                printed=False,
            )
        )
    return Section(f"{first.span} dimensions", tuple(parts))


def _row(b: Bounds) -> tuple[str, ...]:
    m = b.measured
    return (
        f"{b.lower:.3g}",
        "-" if m is None else f"{m:.3g}",
        f"{b.upper:.3g}",
        f"{m / b.lower:.3g}" if m is not None and b.lower > 0.0 else "-",
        f"{b.depth_needed:,}" if b.depth_needed else "-",
        neurons(b.width_needed),
    )


def conclusions(found: list[tuple[Points, Found]]) -> tuple[str, ...]:
    """Sentences computed from the numbers."""
    out = []
    for _, of in found:
        span = next(iter(of.values())).span
        gaps = {
            a: b.measured / b.lower
            for a, b in of.items()
            if b.measured is not None and b.lower > 0.0
        }
        known = sum(b.measured is not None for b in of.values())
        words = ", ".join(f"{a} {g:.3g}" for a, g in gaps.items())
        out.append(
            f"Points that span {span} dimensions: lower <= measured <= upper for all {known} activations that were measured; "
            f"the measured value over the best lower bound is {words}."
        )
    return tuple(out) or ("Nothing was reached.",)


def records(found: list[tuple[Points, Found]]) -> list[Record]:
    """Tidy rows: one a bound."""
    return [
        {"points": points.text, "span": b.span, "activation": a, **r, "measured": b.measured}
        for points, of in found
        for a, b in of.items()
        for r in b.records()
    ]


def draw(fig: Figure, found: Found) -> None:
    """A bar an activation."""
    ax = fig.subplots()
    top = max(b.upper for b in found.values() if math.isfinite(b.upper))
    measured = [b.measured for b in found.values() if b.measured]
    left = 0.03 * min([*measured, top], default=top)
    left = max(left, SHOWN * top) if not measured else min(left, 0.1 * top)
    for place, (name, b) in enumerate(found.items()):
        y, style = -place, look(name, place)
        low = max(b.lower, left)
        ax.plot(
            [low, b.upper],
            [y, y],
            color=style["color"],
            lw=7,
            alpha=0.3,
            solid_capstyle="butt",
            zorder=2,
        )
        for r in b.rows:
            if r.value >= left:
                best = r.value == (b.lower if r.direction == LOWER else b.upper)
                ax.plot(
                    r.value,
                    y,
                    "|",
                    color=style["color"],
                    ms=17 if best else 9,
                    mew=2.2 if best else 1.0,
                    zorder=3,
                )
        if b.lower < left:
            ax.annotate("", (left, y), xytext=(16, 0), textcoords="offset points",
                        arrowprops={"arrowstyle": "->", "color": style["color"], "lw": 2.0, "shrinkA": 0, "shrinkB": 0})  # fmt: skip
        if b.measured is not None and b.measured > 0.0:
            ax.plot(
                b.measured, y, style["marker"], color=style["color"], mec="white", ms=9, zorder=4
            )
    ax.set_xscale("log")
    ax.set_xlim(left / 1.2, top * 1.6)
    ax.set_ylim(-len(found) + 0.4, 0.6)
    ax.set_yticks([-k for k in range(len(found))], list(found))
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("smallest eigenvalue")
    ax.grid(axis="x", color=drawing.GRID, lw=0.6)
    ax.set_axisbelow(True)
