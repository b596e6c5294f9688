"""Pictures of the study: a panel an activation, a curve a range, darker for larger boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...plots import COLOURS, look
from .. import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .found import Found

# From light to dark, apart for every eye and in grey; each range has a marker of its own too.
SHADES = ("#9ECAE9", "#56B4E9", "#0072B2", "#08519C", "#08204A")
MARKERS = "osD^v"
DASHED = (0, (4, 2))


def shade(k: int, of: int) -> dict[str, Any]:
    """Of the k-th of so many ranges."""
    place = round(k * (len(SHADES) - 1) / max(of - 1, 1))
    return {"color": SHADES[place], "marker": MARKERS[place % len(MARKERS)]}


def panels(fig: Figure, names: tuple[str, ...]) -> Iterator[tuple[str, Axes]]:
    """Two in a row, on common axes."""
    across = min(len(names), 2)
    down = -(-len(names) // 2)
    axes = fig.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for place, ax in enumerate(axes.flat):
        if place >= len(names):
            ax.axis("off")
            axes.flat[place - across].xaxis.set_tick_params(labelbottom=True)
            continue
        ax.set_title(names[place])
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.grid(axis="y", color=drawing.GRID, lw=0.6)
        yield names[place], ax


def named(fig: Figure, ranges: tuple[float, ...], more: tuple[Any, ...] = ()) -> None:
    """What the shades are, above all panels."""
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], lw=1.9, ms=5.5, label=f"range {lam:g}", **shade(k, len(ranges)))
        for k, lam in enumerate(ranges)
    ]
    fig.legend(handles=[*marks, *more], frameon=False, loc="outside upper center", ncols=6)


def grey(label: str, **how: Any) -> Any:
    """A line that is explained in the legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=drawing.GREY, label=label, **{"lw": 1.6, "ls": DASHED, **how})


def by_width(ax: Axes, widths: tuple[int, ...]) -> None:
    """A tick at every width."""
    ax.set_xticks(widths, [f"{w:,}" for w in widths])
    ax.minorticks_off()


def errors(fig: Figure, found: Found) -> None:
    """rmse against width."""
    for place, (name, ax) in enumerate(panels(fig, found.names)):
        of_rows(ax, found, name, "rmse")
        by_width(ax, found.widths)
        label(ax, place, len(found.names), "width", "error")
        ax.set_ylim(*span(found))
    named(fig, found.ranges)


def span(found: Found) -> tuple[float, float]:
    """From the least error to somewhat above the largest median: single draws can be far above."""
    medians = [
        found.cell(a, lam, w)[0] for a in found.names for lam in found.ranges for w in found.widths
    ]
    return 0.6 * min(r.rmse for r in found.rows), 2.5 * float(np.nanmax(medians))


def ranks(fig: Figure, found: Found) -> None:
    """Rank against width."""
    for place, (name, ax) in enumerate(panels(fig, found.names)):
        ax.plot(found.widths, found.widths, color=drawing.GREY, lw=1.2, ls=DASHED)
        of_rows(ax, found, name, "rank")
        by_width(ax, found.widths)
        drawing.plain_ticks(ax)
        label(ax, place, len(found.names), "width", "rank")
    named(fig, found.ranges, (grey("neurons", lw=1.2),))


def of_rows(ax: Axes, found: Found, name: str, what: str) -> None:
    """Medians over draws, and the middle half of them."""
    for k, lam in enumerate(found.ranges):
        style = shade(k, len(found.ranges))
        values = [
            [
                getattr(r, what)
                for r in found.rows
                if (r.activation, r.lam, r.width) == (name, lam, w)
            ]
            for w in found.widths
        ]
        if not all(values):
            continue
        ax.plot(found.widths, [np.median(v) for v in values], lw=1.9, ms=5.5, **style)
        low, high = (np.percentile(np.asarray(values), q, axis=1) for q in (25.0, 75.0))
        ax.fill_between(found.widths, low, high, color=style["color"], alpha=0.15, lw=0)


def label(ax: Axes, place: int, count: int, x: str, y: str) -> None:
    """Axes are named on the outer panels."""
    if place >= count - 2:
        ax.set_xlabel(x)
    if place % 2 == 0:
        ax.set_ylabel(y)


