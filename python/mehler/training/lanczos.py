"""Lanczos from a residual, until quadrature knows the loss: products with K only.

K Q = Q T + beta_k q_(k+1) e_k^t,   q_1 = r / |r|,   Q (N, k) orthonormal by two passes of Gram-Schmidt
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._arrays import Array
from .measure import EPS, Measure

FIRST = 8  # steps before the rules are asked for the first time


def residual_measure(
    product: Callable[[Array], Array],
    r: Array,
    error: float,
    most: int,
    enough: Callable[[Measure], bool],
    stop: Callable[[int], bool],
    least: float = 0.0,
) -> Measure:
    """mu of r under K, as well as ``enough`` asks for, of at most so many products.

    Parameters
    ----------
    product
        K v, of a vector (N,).
    r
        The residual, (N,), not zero.
    error
        Rounding of K and of its products, as a multiple of the largest eigenvalue.
    most
        Products.
    enough
        Asked now and then.
    stop
        Asked before each product, with the number of those that are done; true ends it with what is known.
    least
        At most lambda_min.
    """
    N = len(r)
    most = min(most, N)
    size = float(np.linalg.norm(r))
    Q = np.empty((most, N))
    alpha, beta = np.zeros(most), np.zeros(most)
    Q[0] = r / size
    ask_at = FIRST
    for k in range(most):
        if stop(k) and k:
            return _measure(alpha[:k], beta[:k], size**2, error, least, False)
        w = product(Q[k])
        alpha[k] = float(Q[k] @ w)
        for _ in range(2):
            w -= (Q[: k + 1] @ w) @ Q[: k + 1]
        beta[k] = float(np.linalg.norm(w))
        done = k + 1
        ended = done == N or beta[k] <= 8.0 * EPS * np.sqrt(N) * max(alpha[0], alpha[k])
        if ended or done == most or done >= ask_at:
            ask_at = done + max(4, done // 8)
            found = _measure(alpha[:done], beta[:done], size**2, error, least, ended)
            if ended or done == most or enough(found):
                return found
        Q[k + 1] = w / beta[k]
    raise AssertionError("unreachable")


def _measure(
    alpha: Array, beta: Array, size: float, error: float, least: float, ended: bool
) -> Measure:
    """What so many steps know."""
    T = np.diag(alpha) + np.diag(beta[:-1], 1) + np.diag(beta[:-1], -1)
    theta, V = np.linalg.eigh(T)
    # lambda_max lies within the residual of the largest Ritz value (when it is the largest that r sees)
    largest = float(theta[-1] + beta[-1] * abs(V[-1, -1]) * (not ended)) * (1.0 + 4.0 * EPS)
    measure = Measure(
        size, error * largest, largest, None, alpha.copy(), beta.copy(), least, len(alpha)
    )
    if not ended:
        return measure
    whole = measure.gauss()
    return Measure(
        size, error * largest, largest, whole, alpha.copy(), beta.copy(), least, len(alpha)
    )
