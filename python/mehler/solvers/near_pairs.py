"""Near points set apart: their eigenvalue to full accuracy in double, though entries of K are rounded to eps |K|.

In an orthonormal basis with the differences Z of near points first, and what is orthogonal to them second,

    K' = [ D    C^t ]     D = Z^t K Z, tiny, from cosine deficits;    C, differences of rows, from h';
         [ C    A   ]     A, the rest, of ordinary size,

D and C are known to a relative error (``split``), so that

    lambda_min = min eig(D - C^t (A - lambda)^-1 C)        as long as it lies below A.

A is never formed. It is T (K_r - s I) T + s T^2 + E, K_r the matrix of the points with one of each cluster left,
T >= 1 diagonal, E of the size of C: a factor of K_r - s I that completes proves A >= a = s - |E| - rounding, and
inverts A by iterative refinement. For any Y, with R = C - (A - lambda) Y and N = C^t Y + Y^t C - Y^t A Y,

    D - N - lambda (1 + Y^t Y) - R^t R / (a - lambda)  <=  Schur complement  <=  D - N - lambda (1 + Y^t Y),

the right one by Rayleigh and Ritz. Both are small symmetric problems, solved to a relative error after
scaling by the diagonal.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from ..certificates.allowance import PointMatrix, gamma, product_roundings
from ..kernels import Kernel
from ..kernels.differences import NEAR, differences
from ..operators.layered import layered
from ..operators.near_points import Cluster, clusters, near_pairs, parity_sign
from ..operators.points import core_diagonal, core_points
from ..result import EigenResult
from . import cholesky, shift_invert
from .outcome import EPS, Task, replace, result_of
from .split import Split, split

MOST = 200  # differences that are set apart
LARGEST = 40  # points in a cluster
SHIFT = 0.1  # of the rest's smallest eigenvalue, at most: where its factor is taken
STEPS = 40  # of refinement
SUFFIX = ", near points apart"


def apart(
    result: EigenResult,
    A: Array,
    points: _core.Points,
    ker: Kernel,
    task: Task,
    certify: str,
) -> EigenResult:
    """What setting near points apart makes of a result that rounding limits; itself where it does not help.

    Parameters
    ----------
    result
        In double.
    A, points
        The points, and the same in the core.
    ker, task, certify
        As in every route.
    """
    if result.status != "rounding-limited" or layered(points) or result.method == "structure":
        return result
    try:
        found = _apart(result, A, points, ker, task, certify)
    except (KeyboardInterrupt, _core.Interrupted):
        why = task.report.why or "interrupted"
        return replace(
            result,
            status="budget-limited",
            message=f"{why} while near points were set apart",
            interrupted=not task.report.stopped,
        )
    return found or result


def _apart(
    result: EigenResult,
    A: Array,
    points: _core.Points,
    ker: Kernel,
    task: Task,
    certify: str,
) -> EigenResult | None:
    groups = _groups(result, A, points, ker, task)
    known = differences(ker) if groups else None
    if known is None:
        return None
    out = {i for group in groups for i in group.members[1:]}
    keep = np.array([i for i in range(len(A)) if i not in out])
    rest = _Rest.of(A[keep], points, ker, task, keep)
    if rest is None:
        return None
    parts = split(points, groups, known, _scales(points, ker))
    found = _Reduced(parts, rest, points, ker, task).solved()
    if found is None:
        return None
    count = parts.D.shape[0]
    what = f"{len(groups)} pair{'s' * (len(groups) > 1)} of near points"
    if count > len(groups):
        what = (
            f"{len(out) + len(groups)} near points in {len(groups)} group{'s' * (len(groups) > 1)}"
        )
    resolved = found.doubt + found.left <= task.tol
    message = f"{what} set apart, known from differences"
    if not resolved:
        message += (
            f": to {found.doubt + found.left:.0e} of the value, what their differences are known to"
        )
    return result_of(
        task,
        values=np.array([found.value]),
        vectors=found.vector[:, None],
        residuals=np.array([found.residual]),
        lower=0.0 if certify == "none" else found.lower,
        upper=found.upper,
        lower_kind="none" if certify == "none" else "factorisation",
        status="resolved" if resolved else "rounding-limited",
        method=result.method + SUFFIX,
        applications=result.applications + rest.applications + found.products,
        floor=found.doubt * found.value,
        n=result.n,
        dtype="float64",
        nbytes=max(result.nbytes, rest.factor.nbytes + 6 * parts.C.nbytes),
        message=message,
        history=result.history,
    )


def _scales(points: _core.Points, ker: Kernel) -> Array:
    """|x_i|^q, as the core has it."""
    return np.sqrt(core_diagonal(points, ker) / float(ker.h.ends[0]))


def _groups(
    result: EigenResult,
    A: Array,
    points: _core.Points,
    ker: Kernel,
    task: Task,
) -> list[Cluster]:
    """Clusters whose differences double does not see to tol; none where there are too many."""
    scale, parity = _scales(points, ker), parity_sign(ker)
    floor = max(result.floor, 4.0 * EPS * float(ker.h.ends[0]))
    within = hidden(ker, floor / float(np.min(scale)) ** 2, task.tol)
    if not within:
        return []
    pairs = near_pairs(points.unit, within, parity != 0.0, 4 * MOST, task.report.ask)
    if not pairs:
        return []
    rows = A if task.given is None else task.given
    found = clusters(pairs, rows, scale, parity)
    sizes = [len(group.members) for group in found]
    if sum(sizes) - len(sizes) > MOST or max(sizes) > LARGEST:
        return []
    alike = any(np.any(g.deficits + np.eye(len(g.members)) <= 0.0) for g in found)
    return [] if alike else found


def hidden(ker: Kernel, floor: float, tol: float) -> float:
    """The largest deficit 1 - rho whose h(1) - h(rho) a floor of rounding hides to ``tol``, with room to spare; 0 for none."""
    grid = NEAR * 2.0 ** -np.arange(0.0, 90.0)
    below = ker.h.drop(grid) <= 100.0 * floor / tol
    return float(grid[int(np.argmax(below))]) if below.any() else 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class _Rest:
    """K_r, one point a cluster: a factor of K_r - s I, and s less its rounding, which K_r exceeds."""

    factor: _core.Solver
    keep: Array
    shift: float
    least: float
    applications: int

    @staticmethod
    def of(A: Array, points: _core.Points, ker: Kernel, task: Task, keep: Array) -> _Rest | None:
        """None where it does not fit, or is itself too near to singular."""
        if not cholesky.fits(len(A), 2 * points.nbytes, "double", task.limit, task.threads):
            return None
        few = core_points(A, ker, task.threads)
        given = None if task.given is None else task.given[keep]
        mine = dataclasses.replace(task, tol=1e-3, known=[], sight=None, given=given, path=None)
        found = shift_invert.points_route(A, few, ker, mine, "none", "double")
        if found.interrupted or task.report.stopped:
            raise KeyboardInterrupt
        if not found.resolved or found.lower_kind == "structure":
            return None
        # a power of two, so that the answer does not depend on where a solver began
        s = math.ldexp(0.5, math.frexp(SHIFT * found.value)[1])
        matrix = PointMatrix(few, ker)
        F = matrix.tiles(s, task)
        least = (s - matrix.allowance(s).total) * (1.0 - matrix.stretch)
        if not F.factor(task.threads, task.report.ask) or least <= 0.5 * s:
            return None
        return _Rest(F, keep, s, least, found.applications)


@dataclasses.dataclass(frozen=True, eq=False)
class _Found:
    """The eigenvalue, its bounds, and in units of it: what ``doubt`` is left by rounding, and by the residual."""

    value: float
    lower: float
    upper: float
    doubt: float
    left: float
    vector: Array
    residual: float  # |K v - value v|
    products: int


class _Reduced:
    """The Schur complement of the rest, with bounds."""

    def __init__(
        self, parts: Split, rest: _Rest, points: _core.Points, ker: Kernel, task: Task
    ) -> None:
        self.parts, self.rest, self.task = parts, rest, task
        self.exact = _core.Recomputed(points, ker.h.compiled)
        self.least = rest.least - parts.moved
        self.stretch = np.array([parts.stretch[i] for i in rest.keep])[:, None]
        n, matrix = len(parts.C), PointMatrix(points, ker)
        unit = gamma(product_roundings(n)) * matrix.top + matrix.error
        # |error of K y| <= unit |s| (s^t |y|), entry by entry
        self.scale, self.unit = matrix.scale, unit * float(np.linalg.norm(matrix.scale))
        self.products = 0

    def times(self, Y: Array) -> tuple[Array, Array]:
        """(A Y, norm of its error by columns)."""
        ask = self.task.report.ask
        if ask is not None and ask("refine", self.products, 0, 0.0, 0.0):
            raise KeyboardInterrupt
        self.products += 1
        KY = self.exact.multiply(np.asfortranarray(Y), self.task.threads)
        return self.parts.project(KY), self.unit * (self.scale @ np.abs(Y))

    def inverse(self, R: Array) -> Array:
        """About A^-1 R: with T (K_r - s I) T for A, its spectrum stretched by up to 1 / (1 - SHIFT)."""
        few = self.parts.to_few(R)[self.rest.keep] / self.stretch
        few = self.rest.factor.solve(
            np.asfortranarray(few), self.task.threads, self.task.report.ask
        )
        full = np.zeros_like(R)
        full[self.rest.keep] = few / self.stretch
        return self.parts.from_few(full) * ((1.0 - SHIFT) / (1.0 - 0.5 * SHIFT))

    def solved(self) -> _Found | None:
        if self.least <= 0.0:
            return None
        D, C = self.parts.D, self.parts.C
        near, worst, Y = 0.0, 1.0, np.zeros_like(C)
        for turn in range(3):  # lambda, Y, lambda again
            Y, AY, error = self._refined(Y, near, worst)
            small = _smallest(
                _symmetric(D - C.T @ Y - Y.T @ C + Y.T @ AY), np.eye(len(D)) + Y.T @ Y
            )
            if small is None or not small[0] < 0.25 * self.least:
                return None
            before, (near, v, worst) = near, small
            if turn and abs(near - before) <= 0.01 * self.task.tol * near:
                break
        return self._bounded(near, v, worst, Y, AY, error)

    def _refined(self, Y: Array, near: float, worst: float) -> tuple[Array, Array, Array]:
        """(Y, A Y, its error) with (A - near) Y = C, as far as ``tol`` asks for or rounding allows."""
        C, D = self.parts.C, self.parts.D
        # of the diagonal that remains, which elimination may make smaller by far
        goal, before = 0.03 * self.task.tol * worst, math.inf
        while True:
            AY, error = self.times(Y)
            R = C - AY + near * Y
            left = np.diag(D) - np.sum((2.0 * C - AY) * Y, axis=0)
            sizes = np.sum(R * R, axis=0) / self.least
            most = float(np.max(sizes / np.maximum(left, EPS * np.diag(D))))
            # what is left of the value is the square of a residual: the vector asks for more
            enough = most <= goal
            if near:
                enough = enough and float(np.sum(R * R)) <= (0.3 * self.task.tol * near) ** 2
            if enough or most > 0.5 * before or self.products > STEPS:
                return Y, AY, error
            before = most
            Y = Y + self.inverse(R)

    def _bounded(
        self, value: float, v: Array, worst: float, Y: Array, AY: Array, error: Array
    ) -> _Found | None:
        D, C = self.parts.D, self.parts.C
        M = _symmetric(D - C.T @ Y - Y.T @ C + Y.T @ AY)
        ends = 1.0 / np.sqrt(np.diag(M))
        size_C, size_Y = np.linalg.norm(C, axis=0), np.linalg.norm(Y, axis=0)
        sums = (len(C) + 10.0) * EPS
        wrong = self.parts.D_error + np.outer(size_Y, error)
        wrong += np.outer(self.parts.C_error + sums * size_C, size_Y)
        wrong += np.outer(size_Y, self.parts.C_error + sums * size_C)
        wrong += sums * np.outer(size_Y, np.linalg.norm(AY, axis=0))
        doubt = float(np.linalg.norm(ends[:, None] * wrong * ends)) / worst
        doubt += (8.0 * len(D) + 20.0) * EPS / worst
        remains = C - AY + value * Y
        R = np.linalg.norm(remains, axis=0) + self.parts.C_error + error
        R += 0.1 * self.task.tol * value * size_Y + sums * (size_C + value * size_Y)
        left = float(np.sum((R * ends) ** 2)) / (self.least - 2.0 * value) / worst
        if not doubt + left < 0.3:
            return None
        x = self.parts.Z(v) - Y @ v
        return _Found(
            value,
            value * (1.0 - doubt - left - doubt * left),
            value * (1.0 + doubt + doubt * doubt),
            doubt,
            left,
            x / np.linalg.norm(x),
            float(np.linalg.norm(remains @ v) / np.linalg.norm(x)),
            self.products,
        )


def _symmetric(M: Array) -> Array:
    return 0.5 * (M + M.T)


def _smallest(M: Array, B: Array) -> tuple[float, Array, float] | None:
    """(lambda, v, smallest eigenvalue of M scaled to a diagonal of ones) of M v = lambda B v, lambda the smallest.

    1 / lambda = |L^-1 S B^(1/2)|^2 with S M S = L L^t: a largest singular value, so nothing of a graded M is lost.
    """
    diagonal = np.diag(M)
    if not np.all(diagonal > 0.0):
        return None
    S = 1.0 / np.sqrt(diagonal)
    scaled = S[:, None] * M * S
    worst = float(np.linalg.eigvalsh(scaled)[0])
    if not worst > 100.0 * len(M) * EPS:
        return None
    L = np.linalg.cholesky(scaled)
    W: Any = np.linalg.solve(L, S[:, None] * np.linalg.cholesky(B))
    U, sigma, _ = np.linalg.svd(W)
    v = S * np.linalg.solve(L.T, U[:, 0])
    return float(sigma[0]) ** -2.0, np.asarray(v), worst
