"""Three pictures of quadratic units: loss against time, success against samples, smallest eigenvalue against samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...plots import COLOURS, MARKERS
from .. import drawing
from .counts import symmetric_dimension

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .measured import FlowOf
    from .rank import RankRow
    from .threshold import ThresholdScan

PALETTE = (*COLOURS.values(), "#E69F00")  # of Okabe and Ito
LEAST = 1e-9  # of the loss at the start: what is shown


def draw_loss(fig: Figure, flows: Sequence[FlowOf]) -> None:
    """E(t) beside E(t) t^2, each with the predicted constant from t = 1 on."""
    loss, scaled = fig.subplots(1, 2)
    for k, one in enumerate(flows):
        t, E = one.flow.times[1:], one.flow.losses[1:]
        shown = E > LEAST * one.flow.losses[0]
        colour = PALETTE[k % len(PALETTE)]
        loss.plot(t[shown], E[shown], color=colour, lw=1.9, label=one.label)
        scaled.plot(t, E * t**2, color=colour, lw=1.9)
        if one.power:
            late = t[t >= 1.0]
            how: dict[str, Any] = {"color": "black", "lw": 1.1, "ls": (0, (4, 3)), "zorder": 4}
            loss.plot(late, one.rate / late**2, **how)
            scaled.plot(late, np.full_like(late, one.rate), **how)
    loss.plot([], [], color="black", lw=1.1, ls=(0, (4, 3)), label="formula, nothing fitted")
    loss.set_yscale("log")
    loss.set_ylabel("population loss E")
    scaled.set_ylim(0.0, 1.5 * max((one.rate for one in flows if one.power), default=0.5))
    scaled.set_ylabel("E t²")
    for ax in (loss, scaled):
        ax.set_xscale("log")
        ax.set_xlabel("time t of the flow")
        _grid(ax)
    handles, labels = loss.get_legend_handles_labels()
    fig.legend(handles, labels, frameon=False, loc="outside upper center", ncols=3)


def draw_threshold(fig: Figure, scans: Sequence[ThresholdScan]) -> None:
    """Proportions with their bands, and n_c of each teacher."""
    ax = fig.subplots()
    for k, scan in enumerate(scans):
        colour, marker = PALETTE[3 * k % len(PALETTE)], MARKERS[k]
        n = np.array(scan.samples)
        p = [scan.at(int(s)) for s in n]
        ax.fill_between(
            n, [q.band[0] for q in p], [q.band[1] for q in p], color=colour, alpha=0.15, lw=0
        )
        ax.plot(
            n,
            [q.value for q in p],
            color=colour,
            marker=marker,
            ms=5.5,
            lw=1.9,
            label=f"m* = {scan.m_star}",
        )
        _mark(ax, scan.critical, f"n_c = {scan.critical}", colour)
    d = scans[0].d
    _mark(ax, symmetric_dimension(d), f"d (d + 1)/2 = {symmetric_dimension(d)}", drawing.GREY, -1)
    ax.set_ylim(-0.03, 1.12)
    ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0])
    ax.set_xlabel("samples n")
    ax.set_ylabel("trials that find the teacher")
    _whole(ax)
    _grid(ax)
    drawing.legend(fig, ax)


def draw_rank(fig: Figure, found: Mapping[int, Sequence[RankRow]]) -> None:
    """lambda_min where it is known, its bound where it is not, and d (d + 1)/2."""
    ax = fig.subplots()
    for k, (d, rows) in enumerate(found.items()):
        colour, marker = PALETTE[k % len(PALETTE)], MARKERS[k % len(MARKERS)]
        n = np.array([r.n for r in rows], dtype=np.float64)
        known = np.array([r.status == "resolved" for r in rows])
        value = np.array([r.value if r.status == "resolved" else r.upper for r in rows])
        ax.plot(
            n[known], value[known], color=colour, marker=marker, ms=4.5, lw=1.6, label=f"d = {d}"
        )
        edge = np.flatnonzero(known)[-1:]
        first = np.flatnonzero(~known)[:1]
        if len(edge) and len(first):
            ends = np.concatenate([edge, first])
            ax.plot(n[ends], value[ends], color=colour, lw=1.0, ls=(0, (1, 2)))
        drawing.at_most(ax, n[~known], value[~known], colour, marker)
        _mark(ax, symmetric_dimension(d), f"{symmetric_dimension(d)}", colour)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(low / 30.0, high * 30.0)  # room for arrows and marks
    ax.set_xlabel("samples n")
    ax.set_ylabel("smallest eigenvalue of the conjugate kernel")
    _whole(ax)
    _grid(ax)
    drawing.legend(fig, ax, bounds=True)


def _mark(ax: Axes, x: float, text: str, colour: str, side: int = 1) -> None:
    """A vertical line with its name at the top, right (1) or left (-1) of it."""
    ax.axvline(x, color=colour, lw=1.0, ls=(0, (4, 2)), zorder=1)
    ax.annotate(text, (x, 0.985), xycoords=("data", "axes fraction"), xytext=(3 * side, 0), textcoords="offset points",
                ha="left" if side > 0 else "right", va="top", color=colour, fontsize="small")  # fmt: skip


def _whole(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _grid(ax: Axes) -> None:
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    ax.set_axisbelow(True)
