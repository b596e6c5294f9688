"""Training through the quantiser: back-propagation through time, Adam, a step dt that may change from epoch to epoch."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._arrays import generator_from, integer
from .network import Network, Trace, Weights, backward, cross_entropy, forward
from .quantiser import Activity, positive, said, spike_counts
from .sequences import Sequences

RATE, BETAS, TINY = 3e-3, (0.9, 0.999), 1e-8
BATCH = 50
CHUNK = 250  # examples of one evaluation


@dataclass(frozen=True, eq=False)
class Trained:
    """A network and how it came to be.

    Attributes
    ----------
    net
        After the last epoch.
    losses
        Mean training loss of every epoch.
    steps
        dt of every epoch; None where it did not spike.
    seconds
        Processor seconds.
    """

    net: Network
    losses: tuple[float, ...]
    steps: tuple[float | None, ...]
    seconds: float


def adam(w: Weights, g: Weights, m: Weights, s: Weights, count: int, rate: float = RATE) -> Weights:
    """w - rate m^ / (sqrt(s^) + 1e-8), m^ and s^ the unbiased running means of g and g^2, which go on in place.

    Parameters
    ----------
    w, g
        Weights and derivatives.
    m, s
        Running means, zero before the first step.
    count
        Number of this step, from 1 on.
    rate
        Step size.

    Returns
    -------
    dict
        New weights.

    References
    ----------
    Kingma, Ba, ICLR 2015.
    """
    a, b = BETAS
    out = {}
    for name, gradient in g.items():
        m[name] += (1.0 - a) * (gradient - m[name])
        s[name] += (1.0 - b) * (gradient * gradient - s[name])
        scale = np.sqrt(s[name] / (1.0 - b**count)) + TINY
        step = (rate / (1.0 - a**count)) * m[name] / scale
        out[name] = w[name] - step.astype(w[name].dtype)
    return out


def train_network(
    net: Network,
    data: Sequences,
    steps: Sequence[float | None],
    *,
    rate: float = RATE,
    batch: int = BATCH,
    rng: Any = None,
    report: Callable[[int, float], None] | None = None,
) -> Trained:
    """One epoch for each entry of ``steps``: the dt of the quantisers, or None for the activation itself.

    Parameters
    ----------
    net
        Where to begin; it is not changed.
    data
        What to learn.
    steps
        dt of every epoch: [None] * 25 is not spiking, [0.5] * 25 trains through the quantiser, ``anneal(64, 0.5, 25)`` goes from one to
        the other.
    rate, batch
        Step size of Adam at the start, which falls to zero by half a cosine: at a constant one the last epoch is a matter of luck, by
        four points of accuracy. Examples a step.
    rng
        Of the order of examples and of the states, U[0, 1) for every unit and example.
    report
        Called after every epoch with its number and its mean loss.

    Returns
    -------
    Trained

    Raises
    ------
    TypeError, ValueError
        No epoch, dt or rate not positive, batch < 1, another number of classes than the network has outputs.
    """
    schedule = [None if dt is None else positive(dt, "dt") for dt in steps]
    if not schedule:
        raise ValueError("steps must hold dt for at least one epoch; got none.")
    positive(rate, "rate")
    if integer(batch, "batch") < 1:
        raise ValueError(f"batch must be >= 1; got {batch}.")
    outputs = len(net.weights["b_o"])
    if data.classes > outputs:
        raise ValueError(f"the network has {outputs} outputs; got {data.classes} classes.")
    random = generator_from(rng)
    begun = time.process_time()
    w = net.weights
    kind = w["e_x"].dtype
    x, n, p = data.x.astype(kind), data.x.shape[2], net.sizes[0]
    m = {name: np.zeros_like(value) for name, value in w.items()}
    s = {name: np.zeros_like(value) for name, value in w.items()}
    losses, count, total_count = [], 0, len(schedule) * -(-n // batch)
    for epoch, dt in enumerate(schedule):
        order, total = random.permutation(n), 0.0
        for first in range(0, n, batch):
            rows = order[first : first + batch]
            now = replace(net, weights=w)
            v = None if dt is None else random.random((p, len(rows)), dtype=kind)
            trace = forward(now, np.ascontiguousarray(x[:, :, rows]), dt, v)
            loss, error = cross_entropy(trace.logits, data.y[rows])
            total += loss * len(rows)
            count += 1
            falling = 0.5 * rate * (1.0 + math.cos(math.pi * count / total_count))
            w = adam(w, backward(now, trace, error), m, s, count, falling)
        losses.append(total / n)
        if report is not None:
            report(epoch, losses[-1])
    return Trained(
        replace(net, weights=w), tuple(losses), tuple(schedule), time.process_time() - begun
    )


def accuracy(
    net: Network, data: Sequences, dt: float | None, draws: int = 3, rng: Any = None
) -> float:
    """Share of the test set that is told right, averaged over draws of the states.

    Parameters
    ----------
    net, data
        The network and its data.
    dt
        Step of the quantisers, whatever it was trained with; None: f itself.
    draws
        Of the states; one is enough without.
    rng
        Of the states.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        draws < 1, dt not positive.
    """
    if integer(draws, "draws") < 1:
        raise ValueError(f"draws must be >= 1; got {draws}.")
    random = generator_from(rng)
    repeats = 1 if dt is None else draws
    right = sum(
        int(np.sum(np.argmax(trace.logits, axis=0) == data.y_test[rows]))
        for _ in range(repeats)
        for rows, trace in _evaluated(net, data, dt, random)
    )
    return right / (repeats * len(data.y_test))


def hidden_activity(net: Network, data: Sequences, dt: float, rng: Any = None) -> Activity:
    """Spikes and bits of the hidden units over the test set, all steps.

    Parameters
    ----------
    net, data
        The network and its data.
    dt
        Step of the quantisers.
    rng
        Of the states.

    Returns
    -------
    Activity
    """
    counts: Counter[int] = Counter()
    for _, trace in _evaluated(net, data, positive(dt, "dt"), generator_from(rng)):
        counts.update(spike_counts(trace.hidden(net.sizes[0]), dt))
    return said(counts)


def _evaluated(
    net: Network, data: Sequences, dt: float | None, random: np.random.Generator
) -> Iterator[tuple[slice, Trace]]:
    """The test set, in pieces."""
    kind, p = net.weights["e_x"].dtype, net.sizes[0]
    if dt is not None:
        positive(dt, "dt")
    for first in range(0, len(data.y_test), CHUNK):
        rows = slice(first, first + CHUNK)
        x = np.ascontiguousarray(data.x_test[:, :, rows].astype(kind))
        v = None if dt is None else random.random((p, x.shape[2]), dtype=kind)
        yield rows, forward(net, x, dt, v)
