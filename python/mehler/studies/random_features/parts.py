"""What the page shows: sections of paragraphs, pictures and tables."""

from __future__ import annotations

import math
from functools import partial

from ..report import Picture, Section, Table
from . import pictures as drawn
from .found import NOISE, Found
from .words import text_of


def sections(found: Found) -> tuple[Section, ...]:
    """Of what was reached."""
    made = (widths(found), band(found), bounds(found), paths(found), data(found))
    return tuple(s for s in made if s is not None)


def widths(found: Found) -> Section | None:
    """The table that leads."""
    if not found.rows:
        return None
    pairs = [(a, lam) for a in found.names for lam in found.ranges]
    pairs = [(a, lam) for a, lam in pairs if not math.isnan(found.cell(a, lam, found.widths[0])[0])]
    cells = tuple(
        (
            f"{a}, {lam:g}",
            *(f"{found.cell(a, lam, w)[0]:.2g}" for w in found.widths),
            *(f"{found.cell(a, lam, w)[1]:.0f}" for w in (found.widths[0], found.widths[-1])),
        )
        for a, lam in pairs
    )
    first, last = found.widths[0], found.widths[-1]
    return Section(
        "Width and range",
        (
            "Weights and biases are drawn from [-lam, lam] and stay; the read-out is the least-squares one of least norm. The target is a broad bump and two "
            "that are eight times narrower. A smooth layer from a small box is nearly a polynomial of low degree: more neurons do not add functions to it. "
            "The kinks of a homogeneous layer stand where they stand, whatever the size of the box.",
            Picture(
                "",
                "Error against width, a curve for each range of the weights",
                "Error against width on logarithmic axes, a panel an activation. At the largest width: "
                + "; ".join(f"{a}, {lam:g}: {found.cell(a, lam, last)[0]:.2g}" for a, lam in pairs) + ".",
                f"Medians of {found.seeds} draws of points and weights; bands hold the middle half. {found.n:,} random points, errors on 300 others.",
                partial(drawn.errors, found=found),
                (9.6, 3.0 + 2.6 * ((len(found.names) - 1) // 2)),
            ),
            Table(
                "Root mean square error by width, and numerical rank",
                ("activation, range", *(f"{w:,}" for w in found.widths), f"rank at {first:,}", f"at {last:,}"),
                cells,
                "Rank: singular values of the feature matrix above 1e-10 of the largest. Medians over draws.",
            ),
            Picture(
                "rank",
                "Numerical rank against width",
                "Rank against width on logarithmic axes, a panel an activation.",
                "Dashed: as many as there are neurons. Of a homogeneous kinked layer on a line a quarter of the kinks b / a falls into [0, 1].",
                partial(drawn.ranks, found=found),
                (9.6, 3.0 + 2.6 * ((len(found.names) - 1) // 2)),
            ),
        ),
    )  # fmt: skip


def band(found: Found) -> Section | None:
    """The tail."""
    if not found.band:
        return None
    at = {b.lam: b for b in found.band}
    name = "gauss'"
    last = found.widths[-1]
    lines = tuple(
        (
            f"{lam:g}",
            f"{at[lam].tau:.3g}",
            f"{1.0 - math.sqrt(1.0 - at[lam].tau):.3g}",
            _number(found.cell(name, lam, last)[0]),
        )
        for lam in found.ranges
    )
    return Section(
        "The band",
        (
            "For gauss', z exp(-z^2/2) / sqrt(2 pi), ridgelet analysis has closed forms. Weights with |a| <= lam multiply the Fourier transform of a target by "
            "exp(-u^2 / lam^2): their kernel is a Gaussian of width 1 / lam, and what it leaves out of a target is the tail tau.",
            Picture(
                "band",
                "Share of the target outside the band",
                "tau against the range of the weights, from 1 to 0, for the target and for a Gaussian.",
                "Target: by quadrature. Gaussian of scale s: 1 - 1 / sqrt(1 + 1 / (lam s)^2); the range that is needed is about 1 / s.",
                partial(drawn.tails, found=found),
                (7.6, 3.8),
            ),
            Table(
                "Tail, and the least relative error with coefficients no larger than the target",
                ("range", "tau", "at least", f"error of gauss', width {last:,}"),
                lines,
                "'At least': 1 - sqrt(1 - tau), of coefficient functions g inside the box with |g| <= |f|, over |f|. Without that cap large coefficients can "
                "imitate what is outside: the last column, root mean square, has none. - where gauss' was not asked for.",
            ),
        ),
    )


def bounds(found: Found) -> Section | None:
    """Capped coefficients."""
    if not found.caps:
        return None
    caps = sorted({c.cap for c in found.caps})
    keys = list(dict.fromkeys((c.activation, c.lam) for c in found.caps))
    of = {(c.activation, c.lam, c.cap): c for c in found.caps}

    def cell(a: str, lam: float, B: float) -> str:
        c = of.get((a, lam, B))
        return "-" if c is None else f"{c.bound:.3g} / {c.optimum:.3g}"

    return Section(
        "What the Gram matrix says",
        (
            "No read-out c of norm B comes nearer to y than |P y| - B sqrt(lambda), P the projector off the first k eigenvectors of K = H H^t and lambda the next "
            "eigenvalue; the best k is taken. It needs nothing but the spectrum and y.",
            Picture(
                "bounds",
                "The best with coefficients of norm B, and the bound",
                "Relative residual against the cap B on logarithmic axes, a panel an activation.",
                f"Solid: the constrained optimum. Dashed: the bound. Width {found.widths[-1]:,}, the first draw, residual over |y|.",
                partial(drawn.capped, found=found),
                (9.6, 3.0 + 2.6 * ((len(found.names) - 1) // 2)),
            ),
            Table(
                "Bound / optimum of |y - H c| / |y| with |c| <= B",
                ("activation, range", *(f"B = {B:g}" for B in caps)),
                tuple((f"{a}, {lam:g}", *(cell(a, lam, B) for B in caps)) for a, lam in keys),
            ),
        ),
    )


def paths(found: Found) -> Section | None:
    """Ridges."""
    if not found.paths:
        return None
    keys = list(dict.fromkeys((p.activation, p.lam) for p in found.paths))
    rows = []
    for a, lam in keys:
        mine = [p for p in found.paths if (p.activation, p.lam) == (a, lam)]
        best = min(mine, key=lambda p: p.tested)
        rows.append(
            (
                f"{a}, {lam:g}",
                f"{best.ridge:.1e}",
                f"{best.tested:.3g}",
                f"{best.norm:.2g}",
                f"{mine[0].tested:.3g}",
            )
        )
    return Section(
        "Ridge paths",
        (
            f"Labels with noise of standard deviation {NOISE:g}. One decomposition gives every ridge: the ridge is a frequency too, that of exp(-u^2 / lam^2) = ridge.",
            Picture(
                "ridges",
                "Error on the noiseless target against the ridge",
                "Error against ridge on logarithmic axes, two curves an activation: the smallest and the largest range.",
                "Ridge in units of the largest eigenvalue of K. Solid: the largest range; dashed: the smallest.",
                partial(drawn.ridges, found=found),
                (8.6, 4.4),
            ),
            Table(
                "The best ridge of each path",
                ("activation, range", "ridge", "error", "|c|", "error at the smallest ridge"),
                tuple(rows),
                printed=False,
            ),
        ),
    )  # fmt: skip


def data(found: Found) -> Section | None:
    """The data set."""
    rows = found.data_rows
    if not rows:
        return None
    names = list(dict.fromkeys((r.activation, r.lam) for r in rows))
    sizes = sorted({r.width for r in rows if r.width})

    def one(a: str, lam: float, width: int | None, law: str) -> str:
        mine = [r for r in rows if (r.activation, r.lam, r.width, r.law) == (a, lam, width, law)]
        return text_of(mine[0].error, found) if mine else "-"

    def line(a: str, lam: float) -> tuple[str, ...]:
        wide = [
            r
            for r in rows
            if (r.activation, r.lam, r.width, r.law) == (a, lam, sizes[-1], "normal")
        ]
        limit = [r for r in rows if (r.activation, r.lam, r.width) == (a, lam, None)]
        return (
            f"{a}, {lam:g}",
            *(one(a, lam, w, "normal") for w in sizes),
            one(a, lam, sizes[-1], "box"),
            one(a, lam, None, "kernel"),
            f"{wide[0].rank}" if wide else "-",
            f"{limit[0].iterations}" + ("" if limit[0].status == "resolved" else "*")
            if limit
            else "-",
        )

    what = "Share of wrong classes" if found.classes else "Error over that of the mean"
    caps = sorted({c.cap for c in found.data_caps})
    of = {(c.activation, c.lam, c.width is None, c.cap): c for c in found.data_caps}

    def bound(a: str, lam: float, B: float) -> str:
        f, k = of.get((a, lam, False, B)), of.get((a, lam, True, B))
        if f is None:
            return "-"
        return f"{f.bound:.2f} / {f.optimum:.2f}" + ("" if k is None else f" / {k.bound:.2f}")

    return Section(
        "On data",
        (
            f"{found.data_text}, divided by their norms; {found.labels}. {found.fitted:,} points are fitted, the ridge is chosen on a quarter as many, and the error is "
            "that on as many others. Weights and biases are normal with the variance of the box, so that the limit of infinite width is the conjugate kernel exactly; it is solved by "
            "conjugate gradients on products with the kernel's operator.",
            Picture(
                "data",
                f"{what} against width, and of the kernel",
                f"{what} against width on logarithmic axes, a panel an activation, a curve for each range; open markers on the right are the kernel.",
                "Curves: read-outs of finite width. Open markers: the conjugate kernel. An arrow down: no point is wrong; the marker is one point.",
                partial(drawn.on_data, found=found),
                (9.6, 3.0 + 2.6 * ((len(found.names) - 1) // 2)),
            ),
            Table(
                f"{what} on points that nothing was fitted to",
                (
                    "activation, range", *(f"m = {w:,}" for w in sizes), f"box, {sizes[-1]:,}", "kernel",
                    f"rank at {sizes[-1]:,}", "iterations",
                ),
                tuple(line(a, lam) for a, lam in names),
                "'box': uniform weights instead of normal ones. Iterations of conjugate gradients, at the ridge that was chosen; * where the solve ended before its tolerance. "
                f"The kernels are known to {max((r.precision for r in rows), default=0.0):.0e} of their diagonal.",
            ),
            Table(
                "Labels fitted with coefficients of norm B: bound / optimum at the largest width / bound of the kernel, |Y - H C| / |Y|",
                ("activation, range", *(f"B = {B:g}" for B in caps)),
                tuple((f"{a}, {lam:g}", *(bound(a, lam, B) for B in caps)) for a, lam in names),
                "Of the kernel the norm is that of its space, and the bound takes off up to 40 eigenvectors.",
                False,
            ),
        ),
    )  # fmt: skip


def _number(x: float) -> str:
    return "-" if math.isnan(x) else f"{x:.3g}"
