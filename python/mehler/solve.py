"""``solve``: (K + shift I) x = b by preconditioned conjugate gradients, and what the answer is worth.

    r = b - (K + shift I) x   in float64, by the operator itself; never the residual of a recursion alone

Question -> preconditioner (``solvers/inverses``) -> rounds of conjugate gradients (``solvers/conjugate_gradient``) on
the residual, each from the true one. A round that does not halve a residual has met rounding: what a Gram operator in
float32 can do is followed by float64, and what float64 can do is the end, said as such.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core
from ._arrays import (
    Array,
    as_array,
    beyond,
    choice,
    duration,
    enough,
    integer,
    memory_limit,
    seed_from,
    thread_count,
    tolerance,
)
from ._progress import Reporter, State
from .errors import ConvergenceWarning, PrecisionWarning
from .operators.foreign import as_operator
from .solution import Solution
from .solvers import budget, inverses
from .solvers.conjugate_gradient import Apply, Descent, Indefinite, Rows, Stop, descend, norms
from .solvers.outcome import EPS, Task

VECTORS = 12  # of the size of b, at most: x, r, d, p, q, z, their like, and what indexing copies
SINGLE_GOAL = 1e-5  # of the residual, a round on float32 entries
POWER = 3  # products for |K|


def solve(
    K: Any,
    b: Any,
    *,
    shift: float = 0.0,
    preconditioner: Any = "auto",
    tol: float = 1e-8,
    maxiter: int | None = None,
    time_limit: float | None = None,
    max_memory: int | float | str | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
) -> Solution:
    """(K + shift I) x = b for a symmetric positive semidefinite K, by preconditioned conjugate gradients: kernel ridge regression, Gaussian processes, Gauss-Newton steps.

    Parameters
    ----------
    K
        A :class:`Gram`, a :class:`FeatureGram`, a dense symmetric array (n, n), a SciPy LinearOperator or sparse matrix,
        or anything with ``shape`` and ``K @ V`` for V of shape (n, b). Operators are taken to be symmetric. Of a Gram
        operator in float32 the answer is that of the kernel matrix in float64.
    b
        (n,), or (n, c): columns share products, each stops by itself.
    shift
        Added to the diagonal of K: the ridge, the variance of noise; from 0 to 1e140.
    preconditioner
        'cholesky' (the factor of K + shift I, in float32 from 2,048 points on; of what has entries), 'sparse' (a sparse
        inverse of the kernel's tail, its low-degree part by Woodbury: kinked activations in few dimensions), 'low-degree'
        or 'landmarks' (low-rank parts of the kernel, as in :func:`min_eig`'s preconditioned method), the three for a Gram
        operator only; None; a function R -> P^-1 R of blocks (n, c), or an array or operator that multiplies by P^-1,
        symmetric positive definite; or 'auto': cholesky up to 12,000 points where there are entries and it fits into memory,
        else the one that suits the kernel and its points, else None; without one where rounding leaves that one
        indefinite.
    tol
        Wanted |b - (K + shift I) x| / |b|, of each column.
    maxiter
        Iterations of conjugate gradients, at most; default 10 n, at least 1,000.
    time_limit
        Seconds, from the call on, after which the work ends with what is known; a product under way is finished, and one
        more gives the residual. None: no limit.
    max_memory
        Bytes, or a text such as '10GB', that preconditioner and vectors may take beside K. Default: 80 % of what the
        system has free.
    threads
        Number of threads; default OpenMP's, asked at call time. The result does not depend on it (products of one's own aside).
    rng
        Seed or Generator: order of points in a sparse inverse, landmarks.
    progress
        True: a progress bar on stderr.
    callback
        Called at most ten times a second with a state; a true return value ends the work with what is known, an
        exception propagates.

    Returns
    -------
    Solution
        Also when it is interrupted (Ctrl-C), or its time is over: status 'budget-limited', with the true residual of
        what there is.

    Raises
    ------
    TypeError, ValueError
        Bad K, b or options, a preconditioner that K does not allow, a K or preconditioner that turns out not to be
        positive definite.
    MemoryError
        It does not fit into ``max_memory``; raised before anything is allocated.

    Warns
    -----
    ConvergenceWarning
        status 'budget-limited'.
    PrecisionWarning
        status 'rounding-limited'.

    References
    ----------
    Hestenes, Stiefel 1952. Notay, SIAM J. Sci. Comput. 22, 2000 (inexact preconditioners). Schaefer, Katzfuss, Owhadi 2021
    (the sparse inverse).

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=300, d=3, rng=0)
    >>> K = mh.gram(X, "relu")
    >>> y = np.sin(X[:, 0])
    >>> r = mh.solve(K, y, shift=1e-3)  # kernel ridge regression
    >>> r.status, np.allclose(r.x, np.linalg.solve(K.toarray() + 1e-3 * np.eye(300), y))
    ('resolved', True)

    What a preconditioner saves, from a condition number of 4e4; two right-hand sides at once:

    >>> B = np.column_stack([y, X[:, 1]])
    >>> plain = mh.solve(K, B, preconditioner=None)
    >>> better = mh.solve(K, B, preconditioner="sparse")
    >>> bool(np.all(5 * better.iterations < plain.iterations))
    True

    Where double precision ends, it says so: the residual is that of x.

    >>> import warnings
    >>> singular = mh.gram(mh.generate("circle-full", n=51, d=2), "tanh")
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     r = mh.solve(singular, np.eye(51)[0])
    >>> r.status
    'rounding-limited'
    """
    start = time.perf_counter()
    tol, count, limit = tolerance(tol), thread_count(threads), memory_limit(max_memory)
    seed, seconds, shift = seed_from(rng), duration(time_limit), _shift(shift)
    if isinstance(preconditioner, str):
        choice("preconditioner", preconditioner, inverses.NAMES)
    op, exact, n, dtype, _, dense = as_operator(K)
    B, one, sizes = _right_hand_sides(b, n)
    most = max(1000, 10 * n) if maxiter is None else integer(maxiter, "maxiter")
    if most < 1:
        raise ValueError(f"maxiter must be >= 1, or None for 10 n; got {maxiter}.")
    need = budget.vectors(n, VECTORS * len(B)) + budget.product(n, count)
    if need > limit:
        raise MemoryError(
            f"vectors of n={n} and {len(B)} right-hand sides take {beyond(need, limit)}; use "
            f"max_memory={enough(need)!r}, or fewer columns at a time."
        )
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        task = Task(tol, count, seed, limit, report, start)
        work = _Work(K, op, exact, dense, n, shift, task, most)
        work.held = need
        work.single = dtype == "float32" and op is not exact
        try:
            work.inverse = work.chosen(preconditioner)
            try:
                work.run(B)
            except Indefinite:  # of one's own it is an error; rounding may do it to a chosen one
                if not (isinstance(preconditioner, str) and preconditioner == "auto"):
                    raise
                work.inverse = inverses.none()
                work.run(B)
        except (KeyboardInterrupt, _core.Interrupted):
            work.interrupted = not report.stopped
        work.measure_again(B)
        result = work.solution(B, one, sizes, need)
    if result.status == "budget-limited":
        warnings.warn(f"not resolved: {result.message}", ConvergenceWarning, stacklevel=2)
    elif result.status == "rounding-limited":
        warnings.warn(f"not resolved: {result.message}", PrecisionWarning, stacklevel=2)
    return result


class _Work:
    """One solve under way: whatever ends it, ``X`` is the best x whose residual is known."""

    inverse: inverses.Inverse | None = None

    def __init__(
        self, K: Any, op: _core.Operator, exact: _core.Operator, dense: Array | None, n: int,
        shift: float, task: Task, most: int,
    ) -> None:  # fmt: skip
        self.K, self.op, self.exact, self.dense, self.n = K, op, exact, dense, n
        self.shift, self.task, self.most = shift, task, most
        self.held = 0
        self.single = self.interrupted = self.limited = False
        self.applications, self.norms = 0, np.zeros(0)  # of |K|, from below, by each column
        self.history: list[tuple[int, float]] = []
        self.X: Rows = np.zeros((0, n))
        self.residual = self.iterations = np.zeros(0)
        self.under_way: Descent | None = None
        self.columns = np.zeros(0, dtype=np.intp)  # those that are under way

    def chosen(self, preconditioner: Any) -> inverses.Inverse:
        """The preconditioner, made."""
        if isinstance(preconditioner, str):
            name: str | None = preconditioner
            if name == "auto":
                name = inverses.choose(self.K, self.dense, self.n, self.task.limit - self.held)
            if name is None:
                return inverses.none()
            return inverses.make(name, self.K, self.dense, self.n, self.shift, self.held, self.task)
        if preconditioner is None:
            return inverses.none()
        return inverses.given(preconditioner, self.n, self.task.threads)

    def product(self, op: _core.Operator) -> Apply:
        """V -> (K + shift I) V on rows."""

        def apply(V: Rows) -> Rows:
            Y = np.asarray(op.multiply(V.T, self.task.threads).T)
            return Y + self.shift * V if self.shift else Y

        return apply

    def run(self, B: Rows) -> None:
        """Rounds of conjugate gradients until every column is resolved, or rounding or patience ends it."""
        assert self.inverse is not None
        self.under_way = None
        size = norms(B)
        self.X, self.residual = np.zeros_like(B), np.where(size > 0.0, 1.0, 0.0)
        self.iterations, self.norms = np.zeros(len(B), dtype=np.int64), np.zeros(len(B))
        R, stuck = B.copy(), np.zeros(len(B), dtype=bool)
        exact, spent = self.product(self.exact), 0
        if np.any(size > 0.0):
            self._estimate_norm(exact)
        while True:
            active = np.flatnonzero((self.residual > self.task.tol) & ~stuck)
            if len(active) == 0 or spent >= self.most or self.task.report.stopped:
                self.limited = bool(stuck.any())
                return
            now = norms(R[active])
            goal = 0.7 * self.task.tol * size[active]
            if self.single:
                goal = np.maximum(goal, SINGLE_GOAL * now)
            run = Descent(
                np.zeros((len(active), self.n)), np.zeros(len(active), np.int64),
                norm=self.norms[active],
            )  # fmt: skip
            self.under_way, self.columns = run, active
            fast = self.product(self.op) if self.single else exact
            stop = self._listener(spent, float(np.max(goal / size[active])))
            descend(run, fast, self.inverse.apply, R[active], goal, self.most - spent, stop)
            self._account(run)
            spent += int(run.iterations.max())
            if run.negative is not None:
                if not self.single:
                    self._refuse(*run.negative)
                self.single = False  # float32 entries may do that to a definite matrix
            new = self.X[active] + run.best
            left = B[active] - exact(new)
            self.applications += 1
            after = norms(left) / size[active]
            if not np.isfinite(after).all():
                raise ValueError("products with K must be finite; found NaN or infinity.")
            before = self.residual[active]
            better = after < before
            self.X[active[better]], R[active[better]] = new[better], left[better]
            self.residual[active] = np.minimum(after, before)
            self.under_way = None
            slow = (after > 0.5 * before) & (after > self.task.tol)
            if run.stopped or spent >= self.most or run.negative is not None:
                continue  # it was not rounding that ended the round
            if self.single and slow.any():
                self.single = False  # as far as float32 entries carry: from here on float64
            else:
                stuck[active] = slow

    def _estimate_norm(self, exact: Apply) -> None:
        """|K + shift I| from below, by the power method: directions that a preconditioner likes see little of it."""
        v = np.random.default_rng(0).standard_normal((1, self.n))
        for _ in range(POWER):
            v /= max(float(norms(v)[0]), 1e-300)
            v = exact(v)
            if not np.isfinite(v).all():
                raise ValueError("products with K must be finite; found NaN or infinity.")
            self.applications += 1
            self.norms = np.maximum(self.norms, norms(v))

    def _account(self, run: Descent) -> None:
        self.iterations[self.columns] += run.iterations
        self.applications += run.products
        self.norms[self.columns] = run.norm

    def measure_again(self, B: Rows) -> None:
        """Ended within a round: the true residual of what it came to, kept where it is better."""
        run, self.under_way = self.under_way, None
        if len(self.X) == 0:  # before the first round
            self.X = np.zeros_like(B)
            self.residual = (norms(B) > 0.0).astype(np.float64)
            self.iterations, self.norms = np.zeros(len(B), dtype=np.int64), np.zeros(len(B))
        if run is None or not run.products:
            return
        self._account(run)
        new = self.X[self.columns] + run.best
        try:
            left = B[self.columns] - self.product(self.exact)(new)
        except (KeyboardInterrupt, _core.Interrupted):
            return  # the last x whose residual is known
        self.applications += 1
        after = norms(left) / norms(B[self.columns])
        better = self.columns[after < self.residual[self.columns]]
        self.X[better] = new[after < self.residual[self.columns]]
        self.residual[better] = after[after < self.residual[self.columns]]

    def _listener(self, spent: int, scale: float) -> Stop:
        """What a round asks once an iteration: it is told at most ten times a second, and at once in the first round."""
        last = time.perf_counter() - (0.1 if spent == 0 else 0.0)

        def stop(iteration: int, worst: float) -> bool:
            nonlocal last
            self.history.append((spent + iteration, scale * worst))
            ask, now = self.task.report.ask, time.perf_counter()
            if ask is None or now - last < 0.1:
                return False
            last = now
            return ask("conjugate gradients", spent + iteration, 0, 0.0, scale * worst)

        return stop

    def _refuse(self, quotient: float, image: float) -> None:
        scale = self.norms.max()
        found = f"v'(K + shift I)v / v'v = {quotient:.2e}"
        if quotient > -1e4 * EPS * scale:  # nothing of the one sign without the other
            found += f" with |(K + shift I)v| / |v| = {image:.1e}: eigenvalues of both signs"
        raise ValueError(
            f"K + shift I must be positive definite; found {found}, and |K| is at least {scale:.1e}. Pass a larger "
            f"shift: {self.shift:.3g} is too small."
        )

    def solution(self, B: Rows, one: bool, sizes: Array, vectors: int) -> Solution:
        """The value of what is known now."""
        size, tol = np.maximum(norms(B), 1e-300), self.task.tol
        floor = float(np.max(EPS * self.norms * norms(self.X) / size))
        done = bool(np.all(self.residual <= tol))
        reached = float(np.max(self.residual))
        message, status = "", "resolved"
        if not done:
            status = "budget-limited"
            if self.interrupted:
                message = "interrupted"
            elif self.task.report.stopped:
                message = self.task.report.why
            elif self.limited:
                status = "rounding-limited"
                message = f"double precision ends at a residual of {reached:.1e}; a larger shift brings a smaller one"
                if reached > 1e3 * floor:
                    message += (
                        ". K + shift I is singular to within rounding, and b not in its range"
                    )
            else:
                message = (
                    f"maxiter={self.most} iterations came to a residual of {reached:.1e}; raise maxiter, or take a "
                    "preconditioner"
                )
            if self.inverse is None:
                message += " before the preconditioner was complete"
        made, X = self.inverse or inverses.none(), sizes[:, None] * self.X
        how = made.words if self.inverse is not None else "no preconditioner"
        if self.op is not self.exact:
            how += ", float32 and float64 products"
        return Solution(
            x=np.ascontiguousarray(X[0]) if one else np.ascontiguousarray(X.T),
            residual=float(self.residual[0]) if one else self.residual,
            iterations=int(self.iterations[0]) if one else self.iterations,
            applications=self.applications,
            status=status,
            method=f"conjugate gradients, {how}",
            floor=floor,
            tol=tol,
            shift=self.shift,
            n=self.n,
            threads=self.task.threads,
            seconds=time.perf_counter() - self.task.start,
            nbytes=made.nbytes + vectors,
            history=tuple(self.history),
            message=message,
            interrupted=self.interrupted,
        )


def _shift(shift: Any) -> float:
    try:
        if isinstance(shift, (str, bytes, bool, np.bool_)):
            raise TypeError
        value = float(shift)
    except (TypeError, ValueError):
        raise TypeError(f"shift must be a number; got {shift!r}.") from None
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"shift must be finite and >= 0; got {shift!r}.")
    if value > 1e140:
        raise ValueError(
            f"shift must be at most 1e140, so that squares are doubles; got {shift!r}. Divide K, b and shift by a "
            "constant."
        )
    return value


def _right_hand_sides(b: Any, n: int) -> tuple[Rows, bool, Array]:
    """(c, n), a right-hand side a row, divided by a power of two near its size; whether b was a vector; those powers."""
    A = as_array(b, "b")
    if A.ndim not in (1, 2) or A.shape[0] != n or A.size == 0:
        raise ValueError(
            f"b must have the shape ({n},) or ({n}, c), c >= 1, for K of order {n}; got {A.shape}."
        )
    B = np.array(A.reshape(n, -1).T, dtype=np.float64, order="C")
    if not np.isfinite(B).all():
        c, i = np.argwhere(~np.isfinite(B))[0]
        raise ValueError(f"b must be finite; found {B[c, i]} at row {i}, column {c}.")
    sizes = np.max(np.abs(B), axis=1)
    far = (sizes != 0.0) & ~((sizes >= 1e-140) & (sizes <= 1e140))
    if far.any():
        raise ValueError(
            f"b must be of a size between 1e-140 and 1e140; found {sizes[far][0]:.1e} in column {int(np.argmax(far))}. Multiply it by "
            "a constant."
        )
    powers = np.ldexp(1.0, np.frexp(sizes)[1])
    return B / powers[:, None], A.ndim == 1, powers
