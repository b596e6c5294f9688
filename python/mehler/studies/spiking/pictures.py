"""Pictures of the study of quantisers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..._arrays import Array
from ...plots import look
from .. import drawing
from .measure import ANNEALED, Found

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"


def draw_gram(fig: Figure, found: Found) -> None:
    """lambda_min against dt: quantised twice, and the level of the smooth kernel."""
    from matplotlib.lines import Line2D

    ax = fig.subplots()
    for place, name in enumerate(dict.fromkeys(r["activation"] for r in found.gram)):
        style = look(name, place)
        colour, marker = style["color"], style["marker"]
        for phases, dash in (("independent", "-"), ("shared", (0, (1, 1.5)))):
            rows = [r for r in found.gram if (r["activation"], r["phases"]) == (name, phases)]
            x = np.array([r["dt"] for r in rows])
            known = np.array([r["status"] == "resolved" for r in rows], dtype=bool)
            y = np.array(
                [r["lambda_min"] if k else r["upper"] for r, k in zip(rows, known, strict=True)]
            )
            ax.plot(x, y, color=colour, lw=1.8, ls=dash)
            label = name if phases == "independent" else None
            ax.plot(x[known], y[known], marker, color=colour, ms=4.5, label=label)
            drawing.at_most(ax, x[~known], y[~known], colour, marker)
        first = next(r for r in found.gram if r["activation"] == name)
        if first["base_status"] == "resolved":
            ax.axhline(first["base"], color=colour, lw=1.0, ls=(0, (5, 3)), zorder=1)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    steps = sorted({r["dt"] for r in found.gram})
    ax.set_xticks(steps, [f"{v:g}" for v in steps])
    ax.minorticks_off()
    ax.set_xlabel("dt (small: rare spikes; large: the activation itself)")
    ax.set_ylabel("lambda_min")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    handles, labels = ax.get_legend_handles_labels()
    for text, dash in (
        ("a state each", "-"),
        ("one state", (0, (1, 1.5))),
        ("smooth", (0, (5, 3))),
    ):
        handles.append(Line2D([], [], color=drawing.GREY, lw=1.6, ls=dash))
        labels.append(text)
    fig.legend(handles, labels, frameon=False, loc="outside upper center", ncols=4)


def draw_trace(fig: Figure, found: Found) -> None:
    """Input, output and the sum of errors of one neuron, for each dt."""
    steps = list(dict.fromkeys(r["dt"] for r in found.trace))
    panels = fig.subplots(len(steps), 1, sharex=True, squeeze=False)[:, 0]
    for ax, dt in zip(panels, steps, strict=True):
        rows = [r for r in found.trace if r["dt"] == dt]
        t = np.array([r["step"] for r in rows])
        ax.bar(t, [r["output"] for r in rows], width=0.7, color=BLUE, label="output")
        ax.plot(t, [r["f"] for r in rows], color=drawing.GREY, lw=1.6, label="f")
        ax.plot(t, [r["sum_of_errors"] for r in rows], color=ORANGE, lw=1.4, label="sum of errors")
        for bound in (-1.0 / dt, 1.0 / dt):
            ax.axhline(bound, color=ORANGE, lw=0.9, ls=(0, (1, 2)))
        ax.set_ylabel(f"dt = {dt:g}")
        ax.grid(axis="y", color=drawing.GRID, lw=0.6)
        ax.set_axisbelow(True)
    panels[-1].set_xlabel("step")
    drawing.legend(fig, panels[0])


def draw_spectrum(fig: Figure, found: Found) -> None:
    """Power of the error, smoothed over bins of equal ratio."""
    ax = fig.subplots()
    w = np.array([r["frequency"] for r in found.spectrum])
    for key, colour, text in (
        ("diffused", BLUE, "diffused"),
        ("rounded", ORANGE, "rounded at random"),
    ):
        s = np.array([r[key] for r in found.spectrum])
        x, y = _binned(w, s)
        ax.plot(w, s, color=colour, lw=0.5, alpha=0.35)
        ax.plot(
            x, y, color=colour, lw=2.0, marker="o" if key == "diffused" else "s", ms=4, label=text
        )
    ax.plot(
        w,
        (2.0 * np.sin(np.pi * w)) ** 2 / 12.0,
        color=drawing.GREY,
        lw=1.2,
        ls=(0, (4, 2)),
        label="law of a difference",
    )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("frequency (cycles a step)")
    ax.set_ylabel("power of the error")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    drawing.legend(fig, ax)


def _binned(w: Array, s: Array) -> tuple[list[float], list[float]]:
    edges = np.geomspace(w[0], w[-1], 25)
    x, y = [], []
    for a, b in pairwise(edges):
        inside = (w >= a) & (w <= b)
        if inside.any():
            x.append(float(np.exp(np.mean(np.log(w[inside])))))
            y.append(float(np.mean(s[inside])))
    return x, y


def draw_network(fig: Figure, found: Found) -> None:
    """Accuracy against dt, by how the network was trained."""
    ax = fig.subplots()
    for how, colour, marker, shift in (
        ("through the quantiser", BLUE, "o", 1.0),
        ("converted", ORANGE, "s", 1.0),
        ("annealed", GREEN, "D", 0.97),
        ("annealed, then as many epochs", PURPLE, "^", 1.03),
        ("through, twice the epochs", "#000000", "v", 1.06),
    ):
        rows = sorted(
            (r for r in found.network if r["training"] == how), key=lambda r: float(r["dt"])
        )
        if not rows:
            continue
        x = np.array([r["dt"] * shift for r in rows])
        y = np.array([100.0 * r["accuracy"] for r in rows])
        error = 200.0 * np.sqrt(y / 100.0 * (1.0 - y / 100.0) / rows[0]["test"])
        ax.errorbar(
            x, y, error, color=colour, marker=marker, ms=6, lw=1.8, capsize=3,
            ls="-" if len(rows) > 1 else "none", label=how,
        )  # fmt: skip
    plain = next((r for r in found.network if r["dt"] is None), None)
    if plain is not None:
        drawing.line(ax, 100.0 * plain["accuracy"], "not spiking")
    steps = sorted({r["dt"] for r in found.network if r["dt"] is not None} | {ANNEALED})
    ax.set_xscale("log", base=2)
    ax.set_xticks(steps, [f"{v:g}" for v in steps])
    ax.minorticks_off()
    ax.set_ylim(top=102.0)
    ax.set_xlabel("dt")
    ax.set_ylabel("test images told right (%)")
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    if ax.get_legend_handles_labels()[0]:
        handles, labels = ax.get_legend_handles_labels()
        fig.legend(handles, labels, frameon=False, loc="outside upper center", ncols=3)
