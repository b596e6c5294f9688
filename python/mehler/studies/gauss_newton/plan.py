"""What a Gauss-Newton step costs by each route, and which one is taken: counted, before anything is allocated.

    exact     n^2 (m + d) + n^3 / 3                                    Gram matrix, Cholesky
    tensor    n (M log M + D log D + 2 s)  + 2 s n^2 + 4 n m d k       sketch, QR, k iterations of 4 n m d
                                                                       (of few coordinates: those of 15, to read A)
    srht      n N log N                    + 2 s n^2 + 4 n m d k
    cg        4 n m d k'                                               k' iterations without a preconditioner
    explicit  n m d + n^2 m d + n^3 / 3                                J itself: for comparison, never taken

k = log(2 / tol) / log(1 / q), q = sqrt(n / s): conjugate gradients gain q an iteration. k' needs a condition number.
A flop of a transform, of a QR or of a tall product is not one of a square product: the weights below are seconds per flop beside it,
measured (docs/systems/gauss-newton.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..._arrays import choice, enough, integer, memory_limit, size_text, tolerance
from .sketch import padded

ROUTES = ("exact", "tensor", "srht", "cg")
RATIO = 4  # s / n: 2 costs half as many flops of QR and twice the iterations
WEIGHT = {"gemm": 1.0, "cholesky": 1.5, "qr": 3.0, "transform": 5.0, "product": 1.2}
BESIDE = 4  # products for the norm, and for the true residual
READ = 15  # columns of X beside which reading A twice is not seen
UNIT = 2.5e-11  # seconds of a flop of a square product by one thread


@dataclass(frozen=True)
class Route:
    """One way of the step.

    Attributes
    ----------
    name
        'exact', 'tensor', 'srht', 'cg' or 'explicit'.
    flops
        Of everything.
    seconds
        Predicted, of one thread; ratios travel, seconds do not.
    nbytes
        Beside A and X.
    iterations
        Of conjugate gradients, 0 for a factor.
    """

    name: str
    flops: float
    seconds: float
    nbytes: int
    iterations: int


@dataclass(frozen=True)
class StepPlan:
    """Costs of a step by every route: ``print`` it.

    Attributes
    ----------
    n, m, d, s
        Points, neurons, coordinates, rows of a sketch.
    routes
        In the order of :data:`ROUTES`, the explicit Jacobian last.
    route
        The one to take.
    reason
        Why.
    """

    n: int
    m: int
    d: int
    s: int
    routes: tuple[Route, ...]
    route: str
    reason: str

    def of(self, name: str) -> Route:
        """A route by its name.

        Parameters
        ----------
        name
            As in ``routes``.

        Returns
        -------
        Route
        """
        return next(r for r in self.routes if r.name == name)

    def __str__(self) -> str:
        lines = [f"n={self.n}, m={self.m}, d={self.d}; sketches of s={self.s} rows", ""]
        lines.append(f"{'route':<10}{'flops':>10}{'seconds':>10}{'memory':>10}{'iterations':>12}")
        for r in self.routes:
            lines.append(
                f"{r.name:<10}{r.flops:>10.1e}{r.seconds:>10.2g}{size_text(r.nbytes):>10}"
                f"{r.iterations or '-':>12}"
            )
        return "\n".join([*lines, "", f"{self.route}: {self.reason}"])


def iterations(ratio: float, tol: float) -> int:
    """log(2 / tol) / log(1 / q), q = ratio^(-1/2): iterations of conjugate gradients after a sketch of ratio n rows.

    Parameters
    ----------
    ratio
        s / n > 1.
    tol
        Relative, of the error.

    Returns
    -------
    int
    """
    return math.ceil(math.log(2.0 / tol) / (0.5 * math.log(ratio)))


def plan(
    n: int,
    m: int,
    d: int,
    *,
    s: int | None = None,
    tol: float = 1e-8,
    condition: float = 1e4,
    route: str = "auto",
    max_memory: int | float | str | None = None,
) -> StepPlan:
    """Flops, seconds and bytes of a Gauss-Newton step (J J') g = r by every route, and the one to take.

    Parameters
    ----------
    n, m, d
        Points, neurons, coordinates.
    s
        Rows of a sketch, above n; default 4 n, or as many as there are.
    tol
        Relative residual of the solve.
    condition
        Of J J', for the route without a preconditioner.
    route
        'auto': the quickest that fits into memory; or a name of :data:`ROUTES`.
    max_memory
        Bytes, or a text such as '10GB'. Default: 80 % of what the system has free.

    Returns
    -------
    StepPlan

    Raises
    ------
    TypeError, ValueError
        Sizes below 1, s out of range, unknown route.
    MemoryError
        The route does not fit; says what is enough.
    """
    for name, value in (("n", n), ("m", m), ("d", d)):
        if integer(value, name) < 1:
            raise ValueError(f"{name} must be >= 1; got {value}.")
    choice("route", route, ("auto", *ROUTES))
    tol, limit = tolerance(tol), memory_limit(max_memory)
    M, D, N = padded(m), padded(d), padded(m * d)
    most = min(N, M * D)
    if s is not None and not n < integer(s, "s") <= most:
        raise ValueError(f"s must satisfy n < s <= {most}; got s={s} for n={n}.")
    size = min(RATIO * n, most) if s is None else s
    sketched = size > n  # else there are not enough weights for a sketch
    k = iterations(size / n, tol) if sketched else 0
    plain = math.ceil(0.5 * math.sqrt(condition) * math.log(2.0 / tol))
    logs = {x: max(math.log2(x), 1.0) for x in (M, D, N)}

    def made(name: str, nbytes: int, its: int, **flops: float) -> Route:
        seconds = UNIT * sum(WEIGHT[kind] * count for kind, count in flops.items())
        return Route(name, sum(flops.values()), seconds, nbytes, its)

    cubic, pair = n**3 / 3.0, 4.0 * n * m * max(d, READ)
    qr = 2.0 * size * n * n
    held = 8 * (2 * size * n + 4 * n * n)
    routes = [
        made("exact", 8 * 3 * n * n, 0, gemm=float(n) * n * (m + d), cholesky=cubic),
        made("tensor", held, k, transform=n * (M * logs[M] + D * logs[D] + 2.0 * size), qr=qr, product=pair * (k + BESIDE)),
        made("srht", held + 16 * 2 * N, k, transform=n * N * logs[N], qr=qr, product=pair * (k + BESIDE)),
        made("cg", 8 * 12 * n + 8 * m * d, plain, product=pair * plain),
        made("explicit", 8 * n * (m * d + 2 * n), 0, gemm=float(n) * n * m * d, cholesky=cubic, transform=float(n) * m * d),
    ]  # fmt: skip
    able = [r for r in routes if r.name in ROUTES and (sketched or r.name in ("exact", "cg"))]
    if route != "auto":
        found = [r for r in able if r.name == route]
        if not found:
            raise ValueError(
                f"route={route!r} needs more padded weights than points; got {most} for n={n}. Use 'exact'."
            )
        if found[0].nbytes > limit:
            raise MemoryError(
                f"route={route!r} takes {size_text(found[0].nbytes)}, more than max_memory={size_text(limit)}; "
                f"use max_memory={enough(found[0].nbytes)!r}, or route='cg'."
            )
        return StepPlan(n, m, d, size, tuple(routes), route, "asked for")
    fits = [r for r in able if r.nbytes <= limit and r.name != "cg"] or [able[-1]]
    best = min(fits, key=lambda r: r.seconds)
    others = [r for r in able if r.name not in (best.name, "cg")]
    ratio = min((r.seconds for r in others), default=math.nan) / best.seconds
    reason = f"{ratio:.2g} times quicker than the next" if others else "nothing else fits"
    if best.name == "cg":
        reason = "nothing else fits into memory"
    return StepPlan(n, m, d, size, tuple(routes), best.name, reason)


def as_record(of: StepPlan) -> list[dict[str, Any]]:
    """A row a route."""
    return [
        {"n": of.n, "m": of.m, "d": of.d, "s": of.s, "route": r.name, "flops": r.flops,
         "seconds": r.seconds, "bytes": r.nbytes, "iterations": r.iterations, "taken": r.name == of.route}
        for r in of.routes
    ]  # fmt: skip
