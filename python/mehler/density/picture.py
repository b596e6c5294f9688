"""The spectrum drawn: counts in logarithmic bins, and N(x), each with its band.

Blue is what probes know, with a lighter band; orange marks are eigenvalues known one by one, on the axis; the shade at
the left is what rounding hides. Shapes and lightness tell them apart without colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ..plots import STYLE
from .result import SpectralDensity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#606060"
POINTS = 240  # of the curve


def figure(density: SpectralDensity) -> Figure:
    """Histogram and cumulative count beside each other."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "plot needs matplotlib, which is not installed: python -m pip install 'mehler[plot]'"
        ) from None
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        fig = Figure(figsize=(11.2, 4.2), dpi=130, layout="constrained")
        FigureCanvasAgg(fig)
        left, right = fig.subplots(1, 2)
    draw_histogram(left, density)
    draw_cumulative(right, density)
    fig.suptitle(f"{density.n:,} eigenvalues, {_how(density)}", fontsize="medium")
    return fig


def draw_histogram(ax: Axes, density: SpectralDensity) -> None:
    """Counts in logarithmic bins, on a logarithmic axis too; below one is nothing."""
    edges, lower, value, upper = density.histogram()
    ax.stairs(
        upper,
        edges,
        baseline=np.maximum(lower, 0.5),
        fill=True,
        color=BLUE,
        alpha=0.25,
        lw=0,
        label="band",
    )
    ax.stairs(
        np.maximum(value, 1e-3),
        edges,
        baseline=None,
        color=BLUE,
        lw=1.6,
        label="eigenvalues in a bin",
    )
    ax.set_yscale("log")
    ax.set_ylim(0.5, 2.0 * max(float(np.max(upper)), 1.0))
    ax.set_ylabel("eigenvalues in a bin")
    _finish(ax, density, "upper right")


def draw_cumulative(ax: Axes, density: SpectralDensity) -> None:
    """N(x) on two logarithmic axes."""
    edges = density._edges(POINTS)
    at = np.unique(
        np.concatenate([edges, [v for v in (*density.low, *density.high) if v > edges[0]]])
    )
    lower, value, upper = density.cumulative(at)
    ax.fill_between(
        at,
        np.maximum(lower, 0.5),
        np.maximum(upper, 0.5),
        step="post",
        color=BLUE,
        alpha=0.25,
        lw=0,
    )
    ax.step(at, np.maximum(value, 0.5), where="post", color=BLUE, lw=1.6)
    ax.set_yscale("log")
    ax.set_ylim(0.5, 2.0 * density.n)
    ax.set_ylabel("eigenvalues at or below x")
    _finish(ax, density, "center right")


def _finish(
    ax: Axes, density: SpectralDensity, legend: Literal["upper right", "center right"]
) -> None:
    """Marks on the axis, shade over the floor, grid."""
    ax.set_xscale("log")
    edges = density._edges(1)
    left = min(float(edges[0]), density.floor if density.floor > 0.0 else float(edges[0]))
    if density.floor > 0.2 * edges[0]:  # rounding is in sight
        left = density.floor / 10.0
        ax.axvspan(left, density.floor, color="#000000", alpha=0.07, lw=0, zorder=0)
    else:
        left = float(edges[0]) / 1.5
    ax.set_xlim(left, 1.5 * float(edges[-1]))
    if density.probes is not None:
        for known, marker, word in ((density.low, ">", "lowest"), (density.high, "<", "highest")):
            seen = known[known > left]
            if len(seen):
                ax.plot(seen, np.full(len(seen), 0.03), marker, transform=ax.get_xaxis_transform(), color=ORANGE, ms=5,
                        mfc="none", ls="none", label=f"{len(known)} {word}, one by one", clip_on=False)  # fmt: skip
        ax.legend(frameon=False, fontsize="small", loc=legend)
    ax.set_xlabel("eigenvalue x")
    ax.grid(color="#E4E4E4", lw=0.6)
    ax.set_axisbelow(True)


def _how(density: SpectralDensity) -> str:
    """How it is known, and what a logarithmic axis cannot show."""
    return "; ".join([_by(density), *hidden(density)])


def hidden(density: SpectralDensity) -> list[str]:
    """What a logarithmic axis cannot show."""
    found = []
    for few, where in (
        (density.below_floor, "within rounding of zero"),
        (density.negative, "negative"),
    ):
        if few.upper > 0.0:
            low, high = int(few.lower), int(few.upper)
            found.append(f"{low if low == high else f'{low} to {high}'} {where}")
    return found


def _by(density: SpectralDensity) -> str:
    if density.probes is None:
        return "every one computed"
    return f"{len(density.probes)} probes of {max(density.probes.lengths)} steps, bands at {100 * density.level:g} %"
