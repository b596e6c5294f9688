"""``depth``: more hidden layers repair what low dimension does to smooth activations, once they are standardised.

Beside the measurement stands the number of layers after which the bound of ``bounds`` promises half of the diagonal.
"""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..activations import Activation, activation
from ..bounds.needs import depth_needed, nonlinearity
from ..data.points import describe
from ..errors import PrecisionWarning
from ..kernels import gradient_kernel
from . import drawing
from .ask import TOL, Ask, at_most, seen, text_of, times
from .report import Picture, Section, StudyReport, Table
from .standardised import standardised
from .sweep import sweep
from .table import SweepRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "depth"
TEXT = "smallest eigenvalue against the number of hidden layers"
DEPTHS, QUICK = (1, 2, 4, 8, 16, 24, 32, 48, 64), (1, 8, 32)
POINTS, QUICK_POINTS, DIMENSION = 100, 40, 3

Found = dict[str, dict[int, SweepRow]]


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    start = time.perf_counter()
    n = ask.count(POINTS, QUICK_POINTS)
    points = ask.points("sphere-random", n, DIMENSION, 200)
    good, cut = measured(ask, points.X, True)
    plain: Found = {}
    if not cut:
        plain, cut = measured(ask, points.X, False)
    needed = layers_needed(ask, points.X)
    sections = [section(good, needed, ask, points.text)]
    if plain:
        sections.append(plain_section(plain, ask, points.text))
    return StudyReport(
        which=NAME,
        title="Does depth repair the smallest eigenvalue?",
        conclusions=conclusions(good, needed, ask),
        sections=tuple(sections),
        records={"": records(good, True) + records(plain, False)},
        asked=ask.asked(points.text),
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )


def measured(ask: Ask, X: np.ndarray, standard: bool) -> tuple[Found, bool]:
    """Rows by activation and depth; whether it was cut short. Points are put on the sphere."""
    found: Found = {}
    for name, given in zip(ask.names, ask.activations, strict=True):
        how = "standardised " if standard else ""
        ask.say(f"smallest eigenvalues of {how}{name} by depth")
        act = standardised(activation(given), name) if standard else given
        with warnings.catch_warnings():  # the table says what is not resolved
            warnings.simplefilter("ignore", PrecisionWarning)
            table = sweep(
                X,
                act,
                depths=QUICK if ask.quick else DEPTHS,
                normalize=True,
                tol=TOL,
                threads=ask.threads,
                rng=ask.seed,
            )
            rows = {r.depth: r for r in table.rows if r.finished and not empty(r, act)}
        if rows:
            found[name] = rows
        if table.interrupted:
            return found, True
    return found, False


def empty(row: SweepRow, act: str | Activation) -> bool:
    """Whether a row says no more than the diagonal: so many layers down the kernel itself is not known."""
    if row.status == "resolved":
        return False
    diagonal = float(gradient_kernel(act, depth=row.depth)(1.0))
    return not row.upper < 0.9 * diagonal


def layers_needed(ask: Ask, X: np.ndarray) -> dict[str, int | None]:
    """Layers after which the bound promises half of the diagonal."""
    delta = describe(X).separation
    return {
        name: None if not delta else depth_needed(activation(a), len(X), delta)
        for name, a in zip(ask.names, ask.activations, strict=True)
    }


def section(
    found: Found, needed: dict[str, int | None], ask: Ask, points: str, name: str = ""
) -> Section:
    """Picture and table of the standardised activations."""
    depths = sorted({L for rows in found.values() for L in rows})
    mu = {
        name: nonlinearity(activation(a))
        for name, a in zip(ask.names, ask.activations, strict=True)
    }
    return Section(
        "Depth as the repair",
        (
            "Each layer applies f = (phi - E phi) / sd(phi), of mean 0 and variance 1 under N(0, 1); the last hidden layer is trained. "
            "Every layer shrinks cosines, by a share mu of the variance of phi that is not linear, until the matrix is nearly "
            "diagonal. What decides in the end is mu, and no longer the kink.",
            Picture(
                name,
                "Smallest eigenvalue against the number of layers, standardised activations",
                "Smallest eigenvalue against depth, logarithmic, a curve an activation. "
                + _alt(found),
                f"G-matrix of the last hidden layer, infinite width, {points}; seed {ask.seed}.",
                lambda fig: draw(fig, found, ask, True),
            ),
            Table(
                "Smallest eigenvalue by depth, standardised activations",
                (
                    "activation",
                    "mu",
                    *(f"L = {L}" for L in depths),
                    "half of K_ii from",
                    "proved from",
                ),
                tuple(
                    (
                        a,
                        "-" if mu[a] is None else f"{mu[a]:.3f}",
                        *(text_of(found[a].get(L)) for L in depths),
                        _first(found[a], standardised(activation(given), a)),
                        f"{needed[a]}" if needed[a] else "-",
                    )
                    for a, given in zip(ask.names, ask.activations, strict=True)
                    if a in found
                ),
                "The last columns: the first depth of the table whose smallest eigenvalue is at least half of the diagonal, "
                "and the depth from which the bound promises that (sufficient, not necessary; it is of the matrix of the features).",
            ),
        ),
    )


