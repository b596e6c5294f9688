"""Pictures of a training: measured loss, predicted loss with its enclosure, and what moved meanwhile.

The loss is drawn on logarithmic axes, the step as t + 1 where t = 0 is on the axis; measured lines are whole, predicted
ones dashed, so that they stay apart without colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import Array
from ..plots import STYLE
from .prediction import TrainingPrediction
from .table import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#606060"


def training_figure(run: Training, ax: Axes | None = None) -> Figure | None:
    """The loss into given axes, or a figure: the loss, and, where G(t) was recorded, drift and lambda_min."""
    if ax is not None:
        draw_loss(ax, run)
        return None
    gram = any(np.isfinite(r.drift) for r in run.rows)
    fig, axes = _panels(2 if gram else 1)
    draw_loss(axes[0], run)
    if gram:
        draw_gram(axes[1], run)
    fig.suptitle(f"{run.name}, n = {run.n}, width {run.width}", fontsize="medium")
    return fig


def prediction_figure(found: TrainingPrediction, ax: Axes | None = None) -> Figure | None:
    """The predicted loss into given axes, or a figure."""
    fig = None
    if ax is None:
        fig, axes = _panels(1)
        ax = axes[0]
        fig.suptitle(f"{found.name}, n = {found.n}", fontsize="medium")
    draw_prediction(ax, found)
    _finish_loss(ax, [found.loss])
    return fig


def _panels(count: int) -> tuple[Figure, Any]:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        fig = Figure(figsize=(5.6 * count, 4.4), dpi=160, layout="constrained")
        FigureCanvasAgg(fig)
        return fig, fig.subplots(1, count, squeeze=False)[0]


def draw_loss(ax: Axes, run: Training) -> None:
    """The measured loss, and the predicted one."""
    if run.prediction is not None:
        draw_prediction(ax, run.prediction)
    if len(run.losses) > len(run.rows):
        steps, losses = np.arange(len(run.losses)), run.losses
        keep = np.unique(np.geomspace(1, len(steps), 600).astype(int)) - 1
        steps, losses = steps[keep], losses[keep]
    else:
        steps = np.array([r.step for r in run.rows])
        losses = np.array([r.loss for r in run.rows])
    ax.plot(steps + 1, losses, color=BLUE, lw=1.8, label="training")
    predicted = [] if run.prediction is None else [run.prediction.loss]
    _finish_loss(ax, [losses, *predicted])


def draw_prediction(ax: Axes, found: TrainingPrediction) -> None:
    """The middle of the bounds, and the bounds where they are apart."""
    t = found.steps + 1
    label = "gradient flow of the kernel" if found.flow else "linearised"
    ax.plot(t, found.loss, color=ORANGE, lw=1.5, ls=(0, (4, 2)), label=label)
    if np.any(found.upper > 1.02 * found.lower):
        low = np.maximum(found.lower, 1e-300)
        ax.fill_between(t, low, found.upper, color=ORANGE, alpha=0.18, lw=0, label="its bounds")


def _finish_loss(ax: Axes, curves: list[Array]) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    every = np.concatenate([np.asarray(c) for c in curves])
    seen = every[(every > 0.0) & np.isfinite(every)]
    if seen.size:
        first = float(np.max([c[0] for c in curves]))
        measured = curves[0][curves[0] > 0.0]
        low = max(float(seen.min()), 1e-3 * float(measured.min()) if measured.size else 0.0)
        ax.set_ylim(low / 2.0, max(float(np.max(curves[0])), first) * 2.0)
    ax.set_xlabel("step t + 1")
    ax.set_ylabel("loss  |f - y|^2 / 2")
    ax.legend(frameon=False, fontsize="small")
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)


def draw_gram(ax: Axes, run: Training) -> None:
    """lambda_min(G(t)) on the left axis, the relative drift of G on the right one; what is a bound only is open."""
    known = [r for r in run.rows if r.lambda_min_status == "resolved" and r.lambda_min > 0.0]
    bounds = [r for r in run.rows if r.lambda_min_status == "rounding-limited"]
    ax.plot(
        [r.step + 1 for r in known], [r.lambda_min for r in known], "o-", color=BLUE, ms=4, lw=1.4
    )
    ax.plot(
        [r.step + 1 for r in bounds], [r.lambda_min_upper for r in bounds], "o", color=BLUE, mfc="white", ms=5
    )  # fmt: skip
    ax.set_xscale("log")
    if known or bounds:
        ax.set_yscale("log")
    ax.set_xlabel("step t + 1")
    ax.set_ylabel("smallest eigenvalue of G(t)", color=BLUE)
    other = ax.twinx()
    rows = [r for r in run.rows if r.drift > 0.0]
    other.plot(
        [r.step + 1 for r in rows], [r.drift for r in rows], "s--", color=GREEN, ms=3, lw=1.2
    )
    if rows:
        other.set_yscale("log")
    other.set_ylabel("|G(t) - G(0)| / |G(0)|  (Frobenius)", color=GREEN)
    other.spines["right"].set_visible(True)
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)
