"""What runs on a worker: the leaves that it holds, filled and multiplied by the core with the worker's own threads.

The core works in a thread of the share. Products come in by its door; functions here are called by ``Client.run``, on the
worker's event loop, which they never keep. A share is a Dask actor, so that it goes when the client's future of it goes, or the
client itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, as_array, as_points
from ..data.points import normalize as to_unit_norm
from ..kernels import Kernel
from ..kernels.norms import norm_kernel
from ..kernels.profile import ProfileTable
from ..operators.layered import LayeredPoints
from .door import Door
from .placement import BATCH, LEAF, Node, nodes_of
from .wire import host_of

CANCELLED = "cancelled"  # a fill that was told to stop
PIECE = 512  # rows that are looked at at a time

Sums = list[tuple[int, int, Array]]  # first leaf, number of leaves, (n, b)
Seen = tuple[int, bytes]  # rows of a block, and their digest


@dataclass(frozen=True)
class Setup:
    """The matrix, as every worker has to know it.

    Attributes
    ----------
    token
        Names the matrix.
    n, dtype, top
        Order; 'float64', 'float32' or 'fixed32'; max K_ii.
    table
        The compiled profile, made once, so that every worker has the same to the bit.
    exponent, unit
        As the core's points take them.
    normalize
        Whether rows are still to be divided by their norms.
    layers
        The kernel and the range of norms, of points that bring layers; else None.
    direct
        Whether products come in by a door.
    """

    token: str
    n: int
    dtype: str
    top: float
    table: ProfileTable
    exponent: float
    unit: bool
    normalize: bool
    layers: tuple[Kernel, float, float] | None
    direct: bool

    def points(self, rows: Array, threads: int) -> _core.Points:
        """Rows in the core; divided by their norms where they are, so that they are there once."""
        if self.normalize:
            for i in range(0, len(rows), PIECE):
                rows[i : i + PIECE] = to_unit_norm(rows[i : i + PIECE])
        if self.layers is None:
            return _core.Points(rows, self.exponent, self.unit, threads)
        norms = _core.Points(rows, 0.0, False, threads).norms()
        return LayeredPoints(rows, norms, norm_kernel(*self.layers), threads)


@dataclass
class Filling:
    """How far a fill is."""

    total: int
    done: int = 0
    error: str = ""


SHARES: weakref.WeakValueDictionary[tuple[str, str], Share] = weakref.WeakValueDictionary()


class Share:
    """The leaves that this worker holds.

    Parameters
    ----------
    setup
        The matrix.
    blocks
        Rows of X, in order: at least those that the leaves are made of.
    """

    def __init__(self, setup: Setup, blocks: Sequence[Any]) -> None:
        from distributed import get_worker

        worker = get_worker()
        self.setup, self.threads = setup, int(worker.state.nthreads)
        self.points = setup.points(one_table(blocks), self.threads)
        self.seen = [digest_of(block) for block in blocks]
        self.leaves: dict[int, Any] = {}
        self.exact: dict[int, Any] = {}
        self.filling = Filling(0)
        self.cancelled = False
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="mehler")
        self.door = _door(self, worker.address) if setup.direct else None
        SHARES[setup.token, worker.address] = self

    def fill(self, leaves: Sequence[int], filling: Filling) -> None:
        """Holds these leaves and no others, in the share's own thread; until another fill has begun."""
        try:
            for leaf in set(self.leaves) - set(leaves):
                del self.leaves[leaf]
                self.exact.pop(leaf, None)
            for leaf in leaves:
                if filling is not self.filling:
                    return
                if leaf not in self.leaves:
                    self.leaves[leaf] = self._leaf(self.setup.dtype, leaf, True)
                filling.done += 1
        except _core.Interrupted:
            filling.error = CANCELLED
        except Exception as error:
            filling.error = f"{type(error).__name__}: {error}"

    def multiply(self, V: Array, exact: bool) -> Sums:
        """The sums of the nodes that the leaves make up."""
        held = self.leaves
        if exact and self.setup.dtype != "float64":
            for leaf in self.leaves:
                if leaf not in self.exact:
                    self.exact[leaf] = self._leaf("float64", leaf, False)
            held = self.exact
        found: Sums = []
        for batch in batches(nodes_of(self.leaves)):
            nodes = [[held[leaf] for leaf in range(i, i + s)] for i, s in batch]
            sums = _core.node_products(nodes, V, self.threads, self.ask)
            found += [(i, s, Y) for (i, s), Y in zip(batch, sums, strict=True)]
            found = joined(found)
        return found

    def product(self, V: Array, exact: bool, beside: bool) -> Sums:
        """``multiply`` for a client that waits, on this machine or elsewhere."""
        try:
            return self.multiply(V, exact)
        finally:
            if beside and self.threads > 1:  # ours would spin in the way of the client's
                _core.release_threads()

    def squares(self) -> dict[int, float]:
        """sum K_ij^2 of each leaf."""
        return {i: leaf.squares(self.threads) for i, leaf in self.leaves.items()}

    def resume(self) -> None:
        """What was cancelled is over."""
        self.cancelled = False

    def ask(self, phase: str, done: int, total: int, value: float, residual: float) -> bool:
        """What the core asks ten times a second."""
        return self.cancelled

    def _leaf(self, dtype: str, leaf: int, held: bool) -> Any:
        s = self.setup
        profile = s.table.compiled
        return LEAF[dtype](self.points, profile, s.n, leaf, held, self.threads, self.ask, s.top)


