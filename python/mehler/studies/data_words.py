"""The sentences of ``data``, computed from its numbers."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from ..training.prediction import Iterations
from .ask import beside, times
from .data import SHARES, Found, One, predicted_at


def conclusions(found: Found) -> tuple[str, ...]:
    """Sentences computed from the numbers."""
    out = []
    known = {a: o.bottom for a, o in found.of.items() if o.bottom is not None and o.bottom.resolved}
    if known:
        order = sorted(known, key=lambda a: -known[a].value)
        words = ", ".join(f"{a} {known[a].value:.3g}" for a in order)
        ends = ""
        if len(order) > 1:
            factor = times(known[order[0]].value / known[order[-1]].value)
            ends = f": a factor of {factor} between the first and the last"
        out.append(f"Smallest eigenvalue, largest first: {words}{ends}.")
    aim = SHARES[1]
    steps = {
        a: i.value for a, o in found.of.items() if (i := iterations(found, o, aim)) is not None
    }
    if steps:
        order = sorted(steps, key=lambda a: steps[a])
        words = ", ".join(f"{a} {count(steps[a])}" for a in order)
        out.append(
            f"{order[0]} is predicted to train fastest: steps to {100 * aim:g} % of the loss at the start, each activation with its own "
            f"step size 1 / lambda_max: {words}."
        )
    gaps = {
        a: t.losses[-1] / predicted_at(o, t.steps)
        for a, o in found.of.items()
        if (t := o.training) is not None
        and t.status != "diverged"
        and predicted_at(o, t.steps) > 0.0
    }
    if gaps:
        worst = max(gaps, key=lambda a: abs(gaps[a] - 1.0))
        gap = beside(gaps[worst])
        end = f"within {gap.lstrip('+-')} of" if gap.endswith("%") else f"at up to {gap}"
        ends = ", ".join(sorted({f"{o.training.steps:,}" for o in found.of.values() if o.training}))
        out.append(
            f"Networks of {found.width:,} neurons trained for {ends} steps end {end} the predicted loss "
            f"(farthest: {worst}, {gap})."
        )
    out += shared(found)
    return (*out, *found.left_out) or ("Nothing was reached.",)


def shared(found: Found) -> list[str]:
    """Which points carry the bottom vector of all activations."""
    known = {a: o.attribution for a, o in found.of.items() if o.attribution and o.attribution.known}
    if not known:
        return []
    least = {a: len(f.support) for a, f in known.items()}
    words = ", ".join(f"{a} {m:,}" for a, m in least.items())
    out = [f"Points that carry 90 % of the bottom vector, of {len(found.A):,}: {words}."]
    votes = Counter(i for f in known.values() for i in f.support[:50])
    common = [i for i, c in votes.items() if c == len(known)]
    if common and len(known) > 1:
        rows = ", ".join(map(str, common[:6]))
        more = f" and {len(common) - 6} more" if len(common) > 6 else ""
        text = f"In every one of these sets: row{'s' * (len(common) > 1)} {rows}{more}"
        if len(common) == 2:
            i, j = common
            text += f", with the cosine {float(found.A[i] @ found.A[j]):.5f}"
            kinds = found.targets.classes
            if kinds is not None:
                same = "the same label" if kinds[i] == kinds[j] else "different labels"
                text += (
                    f" and {same} ({kinds[i]}"
                    + ("" if kinds[i] == kinds[j] else f" and {kinds[j]}")
                    + ")"
                )
        out.append(text + ".")
    return out


def iterations(found: Found, one: One, share: float) -> Iterations | None:
    """Predicted steps to a share of the loss at the start."""
    if one.prediction is None:
        return None
    return one.prediction.iterations(share * 0.5 * float(np.sum(found.targets.y**2)))


def count(steps: float) -> str:
    """Steps, in at most three digits where they are many."""
    if not math.isfinite(steps):
        return "never"
    return (
        f"{steps:,.0f}"
        if steps < 1e4
        else f"{float(f'{steps:.3g}'):,.0f}"
        if steps < 1e9
        else f"{steps:.2g}"
    )


def between(i: Iterations | None) -> str:
    """A cell: the steps, or both ends where they differ in what is shown."""
    if i is None:
        return "-"
    low, high = count(i.lower), count(i.upper)
    if math.isinf(i.upper):
        return f"> {low}" if math.isfinite(i.lower) and i.lower > 0.0 else "-"
    return low if low == high else f"{low} to {high}"
