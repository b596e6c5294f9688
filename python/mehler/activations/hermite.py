"""Hermite coefficients of a function under the standard Gaussian.

    mu_k(f) = E[f(Z) h_k(Z)],   Z ~ N(0, 1)

with the normalised probabilist's polynomials

    h_0 = 1,  h_1 = x,  sqrt(k+1) h_{k+1} = x h_k - sqrt(k) h_{k-1},

so that E[h_j h_k] = [j = k] and Mehler's formula reads E[f(u) f(v)] = sum_k mu_k(f)^2 rho^k.

Two routes: quadrature with orthonormal Hermite *functions* psi_k = h_k sqrt(gamma), which never
overflow; and exact recurrences for splines and for an exponential branch, which cost one flop a
coefficient and so reach millions of terms.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


def density(z: Array) -> Array:
    """Gaussian density gamma(z) = exp(-z^2/2) / sqrt(2 pi)."""
    return np.asarray(INV_SQRT_2PI * np.exp(-0.5 * z * z))


def normal_cdf(z: float) -> float:
    """Phi(z) = P(Z <= z), with full relative accuracy in the lower tail."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@lru_cache(maxsize=64)
def gauss_legendre(points: int) -> tuple[Array, Array]:
    """Nodes and weights on [0, 1], to the last digit.

    NumPy's weights are right to a few 1e-15 only; Newton steps in extended precision (where the
    machine has it) give w = 1 / ((1 - x^2) P_n'(x)^2) on the half line.
    """
    x: NDArray[Any] = np.polynomial.legendre.leggauss(points)[0].astype(np.longdouble)
    for _ in range(3):
        before: NDArray[Any] = np.ones_like(x)
        p: NDArray[Any] = x.copy()
        for k in range(2, points + 1):
            before, p = p, ((2 * k - 1) * x * p - (k - 1) * before) / k
        slope = points * (x * p - before) / (x * x - 1)
        x = x - p / slope
    weights = 1 / ((1 - x * x) * slope * slope)
    return (0.5 * (x + 1)).astype(np.float64), weights.astype(np.float64)


def hermite_rows(kmax: int, x: Array, start: Array) -> Iterator[tuple[int, Array]]:
    """Yield (k, start * h_k(x)) for k = 0..kmax; start = 1 gives h_k, sqrt(gamma) gives psi_k."""
    previous, current = np.zeros_like(x), start
    for k in range(kmax + 1):
        yield k, current
        root, next_root = math.sqrt(k), math.sqrt(k + 1)
        previous, current = current, (x * current - root * previous) / next_root


def hermite_polynomial(k: int, x: Array) -> Array:
    """h_k(x) = He_k(x) / sqrt(k!)."""
    *_, (_, row) = hermite_rows(k, x, np.ones_like(x))
    return row


def hermite_at_point(c: float, kmax: int) -> Array:
    """h_0(c), ..., h_kmax(c)."""
    h = np.zeros(kmax + 1)
    h[0] = 1.0
    if c == 0.0:
        # h_k(0) = -sqrt((k-1)/k) h_{k-2}(0); odd ones vanish.
        even = np.arange(2, kmax + 1, 2)
        h[2::2] = np.cumprod(-np.sqrt((even - 1) / even))
        return h
    previous, current = 0.0, 1.0
    for k in range(kmax):
        previous, current = current, (c * current - math.sqrt(k) * previous) / math.sqrt(k + 1)
        h[k + 1] = current
    return h


def reach(f: Function, scale: float = 1.0) -> float:
    """R beyond which f(z)^2 exp(-z^2/2) is below rounding, from a few samples of f."""
    for radius in (10.0, 11.0, 12.0, 13.0, 14.0, 16.0, 18.0, 20.0, 24.0, 28.0, 32.0):
        ends = np.array([-radius, radius])
        with np.errstate(all="ignore"):
            largest = float(np.max(np.abs(f(ends))))
        if math.isfinite(largest) and largest * math.exp(-0.25 * radius**2) < 1e-10 * scale:
            return radius
    return 36.0


