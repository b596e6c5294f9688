"""Points of unequal norm for kernels that are not homogeneous: what the core holds of them.

With a bias, points are lifted to (x, sqrt(bias_var / weight_var)): the cosine of two lifted points is the
correlation of their first preactivations. Invariant: points that meet in one matrix bring layers of one
:class:`NormKernel`, whose range holds all their norms.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np

from .. import _core
from .._arrays import Array
from ..errors import PrecisionWarning
from ..kernels import Kernel
from ..kernels.norms import Half, NormKernel, norm_kernel
from ..kernels.trained import PRECISION_GOAL


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
            lift = math.sqrt(_lift(ker))
            X = np.ascontiguousarray(np.column_stack([X, np.full(len(X), lift)]))
        super().__init__(
            X, 0.0, True, threads, _core.PointLayers(stack_of(layers), *layers.tables(norms))
        )
        self.layers = layers


@lru_cache(maxsize=32)
def stack_of(layers: NormKernel) -> _core.LayerStack:
    """The same in the core: points that meet share it."""

    def made(side: Half | None) -> Any:
        return None if side is None else side.table.compiled

    ker, pairs = layers.kernel, [(made(one.phi), made(one.dphi)) for one in layers.layers]
    return _core.LayerStack(ker.kind, ker.weight_var, ker.bias_var, pairs)


def layered(points: _core.Points | None) -> TypeGuard[LayeredPoints]:
    """Whether the points bring layers: then no entry of K is a function of the cosine alone."""
    return isinstance(points, LayeredPoints)


def layers_of(kernel: Kernel, *norms: Array) -> NormKernel:
    """The kernel over the range of all these norms."""
    return norm_kernel(
        kernel, min(float(np.min(x)) for x in norms), max(float(np.max(x)) for x in norms)
    )


def refuse(points: _core.Points, what: str, instead: str = "") -> None:
    """ValueError where the points bring layers: ``what`` goes by a function of the cosine alone.

    ``instead``: what does not; else that is all but ``what``.
    """
    if not layered(points):
        return
    norms = np.sqrt(np.square(points.norms()) - _lift(points.layers.kernel))
    raise ValueError(
        f"points must have unit norm for {points.layers.kernel.name!r}, which is not homogeneous, with {what}; "
        f"found norms from {norms.min():.6g} to {norms.max():.6g}. Pass normalize=True, or {instead or f'ask without {what}'}."
    )


def _lift(kernel: Kernel) -> float:
    return kernel.bias_var / kernel.weight_var


def warn_of(layers: NormKernel) -> None:
    """PrecisionWarning where entries are known less precisely than 1e-12 sqrt(K_ii K_jj)."""
    error = layers.error
    if error > PRECISION_GOAL:
        warnings.warn(
            f"the kernel of {layers.kernel.name!r} between points of unequal norm is known to {error:.1e} "
            f"sqrt(K_ii K_jj) only, more than {PRECISION_GOAL:.0e}; gram(...).error says so. Norms nearer to each "
            "other, fewer layers or normalize=True help.",
            PrecisionWarning,
            stacklevel=5,
        )
