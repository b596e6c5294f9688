"""What a product looks like on a connection between client and worker: numbers of eight bytes, little end first.

    hello      token of the matrix, 32 letters          ->
               WELCOME                                  <-
    question   exact, beside, b                         ->    flags, and how many vectors
               V, (n, b) doubles by columns             ->
    answer     state, count                             <-
               count pairs (first leaf, leaves)         <-    of 'ok'; of other states count bytes of text
               count sums, (n, b) doubles by columns    <-

Nothing is unpickled at either end. One question is under way at a time.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from .._arrays import Array

WELCOME = b"mehler 1"
QUESTION = struct.Struct("<qqq")
ANSWER = struct.Struct("<qq")
STATES = ("ok", "lost", "late", "error")
NODE = struct.Struct("<qq")
TEXT = 2**16  # bytes of text at most


def host_of(worker: str) -> str | None:
    """Where a worker's door would be; None: the cluster does not speak plain TCP."""
    kind, _, rest = worker.partition("://")
    return rest.rpartition(":")[0].strip("[]") if kind == "tcp" else None


def block(n: int, b: int) -> Array:
    """Room for (n, b) doubles by columns."""
    return np.empty((n, b), dtype="<f8", order="F")


def raw(A: Array) -> memoryview:
    """The bytes of doubles that lie by columns, without a copy."""
    by_rows: Any = np.asarray(A, dtype="<f8").T
    return memoryview(by_rows).cast("B")


def answer(state: str, what: Any) -> list[memoryview]:
    """What a worker sends: sums [(first, leaves, Y)] of 'ok', else a text."""
    if state != "ok":
        text = str(what).encode()[:TEXT]
        return [memoryview(ANSWER.pack(STATES.index(state), len(text))), memoryview(text)]
    nodes = b"".join(NODE.pack(first, leaves) for first, leaves, _ in what)
    head = memoryview(ANSWER.pack(0, len(what)) + nodes)
    return [head, *(raw(np.asfortranarray(Y)) for _, _, Y in what)]
