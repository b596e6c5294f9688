"""The dense route: every eigenpair by LAPACK, and a bound from what it left over.

For computed pairs (Theta, Q) of a symmetric K, R = K Q - Q Theta and D = Q^t Q - I with |D| < 1,
each eigenvalue lies within |R| / sqrt(1 - |D|) of its Theta (Weyl, after Q is made orthonormal:
Parlett, The Symmetric Eigenvalue Problem, 11-5). Norms are Frobenius norms, plus the rounding of R.
"""

from __future__ import annotations

import math

import numpy as np

from ._arrays import Array

EPS = float(np.finfo(np.float64).eps)


def dense_pairs(K: Array) -> tuple[Array, Array, float]:
    """(Theta ascending, Q, error): every eigenvalue is within ``error`` of its Theta.

    Parameters
    ----------
    K
        Symmetric, (n, n), of a size whose squares are doubles.
    """
    n = len(K)
    values, Q = np.linalg.eigh(K)
    R = K @ Q - Q * values
    D = Q.T @ Q - np.eye(n)
    slack = float(np.linalg.norm(D)) + n * math.sqrt(n) * EPS
    # rounding of R: inner products of n terms, |K| |Q| <= |K|_F |Q|_F column by column, in its
    # probable size sqrt(n) eps (Higham and Mary 2019), with a factor 4 to spare
    rounding = 4.0 * math.sqrt(n) * EPS * float(np.linalg.norm(K))
    size = max(abs(float(values[0])), abs(float(values[-1])))
    error = float(np.linalg.norm(R)) + rounding + size * slack * slack
    return values, Q, error / math.sqrt(1.0 - slack) if slack < 1.0 else math.inf
