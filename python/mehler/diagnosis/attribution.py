"""``attribute``: which points make lambda_min small.

bottom pairs -> weights -> smallest set, nested submatrices -> nearest neighbours, closest pair -> lambda_min without each.

In double, some bottom pairs come from one solve (``eigsh``). Where double cannot see the value, the vector is that of the
extended or exact route (``min_eig``), and the next eigenvalue comes without a vector (``eigvalsh``).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._arrays import Array, as_points, duration, flag, integer, memory_limit, seed_from
from ..activations import Activation
from ..bounds import upper
from ..data.points import normalize as to_unit_norm
from ..errors import ConvergenceWarning, PrecisionWarning
from ..kernels import Kernel
from ..result import EigenResult
from .attributed import Attribution, AttributionRow, participation, smallest_set
from .secular import without_one

SAME = 1e-3  # relative distance of copies of one eigenvalue
SINGLE_FROM = 12_000  # points: entries are stored in float32, the answer refined in float64
ALL_UP_TO = 600  # points: all eigenvalues beyond double, for the next one
MOST_ALONE = 1024  # points whose own matrix is looked at
ALONE = 1e-6  # relative accuracy of its smallest eigenvalue
TRUST = 0.1  # a vector whose residual is at most this part of the value is shown


@dataclass(frozen=True)
class Bottom:
    """What is known of the bottom of the spectrum: k pairs, and the eigenvalue after them."""

    result: EigenResult
    values: Array
    vectors: Array
    following: tuple[float, float] | None
    multiplicity: int | None
    slack: float


def attribute(
    X: Any,
    activation: str | Activation | Kernel | Sequence[str | Activation] = "relu",
    *,
    result: EigenResult | None = None,
    kernel: str = "gradient",
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalize: bool = False,
    precision: str = "auto",
    pairs: int = 6,
    top: int = 10,
    tol: float = 1e-6,
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
) -> Attribution:
    """Weights v_i^2 of the bottom vector, K v = lambda_min v, and lambda_min(K without i) for every point i.

    Parameters
    ----------
    X, activation, kernel, depth, weight_var, bias_var, normalize
        As in :func:`min_eig`.
    result
        What :func:`min_eig` or :func:`eigsh` found for the same points and kernel, with its vectors: nothing is solved again, and
        of one pair alone the bounds without a point are looser. None: solve here.
    precision
        'double', 'extended', 'exact', or 'auto': double, then as far up as :func:`min_eig` climbs.
    pairs
        Bottom eigenpairs to take, in double: more of them make the bounds without a point tighter. About as long as one solve.
    top
        Points in the table.
    tol, max_memory, time_limit, threads, rng, progress
        As in :func:`min_eig`; the time limit is for the eigenvalue problem, what follows it takes less.

    Returns
    -------
    Attribution
        ``print`` shows a table, ``plot(shape=(28, 28))`` a picture. Where the vector is not known, ``known`` is False and
        ``message`` says why: nothing is made up from rounding. After Ctrl-C, or when time is over, what is known is returned:
        without neighbours, the closest pair and submatrices.

    Raises
    ------
    TypeError, ValueError
        Bad points or options, as in :func:`min_eig`; a result of other points, or without vectors.
    MemoryError
        The matrix does not fit into ``max_memory``.

    References
    ----------
    Golub, SIAM Review 15, 1973 (secular equation). Horn, Johnson, Matrix Analysis, 4.3 (interlacing).

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=50, d=10, rng=0)
    >>> X[7] = mh.normalize(X[[3]] + 0.01 * X[[7]])[0]  # nearly a copy
    >>> a = mh.attribute(X, "relu")
    >>> sorted(row.index for row in a.rows[:2])
    [3, 7]
    >>> (a.without_lower[7] > 5 * a.value).item()  # without one of them lambda_min rises
    True
    """
    from ..question import posed

    start = time.perf_counter()
    if precision == "single":
        raise ValueError(
            "precision must be 'auto', 'double', 'extended' or 'exact'; got 'single': a vector is wanted."
        )
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
        certify="none",
        method="auto",
        max_memory=max_memory,
        threads=threads,
    )
    given = as_points(X)
    n = len(given)
    count, wanted = _positive(pairs, "pairs"), _positive(top, "top")
    seed, seconds = seed_from(rng), duration(time_limit)
    A = to_unit_norm(given) if flag("normalize", normalize) else given
    ker = asked.ker
    common = {
        "threads": threads,
        "max_memory": max(memory_limit(max_memory) - (A is not given) * A.nbytes, 1),
    }
    options = common | {"tol": tol, "rng": seed, "time_limit": seconds, "progress": progress}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        if result is not None:
            bottom = _of_result(result, n)
        else:
            bottom = _solved(A, ker, precision, min(count, n), options)
        return _attributed(A, ker, bottom, min(wanted, n), common, start)


def attributed(
    A: Array,
    ker: Kernel,
    result: EigenResult,
    near: upper.Close | None,
    top: int,
    common: dict[str, Any],
) -> Attribution:
    """The attribution of pairs that are known, of points whose neighbours are known: for several kernels of one data set."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _attributed(
            A, ker, _of_result(result, len(A)), min(top, len(A)), common, start, near
        )


