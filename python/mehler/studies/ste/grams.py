"""Gram matrices of surrogate derivatives: that of the backward pass alone, and that of a real forward pass with it.

G_mu(x, x') = (x.x') E_w[mu'(w.x) mu'(w.x')]         positive semidefinite: the gradient kernel of mu
K_mu(x, x') = (x.x') E_w[delta(w.x) mu'(w.x')]       no Gram matrix: E[dy/dt] under coarse descent; indefinite for clipped
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._arrays import Array, as_points, choice
from ...kernels import Kernel, gradient_kernel
from .checked import direction, erf
from .estimators import ESTIMATORS, surrogate


def surrogate_kernel(estimator: str) -> Kernel:
    """G_mu(x, x') = (x.x') E_w[mu'(w.x) mu'(w.x')], w ~ N(0, I): ``mh.gradient_kernel`` of mu.

    identity: the linear kernel, whose rank is at most d. relu: (x.x') (pi - arccos rho) / (2 pi). clipped: (x.x') P(0 < w.x < 1, 0 < w.x' < 1).

    Parameters
    ----------
    estimator
        'identity', 'relu' or 'clipped'.

    Returns
    -------
    Kernel
        For ``mh.gram``, ``mh.min_eig``; called with points (n, d) it is the matrix (n, n).

    Raises
    ------
    ValueError
        No such estimator.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=30, d=6, rng=0)
    >>> for estimator in ste.ESTIMATORS:
    ...     values = np.linalg.eigvalsh(ste.surrogate_kernel(estimator)(X))
    ...     print(estimator, int(np.sum(values > 1e-12)))
    identity 6
    relu 30
    clipped 30
    """
    return gradient_kernel(surrogate(estimator))


def cross_gram(estimator: str, X: Any, Y: Any = None) -> Array:
    """K_mu(x, x') = (x.x') E_w[delta(w.x) mu'(w.x')] = (x.x') / (sqrt(2 pi) |x|) P(mu' is 1 at w.x' | w.x = 0).

    delta is the derivative of the step that is used forwards, mu' what is used backwards. Given w.x = 0, w.x' is normal with standard
    deviation sd = |x'| sqrt(1 - rho^2), and P is 1 for identity, 1/2 for relu (both matrices have a rank of at most d) and Phi(1 / sd) - 1/2 for clipped.
    Symmetric where all norms are equal; that of clipped need not be positive semidefinite: a coarse gradient is no gradient.
    Use ``np.linalg.eigvalsh``, or ``mh.eigsh(..., method="dense" or "lanczos")``; a Cholesky factorisation fails where an eigenvalue is negative.

    Parameters
    ----------
    estimator
        'identity', 'relu' or 'clipped'.
    X, Y
        Points (n, d) and (k, d), no zero row; Y is X where it is None.

    Returns
    -------
    numpy.ndarray
        (n, k).

    Raises
    ------
    TypeError, ValueError
        Bad points, coordinates that differ in number, no such estimator.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=30, d=6, rng=0)
    >>> bool(np.linalg.eigvalsh(ste.cross_gram("clipped", X))[0] < -1e-3)
    True
    """
    choice("estimator", estimator, ESTIMATORS)
    A = as_points(X)
    B = A if Y is None else as_points(Y, name="Y")
    if A.shape[1] != B.shape[1]:
        raise ValueError(
            f"X and Y must have one number of coordinates; got {A.shape[1]} and {B.shape[1]}."
        )
    size, _ = direction(A, "X")
    other, _ = direction(B, "Y")
    inner = A @ B.T
    K = inner / (math.sqrt(2.0 * math.pi) * size[:, None])
    if estimator == "identity":
        return np.asarray(K)
    if estimator == "relu":
        return np.asarray(0.5 * K)
    rho = np.clip(inner / (size[:, None] * other), -1.0, 1.0)
    sd = other * np.sqrt((1.0 - rho) * (1.0 + rho))
    with np.errstate(divide="ignore"):  # the same direction: P = 1/2
        return np.asarray(0.5 * K * erf(1.0 / (math.sqrt(2.0) * sd)))
