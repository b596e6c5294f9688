"""Training: what gradient descent did, step by step, and what the kernel had predicted."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from .._arrays import Array, size_text
from .._tables import write_csv
from ..result import plain
from .prediction import TrainingPrediction, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class TrainingRow:
    """One moment of a training; NaN, or an empty text, for what was not asked for.

    Attributes
    ----------
    step
        t: updates so far.
    loss
        (1/2) sum_i |f(x_i) - y_i|^2 over all points.
    predicted, predicted_lower, predicted_upper
        The same by the linearised training, and its bounds.
    drift
        |G(t) - G(0)|_F / |G(0)|_F, Frobenius norms: by Weyl no eigenvalue has moved by more than this times |G(0)|_F.
    lambda_min, lambda_min_upper, lambda_min_status
        Of G(t): the value, a bound, and whether it is 'resolved' (to 1e-3) or 'rounding-limited'.
    lambda_max
        Of G(t): descent is stable while step_size < 2 / lambda_max.
    seconds
        Since the start.

    Examples
    --------
    >>> X = mh.generate("circle-half", n=10, d=2)
    >>> run = mh.train(X, np.array([1.0, -1.0] * 5), "relu", width=2000, steps=10, rng=0)
    >>> first = run.rows[0]
    >>> first.step, first.drift, first.lambda_min_status
    (0, 0.0, 'resolved')
    >>> np.allclose(first.predicted, first.loss)  # (1/2) |f(0) - y|^2
    True
    """

    step: int
    loss: float
    predicted: float = math.nan
    predicted_lower: float = math.nan
    predicted_upper: float = math.nan
    drift: float = math.nan
    lambda_min: float = math.nan
    lambda_min_upper: float = math.nan
    lambda_min_status: str = ""
    lambda_max: float = math.nan
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Training:
    """What :func:`train` did.

    Attributes
    ----------
    rows
        One :class:`TrainingRow` a recorded step.
    losses
        The loss after 0, 1, ..., ``steps`` updates; of batches, at the recorded steps only.
    name
        The network, in words.
    n, d, width, outputs
        Points, coordinates, neurons, outputs.
    step_size
        eta.
    batch_size
        Points of a step.
    steps
        Updates that were made.
    status
        'finished' (all steps), 'target' (the loss came to it), 'diverged', or 'stopped' (Ctrl-C, time limit or callback).
    lambda_max
        Of the Gram matrix at initialisation; NaN where it was not formed.
    prediction
        The linearised training, a :class:`TrainingPrediction`; None where it was not asked for.
    eigenvalues
        Of the reference matrix, ascending, (N,); empty beyond order 1,000.
    projections
        v_i . (f - y) at each row, (rows, N), in the order of ``eigenvalues``; N = n, or n c of c outputs, in a row; empty
        where ``eigenvalues`` is.
    weights, readout
        The network after the last whole step: what :func:`train` takes to go on.
    dtype
        Of activations and products; weights are float64.
    seconds, step_seconds
        Wall time in all, and of a step.
    nbytes
        The most that was allocated at a time.
    message
        What ended it, and what is suspicious.

    Examples
    --------
    >>> X = mh.generate("circle-half", n=10, d=2)
    >>> y = np.array([1.0, -1.0] * 5)
    >>> run = mh.train(X, y, "relu", width=2000, steps=100, record=[0, 10, 100], rng=0)
    >>> [record["step"] for record in run.records()]
    [0, 10, 100]
    >>> further = mh.train(X, y, "relu", width=2000, steps=10, weights=run.weights, readout=run.readout)
    >>> further.loss < run.loss
    True
    >>> run.to_csv("run.csv")
    >>> run.to_dict()["status"]
    'finished'
    >>> figure = run.plot()
    """

    rows: tuple[TrainingRow, ...]
    losses: Array = field(repr=False)
    name: str
    n: int
    d: int
    width: int
    outputs: int
    step_size: float
    batch_size: int
    steps: int
    status: str
    lambda_max: float
    prediction: TrainingPrediction | None = field(repr=False)
    eigenvalues: Array = field(repr=False)
    projections: Array = field(repr=False)
    weights: Array = field(repr=False)
    readout: Array = field(repr=False)
    dtype: str
    seconds: float
    step_seconds: float
    nbytes: int
    message: str = ""

    @property
    def loss(self) -> float:
        """The last one that is known."""
        return float(self.losses[-1])

    def records(self) -> list[dict[str, Any]]:
        """The rows as a tidy table: what a DataFrame is made of.

        Returns
        -------
        list of dict
            Keys are the attributes of :class:`TrainingRow`.
        """
        return [asdict(r) for r in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights, ready for JSON (NaN and infinity become None).

        Returns
        -------
        dict
            The attributes by name; ``rows`` as dictionaries.
        """
        apart = ("rows", "weights", "readout", "prediction")
        out = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name not in apart}
        out["prediction"] = None if self.prediction is None else self.prediction.to_dict()
        out["rows"] = [{k: plain(v) for k, v in r.items()} for r in self.records()]
        return out

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as CSV, numbers with all their digits.

        Parameters
        ----------
        path
            The file; one that exists is replaced.

        Returns
        -------
        None
        """
        write_csv(path, [f.name for f in fields(TrainingRow)], self.records())

    def plot(self, ax: Axes | None = None) -> Figure | None:
        """The loss and its prediction against the step; a figure of its own also has drift and lambda_min, where known.

        Parameters
        ----------
        ax
            Axes for the loss alone; None makes a figure.

        Returns
        -------
        matplotlib.figure.Figure or None
            The figure, where it was made here.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        from .picture import training_figure

        return training_figure(self, ax)

    def __str__(self) -> str:
        outputs = f", {self.outputs} outputs" if self.outputs > 1 else ""
        batch = f", batches of {self.batch_size}" if self.batch_size < self.n else ""
        lines = [
            f"{self.name}: n={self.n}, d={self.d}, width {self.width}{outputs}; step size {self.step_size:.4g}{batch}, "
            f"{self.dtype}"
        ]
        head = ["step", "loss", "predicted", "lambda_min", "|G-G(0)|/|G(0)|"]
        gram = any(not math.isnan(r.lambda_min_upper) for r in self.rows)
        keep = [True, True, self.prediction is not None, gram, gram]
        widths = (9, 11, 11, 13, 15)
        table = [head]
        for i in shown(len(self.rows)):
            r = self.rows[i]
            table.append(
                [
                    str(r.step), f"{r.loss:.4g}", _text(r.predicted, ".4g"), _least(r),
                    _text(r.drift, ".2e"),
                ]
            )  # fmt: skip
        for cells in table:
            some = zip(cells, widths, keep, strict=True)
            lines.append(" ".join(cell.rjust(w) for cell, w, kept in some if kept))
        foot = f"{self.status} after {self.steps} steps; {self.seconds:.3g} s"
        foot += f", {self.step_seconds:.2g} s a step" if self.steps else ""
        foot += f"; {size_text(self.nbytes)}"
        return "\n".join([*lines, foot, self.message] if self.message else [*lines, foot])


def _text(x: float, form: str) -> str:
    return "-" if math.isnan(x) else format(x, form)


def _least(r: TrainingRow) -> str:
    if r.lambda_min_status == "rounding-limited":
        return f"<= {r.lambda_min_upper:.2g}"
    return _text(r.lambda_min, ".4g")