def plain_section(found: Found, ask: Ask, points: str) -> Section:
    """The same without standardisation, which is what most networks do."""
    depths = sorted({L for rows in found.values() for L in rows})
    return Section(
        "Without standardisation",
        (
            "The activations as they are, weights of variance 1. Where E phi is not zero, cosines go to 1 with depth, and depth makes "
            "it worse; where the variance shrinks, so does the matrix. A product of layers is no repair by itself.",
            Picture(
                "plain",
                "Smallest eigenvalue against the number of layers, activations as they are",
                "Smallest eigenvalue against depth, logarithmic, a curve an activation. "
                + _alt(found),
                f"G-matrix of the last hidden layer, infinite width, {points}; seed {ask.seed}.",
                lambda fig: draw(fig, found, ask, False),
            ),
            Table(
                "Smallest eigenvalue by depth, activations as they are",
                ("activation", *(f"L = {L}" for L in depths)),
                tuple(
                    (a, *(text_of(found[a].get(L)) for L in depths))
                    for a in ask.names
                    if a in found
                ),
            ),
        ),
    )


def conclusions(found: Found, needed: dict[str, int | None], ask: Ask) -> tuple[str, ...]:
    """Sentences computed from the numbers."""
    if not found:
        return ("Nothing was reached.",)
    first, last = min(min(r) for r in found.values()), max(max(r) for r in found.values())
    out = []
    for a, rows in found.items():
        known = [L for L, r in rows.items() if r.status == "resolved"]
        if len(known) > 1:
            low, high = known[0], known[-1]
            low_value, high_value = rows[low].value, rows[high].value
            where = "" if (low, high) == (first, last) else f", from {low} to {high}"
            out.append(
                f"{a} {low_value:.2g} to {high_value:.2g} ({times(high_value / low_value)} times{where})"
            )
    lead = f"Standardised, the smallest eigenvalue goes from {first} to {last} hidden layers: {'; '.join(out)}."
    proved = {a: L for a, L in needed.items() if L}
    if not proved:
        return (lead,)
    words = ", ".join(f"{a} {L}" for a, L in sorted(proved.items(), key=lambda item: item[1]))
    return (
        lead,
        f"Layers of standardised activations after which half of the diagonal is proved: {words}.",
    )


def records(found: Found, standard: bool) -> list[dict[str, object]]:
    """Tidy rows."""
    return [
        {"standardised": standard, "activation": a, "depth": r.depth, "n": r.n, "value": r.value, "lower": r.lower,
         "upper": r.upper, "status": r.status, "method": r.method}
        for a, rows in found.items() for r in rows.values()
    ]  # fmt: skip


def draw(fig: Figure, found: Found, ask: Ask, standard: bool) -> None:
    """lambda_min against L."""
    ax = fig.subplots()
    depths = sorted({L for rows in found.values() for L in rows})
    nothing = float("nan")
    series = {}
    for a in found:
        rows = [found[a].get(L) for L in depths]
        series[a] = (
            np.array([nothing if r is None else seen(r) for r in rows]),
            np.array([nothing if r is None else at_most(r) for r in rows]),
        )
    drawing.curves(ax, depths, series, "hidden layers L", "smallest eigenvalue")
    drawing.legend(fig, ax, any(np.isfinite(b).any() for _, b in series.values()))


def _first(rows: dict[int, SweepRow], act: Activation) -> str:
    """The first measured depth of at least half of the diagonal."""
    for L in sorted(rows):
        value = seen(rows[L])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrecisionWarning)
            if value >= 0.5 * float(gradient_kernel(act, depth=L)(1.0)):
                return f"{L}"
    return f"> {max(rows)}"


def _alt(found: Found) -> str:
    return "; ".join(
        f"{a}: {text_of(rows[min(rows)])} with {min(rows)} layer, {text_of(rows[max(rows)])} with {max(rows)}"
        for a, rows in found.items()
    )
