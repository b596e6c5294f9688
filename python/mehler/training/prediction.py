"""TrainingPrediction: the loss that a kernel predicts, with bounds, and how many steps a target takes."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import Array
from .._tables import write_csv
from ..result import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .measure import Decay

COLUMNS = ("step", "loss", "lower", "upper")


@dataclass(frozen=True)
class Iterations:
    """Steps to a target loss.

    Attributes
    ----------
    target
        The loss.
    lower, upper
        The first step at which the loss is at most the target lies between; infinity where no bound is known.

    Examples
    --------
    >>> X = mh.generate("circle-half", n=10, d=2)
    >>> ahead = mh.predict_training(X, np.array([1.0, -1.0] * 5), "relu")
    >>> steps = ahead.iterations(0.5)
    >>> steps.target, steps.lower <= steps.value <= steps.upper
    (0.5, True)
    """

    target: float
    lower: float
    upper: float

    @property
    def value(self) -> float:
        """The middle of the enclosure, on a logarithmic scale; infinity where one end is."""
        if math.isinf(self.upper) or self.lower == 0.0:
            return self.upper
        return math.sqrt(self.lower) * math.sqrt(self.upper)

    def __str__(self) -> str:
        if math.isinf(self.lower):
            return f"a loss of {self.target:.3g} is never reached"
        if math.isinf(self.upper):
            return f"{self.lower:.6g} steps or more to a loss of {self.target:.3g}"
        if self.lower == self.upper:
            return f"{self.lower:.9g} steps to a loss of {self.target:.3g}"
        return f"{self.lower:.6g} to {self.upper:.6g} steps to a loss of {self.target:.3g}"


@dataclass(frozen=True, eq=False)
class TrainingPrediction:
    """What :func:`predict_training` knows: (1/2) |(I - eta K)^t (f(0) - y)|^2 between two bounds.

    Attributes
    ----------
    steps
        t, (k,).
    loss
        The middle of the bounds, (k,).
    lower, upper
        lower <= loss <= upper of the linearised training, (k,): by quadrature (Gauss below, Gauss-Radau or
        Gauss-Lobatto above), rounding in its probable size counted.
    step_size
        eta.
    lambda_max
        The largest eigenvalue of K: descent needs eta < 2 / lambda_max.
    name
        The kernel, in words.
    n, outputs
        Points, and outputs of the network.
    method
        'spectrum' (all eigenpairs) or 'lanczos'.
    applications
        Products with K that Lanczos took.
    status
        'resolved': every loss is known to ``tol``; 'rounding-limited'; 'budget-limited': products, memory, time or
        patience ran out before.
    tol
        Relative accuracy that was asked for: half the enclosure over the loss.
    flow
        Whether it is the gradient flow, exp(-2 eta lambda t), instead of descent.
    seconds
        Wall time.
    message
        What limits it, or a step size that diverges.
    decay
        The quadrature rules: what :meth:`at` and :meth:`iterations` ask.

    Examples
    --------
    >>> X = mh.generate("circle-half", n=10, d=2)
    >>> ahead = mh.predict_training(X, np.array([1.0, -1.0] * 5), "relu", steps=100)
    >>> ahead.resolved, ahead.method
    (True, 'spectrum')
    >>> loss, lower, upper = ahead.at([0, 50])
    >>> print(f"{loss[0]:.6f}")  # (1/2) |y|^2
    5.000000
    >>> steps = ahead.iterations(0.1)
    >>> half = ahead.with_step_size(ahead.step_size / 2).iterations(0.1)
    >>> 1.9 < half.value / steps.value < 2.1
    True
    >>> ahead.records()[0]["step"]
    0.0
    >>> ahead.to_csv("ahead.csv")
    >>> ahead.to_dict()["status"]
    'resolved'
    >>> figure = ahead.plot()
    """

    steps: Array
    loss: Array = field(repr=False)
    lower: Array = field(repr=False)
    upper: Array = field(repr=False)
    step_size: float
    lambda_max: float
    name: str
    n: int
    outputs: int
    method: str
    applications: int
    status: str
    tol: float
    flow: bool
    seconds: float
    message: str
    decay: Decay = field(repr=False)

    @property
    def resolved(self) -> bool:
        """status == 'resolved'."""
        return self.status == "resolved"

    def dated(self, seconds: float) -> TrainingPrediction:
        """The same with the time of the whole call.

        Parameters
        ----------
        seconds
            Wall time.

        Returns
        -------
        TrainingPrediction
        """
        return replace(self, seconds=seconds)

    def with_step_size(self, step_size: float) -> TrainingPrediction:
        """The same residual and matrix under another step size.

        Parameters
        ----------
        step_size
            eta > 0.

        Returns
        -------
        TrainingPrediction
            With bounds as wide as the same quadrature has them; the status is that of before.
        """
        decay = self.decay.measure.decay(step_size, self.flow)
        lower, upper, _ = decay.bounds(self.steps)
        loss = 0.5 * (lower + upper)
        return replace(self, step_size=step_size, loss=loss, lower=lower, upper=upper, decay=decay)

    def at(self, steps: Any) -> tuple[Array, Array, Array]:
        """The predicted loss at other steps.

        Parameters
        ----------
        steps
            t >= 0, a number or (k,).

        Returns
        -------
        loss, lower, upper
            Arrays of the shape of ``steps``.
        """
        t = np.asarray(steps, dtype=np.float64)
        if not (np.isfinite(t).all() and (t >= 0.0).all()):
            raise ValueError(f"steps must be finite and >= 0; got {steps!r}.")
        lower, upper, _ = self.decay.bounds(t.ravel())
        return tuple(a.reshape(t.shape) for a in (0.5 * (lower + upper), lower, upper))  # type: ignore[return-value]

    def iterations(self, target: float) -> Iterations:
        """The first step at which the predicted loss is at most ``target``.

        Parameters
        ----------
        target
            A loss above 0.

        Returns
        -------
        Iterations
            ``lower``, ``upper`` and ``value``.

        Raises
        ------
        ValueError
            A target that is no number above 0.
        """
        if not (isinstance(target, (int, float, np.number)) and 0.0 < target < math.inf):
            raise ValueError(f"target must be a loss above 0; got {target!r}.")
        first, last = (self.decay.first_below(float(target), which) for which in (0, 1))
        return Iterations(float(target), first, last)

    def records(self) -> list[dict[str, float]]:
        """The curve as a tidy table.

        Returns
        -------
        list of dict
            ``step``, ``loss``, ``lower`` and ``upper``, one a step.
        """
        rows = zip(self.steps, self.loss, self.lower, self.upper, strict=True)
        return [dict(zip(COLUMNS, map(float, row), strict=True)) for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the quadrature rules, ready for JSON.

        Returns
        -------
        dict
            The attributes by name; NaN and infinity become None.
        """
        names = [f.name for f in fields(self) if f.name != "decay"]
        return {name: plain(getattr(self, name)) for name in names}

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the curve as CSV, numbers with all their digits.

        Parameters
        ----------
        path
            The file; one that exists is replaced.

        Returns
        -------
        None
        """
        write_csv(path, COLUMNS, self.records())

    def plot(self, ax: Axes | None = None) -> Figure | None:
        """The loss against the step, its enclosure shaded; needs matplotlib.

        Parameters
        ----------
        ax
            Axes to draw into; None makes a figure.

        Returns
        -------
        matplotlib.figure.Figure or None
            The figure, where it was made here.
        """
        from .picture import prediction_figure

        return prediction_figure(self, ax)

    def __str__(self) -> str:
        rule = "spectrum" if self.method == "spectrum" else f"lanczos, {self.applications} products"
        outputs = f", {self.outputs} outputs" if self.outputs > 1 else ""
        what = "gradient flow" if self.flow else "gradient descent"
        lines = [
            f"{what}, {self.name}: n={self.n}{outputs}, step size {self.step_size:.4g}, "
            f"lambda_max {self.lambda_max:.6g}",
            f"{'step':>10} {'predicted loss':>15} {'lower':>11} {'upper':>11}",
        ]
        for i in shown(len(self.steps)):
            lines.append(
                f"{self.steps[i]:>10.9g} {self.loss[i]:>15.6g} {self.lower[i]:>11.4g} {self.upper[i]:>11.4g}"
            )
        lines.append(f"{self.status} to {self.tol:g}; {rule}; {self.seconds:.3g} s")
        return "\n".join([*lines, self.message] if self.message else lines)


def shown(count: int, most: int = 16) -> list[int]:
    """Which of so many rows a table shows: all, or some of them evenly, the ends among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most)).tolist()})
