"""A worker's end of the connections by which products come, without a round trip through the scheduler.

A share opens a door on the address of its worker; who knows the token of the matrix may ask for products. A thread waits at
each connection; the core works in the thread of the share, as for questions that the scheduler passes on.
"""

from __future__ import annotations

import hmac
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

from .._arrays import Array
from .placement import CHUNK
from .wire import QUESTION, WELCOME, answer, block, raw

HELLO = 5.0  # seconds that a caller is given to say who it is
TURN = 1.0  # seconds after which a door that is closed is left

Answer = tuple[str, Any]


class Door:
    """A listening socket, and the connections that came in by it.

    Parameters
    ----------
    host
        The address to listen on: the worker's.
    token
        What a caller has to know.
    n
        Rows of V.
    ask
        (V, exact, beside) -> state and what of a product; called by one connection at a time or by many.
    """

    def __init__(
        self, host: str, token: str, n: int, ask: Callable[[Array, bool, bool], Answer]
    ) -> None:
        family = socket.getaddrinfo(host, None)[0][0]
        self.listener = socket.create_server((host, 0), family=family)
        self.listener.settimeout(TURN)
        self.port = int(self.listener.getsockname()[1])
        self.token, self.n, self.ask = token.encode(), n, ask
        self.open = True
        self.callers: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        threading.Thread(target=self._wait, name="mehler-door", daemon=True).start()

    def close(self) -> None:
        """Ends listening, and all connections."""
        self.open = False
        self.listener.close()
        for caller in list(self.callers):
            try:
                caller.shutdown(socket.SHUT_RDWR)  # wakes whoever waits at it
            except OSError:
                pass  # it had ended by itself

    def _wait(self) -> None:
        while self.open:
            try:
                caller, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.callers.add(caller)
            threading.Thread(
                target=self._serve, args=(caller,), name="mehler-caller", daemon=True
            ).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller:
            try:
                caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                caller.settimeout(HELLO)
                if not hmac.compare_digest(_received(caller, len(self.token)), self.token):
                    return
                caller.sendall(WELCOME)
                caller.settimeout(None)
                while self.open:
                    self._product(caller)
            except (OSError, EOFError):
                pass  # the client is gone, or will ask by the scheduler

    def _product(self, caller: socket.socket) -> None:
        exact, beside, b = QUESTION.unpack(_received(caller, QUESTION.size))
        if not 0 < b <= CHUNK:
            raise EOFError  # no question of ours: nothing is made room for
        V = block(self.n, b)
        _fill(caller, raw(V))
        for part in answer(*self.ask(V, bool(exact), bool(beside))):
            caller.sendall(part)


def _received(caller: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    _fill(caller, memoryview(data))
    return bytes(data)


def _fill(caller: socket.socket, view: memoryview) -> None:
    while view:
        got = caller.recv_into(view)
        if got == 0:
            raise EOFError
        view = view[got:]
