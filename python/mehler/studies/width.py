"""``width``: how many neurons it takes until the smallest eigenvalue is that of infinite width.

Smooth activations come from below and slowly: their limit is carried by rare neurons with large weights.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from ..bounds import bounds
from ..plots import look
from . import drawing
from .ask import Ask, Points, neurons
from .report import Picture, Record, Section, StudyReport, Table
from .width_table import WidthStudy
from .widths import width_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "width"
TEXT = "networks of growing width beside the infinite one"
WIDTHS, QUICK = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000), (100, 1_000, 10_000)
SEEDS, QUICK_SEEDS = 5, 3
POINTS, QUICK_POINTS = 31, 11
MOST_POINTS = 400  # of the user's: networks of many points are a matter of hours

Found = dict[str, WidthStudy]


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    start = time.perf_counter()
    n = ask.count(POINTS, QUICK_POINTS)
    points = ask.points("circle-full", n + 1 - n % 2, 2, 300)
    if ask.n is None:
        points = points.first(MOST_POINTS)
    found: Found = {}
    cut = False
    for name, act in zip(ask.names, ask.activations, strict=True):
        ask.say(f"networks of {name}")
        try:
            found[name] = width_study(
                points.X,
                act,
                QUICK if ask.quick else WIDTHS,
                range(ask.seed, ask.seed + (QUICK_SEEDS if ask.quick else SEEDS)),
                threads=ask.threads,
            )
        except KeyboardInterrupt:
            cut = True
            break
        if "interrupted" in found[name].message:
            cut = True
            break
    needed = {} if cut else neurons_needed(points, ask)
    return StudyReport(
        which=NAME,
        title="How wide is wide enough?",
        conclusions=conclusions(found),
        sections=(section(found, needed, points, ask),),
        records={"": records(found)},
        asked=ask.asked(points.text, seeds=QUICK_SEEDS if ask.quick else SEEDS),
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )


def neurons_needed(points: Points, ask: Ask) -> dict[str, int | None]:
    """Neurons that keep half of the proved lower bound with probability 0.99; None where it is not known."""
    if np.ptp(np.linalg.norm(points.X, axis=1)) > 1e-12:
        return {}
    return {
        name: bounds(points.X, act, measure=False, threads=ask.threads).width_needed
        for name, act in zip(ask.names, ask.activations, strict=True)
    }


def section(found: Found, needed: dict[str, int | None], points: Points, ask: Ask) -> Section:
    """Pictures and table."""
    widths = next(iter(found.values())).widths if found else ()
    by = {a: {s["width"]: s for s in study.summary()} for a, study in found.items()}
    limits = [a for a in found if _limit(found[a]) > 0.0]
    return Section(
        "Finite width",
        (
            "Networks of one seed share neurons: the first m of a stream are the network of width m. The mean of the smallest "
            "eigenvalue is at most that of infinite width (it is concave in the matrix).",
            *(
                [
                    Picture(
                        "",
                        "Smallest eigenvalue of the network over that of infinite width",
                        "Mean over seeds of the ratio against width, logarithmic, a curve an activation; 1 is infinite width. "
                        + _alt(found),
                        f"Lines are means, bands from the least to the largest of {_seeds(found)} networks. {points.text}.",
                        lambda fig: draw(fig, found),
                    )
                ]
                if limits
                else []
            ),
            Table(
                "Mean of the smallest eigenvalue, and of infinite width",
                ("activation", *(f"m = {m:,}" for m in widths), "infinite", "proved wide enough"),
                tuple(
                    (
                        a,
                        *(_cell(by[a].get(m)) for m in widths),
                        _text(_limit(found[a])),
                        neurons(needed.get(a)),
                    )
                    for a in found
                ),
                "The last column: neurons with which at least half of the proved lower bound survives with probability 0.99 (matrix "
                "Chernoff; sufficient, not necessary). - where the slope has no bound or none is known.",
            ),
            Picture(
                "deviation",
                "Distance of the matrix from its limit",
                "Relative Frobenius distance of G_m from G against width, logarithmic; every activation falls like the inverse root of the width.",
                "Root mean square over seeds. The matrix comes at the rate of Monte Carlo for every activation; its smallest eigenvalue does not.",
                lambda fig: draw_deviation(fig, found),
            ),
        ),
    )


def conclusions(found: Found) -> tuple[str, ...]:
    """Sentences computed from the numbers."""
    ratios = {}
    widest = 0
    for a, study in found.items():
        summary = study.summary()
        if summary and math.isfinite(summary[-1]["of_limit"]):
            widest = summary[-1]["width"]
            ratios[a] = summary[-1]["of_limit"]
    if not ratios:
        return ("No value at infinite width to compare with.",)
    order = sorted(ratios, key=lambda a: -ratios[a])
    words = ", ".join(f"{a} {ratios[a]:.2g}" for a in order)
    return (f"With {widest:,} neurons the smallest eigenvalue has reached of its limit: {words}.",)


def records(found: Found) -> list[Record]:
    """Tidy rows: one a network."""
    return [{"activation": a, **row} for a, study in found.items() for row in study.records()]


def draw(fig: Figure, found: Found) -> None:
    """Ratios: mean, and the band between the least and the largest."""
    ax = fig.subplots()
    for place, (name, study) in enumerate(found.items()):
        limit = _limit(study)
        summary = study.summary()
        if not limit > 0.0 or not summary:
            continue
        style = look(name, place)
        m = np.array([s["width"] for s in summary])
        mean, least, most = (
            np.array([s[k] for s in summary]) / limit for k in ("mean", "least", "largest")
        )
        there = mean > 0.0
        ax.plot(
            m[there],
            mean[there],
            color=style["color"],
            marker=style["marker"],
            ms=5.5,
            lw=1.9,
            label=name,
        )
        band = least > 0.0
        ax.fill_between(m[band], least[band], most[band], color=style["color"], alpha=0.15, lw=0)
    ax.set_xscale("log")
    ax.set_yscale("log")
    drawing.line(ax, 1.0, "infinite width")
    ax.set_xlabel("neurons m")
    ax.set_ylabel("lambda_min(G_m) / lambda_min(G)")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    drawing.plain_ticks(ax)
    drawing.legend(fig, ax)


def draw_deviation(fig: Figure, found: Found) -> None:
    """|G_m - G| / |G|, and the slope -1/2."""
    ax = fig.subplots()
    low = []
    for place, (name, study) in enumerate(found.items()):
        summary = [s for s in study.summary() if s["deviation"] > 0.0]
        if not summary:
            continue
        style = look(name, place)
        m = np.array([s["width"] for s in summary], dtype=np.float64)
        e = np.array([s["deviation"] for s in summary])
        low.append((m, float(np.min(e * np.sqrt(m)))))
        ax.plot(m, e, color=style["color"], marker=style["marker"], ms=5.5, lw=1.9, label=name)
    if low:
        m, level = min(low, key=lambda item: item[1])
        ax.plot(
            m,
            0.6 * level / np.sqrt(m),
            color=drawing.GREY,
            lw=1.2,
            ls=(0, (4, 2)),
            label="m^(-1/2)",
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("neurons m")
    ax.set_ylabel("|G_m - G| / |G|  (Frobenius)")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    drawing.plain_ticks(ax)
    drawing.legend(fig, ax)


def _limit(study: WidthStudy) -> float:
    return study.limit.value if study.limit is not None and study.limit.resolved else math.nan


def _seeds(found: Found) -> int:
    return len(next(iter(found.values())).seeds) if found else 0


def _cell(summary: dict[str, float] | None) -> str:
    if summary is None:
        return "-"
    if summary["resolved"] < summary["networks"]:
        return f"<= {summary['largest']:.1e}" if summary["largest"] > 0.0 else "0"
    return _text(summary["mean"])


def _text(x: float) -> str:
    return "-" if math.isnan(x) else f"{x:.2e}"


def _alt(found: Found) -> str:
    words = []
    for a, study in found.items():
        ends = study.summary()
        if ends and math.isfinite(ends[0]["of_limit"]):
            words.append(
                f"{a}: {ends[0]['of_limit']:.2g} at {ends[0]['width']}, {ends[-1]['of_limit']:.2g} at {ends[-1]['width']}"
            )
    return "; ".join(words)
