"""What the study of quadratic units measures: flows, ranks, certificates, thresholds; each kept as soon as it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..ask import Ask
from .certificates import certificate_probability
from .counts import Proportion, critical_samples, symmetric_dimension
from .population import Flow, exponential_rate, matrix_of, population_flow, rate_constant
from .rank import RankRow, rank_scan
from .threshold import ThresholdScan, threshold_scan

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
