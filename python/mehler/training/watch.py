"""When to stop: a callback, a time limit, or Ctrl-C, asked between pieces of work.

Invariant: Ctrl-C never interrupts a piece, so that weights are always those of a whole step.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from .._progress import Reporter, State

ASK_EVERY = 0.1  # seconds


class Stopped(Exception):
    """Somebody wants the work to end; ``str`` says who."""


class Watch:
    """Asks the reporter at most ten times a second; holds Ctrl-C back until it is asked for.

    Parameters
    ----------
    report
        Whom to ask.
    """

    def __init__(self, report: Reporter) -> None:
        self.report = report
        self.interrupted = False
        self._last = 0.0
        self._before: Any = None

    def poll(self, phase: str, done: int, total: int, value: float = 0.0) -> None:
        """Progress; Stopped when it is time to end."""
        if self.interrupted:
            raise Stopped("interrupted")
        ask, now = self.report.ask, time.perf_counter()
        if ask is not None and now - self._last >= ASK_EVERY:
            self._last = now
            if ask(phase, done, total, value, 0.0):
                raise Stopped(self.report.why)

    def listen(self, state: State) -> bool:
        """The same as a callback of other work of this package; true stops it."""
        return self.ask(state.phase, state.done, state.total, 0.0, 0.0)

    def listen_as(self, phase: str) -> Callable[[State], bool]:
        """The same under a name of its own."""
        return lambda state: self.ask(phase, state.done, state.total, 0.0, 0.0)

    def ask(self, phase: str, done: int, total: int, value: float, residual: float) -> bool:
        """The same for the core, which asks within a long piece."""
        try:
            self.poll(phase, done, total, value)
        except Stopped:
            return True
        return False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True

    def __enter__(self) -> Watch:
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
