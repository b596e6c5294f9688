"""The factored route: eigenvalues of G = R^T R / m are sigma_i(R)^2 / m, each to its own digits.

Features and factor are known up to E D, |E| <= eta, D the lengths of the columns of M; the rotations keep
the relative digits of a factor whose pivots come in order. With B = R / D
of unit columns, for every x: |E D x| <= eta |D x| <= eta |R x| / sigma_min(B). Hence

    sigma_i (1 - eta / sigma_min(B)) <= sigma_i(M) <= sigma_i (1 + eta / sigma_min(B)),
    |sigma_i - sigma_i(M)| <= eta max D,        lambda_min <= (|R v| + eta |D v|)^2 / m.

Errors of columns are independent, so |E| is about the error of one; but the first reflection of nearly
parallel columns errs in one direction for all of them, |E| = sqrt(n) of one, which shows in the largest of
the singular values that rounding hides, not in the smallest: all but this take sqrt(n) eta.
The lengths of the points take no part in eta: eps^2 of the largest eigenvalue is in sight, not eps.
"""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from typing import Any

import numpy as np

from .. import _core
from .._arrays import (
    Array,
    as_points,
    choice,
    duration,
    generator_from,
    memory_limit,
    thread_count,
    tolerance,
)
from .._progress import Reporter
from .._words import meant
from ..kernels import Kernel
from ..operators.feature_matrix import FeatureGram
from ..operators.finite_width import features_of
from ..operators.forms import Factor
from ..operators.neurons import Features
from ..operators.space import FACTOR_UP_TO, check_memory, operator_for, storage_for
from ..operators.stream import Stream
from ..question import CERTIFICATES, PRECISIONS
from ..result import EigenResult
from . import dense
from .outcome import EPS, Task, nothing, replace, result_of, within

METHODS = ("auto", "factored", "dense", "lanczos")
INFINITE = "for infinite width; a factor sees down to eps^2 of the largest eigenvalue"
PARTIAL_UP_TO = 500  # points: the factor of the neurons so far is solved within a second


def factored_spectrum(
    K: FeatureGram, threads: int, ask: Any = None
) -> tuple[Array, Array, Array, Array]:
    """Singular values of the factor, squared, ascending, their bounds, and the eigenvectors."""
    assert isinstance(K.form, Factor)
    R, m, n = np.ascontiguousarray(K.form.R), K.form.m, K.shape[0]
    found = _core.jacobi_svd(R, threads, ask)
    sigma, V = found["values"][::-1], np.ascontiguousarray(found["vectors"][:, ::-1])
    lengths = np.sqrt(np.sum(R**2, axis=0))
    eta, rotations = K.rounding, 4.0 * EPS * len(R)
    scale = np.ldexp(1.0, np.frexp(np.where(lengths > 0.0, lengths, 1.0))[1])
    if np.all(scale == scale[0]):
        least = float(sigma[0] / scale[0])
    else:
        least = float(_core.jacobi_svd(R / scale, threads, ask)["values"][-1])
    # columns of R / scale are between 1/2 and 1 long: their errors are no larger
    error = np.minimum(
        eta * float(np.linalg.norm(lengths)), _share(eta * math.sqrt(n), least) * sigma
    )
    error[0] = min(eta * float(lengths.max()), _share(eta, least) * float(sigma[0]))
    error += rotations * sigma
    lower = np.maximum(sigma - error, 0.0) ** 2 / m
    upper = (sigma + error) ** 2 / m
    if V[:, 0].any():
        moved = eta * float(np.linalg.norm(lengths * V[:, 0]))
        upper[0] = min(upper[0], (float(sigma[0]) * (1.0 + rotations) + moved) ** 2 / m)
    if not found["converged"]:
        lower[:] = 0.0
    return sigma**2 / m, lower, upper, V


def _share(error: float, least: float) -> float:
    """Relative error of singular values whose scaled columns have ``least`` for their smallest one."""
    return error / (least - error) if least > error * (1.0 + 1e-9) else 1e300


def dense_spectrum(
    K: FeatureGram, threads: int, ask: Any = None
) -> tuple[Array, Array, Array, Array]:
    """All eigenvalues of the entries by LAPACK, their bounds, and the eigenvectors."""
    G = K.toarray()
    values, V, error = dense.dense_pairs(G)
    error += K.rounding * float(np.trace(G)) / math.sqrt(len(G))
    return values, np.maximum(values - error, 0.0), np.maximum(values + error, 0.0), V