def _positive(value: int, name: str) -> int:
    count = integer(value, name)
    if count < 1:
        raise ValueError(f"{name} must be >= 1; got {value!r}.")
    return count


def _of_result(result: EigenResult, n: int) -> Bottom:
    if not isinstance(result, EigenResult):
        raise TypeError(
            f"result must be what min_eig or eigsh returned; got {type(result).__name__}."
        )
    if result.n != n:
        raise ValueError(f"result must be of the same points; it has n={result.n}, X has {n}.")
    if result.vectors is None:
        raise ValueError(
            "result must hold its vectors; this one has none. Leave result out to solve here."
        )
    if len(result.values) > 1 and result.values[0] > result.values[-1]:
        raise ValueError(
            "result must hold the smallest eigenvalues, which='SA'; it holds the largest."
        )
    return _bottom(result, None)


def _bottom(result: EigenResult, following: tuple[float, float] | None) -> Bottom:
    """Of the pairs of a result."""
    values = np.asarray(result.values, dtype=np.float64)
    vectors = np.asarray(result.vectors if result.vectors is not None else np.zeros((result.n, 0)))
    after = [*values[1:], *([] if following is None else [following[0]])]
    near = values[0] + max(SAME * abs(float(values[0])), 2.0 * float(np.max(result.residuals)))
    multiplicity = 1 + sum(x <= near for x in after) if after else None
    if multiplicity == 1 + len(after) and len(after) + 1 < result.n:
        multiplicity = None  # all that were looked at are the same: there may be more
    error = float(np.max(result.residuals))
    if math.isfinite(result.floor):
        error += result.floor
    return Bottom(result, values, vectors, following, multiplicity, error)


def _solved(A: Array, ker: Kernel, precision: str, k: int, options: dict[str, Any]) -> Bottom:
    from ..eigen import min_eig
    from ..eigenpairs import eigsh
    from ..operators.gram import gram

    if precision in ("auto", "double"):
        dtype = "float32" if len(A) > SINGLE_FROM else "float64"
        limit, threads = options["max_memory"], options["threads"]
        K = gram(A, ker, dtype=dtype, max_memory=0.6 * limit, threads=threads)
        found = eigsh(K, k, **(options | {"max_memory": limit - K.nbytes}), certify="none")
        del K
        if precision == "double" or found.status != "rounding-limited":
            return _bottom(found, None)
    found = min_eig(A, ker, **options, precision=precision, certify="none")
    if not found.resolved or found.dtype not in ("extended", "exact"):
        return _bottom(found, None)
    return _beyond(A, ker, found, options)


def _beyond(A: Array, ker: Kernel, found: EigenResult, options: dict[str, Any]) -> Bottom:
    """The vector, and bounds of the next eigenvalue; how many there are like the first."""
    from ..all_eigenvalues import eigvalsh

    n = len(A)
    if not 1 < n <= ALL_UP_TO:
        return _bottom(found, None)
    common = {key: options[key] for key in ("tol", "threads", "max_memory", "progress")}
    all_ = eigvalsh(A, ker, precision="extended", **common)
    bottom = _bottom(found, (max(float(all_.lower[1]), found.value), float(all_.upper[1])))
    alike = all_.values <= found.value * (1.0 + SAME)
    return replace(bottom, multiplicity=max(int(np.sum(alike)), 1))


