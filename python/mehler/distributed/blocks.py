"""Rows of X on their way to the workers: each goes from the client, or from where a dask array has it, once.

Workers that need a block fetch it from each other. Blocks are let go as soon as the workers have made points of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import Array
from . import worker

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
            return list(client.scatter(cut, hash=False))
        return list(client.compute(_delayed(self.X)))

    def norms(self, client: Any, normalize: bool) -> Array:
        """Norms of the rows of a dask array, measured where they are."""
        blocks = self.futures(client)
        return np.concatenate(
            client.gather(client.map(worker.norms_of, blocks, normalize=normalize))
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
