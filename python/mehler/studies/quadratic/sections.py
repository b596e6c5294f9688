"""The page of the study of quadratic units: sections, sentences and tables, all computed from what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..report import Picture, Record, Section, Table
from . import pictures
from .counts import Proportion, critical_samples, symmetric_dimension
from .measured import LAST, FlowOf, Found
from .rank import RankRow
from .threshold import FOUND, ThresholdScan


def sections(found: Found) -> Iterator[Section]:
    """Those of which something is known."""
    if found.flows:
        yield rate_section(found.flows)
    if any(s.rows for s in found.scans):
        yield threshold_section([s for s in found.scans if s.rows])
    if found.certificates:
        yield certificate_section(found.certificates)
    if found.ranks:
        yield rank_section(found.ranks)


def rate_section(flows: Sequence[FlowOf]) -> Section:
    """Loss against time."""
    power = [f for f in flows if f.power]
    tail = [f for f in flows if not f.power]
    last = f"t = {LAST:g}"
    parts: list[str | Picture | Table] = [
        "Infinitely many samples. E(A) = (1/2) tr(D^2) + (1/4) (tr D)^2 with D = A - A*, and gradient flow of the weights is "
        "dA/dt = A K + K A, K = 2 (A* - A) + tr(A* - A) I. A teacher of m* < d units leaves a null space, on which the student dies out like "
        "1/t: E t^2 goes to (d - m*)(m* + 2) / (32 (d + 2)), whatever the teacher's values and the start."
    ]
    if power:
        parts.append(
            Picture(
                "",
                "Loss of the population against time",
                "Loss against time, both logarithmic, with dashed lines constant / t^2: "
                + "; ".join(
                    f"{f.label}: E t^2 = {f.measured():.4f} at {last}, predicted {f.rate:.4f}"
                    for f in power
                ),
                "Lines: RK4 on d x d matrices. Dashed: the constant of the formula, over t^2 on the left. Right: E t^2, which goes to it.",
                lambda fig: pictures.draw_loss(fig, flows),
                (9.2, 4.3),
            )
        )
        parts.append(
            Table(
                f"E t^2 at {last}",
                ("teacher", "measured", "formula", "off by"),
                tuple(
                    (
                        f.label,
                        f"{f.measured():.5f}",
                        f"{f.rate:.5f}",
                        f"{f.measured() / f.rate - 1.0:+.2%}",
                    )
                    for f in power
                ),
                "What is missing comes from the start: on the null space the eigenvalues of A approach each other only like t^(-(m* + 2)/(d + 2)), from far apart when the start is ill conditioned.",
            )
        )
    if tail:
        parts.append(
            Table(
                "Teachers of full rank: the loss falls like exp(-2 mu t)",
                ("teacher", "measured 2 mu", "formula"),
                tuple((f.label, f"{f.measured():.5f}", f"{f.rate:.5f}") for f in tail),
                "mu is the slowest rate of the flow linearised at A*, between 4 and 2 + 2 a_2/a_1 times its smallest eigenvalue a_1. "
                "Measured over the last octave of time in which the loss stands above the error of the flow.",
            )
        )
    return Section("How fast: infinitely many samples", tuple(parts))


def threshold_section(scans: Sequence[ThresholdScan]) -> Section:
    """Proportions of success against n."""
    d = scans[0].d
    return Section(
        "From how many samples",
        (
            f"Gradient descent on the weights, d = {d}, student of {scans[0].width} units. A trial has found the teacher when its population "
            f"loss is below {FOUND:g} of that of a student that says 0. n_c = d (m* + 1) - m* (m* + 1)/2 counts what a semidefinite matrix of rank m* "
            f"leaves free; {symmetric_dimension(d)} = d (d + 1)/2 samples decide any symmetric matrix.",
            Picture(
                "threshold",
                "Proportion of trials that find the teacher",
                "Proportion against number of samples, with 95 % bands; n_c is marked. "
                + "; ".join(
                    f"m* = {s.m_star}, n_c = {s.critical}: "
                    + (
                        f"one half at n = {s.half():.1f}"
                        if s.half() > 0.0
                        else "one half is not passed"
                    )
                    for s in scans
                ),
                f"{scans[0].at(scans[0].samples[0]).trials} trials for each n, bands of Wilson, 95 %. Vertical lines: n_c of each teacher, and d (d + 1)/2.",
                lambda fig: pictures.draw_threshold(fig, scans),
            ),
            Table(
                f"Trials that found the teacher, d = {d}",
                ("teacher", "n", "n - n_c", "found", "proportion", "95 %", "still moving"),
                tuple(
                    (
                        f"m* = {r['m_star']}",
                        f"{r['n']}",
                        f"{r['n'] - r['critical']}",
                        f"{r['found']} of {r['trials']}",
                        f"{r['proportion']:.2f}",
                        f"{r['low']:.2f} to {r['high']:.2f}",
                        f"{r['still_moving']}",
                    )
                    for s in scans
                    for r in s.records()
                ),
                f"Still moving: failures whose {scans[0].steps:,} steps were spent before the samples were fitted to 1e-12. Some of them are slowness.",
                printed=False,
            ),
        ),
    )


def certificate_section(found: dict[int, Proportion]) -> Section:
    """Uniqueness at n = d + 1."""
    return Section(
        "Below the threshold: a certificate",
        (
            "One unit, n = d + 1 samples, fewer than n_c = 2 d - 1 from d = 3 on. The teacher is the only semidefinite fit exactly when one of the d + 1 multipliers "
            "lambda_k = c_k / (w . x_k), with c the null vector of the samples, has a sign of its own. So the probability below n_c is not zero at finite d; "
            "the table says what is left of it as d grows.",
            Table(
                "How often n = d + 1 samples have the teacher as their only fit",
                ("d", "n", "n_c", "unique", "proportion", "95 %"),
                tuple(
                    (
                        f"{d}",
                        f"{d + 1}",
                        f"{critical_samples(d, 1)}",
                        f"{p.successes:,} of {p.trials:,}",
                        f"{p.value:.4f}",
                        "{:.4f} to {:.4f}".format(*p.band),
                    )
                    for d, p in found.items()
                ),
                "At d = 2, n_c itself is d + 1.",
            ),
        ),
    )


def rank_section(found: dict[int, tuple[RankRow, ...]]) -> Section:
    """lambda_min against n."""
    return Section(
        "The Gram matrix",
        (
            "The conjugate kernel of z^2 is |x|^2 |x'|^2 + 2 (x.x')^2. It sees a point through x x', which has d (d + 1)/2 entries: its rank, and that of "
            "(x.x')^2, is min(n, d (d + 1)/2), and the smallest eigenvalue is zero from the next sample on. Until then some symmetric A fits any labels; "
            "that A must be semidefinite is what lets fewer samples decide.",
            Picture(
                "rank",
                "Smallest eigenvalue of the conjugate kernel",
                "Smallest eigenvalue against number of samples, logarithmic, one curve a dimension; open markers with arrows are bounds from d (d + 1)/2 + 1 on. "
                + "; ".join(
                    f"d = {d}: last positive at n = {last_positive(rows)}"
                    for d, rows in found.items()
                ),
                "Filled: known. Open, with an arrow: no more than this, the rounding floor of float64; the exact value is 0. Vertical ticks: d (d + 1)/2.",
                lambda fig: pictures.draw_rank(fig, found),
            ),
            Table(
                "Around d (d + 1)/2",
                ("d", "d (d + 1)/2", "n", "rank", "smallest eigenvalue"),
                tuple(
                    (
                        f"{d}",
                        f"{symmetric_dimension(d)}",
                        f"{r.n}",
                        f"{r.rank}",
                        f"{r.value:.3e}" if r.status == "resolved" else f"<= {r.upper:.1e}",
                    )
                    for d, rows in found.items()
                    for r in rows
                    if abs(r.n - symmetric_dimension(d)) <= 1
                ),
                "Rank of (x.x')^2, from singular values of its factor.",
            ),
        ),
    )


def last_positive(rows: Sequence[RankRow]) -> int:
    """The largest n whose smallest eigenvalue is proved positive; 0 of none."""
    return max((r.n for r in rows if r.lower > 0.0), default=0)


def conclusions(found: Found) -> tuple[str, ...]:
    """Sentences computed from the numbers."""
    out = []
    power = [f for f in found.flows if f.power]
    if power:
        words = ", ".join(
            f"{f.measured():.4f} against {f.rate:.4f} ({f.label}, {f.measured() / f.rate - 1.0:+.1%})"
            for f in power
        )
        out.append(f"E t^2 at t = {LAST:g} beside its predicted limit: {words}.")
    halves = [
        f"m* = {s.m_star}: {s.half():.1f} (n_c = {s.critical})"
        for s in found.scans
        if s.rows and not math.isnan(s.half())
    ]
    if halves:
        d = found.scans[0].d
        out.append(f"Half of the trials find the teacher from n on, d = {d}: {', '.join(halves)}.")
    below = [
        f"{p.successes} of {p.trials} at n = {n} (m* = {s.m_star})"
        for s in found.scans
        for n, p in [(n, s.at(n)) for n in s.samples if n < s.critical and s.at(n).successes][:1]
    ]
    if below:
        out.append(f"n_c is no wall: below it the teacher is found already in {', '.join(below)}.")
    if found.certificates:
        words = ", ".join(f"d = {d}: {p.value:.3g}" for d, p in found.certificates.items())
        out.append(f"The teacher is the only fit of d + 1 samples with the probability {words}.")
    if found.ranks:
        exact = [
            d
            for d, rows in found.ranks.items()
            if last_positive(rows) == symmetric_dimension(d)
            and max(r.rank for r in rows) == symmetric_dimension(d)
        ]
        out.append(
            f"Rank and smallest eigenvalue end exactly at n = d (d + 1)/2 in {len(exact)} of {len(found.ranks)} dimensions"
            f" ({', '.join(map(str, found.ranks))})."
        )
    return tuple(out) or ("Nothing was reached.",)


def records(found: Found) -> dict[str, list[Record]]:
    """Tables behind the page."""
    return {
        "": [
            {
                "d": f.d,
                "m_star": f.m_star,
                "time": float(t),
                "loss": float(E),
                "predicted": f.rate / t**2 if f.power and t > 0.0 else None,
            }
            for f in found.flows
            for t, E in zip(f.flow.times, f.flow.losses, strict=True)
        ],
        "threshold": [row for s in found.scans for row in s.records()],
        "trials": [
            {"d": s.d, "m_star": s.m_star, **vars(row)} for s in found.scans for row in s.rows
        ],
        "certificate": [
            {
                "d": d,
                "n": d + 1,
                "trials": p.trials,
                "unique": p.successes,
                "proportion": p.value,
                "low": p.band[0],
                "high": p.band[1],
            }
            for d, p in found.certificates.items()
        ],
        "rank": [
            {**vars(row), "symmetric_dimension": symmetric_dimension(row.d)}
            for rows in found.ranks.values()
            for row in rows
        ],
    }
