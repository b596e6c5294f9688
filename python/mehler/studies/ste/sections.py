"""What the page of the study shows: sections of paragraphs, pictures and tables, and the records behind them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from ..report import Picture, Record, Section, Table
from . import pictures
from .estimators import ESTIMATORS
from .experiment import Trained, band, batch_of
from .found import NOISE, POINTS, STARTS, TOTALS, Escape, Found, M, Smallest, teacher
from .landscape import loss_at
from .words import sentence, value


def sections(found: Found) -> tuple[Section, ...]:
    """Of the page."""
    made = (escapes(found), images(found), grams(found), sampling(found))
    return tuple(s for s in made if s is not None)


def escapes(found: Found) -> Section | None:
    """The headline, and the landscape."""
    if not found.escapes:
        return None
    totals = tuple(dict.fromkeys(e.total for e in found.escapes))
    return Section(
        "The minimum that the identity leaves",
        (
            f"A network y = v^t s(Z w) of {M} rows, s the step function, is trained on Gaussian inputs to be its teacher (v*, w*), with a surrogate in the place "
            "of the derivative of s: 1 (identity), 1 where x > 0 (relu), 1 where 0 < x < 1 (clipped). All expectations are in closed form. Descent starts at the spurious "
            "minimum, w = -w*, |w| = 1. The coarse gradient of relu and clipped is zero there. That of the identity has the constant length "
            "2 (m-1) s^2 / (sqrt(2 pi) (m+1)^2) along w, s the sum of v*: |w| shrinks to 0 at a known time, and w turns round. With s = 0 it is zero too.",
            Picture(
                "",
                "Loss and |w| of coarse gradient descent from the spurious minimum",
                " ".join(sentence(e) for e in pictures.drawn_escapes(found.escapes)),
                "Entries of v* are 1 and -1, s is their sum. Dotted: the predicted time. Curves of relu and clipped lie on one another.",
                partial(pictures.descents, escapes=found.escapes),
                (10.0, 5.6),
            ),
            Table(
                "Time at which the loss first jumps: from the minimum itself, and from near it",
                ("s", "step", "predicted", "identity", "off by", "near it", "others", "their loss"),
                tuple(_escape_row(e) for e in found.escapes),
                f"Time is the step size times the steps before the jump. Near it: identity, least to largest of {STARTS} starts with noise of {NOISE:g} on every entry of v and of w, |w| = 1. "
                "Others: relu and clipped, earliest of all starts; their loss: at the end (of starts near it, at time 20 or later), largest distance from s^2/(2(m+1)).",
            ),
            Picture(
                "landscape",
                "The loss between the global and the spurious minimum",
                "Loss at the best second layer against the angle of w and w*: it rises from 0 to a saddle and falls to the spurious minimum at pi.",
                "At every angle v is the best one. Without a saddle, for (1^t v*)^2 >= (m+1)/2 |v*|^2, there is no spurious minimum.",
                partial(pictures.valley, totals=totals),
            ),
        ),
    )  # fmt: skip


def _escape_row(e: Escape) -> tuple[str, ...]:
    seen = float(e.exact["identity"].escape)
    near = np.asarray(e.near["identity"].escape)
    off = (
        f"{100.0 * abs(seen / e.predicted - 1.0):.2f} %"
        if math.isfinite(e.predicted + seen)
        else "-"
    )
    others = [r for kind in (e.exact, e.near) for k, r in kind.items() if k != "identity"]
    first = min(float(np.min(r.escape)) for r in others)
    gap = max(float(np.max(np.abs(r.losses[-1] - e.ground.spurious_loss))) for r in others)
    return (
        str(e.total), f"{e.step_size:g}", _time(e.predicted), _time(seen), off,
        "never" if np.isinf(near).all() else f"{near.min():.3g} to {_time(float(near.max()))}",
        _time(first), f"{gap:.0e}",
    )  # fmt: skip


def _time(t: float) -> str:
    return f"{t:.4g}" if math.isfinite(t) else "never"


def images(found: Found) -> Section | None:
    """Networks of few bits."""
    if not found.trained or not found.trained[0].runs:
        return None
    one = found.trained[0]
    plan = one.plan
    layers = " - ".join(map(str, plan.hidden))
    rows = [row for bits in (0, *plan.bits) for row in _image_rows(one, bits)]
    return Section(
        "Few bits on real images",
        (
            f"{one.text}: {one.training:,} for training, {one.validation:,} held out, {one.classes} classes. Hidden layers {layers}, batch-norm without scale and shift, then a "
            "uniform quantiser whose step was fitted to samples of a half-normal distribution and is frozen. Every training starts from the float network of its seed "
            f"({plan.float_epochs} passes) and takes {plan.epochs} passes with momentum 0.9; within a seed the estimators share start and batches (of {batch_of(one.training)} points). Clipped: 1 up to the highest level.",
            Picture(
                "images",
                "Training loss of networks of few bits",
                "Mean loss of each pass against the pass, a panel for each number of bits. "
                + " ".join(f"{r[0]} bits, {r[1]}: {r[2]}." for r in rows if r[0] != "float"),
                f"Lines: mean over {plan.seeds} seeds; bands: 95 % of the mean (Student).",
                partial(pictures.losses, one=one),
                (4.4 * max(len(plan.bits), 1.6), 4.4),
            ),
            Table(
                "At the end: mean over seeds and half of its 95 % interval",
                ("bits", "estimator", "training loss", "training accuracy %", "validation accuracy %", "seeds"),
                tuple(rows),
            ),
            Table(
                "Difference from relu, paired by seed",
                ("bits", "estimator", "training loss", "validation accuracy, points"),
                tuple(
                    (str(bits), e, _pm(one.paired(bits, e, "relu", "training_loss"), 1.0, sign=True),
                     _pm(one.paired(bits, e, "relu", "accuracy"), 100.0, sign=True))
                    for bits in plan.bits for e in ("identity", "clipped")
                ),
            ),
        ),
    )  # fmt: skip


def _image_rows(one: Trained, bits: int) -> Iterator[tuple[str, ...]]:
    for e in ESTIMATORS if bits else ("float",):
        runs = one.of(bits, e)
        if runs:
            yield (
                str(bits) if bits else "float", e if bits else "-",
                _pm([r.training_loss for r in runs], 1.0),
                _pm([r.training_accuracy for r in runs], 100.0),
                _pm([r.accuracy for r in runs], 100.0),
                str(len(runs)),
            )  # fmt: skip


def _pm(values: list[float], scale: float, sign: bool = False) -> str:
    mean, half = (scale * x for x in band(values))
    if math.isnan(mean):
        return "-"
    form, error = (
        ("+" if sign else "") + (".2f" if scale > 1.0 else ".3g"),
        ".2f" if scale > 1.0 else ".2g",
    )
    return f"{mean:{form}}" + ("" if math.isnan(half) else f" +- {half:{error}}")


def grams(found: Found) -> Section | None:
    """Spectra of both matrices."""
    if not found.smallest:
        return None
    table = [r for r in found.smallest if r.n == POINTS]
    parts: list[str | Picture | Table] = [
        "The surrogate matrix G(x, x') = (x.x') E[mu'(w.x) mu'(w.x')] is the gradient kernel of mu. With the identity it is the linear kernel: singular as soon as there are "
        "more points than coordinates. The cross matrix has the true derivative of the step, a delta, on one side: it is what moves the outputs under coarse descent, and need not be "
        "positive semidefinite.",
        Picture(
            "gram",
            "Smallest eigenvalue of the surrogate Gram matrix",
            "Smallest eigenvalue against the number of points, logarithmic. " + "; ".join(
                f"{r.estimator} at {r.n}: {value(r.lambda_min, r.floor)}" for r in found.smallest
            ),
            "Random points on the sphere. Open markers: no more than n eps lambda_max, which rounding can hide.",
            partial(pictures.spectra, rows=found.smallest),
        ),
    ]  # fmt: skip
    for rows, text in (
        (table, f"{POINTS} random points on the sphere"),
        (found.images, _first(found)),
    ):
        if rows:
            parts.append(
                Table(
                    f"Ends of both spectra: {text}",
                    ("estimator", "G: least", "largest", "cross: least", "largest", "below 0"),
                    tuple(
                        (r.estimator, value(r.lambda_min, r.floor), f"{r.lambda_max:.4g}",
                         _either(r), f"{r.cross_max:.4g}", str(r.cross_negative))
                        for r in rows
                    ),
                )
            )  # fmt: skip
    return Section("Gram matrices of surrogate derivatives", tuple(parts))


def _either(r: Smallest) -> str:
    """The least eigenvalue of the cross matrix, of either sign, or that rounding hides it."""
    floor = r.n * float(np.finfo(float).eps) * r.cross_max
    return f"{r.cross_min:.3g}" if abs(r.cross_min) > floor else f"<= {floor:.0e}"


def _first(found: Found) -> str:
    n = found.images[0].n if found.images else 0
    return f"the first {n} images, divided by their norms"


def sampling(found: Found) -> Section | None:
    """Closed forms against draws."""
    if not found.deviations:
        return None
    return Section(
        "The formulas, sampled",
        (
            Table(
                f"Closed form and mean of {found.draws:,} draws of Z, m = 5, n = 6: the entry that is furthest off",
                ("formula", "closed form", "mean", "standard error", "off by, standard errors", "entries"),
                tuple(
                    (d.formula, f"{d.closed:.6f}", f"{d.sampled:.6f}", f"{d.error:.1e}",
                     f"{d.deviation:.2f}", str(d.entries))
                    for d in found.deviations
                ),
            ),
        ),
    )  # fmt: skip


def records(found: Found) -> dict[str, list[Record]]:
    """Tidy tables."""
    out: dict[str, list[Record]] = {
        "": [
            {"s": e.total, "step_size": e.step_size, "start": kind, "number": k, "estimator": name,
             "predicted": e.predicted, "escape": float(np.atleast_1d(run.escape)[k]),
             "final_loss": float(np.atleast_1d(run.losses[-1])[k]),
             "spurious_loss": e.ground.spurious_loss, "largest_rise": float(np.atleast_1d(run.rise)[k])}
            for e in found.escapes for kind, runs in (("exact", e.exact), ("near", e.near))
            for name, run in runs.items() for k in range(np.atleast_1d(run.escape).size)
        ],
        "descent": [
            {"s": e.total, "step_size": e.step_size, "estimator": name, "time": float(run.times[t]),
             "loss": float(run.losses[t]), "norm": float(run.norms[t]), "angle": float(run.angles[t])}
            for e in pictures.drawn_escapes(found.escapes) for name, run in e.exact.items()
            for t in pictures.shown(run)
        ],
        "landscape": [
            {"s": s, "angle": float(a), "loss": float(loss_at(a, teacher(s)))}
            for s in TOTALS for a in pictures.ANGLES
        ],
        "gram": [_gram_record(r, "sphere-random") for r in found.smallest]
        + [_gram_record(r, found.images_text) for r in found.images],
        "sampling": [{**vars(d), "draws": found.draws} for d in found.deviations],
    }  # fmt: skip
    for one in found.trained:
        out["images"] = [
            {"seed": r.seed, "bits": r.bits, "estimator": r.estimator, "training_loss": r.training_loss,
             "training_accuracy": r.training_accuracy, "validation_accuracy": r.accuracy}
            for r in one.runs
        ]  # fmt: skip
        out["losses"] = [
            {"seed": r.seed, "bits": r.bits, "estimator": r.estimator, "epoch": k + 1, "loss": loss}
            for r in one.runs for k, loss in enumerate(r.losses)
        ]  # fmt: skip
    return out


def _gram_record(r: Smallest, points: str) -> Record:
    return {"points": points, **vars(r), "floor": r.floor}
