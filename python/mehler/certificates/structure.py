"""Zero eigenvalues that the points force, whatever a solver would say.

Two points of one direction give proportional rows of K. Two opposite points do when
|h(-1)| = h(1) (odd or even activations). And when the odd part of h is linear (one layer of ReLU, leaky ReLU,
GELU, SiLU, softplus: phi = c z + even), e_i - e_j of an opposite pair sees that linear part alone:
more opposite pairs than the dimension that they span are linearly dependent. When the even part is
constant (nngp of phi = c + odd: sigmoid), every e_i + e_j sees that constant alone: two pairs suffice.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._arrays import Array
from ..kernels import Kernel
from ..kernels.parity import NONE, SIMPLE
from ..operators.layered import layered
from ..operators.points import core_diagonal

SAME = 1e-15  # norms that differ by no more
ROUNDING = 1e-14  # of h at angles below 2e-15, and of h(1) - |h(-1)|


class Zero(NamedTuple):
    """A null vector of K and the reason for it."""

    vector: Array
    reason: str
    upper: float  # of the eigenvalue: 0 where the points as given are proportional to the last bit


def forced_zero(
    pairs: dict[str, Any], X: Array, norms: Array, kernel: Kernel, given: Array | None = None
) -> Zero | None:
    """A null vector that coinciding or opposite points force, or None.

    ``given`` are the points before they were normalised, where they were: unit rows that are equal to the
    last bit may come from points that are not.
    """
    n, q = len(X), kernel.homogeneity or 0.0
    rows = X if given is None else given
    scale = norms**q if q else np.ones(n)

    def combine(indices: list[int], weights: list[float]) -> Array:
        v = np.zeros(n)
        for i, w in zip(indices, weights, strict=True):
            v[i] += w / scale[i]
        return np.asarray(v / np.linalg.norm(v))

    def upper(chosen: list[tuple[int, int]], exact: bool = True) -> float:
        if exact and all(_proportional(rows[i], rows[j]) for i, j in chosen):
            return 0.0
        return ROUNDING * float(kernel.h.ends[0]) * float(np.max(scale)) ** 2

    ours = all(act.source != "user" for act in kernel.layers)
    declared = ours and kernel.error <= ROUNDING * kernel.h.ends[0]
    if pairs["equal"]:
        i, j = _most_alike(pairs["equal"], rows)
        more = f"; {pairs['equal_count']} such pairs" if pairs["equal_count"] > 1 else ""
        return Zero(
            combine([i, j], [1.0, -1.0]),
            f"points {j} and {i} have the same direction{more}",
            upper([(i, j)]),
        )
    if not pairs["opposite"]:
        return None
    plus, minus = map(float, kernel.h.ends)
    if abs(plus - abs(minus)) <= 1e-15 * plus:
        i, j = _most_alike(pairs["opposite"], rows)
        parity = "odd" if minus < 0 else "even"
        more = f"; {pairs['opposite_count']} such pairs" if pairs["opposite_count"] > 1 else ""
        exact = declared and _without(kernel, minus < 0)
        return Zero(
            combine([i, j], [1.0, 1.0 if minus < 0 else -1.0]),
            f"points {j} and {i} are opposite, and the kernel is {parity}"
            f"{'' if exact else ' to rounding'}{more}",
            upper([(i, j)], exact),
        )
    odd, even = kernel.parity
    if even <= SIMPLE and len(pairs["opposite"]) > 1:
        (i, j), (k, m) = pairs["opposite"][:2]
        return Zero(
            combine([i, j, k, m], [1.0, 1.0, -1.0, -1.0]),
            f"{pairs['opposite_count']} opposite pairs of points, "
            "and the even part of the kernel is constant",
            upper([(i, j), (k, m)]),
        )
    if odd > SIMPLE:
        return None
    U = X / norms[:, None]
    chosen = pairs["opposite"][: X.shape[1] + 1]
    A = np.array([U[i] for i, _ in chosen])
    left, singular, _ = np.linalg.svd(A)
    if len(chosen) <= X.shape[1] and singular[-1] > 1e-14 * singular[0]:
        return None
    c = left[:, -1]
    indices = [index for pair in chosen for index in pair]
    weights = [float(s * w) for w in c for s in (1.0, -1.0)]
    return Zero(
        combine(indices, weights),
        f"{pairs['opposite_count']} opposite pairs of points, more than the dimension they span, "
        "and the odd part of the kernel is linear",
        upper(chosen, len(chosen) > X.shape[1]),
    )


def zero_in_any_precision(
    X: Array, points: _core.Points, kernel: Kernel, threads: int, ask: Any
) -> Zero | None:
    """A null vector that is one to the last bit of the points: more digits do not change it."""
    seen = _core.Packed32(points, kernel.h.compiled, threads, ask).pairs()
    zero = forced_zero(seen, X, np.linalg.norm(X, axis=1), kernel)
    return zero if zero is not None and zero.upper == 0.0 else None


def zero_of(
    pairs: dict[str, Any],
    X: Array,
    points: _core.Points,
    kernel: Kernel,
    given: Array | None = None,
) -> Zero | None:
    """The same for points in the core.

    Between points that bring layers, directions do not decide: only pairs of one norm too are alike. Of
    opposite ones, two are dependent where the activations are odd or even.
    """
    norms = points.norms()
    if not layered(points):
        return forced_zero(pairs, X, norms, kernel, given)
    lift = kernel.bias_var > 0.0  # the core's directions are of (x, constant)
    for i, j in pairs["equal"]:
        if abs(norms[i] - norms[j]) <= SAME * norms[i]:
            return _pair(i, j, -1.0, f"points {j} and {i} are the same", X, points, kernel)
    plus, minus = map(float, kernel.h.ends)
    if lift or abs(plus - abs(minus)) > 1e-15 * plus:
        return None
    sign, parity = (1.0, "odd") if minus < 0 else (-1.0, "even")
    for i, j in pairs["opposite"]:
        if abs(norms[i] - norms[j]) <= SAME * norms[i]:
            why = f"points {j} and {i} are opposite, and the kernel is {parity}"
            return _pair(i, j, sign, why, X, points, kernel)
    return None


def _pair(
    i: int, j: int, sign: float, why: str, X: Array, points: _core.Points, kernel: Kernel
) -> Zero:
    """e_i + sign e_j."""
    v = np.zeros(len(X))
    v[i], v[j] = math.sqrt(0.5), sign * math.sqrt(0.5)
    ours = all(act.source != "user" for act in kernel.layers)
    exact = bool(np.array_equal(X[i], X[j])) if sign < 0 else False
    opposite = ours and _without(kernel, sign > 0) and bool(np.array_equal(X[i], -X[j]))
    exact = exact or opposite
    top = float(np.max(core_diagonal(points, kernel)))
    return Zero(v, why, 0.0 if exact else ROUNDING * top)


def _without(kernel: Kernel, even: bool) -> bool:
    """Whether the kernel has no even part, or no odd one: its ends in double cannot tell a small part from none."""
    return (kernel.parity.even if even else kernel.parity.odd) == NONE


def _most_alike(pairs: list[tuple[int, int]], rows: Array) -> tuple[int, int]:
    """The first pair that is proportional to the last bit, or else the first."""
    return next((p for p in pairs[:100] if _proportional(rows[p[0]], rows[p[1]])), pairs[0])


def _proportional(x: Array, y: Array) -> bool:
    """x = c y, exactly."""
    k = int(np.argmax(np.abs(x)))
    a, b = Fraction(float(x[k])), Fraction(float(y[k]))
    return all(Fraction(float(s)) * b == Fraction(float(t)) * a for s, t in zip(x, y, strict=True))