def batches(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes of at most ``BATCH`` leaves, as many at a time as make up no more than that."""
    small = [
        (i, min(s, BATCH)) for first, s in nodes for i in range(first, first + s, min(s, BATCH))
    ]
    found: list[list[Node]] = [[]]
    for node in small:
        if found[-1] and sum(s for _, s in found[-1]) + node[1] > BATCH:
            found.append([])
        found[-1].append(node)
    return found if small else []


def joined(sums: Sums) -> Sums:
    """The same, where both halves of a node are there: left + right. The order of joining changes no bit."""
    held = {(i, s): Y for i, s, Y in sums}
    todo = sorted(held, key=lambda node: node[1])
    while todo:
        i, s = todo.pop(0)
        left, right = (i - i % (2 * s), s), (i - i % (2 * s) + s, s)
        if left in held and right in held:
            Y, other = held.pop(left), held.pop(right)
            Y += other
            held[left[0], 2 * s] = Y
            todo.append((left[0], 2 * s))
    return [(i, s, Y) for (i, s), Y in sorted(held.items())]


# -- asked straight by the client ---------------------------------------------------------------------


def _door(share: Share, address: str) -> Door | None:
    """Where products come in; none where the cluster does not speak plain TCP, or does not listen where it is reached."""
    host = host_of(address)
    if host is None:
        return None
    held = weakref.ref(share)

    def ask(V: Array, exact: bool, beside: bool) -> tuple[str, Any]:
        share = held()
        if share is None:
            return "lost", "its tiles are freed"
        share.resume()
        work = share.pool.submit(share.product, V, exact, beside)
        del share
        try:
            return "ok", work.result()
        except Exception as error:
            return _failed(error)

    try:
        door = Door(host, share.setup.token, share.setup.n, ask)
    except OSError:
        return None
    weakref.finalize(share, door.close)
    return door


def _failed(error: Exception) -> tuple[str, str]:
    if isinstance(error, _core.Interrupted):
        return "late", CANCELLED  # by a round before this one, if somebody waits for it
    return "error", f"{type(error).__name__}: {error}"


# -- asked by the scheduler --------------------------------------------------------------------------


async def of_share(
    token: str, dask_worker: Any, action: Callable[[Share], Any], own_thread: bool
) -> tuple[str, Any]:
    """('ok', what the share says), ('lost', ...) where it is not here any more, ('late', ...) or ('error', why)."""
    share = SHARES.get((token, dask_worker.address))
    if share is None:
        return "lost", "another worker has its address"
    try:
        if own_thread:
            loop = asyncio.get_running_loop()
            return "ok", await loop.run_in_executor(share.pool, action, share)
        return "ok", action(share)
    except Exception as error:
        return _failed(error)


async def begin(token: str, leaves: list[int], dask_worker: Any = None) -> tuple[str, Any]:
    """Begins to hold these leaves and no others, ``progress`` says how far it is; the port of its door or None, and what rows it has."""

    def action(share: Share) -> tuple[int | None, list[Seen]]:
        share.resume()
        share.filling = Filling(len(leaves))
        share.pool.submit(share.fill, leaves, share.filling)
        return share.door.port if share.door is not None else None, share.seen

    return await of_share(token, dask_worker, action, False)


async def progress(token: str, dask_worker: Any = None) -> tuple[str, Any]:
    """(leaves done, leaves asked for, error) of the last fill."""

    def action(share: Share) -> tuple[int, int, str]:
        return share.filling.done, share.filling.total, share.filling.error

    return await of_share(token, dask_worker, action, False)


async def multiply(token: str, V: Array, exact: bool, dask_worker: Any = None) -> tuple[str, Any]:
    """The worker's part of K V."""
    await of_share(token, dask_worker, Share.resume, False)
    return await of_share(token, dask_worker, lambda share: share.multiply(V, exact), True)


async def pairs(token: str, dask_worker: Any = None) -> tuple[str, Any]:
    """What the fills saw of the pairs."""
    return await of_share(
        token, dask_worker, lambda share: [leaf.pairs() for leaf in share.leaves.values()], True
    )


async def squares(token: str, dask_worker: Any = None) -> tuple[str, Any]:
    """sum K_ij^2 of each leaf."""
    return await of_share(token, dask_worker, Share.squares, True)


async def cancel(token: str, dask_worker: Any = None) -> tuple[str, Any]:
    """Ends what the share is doing."""

    def action(share: Share) -> None:
        share.cancelled = True

    return await of_share(token, dask_worker, action, False)


async def drop(token: str, dask_worker: Any = None) -> tuple[str, Any]:
    """Frees the leaves."""

    def action(share: Share) -> None:
        if share.door is not None:
            share.door.close()
        share.leaves.clear()
        share.exact.clear()

    return await of_share(token, dask_worker, action, True)


def room(dask_worker: Any = None) -> tuple[int, int, int]:
    """(memory_limit or 0, bytes in use, threads)."""
    limit = dask_worker.memory_manager.memory_limit
    return (
        int(limit or 0),
        int(dask_worker.monitor.get_process_memory()),
        int(dask_worker.state.nthreads),
    )


def norms_of(block: Any, first: int, normalize: bool) -> tuple[Array, Seen]:
    """Norms of rows, as the core has them, ``first`` of X and those that follow; and what rows these are."""
    try:
        rows = as_points(np.asarray(block))
        if normalize:
            rows = to_unit_norm(rows)
    except ValueError as error:
        if first == 0:
            raise
        raise ValueError(
            f"{error} Rows are counted from row {first} of X, where a block of it begins."
        ) from None
    return _core.Points(rows, 0.0, False, 1).norms(), digest_of(block)


def one_table(blocks: Sequence[Any]) -> Array:
    """All rows in doubles, a new array: beside the blocks, which Dask has until the share is made, they are there once."""
    found = [as_array(block, "X") for block in blocks]
    rows = np.empty((sum(len(part) for part in found), found[0].shape[1]))
    at = 0
    for part in found:
        with np.errstate(over="ignore"):  # infinity is refused below
            rows[at : at + len(part)] = part
        at += len(part)
    return as_points(rows)


def digest_of(block: Any) -> Seen:
    """Rows, told from others by 16 bytes."""
    rows = np.asarray(block)
    found = hashlib.blake2b(f"{rows.shape} {rows.dtype.str}".encode(), digest_size=16)
    for i in range(0, len(rows), PIECE):
        found.update(rows[i : i + PIECE].tobytes())
    return len(rows), found.digest()
