"""Few bits on real images: every estimator from the same float network, several times, on the same split.

Invariant: within a seed the three estimators share the start, the order of the batches and everything else, so that their differences
are paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..._arrays import Array
from ..laws import student
from .estimators import ESTIMATORS
from .network import evaluate, fit, new_network
from .quantised import quantiser

HELD_OUT = 6  # every so many points are one of validation
BATCH, LEAST_BATCH = 100, 20
FLOAT_STEP, STEP = 0.05, 0.02


@dataclass(frozen=True)
class Plan:
    """How much: bits, seeds, hidden widths, passes in float and in few bits."""

    bits: tuple[int, ...]
    seeds: int
    hidden: tuple[int, ...]
    float_epochs: int
    epochs: int


@dataclass(frozen=True)
class Run:
    """One training: seed, bits (0: the float network it starts from), estimator, and what came out."""

    seed: int
    bits: int
    estimator: str
    losses: tuple[float, ...]
    training_loss: float
    training_accuracy: float
    accuracy: float


@dataclass(eq=False)
class Trained:
    """All of them, and what they were trained on."""

    plan: Plan
    text: str
    training: int
    validation: int
    classes: int
    runs: list[Run] = field(default_factory=list)

    def of(self, bits: int, estimator: str) -> list[Run]:
        """By seed."""
        return [r for r in self.runs if (r.bits, r.estimator) == (bits, estimator)]

    def paired(self, bits: int, estimator: str, other: str, what: str) -> list[float]:
        """Differences estimator minus other, seed by seed, of seeds that have both."""
        second = {r.seed: r for r in self.of(bits, other)}
        return [
            getattr(r, what) - getattr(second[r.seed], what)
            for r in self.of(bits, estimator)
            if r.seed in second
        ]


def band(values: Sequence[float] | Array) -> tuple[float, float]:
    """Mean and half of its 95 % interval, Student's; NaN for fewer than two values."""
    x = np.asarray(values, dtype=np.float64)
    if len(x) == 0:
        return math.nan, math.nan
    if len(x) == 1:
        return float(x[0]), math.nan
    return float(x.mean()), student(len(x) - 1) * float(x.std(ddof=1)) / math.sqrt(len(x))


def batch_of(n: int) -> int:
    """Points of a step: a hundredth of them, 20 at least and 100 at most."""
    return min(max(n // 100, LEAST_BATCH), BATCH)


def split(X: Any, y: Any, seed: int) -> tuple[Any, Any, Any, Any]:
    """Training and validation points, float32, with mean 0 and variance 1 over all coordinates of the training points; every sixth is held out."""
    order = np.random.default_rng([seed, 810]).permutation(len(X))
    held = order[: len(X) // HELD_OUT]
    kept = order[len(X) // HELD_OUT :]
    mean, sd = float(np.mean(X[kept])), float(np.std(X[kept]))
    A, B = (
        np.ascontiguousarray((X[at] - mean) / (sd if sd > 0.0 else 1.0), np.float32)
        for at in (kept, held)
    )
    return A, y[kept], B, y[held]


def trained(
    X: Any, y: Any, text: str, plan: Plan, seed: int, say: Callable[[str], None],
    out: list[Trained],
) -> None:  # fmt: skip
    """All runs, by seed; ``out`` takes what is known as soon as it is, for who is interrupted.

    Parameters
    ----------
    X, y
        Points (n, d) and classes 0 ... c - 1, (n,).
    text
        What they are.
    plan
        How much.
    seed
        Of the split, the weights and the batches.
    say
        Takes a line of progress.
    out
        Gets the one result appended.
    """
    A, a, B, b = split(X, y, seed)
    classes = int(np.max(y)) + 1
    found = Trained(plan, text, len(A), len(B), classes)
    out.append(found)
    for k in range(plan.seeds):
        rng = np.random.default_rng([seed, 811, k])
        say(f"images: seed {k + 1} of {plan.seeds}, float network")
        start, losses = fit(
            new_network(A.shape[1], classes, plan.hidden, rng), A, a,
            epochs=plan.float_epochs, batch=batch_of(len(A)), step_size=FLOAT_STEP, rng=rng,
        )  # fmt: skip
        here, there = evaluate(start, A, a, (B, b))
        found.runs.append(Run(k, 0, "float", tuple(losses), *here, there[1]))
        for bits in plan.bits:
            q = quantiser(bits)
            for estimator in ESTIMATORS:
                say(f"images: seed {k + 1} of {plan.seeds}, {bits} bits, {estimator}")
                net, losses = fit(
                    start.quantised(q, estimator), A, a, epochs=plan.epochs, batch=batch_of(len(A)),
                    step_size=STEP, rng=np.random.default_rng([seed, 812, k]),
                )  # fmt: skip
                here, there = evaluate(net, A, a, (B, b))
                found.runs.append(Run(k, bits, estimator, tuple(losses), *here, there[1]))
