"""With how many samples gradient descent finds the teacher: proportions of trials against n, with bands, and n_c beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, integer, thread_count
from .checks import at_least
from .counts import Proportion, critical_samples
from .descent import STEPS, descend
from .population import loss_of, matrix_of

FOUND = 1e-2  # of the loss of a student that says 0: less is a success
TOL = 1e-12  # of the empirical loss: then nothing moves any more


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes
    ----------
    n, trial
        Samples, and which of the trials; a trial has the same teacher, student and stream of samples for every n.
    population, empirical
        E(A) / E(0) and L(W) / L(0) at the end.
    steps, fitted
        Steps taken, and whether the empirical loss came to its end before they were spent.
    found
        E(A) / E(0) below 1e-2.
    """

    n: int
    trial: int
    population: float
    empirical: float
    steps: int
    fitted: bool
    found: bool


@dataclass(frozen=True)
class ThresholdScan:
    """Proportions of success against the number of samples.

    Attributes
    ----------
    d, m_star, width, steps, rng
        What was asked.
    rows
        One a trial.
    interrupted
        Ctrl-C: larger n are missing.
    seconds
        Wall time.
    """

    d: int
    m_star: int
    width: int
    steps: int
    rng: int
    rows: tuple[TrialRow, ...]
    interrupted: bool
    seconds: float

    @property
    def critical(self) -> int:
        """n_c of :func:`critical_samples`."""
        return critical_samples(self.d, self.m_star)

    @property
    def samples(self) -> tuple[int, ...]:
        """The n that were reached."""
        return tuple(sorted({r.n for r in self.rows}))

    def at(self, n: int) -> Proportion:
        """Trials with n samples that found the teacher."""
        mine = [r for r in self.rows if r.n == n]
        return Proportion(sum(r.found for r in mine), len(mine))

    def moving(self, n: int) -> int:
        """Failures with n samples whose steps were spent before the samples were fitted: some of them are slowness."""
        return sum(not (r.fitted or r.found) for r in self.rows if r.n == n)

    def half(self) -> float:
        """n at which the proportion passes 1/2 for good, between two n by a straight line; NaN when it does not within the scan."""
        n, p = self.samples, [self.at(k).value for k in self.samples]
        below = [k for k in range(len(n)) if p[k] < 0.5]
        if not below or below[-1] == len(n) - 1:
            return float("nan")
        k = below[-1]
        return n[k] + (n[k + 1] - n[k]) * (0.5 - p[k]) / (p[k + 1] - p[k])

    def records(self) -> list[dict[str, Any]]:
        """One row an n: counts, proportion and band.

        Returns
        -------
        list of dict
        """
        out = []
        for n in self.samples:
            p = self.at(n)
            low, high = p.band
            out.append(
                {
                    "d": self.d,
                    "m_star": self.m_star,
                    "n": n,
                    "critical": self.critical,
                    "trials": p.trials,
                    "found": p.successes,
                    "proportion": p.value,
                    "low": low,
                    "high": high,
                    "still_moving": self.moving(n),
                }
            )
        return out

    def __str__(self) -> str:
        lines = [
            f"teacher of {self.m_star} units in {self.d} dimensions, student of {self.width}: n_c = {self.critical}",
            f"{'n':>5} {'found':>9} {'proportion':>11} {'95 %':>14} {'still moving':>13}",
        ]
        for r in self.records():
            band = f"{r['low']:.2f} to {r['high']:.2f}"
            lines.append(
                f"{r['n']:>5} {r['found']:>4}/{r['trials']:<4} {r['proportion']:>11.2f} {band:>14} {r['still_moving']:>13}"
            )
        if self.interrupted:
            lines.append("interrupted: what was not reached is missing")
        return "\n".join(lines)


def threshold_scan(
    d: int,
    m_star: int,
    samples: Sequence[int] | None = None,
    *,
    trials: int = 24,
    width: int | None = None,
    steps: int = STEPS,
    rng: int = 0,
    threads: int | None = None,
    report: Callable[[str], None] | None = None,
) -> ThresholdScan:
    """How often gradient descent from n samples finds the teacher, E(A) < 10^-2 E(0), for each n.

    Teacher A* = (1/m*) W*'W*, samples and the student's weights at the start are N(0, 1), drawn by [rng, d, m*, trial]; n samples are the
    first n of a trial's stream, so that trials see more and not others as n grows.

    Parameters
    ----------
    d
        Dimension.
    m_star
        Units of the teacher.
    samples
        Numbers n; None: from n_c - d to n_c + d.
    trials
        For each n.
    width
        Units of the student; None: 2 d.
    steps
        At most so many in a trial.
    rng
        Seed, an integer >= 0.
    threads
        Trials at a time; their number changes no bit.
    report
        Called with a line of progress.

    Returns
    -------
    ThresholdScan
        ``print`` it, ``.at(n)``, ``.records()``. Also when it is interrupted (Ctrl-C): with the n that were done.

    Raises
    ------
    TypeError, ValueError
        Options that are no such integers.
    """
    start = time.perf_counter()
    d, m_star = at_least(d, "d", 1), at_least(m_star, "m_star", 1)
    n_c = critical_samples(d, m_star)
    sizes = range(max(1, n_c - d), n_c + d + 1) if samples is None else samples
    sizes = sorted({at_least(n, "samples", 1) for n in sizes})
    if not sizes:
        raise ValueError("samples must hold at least one number; got none.")
    count = at_least(trials, "trials", 1)
    m = 2 * d if width is None else at_least(width, "width", 1)
    most = at_least(steps, "steps", 0)
    seed = integer(rng, "rng")
    if seed < 0:
        raise ValueError(f"rng must be an integer >= 0; got {rng}.")
    thread_count(threads)
    drawn = [trial_of(d, m_star, m, max(sizes), seed, k) for k in range(count)]
    X, W, teachers = (np.stack(part) for part in zip(*drawn, strict=True))
    y = np.einsum("tki,tij,tkj->tk", X, teachers, X)
    rows: list[TrialRow] = []
    cut = False
    try:
        for n in sizes:
            if report is not None:
                report(f"m* = {m_star}, n = {n} of {sizes[-1]}: {count} trials")
            found = descend(X[:, :n], y[:, :n], W, most, tol=TOL, threads=threads)
            zero = 0.25 * np.mean(y[:, :n] ** 2, axis=1)
            for k, A in enumerate(found.matrices):
                far = loss_of(A - teachers[k]) / loss_of(teachers[k])
                rest = float(found.losses[k] / zero[k])
                rows.append(
                    TrialRow(
                        n,
                        k,
                        far,
                        rest,
                        int(found.steps[k]),
                        rest <= TOL * (1.0 + 1e-9),
                        far < FOUND,
                    )
                )
    except KeyboardInterrupt:
        cut = True
    return ThresholdScan(d, m_star, m, most, seed, tuple(rows), cut, time.perf_counter() - start)


def trial_of(
    d: int, m_star: int, width: int, n: int, seed: int, trial: int
) -> tuple[Array, Array, Array]:
    """Samples (n, d), the student's weights (width, d), and A* of one trial."""
    draw = [np.random.default_rng([seed, d, m_star, trial, part]) for part in range(3)]
    teacher = matrix_of(draw[0].standard_normal((m_star, d)))
    return draw[2].standard_normal((n, d)), draw[1].standard_normal((width, d)), teacher
