"""``training``: gradient descent on networks of finite width beside what their kernel predicts; Figure 1's loss curves.

Neurons come in pairs of opposite read-out, so that every network starts from f = 0 and the same loss. Labels are random
signs: what is measured is how fast anything is learned, and the slowest directions are those of the
smallest eigenvalues. Every activation takes its own largest safe step, eta = 1 / lambda_max.
"""

from __future__ import annotations

import math
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

from .._arrays import Array
from ..errors import ConvergenceWarning
from ..plots import look
from ..training.table import Training
from ..training.train import train
from . import drawing
from .ask import Ask, Points
from .figure_one import SIZES
from .report import Picture, Record, Section, StudyReport, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "training"
TEXT = "gradient descent on random labels, beside the prediction of the kernel"
WIDTH, STEPS = 10_000, 1_000
QUICK_WIDTH, QUICK_STEPS = 2_000, 300
SHOWN = (0, 10, 100, 300, 1_000)
MOST_POINTS = 1_000  # of the user's, unless asked otherwise

PARTING = 0.1  # of the predicted loss: further from it, a network has left it

Runs = dict[str, Training]
Found = list[tuple[Points, Runs]]


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    start = time.perf_counter()
    found, cut = measured(ask)
    words = "; ".join(points.text for points, _ in found)
    return StudyReport(
        which=NAME,
        title="How fast does gradient descent learn, and did the kernel know?",
        conclusions=conclusions(found),
        sections=(section(found, ask),) if found else (),
        records={"": records(found)},
        asked=ask.asked(words, labels="random signs", width=_width(ask), steps=_steps(ask)),
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )


def measured(ask: Ask) -> tuple[Found, bool]:
    """One training an activation, on each set of points; whether it was cut short."""
    if ask.X is None:
        sizes = SIZES if ask.n is None else (ask.n,)
        sets = [ask.points("circle-half", n, 2, 500) for n in sizes]
    else:
        points = ask.points("circle-half", 2, 2, 500)
        sets = [points if ask.n is not None else points.first(MOST_POINTS)]
    found: Found = []
    for points in sets:
        runs: Runs = {}
        n = len(points.X)
        y = np.where(np.random.default_rng([ask.seed, 600, n]).random(n) < 0.5, -1.0, 1.0)
        weights, readout = network(_width(ask), points.X.shape[1], ask.seed)
        for name, act in zip(ask.names, ask.activations, strict=True):
            ask.say(f"training {name} on {n} points")
            try:
                with warnings.catch_warnings():  # the table says what diverged
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    one = train(
                        points.X, y, act, steps=_steps(ask), gram=False, threads=ask.threads,
                        weights=weights, readout=readout,
                    )  # fmt: skip
            except KeyboardInterrupt:
                return [*found, *([(points, runs)] if runs else [])], True
            runs[name] = one
            if one.status == "stopped":
                return [*found, (points, runs)], True
        found.append((points, runs))
    return found, False


