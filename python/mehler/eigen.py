"""Smallest (and largest) eigenvalues: from data or an operator to an EigenResult.

``min_eig`` goes: question -> points -> route -> fill -> coincidences -> solver -> finish in float64 -> bounds,
and where rounding limits the answer: near points set apart -> higher precisions.
One module a route: ``dense``, ``iterative`` (Lanczos, preconditioned), ``shift_invert``,
``sparse_inverse``. Two modules prove the lower bound afterwards: ``certificate`` (a factor) and
``deflated_certificate`` (products). What routes share is in ``outcome``, what is asked in ``question``,
what ``eigsh`` takes in ``operators``.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _core, planning
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
from ._words import meant
from .activations import Activation
from .certificates import deflated as deflated_certificate
from .certificates import factorisation as certificate
from .errors import ConvergenceWarning, PrecisionWarning
from .kernels import Kernel
from .operators.disk import Journal, as_file
from .operators.feature_matrix import FeatureGram
from .operators.foreign import as_operator, columns
from .operators.gram import Gram, core_points, dask_of
from .operators.layered import layered, refuse
from .operators.many import Filled
from .question import Question, kernel_of, posed
from .result import EigenResult
from .solvers import (
    cholesky,
    copies,
    dense,
    factored,
    finite_rank,
    iterative,
    ladder,
    near_pairs,
    room,
    shift_invert,
    sparse_inverse,
)
from .solvers.outcome import Task, ended, in_time, replace, unknown

if TYPE_CHECKING:
    from .distributed import Dask

EIGSH_METHODS = ("auto", "dense", "lanczos", "shift-invert", "preconditioned")
EIGSH_CERTIFICATES = ("auto", "rigorous", "none")
FACTOR_UP_TO = 12_000  # of what eigsh is given: beyond, products cost less than a factor
STORAGES = ("auto",)  # of min_eig, by name
OF_GRAM = dict.fromkeys(
    ("dense", "packed", "matrix-free", "disk"),
    "of gram, whose operator eigsh takes; min_eig stores K as max_memory and path= allow",
)
Callback = Callable[[State], Any]


def min_eig(
    X: Any,
    activation: str | Activation | Kernel | Sequence[str | Activation] = "relu",
    *,
    kernel: str = "gradient",
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    width: int | None = None,
    weights: Any = None,
    normalize: bool = False,
    precision: str = "auto",
    tol: float = 1e-6,
    certify: str = "auto",
    method: str = "auto",
    storage: str | Dask = "auto",
    max_memory: int | float | str | None = None,
    path: str | os.PathLike[str] | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callback | None = None,
) -> EigenResult:
    """lambda_min(K), K_ij = (|x_i| |x_j|)^q h(cos_ij): by default the G-matrix at infinite width.

    Parameters
    ----------
    X
        Points, (n, d): one a row, of any norms; taken as they are unless ``normalize=True``. Any real dtype and
        layout. Norms other than one (to 1e-12) of activations that are not positively homogeneous take
        precision up to 'double', and 'dense', 'lanczos' or 'shift-invert'.
    activation
        A name (see :func:`activations`), also with parameters, as in 'leaky_relu(0.1)', an :class:`Activation`, a
        list of them, one a layer, or a kernel made by :func:`gradient_kernel`, :func:`nngp` or :func:`ntk`.
    kernel
        'gradient' (train the last hidden layer: at depth 1 the G-matrix), 'nngp' (train the read-out) or
        'ntk' (train everything).
    depth, weight_var, bias_var
        As in :func:`gradient_kernel`.
    width, weights
        A network of finite width: so many neurons, their weights drawn by ``rng``, or these weights,
        (m, d), as in :func:`feature_gram`. Points may have any norm. lambda_min = sigma_min(M)^2 / m by a
        factor of the streamed features, down to eps^2 of the largest eigenvalue; ``method`` is then
        'factored', 'dense' or 'lanczos' (of the entries), or 'auto': the factor in up to eight dimensions,
        else the entries, and the factor where rounding hides the value. None: infinite width.
    normalize
        Divide each point by its norm first.
    precision
        'single' (four bytes an entry, answer refined and confirmed in float64), 'double', 'extended' (two doubles
        a number, 32 digits; n^3), 'exact' (balls of as many digits as it takes, for a few hundred points;
        needs python-flint), or 'auto': single first where the matrix is large, double when single cannot
        resolve the value; then, unless a method was asked for, extended (n <= 4000) and exact (n <= 200)
        while rounding is what limits it. The two highest are for activations without kinks. 'double' and
        'auto' set near points apart where their eigenvalue is below rounding.
    tol
        Relative accuracy: resolved means residual + rounding <= tol * value.
    certify
        How ``lower`` is proved. 'rigorous': a Cholesky factorisation of K - s I that completes, s just
        below the value, with all rounding allowed for (float64, n^3 / 3 flops, 4 n^2 bytes);
        'preconditioned': a random-start bound on K - s I whitened by a sparse inverse, for activations
        with a kink (some dozens of products in few dimensions, up to hundreds elsewhere, no n^3; it
        fails with the ``failure_probability`` of the result, and counts rounding in its probable size);
        'theory': all eigenpairs where the dense route was taken, else the Hermite-tail bound, which is
        loose; 'auto': rigorous where it costs at most what the solve did, else preconditioned for
        activations with a kink in up to eight dimensions, where it is sharp, if K in float64 fits into
        memory, else theory; 'none': nothing but 0.
    method
        'dense', 'lanczos', 'shift-invert' (Cholesky factor, then Lanczos on its inverse),
        'preconditioned' (generalised Davidson; K approximated by the low-degree part of its kernel and,
        in few dimensions, a sparse inverse of the rest, or by landmark points), 'sparse-inverse' (no
        dense product at all: an estimate for up to millions of points in few dimensions, with an upper
        bound), or 'auto': the one that :func:`plan` expects to resolve the value in least time,
        which it says with its reason ('sparse-inverse' has to be asked for).
    storage
        'auto': in the memory of this process or, where it does not suffice, in a file at ``path``. A :class:`Dask`:
        in the memory of its workers, by 'lanczos' or 'preconditioned' and precision up to 'double';
        everything else stays in this process.
    max_memory
        Bytes, or a text such as '10GB', that this call may allocate: matrix or factor, basis, work space,
        and copies of the points that conversion and normalising make; X itself is not counted. Default:
        80 % of what the system has free. Where the basis has to be short, Lanczos restarts and takes
        more products; where no storage of K fits, entries are computed again in every product.
    path
        A file that may hold what ``max_memory`` does not: for 'lanczos' and 'preconditioned' the tiles of K, streamed
        in every product (storage 'disk' of :func:`gram`); for 'shift-invert' the factor, in ``path``.factor; for
        certify='rigorous' the factor of the proof, in ``path``.proof, until it is there. 8 or 4 bytes for
        each of n^2 / 2 entries. No file is made where memory suffices. Killed at any moment, the same call
        goes on from the file, which stays, and 'lanczos' from the last product, which is in ``path``.lanczos
        until the solve ends: see docs/disk.md and docs/out-of-core.md.
    time_limit
        Seconds, from the call on, after which the work ends with what is known, status
        'budget-limited'; kept to within about a second, except in LAPACK (the dense route) and in
        products of the user's own. None: no limit.
    threads
        Number of threads; default OpenMP's, asked at call time. The result does not depend on it.
    rng
        Seed or Generator for the starting block, landmarks, and the order of points in a sparse
        inverse; with ``width``, for the weights. With ``path``, None is a seed of 0: a call that is repeated
        goes on where it was.
    progress
        True: a progress bar on stderr.
    callback
        Called at most ten times a second with a state; a true return value ends the work with
        what is known, an exception propagates.

    Returns
    -------
    EigenResult
        Also when it is interrupted (Ctrl-C), or its time is over: status 'budget-limited', with what
        is known. Only while the input is still being checked, Ctrl-C is a KeyboardInterrupt.

    Raises
    ------
    TypeError, ValueError
        Bad points or options, or ``path`` holds something else; found, expected and remedy are in the message.
    MemoryError
        The method does not fit into ``max_memory``; says what does, or the smallest ``max_memory`` that
        works; raised before anything of the size of K is allocated.
    OSError
        The file at ``path`` cannot be made, read or written, is in use, or has been cut or altered; the disk is full.

    Warns
    -----
    ConvergenceWarning
        status 'budget-limited'.
    PrecisionWarning
        status 'rounding-limited'.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020 (the G-matrix). Golub, Underwood 1977 (block Lanczos).
    Rump, Verification of positive definiteness, BIT 46, 2006 (the certificate).

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=200, d=3, rng=0)
    >>> r = mh.min_eig(X, "relu")
    >>> print(f"{r.value:.4g}  {r.status}")
    0.000429  resolved
    >>> r.lower <= r.value <= r.upper
    True
    >>> np.allclose(np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0], r.value)  # the definition
    True

    Three layers, all of them trained; then a value that double precision cannot see:

    >>> mh.min_eig(X, "relu", kernel="ntk", depth=3).status
    'resolved'
    >>> tiny = mh.min_eig(mh.generate("circle-full", n=51, d=2), "tanh")
    >>> print(f"{tiny.value:.4g}  {tiny.status}  {tiny.dtype}")
    9.382e-16  resolved  extended
    """
    start = time.perf_counter()
    workers = elsewhere(storage, precision, method)
    if workers is not None and (width is not None or weights is not None):
        raise ValueError(
            "storage=mehler.Dask(...) holds kernel matrices of infinite width; leave out width and weights, or storage."
        )
    if width is not None or weights is not None:
        if path is not None:
            raise ValueError("path= serves kernels of infinite width; leave it out, or width=.")
        result = factored.min_eig(
            X,
            kernel_of(activation, kernel, depth, weight_var, bias_var),
            width=width,
            weights=weights,
            normalize=normalize,
            precision=precision,
            tol=tol,
            certify=certify,
            method=method,
            max_memory=max_memory,
            time_limit=time_limit,
            threads=threads,
            rng=rng,
            progress=progress,
            callback=callback,
            start=start,
        )
        result = in_time(result, planned=False)
        _warn(result)
        return result
    seed = seed_from(0 if rng is None and path is not None else rng)
    seconds = duration(time_limit)
    asked = posed(
        X,
        activation,
        kernel=kernel,
        depth=depth,
        weight_var=weight_var,
        bias_var=bias_var,
        normalize=normalize,
        precision=precision,
        tol=tol,
        certify=certify,
        method=method,
        max_memory=max_memory,
        threads=threads,
        path=path,
    )
    report = Reporter(progress, callback, asked.scale, seconds, start)
    result = answered(asked, X, method, normalize, seed, report, workers=workers)
    _warn(result)
    return result


def elsewhere(storage: Any, precision: str, method: str) -> Dask | None:
    """The workers of ``storage``, where it is no name; refuses what they cannot do."""
    if isinstance(storage, str):
        choice("storage", storage, STORAGES, OF_GRAM)
        return None
    workers = dask_of(storage)
    where = "with storage=mehler.Dask(...), whose workers multiply"
    if method not in ("auto", "lanczos", "preconditioned"):
        raise ValueError(
            f"method must be 'auto', 'lanczos' or 'preconditioned' {where}; got {method!r}."
            + meant(method, ("lanczos", "preconditioned"))
        )
    if precision not in ("auto", "single", "double"):
        raise ValueError(
            f"precision must be 'auto', 'single' or 'double' {where}; got {precision!r}."
            + meant(precision, ("single", "double"))
        )
    return workers


def answered(
    asked: Question,
    X: Any,
    method: str,
    normalize: bool,
    seed: int,
    report: Reporter,
    points: _core.Points | None = None,
    filled: Filled | None = None,
    workers: Dask | None = None,
) -> EigenResult:
    """The answer to a question, without a warning; where time was over, with what was reached and how to go on.

    Parameters
    ----------
    asked, X, method, normalize, seed, report
        The question, and what of ``min_eig``'s arguments is not in it.
    points
        ``asked.A`` in the core, where they are there already.
    filled
        The matrix in packed tiles, where it is filled already, for the route that ``filled`` names: the
        one that ``method`` leads to.
    workers
        Who holds the matrix, where this process does not.
    """
    precision, certify, start = asked.precision, asked.certify, report.start
    A, ker, n = asked.A, asked.ker, len(asked.A)
    count, limit = asked.threads, asked.limit
    route, note = method, ""
    with report:
        task = Task(
            asked.tol, count, seed, limit, report, start, given=asked.given, path=asked.path
        )
        try:
            points = core_points(A, ker, count) if points is None else points
            if precision in ladder.BEYOND:
                refuse(points, f"precision={precision!r}")
            problem = asked.problem(points)
            task = dataclasses.replace(task, sight=problem.sight)
            if certify == "rigorous" and precision not in ladder.BEYOND:
                certificate.check(problem, count, planning.least(problem, method))
            if certify == "preconditioned":
                deflated_certificate.check(problem, count, planning.least(problem, method))
            if precision in ladder.BEYOND:
                route = precision
            elif workers is not None:
                route = planning.elsewhere(problem) if method == "auto" else method
            elif method == "auto":
                route = planning.choose(problem) if filled is None else filled.route
            else:
                planning.check(problem, method)
            forced = finite_rank.points_route(A, points, ker, task)
            if forced is not None:
                result = forced
            elif route == "dense":
                result = dense.points_route(A, points, ker, task, certify)
            elif route == "shift-invert":
                result = shift_invert.points_route(A, points, ker, task, certify, precision, filled)
            elif route == "sparse-inverse":
                result = sparse_inverse.points_route(A, points, ker, task, certify)
            elif route in ladder.BEYOND:
                result = ladder.points_route(X, A, points, ker, task, certify, precision, normalize)
            else:
                result = iterative.points_route(
                    A,
                    points,
                    ker,
                    task,
                    certify,
                    precision,
                    route,
                    method == "auto",
                    filled,
                    workers,
                )
                if workers is None and result.lower_kind != "structure":
                    note = planning.unused_path(problem, route)
            if certify in ("auto", "rigorous") and precision not in ladder.BEYOND:
                result = certificate.certified(result, points, ker, task, certify)
            if certify == "preconditioned" or (
                certify == "auto" and deflated_certificate.pays(result, ker, points, task)
            ):
                result = deflated_certificate.certified(result, points, ker, task)
            if precision in ("auto", "double") and route not in ladder.BEYOND:
                result = near_pairs.apart(result, A, points, ker, task, certify)
            if precision == method == "auto" and workers is None:
                result = ladder.climb(result, X, A, points, ker, task, certify, normalize)
        except KeyboardInterrupt:  # between pieces of work
            result = ended(task) or unknown(n, ker, points, task, method)
            result = replace(result, lower=max(result.lower, 0.0), lower_kind="theory")
    imprecise = ker.error > 1e-13 * float(ker.h.ends[0]) and not layered(points)
    if result.status == "rounding-limited" and imprecise:
        why = (
            f"the kernel of {ker.name} is known to {ker.error:.0e} only, which is what limits "
            "the eigenvalue; declare the kinks of the function it was made from"
        )
        result = replace(result, message=why)
    if asked.scale != 1.0:
        result = _times(result, asked.scale)
    result = in_time(result, planned=True, files=task.files)
    if note and result.dtype not in ladder.BEYOND:
        result = replace(result, message="; ".join(filter(None, (result.message, note))))
    return result


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
        its entries are: near points, which :func:`min_eig` sets apart, leave 'rounding-limited' here.

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
        _warn(result)
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
        try:
            if method == "dense":
                A = array
                if isinstance(K, Gram) and A is None:
                    A = dense.entries(K, task)
                elif A is None:
                    A = columns(op, n, count)
                result = dense.result_of_all(
                    A, k, largest, task, 0.0, -math.inf, "none", "dense", nbytes
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
                ) -> EigenResult:
                    return iterative.solve(
                        op, exact, n, wanted, largest, task, block, dtype, nbytes, name,
                        error=error, inverse=inverse, journal=journal,
                    )  # fmt: skip

                def again(V: Array, size: float, wanted: int, task: Task) -> EigenResult:
                    rest, more = _core.Deflated(op, V, size), _core.Deflated(exact, V, size)
                    return on(rest, more, wanted, task)

                journal = K.journal if isinstance(K, Gram) and inverse is None else None
                if journal is not None:
                    task.files.append(journal.path)
                first = on(op, exact, k, task, journal)
                result = copies.complete(first, again, exact, largest, task)
                if journal is not None:
                    journal.end(result)
            if not largest:
                result = certificate.certified_operator(result, K, array, task, certify, nbytes)
        except KeyboardInterrupt:  # between pieces of work
            result = ended(task) or unknown(n, None, None, task, method)
    result = in_time(result, planned=False, files=task.files)
    _warn(result)
    return result


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


def _times(result: EigenResult, factor: float) -> EigenResult:
    """What holds of K, from what holds of K / factor."""
    names = ("value", "lower", "upper", "residual", "floor", "values", "residuals")
    return replace(
        result,
        history=tuple((a, factor * v, factor * r) for a, v, r in result.history),
        **{name: factor * getattr(result, name) for name in names},
    )


def _warn(result: EigenResult) -> None:
    if result.status == "budget-limited":
        warnings.warn(f"not resolved: {result.message}", ConvergenceWarning, stacklevel=3)
    elif result.status == "rounding-limited":
        warnings.warn(f"not resolved: {result.message}", PrecisionWarning, stacklevel=3)