def result(K: FeatureGram, k: int, largest: bool, task: Task) -> EigenResult:
    """The k extreme eigenpairs of a factor."""
    n = K.shape[0]
    try:
        spectrum, V = K.pairs(task.report.ask, task.threads)
    except (KeyboardInterrupt, _core.Interrupted):
        top = float(K.diagonal().min())
        when = "before the singular values"
        early = nothing(task, n, "factored", when, upper=top, nbytes=K.nbytes)
        return replace(early, lower=0.0, lower_kind="theory")
    order = np.arange(n - 1, n - 1 - k, -1) if largest else np.arange(k)
    values, vectors = spectrum.values[order], np.ascontiguousarray(V[:, order])
    lower, upper = spectrum.lower[order], spectrum.upper[order]
    residuals = np.maximum(upper - values, values - lower)  # K v itself would be rounding alone
    floor = float(upper[0] - values[0])
    value = float(values[0])
    forced = not largest and K.rank < n
    if forced:
        values = values.copy()
        values[0] = value = 0.0
        lower[0], floor = 0.0, 0.0
    known = np.maximum(upper - values, values - lower) <= task.tol * values
    resolved = forced or bool(np.all(known))
    message = "" if resolved else remedy(value, floor, K)
    if forced:
        message = f"exactly zero: {K.source}"
    return result_of(
        task,
        values=values,
        vectors=vectors,
        residuals=residuals,
        lower=float(lower[0]),
        upper=float(upper[0]),
        lower_kind="structure" if forced else "factored",
        status="resolved" if resolved else "rounding-limited",
        method="factored" if K.width is None else f"factored (width {K.width})",
        applications=0,
        floor=floor,
        n=n,
        dtype="float64",
        nbytes=K.nbytes,
        message=message,
    )


def remedy(value: float, floor: float, K: FeatureGram) -> str:
    """Why no more is known, and what to do."""
    if value <= floor:
        return (
            f"at the floor {floor:.1e} of features in double precision, about eps^2 of the largest eigenvalue; "
            "take fewer points, or points further apart, or use the upper bound"
        )
    return (
        f"known to +- {floor:.0e}, {within(floor, value)}, by the rounding of features in double precision; "
        f"tol={2.0 * floor / value:.0e} is within reach"
    )


def eigsh(K: FeatureGram, k: int, which: str, task: Task, certify: str) -> EigenResult:
    """The k extreme pairs of a factor, for :func:`mehler.eigsh`."""
    found = result(K, k, which == "LA", task)
    if certify == "none" and found.lower_kind == "factored":
        found = replace(found, lower=0.0, lower_kind="none")
    return found


# -- from points ------------------------------------------------------------------------------------


def min_eig(
    X: Any,
    ker: Kernel,
    *,
    width: Any,
    weights: Any,
    normalize: bool,
    precision: str,
    tol: float,
    certify: str,
    method: str,
    max_memory: int | float | str | None,
    time_limit: float | None,
    threads: int | None,
    rng: Any,
    progress: bool | None,
    callback: Any,
    start: float,
) -> EigenResult:
    """lambda_min of a network of finite width: what :func:`mehler.min_eig` does with ``width``."""
    check(precision, method, certify)
    tol = tolerance(tol)
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    generator_from(rng)  # refuses what is none, before any work
    A = as_points(X, normalize=normalize)
    features = features_of(A, ker, width, weights, rng)
    storage = {"auto": "", "factored": "factor"}.get(method, "dense")
    if not storage:  # entries first where they are cheaper by the number of coordinates
        storage = storage_for(features, count, limit)
        if storage == "factor" and not cheap(features):
            storage = "dense"
    if method == "lanczos":
        storage = operator_for(features, count, limit)
    check_memory(features, storage, count, limit)
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        task = Task(tol, count, 0, limit, report, start)
        found = _solve(features, storage, ker, task, method, certify)
        climbs = method == "auto" and storage == "dense" and features.n <= FACTOR_UP_TO
        if climbs and found.status == "rounding-limited":
            if storage_for(features, count, limit) == "factor":
                found = _solve(features, "factor", ker, task, method, certify)
    if certify == "none" and found.lower_kind != "structure":
        found = replace(found, lower=0.0, lower_kind="none")
    return dataclasses.replace(found, seconds=time.perf_counter() - start)


