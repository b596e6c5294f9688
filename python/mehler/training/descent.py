"""One step of gradient descent, by GEMMs over blocks of points and tiles of neurons.

    Z = W X^T (m, b),   H, S = phi(Z), phi'(Z),   f = tau H^T a,   R = f - y
    dL/dW = tau [S o (a R^T)] X,   dL/da = tau H R,                L = |R|^2 / 2

R of a point needs every neuron, the gradient of a neuron needs every point's R: a block of b points runs through all
neurons forth and back before the next block begins, so no activation is computed twice and never more than (m, b) of
them are held. Invariant: sums have an order that is a function of n, m and the block alone, not of the threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .._arrays import Array, size_text
from .elementwise import pair_of
from .network import Network
from .watch import Watch

Floats = np.ndarray[Any, Any]
BLOCK = 64_000_000  # activations of a block of points
LEAST = 256  # points of a block, where memory allows
TILE = 250_000  # activations of a tile: they stay in the cache
DEEP = 2  # neurons of a tile a coordinate, so that a GEMM reads points for many neurons
SLICE = 32_768  # activations that one thread evaluates at a time


class Descent:
    """Moves a network downhill; residuals on the way.

    Parameters
    ----------
    network
        Trained in place.
    y
        Labels, (n, c).
    dtype
        Of activations and GEMMs. Weights are float64 whatever it is.
    threads
        Of elementwise work; GEMMs take those of NumPy's BLAS.
    limit
        Bytes for work space and gradient.
    watch
        Asked between tiles.
    points
        Points of a step: n, or the size of a batch.
    """

    def __init__(
        self,
        network: Network,
        y: Array,
        dtype: np.dtype[Any],
        threads: int,
        limit: int,
        watch: Watch,
        points: int,
    ) -> None:
        self.network, self.y, self.dtype, self.watch = network, y, dtype, watch
        self.threads = threads
        self.pair = pair_of(network.activation, network.trains_hidden)
        self.X: Floats = network.inputs.astype(dtype, copy=False)
        n, m = len(self.X), network.width
        self.rows = block_of(network, n, dtype, limit)
        self.tile = tile_of(network, self.rows)
        hidden, readout = network.trains_hidden, network.trains_readout
        self._slopes: Floats = np.empty((m if hidden else self.tile) * self.rows, dtype)
        self._values: Floats = np.empty((m if readout else self.tile) * self.rows, dtype)
        self._cast: Floats | None = None
        if dtype != np.float64:
            self._cast = np.empty((self.tile, self.X.shape[1]), dtype)
        self.gradient: Floats | None = np.empty(network.weights.shape, dtype) if hidden else None
        self.gradient_readout: Array | None = np.empty(network.readout.shape) if readout else None
        several = points > self.rows
        self._part: Floats | None = None
        if hidden and several:
            self._part = np.empty((self.tile, self.X.shape[1]), dtype)
        self._scratch = [np.empty(max(SLICE, self.rows), dtype) for _ in range(threads)]
        self._pool: ThreadPoolExecutor | None = None

    # -- a step -----------------------------------------------------------------------------------

    def residuals(self, rows: Any = None, downhill: bool = False) -> Array:
        """R of all points, or of ``rows``, (b, c); with ``downhill`` the gradient of their loss is left for :meth:`move`.

        Raises Stopped, and leaves the weights alone.
        """
        X = self.X if rows is None else self.X[rows]
        y = self.y if rows is None else self.y[rows]
        out = np.empty(y.shape)
        if downhill and self.gradient_readout is not None:
            self.gradient_readout[...] = 0.0
        # a network that overflows is found by its loss, not by warnings
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(X), self.rows):
                part = slice(start, start + self.rows)
                out[part] = self._forth(X[part]) - y[part]
                if downhill:
                    self._back(X[part], out[part], first=start == 0)
        return out

    def move(self, step: float) -> None:
        """W -= step dL/dW, and a likewise, at their rates; never interrupted."""
        net = self.network
        columns, rate = net.rates
        with np.errstate(over="ignore", invalid="ignore"):
            if self.gradient is not None:
                scale = (-step * net.tau * columns).astype(self.dtype)
                plain = bool(np.all(scale == scale[0]))
                signs = net.readout[:, 0] if net.outputs == 1 else None
                G = self.gradient

                def piece(part: slice, scratch: Floats) -> None:
                    g = G[part]
                    if signs is not None:
                        by = signs[part, None] * scale[0] if plain else signs[part, None] * scale
                        g *= by.astype(self.dtype, copy=False)
                    else:
                        g *= scale
                    net.weights[part] += g

                self._each(piece, len(G), max(1, SLICE // G.shape[1]))
            if self.gradient_readout is not None:
                net.readout -= (step * net.tau * rate) * self.gradient_readout

    # -- a block of points ------------------------------------------------------------------------

    def _tiles(self) -> Iterator[slice]:
        m = self.network.width
        for start in range(0, m, self.tile):
            self.watch.poll("descend", start, m)
            yield slice(start, min(start + self.tile, m))

    def _forth(self, X: Floats) -> Array:
        """Outputs, (b, c); slopes (and values, where the read-out moves) stay."""
        net, b = self.network, len(X)
        out = np.zeros((b, net.outputs))
        for part in self._tiles():
            Z = self._held(self._slopes, part, b, net.trains_hidden)
            H = self._held(self._values, part, b, net.trains_readout)
            W: Floats = net.weights[part]
            if self._cast is not None:
                self._cast[: len(W)] = W
                W = self._cast[: len(W)]
            np.matmul(W, X.T, out=Z)

            def piece(rows: slice, scratch: Floats, Z: Floats = Z, H: Floats = H) -> None:
                z = Z[rows]
                self.pair(z, H[rows], scratch[: z.size].reshape(z.shape))

            self._each(piece, len(Z), max(1, SLICE // b))
            out += H.T @ net.readout[part].astype(self.dtype, copy=False)
        out *= net.tau
        return out

    def _back(self, X: Floats, R: Array, first: bool) -> None:
        """Adds a block's share to the gradients (without tau and rates; of one output without a, too)."""
        net, b = self.network, len(X)
        Rt: Floats = R.astype(self.dtype, copy=False)
        one = net.outputs == 1
        RX = Rt * X if one else X
        for part in self._tiles():
            if self.gradient_readout is not None:
                H = self._held(self._values, part, b, True)
                self.gradient_readout[part] += H @ Rt
            if self.gradient is None:
                continue
            S = self._held(self._slopes, part, b, True)
            if not one:
                a = net.readout[part].astype(self.dtype, copy=False)

                def piece(rows: slice, scratch: Floats, S: Floats = S, a: Floats = a) -> None:
                    s = S[rows]
                    s *= np.matmul(a[rows], Rt.T, out=scratch[: s.size].reshape(s.shape))

                self._each(piece, len(S), max(1, SLICE // b))
            if first or self._part is None:
                np.matmul(S, RX, out=self.gradient[part])
            else:
                P = np.matmul(S, RX, out=self._part[: len(S)])
                self.gradient[part] += P

    def _held(self, buffer: Floats, part: slice, b: int, whole: bool) -> Floats:
        """The rows of a tile in a buffer of all neurons, or of a tile alone."""
        start = part.start * b if whole else 0
        length = part.stop - part.start
        return buffer[start : start + length * b].reshape(length, b)

    # -- threads ----------------------------------------------------------------------------------

    def _each(self, piece: Callable[[slice, Floats], None], count: int, step: int) -> None:
        """``piece`` of every slice of ``count`` rows, spread over the threads."""
        slices = [slice(s, min(s + step, count)) for s in range(0, count, step)]
        if self._pool is None or len(slices) == 1:
            for s in slices:
                piece(s, self._scratch[0])
            return

        def run(first: int) -> None:
            with np.errstate(over="ignore", invalid="ignore"):
                for s in slices[first :: self.threads]:
                    piece(s, self._scratch[first])

        for done in [self._pool.submit(run, k) for k in range(self.threads)]:
            done.result()

    def __enter__(self) -> Descent:
        if self.threads > 1:
            self._pool = ThreadPoolExecutor(self.threads)
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def fixed_bytes(network: Network, n: int, dtype: np.dtype[Any]) -> int:
    """Bytes whatever the block: weights, gradients, and points in another precision."""
    m, d = network.width, network.inputs.shape[1]
    size = dtype.itemsize
    total = network.weights.nbytes + network.readout.nbytes
    total += m * d * size if network.trains_hidden else 0
    total += network.readout.nbytes if network.trains_readout else 0
    total += n * d * size * (2 if size < 8 else 1)
    return int(total)


def block_bytes(network: Network, rows: int, dtype: np.dtype[Any]) -> int:
    """Bytes of activations, for so many points at a time, and of a tile's weights and gradient."""
    m, d = network.width, network.inputs.shape[1]
    tile = tile_of(network, rows)
    whole = network.trains_hidden + network.trains_readout
    each = rows * (whole * m + (2 - whole) * tile) + 2 * tile * d + 4 * max(SLICE, rows) + rows * d
    return int(dtype.itemsize * each)


def tile_of(network: Network, rows: int) -> int:
    """Neurons of a tile, for so many points at a time."""
    return min(network.width, max(256, DEEP * int(network.inputs.shape[1]), TILE // rows))


def block_of(network: Network, n: int, dtype: np.dtype[Any], limit: int) -> int:
    """Points at a time: all, or as many as BLOCK and the limit allow; a MemoryError that says what is enough."""
    fixed = fixed_bytes(network, n, dtype)
    rows = min(n, max(LEAST, BLOCK // network.width))
    while rows > 1 and fixed + block_bytes(network, rows, dtype) > limit:
        rows = max(1, rows // 2)
    need = fixed + block_bytes(network, rows, dtype)
    if need > limit:
        hint = " dtype='float32' halves activations and gradients." if dtype.itemsize == 8 else ""
        raise MemoryError(
            f"training {network.width} neurons of {network.inputs.shape[1]} weights takes {size_text(need)}, one point at "
            f"a time, more than max_memory={size_text(limit)}. The smallest max_memory that works is "
            f"{size_text(1.01 * need)}.{hint}"
        )
    return rows
