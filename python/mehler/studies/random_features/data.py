"""The same question of a data set: read-outs of finite width beside the conjugate kernel, their limit.

    finite:     H / sqrt(m), m frozen neurons phi(w . x - b), w and b normal of the variance lam^2 / 3 of the box [-lam, lam]
    infinite:   K = E phi(w . x - b) phi(w . x' - b): mh.nngp(phi, weight_var=lam^2 / 3, bias_var=lam^2 / 3)

Normal instead of uniform, so that the kernel is exactly the limit; ``box_error`` measures what that changes. Ridges are chosen
on points set aside. (K + r I) a = Y is solved by products and conjugate gradients; no eigenvalue but the first few is looked for.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array
from ...activations import Activation, activation
from ..grid import label_of
from ..targets import Targets
from .layer import FrozenLayer, frozen_layer
from .lower import LowerBound, lower_bound
from .readout import ReadOut

PARTS = (4, 1, 1)  # of six: fitted, ridge chosen on, tested on
RIDGES = np.logspace(-10.0, 0.0, 21)  # of finite width, in units of the mean diagonal
SOLVED = (1e-8, 1e-6, 1e-4, 1e-2)  # of the kernel: a solve each
TOP = 40  # eigenpairs of the kernel that its bound may take off
BLOCK = 2_000  # rows of a cross kernel at a time
SINGLE_FROM = 8_192  # points: float32 entries, refined in float64
SOLVE_TOL = 1e-6


@dataclass(frozen=True, eq=False)
class Split:
    """Points and targets, and which of them are for what.

    Attributes
    ----------
    X
        (n, d), of norm one.
    targets
        One row a point.
    fitted, chosen, tested
        Rows: of the fit, of the choice of the ridge, of the error.
    """

    X: Array
    targets: Targets
    fitted: Any
    chosen: Any
    tested: Any

    def error(self, rows: Any, predicted: Array) -> float:
        """Share of wrong classes; of numbers the root mean square over that of the targets off their mean."""
        Y = self.targets.y[rows]
        if self.targets.classes is None:
            return float(np.linalg.norm(predicted - Y)) / max(
                float(np.linalg.norm(Y - Y.mean(axis=0))), 1e-300
            )
        if Y.shape[1] == 1:
            return float(np.mean((predicted > 0.0) != (Y > 0.0)))
        return float(np.mean(np.argmax(predicted, axis=1) != np.argmax(Y, axis=1)))


@dataclass(frozen=True)
class DataRow:
    """One layer, or the kernel (width None).

    Attributes
    ----------
    activation, lam, width, law
        Which; law 'normal', 'box' or 'kernel'.
    ridge
        That was chosen, in units of the mean diagonal.
    error
        On points that nothing was fitted to.
    rank
        Singular values of the features above 1e-10 of the largest; None of the kernel.
    iterations, status, method
        Of the solve; of finite width 0, 'resolved' and 'decomposition'.
    precision
        How far the kernel is known, in units of its diagonal; 0 of finite width.
    """

    activation: str
    lam: float
    width: int | None
    law: str
    ridge: float
    error: float
    rank: int | None
    iterations: int = 0
    status: str = "resolved"
    method: str = "decomposition"
    precision: float = 0.0


@dataclass(frozen=True)
class CapRow:
    """What coefficients of norm B can do to the labels that are fitted, |Y - H C| / |Y|.

    Attributes
    ----------
    activation, lam, width, cap
        Which; width None is the kernel.
    bound
        No better than this.
    optimum
        The best there is; NaN of the kernel.
    directions
        Eigenvectors taken off in the bound.
    """

    activation: str
    lam: float
    width: int | None
    cap: float
    bound: float
    optimum: float
    directions: int


def split(X: Array, targets: Targets, seed: int) -> Split:
    """Four, one and one sixths of the points, in an order drawn by the seed.

    Parameters
    ----------
    X
        (n, d), n >= 6.
    targets
        One row a point.
    seed
        Of the order.
    """
    n = len(X)
    if n < sum(PARTS):
        raise ValueError(f"a fit, a choice and a test need at least {sum(PARTS)} points; got {n}.")
    order = np.random.default_rng([seed, 910]).permutation(n)
    first, second = PARTS[0] * n // sum(PARTS), (PARTS[0] + PARTS[1]) * n // sum(PARTS)
    return Split(X, targets, order[:first], order[first:second], order[second:])


def layer_of(
    act: str | Activation, width: int, d: int, lam: float, law: str, seed: int
) -> FrozenLayer:
    """Weights and biases of variance lam^2 / 3: 'normal', or uniform in the 'box'."""
    rng = np.random.default_rng([seed, 911])
    if law == "box":
        return frozen_layer(act, width, d, lam, rng)
    W = lam / math.sqrt(3.0) * rng.standard_normal((width, d + 1))
    return FrozenLayer(activation(act), W[:, :-1], W[:, -1])


def finite_widths(
    s: Split,
    act: str | Activation,
    lam: float,
    widths: tuple[int, ...],
    law: str,
    seed: int,
    caps: tuple[float, ...] = (),
) -> tuple[list[DataRow], list[CapRow]]:
    """One layer, its first m neurons for each width: the whole path of ridges from one decomposition each.

    Parameters
    ----------
    s
        Points.
    act, lam, law, seed
        The layer.
    widths
        m.
    caps
        B, for the widest.
    """
    name = label_of(act)
    layer = layer_of(act, max(widths), s.X.shape[1], lam, law, seed)
    H = layer(s.X)
    rows, bounds = [], []
    for m in widths:
        F = H[:, :m] / math.sqrt(m)
        fit = ReadOut(F[s.fitted], s.targets.y[s.fitted])
        unit = float(np.mean(np.sum(F[s.fitted] ** 2, axis=1)))
        path = fit.path(RIDGES * unit)
        trials = [s.error(s.chosen, p) for p in path.predict(F[s.chosen])]
        k = best(trials)
        error = s.error(s.tested, F[s.tested] @ fit.ridge(RIDGES[k] * unit).coefficients)
        rows.append(DataRow(name, lam, m, law, float(RIDGES[k]), error, fit.rank()))
        if m == max(widths):
            for B in caps:
                low, reached = fit.lower_bound(B), fit.capped(B).residual
                bounds.append(
                    CapRow(
                        name, lam, m, B, low.value / fit.norm, reached / fit.norm, low.directions
                    )
                )
    return rows, bounds


def best(errors: list[float]) -> int:
    """The largest ridge among those of least error: of equals the most regular one."""
    e = np.asarray(errors)
    return int(np.flatnonzero(e == np.min(e))[-1])


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
    from ... import ConvergenceWarning, PrecisionWarning, gram, nngp, solve

    A, Y = s.X[s.fitted], s.targets.y[s.fitted]
    found = []
    with warnings.catch_warnings():  # the table says what is not resolved
        for ours in (ConvergenceWarning, PrecisionWarning):
            warnings.simplefilter("ignore", ours)
        ker = nngp(act, weight_var=lam * lam / 3.0, bias_var=lam * lam / 3.0)
        K = gram(A, ker, dtype="float32" if len(A) > SINGLE_FROM else "float64", threads=threads)
        unit = float(np.mean(K.diagonal()))
        for r in SOLVED:
            a = solve(K, Y, shift=r * unit, tol=SOLVE_TOL, threads=threads, rng=seed)
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


def digits() -> tuple[Array, Any]:
    """scikit-learn's bundled digits: X (1797, 64) and labels.

    Raises
    ------
    ImportError
        scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError(
            "the study without --data looks at scikit-learn's digits, and scikit-learn is not installed; install it "
            "(python -m pip install scikit-learn), or pass points and labels of yours."
        ) from None
    found = load_digits()
    return np.asarray(found.data, dtype=np.float64), found.target
