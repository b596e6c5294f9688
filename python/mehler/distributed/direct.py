"""The client's end: products straight to the workers, all of them at once, in the thread that waits for the sums.

A line is a connection to one worker. It says nothing that the scheduler could not pass on, so whatever befalls it costs no
more than time: a worker without a line is asked by the scheduler (``rounds``), which also knows who is lost.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from .rounds import LOOK, Watch
from .wire import ANSWER, NODE, QUESTION, STATES, TEXT, WELCOME, block, host_of, raw

CONNECT = 2.0  # seconds that workers are given to open their doors, all of them together
UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)}

Answer = tuple[str, Any]
Reading = Generator[
    memoryview, None, Answer
]  # gives what is to be filled next, returns what it was


class Line:
    """A connection to a worker that does not block: what is still to be sent, and what is still to come.

    Parameters
    ----------
    host, port
        Where the worker's door is.
    token
        Of the matrix.
    """

    def __init__(self, host: str, port: int, token: str) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        self.socket = socket.socket(family, kind, protocol)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.out = [memoryview(token.encode())]
        self.reading = _welcome()
        self.wanted = next(self.reading)
        failed = self.socket.connect_ex(address)
        if failed not in UNDER_WAY:
            self.socket.close()
            raise OSError(failed, "no connection")

    @cached_property
    def beside(self) -> bool:
        """Whether the worker is on this machine."""
        return bool(self.socket.getsockname()[0] == self.socket.getpeername()[0])

    @property
    def open(self) -> bool:
        """Whether it can be asked."""
        return self.socket.fileno() >= 0

    def put(self, V: Array, exact: bool) -> None:
        """A question."""
        head = QUESTION.pack(exact, self.beside, V.shape[1])
        self.out = [memoryview(head), raw(V)]
        self.reading = _sums(*V.shape)
        self.wanted = next(self.reading)

    def send(self) -> bool:
        """Sends what goes now; whether something is left."""
        with contextlib.suppress(BlockingIOError):
            while self.out:
                sent = self.socket.send(self.out[0])
                self.out[0] = self.out[0][sent:]
                if not self.out[0]:
                    self.out.pop(0)
        return bool(self.out)

    def receive(self) -> Answer | None:
        """Takes what has come; the answer, once it is complete."""
        try:
            while True:
                got = self.socket.recv_into(self.wanted)
                if got == 0:
                    raise ConnectionError("the worker has ended the connection")
                self.wanted = self.wanted[got:]
                if not self.wanted:
                    self.wanted = next(self.reading)
        except BlockingIOError:
            return None
        except StopIteration as end:
            found: Answer = end.value
            return found

    def close(self) -> None:
        """Ends it; a product under way has no answer."""
        self.socket.close()


def _welcome() -> Reading:
    said = bytearray(len(WELCOME))
    yield memoryview(said)
    if said != WELCOME:
        raise ConnectionError("nobody of ours")
    return "ok", None


def _sums(n: int, b: int) -> Reading:
    head = bytearray(ANSWER.size)
    yield memoryview(head)
    state, count = ANSWER.unpack(head)
    if not (0 <= state < len(STATES) and 0 < count <= (TEXT if state else _core.leaf_count(n))):
        raise ConnectionError("no answer of ours")
    if state:
        text = bytearray(count)
        yield memoryview(text)
        return STATES[state], text.decode(errors="replace")
    nodes = bytearray(NODE.size * count)
    yield memoryview(nodes)
    sums = []
    for first, leaves in NODE.iter_unpack(nodes):
        Y = block(n, b)
        yield raw(Y)
        sums.append((first, leaves, Y))
    return "ok", sums


class Lines:
    """Lines to the workers of a matrix.

    Parameters
    ----------
    client
        Of the cluster.
    token
        Of the matrix.
    """

    def __init__(self, client: Any, token: str) -> None:
        self.client, self.token = client, token
        self.doors: dict[str, tuple[str, int]] = {}
        self.lines: dict[str, Line] = {}
        self.busy = threading.Lock()

    def offer(self, w: str, port: int | None) -> None:
        """A worker says where its door is."""
        host = host_of(w)
        if host is not None and port is not None:
            self.doors[w] = host, port

    def forget(self, w: str) -> None:
        """A worker is not asked any more."""
        self.doors.pop(w, None)
        line = self.lines.pop(w, None)
        if line is not None:
            line.close()

    def close(self) -> None:
        """No worker is."""
        for w in {*self.doors, *self.lines}:
            self.forget(w)

    @contextmanager
    def taken(self, workers: Collection[str]) -> Iterator[dict[str, Line]]:
        """Lines to those of the workers that can be reached from here, for one product; none while another has them."""
        if not self.busy.acquire(blocking=False):
            yield {}
            return
        try:
            self._connect(workers)
            yield {w: line for w, line in list(self.lines.items()) if w in workers}
        finally:
            self.busy.release()

    def _connect(self, workers: Collection[str]) -> None:
        """New lines where there are none, or where one has ended; a door that does not open is not tried again."""
        for w, line in list(self.lines.items()):
            if not line.open:
                self.lines.pop(w, None)
        made: dict[str, Line] = {}
        for w in workers:
            door = self.doors.get(w)  # another thread may forget it meanwhile
            if door is not None and w not in self.lines:
                with contextlib.suppress(OSError):
                    made[w] = Line(*door, self.token)
                    continue
                self.doors.pop(w, None)
        if made:
            answers = _exchange(made, Watch(self.client), time.monotonic() + CONNECT)
            for w, line in made.items():
                if w in answers:
                    self.lines[w] = line
                else:
                    self.doors.pop(w, None)


def ask(lines: Mapping[str, Line], V: Array, exact: bool, watch: Watch) -> dict[str, Answer]:
    """What each worker says of a product, as ``rounds.ask`` has it; of those whose line fails, nothing.

    Parameters
    ----------
    lines
        To workers.
    V, exact
        As :meth:`Tiles.product` takes them, V by columns.
    watch
        Says when to give up.
    """
    good: dict[str, Line] = {}
    for w, line in lines.items():
        try:
            line.put(V, exact)
            good[w] = line
        except OSError:  # it has ended since it was made
            line.close()

    def begun() -> None:
        if any(line.beside for line in good.values()):  # our idle threads would spin in their way
            _core.release_threads()

    return _exchange(good, watch, begun=begun)


def _exchange(
    lines: Mapping[str, Line],
    watch: Watch,
    until: float = np.inf,
    begun: Callable[[], None] = lambda: None,
) -> dict[str, Answer]:
    """Sends and receives on all lines until all have answered; one that has not is closed, whatever happens.

    A line that another thread closes (its worker is lost) has no answer.
    """
    answers: dict[str, Answer] = {}
    waiting = dict(lines)
    try:
        with selectors.DefaultSelector() as selector:

            def leave(w: str) -> None:
                line = waiting.pop(w)
                with contextlib.suppress(KeyError, ValueError):  # it was never taken, or is closed
                    selector.unregister(line.socket)
                line.close()

            def step(w: str, line: Line, readable: bool) -> None:
                try:
                    found = line.receive() if readable else None
                    left = line.send()
                    if found is None:
                        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if left else 0)
                        if selector.get_key(line.socket).events != events:
                            selector.modify(line.socket, events, w)
                        return
                    selector.unregister(line.socket)
                except (
                    OSError,
                    ValueError,
                    KeyError,
                ):  # closed by the worker, or by another thread
                    leave(w)
                    return
                answers[w] = found
                del waiting[w]

            for w, line in lines.items():
                both = selectors.EVENT_READ | selectors.EVENT_WRITE
                try:
                    selector.register(line.socket, both, w)
                except (OSError, ValueError):
                    leave(w)
                    continue
                if until == np.inf:  # connected already
                    step(w, line, False)
            begun()
            looked = time.monotonic()
            while waiting and time.monotonic() < until:
                for key, events in selector.select(LOOK):
                    if key.data in waiting:
                        step(key.data, lines[key.data], bool(events & selectors.EVENT_READ))
                now = time.monotonic()
                if now - looked >= LOOK:
                    looked = now
                    for w in [w for w, line in waiting.items() if not line.open]:
                        leave(w)
                    if waiting and watch.over(waiting):
                        break
    finally:
        for line in waiting.values():
            line.close()
    return answers
