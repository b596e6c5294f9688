"""How packed tiles hold an entry: as a double, as a float, or as a whole multiple of one unit.

    float64    8 bytes, |error| <= 2^-53 |K_ij|
    float32    4 bytes, |error| <= 2^-24 |K_ij|
    fixed32    4 bytes, |error| <= unit = 2^-31 max K_ii   (K_ij = unit k_ij, k_ij a 32-bit integer)

What rounding hides of the smallest eigenvalue is decided by the large entries, of which kernel matrices have many:
fixed point loses 100 times less of one than float32 does, for as many bytes and the same time; and it rounds by lot
(cpp/gram/rounding.hpp), so that errors are independent, of mean zero and at most half a unit in the mean square: they add
up to unit sqrt(n) in norm, whatever the points. Those of float32 may be aligned. Where norms differ much and small
entries matter, float32 is the better one.
"""

from __future__ import annotations

import math

import numpy as np

from .. import _core
from .._arrays import Array
from .disk import Disk

Packed = _core.Packed64 | _core.Packed32 | _core.PackedFixed32
PACKED = (_core.Packed64, _core.Packed32, _core.PackedFixed32)
BYTES = {"float64": 8, "float32": 4, "fixed32": 4}
SINGLE = ("float32", "fixed32")  # what a solver has to correct in float64
MOST = 2147483646.0  # units of fixed point in the largest entry (cpp/gram/rounding.hpp)
WIDEST = 64.0  # max K_ii / min K_ii up to which fixed point holds every diagonal entry better


def four_bytes(diagonal: Array) -> str:
    """The format of four bytes that serves a matrix with this diagonal: 'fixed32' or 'float32'."""
    low, high = float(np.min(diagonal)), float(np.max(diagonal))
    return "fixed32" if 0.0 < high <= WIDEST * low and high < np.inf else "float32"


def fill(
    points: _core.Points,
    profile: _core.Profile,
    kind: str,
    threads: int,
    ask: _core._Ask,
    top: float,
) -> Packed:
    """The tiles of a kernel matrix.

    Parameters
    ----------
    points, profile, threads, ask
        As the core takes them.
    kind
        'float64', 'float32' or 'fixed32'.
    top
        max K_ii.
    """
    if kind == "fixed32":
        return _core.PackedFixed32(points, profile, threads, ask, top)
    make = _core.Packed64 if kind == "float64" else _core.Packed32
    return make(points, profile, threads, ask)


def reach(kind: str, error: float, n: int) -> float:
    """How far storage may move one eigenvalue past another: twice |E|, of independent errors or of any.

    Parameters
    ----------
    kind
        The format.
    error
        What :func:`rounding` says.
    n
        Order.
    """
    return 4.0 * error / math.sqrt(n) if kind == "fixed32" else 2.0 * error


def rounding(K: Packed | Disk, threads: int) -> float:
    """A bound of |E| <= |E|_F, E what storage leaves of K."""
    if isinstance(K, (_core.PackedFixed32, _core.DiskFixed32)):
        return bound("fixed32", K.unit, K.size)
    kind = "float32" if isinstance(K, (_core.Packed32, _core.Disk32)) else "float64"
    return bound(kind, K.frobenius(threads), K.size)


def bound(kind: str, size: float, n: int) -> float:
    """The same from the format, and ``size``: the unit of fixed point, or |K|_F."""
    if kind == "fixed32":
        return (1.0 + 2e-6) * size * n
    return (2.0**-24 if kind == "float32" else 2.0**-53) * (1.0 + 1e-6) * size
