"""Teacher and student with quadratic units on infinitely many Gaussian samples: the loss, its gradient flow, and how fast it falls.

    f(x) = (1/m) sum_i (w_i . x)^2 = x' A x,   A = (1/m) sum_i w_i w_i',   y = x' A* x,   x ~ N(0, I)

Everything is a matter of the d x d matrices A and A*: the weights move by dw/dt = -m dE/dw, and A with them by an equation of its own.
The formulas are derivations of ours.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, integer, tolerance
from ...errors import ConvergenceWarning
from .checks import as_times, as_weights, semidefinite, symmetric

ORDER = 5.0  # of the error of one step of RK4
LEAST_TOL = 1e-15
LARGEST = 1e70  # of entries: velocities are products of three, and their squares are summed
MOST_STEPS = 100_000  # of RK4, tried: some seconds


def matrix_of(W: Any) -> Array:
    """A = (1/m) sum_i w_i w_i', of the function f(x) = (1/m) sum_i (w_i . x)^2 = x' A x.

    Parameters
    ----------
    W
        Weights (m, d), a unit a row; or (trials, m, d).

    Returns
    -------
    numpy.ndarray
        (d, d), symmetric and positive semidefinite; or (trials, d, d).

    Raises
    ------
    TypeError, ValueError
        W is no such array.
    """
    V = as_weights(W)
    return np.asarray(np.swapaxes(V, -1, -2) @ V / V.shape[-2])


def population_loss(A: Any, A_star: Any) -> float:
    """E(A) = (1/4) E (x' D x)^2 = (1/2) tr(D^2) + (1/4) (tr D)^2,   D = A - A*,   x ~ N(0, I).

    Parameters
    ----------
    A, A_star
        Of the student and of the teacher (d, d), symmetric.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        Not symmetric, not finite, of two sizes.
    """
    S, T = symmetric(A, "A"), symmetric(A_star, "A_star")
    _same_size(S, T, "A")
    return loss_of(S - T)


def relative_loss(A: Any, A_star: Any) -> float:
    """E(A) / E(0): the population loss as a part of that of a student that says 0 everywhere.

    Parameters
    ----------
    A, A_star
        As in :func:`population_loss`; A* is not zero.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        As :func:`population_loss`; A* is zero.
    """
    T = symmetric(A_star, "A_star")
    if not T.any():
        raise ValueError(
            "A_star must not be zero, to which no loss is relative; use population_loss."
        )
    return population_loss(A, T) / loss_of(T)


def population_velocity(A: Any, A_star: Any) -> Array:
    """dA/dt = A K + K A,   K = 2 (A* - A) + tr(A* - A) I: gradient flow of the weights, dw/dt = -m dE/dw, seen in A.

    Parameters
    ----------
    A, A_star
        (d, d), symmetric.

    Returns
    -------
    numpy.ndarray
        (d, d), symmetric: -2 (A dE/dA + dE/dA A).

    Raises
    ------
    TypeError, ValueError
        As :func:`population_loss`.
    """
    S, T = symmetric(A, "A"), symmetric(A_star, "A_star")
    _same_size(S, T, "A")
    return _velocity(S, T, np.eye(len(S)))


def rate_constant(d: int, m_star: int) -> float:
    """The limit of E(t) t^2 = (d - m*)(m* + 2) / (32 (d + 2)), for a teacher of m* < d units and a start of full rank.

    On the null space of A* the student is A = b I at last, with db/dt = -4 b^2 (d + 2)/(m* + 2); the rest of A follows at once. Neither
    the values of A* nor the start matter in the limit. They do on the way: the eigenvalues on the null space approach each other only like
    t^(-(m* + 2)/(d + 2)), and E t^2 its limit like the square of that.

    Parameters
    ----------
    d
        Dimension.
    m_star
        Units of the teacher, that is the rank of A*, 0 <= m* < d.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        No such integers; m* >= d, where the loss falls exponentially (:func:`exponential_rate`).
    """
    d, m_star = integer(d, "d"), integer(m_star, "m_star")
    if not 0 <= m_star < d:
        raise ValueError(
            f"m_star must satisfy 0 <= m_star < d; got m_star={m_star} for d={d}. From m_star = d on the loss falls exponentially: "
            "exponential_rate(A_star)."
        )
    return (d - m_star) * (m_star + 2.0) / (32.0 * (d + 2.0))


def exponential_rate(A_star: Any) -> float:
    """The limit of -(d/dt) log E(t) = 2 mu for a teacher A* of full rank.

    mu is the slowest rate of the flow linearised at A*. With a_1 <= a_2 <= ... the eigenvalues of A*, the entry (i, j) of D in their basis
    decays at the rate 2 (a_i + a_j), and the diagonal as diag(a)(4 I + 2 1 1') tells; so 4 a_1 <= mu <= 2 (a_1 + a_2).

    Parameters
    ----------
    A_star
        (d, d), symmetric, positive definite.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        As :func:`population_loss`; A* is singular, where the law is a power (:func:`rate_constant`).
    """
    T = semidefinite(A_star, "A_star")
    a = np.linalg.eigvalsh(T)
    if not a[0] > len(a) * np.finfo(float).eps * a[-1]:
        raise ValueError(
            f"A_star must be positive definite; its smallest eigenvalue is {a[0]:.3g}. A singular teacher is learned at the rate of a "
            "power: rate_constant(d, m_star)."
        )
    root = np.sqrt(a)
    diagonal = root[:, None] * (4.0 * np.eye(len(a)) + 2.0) * root
    mu = float(np.linalg.eigvalsh(diagonal)[0])
    return 2.0 * (min(mu, 2.0 * (a[0] + a[1])) if len(a) > 1 else mu)


@dataclass(frozen=True, eq=False)
class Flow:
    """The gradient flow of A, at the times that were asked for.

    Attributes
    ----------
    times
        (k,).
    matrices
        A(t), (k, d, d).
    losses
        E(A(t)), (k,).
    steps, rejected
        Steps of RK4 that were taken, and tried in vain.
    """

    times: Array
    matrices: Array
    losses: Array
    steps: int
    rejected: int


def population_flow(A: Any, A_star: Any, times: Sequence[float] | Array, tol: float = 1e-9) -> Flow:
    """A(t) of dA/dt = A K + K A (:func:`population_velocity`) by RK4: one step beside two halves, the difference sets the step size.

    Parameters
    ----------
    A
        At t = 0: (d, d), symmetric, positive semidefinite, as every :func:`matrix_of` is.
    A_star
        Of the teacher, the same.
    times
        Where A is wanted, >= 0, ascending.
    tol
        Largest estimated error of a step, relative to the norm of A; at least 1e-15.

    Returns
    -------
    Flow
        Of the times that a hundred thousand steps reach. At rest the rates, 4 |A| + tr(A) at most, still limit the steps.

    Raises
    ------
    TypeError, ValueError
        As :func:`population_loss`; a negative eigenvalue; entries beyond 1e70, whose products overflow; times that are no
        such list; tol not in [1e-15, 1).

    Warns
    -----
    ConvergenceWarning
        Times that were not reached.
    """
    S, T = semidefinite(A, "A"), semidefinite(A_star, "A_star")
    _same_size(S, T, "A")
    at, most = as_times(times), tolerance(tol)
    if most < LEAST_TOL:
        raise ValueError(
            f"tol must be at least {LEAST_TOL:g}: below, rounding is the error of a step, whatever its size; got {tol!r}."
        )
    for name, M in (("A", S), ("A_star", T)):
        if not float(np.max(np.abs(M))) <= LARGEST:
            raise ValueError(
                f"{name} must have entries up to {LARGEST:g}, so that products of them are doubles; found "
                f"{np.max(np.abs(M)):.3g}. Divide A and A_star by a constant, and multiply the times by it."
            )
    unit = np.eye(len(S))
    scale = float(np.trace(S) + np.trace(T))
    h = 0.1 / (4.0 * scale) if scale else 1.0  # 4 |A| + tr(A) bounds the rates
    t, steps, rejected = 0.0, 0, 0
    out = np.empty((len(at), *S.shape))
    for k, goal in enumerate(at):
        while t < goal:
            if steps + rejected >= MOST_STEPS:
                return _cut(at[:k], out[:k], T, steps, rejected, t)
            last = t + h >= goal
            tried = goal - t if last else h
            whole = _rk4(S, T, unit, tried)
            halves = _rk4(_rk4(S, T, unit, 0.5 * tried), T, unit, 0.5 * tried)
            error = float(np.linalg.norm(halves - whole)) / 15.0
            allowed = most * float(np.linalg.norm(halves))
            good = error <= allowed  # an overflow is no number, and not good
            factor = 0.9 * (allowed / error) ** (1.0 / ORDER) if error > 0.0 else 4.0
            factor = min(max(factor, 0.2), 4.0) if math.isfinite(factor) else 0.2
            if good:
                S = halves + (halves - whole) / 15.0
                t = goal if last else t + tried
                steps += 1
                if not last or factor < 1.0:
                    h = tried * factor
            else:
                rejected += 1
                h = tried * factor
        out[k] = S
    return _flow(at, out, T, steps, rejected)


def _flow(at: Array, out: Array, T: Array, steps: int, rejected: int) -> Flow:
    return Flow(at, out, np.array([loss_of(B - T) for B in out]), steps, rejected)


def _cut(at: Array, out: Array, T: Array, steps: int, rejected: int, t: float) -> Flow:
    warnings.warn(
        f"{MOST_STEPS:,} steps came to t={t:.6g}; the times beyond are left out. Ask for earlier ones, or a larger tol.",
        ConvergenceWarning,
        stacklevel=3,
    )
    return _flow(at, out, T, steps, rejected)


def loss_of(D: Array) -> float:
    """(1/2) tr(D^2) + (1/4) (tr D)^2."""
    return float(0.5 * np.sum(D * D) + 0.25 * np.trace(D) ** 2)


def _velocity(A: Array, A_star: Array, unit: Array) -> Array:
    D = A_star - A
    half = A @ (2.0 * D + np.trace(D) * unit)
    return np.asarray(half + half.T)


def _rk4(A: Array, A_star: Array, unit: Array, h: float) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # a step too long: its error says so
        one = _velocity(A, A_star, unit)
        two = _velocity(A + 0.5 * h * one, A_star, unit)
        three = _velocity(A + 0.5 * h * two, A_star, unit)
        four = _velocity(A + h * three, A_star, unit)
        return np.asarray(A + h / 6.0 * (one + 2.0 * (two + three) + four))


def _same_size(A: Array, A_star: Array, name: str) -> None:
    if A.shape != A_star.shape:
        raise ValueError(
            f"{name} and A_star must be of one size; got {A.shape} and {A_star.shape}. Both are (d, d)."
        )
