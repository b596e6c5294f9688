"""The dense route: every eigenpair by LAPACK, and a bound from what it left over.

For computed pairs (Theta, Q) of a symmetric K, R = K Q - Q Theta and D = Q^t Q - I with |D| < 1,
each eigenvalue lies within |R| / sqrt(1 - |D|) of its Theta (Weyl, after Q is made orthonormal:
Parlett, The Symmetric Eigenvalue Problem, 11-5). Norms are Frobenius norms, plus the rounding of R.
"""

from __future__ import annotations

import math

import numpy as np

from .. import _core
from .._arrays import Array
from ..certificates.structure import zero_of
from ..kernels import Kernel
from ..operators.foreign import check_size
from ..operators.kernel_matrix import Gram
from ..result import EigenResult
from .outcome import (
    EPS,
    Task,
    ended,
    entry_error,
    remedy,
    replace,
    result_of,
    rounding_of,
    structural,
    theory,
    unknown,
)

UP_TO = 1000  # of what eigsh is given: faster than Lanczos below


def bytes_for(n: int, there: bool = False) -> int:
    """Bytes of the array (unless it is there already), its eigenvectors and what LAPACK needs."""
    return (4 if there else 5) * 8 * n * n


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


def entries(K: Gram, task: Task) -> Array:
    """The kernel matrix in float64, whatever precision a Gram operator stores."""
    return _core.dense_gram(
        K._points, K.kernel.h.compiled, "float64", task.threads, task.report.ask
    )[0]


def points_route(
    A: Array, points: _core.Points, ker: Kernel, task: Task, certify: str
) -> EigenResult:
    """lambda_min of the kernel matrix of points; ``bytes_for`` them fit."""
    n = len(A)
    try:
        K, pairs = _core.dense_gram(
            points, ker.h.compiled, "float64", task.threads, task.report.ask
        )
    except (KeyboardInterrupt, _core.Interrupted):
        early = ended(task) or unknown(n, ker, points, task, "dense")
        return replace(early, lower=max(early.lower, 0.0), lower_kind="theory")
    zero = zero_of(pairs, A, points, ker, task.given)
    if zero is not None:
        return structural(zero, float(np.linalg.norm(K @ zero.vector)), n, task, K.nbytes)
    lower, kind = theory(ker, n, pairs, points, certify)
    entry = entry_error(points, ker)
    return result_of_all(K, 1, False, task, entry, lower, kind, "dense", K.nbytes, certify)


def result_of_all(
    K: Array,
    k: int,
    largest: bool,
    task: Task,
    entry_error: float,
    lower: float,
    kind: str,
    method: str,
    nbytes: int,
    certify: str = "auto",
) -> EigenResult:
    """From all eigenpairs. entry_error: of each entry of K; lower: what theory says, if anything."""
    n = len(K)
    check_size(float(np.max(np.abs(K))))
    values, Q, error = dense_pairs(K)
    # |E| <= n max|E_ij|; rounding of entries is not aligned, sqrt(n) is what happens, 4 to spare.
    error += entry_error * min(n, 4.0 * math.sqrt(n))
    order = np.arange(n - 1, n - 1 - k, -1) if largest else np.arange(k)
    chosen, V = values[order], np.ascontiguousarray(Q[:, order])
    residuals = np.linalg.norm(K @ V - V * chosen, axis=0)
    value = float(chosen[0])
    proved = value - error
    if proved > lower and (certify != "none" or lower == -math.inf):
        lower, kind = proved, "dense"
    floor = max(
        EPS * float(np.max(np.abs(values))),
        rounding_of(n, float(np.max(np.abs(values))), entry_error),
    )
    cap = float(np.min(np.diagonal(K))) + entry_error  # interlacing
    cap += 4.0 * EPS * abs(cap)
    resolved = bool(np.all(residuals + floor <= task.tol * np.abs(chosen)))
    status = "resolved" if resolved else "rounding-limited"
    return result_of(
        task,
        values=chosen,
        vectors=V,
        residuals=residuals,
        lower=lower,
        upper=value + error if largest else min(value + error, cap),
        lower_kind=kind,
        status=status,
        method=method,
        applications=0,
        floor=floor,
        n=n,
        dtype="float64",
        nbytes=nbytes,
        message="" if resolved else remedy(value, floor),
    )
