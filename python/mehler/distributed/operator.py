"""The Gram operator whose tiles are on workers: to a solver, an operator like any other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from .._arrays import UNIT, Array
from .._progress import Reporter
from ..kernels import Kernel
from ..operators.gram import Gram, check_float32, core_diagonal, core_points
from ..operators.layered import layered
from ..operators.packed import MOST, SINGLE, bound
from .blocks import Blocks
from .holders import Traffic
from .placement import ProductCost
from .rounds import SchedulerLost
from .tiles import Tiles
from .worker import Setup


class DaskGram(Gram):
    """The kernel matrix of n points, in the memory of workers.

    Parameters
    ----------
    client, workers
        Of the cluster; addresses that may be used, None for all.
    X
        Points, (n, d): a checked array, or a dask array.
    points
        The same in the core of this process; None: only if somebody asks.
    kernel, dtype, threads
        As :class:`Gram` takes them; threads of this process, workers have their own.
    normalize
        Whether rows of a dask array are to be divided by their norms.
    direct
        As :class:`Dask` takes it.
    """

    def __init__(
        self,
        client: Any,
        workers: Any,
        X: Any,
        points: _core.Points | None,
        kernel: Kernel,
        dtype: str,
        threads: int | None,
        normalize: bool = False,
        direct: bool = True,
    ) -> None:
        n, d = (int(size) for size in X.shape)
        self.kernel, self.storage, self.threads, self.path = kernel, "dask", threads, None
        self.shape, self.kind = (n, n), dtype
        self.dtype = np.dtype("float64" if dtype == "fixed32" else dtype)
        self._array = None
        self._X, self._normalize, self._in_core = X, normalize, points
        self._blocks = blocks = Blocks(X)
        norms = blocks.norms(client, normalize) if points is None else points.norms()
        off = bool((np.abs(norms - 1.0) > UNIT).any())
        q = kernel.homogeneity
        if points is None and q is None and off:
            points = self._points  # the diagonal needs them
            norms = points.norms()
        layers = None
        if points is not None and layered(points):
            plain = np.sqrt(np.square(norms) - _lift(kernel))
            layers = (kernel, float(plain.min()), float(plain.max()))
        self._diagonal = (
            core_diagonal(points, kernel) if points is not None else _diagonal(norms, kernel, off)
        )
        if dtype == "float32" and (q or layers is not None):
            check_float32(self._diagonal)
        top = float(np.max(self._diagonal))
        setup = Setup(
            token="",
            n=n,
            dtype=dtype,
            top=MOST * _power_of_two(top / MOST) if dtype == "fixed32" else top,
            table=kernel.h,
            exponent=float(q) if q and off else 0.0,
            unit=bool(q) and not off,
            normalize=normalize,
            layers=layers,
            direct=direct,
        )
        self._tiles = tiles = Tiles(client, workers, setup, blocks, d)
        self.pairs = tiles.pairs()
        self.op = _core.CallableOperator(lambda V: _product(tiles, V, False), n)
        self._exact = (
            _core.CallableOperator(lambda V: _product(tiles, V, True), n)
            if dtype in SINGLE
            else self.op
        )

    @property
    def _points(self) -> _core.Points:  # type: ignore[override]
        """Points in the core of this process: what solvers beside the product need."""
        if self._in_core is None:
            from .._arrays import as_points

            self._in_core = core_points(
                as_points(self._blocks.rows()),
                self.kernel,
                self.threads,
                normalize=self._normalize,
            )
        return self._in_core

    @property
    def traffic(self) -> Traffic:
        """What products have sent and received so far.

        Returns
        -------
        Traffic
            ``products``, ``messages``, ``passed_on`` (of them, by the scheduler), ``bytes_out``, ``bytes_in``, ``replaced``.
        """
        return self._tiles.traffic

    def cost(self, b: int) -> ProductCost:
        """What one product with b vectors costs as tiles are placed now.

        Parameters
        ----------
        b
            Number of vectors.

        Returns
        -------
        ProductCost
            ``workers``, ``slices``, ``messages``, ``bytes_out``, ``bytes_in``, ``entries``, ``flops``.
        """
        return self._tiles.cost(b)

    def exact(self) -> _core.Operator:
        """The same matrix in float64: stored, or computed again by the workers."""
        return self._exact

    @property
    def nbytes(self) -> int:
        """Bytes of the tiles on all workers."""
        return self._tiles.nbytes

    @property
    def held(self) -> int:
        """Bytes of the matrix in this process: none."""
        return 0

    def rounding(self) -> float:
        """A bound of |E| <= |E|_F, E what storage leaves of K.

        Returns
        -------
        float
        """
        if self.kind == "fixed32":
            return bound(self.kind, self._tiles.setup.top / MOST, self.shape[0])
        return bound(self.kind, math.sqrt(self._tiles.squares()), self.shape[0])

    def diagonal(self) -> Array:
        """K_ii."""
        return self._diagonal.astype(self.dtype)

    def close(self) -> None:
        """Free the tiles on the workers; products are over."""
        self._tiles.close()


def _product(tiles: Tiles, V: Array, exact: bool) -> Array:
    """K V; of a work that has a reporter, a lost scheduler ends it with what is known."""
    if tiles.closed:
        raise ValueError("the tiles of this operator were freed by close(); call gram again.")
    try:
        return tiles.product(V, exact)
    except SchedulerLost as error:
        report = Reporter.current()
        if report is None:
            raise
        report.stop(str(error))
        raise KeyboardInterrupt(report.why) from error


def _power_of_two(x: float) -> float:
    """The least one that is not below x: sums in such units are the same to the bit wherever they are scaled."""
    mantissa, exponent = math.frexp(x)
    return math.ldexp(1.0, exponent - (mantissa == 0.5))


def _lift(kernel: Kernel) -> float:
    return kernel.bias_var / kernel.weight_var if kernel.bias_var > 0.0 else 0.0


def _diagonal(norms: Array, kernel: Kernel, off: bool) -> Array:
    """K_ii of points whose norms alone are known here."""
    top, q = float(kernel.h.ends[0]), kernel.homogeneity
    if q is None or not off:
        return np.full(len(norms), top)
    scale = norms**q
    return np.asarray(scale * scale * top)
