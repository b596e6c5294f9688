"""``eigsh``: the smallest or the largest eigenpairs of an operator that is there already.

What it takes is in ``operators.foreign``; the routes are those of ``min_eig``, in ``solvers``.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any

from . import _core
from ._arrays import (
    Array,
    beyond,
    choice,
    duration,
    enough,
    integer,
    memory_limit,
    seed_from,
    thread_count,
    tolerance,
)
from ._progress import Reporter, State
from .answer import warn_of
from .certificates import factorisation as certificate
from .operators.disk import Journal, as_file
from .operators.feature_matrix import FeatureGram
from .operators.foreign import as_operator, columns, product_error
from .operators.kernel_matrix import Gram
from .result import EigenResult
from .solvers import (
    cholesky,
    copies,
    dense,
    factored,
    iterative,
    room,
    shift_invert,
)
from .solvers.outcome import EPS, Task, end_journals, ended, in_time, replace, unknown

EIGSH_METHODS = ("auto", "dense", "lanczos", "shift-invert", "preconditioned")
EIGSH_CERTIFICATES = ("auto", "rigorous", "none")
FACTOR_UP_TO = 12_000  # of what eigsh is given: beyond, products cost less than a factor
Callback = Callable[[State], Any]


def eigsh(
    K: Any,
    k: int = 1,
    which: str = "SA",
    *,
    method: str = "auto",
    tol: float = 1e-6,
    certify: str = "auto",
    block: int | None = None,
    max_memory: int | float | str | None = None,
    path: str | os.PathLike[str] | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callback | None = None,
) -> EigenResult:
    """K v = lambda v for the k smallest ('SA') or largest ('LA') eigenvalues of a symmetric K.

    Parameters
    ----------
    K
        A :class:`Gram`, a :class:`FeatureGram` (by its factor, where it holds one and ``method`` is
        'auto'), a dense symmetric array (n, n), a SciPy LinearOperator or sparse matrix, or anything with ``shape`` and ``K @ V`` for V of shape (n, b).
    k
        Number of eigenvalues, 1 <= k <= n.
    which
        'SA' (smallest, ascending) or 'LA' (largest, descending).
    method
        'dense', 'lanczos', 'shift-invert' (smallest ones of a Gram operator or an array),
        'preconditioned' (smallest ones of a Gram operator), or 'auto': dense up to n = 1000 where it fits
        into memory; beyond, shift-invert for the smallest ones of a Gram operator of up to 12,000 points whose
        factor fits, else Lanczos.
    tol
        Relative accuracy of each eigenvalue, by its residual.
    certify
        How ``lower`` is proved, of the smallest eigenvalue of an array or a Gram operator. 'rigorous': a Cholesky
        factorisation of K - s I that completes, as in :func:`min_eig`, ``upper`` by a Rayleigh
        quotient, all rounding allowed for in both; K is exactly the doubles given (their
        symmetric part), or the kernel matrix of the points. 'auto': the same where it costs at most what
        the solve did, which may be an iterative method. 'none': what the method itself knows.
    block
        Vectors in a block; default max(2, min(k, 4)).
    max_memory
        As in :func:`min_eig`, beside K, which is there already.
    path
        A file that may hold what ``max_memory`` does not, of a Gram operator: the factor of method='shift-invert', in
        ``path``.factor, and that of certify='rigorous', in ``path``.proof until the proof is there; killed, the same call
        goes on from it. K itself is in a file where :func:`gram` made it so, with storage='disk'.
    time_limit, threads, rng, progress, callback
        As in :func:`min_eig`. Of a Gram operator on disk rng None is a seed of 0, and 'lanczos' goes on where a
        call before was killed.

    Returns
    -------
    EigenResult
        ``values``, ``vectors``, ``residuals`` hold the k pairs, ``value`` the extreme one. Copies of a
        multiple eigenvalue that a block cannot see are looked for by a second run on the rest. K is taken as
        its entries are: near points, which :func:`min_eig` sets apart, leave 'rounding-limited' here. How exact
        products of an operator of one's own are is measured by two more: ``floor`` takes in what float32 loses.

    Raises
    ------
    TypeError, ValueError
        Not square, not symmetric, NaN or infinity, k out of range, unknown options, a method or
        certify='rigorous' of an operator without entries or of the largest eigenvalue; a ``path`` that nothing
        would use, or that holds something else.
    MemoryError
        The method, or the factor of certify='rigorous', does not fit into ``max_memory``; says what is enough.
    OSError
        The file at ``path`` cannot be made, read or written, is in use, or has been cut or altered; the disk is full.

    Warns
    -----
    ConvergenceWarning, PrecisionWarning
        As in :func:`min_eig`.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=200, d=3, rng=0)
    >>> K = mh.gram(X, "relu")
    >>> smallest = mh.eigsh(K, k=3)
    >>> print(np.round(smallest.values, 6))
    [0.000429 0.000998 0.002457]
    >>> largest = mh.eigsh(K, which="LA")
    >>> print(f"{largest.value:.4f}  {largest.status}")
    18.2882  resolved

    Any symmetric matrix: second differences have the eigenvalues 2 - 2 cos(pi j / (n + 1)).

    >>> T = 2 * np.eye(50) - np.eye(50, k=1) - np.eye(50, k=-1)
    >>> np.allclose(mh.eigsh(T).value, 2 - 2 * np.cos(np.pi / 51), rtol=1e-10)
    True
    """
    start = time.perf_counter()
    of_points = "belongs to min_eig, which has the points"
    choice("method", method, EIGSH_METHODS, {"sparse-inverse": of_points})
    choice("which", which, ("SA", "LA"))
    choice(
        "certify", certify, EIGSH_CERTIFICATES, {"preconditioned": of_points, "theory": of_points}
    )
    tol = tolerance(tol)
    on_disk = isinstance(K, Gram) and K.storage == "disk"
    count, limit = thread_count(threads), memory_limit(max_memory)
    place = None if path is None else _file_of(path, K, method, certify)
    seed = seed_from(0 if rng is None and (on_disk or place is not None) else rng)
    seconds = duration(time_limit)
    of_factor = isinstance(K, FeatureGram) and K.storage == "factor" and method == "auto"
    if of_factor and certify != "rigorous":
        k = integer(k, "k")
        if not 1 <= k <= K.shape[0]:
            raise ValueError(f"k must satisfy 1 <= k <= n; got k={k} for n={K.shape[0]}.")
        with Reporter(progress, callback, 1.0, seconds, start) as report:
            task = Task(tol, count, seed, limit, report, start)
            result = in_time(factored.eigsh(K, k, which, task, certify), planned=False)
        warn_of(result)
        return result
    op, exact, n, dtype, nbytes, array = as_operator(K)
    k = integer(k, "k")
    if not 1 <= k <= n:
        raise ValueError(f"k must satisfy 1 <= k <= n; got k={k} for n={n}.")
    if block is not None and not 1 <= integer(block, "block") <= n:
        raise ValueError(f"block must satisfy 1 <= block <= n; got {block!r} for n={n}.")
    largest = which == "LA"
    if largest and method in ("shift-invert", "preconditioned"):
        raise ValueError(
            f"method={method!r} finds the smallest eigenvalues, which='SA'; got which='LA'. "
            "Use method='lanczos'."
        )
    needs = {
        "dense": dense.bytes_for(n, there=array is not None),
        "shift-invert": _least_of_factor(n, k, count, place is not None),
        "lanczos": room.needed(n, k, block or max(2, min(k, 4)), dtype == "float32", count),
    }
    if method == "auto":
        method = "lanczos"
        if n <= dense.UP_TO and needs["dense"] <= limit:
            method = "dense"
        elif dense.UP_TO < n <= FACTOR_UP_TO and isinstance(K, Gram) and not largest and K.held:
            if cholesky.fits(n, 0, "auto", limit, count):
                method = "shift-invert"
    if certify == "rigorous":
        least = needs.get(method, needs["lanczos"])
        disk = place is not None
        certificate.check_operator(K, array, largest, count, limit, least, disk)
    if method == "dense" and needs["dense"] > limit:
        raise MemoryError(
            f"method='dense' at n={n} takes {beyond(needs['dense'], limit)}, for eigenvectors. Use "
            f"method='lanczos', or max_memory={enough(needs['dense'])!r}."
        )
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        task = Task(tol, count, seed, limit + nbytes, report, start, apart=nbytes, path=place)
        inexact, made = 0.0, 0
        try:
            if array is None and not isinstance(K, (Gram, FeatureGram)):
                inexact, made = _inexact(op, n, count), 2
            entry = inexact / (2.0 * math.sqrt(n))  # of each, as ``rounding_of`` takes it
            if method == "dense":
                A = array
                if isinstance(K, Gram) and A is None:
                    A = dense.entries(K, task)
                elif A is None:
                    A = columns(op, n, count)
                result = dense.result_of_all(
                    A, k, largest, task, entry, -math.inf, "none", "dense", nbytes
                )
            elif method == "shift-invert":
                result = shift_invert.operator_route(K, array, exact, k, task, block, nbytes)
            else:
                inverse = iterative.inverse_of(K, k, task) if method == "preconditioned" else None
                name = "lanczos" if inverse is None else method
                error = iterative.single_error(K, count) if dtype == "float32" else 0.0

                def on(
                    op: _core.Operator,
                    exact: _core.Operator,
                    wanted: int,
                    task: Task,
                    journal: Journal | None = None,
                    earlier: int = 0,
                ) -> EigenResult:
                    return iterative.solve(
                        op, exact, n, wanted, largest, task, block, dtype, nbytes, name, entry_error=entry,
                        error=error, earlier=earlier, inverse=inverse, journal=journal,
                    )  # fmt: skip

                def again(V: Array, size: float, wanted: int, task: Task) -> EigenResult:
                    rest, more = _core.Deflated(op, V, size), _core.Deflated(exact, V, size)
                    return on(rest, more, wanted, task)

                journal = K.journal if isinstance(K, Gram) and inverse is None else None
                if journal is not None:
                    task.files.append(journal.path)
                    task.journals.append(journal)
                first = on(op, exact, k, task, journal, made)
                result = copies.complete(first, again, exact, largest, task)
            if not largest:
                result = certificate.certified_operator(result, K, array, task, certify, nbytes)
        except KeyboardInterrupt:  # between pieces of work
            result = ended(task) or unknown(n, None, None, task, method)
    if inexact > 0.0 and not result.resolved:
        why = f"products with K are exact to {inexact:.0e} only"
        result = replace(result, message="; ".join(filter(None, (result.message, why))))
    end_journals(task, result)
    result = in_time(result, planned=False, files=task.files)
    warn_of(result)
    return result


def _inexact(op: _core.Operator, n: int, threads: int) -> float:
    """An error of products of one's own, where it is beyond the rounding of doubles, as in float32."""
    noise, _, size = product_error(op, n, threads)
    return noise if noise > 1e3 * EPS * size else 0.0


def _file_of(path: Any, K: Any, method: str, certify: str) -> str:
    """The file of ``eigsh`` for a factor; refuses one that nothing would use."""
    name = as_file(path)
    if not isinstance(K, Gram):
        raise ValueError(
            f"path= holds a factor made of points: K must be a Gram operator; got {type(K).__name__}. Leave path out, "
            "or pass mehler.gram(X, kernel)."
        )
    if method != "shift-invert" and certify != "rigorous":
        raise ValueError(
            "path= holds the factor of method='shift-invert' or of certify='rigorous'; got "
            f"method={method!r}, certify={certify!r}. Leave path out; for K itself in a file, pass "
            "mehler.gram(X, kernel, storage='disk', path=...), beside which 'lanczos' keeps its steps."
        )
    return name


def _least_of_factor(n: int, k: int, threads: int, disk: bool) -> int:
    """Bytes beside K that shift-invert takes at least."""
    sizes = cholesky.sizes(n, k, 0, threads)
    return min(cholesky.in_file(n, sizes, t) if disk else sizes[t] for t in sizes)
