"""Gradient descent on the weights of a student with quadratic units, from finitely many samples: many trials at once.

f(x) = (1/m) sum_i (w_i . x)^2,   L = (1/4n) sum_k r_k^2,   r_k = f(x_k) - y_k,
w_i <- w_i - eta (1/n) sum_k r_k (w_i . x_k) x_k          (= w_i - eta m dL/dw_i)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _core
from ..._arrays import Array, thread_count
from .checks import as_weights, at_least, finite
from .population import matrix_of

STEPS = 40_000
ROUNDS, PANEL = (
    20,
    1024,
)  # products with the matrix that bounds the curvature, and its rows at a time
DIVERGED = 1e6  # times the first loss, as the core has it


@dataclass(frozen=True, eq=False)
class Descent:
    """Where gradient descent ended; the first axis is that of the trials.

    Attributes
    ----------
    weights
        (trials, m, d).
    losses
        L of them, (trials,).
    steps
        Taken, (trials,).
    step_size
        eta, (trials,).
    diverged
        Whether the loss went beyond 10^6 times the first, or was no number: (trials,).
    """

    weights: Array
    losses: Array
    steps: np.ndarray[Any, np.dtype[np.int64]]
    step_size: Array
    diverged: np.ndarray[Any, np.dtype[np.bool_]]

    @property
    def matrices(self) -> Array:
        """A = (1/m) W'W of each trial, (trials, d, d)."""
        return matrix_of(self.weights)


def descend(
    X: Any,
    y: Any,
    W: Any,
    steps: int = STEPS,
    *,
    step_size: float | None = None,
    tol: float = 1e-12,
    threads: int | None = None,
) -> Descent:
    """w_i <- w_i - eta (1/n) sum_k (f(x_k) - y_k) (w_i . x_k) x_k, f(x) = (1/m) sum_i (w_i . x)^2, from the weights W.

    Parameters
    ----------
    X
        Samples (n, d), or (trials, n, d) of independent trials.
    y
        Labels (n,), or (trials, n).
    W
        Weights at the start (m, d), or (trials, m, d).
    steps
        At most so many.
    step_size
        eta of every trial; None: :func:`largest_step` of each.
    tol
        A trial ends when L is no more than this part of the loss of a student that says 0; 0: after all steps, or at L = 0.
    threads
        Trials at a time; their number changes no bit. None: OpenMP's.

    Returns
    -------
    Descent
        The first axis of its arrays is that of the trials, also of one.

    Raises
    ------
    TypeError, ValueError
        Arrays of other shapes or not finite; options out of their range.
    KeyboardInterrupt
        Ctrl-C, within a second.
    """
    P, z, V = _trials(X, y, W)
    most = at_least(steps, "steps", 0)
    enough = _number(tol, "tol")
    if not 0.0 <= enough < 1.0:
        raise ValueError(f"tol must satisfy 0 <= tol < 1; got {tol!r}.")
    if step_size is None:
        eta = np.array([largest_step(*one) for one in zip(P, z, V, strict=True)])
    else:
        given = _number(step_size, "step_size")
        if not (0.0 < given < math.inf):
            raise ValueError(f"step_size must be a number above 0, or None; got {step_size!r}.")
        eta = np.full(len(P), given)
    first = _losses(P, z, V)
    weights, losses, taken = _core.quadratic_descent(
        P, z, V, eta, most, enough, thread_count(threads)
    )
    diverged = ~(np.isfinite(losses) & (losses <= DIVERGED * first))
    return Descent(weights, losses, taken, eta, diverged)


def largest_step(X: Any, y: Any, W: Any) -> float:
    """1 / lambda_max(B),   B_kl = (2/n) |x_k . x_l| sqrt(v_k v_l),   v_k = max(y_k, f(x_k), 0): half of what is stable.

    The tangent Gram matrix of quadratic units is (2/n) (x_k . x_l)(x_k' A x_l), and |x_k' A x_l| <= sqrt(x_k' A x_k) sqrt(x_l' A x_l) for
    every student A: no more than sqrt(y_k y_l) once it fits. So B bounds the curvature at the start and at every fit, the teacher or not, and
    eta < 2 / lambda_max(B) is stable there. lambda_max of this nonnegative matrix is bounded by max_k (B u)_k / u_k for any u > 0 (Collatz,
    Wielandt), with u from some products with B.

    Parameters
    ----------
    X, y, W
        Of one trial: samples (n, d), labels (n,), weights (m, d).

    Returns
    -------
    float
        1.0 where B = 0: nothing moves.

    Raises
    ------
    TypeError, ValueError
        As :func:`descend`.
    """
    P, z, V = _trials(X, y, W)
    if len(P) > 1:
        raise ValueError(f"a step size is of one trial; got {len(P)}. Pass one after the other.")
    A, labels = P[0], z[0]
    root = np.sqrt(np.maximum(np.maximum(labels, np.mean((A @ V[0].T) ** 2, axis=1)), 0.0))
    u, bound = np.ones(len(A)), math.inf
    for _ in range(ROUNDS):
        Bu = np.concatenate(
            [np.abs(A[s : s + PANEL] @ A.T) @ (root * u) for s in range(0, len(A), PANEL)]
        )
        Bu *= 2.0 / len(A) * root
        bound = min(bound, float(np.max(Bu / u)))
        if not bound > 0.0:
            return 1.0
        u = np.maximum(Bu / np.max(Bu), 1e-3)  # positive, whatever the points
    return 1.0 / bound


def _losses(P: Array, z: Array, V: Array) -> Array:
    """L at the start, trial by trial."""
    out = np.empty(len(P))
    for k, (A, labels, W) in enumerate(zip(P, z, V, strict=True)):
        r = np.mean((A @ W.T) ** 2, axis=1) - labels
        out[k] = 0.25 * float(np.mean(r * r))
    return out


def _trials(X: Any, y: Any, W: Any) -> tuple[Array, Array, Array]:
    """(trials, n, d), (trials, n), (trials, m, d)."""
    P = finite(X, "X", (2, 3), "samples (n, d), or (trials, n, d)")
    V = as_weights(W)
    z = finite(y, "y", (1, 2), "labels (n,), or (trials, n)")
    if not P.ndim == V.ndim == z.ndim + 1:
        raise ValueError(
            f"X, y and W must be of one trial, (n, d), (n,), (m, d), or all have an axis of trials first; got {P.shape}, {z.shape} and {V.shape}."
        )
    if P.ndim == 2:
        P, z, V = P[None], z[None], V[None]
    if z.shape != P.shape[:2] or V.shape[0] != P.shape[0] or V.shape[2] != P.shape[2]:
        raise ValueError(
            f"X (trials, n, d), y (trials, n) and W (trials, m, d) must agree; got {P.shape}, {z.shape} and {V.shape}."
        )
    return P, z, V


def _number(value: Any, name: str) -> float:
    try:
        if isinstance(value, (str, bytes, bool, np.bool_)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number; got {value!r}.") from None
