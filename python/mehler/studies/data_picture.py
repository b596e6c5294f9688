"""Pictures of ``data``: loss curves, spectra, the images that share a bottom vector, weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots import look
from . import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .data import Found

DASHED = (0, (4, 2))
SMALLEST_IMAGE = 16  # pixels
LOWEST = 4e-3  # share of the loss that is shown


def image_shape(X: Any) -> tuple[int, int] | None:
    """(s, s) where rows can be square images: as many coordinates as a square has, none below zero."""
    side = math.isqrt(X.shape[1])
    if side * side != X.shape[1] or X.shape[1] < SMALLEST_IMAGE or float(np.min(X)) < 0.0:
        return None
    return side, side


def losses(fig: Figure, found: Found, shares: Sequence[float]) -> None:
    """Trained and predicted loss over the loss at the start, against t + 1."""
    from matplotlib.lines import Line2D

    ax = fig.subplots()
    first = 0.5 * float(np.sum(found.targets.y**2))
    low, last = 1.0, 10.0
    for place, (name, one) in enumerate(found.of.items()):
        if one.prediction is None:
            continue
        style, p = look(name, place), one.prediction
        t = p.steps + 1.0
        ax.plot(t, p.loss / first, color=style["color"], lw=1.6, ls=DASHED)
        ax.fill_between(t, p.lower / first, p.upper / first, color=style["color"], alpha=0.2, lw=0)
        ax.plot([], [], style["marker"], color=style["color"], lw=2.2, ls="-", label=name)
        low = min(low, float(p.loss[-1]) / first)
        last = max(last, float(np.max(t[p.loss >= LOWEST * first], initial=1.0)))
        if one.training is not None:
            x = np.arange(len(one.training.losses)) + 1.0
            y = np.asarray(one.training.losses) / first
            every = np.unique(np.geomspace(1, len(x), 8).astype(int)) - 1
            ax.plot(x, y, color=style["color"], lw=2.4)
            ax.plot(x[every], y[every], style["marker"], color=style["color"], ms=5.5, zorder=4)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(max(0.7 * low, LOWEST), 1.25)
    ax.set_xlim(0.9, 1.3 * last)
    for share in shares:
        if share > ax.get_ylim()[0]:
            ax.axhline(share, color=drawing.GREY, lw=0.9, ls=(0, (1, 3)), zorder=1)
    drawing.plain_ticks(ax)
    ax.set_xlabel("step t + 1")
    ax.set_ylabel("loss / loss at the start")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    handles, labels = ax.get_legend_handles_labels()
    handles.append(Line2D([], [], color=drawing.GREY, lw=1.6, ls=DASHED))
    fig.legend(handles, [*labels, "predicted"], frameon=False, loc="outside upper center", ncols=6)


def spectra(fig: Figure, found: Found) -> None:
    """Eigenvalues against rank; the smallest ones as markers."""
    ax = fig.subplots()
    n = len(found.A)
    for place, (name, one) in enumerate(found.of.items()):
        style = look(name, place)
        seen = one.eigenvalues > 0.0
        ax.plot(one.ranks[seen], one.eigenvalues[seen], color=style["color"], lw=1.7, zorder=2)
        label = name
        if one.bottom is not None and one.bottom.resolved:
            values = np.asarray(one.bottom.values)
            at = n - np.arange(len(values))
            ax.plot(at[:1], values[:1], style["marker"], color=style["color"], ms=7, zorder=4)
            label = f"{name}  {values[0]:.3g}"
        elif one.bottom is not None and one.bottom.upper > 0.0:
            drawing.at_most(
                ax,
                np.array([float(n)]),
                np.array([one.bottom.upper]),
                style["color"],
                style["marker"],
            )
        ax.plot([], [], style["marker"], color=style["color"], lw=1.9, ls="-", label=label)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("rank, largest first")
    ax.set_ylabel("eigenvalue")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    ax.legend(frameon=False, loc="lower left", title="lambda_min", alignment="left")


def images(fig: Figure, found: Found, shape: tuple[int, int]) -> None:
    """The heaviest points of every activation, a row each."""
    known = {a: o.attribution for a, o in found.of.items() if o.attribution and o.attribution.known}
    across = max(len(f.rows) for f in known.values())
    cells = fig.subplots(len(known), across, squeeze=False)
    kinds = found.targets.classes
    for line, (name, f) in enumerate(known.items()):
        colour = look(name, list(found.of).index(name))["color"]
        support = set(f.support)
        for c in range(across):
            ax = cells[line, c]
            ax.set_xticks([])
            ax.set_yticks([])
            if c >= len(f.rows):
                ax.axis("off")
                continue
            row = f.rows[c]
            pixels = np.asarray(found.points.X[row.index], dtype=np.float64).reshape(shape)
            top = float(pixels.max())
            ax.imshow(pixels / top if top > 0.0 else pixels, cmap="gray_r", vmin=0.0, vmax=1.0)
            inside = row.index in support
            for spine in ax.spines.values():
                spine.set_visible(True)
                spine.set_color(colour if inside else drawing.GRID)
                spine.set_linewidth(3.0 if inside else 1.0)
            label = "" if kinds is None else f", class {kinds[row.index]}"
            ax.set_title(
                f"row {row.index}\n{percent(row.weight)}{label}", fontsize=9, loc="center", fontweight="normal", pad=3
            )  # fmt: skip
            if c == 0:
                ax.set_ylabel(name, color=colour, fontweight="bold", fontsize=11)


def percent(weight: float) -> str:
    """Of a weight, two digits: "50 %", "0.013 %"."""
    share = 100.0 * weight
    return f"{share:.0f} %" if share >= 9.95 else f"{share:.2g} %"


def weights(fig: Figure, found: Found) -> None:
    """Sorted weights of every activation."""
    ax = fig.subplots()
    for place, (name, one) in enumerate(found.of.items()):
        f = one.attribution
        if f is None or not f.known:
            continue
        style = look(name, place)
        w = np.sort(f.weights)[::-1]
        rank = np.arange(1, len(w) + 1)
        seen = w > 1e-12
        every = np.unique(np.geomspace(1, max(int(np.sum(seen)), 1), 12).astype(int)) - 1
        ax.plot(rank[seen], w[seen], color=style["color"], lw=1.7)
        ax.plot(rank[every], w[every], style["marker"], color=style["color"], ms=5)
        label = f"{name}, {len(f.support):,} carry 90 %"
        ax.plot([], [], style["marker"], color=style["color"], lw=1.7, ls="-", label=label)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("rank of the point")
    ax.set_ylabel("weight")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    ax.legend(frameon=False, loc="lower left")
