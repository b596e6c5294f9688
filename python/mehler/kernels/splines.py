"""The dual of a spline with kinks anywhere, between points of unequal norm: what the core wants of it.

With kinks away from zero the dual has a layer of width |s - t| around equal norms and c = 1, which no table
resolves. The core integrates bivariate normal densities instead (cpp/kernel/spline_dual.hpp), entry by entry;
each point brings s, sqrt(E f(s Z)^2), and means of f and its derivatives at s Z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..activations.activation import Spline
from ..activations.hermite import Array, density, gauss_legendre
from .curves import Curve

POINTS = 16  # of Gauss and Legendre a panel
_cdf = np.vectorize(lambda z: 0.5 * math.erfc(-z / math.sqrt(2.0)), otypes=[np.float64])


def derived(spline: Spline) -> Spline:
    """The spline of phi'."""
    base, jumps = spline
    return tuple(m * c for m, c in enumerate(base))[1:], tuple((c, r - 1, s) for c, r, s in jumps)


@dataclass(frozen=True, eq=False)
class SplineTable:
    """A spline f as the core takes it.

    Parameters
    ----------
    spline
        f: orders of its jumps differ by one at most, and the degree of its polynomial is at most their least.
    odd
        Whether f is odd.
    size
        log E f(s Z)^2 over log s.
    """

    spline: Spline
    odd: bool
    size: Curve = field(repr=False)
    error: float = 1e-14
    slope: float = 0.0
    speed: float = 1.0

    @property
    def terms(self) -> float:
        """What an entry costs, in terms of a polynomial."""
        return 300.0 * len(self.spline[1]) ** 2

    @property
    def order(self) -> int:
        """r, the least order of a jump."""
        return min(r for _, r, _ in self.spline[1])

    def rows(self, a: Array) -> Array:
        """(n, m + 4): s, sqrt(E f^2), E f^(j), j < m, and E of the steps and of the deltas in f^(m)."""
        base, jumps = self.spline
        m, s = self.order + 1, np.exp(a)
        columns = [s, np.exp(0.5 * self.size(a)[:, 0])]
        for j in range(m):
            # E (s Z)^k by moments of Z
            total = np.zeros_like(a)
            for k in range(j, len(base), 1):
                p = k - j
                if p % 2 == 0:
                    total += base[k] * math.perm(k, j) * s**p * math.prod(range(1, p, 2))
            for c, r, size in jumps:
                total += size * s ** (r - j) * _power_mean(c / s, r - j)
            columns.append(total)
        columns.append(
            sum((x * _cdf(-c / s) for c, r, x in jumps if r == m), start=np.zeros_like(a))
        )
        columns.append(sum((x * density(c / s) / s for c, r, x in jumps if r < m), start=0.0 * a))
        return np.ascontiguousarray(np.stack(columns, axis=1))

    @cached_property
    def compiled(self) -> Any:
        """The same in the compiled core."""
        from .. import _core

        r, jumps = self.order, self.spline[1]
        kinks = np.array(
            [
                [c]
                + [sum(x for at, k, x in jumps if at == c and k == order) for order in (r, r + 1)]
                for c in sorted({c for c, _, _ in jumps})
            ]
        )
        nodes, weights = gauss_legendre(POINTS)
        base = np.array(self.spline[0], dtype=np.float64)
        return _core.SplineDual(r, self.odd, base, kinks, nodes, weights)

    @property
    def form(self) -> str:
        """A few words."""
        return f"integrals over {len(self.spline[1])} jumps"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "compiled"}


def _power_mean(alpha: Array, order: int) -> Array:
    """E (Z - alpha)_+^order / order!."""
    means = [_cdf(-alpha), density(alpha) - alpha * _cdf(-alpha)]
    for k in range(2, order + 1):
        means.append((means[k - 2] - alpha * means[k - 1]) / k)
    return np.asarray(means[order])
