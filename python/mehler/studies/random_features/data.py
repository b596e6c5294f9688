"""The same question of a data set: read-outs of finite width; their limit is in ``conjugate``.

    finite:     H / sqrt(m), m frozen neurons phi(w . x - b), w and b normal of the variance lam^2 / 3 of the box [-lam, lam]
    infinite:   K = E phi(w . x - b) phi(w . x' - b): mh.nngp(phi, weight_var=lam^2 / 3, bias_var=lam^2 / 3)

Normal instead of uniform, so that the kernel is exactly the limit; layers of the law 'box' show what that changes. Ridges are
chosen on points set aside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array
from ...activations import Activation, activation
from ..grid import label_of
from ..targets import Targets
from .layer import FrozenLayer, frozen_layer
from .readout import ReadOut

PARTS = (4, 1, 1)  # of six: fitted, ridge chosen on, tested on
RIDGES = np.logspace(-10.0, 0.0, 21)  # of finite width, in units of the mean diagonal


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
