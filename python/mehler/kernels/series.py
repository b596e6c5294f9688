"""Power series of one layer's kernel, h(rho) = sum_p A_p rho^p with all A_p >= 0, and lower bounds of its tails."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..activations.hermite import Array, coefficients_by_quadrature
from .layers import layer_dual, scaled

if TYPE_CHECKING:
    from .kernel import Kernel

MAX_SERIES = 1_000_000
MAX_QUADRATURE_SERIES = 4096
MAX_MIXED_SERIES = 50_000


def layer_squares(kernel: Kernel, kmax: int) -> Array:
    """mu_k^2 of phi'(s z) (gradient) or phi(s z) (nngp), divided by the normalisation."""
    act, gradient = kernel.layers[0], kernel.kind == "gradient"
    s = math.sqrt(kernel.weight_var + kernel.bias_var)
    if s == 1.0:
        mu = act.hermite_series(kmax, gradient)
    elif act.homogeneity is not None:
        degree = act.homogeneity - 1.0 if gradient else act.homogeneity
        mu = s**degree * act.hermite_series(kmax, gradient)
    else:
        f = act.derivative() if gradient else act.phi
        kinks = tuple(c / s for c in act.kinks)
        mu = coefficients_by_quadrature(scaled(f, s), kinks, kmax)
    squares = mu * mu
    if kernel.normalized:
        layer = layer_dual(act, False, kernel.weight_var + kernel.bias_var)
        squares = squares / (layer.even_end + layer.odd_end)
    return np.asarray(squares)


@lru_cache(maxsize=64)
def coefficients(kernel: Kernel, kmax: int) -> Array:
    weight, bias = kernel.weight_var, kernel.bias_var
    if bias == 0.0:
        a = layer_squares(kernel, kmax)
        return a if kernel.kind == "nngp" else weight * np.concatenate([[0.0], a[:-1]])
    mixed = mixed_by_bias(kernel, kmax)[0]
    if kernel.kind == "nngp":
        return mixed
    return bias * mixed + weight * np.concatenate([[0.0], mixed[:-1]])


@lru_cache(maxsize=64)
def mixed_by_bias(kernel: Kernel, kmax: int) -> tuple[Array, Array, float]:
    """With a bias: coefficients of the layer's dual in powers of rho, and what they may lack.

    c^k = sum_j C(k, j) w^j (1-w)^(k-j) rho^j, c = w rho + 1 - w: binomial probabilities mix the
    coefficients a_k in powers of c. The second array bounds, for each N, what the k that are left out
    would add to the first N coefficients: a_k P(Bin(k, w) < N) <= a_k P(Bin(terms, w) < N). The third
    is the relative rounding of the probabilities.
    """
    weight, bias = kernel.weight_var, kernel.bias_var
    w = weight / (weight + bias)
    enough = (kmax + 12.0 * math.sqrt(kmax + 10.0) + 60.0) / w  # Bin(k, w) > kmax beyond
    limit = MAX_MIXED_SERIES if kernel.layers[0].series is not None else MAX_QUADRATURE_SERIES
    terms = int(min(limit, max(4 * kmax + 200, 400, enough)))
    a = layer_squares(kernel, terms)
    row, mixed = np.zeros(kmax + 1), np.zeros(kmax + 1)
    row[0] = 1.0
    for k in range(terms + 1):
        mixed += a[k] * row
        row = (1.0 - w) * row + w * np.concatenate([[0.0], row[:-1]])
    whole = float(kernel.h.ends[0])
    if kernel.kind == "gradient":
        whole /= weight + bias
    rest = max(whole * (1.0 + 1e-14) + 4e-15 * whole - float(np.sum(a)), 0.0)
    before = np.minimum(np.concatenate([[0.0], np.cumsum(row)]) * (1.0 + 1e-12) + 1e-300, 1.0)
    slack = 3.0 * 2.3e-16 * terms
    return mixed, rest * before[: kmax + 1] * (1.0 + slack), slack


def last_known(kernel: Kernel) -> int:
    """The last coefficient that is computed: far where a recurrence has them, not where each is a quadrature."""
    act = kernel.layers[0]
    usual = kernel.weight_var + kernel.bias_var == 1.0 or act.homogeneity is not None
    closed = act.series is not None and usual and kernel.bias_var == 0.0
    return MAX_SERIES if closed else MAX_QUADRATURE_SERIES


@lru_cache(maxsize=64)
def tails_of(kernel: Kernel, nmax: int) -> Array:
    """Lower bounds of sum_{p >= N} A_p for N = 0..nmax."""
    top, eps = float(kernel.h.ends[0]), 2.3e-16
    known = min(max(nmax + 64, 512), last_known(kernel))
    a = np.asarray(coefficients(kernel, known))[: known + 1]
    # Each coefficient is a square of mu, known to 4e-15 sqrt(h(1)) absolutely.
    noise = 4e-15 * np.sqrt(top * a) + 2e-29 * top
    lack: Array | float = 0.0
    scale = 1.0
    if kernel.bias_var != 0.0:
        _, lack, slack = mixed_by_bias(kernel, known)
        scale = 1.0 if kernel.kind == "nngp" else kernel.weight_var + kernel.bias_var
        noise += slack * a
    # Route 1: add up what is known beyond N. All terms are positive: no cancellation.
    sure = np.maximum(a - noise, 0.0)
    ahead = np.cumsum(sure[::-1])[::-1] * (1.0 - 4.0 * eps * math.log2(known + 2) - known * eps)
    # Route 2: subtract what stands before N from h(1): right when the series is long.
    before = np.concatenate([[0.0], np.cumsum(a + noise)[:-1]])
    before += scale * lack
    count = np.arange(known + 1)
    left = top - kernel.error - before * (1.0 + count * eps)
    tails = np.maximum(np.maximum(ahead, left), 0.0)
    if nmax > known:
        tails = np.concatenate([tails, np.zeros(nmax - known)])
    return np.asarray(tails[: nmax + 1])
