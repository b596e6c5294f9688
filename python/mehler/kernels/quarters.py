"""A profile on four stretches: for each sign of rho a polynomial before the cut, and one beyond it.

    h(sigma (1 - ...)) = h(sigma) + x Q(y),   y = 2 x / cut - 1 for x < cut,   (2 x - 1 - cut) / (1 - cut) else

Deep kernels have no parity, and change the fastest near rho = 1: one polynomial for all of [0, 1] needs up to 45
terms for each of the even and the odd part. On the better of some cuts four of about 20 do, and an entry needs one of
them: the core takes each lane's coefficients out of a register of four (cpp/kernel/profile.hpp).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..activations.hermite import Array
from .chebyshev import chebyshev, chop, monomials, nodes

CUTS = (0.5, 0.42, 0.35, 0.28, 0.22, 0.16, 0.1)
NODES = 40


@dataclass(frozen=True, eq=False)
class Quarters:
    """Q on four stretches.

    Parameters
    ----------
    q
        (D + 1, 4) monomial coefficients in y, lowest first: rho >= 0 before and beyond the cut, rho < 0 the same.
    cut
        In (0, 1).
    """

    q: Array = field(repr=False)
    cut: float

    def __call__(self, positive: Array | np.ndarray, x: Array) -> Array:
        """Q(y)."""
        far = x >= self.cut
        y = np.where(far, (2.0 * x - 1.0 - self.cut) / (1.0 - self.cut), 2.0 * x / self.cut - 1.0)
        which = 2 * np.where(positive, 0, 1) + far
        value = np.zeros(np.broadcast(y, which).shape)
        for row in self.q[::-1]:
            value = value * y + row[which]
        return np.asarray(value)

    @property
    def terms(self) -> float:
        """What an entry costs, in terms of a polynomial: choosing coefficients takes some time, too."""
        return 1.2 * len(self.q)

    @property
    def form(self) -> str:
        """A few words."""
        return f"degree {len(self.q)} before and beyond {self.cut:g}"


def quarters_of(drops: Callable[[Array], tuple[Array, Array]], unit: float) -> Quarters:
    """The shortest of some cuts.

    Parameters
    ----------
    drops
        x -> (S, A), as ``profile.CosineKernel`` has them at the deficit of x.
    unit
        What need not be resolved.
    """
    y, _ = nodes(NODES)
    best: tuple[int, float, list[Array]] | None = None
    for cut in CUTS:
        parts: list[Array] = []
        pairs = []
        for low, high in ((0.0, cut), (cut, 1.0)):
            x = low + (high - low) * y
            same, flips = drops(x)
            pairs.append([chop(chebyshev(-(same + s * flips) / x), 0.25 * unit) for s in (1, -1)])
        parts = [pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]]
        most = max(len(c) for c in parts)
        if best is None or most < best[0]:
            best = most, cut, parts
    assert best is not None
    most, cut, parts = best
    q = np.zeros((max(most, 1), 4))
    for j, c in enumerate(parts):
        q[: len(c), j] = monomials(c)
    return Quarters(q, cut)
