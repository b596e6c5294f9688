"""``data``: one data set under every activation: spectrum, attribution, training and what the kernel predicted of it.

Of every activation the Gram matrix is made once; its bottom pairs, its certificate, the distribution of its eigenvalues and the
prediction all come from that one matrix. The nearest neighbours are those of the points, and are looked for once.

Invariant: what is trained is the network of the issue, width m, in float32 products; its own G(0) is never formed.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._arrays import Array
from ..bounds import upper
from ..data.points import normalize
from ..diagnosis.ask import Diagnosis, judged
from ..diagnosis.attributed import Attribution
from ..diagnosis.attribution import SINGLE_FROM, attributed
from ..diagnosis.span import DataDiagnosis, diagnose_data
from ..errors import ConvergenceWarning, PrecisionWarning
from ..operators.gram import gram
from ..operators.kernel_matrix import Gram
from ..question import kernel_of
from ..result import EigenResult
from ..training.predict import predict_training
from ..training.prediction import TrainingPrediction
from ..training.table import Training
from ..training.train import train
from .ask import Ask, Points
from .descent import network
from .report import StudyReport
from .targets import Targets, targets

NAME = "data"
TEXT = "one data set and its labels: spectrum, points to blame, training beside its prediction"
OPTIONS = ("labels", "width", "steps", "time_limit")
DIVIDES = True  # points by their norms, itself
POINTS, QUICK_POINTS, DIMENSION, SPAN = 300, 100, 10, 5
WIDTH, QUICK_WIDTH = 10_000, 1_000
FLOPS, QUICK_FLOPS = 6.3e12, 1e10  # of the products of one training: they decide how many steps
MOST_STEPS, LEAST_STEPS = 1_000, 10
LAST = 100_000  # the prediction goes as far
PAIRS, TOP = 6, 6
WHOLE_UP_TO = 1_000  # points: every eigenvalue
RIGOROUS_UP_TO = 12_000  # points whose lower bound is a factorisation's
PROBES, PRODUCTS = 3, 60
SHARES = (0.5, 0.1, 0.01)  # of the loss at the start


@dataclass(eq=False)
class One:
    """What is known of one activation."""

    kernel: str = ""
    diagnosis: Diagnosis | None = None
    bottom: EigenResult | None = None
    ranks: Array = field(
        default_factory=lambda: np.zeros(0)
    )  # number of eigenvalues above, and they
    eigenvalues: Array = field(default_factory=lambda: np.zeros(0))
    attribution: Attribution | None = None
    prediction: TrainingPrediction | None = None
    training: Training | None = None


@dataclass(eq=False)
class Found:
    """What is known so far."""

    points: Points
    A: Array
    targets: Targets
    width: int
    steps: int
    data: DataDiagnosis | None = None
    of: dict[str, One] = field(default_factory=dict)
    costs: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str, activation: str = "all") -> Iterator[None]:
        """Wall and processor seconds of a piece of work."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.costs.append(
                {"phase": name, "activation": activation, "seconds": time.perf_counter() - wall,
                 "processor_seconds": time.process_time() - cpu}
            )  # fmt: skip


