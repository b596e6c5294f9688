"""Which route is quicker, every eigenvalue or probes, told by counts alone: the clock never decides.

In products of K with one vector, 2 n^2 flops each:

    quadrature   probes * steps + LOWEST * lowest + HIGHEST * highest + n / 3 for each threshold
    dense        n, and n more where products alone tell the entries

LAPACK takes about as long as n such products: 0.7, 1.0 and 1.2 times at n = 2,000, 3,000 and 4,000
(docs/spectrum.md). Where both are as quick, the exact one is taken.
"""

from __future__ import annotations

ALWAYS = 1000  # up to this order every eigenvalue costs less than a tenth of a second
LOWEST = 200.0  # of one value: solves with a factor, and the basis of the solver
HIGHEST = 25.0
SLOWEST = 2e-10  # seconds, times n^3: what LAPACK, which nothing interrupts, may take


def dense_is_quicker(
    n: int,
    probes: int,
    steps: int,
    ends: tuple[int, int],
    thresholds: int = 0,
    by_products: bool = False,
) -> bool:
    """Whether every eigenvalue takes no longer than quadrature.

    Parameters
    ----------
    n, probes, steps
        Order of the matrix, random vectors, products with each.
    ends
        How many of the lowest and of the highest eigenvalues are computed beside the probes.
    thresholds
        How many counts by inertia are asked for: two factors each.
    by_products
        The entries are not there: n products find them.
    """
    low, high = ends
    quadrature = probes * steps + LOWEST * low + HIGHEST * high + thresholds * n / 3.0
    return n <= ALWAYS or n * (1 + by_products) <= quadrature


def ends_in(n: int, seconds: float | None) -> bool:
    """Whether LAPACK ends within a limit of time on one slow core."""
    return seconds is None or SLOWEST * float(n) ** 3 <= seconds
