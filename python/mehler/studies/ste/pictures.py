"""Pictures of the study: descents, the landscape, smallest eigenvalues, losses of networks of few bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...plots import look
from .. import drawing
from .descent import CoarseDescent
from .estimators import ESTIMATORS
from .experiment import Trained, band
from .found import Escape, Smallest, teacher
from .landscape import landscape, loss_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDER = ("identity", "clipped", "relu")  # places of colours
DASHES: dict[str, Any] = {"identity": "-", "clipped": (0, (4, 3)), "relu": "-"}
MOST = 400  # points of a curve
ANGLES = np.linspace(0.0, math.pi, 121)
DASHED = (0, (4, 2))


def colour(estimator: str) -> str:
    """The same in every picture."""
    return str(look(estimator, ORDER.index(estimator))["color"])


def shown(run: CoarseDescent) -> list[int]:
    """The steps that a curve shows: the highest loss of each of at most so many stretches, so that no jump is left out."""
    size = math.ceil((run.steps + 1) / MOST)
    starts = range(0, run.steps + 1, size)
    return [first + int(np.argmax(run.losses[first : first + size])) for first in starts]


def drawn_escapes(escapes: list[Escape]) -> list[Escape]:
    """One a teacher: that of the smallest step size."""
    best: dict[int, Escape] = {}
    for one in escapes:
        if one.total not in best or one.step_size < best[one.total].step_size:
            best[one.total] = one
    return list(best.values())


def descents(fig: Figure, escapes: list[Escape]) -> None:
    """Loss above, |w| below, a column a teacher."""
    from matplotlib.lines import Line2D

    columns = drawn_escapes(escapes)
    axes = fig.subplots(2, len(columns), sharex="col", squeeze=False)
    for k, one in enumerate(columns):
        for estimator in ESTIMATORS:
            run = one.exact[estimator]
            at = shown(run)
            wide = 3.2 if estimator == "relu" else 1.7
            for ax, values in ((axes[0, k], run.losses), (axes[1, k], run.norms)):
                ax.plot(
                    run.times[at], values[at], color=colour(estimator), ls=DASHES[estimator], lw=wide,
                    zorder={"relu": 2, "clipped": 3, "identity": 1}[estimator],
                )  # fmt: skip
        for ax in axes[:, k]:
            ax.set_ylim(bottom=0.0)
            ax.grid(axis="y", color=drawing.GRID, lw=0.6)
            if math.isfinite(one.predicted):
                ax.axvline(one.predicted, color=drawing.GREY, lw=1.1, ls=(0, (1, 2)), zorder=4)
        if one.total == 0:
            axes[0, k].set_ylim(0.0, 1.0)
        axes[0, k].set_title(f"s = {one.total}" + (" (control)" if one.total == 0 else ""))
        axes[1, k].set_xlabel("time: step size times steps")
    axes[0, 0].set_ylabel("population loss")
    axes[1, 0].set_ylabel("|w|")
    handles = [Line2D([], [], color=colour(e), ls=DASHES[e], lw=2.2) for e in ESTIMATORS]
    handles.append(Line2D([], [], color=drawing.GREY, lw=1.1, ls=(0, (1, 2))))
    fig.legend(
        handles, [*ESTIMATORS, "predicted escape of identity"], frameon=False, ncols=4,
        loc="outside upper center",
    )  # fmt: skip


def valley(fig: Figure, totals: tuple[int, ...]) -> None:
    """Loss at the best second layer against the angle."""
    ax = fig.subplots()
    for place, total in enumerate(totals):
        v_star = teacher(total)
        one, tint = landscape(v_star), ("#0072B2", "#D55E00", "#009E73")[place % 3]
        ax.plot(ANGLES, loss_at(ANGLES, v_star), color=tint, lw=1.9, label=f"s = {total}")
        ax.plot(one.saddle_angle, one.saddle_loss, "^", color=tint, ms=7, zorder=4)
        ax.plot(math.pi, one.spurious_loss, "o", color=tint, ms=7, zorder=4, clip_on=False)
    ax.plot(0.0, 0.0, "*", color="#000000", ms=11, zorder=5, clip_on=False)
    for marker, text in (("*", "global minimum"), ("^", "saddle"), ("o", "spurious minimum")):
        ax.plot([], [], marker, color=drawing.GREY, ls="none", label=text)
    ax.set_xticks([0.0, 0.25 * math.pi, 0.5 * math.pi, 0.75 * math.pi, math.pi],
                  ["0", "pi/4", "pi/2", "3 pi/4", "pi"])  # fmt: skip
    ax.set_xlabel("angle between w and w*")
    ax.set_ylabel("loss at the best v")
    ax.set_ylim(bottom=0.0)
    ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, frameon=False, loc="outside upper center", ncols=3)


def spectra(fig: Figure, rows: list[Smallest]) -> None:
    """lambda_min of the surrogate Gram matrix against n; what rounding hides as an open marker on its floor."""
    sizes = sorted({r.n for r in rows})
    by = {(r.estimator, r.n): r for r in rows}
    series = {}
    for estimator in ORDER:
        values = np.array([by[estimator, n].lambda_min for n in sizes])
        floors = np.array([by[estimator, n].floor for n in sizes])
        seen = values > floors
        series[estimator] = (np.where(seen, values, np.nan), np.where(seen, np.nan, floors))
    ax = fig.subplots()
    drawing.curves(ax, sizes, series, f"points n, d = {rows[0].d}", "smallest eigenvalue")
    ax.set_ylim(bottom=0.05 * min(float(np.nanmin(f, initial=1.0)) for _, f in series.values()))
    drawing.legend(fig, ax, bounds=True)


def losses(fig: Figure, one: Trained) -> None:
    """Mean training loss of every pass, a panel for each number of bits; bands are 95 % of the mean over seeds."""
    axes = fig.subplots(1, len(one.plan.bits), sharey=True, squeeze=False)[0]
    for ax, bits in zip(axes, one.plan.bits, strict=True):
        for estimator in ESTIMATORS:
            runs = one.of(bits, estimator)
            if not runs:
                continue
            table = np.array([r.losses for r in runs])
            x = np.arange(1, table.shape[1] + 1)
            ends = [band(c) for c in table.T]
            mean, half = np.array(ends).T
            ax.plot(x, mean, color=colour(estimator), ls=DASHES[estimator], lw=1.9, label=estimator)
            if np.isfinite(half).all():
                low = np.maximum(
                    mean - half, 0.5 * mean
                )  # a logarithmic axis has no place for more
                ax.fill_between(x, low, mean + half, color=colour(estimator), alpha=0.15, lw=0)
        ax.set_yscale("log")
        drawing.plain_ticks(ax)
        ax.set_title(f"{bits} bits" if bits > 1 else "1 bit")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("pass through the training points")
        ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    axes[0].set_ylabel("mean training loss of the pass")
    drawing.legend(fig, axes[0])