def _attributed(
    A: Array,
    ker: Kernel,
    bottom: Bottom,
    top: int,
    common: dict[str, Any],
    start: float,
    near: upper.Close | None = None,
) -> Attribution:
    result, n = bottom.result, len(A)
    U = to_unit_norm(A)
    stopped, ended = result.status == "budget-limited", False
    try:
        near = upper.closest(U) if near is None and n > 1 and not stopped else near
    except KeyboardInterrupt:  # what is known so far
        stopped = ended = True
    pair, pair_value, pair_cosine = None, math.nan, math.nan
    if near is not None:
        i, j = _closest_pair(A, ker, near)
        pair, pair_cosine = (i, j), float(U[i] @ U[j])
        two = A[[i, j]]
        pair_value = _alone(two, np.asarray(ker(two)), ker, common)
    value, residual = float(result.value), float(np.max(result.residuals))
    known = bottom.vectors.shape[1] > 0 and (
        result.resolved
        or (residual <= TRUST * abs(value) and not result.floor > TRUST * abs(value))
    )
    message = result.message if not result.resolved else ""
    found = Attribution(
        kernel=repr(ker).strip("<>").partition(":")[0],
        n=n,
        value=value,
        status=result.status,
        precision=result.dtype,
        known=known,
        multiplicity=bottom.multiplicity if known else None,
        participation=math.nan,
        support=(),
        rows=(),
        pair=pair,
        pair_value=pair_value,
        pair_cosine=pair_cosine,
        nested=(),
        weights=np.full(n, math.nan),
        without_lower=np.full(n, math.nan),
        without_upper=np.full(n, math.nan),
        message=message,
        seconds=time.perf_counter() - start,
        interrupted=result.interrupted or ended,
        _shown=np.zeros((0, A.shape[1])),
    )
    if not known:
        why = f": {message}" if message else ""
        message = f"the bottom vector is not known, so no point is blamed{why}"
        return replace(found, message=message)
    m = bottom.multiplicity or 1
    if bottom.multiplicity is not None and bottom.vectors.shape[1] < m:
        message = (
            f"{m} eigenvalues lie within {100 * SAME:g} % and one vector is known: weights are its own, and "
            "the least change of the points may turn it within their space"
        )
        m = 1
    weights = np.mean(bottom.vectors[:, :m] ** 2, axis=1)
    weights /= np.sum(weights)
    low, high = without_one(
        bottom.values, bottom.vectors, ker.diag(A), bottom.following, bottom.slack
    )
    support = smallest_set(weights)
    order = np.argsort(-weights, kind="stable")[:top]
    sums, rows = np.cumsum(weights[order]), []
    for i, total in zip(order.tolist(), sums.tolist(), strict=True):
        other = None if near is None else int(near.other[i])
        cosine = math.nan if other is None else float(U[i] @ U[other])
        rows.append(
            AttributionRow(
                i, float(weights[i]), total, other, cosine, float(low[i]), float(high[i])
            )
        )
    shown = [i for r in rows for i in (r.index, r.index if r.neighbour is None else r.neighbour)]
    return replace(
        found,
        participation=participation(weights),
        support=tuple(support.tolist()),
        rows=tuple(rows),
        nested=() if stopped else _nested(A, ker, support, weights, common),
        weights=weights,
        without_lower=np.maximum(low, 0.0),
        without_upper=high,
        message=message,
        seconds=time.perf_counter() - start,
        _shown=A[shown],
    )


def _closest_pair(A: Array, ker: Kernel, near: upper.Close) -> tuple[int, int]:
    """Of the nearest pairs the one whose 2 x 2 matrix has the smallest eigenvalue; all of them from one evaluation."""
    i = np.argsort(-near.cosine, kind="stable")[: 4 * upper.CLOSE_POINTS]
    j = near.other[i]
    diagonal = ker.diag(A)
    a, b, c = diagonal[i], diagonal[j], np.diagonal(ker(A[i], A[j]))
    large = 0.5 * (a + b) + np.hypot(0.5 * (a - b), c)
    best = int(np.argmin((a * b - c * c) / np.maximum(large, 1e-300)))
    first, second = sorted((int(i[best]), int(j[best])))
    return first, second


def _nested(
    A: Array, ker: Kernel, support: Any, weights: Array, common: dict[str, Any]
) -> tuple[tuple[int, float], ...]:
    """lambda_min of the 1, 2, 4, ... heaviest points, of the support, and of as many as are looked at."""
    order = np.argsort(-weights, kind="stable")[: min(len(A), MOST_ALONE)]
    sizes = {2**k for k in range(11) if 2**k <= len(order)}
    sizes |= {min(len(support), MOST_ALONE), len(order)}
    heavy = np.ascontiguousarray(A[order])
    K = np.asarray(ker(heavy), dtype=np.float64)
    return tuple((m, _alone(heavy[:m], K[:m, :m], ker, common)) for m in sorted(sizes))


def _alone(points: Array, K: Array, ker: Kernel, common: dict[str, Any]) -> float:
    """lambda_min of K, the matrix of a few points; where double is not good enough, as far up as it takes."""
    from ..eigen import min_eig

    values = np.linalg.eigvalsh(K)
    rounding = len(K) * float(values[-1]) * (2.0**-52 + ker.error / float(ker.h.ends[0]))
    if values[0] * ALONE > rounding:
        return float(values[0])
    found = min_eig(points, ker, certify="none", rng=0, **common)
    return float(found.value if found.resolved else found.upper)
