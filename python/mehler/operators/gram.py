"""Gram operators: kernel matrices of points, stored or not, that multiply blocks of vectors.

    K_ij = (|x_i| |x_j|)^q h(cos_ij), or a function of both norms and the cosine (``layered``)

``gram`` makes one, a ``kernel_matrix``: of ``points`` in the core, in a ``storage``. ``entries`` are plain arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._arrays import as_points, choice, flag, memory_limit, size_text, thread_count
from ..activations import Activation
from ..kernels import Kernel, gradient_kernel
from . import disk
from .kernel_matrix import Gram
from .layered import layered
from .points import check_float32, core_diagonal, core_points
from .storage import DTYPES, STORAGES, storage_bytes

if TYPE_CHECKING:
    from ..distributed import Dask

__all__ = ["DTYPES", "STORAGES", "Gram", "check_float32", "core_diagonal", "core_points", "gram"]


def as_kernel(kernel: Kernel | Activation | str) -> Kernel:
    """A kernel; an activation or its name means its gradient kernel."""
    return kernel if isinstance(kernel, Kernel) else gradient_kernel(kernel)


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
        if path is not None or max_memory is not None:
            raise ValueError(
                "max_memory= and path= are for tiles of this process; with storage=mehler.Dask(...) the memory_limit of "
                "the workers counts. Leave them out."
            )
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


def dask_of(storage: Any, names: tuple[str, ...] = STORAGES) -> Dask:
    """The storage that is none of the names: a :class:`Dask`."""
    from ..distributed import Dask

    if not isinstance(storage, Dask):
        raise ValueError(
            f"storage must be one of {names}, or a mehler.Dask; got {storage!r}."
            + (
                " Pass mehler.Dask(client)."
                if storage is Dask or hasattr(storage, "scheduler_info")
                else ""
            )
        )
    return storage
