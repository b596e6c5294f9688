"""One training: what is known before it, then step by step, until the end or a reason to end.

Invariant: a row says what holds of the weights as they are at its step, and no row holds a loss that is not finite.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import Array, size_text
from ..errors import ConvergenceWarning
from .descent import Descent, block_bytes, fixed_bytes
from .network import TRAINED, Network
from .observer import Observer, observing_bytes
from .predict import predicted, too_large
from .prediction import TrainingPrediction
from .setting import gram_at, gram_bytes
from .spectral import SPECTRUM_UP_TO, Reference, eigenpairs, largest_of
from .table import Training, TrainingRow
from .watch import Stopped, Watch

if TYPE_CHECKING:
    from ..operators.feature_matrix import FeatureGram

Rows = np.ndarray[Any, np.dtype[np.int64]]
GROWN = 1e6  # times the loss of the start, or of outputs of zero: beyond, it has diverged
BATCHES = 4  # whose largest eigenvalues the default step size of batches looks at


@dataclass(frozen=True)
class Asked:
    """The question, checked."""

    y: Array
    grid: tuple[int, ...]
    steps: int
    step_size: float | None
    batch: int
    target: float | None
    gram: bool
    predict: bool
    reference: str
    dtype: np.dtype[Any]
    limit: int
    threads: int
    start: float


class Run:
    """One training: what is known before it, then step by step."""

    def __init__(
        self, net: Network, order: np.random.Generator, d: int, asked: Asked, watch: Watch
    ) -> None:
        self.net, self.order, self.d, self.asked, self.watch = net, order, d, asked, watch
        self.rows: list[TrainingRow] = []
        self.losses: list[float] = []
        self.projections: list[Array] = []
        self.values, self.vectors = np.zeros(0), np.zeros((0, 0))
        self.lambda_max = math.nan
        self.prediction: TrainingPrediction | None = None
        self.observer: Observer | None = None
        self.notes: list[str] = []
        self.nbytes = 0
        self._loop_seconds = 0.0
        self.done = 0
        self.status = "finished"

    def result(self) -> Training:
        """All of it."""
        a, net = self.asked, self.net
        n, c = a.y.shape
        beside = observing_bytes(net) if a.gram else 0
        room = a.limit - beside
        if room <= 0:
            raise MemoryError(
                f"drift and eigenvalues of G(t), of order {n * c}, take {size_text(beside)}, more than max_memory="
                f"{size_text(a.limit)}. Pass gram=False."
            )
        full = a.batch == n
        with Descent(net, a.y, a.dtype, a.threads, room, self.watch, n) as descent:
            work = fixed_bytes(net, n, a.dtype) + block_bytes(net, descent.rows, a.dtype)
            self.nbytes = work + beside
            r = descent.residuals()
            eta = self._before(r, room - work)
            self._follow(descent, eta, full)
        kernel = net.kernel
        return Training(
            tuple(self.rows), np.array(self.losses), f"{kernel.name}, {_trained(net)}", n, self.d, net.width, c, eta, a.batch,
            self.done, self.status, self.lambda_max, self.prediction, self.values,
            np.array(self.projections) if self.projections else np.zeros((0, len(self.values))),
            net.weights, net.readout, str(a.dtype), time.perf_counter() - a.start,
            self._loop_seconds / max(self.done, 1), self.nbytes, "; ".join(self.notes),
        )  # fmt: skip

    # -- before the first step ----------------------------------------------------------------------

    def _before(self, r: Array, room: int) -> float:
        """G(0), what it predicts of the residual, and eta."""
        a = self.asked
        first: FeatureGram | None = None
        if a.gram or (a.predict and a.reference == "initial") or a.step_size is None:
            first = gram_at(self.net, self.watch, room, a.threads)
            self.nbytes += gram_bytes(self.net, room, a.threads)
        ref = None if first is None else Reference(first, a.y.shape[1])
        if a.reference == "infinite":
            ref = self._infinite(room)
        if ref is not None and a.predict:
            pairs = None
            if ref.K.shape[0] <= SPECTRUM_UP_TO:
                self.values, self.vectors, error = pairs = eigenpairs(ref, self.watch, a.threads)
                del error
            if np.any(r):
                self.prediction = predicted(
                    ref, r, a.grid, a.step_size, self.watch, room, a.threads, target=a.target,
                    name=f"{self.net.kernel.kind} kernel of {self.net.kernel.name}", pairs=pairs,
                )  # fmt: skip
        if first is not None:
            if a.reference == "initial" and self.prediction is not None:
                self.lambda_max = self.prediction.lambda_max
            else:
                own = Reference(first, a.y.shape[1])
                self.lambda_max = largest_of(own, self.watch, a.threads, room)
        eta = self._step_size()
        if self.prediction is not None and eta != self.prediction.step_size:
            self.prediction = self.prediction.with_step_size(eta)
        if a.gram:
            assert first is not None
            self.observer = Observer(self.net, first, self.watch, room, a.threads)
        return eta

    def _infinite(self, room: int) -> Reference:
        """The matrix at infinite width."""
        from ..operators.gram import gram

        net = self.net
        limit = net.scheme.limit(net.kernel, net.d)
        if isinstance(limit, str):
            raise ValueError(
                f"reference='infinite' is not known: {limit}. Take reference='initial'."
            )
        points = np.ascontiguousarray(net.inputs[:, : net.d])
        K = gram(
            points, limit.kernel, max_memory=room, threads=self.asked.threads, callback=self.watch.listen
        )  # fmt: skip
        return Reference(K, net.outputs, limit.factor)

    def _step_size(self) -> float:
        """eta, and a word where it is beyond the edge."""
        a, n = self.asked, len(self.asked.y)
        largest = self.lambda_max
        if a.step_size is None and a.batch < n:
            largest = self._largest_of_batches()
        if a.step_size is None and not largest > 0.0:
            raise ValueError("G(0) is zero: no point has a gradient, and nothing is trained.")
        eta = a.step_size or 1.0 / largest
        if eta * self.lambda_max >= 2.0:
            self._warn(too_large(eta, self.lambda_max, "G(0)"))
        return eta

    def _largest_of_batches(self) -> float:
        """(n / b) lambda_max(G of a batch), the largest of some, or that of G(0) if it is larger."""
        a, net, n = self.asked, self.net, len(self.asked.y)
        order = np.random.default_rng(0)
        found = [self.lambda_max]
        for _ in range(BATCHES):
            rows = np.sort(order.choice(n, a.batch, replace=False))
            part = dataclasses.replace(net, inputs=np.ascontiguousarray(net.inputs[rows]))
            K = gram_at(part, self.watch, a.limit, a.threads, factor=False)
            ref = Reference(K, net.outputs)
            found.append(n / a.batch * largest_of(ref, self.watch, a.threads, a.limit))
        return max(found)

    # -- the steps ------------------------------------------------------------------------------------

    def _follow(self, descent: Descent, eta: float, full: bool) -> None:
        """Step by step, until the end or a reason to end."""
        a = self.asked
        records = set(a.grid)
        batches = self._batches()
        begin = time.perf_counter()
        watching = 0.0
        try:
            for t in range(a.steps + 1):
                recorded, last = t in records, t == a.steps
                if full:
                    r = descent.residuals(downhill=not last)
                elif recorded or last:
                    r = descent.residuals()
                if full or recorded or last:
                    if self._ended(t, r, recorded):
                        return
                    if recorded:
                        then = time.perf_counter()
                        self._record(t, r)
                        watching += time.perf_counter() - then
                    if a.target is not None and self.losses[-1] <= a.target:
                        self.status = "target"
                        if not recorded:
                            self._record(t, r)
                        return
                if last:
                    if not recorded:
                        self._record(t, r)
                    return
                if full:
                    descent.move(eta)
                else:
                    rows = next(batches)
                    part = descent.residuals(rows, downhill=True)
                    if self._grown(t, 0.5 * len(a.y) / len(rows) * float(np.sum(part**2))):
                        return
                    descent.move(eta * len(a.y) / len(rows))
                self.done = t + 1
        except Stopped as reason:
            if not self.losses:
                raise
            self.status = "stopped"
            self.notes.append(f"{reason} after {self.done} of {a.steps} steps")
        finally:
            self._loop_seconds = time.perf_counter() - begin - watching

    def _batches(self) -> Iterator[Rows]:
        """Rows of each step: one order after the other, cut into batches."""
        n, b = len(self.asked.y), self.asked.batch
        left = np.zeros(0, dtype=np.int64)
        while True:
            while len(left) < b:
                left = np.concatenate([left, self.order.permutation(n)])
            yield left[:b]
            left = left[b:]

    def _ended(self, t: int, r: Array, recorded: bool) -> bool:
        """Keeps the loss; true, with a word, when it has diverged."""
        loss = 0.5 * float(np.sum(r * r))
        if self._grown(t, loss):
            return True
        self.losses.append(loss)
        return False

    def _grown(self, t: int, loss: float) -> bool:
        first = self.losses[0] if self.losses else loss
        scale = max(first, 0.5 * float(np.sum(self.asked.y**2)))
        if math.isfinite(loss) and (loss <= GROWN * scale or not self.losses):
            return False
        if not self.losses:
            raise ValueError(
                f"the network's outputs are not finite at the start (loss {loss}); scale the points or the weights down."
            )
        self.status = "diverged"
        size = f"{loss:.3g}" if math.isfinite(loss) else "beyond doubles"
        edge = ""
        if math.isfinite(self.lambda_max):
            edge = f"; 2 / lambda_max(G(0)) is {2.0 / self.lambda_max:.4g}"
        self._warn(
            f"diverged: the loss was {size} after {t} steps, from {first:.3g}{edge}. Take a smaller step_size"
        )
        return True

    def _record(self, t: int, r: Array) -> None:
        """One row."""
        loss = 0.5 * float(np.sum(r * r))
        ahead: tuple[float, ...] = ()
        if self.prediction is not None:
            ahead = tuple(float(v) for v in self.prediction.at(t))
        elif self.asked.predict and loss == 0.0:
            ahead = (0.0, 0.0, 0.0)
        seen: dict[str, Any] = {} if self.observer is None else self.observer.look().fields()
        names = ("predicted", "predicted_lower", "predicted_upper")
        seen.update(zip(names, ahead, strict=False))
        row = TrainingRow(t, loss, seconds=time.perf_counter() - self.asked.start, **seen)
        if len(self.values):
            block = r.reshape(len(self.vectors), -1)
            along = self.vectors.T @ block
            self.projections.append(along[:, 0] if along.shape[1] == 1 else np.ravel(along))
        self.rows.append(row)

    def _warn(self, text: str) -> None:
        self.notes.append(text)
        level, frame = 1, sys._getframe()
        while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
            level, frame = level + 1, frame.f_back
        warnings.warn(text, ConvergenceWarning, stacklevel=level)


def _trained(net: Network) -> str:
    return f"{TRAINED[net.kernel.kind]} trained"
