"""Which method ``auto`` takes.

Measured on random points of the sphere, d = 5, 50, 784, with ReLU, ELU and tanh (docs/performance.md,
"Which method"): the factor costs n^3 / 3 flops but then few products, so that shift-invert wins, or
loses by little, up to about 10,000 points, and never by much; beyond, products win.
"""

from __future__ import annotations

from . import preconditioners, shift_invert
from .gram import storage_bytes
from .kernels import Kernel

DENSE_UP_TO = 500  # all eigenpairs, in a few hundredths of a second
FACTOR_UP_TO = 12_000
LOW_DEGREE_FROM = 6_000  # where the low-degree preconditioner beats a factor, if it pays at all


def pick(ker: Kernel, n: int, d: int, precision: str, limit: int, held: int) -> str:
    """'dense', 'shift-invert', or 'auto' for the iterative route, which picks its preconditioner.

    Parameters
    ----------
    ker, n, d
        The kernel, the number of points and their dimension.
    precision
        As in :func:`min_eig`.
    limit, held
        Bytes there are, and bytes that points take.
    """
    if n <= DENSE_UP_TO:
        return "dense"
    held += storage_bytes(n, "matrix-free", "float64")  # products with entries computed again
    products = n > LOW_DEGREE_FROM and preconditioners.pays(ker, n, d)
    if n <= FACTOR_UP_TO and not products and shift_invert.fits(n, held, precision, limit):
        return "shift-invert"
    return "auto"
