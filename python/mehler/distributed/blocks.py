"""Rows of X on their way to the workers: each goes from the client, or from where a dask array has it, once.

Workers that need a block fetch it from each other. Blocks are let go as soon as the workers have made points of them.
"""

from __future__ import annotations

import time
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

    def futures(self, client: Any) -> list[Any]:
        """All blocks, in order; they are there as long as somebody holds these."""
        if isinstance(self.X, np.ndarray):
            rows = max(1, BLOCK // (8 * self.X.shape[1]))
            cut = [self.X[i : i + rows] for i in range(0, len(self.X), rows)]
            return list(Call(client, lambda: client.scatter(cut, hash=False)).result())
        return list(client.compute(_delayed(self.X)))

    def norms(self, client: Any, normalize: bool) -> Array:
        """Norms of the rows of a dask array, measured where they are."""
        found = client.map(worker.norms_of, self.futures(client), normalize=normalize)
        looked = time.monotonic()
        while any(future.status == "pending" for future in found):  # let go where it is interrupted
            check_client(client)
            time.sleep(0.01)
            if time.monotonic() - looked > LOOK:
                looked = time.monotonic()
                look(client)
        return np.concatenate(Call(client, lambda: client.gather(found)).result())


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
