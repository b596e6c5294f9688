"""The operator that :func:`gram` makes: a kernel matrix, stored or not, that multiplies blocks of vectors.

Whatever the storage: ``K @ V``, ``K.shape``, ``K.dtype``, ``K.diagonal()``, ``K.nbytes``, ``K.toarray()``,
``K.as_linear_operator()``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, as_array, memory_limit, size_text, thread_count
from ..kernels import Kernel
from . import disk
from .packed import PACKED, Packed, fill
from .points import core_diagonal, relative_error
from .storage import storage_bytes


class Gram:
    """The kernel matrix of n points as a linear operator. Make one with :func:`gram`.

    Attributes
    ----------
    points, n
        The points in the core, and their number: shape is (n, n).
    kernel
        The kernel.
    storage
        'dense', 'packed', 'matrix-free', 'disk' or 'dask'.
    path
        The file of tiles on disk; None for other storages.
    dtype
        Of the stored entries; solvers also pass 'fixed32' (``packed``), whose entries are given out as float64.
    threads
        As given: None asks OpenMP at each product.
    ask
        Listener of the fill, or None.
    made
        Packed tiles that were filled with others (``many``), of this dtype.
    pairs
        What the fill saw of the pairs: ``nearest`` and ``antipodal`` as (i, j, deficit) with
        deficit 1 - cos or 1 + cos, ``equal`` and ``opposite`` lists of coinciding pairs, and their
        counts. None for matrix-free.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=100, d=3, rng=0)
    >>> K = mh.gram(X, mh.ntk("relu"), storage="matrix-free")
    >>> full = K.toarray()
    >>> full.shape, np.array_equal(full, full.T)
    ((100, 100), True)
    >>> v = np.ones(100)
    >>> np.allclose(K @ v, full @ v), np.allclose(K.diagonal(), 1.0)
    (True, True)
    >>> K.error < 1e-14
    True
    >>> K.as_linear_operator().shape  # for SciPy's solvers
    (100, 100)
    >>> K.close()  # lets go of a file, or of what other processes hold: here, nothing
    """

    def __init__(
        self,
        points: _core.Points,
        n: int,
        kernel: Kernel,
        storage: str,
        dtype: str,
        threads: int | None,
        ask: Callable[[str, int, int, float, float], bool] | None = None,
        made: Packed | None = None,
        path: str | None = None,
    ) -> None:
        self.kernel, self.storage, self.threads, self.path = kernel, storage, threads, path
        self.shape = (n, n)
        self.kind = dtype
        self.dtype = np.dtype("float64" if dtype == "fixed32" else dtype)
        self._points = points
        self._array: np.ndarray[Any, Any] | None = None
        self.pairs: dict[str, Any] | None = None
        self._journal: disk.Journal | None = None
        profile, count = kernel.h.compiled, thread_count(threads)
        self.op: _core.Operator
        if storage == "packed":
            if made is None:
                top = float(np.max(core_diagonal(points, kernel)))
                made = fill(points, profile, dtype, count, ask, top)
            packed = made
            self.op, self.pairs = packed, packed.pairs()
        elif storage == "disk":
            assert path is not None
            top = float(np.max(core_diagonal(points, kernel)))
            tiles, self._journal = disk.opened(points, kernel, dtype, path, count, ask, top)
            self.op, self.pairs = tiles, tiles.pairs()
        elif storage == "dense":
            self._array, self.pairs = _core.dense_gram(points, profile, dtype, count, ask)
            self.op = _core.DenseOperator(np.ascontiguousarray(self._array, dtype=np.float64))
        else:
            self.op = _core.Recomputed(points, profile)

    @property
    def error(self) -> float:
        """Estimated largest error of an entry in float64, relative to sqrt(K_ii K_jj)."""
        return relative_error(self._points, self.kernel)

    def exact(self) -> _core.Operator:
        """The same matrix in float64, stored or recomputed tile by tile.

        Returns
        -------
        operator
            ``multiply(V, threads)`` for V (n, b) in Fortran order.
        """
        if self.kind == "float64":
            return self.op
        return _core.Recomputed(self._points, self.kernel.h.compiled)

    @property
    def packed(self) -> Packed:
        """The tiles of packed storage in the core."""
        assert isinstance(self.op, PACKED)
        return self.op

    @property
    def tiles(self) -> disk.Disk:
        """The tiles of disk storage in the core."""
        if not isinstance(self.op, disk.DISK):
            raise ValueError(
                f"the operator on {self.path!r} is closed; call gram again with its path."
            )
        return self.op

    @property
    def journal(self) -> disk.Journal | None:
        """Where a solve keeps what it has learnt, of tiles on disk; None of other storages."""
        if self.storage != "disk":
            return None
        self.tiles  # noqa: B018  (refuses what is closed)
        return self._journal

    def close(self) -> None:
        """Let go of what is not in this process's memory; also at the end of a ``with`` block.

        The file of storage 'disk' is closed and stays where it is; tiles on workers are freed. Products with either
        are refused from then on. Storages in memory have nothing to let go of.

        Returns
        -------
        None
        """
        if self.storage == "disk" and isinstance(self.op, disk.DISK):

            def product(_: Array) -> Array:
                return self.tiles.diagonal()  # refuses

            self.op = _core.CallableOperator(product, self.shape[0])

    def __enter__(self) -> Gram:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the storage takes; of tiles that are not stored there, what ``threads`` threads work in."""
        if isinstance(self.op, (_core.Recomputed, *disk.DISK)):
            return storage_bytes(self.shape[0], self.storage, self.kind, thread_count(self.threads))
        return int(self._array.nbytes if self._array is not None else self.op.nbytes)

    @property
    def held(self) -> int:
        """Bytes of them that this process holds."""
        return self.nbytes

    def __matmul__(self, V: Any) -> Array:
        """K V.

        Parameters
        ----------
        V
            A vector (n,) or a block of them (n, b).

        Returns
        -------
        numpy.ndarray
            float64, of the shape of V.

        Raises
        ------
        TypeError
            V is no array of real numbers.
        ValueError
            V is of another shape.
        """
        A = as_array(V, "V")
        if A.ndim not in (1, 2) or A.shape[0] != self.shape[0]:
            raise ValueError(
                f"V must have the shape ({self.shape[0]},) or ({self.shape[0]}, b); got {A.shape}."
            )
        columns = np.asfortranarray(A.reshape(len(A), -1), dtype=np.float64)
        if columns.shape[1] == 0:
            return np.zeros(A.shape)
        try:
            Y = self.op.multiply(columns, thread_count(self.threads))
        except _core.Interrupted:  # Ctrl-C in a product that Python makes
            raise KeyboardInterrupt from None
        return Y[:, 0] if A.ndim == 1 else Y

    def diagonal(self) -> Array:
        """K_ii = h(1) |x_i|^(2q).

        Returns
        -------
        numpy.ndarray
            (n,), as it is stored.
        """
        if isinstance(self.op, PACKED):
            return self.op.diagonal()
        if self.storage == "disk":
            return self.tiles.diagonal()
        return core_diagonal(self._points, self.kernel)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """For ``np.asarray``: the entries, 8 n^2 bytes (4 in float32)."""
        K = self.toarray()
        return K if dtype is None else K.astype(dtype, copy=False)

    def toarray(self) -> np.ndarray[Any, Any]:
        """The full matrix.

        Returns
        -------
        numpy.ndarray
            (n, n), symmetric to the bit, in the operator's dtype; a copy.
        """
        if self._array is not None:
            return self._array.copy()
        count = thread_count(self.threads)
        if isinstance(self.op, PACKED):
            return self.op.dense(count)
        if self.storage == "disk":
            need, free = self.shape[0] ** 2 * self.dtype.itemsize, memory_limit(None)
            if need > free:
                raise MemoryError(
                    f"the full matrix of n={self.shape[0]} takes {size_text(need)}, more than "
                    f"{size_text(free)}, 80 % of what is free; multiply by K instead."
                )
            return self.tiles.dense(count)
        return _core.dense_gram(self._points, self.kernel.h.compiled, str(self.dtype), count)[0]

    def as_linear_operator(self) -> Any:
        """The same for SciPy, with a true block product.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            (n, n), float64, symmetric.

        Raises
        ------
        ImportError
            SciPy is not installed.
        """
        from scipy.sparse.linalg import LinearOperator

        return LinearOperator(
            self.shape,
            matvec=lambda v: self @ np.ravel(v),
            matmat=lambda V: self @ V,
            rmatvec=lambda v: self @ np.ravel(v),
            rmatmat=lambda V: self @ V,
            dtype=np.dtype(np.float64),
        )

    def __reduce__(self) -> Any:
        raise TypeError(
            "a Gram operator cannot be pickled; send the points and the kernel and call gram there, "
            "or send K.toarray()."
        )

    def __repr__(self) -> str:
        if self.storage == "disk":
            size = size_text(self.op.on_disk) if isinstance(self.op, disk.DISK) else "closed"
            return (
                f"<Gram {self.shape[0]} x {self.shape[1]}, disk {self.dtype}, {size} at {self.path!r}, "
                f"{self.kernel!r}>"
            )
        return (
            f"<Gram {self.shape[0]} x {self.shape[1]}, {self.storage} {self.dtype}, "
            f"{size_text(self.nbytes)}, {self.kernel!r}>"
        )
