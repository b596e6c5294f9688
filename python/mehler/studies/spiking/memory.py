"""A fixed linear memory: the last theta steps of a signal as coefficients of Legendre polynomials.

    m' = A m + B u,   A_ij = (2 i + 1) / theta (-1 if i < j else (-1)^(i - j + 1)),   B_i = (2 i + 1) (-1)^i / theta,

is the smallest system whose transfer functions approximate delays exp(-s r theta), 0 <= r <= 1: u(t - r theta) is about sum_i P_i(2 r - 1) m_i(t),
P_i the Legendre polynomials; at r = 1 it is the Pade approximant of order [q-1/q] of exp(-s theta). Written from these formulas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._arrays import Array, as_array, integer
from .quantiser import positive


def legendre_memory(order: int, theta: float) -> tuple[Array, Array]:
    """A_ij = (2 i + 1) / theta (-1 if i < j else (-1)^(i - j + 1)), B_i = (2 i + 1) (-1)^i / theta.

    Parameters
    ----------
    order
        q, number of polynomials, >= 1.
    theta
        Length of the window, > 0.

    Returns
    -------
    A, B : numpy.ndarray, numpy.ndarray
        (q, q) and (q,), of continuous time.

    Raises
    ------
    TypeError, ValueError
        order < 1, theta not positive.

    References
    ----------
    Voelker, Kajic, Eliasmith, NeurIPS 2019 (the memory). A patent application describes a network with it: see docs/systems/spiking.md.
    """
    q, length = integer(order, "order"), positive(theta, "theta")
    if q < 1:
        raise ValueError(f"order must be >= 1; got {q}.")
    i = np.arange(q)
    sign = np.where((i[:, None] - i) % 2 == 0, -1.0, 1.0)
    scale = (2.0 * i + 1.0) / length
    A = scale[:, None] * np.where(i[:, None] < i, -1.0, sign)
    B = scale * np.where(i % 2 == 0, 1.0, -1.0)
    return np.asarray(A, dtype=np.float64), np.asarray(B, dtype=np.float64)


def zero_order_hold(A: Any, B: Any, step: float = 1.0) -> tuple[Array, Array]:
    """exp([[A, B], [0, 0]] step) = [[A_d, B_d], [0, 1]]: exact for an input that is constant over each step.

    Parameters
    ----------
    A, B
        (q, q) and (q,).
    step
        Of time, > 0.

    Returns
    -------
    A_d, B_d : numpy.ndarray, numpy.ndarray
        m <- A_d m + B_d u.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, a step that is not positive.
    """
    a, b = as_array(A, "A"), as_array(B, "B")
    if a.ndim != 2 or a.shape[0] != a.shape[1] or b.shape != a.shape[:1] or not b.size:
        raise ValueError(
            f"A must be (q, q) and B (q,), q >= 1; got shapes {a.shape} and {b.shape}."
        )
    q = len(b)
    M = np.zeros((q + 1, q + 1))
    M[:q, :q], M[:q, q] = a, b
    if not np.isfinite(M).all():
        raise ValueError("A and B must be finite; found NaN or infinity.")
    E = exponential(positive(step, "step") * M)
    return E[:q, :q].copy(), E[:q, q].copy()


def exponential(M: Array) -> Array:
    """exp(M) = (exp(M / 2^s))^(2^s), the inner one by its power series.

    With |M / 2^s|_1 <= 1/2 the twentieth term is below 1e-24.
    """
    norm = float(np.abs(M).sum(axis=0).max(initial=0.0))
    s = max(0, int(np.ceil(np.log2(norm))) + 1) if norm > 0.0 else 0
    scaled = M / 2.0**s
    term = E = np.eye(len(M))
    for k in range(1, 20):
        term = term @ scaled / k
        E = E + term
    for _ in range(s):
        E = E @ E
    return E
