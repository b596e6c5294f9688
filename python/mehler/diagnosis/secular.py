"""lambda_min without one point, enclosed from the bottom eigenpairs: interlacing and the secular equation.

With K = V diag(lambda) V^t, the smallest eigenvalue mu of K without row and column i is the root of

    g(mu) = sum_j v_ij^2 / (lambda_j - mu) = 0          in [lambda_1, lambda_2]

and g rises with mu. Of k known pairs, what is missing of the sum is R(mu) = sum_{j > k}, with known moments w = 1 - sum v_ij^2 and
m = K_ii - sum lambda_j v_ij^2, all its nodes at or above a = lambda_k:

    w^2 / (m - w mu)  <=  R(mu)  <=  w / (a - mu)        (Jensen; the nearest node)

The larger R gives the smaller root, a lower bound; the smaller R the larger root, an upper bound (for k = 1: the Rayleigh
quotient of v without its entry i). Golub, SIAM Review 15, 1973.
"""

from __future__ import annotations

import numpy as np

from .._arrays import Array

STEPS = 64


def without_one(
    values: Array,
    vectors: Array,
    diagonal: Array,
    following: tuple[float, float] | None = None,
    slack: float = 0.0,
) -> tuple[Array, Array]:
    """(lower, upper), each (n,): lambda_1 <= lower_i <= lambda_min(K without i) <= upper_i.

    Parameters
    ----------
    values, vectors
        The lowest k eigenpairs, ascending: (k,) and (n, k).
    diagonal
        K_ii, (n,).
    following
        Bounds of lambda_{k+1}, where it is known without a vector.
    slack
        Error of the eigenvalues: added to upper bounds, taken off lower ones; more of it where one entry is nearly
        all of the vector, and little is left to divide by.
    """
    p = vectors**2
    n, k = p.shape
    least = float(values[0])
    with np.errstate(divide="ignore", invalid="ignore"):  # v without its entry i
        rayleigh = (least * (1.0 - 2.0 * p[:, 0]) + p[:, 0] * diagonal) / (1.0 - p[:, 0])
        rayleigh += slack * p[:, 0] / (1.0 - p[:, 0])  # with what is added below: slack / (1 - p)
    upper = np.where(p[:, 0] < 1.0, rayleigh, np.inf)
    second = (float(values[1]),) * 2 if k > 1 else following
    if second is None:
        return np.full(n, least - slack), upper + slack
    upper = np.minimum(upper, second[1])
    if second[0] <= least:
        return np.full(n, least - slack), upper + slack
    a = second[0] if k == 1 else float(values[-1]) if following is None else following[0]
    w = np.maximum(1.0 - np.sum(p, axis=1), 0.0)
    m = np.maximum(diagonal - p @ values, w * a)

    def root(largest: bool) -> Array:
        """Outward: of the larger R from below, of the smaller from above."""
        low, high = np.zeros(n), np.ones(n)
        for _ in range(STEPS):
            t = 0.5 * (low + high)
            mu = least + (second[0] - least) * t
            with np.errstate(divide="ignore", invalid="ignore"):
                g = np.sum(p / (values - mu[:, None]), axis=1)
                g = g + np.where(w > 0.0, w / (a - mu) if largest else w * w / (m - w * mu), 0.0)
            below = g < 0.0
            low, high = np.where(below, t, low), np.where(below, high, t)
        at_end = (high == 1.0) & ~largest  # no root before lambda_2: bounded by that alone
        found = least + (second[0] - least) * (low if largest else high)
        return np.where(at_end, second[1], found)

    lower = np.where(p[:, 0] > 0.0, root(True), least)
    upper = np.maximum(np.minimum(root(False), upper), lower)
    return lower - slack, upper + slack
