"""Is K positive semidefinite? An answer that is proved, or says that rounding leaves it open.

    yes    K - s I = L L^t completes at an s that exceeds all rounding: lambda_min(K) >= 0
    no     v^t K v < 0 by more than its rounding, v in hand
    open   neither: lambda_min(K) lies between lower and upper, zero among them

Cholesky of K itself answers neither question: it completes on matrices that are indefinite by less than
its rounding, and breaks down on some that are not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import _core, certificate, evidence
from ._arrays import Array, duration, memory_limit, thread_count
from ._progress import Reporter, State
from .gram import Gram
from .operators import as_operator
from .outcome import Task

TOL = 1e-3  # of the search for a direction: its quotient is right to the square of that


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
        What a factorisation of K itself may hide: an eigenvalue of that size, of either sign.
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
    certificate.check_memory(n, held, count, limit, "check_psd")
    if isinstance(K, Gram):
        array = None
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        task = Task(TOL, count, 0, limit, report, start)
        try:
            found = evidence.of(K, array, held, task)
        except (KeyboardInterrupt, _core.Interrupted):
            why = f"{report.why or 'interrupted'} before it was known"
            found = evidence.Evidence(None, -math.inf, math.inf, math.nan, why)
    return Definiteness(
        found.psd,
        found.lower,
        found.upper,
        found.floor,
        found.reason,
        n,
        time.perf_counter() - start,
        found.vector,
    )


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