class Limit:
    """What is left of the time."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.start = seconds, time.perf_counter()

    def left(self, parts: int = 1) -> float | None:
        """Seconds for one of so many parts; None without a limit."""
        if self.seconds is None:
            return None
        return max(self.seconds - (time.perf_counter() - self.start), 1e-3) / parts

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.seconds is not None and time.perf_counter() - self.start >= self.seconds


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    from .data_parts import sections
    from .data_records import records
    from .data_words import conclusions

    start = time.perf_counter()
    points = ask.points("subspace-random", ask.count(POINTS, QUICK_POINTS), DIMENSION, 700, SPAN)
    A = normalize(points.X)
    y = targets(ask.labels, len(A), ask.seed)
    width = ask.width or (QUICK_WIDTH if ask.quick else WIDTH)
    width -= width % 2  # neurons come in pairs
    steps = steps_for(len(A), width, A.shape[1], ask)
    found = Found(points, A, y, width, steps)
    with warnings.catch_warnings():  # the tables say what is not resolved
        for ours in (ConvergenceWarning, PrecisionWarning):
            warnings.simplefilter("ignore", ours)
        cut = measured(found, ask)
    return StudyReport(
        which=NAME,
        title="Which activation learns these points, and which of them are in its way?",
        conclusions=conclusions(found),
        sections=sections(found),
        records=records(found),
        asked=ask.asked(
            f"{points.text}, divided by their norms", labels=y.text, width=width, steps=steps,
            time_limit=ask.time_limit,
        ),
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )  # fmt: skip


def steps_for(n: int, width: int, d: int, ask: Ask) -> int:
    """As many as were asked for, or as the same number of flops allows: two products a step, 4 n m d."""
    if ask.steps is not None:
        return ask.steps
    flops = QUICK_FLOPS if ask.quick else FLOPS
    return int(min(max(flops / (4.0 * n * width * d), LEAST_STEPS), MOST_STEPS))


def measured(found: Found, ask: Ask) -> bool:
    """Points, matrices, trainings, in this order; true when it was cut short."""
    limit = Limit(ask.time_limit)
    try:
        with found.phase("points"):
            ask.say(f"points: {found.points.text}")
            found.data = diagnose_data(found.A)
            near = upper.closest(found.A) if len(found.A) > 1 else None
        for name, act in zip(ask.names, ask.activations, strict=True):
            if limit.over:
                break
            one = found.of.setdefault(name, One())
            with found.phase("class", name):
                one.diagnosis = judged(found.data, act)
            of_matrix(found, one, name, act, near, ask, limit)
        for k, (name, act) in enumerate(zip(ask.names, ask.activations, strict=True)):
            if limit.over or name not in found.of:
                break
            of_training(found, found.of[name], name, act, ask, limit.left(len(ask.names) - k))
    except KeyboardInterrupt:
        return True
    missing = [n for n in ask.names if n not in found.of or found.of[n].training is None]
    if missing:
        found.left_out.append(
            f"The time limit of {ask.time_limit:g} s was over before the training of {', '.join(missing)}."
        )
    return False


def of_matrix(
    found: Found, one: One, name: str, act: Any, near: upper.Close | None, ask: Ask, limit: Limit
) -> None:
    """Everything that one Gram matrix says."""
    from ..eigen import min_eig
    from ..eigenpairs import eigsh

    A, n = found.A, len(found.A)
    ker = kernel_of(act, "gradient", None, 1.0, 0.0)
    one.kernel = repr(ker).strip("<>").partition(":")[0]
    ask.say(f"{name}: matrix, bottom of the spectrum")
    with found.phase("matrix", name):
        K = gram(A, ker, dtype="float32" if n > SINGLE_FROM else "float64", threads=ask.threads)
    with found.phase("bottom pairs, certificate", name):
        certify = "rigorous" if n <= RIGOROUS_UP_TO else "auto"
        common: dict[str, Any] = {"threads": ask.threads, "rng": ask.seed}
        bottom = eigsh(K, min(PAIRS, n), certify=certify, time_limit=limit.left(), **common)
        if bottom.status == "rounding-limited" and not limit.over:  # double cannot see it
            higher = min_eig(A, ker, time_limit=limit.left(), **common)
            bottom = higher if higher.resolved else bottom
        one.bottom = bottom
    if bottom.interrupted:
        raise KeyboardInterrupt
    if limit.over:
        return
    with found.phase("attribution", name):
        one.attribution = attributed(A, ker, bottom, near, TOP, {"threads": ask.threads})
    if one.attribution.interrupted:
        raise KeyboardInterrupt
    with found.phase("spectrum", name):
        spectrum(one, K, np.random.default_rng([ask.seed, 701]))
    if limit.over:
        return
    ask.say(f"{name}: prediction")
    with found.phase("prediction", name):
        first = 0.5 * float(np.sum(found.targets.y**2))
        grid = np.unique(np.rint(np.geomspace(1, LAST, 40)).astype(np.int64)).tolist()
        try:
            one.prediction = predict_training(
                K, found.targets.y, steps=[0, *grid], target=SHARES[1] * first, tol=1e-2,
                lower=max(bottom.lower, 0.0), threads=ask.threads, time_limit=limit.left(),
            )  # fmt: skip
        except TimeoutError:
            return
    if "interrupted" in one.prediction.message:
        raise KeyboardInterrupt


def spectrum(one: One, K: Gram, rng: np.random.Generator) -> None:
    """Every eigenvalue, or their distribution by Lanczos quadrature: n e_1^t f(T) e_1 estimates tr f(K)."""
    n = K.shape[0]
    if n <= WHOLE_UP_TO:
        one.eigenvalues = np.linalg.eigvalsh(np.asarray(K.toarray(), dtype=np.float64))[::-1]
        one.ranks = np.arange(1.0, n + 1.0)
        return
    alpha, beta = recurrences(K, rng.standard_normal((PROBES, n)))
    nodes, weights = [], []
    for a, b in zip(alpha, beta, strict=True):
        x, S = np.linalg.eigh(np.diag(a) + np.diag(b, 1) + np.diag(b, -1))
        nodes.append(x)
        weights.append(n * S[0] ** 2)
    w = np.mean(weights, axis=0)[::-1]  # nodes of all probes, largest first, one by one
    one.eigenvalues, one.ranks = np.mean(nodes, axis=0)[::-1], np.cumsum(w) - 0.5 * w + 0.5


def recurrences(K: Gram, Z: Array) -> tuple[Array, Array]:
    """Lanczos from every row of Z, in step, so that a product is one of a block: (alpha (b, k), beta (b, k - 1))."""
    b, n = Z.shape
    Q = np.empty((b, PRODUCTS, n))
    alpha, beta = np.zeros((b, PRODUCTS)), np.zeros((b, PRODUCTS))
    Q[:, 0] = Z / np.linalg.norm(Z, axis=1)[:, None]
    for k in range(PRODUCTS):
        W = np.ascontiguousarray((K @ np.ascontiguousarray(Q[:, k].T)).T)
        for p in range(b):
            alpha[p, k] = Q[p, k] @ W[p]
            for _ in range(2):
                W[p] -= (Q[p, : k + 1] @ W[p]) @ Q[p, : k + 1]
        beta[:, k] = np.linalg.norm(W, axis=1)
        done = k + 1
        if done == PRODUCTS or np.any(beta[:, k] <= 1e-14 * math.sqrt(n) * np.max(alpha)):
            break  # of low rank, all of them end together
        Q[:, done] = W / beta[:, k, None]
    return alpha[:, :done], beta[:, : done - 1]


def of_training(
    found: Found, one: One, name: str, act: Any, ask: Ask, seconds: float | None
) -> None:
    """The network of width m, by the step size of its kernel."""
    if one.prediction is None:
        return
    weights, signs = network(found.width, found.A.shape[1], ask.seed)
    c = found.targets.y.shape[1]
    if c > 1:  # read-outs of all outputs, opposite in the two halves
        half = len(weights) // 2
        rng = np.random.default_rng([ask.seed, 602])
        own = np.where(rng.random((half, c)) < 0.5, -1.0, 1.0)
        signs = np.vstack([own, -own])
    ask.say(f"{name}: training, {found.steps} steps of width {len(weights):,}")
    with found.phase("training", name):
        try:
            one.training = train(
                found.A, found.targets.y, act, steps=found.steps, step_size=one.prediction.step_size,
                predict=False, gram=False, dtype="float32", threads=ask.threads, weights=weights,
                readout=signs, time_limit=seconds,
            )  # fmt: skip
        except TimeoutError:
            return
    if one.training.status == "stopped" and "interrupted" in one.training.message:
        raise KeyboardInterrupt


def predicted_at(one: One, step: int) -> float:
    """Of the loss; NaN where there is no prediction."""
    if one.prediction is None:
        return math.nan
    return float(one.prediction.at(float(step))[0])
