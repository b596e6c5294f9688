"""The shape of Figure 1 of Panigrahi, Shetty, Goyal: spectra of G for points in two dimensions, at n = 10 and 50.

Points stand equally spaced on a half circle, so that no two are antipodal and no matrix is singular by symmetry alone; the
paper lifts such points by an isometry, which changes no cosine. Each spectrum climbs to the precision that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._arrays import Array
from ..activations import activation
from ..all_eigenvalues import eigvalsh
from ..eigenvalues import Spectrum
from ..plots import look
from ..result import above
from . import drawing
from .ask import TOL, Ask, Points
from .report import Picture, Record, Section, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES = (10, 50)
MOST_POINTS = 500  # of the user's

Spectra = dict[str, Spectrum]


def spectra(ask: Ask, X: Array, words: str) -> Spectra:
    """The spectrum of G for every activation, in as much precision as it takes."""
    found: Spectra = {}
    for name, act in zip(ask.names, ask.activations, strict=True):
        ask.say(f"spectrum of {name}, {words}")
        found[name] = eigvalsh(X, activation(act), tol=TOL, threads=ask.threads)
    return found


def generated(ask: Ask) -> dict[int, Spectra]:
    """Both sizes."""
    return {
        n: spectra(ask, ask.points("circle-half", n, 2, 500).X, f"{n} points of a half circle")
        for n in SIZES
    }


def section(found: dict[int, Spectra], ask: Ask) -> Section:
    """The figure and its table."""
    return Section(
        "Spectra in two dimensions",
        (
            "The shape of the paper's Figure 1: all eigenvalues of the G-matrix, infinite width, first layer trained, for n points "
            "equally spaced on a half circle. With a kink they fall like a power of the rank, without one like an exponential. "
            "Every value is computed to three digits, in double, double-double or ball arithmetic, whichever it takes.",
            Picture(
                "figure-1",
                "Eigenvalues of G, n = 10 and n = 50 points of a half circle",
                "Eigenvalues against rank, logarithmic, a curve an activation, one panel a size. "
                + "; ".join(
                    f"n = {n}: smallest of {a} {_text(s, 0)}"
                    for n, of in found.items()
                    for a, s in of.items()
                ),
                "Infinite width, d' = 2, weights of variance 1, no normalisation of phi.",
                lambda fig: draw(fig, {f"n = {n}": of for n, of in found.items()}),
                (10.0, 4.6),
            ),
            table(found),
        ),
    )


def data_section(found: Spectra, points: Points, ask: Ask) -> Section:
    """The same of the user's points."""
    return Section(
        "Spectra",
        (
            f"All eigenvalues of the G-matrix, infinite width, first layer trained: {points.text}.",
            Picture(
                "",
                "Eigenvalues of G",
                "Eigenvalues against rank, logarithmic, a curve an activation. "
                + "; ".join(f"smallest of {a} {_text(s, 0)}" for a, s in found.items()),
                f"{points.text}; infinite width, weights of variance 1, no normalisation of phi.",
                lambda fig: draw(fig, {"": found}),
            ),
            table({len(points.X): found}),
        ),
    )


def table(found: dict[int, Spectra]) -> Table:
    """Ends of the spectra."""
    return Table(
        "Ends of the spectra",
        ("activation", "n", "largest", "smallest", "precision", "values known"),
        tuple(
            (
                a,
                f"{n}",
                _text(s, -1),
                _text(s, 0),
                s.precision,
                f"{sum(x == 'resolved' for x in s.status)} of {n}",
            )
            for n, of in found.items()
            for a, s in of.items()
        ),
    )


def records(found: dict[int, Spectra], data: str) -> list[Record]:
    """Tidy rows: one an eigenvalue."""
    return [
        {"data": data, "n": n, "activation": a, "rank": n - k, "value": float(s.values[k]), "lower": float(s.lower[k]),
         "upper": float(s.upper[k]), "status": s.status[k], "precision": s.precision}
        for n, of in found.items() for a, s in of.items() for k in range(n - 1, -1, -1)
    ]  # fmt: skip


def conclusion(found: dict[int, Spectra]) -> str:
    """A sentence computed from the numbers."""
    n = max(found)
    words = ", ".join(f"{a} {_text(s, 0)}" for a, s in found[n].items())
    return f"{n} points of a half circle, smallest eigenvalues: {words}.".replace("<= ", "at most ")


def draw(fig: Figure, panels: dict[str, Spectra]) -> None:
    """One panel a set."""
    axes = fig.subplots(1, len(panels), squeeze=False)[0]
    cut = False
    for ax, (title, of) in zip(axes, panels.items(), strict=True):
        for place, (name, s) in enumerate(of.items()):
            cut |= one(ax, name, place, s)
        ax.set_title(title)
        ax.set_yscale("log")
        ax.set_xlabel("rank of the eigenvalue")
        ax.set_ylabel("eigenvalue of G")
        ax.grid(axis="y", color=drawing.GRID, lw=0.6)
        ax.set_axisbelow(True)
    drawing.legend(fig, axes[0], cut)


def one(ax: Axes, name: str, place: int, s: Spectrum) -> bool:
    """lambda_1 >= lambda_2 >= ...; where values end to be known, an open marker on their bound. Whether there is one."""
    style = look(name, place)
    values = np.asarray(s.values, dtype=np.float64)[::-1]
    upper = np.asarray(s.upper, dtype=np.float64)[::-1]
    known = np.array([x == "resolved" for x in s.status])[::-1] & (values > 0.0)
    rank = np.arange(1.0, len(values) + 1.0)
    ax.plot(rank[known], values[known], color=style["color"], marker=style["marker"], ms=4.0 if len(values) < 100 else 0.0,
            lw=1.7, label=name)  # fmt: skip
    lost = np.flatnonzero(~known & (upper > 0.0))
    if not lost.size:
        return False
    drawing.at_most(ax, rank[lost[:1]], upper[lost[:1]], style["color"], style["marker"])
    return True


def _text(s: Spectrum, k: int) -> str:
    if s.status[k] == "resolved":
        return f"{s.values[k]:.3g}"
    return f"<= {above(float(s.upper[k]), 2)}"
