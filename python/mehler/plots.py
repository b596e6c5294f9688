"""Two pictures, each drawn into axes of yours: a spectrum, and lambda_min against dimension.

Both are logarithmic. A value at or below its rounding floor is not a number but a bound: it is
drawn as an open marker on the floor. Colours are those of Okabe and Ito, which stay apart for every
eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .activations.hermite import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {
    "relu": "#0072B2",
    "selu": "#56B4E9",
    "elu": "#009E73",
    "tanh": "#D55E00",
    "swish": "#CC79A7",
}
OTHERS = ("#E69F00", "#000000", "#F0E442")
BAND = "mehler-floor"
MARKERS = "osD^vPX<>"
STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#606060",
    "xtick.color": "#404040",
    "ytick.color": "#404040",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.hashsalt": "mehler",
}


def look(name: str, place: int = 0) -> dict[str, Any]:
    """Colour and marker of an activation; ``place`` is for names without a colour of their own."""
    known = list(COLOURS)
    if name in COLOURS:
        return {"color": COLOURS[name], "marker": MARKERS[known.index(name)]}
    return {
        "color": OTHERS[place % len(OTHERS)],
        "marker": MARKERS[(len(known) + place) % len(MARKERS)],
    }


def plot_spectrum(
    ax: Axes,
    spectra: Mapping[str, Array],
    floors: Mapping[str, float] | None = None,
    **line: Any,
) -> None:
    """lambda_1 >= ... >= lambda_n against the rank, on a logarithmic axis.

    Parameters
    ----------
    ax
        Axes to draw into.
    spectra
        Eigenvalues by name of activation, in any order.
    floors
        Rounding floor of each; the curve ends there, with an open marker on the floor.
    line
        Passed to ``ax.plot``.

    Returns
    -------
    None
        The axes are drawn into; ``ax.legend()`` finds a label for each name.

    Raises
    ------
    KeyError
        A name without a floor, where floors are given.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> C = mh.generate("circle-half", n=20, d=2)
    >>> mh.plot_spectrum(ax, {name: mh.eigvalsh(C, name).values for name in ("relu", "tanh")})
    >>> sorted(ax.get_legend_handles_labels()[1])
    ['relu', 'tanh']
    """
    unseen: list[float] = []
    for place, (name, values) in enumerate(spectra.items()):
        falling = np.sort(np.asarray(values, dtype=np.float64))[::-1]
        floor = 0.0 if floors is None else float(floors[name])
        seen = int(np.sum(falling > floor))
        style = look(name, place)
        rank = np.arange(1, seen + 1)
        (curve,) = ax.plot(
            rank, falling[:seen], **{"color": style["color"], "lw": 1.8, "label": name, **line}
        )
        colour, width = curve.get_color(), curve.get_linewidth()
        if seen < len(falling) and floor > 0.0:
            unseen.append(floor)
            ax.plot([max(seen, 1), seen + 1], [falling[max(seen - 1, 0)], floor], color=colour,
                    lw=width, ls=curve.get_linestyle())  # fmt: skip
            ax.plot(seen + 1, floor, style["marker"], mfc="white", mec=colour, ms=6, zorder=4)
        elif seen:
            ax.plot(seen, falling[seen - 1], style["marker"], color=colour, ms=5, zorder=4)
    ax.set_yscale("log")
    ax.set_xlabel("rank of the eigenvalue")
    ax.set_ylabel("eigenvalue")
    _finish(ax, unseen, [] if floors is None else [float(f) for f in floors.values()])


def plot_dimension(
    ax: Axes,
    dimensions: Array,
    values: Mapping[str, Array],
    floors: Mapping[str, Array] | None = None,
    **line: Any,
) -> None:
    """lambda_min against the dimension of the points, both on logarithmic axes.

    Parameters
    ----------
    ax
        Axes to draw into.
    dimensions
        Dimensions (m,).
    values
        Smallest eigenvalues (m,) by name of activation.
    floors
        Rounding floors (m,) of each; values at or below are open markers on the floor.
    line
        Passed to ``ax.plot``.

    Returns
    -------
    None
        The axes are drawn into; ``ax.legend()`` finds a label for each name.

    Raises
    ------
    KeyError
        A name without floors, where floors are given.
    ValueError
        Values that are not as many as the dimensions.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> dims = np.array([2, 4, 8])
    >>> data = [mh.generate("sphere-random", n=40, d=d, rng=0) for d in dims]
    >>> values = {a: np.array([mh.min_eig(X, a).value for X in data]) for a in ("relu", "tanh")}
    >>> mh.plot_dimension(ax, dims, values)
    >>> ax.get_xscale(), ax.get_yscale()
    ('log', 'log')
    """
    x = np.asarray(dimensions)
    unseen: list[float] = []
    for place, (name, given) in enumerate(values.items()):
        y = np.asarray(given, dtype=np.float64)
        floor = np.zeros_like(y) if floors is None else np.asarray(floors[name], dtype=np.float64)
        seen = y > floor
        style = look(name, place)
        ax.plot(x, np.where(seen, y, floor), **{"color": style["color"], "lw": 1.8, **line})
        dots = {"marker": style["marker"], "color": style["color"], "ls": "none", "zorder": 4}
        ax.plot(x[seen], y[seen], ms=5, label=name, **dots)
        unseen += floor[~seen].tolist()
        ax.plot(x[~seen], floor[~seen], ms=6, mfc="white", **dots)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("dimension of the points")
    ax.set_ylabel("smallest eigenvalue")
    _finish(ax, unseen, [] if floors is None else [float(np.max(f)) for f in floors.values()])


def _finish(ax: Axes, unseen: list[float], floors: list[float]) -> None:
    """Limits around the curves, a light grid, and a shade over what float64 cannot see.

    The shade ends at the highest floor that hides a value or, when none does, at the lowest floor.
    """
    for patch in list(ax.patches):
        if patch.get_gid() == BAND:  # of an earlier call on the same axes
            patch.remove()
    for text in list(ax.texts):
        if text.get_gid() == BAND:
            text.remove()
    drawn = np.concatenate([np.ravel(np.asarray(c.get_ydata(), float)) for c in ax.get_lines()])
    drawn = drawn[drawn > 0.0]
    low, high = (float(drawn.min()) / 3.0, float(drawn.max()) * 3.0) if drawn.size else (0.1, 1.0)
    top = max(unseen) if unseen else min((f for f in floors if f > 0.0), default=0.0)
    if top > 0.0:
        low = min(low, top / 60.0)
        ax.axhspan(low / 10.0, top, color="#000000", alpha=0.07, lw=0, zorder=0, gid=BAND)
        note = "below the rounding floor of float64"
        ax.text(0.99, 0.015, note, transform=ax.transAxes, gid=BAND, color="#606060",
                ha="right", va="bottom", fontsize="small")  # fmt: skip
    ax.set_ylim(low, high)
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)
    ax.set_axisbelow(True)
