"""``min_eig``: the smallest eigenvalue of the kernel matrix of points, with its bounds.

What is asked is in ``question``, how it is answered in ``answer``; ``eigenpairs`` has ``eigsh``, for operators.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ._arrays import (
    duration,
    seed_from,
)
from ._progress import Reporter, State
from .activations import Activation
from .answer import answered, warn_of
from .kernels import Kernel
from .question import elsewhere, kernel_of, posed
from .result import EigenResult
from .solvers import (
    factored,
)
from .solvers.outcome import in_time

if TYPE_CHECKING:
    from .distributed import Dask

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
    workers = elsewhere(storage, precision, method, path)
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
        warn_of(result)
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
    warn_of(result)
    return result