def tails(fig: Figure, found: Found) -> None:
    """tau of the target, and of Gaussians as wide as its bumps."""
    ax = fig.subplots()
    lam = np.array([b.lam for b in found.band])
    ax.plot(lam, [b.tau for b in found.band], color="#0072B2", lw=2.2, label="the target")
    for scale, style in ((1.0, (0, (4, 2))), (0.1, (0, (1, 2)))):
        tau = np.interp(np.log(lam * scale), np.log(lam), [b.gaussian for b in found.band])
        inside = lam * scale >= lam[0]
        ax.plot(
            lam[inside],
            tau[inside],
            color=drawing.GREY,
            lw=1.4,
            ls=style,
            label=f"Gaussian, s = {scale:g}",
        )
    for r in found.ranges:
        ax.axvline(r, color=drawing.GRID, lw=1.0, zorder=0)
    ax.set_xscale("log")
    ax.set_ylim(0.0, 1.0)
    ax.set_xlabel("range lam")
    ax.set_ylabel("share outside, tau")
    drawing.legend(fig, ax)


def capped(fig: Figure, found: Found) -> None:
    """Constrained optimum and bound against B."""
    for place, (name, ax) in enumerate(panels(fig, found.names)):
        for k, lam in enumerate(found.ranges):
            mine = [c for c in found.caps if (c.activation, c.lam) == (name, lam)]
            style = shade(k, len(found.ranges))
            B = [c.cap for c in mine]
            ax.plot(B, [c.optimum for c in mine], lw=1.9, ms=5.0, **style)
            known = [(c.cap, c.bound) for c in mine if c.bound > 0.0]
            if known:
                ax.plot(*zip(*known, strict=True), color=style["color"], lw=1.4, ls=DASHED)
        label(ax, place, len(found.names), "cap B of |c|", "|y - H c| / |y|")
    named(fig, found.ranges, (grey("bound"),))


def ridges(fig: Figure, found: Found) -> None:
    """Errors against ridge."""
    ax = fig.subplots()
    for name in found.names:
        style = look(
            name,
            [n for n in found.names if n not in COLOURS].index(name) if name not in COLOURS else 0,
        )
        for lam in dict.fromkeys(p.lam for p in found.paths if p.activation == name):
            mine = [p for p in found.paths if (p.activation, p.lam) == (name, lam)]
            wide = lam == found.ranges[-1]
            ax.plot(
                [p.ridge for p in mine],
                [p.tested for p in mine],
                color=style["color"],
                lw=2.0 if wide else 1.4,
                ls="-" if wide else DASHED,
                label=name if wide else None,
            )
    ax.set_xscale("log")
    ax.set_yscale("log")
    drawing.plain_ticks(ax)
    ax.set_xlabel("ridge / largest eigenvalue")
    ax.set_ylabel("error")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    drawing.legend(fig, ax)


def on_data(fig: Figure, found: Found) -> None:
    """Errors of data against width, and of the kernel."""
    ranges = tuple(dict.fromkeys(r.lam for r in found.data_rows))
    names = tuple(n for n in found.names if any(r.activation == n for r in found.data_rows))
    sizes = sorted({r.width for r in found.data_rows if r.width})
    end = sizes[-1] * 2
    for place, (name, ax) in enumerate(panels(fig, names)):
        for k, lam in enumerate(ranges):
            style = shade(k, len(ranges))
            mine = [r for r in found.data_rows if (r.activation, r.lam) == (name, lam)]
            none = [r.width or end for r in mine if r.law != "box" and r.error == 0.0]
            if none:  # no point is wrong: less than one of them
                least = np.full(len(none), 1.0 / found.tested)
                drawing.at_most(
                    ax, np.array(none, dtype=np.float64), least, style["color"], style["marker"]
                )
            line = [(r.width, r.error) for r in mine if r.law == "normal" and r.error > 0.0]
            limit = [r.error for r in mine if r.law == "kernel" and r.error > 0.0]
            if line:
                ax.plot(*zip(*line, strict=True), lw=1.9, ms=5.5, **style)
            if limit:
                ax.plot([end], limit, style["marker"], color=style["color"], mfc="white", ms=7)
        ax.set_xticks([*sizes, end], [*(f"{w:,}" for w in sizes), "kernel"])
        ax.minorticks_off()
        drawing.plain_ticks(ax)
        label(ax, place, len(names), "width", "wrong" if found.classes else "error")
    named(fig, ranges)