def network(width: int, d: int, seed: int) -> tuple[Array, Array]:
    """Weights (m, d) and read-out (m,): every neuron twice, with a and -a, so that f(0) = 0 whatever phi is."""
    rng = np.random.default_rng([seed, 601])
    half = rng.standard_normal((width // 2, d))
    signs = np.where(rng.random(width // 2) < 0.5, -1.0, 1.0)
    return np.vstack([half, half]), np.concatenate([signs, -signs])


def section(found: Found, ask: Ask, name: str = "") -> Section:
    """Picture and table."""
    ends = "; ".join(
        f"n = {len(points.X)}: {', '.join(f'{a} {_share(r):.2g}' for a, r in runs.items())}"
        for points, runs in found
    )
    return Section(
        "Gradient descent",
        (
            "The hidden layer of a network is trained by full-batch gradient descent on random signs, with the step size 1 / lambda_max of each "
            "activation. Neurons come in pairs with read-outs a and -a, so that every network starts from zero and the same loss. The loss along an eigenvector of G falls like (1 - eta lambda)^(2t): with a small smallest eigenvalue what lies along "
            "it is not learned. The prediction takes G at the start; where the measured curve leaves it, the weights have moved.",
            Picture(
                name,
                "Loss over the loss at the start",
                f"Loss against steps, logarithmic, a curve an activation, measured and predicted. Share of the loss that is left: {ends}.",
                f"Solid: measured, width {_width(ask):,}; dashed: predicted by the linearised training. Labels are random signs, seed {ask.seed}.",
                lambda fig: draw(fig, found),
                (5.0 * max(len(found), 1.5), 4.6),
            ),
            *(loss_table(points, runs) for points, runs in found),
        ),
    )


def loss_table(points: Points, runs: Runs) -> Table:
    """Losses at some steps, and the predicted one at the end."""
    last = max(r.steps for r in runs.values())
    steps = [t for t in SHOWN if t < last] + [last]
    return Table(
        f"Loss, {points.text}",
        ("activation", "step size", *(f"t = {t:,}" for t in steps), "predicted at the end"),
        tuple(
            (
                a,
                f"{r.step_size:.3g}",
                *(f"{r.losses[t]:.3g}" if t < len(r.losses) else "-" for t in steps),
                f"{r.rows[-1].predicted:.3g}",
            )
            for a, r in runs.items()
        ),
    )


def leaves(r: Training) -> int | None:
    """The last recorded step at which measured and predicted loss agree to PARTING, if they do not at the end."""
    rows = [row for row in r.rows if math.isfinite(row.predicted)]
    near = [abs(row.loss - row.predicted) <= PARTING * row.predicted for row in rows]
    if not rows or near[-1]:
        return None
    return max((row.step for row, ok in zip(rows, near, strict=True) if ok), default=0)


def parting(runs: Runs) -> str:
    """Which networks leave the prediction of their kernel, since when, and how far."""
    away = {a: t for a, r in runs.items() if (t := leaves(r)) is not None}
    if not away:
        return f"The prediction holds to {100 * PARTING:.0f} % for all of them, to the end."
    width = next(iter(runs.values())).width
    words = "; ".join(
        f"{a} after t = {t:,} ({runs[a].rows[-1].loss / runs[a].rows[0].loss:.2g} is left, predicted {runs[a].rows[-1].predicted / runs[a].rows[0].loss:.2g})"
        for a, t in sorted(away.items(), key=lambda item: item[1])
    )
    rest = [a for a in runs if a not in away]
    held = f"; {', '.join(rest)} keep{'s' * (len(rest) == 1)} to it" if rest else ""
    return (
        f"Networks of {width:,} neurons leave the prediction by more than {100 * PARTING:.0f} %, "
        f"their weights having moved: {words}{held}."
    )


def conclusions(found: Found) -> tuple[str, ...]:
    """Sentences computed from the numbers."""
    out = []
    for points, runs in found:
        order = sorted(runs, key=lambda a: _share(runs[a]))
        words = ", ".join(f"{a} {_share(runs[a]):.2g}" for a in order)
        steps = max(r.steps for r in runs.values())
        out.append(
            f"{len(points.X)} points, {steps:,} steps: of the loss at the start there is left, fastest first: {words}. {parting(runs)}"
        )
    return tuple(out) or ("Nothing was reached.",)


def records(found: Found) -> list[Record]:
    """Tidy rows: one a recorded step."""
    return [
        {"points": points.text, "n": r.n, "activation": a, "width": r.width, "step_size": r.step_size, "step": row.step,
         "loss": row.loss, "predicted": row.predicted, "status": r.status}
        for points, runs in found for a, r in runs.items() for row in r.rows
    ]  # fmt: skip


def draw(fig: Figure, found: Found) -> None:
    """One panel a set of points."""
    from matplotlib.lines import Line2D

    axes = fig.subplots(1, len(found), squeeze=False)[0]
    for ax, (points, runs) in zip(axes, found, strict=True):
        for place, (name, r) in enumerate(runs.items()):
            style, first = look(name, place), float(r.losses[0])
            t = np.arange(len(r.losses)) + 1.0
            ax.plot(t, np.asarray(r.losses) / first, color=style["color"], lw=1.9)
            rows = [row for row in r.rows if math.isfinite(row.predicted)]
            at = np.array([row.step + 1.0 for row in rows])
            ax.plot(
                at,
                [row.predicted / first for row in rows],
                color=style["color"],
                lw=1.2,
                ls=(0, (4, 2)),
            )
            marks = [row for row in r.rows if row.step]
            ax.plot([row.step + 1.0 for row in marks], [row.loss / first for row in marks], style["marker"],
                    color=style["color"], ms=4.5)  # fmt: skip
            ax.plot([], [], color=style["color"], marker=style["marker"], lw=1.9, label=name)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_ylim(bottom=max(ax.get_ylim()[0], 1e-6))
        drawing.plain_ticks(ax)
        ax.set_title(f"n = {len(points.X)}")
        ax.set_xlabel("step t + 1")
        ax.set_ylabel("loss / loss at the start")
        ax.grid(axis="y", color=drawing.GRID, lw=0.6)
    handles, labels = axes[0].get_legend_handles_labels()
    handles.append(Line2D([], [], color=drawing.GREY, lw=1.2, ls=(0, (4, 2))))
    fig.legend(handles, [*labels, "predicted"], frameon=False, loc="outside upper center", ncols=6)


def _share(r: Training) -> float:
    return r.loss / float(r.losses[0])


def _width(ask: Ask) -> int:
    return QUICK_WIDTH if ask.quick else WIDTH


def _steps(ask: Ask) -> int:
    return QUICK_STEPS if ask.quick else STEPS
