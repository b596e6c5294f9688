"""Power series of deep kernels: h(rho) / h(1) = sum_p A_p rho^p, with bounds of its partial sums.

A layer composes two series with coefficients >= 0, kappa(c) = sum_k a_k c^k. Its first coefficients are found
around c_0 = c(0), with binomial probabilities b(k, j) of j successes in k trials of 1 - c_0:

    kappa(c) = sum_j f_j g^j,    f_j = sum_k a_k b(k, j),    g = (c - c_0) / (1 - c_0),    g(0) = 0.

Sums, products and compositions keep an order: smaller coefficients give smaller ones, and larger
partial sums give larger ones. So four series go through the layers side by side: ``low``, below the
coefficients; ``middle``; ``full``, which adds what the a_k beyond the last k may give; and ``high``, whose partial
sums are above those of h. Rounding is paid for in ``low`` and ``high``, at every layer.

The a_k that are left out weigh ``rest`` and add to the first N coefficients what is in those of c^k:
at most min_r r^(1-N) c(r)^k (Chernoff).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..activations import Activation
from ..activations.hermite import Array, coefficients_by_quadrature
from .chebyshev import EPS
from .layers import Network, Step, network
from .layers import moment as moment_of

if TYPE_CHECKING:
    from .kernel import Kernel

LOW, MIDDLE, FULL, HIGH = range(4)
LENGTHS = (16, 64, 256, 1024)
REACH = ((3, 1024), (10, 256), (math.inf, 64))  # (up to so many layers, length of what tails know)
MOST_TERMS = 50_000  # of a closed form
MOST_QUADRATURE = 4096
SPREAD = 1e-13  # 1 - c_0 below this: a constant


@dataclass(frozen=True, eq=False)
class Series:
    """(4, K + 1) coefficients of a function that is one at rho = 1."""

    rows: Array

    @property
    def middle(self) -> Array:
        """A_p as computed."""
        return np.asarray(self.rows[MIDDLE])

    @property
    def lack(self) -> float:
        """What the first K + 1 coefficients may lack in all."""
        return float(np.sum(self.rows[FULL]) - np.sum(self.rows[MIDDLE]))

    def tails(self, error: float) -> Array:
        """Lower bounds of sum_{p >= N} A_p, N = 0..K; error: of h(1), relative."""
        low, high = self.rows[LOW], self.rows[HIGH]
        ahead = np.cumsum(low[::-1])[::-1]
        before = np.concatenate([[0.0], np.cumsum(high)[:-1]])
        slack = len(low) * EPS
        left = 1.0 - before * (1.0 + slack)
        return np.asarray(np.maximum(np.maximum(ahead * (1.0 - slack), left) - error, 0.0))


@lru_cache(maxsize=64)
def _series(kernel: Kernel, length: int) -> Series:
    made = network(
        kernel.kind, kernel.layers, kernel.weight_var, kernel.bias_var, kernel.normalized
    )
    return Series(_of_network(made, kernel.layers, length))


def series_of(kernel: Kernel, kmax: int) -> Series:
    """The series of a deep kernel, at least up to kmax."""
    return _series(kernel, next((n for n in LENGTHS if n >= kmax), kmax))


def longest(kernel: Kernel) -> int:
    """The last N for which :func:`deep_tails` knows anything: a series costs its length to 2.5 a layer."""
    return next(length for layers, length in REACH if kernel.depth <= layers)


def deep_tails(kernel: Kernel, nmax: int) -> Array:
    """Lower bounds of sum_{p >= N} A_p, N = 0..nmax; zero beyond the longest series."""
    top = float(kernel.h.ends[0])
    if top == 0.0:
        return np.zeros(nmax + 1)
    tails = top * series_of(kernel, min(nmax, longest(kernel))).tails(kernel.error / top)
    return np.concatenate([tails, np.zeros(max(nmax + 1 - len(tails), 0))])[: nmax + 1]


def _of_network(made: Network, layers: tuple[Activation, ...], length: int) -> Array:
    k = np.zeros((4, length + 1))
    k[:, 1] = 1.0  # rho
    t = d = k
    for i, (step, act) in enumerate(zip(made.steps, layers, strict=True)):
        c = step.weight * k
        c[:, 0] += step.bias
        if made.kind == "ntk":
            t = step.carry * _times(t, d) + step.fresh * c if i else c
        if step.phi is not None:
            k = _composed(act, False, step, c)
        if step.dphi is not None:
            d = _composed(act, True, step, c)
    if made.kind == "nngp":
        return k
    if made.kind == "gradient":
        return _times(c, d)
    return made.carry * _times(t, d) + made.fresh * k


def _widened(x: Array, slack: float) -> Array:
    """Rounding, paid for."""
    x[LOW] *= 1.0 - slack
    x[HIGH] *= 1.0 + slack
    return x


def _times(x: Array, y: Array) -> Array:
    """The first coefficients of the product."""
    n = x.shape[1]
    out = np.array([np.convolve(a, b)[:n] for a, b in zip(x, y, strict=True)])
    return _widened(out, (n + 4.0) * EPS)


def _composed(act: Activation, derivative: bool, step: Step, c: Array) -> Array:
    """kappa(c) / kappa(1)."""
    n = c.shape[1]
    start = np.minimum(c[:, 0], 1.0)
    spread = 1.0 - start
    if np.min(spread) < SPREAD:
        return _constant(c)
    limit = MOST_TERMS if act.homogeneity is not None else MOST_QUADRATURE
    enough = (n + 12.0 * math.sqrt(n + 10.0) + 60.0) / float(np.min(spread))
    terms = int(min(limit, max(4 * n + 200, 400, enough)))
    a, rest = _squares(act, derivative, step, terms)
    if not np.any(start):
        f = a[:, :n].copy()
    else:
        f = _widened(_around(a, start, spread, n), 3.0 * EPS * terms)
    g = c / spread[:, None]
    g[:, 0] = 0.0
    if not np.any(g[:, 2:]):  # the first layer
        out = _widened(f * g[:, 1, None] ** np.arange(n), 2.0 * n * EPS)
        return _with_rest(out, c, rest, terms)
    block = max(math.isqrt(n), 1)
    out = _widened(
        np.array([_horner(f[i], g[i], block) for i in range(4)]),
        2.0 * (block + n / block + 2.0) * (n + 4.0) * EPS,
    )
    return _with_rest(out, c, rest, terms)


def _around(a: Array, start: Array, spread: Array, n: int) -> Array:
    """f_j = sum_k a_k b(k, j), j < n."""
    terms = a.shape[1] - 1
    f = np.zeros((4, n))
    if np.min(start) > 0.0 and terms * -math.log(np.min(start)) < 600.0:  # b(k, 0) is a double
        k = np.arange(terms + 1)
        b = start[:, None] ** k
        odds = (spread / start)[:, None]
        for j in range(n):
            f[:, j] = np.einsum("ik,ik->i", a, b)
            b *= odds * (np.maximum(k - j, 0) / (j + 1.0))
        return f
    row = np.zeros((4, n))
    row[:, 0] = 1.0
    for i in range(terms + 1):
        f += a[:, i, None] * row
        moved = spread[:, None] * row[:, :-1]
        row *= start[:, None]
        row[:, 1:] += moved
    return f


def _with_rest(out: Array, c: Array, rest: float, terms: int) -> Array:
    """With what the a_k, k > terms, may add."""
    for i in (FULL, HIGH):
        out[i] += np.diff(_added(c[i], rest, terms), prepend=0.0)
    return out


def _constant(c: Array) -> Array:
    """c is one for every rho, to rounding: so is what is made of it; where its few parts go is not known."""
    out = np.zeros_like(c)
    out[MIDDLE, 0] = out[FULL, 0] = 1.0
    out[HIGH, 0] = 1.0 + 1e-12
    return out


def _horner(f: Array, g: Array, block: int) -> Array:
    """sum_j f_j g^j, g_0 = 0, by powers up to ``block`` and Horner's rule over blocks."""
    n = len(g)
    powers = np.zeros((block + 1, n))
    powers[0, 0] = 1.0
    for j in range(1, block + 1):
        powers[j] = np.convolve(powers[j - 1], g)[:n]
    padded = np.concatenate([f, np.zeros(-len(f) % block)]).reshape(-1, block)
    sums = padded @ powers[:block]
    out = sums[-1]
    for part in sums[-2::-1]:
        out = np.convolve(out, powers[block])[:n] + part
    return np.asarray(out)


