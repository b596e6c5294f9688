"""From the dual of one layer, or of many, to h: the table of a kernel's profile.

    h(rho) = (weight_var rho + bias_var) kappa(c(rho)) / divisor for gradient kernels, kappa(c(rho)) / divisor for nngp,
    c(rho) = (weight_var rho + bias_var) / (weight_var + bias_var).

More layers are ``layers.Network``. Invariant: h(1) - h(rho) comes from drops of kappa, never from a difference of values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..activations.hermite import Array
from .duals import Dual
from .layers import layer_dual, network
from .profile import ProfileTable, compile_profile

if TYPE_CHECKING:
    from .kernel import Kernel


@dataclass(frozen=True, eq=False)
class OneLayer:
    """h of depth 1 for the profile compiler: factor(rho) kappa(c(rho))."""

    dual: Dual = field(repr=False)
    weight: float
    bias: float
    gradient: bool
    divisor: float
    extra_error: float = 0.0

    def factor(self, rho: Array) -> Array:
        return self.weight * rho + self.bias if self.gradient else np.ones_like(rho)

    @property
    def error(self) -> float:
        size = self.weight + self.bias if self.gradient else 1.0
        return (size * self.dual.error + self.extra_error) / self.divisor

    @property
    def ends(self) -> tuple[float, float]:
        top = self.dual.even_end + self.dual.odd_end
        plus = float(self.factor(np.array(1.0))) * top / self.divisor
        minus = self._negative(np.array([0.0]))[0]
        return plus, float(minus) / self.divisor

    def drops(self, deficit: Array) -> tuple[Array, Array]:
        deficit = np.asarray(deficit, dtype=np.float64)
        if self.bias == 0.0:
            even, odd = self.dual.drops(deficit)
            if not self.gradient:
                return even / self.divisor, odd / self.divisor
            # h(+-r) = r weight (kappa_o +- kappa_e), r = 1 - deficit.
            a, b = self.dual.even_end, self.dual.odd_end
            unit = self.weight / self.divisor
            same = unit * (deficit * b + (1.0 - deficit) * odd)
            flips = unit * (deficit * a + (1.0 - deficit) * even)
            return same, flips
        q = self.weight + self.bias
        even, odd = self.dual.drops(self.weight / q * deficit)
        top = self.dual.even_end + self.dual.odd_end
        slope = self.weight if self.gradient else 0.0
        plus = slope * deficit * top + self.factor(1.0 - deficit) * (even + odd)
        minus = self._negative(np.array([0.0])) - self._negative(deficit)
        return (plus + minus) / (2.0 * self.divisor), (plus - minus) / (2.0 * self.divisor)

    def _negative(self, deficit: Array) -> Array:
        """h(-(1 - deficit)) times the divisor."""
        q = self.weight + self.bias
        above = (2.0 * self.bias + self.weight * deficit) / q  # 1 + c
        negative = above <= 1.0
        even, odd = self.dual.drops(np.where(negative, above, 2.0 - above))
        sign = np.where(negative, -1.0, 1.0)
        kappa = (self.dual.even_end - even) + sign * (self.dual.odd_end - odd)
        return np.asarray(self.factor(deficit - 1.0) * kappa)


@lru_cache(maxsize=256)
def profile_of(kernel: Kernel) -> ProfileTable:
    if kernel.deep:
        deep = (kernel.kind, kernel.layers, kernel.weight_var, kernel.bias_var, kernel.normalized)
        made = network(*deep)
        return compile_profile(made, made.unit)
    q = kernel.weight_var + kernel.bias_var
    gradient, act = kernel.kind == "gradient", kernel.layers[0]
    main = layer_dual(act, gradient, q)
    divisor = 1.0
    if kernel.normalized:
        layer = layer_dual(act, False, q)
        divisor = layer.even_end + layer.odd_end
    extra = 0.0
    if gradient and act.dphi_error > 0.0:
        top = main.even_end + main.odd_end
        extra = 2.0 * q * math.sqrt(top) * act.dphi_error
    return compile_profile(
        OneLayer(main, kernel.weight_var, kernel.bias_var, gradient, divisor, extra)
    )