def cheap(features: Features) -> bool:
    """Whether the factor costs little more than the entries: few coordinates, or none."""
    return features.slope is None or features.inputs.shape[1] <= 8


def _solve(
    features: Features, storage: str, ker: Kernel, task: Task, method: str, certify: str
) -> EigenResult:
    """Stream, then solve; what is known when it is ended."""
    stream = Stream(features, storage, task.threads, task.report)
    try:
        stream.run()
        K = FeatureGram(stream.made(), ker, threads=task.threads)
    except (KeyboardInterrupt, _core.Interrupted):
        return _partial(stream, ker, task)
    return solved(K, task, method)


def solved(K: FeatureGram, task: Task, method: str) -> EigenResult:
    """lambda_min of a matrix of features, in whatever form."""
    if K.storage == "factor":
        return result(K, 1, False, task)
    return _of_entries(K, task, method)


def _of_entries(K: FeatureGram, task: Task, method: str) -> EigenResult:
    """By the solvers for arrays, with the rounding of the entries."""
    n = K.shape[0]
    entry = K.rounding * float(np.max(K.diagonal()))
    if K.storage == "dense" and (method == "dense" or (method == "auto" and n <= FACTOR_UP_TO)):
        G = K.toarray()
        return dense.result_of_all(G, 1, False, task, entry, 0.0, "none", "dense", K.nbytes)
    from ..eigenpairs import eigsh as of_array

    left = None
    if task.report.time_limit is not None:
        left = max(task.report.time_limit - (time.perf_counter() - task.start), 1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said once, by min_eig
        found = of_array(
            K,
            method="lanczos",
            tol=task.tol,
            max_memory=max(task.limit - K.nbytes, 1),
            time_limit=left,
            threads=task.threads,
            rng=task.seed,
            progress=task.report.progress,
            callback=task.report.callback,
            certify="none",
        )
    floor = (
        max(found.floor, EPS * float(K.diagonal().sum()) / math.sqrt(n))
        + 2.0 * math.sqrt(n) * entry
    )
    status = found.status
    if status == "resolved" and found.residual + floor > task.tol * abs(found.value):
        status = "rounding-limited"
    return replace(
        found, floor=floor, upper=found.upper + floor, lower=max(found.lower, 0.0), status=status
    )


def _partial(stream: Stream, ker: Kernel, task: Task) -> EigenResult:
    """Ended while neurons were streaming: G >= (k / m) G_k, G_k the matrix of the first k of m."""
    n, m, k = stream.features.n, stream.features.width, stream.done
    method = {"factor": "factored", "dense": "dense"}.get(stream.storage, "lanczos")
    found = nothing(task, n, method, f"after {k} of {m} neurons", ker=ker)
    if stream.storage != "factor" or k == 0 or n > PARTIAL_UP_TO:
        return found
    try:
        task.report.callback = task.report.time_limit = None  # they have had their say
        task.report.progress = False
        so_far = FeatureGram(stream.made(m), ker, threads=task.threads).spectrum()
    except (KeyboardInterrupt, _core.Interrupted):
        return found
    return replace(
        found,
        lower=float(so_far.lower[0]) * (k / m),
        lower_kind="factored",
        message=f"{found.message}, whose own smallest eigenvalue is {so_far.values[0]:.3g}",
    )


def check(precision: str, method: str, certify: str) -> None:
    """Refuses what finite width does not have."""
    choice("precision", precision, PRECISIONS, {"extended": INFINITE, "exact": INFINITE})
    if precision == "single":
        raise ValueError(
            "precision='single' is for infinite width; features are evaluated in double precision. Leave it out."
        )
    if method not in METHODS:
        raise ValueError(
            f"method must be one of {METHODS} at finite width (width= or weights=); got {method!r}."
            + meant(method, METHODS)
        )
    choice("certify", certify, CERTIFICATES)
    if certify not in ("auto", "none"):
        raise ValueError(
            f"certify={certify!r} is for infinite width; at finite width certify='auto' counts rounding in its "
            "probable size. For a proof of the entries: eigsh(np.asarray(feature_gram(...)), certify='rigorous')."
        )
