"""Curves of studies: logarithmic, colours and markers by activation, what is only a bound as an open marker with an arrow.

A floor is never drawn as a number: the curve ends, a dotted line leads to the open marker, and the arrow says "or less".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import Array
from ..plots import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY, GRID = "#606060", "#E4E4E4"


def curves(
    ax: Axes,
    x: Sequence[float] | Array,
    series: Mapping[str, tuple[Array, Array]],
    xlabel: str,
    ylabel: str,
    ticks: bool = True,
) -> None:
    """One curve an activation on logarithmic axes.

    Parameters
    ----------
    ax
        Axes to draw into.
    x
        Where, (m,).
    series
        Name to (values (m,), NaN where not known; bounds (m,), NaN where none is needed).
    xlabel, ylabel
        Of the axes.
    ticks
        A tick at every x.
    """
    at = np.asarray(x, dtype=np.float64)
    for place, (name, (values, bounds)) in enumerate(series.items()):
        style = look(name.rstrip("*"), place)
        colour, marker = style["color"], style["marker"]
        known, bound = np.isfinite(values) & (values > 0.0), np.isfinite(bounds)
        both = np.where(known, values, bounds)
        there = known | bound
        ax.plot(at[there], both[there], color=colour, lw=1.0, ls=(0, (1, 2)))
        ax.plot(at, np.where(known, values, np.nan), color=colour, lw=1.9)
        ax.plot(at[known], values[known], marker, color=colour, ms=5.5, zorder=4, label=name)
        if not known.any():
            ax.plot([], [], marker, color=colour, mfc="white", label=name)
        at_most(ax, at[bound], bounds[bound], colour, marker)
    ax.set_xscale("log")
    ax.set_yscale("log")
    if ticks:
        ax.set_xticks(at, [f"{v:g}" for v in at])
        ax.minorticks_off()
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(axis="y", color=GRID, lw=0.6)
    ax.set_axisbelow(True)


def at_most(ax: Axes, x: Array, y: Array, colour: str, marker: str) -> None:
    """Open markers with an arrow down: no more than this."""
    ax.plot(x, y, marker, color=colour, mfc="white", ms=6.5, zorder=5)
    for a, b in zip(x, y, strict=True):
        ax.annotate("", (a, b), xytext=(0, -15), textcoords="offset points", zorder=3,
                    arrowprops={"arrowstyle": "<-", "color": colour, "lw": 1.1, "shrinkA": 0, "shrinkB": 3})  # fmt: skip


def legend(fig: Figure, ax: Axes, bounds: bool = False) -> None:
    """Names above the picture, and what an open marker means where there is one."""
    from matplotlib.lines import Line2D

    handles, labels = ax.get_legend_handles_labels()
    if bounds:
        handles.append(Line2D([], [], color=GREY, marker="o", mfc="white", ls="none", ms=6.5))
        labels.append("no more than this (floor)")
    fig.legend(
        handles, labels, frameon=False, loc="outside upper center", ncols=min(len(labels), 6)
    )


def plain_ticks(ax: Axes) -> None:
    """Numbers such as 0.2 on a logarithmic axis that spans few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = ax.get_ylim()
    if high > 1e3 * low:
        return
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def line(ax: Axes, y: float, text: str, **how: Any) -> None:
    """A horizontal reference with its name on it."""
    ax.axhline(y, color=GREY, lw=1.0, ls=(0, (4, 2)), zorder=1)
    ax.annotate(text, (0.995, y), xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points",
                ha="right", va="bottom", color=GREY, fontsize="small", **how)  # fmt: skip
