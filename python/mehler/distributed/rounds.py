"""Rounds: one question to many workers at once, and what may happen while their answers are awaited.

A round goes by ``Client.run``, so that nothing but the way to the scheduler is needed. It waits in a thread of its own, and
the caller looks around ten times a second (``Watch``): for Ctrl-C, for the time limit, for workers that are gone, for the
scheduler. Products have a shorter way where there is one (``direct``).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .._progress import Reporter
from . import worker
from .placement import USED, Room

LOOK = 0.1  # seconds between looks
GONE = 2.0  # seconds that a lost worker or scheduler is given to answer all the same


class SchedulerLost(ConnectionError):
    """The client has no scheduler any more."""


class Watch:
    """Looks around while answers are awaited.

    Parameters
    ----------
    client
        The client.
    gone
        Says which of the workers are known to be lost.
    """

    def __init__(self, client: Any, gone: Callable[[], Collection[str]] = tuple) -> None:
        self.client, self.gone = client, gone
        self.begun = time.monotonic()
        self.dead: float | None = None

    def over(self, workers: Collection[str]) -> bool:
        """Called ten times a second: whether one of those who have not answered is lost, and has had time to do so all the same.

        Raises
        ------
        KeyboardInterrupt
            The reporter of the work says stop.
        """
        now = time.monotonic()
        if now - self.begun > 5 * LOOK:
            look(self.client)
        if self.client.status == "running" and not any(w in workers for w in self.gone()):
            self.dead = None
        elif self.dead is None:
            self.dead = now
        return self.dead is not None and now - self.dead > GONE

    def silent(self, workers: Sequence[str]) -> dict[str, tuple[str, Any]]:
        """What to make of those that have not answered: what others have to say is asked for again."""
        check(self.client)
        absent = self.gone()
        return {w: ("lost" if w in absent else "late", "no answer") for w in workers}


class Call:
    """Something that the client does, under way in a thread of its own.

    Parameters
    ----------
    client, function
        The client; what is called.
    """

    def __init__(self, client: Any, function: Callable[[], Any]) -> None:
        check(client)
        self.client = client
        self.found: Any = None
        self.failure: BaseException | None = None
        self.done = threading.Event()

        def run() -> None:
            try:
                self.found = function()
            except BaseException as error:  # of the scheduler, or of the client
                self.failure = error
            finally:
                self.done.set()

        threading.Thread(target=run, name="mehler-call", daemon=True).start()

    def result(self) -> Any:
        """What it gives, or raises; Ctrl-C, a callback and the time limit are looked at as in a round.

        Raises
        ------
        SchedulerLost
            There is nobody to ask.
        KeyboardInterrupt
            The reporter of the work says stop.
        """
        watch = Watch(self.client)
        while not self.done.wait(LOOK):
            if watch.over(()):
                raise lost(self.client)
        if self.failure is not None:
            if self.client.status != "running":
                raise lost(self.client) from self.failure
            raise self.failure
        return self.found


class Round:
    """One question to many workers, under way.

    Parameters
    ----------
    client, function, args, workers
        The client; what ``Client.run`` takes.
    """

    def __init__(
        self, client: Any, function: Callable[..., Any], *args: Any, workers: Sequence[str]
    ) -> None:
        self.client, self.workers = client, list(workers)
        self.call = Call(
            client,
            lambda: client.run(function, *args, workers=self.workers, on_error="return"),
        )

    def answers(self, watch: Watch) -> dict[str, tuple[str, Any]]:
        """What :func:`ask` returns."""
        while not self.call.done.wait(LOOK):
            if watch.over(self.workers):
                return watch.silent(self.workers)
        if self.client.status != "running":
            raise lost(self.client)
        failure = self.call.failure
        if failure is not None:
            if isinstance(failure, OSError):
                raise lost(self.client) from failure
            raise failure
        out: dict[str, tuple[str, Any]] = {}
        for name in self.workers:
            found = self.call.found.get(name, "no answer")
            good = isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], str)
            out[name] = found if good else ("lost", found)
        return out


def ask(
    client: Any,
    function: Callable[..., Any],
    *args: Any,
    workers: Sequence[str],
    gone: Callable[[], Collection[str]] = tuple,
) -> dict[str, tuple[str, Any]]:
    """What each worker says: ('ok', answer), ('error', why), ('late', ...), or ('lost', why) where there is nobody to say anything.

    Parameters
    ----------
    client, function, args, workers
        The client; what ``Client.run`` takes.
    gone
        Says which of the workers are known to be lost.

    Raises
    ------
    SchedulerLost
        There is nobody to ask.
    KeyboardInterrupt
        Also when the reporter of the work says stop.
    """
    return Round(client, function, *args, workers=workers).answers(Watch(client, gone))


def each(
    client: Any,
    function: Callable[..., Any],
    args: Mapping[str, Sequence[Any]],
    gone: Callable[[], Collection[str]] = tuple,
) -> dict[str, tuple[str, Any]]:
    """:func:`ask`, with arguments of its own for each worker; all are asked at once."""
    under_way = [Round(client, function, *given, workers=[w]) for w, given in args.items()]
    watch = Watch(client, gone)
    return {w: what for one in under_way for w, what in one.answers(watch).items()}


def tell(
    client: Any,
    function: Callable[..., Any],
    *args: Any,
    workers: Sequence[str],
    patience: float = 0.0,
) -> None:
    """The same without an answer, which is awaited for so many seconds at most; a cluster that is gone is told nothing."""

    def run() -> None:
        try:
            client.run(function, *args, workers=list(workers), on_error="ignore")
        except Exception:
            pass  # there is nobody who would hear

    if workers and client.status == "running":
        thread = threading.Thread(target=run, name="mehler-tell", daemon=True)
        thread.start()
        thread.join(patience)


def rooms_of(client: Any, chosen: Collection[str] | None) -> dict[str, Room]:
    """What the workers of a cluster, or the chosen ones of them, have room for beside what they hold now."""
    names = [w for w in workers_of(client) if chosen is None or w in chosen]
    found = said(client, worker.room, names, on_error="ignore") if names else {}
    return {
        w: Room(USED * limit - used if limit else math.inf, threads)
        for w, (limit, used, threads) in sorted(found.items())
    }


def workers_of(client: Any) -> list[str]:
    """Addresses, as the scheduler has them now (``scheduler_info`` may say what a timer has left, without any)."""
    try:
        return list(Call(client, client.nthreads).result())
    except OSError as error:
        raise lost(client) from error


def said(
    client: Any, function: Callable[..., Any], workers: Sequence[str], on_error: str = "raise"
) -> dict[str, Any]:
    """What a function says on each of the workers, whatever it is; ``on_error`` as ``Client.run`` takes it."""
    try:
        found: dict[str, Any] = Call(
            client, lambda: client.run(function, workers=list(workers), on_error=on_error)
        ).result()
    except OSError as error:
        raise lost(client) from error
    return found


def look(client: Any) -> None:
    """Let the reporter of the work be asked whether to go on."""
    report = Reporter.current()
    if report is not None:
        listener = report.ask
        if report.stopped or (listener is not None and listener("workers", 0, 0, 0.0, 0.0)):
            raise KeyboardInterrupt(report.why)


def check(client: Any) -> None:
    """Refuse to ask where there is nobody."""
    if client.status != "running":
        raise lost(client)


def lost(client: Any) -> SchedulerLost:
    """What to say of a scheduler that went away."""
    address = getattr(client.scheduler, "address", "")
    return SchedulerLost(
        f"the Dask scheduler{f' at {address}' if address else ''} went away, and the tiles on its workers with it; start a cluster and call "
        "again."
    )


def no_workers(chosen: Collection[str] | None) -> str:
    """What to say of a cluster without workers that may be used."""
    among = f" among {list(chosen)}" if chosen is not None else ""
    return f"the cluster has no workers{among}; start some, and wait for them with client.wait_for_workers(n)."
