"""Progress, callbacks and the time limit of long work: one state, at most ten times a second."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ._arrays import flag


@dataclass(frozen=True)
class State:
    """What long work says of itself.

    Attributes
    ----------
    phase
        'kernel', 'fill', 'shift', 'factor', 'lanczos', 'shift-invert', 'preconditioned', 'refine', 'residual'; of a solve 'conjugate gradients'; of a spectrum 'quadrature'; of finite width
        'features', 'factor', 'pivots', 'rotations'.
    done, total
        Pieces of the phase; total is 0 where it is not known.
    value, residual
        Smallest Ritz value so far and its residual norm (0 before the first).
    seconds
        Since the start.
    """

    phase: str
    done: int
    total: int
    value: float
    residual: float
    seconds: float


class _AtWork(threading.local):
    """Reporters of the works that a thread is in, the innermost last."""

    def __init__(self) -> None:
        self.reporters: list[Reporter] = []


_AT_WORK = _AtWork()


class Reporter:
    """Hands states to a callback and to a progress bar, and says when to stop.

    ``stopped`` becomes true, for good, after a true return value and when time is over; ``why``
    says which.

    Parameters
    ----------
    progress
        Show progress on stderr: by tqdm when it is installed, else as plain lines.
    callback
        Called with a :class:`State`; a true return value stops the work.
    scale
        Values and residuals are multiplied by this first.
    time_limit
        Seconds after ``start`` at which the work ends; None for no limit.
    start
        ``time.perf_counter()`` when the work began; now when None.
    """

    def __init__(
        self,
        progress: bool | None,
        callback: Callable[[State], Any] | None,
        scale: float = 1.0,
        time_limit: float | None = None,
        start: float | None = None,
    ) -> None:
        if progress is not None:
            flag("progress", progress)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable; got {callback!r}.")
        self.start = time.perf_counter() if start is None else start
        self.callback, self.scale, self.time_limit = callback, scale, time_limit
        self.progress = bool(progress)
        self.stopped, self.why = False, ""
        self._bar: Any = None
        self._phase = ""
        self._last_line = 0.0
        self.polled = 0.0  # when work in Python asked last

    @property
    def ask(self) -> Callable[[str, int, int, float, float], bool] | None:
        """What the core calls; None when nobody listens."""
        asks = self.progress or self.callback is not None or self.time_limit is not None
        return self._ask if asks else None

    def _ask(self, phase: str, done: int, total: int, value: float, residual: float) -> bool:
        seconds = time.perf_counter() - self.start
        state = State(phase, done, total, self.scale * value, self.scale * residual, seconds)
        if self.progress:
            self._show(state)
        if self.callback is not None and self.callback(state):
            self.stop("stopped by the callback")
        if self.time_limit is not None and seconds >= self.time_limit:
            self.stop(f"stopped by time_limit={self.time_limit:g} s")
        return self.stopped

    def stop(self, why: str) -> None:
        """The work is to end, for good; the first reason counts."""
        if not self.stopped:
            self.stopped, self.why = True, why

    def _show(self, s: State) -> None:
        try:
            from tqdm import tqdm
        except ImportError:
            if s.seconds - self._last_line >= 2.0:
                self._last_line = s.seconds
                total = f"/{s.total}" if s.total else ""
                known = f"  value {s.value:.6g}  residual {s.residual:.1e}" if s.value else ""
                print(f"{s.phase} {s.done}{total}{known}  {s.seconds:.0f} s", file=sys.stderr)
            return
        if self._phase != s.phase:
            self.close()
            self._phase = s.phase
            self._bar = tqdm(total=s.total or None, desc=s.phase, leave=False, file=sys.stderr)
        self._bar.update(s.done - self._bar.n)
        if s.value:
            self._bar.set_postfix_str(f"value {s.value:.6g}, residual {s.residual:.1e}")

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @staticmethod
    def current() -> Reporter | None:
        """The one of the work that this thread is in; None where there is none."""
        return _AT_WORK.reporters[-1] if _AT_WORK.reporters else None

    def __enter__(self) -> Reporter:
        _AT_WORK.reporters.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _AT_WORK.reporters.remove(self)
        self.close()


def poll(phase: str) -> None:
    """Asks, at most ten times a second, whether the work that this thread is in is to go on.

    Parameters
    ----------
    phase
        What is being done.

    Raises
    ------
    KeyboardInterrupt
        It is not: its reporter has stopped, and says why.
    """
    reporter = Reporter.current()
    if reporter is None or reporter.ask is None:
        return
    now = time.perf_counter()
    if now - reporter.polled < 0.1:
        return
    reporter.polled = now
    if reporter.ask(phase, 0, 0, 0.0, 0.0):
        raise KeyboardInterrupt
