"""Pictures of a sweep: lambda_min against depth, variance, width or number of points.

A value at or below its rounding floor is drawn as an open marker on the floor, as in ``plots``;
infinite width, beside finite ones, as a dashed line. What is swept besides stays at its first value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots import STYLE, look, plot_dimension
from .table import QUANTITIES, Sweep, SweepRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = {
    "depth": "hidden layers",
    "weight_var": "variance of the weights",
    "width": "neurons",
    "n": "points",
}
INSTALL = "python -m pip install 'mehler[plot]'"


def draw(sweep: Sweep, ax: Axes | Mapping[str, Axes] | None) -> Figure | None:
    """As :meth:`Sweep.plot`."""
    varied = [q for q in QUANTITIES if len({getattr(r, q) for r in sweep.rows}) > 1]
    if not varied:
        raise ValueError(
            f"plot needs a quantity with several values, one of {QUANTITIES}; only activations were swept. "
            "Sweep depths, scales, widths or n too."
        )
    if ax is None:
        return _figure(sweep, varied)
    if isinstance(ax, Mapping):
        wrong = [name for name in ax if name not in varied]
        if wrong:
            raise ValueError(f"ax must name quantities that were swept, {varied}; got {wrong}.")
        for quantity, axes in ax.items():
            one(sweep, quantity, axes)
        return None
    if len(varied) > 1:
        raise ValueError(
            f"ax must be a dict of axes where several quantities were swept, {varied}; got one Axes. "
            f"Pass ax={{{varied[0]!r}: ax}}."
        )
    one(sweep, varied[0], ax)
    return None


def _figure(sweep: Sweep, varied: list[str]) -> Figure:
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f"plot needs matplotlib, which is not installed: {INSTALL}") from None
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        fig = Figure(figsize=(5.5 * len(varied), 4.6), dpi=160, layout="constrained")
        FigureCanvasAgg(fig)
        panels = fig.subplots(1, len(varied), squeeze=False)[0]
        for quantity, axes in zip(varied, panels, strict=True):
            one(sweep, quantity, axes)
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, frameon=False, loc="outside upper center", ncols=len(labels))
    return fig


def one(sweep: Sweep, quantity: str, ax: Axes) -> None:
    """One picture into axes of yours."""
    first = sweep.rows[0]
    others = [q for q in QUANTITIES if q != quantity]
    kept = [
        r
        for r in sweep.rows
        if r.finished and all(getattr(r, q) == getattr(first, q) for q in others)
    ]
    names = list(dict.fromkeys(r.activation for r in kept))
    xs = sorted({x for r in kept if (x := getattr(r, quantity)) is not None})
    values, floors = {}, {}
    for name in names:
        by_x = {getattr(r, quantity): r for r in kept if r.activation == name}
        values[name] = np.array([_seen(by_x.get(x)) for x in xs])
        floors[name] = np.array([_floor(by_x.get(x)) for x in xs])
    plot_dimension(ax, np.array(xs, dtype=np.float64), values, floors)
    if quantity == "width":
        for place, name in enumerate(names):
            ends = [r for r in kept if r.activation == name and r.width is None]
            for r in ends:
                ax.axhline(r.value, color=look(name, place)["color"], ls="--", lw=1.0)
    if len(xs) <= 12:
        ax.set_xticks(xs, [f"{x:g}" for x in xs])
        ax.minorticks_off()
    ax.set_xlabel(LABELS[quantity])
    fixed = (f"{q} = {_text(getattr(first, q))}" for q in others)
    ax.set_title(", ".join(fixed), fontsize="small")


def _seen(r: SweepRow | None) -> float:
    return np.nan if r is None else float(r.value)


def _floor(r: SweepRow | None) -> float:
    """0 where the value is known: what a resolved value rests on is no bound of it."""
    if r is None or r.status == "resolved" or not r.upper > 0.0:
        return 0.0
    return float(r.upper) if np.isfinite(r.upper) else 0.0


def _text(value: Any) -> str:
    return "infinite" if value is None else f"{value:g}"
