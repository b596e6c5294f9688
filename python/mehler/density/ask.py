"""``spectrum``: the whole spectrum of a symmetric matrix, from products with blocks of vectors.

``quadrature``  exact ends (eigsh)  ->  probes on what is beside them (stochastic Lanczos quadrature)  ->  SpectralDensity
``dense``       all eigenvalues (LAPACK), where that is quicker (route)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core
from .._arrays import (
    Array,
    as_array,
    as_points,
    choice,
    duration,
    generator_from,
    integer,
    memory_limit,
    thread_count,
)
from .._progress import Reporter, State
from ..activations import Activation
from ..kernels import Kernel
from ..operators.foreign import as_operator
from ..operators.gram import Gram, gram
from ..question import kernel_of
from . import dense, quadrature, route
from .result import SpectralDensity
from .task import Task

METHODS = ("auto", "dense", "quadrature")
Callback = Callable[[State], Any]


def spectrum(
    K: Any,
    activation: str | Activation | Kernel | Sequence[str | Activation] | None = None,
    *,
    kernel: str = "gradient",
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalize: bool = False,
    probes: int = 10,
    steps: int = 100,
    ends: int | tuple[int, int] = (10, 20),
    thresholds: Any = (),
    level: float = 0.99,
    method: str = "auto",
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callback | None = None,
) -> SpectralDensity:
    """N(x) = number of lambda_i(K) <= x, with a band; log det K, tr K^-1, degrees of freedom and the like, with intervals.

    Parameters
    ----------
    K
        A :class:`Gram`, a :class:`FeatureGram`, a dense symmetric array (n, n), a SciPy LinearOperator or sparse
        matrix, or anything with ``shape`` and ``K @ V``; with ``activation``: points (n, d), as in :func:`min_eig`.
    activation
        Makes K the points of which the kernel matrix is meant; None: K is the matrix.
    kernel, depth, weight_var, bias_var, normalize
        As in :func:`min_eig`.
    probes
        Random vectors. Bands and intervals shrink with the square root of their number.
    steps
        Lanczos steps of each, all of them in one block product a step. More resolve finer.
    ends
        How many of the lowest and of the highest eigenvalues are computed one by one and taken out of what the probes
        see; one number, or (lowest, highest). Without lowest ones, lambda_min is not known.
    thresholds
        Where the number of eigenvalues is to be known without chance: K - t I is factored just below and just above each t (n^3 / 3 flops, n^2 numbers; needs
        SciPy and the entries of K), and the band takes it over. The dense method needs none.
    level
        Probability, at least, with which a band holds everywhere, and each interval.
    method
        'dense' (every eigenvalue, by LAPACK, which no Ctrl-C interrupts), 'quadrature', or 'auto': the quicker one, told by counts of
        products: dense up to n = probes * steps + 200 * lowest + 25 * highest ends, 3500 as it stands (half of that where products alone
        tell the entries), and up to 1000 whatever is asked; where it fits into memory and ``time_limit``.
    max_memory
        Bytes, or a text such as '10GB', for work space beside K, and for the kernel matrix of points. Default: 80 % of what
        the system has free.
    time_limit, threads, progress, callback
        As in :func:`min_eig`: what is known when it ends is returned.
    rng
        Seed or Generator of the random vectors.

    Returns
    -------
    SpectralDensity

    Raises
    ------
    TypeError, ValueError
        Not square, not symmetric, NaN or infinity; points without an activation; options out of range.
    MemoryError
        It does not fit into ``max_memory``; says what is enough.
    KeyboardInterrupt
        Before the first step of the probes; also when the callback says stop there, and of the dense method.

    Warns
    -----
    ConvergenceWarning
        Ended before all steps.

    References
    ----------
    Golub and Meurant, Matrices, Moments and Quadrature, 2010. Bai, Fahey and Golub 1996 (bounds of traces). Ubaru, Chen
    and Saad 2017; Chen, Trogdon and Ubaru 2021 (stochastic Lanczos quadrature).

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=500, d=6, rng=0)
    >>> density = mh.spectrum(X, "relu")
    >>> density.method, density.probes is None  # small: every eigenvalue
    ('dense', True)
    >>> K = mh.gram(X, "relu")
    >>> density = mh.spectrum(K, method="quadrature", rng=0)
    >>> exact = np.linalg.slogdet(K.toarray())[1]
    >>> float(exact) in density.logdet()
    True
    >>> np.trace(K.toarray()) in density.trace
    True
    """
    start = time.perf_counter()
    choice("method", method, METHODS)
    probes, steps = integer(probes, "probes"), integer(steps, "steps")
    for name, value, least in (("probes", probes, 2), ("steps", steps, 2)):
        if value < least:
            raise ValueError(f"{name} must be >= {least}; got {value}.")
    wanted, at = _pair(ends), _thresholds(thresholds)
    level = _level(level)
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    generator = generator_from(rng)
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        try:
            held = 0
            if activation is not None:
                ker = kernel_of(activation, kernel, depth, weight_var, bias_var)
                X = as_points(K)
                work = quadrature.bytes_for(len(X), probes, steps, wanted, count)
                stop = _stops(report)
                K = gram(
                    X, ker, max_memory=max(limit - work, 1), threads=count, normalize=normalize,
                    progress=progress, callback=stop,
                )  # fmt: skip
                held = K.nbytes
            else:
                _refuse_options(kernel, depth, weight_var, bias_var, normalize)
            limit -= held
            op, _, n, _, _, array = as_operator(K)
            if method == "auto":
                by_products = array is None and not isinstance(K, Gram)
                quick = route.dense_is_quicker(n, probes, steps, wanted, len(at), by_products)
                fits = dense.bytes_for(n) <= limit and route.ends_in(n, seconds)
                method = "dense" if quick and fits else "quadrature"
            task = Task(K, op, array, n, count, limit, held, level, start, report)
            if method == "dense" or n <= 3:
                return dense.every_one(task)
            return quadrature.by_products(task, probes, steps, wanted, at, generator)
        except _core.Interrupted:
            raise KeyboardInterrupt(report.why or "interrupted") from None
        except KeyboardInterrupt:
            if report.stopped:  # while filling
                raise KeyboardInterrupt(report.why) from None
            raise


def _stops(report: Reporter) -> Callback | None:
    """What ends a fill: the user's callback, and time."""
    if report.callback is None and report.time_limit is None:
        return None

    def stop(state: State) -> bool:
        if report.callback is not None and report.callback(state):
            report.stop("stopped by the callback")
        if (
            report.time_limit is not None
            and time.perf_counter() - report.start >= report.time_limit
        ):
            report.stop(f"stopped by time_limit={report.time_limit:g} s")
        return report.stopped

    return stop


