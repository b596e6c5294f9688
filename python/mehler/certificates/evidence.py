"""What shows the sign of the smallest eigenvalue: a factor that exists, a vector, the diagonal.

    D K D = L L^t + s I, s more than all rounding,  proves    lambda_min(K) >= 0
    v^t K v < 0 by more than its rounding           proves    lambda_min(K) < 0

D is the identity first, and then powers of two that bring the diagonal near one: exact, and of no
effect on the sign, but a small entry on the diagonal is no longer lost in the rounding of a large one
(van der Sluis 1969, Demmel 1989).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from ..result import above, below
from ..solvers import cholesky, dense, shift_invert
from ..solvers.outcome import Task
from . import factorisation as certificate
from .allowance import ArrayMatrix, Matrix, down, up

STEPS = 6  # of inverse iteration
SPREAD = 2.0**12  # of the diagonal: below, scaling gains next to nothing


@dataclass(frozen=True, eq=False)
class Evidence:
    """The sign, an enclosure, and how they are known: the fields are those of ``Definiteness``."""

    psd: bool | None
    lower: float
    upper: float
    floor: float
    reason: str
    vector: Array | None = None


def nbytes(n: int, threads: int) -> int:
    """Bytes beside K: of a factor and, where that does not exist, of the lowest eigenvector."""
    factor = certificate.nbytes(n, 0, threads)
    if n <= dense.UP_TO:
        return max(factor, dense.bytes_for(n))
    return max(factor, min(cholesky.sizes(n, 1, 0, threads).values()))


def of(K: Any, array: Array | None, held: int, task: Task) -> Evidence:
    """The sign of lambda_min of a Gram operator, or of an array.

    Rows of zeros are left out: they add the eigenvalue zero, and nothing else.

    Parameters
    ----------
    K, array
        The Gram operator, or the array.
    held
        Bytes that K takes already.
    task
        Threads, memory, who listens.
    """
    if array is None:
        return _decided(K, None, held, task)
    kept = array.any(axis=0) | array.any(axis=1)
    if kept.all():
        return _decided(K, array, held, task)
    zeros = int(np.count_nonzero(~kept))
    if zeros == len(array):
        return Evidence(True, 0.0, 0.0, 0.0, "K is zero")
    rest = np.ascontiguousarray(array[np.ix_(kept, kept)])
    found = _decided(rest, rest, held + rest.nbytes, task)
    vector = None
    if found.vector is not None:
        vector = np.zeros(len(array))
        vector[kept] = found.vector
    return dataclasses.replace(
        found,
        lower=min(found.lower, 0.0),
        upper=min(found.upper, 0.0),
        reason=f"{found.reason}; {zeros} rows of zeros left out",
        vector=vector,
    )


def _decided(given: Any, array: Array | None, held: int, task: Task) -> Evidence:
    K = certificate.matrix_of(given, array)
    assert K is not None
    found = by_factor(K, task)
    if found is not None:
        return found
    scaled = None
    if array is not None and cholesky.factor_bytes(K.n, "float64") + 2 * held <= task.limit:
        scaled = _scaled(array)
    if scaled is not None:
        found = by_factor(ArrayMatrix(scaled[0]), task)
        if found is not None:
            lower = math.ldexp(found.lower, -2 * int(scaled[1].max()))
            why = found.reason.replace("K - s I", "D K D - s I, D of powers of two,")
            floor = K.allowance(0.0).total
            return Evidence(True, max(down(lower), 0.0), K.ceiling, floor, why)
    found = by_vector(K, given, array, held, task)
    if found.psd is None and isinstance(K, ArrayMatrix):
        directions = [(_of_diagonal(K), "of a zero or less on the diagonal")]
        if scaled is not None:
            other = by_vector(ArrayMatrix(scaled[0]), scaled[0], scaled[0], 2 * held, task)
            v = None if other.vector is None else np.ldexp(other.vector, scaled[1])
            directions.append((v, "from D K D, D of powers of two"))
        for v, where in directions:
            if v is None:
                continue
            v = v / np.linalg.norm(v)
            q, error = K.quotient(v, 0.0, task.threads)
            if q + error < 0.0:
                why = f"v^T K v = {q:.8g} with rounding below {above(error, 1)}, {where}"
                upper = min(found.upper, up(q + error))
                return Evidence(False, found.lower, upper, found.floor, why, v)
    return found


def _scaled(K: Array) -> tuple[Array, np.ndarray[Any, np.dtype[np.int64]]] | None:
    """(D K D, e), D = diag(2^e), the diagonal between 1/2 and 2; None where that gains nothing."""
    d = np.diagonal(K)
    if not d.min() > 0.0 or d.max() <= SPREAD * d.min():
        return None
    e = -(np.frexp(d)[1].astype(np.int64) // 2)
    with np.errstate(over="ignore", under="ignore"):  # what underflows is allowed for
        A = np.ldexp(K, e[:, None] + e[None, :])
    return (A, e) if float(np.abs(A).max()) <= 1e100 else None


def by_factor(K: Matrix, task: Task) -> Evidence | None:
    """Yes, if K - s I has a factor at the least s that proves it."""
    floor = K.allowance(0.0).total
    s = up(floor)
    if s >= K.diagonal.min():
        return None
    F = K.tiles(s, task)
    if not F.factor(task.threads, task.report.ask):
        return None
    lower = max(down(s - K.allowance(s).total), 0.0)  # the allowance falls with s
    V = np.asfortranarray(np.random.default_rng(task.seed).standard_normal((K.n, 1)))
    for _ in range(STEPS):
        V = np.asfortranarray(F.solve(V, task.threads, task.report.ask))
        V /= np.linalg.norm(V)
    q, error = K.quotient(np.ascontiguousarray(V[:, 0]), math.inf, task.threads)
    why = (
        f"K - s I has a Cholesky factor at s={s:.3e}, just more than all its rounding: lower is of the sign, and "
        "certify='rigorous' of eigsh or min_eig makes it sharp"
    )
    return Evidence(True, lower, min(up(q + error), K.ceiling), floor, why)


def by_vector(K: Matrix, given: Any, array: Array | None, held: int, task: Task) -> Evidence:
    """No, if the lowest eigenvector shows it; else open."""
    if K.n <= dense.UP_TO:
        A = dense.entries(given, task) if array is None else array
        result = dense.result_of_all(A, 1, False, task, 0.0, -math.inf, "none", "dense", held)
    else:
        exact = _core.DenseOperator(array) if array is not None else given.exact()
        result = shift_invert.operator_route(given, array, exact, 1, task, None, held)
    if result.vector is None or task.report.stopped or result.interrupted:
        raise KeyboardInterrupt
    floor, vector = K.allowance(0.0).total, result.vector
    result = certificate.enclosed(result, K, task)
    lower = result.lower if result.lower_kind == "factorisation" else K.lowest
    q, error = K.quotient(vector, 0.0, task.threads)
    upper = min(result.upper, up(q + error))
    if q + error < 0.0:
        why = f"v^T K v = {q:.8g} with rounding below {above(error, 1)}"
        return Evidence(False, lower, upper, floor, why, vector)
    why = (
        f"rounding leaves it open: lambda_min lies between {below(lower, 2)} and {above(upper, 2)}"
    )
    return Evidence(None, lower, upper, floor, why)


def _of_diagonal(K: ArrayMatrix) -> Array | None:
    """A direction that shows K_ii < 0, or K_ii = 0 and K_ij not: e_i - t e_j, t = K_ij / K_jj.

    Then v^t K v = -2 t K_ij + t^2 K_jj = -K_ij^2 / K_jj.
    """
    i = int(np.argmin(K.diagonal))
    if K.diagonal[i] > 0.0:
        return None
    v = np.zeros(K.n)
    v[i] = 1.0
    if K.diagonal[i] == 0.0:
        zero = np.flatnonzero(K.diagonal == 0.0)
        i = int(zero[np.argmax(np.abs(K.K[zero]).max(axis=1))])
        j = int(np.argmax(np.abs(K.K[i])))
        below = K.diagonal[j]
        t = K.K[i, j] / below if below > 0.0 else math.copysign(1.0, K.K[i, j])
        v = np.zeros(K.n)
        v[i], v[j] = (1.0, -t) if abs(t) <= 1.0 else (1.0 / abs(t), -math.copysign(1.0, t))
    return v
