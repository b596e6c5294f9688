"""Sentences, tables and pictures of the study of quantisers, all of them made of its numbers."""

from __future__ import annotations

import math

from ..report import Part, Picture, Section, Table
from . import pictures
from .measure import ANNEAL_FROM, ANNEALED, Found, Row


def conclusions(found: Found) -> tuple[str, ...]:
    """What was found."""
    out = []
    if found.slopes:
        inside = "below" if found.sums < 1.0 else "not below"
        out.append(
            f"The error of every partial sum was {inside} one spike (largest: {found.sums:.4f} / dt). Its spectrum rises by "
            f"{found.slopes['diffused']:.1f} dB a decade; that of rounding at random by {found.slopes['rounded']:.1f}."
        )
    rows = [r for r in found.gram if r["phases"] == "independent"]
    if rows:
        # eigenvalues are known to 1e-4 of themselves
        held = sum(
            _value(r) >= (_base(r) + r["least_ridge"]) * (1.0 - 1e-3) - r["error"] for r in rows
        )
        out.append(
            f"With a state for every neuron and input, lambda_min was at least that of the smooth kernel and the least ridge in {held} of {len(rows)} matrices."
        )
        lifted = [r for r in rows if r["dt"] == min(q["dt"] for q in rows) and _base(r) > 0.0]
        if lifted:
            most = max(lifted, key=lambda r: _value(r) / _base(r))
            out.append(
                f"The largest lift: {most['activation']}, dt = {most['dt']:g}: {_base(most):.2g} to {_value(most):.2g}. It is noise: it conditions the "
                "matrix and says nothing about the points."
            )
    out += _of_network(found)
    return tuple(out)


def _of_network(found: Found) -> list[str]:
    """Training through against converting, and annealing against training through."""
    plain = _row(found, "not spiking", None)
    out = []
    if plain is not None:
        words = []
        for r in found.network:
            if r["training"] != "through the quantiser":
                continue
            other = _row(found, "converted", r["dt"])
            if other is not None:
                words.append(
                    f"dt = {r['dt']:g}: {100 * r['accuracy']:.1f} % against {100 * other['accuracy']:.1f} %"
                )
        if words:
            out.append(
                f"Not spiking {100 * plain['accuracy']:.1f} % of {plain['test']} test images were right. Trained through the quantiser against converted "
                f"afterwards: {'; '.join(words)}."
            )
    late = _row(found, "annealed, then as many epochs", ANNEALED)
    long = _row(found, "through, twice the epochs", ANNEALED)
    if late is not None and long is not None:
        gain = 100 * (late["accuracy"] - long["accuracy"])
        error = 100 * math.sqrt(2 * 0.25 / late["test"])
        seen = (
            "no gain that one seed could show"
            if gain < 2 * error
            else "a gain, of one seed, in this run"
        )
        out.append(
            f"Annealing from dt = {ANNEAL_FROM:g} to {ANNEALED:g}, then as many epochs at {ANNEALED:g}, against as many epochs in all at {ANNEALED:g}: "
            f"{gain:+.1f} points, {seen}."
        )
    return out


def sections(found: Found) -> tuple[Section, ...]:
    """What the page shows."""
    out = []
    if found.gram:
        out.append(_gram(found))
    if found.spectrum:
        out.append(_noise(found))
    if found.network:
        out.append(_network(found))
    return tuple(out)


def _gram(found: Found) -> Section:
    table = tuple(
        (
            r["activation"],
            f"{r['dt']:g}",
            _text(r["base"], r["base_upper"], r["base_status"]),
            f"{r['least_ridge']:.3g}",
            _text(r["lambda_min"], r["upper"], r["status"]),
            _shared(found, r),
            f"{max(q['error'] for q in (r, _other(found, r)) if q is not None):.0e}",
        )
        for r in found.gram
        if r["phases"] == "independent"
    )
    return Section(
        "The Gram matrix: a smooth kernel and a ridge",
        (
            "Features floor(dt f(w.x) + v) / dt of infinitely many neurons. A state v for every neuron and input adds the variance of one output to the "
            "diagonal, {c} (1 - {c}) / dt^2 in the mean over neurons, c = dt f(w.x): a ridge. One state for all inputs adds the covariance of a Brownian bridge. "
            "Both were derived for this study. Means over W steps of an input at rest are those of the step W dt.",
            Picture(
                "",
                "lambda_min against dt",
                "; ".join(
                    f"{r['activation']}, dt {r['dt']:g}: {r['lambda_min']:.2g}, smooth {r['base']:.2g}"
                    for r in found.gram
                    if r["phases"] == "independent"
                )[:900],
                f"{found.points}. Solid: a state for every neuron and input; dotted: one for all inputs; dashed level: the activation itself. "
                "dt falls to the left, where neurons spike rarely.",
                lambda fig: pictures.draw_gram(fig, found),
            ),
            Table(
                "Smallest eigenvalues",
                (
                    "activation", "dt", "smooth", "least ridge", "a state each", "one state", "error",
                ),
                table,
                "Error: of an entry of what quantising adds, as the quadrature estimates it, the larger of both columns.",
                printed=len(table) <= 20,
            ),
        ),
    )  # fmt: skip


