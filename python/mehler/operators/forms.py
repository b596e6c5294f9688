"""What a pass over features leaves behind: a symmetric matrix that multiplies, whatever holds it.

    Factor      R, upper triangular:        G = R^T R / m          eigenvalues down to eps^2 of the largest
    Entries     G itself, (n, n)
    Panels      the lower triangle of G, in panels of rows: half the bytes
    Products    F and H in blocks, stored or drawn again in each product; no n x n at all:
                m G V = sum_c D_c F^T F D_c V + feature (H^T H (x) I_c) V,      D_c = diag(C_1c, ..., C_nc)

Each has ``n``, ``nbytes``, ``multiply(V, threads)`` for V (n, b), ``diagonal()`` and ``toarray(threads)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .. import _core
from .._arrays import Array

if TYPE_CHECKING:
    from .neurons import Block, Features

EDGE = 512  # rows of a panel
HEIGHT = 256  # a block of neurons is a multiple of it
COLUMNS = 1_000_000  # numbers of D_c V that are multiplied at a time


class Form(Protocol):
    """A symmetric matrix of order n."""

    n: int

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""

    def multiply(self, V: Array, threads: int) -> Array:
        """G V, (n, b)."""

    def diagonal(self) -> Array:
        """G_ii, (n,)."""

    def toarray(self, threads: int) -> Array:
        """G, (n, n), a copy, symmetric to the bit."""


class Factor:
    """G = R^T R / m."""

    def __init__(self, R: Array, m: int) -> None:
        R.flags.writeable = False
        self.R, self.m, self.n = R, m, R.shape[1]

    @property
    def nbytes(self) -> int:
        return int(self.R.nbytes)

    def multiply(self, V: Array, threads: int) -> Array:
        return np.asarray(self.R.T @ (self.R @ V) / self.m)

    def diagonal(self) -> Array:
        return np.asarray(np.sum(self.R**2, axis=0) / self.m)

    def toarray(self, threads: int) -> Array:
        G = np.zeros((self.n, self.n))
        _core.add_squares(self.R, G, threads)
        return np.asarray(mirrored(G) / self.m)


class Entries:
    """G."""

    def __init__(self, G: Array) -> None:
        G.flags.writeable = False
        self.G, self.n = G, len(G)

    @property
    def nbytes(self) -> int:
        return int(self.G.nbytes)

    def multiply(self, V: Array, threads: int) -> Array:
        return np.asarray(self.G @ V)

    def diagonal(self) -> Array:
        return self.G.diagonal().copy()

    def toarray(self, threads: int) -> Array:
        return self.G.copy()


class Panels:
    """The lower triangle, rows [s, e) as G[s:e, :e]; sums of squares while a pass adds to it."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.rows = [(s, min(s + EDGE, n)) for s in range(0, n, EDGE)]
        self.panels = [np.zeros((e - s, e)) for s, e in self.rows]

    @staticmethod
    def bytes_for(n: int) -> int:
        """Bytes of the panels of order n."""
        return sum(8 * (min(s + EDGE, n) - s) * min(s + EDGE, n) for s in range(0, n, EDGE))

    @property
    def nbytes(self) -> int:
        return sum(int(P.nbytes) for P in self.panels)

    def add(self, F: Array, threads: int) -> None:
        """Adds F^T F, F (r, n)."""
        columns = np.ascontiguousarray(F.T)
        for (s, e), P in zip(self.rows, self.panels, strict=True):
            P += _core.products(columns[s:e], columns[:e], threads)

    def multiply(self, V: Array, threads: int) -> Array:
        Y = np.zeros(V.shape)
        for (s, e), P in zip(self.rows, self.panels, strict=True):
            corner = np.tril(P[:, s:])
            Y[s:e] += P[:, :s] @ V[:s] + corner @ V[s:e] + np.tril(corner, -1).T @ V[s:e]
            Y[:s] += P[:, :s].T @ V[s:e]
        return Y

    def diagonal(self) -> Array:
        return np.concatenate(
            [P[:, s:].diagonal() for (s, _), P in zip(self.rows, self.panels, strict=True)]
        )

    def toarray(self, threads: int) -> Array:
        G = np.empty((self.n, self.n))
        for (s, e), P in zip(self.rows, self.panels, strict=True):
            G[s:e, :e] = P
        return mirrored(G)


