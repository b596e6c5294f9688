"""Rows of X on their way to the workers: each goes from the client, or from where a dask array has it, once.

Workers that need a block fetch it from each other. Blocks are let go as soon as the workers have made points of them, and sent
again for whoever comes later: what was in them is remembered by a digest, so that no matrix is made of two versions of X.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arrays import Array
from . import worker
from .rounds import LOOK, Call, look
from .rounds import check as check_client

BLOCK = 2**26  # bytes of a block that the client sends


class Blocks:
    """Rows of X.

    Parameters
    ----------
    X
        A checked array (n, d) of the client, or a dask array.
    """

    def __init__(self, X: Any) -> None:
        self.X = X
        self.seen: list[worker.Seen] | None = None

    def futures(self, client: Any, workers: Sequence[str] | None = None) -> list[Any]:
        """All blocks, in order; they are there as long as somebody holds these.

        Those of the client go to ``workers``, who are to make points of them: others may be full of tiles.
        """
        if isinstance(self.X, np.ndarray):
            rows = max(1, BLOCK // (8 * self.X.shape[1]))
            cut = [self.X[i : i + rows] for i in range(0, len(self.X), rows)]

            def send() -> list[Any]:
                try:
                    return list(client.scatter(cut, workers=workers, hash=False))
                except KeyError:  # one of them is gone
                    return list(client.scatter(cut, hash=False))

            found: list[Any] = Call(client, send).result()
            return found
        return list(client.compute(_delayed(self.X)))

    def norms(self, client: Any, normalize: bool) -> Array:
        """Norms of the rows of a dask array, measured where they are."""
        blocks = self.futures(client)
        first = [int(end) for end in np.cumsum([0, *self.X.chunks[0]])[:-1]]
        found = client.map(worker.norms_of, blocks, first, normalize=normalize)
        looked = time.monotonic()
        while any(future.status == "pending" for future in found):  # let go where it is interrupted
            check_client(client)
            time.sleep(0.01)
            if time.monotonic() - looked > LOOK:
                looked = time.monotonic()
                look(client)
        norms, seen = zip(*Call(client, lambda: client.gather(found)).result(), strict=True)
        self.confirm(seen)
        return np.concatenate(norms)

    def rows(self) -> Array:
        """All rows of a dask array, computed here."""
        rows = np.asarray(self.X)
        ends = np.cumsum(self.X.chunks[0])
        parts = zip([0, *ends[:-1]], ends, strict=True)
        self.confirm([worker.digest_of(rows[a:b]) for a, b in parts])
        return rows

    def confirm(self, seen: Sequence[worker.Seen]) -> None:
        """Refuse rows, of all blocks in order, that are not those that were seen first."""
        found = list(seen)
        if self.seen is None:
            self.seen = found
        ends = np.cumsum([rows for rows, _ in self.seen])
        for (rows, digest), (first, expected), end in zip(found, self.seen, ends, strict=False):
            if digest != expected:
                raise ValueError(
                    f"X is not what it was when its matrix was placed: of rows {end - first} to {end - 1}, {rows} were found that "
                    "differ. The same rows are expected whenever workers are sent them, also after a loss; "
                    + (
                        "leave X as it is, or pass a copy of it (X.copy()), and call gram again."
                        if isinstance(self.X, np.ndarray)
                        else "pass what does not change between two computations, such as X.persist(), and call gram again."
                    )
                )
        if len(found) != len(self.seen):
            raise ValueError(
                f"X is not what it was when its matrix was placed: it had {len(self.seen)} blocks of rows, and has {len(found)}; call "
                "gram again."
            )


def _delayed(X: Any) -> list[Any]:
    """Blocks of whole rows."""
    return list(X.rechunk({1: -1}).to_delayed().ravel())


def is_dask(X: Any) -> bool:
    """Whether X is a dask array, without loading Dask."""
    return type(X).__module__.partition(".")[0] == "dask" and hasattr(X, "to_delayed")


def check(X: Any) -> None:
    """Refuse a dask array that is no table of real numbers of known size; entries are looked at by the workers."""
    if X.ndim != 2 or not all(np.isfinite(size) and size >= 1 for size in X.shape):
        raise ValueError(
            f"X must be 2-D, one point a row, of known size; got shape {X.shape}. Call "
            "X.compute_chunk_sizes() first if sizes are unknown."
        )
    if X.dtype.kind not in "fiub":
        raise TypeError(f"X must hold real numbers; got dtype {X.dtype}.")