def line_rule(f: Function, kinks: Sequence[float], kmax: int) -> tuple[Array, Array]:
    """Nodes z and weights w with sum w g(z) = integral of g, fine enough for psi_0..psi_kmax.

    Smooth f: the trapezoidal rule (exponentially convergent). With kinks: Gauss-Legendre panels
    that end at the kinks.
    """
    # psi_k sqrt(gamma) decays like exp(-z^2/4) only, so the range is wider than for f^2 gamma.
    radius = max(13.0, 1.3 * reach(f))
    if not kinks:
        # The integrand's bandwidth, sqrt(k) and that of f, must stay below 2 pi / step.
        step = 1.0 / 32.0 if kmax <= 2400 else 1.0 / 64.0
        half = int(radius / step)
        z: Array = step * np.arange(-half, half + 1, dtype=np.float64)
        return z, np.full(2 * half + 1, step)
    width = min(0.5, 10.0 / math.sqrt(kmax + 1))
    stops = sorted({-radius, radius, 0.0, *(c for c in kinks if abs(c) < radius)})
    edges = np.concatenate(
        [
            np.linspace(a, b, 1 + math.ceil((b - a) / width))[:-1]
            for a, b in itertools.pairwise(stops)
        ]
        + [np.array([radius])]
    )
    x, w = gauss_legendre(20)
    lengths = np.diff(edges)[:, None]
    return (edges[:-1, None] + lengths * x).ravel(), (lengths * w).ravel()


def coefficients_by_quadrature(f: Function, kinks: Sequence[float], kmax: int) -> Array:
    """mu_0(f), ..., mu_kmax(f) by quadrature between the kinks; absolute error near eps |f|."""
    z, w = line_rule(f, kinks, kmax)
    root = np.sqrt(density(z))
    with np.errstate(all="ignore"):
        weighted = w * root * f(z)
    weighted[~np.isfinite(weighted)] = 0.0  # f overflowed where root is 1e-40
    mu = np.empty(kmax + 1)
    for k, psi in hermite_rows(kmax, z, root):
        mu[k] = weighted @ psi
    return mu


def truncated_power(c: float, r: int, kmax: int) -> Array:
    """A_k = mu_k of (z - c)_+^r / r!, exactly.

    Integration by parts: sqrt(k) A^r_k = A^{r-1}_{k-1};  A^0_k = gamma(c) h_{k-1}(c) / sqrt(k);
    means: A^0_0 = Phi(-c), A^1_0 = gamma(c) - c Phi(-c), r A^r_0 = A^{r-2}_0 - c A^{r-1}_0.
    """
    gamma_c = INV_SQRT_2PI * math.exp(-0.5 * c * c)
    means = [normal_cdf(-c), gamma_c - c * normal_cdf(-c)]
    for order in range(2, r + 1):
        means.append((means[order - 2] - c * means[order - 1]) / order)
    root = np.sqrt(np.arange(1, kmax + 1))
    a = np.concatenate([[means[0]], gamma_c * hermite_at_point(c, kmax)[:kmax] / root])
    for order in range(1, r + 1):
        a = np.concatenate([[means[order]], a[:-1] / root])
    return a


def monomials(coefficients: Sequence[float], kmax: int) -> Array:
    """mu_k of sum_m c_m z^m, exactly, by Horner's rule: z h_k = sqrt(k+1) h_{k+1} + sqrt(k) h_{k-1}."""
    size = max(kmax, len(coefficients)) + 2
    root = np.sqrt(np.arange(1, size))
    mu = np.zeros(size)
    for c in reversed(list(coefficients)):
        shifted = np.zeros(size)
        shifted[1:] += root * mu[:-1]
        shifted[:-1] += root * mu[1:]
        mu = shifted
        mu[0] += c
    return mu[: kmax + 1]


def exponential_branch(alpha: float, beta: float, kmax: int) -> Array:
    """mu_k of (1 for z > 0, alpha beta exp(beta z) for z < 0), the derivative of ELU-like functions.

    Step: H_k = g0 h_{k-1}(0) / sqrt(k). Branch: E_k = (beta E_{k-1} - g0 h_{k-1}(0)) / sqrt(k).
    Their sum H_k + alpha beta E_k is formed without cancellation.
    """
    h = hermite_at_point(0.0, kmax)
    size, slope = kmax + 1, alpha * beta
    mu = np.empty(size)
    # The recurrence forgets its past like beta^k / sqrt(k!), so a plain loop is stable.
    branch = math.exp(0.5 * beta * beta) * normal_cdf(-beta)
    mu[0] = 0.5 + slope * branch
    g0, jump = INV_SQRT_2PI, 1.0 - slope
    past = h.tolist()
    for k in range(1, size):
        root = math.sqrt(k)
        mu[k] = (slope * beta * branch + jump * g0 * past[k - 1]) / root
        branch = (beta * branch - g0 * past[k - 1]) / root
    return mu
