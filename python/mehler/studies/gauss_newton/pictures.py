"""The pictures of the study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import drawing
from .experiments import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's, told apart by any eye
BLUE, ORANGE, GREEN, RED, BLACK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#222222"
COLOURS = (BLUE, ORANGE, GREEN, RED, "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")


def condition_by_size(fig: Figure, rows: Sequence[Row]) -> None:
    """Condition number left, and iterations, against s / n."""
    left, right = fig.subplots(1, 2)
    for place, kind in enumerate(("srht", "tensor")):
        mine = [r for r in rows if r["kind"] == kind]
        ratios = sorted({r["ratio"] for r in mine})
        shift = 0.97 if place == 0 else 1.03  # side by side
        for ax, name in ((left, "condition"), (right, "iterations")):
            groups = [[r[name] for r in mine if r["ratio"] == q] for q in ratios]
            at = np.array(ratios) * shift
            ax.vlines(
                at, [min(g) for g in groups], [max(g) for g in groups], color=COLOURS[place], lw=1.4
            )
            ax.plot(at, [np.median(g) for g in groups], MARKERS[place], color=COLOURS[place], ms=5.5, label=kind.upper() if place == 0 else "TensorSRHT")  # fmt: skip
    q = np.geomspace(min(r["ratio"] for r in rows), max(r["ratio"] for r in rows), 100)
    root = np.sqrt(1.0 / q)
    left.plot(
        q,
        ((1 + root) / (1 - root)) ** 2,
        color=BLACK,
        lw=1.0,
        ls=(0, (4, 2)),
        label="((1 + q) / (1 - q))², q² = n / s",
    )
    right.plot(q, np.log(2e10) / np.log(1 / root), color=BLACK, lw=1.0, ls=(0, (4, 2)))
    for ax, name in ((left, "condition number left"), (right, "iterations to 1e-10")):
        _axes(ax, "s / n", name)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(
            sorted({r["ratio"] for r in rows}),
            [f"{v:g}" for v in sorted({r["ratio"] for r in rows})],
        )
        drawing.plain_ticks(ax)
    drawing.legend(fig, left)


def loops(fig: Figure, rows: Sequence[Row]) -> None:
    """Residuals of both loops by iteration."""
    ax = fig.subplots()
    ratios = sorted({r["ratio"] for r in rows})
    for place, loop in enumerate(("conjugate gradients", "unit steps")):
        for style, ratio in zip(("-", (0, (5, 2))), ratios, strict=True):
            mine = [r for r in rows if r["loop"] == loop and r["ratio"] == ratio]
            ax.plot([r["iteration"] for r in mine], [r["residual"] for r in mine], color=(BLUE, RED)[place], ls=style, lw=1.9, label=f"{loop}, s = {ratio:g} n")  # fmt: skip
    ax.set_yscale("log")
    ax.set_xlim(left=0.0)
    drawing.line(ax, 1.0, "where both began")
    _axes(ax, "iteration", "residual, relative")
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, frameon=False, loc="outside upper center", ncols=2)


def by_condition(fig: Figure, rows: Sequence[Row]) -> None:
    """Iterations to 1e-8 against the condition number; open markers did not get there."""
    ax = fig.subplots()
    at = np.array([r["condition"] for r in rows])
    for place, (name, label) in enumerate(
        (("plain", "no preconditioner"), ("sketched", "sketch of 4 n rows"))
    ):
        its = np.array([r[name] for r in rows])
        done = np.array([r[f"{name} status"] == "resolved" for r in rows])
        ax.plot(at, its, color=(ORANGE, BLUE)[place], lw=1.4)
        ax.plot(
            at[done],
            its[done],
            MARKERS[place],
            color=(ORANGE, BLUE)[place],
            ms=6,
            label=label,
            zorder=4,
        )
        ax.plot(
            at[~done],
            its[~done],
            MARKERS[place],
            color=(ORANGE, BLUE)[place],
            mfc="white",
            ms=6.5,
            zorder=5,
        )
    if any(r["plain status"] != "resolved" or r["sketched status"] != "resolved" for r in rows):
        ax.plot(
            [],
            [],
            "o",
            color=drawing.GREY,
            mfc="white",
            label="ended above 1e-8: rounding, or the limit",
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    drawing.plain_ticks(ax)
    _axes(ax, "condition number of J J'", "iterations to 1e-8")
    drawing.legend(fig, ax)


def trainings(fig: Figure, rows: Sequence[Row]) -> None:
    """Residual by step, a panel a set of points."""
    names = list(dict.fromkeys(r["points"] for r in rows))
    axes: Any = np.atleast_1d(fig.subplots(1, len(names), sharey=True))
    widths = sorted({r["width"] for r in rows})
    for ax, name in zip(axes, names, strict=True):
        for place, width in enumerate(widths):
            mine = [r for r in rows if r["points"] == name and r["width"] == width]
            ax.plot([r["step"] for r in mine], [r["relative"] for r in mine], MARKERS[place % 6] + "-", color=COLOURS[place % 6], ms=5, lw=1.6, label=f"{width:,} neurons")  # fmt: skip
        last = max(r["step"] for r in rows if r["points"] == name)
        ax.plot(
            range(last + 1),
            0.5 ** np.arange(last + 1),
            color=drawing.GREY,
            lw=1.0,
            ls=(0, (4, 2)),
            label="half a step",
        )
        ax.set_yscale("log")
        ax.set_title(name, fontsize="medium")
        ax.xaxis.get_major_locator().set_params(integer=True)
        _axes(ax, "step", "|f - y|, relative" if ax is axes[0] else "")
    drawing.legend(fig, axes[0])


def seconds(fig: Figure, rows: Sequence[Row]) -> None:
    """Bars of what a step took, making and solving, by size and route."""
    ax = fig.subplots()
    sizes = list(dict.fromkeys((r["n"], r["d"], r["m"]) for r in rows))
    routes = ("exact", "tensor", "srht", "explicit")
    for place, route in enumerate(routes):
        mine = [
            (k, r)
            for k, size in enumerate(sizes)
            for r in rows
            if (r["n"], r["d"], r["m"]) == size and r["route"] == route
        ]
        at = [k + 0.2 * (place - 1.5) for k, _ in mine]
        ax.plot(
            at,
            [r["seconds"] for _, r in mine],
            MARKERS[place],
            color=COLOURS[place],
            ms=7,
            zorder=4,
            label=route,
        )
        ax.vlines(at, 1e-9, [r["seconds"] for _, r in mine], color=COLOURS[place], lw=5, alpha=0.35)
    ax.set_yscale("log")
    least = min(r["seconds"] for r in rows)
    ax.set_ylim(0.3 * least, 4.0 * max(r["seconds"] for r in rows))
    ax.set_xticks(range(len(sizes)), [f"n = {n:,}\nd = {d}\nm = {m:,}" for n, d, m in sizes])
    ax.set_xlim(-0.6, len(sizes) - 0.4)
    _axes(ax, "", "seconds a step")
    drawing.legend(fig, ax)


def _axes(ax: Axes, xlabel: str, ylabel: str) -> None:
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    ax.set_axisbelow(True)