def _added(c: Array, rest: float, terms: int) -> Array:
    """What the a_k, k > terms, may add to the first N = 1..K+1 coefficients."""
    n = len(c)
    r = 1.0 - np.geomspace(1e-5, 0.99, 64)
    beyond = max(1.0 + 1e-12 - float(np.sum(c)), 0.0)
    at = (c @ r[None, :] ** np.arange(n)[:, None]) + beyond * r**n
    logs = terms * np.log(at)[:, None] - np.arange(n) * np.log(r)[:, None]
    return np.asarray(rest * np.exp(np.minimum(np.min(logs, axis=0), 0.0)))


def _squares(act: Activation, derivative: bool, step: Step, terms: int) -> tuple[Array, float]:
    """(4, terms + 1) a_k = mu_k^2 / sum mu_k^2, and what those beyond may weigh."""
    moment = step.dphi if derivative else step.phi
    assert moment is not None
    if not moment.end:  # nothing: any function will do
        return np.tile(np.eye(1, terms + 1), (4, 1)), 0.0
    if act.homogeneity is not None:
        mu = act.hermite_series(terms, derivative)
        whole = float(moment_of(act, derivative, 1.0).end)
    else:
        s, size = math.sqrt(float(step.variance)), float(moment.end.sqrt())
        f = act.derivative() if derivative else act.phi
        if s == 1.0:
            mu = act.hermite_series(terms, derivative) / size
        else:
            kinks = tuple(c / s for c in act.kinks)
            mu = coefficients_by_quadrature(lambda z: f(s * z) / size, kinks, terms)
        whole = float(moment.end / Decimal(size) ** 2)
    middle = mu * mu / whole
    k = np.arange(terms + 1)
    # Each mu is known to 4e-15 of the root mean square; an error of the variance moves it too.
    noise = (4e-15 + moment.error) * np.sqrt(middle) + 2e-29
    noise += 2.0 * step.drift * moment.moves * (k + 1.0) * middle
    low, high = np.maximum(middle - noise, 0.0), middle + noise
    rest = max(1.0 + 1e-14 - float(np.sum(low)), 0.0)
    return np.stack([low, middle, middle, high]), rest
