"""Gram operators: kernel matrices of points, stored or not, that multiply blocks of vectors.

    K_ij = (|x_i| |x_j|)^q h(cos_ij), or a function of both norms and the cosine (``layered``)

``gram`` makes one. Whatever the storage: ``K @ V``, ``K.shape``, ``K.dtype``, ``K.diagonal()``,
``K.nbytes``, ``K.toarray()``, ``K.as_linear_operator()``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._arrays import (
    UNIT,
    Array,
    as_array,
    as_points,
    choice,
    flag,
    memory_limit,
    size_text,
    thread_count,
)
from ..activations import Activation
from ..kernels import Kernel, gradient_kernel
from . import disk
from .layered import LayeredPoints, layered, layers_of, warn_of
from .packed import BYTES, PACKED, Packed, fill

if TYPE_CHECKING:
    from ..distributed import Dask

STORAGES = ("auto", "dense", "packed", "matrix-free", "disk")  # by name; mehler.Dask is no name
DTYPES = ("float64", "float32")
TILE = 256


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
        Y = self.op.multiply(columns, thread_count(self.threads))
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


def as_kernel(kernel: Kernel | Activation | str) -> Kernel:
    """A kernel; an activation or its name means its gradient kernel."""
    return kernel if isinstance(kernel, Kernel) else gradient_kernel(kernel)


def core_points(
    X: Array, kernel: Kernel, threads: int | None, *, normalize: bool = False
) -> _core.Points:
    """Points in the core; of unequal norm, with their layers unless the kernel is homogeneous."""
    (points,) = meeting_points([X], kernel, threads, normalize=normalize)
    return points


def meeting_points(
    sets: Sequence[Array], kernel: Kernel, threads: int | None, *, normalize: bool = False
) -> list[_core.Points]:
    """Sets of points that meet in one matrix, in the core."""
    count = thread_count(threads)
    if normalize:
        from ..data.points import normalize as to_unit_norm

        sets = [to_unit_norm(X) for X in sets]
    q = kernel.homogeneity
    found = [_core.Points(X, 0.0 if q is None else float(q), False, count) for X in sets]
    norms = [points.norms() for points in found]
    if not all(np.isfinite(one).all() for one in norms):
        raise ValueError(
            "X holds points whose norm overflows; divide X by a constant, or pass normalize=True."
        )
    off = [bool((np.abs(one - 1.0) > UNIT).any()) for one in norms]
    if q is None:
        if not any(off):
            return found
        layers = layers_of(kernel, *norms)
        warn_of(layers)
        del found  # not two copies of the points at a time
        return [LayeredPoints(X, one, layers, count) for X, one in zip(sets, norms, strict=True)]
    for i, one in enumerate(norms):
        if not off[i]:
            if q:
                found[i] = _core.Points(sets[i], 0.0, True, count)
            continue
        with np.errstate(over="ignore", under="ignore"):
            power = one ** (2.0 * q)
        if not ((power >= 1e-280).all() and (power <= 1e280).all()):
            raise ValueError(
                f"the norms of X raised to {2.0 * q:g} leave the range of doubles; rescale X, or pass "
                "normalize=True."
            )
    return found


def core_diagonal(points: _core.Points, kernel: Kernel) -> Array:
    """K_ii, as the core has it: (|x_i|^q)^2 h(1), norms that are one but for rounding being one."""
    if layered(points):
        return points.diagonal()
    norms, top, q = points.norms(), float(kernel.h.ends[0]), kernel.homogeneity
    if q is None or not (np.abs(norms - 1.0) > UNIT).any():
        return np.full(len(norms), top)
    scale = norms**q
    return np.asarray(scale * scale * top)


def relative_error(points: _core.Points, kernel: Kernel) -> float:
    """Estimated largest error of an entry, relative to sqrt(K_ii K_jj)."""
    if layered(points):
        return points.layers.error
    return kernel.error / float(kernel.h.ends[0]) if kernel.h.ends[0] else 0.0


def storage_bytes(n: int, storage: str, dtype: str, threads: int) -> int:
    """Bytes that a storage will take for n points, with what so many threads compute tiles in."""
    size = BYTES[dtype]
    if storage == "dense":
        return n * n * (8 if size == 8 else 12)
    panels = -(-n // TILE)
    if storage == "packed":
        last = n - (panels - 1) * TILE
        full = (panels - 1) * panels // 2 * TILE * TILE
        height, width = -(-last // 2) * 2, (panels - 1) * TILE + -(-last // 16) * 16
        return size * (full + height * width)
    if storage == "disk":
        return disk.bytes_for(n, dtype, threads)
    return 2 * TILE * TILE * 8 * threads


def gram(
    X: Any,
    kernel: Kernel | Activation | str = "relu",
    storage: str | Dask = "auto",
    dtype: str = "float64",
    max_memory: int | float | str | None = None,
    threads: int | None = None,
    normalize: bool = False,
    progress: bool | None = None,
    callback: Callable[[Any], Any] | None = None,
    path: Any = None,
) -> Gram:
    """The kernel matrix of points, K_ij = (|x_i| |x_j|)^q h(cos_ij) for homogeneous activations, as an operator that multiplies blocks of vectors.

    Parameters
    ----------
    X
        Points, (n, d), of any norms.
    kernel
        A kernel, or an activation (its gradient kernel is taken).
    storage
        'dense', 'packed' (lower tiles), 'matrix-free' (tiles recomputed in every product), 'disk' (lower tiles
        in the file ``path``), or 'auto': packed when it fits into ``max_memory``, else disk when a path is
        given, else matrix-free. A :class:`Dask`: lower tiles in the memory of its workers; X may then be a
        dask array, which does not pass this process.
    dtype
        'float64' or 'float32', of the stored entries; they are computed in float64. Products are
        returned in float64.
    max_memory
        Bytes, or a text such as '10GB'. Default: 80 % of what the system has free.
    threads
        Number of threads; default OpenMP's, asked at call time. The result does not depend on it.
    normalize
        Divide each point by its norm first.
    progress
        True: a progress bar (tqdm if installed, else lines on stderr).
    callback
        Called at most ten times a second with a state; a true return value stops the work
        (KeyboardInterrupt), an exception propagates.
    path
        A file for storage 'disk'. One that is there already is used when it holds tiles of the same points, kernel
        and dtype, and refused else; one that is not finished is gone on with. It stays; remove it like any file.

    Returns
    -------
    Gram
        ``K @ V`` for V (n,) or (n, b), ``K.shape``, ``K.nbytes``, ``K.diagonal()``, ``K.toarray()``.

    Raises
    ------
    TypeError
        X is no array of real numbers, normalize no bool, threads no integer.
    ValueError
        Bad points, unknown storage or dtype, norms at which the activation cannot be evaluated; storage 'disk'
        without a path, or a file of something else.
    OSError
        The file cannot be made, read or written, is in use, or has been cut or altered; the disk is full.
    MemoryError
        The storage does not fit into ``max_memory``; raised before anything is allocated.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=300, d=3, rng=0)
    >>> K = mh.gram(X, "relu", storage="packed", dtype="float32")
    >>> K.shape, K.nbytes < 300 * 300 * 4
    ((300, 300), True)
    >>> V = np.ones((300, 2))
    >>> np.allclose(K @ V, mh.gradient_kernel("relu")(X) @ V, rtol=1e-6)
    True

    On disk, in a file that the next call with the same points and kernel finds again:

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "relu.tiles"
    ...     with mh.gram(X, "relu", storage="disk", dtype="float32", path=file) as on_disk:
    ...         print(np.array_equal(on_disk @ V, K @ V))
    True
    """
    from .._progress import Reporter

    kernel = as_kernel(kernel)
    workers = None if isinstance(storage, str) else dask_of(storage)
    if workers is None:
        choice("storage", storage, STORAGES)
    try:
        dtype = str(np.dtype(dtype))
    except TypeError:
        pass  # no dtype at all: refused in the same words
    choice("dtype", dtype, DTYPES)
    flag("normalize", normalize)
    if workers is not None:
        return workers.gram(X, kernel, dtype, threads, normalize, progress, callback)
    assert isinstance(storage, str)
    A = as_points(X)
    n = len(A)
    count, limit = thread_count(threads), memory_limit(max_memory)
    place = None if path is None else disk.as_path(path)
    if storage == "auto":
        storage = "matrix-free" if place is None else "disk"
        if storage_bytes(n, "packed", dtype, count) <= limit:
            storage = "packed"
    elif storage == "disk" and place is None:
        raise ValueError("storage='disk' needs path=, a file for the tiles; got path=None.")
    elif storage != "disk" and place is not None:
        raise ValueError(f"path= belongs to storage='disk' or 'auto'; got storage={storage!r}.")
    need = storage_bytes(n, storage, dtype, count)
    if need > limit:
        fits = [
            f"storage={s!r}, dtype={t!r} takes {size_text(storage_bytes(n, s, t, count))}"
            for s, t in (
                ("packed", "float64"),
                ("packed", "float32"),
                ("disk", dtype),
                ("matrix-free", "float64"),
            )
            if storage_bytes(n, s, t, count) <= limit
        ]
        raise MemoryError(
            f"{storage} {dtype} of n={n} takes {size_text(need)}, more than max_memory="
            f"{size_text(limit)}. "
            + ("What fits: " + "; ".join(fits) + "." if fits else "Nothing smaller fits.")
        )
    if storage == "matrix-free" and dtype != "float64":
        raise ValueError("matrix-free products are computed in float64; drop dtype='float32'.")
    points = core_points(A, kernel, threads, normalize=normalize)
    if dtype == "float32" and (kernel.homogeneity or layered(points)):
        check_float32(core_diagonal(points, kernel))
    with Reporter(progress, callback) as report:
        try:
            place = place if storage == "disk" else None
            return Gram(points, n, kernel, storage, dtype, threads, report.ask, path=place)
        except _core.Interrupted:
            raise KeyboardInterrupt(report.why) from None


def dask_of(storage: Any) -> Dask:
    """The storage that is no name: a :class:`Dask`."""
    from ..distributed import Dask

    if not isinstance(storage, Dask):
        raise ValueError(
            f"storage must be one of {STORAGES}, or a mehler.Dask; got {storage!r}."
            + (" Pass mehler.Dask(client)." if hasattr(storage, "scheduler_info") else "")
        )
    return storage


def check_float32(diagonal: Array) -> None:
    """Refuse diagonal entries that float32 cannot hold."""
    if not (diagonal.max() <= 1e38 and diagonal.min() >= 1e-37):
        raise ValueError(
            f"diagonal entries from {diagonal.min():.1e} to {diagonal.max():.1e} leave the range of "
            "float32; rescale X, pass normalize=True, or dtype='float64'."
        )


def dense_gram(X: Any, kernel: Kernel, threads: int | None = None) -> Array:
    """K(X, X) as a dense float64 array (n, n), symmetric to the bit.

    Parameters
    ----------
    X
        Points, (n, d).
    kernel
        The kernel.
    threads
        Number of threads; default OpenMP's.
    """
    A = as_points(X)
    points = core_points(A, kernel, threads)
    K: Array = _core.dense_gram(points, kernel.h.compiled, "float64", thread_count(threads))[0]
    return K


def cross_gram(X: Any, Y: Any, kernel: Kernel, threads: int | None = None) -> Array:
    """K(X, Y) as a dense float64 array (n, m).

    Parameters
    ----------
    X, Y
        Points, (n, d) and (m, d).
    kernel
        The kernel.
    threads
        Number of threads; default OpenMP's.
    """
    A, B = as_points(X), as_points(Y, name="Y")
    if A.shape[1] != B.shape[1]:
        raise ValueError(f"X and Y must have one dimension d; got {A.shape[1]} and {B.shape[1]}.")
    P, Q = meeting_points([A, B], kernel, threads)
    return _core.cross_gram(P, Q, kernel.h.compiled, thread_count(threads))
