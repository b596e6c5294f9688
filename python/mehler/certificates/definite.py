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

from .. import _core
from .._arrays import Array, beyond, duration, enough, memory_limit, thread_count
from .._progress import Reporter, State
from ..operators.foreign import as_operator
from ..operators.kernel_matrix import Gram
from ..result import above, below, plain
from ..solvers.outcome import Task
from . import evidence

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

    Examples
    --------
    >>> K = np.array([[1.0, 2.0], [2.0, 1.0]])
    >>> no = mh.check_psd(K)
    >>> bool(no), no.psd
    (False, False)
    >>> print(f"{no.vector @ K @ no.vector:.6f}")  # a direction that disproves it
    -1.000000
    >>> sorted(no.to_dict())[:3]
    ['floor', 'lower', 'n']
    """

    psd: bool | None
    lower: float
    upper: float
    floor: float
    reason: str
    n: int
    seconds: float
    vector: Array | None = field(default=None, repr=False)

    def to_dict(self, vectors: bool = False) -> dict[str, Any]:
        """Plain numbers, texts and lists, ready for JSON (NaN and infinity become None).

        Parameters
        ----------
        vectors
            Include ``vector``.

        Returns
        -------
        dict
            The fields by name, in the order of the class.
        """
        names = [name for name in self.__dataclass_fields__ if vectors or name != "vector"]
        return {name: plain(getattr(self, name)) for name in names}

    def __bool__(self) -> bool:
        return self.psd is True

    def __str__(self) -> str:
        word = {True: "yes", False: "no", None: "open"}[self.psd]
        rows = (
            ("psd", word),
            ("lower", below(self.lower)),
            ("upper", above(self.upper)),
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
    max_memory
        Bytes, or a text such as '10GB', that the factor and work space may take beside K, which is there
        already. Default: 80 % of what the system has free.
    time_limit
        Seconds, from the call on, after which the answer is open, with what is known; None: no limit.
    threads
        Number of threads; default OpenMP's, asked at call time. The answer does not depend on it.
    progress
        True: a progress bar on stderr.
    callback
        Called at most ten times a second with a state; a true return value, as Ctrl-C, ends the work with
        the answer open, an exception propagates.

    Returns
    -------
    Definiteness
        ``psd`` True, False or None. The enclosure is tight where the answer is not True; where it is, ``eigsh(K,
        certify="rigorous")`` has a sharper ``lower``.

    Raises
    ------
    TypeError
        K without entries: a sparse matrix, a LinearOperator; options of the wrong type.
    ValueError
        Not square, not symmetric, NaN or infinity, options out of range.
    MemoryError
        It does not fit into ``max_memory``; says what is enough; raised before anything is allocated.

    References
    ----------
    Rump, Verification of positive definiteness, BIT 46, 2006.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=100, d=3, rng=0)
    >>> bool(mh.check_psd(mh.gram(X, "relu")))
    True
    >>> no = mh.check_psd(np.array([[1.0, 2.0], [2.0, 1.0]]))  # eigenvalues -1 and 3
    >>> no.psd, no.lower <= -1.0 <= no.upper
    (False, True)
    """
    start = time.perf_counter()
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    _refuse_without_entries(K)
    _, _, n, _, held, array = as_operator(K)
    need = evidence.nbytes(n, count)
    if need > limit:
        raise MemoryError(
            f"check_psd at n={n} takes {beyond(need, limit)}, for a factor and an eigenvector in float64; "
            f"use max_memory={enough(need)!r}."
        )
    limit += held  # K is there already
    if isinstance(K, Gram):
        array = None
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        task = Task(TOL, count, 0, limit, report, start, apart=held)
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
