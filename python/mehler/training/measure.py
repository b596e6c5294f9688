"""The spectral measure of a residual, and the loss that it decays to.

    r(t) = (I - eta K)^t r,   L(t) = |r(t)|^2 / 2 = (1/2) int (1 - eta x)^(2t) dmu(x),   mu = sum_i (v_i . r)^2 delta_i

and exp(-2 eta x t) for gradient flow. mu is known whole (every eigenpair), or by k steps of Lanczos from r, whose
Jacobi matrix T gives quadrature rules (Golub and Meurant, Matrices, Moments and Quadrature, 2010, theorems 6.3 to 6.6):

    Gauss            error f^(2k)(x) / (2k)! int prod (x - x_j)^2 dmu                        >= 0: a lower bound
    Gauss-Radau      a node at a <= lambda_min: f^(2k+1) / (2k+1)! int (x - a) prod^2 dmu   <= 0: an upper bound
    Gauss-Lobatto    nodes at a and b >= lambda_max: f^(2k) / (2k)! int (x - a) (x - b) prod^2 <= 0: an upper bound

since even derivatives of both functions are >= 0 everywhere and odd ones <= 0: of the flow everywhere, of the descent
while eta x <= 1. So Radau bounds while eta lambda_max <= 1, Lobatto beyond. Rounding counts as a change E of K:

    |dL(t)| <= 2 t eta |E| sqrt(L(0) L(2t - 1)),

by the telescoping sum of (I - eta K)^(2t) - (I - eta K - eta E)^(2t), Cauchy-Schwarz, and L log-convex in t; L(2t - 1)
is that of eigenvalues which E has moved to where they decay slowest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._arrays import Array

EPS = float(np.finfo(np.float64).eps)
LONGEST = 2**62  # steps
LEAST = 1e-150  # of |r|^2: losses below are not told apart, since squares of them are no doubles
HIGHEST = 500.0  # logarithm of what a loss may grow by: beyond, it is this


@dataclass(frozen=True, eq=False)
class Rule:
    """Nodes and non-negative weights of a quadrature rule for mu."""

    nodes: Array
    weights: Array

    def loss(self, step_size: float, steps: Array, flow: bool, error: float = 0.0) -> Array:
        """(1/2) sum_j w_j (1 - eta x_j)^(2t), or of the flow, at all steps; of nodes that are ``error`` slower."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(0.5 * self._powers(step_size, steps, flow, error) @ self.weights)

    def slowest(self, step_size: float, steps: Array, flow: bool) -> Array:
        """The largest factor of a node, |1 - eta x|^t."""
        powers = self._powers(step_size, steps, flow, 0.0)
        return np.asarray(np.sqrt(np.max(powers, axis=1)))

    def _powers(self, step_size: float, steps: Array, flow: bool, error: float) -> Array:
        """(|1 - eta x_j| + eta error)^(2t), (steps, nodes)."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            x = step_size * self.nodes
            e = step_size * error
            rate = (
                e - x if flow else np.where(x < 0.5, np.log1p(e - x), np.log(np.abs(1.0 - x) + e))
            )
            powers = np.exp(np.minimum(2.0 * np.multiply.outer(steps, rate), HIGHEST))
        powers[steps == 0.0] = 1.0  # also where a factor is 0
        return np.asarray(powers)


@dataclass(frozen=True, eq=False)
class Measure:
    """mu of a residual.

    Parameters
    ----------
    size
        |r|^2.
    error
        |E|: how far the matrix that was seen may be from the one that was meant.
    largest
        At least lambda_max.
    spectrum
        mu itself, where every eigenpair is known, or Lanczos has come to an end.
    alpha, beta
        T of k steps of Lanczos: (k,) and (k,), the last of beta the one that leads on.
    least
        At most lambda_min.
    applications
        Products with K.
    """

    size: float
    error: float
    largest: float
    spectrum: Rule | None = None
    alpha: Array = field(default_factory=lambda: np.zeros(0))
    beta: Array = field(default_factory=lambda: np.zeros(0))
    least: float = 0.0
    applications: int = 0

    def gauss(self) -> Rule:
        """The k nodes of T, or mu itself."""
        return self.spectrum or self._rule(self.alpha, self.beta[:-1])

    def radau(self) -> Rule:
        """One node at ``least``, lowered by rounding where T does not admit it."""
        if self.spectrum is not None:
            return self.spectrum
        a, step = self.least, max(self.error, EPS * self.largest)
        while (pivot := self._last_pivot(a)) <= 0.0:
            a, step = min(a, self.least) - step, 2.0 * step
        last = a + self.beta[-1] ** 2 / pivot
        return self._rule(np.append(self.alpha, last), self.beta)

    def lobatto(self) -> Rule:
        """Nodes at ``least`` (or below) and ``largest`` (or above)."""
        if self.spectrum is not None:
            return self.spectrum
        a, step = self.least, max(self.error, EPS * self.largest)
        while (low := self._last_pivot(a)) <= 0.0:
            a, step = min(a, self.least) - step, 2.0 * step
        b, step = self.largest, max(self.error, EPS * self.largest)
        while (high := self._last_pivot(b, -1.0)) <= 0.0:
            b, step = b + step, 2.0 * step
        # [1, -1/low; 1, 1/high] [alpha; beta^2] = [a; b]
        square = (b - a) / (1.0 / low + 1.0 / high)
        beta = np.append(self.beta[:-1], math.sqrt(square))
        return self._rule(np.append(self.alpha, a + square / low), beta)

    def _last_pivot(self, shift: float, sign: float = 1.0) -> float:
        """Of sign (T - shift I) = L D L^T, which is positive definite; else not above 0."""
        d = math.inf
        for j, a in enumerate(self.alpha):
            coupling = self.beta[j - 1] ** 2 / d if j else 0.0
            d = sign * (float(a) - shift) - coupling
            if d <= 0.0:
                return d
        return d

    def _rule(self, alpha: Array, beta: Array) -> Rule:
        T = np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1)
        nodes, V = np.linalg.eigh(T)
        return Rule(nodes, self.size * V[0] ** 2)

    def upper_rule(self, step_size: float, flow: bool) -> Rule:
        """The rule that bounds from above, as the module says."""
        monotone = flow or step_size * self.largest <= 1.0 + 1e-6
        return self.radau() if monotone else self.lobatto()

    def decay(self, step_size: float, flow: bool = False) -> Decay:
        """The loss under this step size."""
        return Decay(self, step_size, flow, self.gauss(), self.upper_rule(step_size, flow))


@dataclass(frozen=True, eq=False)
class Decay:
    """L(t) between two rules."""

    measure: Measure
    step_size: float
    flow: bool
    below: Rule
    above: Rule

    def bounds(self, steps: Any) -> tuple[Array, Array, Array]:
        """(lower, upper, floor) of the loss at steps >= 0; rounding is counted in the bounds, of which floor is left at best."""
        t = np.asarray(steps, dtype=np.float64)
        lower = self.below.loss(self.step_size, t, self.flow)
        upper = lower if self.exact else self.above.loss(self.step_size, t, self.flow)
        with np.errstate(over="ignore", invalid="ignore"):
            change, floor = (
                self._rounding(t, upper, self.above),
                self._rounding(t, lower, self.below),
            )
            return np.maximum(lower - change, 0.0), upper + change, floor

    def _rounding(self, t: Array, loss: Array, rule: Rule) -> Array:
        """|dL(t)|, as the module says, of the losses of a rule."""
        eta, error = self.step_size, self.measure.error
        late = rule.loss(eta, np.maximum(2.0 * t - (not self.flow), 0.0), self.flow, error)
        change = 2.0 * t * eta * error * np.sqrt(0.5 * self.measure.size * late)
        # and as a change of r, by eps in every direction
        slow = self.below.slowest(self.step_size, t, self.flow)
        moved = 4.0 * EPS * math.sqrt(self.measure.size) * slow
        change += 4.0 * EPS * loss + moved * np.sqrt(2.0 * loss) + 0.5 * moved**2
        return np.asarray(change + LEAST * self.measure.size * (t > 0.0))

    @property
    def exact(self) -> bool:
        """Whether mu is known whole."""
        return self.measure.spectrum is not None

    def first_below(self, target: float, which: int) -> float:
        """The first step whose lower (0) or upper (1) bound is at most the target; infinity where there is none."""

        def at(t: float) -> float:
            return float(self.bounds(np.array([t]))[which][0])

        if at(0.0) <= target:
            return 0.0
        high = 1.0
        while not at(high) <= target:
            high *= 2.0
            if high > LONGEST:
                return math.inf
        low = high / 2.0 if high > 1.0 else 0.0
        while high - low > max(1.0, 1e-12 * high):
            middle = math.floor(0.5 * (low + high))
            if middle in (low, high):
                break
            low, high = (low, middle) if at(middle) <= target else (middle, high)
        return high
