"""What is asked, and what a short probe of the points says about the answer before any matrix is made.

The probe is the kernel matrix of m points, m at most 256, and all its eigenvalues: a few
milliseconds, always the same points. Estimates for all n points are rounded, so that the last bits
of a library do not decide anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .. import _core
from .._arrays import Array, free_memory
from ..kernels import Kernel
from ..kernels.norms import NormKernel
from ..operators.layered import LayeredPoints, layered
from ..preconditioners.sparse import Sight
from ..solvers.outcome import EPS, largest_entry, single_of
from .cost import Work

PROBE = 256


@dataclass(frozen=True, eq=False)
class Problem:
    """lambda_min of a kernel matrix, and the bounds of the work.

    Attributes
    ----------
    X
        The points, (n, d).
    ker
        The kernel.
    precision, tol, certify
        As in :func:`min_eig`.
    limit
        Bytes there are.
    threads
        That work, each in memory of its own.
    held
        Bytes of the points in the core.
    size
        The largest entry of K.
    copied
        Bytes of ``max_memory`` beside ``limit``: what a copy of the user's points has taken.
    sight
        The points as preconditioners see them.
    disk
        Whether there is a file for tiles.
    """

    X: Array = field(repr=False)
    ker: Kernel
    precision: str
    tol: float
    certify: str
    limit: int
    threads: int
    held: int
    size: float
    copied: int
    sight: Sight = field(repr=False)
    disk: bool = False

    @property
    def n(self) -> int:
        return len(self.X)

    @property
    def d(self) -> int:
        return int(self.X.shape[1])

    @property
    def span(self) -> int:
        """The dimension that preconditioners see: that of the span, where a kink makes it matter."""
        return self.sight.d

    @cached_property
    def probe(self) -> Probe:
        """What some of the points say."""
        points = self.sight.given
        return probe(self.X, self.ker, points.layers if layered(points) else None)

    @cached_property
    def single(self) -> str:
        """Which format of four bytes serves K: 'fixed32' or 'float32'."""
        return single_of(self.sight.given, self.ker)

    def read_again(self, size: float, nbytes: float) -> Work:
        """To read so many bytes of a file of this size that was just written: the system keeps what it has room for."""
        room = free_memory() - self.limit
        return Work(cached=nbytes) if size <= room else Work(disk=nbytes)

    @property
    def unequal(self) -> bool:
        """Whether K is no function of the cosine alone."""
        return layered(self.sight.given)

    @property
    def out_of_reach(self) -> bool:
        """Whether rounding in double precision, eps |K|, is expected to exceed tol lambda_min."""
        return self.probe.condition(self.n) > self.tol / EPS

    @property
    def hidden(self) -> bool:
        """Whether K is expected not even to be positive definite to rounding."""
        return self.probe.condition(self.n) > 10.0 / EPS


def problem_of(
    X: Array,
    points: _core.Points,
    ker: Kernel,
    precision: str,
    tol: float,
    certify: str,
    limit: int,
    threads: int,
    copied: int = 0,
    disk: bool = False,
) -> Problem:
    """The problem of points, which are in the core already."""
    size = largest_entry(points, ker)
    sight = Sight(ker, points)
    held = points.nbytes
    return Problem(X, ker, precision, tol, certify, limit, threads, held, size, copied, sight, disk)


@dataclass(frozen=True)
class Probe:
    """The kernel matrix of m of the points.

    Attributes
    ----------
    m
        Number of points.
    dimension
        d' = 1 / mean cos^2 of its pairs, seen from their mean: d for random points of the sphere, less
        for points that lie near a subspace.
    about
        The same seen from the origin: less for points in a cone.
    low, half, quarter
        Its smallest eigenvalue, and that of every half and quarter of its points (geometric means),
        relative to h(1), not below rounding.
    top
        Its largest eigenvalue, relative to m h(1).
    square
        Mean square of its entries off the diagonal, relative to h(1)^2.
    order
        nu, see :func:`order`.
    """

    m: int
    dimension: float
    about: float
    low: float
    half: float
    quarter: float
    top: float
    square: float
    order: float

    def lowest(self, n: int) -> float:
        """lambda_min / h(1) for n points like these.

        It falls as it fell within the probe; but with a kink, on random points of a sphere, no faster
        than the least distance, n^(-2 / (d - 1)), to the power of the kernel's singularity.
        """
        times = math.log2(max(n / self.m, 1.0))
        steps = 0.5 * math.log2(self.quarter / self.low)
        if math.isfinite(self.order):
            steps = min(steps, 2.0 * self.order / max(self.about - 1.0, 0.5))
        else:  # ever faster, without one
            steps = max(steps, math.log2(self.half / self.low))
        return self.low * math.exp2(-steps * times)

    def condition(self, n: int) -> float:
        """|K| / lambda_min for n points like these, to a digit."""
        x = self.top * n / max(self.lowest(n), 1e-300)
        return float(10.0 ** round(math.log10(x), 1))


def probe(X: Array, ker: Kernel, layers: NormKernel | None = None) -> Probe:
    """The probe of points: evenly spaced rows, the same ones at every call.

    Parameters
    ----------
    X, ker
        The points and the kernel.
    layers
        Of points of unequal norm, whose matrix is taken relative to its mean diagonal entry.
    """
    from ..operators.entries import dense_gram

    n = len(X)
    m = min(n, PROBE)
    chosen = np.arange(m) * n // m
    some = X[chosen]
    U = some / np.linalg.norm(some, axis=1)[:, None]
    least = math.inf  # K_ii, relative to the largest: no smallest eigenvalue lies above it
    if layers is None:
        K, size = dense_gram(U, ker, 1), float(ker.h.ends[0])
        weights = np.linalg.norm(X, axis=1)
        weights = (weights / weights.max()) ** float(ker.homogeneity or 0.0)
        least = float(weights.min()) ** 2
        K *= np.outer(weights[chosen], weights[chosen])
    else:
        points = LayeredPoints(some, np.linalg.norm(some, axis=1), layers, 1)
        K = _core.dense_gram(points, ker.h.compiled, "float64", 1)[0]
        size = float(np.mean(np.diagonal(K)))
    K = K / size if size > 0.0 else np.ones((m, m))  # of a kernel that is zero: as singular as any
    values = np.linalg.eigvalsh(K)
    floor = 4.0 * EPS * float(values[-1])
    low = max(min(float(values[0]), least), floor)

    def of_parts(parts: int) -> float:
        """The smallest eigenvalue of each part of the points."""
        lows = [np.linalg.eigvalsh(K[s::parts, s::parts])[0] for s in range(min(parts, m))]
        return max(float(np.exp(np.mean(np.log(np.maximum(lows, floor))))), low)

    above = np.triu_indices(m, 1)
    return Probe(
        m,
        dimension=_digits(_dimension(U - U.mean(axis=0))),
        about=_digits(_dimension(U)),
        low=_digits(low),
        half=_digits(of_parts(2)),
        quarter=_digits(of_parts(4)),
        top=_digits(float(values[-1]) / m),
        square=_digits(_mean_square(K[above])),
        order=order(ker),
    )


def _dimension(U: Array) -> float:
    """1 / mean cos^2 of all pairs."""
    norms = np.linalg.norm(U, axis=1)
    V = U[norms > 0.0] / norms[norms > 0.0, None]
    return 1.0 / max(_mean_square((V @ V.T)[np.triu_indices(len(V), 1)]), 1e-6)


def _mean_square(x: Array) -> float:
    return float(np.mean(x * x)) if len(x) else 1.0


def order(ker: Kernel) -> float:
    """nu of h(cos) = smooth + c |x - y|^nu + ... for near points; inf where there is no such term.

    The power series of h says so: sum_{p >= N} A_p falls like N^(-nu / 2). Of layers, the roughest decides.
    """
    if ker.depth > 1 or ker.kind == "ntk":
        return min(order(one) for one in ker.single_layers())
    near, far = (float(ker.tail(N)) for N in (64, 512))
    if not far > 1e-13 * float(ker.h.ends[0]):
        return math.inf
    nu = 2.0 * math.log(near / far) / math.log(8.0)
    return float(round(nu)) if nu < 7.0 else math.inf


def _digits(x: float) -> float:
    """x to three digits."""
    return float(f"{x:.2e}")
