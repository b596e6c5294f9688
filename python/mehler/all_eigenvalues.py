"""All eigenvalues of a kernel matrix, each with its bounds and its own status, in any precision.

double      LAPACK, |Theta_i - lambda_i| <= |K Q - Q Theta| and rounding (``dense``)
extended    Householder and QL in double-double; one floor for all, in its usual size (``extended``)
exact       V^t K V in balls, V from a non-rigorous solver. With |V^t V - I| <= g, Ostrowski and Weyl:
            |lambda_i - h_i| <= (|off-diagonal of V^t K V| + g |h_i|) / (1 - g), h_i its ordered diagonal
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core
from ._arrays import (
    Array,
    as_points,
    choice,
    flag,
    memory_limit,
    size_text,
    thread_count,
    tolerance,
)
from ._progress import Reporter
from .activations import Activation
from .eigenvalues import Spectrum, known_to, statuses
from .kernels import Kernel
from .operators.layered import layered, refuse
from .operators.points import core_points
from .precision import balls
from .precision.coefficients import kernel_refusal
from .question import kernel_of, near_one
from .solvers import dense, exact, extended, ladder
from .solvers.dense import dense_pairs
from .solvers.outcome import EPS, Task, entry_error, rounding_of

PRECISIONS = ("auto", "double", *ladder.BEYOND)
EXTENDED_UP_TO, EXACT_UP_TO = 600, 100  # points that 'auto' takes so far
MOST_BITS = 2048  # eigenvalues that are exactly zero are never told from small ones


def eigvalsh(
    X: Any,
    activation: str | Activation | Kernel = "relu",
    *,
    kernel: str = "gradient",
    depth: int = 1,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalize: bool = False,
    precision: str = "auto",
    tol: float = 1e-6,
    max_memory: int | float | str | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[Any], Any] | None = None,
) -> Spectrum:
    """lambda_1(K) <= ... <= lambda_n(K), each with bounds and status: K as in :func:`min_eig`.

    Parameters
    ----------
    X, activation, kernel, depth, weight_var, bias_var, normalize
        As in :func:`min_eig`.
    precision
        'double' (of the entries: the eigenvalues of near points, which :func:`min_eig` sets apart, stay
        'rounding-limited'), 'extended' (two doubles a number: down to 1e-31 of the largest eigenvalue), 'exact' (balls:
        every positive eigenvalue, however small; up to a hundred points or two), or 'auto': double, then
        extended (n <= 600) and exact (n <= 100) while values are missing.
    tol
        Relative accuracy at which a value counts as resolved.
    max_memory, threads, progress, callback
        As in :func:`min_eig`.

    Returns
    -------
    Spectrum

    Raises
    ------
    TypeError, ValueError, ImportError
        Bad points or options; an activation with kinks in a precision above double; no python-flint.
    MemoryError
        The matrix does not fit into ``max_memory``; raised before it is allocated.
    KeyboardInterrupt
        Also when the callback says stop: a spectrum is all or nothing.

    References
    ----------
    Parlett, The Symmetric Eigenvalue Problem, 1998. Ostrowski 1959 (relative perturbation).

    Examples
    --------
    >>> C = mh.generate("circle-full", n=11, d=2)
    >>> s = mh.eigvalsh(C, "tanh")
    >>> s.resolved, s.precision
    (True, 'double')
    >>> np.allclose(s.values, np.linalg.eigvalsh(mh.gradient_kernel("tanh")(C)))
    True

    Every digit of a spectrum that double precision cannot hold:

    >>> C = mh.generate("circle-full", n=31, d=2)
    >>> s = mh.eigvalsh(C, "swish")
    >>> s.resolved, s.precision
    (True, 'extended')
    >>> print(f"{s.values[0]:.4e} to {s.values[-1]:.4f}")
    1.5003e-16 to 3.8750
    """
    start = time.perf_counter()
    ker = kernel_of(activation, kernel, depth, weight_var, bias_var)
    choice("precision", precision, PRECISIONS)
    ladder.check(ker, precision, "auto", "auto")
    tol, count, limit = tolerance(tol), thread_count(threads), memory_limit(max_memory)
    given = as_points(X)
    A = given
    if flag("normalize", normalize):
        from .data.points import normalize as to_unit_norm

        A = to_unit_norm(A)
    A, scale = near_one(A, ker)
    raw = given if normalize else A
    n = len(A)
    steps = (precision,) if precision != "auto" else _steps(ker, n, limit)
    if precision != "auto" or len(steps) == 1:
        _check_memory(n, A.shape[1], steps[0], limit)
    with Reporter(progress, callback, scale, None, start) as report:
        task = Task(tol, count, 0, limit, report, start)
        points = core_points(A, ker, count)
        if layered(points):
            if precision in ladder.BEYOND:
                refuse(points, f"precision={precision!r}")
            steps = ("double",)
        said = []
        for step in steps:
            if step == "double":
                values, lower, upper = _double(points, ker, task)
            elif step == "extended":
                values, lower, upper = _extended(raw, points, ker, task, normalize)
            else:
                values, lower, upper = _exact(raw, ker, task, normalize)
            known = known_to(values, lower, upper, tol)
            said.append(f"{step}: {int(np.sum(known))}")
            if np.all(known):
                break
    message = f"resolved, by step: {', '.join(said)}" if len(said) > 1 else ""
    if not np.all(known):
        message = "; ".join([*([message] if message else []), _remedy(step, ker)])
    return Spectrum(
        scale * values,
        scale * lower,
        scale * upper,
        statuses(values, lower, upper, tol),
        step,
        tol,
        time.perf_counter() - start,
        message,
    )


def _remedy(step: str, ker: Kernel) -> str:
    if kernel_refusal(ker, "extended") is not None:
        return "the rest lies below the rounding of double"
    if step == "exact":
        return f"the rest is not told from zero at {MOST_BITS} bits"
    following = "precision='extended', then 'exact'" if step == "double" else "precision='exact'"
    return f"the rest lies below the rounding of {step}; more take {following}"


def bytes_for(n: int, d: int, step: str) -> int:
    """Bytes of one step."""
    if step == "double":
        return dense.bytes_for(n)
    if step == "extended":
        return _core.ExtendedMatrix.bytes_for(n) + _core.ExtendedMatrix.spectrum_bytes_for(n)
    return 3 * exact.bytes_for(n)


def _steps(ker: Kernel, n: int, limit: int) -> tuple[str, ...]:
    steps = ["double"]
    if kernel_refusal(ker, "extended") is None:
        if n <= EXTENDED_UP_TO and bytes_for(n, 0, "extended") <= limit:
            steps.append("extended")
        if n <= EXACT_UP_TO and bytes_for(n, 0, "exact") <= limit and balls.available():
            steps.append("exact")
    return tuple(steps)


def _check_memory(n: int, d: int, step: str, limit: int) -> None:
    need = bytes_for(n, d, step)
    if need > limit:
        raise MemoryError(
            f"all eigenvalues of n={n} points in precision='{step}' need {size_text(need)}, and max_memory allows "
            f"{size_text(limit)}. Pass max_memory='{size_text(1.01 * need)}', fewer points, or ask min_eig for the "
            "smallest alone."
        )
    if step == "exact":
        exact.check_memory(n, limit)


def _double(points: _core.Points, ker: Kernel, task: Task) -> tuple[Array, Array, Array]:
    K = _core.dense_gram(points, ker.h.compiled, "float64", task.threads, task.report.ask)[0]
    values, _, error = dense_pairs(K)
    entry = entry_error(points, ker)
    error += entry * min(len(K), 4.0 * math.sqrt(len(K)))
    size = float(np.max(np.abs(values)))
    error = max(error, EPS * size, rounding_of(len(K), size, entry))
    return values, np.maximum(values - error, 0.0), values + error


def _extended(
    raw: Array, points: _core.Points, ker: Kernel, task: Task, normalize: bool
) -> tuple[Array, Array, Array]:
    K, h, scale = extended.matrix(raw, points, ker, task, normalize)
    values, _ = K.spectrum(task.threads, task.report.ask)
    n, d = raw.shape
    counted = extended.rounding(h, n, d, scale, float(np.max(np.abs(values))))
    # roundings of the reduction, one a column and of either sign
    error = counted.floor + 4.0 * math.sqrt(n) * extended.UNIT * float(np.max(np.abs(values)))
    apart = np.nextafter(error + np.spacing(np.abs(values)), np.inf)  # of bounds that are doubles
    return values, np.maximum(values - apart, 0.0), values + apart


def _exact(raw: Array, ker: Kernel, task: Task, normalize: bool) -> tuple[Array, Array, Array]:
    """All bits that it takes until every value is known to tol, or MOST_BITS."""
    bits, digits, n = exact.FIRST_BITS, exact.FIRST_DIGITS, len(raw)
    while True:
        K = exact.matrix(raw, ker, bits, digits, normalize, task)
        values, below, above = exact.spectrum(K, bits, task)
        lack = K.wrong + K.tail
        lower = np.maximum(np.nextafter(below - K.wrong, -np.inf), 0.0)
        upper = np.nextafter(above + lack, np.inf)
        known = known_to(values, lower, upper, task.tol)
        if np.all(known) or bits >= MOST_BITS:
            return values, lower, upper
        if lack > 0.1 * float(np.max((above - below)[~known])):
            least = max(float(np.min(upper)), 1e-300)
            wanted = least * task.tol / (100.0 * n * float(ker.h.ends[0]))
            digits = max(digits + 10, min(2 * digits, math.ceil(-math.log10(wanted))))
            bits = max(bits, 4 * digits)
        else:
            bits *= 2
