"""Slow and obvious: Lanczos of one vector, and the share of its measure below x by a linear system."""

from __future__ import annotations

import numpy as np


def recurrence(A, v, k):
    """T by Gram-Schmidt on the Krylov vectors themselves: alpha (k,), beta (k,)."""
    q = v / np.linalg.norm(v)
    Q, alpha, beta = [q], [], []
    for _ in range(k):
        w = A @ Q[-1]
        alpha.append(Q[-1] @ w)
        for _ in range(3):
            for p in Q:
                w = w - (p @ w) * p
        beta.append(np.linalg.norm(w))
        Q.append(w / beta[-1])
    return np.array(alpha), np.array(beta)


def measure(A, v, x):
    """The share of |v|^2 in eigenvectors of eigenvalues at or below x."""
    values, U = np.linalg.eigh(A)
    weights = (U.T @ v) ** 2 / (v @ v)
    return np.array([weights[values <= t].sum() for t in np.atleast_1d(x)])
