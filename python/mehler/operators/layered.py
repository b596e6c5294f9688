"""Points of unequal norm for kernels that are not homogeneous: what the core holds of them.

With a bias, points are lifted to (x, sqrt(bias_var / weight_var)): the cosine of two lifted points is the
correlation of their first preactivations. Invariant: points that meet in one matrix bring layers of one
:class:`NormKernel`, whose range holds all their norms.
"""

from __future__ import annotations

import math
from typing import TypeGuard

import numpy as np

from .. import _core
from .._arrays import Array
from ..kernels import Kernel
from ..kernels.norms import NormKernel, norm_kernel


class LayeredPoints(_core.Points):
    """Points that bring their layers to every tile.

    Attributes
    ----------
    layers
        The kernel over the range of their norms.
    """

    layers: NormKernel

    def __init__(self, X: Array, norms: Array, layers: NormKernel, threads: int) -> None:
        ker = layers.kernel
        if ker.bias_var > 0.0:
            lift = math.sqrt(ker.bias_var / ker.weight_var)
            X = np.ascontiguousarray(np.column_stack([X, np.full(len(X), lift)]))
        super().__init__(X, 0.0, True, threads, layers.points(norms))
        self.layers = layers


def layered(points: _core.Points) -> TypeGuard[LayeredPoints]:
    """Whether the points bring layers: then no entry of K is a function of the cosine alone."""
    return isinstance(points, LayeredPoints)


def layers_of(kernel: Kernel, *norms: Array) -> NormKernel:
    """The kernel over the range of all these norms."""
    return norm_kernel(
        kernel, min(float(np.min(x)) for x in norms), max(float(np.max(x)) for x in norms)
    )