def _noise(found: Found) -> Section:
    rows = tuple(
        (f"{r['window']:,}", f"{r['diffused']:.2g}", f"{r['law']:.2g}", f"{r['rounded']:.2g}")
        for r in found.windows
    )
    return Section(
        "The noise: shaped",
        (
            "What a neuron could not say in this step it says in the next: errors are differences of the state, and a mean over W steps is off by 1 / W, not by 1 / sqrt(W).",
            Picture(
                "trace",
                "One neuron, three steps dt",
                "; ".join(
                    f"dt {dt:g}: largest sum of errors {max(abs(r['sum_of_errors']) for r in found.trace if r['dt'] == dt):.2f}, one spike is {1 / dt:g}"
                    for dt in dict.fromkeys(r["dt"] for r in found.trace)
                ),
                "Grey: what it hears, f; bars: what it says, multiples of 1 / dt; orange: the sum of all errors so far, which stays between the dotted lines, +-1 / dt.",
                lambda fig: pictures.draw_trace(fig, found),
                (7.6, 5.6),
            ),
            Picture(
                "spectrum",
                "Power of the error against frequency",
                f"diffused: {found.slopes['diffused']:.1f} dB a decade; rounded at random: {found.slopes['rounded']:.1f} dB a decade",
                "Mean over neurons, each with a mean and two slow sines; dt = 1. Grey: |2 sin(pi w)|^2 / 12, the difference of independent uniform states.",
                lambda fig: pictures.draw_spectrum(fig, found),
            ),
            Table(
                "Root mean square of means over W steps, times dt",
                ("W", "diffused", "1 / (sqrt(6) W)", "rounded at random"),
                rows,
            ),
        ),
    )


def _network(found: Found) -> Section:
    units, order, parameters, epochs = found.sizes
    rows = tuple(
        (
            f"{r['training']}" + ("" if r["dt"] is None else f", dt = {r['dt']:g}"),
            f"{100 * r['accuracy']:.1f}",
            *(
                ("-",) * 4
                if r["dt"] is None
                else (
                    f"{r['spikes']:.2f}", f"{r['distinct']}", f"{r['bits']:.2f}", f"{r['mean_bits']:.2f}",
                )
            ),
        )
        for r in found.network
    )  # fmt: skip
    parts: tuple[Part, ...] = (
        f"{found.data}. Legendre memory of order {order}, {units} tanh units, {parameters:,} trained numbers, {epochs} epochs of Adam. The memory is "
        "not quantised, the hidden units are; backwards the quantiser counts as tanh.",
        Picture(
            "network",
            "Test accuracy against dt",
            "; ".join(f"{a}: {b} %" for a, b, *_ in rows)[:900],
            "Converted: trained without quantising, then quantised. Bars: two standard errors of a share of the test set.",
            lambda fig: pictures.draw_network(fig, found),
        ),
        Table(
            "Accuracy, spikes and bits",
            ("training", "%", "spikes", "values", "bits", "mean bits"),
            rows,
            "Spikes: mean |k| a unit and step. Values: different k seen; bits: its log2. Mean bits: mean of log2(1 + |k|). Definitions of this package: not "
            "comparable with those of papers.",
        ),
    )
    return Section("A recurrent network", parts)


def _row(found: Found, training: str, dt: float | None) -> Row | None:
    return next(
        (r for r in found.network if r["training"] == training and r["dt"] == dt),
        None,
    )


def _other(found: Found, r: Row) -> Row | None:
    """The same matrix with one state for all inputs."""
    return next(
        (
            q
            for q in found.gram
            if (q["activation"], q["dt"], q["phases"]) == (r["activation"], r["dt"], "shared")
        ),
        None,
    )


def _shared(found: Found, r: Row) -> str:
    other = _other(found, r)
    return "-" if other is None else _text(other["lambda_min"], other["upper"], other["status"])


def _value(r: Row) -> float:
    return float(r["lambda_min"])


def _base(r: Row) -> float:
    return float(r["base"] if r["base_status"] == "resolved" else 0.0)


def _text(value: float, upper: float, status: str) -> str:
    return f"{value:.3g}" if status == "resolved" else f"<= {upper:.2g}"
