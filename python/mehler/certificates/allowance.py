"""What rounding can hide: the distance between a factorisation in floating point and the matrix K.

If floating-point Cholesky of A = K - s I completes, its factor L satisfies

    A + E = L L^t,    |E|_2 <= g trace(A) / (1 - g),    g = m u / (1 - m u),    u = 2^-53,

where no term of an inner product passes through more than m roundings that the entry itself does not
share: |E| <= g |L| |L|^t entry by entry, whatever the order of the sums (Higham, Accuracy and
Stability of Numerical Algorithms, 2002, lemma 8.4 and theorem 10.3), and the norm of |L| |L|^t is at most
|L|_F^2, the trace of L L^t (Demmel 1989; Rump 2006). With the rounding of the shifted diagonal, and e for what the entries
that were factored lack,

    lambda_min(K) >= s - alpha,    alpha = g trace(A) / (1 - g) + u max A_ii + e.

The other way round, with l the row in which a pivot x <= 0 stops it, delta = -x, and v the null vector of
what was factored: v^t E v <= g (|L|_F + |v_j| sqrt(delta))^2, and delta v_j^2 more than makes up for the second
term, so that lambda_min(K) <= s + (1 + 2g) alpha. The 1.001 below covers (1 + 2g) and the rounding of alpha itself.

The same for a Rayleigh quotient: |fl(v^t K v) - v^t K v| <= g |v|^t |K| |v|, m the roundings of a product.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._arrays import UNIT as NEAR_ONE
from .._arrays import Array
from ..kernels import Kernel
from ..operators.foreign import asymmetry
from ..operators.layered import LayeredPoints, layered
from ..operators.storage import TILE
from ..solvers.outcome import Task

if TYPE_CHECKING:
    from ..solvers.out_of_core import FactorFile

UNIT = 2.0**-53
TINY = 2.0**-1022  # what an operation may lose to underflow, also when subnormals are flushed
NEAR = 1e-3  # cosine deficits below come from differences (cpp/kernel/tile.hpp)
PROFILE = 4e-15  # of h(1): what the compiled profiles are held to, whatever was measured
PIECES = 8  # of a sum over a tile: Eigen takes 64 terms at a time at least, from 9 kB of cache on
SPARE = 1.001


@dataclass(frozen=True)
class Allowance:
    """What separates a completed factorisation at s from lambda_min(K) >= s.

    Attributes
    ----------
    factor
        Rounding in the factorisation, |E|_2 + u max A_ii.
    entries
        e: the norm of what the factored entries lack.
    """

    factor: float
    entries: float

    @property
    def total(self) -> float:
        return self.factor + self.entries


def down(x: float) -> float:
    """The double below: a bound that was rounded stays a bound."""
    return math.nextafter(x, -math.inf)


def up(x: float) -> float:
    """The double above."""
    return math.nextafter(x, math.inf)


def gamma(m: float, unit: float = UNIT) -> float:
    """g = m u / (1 - m u)."""
    return m * unit / (1.0 - m * unit)


def roundings(n: int) -> int:
    """m: the most roundings of a term of an entry of the factor that the entry does not share.

    Its own tile's order T, then pieces of sums that are subtracted from the entry one by one: those of
    the tiles before, those of the halves within the tile, the rows of the innermost block.
    """
    T = _core.Cholesky64.edge_for(n)
    return min(n, T + PIECES * -(-n // T) + PIECES + 32) + 10


def product_roundings(n: int) -> int:
    """The same for an entry of a product of tiles with a vector (cpp/gram/symmetric_product.hpp)."""
    return min(n, TILE + -(-n // TILE) + 24) + 10


def entry_error(ker: Kernel, d: int) -> float:
    """The largest error of a computed entry of K between points of norm one.

    That of the profile (measured for the catalogue, estimated for a function of the user's own);
    that of the cosine (inner product and norms of d terms), times the slope of
    h; that of the scaling. h has a power series with coefficients >= 0, so |h'| over |rho| <= 1 - NEAR is at
    most the slope of the chord from 1 - NEAR to 1. Nearer pairs, whose deficit comes from
    differences, are no worse: see :func:`near_error`.
    """
    q = ker.homogeneity or 0.0
    top = float(ker.h.ends[0])
    profile = max(ker.error, PROFILE * top)
    slope = (top - float(ker(np.array([1.0 - NEAR]))[0]) + 2.0 * profile) / NEAR
    cosine = (2.0 * d + 50.0) * UNIT * slope
    scaling = (q * (d + 4.0) + 4.0) * UNIT * top
    return profile + cosine + scaling


def near_error(ker: Kernel, d: int) -> float:
    """What the deficit's error does to h(1 - deficit), deficits below NEAR.

    Differences of points give the deficit to (6d + 30) u of itself; where the norms differ more than
    the points, unit vectors do, and sqrt(2 deficit) to (d + 8) u. The drop f = h(1) - h(1 - .) is concave:
    f(t + e) - f(t) <= min(f(e), f(t) e / t).
    """
    t = NEAR * 2.0 ** -np.arange(0.0, 100.0)
    angle = (d + 8.0) * UNIT
    error = np.maximum((6.0 * d + 30.0) * UNIT * t, np.sqrt(2.0 * t) * angle + 0.5 * angle**2)
    f = ker.h.drop(t)
    # twice: t lies up to a factor 2 off the grid
    return float(2.0 * np.max(np.minimum(ker.h.drop(error), f * error / t)))


class Matrix(ABC):
    """A symmetric K that can be factored and multiplied, and what rounding does in both.

    Attributes
    ----------
    n
        Its order.
    diagonal
        K_ii, as they are factored.
    entries, lacking
        Norm of what the factored entries lack, and what that is, in words.
    semidefinite
        K has no negative eigenvalue, whatever a factorisation says.
    lowest, ceiling
        A shift far below the spectrum, and a number that lambda_min does not exceed.
    stretch
        Eigenvalues are known up to a factor 1 +- stretch besides.
    """

    n: int
    diagonal: Array
    entries: float
    lacking: str
    semidefinite: bool
    lowest: float
    ceiling: float
    stretch: float = 0.0

    @abstractmethod
    def tiles(self, s: float, task: Task) -> _core.Cholesky64 | _core.OutOfCore64:
        """K - s I in tiles, not yet factored."""

    @abstractmethod
    def quotient(self, v: Array, wanted: float, threads: int) -> tuple[float, float]:
        """(q, error): |v^t K v / v^t v - q| <= error, and error <= wanted if that is to be had."""

    def allowance(self, s: float) -> Allowance:
        """alpha of a factorisation at s."""
        A = np.maximum(self.diagonal - s, 0.0)
        top, g = float(A.max()), gamma(roundings(self.n))
        rounding = g / (1.0 - g) * float(A.sum()) + UNIT * top
        underflow = 4.0 * self.n**2 * (1.0 + math.sqrt(top)) * TINY
        return Allowance(SPARE * rounding + underflow, SPARE * self.entries)


class ArrayMatrix(Matrix):
    """A dense array: K is exactly the doubles that were given, or their symmetric part.

    The upper triangle is what is factored: it lies within |K - K^t|_F / 2 of (K + K^t) / 2.
    """

    semidefinite = False
    lacking = "|K - K^T| / 2"

    def __init__(self, K: Array) -> None:
        self.K, self.n = K, len(K)
        self.diagonal = np.ascontiguousarray(np.diagonal(K))
        self.lowest = -2.0 * float(np.linalg.norm(K)) - TINY  # where a factor exists for certain
        self.ceiling = float(self.diagonal.min())
        self.entries = SPARE * asymmetry(K)

    def tiles(self, s: float, task: Task) -> _core.Cholesky64:
        return _core.Cholesky64(self.K, s, task.threads, task.report.ask)

    def quotient(self, v: Array, wanted: float, threads: int) -> tuple[float, float]:
        """In float64; in longdouble, where that has more digits, if more are needed."""
        size = self._times(np.abs(v), np.float64, absolute=True)[0]
        for kind in (np.float64, np.longdouble):
            unit = 0.5 * float(np.finfo(kind).eps)
            form, square = self._times(v, kind)
            g = gamma(2.0 * self.n + 10.0, unit)
            q = float(form / square)
            error = SPARE * (g * (size / float(square) + abs(q)) + 2.0 * UNIT * abs(q))
            error += 4.0 * self.n**2 * TINY
            if error <= wanted:
                break
        return q, error

    def _times(self, v: Array, kind: Any, absolute: bool = False) -> tuple[Any, Any]:
        """(v^t K v, v^t v), K by its absolute values if wanted."""
        x: Any = v.astype(kind)
        form = kind(0.0)
        rows = max(1, 2**20 // self.n)
        for start in range(0, self.n, rows):
            part = self.K[start : start + rows]
            part = np.abs(part) if absolute else part.astype(kind, copy=False)
            form += x[start : start + rows] @ (part @ x)
        return form, x @ x


class PointMatrix(Matrix):
    """The kernel matrix of points: K_ij = (|x_i| |x_j|)^q h(cos_ij) of exactly the doubles given.

    An entry is known to e s_i s_j, s_i = |x_i|^q, so the matrix to e sum_i s_i^2. Activations that are not
    homogeneous have s_i = 1 between points of norm one: h takes the cosine alone; between others s_i^2 = K_ii.
    Norms that are one to 1e-12 are taken as one; what that changes is a diagonal scaling, which changes
    eigenvalues by its own factor.
    """

    lacking = "the kernel's evaluation"
    file: FactorFile | None = None  # for factors that do not fit into memory

    def __init__(self, points: _core.Points, ker: Kernel, semidefinite: bool = True) -> None:
        self.points, self.ker, self.profile = points, ker, ker.h.compiled
        self.semidefinite = semidefinite
        norms, q, self.top = points.norms(), ker.homogeneity or 0.0, float(ker.h.ends[0])
        self.n = len(norms)
        if layered(points):
            self._of_layers(points)
            return
        self.scale = norms**q
        if q and float(np.max(np.abs(norms - 1.0))) <= NEAR_ONE:
            self.stretch = SPARE * 2.0 * q * float(np.max(np.abs(norms - 1.0)))
            self.scale = np.ones(self.n)
        squares = self.scale**2
        self.error = entry_error(ker, points.d)
        self.diagonal = self.top * squares
        self.entries = self.error * float(squares.sum())
        self.ceiling = up(float(squares.min()) * (self.top + 2.0 * self.error))
        self.lowest = -1e-9 * self.top * float(squares.sum()) - 2.0 * self.entries

    def _of_layers(self, points: LayeredPoints) -> None:
        """s_i = sqrt(K_ii)."""
        self.diagonal = points.diagonal()
        self.top, self.scale = 1.0, np.sqrt(self.diagonal)
        self.error = points.layers.largest_error(points.d)
        self.entries = self.error * float(self.diagonal.sum())
        self.ceiling = up(float(self.diagonal.min()) * (1.0 + 2.0 * self.error))
        self.lowest = -1e-9 * float(self.diagonal.sum()) - 2.0 * self.entries

    def tiles(self, s: float, task: Task) -> _core.Cholesky64 | _core.OutOfCore64:
        if self.file is not None:
            return self.file.make64(s)
        return _core.Cholesky64(self.points, self.profile, s, task.threads, task.report.ask)

    def quotient(self, v: Array, wanted: float, threads: int) -> tuple[float, float]:
        """|K_ij| <= s_i s_j h(1), so |v|^t |K| |v| <= h(1) (sum_i s_i |v_i|)^2."""
        exact = _core.Recomputed(self.points, self.profile)
        w = exact.multiply(np.asfortranarray(v[:, None]), threads)[:, 0]
        square = math.fsum(v * v)
        q = math.fsum(v * w) / square
        size = float(self.scale @ np.abs(v)) ** 2 / square
        rounding = gamma(product_roundings(self.n)) * self.top + self.error
        return q, SPARE * (rounding * size + 4.0 * UNIT * abs(q)) + 4.0 * self.n**2 * TINY
