"""Gram matrices of quantised features a_w(x) = floor(dt f(w.x) + v) / dt: the smooth kernel, and what quantising adds.

    K = K_base + diag(R_i)                                    v drawn for every neuron and input
    K = K_base + E_w [min({c}, {c'}) - {c} {c'}] / dt^2       v drawn for every neuron, one for all inputs

K_base = E_w f f' is the kernel of training the read-out, :func:`mehler.nngp`. The first addition is a ridge: lambda_min(K) >= lambda_min(K_base) + min R.
The second is the covariance of a Brownian bridge between whole spikes: positive semidefinite. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import UNIT, Array, as_points, choice, generator_from, integer
from ...activations import Activation, activation
from ...kernels import nngp
from .expectations import difference_of, variance
from .quantiser import positive

PHASES = ("independent", "shared")
BLOCK = 1 << 22  # entries of a block of features


@dataclass(frozen=True, eq=False)
class SpikingGram:
    """The Gram matrix of a layer of infinitely many quantised neurons.

    Attributes
    ----------
    base
        K_base (n, n), of the activation itself.
    added
        What quantising adds, (n, n).
    ridge
        Diagonal of ``added``, (n,): the variance of one output at each point.
    error
        Largest error of an entry of ``added``, as the quadrature estimates it.
    dt, phases
        As asked.
    """

    base: Array
    added: Array
    ridge: Array
    error: float
    dt: float
    phases: str

    @property
    def K(self) -> Array:
        """base + added."""
        return self.base + self.added


def spiking_gram(
    X: Any, act: str | Activation, dt: float, phases: str = "independent"
) -> SpikingGram:
    """K_ij = E_w [a_w(x_i) a_w(x_j)], a_w(x) = floor(dt f(w.x) + v) / dt, w ~ N(0, I), v ~ U[0, 1).

    Parameters
    ----------
    X
        Points (n, d). Shared states need points of equal norm.
    act
        The base activation f.
    dt
        Step of the quantiser, > 0. Means over W steps of an input at rest are those of the step W dt.
    phases
        'independent': a state v for every neuron and input. 'shared': for every neuron, one for all inputs.

    Returns
    -------
    SpikingGram

    Raises
    ------
    TypeError, ValueError
        Bad points, no such activation, dt not positive or too large to integrate, shared states with points of unequal norm.
    """
    A, f, step = as_points(X), activation(act), positive(dt, "dt")
    choice("phases", phases, PHASES)
    norms = np.linalg.norm(A, axis=1)
    equal = bool(np.ptp(norms) <= UNIT * norms.max())
    if phases == "shared" and not equal:
        raise ValueError(
            f"phases='shared' needs points of equal norm; got norms from {norms.min():g} to {norms.max():g}. Pass mehler.normalize(X)."
        )
    if equal:  # to rounding one norm: one integral
        norms[:] = norms[0]
    kinds, place = np.unique(norms, return_inverse=True)
    found = np.array([variance(f, step, float(s)) for s in kinds])
    ridge, error = found[place, 0], float(found[:, 1].max())
    added = np.diag(ridge)
    if phases == "shared":
        D = difference_of(f, step, float(norms[0]))
        U = A / norms[:, None]
        cosines = np.clip(U @ U.T, -1.0, 1.0)
        near = np.argwhere(np.abs(cosines) > 0.999)  # where 1 - cos would be rounding alone
        for i, j in near:
            gap = 0.5 * float(np.sum((U[i] - np.sign(cosines[i, j]) * U[j]) ** 2))
            cosines[i, j] = np.sign(cosines[i, j]) * (1.0 - gap)
        np.fill_diagonal(cosines, 1.0)
        added = ridge[0] - 0.5 * D(cosines) / step**2
        added = 0.5 * (added + added.T)
        error += 0.5 * D.error / step**2
    return SpikingGram(np.asarray(nngp(f)(A)), added, ridge, error, step, phases)


def sampled_gram(
    X: Any,
    act: str | Activation,
    dt: float | None,
    neurons: int,
    phases: str = "independent",
    rng: Any = None,
) -> tuple[Array, Array]:
    """(1 / m) sum_k a_k(x_i) a_k(x_j) over m drawn neurons, and its standard error: the definition.

    Parameters
    ----------
    X
        Points (n, d).
    act
        The base activation f.
    dt
        Step of the quantiser; None: f itself.
    neurons
        m, >= 2.
    phases
        As in :func:`spiking_gram`.
    rng
        Of weights and states.

    Returns
    -------
    mean, standard_error : numpy.ndarray, numpy.ndarray
        (n, n) each.

    Raises
    ------
    TypeError, ValueError
        Bad points, no such activation, dt not positive, fewer than two neurons.
    """
    A, f = as_points(X), activation(act)
    step = None if dt is None else positive(dt, "dt")
    choice("phases", phases, PHASES)
    m, random = integer(neurons, "neurons"), generator_from(rng)
    if m < 2:
        raise ValueError(f"neurons must be >= 2; got {m}.")
    n = len(A)
    total, squares = np.zeros((n, n)), np.zeros((n, n))
    rows = max(1, BLOCK // max(A.shape))
    for start in range(0, m, rows):
        count = min(rows, m - start)
        a = f(random.standard_normal((count, A.shape[1])) @ A.T)
        if step is not None:
            v = random.random((count, n if phases == "independent" else 1))
            a = np.floor(step * a + v) / step
        total += a.T @ a
        squares += (a * a).T @ (a * a)
    mean = total / m
    return mean, np.sqrt(np.maximum(squares / m - mean**2, 0.0) / (m - 1))
