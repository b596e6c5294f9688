"""Loss, gradient and coarse gradients as means over draws of Z: what the closed forms are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _core
from ..._arrays import Array, integer, seed_from, thread_count
from .checked import direction
from .estimators import ESTIMATORS
from .landscape import vector


@dataclass(frozen=True, eq=False)
class Sampled:
    """Means over draws, each with its standard error.

    Attributes
    ----------
    draws
        How many.
    loss, loss_error
        Of (y - y*)^2 / 2.
    dv, dv_error
        Of its derivative by v, (m,).
    coarse, coarse_error
        Of g_mu, estimator to (n,).
    """

    draws: int
    loss: float
    loss_error: float
    dv: Array
    dv_error: Array
    coarse: dict[str, Array]
    coarse_error: dict[str, Array]


def sampled_gradient(
    v: Any, w: Any, v_star: Any, w_star: Any, draws: int = 1_000_000, *,
    threads: int | None = None, rng: Any = 0,
) -> Sampled:  # fmt: skip
    """Loss, dl/dv and g_mu of every estimator as means over the same draws of Z, with standard errors.

    Draw t is the same Z whatever the number of draws; the result does not depend on the number of threads, bit for bit.

    Parameters
    ----------
    v, v_star
        Second layers (m,), of student and teacher.
    w, w_star
        Filters (n,), not zero.
    draws
        Of Z (m, n), 2 at least.
    threads
        As in ``mh.min_eig``.
    rng
        Seed or Generator.

    Returns
    -------
    Sampled

    Raises
    ------
    TypeError, ValueError
        No vectors of real numbers, lengths that differ, NaN, infinity, a filter of zeros, fewer than two draws.

    Examples
    --------
    >>> at = ([1.0], [1.0, 0.0], [1.0], [0.0, 1.0])
    >>> one = ste.sampled_gradient(*at, draws=100_000)
    >>> bool(abs(one.loss - ste.population_loss(*at)) < 5 * one.loss_error)
    True
    """
    names = ("v", "w", "v_star", "w_star")
    v, w, v_star, w_star = (
        np.ascontiguousarray(vector(a, k))
        for a, k in zip((v, w, v_star, w_star), names, strict=True)
    )
    for one, other, a, b in ((v, v_star, "v", "v_star"), (w, w_star, "w", "w_star")):
        if len(one) != len(other):
            raise ValueError(f"{a} and {b} must have one length; got {len(one)} and {len(other)}.")
    for one, name in ((w, "w"), (w_star, "w_star")):
        direction(one, name)
    N = integer(draws, "draws")
    most = 2**60 // (len(v) * len(w) + 1)
    if not 2 <= N <= most:
        raise ValueError(f"draws must be >= 2 and <= {most}; got {draws}.")
    total, square = _core.coarse_gradient_sums(
        v, w, v_star, w_star, N, seed_from(rng), thread_count(threads)
    )
    mean = total / N
    error = np.sqrt(np.maximum(square / N - mean**2, 0.0) / (N - 1))
    m, n = len(v), len(w)
    places = [slice(1 + m + k * n, 1 + m + (k + 1) * n) for k in range(len(ESTIMATORS))]
    return Sampled(
        N, float(mean[0]), float(error[0]), mean[1 : 1 + m], error[1 : 1 + m],
        {e: mean[at] for e, at in zip(ESTIMATORS, places, strict=True)},
        {e: error[at] for e, at in zip(ESTIMATORS, places, strict=True)},
    )  # fmt: skip
