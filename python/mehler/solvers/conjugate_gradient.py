"""Preconditioned conjugate gradients on several right-hand sides at once, each column on its own.

    d <- d + a p,  r <- r - a K p,  a = r'z / p'K p,   z = P^-1 r,
    p <- z + b p,                   b = -a z'K p / r'z (of before)

Columns share products, not directions: a column that is done leaves the block, and nothing that another
column does changes its digits. The last form of b is r'z / r'z (of before) in exact arithmetic; it asks
for conjugacy to the last direction, and so forgives an inverse that rounds (Notay 2000).

Invariant: r is the residual of d by recursion. Rounding parts it from b - K d, which only the caller knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .._arrays import Array
from .outcome import EPS

Rows = Array  # (c, n), a vector a row: what the core takes as (n, c) in Fortran order
Apply = Callable[[Rows], Rows]
Stop = Callable[[int, float], bool]  # (iterations, worst residual / goal) -> end?


class Indefinite(ValueError):
    """A preconditioner that is not positive definite."""


@dataclass(eq=False)
class Descent:
    """What a run of the recursion came to; arrays have an entry a column.

    Attributes
    ----------
    D
        (c, n), added to what there was.
    best
        (c, n), the D of the least |r| by recursion: where K is singular to rounding, later ones run away from it.
    least
        (c,), that |r|.
    iterations
        Of each column.
    products
        With the matrix, a block each.
    norm
        (c,), largest |K p| / |p| seen: at most |K|.
    negative
        (p'K p / p'p, |K p| / |p|) of a p that no positive semidefinite K has, or None.
    stopped
        Whether ``stop`` said so.
    """

    D: Rows
    iterations: np.ndarray[tuple[int], np.dtype[np.int64]]
    products: int = 0
    norm: Array = field(default_factory=lambda: np.zeros(1))
    negative: tuple[float, float] | None = None
    stopped: bool = False

    def __post_init__(self) -> None:
        self.best, self.least = self.D.copy(), np.full(len(self.D), np.inf)
        self.norm = np.broadcast_to(self.norm, len(self.D)).copy()


def dots(A: Rows, B: Rows) -> Array:
    """A row with a row, by one thread and in one order: the same bits whatever BLAS does."""
    return np.asarray(np.einsum("ij,ij->i", A, B))


def norms(A: Rows) -> Array:
    """Of the rows."""
    return np.asarray(np.sqrt(dots(A, A)))


def descend(
    run: Descent, K: Apply, inverse: Apply, R: Rows, goal: Array, most: int, stop: Stop
) -> None:
    """K d = r for every row of R, until |r| <= goal, or until nothing is left to gain in double.

    Parameters
    ----------
    run
        Where the answer is built up: valid whenever an exception (Ctrl-C) ends the work.
    K, inverse
        Products of rows with the matrix, and with the inverse of the preconditioner.
    R
        (c, n), the residuals; not changed.
    goal
        (c,), norms.
    most
        Iterations.
    stop
        Asked once an iteration.
    """
    run.least = norms(R)
    active = np.flatnonzero(run.least > goal)
    R = R[active].copy()
    Z = inverse(R)
    P, rz = Z.copy(), positive(dots(R, Z), R, Z)
    for k in range(most):
        if len(active) == 0:
            return
        worst = float(np.max(norms(R) / np.maximum(goal[active], 1e-300)))
        if stop(k, worst):
            run.stopped = True
            return
        Q = K(P)
        run.products += 1
        if not np.isfinite(Q).all():
            raise ValueError("products with K must be finite; found NaN or infinity.")
        pq, pp = dots(P, Q), dots(P, P)
        image = norms(Q) / np.sqrt(np.maximum(pp, 1e-300))
        norm = run.norm[active] = np.maximum(run.norm[active], image)
        curved, rounding = pq > 0.0, 1e4 * EPS * norm
        # |K p|^2 <= |K| p'K p of a semidefinite K, and |K| is not far above its estimate
        low = (pq < -rounding * pp) | (~curved & (image**2 > 100.0 * rounding * norm))
        if low.any():
            c = int(np.argmax(low))
            run.negative = float(pq[c] / pp[c]), float(image[c])
            return
        a = np.where(curved, rz / np.where(curved, pq, 1.0), 0.0)
        D = run.D[active] + a[:, None] * P
        run.D[active] = D
        R -= a[:, None] * Q
        run.iterations[active] += curved
        size = norms(R)
        better = size < run.least[active]
        run.best[active[better]], run.least[active[better]] = D[better], size[better]
        left = curved & (size > goal[active]) & (size > EPS * norm * norms(D))
        if not left.all():
            active, R, P, Q = active[left], R[left], P[left], Q[left]
            a, rz = a[left], rz[left]
            if len(active) == 0:
                return
        Z = inverse(R)
        b = -a * dots(Z, Q) / rz
        rz = positive(dots(R, Z), R, Z)
        P *= b[:, None]
        P += Z


def positive(rz: Array, R: Rows, Z: Rows) -> Array:
    """r'z, which a positive definite preconditioner makes positive."""
    if not np.isfinite(Z).all():
        raise ValueError("the preconditioner must give finite vectors; found NaN or infinity.")
    wrong = ~(rz > 0.0)
    if wrong.any():
        c = int(np.argmax(wrong))
        raise Indefinite(
            f"the preconditioner must be positive definite; found r with r'P^-1 r = {rz[c]:.1e}, |r| = "
            f"{norms(R)[c]:.1e}. Pass an approximate inverse that is, or preconditioner=None."
        )
    return rz
