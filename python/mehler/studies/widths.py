"""The width study: one pass over the neurons of a seed serves all widths, whose networks share them.

    after k neurons of the stream, S_k = sum_(j <= k) s_j s_j^T is the Gram matrix k G_k of the network of width k

Invariant: every row is what a network of that width and seed has by itself, to rounding.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._arrays import (
    Array,
    as_points,
    choice,
    duration,
    integer,
    memory_limit,
    thread_count,
    tolerance,
)
from .._progress import Reporter, State
from ..activations import Activation
from ..errors import ConvergenceWarning, PrecisionWarning
from ..kernels import Kernel
from ..result import EigenResult
from .width_table import WidthRow, WidthStudy

if TYPE_CHECKING:
    from ..operators.neurons import Features
    from ..operators.scheme import Limit
    from ..solvers.outcome import Task


def width_study(
    X: Any,
    activation: str | Activation | Kernel = "relu",
    widths: Sequence[float] = (100, 1_000, 10_000),
    seeds: int | Sequence[int] = 5,
    *,
    kernel: str = "gradient",
    readout: Any = None,
    outputs: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    train_bias: bool | None = None,
    init: str = "unit",
    parameterization: str = "ntk",
    normalize: bool = False,
    tol: float = 1e-3,
    method: str = "auto",
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
) -> WidthStudy:
    """lambda_min(G_m) for growing widths m that share neurons, several seeds, beside lambda_min at infinite width.

    Parameters
    ----------
    X, activation
        As in :func:`feature_gram`.
    widths
        m_1 < m_2 < ...: the first m neurons of a seed are the network of width m.
    seeds
        So many, 0, 1, ..., or which ones. A row is ``min_eig(X, activation, width=m, rng=seed)``.
    kernel, readout, outputs, weight_var, bias_var, train_bias, init, parameterization, normalize
        As in :func:`feature_gram`; not init='fan-out', whose weights change with the width.
    tol
        Relative accuracy of each eigenvalue.
    method
        'factored', 'dense', 'lanczos' or 'auto', as in :func:`min_eig` with ``width``; a seed of which the entries
        do not show every value is streamed again into the factor.
    max_memory, time_limit, threads, progress, callback
        As in :func:`min_eig`.

    Returns
    -------
    WidthStudy
        ``print`` it, ``.records()``, ``.summary()``, ``.plot()``. Also when it is ended early, if one network is known.

    Raises
    ------
    TypeError, ValueError
        Bad points, widths, seeds or options.
    MemoryError
        The matrix does not fit into ``max_memory``.
    KeyboardInterrupt, TimeoutError
        Ended before the first network was known.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020 (networks of finite width).

    Examples
    --------
    >>> X = mh.generate("circle-full", n=11, d=2)
    >>> found = mh.width_study(X, "relu", widths=[100, 1000, 10_000], seeds=3)
    >>> -0.8 < found.rate < -0.2  # |G_m - G| falls like the inverse root of the width
    True
    """
    from ..operators.finite_width import features_of
    from ..operators.space import FACTOR_UP_TO, check_memory
    from ..question import kernel_of
    from ..solvers.factored import METHODS
    from ..solvers.outcome import Task

    start = time.perf_counter()
    ker = kernel_of(activation, kernel, None, weight_var, bias_var)
    sizes, chosen = _widths(widths), _seeds(seeds)
    choice("method", method, METHODS)
    tol, count, limit = tolerance(tol), thread_count(threads), memory_limit(max_memory)
    seconds = duration(time_limit)
    A = as_points(X, normalize=normalize)

    def features(seed: int) -> Features:
        return features_of(
            A, ker, sizes[-1], None, seed, readout=readout, outputs=outputs, train_bias=train_bias,
            init=init, parameterization=parameterization,
        )  # fmt: skip

    first = features(chosen[0])
    if not first.scheme.nested:
        raise ValueError(
            "init='fan-out' has no nested widths: its weights are of variance weight_var / m. Call min_eig or feature_gram "
            "for each width, or take init='unit' or 'fan-in'."
        )
    beside = 8 * 4 * first.n**2 if first.n <= FACTOR_UP_TO else 0  # G, G_m, and their difference
    storage = _storage(first, method, count, limit - beside)
    check_memory(first, storage, count, limit, beside)
    rows: list[WidthRow] = []
    why = ""
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        task = Task(tol, count, 0, limit, report, start)
        infinite, value, message = _limit(first, ker, A, task)
        try:
            for seed in chosen:
                found, storage = _seed(features, seed, sizes, infinite, task, method, storage, rows)
                rows = found
        except (KeyboardInterrupt, _core.Interrupted):
            why = report.why or "interrupted"
            done = len(rows)
            if not done and "time_limit" in why:
                raise TimeoutError(
                    f"{why} before the first network was known; allow more time."
                ) from None
            if not done:
                raise KeyboardInterrupt(why) from None
            why = f"{why} after {done} of {len(chosen) * len(sizes)} networks"
    return WidthStudy(
        tuple(rows), sizes, chosen, f"{ker.kind} kernel of {ker.name}", len(A), A.shape[1],
        first.outputs, value, time.perf_counter() - start, "; ".join(s for s in (why, message) if s),
    )  # fmt: skip


def _seed(
    features: Callable[[int], Features],
    seed: int,
    widths: tuple[int, ...],
    infinite: Array | None,
    task: Task,
    method: str,
    storage: str,
    rows: list[WidthRow],
) -> tuple[list[WidthRow], str]:
    """``rows`` and those of one seed; and the storage that has shown them. ``rows`` grows while it goes."""
    before = len(rows)
    _pass(features(seed), seed, widths, infinite, task, method, storage, rows)
    blind = any(r.status == "rounding-limited" for r in rows[before:])
    if blind and method == "auto" and storage == "dense":
        again = features(seed)
        if _factor_fits(again, task):
            better: list[WidthRow] = []
            _pass(again, seed, widths, infinite, task, method, "factor", better)
            return rows[:before] + better, "factor"
    return rows, storage


def _pass(
    features: Features,
    seed: int,
    widths: tuple[int, ...],
    infinite: Array | None,
    task: Task,
    method: str,
    storage: str,
    rows: list[WidthRow],
) -> None:
    """One pass over the neurons of a seed, stopping at every width."""
    from ..operators.feature_matrix import FeatureGram
    from ..operators.stream import Stream
    from ..solvers.factored import solved

    stream = Stream(features, storage, task.threads, task.report)

    def reached(k: int) -> None:
        K = FeatureGram(stream.made(), threads=task.threads)
        r = solved(K, task, method)
        if r.status == "budget-limited":
            if task.report.stopped:
                raise _core.Interrupted(task.report.why)
            if r.interrupted:
                raise KeyboardInterrupt
        far = math.nan
        if infinite is not None:
            far = float(np.linalg.norm(K.toarray() - infinite) / np.linalg.norm(infinite))
        lower = max(r.lower, 0.0)
        rows.append(WidthRow(seed, k, r.value, lower, r.upper, r.status, far))

    stream.run(widths, reached)


def _limit(
    features: Features, ker: Kernel, A: Array, task: Task
) -> tuple[Array | None, EigenResult | None, str]:
    """The matrix at infinite width (of not too many points), lambda_min of it, or why there is none."""
    from ..eigen import min_eig
    from ..operators.entries import dense_gram
    from ..operators.space import FACTOR_UP_TO

    limit: Limit | str = features.scheme.limit(ker, features.d)
    if isinstance(limit, str):
        return None, None, f"no value at infinite width: {limit}"
    if features.readout is not None:
        return None, None, "no value at infinite width: the read-out is given"
    left = None
    if task.report.time_limit is not None:
        left = max(task.report.time_limit - (time.perf_counter() - task.start), 1e-3)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrecisionWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            r = min_eig(
                A, limit.kernel, tol=task.tol, max_memory=task.limit, threads=task.threads, rng=0,
                time_limit=left,
            )  # fmt: skip
    except ValueError as error:  # norms that this kernel does not take
        return None, None, f"no value at infinite width: {error}"
    scaled = dataclasses.replace(
        r,
        **{
            name: limit.factor * getattr(r, name)
            for name in ("value", "lower", "upper", "residual", "floor", "values", "residuals")
        },
    )
    matrix: Array | None = None
    if features.n <= FACTOR_UP_TO:
        G = limit.factor * dense_gram(A, limit.kernel, task.threads)
        matrix = np.asarray(np.kron(G, np.eye(features.outputs)))
    return matrix, scaled, ""


def _storage(features: Features, method: str, threads: int, limit: int) -> str:
    """As :func:`min_eig` chooses, of the forms that a pass can be stopped in."""
    from ..operators.space import bytes_for, storage_for
    from ..solvers.factored import cheap

    if method == "factored":
        return "factor"
    if method == "auto" and cheap(features) and storage_for(features, threads, limit) == "factor":
        return "factor"
    if method != "dense" and bytes_for(features, "dense", threads) > limit:
        return "packed"
    return "dense"


def _factor_fits(features: Features, task: Task) -> bool:
    from ..operators.space import storage_for

    return storage_for(features, task.threads, task.limit) == "factor"


def _widths(widths: Any) -> tuple[int, ...]:
    """Increasing whole numbers."""
    try:
        given = [widths] if isinstance(widths, (int, float)) else list(widths)
    except TypeError:
        raise TypeError(f"widths must be a sequence of integers; got {widths!r}.") from None
    out = []
    for w in given:
        out.append(int(w) if isinstance(w, float) and w.is_integer() else integer(w, "a width"))
    if not out or out[0] < 1 or any(a >= b for a, b in itertools.pairwise(out)):
        raise ValueError(f"widths must increase, 1 <= m_1 < m_2 < ...; got {given}.")
    return tuple(out)


def _seeds(seeds: Any) -> tuple[int, ...]:
    """0, 1, ..., or those that are given."""
    try:
        given = range(integer(seeds, "seeds")) if not hasattr(seeds, "__iter__") else seeds
        out = tuple(integer(s, "a seed") for s in given)
    except TypeError:
        raise TypeError(
            f"seeds must be an integer >= 1 or a sequence of seeds; got {seeds!r}."
        ) from None
    if not out or min(out) < 0 or len(set(out)) < len(out):
        raise ValueError(
            f"seeds must be an integer >= 1, or different integers >= 0; got {seeds!r}."
        )
    return out
