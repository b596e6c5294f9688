"""An activation of mean 0 and variance 1 under N(0, 1): f = (phi - E phi) / sd(phi), so that depth forgets nothing but cosines.

Its dual is f^(rho) = sum_(k>=1) alpha_k^2 rho^k with sum alpha_k^2 = 1: every layer of it keeps unit norms and shrinks
cosines, |f^(rho)| <= (1 - mu)|rho| + mu rho^2, mu = 1 - alpha_1^2 (Panigrahi, Shetty, Goyal; Agarwal, Awasthi, Kale 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .._arrays import Array
from ..activations import Activation
from ..kernels.layers import layer_dual


@dataclass(frozen=True)
class Shifted:
    """(phi(z) - mean) / spread."""

    act: Activation
    mean: float
    spread: float

    def __call__(self, z: Array) -> Array:
        return (self.act(z) - self.mean) / self.spread


@dataclass(frozen=True)
class Slope:
    """phi'(z) / spread."""

    act: Activation
    spread: float

    def __call__(self, z: Array) -> Array:
        return self.act.derivative()(z) / self.spread


def standardised(act: Activation, name: str) -> Activation:
    """(phi - E phi) / sd(phi).

    Parameters
    ----------
    act
        phi; equal ones give equal ones.
    name
        What it is called.

    Raises
    ------
    ValueError
        phi is constant.
    """
    mean = float(act.hermite(0))
    layer = layer_dual(act, False, 1.0)
    variance = layer.even_end + layer.odd_end - mean * mean
    if not variance > 0.0:
        raise ValueError(f"{name!r} has no variance under N(0, 1), and no standardised form.")
    spread = math.sqrt(variance)
    return Activation.from_function(
        Shifted(act, mean, spread), Slope(act, spread), kinks=act.kinks, name=name
    )
