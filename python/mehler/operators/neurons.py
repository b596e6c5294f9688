"""Features of a hidden layer of finite width, streamed: never more than a block of neurons at a time.

    slopes  F_k,(ip) = a_kp phi'(w_k . x_i)   (gradient, ntk),      values  H_ki = phi(w_k . x_i)   (nngp, ntk)

    K = (1/m) [ (F^T F) o (C C^T) + feature (H^T H) (x) I_c ],   k = 1..m, i = 1..n, p = 1..c, (ip) = i c + p

C C^T = linear X X^T + constant, each row of C once an output; ``scheme`` says which numbers. Weights are the rows
of ``rng.standard_normal((m, d))`` times the root of their variance, drawn in their order, read-outs the rows of
``rng.spawn(1)[0].standard_normal((m, c))`` or their signs: blocks of any size give the same bits, and a wider
network begins with the neurons of a narrower one. A bias is the weight of one more coordinate, which is one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._arrays import Array, generator_from
from ..activations import Activation
from .drawn import readout_of, spawned, weights_of
from .scheme import Coefficients, Scheme

EPS = float(np.finfo(np.float64).eps)
ENTRIES = 2_000_000  # features in a block that is evaluated at a time
SLICE = 65_536  # features that phi is evaluated on at a time: they stay in the cache
SAMPLE = 4096  # neurons whose rounding is measured


class Block(NamedTuple):
    """Some neurons: slopes (r, n c) and values (r, n), each None where the kernel has none."""

    slopes: Array | None
    values: Array | None

    def __len__(self) -> int:
        part = self.slopes if self.slopes is not None else self.values
        assert part is not None
        return int(part.shape[0])


class Features:
    """F and H of one layer, block by block.

    Parameters
    ----------
    X
        Points, (n, d).
    activation, kernel
        phi, and 'gradient', 'nngp' or 'ntk'.
    scheme
        Variances, and what stands before the parts.
    width, weights, rng, readout, outputs
        As in :func:`feature_gram`, checked here.
    """

    def __init__(
        self,
        X: Array,
        activation: Activation,
        kernel: str,
        scheme: Scheme,
        width: Any,
        weights: Any,
        rng: Any,
        readout: Any,
        outputs: Any = None,
    ) -> None:
        self.activation, self.kernel, self.scheme = activation, kernel, scheme
        self.phi = activation.phi if kernel != "gradient" else None
        self.slope = activation.derivative() if kernel != "nngp" else None
        self.d = X.shape[1]
        self.inputs = np.column_stack([X, np.ones(len(X))]) if scheme.biased else X
        self.width, self.weights = weights_of(width, weights, self.inputs.shape[1], scheme.biased)
        self.outputs, self.readout, self._law = readout_of(readout, outputs, self.width, kernel)
        generator = generator_from(rng)
        self._fresh_readout = spawned(generator) if self._law else None
        self._start_readout = copy.deepcopy(self._fresh_readout)
        self._fresh = generator if self.weights is None else None
        self._start = copy.deepcopy(self._fresh)  # for every later pass
        self._largest = float(np.max(np.abs(self.inputs)))
        # squared jumps that rounding may have missed, by column
        self.doubt_slopes, self.doubt_values = np.zeros(self.n), np.zeros(self.points)
        self._rounding: float | None = None

    @property
    def points(self) -> int:
        """Number of points."""
        return len(self.inputs)

    @property
    def n(self) -> int:
        """Order of the matrix: points times outputs."""
        return self.points * self.outputs

    @property
    def columns(self) -> int:
        """Features of one neuron."""
        return self.n * (self.slope is not None) + self.points * (self.phi is not None)

    def coefficients(self, width: int) -> Coefficients:
        """Of the network of the first so many neurons."""
        return self.scheme.coefficients(self.d, width, self.outputs)

    def coordinates(self, c: Coefficients) -> Array:
        """C of the points, (n, d) or, with trained biases, (n, d + 1)."""
        C = math.sqrt(c.linear) * self.inputs[:, : self.d]
        if c.constant:
            C = np.column_stack([C, np.full(self.points, math.sqrt(c.constant))])
        return np.asarray(C)

    def rank(self, width: int) -> int:
        """That K of so many neurons cannot exceed: parameters that it is differentiated by."""
        hidden = self.d + self.scheme.train_bias if self.slope is not None else 0
        return width * (hidden + (self.outputs if self.phi is not None else 0))

    def block_rows(self, height: int) -> int:
        """Neurons in a block: a multiple of ``height``, about ENTRIES features."""
        return height * max(1, ENTRIES // (height * self.columns))

    def blocks(self, rows: int, threads: int, cuts: Sequence[int] = ()) -> Iterator[Block]:
        """F and H, so many neurons at a time; every cut, ascending, ends a block."""
        for W, A in self._layers(rows, cuts):
            yield self._evaluate(W, A, threads)

    def rounding(self, threads: int) -> float:
        """Relative error of a column of F and H, |dF_i| / |F_i|, from rounding: measured on a sample of neurons.

        An ulp for phi itself, and what it changes when w . x moves by its own rounding; signs at random.
        """
        if self._rounding is None:
            # a ratio of sums is at most the largest ratio of their parts
            self._rounding = max(self._rounding_of(W, A, threads) for W, A in self._samples())
        return self._rounding

    def _rounding_of(self, W: Array, A: Array | None, threads: int) -> float:
        """The same of these neurons alone, some points at a time."""
        step = max(1, ENTRIES // (4 * len(W)))
        parts = (self.inputs[k : k + step] for k in range(0, self.points, step))
        return max(self._rounding_at(W, A, np.ascontiguousarray(P), threads) for P in parts)

    def _rounding_at(self, W: Array, A: Array | None, P: Array, threads: int) -> float:
        """The same at these points alone."""
        z = _core.products(W, P, threads)
        lengths = np.linalg.norm(W, axis=1)[:, None] * np.linalg.norm(P, axis=1)
        step = EPS * np.maximum(np.abs(z), 0.5 * lengths)
        squares = np.ones((len(W), 1)) if A is None else A * A
        found = []
        for f, own in ((self.slope, self.activation.dphi_error), (self.phi, 0.0)):
            if f is None:
                continue
            change = 0.5 * np.abs(f(z + step) - f(z - step))
            for c in self.activation.kinks:  # a jump counts where rounding may have crossed it
                change[(np.abs(z - c) <= step) & (z == c)] = 0.0
            values = f(z)
            part = np.hypot(EPS * values, change) + own
            weight = squares if f is self.slope else np.ones((len(W), 1))
            worst, size = (part**2).T @ weight, (values**2).T @ weight
            seen = size > 0.0
            if seen.any():
                found.append(float(np.sqrt(np.max(worst[seen] / size[seen]))))
        return max(found, default=EPS)

    def _samples(self) -> Iterator[tuple[Array, Array | None]]:
        """Some neurons; of weights that are given, those with the longest ones too, which rounding moves most."""
        yield from self._layers(SAMPLE, first=True)
        if self.weights is not None and self.width > SAMPLE:
            lengths = np.linalg.norm(self.weights, axis=1)
            longest = np.sort(np.argpartition(-lengths, SAMPLE)[:SAMPLE])
            A = None if self.readout is None else self.readout[longest]
            yield np.ascontiguousarray(self.weights[longest]), A

    def _layers(
        self, rows: int, cuts: Sequence[int] = (), first: bool = False
    ) -> Iterator[tuple[Array, Array | None]]:
        """(weights, read-out) of so many neurons at a time; ``first``: of the first ones alone."""
        generator, signs = copy.deepcopy(self._start), copy.deepcopy(self._start_readout)
        if not first and self._fresh is not None:  # the user's own generator moves on, once
            generator, self._fresh = self._fresh, None
        scale = np.full(self.inputs.shape[1], math.sqrt(self.scheme.variance(self.d, self.width)))
        if self.scheme.biased:
            scale[-1] = math.sqrt(self.scheme.bias_var)
        stride = 1
        if first and self.weights is not None:  # their order may mean something
            stride = max(1, self.width // rows)
        start, ends = 0, [*cuts, self.width]
        while start < self.width:
            whole = min(start + rows * stride, self.width)
            end = min([whole] + [e for e in ends if e > start])
            chosen = slice(start, whole if first else end, stride)
            if self.weights is not None:
                W = np.ascontiguousarray(self.weights[chosen])
            else:
                assert generator is not None
                W = generator.standard_normal((chosen.stop - start, len(scale))) * scale
            A = None if self.readout is None else self.readout[chosen]
            if signs is not None:
                A = signs.standard_normal((len(W), self.outputs))
                A = np.copysign(1.0, A) if self._law == "sign" else A
            yield W, A
            if first:
                return
            start = end

    def _evaluate(self, W: Array, A: Array | None, threads: int) -> Block:
        Z = _core.products(W, self.inputs, threads)
        H = np.empty_like(Z) if self.phi is not None else None
        F = Z if self.slope is not None else None
        step = max(1, SLICE // self.points)
        for start in range(0, len(Z), step):
            rows = slice(start, start + step)
            for c in self.activation.kinks:
                self._count_doubt(Z[rows], W[rows], None if A is None else A[rows], c)
            if H is not None and self.phi is not None:
                H[rows] = self.phi(Z[rows])
            if F is not None and self.slope is not None:
                F[rows] = self.slope(Z[rows])
        if F is not None and A is not None:
            F = np.asarray(F[:, :, None] * A[:, None, :]).reshape(len(F), self.n)
        for part, each in ((F, self.outputs), (H, 1)):
            if part is not None and not np.isfinite(part).all():
                k, i = np.argwhere(~np.isfinite(part))[0]
                raise ValueError(
                    f"features must be finite; {self.activation.name} gives {part[k, i]} at point {i // each}. "
                    "Scale the points or the weights down."
                )
        return Block(F, H)

    def _count_doubt(self, z: Array, W: Array, A: Array | None, c: float) -> None:
        """Adds up what features may change by where rounding may have carried z across a kink."""
        shortest = EPS * (np.max(np.abs(W).sum(axis=1)) * self._largest + abs(c))
        near = np.abs(z - c) <= shortest
        if not near.any():
            return
        k, i = np.nonzero(near & (z != c))
        ends = c + 2.0 * shortest, c - 2.0 * shortest
        if self.slope is not None:
            jump = float(self.slope(np.array(ends[0])) - self.slope(np.array(ends[1]))) ** 2
            squares = np.ones((len(k), 1)) if A is None else A[k] ** 2
            np.add.at(self.doubt_slopes.reshape(self.points, -1), i, jump * squares)
        if self.phi is not None:
            jump = float(self.phi(np.array(ends[0])) - self.phi(np.array(ends[1]))) ** 2
            np.add.at(self.doubt_values, i, jump)
