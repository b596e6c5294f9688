"""The picture of a width study: lambda_min against width on the left, the deviation of the matrix on the right.

Every network is a dot, the means a line; what is a bound only is an open dot on its upper bound, and exact zeros stand
on the lower edge. Both axes are logarithmic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots import STYLE
from .width_table import WidthStudy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#606060"


def figure(study: WidthStudy) -> Figure:
    """Two panels, or the left one alone where the matrix at infinite width is not known."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    both = bool(np.isfinite(study.deviations).any())
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        fig = Figure(figsize=(11.0 if both else 5.8, 4.6), dpi=160, layout="constrained")
        FigureCanvasAgg(fig)
        axes = fig.subplots(1, 2 if both else 1, squeeze=False)[0]
        draw_values(axes[0], study)
        if both:
            draw_deviations(axes[1], study)
        fig.suptitle(f"{study.name}, n = {study.n}, d = {study.d}", fontsize="medium")
    return fig


def draw_values(ax: Axes, study: WidthStudy) -> None:
    """lambda_min of every network, their means, and the limit."""
    known = [r for r in study.rows if r.status == "resolved" and r.value > 0.0]
    open_ = [r for r in study.rows if r.status != "resolved" and r.upper > 0.0]
    zero = [r for r in study.rows if r.status == "resolved" and r.value <= 0.0]
    dots: dict[str, Any] = {"marker": "o", "ls": "none", "color": BLUE, "ms": 4, "alpha": 0.6}
    ax.plot([r.width for r in known], [r.value for r in known], label="one network", **dots)
    if open_:
        ax.plot(
            [r.width for r in open_], [r.upper for r in open_], mfc="white", label="at most", **dots
        )
    means = [(s["width"], s["mean"]) for s in study.summary() if s["mean"] > 0.0]
    if means:
        ax.plot(*zip(*means, strict=True), color=BLUE, lw=1.8, label="mean")
    ax.set_xscale("log")
    ax.set_yscale("log")
    if study.limit is not None and study.limit.value > 0.0:
        ax.axhline(study.limit.value, color=ORANGE, lw=1.4, ls=(0, (4, 2)), label="infinite width")
    if zero:
        ax.plot(
            [r.width for r in zero],
            [0.02] * len(zero),
            "v",
            color=GREY,
            transform=ax.get_xaxis_transform(),
            label="exactly zero",
        )
    ax.set_xlabel("width m")
    ax.set_ylabel("smallest eigenvalue of G_m")
    ax.legend(frameon=False, fontsize="small")
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)


def draw_deviations(ax: Axes, study: WidthStudy) -> None:
    """|G_m - G| / |G| of every network, and the Monte-Carlo rate through their mean."""
    rows = [r for r in study.rows if r.deviation > 0.0]
    m = np.array([r.width for r in rows], dtype=np.float64)
    e = np.array([r.deviation for r in rows])
    ax.plot(m, e, "o", color=BLUE, ms=4, alpha=0.6, label="one network")
    level = np.exp(np.mean(np.log(e) + 0.5 * np.log(m)))
    ends = np.array([m.min(), m.max()])
    ax.plot(ends, level / np.sqrt(ends), color=ORANGE, lw=1.4, ls=(0, (4, 2)), label="m^(-1/2)")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("width m")
    ax.set_ylabel("|G_m - G| / |G|  (Frobenius)")
    ax.legend(frameon=False, fontsize="small")
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)
