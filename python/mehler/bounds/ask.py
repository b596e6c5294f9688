"""``bounds``: every bound of the smallest eigenvalue that points and a kernel allow, and how they compare."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arrays import Array
from ..activations import Activation
from ..certificates.tail_bound import gershgorin_tail
from ..data.points import describe
from ..kernels import Kernel
from . import lower, needs, reported, upper
from .bound import LOWER, UPPER, Bound, Bounds

UNIT = "points of equal norm, or a homogeneous activation"


def bounds(
    X: Any,
    activation: str | Activation | Kernel | Sequence[str | Activation],
    *,
    kernel: str = "gradient",
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalize: bool = False,
    measure: bool = True,
    threads: int | None = None,
) -> Bounds:
    """lower <= lambda_min(K) <= upper, each bound with what it supposes and where it comes from.

    Parameters
    ----------
    X, activation, kernel, depth, weight_var, bias_var, normalize
        As in :func:`min_eig`.
    measure
        Also solve for lambda_min, and check that no bound contradicts it.
    threads
        Number of threads.

    Returns
    -------
    Bounds
        ``print`` shows every bound, the best first.

    Raises
    ------
    TypeError, ValueError
        Bad points or options, as in :func:`min_eig`.
    RuntimeError
        A bound contradicts the measured value, which would be an error of this library: please report it.

    Warns
    -----
    PrecisionWarning, ConvergenceWarning
        As :func:`min_eig`, when ``measure``.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020. Murray et al., ICLR 2023 (power series). Becchetti, Russo, Skorupinski
    (homogeneous features). Tropp, Found. Comput. Math. 12, 2012 (matrix Chernoff).

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=50, d=10, rng=0)
    >>> b = mh.bounds(X, "relu")
    >>> 0.0 < b.lower <= b.measured <= b.upper
    True
    """
    from ..question import posed

    asked = posed(
        X,
        activation,
        kernel=kernel,
        depth=depth,
        weight_var=weight_var,
        bias_var=bias_var,
        normalize=normalize,
        precision="auto",
        tol=1e-6,
        certify="auto",
        method="auto",
        max_memory=None,
        threads=threads,
    )
    found = of_points(asked.A, asked.ker, asked.scale)
    if not measure:
        return found
    from ..eigen import min_eig

    result = min_eig(asked.A, asked.ker, threads=threads)
    value = asked.scale * result.value if result.resolved else None
    found = dataclasses.replace(found, measured=value)
    high, low = asked.scale * result.upper, asked.scale * result.lower
    for row in found.rows:
        wrong = row.value > high if row.direction == LOWER else row.value < low
        if wrong:
            raise RuntimeError(
                f"the {row.direction} bound {row.name!r} is {row.value!r}, and the eigenvalue lies in [{low!r}, {high!r}]: "
                "an error of mehler; please report the points and the kernel."
            )
    return found


def of_points(A: Array, ker: Kernel, scale: float = 1.0) -> Bounds:
    """The same of checked points; scale: of the matrix, between A and the user's points."""
    from ..operators.layered import refuse
    from ..operators.points import core_points

    title, given = repr(ker).strip("<>").partition(":")[0], describe(A)
    points = core_points(A, ker, 1)
    refuse(points, "bounds of the theory", "take min_eig, which measures it at any norms")
    norms, q = points.norms(), ker.homogeneity or 0.0
    weights = norms ** (2.0 * q) if q else np.ones(len(A))
    U, seen, span = np.asarray(points.unit), given, given.rank
    slack, whole = off_span(ker, U, span), ker
    if ker.bias_var and ker.depth == 1:
        A, ker = without_bias(U, ker)
        U, seen = A, describe(A)
    n = len(A)
    top, least, most = float(ker.h.ends[0]), float(np.min(weights)), float(np.max(weights))
    rows: list[Bound] = []
    left: list[str] = []

    def add(
        name: str, direction: str, value: float, detail: str, source: str, more: str = ""
    ) -> None:
        rows.append(Bound(name, direction, scale * value, detail, more or UNIT, source))

    known = ker.error <= 1e-12 * top
    if known:
        cosine = seen.max_abs_cosine or 0.0
        gap = 1.0 if seen.separation is None else 0.5 * seen.separation**2 * (1.0 - 1e-9)
        deficit = max(gap - 4e-15 * (gap >= 1e-3), 0.0) if n > 1 else None
        value, N = gershgorin_tail(ker, n, min(cosine, 1.0), float(np.min(norms)), deficit)
        add("Hermite tail", LOWER, value, f"N = {N}", "drop N terms, then Gershgorin")
        if n <= lower.WEYL_UP_TO:
            value, p = lower.hadamard_powers(ker, U)
            add(
                "Hadamard powers",
                LOWER,
                least * value,
                f"up to p = {p}",
                "Weyl, and Schur's product theorem",
            )
        else:
            left.append(
                f"Hadamard powers: n > {lower.WEYL_UP_TO:,} (an eigenvalue problem a power)"
            )
        # chord to angle, from below; nearer than rounding is no distance
        chord = (seen.separation or 0.0) * (1.0 - 1e-9) - 8.0 * upper.EPS
        if chord > 0.0:
            angle = 2.0 * np.arcsin(min(0.5 * chord, 1.0))
            closed = lower.homogeneous(ker, float(angle), n)
            if closed is not None:
                add(
                    "separation",
                    LOWER,
                    least * closed,
                    f"angle {angle:.3g}",
                    "Becchetti, Russo, Skorupinski",
                )
    else:
        left.append(f"lower bounds: the kernel is an estimate, to {ker.error / top:.0e} h(1)")

    value = least * top + ker.error * most
    add("diagonal", UPPER, value, f"row {int(np.argmin(weights))}", "K_ii = e_i^t K e_i", "none")
    if n > 1:
        near = upper.closest(U)
        value, i, j = upper.pair(ker, A, near)
        add(
            "closest pair", UPPER, value, f"rows {i} and {j}", "Rayleigh-Ritz on two points", "none"
        )
        value, m = upper.submatrix(ker, A, near)
        add("closest points", UPPER, value, f"{m} points", "Cauchy interlacing", "none")
    if slack is None:
        left.append(
            f"head and tail: points lie near {span} dimensions, not in them, and the kernel has a kink"
        )
    elif known:
        found = upper.head_and_tail(whole, n, span, most)
        if found is not None:
            value, N, D = found
            name, what = (
                ("rank", f"rank <= {D}")
                if value == 0.0
                else ("head and tail", f"N = {N}, D_N = {D}")
            )
            add(name, UPPER, value + most * slack, what, "a polynomial of degree N, and the trace of the rest",
                f"points span {span} dimensions")  # fmt: skip
    best = max((row.value for row in rows if row.direction == LOWER), default=0.0) / scale
    return Bounds(
        kernel=title,
        n=n,
        span=span,
        separation=given.separation,
        rows=tuple(rows),
        reported=reported.curves(ker, n, span, given.separation),
        depth_needed=needs.depth_needed(ker.layers[0], n, given.separation)
        if given.separation
        else None,
        width_needed=needs.width_needed(ker, A if q else U, best),
        left_out=tuple(left),
    )


def without_bias(U: Array, ker: Kernel) -> tuple[Array, Kernel]:
    """One layer with biases is one without on the points (sqrt(w) u, sqrt(b)) / sqrt(w + b), of variance w + b."""
    w, b = ker.weight_var, ker.bias_var
    ones = np.full((len(U), 1), math.sqrt(b / (w + b)))
    V = np.hstack([math.sqrt(w / (w + b)) * U, ones])
    V /= np.linalg.norm(V, axis=1)[:, None]
    return V, dataclasses.replace(ker, weight_var=w + b, bias_var=0.0)


def off_span(ker: Kernel, U: Array, span: int) -> float | None:
    """What moves K when points are put into the span of their first ``span`` singular directions; None: not known.

    A cosine moves by 2 r^2 at most, r the largest distance; h by h'(1) times that, the norm of K by n times that.
    """
    n, d = U.shape
    if span == min(n, d):
        return 0.0
    known = upper.series(ker)
    if known is None:
        return None
    V = np.linalg.svd(U, full_matrices=False)[2][:span]
    distance = float(np.max(np.linalg.norm(U - (U @ V.T) @ V, axis=1)))
    r = distance + 8.0 * d * upper.EPS
    return float(2.1 * n * known.slope * r * r)
