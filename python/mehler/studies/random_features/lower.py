"""How good can a read-out with bounded coefficients be? A lower bound from the spectrum of the Gram matrix.

    |y - H c| >= |P_{>k} (y - H c)| >= |P_{>k} y| - sqrt(lambda_{k+1}(K)) |c|,    K = H H^t,

P_{>k} the projector off the first k eigenvectors: what y holds in directions that the layer hardly has is out of reach. The
best k is taken. Ours; any activation, any weights, any data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import at_least, finite, positive


@dataclass(frozen=True)
class LowerBound:
    """A bound of |y - H c| over |c| <= B.

    Attributes
    ----------
    value
        At least 0.
    directions
        k, the eigenvectors taken off where the bound is best.
    """

    value: float
    directions: int


def lower_bound(
    eigenvalues: Any,
    energies: Any,
    cap: float,
    *,
    outside: float = 0.0,
    beyond: float | None = None,
    error: float = 0.0,
) -> LowerBound:
    """max_k ( |P_{>k} y| - B sqrt(lambda_{k+1}) ) <= |y - H c| for every |c| <= B.

    Parameters
    ----------
    eigenvalues
        lambda_1 >= lambda_2 >= ... of K = H H^t: all of them, or the first m.
    energies
        (v_k . y)^2 of their eigenvectors, (m,); of several outputs summed.
    cap
        B, > 0.
    outside
        |y| off all m eigenvectors.
    beyond
        A bound of lambda_{m+1}; 0 where all are given that are not zero. None: not known, and k = m is not tried.
    error
        Absolute error of |P_{>k} y|, taken off.

    Returns
    -------
    LowerBound

    Raises
    ------
    TypeError, ValueError
        Not finite, negative, of different lengths, not descending.

    References
    ----------
    Our derivation.
    """
    values, e = finite(eigenvalues, "eigenvalues", (1,)), finite(energies, "energies", (1,))
    B, rest = float(positive(cap, "cap", scalar=True)), at_least(outside, "outside", 0.0)
    slack = at_least(error, "error", 0.0)
    if values.shape != e.shape:
        raise ValueError(f"energies must be one an eigenvalue, {values.shape}; got {e.shape}.")
    if np.any(np.diff(values) > 0.0):
        raise ValueError(
            "eigenvalues must descend, the largest first; these do not. Sort them with their energies."
        )
    if values[-1] < 0.0 or np.any(e < 0.0):
        raise ValueError(
            "eigenvalues and energies must be >= 0; found negative ones. Of a Gram matrix they are rounding: set them to 0."
        )
    after = values if beyond is None else np.append(values, at_least(beyond, "beyond", 0.0))
    left = (
        rest**2 + np.append(np.cumsum(e[::-1])[::-1], 0.0)[: len(after)]
    )  # |P_{>k} y|^2, small ones summed first
    found = np.sqrt(left) - slack - B * np.sqrt(after)
    k = int(np.argmax(found))
    return LowerBound(max(float(found[k]), 0.0), k)
