"""Coarse gradient descent on the population: v -= eta df/dv, w -= eta E g_mu, from any number of starts at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, as_array, choice, integer
from .checked import pair, seen
from .estimators import ESTIMATORS
from .population import coarse_of, loss_of, second_layer

JUMP = 0.01  # a rise of so much of the loss in one step is a jump


@dataclass(frozen=True, eq=False)
class CoarseDescent:
    """The path of coarse gradient descent; (...) are the leading axes of the starts.

    Attributes
    ----------
    estimator, step_size, steps
        What was asked for.
    losses, norms, angles
        f, |w| and theta before the first step and after each, (steps + 1, ...).
    v, w
        Where it ended, (..., m) and (..., n).
    """

    estimator: str
    step_size: float
    steps: int
    losses: Array
    norms: Array
    angles: Array
    v: Array
    w: Array

    @property
    def times(self) -> Array:
        """step_size times steps, (steps + 1,)."""
        return np.asarray(self.step_size * np.arange(self.steps + 1), dtype=np.float64)

    @property
    def rise(self) -> Array:
        """The largest rise of the loss in one step, (...); 0 where it never rises."""
        if self.steps == 0:
            return np.zeros(self.losses.shape[1:])
        return np.asarray(np.maximum(np.max(np.diff(self.losses, axis=0), axis=0), 0.0))

    @property
    def escape(self) -> Array:
        """The time up to which there is no jump, a rise of the loss by more than 1 % in a step, (...); infinite where there is none at all.

        The first jump is made by the step from this time to the next.
        """
        if self.steps == 0:
            return np.full(self.losses.shape[1:], math.inf)
        jumps = np.diff(self.losses, axis=0) > JUMP * self.losses[:-1]
        first = self.step_size * np.argmax(jumps, axis=0)
        return np.where(jumps.any(axis=0), first, math.inf)


def descend(
    estimator: str, v: Any, w: Any, v_star: Any, w_star: Any, *, step_size: float, steps: int
) -> CoarseDescent:
    """v <- v - eta df/dv, w <- w - eta E g_mu, with the expectations in closed form.

    Parameters
    ----------
    estimator
        'identity', 'relu' or 'clipped'.
    v, w
        Starts (..., m) and (..., n); w is not zero.
    v_star, w_star
        The teacher.
    step_size
        eta > 0.
    steps
        How many, 0 at least.

    Returns
    -------
    CoarseDescent

    Raises
    ------
    TypeError, ValueError
        As :func:`coarse_gradient`; a step size that is not above 0, steps below 0.
    FloatingPointError
        A step that ended at w = 0 to the last bit, where the next has no direction; or the path left the range of doubles.

    Examples
    --------
    >>> v_star = np.array([1.0] * 7 + [-1.0] * 3)
    >>> start = (ste.landscape(v_star).spurious, [-1.0, 0.0], v_star, [1.0, 0.0])
    >>> for estimator in ste.ESTIMATORS:
    ...     run = ste.descend(estimator, *start, step_size=0.01, steps=400)
    ...     print(f"{estimator} leaves at {run.escape:.2f}, predicted {ste.escape_time(1.0, v_star):.2f}")
    identity leaves at 1.05, predicted 1.05
    relu leaves at inf, predicted 1.05
    clipped leaves at inf, predicted 1.05
    """
    choice("estimator", estimator, ESTIMATORS)
    eta = as_array(step_size, "step_size")
    if eta.ndim or not 0.0 < float(eta) < math.inf:
        raise ValueError(f"step_size must be a number above 0; got {step_size!r}.")
    count = integer(steps, "steps")
    if count < 0:
        raise ValueError(f"steps must be >= 0; got {steps}.")
    p = pair(v, w, v_star, w_star)
    seconds, filters = np.array(p.v), np.array(p.w)
    losses, norms, angles = (np.empty((count + 1, *p.norm.shape)) for _ in range(3))
    for k in range(count + 1):
        losses[k], norms[k], angles[k] = loss_of(p), p.norm, p.theta
        if k == count:
            break
        seconds = seconds - float(eta) * second_layer(p)
        filters = filters - float(eta) * coarse_of(estimator, p)
        if not (np.isfinite(seconds).all() and np.isfinite(filters).all()):
            raise FloatingPointError(
                f"descent left the range of doubles at step {k + 1}; step_size is {step_size}. Take a smaller one."
            )
        if not filters.any(axis=-1).all():
            raise FloatingPointError(
                f"w is 0 after step {k + 1}, where it has no direction. Change the start or step_size={step_size} a little."
            )
        p = seen(seconds, filters, p.v_star, p.star)
    return CoarseDescent(estimator, float(eta), count, losses, norms, angles, seconds, filters)
