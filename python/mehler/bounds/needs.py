"""How deep, how wide: what suffices for lambda_min to be large, or to stay as large as at infinite width.

depth   with f = (phi - E phi) / sd(phi), mu = 1 - alpha_1^2 the share of its variance that is not linear, and
        1 - |rho| >= delta^2 / 2 for every pair: after L > L0 = ceil(log(1/delta^2) / log(1 + mu/2)) layers
        |rho_L| <= 1/2 (1 - mu/2)^(L - L0), and lambda_min(K_L) >= 1 - (n-1) |rho_L| >= 1/2 once that is 1/(2n).
width   G_m is a mean of m independent matrices of norm <= R = weight_var B^2 |X|^2, B = sup |phi'|, a_k^2 = 1: by the matrix Chernoff
        bound lambda_min(G_m) >= lambda/2 with probability 1 - n exp(-0.153 m lambda / R).
"""

from __future__ import annotations

import math

import numpy as np

from .._arrays import Array
from ..activations import Activation
from ..kernels import Kernel

FAILURE = 0.01
CHERNOFF = 0.5 - 0.5 * math.log(2.0)  # -log(e^(-1/2) / (1/2)^(1/2)) at half of the mean


def nonlinearity(act: Activation) -> float | None:
    """mu = 1 - mu_1(phi)^2 / Var phi(Z), or None for an activation without variance."""
    from ..kernels.layers import layer_dual

    layer = layer_dual(act, False, 1.0)
    mean, linear = (float(act.hermite(k)) for k in (0, 1))
    variance = layer.even_end + layer.odd_end - mean**2
    return 1.0 - linear**2 / variance if variance > 0.0 else None


def depth_needed(act: Activation, n: int, separation: float) -> int | None:
    """Layers of the normalised activation after which lambda_min is at least half of the diagonal."""
    mu = nonlinearity(act)
    if mu is None or not mu > 1e-12 or not separation > 0.0:
        return None
    start = max(0, math.ceil(math.log(1.0 / separation**2) / math.log1p(0.5 * mu)))
    wanted = 1.0 / (2.0 * n)
    more = max(1, math.ceil(math.log(0.5 / wanted) / -math.log1p(-0.5 * mu)))
    return start + more


def steepest(act: Activation) -> float | None:
    """sup |phi'|, or None where phi' grows without bound (or is not known at infinity)."""
    if act.dphi is None:
        return None
    z = np.concatenate([np.linspace(-40.0, 40.0, 200_001), np.geomspace(40.0, 1e8, 400)])
    z = np.concatenate([z, -z])
    with np.errstate(all="ignore"):
        slope = np.abs(act.dphi(z))
    if not np.all(np.isfinite(slope)):
        return None
    far = float(np.max(slope[np.abs(z) > 1e6]))
    near = float(np.max(slope[np.abs(z) <= 40.0]))
    # between two points of the grid, 8e-4 apart
    return near * 1.001 if far <= near * (1.0 + 1e-9) else None


def width_needed(ker: Kernel, U: Array, lower: float) -> int | None:
    """Neurons for lambda_min(G_m) >= lower / 2 with probability 0.99; gradient kernels of one layer without biases."""
    if (
        ker.kind != "gradient"
        or ker.depth != 1
        or ker.bias_var
        or ker.normalized
        or not lower > 0.0
    ):
        return None
    B = steepest(ker.layers[0])
    if B is None:
        return None
    size = ker.weight_var * B * B * float(np.linalg.norm(U, 2)) ** 2
    return math.ceil(size / lower * math.log(len(U) / FAILURE) / CHERNOFF)
