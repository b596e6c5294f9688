"""Progress and callbacks of long work: one state, at most ten times a second."""

from __future__ import annotations

import sys
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
        'fill', 'lanczos', 'refine', 'residual'.
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


class Reporter:
    """Hands states to a callback and to a progress bar; ``stopped`` after a true return value.

    Parameters
    ----------
    progress
        Show progress on stderr: by tqdm when it is installed, else as plain lines.
    callback
        Called with a :class:`State`; a true return value stops the work.
    scale
        Values and residuals are multiplied by this first.
    """

    def __init__(
        self,
        progress: bool | None,
        callback: Callable[[State], Any] | None,
        scale: float = 1.0,
    ) -> None:
        if progress is not None:
            flag("progress", progress)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable; got {callback!r}.")
        self.start = time.perf_counter()
        self.callback, self.scale = callback, scale
        self.progress = bool(progress)
        self.stopped = False
        self._bar: Any = None
        self._phase = ""
        self._last_line = 0.0

    @property
    def ask(self) -> Callable[[str, int, int, float, float], bool] | None:
        """What the core calls; None when nobody listens."""
        return self._ask if self.progress or self.callback is not None else None

    def _ask(self, phase: str, done: int, total: int, value: float, residual: float) -> bool:
        seconds = time.perf_counter() - self.start
        state = State(phase, done, total, self.scale * value, self.scale * residual, seconds)
        if self.progress:
            self._show(state)
        if self.callback is not None and self.callback(state):
            self.stopped = True
        return self.stopped

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

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
