"""What the study of quantisers measures: noise, Gram matrices, a network trained and converted."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..._arrays import Array
from ...activations import activation
from ...data.points import normalize
from ..ask import Ask
from .gram import PHASES, spiking_gram
from .network import Network, network
from .noise import decibels_per_decade, error_spectrum, stochastic_rounding, window_rms
from .quantiser import anneal, quantise
from .sequences import Sequences, digits, images
from .training import accuracy, hidden_activity, train_network

Row = dict[str, Any]
WINDOWS = (1, 10, 100, 1000)
NEURONS, TIME, QUICK_NEURONS, QUICK_TIME = 200, 4096, 50, 4096
POINTS, QUICK_POINTS, DIMENSION, MOST_POINTS = 24, 12, 4, 100
STEPS, QUICK_STEPS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0), (0.5, 2.0, 8.0, 32.0)
UNITS, ORDER, EPOCHS = 128, 32, 25
QUICK_UNITS, QUICK_ORDER, QUICK_EPOCHS = 64, 32, 10
RATE, QUICK_RATE = 3e-3, 6e-3
TARGETS, QUICK_TARGETS = (1.0, 0.5, 0.25), (1.0, 0.5)
SHOWN, SHOWN_STEPS = 80, (0.5, 1.0, 8.0)
ANNEALED, ANNEAL_FROM = 0.5, 64.0
EXAMPLES = 33_000  # example passes of a training: they decide how many epochs larger sets have
LEAST_EPOCHS = 3


@dataclass(eq=False)
class Found:
    """What is known so far."""

    gram: list[Row] = field(default_factory=list)
    points: str = ""
    trace: list[Row] = field(default_factory=list)
    spectrum: list[Row] = field(default_factory=list)
    windows: list[Row] = field(default_factory=list)
    slopes: dict[str, float] = field(default_factory=dict)
    sums: float = math.nan  # largest dt |sum of errors|
    network: list[Row] = field(default_factory=list)
    losses: list[Row] = field(default_factory=list)
    data: str = ""
    sizes: tuple[int, int, int, int] = (0, 0, 0, 0)  # units, order, parameters, epochs


def noise(found: Found, ask: Ask) -> None:
    """Two sines a neuron, of random size, phase and mean: errors diffused, and rounded at random."""
    neurons, steps = (QUICK_NEURONS, QUICK_TIME) if ask.quick else (NEURONS, TIME)
    ask.say(f"quantiser: {neurons} neurons, {steps:,} steps")
    rng = np.random.default_rng([ask.seed, 910])
    found.trace = trace()
    f = sines(steps, neurons, rng)
    diffused = quantise(f, 1.0, rng=rng, threads=ask.threads)[0] - f
    rounded = stochastic_rounding(f, 1.0, rng) - f
    found.sums = float(np.abs(np.cumsum(diffused, axis=0)).max())
    w, s = error_spectrum(diffused)
    _, r = error_spectrum(rounded)
    found.spectrum = [
        {"frequency": a, "diffused": b, "rounded": c}
        for a, b, c in zip(w.tolist(), s.tolist(), r.tolist(), strict=True)
    ]
    found.slopes = {
        "diffused": decibels_per_decade(w, s), "rounded": decibels_per_decade(w, r),
    }  # fmt: skip
    found.windows = [
        {"window": W, "diffused": a, "law": 1.0 / (math.sqrt(6.0) * W), "rounded": b}
        for W, a, b in zip(WINDOWS, window_rms(diffused, WINDOWS).tolist(),
                           window_rms(rounded, WINDOWS).tolist(), strict=True)
    ]  # fmt: skip


def trace() -> list[Row]:
    """One neuron, a slow sine, from the state 1/2: what it hears, what it says, and what it owes."""
    f = 0.9 * np.sin(2.0 * np.pi * np.arange(SHOWN) / SHOWN)
    rows: list[Row] = []
    for dt in SHOWN_STEPS:
        out, _ = quantise(f, dt, 0.5)
        owed = np.cumsum(out - f)
        rows += [
            {"dt": dt, "step": k, "f": a, "output": b, "sum_of_errors": c}
            for k, (a, b, c) in enumerate(zip(f.tolist(), out.tolist(), owed.tolist(), strict=True))
        ]
    return rows


def sines(steps: int, neurons: int, rng: np.random.Generator) -> Array:
    """Signals (T, N) that a neuron could see: a mean and two slow sines."""
    t = np.arange(steps)[:, None]
    f = rng.uniform(-0.5, 0.5, neurons) + np.zeros((steps, 1))
    for _ in range(2):
        rate = rng.uniform(0.002, 0.02, neurons)
        f = f + rng.uniform(0.2, 0.8, neurons) * np.sin(t * rate + rng.uniform(0, 6.28, neurons))
    return np.asarray(f)


def grams(found: Found, ask: Ask) -> None:
    """lambda_min of the smooth kernel and of both quantised ones, against dt."""
    from ...eigen import min_eig
    from ...eigenpairs import eigsh

    points = ask.points("sphere-random", ask.count(POINTS, QUICK_POINTS), DIMENSION, 911)
    most = QUICK_POINTS if ask.quick else MOST_POINTS
    if not points.generated:
        points = points.first(most)
    X = normalize(points.X)
    found.points = points.text + ("" if points.generated else ", divided by their norms")
    how: dict[str, Any] = {"threads": ask.threads, "rng": ask.seed, "tol": 1e-4}
    for name, act in zip(ask.names, ask.activations, strict=True):
        ask.say(f"{name}: Gram matrices")
        base = min_eig(X, act, kernel="nngp", **how)
        for dt in QUICK_STEPS if ask.quick else STEPS:
            for phases in PHASES:
                g = spiking_gram(X, activation(act), dt, phases)
                r = eigsh(g.K, 1, **how)
                found.gram.append(
                    {
                        "activation": name, "dt": dt, "phases": phases, "n": len(X),
                        "lambda_min": float(r.value), "upper": float(r.upper), "status": r.status,
                        "base": float(base.value), "base_upper": float(base.upper), "base_status": base.status,
                        "least_ridge": float(g.ridge.min()), "error": g.error,
                    }
                )  # fmt: skip


def sequences(ask: Ask) -> Sequences:
    """The digits, or the images that were given."""
    rng = np.random.default_rng([ask.seed, 912])
    if ask.X is None:
        return digits(rng)
    points = ask.points("", 0, 0, 0)
    return images(points.X, ask.labels[: len(points.X)], f"images of {ask.source}", rng)


def networks(found: Found, data: Sequences, ask: Ask) -> None:
    """Not spiking and converted; trained through the quantiser; annealed, for as many epochs and with as many at the end."""
    units, order = (QUICK_UNITS, QUICK_ORDER) if ask.quick else (UNITS, ORDER)
    epochs = QUICK_EPOCHS if ask.quick else EPOCHS
    if ask.X is not None:
        epochs = int(min(epochs, max(LEAST_EPOCHS, EXAMPLES // len(data.y))))
    start = network(
        units, order, float(len(data.x)), data.classes, rng=np.random.default_rng([ask.seed, 913])
    )
    found.data, found.sizes = data.text, (units, order, start.parameters, epochs)
    targets = QUICK_TARGETS if ask.quick else TARGETS
    plain = trained(found, start, data, "not spiking", [None] * epochs, ask)
    scored(found, plain, data, "not spiking", None, ask)
    for dt in targets:
        scored(found, plain, data, "converted", dt, ask)
    for dt in targets:
        net = trained(found, start, data, "through the quantiser", [dt] * epochs, ask)
        scored(found, net, data, "through the quantiser", dt, ask)
    if ask.quick:
        return
    down = anneal(ANNEAL_FROM, ANNEALED, epochs).tolist()
    for how, steps in (
        ("annealed", down),
        ("annealed, then as many epochs", down + [ANNEALED] * epochs),
        ("through, twice the epochs", [ANNEALED] * 2 * epochs),
    ):
        net = trained(found, start, data, how, steps, ask)
        scored(found, net, data, how, ANNEALED, ask)


def trained(
    found: Found, net: Network, data: Sequences, how: str, steps: list[Any], ask: Ask
) -> Network:
    """One training; every one sees the same order of examples."""
    last = steps[-1]
    ask.say(f"network, {how}{'' if last is None else f', dt = {last:g}'}: {len(steps)} epochs")

    def report(epoch: int, loss: float) -> None:
        found.losses.append(
            {"training": how, "dt": last, "epoch": epoch + 1, "dt_now": steps[epoch], "loss": loss}
        )

    rng = np.random.default_rng([ask.seed, 914])
    rate = QUICK_RATE if ask.quick else RATE
    return train_network(net, data, steps, rate=rate, rng=rng, report=report).net


def scored(
    found: Found, net: Network, data: Sequences, how: str, dt: float | None, ask: Ask
) -> None:
    """Accuracy on the test set, and how much the units say."""
    begun = time.process_time()
    row: Row = {"training": how, "dt": dt}
    row["accuracy"] = accuracy(net, data, dt, rng=np.random.default_rng([ask.seed, 915]))
    row["test"] = len(data.y_test)
    if dt is not None:
        said = hidden_activity(net, data, dt, np.random.default_rng([ask.seed, 916]))
        row |= vars(said)
    row["seconds"] = time.process_time() - begun
    found.network.append(row)
