"""``dimension``: the smallest eigenvalue as the dimension of the points grows, and where smooth overtakes kinked.

Generated points: uniform on the spheres of growing dimension. Points of the user's: projected on their first d'
principal directions and put on the unit sphere, so that nothing but d' changes.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .._arrays import Array
from . import drawing
from .ask import TOL, Ask, at_most, kind_of, seen, text_of
from .report import Picture, Section, StudyReport, Table
from .sweep import sweep
from .table import SweepRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "dimension"
TEXT = "smallest eigenvalue against the dimension of the points"
DIMENSIONS = (2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 100)
QUICK = (2, 3, 5, 8, 16, 32, 64)
POINTS, QUICK_POINTS = 100, 60

FROM = 5  # dimensions, of the second picture

Found = dict[int, dict[str, SweepRow]]


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    start = time.perf_counter()
    found, points, interrupted = measured(ask)
    return StudyReport(
        which=NAME,
        title="How does the dimension of the points decide the smallest eigenvalue?",
        conclusions=conclusions(found, ask),
        sections=(section(found, ask, points),),
        records={"": records(found)},
        asked=ask.asked(points),
        seconds=time.perf_counter() - start,
        interrupted=interrupted,
    )


def measured(ask: Ask) -> tuple[Found, str, bool]:
    """Rows by dimension and activation; the points in words; whether it was cut short."""
    given = ask.points("sphere-random", 2, 2, 0)
    n = ask.count(POINTS, QUICK_POINTS) if given.generated else len(given.X)
    dimensions: tuple[int, ...] = QUICK if ask.quick else DIMENSIONS
    basis: Array | None = None
    if not given.generated:
        basis = principal(given.X)
        dimensions = tuple(d for d in dimensions if d <= basis.shape[1])
        if not dimensions:
            raise ValueError(
                f"the study of dimensions needs points that span two at least; these span {basis.shape[1]}."
            )
    found: Found = {}
    for d in dimensions:
        ask.say(f"smallest eigenvalues in {d} dimensions")
        if basis is None:
            X = ask.points("sphere-random", n, d, 100 + d).X
        else:
            X = on_sphere(basis[:, :d], d)
        table = sweep(X, ask.activations, tol=TOL, threads=ask.threads, rng=ask.seed)
        rows = {r.activation: r for r in table.rows if r.finished}
        if rows:
            found[d] = rows
        if table.interrupted:
            return found, _words(given.text, n, given.generated), True
    return found, _words(given.text, n, given.generated), False


def _words(text: str, n: int, generated: bool) -> str:
    if generated:
        return f"{n} random points on the sphere of each dimension"
    return f"{text}, projected on their first d' principal directions and put on the sphere"


def principal(X: Array) -> Array:
    """Coordinates of the points along their principal directions through the origin, (n, rank)."""
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    rank = int(np.sum(s > s[0] * max(X.shape) * np.finfo(float).eps))
    return np.asarray(U[:, :rank] * s[:rank])


def on_sphere(X: Array, d: int) -> Array:
    """Rows divided by their norms."""
    norms = np.linalg.norm(X, axis=1)
    if not (norms > 0.0).all():
        i = int(np.argmin(norms))
        raise ValueError(
            f"point {i} is zero after the projection on {d} principal directions, and has no place on the sphere. "
            "Leave it out."
        )
    return np.asarray(X / norms[:, None])


def section(found: Found, ask: Ask, points: str, name: str = "") -> Section:
    """Picture and tables."""
    dimensions = list(found)
    high = {d: rows for d, rows in found.items() if d >= FROM}
    zoom = Picture(
        "high-dimension",
        f"The same from {FROM} dimensions on: where the order turns",
        "Smallest eigenvalue against dimension, logarithmic, a curve an activation. "
        + _alt(high, ask),
        "Rings mark where a smooth activation has overtaken a kinked one for good.",
        lambda fig: draw(fig, high, ask, found),
    )
    return Section(
        "Smallest eigenvalue against the dimension",
        (
            "The G-matrix of each activation at infinite width (first layer trained), of as many points in every dimension. "
            "In few dimensions a kink is what keeps the smallest eigenvalue up: the Hermite coefficients of a smooth activation "
            "fall too fast to tell the points apart. In many dimensions low degrees suffice, and the kink is of no importance.",
            Picture(
                name,
                "Kinked above smooth in few dimensions; in many, the order changes",
                "Smallest eigenvalue against dimension, logarithmic, a curve an activation. "
                + _alt(found, ask),
                f"{points}; seed {ask.seed}. Rings mark where a smooth activation has overtaken a kinked one for good.",
                lambda fig: draw(fig, found, ask),
            ),
            *([zoom] if len(high) > 2 else []),
            Table(
                "Smallest eigenvalue",
                ("dimension", *ask.names),
                tuple((f"{d}", *(text_of(found[d].get(a)) for a in ask.names)) for d in dimensions),
                "≤ marks what is below the rounding of the precision that was reached: the value is no larger than that.",
            ),
            *([crossings_table(found, ask)] if crossings(found, ask) else []),
        ),
    )


def crossings(found: Found, ask: Ask) -> list[tuple[str, str, int | None]]:
    """(smooth, kinked, the dimension from which smooth is above for good, or None)."""
    kinds = {name: kind_of(a) for name, a in zip(ask.names, ask.activations, strict=True)}
    out: list[tuple[str, str, int | None]] = []
    for smooth in (a for a in ask.names if kinds[a] == "smooth"):
        for kinked in (a for a in ask.names if kinds[a] != "smooth"):
            above: int | None = None
            for d in found:
                s, k = found[d].get(smooth), found[d].get(kinked)
                over = s is not None and k is not None and seen(s) > max(seen(k), 0.0)
                above = (above or d) if over else None
            out.append((smooth, kinked, above))
    return out


def crossings_table(found: Found, ask: Ask) -> Table:
    """Where smooth overtakes kinked."""
    last = max(found)
    smooth = list(dict.fromkeys(s for s, _, _ in crossings(found, ask)))
    kinked = list(dict.fromkeys(k for _, k, _ in crossings(found, ask)))
    at = {(s, k): d for s, k, d in crossings(found, ask)}
    return Table(
        "From which dimension a smooth activation (rows) is above a kinked one (columns)",
        ("smooth", *kinked),
        tuple((s, *(f"{at[s, k]}" if at[s, k] else f"> {last}" for k in kinked)) for s in smooth),
    )


def conclusions(found: Found, ask: Ask) -> tuple[str, ...]:
    """Sentences computed from the numbers."""
    if not found:
        return ("Nothing was reached.",)
    out = []
    low, high = min(found), max(found)
    kinds = {name: kind_of(a) for name, a in zip(ask.names, ask.activations, strict=True)}
    rows = found[low]
    kinked = [seen(r) for a, r in rows.items() if kinds[a] == "slope jumps"]
    smooth = [
        r.value if r.status == "resolved" else at_most(r)
        for a, r in rows.items()
        if kinds[a] == "smooth"
    ]
    if kinked and smooth and np.isfinite(kinked).all() and np.isfinite(smooth).all():
        factor = min(kinked) / max(smooth)
        out.append(
            f"In {low} dimensions the smallest eigenvalue of every activation whose slope jumps is at least {factor:.1e} "
            "times that of every smooth one."
        )
    over = [f"{s} above {k} from d' = {d} on" for s, k, d in crossings(found, ask) if d]
    if over:
        out.append(f"The order changes with the dimension: {'; '.join(over)} (up to d' = {high}).")
    elif kinked and smooth:
        out.append(f"Up to d' = {high} no smooth activation overtakes a kinked one.")
    best = {a: r for a, r in found[high].items() if r.status == "resolved"}
    if best:
        order = sorted(best, key=lambda a: -best[a].value)
        out.append(
            f"In {high} dimensions, largest first: {', '.join(f'{a} {best[a].value:.2g}' for a in order)}."
        )
    return tuple(out)


def records(found: Found) -> list[dict[str, object]]:
    """Tidy rows."""
    return [
        {"dimension": d, "activation": r.activation, "n": r.n, "value": r.value, "lower": r.lower, "upper": r.upper,
         "status": r.status, "method": r.method}
        for d, rows in found.items() for r in rows.values()
    ]  # fmt: skip


def draw(fig: Figure, found: Found, ask: Ask, whole: Found | None = None) -> None:
    """lambda_min against d', a ring where smooth overtakes kinked."""
    ax = fig.subplots()
    dimensions = list(found)
    series = {}
    nothing = float("nan")
    for a in ask.names:
        rows = [found[d].get(a) for d in dimensions]
        series[a] = (
            np.array([nothing if r is None else seen(r) for r in rows]),
            np.array([nothing if r is None else at_most(r) for r in rows]),
        )
    drawing.curves(ax, dimensions, series, "dimension d' of the points", "smallest eigenvalue")
    if whole is not None:
        drawing.plain_ticks(ax)
    for smooth, _, d in crossings(whole or found, ask):
        if d is not None and d in found and d != min(whole or found):
            y = found[d][smooth].value
            ax.plot(d, y, "o", mfc="none", mec="black", ms=13, mew=1.2, zorder=6)
    drawing.legend(fig, ax, any(np.isfinite(b).any() for _, b in series.values()))


def _alt(found: Found, ask: Ask) -> str:
    if not found:
        return "Empty."
    ends = [d for d, _ in pairwise([*found, 0])]
    low, high = ends[0], ends[-1]
    return "; ".join(
        f"{a}: {text_of(found[low].get(a))} in {low} dimensions, {text_of(found[high].get(a))} in {high}"
        for a in ask.names
    )
