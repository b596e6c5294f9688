"""Who holds which tiles of one kernel matrix, kept true: what a lost worker held is filled again on others.

Invariant: between rounds every leaf is held by exactly one worker of ``held``, or a round is about to find out that it is not;
a worker that may hold other leaves than ``held`` says is in ``unsure``, and is asked to hold those before it multiplies.
Whoever changes this is ``_alone``; an answer whose version is not that of its question is asked for again.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from .. import _core
from .._progress import Reporter
from . import rounds, worker
from .blocks import Blocks
from .direct import Lines
from .placement import fitting, placed
from .worker import CANCELLED, Seen, Setup

PATIENCE = 30.0  # seconds that a cluster is given to replace a worker that was lost, where the others are too small
POLL = 0.1  # seconds between questions how far a fill is
LOSSES = 5  # times that workers may be lost within one product, or while leaves are placed again


@dataclass(frozen=True)
class Traffic:
    """What has gone over the network for products so far, without the envelopes of messages.

    Attributes
    ----------
    products
        With blocks of vectors.
    messages
        Questions to workers, and answers.
    passed_on
        Those of them that the scheduler passed on, where a worker could not be reached from here.
    bytes_out, bytes_in
        Vectors to the workers, and sums from them.
    replaced
        Workers that were lost, and whose tiles were filled again.
    """

    products: int = 0
    messages: int = 0
    passed_on: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    replaced: int = 0


class Holders:
    """Workers that hold the leaves of a matrix.

    Parameters
    ----------
    client
        Of the cluster.
    workers
        Addresses that may be used; None: all that there are.
    setup
        The matrix.
    blocks
        Rows of X, for whoever needs them.
    d
        Dimension.
    """

    def __init__(
        self, client: Any, workers: Sequence[str] | None, setup: Setup, blocks: Blocks, d: int
    ) -> None:
        self.client, self.chosen, self.blocks, self.d = client, workers, blocks, d
        self.setup = replace(setup, token=uuid.uuid4().hex)
        self.lines = Lines(client, self.setup.token)
        self.held: dict[str, list[int]] = {}
        self.futures: dict[str, Any] = {}
        self.unsure: set[str] = set()
        self.version, self.trouble = 0, ""
        self.placing, self.counting = threading.RLock(), threading.Lock()
        self.traffic, self.closed = Traffic(), False
        self.count = int(_core.leaf_count(setup.n))
        rooms = rounds.rooms_of(self.client, self.chosen)
        if not rooms:
            raise ValueError(rounds.no_workers(workers))
        names = list(rooms)
        ranges = placed(setup.n, d, setup.dtype, [rooms[w] for w in names])
        try:
            self._fill({w: list(r) for w, r in zip(names, ranges, strict=True) if len(r)})
        except KeyboardInterrupt:
            self._cancel()
            raise

    def of_all(
        self, ask: Callable[[], dict[str, tuple[str, Any]]], lost: int = 0
    ) -> tuple[dict[str, Any], int]:
        """What the holders of all leaves say, asked again where some are lost; and how often they were, ``lost`` times before."""
        while True:
            before = self.traffic.replaced
            version = self._restore()
            answers = ask()
            if self._complete(answers) and version == self.version:
                return {w: what for w, (_, what) in answers.items()}, lost
            lost += self.traffic.replaced > before
            if lost >= LOSSES:
                raise RuntimeError(
                    f"workers were lost {lost} times within one round of questions, the last time {_lost(answers)}. They are expected to stay "
                    "within their memory_limit; look into their logs, and start workers with more memory, or more of them."
                )

    def close(self) -> None:
        """Free the tiles; a worker that does not answer frees them as soon as it can."""
        held, self.held, self.futures = list(self.futures), {}, {}
        self.closed = True
        self.lines.close()
        rounds.tell(self.client, worker.drop, self.setup.token, workers=held, patience=rounds.GONE)

    # -- workers --------------------------------------------------------------------------------------

    def _gone(self) -> list[str]:
        """Workers that Dask says are lost."""
        return [w for w, future in list(self.futures.items()) if future.status != "finished"]

    def _ask(self, function: Any, *args: Any) -> dict[str, tuple[str, Any]]:
        return rounds.ask(
            self.client,
            function,
            self.setup.token,
            *args,
            workers=list(self.held),
            gone=self._gone,
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread at a time says who holds what; the others wait, and look around as they do."""
        while not self.placing.acquire(timeout=rounds.LOOK):
            rounds.look(self.client)
        try:
            yield
        finally:
            self.placing.release()

    def _complete(self, answers: dict[str, tuple[str, Any]]) -> bool:
        """Whether all have answered; what those that are lost held is forgotten."""
        for w, (state, what) in answers.items():
            if state == "error":
                raise RuntimeError(f"worker {w}: {what}")
        for w in [w for w, (state, _) in answers.items() if state == "lost"]:
            with self._alone():
                self._forget(w)
        return all(state == "ok" for state, _ in answers.values())

    def _forget(self, w: str) -> None:
        if self.futures.pop(w, None) is None:
            return
        self.version += 1
        self.held.pop(w, None)
        self.unsure.discard(w)
        self.lines.forget(w)
        self._count(replaced=1)

    def _count(self, **more: int) -> None:
        """More traffic."""
        with self.counting:
            now = {name: getattr(self.traffic, name) + k for name, k in more.items()}
            self.traffic = replace(self.traffic, **now)

    def _restore(self) -> int:
        """Every leaf is held by somebody again, and nobody holds another; the version of who holds what.

        Raises
        ------
        MemoryError, RuntimeError
            There is no room; leaves are not to be had in ``LOSSES`` attempts.
        """
        with self._alone():
            self._place()
            return self.version

    def _place(self) -> None:
        for w in self._gone():
            self._forget(w)
        begun, attempts, least = time.monotonic(), 0, self.count + 1
        while (missing := self._missing()) or self.unsure:
            rounds.look(self.client)
            attempts, least = (attempts, least) if len(missing) >= least else (0, len(missing))
            if attempts >= LOSSES:
                raise RuntimeError(
                    f"{len(missing)} of {self.count} leaves were not to be had in {attempts} attempts, the last time for: "
                    f"{self.trouble or 'no answer'}. Workers are expected to take them; look into their logs, start others, and call again."
                )
            todo = self._shared_out(missing)
            if todo is None and self.unsure:
                todo = {}  # who was interrupted lets go what nobody counts on, and has room for it again
            if todo is None:
                if time.monotonic() - begun > PATIENCE:
                    raise MemoryError(
                        f"workers were lost, and the {len(self.held)} that are left have no room for their tiles; "
                        "start more workers and call again."
                    )
                time.sleep(POLL)
                continue
            if attempts:
                time.sleep(POLL)
            attempts += 1
            try:
                self._fill(todo)
            except KeyboardInterrupt:
                self._cancel()
                raise

    def _missing(self) -> list[int]:
        """Leaves that nobody holds."""
        return sorted(
            set(range(self.count)) - {leaf for leaves in self.held.values() for leaf in leaves}
        )

    def _shared_out(self, missing: list[int]) -> dict[str, list[int]] | None:
        """Missing leaves for workers that have room, those with fewest leaves first; None: they have not."""
        rooms = rounds.rooms_of(self.client, self.chosen)
        n, dtype = self.setup.n, self.setup.dtype
        able = {w: fitting(n, self.d, dtype, r, w not in self.futures) for w, r in rooms.items()}
        if sum(able.values()) < len(missing):
            return None
        load = {w: len(self.held.get(w, [])) for w in able}
        todo: dict[str, list[int]] = {}
        many = {w: 0 for w in able}
        for _ in missing:
            w = min((w for w in able if many[w] < able[w]), key=lambda w: (load[w] + many[w], w))
            many[w] += 1
        at = 0
        for w in sorted(able):
            if many[w]:
                todo[w] = missing[at : at + many[w]]
                at += many[w]
        return todo

    # -- filling --------------------------------------------------------------------------------------

    def _fill(self, todo: dict[str, list[int]]) -> None:
        """Workers fill these leaves beside what they hold, and let go what else they have; who is lost meanwhile is forgotten.

        Whoever has been asked is unsure until he has said that he is done: an interruption leaves nothing in ``held`` that is
        not there.
        """
        new = [w for w in todo if w not in self.futures]
        if new:
            self._open(new)
        asked = {
            w: sorted({*self.held.get(w, []), *todo.get(w, [])})
            for w in sorted({*todo, *self.unsure})
            if w in self.futures
        }
        if not asked:
            return
        self.version += 1
        self.unsure |= set(asked)
        args = {w: (self.setup.token, leaves) for w, leaves in asked.items()}
        answers = rounds.each(self.client, worker.begin, args, self._gone)
        self._complete(answers)
        begun = [w for w, (state, _) in answers.items() if state == "ok"]
        for w, (state, what) in answers.items():
            if state == "ok":
                self._confirm(w, what[1])
                self.lines.offer(w, what[0])
            else:
                self.trouble = f"worker {w}: {what}"
        self._await(begun, asked)

    def _confirm(self, w: str, seen: Sequence[Seen]) -> None:
        """Refuse a share of other rows than those that the others have."""
        try:
            self.blocks.confirm(seen)
        except ValueError:
            rounds.tell(self.client, worker.cancel, self.setup.token, workers=[w])
            self.held.pop(w, None)
            self.futures.pop(w, None)
            self.unsure.discard(w)
            raise

    def _open(self, new: Sequence[str]) -> None:
        """Shares on new workers, which make points of all rows of X."""
        blocks = self.blocks.futures(self.client, new)
        made = {
            w: self.client.submit(
                worker.Share,
                self.setup,
                blocks,
                workers=[w],
                allow_other_workers=False,
                actor=True,
                pure=False,
                key=f"mehler-share-{uuid.uuid4().hex}",
            )
            for w in new
        }
        looked = asked = time.monotonic()
        while any(future.status == "pending" for future in made.values()):
            rounds.check(self.client)
            time.sleep(0.01)
            now = time.monotonic()
            if now - looked > POLL:
                looked = now
                rounds.look(self.client)
            if now - asked > rounds.GONE:  # is everybody still there?
                known = rounds.workers_of(self.client)
                made, asked = {w: future for w, future in made.items() if w in known}, now
        for w, future in made.items():
            if future.status == "finished":
                self.futures[w] = future
            elif future.status == "error":
                error = future.exception()
                if not _is_loss(error):
                    refused = _refused(w, error)
                    raise refused from (None if refused is error else error)
                self.trouble = f"worker {w}: {type(error).__name__}: {error}"
            else:
                self.trouble = f"worker {w}: its share was {future.status}"
        # the blocks are let go here, and fetched again for whoever comes later

    def _await(self, names: list[str], asked: dict[str, list[int]]) -> None:
        """Waits until they hold what they were asked for."""
        while names := [w for w in names if w in self.futures]:
            answers = rounds.ask(
                self.client, worker.progress, self.setup.token, workers=names, gone=self._gone
            )
            self._complete(answers)
            done = total = 0
            for w, (state, what) in answers.items():
                if state != "ok":
                    self.trouble = f"worker {w}: {what}"
                    continue
                if what[2] == CANCELLED:  # by a work before this one: he is asked again
                    self.trouble = f"worker {w}: {what[2]}"
                    names.remove(w)
                    continue
                if what[2]:
                    raise RuntimeError(f"worker {w}: {what[2]}")
                done, total = done + what[0], total + what[1]
                if what[0] == what[1]:
                    names.remove(w)
                    self.held[w] = asked[w]
                    self.unsure.discard(w)
            report = Reporter.current()
            listener = report.ask if report is not None else None
            if listener is not None and listener("fill", done, total, 0.0, 0.0):
                raise KeyboardInterrupt
            if names:
                time.sleep(POLL)

    def _cancel(self) -> None:
        """Workers that are busy for us are told to stop; nobody waits for it."""
        rounds.tell(self.client, worker.cancel, self.setup.token, workers=list(self.futures))


def _lost(answers: Mapping[str, tuple[str, Any]]) -> str:
    """Whom, in words."""
    return ", ".join(f"{w} ({what})" for w, (state, what) in answers.items() if state == "lost")


def _is_loss(error: BaseException) -> bool:
    """Whether a share was lost with its worker, or with the rows that it was to be made of."""
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    lost = isinstance(
        error, (KilledWorker, CommClosedError, CancelledError, asyncio.CancelledError)
    )
    return lost or (
        isinstance(error, RuntimeError) and str(error) == "Worker holding Actor was lost"
    )


def _refused(w: str, error: BaseException) -> BaseException:
    """What to raise for a share that could not be made: what was refused in our words, or else who has said what."""
    if isinstance(error, (TypeError, ValueError, MemoryError, ImportError)):
        return error
    return RuntimeError(
        f"worker {w} could not make points of X: {type(error).__name__}: {error}. Rows were expected that it can compute, and "
        "keep; look into its log, and try X.compute() where X is a dask array."
    )
