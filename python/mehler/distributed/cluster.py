"""``storage=mh.Dask(client)``: the workers of a Dask cluster, as a place for the tiles of a kernel matrix."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from .. import _core
from .._arrays import as_points, choice, flag, integer, thread_count
from .._progress import Reporter
from ..data.points import normalize as to_unit_norm
from ..kernels import Kernel
from ..operators.gram import DTYPES, core_points
from . import rounds
from .arguments import addresses, check_client, check_known, local_options
from .blocks import check, is_dask
from .model import Model
from .operator import DaskGram
from .placement import Room, leaf_sizes, placed, product_cost
from .rounds import SchedulerLost

GUARD = (
    "mh.Dask() starts processes, which import this script again: put what it does under `if __name__ == '__main__':`, "
    "or pass a distributed.Client."
)
COUNTS = ("n_workers", "threads_per_worker")


class Dask:
    """Workers of a Dask cluster that hold the tiles of a kernel matrix: a value of ``storage=`` in :func:`gram` and :func:`min_eig`.

    Each worker fills and multiplies the tiles that it holds by the compiled core, with its own threads; V goes to each of them
    once a product, and their sums come back: straight, or by the scheduler where a worker cannot be reached from here. Products do
    not depend on how many workers there are, to the bit. What a lost worker held is filled again on others. Nothing goes by files.

    Parameters
    ----------
    client
        A ``distributed.Client`` that is not asynchronous; the same version of mehler is on its workers. None: a cluster of
        worker processes on this machine, made when first needed, and closed with this object.
    workers
        Addresses of the workers to use; None: all.
    direct
        Whether products go straight from here to the workers, each by a connection of its own: one round trip less, and no
        vector passes the scheduler. False: everything goes by the scheduler, as it does by itself where a worker cannot be
        reached from here, or the cluster does not speak plain TCP (TLS, UCX).
    n_workers, threads_per_worker, memory_limit
        Of the cluster that is made without a client, as ``distributed.LocalCluster`` takes them.

    Examples
    --------
    >>> print(mh.Dask.model(n=100_000, workers=4, threads=8, d=50, dtype="float32"))
    n = 100000 float32 on 4 workers
    on each worker     5.02 GB of tiles, at most 5.24 GB in all
    a product with 2   8 messages, 6.4 MB to the workers, 6.4 MB from them, 40.1 Gflop
    """

    def __init__(
        self,
        client: Any = None,
        workers: Sequence[str] | None = None,
        *,
        direct: bool = True,
        n_workers: int | None = None,
        threads_per_worker: int | None = None,
        memory_limit: Any = "auto",
    ) -> None:
        options = local_options(n_workers, threads_per_worker, memory_limit)
        if client is not None:
            check_client(
                client, any(options[k] is not None for k in COUNTS) or memory_limit != "auto"
            )
        self._given, self.workers = client, addresses(workers)
        self.direct = flag("direct", direct)
        self._made: Any = None
        self._closed = False
        self._options = options
        self._known = workers is None

    @property
    def client(self) -> Any:
        """The client; of workers on this machine, they are started when it is first asked for.

        Returns
        -------
        distributed.Client

        Raises
        ------
        ImportError
            Dask is not installed.
        ValueError
            The workers on this machine are closed.
        """
        if self._given is not None:
            return self._given
        if self._closed:
            raise ValueError("this mh.Dask() is closed; make another.")
        if self._made is None:
            try:
                import distributed
            except ImportError:
                raise ImportError(
                    "storage=mh.Dask() needs Dask; pip install 'mehler[distributed]'."
                ) from None
            if getattr(multiprocessing.current_process(), "_inheriting", False):
                raise RuntimeError(GUARD)  # a worker that is about to start imports the script
            local: Any = distributed
            try:
                cluster = local.LocalCluster(
                    processes=True,
                    dashboard_address="127.0.0.1:0",
                    host="127.0.0.1",
                    **self._options,
                )
            except RuntimeError as failed:
                raise RuntimeError(
                    f"the workers of mh.Dask() did not start ({failed}). {GUARD}"
                ) from failed
            self._made = (local.Client(cluster, set_as_default=False), cluster)
        return self._made[0]

    def close(self) -> None:
        """Close the cluster that was made without a client; a given client stays open.

        Returns
        -------
        None
        """
        self._closed = True
        if self._made is not None:
            (client, cluster), self._made = self._made, None
            client.close()
            cluster.close()

    def __enter__(self) -> Dask:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self._given if self._given is not None else "workers on this machine"
        return f"<Dask storage, {where}>"

    @staticmethod
    def model(
        n: int, workers: int, threads: int = 1, d: int = 1, dtype: str = "float64", b: int = 2
    ) -> Model:
        """What it will take on a cluster of equal workers: bytes held, and messages, bytes and flops of a product.

        Parameters
        ----------
        n, d
            Points, and their dimension.
        workers, threads
            Workers, and threads of each.
        dtype
            'float64' or 'float32'.
        b
            Vectors in a product; block Lanczos multiplies two.

        Returns
        -------
        Model

        Raises
        ------
        TypeError, ValueError
            Not integers, or below 1.
        """
        for name, value in {"n": n, "workers": workers, "threads": threads, "d": d, "b": b}.items():
            if integer(value, name) < 1:
                raise ValueError(f"{name} must be >= 1; got {value}.")
        choice("dtype", dtype, DTYPES)
        ranges = placed(n, d, dtype, [Room(np.inf, threads)] * workers)
        cost = product_cost(n, b, dtype, ranges)
        return Model(n, d, dtype, b, threads, cost)

    def fitting(self, n: int, d: int, ladder: Sequence[str]) -> list[str]:
        """The formats, of a ladder of them, whose tiles fit on the workers.

        Parameters
        ----------
        n, d
            Points, and their dimension.
        ladder
            Formats of the entries.

        Returns
        -------
        list of str
            At least one.

        Raises
        ------
        MemoryError
            None fits; says what would.
        """
        rooms = list(self._rooms().values())
        fit, refused = [], None
        for dtype in ladder:
            try:
                placed(n, d, dtype, rooms)
                fit.append(dtype)
            except MemoryError as error:
                refused = refused or error
        if not fit:
            assert refused is not None
            raise refused
        return fit

    def foreseen(
        self, n: int, d: int, ladder: Sequence[str], b: int
    ) -> dict[str, tuple[Model, dict[str, int]]]:
        """What would be where, before anything is placed: of each format that fits, its model and the bytes of tiles on each worker.

        Parameters
        ----------
        n, d, ladder
            As :meth:`fitting` takes them.
        b
            Vectors in a product.

        Returns
        -------
        dict
            At least one format.

        Raises
        ------
        MemoryError, ValueError
            None fits; there are no workers.
        """
        rooms = self._rooms()
        found = {}
        for dtype in self.fitting(n, d, ladder):
            ranges = placed(n, d, dtype, list(rooms.values()))
            size = leaf_sizes(n, dtype)
            held = {w: sum(size[i] for i in r) for w, r in zip(rooms, ranges, strict=True) if r}
            threads = max(rooms[w].threads for w in held)
            found[dtype] = Model(n, d, dtype, b, threads, product_cost(n, b, dtype, ranges)), held
        return found

    def asked(self, function: Callable[..., Any], workers: Sequence[str]) -> dict[str, Any]:
        """What a function says on each of the workers.

        Parameters
        ----------
        function, workers
            As ``Client.run`` takes them.

        Returns
        -------
        dict
            By worker.

        Raises
        ------
        ConnectionError
            The scheduler is gone.
        """
        return rounds.said(self.client, function, workers)

    def _rooms(self) -> dict[str, Room]:
        """Workers there are, and what they have room for."""
        rooms = rounds.rooms_of(self.client, self.workers)
        if not self._known:  # later, some of them may have been lost
            check_known(self.workers, rounds.workers_of(self.client))
            self._known = True
        if not rooms:
            raise ValueError(rounds.no_workers(self.workers))
        return rooms

    def place(
        self,
        X: Any,
        points: _core.Points | None,
        kernel: Kernel,
        dtype: str,
        threads: int | None,
        normalize: bool = False,
    ) -> DaskGram:
        """The kernel matrix of points that have been checked, on the workers, for a work that has a reporter.

        Parameters
        ----------
        X, points
            Points, (n, d), and the same in the core; a dask array, and None.
        kernel, dtype, threads, normalize
            As :func:`gram` takes them.

        Returns
        -------
        DaskGram
        """
        try:
            return self._gram(X, points, kernel, dtype, threads, normalize)
        except SchedulerLost as error:  # of a work that goes on from what it knows
            report = Reporter.current()
            if report is None:
                raise
            report.stop(str(error))
            raise KeyboardInterrupt(report.why) from error

    def gram(
        self,
        X: Any,
        kernel: Kernel,
        dtype: str = "float64",
        threads: int | None = None,
        normalize: bool = False,
        progress: bool | None = None,
        callback: Callable[[Any], Any] | None = None,
    ) -> DaskGram:
        """What ``mh.gram(X, kernel, storage=self)`` gives.

        Parameters
        ----------
        X, kernel, dtype, threads, normalize, progress, callback
            As :func:`gram` takes them.

        Returns
        -------
        DaskGram
        """
        thread_count(threads)
        with Reporter(progress, callback) as report:
            try:
                self._rooms()  # nothing is made for workers that are not there
                points = None
                if is_dask(X):
                    check(X)
                else:
                    X = as_points(X)
                    if normalize:
                        X, normalize = to_unit_norm(X), False
                    points = core_points(X, kernel, threads)
                return self._gram(X, points, kernel, dtype, threads, normalize)
            except (KeyboardInterrupt, _core.Interrupted):
                raise KeyboardInterrupt(report.why) from None

    def _gram(
        self,
        X: Any,
        points: _core.Points | None,
        kernel: Kernel,
        dtype: str,
        threads: int | None,
        normalize: bool,
    ) -> DaskGram:
        return DaskGram(
            self.client, self.workers, X, points, kernel, dtype, threads, normalize, self.direct
        )
