"""Points in the core, as a kernel takes them, and what they say of the matrix before it is filled.

    K_ii = h(1) |x_i|^(2q), and how well entries are known

Points of unequal norm bring their layers (``layered``), unless the kernel is homogeneous.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import _core
from .._arrays import UNIT, Array, thread_count
from ..kernels import Kernel
from .layered import LayeredPoints, layered, layers_of, warn_of


def core_points(
    X: Array, kernel: Kernel, threads: int | None, *, normalize: bool = False
) -> _core.Points:
    """Points in the core; of unequal norm, with their layers unless the kernel is homogeneous."""
    (points,) = meeting_points([X], kernel, threads, normalize=normalize)
    return points


def meeting_points(
    sets: Sequence[Array], kernel: Kernel, threads: int | None, *, normalize: bool = False
) -> list[_core.Points]:
    """Sets of points that meet in one matrix, in the core."""
    count = thread_count(threads)
    if normalize:
        from ..data.points import normalize as to_unit_norm

        sets = [to_unit_norm(X) for X in sets]
    q = kernel.homogeneity
    found = [_core.Points(X, 0.0 if q is None else float(q), False, count) for X in sets]
    norms = [points.norms() for points in found]
    if not all(np.isfinite(one).all() for one in norms):
        raise ValueError(
            "X holds points whose norm overflows; divide X by a constant, or pass normalize=True."
        )
    off = [bool((np.abs(one - 1.0) > UNIT).any()) for one in norms]
    if q is None:
        if not any(off):
            return found
        layers = layers_of(kernel, *norms)
        warn_of(layers)
        del found  # not two copies of the points at a time
        return [LayeredPoints(X, one, layers, count) for X, one in zip(sets, norms, strict=True)]
    for i, one in enumerate(norms):
        if not off[i]:
            if q:
                found[i] = _core.Points(sets[i], 0.0, True, count)
            continue
        with np.errstate(over="ignore", under="ignore"):
            power = one ** (2.0 * q)
        if not ((power >= 1e-280).all() and (power <= 1e280).all()):
            raise ValueError(
                f"the norms of X raised to {2.0 * q:g} leave the range of doubles; rescale X, or pass "
                "normalize=True."
            )
    return found


def core_diagonal(points: _core.Points, kernel: Kernel) -> Array:
    """K_ii, as the core has it: (|x_i|^q)^2 h(1), norms that are one but for rounding being one."""
    if layered(points):
        return points.diagonal()
    norms, top, q = points.norms(), float(kernel.h.ends[0]), kernel.homogeneity
    if q is None or not (np.abs(norms - 1.0) > UNIT).any():
        return np.full(len(norms), top)
    scale = norms**q
    return np.asarray(scale * scale * top)


def relative_error(points: _core.Points, kernel: Kernel) -> float:
    """Estimated largest error of an entry, relative to sqrt(K_ii K_jj)."""
    if layered(points):
        return points.layers.error
    return kernel.error / float(kernel.h.ends[0]) if kernel.h.ends[0] else 0.0


def check_float32(diagonal: Array) -> None:
    """Refuse diagonal entries that float32 cannot hold."""
    if not (diagonal.max() <= 1e38 and diagonal.min() >= 1e-37):
        raise ValueError(
            f"diagonal entries from {diagonal.min():.1e} to {diagonal.max():.1e} leave the range of "
            "float32; rescale X, pass normalize=True, or dtype='float64'."
        )
