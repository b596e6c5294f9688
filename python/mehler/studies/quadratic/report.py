"""``quadratic``: teacher and student with quadratic units: the rate, the threshold, the certificate, the rank; measured beside formulas."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..ask import ACTIVATIONS, Ask
from ..report import Picture, Record, Section, StudyReport, Table
from . import pictures
from .certificate import certificate_probability
from .counts import Proportion, critical_samples, symmetric_dimension
from .population import Flow, exponential_rate, matrix_of, population_flow, rate_constant
from .rank import RankRow, rank_scan
from .threshold import FOUND, ThresholdScan, threshold_scan

NAME = "quadratic"
TEXT = "teacher and student with quadratic units: rate of the loss, threshold in n, rank of the Gram matrix"

LAST = 256.0  # time of the flows
PER_OCTAVE = 4
FULL_RANK = (4, 4)  # (d, m*) of the teacher that is learned exponentially
SEEN = 1e-14  # of the loss at the start: below it the error of the flow is what is left


@dataclass(frozen=True)
class Size:
    """How much is done."""

    flows: tuple[tuple[int, int], ...]  # (d, m*)
    d: int  # of the threshold
    teachers: tuple[int, ...]
    trials: int
    steps: int
    apart: int  # of the n of the scan
    certificates: tuple[int, ...]
    draws: int
    ranks: tuple[int, ...]


FULL = Size(
    ((8, 1), (8, 3), (12, 2)), 8, (1, 2), 40, 100_000, 1, (3, 4, 5, 6, 7, 8), 20_000, (3, 4, 5, 6, 7, 8)
)  # fmt: skip
QUICK = Size(((8, 1), (8, 3)), 6, (1, 2), 20, 10_000, 1, (3, 4, 5), 4_000, (3, 4, 5))


@dataclass(frozen=True)
class FlowOf:
    """One flow and what is predicted of it."""

    d: int
    m_star: int
    flow: Flow
    rate: float  # constant of t^-2, or of the exponential where m* = d

    @property
    def power(self) -> bool:
        """Whether the loss falls like t^-2."""
        return self.m_star < self.d

    @property
    def label(self) -> str:
        """For legends."""
        return f"d = {self.d}, m* = {self.m_star}"

    def measured(self) -> float:
        """E t^2 at the last time, or the rate of the exponential over the last octave of what can be seen."""
        t, E = self.flow.times, self.flow.losses
        if self.power:
            return float(E[-1] * t[-1] ** 2)
        seen = np.flatnonzero(E > SEEN * E[0])
        last = int(seen[-1])
        first = int(np.searchsorted(t, 0.5 * t[last]))
        return (
            float(math.log(E[first] / E[last]) / (t[last] - t[first])) if first < last else math.nan
        )


@dataclass
class Found:
    """What is known so far."""

    flows: list[FlowOf] = field(default_factory=list)
    scans: list[ThresholdScan] = field(default_factory=list)
    certificates: dict[int, Proportion] = field(default_factory=dict)
    ranks: dict[int, tuple[RankRow, ...]] = field(default_factory=dict)


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    start = time.perf_counter()
    refuse(ask)
    size = QUICK if ask.quick else FULL
    found, cut = Found(), False
    try:
        measure(size, ask, found)
    except KeyboardInterrupt:
        cut = True
    return StudyReport(
        which=NAME,
        title="How fast, and from how many samples, is a teacher with quadratic units found?",
        conclusions=conclusions(found),
        sections=tuple(sections(found)),
        records=records(found),
        asked={
            "points": "Gaussian samples, weights and teachers",
            "seed": ask.seed,
            "quick": ask.quick,
            "threads": ask.threads,
            "d of the threshold": size.d,
            "trials": size.trials,
            "steps": size.steps,
            "draws of certificates": size.draws,
        },
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )


def refuse(ask: Ask) -> None:
    """Options that this study has no use for."""
    if ask.X is not None:
        raise ValueError(
            "the study of quadratic units takes no points: its formulas are of Gaussian samples. Leave X (--data) out."
        )
    if tuple(ask.activations) != ACTIVATIONS:
        raise ValueError(
            f"the study of quadratic units has one activation, z^2; got {', '.join(ask.names)}. Leave activations out."
        )
    if ask.n is not None:
        raise ValueError(
            f"the study of quadratic units scans n around its threshold; got n={ask.n}. Leave n out, or call "
            "mehler.studies.quadratic.threshold_scan(d, m_star, samples)."
        )


def measure(size: Size, ask: Ask, found: Found) -> None:
    """Everything, each piece kept as soon as it is known."""
    for d, m_star in (*size.flows, FULL_RANK):
        found.flows.append(_flow(d, m_star, ask))
    for d in size.ranks:
        found.ranks[d] = _ranks(d, ask)
    for d in size.certificates:
        ask.say(f"certificates, d = {d}")
        found.certificates[d] = certificate_probability(d, size.draws, ask.seed)
    for m_star in size.teachers:
        found.scans.append(_scan(m_star, size, ask))
        if found.scans[-1].interrupted:
            raise KeyboardInterrupt


def _flow(d: int, m_star: int, ask: Ask) -> FlowOf:
    ask.say(f"population flow, d = {d}, m* = {m_star}")
    rng = np.random.default_rng([ask.seed, 700, d, m_star])
    A = matrix_of(rng.standard_normal((2 * d, d)))
    if m_star < d:
        T = matrix_of(rng.standard_normal((m_star, d)))
        rate = rate_constant(d, m_star)
    else:  # a teacher whose slowest rate is seen within the time
        T = np.diag(np.linspace(0.1, 1.0, d))
        rate = exponential_rate(T)
    octaves = round(math.log2(LAST)) + 6
    times = LAST * 2.0 ** (np.arange(-PER_OCTAVE * octaves, 1) / PER_OCTAVE)
    return FlowOf(d, m_star, population_flow(A, T, np.concatenate([[0.0], times])), rate)


def _ranks(d: int, ask: Ask) -> tuple[RankRow, ...]:
    ask.say(f"rank, d = {d}")
    p = symmetric_dimension(d)
    X = np.random.default_rng([ask.seed, 710, d]).standard_normal((p + 4, d))
    return rank_scan(X, range(1, p + 5), threads=ask.threads)


def _scan(m_star: int, size: Size, ask: Ask) -> ThresholdScan:
    n_c = critical_samples(size.d, m_star)
    return threshold_scan(
        size.d,
        m_star,
        range(n_c - size.d + 1, n_c + size.d + 1, size.apart),
        trials=size.trials,
        steps=size.steps,
        rng=ask.seed,
        threads=ask.threads,
        report=ask.say,
    )


# -- the page --------------------------------------------------------------------------------------


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
                    f"m* = {s.m_star}, n_c = {s.critical}: one half at n = {s.half():.1f}"
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