class Products:
    """The features, stored or drawn again in each product; C, (n / c, d'), and ``feature`` are those of width m.

    Making one takes a pass, which moves the user's generator on and finds what is not finite.
    """

    def __init__(
        self, features: Features, C: Array | None, feature: float, blocks: list[Block] | None
    ) -> None:
        self.features, self.blocks = features, blocks
        self.C = None if C is None else np.repeat(C, features.outputs, axis=0)
        self.feature, self.n = feature, features.n
        self.squares = np.zeros(self.n), np.zeros(features.points)  # of the columns of F and H

    @property
    def nbytes(self) -> int:
        parts = [part for block in self.blocks or () for part in block if part is not None]
        return sum(int(part.nbytes) for part in parts)

    def add(self, block: Block) -> None:
        """A block of the pass that makes it."""
        for part, total in zip(block, self.squares, strict=True):
            if part is not None:
                total += np.sum(part**2, axis=0)
        if self.blocks is not None:
            self.blocks.append(block)

    def _passes(self, threads: int) -> Iterator[Block]:
        if self.blocks is not None:
            yield from self.blocks
        else:
            yield from self.features.blocks(self.features.block_rows(HEIGHT), threads)

    def multiply(self, V: Array, threads: int) -> Array:
        n, b, c = self.n, V.shape[1], self.features.outputs
        Y = np.zeros((n, b))
        for block in self._passes(threads):
            each = max(1, COLUMNS // (max(n, len(block)) * b))  # coordinates at a time
            if block.slopes is not None and self.C is not None:
                columns = np.ascontiguousarray(block.slopes.T)
                for start in range(0, self.C.shape[1], each):
                    part = self.C[:, start : start + each]  # (n, q)
                    Z = np.ascontiguousarray(part.T[:, None, :] * V.T).reshape(-1, n)  # (q b, n)
                    U = _core.products(block.slopes, Z, threads)  # (r, q b)
                    T = _core.products(columns, np.ascontiguousarray(U.T), threads)  # (n, q b)
                    Y += np.einsum("iq,iqb->ib", part, T.reshape(n, -1, b))
            if block.values is not None:
                Z = np.ascontiguousarray(V.reshape(n // c, c * b).T)
                U = _core.products(block.values, Z, threads)
                columns = np.ascontiguousarray(block.values.T)
                T = _core.products(columns, np.ascontiguousarray(U.T), threads)
                Y += self.feature * T.reshape(n, b)
        return np.asarray(Y / self.features.width)

    def diagonal(self) -> Array:
        slopes, values = self.squares
        lengths = 0.0 if self.C is None else np.sum(self.C**2, axis=1)
        whole = slopes * lengths + self.feature * np.repeat(values, self.features.outputs)
        return np.asarray(whole / self.features.width)

    def toarray(self, threads: int) -> Array:
        S = None if self.C is None else np.zeros((self.n, self.n))
        points = self.features.points
        T = np.zeros((points, points)) if self.features.phi is not None else None
        for block in self._passes(threads):
            for part, total in zip(block, (S, T), strict=True):
                if part is not None and total is not None:
                    _core.add_squares(part, total, threads)
        G = combined(S, T, self.C, self.feature, self.features.outputs, threads)
        return np.asarray(G / self.features.width)


def combined(
    S: Array | None, T: Array | None, C: Array | None, feature: float, c: int, threads: int
) -> Array:
    """S o (C C^T) + feature T (x) I_c of lower triangles S and T, each perhaps None; S is overwritten."""
    G = np.zeros((len(T) * c,) * 2) if S is None and T is not None else S
    assert G is not None
    if S is not None and C is not None:
        linear = np.zeros_like(G)
        _core.add_squares(np.ascontiguousarray(C.T), linear, threads)
        G *= linear
    G = mirrored(G)
    if T is not None:
        T = mirrored(T)
        for p in range(c):
            G[p::c, p::c] += feature * T
    return G


def mirrored(G: Array) -> Array:
    """The lower triangle of G above the diagonal too, in place."""
    n = len(G)
    for start in range(0, n, 512):
        end = min(start + 512, n)
        G[:start, start:end] = G[start:end, :start].T
        corner = np.tril(G[start:end, start:end])
        G[start:end, start:end] = corner + np.tril(corner, -1).T
    return G