def _refuse_options(
    kernel: str, depth: int | None, weight_var: float, bias_var: float, normalize: bool
) -> None:
    given = {
        "kernel": kernel,
        "depth": depth,
        "weight_var": weight_var,
        "bias_var": bias_var,
        "normalize": normalize,
    }
    usual = {
        "kernel": "gradient",
        "depth": None,
        "weight_var": 1.0,
        "bias_var": 0.0,
        "normalize": False,
    }
    odd = [name for name in given if given[name] != usual[name]]
    if odd:
        raise ValueError(
            f"{', '.join(odd)} belong to points; pass an activation too, as in spectrum(X, 'relu')."
        )


def _pair(ends: Any) -> tuple[int, int]:
    pair = tuple(ends) if isinstance(ends, (tuple, list)) else (ends, ends)
    if len(pair) != 2:
        raise ValueError(f"ends must be one number or (lowest, highest); got {ends!r}.")
    low, high = (integer(k, "ends") for k in pair)
    if low < 0 or high < 0:
        raise ValueError(f"ends must be >= 0; got {ends!r}.")
    return low, high


def _thresholds(thresholds: Any) -> Array:
    at = np.atleast_1d(as_array(thresholds, "thresholds")).astype(np.float64)
    if at.ndim != 1 or not np.isfinite(at).all():
        raise ValueError(f"thresholds must be finite numbers, (m,); got {thresholds!r}.")
    return np.sort(at)


def _level(level: Any) -> float:
    if isinstance(level, (str, bytes, bool, np.bool_)):
        raise TypeError(f"level must be a number; got {level!r}.")
    try:
        value = float(level)
    except (TypeError, ValueError):
        raise TypeError(f"level must be a number; got {level!r}.") from None
    if not 0.5 <= value < 1.0:
        raise ValueError(f"level must satisfy 0.5 <= level < 1; got {level!r}.")
    return value
