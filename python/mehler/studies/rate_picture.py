"""The picture of rates: means over draws with their spread, and the fitted lines over the windows that the data chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..plots import look
from . import drawing
from .laws import POWER
from .rate_table import Rates

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(fig: Figure, found: Rates) -> None:
    """y against x, into an empty figure."""
    ax = fig.subplots()
    power = bool(found.fits) and found.fits[0].law == POWER
    for place, f in enumerate(found.fits):
        x, y = found.table(f.activation)
        at = np.asarray(x)
        good = np.all(np.isfinite(y) & (y > 0.0), axis=1)
        if not good.any():
            continue
        style = look(f.activation, place)
        mean = np.exp(np.log(y[good]).mean(axis=1))
        ax.plot(at[good], mean, style["marker"], color=style["color"], ms=5.5, zorder=4)
        if y.shape[1] > 1:
            ax.vlines(
                at[good],
                y[good].min(axis=1),
                y[good].max(axis=1),
                color=style["color"],
                lw=1.2,
                alpha=0.6,
            )
        label = f.activation
        if np.isfinite(f.exponent):
            low, high = sorted((f.first, f.last))
            line = np.geomspace(low, high, 50) if power else np.linspace(low, high, 50)
            half = max(0.5 * (f.high - f.low), 1e-6)
            label = f"{f.activation}  b = {round(f.exponent, 3) + 0.0:.3f} ± {half:.1g}"
            ax.plot(line, f.at(line), color=style["color"], lw=1.9, zorder=3)
        ax.plot([], [], color=style["color"], marker=style["marker"], lw=1.9, label=label)
    ax.set_xscale("log" if power else "linear")
    ax.set_yscale("log")
    xs = sorted({r.x for r in found.rows})
    if all(x == int(x) for x in xs):  # whole numbers: name each
        ax.set_xticks(xs, [f"{x:,.0f}" for x in xs])
        ax.minorticks_off()
    ax.set_xlabel(found.xlabel)
    ax.set_ylabel(found.ylabel)
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    ax.set_axisbelow(True)
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(
        handles, labels, frameon=False, loc="outside upper center", ncols=3, fontsize="small"
    )
