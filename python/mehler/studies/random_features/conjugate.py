"""The limit of infinite width on data: ridge regression with the conjugate kernel, by products alone.

    (K + r I) a = Y,    f(x) = K(x, X) a,    K = E phi(w . x - b) phi(w . x' - b) = mh.nngp(phi, lam^2 / 3, lam^2 / 3)

``solve`` runs conjugate gradients on the operator; no eigenvalue but the first few is looked for, and no matrix is decomposed
that the operator's storage and the chosen preconditioner do not hold.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._arrays import Array
from ...activations import Activation
from ..grid import label_of
from .data import CapRow, DataRow, Split, best
from .lower import LowerBound, lower_bound

SOLVED = (1e-8, 1e-6, 1e-4, 1e-2)  # ridges, in units of the mean diagonal: a solve each
TOP = 40  # eigenpairs of the kernel that its bound may take off
BLOCK = 2_000  # rows of a cross kernel at a time
SINGLE_FROM = 8_192  # points: float32 entries, refined in float64
SOLVE_TOL = 1e-6


def kernel_limit(
    s: Split,
    act: str | Activation,
    lam: float,
    caps: tuple[float, ...],
    threads: int | None,
    seed: int,
) -> tuple[DataRow, list[CapRow]]:
    """The conjugate kernel: ridge solves by conjugate gradients, and the bound from its first eigenpairs.

    Parameters
    ----------
    s
        Points.
    act, lam
        The kernel.
    caps
        B.
    threads
        Of the products.
    seed
        Of preconditioners and of the random start.
    """
    from ... import ConvergenceWarning, PrecisionWarning, gram, nngp

    A, Y = s.X[s.fitted], s.targets.y[s.fitted]
    found = []
    with warnings.catch_warnings():  # the table says what is not resolved
        for ours in (ConvergenceWarning, PrecisionWarning):
            warnings.simplefilter("ignore", ours)
        ker = nngp(act, weight_var=lam * lam / 3.0, bias_var=lam * lam / 3.0)
        K = gram(A, ker, dtype="float32" if len(A) > SINGLE_FROM else "float64", threads=threads)
        unit = float(np.mean(K.diagonal()))
        for r in SOLVED:
            a = ridge_solve(K, Y, r * unit, threads, seed)
            if a.interrupted:
                raise KeyboardInterrupt
            found.append(a)
        k = best([s.error(s.chosen, across(ker, s.X[s.chosen], A, a.x)) for a in found])
        error = s.error(s.tested, across(ker, s.X[s.tested], A, found[k].x))
        bounds = list(kernel_bounds(K, Y, act, lam, caps, threads, seed))
    row = DataRow(
        label_of(act),
        lam,
        None,
        "kernel",
        SOLVED[k],
        error,
        None,
        int(np.max(found[k].iterations)),
        found[k].status,
        found[k].method,
        K.error,
    )
    return row, bounds


def ridge_solve(K: Any, Y: Array, r: float, threads: int | None, seed: int) -> Any:
    """(K + r I) a = Y with the preconditioner that ``solve`` chooses; without one where rounding makes that indefinite."""
    from ... import solve

    how: dict[str, Any] = {"shift": r, "tol": SOLVE_TOL, "threads": threads, "rng": seed}
    try:
        return solve(K, Y, **how)
    except ValueError:  # seen of landmarks: images, 16,000 points in float32
        return solve(K, Y, preconditioner=None, **how)


def across(ker: Any, X: Array, A: Array, coefficients: Array) -> Array:
    """K(X, A) a, some rows at a time."""
    return np.concatenate(
        [ker(X[i : i + BLOCK], A) @ coefficients for i in range(0, len(X), BLOCK)]
    )


def kernel_bounds(
    K: Any,
    Y: Array,
    act: str | Activation,
    lam: float,
    caps: tuple[float, ...],
    threads: int | None,
    seed: int,
) -> Iterator[CapRow]:
    """|Y - f| / |Y| for every f of norm B in the kernel's space, from the first eigenpairs of K.

    Of approximate eigenvectors with residuals of norm e, the largest eigenvalue of what is left of K when k of them are
    taken off is at most that of theta_{k+1} plus 2 e.
    """
    from ... import eigsh

    size = float(np.linalg.norm(Y))
    k = min(TOP, len(Y) - 1)
    top = eigsh(K, k, which="LA", tol=SOLVE_TOL, threads=threads, rng=seed)
    if top.interrupted:
        raise KeyboardInterrupt
    assert top.vectors is not None and top.residuals is not None and top.values is not None
    V, e = np.linalg.qr(top.vectors)[0], float(np.linalg.norm(top.residuals))
    P = V.T @ Y
    energies = np.sum(P * P, axis=1)
    outside = float(np.linalg.norm(Y - V @ P))
    values = np.asarray(top.values) + 2.0 * e + top.floor
    for B in caps:
        low: LowerBound = lower_bound(values, energies, B, outside=outside)
        yield CapRow(label_of(act), lam, None, B, low.value / size, math.nan, low.directions)
