"""Proven bounds of the smallest eigenvalue from the kernel's power series.

Hermite-tail bound: with h(rho) = sum_p A_p rho^p, all A_p >= 0, T_N = sum_{p >= N} A_p and
|cos| <= c for every pair of the n points,

    lambda_min(K) >= T_N (1 - (n - 1) c^N)        for every N.

Drop the first N positive semidefinite terms; the rest has the diagonal T_N and off-diagonal
entries of at most c^N T_N; apply Gershgorin's theorem.
"""

from __future__ import annotations

import math

import numpy as np

from ..kernels import Kernel

MAX_N = 1_000_000
ROUNDING = 1e-12  # far above the rounding of the few operations below


def gershgorin_tail(
    kernel: Kernel,
    n: int,
    max_abs_cosine: float,
    min_norm: float = 1.0,
    min_deficit: float | None = None,
) -> tuple[float, int]:
    """(value, N): the largest T_N (1 - (n-1) c^N) and the N that attains it.

    The value is a lower bound of lambda_min safe against rounding; (0.0, 0) when nothing positive
    can be shown.

    Parameters
    ----------
    kernel
        The kernel.
    n
        Number of points.
    max_abs_cosine
        c, the largest |cos| over the pairs.
    min_norm
        Smallest norm of the points, for homogeneous kernels: K = D H D with D = diag(norm^q).
    min_deficit
        A lower bound of 1 - c, when it is known more exactly than from c.
    """
    if n < 1:
        raise ValueError(f"n must be >= 1; got {n}.")
    if not 0.0 <= max_abs_cosine <= 1.0 + 1e-12:
        raise ValueError(f"max_abs_cosine must lie in [0, 1]; got {max_abs_cosine!r}.")
    degree = kernel.homogeneity
    scale = min_norm ** (2.0 * degree) if degree is not None else 1.0
    scale *= 1.0 - ROUNDING
    if n == 1:
        return max(0.0, float(kernel.tail(0)) * scale), 0
    deficit = 1.0 - max_abs_cosine - 4e-16 if min_deficit is None else min_deficit
    if not deficit > 0.0:
        return 0.0, 0
    log_cosine = math.log1p(-min(deficit, 1.0 - 1e-300)) if deficit < 1.0 else -math.inf
    first = math.log(n - 1) / -log_cosine if n > 2 else 0.0
    if first >= min(MAX_N, kernel.last_tail):
        return 0.0, 0
    # (1 - (n-1) c^N) is 1 - 1e-9 at `last`, and T_N only falls: nothing is gained beyond.
    last = first + (21.0 / -log_cosine if math.isfinite(log_cosine) else 0.0)
    stop = min(math.ceil(last) + 1, MAX_N)
    grid = np.unique(np.linspace(math.floor(first), stop, 2048).astype(np.int64))
    with np.errstate(invalid="ignore", under="ignore"):
        power = np.where(grid == 0, 1.0, np.exp(grid * log_cosine))
    # exp(N log c) carries a relative error of about N |log c| eps < 1e-12.
    share = 1.0 - (n - 1) * power * (1.0 + ROUNDING)
    values = np.asarray(kernel.tail(grid)) * share * scale
    best = int(np.argmax(values))
    if not values[best] > 0.0:
        return 0.0, 0
    return float(values[best]), int(grid[best])
