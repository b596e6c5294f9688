"""Whether the teacher is the only student that fits: one unit, n = d + 1 samples, and a proof that is a sign count.

A semidefinite A with x_k' A x_k = (w . x_k)^2 for d + 1 general samples is w w' alone if and only if S = sum_k lambda_k x_k x_k' that kills w
is semidefinite of rank d - 1. If it is, <S, A> = <S, w w'> = 0 leaves multiples of w w'. If not, no combination of the x_k x_k' is
semidefinite on the complement of w alone, and so (theorem of the alternative) some D with x_k' D x_k = 0 is positive definite there: w w' + eps D
fits too.

S w = 0 leaves one line of lambda: lambda_k = c_k / (w . x_k), with c the null vector of the d x (d + 1) matrix of samples. S is diag(lambda)
seen on the hyperplane c' u = 0, whose direction lambda^-1 c lies in it: of p positive and q negative lambda_k, S has p - 1 positive and q - 1
negative eigenvalues. So S is semidefinite of rank d - 1 exactly when one lambda_k alone has its sign. (A derivation of ours.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, integer
from .checks import at_least, finite
from .counts import Proportion

BATCH = 4096  # trials at a time


@dataclass(frozen=True, eq=False)
class Certificate:
    """The one-dimensional certificate of each trial.

    Attributes
    ----------
    multipliers
        lambda, (trials, d + 1), of length one; its sign such that no fewer are positive than negative.
    unique
        Whether exactly one of them has the odd sign, (trials,): the teacher is the only fit.
    """

    multipliers: Array
    unique: np.ndarray[Any, np.dtype[np.bool_]]


def certificate(X: Any, w: Any) -> Certificate:
    """lambda_k = c_k / (w . x_k), c_1 x_1 + ... + c_(d+1) x_(d+1) = 0: S = sum_k lambda_k x_k x_k' kills w, and proves it unique.

    Parameters
    ----------
    X
        Samples (d + 1, d), or (trials, d + 1, d).
    w
        The teacher's unit (d,), or (trials, d).

    Returns
    -------
    Certificate
        The first axis of its arrays is that of the trials, also of one.

    Raises
    ------
    TypeError, ValueError
        Arrays of other shapes or not finite; a sample orthogonal to w, of which the label 0 says too much; samples that do not span the
        space.
    """
    P = finite(X, "X", (2, 3), "samples (d + 1, d), or (trials, d + 1, d)")
    v = finite(w, "w", (1, 2), "a unit (d,), or (trials, d)")
    if P.ndim != v.ndim + 1:
        raise ValueError(
            f"X and w must both be of one trial, or both of several; got {P.shape} and {v.shape}."
        )
    if P.ndim == 2:
        P, v = P[None], v[None]
    if P.shape[1] != P.shape[2] + 1 or v.shape != (P.shape[0], P.shape[2]):
        raise ValueError(
            f"X must hold d + 1 samples of d coordinates, w d coordinates; got {P.shape[1:]} and {v.shape[1:]}."
        )
    U, values, _ = np.linalg.svd(P, full_matrices=True)
    eps = np.finfo(float).eps
    if (values[:, -1] <= P.shape[1] * eps * values[:, 0]).any():
        raise ValueError("samples must span the space; some lie in a hyperplane. Draw others.")
    along = np.einsum("tkd,td->tk", P, v)
    sizes = np.linalg.norm(P, axis=2) * np.linalg.norm(v, axis=1)[:, None]
    if (np.abs(along) <= P.shape[2] * eps * sizes).any():
        raise ValueError(
            "no sample may be orthogonal to w (and w not zero): its multiplier is infinite. Draw others."
        )
    multipliers = U[:, :, -1] / along
    multipliers /= np.linalg.norm(multipliers, axis=1, keepdims=True)
    positive = np.sum(multipliers > 0.0, axis=1)
    flip = 2 * positive < P.shape[1]
    multipliers[flip] *= -1.0
    return Certificate(multipliers, np.minimum(positive, P.shape[1] - positive) == 1)


def certificate_probability(d: int, trials: int = 4000, rng: int = 0) -> Proportion:
    """How often d + 1 Gaussian samples have the teacher w w' as their only semidefinite fit.

    Parameters
    ----------
    d
        Dimension, >= 2.
    trials
        Draws of samples and w.
    rng
        Seed, an integer >= 0.

    Returns
    -------
    Proportion

    Raises
    ------
    TypeError, ValueError
        No such integers.
    """
    d, left = at_least(d, "d", 2), at_least(trials, "trials", 1)
    seed = integer(rng, "rng")
    if seed < 0:
        raise ValueError(f"rng must be an integer >= 0; got {rng}.")
    draw = np.random.default_rng([seed, d])
    successes, total = 0, left
    while left:
        count = min(BATCH, left)
        X, w = draw.standard_normal((count, d + 1, d)), draw.standard_normal((count, d))
        successes += int(np.sum(certificate(X, w).unique))
        left -= count
    return Proportion(successes, total)
