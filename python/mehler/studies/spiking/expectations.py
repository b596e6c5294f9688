"""What quantising adds to a kernel, in expectation over Gaussian preactivations: two integrals, by quadrature, with their error.

With c = dt f(s z), {c} its fractional part, g(t) = {t} (1 - {t}) and (z, z') standard Gaussian of correlation rho:

    R = E g(c) / dt^2                              the variance of one output for a uniform state
    E [min({c}, {c'}) - {c} {c'}] / dt^2 = R - E g(c - c') / (2 dt^2)      the covariance of two outputs with one state

The second line is ours: min(x, y) - x y = (g(x) + g(y) - g(x - y)) / 2 on the unit square. Both integrands are continuous if f is,
with kinks where c, or c - c', is an integer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..._arrays import Array
from ...activations import Activation

REACH = 8.5  # standard deviations: what lies beyond weighs 2e-17
CELLS = 2048
NODES = 12
MOST_CROSSINGS = 200_000
FIBONACCI = ((121_393, 75_025), (75_025, 46_368))  # points of a lattice in the plane, its step
DISC = 6.5  # standard deviations in the plane: beyond lie 7e-10
DEGREES = (16, 32, 64)  # of the polynomial in the angle
GOAL = 1e-5  # of the polynomial, for g, whose mean is about 1/6


def sawtooth_variance(t: Array) -> Array:
    """g(t) = {t} (1 - {t}), the variance of floor(t + U), U uniform."""
    part = t - np.floor(t)
    return np.asarray(part * (1.0 - part))


def crossings(act: Activation, dt: float, norm: float) -> Array:
    """Ends of pieces of [-REACH, REACH] on which dt f(norm z) crosses no integer, in ascending order.

    A cell of the grid on which f turns back between two integers is seen as one that does not cross.
    """
    kinks = [k / norm for k in act.kinks if abs(k) < REACH * norm]
    z = np.unique(np.concatenate([np.linspace(-REACH, REACH, CELLS + 1), kinks]))
    c = dt * act(norm * z)
    if not np.isfinite(c).all():
        raise ValueError(
            f"{act.name} must be finite up to {REACH * norm:g}; it is not. Take points of smaller norm."
        )
    low, high = np.minimum(c[:-1], c[1:]), np.maximum(c[:-1], c[1:])
    first = np.floor(low) + 1.0
    count = np.maximum(np.ceil(high) - first, 0.0)
    if count.sum() > MOST_CROSSINGS:
        raise ValueError(
            f"dt f takes {count.sum():.0f} steps over {REACH:g} standard deviations, and {MOST_CROSSINGS:,} are integrated at most. "
            f"Take a smaller dt; got {dt:g}: what it adds is about 1 / (6 dt^2)."
        )
    cell = np.repeat(np.arange(len(count)), count.astype(np.int64))
    place = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count.astype(np.int64))
    level = first[cell] + place
    a, b = z[cell], z[cell + 1]
    rising = c[cell + 1] > c[cell]
    for _ in range(52):
        middle = 0.5 * (a + b)
        right = (dt * act(norm * middle) < level) == rising
        a, b = np.where(right, middle, a), np.where(right, b, middle)
    return np.unique(np.concatenate([z, 0.5 * (a + b)]))


def variance(act: Activation, dt: float, norm: float = 1.0) -> tuple[float, float]:
    """E g(dt f(norm z)) / dt^2, z standard Gaussian, and its error.

    Parameters
    ----------
    act
        The activation f.
    dt
        Step of the quantiser.
    norm
        Standard deviation of the preactivation.

    Returns
    -------
    value, error : float, float
        Gauss-Legendre between the integers that dt f crosses; the error is the difference of 12 and 6 nodes a piece, and rounding.
    """
    ends = crossings(act, dt, norm)
    middle, half = 0.5 * (ends[1:] + ends[:-1]), 0.5 * (ends[1:] - ends[:-1])
    found = []
    for nodes in (NODES, NODES // 2):
        x, w = np.polynomial.legendre.leggauss(nodes)
        z = middle[:, None] + half[:, None] * x
        density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        values = sawtooth_variance(dt * act(norm * z))
        found.append(float(np.sum(half[:, None] * w * density * values)))
    rounding = float(np.finfo(np.float64).eps) * (dt * float(np.max(np.abs(act(norm * ends)))) + 8)
    return found[0] / dt**2, (abs(found[0] - found[1]) + rounding) / dt**2


def difference(act: Activation, dt: float, norm: float, angle: float) -> tuple[float, float]:
    """E g(c - c') at the correlation cos(angle), and its error.

    z, z' = cos(angle / 2) p +- sin(angle / 2) q: along the diagonal and across it. Kinks are curves in the plane, straight across
    where the angle is small or nearly pi: points of a Fibonacci lattice are never in line with them, as those of a grid are. The
    error is the difference from the next smaller lattice.
    """
    fine, coarse = (_mean(act, dt, norm, angle, *sizes) for sizes in FIBONACCI)
    return fine, abs(fine - coarse)


def _mean(act: Activation, dt: float, norm: float, angle: float, count: int, step: int) -> float:
    """Over the points of a lattice, by their Gaussian weight."""
    p, q, weight = lattice(count, step)
    along, across = math.cos(0.5 * angle) * p, math.sin(0.5 * angle) * q
    values = sawtooth_variance(dt * (act(norm * (along + across)) - act(norm * (along - across))))
    return float(weight @ values)


@lru_cache(2)
def lattice(count: int, step: int) -> tuple[Array, Array, Array]:
    """Points (i, i step mod count) / count of the square, those of the disc of radius DISC, and their Gaussian weights of sum 1."""
    i = np.arange(count)
    p = DISC * (2.0 * i / count - 1.0)
    q = DISC * (2.0 * (i * step % count) / count - 1.0)
    inside = p * p + q * q < DISC * DISC
    p, q = p[inside], q[inside]
    weight = np.exp(-0.5 * (p * p + q * q))
    return p, q, weight / weight.sum()


@dataclass(frozen=True, eq=False)
class Difference:
    """E g(c - c') as a polynomial in the angle, and how far it may be off."""

    coefficients: Array
    error: float

    def __call__(self, cosines: Array) -> Array:
        angle = np.arccos(np.clip(cosines, -1.0, 1.0))
        value = np.polynomial.chebyshev.chebval(2.0 * angle / np.pi - 1.0, self.coefficients)
        return np.asarray(np.where(angle == 0.0, 0.0, value))


def difference_of(act: Activation, dt: float, norm: float = 1.0) -> Difference:
    """The polynomial: smooth in the angle, as what a kink makes of a cosine always is.

    Degrees double until the interpolant agrees with the integral at the new nodes; the largest difference there is its error.
    """
    known: dict[float, tuple[float, float]] = {}

    def at(degree: int) -> tuple[Array, Array]:
        x = np.cos(np.pi * np.arange(degree + 1) / degree)
        x[np.abs(x) < 1e-15] = 0.0
        for t in x:
            if float(t) not in known:
                known[float(t)] = difference(act, dt, norm, 0.5 * np.pi * (float(t) + 1.0))
        return x, np.array([known[float(t)][0] for t in x])

    x, y = at(DEGREES[0])
    for degree in DEGREES[1:]:
        interpolant = np.polynomial.chebyshev.chebfit(x, y, len(x) - 1)
        x, y = at(degree)
        off = float(np.max(np.abs(np.polynomial.chebyshev.chebval(x, interpolant) - y)))
        if off < GOAL:
            break
    quadrature = max(error for _, error in known.values())
    fitted = np.asarray(np.polynomial.chebyshev.chebfit(x, y, len(x) - 1), dtype=np.float64)
    return Difference(fitted, off + quadrature)
