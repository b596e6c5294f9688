"""Gauss-Newton on a two-layer network: W <- W - J'g, (J J') g = f(W) - y, until the points are fitted.

Near W the network is linear in it, and one step of a linear network ends at zero loss: what is left after a step is the curvature, which
falls with the width. The papers promise |f_(t+1) - y| <= |f_t - y| / 2 where the width is large beside 1 / lambda_min.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..._arrays import Array, as_array, as_points, generator_from, integer, tolerance
from .network import TwoLayer
from .step import Step, gauss_newton_step


@dataclass(frozen=True, eq=False)
class Fitted:
    """A training: residuals by step, and the network at its end.

    Attributes
    ----------
    network
        With the smallest residual that was met.
    residuals
        |f_t - y|, t = 0, 1, ...
    steps
        A :class:`Step` each.
    lengths
        Of the steps: 1, or less where a step was halved.
    seconds
        Wall time.
    reached
        Whether |f_t - y| <= goal |f_0 - y|.
    message
        Why it ended before the goal and the last step, or ''.
    interrupted
        Ended by Ctrl-C.
    """

    network: TwoLayer = field(repr=False)
    residuals: Array
    steps: tuple[Step, ...] = field(repr=False)
    lengths: tuple[float, ...]
    seconds: float
    reached: bool
    message: str = ""
    interrupted: bool = False

    @property
    def ratios(self) -> Array:
        """|f_(t+1) - y| / |f_t - y|."""
        return np.asarray(self.residuals[1:] / self.residuals[:-1])


def train(
    X: Any,
    y: Any,
    *,
    width: int = 4096,
    steps: int = 12,
    goal: float = 1e-8,
    halvings: int = 0,
    route: str = "auto",
    s: int | None = None,
    tol: float = 1e-10,
    threads: int | None = None,
    rng: Any = None,
    report: Callable[[str], None] | None = None,
) -> Fitted:
    """W <- W - J'(J J')^-1 (f(W) - y) for f(x) = m^(-1/2) sum_r a_r relu(w_r . x).

    Parameters
    ----------
    X
        Points, (n, d); the theory is of unit norm.
    y
        Targets, (n,).
    width
        m, neurons.
    steps
        At most; fewer once ``goal`` is met, when a step makes the residual a thousand times what it was at the start, or
        when one that was not resolved (``Step.status``) does not lower it: the next would be the same.
    goal
        |f_t - y| / |f_0 - y| at which it ends.
    halvings
        How often a step may be halved until the residual falls; 0: full steps, as in the papers. Where they are not
        enough, the last one is taken.
    route, s, tol
        As of :func:`gauss_newton_step`.
    threads, rng
        Number of threads of sketches and solves; seed or Generator of weights and sketches.
    report
        Called with a line of progress.

    Returns
    -------
    Fitted
        Also when it is interrupted (Ctrl-C), or diverges.

    Raises
    ------
    TypeError, ValueError, MemoryError
        Bad points, targets or options.

    References
    ----------
    van den Brand, Peng, Song, Weinstein, ITCS 2021. Cai, Gao, Hou, Chen, Wang, He, Zhang, Wang 2019 (Gram-Gauss-Newton).
    """
    points = as_points(X)
    targets = np.asarray(as_array(y, "y"), dtype=np.float64)
    if targets.shape != (len(points),) or not np.isfinite(targets).all():
        raise ValueError(
            f"y must be finite numbers of the shape ({len(points)},); got shape {targets.shape}."
        )
    if integer(steps, "steps") < 1:
        raise ValueError(f"steps must be >= 1; got {steps}.")
    if integer(halvings, "halvings") < 0:
        raise ValueError(f"halvings must be >= 0; got {halvings}.")
    goal, say = tolerance(goal), report or (lambda line: None)
    draws = generator_from(rng)
    start = time.perf_counter()
    network = best = TwoLayer.drawn(width, points.shape[1], draws)
    residuals: list[float] = []
    taken: list[Step] = []
    lengths: list[float] = []
    interrupted, message = False, ""
    try:
        for t in range(steps + 1):
            f, J = network.evaluate(points)
            left = f - targets
            residuals.append(float(np.linalg.norm(left)))
            if residuals[-1] == min(residuals):
                best = network
            say(f"step {t}: |f - y| = {residuals[-1]:.3e}")
            if residuals[-1] <= goal * residuals[0] or t == steps:
                break
            if not residuals[-1] < 1e3 * residuals[0]:
                message = f"diverged in step {t}"
                break
            if taken and taken[-1].status != "resolved" and residuals[-1] >= residuals[-2]:
                message = (
                    f"step {t} was {taken[-1].status}, with a residual of {taken[-1].residual:.1e} of (J J') g = r, and "
                    "did not lower |f - y|: points that coincide, or fewer weights than points"
                )
                break
            found = gauss_newton_step(
                J, left, route=route, s=s, tol=tol, threads=threads, rng=draws
            )
            step, length = J.transposed(found.g), 1.0
            moved = network.moved(step)
            for _ in range(halvings):
                if np.linalg.norm(moved(points) - targets) < residuals[-1]:
                    break
                length *= 0.5
                moved = network.moved(length * step)
            taken.append(found)
            lengths.append(length)
            network = moved
    except KeyboardInterrupt:
        interrupted = True
        if not residuals:
            raise
    return Fitted(
        best, np.array(residuals), tuple(taken), tuple(lengths), time.perf_counter() - start,
        bool(min(residuals) <= goal * residuals[0]), message, interrupted,
    )  # fmt: skip
