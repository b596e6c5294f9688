"""Is K positive semidefinite? An answer that is proved, or says that rounding leaves it open.

    yes    K - s I = L L^t completes at an s that exceeds all rounding: lambda_min(K) >= 0
    no     v^t K v < 0 by more than its rounding, v in hand
    open   neither: lambda_min(K) lies between lower and upper, zero among them

Cholesky of K itself answers neither question: it completes on matrices that are indefinite by less than
its rounding, and breaks down on some that are not.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _core, certificate, dense, shift_invert
from ._arrays import Array, duration, memory_limit, thread_count
from ._progress import Reporter, State
from .allowance import ArrayMatrix, Matrix, down, up
from .gram import Gram
from .operators import as_operator
from .outcome import Task

TOL = 1e-3  # of the search for a direction: its quotient is right to the square of that
STEPS = 6  # of inverse iteration


@dataclass(frozen=True, eq=False)
class Definiteness:
    """What :func:`check_psd` knows. As a truth value: proved to be positive semidefinite.

    Attributes
    ----------
    psd
        True: proved, lambda_min(K) >= 0. False: disproved. None: rounding leaves it open.
    lower, upper
        lower <= lambda_min(K) <= upper, all rounding allowed for.
    floor
        Rounding of a factorisation at s = 0: eigenvalues of that size cannot be told from zero, or
        only by luck.
    reason
        How it is known, in a sentence.
    n
        Order of the matrix.
    seconds
        Wall time.
    vector
        Where the answer is False: a v of norm one with v^t K v < 0, shape (n,).
    """

    psd: bool | None
    lower: float
    upper: float
    floor: float
    reason: str
    n: int
    seconds: float
    vector: Array | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.psd is True

    def __str__(self) -> str:
        word = {True: "yes", False: "no", None: "open"}[self.psd]
        rows = (
            ("psd", word),
            ("lower", f"{self.lower:.8g}"),
            ("upper", f"{self.upper:.8g}"),
            ("floor", f"{self.floor:.1e}"),
            ("n", str(self.n)),
            ("time", f"{self.seconds:.3g} s"),
            ("reason", self.reason),
        )
        return "\n".join(f"{name:<10}{text}" for name, text in rows)


def check_psd(
    K: Any,
    *,
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
) -> Definiteness:
    """lambda_min(K) >= 0? Proved, disproved, or open within rounding.

    Parameters
    ----------
    K
        A :class:`Gram` (its kernel matrix, of exactly the points given), or a dense symmetric array (exactly the
        doubles given; their symmetric part, with |K - K^T| / 2 allowed for).
    max_memory, time_limit, threads, progress, callback
        As in :func:`min_eig`. Interrupted or out of time: open, with what is known.

    Returns
    -------
    Definiteness
        ``psd`` True, False or None. The enclosure is tight where the answer is not True; where it is, ``eigsh(K,
        certify="rigorous")`` has a sharper ``lower``.

    Raises
    ------
    TypeError
        K without entries: a sparse matrix, a LinearOperator.
    ValueError
        Not square, not symmetric, NaN or infinity.
    MemoryError
        The factor does not fit into ``max_memory``; raised before anything is allocated.

    References
    ----------
    Rump, Verification of positive definiteness, BIT 46, 2006.
    """
    start = time.perf_counter()
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    _refuse_without_entries(K)
    _, _, n, _, held, array = as_operator(K)
    certificate.check_memory(n, held, limit, "check_psd")
    if isinstance(K, Gram):
        array = None
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        task = Task(TOL, count, 0, limit, report, start)
        try:
            found = _without_zero_rows(K, array, held, task)
        except (KeyboardInterrupt, _core.Interrupted):
            why = f"{report.why or 'interrupted'} before it was known"
            found = _answer(None, -math.inf, math.inf, math.nan, why)
    return dataclasses.replace(found, n=n, seconds=time.perf_counter() - start)


def _refuse_without_entries(K: Any) -> None:
    sparse, operator = hasattr(K, "tocsr"), hasattr(K, "matmat")
    array_like = isinstance(K, (list, tuple)) or hasattr(K, "__array__") or hasattr(K, "__dlpack__")
    if isinstance(K, Gram) or (array_like and not sparse and not operator):
        return
    remedy = "K.toarray()" if sparse else "an array, such as K @ np.eye(n)"
    raise TypeError(
        f"check_psd needs the entries of K: a Gram operator or a dense array; got "
        f"{type(K).__name__}. Pass {remedy}."
    )


def _answer(
    psd: bool | None,
    lower: float,
    upper: float,
    floor: float,
    reason: str,
    vector: Array | None = None,
) -> Definiteness:
    return Definiteness(psd, lower, upper, floor, reason, 0, 0.0, vector)


def _without_zero_rows(K: Any, array: Array | None, held: int, task: Task) -> Definiteness:
    """Rows of zeros add the eigenvalue zero, and nothing else."""
    if array is None:
        return _decide(K, None, held, task)
    kept = array.any(axis=0) | array.any(axis=1)
    if kept.all():
        return _decide(K, array, held, task)
    zeros = int(np.count_nonzero(~kept))
    if zeros == len(array):
        return _answer(True, 0.0, 0.0, 0.0, "K is zero")
    found = _decide(K, np.ascontiguousarray(array[np.ix_(kept, kept)]), 2 * held, task)
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


def _decide(K: Any, array: Array | None, held: int, task: Task) -> Definiteness:
    matrix = certificate.matrix_of(K, array)
    assert matrix is not None
    floor = matrix.allowance(0.0).total
    found = _by_diagonal(matrix, floor, task.threads)
    if found is None:
        found = _by_factor(matrix, floor, task)
    return _by_vector(matrix, floor, K, array, held, task) if found is None else found


def _by_diagonal(K: Matrix, floor: float, threads: int) -> Definiteness | None:
    """Zeros and negative numbers on the diagonal of an array, exactly.

    K_ii < 0: v = e_i. K_ii = 0 and K_ij not: v = e_i - t e_j has v^t K v = -2 t K_ij + t^2 K_jj, negative for t =
    K_ij / K_jj.
    """
    if not isinstance(K, ArrayMatrix):
        return None
    i = int(np.argmin(K.diagonal))
    if K.diagonal[i] > 0.0:
        return None
    v = np.zeros(K.n)
    v[i] = 1.0
    if K.diagonal[i] == 0.0:
        zero = np.flatnonzero(K.diagonal == 0.0)
        size = np.abs(K.K[zero]).max(axis=1)
        i = int(zero[np.argmax(size)])
        j = int(np.argmax(np.abs(K.K[i])))
        below = K.diagonal[j]
        t = K.K[i, j] / below if below > 0.0 else math.copysign(1.0, K.K[i, j])
        v = np.zeros(K.n)
        v[i], v[j] = (1.0, -t) if abs(t) <= 1.0 else (1.0 / abs(t), -math.copysign(1.0, t))
    q, error = K.quotient(v, 0.0, threads)
    if not q + error < 0.0:
        return None
    v /= np.linalg.norm(v)
    why = f"v^T K v = {q:.8g} with rounding below {error:.0e}, by the diagonal entry {i}"
    return _answer(False, K.lowest, up(q + error), floor, why, v)


def _by_factor(K: Matrix, floor: float, task: Task) -> Definiteness | None:
    """Yes, if K - s I has a factor at the least s that proves it."""
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
    why = f"K - s I has a Cholesky factor at s={s:.1e}, more than the rounding {floor:.1e}"
    return _answer(True, lower, min(up(q + error), K.ceiling), floor, why)


def _by_vector(
    K: Matrix, floor: float, given: Any, array: Array | None, held: int, task: Task
) -> Definiteness:
    """No, if the lowest eigenvector shows it; else open."""
    if K.n <= dense.UP_TO:
        A = dense.entries(given, task) if array is None else array
        result = dense.result_of_all(A, 1, False, task, 0.0, -math.inf, "none", "dense", held)
    else:
        exact = _core.DenseOperator(array) if array is not None else given.exact()
        result = shift_invert.operator_route(given, array, exact, 1, task, None, held)
    if result.vector is None or task.report.stopped or result.interrupted:
        raise KeyboardInterrupt
    vector = result.vector
    result = certificate.enclosed(result, K, task)
    lower = result.lower if result.lower_kind == "factorisation" else K.lowest
    q, error = K.quotient(vector, 0.0, task.threads)
    upper = min(result.upper, up(q + error))
    if q + error < 0.0:
        why = f"v^T K v = {q:.8g} with rounding below {error:.0e}"
        return _answer(False, lower, upper, floor, why, vector)
    why = f"rounding leaves it open: lambda_min lies between {lower:.2g} and {upper:.2g}"
    return _answer(None, lower, upper, floor, why)
