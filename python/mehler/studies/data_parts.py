"""What the page of ``data`` shows: sections of paragraphs, pictures and tables."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ..result import above
from . import data_picture as drawn
from .ask import beside, times
from .data import LAST, PRODUCTS, SHARES, WHOLE_UP_TO, Found, One, predicted_at
from .data_words import between, iterations
from .report import Picture, Section, Table

SHOWN = (0, 1, 10, 100)


def sections(found: Found) -> tuple[Section, ...]:
    """Of the page."""
    made = (training(found), bottom(found), blame(found), points(found), cost(found))
    return tuple(section for section in made if section is not None)


def training(found: Found) -> Section | None:
    """Loss curves, losses, steps to a share of the loss."""
    runs = {a: o.training for a, o in found.of.items() if o.training is not None}
    ahead = {a: o for a, o in found.of.items() if o.prediction is not None}
    if not ahead:
        return None
    last = max((t.steps for t in runs.values()), default=0)
    steps = [t for t in SHOWN if t < last] + [last]

    def cells(a: str) -> tuple[str, ...]:
        r, foretold = runs.get(a), predicted_at(ahead[a], last)
        text = [f"{r.losses[t]:.4g}" if r is not None and t < len(r.losses) else "-" for t in steps]
        gap = "-"
        if r is not None and len(r.losses) > last and foretold > 0.0:
            gap = beside(r.losses[last] / foretold, ".2f")
        return (a, f"{ahead[a].prediction.step_size:.3g}", *text, f"{foretold:.4g}", gap)  # type: ignore[union-attr]

    ends = "; ".join(
        f"{a}: predicted steps to {100 * SHARES[1]:g} % {between(iterations(found, o, SHARES[1]))}"
        for a, o in ahead.items()
    )
    parts: list[str | Picture | Table] = [
        f"The hidden layer of a network of {found.width:,} neurons is trained by full-batch gradient descent on {found.targets.text}, in float32, with "
        "the step size 1 / lambda_max of the kernel. Neurons come in pairs with opposite read-outs, so that every network starts from zero and the same "
        "loss. The prediction is (1/2) |(I - eta G)^t y|^2 with the matrix of infinite width, by Lanczos quadrature, from below and from above: it knows "
        "neither the weights that were drawn nor how far they move.",
        Picture(
            "",
            "Loss over the loss at the start: trained, and as the kernel predicts it",
            f"Loss against steps on logarithmic axes, a curve an activation. {ends}.",
            f"Solid with markers: trained, {last:,} steps; dashed: predicted, {LAST:,} steps, its bounds shaded where they can be told apart. Dotted lines: "
            f"{', '.join(f'{100 * s:g} %' for s in SHARES)}.",
            partial(drawn.losses, found=found, shares=SHARES),
            (8.6, 5.0),
        ),
        Table(
            "Loss of the training, and the predicted one at its end",
            (
                "activation",
                "step size",
                *(f"t = {t:,}" for t in steps),
                f"predicted, {last:,}",
                "difference",
            ),
            tuple(cells(a) for a in ahead),
        ),
        Table(
            "Predicted steps to a share of the loss at the start",
            ("activation", *(f"{100 * s:g} %" for s in SHARES)),
            tuple(
                (a, *(between(iterations(found, o, s)) for s in SHARES)) for a, o in ahead.items()
            ),
            "Each with its own step size. Two numbers are the lower and the upper bound of the quadrature; > where only one is known.",
        ),
    ]
    return Section("Training", tuple(parts))


def bottom(found: Found) -> Section | None:
    """The spectrum, and lambda_min with its bounds."""
    known = {a: o.bottom for a, o in found.of.items() if o.bottom is not None}
    if not known:
        return None
    n = len(found.A)

    def cells(a: str) -> tuple[str, ...]:
        r, o = known[a], found.of[a]
        top = (
            o.prediction.lambda_max
            if o.prediction
            else float(np.max(o.eigenvalues, initial=math.nan))
        )
        value = f"{r.value:.5g}" if r.resolved else f"<= {above(r.upper, 2)}"
        low = f"{r.lower:.5g}" if r.lower > 0.0 else "0"
        ratio = times(top / r.value) if r.resolved and r.value > 0.0 else "-"
        return a, low, value, f"{r.upper:.5g}", f"{top:.5g}", ratio, r.status

    exact = n <= WHOLE_UP_TO
    how = (
        "every eigenvalue"
        if exact
        else f"by Lanczos quadrature, {PRODUCTS} products from each of some random vectors"
    )
    return Section(
        "Spectrum",
        (
            "The matrix of infinite width, hidden layer trained. Along an eigenvector of eigenvalue lambda the residual falls by 1 - eta lambda a step: the flatter "
            "the curve, the faster what is left is learned.",
            Picture(
                "spectrum",
                "Eigenvalues by rank",
                "Eigenvalues against rank on logarithmic axes, a curve an activation; smallest: "
                + ", ".join(f"{a} {r.value:.3g}" for a, r in known.items()) + ".",
                f"Curve: {how}; markers on the right: the smallest ones, solved for.",
                partial(drawn.spectra, found=found),
                (8.6, 4.6),
            ),
            Table(
                "The smallest eigenvalue",
                ("activation", "lower", "lambda_min", "upper", "lambda_max", "ratio", "status"),
                tuple(cells(a) for a in known),
                "lower and upper enclose the smallest eigenvalue of the kernel matrix of these points; lower is proved by "
                f"{' and '.join(sorted({r.lower_kind for r in known.values()}))}, rounding allowed for. Ratio: lambda_max over lambda_min.",
            ),
        ),
    )  # fmt: skip


def blame(found: Found) -> Section | None:
    """Who carries the bottom vectors."""
    known = {a: o.attribution for a, o in found.of.items() if o.attribution is not None}
    if not known:
        return None
    rows, seen = [], {a: f for a, f in known.items() if f.known}
    for a, f in known.items():
        heavy = f.rows[0] if f.rows else None
        pair = "-" if f.pair is None else f"{f.pair[0]} and {f.pair[1]}"
        rows.append(
            (a, f"{f.participation:.3g}" if f.known else "-", f"{len(f.support):,}" if f.known else "-", pair, f"{f.pair_value:.3g}",
             f"{100.0 * f.pair_share:.3g} %",
             "-" if heavy is None else f"row {heavy.index}: {heavy.without_lower:.4g} to {heavy.without_upper:.4g}")
        )  # fmt: skip
    parts: list[str | Picture | Table] = [
        "The weight of a point is its squared entry in the eigenvector of the smallest eigenvalue. Leaving a point out never lowers the eigenvalue; the last column "
        "encloses what it would be without the heaviest one."
    ]
    shape = drawn.image_shape(found.points.X)
    if seen:
        heads = "; ".join(
            f"{a}: {', '.join(f'row {r.index} {100 * r.weight:.2g} %' for r in f.rows[:3])}"
            for a, f in seen.items()
        )
        if shape is not None:
            across = max(len(f.rows) for f in seen.values())
            parts.append(
                Picture(
                    "images",
                    "The images that share the bottom vector",
                    f"The heaviest images of every activation. {heads}.",
                    "One row an activation, heaviest first: row of the data, its weight, its class where labels say so. Framed: the smallest set that carries 90 %. "
                    f"Rows are drawn as images of {shape[0]} x {shape[1]} pixels.",
                    partial(drawn.images, found=found, shape=shape),
                    (1.42 * across + 0.5, 1.85 * len(seen) + 0.2),
                )
            )
        parts.append(
            Picture(
                "weights",
                "Weights in the bottom vector, by rank",
                f"Weight against rank of the point on logarithmic axes. {heads}.",
                "A steep curve: few points are to blame, and can be looked at; a flat one: the activation, or the dimension, is.",
                partial(drawn.weights, found=found),
                (8.6, 3.9),
            )
        )
    parts.append(
        Table(
            "Bottom vectors",
            (
                "activation",
                "ratio",
                "carry 90 %",
                "closest pair",
                "it alone",
                "share",
                "without the heaviest",
            ),
            tuple(rows),
            "Ratio: participation ratio, as many equal points would share the vector. It alone: smallest eigenvalue of the two points' own matrix, an upper bound; "
            "share: lambda_min over it, 100 % where two points explain everything. "
            + " ".join(f"{a}: {f.message}." for a, f in known.items() if f.message),
        )
    )
    return Section("Who makes it small", tuple(parts))


def points(found: Found) -> Section | None:
    """The diagnosis."""
    if found.data is None:
        return None
    p, data = found.data.points, found.data

    def pair(distance: float | None, ij: tuple[int, int] | None) -> str:
        if ij is None or distance is None:
            return "-"
        kinds = found.targets.classes
        labels = "" if kinds is None else f", classes {kinds[ij[0]]} and {kinds[ij[1]]}"
        return f"{distance:.4g} (rows {ij[0]} and {ij[1]}{labels})"

    lines = [
        ("points, coordinates", f"{p.n:,}, {p.d:,}"),
        ("effective dimension d'", f"{data.dimension:,} ({data.how})"),
        (
            "directions that hold 90 %, 99 %",
            f"{data.dimension_of(0.9):,}, {data.dimension_of(0.99):,}",
        ),
        ("participation ratio of directions", f"{data.participation:.3g}"),
        ("noise floor", f"{data.noise:.3g}" if data.noise else "none"),
        ("nearest pair, distance of directions", pair(p.nearest, p.nearest_pair)),
        ("nearest antipodes, |u + v|", pair(p.nearest_antipodal, p.nearest_antipodal_pair)),
        ("duplicates, antipodal pairs", f"{p.duplicates:,}, {p.antipodal_pairs:,}"),
    ]
    classes = [
        (a, o.diagnosis.activation.text, o.diagnosis.activation.parity, "yes" if risk(o) else "no")
        for a, o in found.of.items()
        if o.diagnosis is not None and o.diagnosis.activation is not None
    ]
    parts: list[str | Picture | Table] = [
        Table(
            "What these points are, seen from the unit sphere",
            ("of the points", "found"),
            tuple(lines),
        ),
    ]
    if classes:
        parts.append(
            Table(
                "What these activations are, from their values",
                ("activation", "class", "parity", "parity risk here"),
                tuple(classes),
                "Parity risk: x and -x look alike to the activation, and two points are nearer to being antipodes than any two are to each other.",
            )
        )
    return Section("Points and activations", tuple(parts))


def risk(one: One) -> bool:
    """Whether the diagnosis speaks of parity."""
    return one.diagnosis is not None and any("parity" in s for s in one.diagnosis.implies)


def cost(found: Found) -> Section | None:
    """Seconds by phase."""
    if not found.costs:
        return None
    phases = list(dict.fromkeys(c["phase"] for c in found.costs))
    names = list(dict.fromkeys(c["activation"] for c in found.costs))
    names = [n for n in names if n != "all"]

    def total(key: str, phase: str, name: str | None = None) -> float:
        return sum(
            float(c[key])
            for c in found.costs
            if c["phase"] == phase and name in (None, c["activation"])
        )

    rows = [
        (p, *(f"{total('seconds', p, n):.1f}" for n in names), f"{total('seconds', p):.1f}", f"{total('processor_seconds', p):.1f}")
        for p in phases
    ]  # fmt: skip
    whole = [sum(c[key] for c in found.costs) for key in ("seconds", "processor_seconds")]
    rows.append(("all", *("" for _ in names), f"{whole[0]:.1f}", f"{whole[1]:.1f}"))
    return Section(
        "What it took",
        (
            Table(
                "Seconds",
                ("phase", *names, "wall", "processor"),
                tuple(rows),
                "Processor: of all threads together; wall time beyond it is other work of the machine, or waiting.",
                False,
            ),
        ),
    )
