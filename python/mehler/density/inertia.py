"""How many eigenvalues lie below t, by a factorisation: Sylvester's law of inertia.

    K - t I = P L D L^T P^T,   D of blocks 1 x 1 and 2 x 2:   as many eigenvalues of K below t as D has negative ones

(Bunch and Kaufman 1977; LAPACK's dsytrf by SciPy). D is that of K + E, |E| of the size of rounding: the count is that of a
threshold which is off by ``floor`` at most. A block 2 x 2 of this pivoting always has one eigenvalue of each sign.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .._arrays import Array


def bytes_for(n: int, there: bool) -> int:
    """Bytes of a copy that is factored, and of the matrix unless it is there."""
    return 8 * n * n * (1 if there else 2)


def counts_below(A: Array, thresholds: Iterable[float]) -> Array:
    """The number of eigenvalues of a symmetric A, (n, n), below each threshold.

    Raises
    ------
    ImportError
        SciPy is not installed.
    """
    try:
        from scipy.linalg.lapack import dsytrf, dsytrf_lwork
    except ImportError:
        raise ImportError(
            "counts at thresholds factor the matrix by SciPy, which is not installed: pip install scipy, or leave out "
            "thresholds and take count_below."
        ) from None
    n = len(A)
    work = int(dsytrf_lwork(n, lower=1)[0])
    found = []
    for t in thresholds:
        shifted = np.array(A, order="F")
        shifted[np.diag_indices(n)] -= t
        factor, pivots, info = dsytrf(shifted, lower=1, lwork=work, overwrite_a=1)
        if info < 0:
            raise ValueError(f"dsytrf refused argument {-info}")
        single = pivots > 0
        blocks = int(np.sum(~single)) // 2
        found.append(int(np.sum(np.diagonal(factor)[single] < 0.0)) + blocks)
        del shifted, factor
    return np.array(found, dtype=np.float64)
