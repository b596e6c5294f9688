"""Features of a hidden layer of finite width, streamed: never more than a block of neurons at a time.

    F_ki = a_k phi'(w_k . x_i) (gradient)   or   phi(w_k . x_i) (nngp),   k = 1..m,  i = 1..n

    G = (1/m) (F^T F) o (C C^T),    C C^T = weight_var X X^T + bias_var  (gradient),  ones (nngp).

Weights are the rows of ``rng.standard_normal((m, d))`` times sqrt(weight_var), drawn in their order:
blocks of any size give the same bits, and a wider network begins with the neurons of a narrower one.
A bias is the weight of one more coordinate, which is one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, as_array, generator_from, integer
from ..activations import Activation
from ..activations.hermite import Function

EPS = float(np.finfo(np.float64).eps)
ENTRIES = 2_000_000  # features in a block that is evaluated at a time
SLICE = 65_536  # features that phi is evaluated on at a time: they stay in the cache
SAMPLE = 4096  # neurons whose rounding is measured


class Features:
    """F of one layer, block by block.

    Parameters
    ----------
    X
        Points, (n, d).
    activation, kernel
        phi, and 'gradient' or 'nngp'.
    width, weights, rng, readout
        As in :func:`feature_gram`, checked here.
    weight_var, bias_var
        Variances; of given weights they only enter C.
    """

    def __init__(
        self,
        X: Array,
        activation: Activation,
        kernel: str,
        width: Any,
        weights: Any,
        rng: Any,
        readout: Any,
        weight_var: float,
        bias_var: float,
    ) -> None:
        self.activation, self.kernel = activation, kernel
        self.weight_var, self.bias_var = weight_var, bias_var
        self.function: Function = (
            activation.derivative() if kernel == "gradient" else activation.phi
        )
        self.inputs = X if bias_var == 0.0 else np.column_stack([X, np.ones(len(X))])
        self.width, self.weights = _weights(width, weights, self.inputs.shape[1], bias_var)
        self.readout = _readout(readout, self.width, kernel)
        self._fresh = generator_from(rng) if self.weights is None else None
        self._start = copy.deepcopy(self._fresh)  # for every later pass
        self._largest = float(np.max(np.abs(self.inputs)))
        self.doubt = np.zeros(len(X))  # squared jumps that rounding may have missed, by column

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.inputs)

    def coordinates(self) -> Array | None:
        """C, (n, d) or (n, d + 1); None when C C^T is all ones."""
        if self.kernel == "nngp":
            return None
        C = math.sqrt(self.weight_var) * self.inputs
        if self.bias_var:
            C[:, -1] = math.sqrt(self.bias_var)
        return np.asarray(C)

    def block_rows(self, height: int) -> int:
        """Neurons in a block: a multiple of ``height``, about ENTRIES features."""
        return height * max(1, ENTRIES // (height * self.n))

    def blocks(self, rows: int, threads: int) -> Iterator[Array]:
        """F, so many rows at a time."""
        for W, a in self._layers(rows):
            yield self._evaluate(W, a, threads)

    def rounding(self, threads: int) -> float:
        """Relative error of a column of F, |dF_i| / |F_i|, from rounding: measured on a sample of neurons.

        An ulp for phi itself, and what it changes when w . x moves by its own rounding; signs at random.
        """
        worst, size = np.zeros(self.n), np.zeros(self.n)
        for W, a in self._layers(SAMPLE, first=True):
            z = _core.products(W, self.inputs, threads)
            lengths = np.linalg.norm(W, axis=1)[:, None] * np.linalg.norm(self.inputs, axis=1)
            step = EPS * np.maximum(np.abs(z), 0.5 * lengths)
            change = 0.5 * np.abs(self.function(z + step) - self.function(z - step))
            for c in self.activation.kinks:  # a jump counts only where rounding may have crossed it
                change[(np.abs(z - c) <= step) & (z == c)] = 0.0
            values = self.function(z)
            part = np.hypot(EPS * values, change)
            if self.kernel == "gradient":
                part = part + self.activation.dphi_error
            scale = 1.0 if a is None else np.abs(a)[:, None]
            worst += np.sum((scale * part) ** 2, axis=0)
            size += np.sum((scale * values) ** 2, axis=0)
        seen = size > 0.0
        return float(np.sqrt(np.max(worst[seen] / size[seen]))) if seen.any() else EPS

    def _layers(self, rows: int, first: bool = False) -> Iterator[tuple[Array, Array | None]]:
        """(weights, read-out) of so many neurons at a time; ``first``: of the first ones alone."""
        generator = None
        if self.weights is None:
            if self._fresh is None or first:
                generator = copy.deepcopy(self._start)
            else:  # the user's own generator moves on, once
                generator, self._fresh = self._fresh, None
        scale = np.full(self.inputs.shape[1], math.sqrt(self.weight_var))
        if self.bias_var:
            scale[-1] = math.sqrt(self.bias_var)
        stride = 1
        if first and self.weights is not None:  # their order may mean something
            stride = max(1, self.width // rows)
        for start in range(0, self.width, rows):
            chosen = slice(start, min(start + rows * stride, self.width), stride)
            if self.weights is not None:
                W = np.ascontiguousarray(self.weights[chosen])
            else:
                assert generator is not None
                W = generator.standard_normal((chosen.stop - start, len(scale))) * scale
            yield W, None if self.readout is None else self.readout[chosen]
            if first:
                return

    def _evaluate(self, W: Array, a: Array | None, threads: int) -> Array:
        F = _core.products(W, self.inputs, threads)
        step = max(1, SLICE // self.n)
        for start in range(0, len(F), step):
            part = F[start : start + step]
            for c in self.activation.kinks:
                self._count_doubt(part, W[start : start + step], c)
            part[...] = self.function(part)
        if a is not None:
            F *= a[:, None]
        if not np.isfinite(F).all():
            k, i = np.argwhere(~np.isfinite(F))[0]
            raise ValueError(
                f"features must be finite; {self.activation.name} gives {F[k, i]} at point {i}. "
                "Scale the points or the weights down."
            )
        return F

    def _count_doubt(self, z: Array, W: Array, c: float) -> None:
        """Adds up what features may change by where rounding may have carried z across a kink."""
        shortest = EPS * (np.max(np.abs(W).sum(axis=1)) * self._largest + abs(c))
        near = np.abs(z - c) <= shortest
        if near.any():
            i = np.nonzero(near & (z != c))[1]
            jumps = self.function(c + 2.0 * shortest) - self.function(c - 2.0 * shortest)
            np.add.at(self.doubt, i, float(jumps) ** 2)


def _weights(width: Any, weights: Any, d: int, bias_var: float) -> tuple[int, Array | None]:
    """(m, weights or None), of what the user has said."""
    if width is not None:
        width = integer(width, "width")
        if width < 1:
            raise ValueError(f"width must be >= 1, the number of neurons; got {width}.")
    if weights is None:
        if width is None:
            raise ValueError(
                "width and weights are both None; say how many neurons (width=1000) or give their weights."
            )
        return width, None
    W = as_array(weights, "weights")
    if W.ndim != 2 or W.shape[0] < 1 or W.shape[1] != d:
        last = ", the last column holding the biases," if bias_var else ""
        raise ValueError(
            f"weights must have the shape (m, {d}), one neuron a row{last} m >= 1; got {W.shape}."
        )
    if width is not None and width != len(W):
        raise ValueError(
            f"width={width} and weights of {len(W)} neurons disagree; leave width None."
        )
    out = np.ascontiguousarray(W, dtype=np.float64)
    if not np.isfinite(out).all():
        k, j = np.argwhere(~np.isfinite(out))[0]
        raise ValueError(f"weights must be finite; found {out[k, j]} at ({k}, {j}).")
    return len(out), out


def _readout(readout: Any, m: int, kernel: str) -> Array | None:
    """a, (m,), or None for a_k^2 = 1."""
    if readout is None:
        return None
    if kernel != "gradient":
        raise ValueError(
            f"readout has no part in the {kernel} kernel, whose weights it is; leave it None."
        )
    a = as_array(readout, "readout")
    if a.shape != (m,):
        raise ValueError(f"readout must have the shape ({m},), one a neuron; got {a.shape}.")
    out = np.ascontiguousarray(a, dtype=np.float64)
    if not np.isfinite(out).all():
        raise ValueError(f"readout must be finite; found {out[~np.isfinite(out)][0]}.")
    return out
