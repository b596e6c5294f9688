"""Generated points: circles, spheres, and a low-dimensional span hidden in a larger space.

Every set lies on the unit sphere of R^d. A span smaller than d is lifted by a random isometry
Q (d, span), Q^T Q = I: the Gram matrix of cosines, and so every kernel matrix, is that of the span.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._words import meant
from ..activations.hermite import Array

KINDS = ("circle-half", "circle-full", "sphere-random", "subspace-random")


def generate(
    kind: str, n: int, d: int, span: int | None = None, rng: np.random.Generator | int | None = None
) -> Array:
    """n unit vectors of R^d, X (n, d).

    Parameters
    ----------
    kind
        'circle-half': angles pi i / n, i = 0, ..., n-1, no two points antipodal.
        'circle-full': angles 2 pi i / n; for even n antipodal pairs, on which most activations are
        exactly singular. 'sphere-random': uniform on the sphere. 'subspace-random': uniform on the
        sphere of a random subspace.
    n, d
        Number of points, and of coordinates.
    span
        Dimension of the subspace, 'subspace-random' only; circles span 2, the sphere d.
    rng
        A NumPy generator or a seed; None draws afresh. Circles need it for the isometry, d > 2.

    Returns
    -------
    numpy.ndarray
        (n, d), float64, rows of norm one to rounding.

    Raises
    ------
    TypeError
        n, d or span is no integer; rng is nothing that a generator can be made from.
    ValueError
        Unknown kind, n or d below 1, a span that the kind does not have or d cannot hold.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=5, d=3, rng=0)
    >>> X.shape, np.allclose(np.linalg.norm(X, axis=1), 1.0)
    ((5, 3), True)
    >>> print(np.round(mh.generate("circle-half", n=2, d=2), 6))
    [[1. 0.]
     [0. 1.]]
    >>> flat = mh.generate("subspace-random", n=50, d=10, span=3, rng=0)
    >>> mh.describe(flat).rank
    3
    """
    from .._arrays import generator_from

    if kind not in KINDS:
        raise ValueError(
            f"kind must be one of {', '.join(KINDS)}; got {kind!r}.{meant(kind, tuple(KINDS))}"
        )
    n, d = _size("n", n), _size("d", d)
    natural = {"circle-half": 2, "circle-full": 2, "sphere-random": d}.get(kind)
    if natural is None:
        if span is None:
            raise ValueError("kind='subspace-random' needs span=, the dimension of the subspace.")
        natural = _size("span", span)
    elif span is not None and span != natural:
        raise ValueError(
            f"kind={kind!r} spans {natural} dimensions; got span={span}. "
            "Leave span out, or take kind='subspace-random'."
        )
    if natural > d:
        raise ValueError(f"points that span {natural} dimensions need d >= {natural}; got d={d}.")
    draw = generator_from(rng)
    halved = (
        kind == "circle-full" and n % 2 == 0
    )  # the other half are its antipodes, to the last bit
    if kind.startswith("circle"):
        turn = np.pi if kind == "circle-half" else 2.0 * np.pi
        angle = turn * np.arange(n // 2 if halved else n) / n
        points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        points = draw.standard_normal((n, natural))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    if natural < d:
        isometry, _ = np.linalg.qr(draw.standard_normal((d, natural)))
        points = points @ isometry.T
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.concatenate([points, -points]) if halved else points


def _size(name: str, value: Any) -> int:
    from .._arrays import integer

    size = integer(value, name)
    if size < 1:
        raise ValueError(f"{name} must be >= 1; got {name}={size}.")
    return size
