"""What a matrix and its products will take on a cluster, before there is one."""

from __future__ import annotations

from dataclasses import dataclass

from .._arrays import size_text
from .placement import ProductCost, beside, making


@dataclass(frozen=True)
class Model:
    """Bytes, flops and messages of a kernel matrix on equal workers. Make one with :meth:`Dask.model`.

    Attributes
    ----------
    n, d, dtype, b
        Points, their dimension, format of the entries, vectors in a product.
    threads
        Of each worker.
    product
        One product: ``workers``, ``slices`` (of four vectors at most), ``messages``, ``bytes_out``, ``bytes_in``, ``entries`` (bytes of tiles that a
        worker holds, and reads once a slice), ``flops``.

    Examples
    --------
    >>> m = mh.Dask.model(n=1_000_000, workers=64, threads=16, d=50, dtype="float32")
    >>> m.product.messages, m.product.bytes_out == 64 * 8 * 2 * 1_000_000
    (128, True)
    >>> reading, sending = m.seconds(stream=100e9, network=1.25e9)  # memory of a worker, network of the client
    >>> print(f"{reading:.2f} s of memory, {sending:.2f} s of network")
    0.31 s of memory, 1.64 s of network
    """

    n: int
    d: int
    dtype: str
    b: int
    threads: int
    product: ProductCost

    @property
    def worker_bytes(self) -> int:
        """Bytes that a worker takes at most: tiles, points, vectors; or, before there are tiles, what points are made of."""
        held = self.product.entries + beside(self.n, self.d, self.threads)
        return max(held, making(self.n, self.d, self.threads))

    def seconds(self, stream: float, network: float) -> tuple[float, float]:
        """Seconds that a product spends in the memory of the workers, and in the network of the client.

        Parameters
        ----------
        stream
            Bytes a second that a worker reads from its memory.
        network
            Bytes a second, each way, of the machine that all vectors and sums pass: the client's (the scheduler's, where
            it passes them on).

        Returns
        -------
        tuple of float
            Reading, and sending; one after the other, as a product goes.
        """
        p = self.product
        return p.slices * p.entries / stream, (p.bytes_out + p.bytes_in) / network

    def __str__(self) -> str:
        p = self.product
        return (
            f"n = {self.n} {self.dtype} on {p.workers} workers\n"
            f"on each worker     {size_text(p.entries)} of tiles, at most {size_text(self.worker_bytes)} in all\n"
            f"a product with {self.b:<3} {p.messages} messages, {size_text(p.bytes_out)} to the workers, "
            f"{size_text(p.bytes_in)} from them, {p.flops / 1e9:.3g} Gflop"
        )
