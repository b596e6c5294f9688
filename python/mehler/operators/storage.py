"""Names of the storages of a kernel matrix, and the bytes that each takes."""

from __future__ import annotations

from . import disk
from .packed import BYTES

STORAGES = ("auto", "dense", "packed", "matrix-free", "disk")  # by name; mehler.Dask is no name
DTYPES = ("float64", "float32")
TILE = 256


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
