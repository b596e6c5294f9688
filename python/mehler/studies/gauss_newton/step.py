"""One step: (J J') g = r, by the exact Gram matrix or by a sketch and conjugate gradients.

    exact   G = (A A') . (X X'), its Cholesky factor
    tensor, srht   S = Pi J' = Q R, then conjugate gradients on J J' by products, preconditioned by (R'R)^-1
    cg      the same without

``unit_step`` is the loop z <- z - M'(M z - R^-T r), M = R^-T J J' R^-1, of which the papers' analyses speak: it
needs lambda_max(M)^2 < 2, which takes s > 39.5 n, and diverges below.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, as_array, generator_from, integer, tolerance
from ..._progress import State
from ...errors import ConvergenceWarning, PrecisionWarning
from ...solution import Solution
from ...solve import solve
from .jacobian import Jacobian
from .plan import plan
from .sketch import Preconditioner, sketch


@dataclass(frozen=True, eq=False)
class Step:
    """g of (J J') g = r, and how it was had.

    Attributes
    ----------
    g
        (n,).
    route
        'exact', 'tensor', 'srht' or 'cg'.
    residual
        |r - J J'g| / |r|, by products in float64.
    iterations
        Of conjugate gradients (of the exact route: of the refinement around the factor).
    status
        As of :func:`mehler.solve`.
    seconds
        Wall time of Gram matrix or sketch, and of the solve.
    s
        Rows of the sketch, 0 without one.
    """

    g: Array
    route: str
    residual: float
    iterations: int
    status: str
    seconds: tuple[float, float]
    s: int


def gauss_newton_step(
    J: Jacobian,
    r: Any,
    *,
    route: str = "auto",
    s: int | None = None,
    tol: float = 1e-8,
    maxiter: int | None = None,
    max_memory: int | float | str | None = None,
    threads: int | None = None,
    rng: Any = None,
    callback: Callable[[State], Any] | None = None,
) -> Step:
    """(J J') g = r; the step of the weights is J'g.

    Parameters
    ----------
    J, r
        The Jacobian, and the residual (n,).
    route, s, max_memory
        As of :func:`plan`.
    tol, maxiter, threads, callback
        As of :func:`mehler.solve`.
    rng
        Seed or Generator of the sketch.

    Returns
    -------
    Step
        Also when it is not resolved: ``status`` says so, ``residual`` is true.

    Raises
    ------
    TypeError, ValueError, MemoryError
        Bad options; a Gram matrix that is singular to rounding, for a sketch.
    """
    residual = _residual(r, J.n)
    chosen = plan(J.n, J.m, J.d, s=s, tol=tol, route=route, max_memory=max_memory)
    draws = generator_from(rng)
    start = time.perf_counter()
    preconditioner: Any = None
    K: Any = J.normal()
    if chosen.route == "exact":
        K, preconditioner = J.gram(), "cholesky"
    elif chosen.route != "cg":
        preconditioner = Preconditioner.of(sketch(J, chosen.s, chosen.route, draws, threads))
    middle = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said by the status
        warnings.simplefilter("ignore", PrecisionWarning)
        found: Solution = solve(
            K, residual, preconditioner=preconditioner, tol=tol, maxiter=maxiter, threads=threads,
            max_memory=max_memory, callback=callback, rng=draws,
        )  # fmt: skip
    if found.interrupted:
        raise KeyboardInterrupt
    seconds = (middle - start, time.perf_counter() - middle)
    used = chosen.s if chosen.route in ("tensor", "srht") else 0
    return Step(
        found.x, chosen.route, found.residual, found.iterations, found.status, seconds, used
    )


def unit_step(
    J: Jacobian, r: Any, preconditioner: Preconditioner, tol: float = 1e-8, most: int = 300
) -> tuple[Array, Array]:
    """g = R^-1 z, z <- z - M'(M z - R^-T r), M = R^-T J J' R^-1.

    Parameters
    ----------
    J, r
        The Jacobian, and the residual (n,).
    preconditioner
        R of a sketch.
    tol
        Of |R^-T (r - J J'g)| / |R^-T r|.
    most
        Iterations.

    Returns
    -------
    tuple
        g (n,), and that ratio at every iteration, from 1 on; it grows where lambda_max(M)^2 > 2. Ends at 1e6.

    Raises
    ------
    TypeError, ValueError
        Bad options; r of another shape, NaN or infinity in it.
    """
    tol, R = tolerance(tol), preconditioner.inverse
    if integer(most, "most") < 1:
        raise ValueError(f"most must be >= 1; got {most}.")
    K, c = J.normal(), R.T @ _residual(r, J.n)
    z = np.zeros(J.n)
    left = -c  # M z - c
    size = float(np.linalg.norm(c))
    sizes = [1.0 if size else 0.0]
    while sizes[-1] > tol and sizes[-1] < 1e6 and len(sizes) <= most:
        z = z - R.T @ (K @ (R @ left))
        left = R.T @ (K @ (R @ z)) - c
        sizes.append(float(np.linalg.norm(left)) / size)
    return R @ z, np.array(sizes)


def _residual(r: Any, n: int) -> Array:
    """(n,), finite."""
    given = np.asarray(as_array(r, "r"), dtype=np.float64)
    if given.shape != (n,):
        raise ValueError(f"r must have the shape ({n},), an entry a point; got {given.shape}.")
    if not np.isfinite(given).all():
        i = int(np.argmin(np.isfinite(given)))
        raise ValueError(f"r must be finite; found {given[i]} at row {i}. Remove such points.")
    return given
