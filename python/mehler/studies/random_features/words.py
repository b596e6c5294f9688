"""Sentences of the report, computed from its numbers."""

from __future__ import annotations

import math

import numpy as np

from ...activations import activation
from ..ask import times
from .found import Found

SAME = 1e-6  # relative: errors that differ by less are equal


def conclusions(found: Found) -> tuple[str, ...]:
    """Of everything that was reached."""
    said = [*of_rank(found), *of_range(found), *of_band(found), *of_bounds(found), *of_data(found)]
    return (*said, *found.left_out) or ("Nothing was reached.",)


def of_rank(found: Found) -> list[str]:
    """How the number of functions that a layer spans grows with its width."""
    lam, first, last = found.ranges[0], found.widths[0], found.widths[-1]
    parts = []
    for name in found.names:
        (e0, _), (e1, rank) = found.cell(name, lam, first), found.cell(name, lam, last)
        if not math.isnan(rank):
            parts.append(f"{name} {rank:.0f} of {last:,}, error {e0:.3g} to {e1:.3g}")
    if not parts:
        return []
    return [
        f"Weights in [-{lam:g}, {lam:g}]: numerical rank at width {last:,}, and the error from width {first:,} to {last:,}: "
        + "; ".join(parts) + "."
    ]  # fmt: skip


def of_range(found: Found) -> list[str]:
    """What the size of the box does, at the largest width."""
    out, last = [], found.widths[-1]
    for act, name in zip(found.activations, found.names, strict=True):
        errors = {lam: found.cell(name, lam, last)[0] for lam in found.ranges}
        known = {lam: e for lam, e in errors.items() if not math.isnan(e)}
        if len(known) < 2:
            continue
        low, high = min(known.values()), max(known.values())
        if high - low <= SAME * high:
            why = ", as it is positively homogeneous" if activation(act).homogeneity else ""
            out.append(
                f"{name}: the error does not depend on the box (to {SAME:.0e}){why}: {high:.3g}."
            )
        else:
            best = min(known, key=lambda lam: known[lam])
            worst = max(known, key=lambda lam: known[lam])
            out.append(
                f"{name}: least error {low:.2g} in the box of {best:g}, {times(high / low)} times as much in that of {worst:g}."
            )
    return out


def of_band(found: Found) -> list[str]:
    """What the tail says."""
    at = {b.lam: b.tau for b in found.band}
    known = [lam for lam in found.ranges if lam in at]
    if not known:
        return []
    words = ", ".join(f"{100.0 * at[lam]:.3g} % at {lam:g}" for lam in known)
    return [f"Share of the target's ridgelet spectrum outside the box of gauss': {words}."]


def of_bounds(found: Found) -> list[str]:
    """How tight the bound of the Gram spectrum is."""
    ratios = [c.bound / c.optimum for c in found.caps if c.optimum > 0.0]
    if not ratios:
        return []
    broken = sum(r > 1.0 for r in ratios)
    return [
        f"The lower bound from the Gram spectrum is {min(ratios):.2f} to {max(ratios):.2f} of the constrained optimum (median "
        f"{float(np.median(ratios)):.2f}) in {len(ratios)} cases; it is above it in {broken}."
    ]


def of_data(found: Found) -> list[str]:
    """Widest layer beside the kernel."""
    rows = found.data_rows
    widest = max((r.width for r in rows if r.width), default=0)
    out = []
    for name in found.names:
        mine = [r for r in rows if r.activation == name]
        layer = [r for r in mine if r.width == widest and r.law == "normal"]
        limit = [r for r in mine if r.width is None]
        if not layer or not limit:
            continue
        a, b = min(layer, key=lambda r: r.error), min(limit, key=lambda r: r.error)
        out.append(
            f"{name} {text_of(a.error, found)} (width {widest:,}, range {a.lam:g}) and {text_of(b.error, found)} (kernel, range {b.lam:g})"
        )
    if not out:
        return []
    what = "share of wrong classes" if found.classes else "relative error"
    ranks = [
        f"{r.activation} {r.rank:,}"
        for r in rows
        if r.width == widest and r.law == "normal" and r.lam == rows[0].lam
    ]
    return [
        f"Data, least {what} over ranges: {'; '.join(out)}.",
        f"Data, numerical rank at width {widest:,} and range {rows[0].lam:g}, of {found.fitted:,} points: {', '.join(ranks)}.",
    ]


def text_of(error: float, found: Found) -> str:
    """An error of data: "2.3 %", "0.213"."""
    if math.isnan(error):
        return "-"
    return f"{100.0 * error:.2f} %" if found.classes else f"{error:.3g}"
