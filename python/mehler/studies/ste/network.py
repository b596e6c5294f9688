"""A network whose hidden activations have few bits, trained by momentum with a straight-through estimator; float32 products.

    a_0 = x,   z_l = (b_l - mean b_l) / sd(b_l),  b_l = a_(l-1) W_l,   a_l = q(z_l),   logits = a_L W_out + c

Batch-norm has no scale and no shift, so that z has the distribution that the step of q was made for. In the backward pass mu'(z)
stands for q'. Mean and sd are those of the batch in training, those of all training points afterwards.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import choice, integer
from .estimators import ESTIMATORS
from .quantised import Array32, Quantiser

EPS = np.float32(1e-5)
MOMENTUM = np.float32(0.9)


@dataclass(frozen=True, eq=False)
class Network:
    """Weights, and what the hidden layers do to what is normalised.

    Attributes
    ----------
    weights
        (d, h), (h, h), ..., (h, c), float32.
    bias
        Of the last layer, (c,).
    quantiser
        Of every hidden layer; None: max(z, 0), of a float network.
    estimator
        What stands for the slope of the quantiser.
    """

    weights: tuple[Array32, ...]
    bias: Array32
    quantiser: Quantiser | None = None
    estimator: str = "relu"

    def quantised(self, quantiser: Quantiser, estimator: str) -> Network:
        """The same weights behind a quantiser."""
        choice("estimator", estimator, ESTIMATORS)
        return dataclasses.replace(self, quantiser=quantiser, estimator=estimator)

    def act(self, z: Array32) -> Array32:
        """Of a hidden layer."""
        if self.quantiser is None:
            return np.maximum(z, np.float32(0.0))
        return np.asarray(self.quantiser(z))

    def back(self, z: Array32, da: Array32) -> Array32:
        """da by mu'(z)."""
        if self.quantiser is None:
            return np.asarray(da * (z > 0.0))
        if self.estimator == "identity":
            return da
        return np.asarray(da * self.quantiser.slope(self.estimator, z))


def new_network(d: int, classes: int, hidden: tuple[int, ...], rng: np.random.Generator) -> Network:
    """Weights N(0, 1 / inputs), bias 0.

    Parameters
    ----------
    d, classes
        Inputs and outputs.
    hidden
        Widths of the hidden layers, one at least.
    rng
        Draws the weights.

    Returns
    -------
    Network
    """
    sizes = (d, *hidden, classes)
    for size, name in ((d, "d"), (classes, "classes"), *((h, "hidden") for h in hidden)):
        if integer(size, name) < 1:
            raise ValueError(f"{name} must be >= 1; got {size}.")
    if not hidden:
        raise ValueError("hidden must hold at least one width; got none.")
    weights = tuple(
        (rng.standard_normal((a, b), np.float32) / np.float32(math.sqrt(a)))
        for a, b in itertools.pairwise(sizes)
    )
    return Network(weights, np.zeros(classes, np.float32))


def gradients(
    net: Network, X: Array32, y: np.ndarray[Any, Any]
) -> tuple[float, list[Array32], Array32]:
    """Mean cross-entropy of a batch, and what is sent to each weight matrix and to the bias.

    Parameters
    ----------
    net
        Weights.
    X, y
        Points (n, d) float32, classes (n,).

    Returns
    -------
    float, list of numpy.ndarray, numpy.ndarray
        The loss, its (coarse) gradients.
    """
    n = len(X)
    a, inputs, normal, scale = X, [], [], []
    for W in net.weights[:-1]:
        inputs.append(a)
        b = a @ W
        b -= b.mean(axis=0)
        sd = np.sqrt(np.mean(b * b, axis=0) + EPS)
        b /= sd
        normal.append(b)
        scale.append(sd)
        a = net.act(b)
    inputs.append(a)
    log_p = log_softmax(a @ net.weights[-1] + net.bias)
    loss = -float(np.mean(log_p[np.arange(n), y]))
    back = np.exp(log_p)
    back[np.arange(n), y] -= 1.0
    back /= np.float32(n)
    dW = [inputs[-1].T @ back]
    dbias = back.sum(axis=0)
    back = back @ net.weights[-1].T
    for layer in range(len(normal) - 1, -1, -1):
        z = normal[layer]
        dz = net.back(z, back)
        db = dz - dz.mean(axis=0) - z * np.mean(dz * z, axis=0)
        db /= scale[layer]
        dW.append(inputs[layer].T @ db)
        if layer:
            back = db @ net.weights[layer].T
    return loss, dW[::-1], dbias


def evaluate(
    net: Network, X: Array32, y: np.ndarray[Any, Any], *others: tuple[Array32, np.ndarray[Any, Any]]
) -> list[tuple[float, float]]:
    """Mean cross-entropy and accuracy of training points and of others, with the means and sds of the training points.

    Parameters
    ----------
    net
        Weights.
    X, y
        Training points.
    others
        More pairs of points and classes.

    Returns
    -------
    list of (float, float)
        Of the training points, then of the others.
    """
    parts = [X, *(more for more, _ in others)]
    for W in net.weights[:-1]:
        parts = [a @ W for a in parts]
        mean = parts[0].mean(axis=0)
        sd = np.sqrt(np.mean((parts[0] - mean) ** 2, axis=0) + EPS)
        parts = [net.act((b - mean) / sd) for b in parts]
    out = []
    for a, labels in zip(parts, (y, *(more for _, more in others)), strict=True):
        log_p = log_softmax(a @ net.weights[-1] + net.bias)
        loss = -float(np.mean(log_p[np.arange(len(a)), labels], dtype=np.float64))
        out.append((loss, float(np.mean(np.argmax(log_p, axis=1) == labels))))
    return out


def fit(
    net: Network,
    X: Array32,
    y: np.ndarray[Any, Any],
    *,
    epochs: int,
    batch: int,
    step_size: float,
    rng: np.random.Generator,
    each: Callable[[int, float], None] | None = None,
) -> tuple[Network, list[float]]:
    """Descent with momentum 0.9; the step size falls to 0 like half a cosine.

    Parameters
    ----------
    net
        Where to start.
    X, y
        Points (n, d) float32, classes (n,).
    epochs, batch
        Passes through the points in random order; points of a step (the last few of a pass are left out).
    step_size
        At the start.
    rng
        Draws the orders.
    each
        Called with the number of passes done and the mean loss of the last one.

    Returns
    -------
    Network, list of float
        Where it ended, and the mean loss of the batches of every pass.
    """
    n = len(X)
    batch = min(batch, n)
    weights = [W.copy() for W in net.weights]
    bias = net.bias.copy()
    here = dataclasses.replace(net, weights=tuple(weights), bias=bias)  # shares them
    moving = [np.zeros_like(W) for W in (*weights, bias)]
    per = n // batch
    losses = []
    for epoch in range(epochs):
        order, total = rng.permutation(n), 0.0
        for k in range(per):
            at = order[k * batch : (k + 1) * batch]
            loss, dW, dbias = gradients(here, X[at], y[at])
            total += loss
            done = (epoch * per + k) / (epochs * per)
            eta = np.float32(0.5 * step_size * (1.0 + math.cos(math.pi * done)))
            for W, u, g in zip((*weights, bias), moving, (*dW, dbias), strict=True):
                u *= MOMENTUM
                u += g
                W -= eta * u
        losses.append(total / per)
        if each is not None:
            each(epoch + 1, losses[-1])
    return here, losses


def log_softmax(logits: Array32) -> Array32:
    """Row by row, without overflow."""
    top = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(top - np.log(np.exp(top).sum(axis=1, keepdims=True)))
