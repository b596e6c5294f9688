"""Sentences of the study, computed from its numbers."""

from __future__ import annotations

import math

import numpy as np

from .estimators import ESTIMATORS
from .experiment import Trained, band
from .found import POINTS, Escape, Found, M
from .pictures import drawn_escapes

STAYS = 1e-6  # of the loss: settled


def conclusions(found: Found) -> tuple[str, ...]:
    """Of the page."""
    out = [sentence(one) for one in drawn_escapes(found.escapes)]
    out += gram(found)
    if found.deviations:
        worst = max(d.deviation for d in found.deviations)
        entries = sum(d.entries for d in found.deviations)
        out.append(
            f"Closed forms and means of {found.draws:,} draws differ by {worst:.1f} standard errors at most, in {entries} entries."
        )
    for one in found.trained:
        out += [line for bits in one.plan.bits if (line := images(one, bits))]
    if found.missing:
        out.append(found.missing)
    return tuple(out) or ("Nothing was reached.",)


def sentence(one: Escape) -> str:
    """Who leaves the spurious minimum, when, and who stays."""
    level = one.ground.spurious_loss
    left = {e: float(one.exact[e].escape) for e in ESTIMATORS}
    stay = [
        e for e in ESTIMATORS
        if math.isinf(left[e]) and abs(float(one.exact[e].losses[-1]) - level) < STAYS
    ]  # fmt: skip
    parts = [
        f"{e} leaves the spurious minimum at time {left[e]:.3g}"
        + (f" (predicted {one.predicted:.4g})" if e == "identity" and math.isfinite(one.predicted) else "")
        for e in ESTIMATORS
        if math.isfinite(left[e])
    ]  # fmt: skip
    if stay:
        words = " and ".join(stay) if len(stay) < 3 else "all three"
        verb = "stays" if len(stay) == 1 else "stay"
        parts.append(f"{words} {verb} at {level:.4g}, to time {one.exact[stay[0]].times[-1]:.3g}")
    return f"m = {M}, s = {one.total}: {'; '.join(parts) or 'nothing settles'}."


def gram(found: Found) -> list[str]:
    """Smallest eigenvalues at the number of points that the table has."""
    rows = [r for r in found.smallest if r.n == POINTS]
    if not rows:
        return []
    words = ", ".join(f"{r.estimator} {value(r.lambda_min, r.floor)}" for r in rows)
    out = [f"Smallest eigenvalue of the surrogate Gram matrix, {POINTS} points of {rows[0].d} dimensions: {words}."]  # fmt: skip
    bad = [r for r in rows if r.cross_negative]
    if bad:
        words = ", ".join(
            f"{r.estimator} has {r.cross_negative} of {r.n}, the least {r.cross_min:.2g}"
            for r in bad
        )
        out.append(f"Negative eigenvalues of the cross matrix: {words}.")
    return out


def images(one: Trained, bits: int) -> str:
    """Paired differences from relu, and whether they can be told from nothing."""
    runs = {e: one.of(bits, e) for e in ESTIMATORS}
    if not all(runs.values()):
        return ""
    loss, share = (
        ", ".join(
            f"{e} {scale * np.mean([getattr(r, what) for r in runs[e]]):{form}}" for e in runs
        )
        for what, scale, form in (("training_loss", 1.0, ".3g"), ("accuracy", 100.0, ".2f"))
    )
    told, same = [], []
    for e in ("identity", "clipped"):
        for what, text, scale, unit in (
            ("training_loss", "loss", 1.0, ""),
            ("accuracy", "accuracy", 100.0, " points"),
        ):
            mean, half = band(one.paired(bits, e, "relu", what))
            if math.isfinite(half) and abs(mean) > half:
                told.append(f"{e} {text} {scale * mean:+.2g} +- {scale * half:.2g}{unit}")
            else:
                same.append(f"{e} {text}")
    parts = [
        f"{bits} bit{'s' if bits > 1 else ''}, {len(runs['relu'])} seeds of {one.training:,} points. Training loss: {loss}; validation accuracy in %: {share}."
    ]
    if told:
        parts.append(f"Told apart from relu (95 %, paired by seed): {', '.join(told)}.")
    if same:
        parts.append(f"Not told apart: {', '.join(same)}.")
    return " ".join(parts)


def value(x: float, floor: float) -> str:
    """A number, or that it is not above its rounding."""
    return f"{x:.3g}" if x > floor else f"<= {floor:.0e}"
