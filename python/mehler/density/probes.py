"""What random vectors saw of a matrix B of order N: one Lanczos recurrence each, and the rules they give.

    v_m ~ N(0, I) in N dimensions,   mu_m(x) = sum_i (u_i . v_m)^2 [lambda_i <= x] / |v_m|^2,
    T_m and beta_k: k steps of Lanczos from v_m, known to mu_m up to the moment of order 2k

Gauss           k nodes: of a completely monotone f (1/x, -log x, ...) a lower bound of int f dmu_m
Gauss-Radau     one node more, at a <= lambda_min(B): an upper bound
                (Golub and Meurant, Matrices, Moments and Quadrature, 2010, theorems 6.3 and 6.4)
canonical       a node at x: between its weights below x and those up to x lies mu_m(x) (cpp/solve/canonical_rule.hpp)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import _core
from .._arrays import Array

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Probes:
    """M recurrences.

    Attributes
    ----------
    order
        N.
    squares
        |v_m|^2, (M,).
    alpha, beta
        T_m, a column each, (k, M), the last of beta the one that leads on; 0 where the recurrence has ended.
    lengths
        Steps of each, (M,).
    trace
        Of the matrix, where its diagonal is known; else NaN.
    """

    order: int
    squares: Array
    alpha: Array
    beta: Array
    lengths: tuple[int, ...]
    trace: float = math.nan

    def __len__(self) -> int:
        return len(self.lengths)

    def recurrence(self, m: int) -> tuple[Array, Array]:
        """T_m: diagonal (k,) and coupling (k,), the last of them leading on."""
        k = self.lengths[m]
        return np.ascontiguousarray(self.alpha[:k, m]), np.ascontiguousarray(self.beta[:k, m])

    def gauss(self, m: int) -> tuple[Array, Array]:
        """Nodes, ascending, and weights, which sum to |v_m|^2."""
        alpha, beta = self.recurrence(m)
        return self._rule(alpha, beta[:-1], m)

    def radau(self, m: int, a: float) -> tuple[Array, Array]:
        """The same with a node at a, lowered by rounding where T does not lie above it."""
        alpha, beta = self.recurrence(m)
        if beta[-1] == 0.0:
            return self.gauss(m)
        at, step = a, EPS * float(np.max(np.abs(alpha)) + np.max(beta))
        while (pivot := _last_pivot(alpha, beta, at)) <= 0.0:
            at, step = min(a, at) - step, 2.0 * step
        return self._rule(np.append(alpha, at + beta[-1] ** 2 / pivot), beta, m)

    def _rule(self, alpha: Array, beta: Array, m: int) -> tuple[Array, Array]:
        T = np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1)
        nodes, S = np.linalg.eigh(T)
        return nodes, float(self.squares[m]) * S[0] ** 2

    def lowest(self) -> float:
        """The lowest Ritz value of all: lambda_min(B) is not above."""
        return min(float(self.gauss(m)[0][0]) for m in range(len(self)))

    def highest(self) -> float:
        """The highest Ritz value of all: lambda_max(B) is not below."""
        return max(float(self.gauss(m)[0][-1]) for m in range(len(self)))

    def share_below(self, low: Array, high: Array, threads: int) -> tuple[Array, Array]:
        """Of F(x) = sum_m |v_m|^2 mu_m(x) / sum_m |v_m|^2 a lower bound at ``low`` and an upper bound at ``high``."""
        lower, upper = np.zeros(len(low)), np.zeros(len(high))
        for m in range(len(self)):
            below, above = _core.measure_bounds(*self.recurrence(m), low, high, threads)
            lower += self.squares[m] * below
            upper += self.squares[m] * above
        total = float(np.sum(self.squares))
        slack = 1e-12  # weights of a rule are right to rounding, by norm
        return np.maximum(lower / total - slack, 0.0), np.minimum(upper / total + slack, 1.0)


def _last_pivot(alpha: Array, beta: Array, shift: float) -> float:
    """Of T - shift I = L D L^T, where it is positive definite; else not above 0."""
    d = math.inf
    for j, a in enumerate(alpha):
        d = float(a) - shift - (float(beta[j - 1]) ** 2 / d if j else 0.0)
        if d <= 0.0:
            return d
    return d
