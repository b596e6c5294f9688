"""Packed tiles in a file: what says whose they are, and the journal of a solve beside them.

    FILE            the tiles, with checksums and progress (cpp/disk/tile_file.hpp)
    FILE.lanczos    what Lanczos has learnt from products so far (cpp/solve/journal.hpp); gone once a solve has ended

Entries are decided by the unit vectors and norms of the points and by what the kernel compiles to: a digest of either
stands in the file, which is refused for anything else.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from .._arrays import free_memory
from .._build import version
from ..kernels import Kernel
from .layered import layered

Disk = _core.Disk64 | _core.Disk32 | _core.DiskFixed32
DISK = (_core.Disk64, _core.Disk32, _core.DiskFixed32)
_TYPES: dict[str, Any] = dict(zip(("float64", "float32", "fixed32"), DISK, strict=True))


def bytes_for(n: int, kind: str, threads: int) -> int:
    """Bytes of memory that filling and products take."""
    return int(_TYPES[kind].bytes_for(n, threads))


def file_bytes(n: int, kind: str) -> int:
    """Bytes of the file."""
    return int(_TYPES[kind].file_bytes(n))


def as_path(path: Any) -> str:
    """A path as text; TypeError for anything that is none, ValueError for an empty one."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise TypeError(f"path must be a text or a path; got {path!r}.")
    if not text or "\0" in text:
        raise ValueError(f"path must name a file; got {text!r}.")
    return text


def as_file(path: Any) -> str:
    """The same; refused where it is a folder."""
    name = as_path(path)
    if os.path.isdir(name):
        raise IsADirectoryError(
            errno.EISDIR, "path must name a file; found a directory: pass another path", name
        )
    return name


def opened(
    points: _core.Points,
    kernel: Kernel,
    kind: str,
    path: str,
    threads: int,
    ask: _core._Ask,
    top: float,
) -> tuple[Disk, Journal]:
    """The tiles at ``path``: those that are there, and the others computed now; and the journal beside them.

    Parameters
    ----------
    points, kernel
        What they are of.
    kind
        'float64', 'float32' or 'fixed32'.
    path
        The file; made where there is none.
    threads, ask
        As the core takes them.
    top
        max K_ii.
    """
    digests = points_digest(points), kernel_digest(points, kernel)
    tiles: Disk = _TYPES[kind](points, kernel.h.compiled, top, path, *digests, threads, ask)
    # A file that memory has room for is read through the system's cache, where it stays from product to
    # product. A longer one would push itself out before it is read again: it goes around the cache.
    tiles.direct(tiles.on_disk > 0.8 * free_memory())
    matrix = b"".join(digests) + kind.encode()
    return tiles, Journal(path + ".lanczos", matrix, max(tiles.on_disk, 1 << 24))


def points_digest(points: _core.Points) -> bytes:
    """32 bytes that belong to the points: unit vectors and norms."""
    sum = hashlib.blake2b(digest_size=32)
    for part in (points.unit, points.norms()):
        sum.update(repr(part.shape).encode())
        sum.update(np.ascontiguousarray(part).data)
    return sum.digest()


def kernel_digest(points: _core.Points, kernel: Kernel) -> bytes:
    """32 bytes that belong to the entries' function: tables that are compiled, exponent, layers."""
    sum = hashlib.blake2b(digest_size=32)
    if layered(points):
        layers = points.layers
        _feed(sum, (kernel.kind, kernel.weight_var, kernel.bias_var, layers.low, layers.high))
        _feed(sum, layers.layers)
    else:
        _feed(sum, (kernel.homogeneity, kernel.h))
    return sum.digest()


def _feed(sum: Any, value: Any) -> None:
    """Everything that makes a value: arrays, numbers, texts, and what is made of them."""
    if isinstance(value, np.ndarray):
        sum.update(f"{value.dtype.str}{value.shape}".encode())
        sum.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, (np.floating, float)):
        sum.update(float(value).hex().encode() + b";")
    elif value is None or isinstance(value, (str, int, np.integer)):
        sum.update(repr(value).encode() + b";")
    elif isinstance(value, (tuple, list)):
        sum.update(f"({len(value)}".encode())
        for part in value:
            _feed(sum, part)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _feed(sum, getattr(value, field.name))
    else:
        raise TypeError(f"no digest of {type(value).__name__}")


@dataclass(frozen=True)
class Journal:
    """Where Lanczos on tiles in a file keeps what products have taught it (cpp/solve/journal.hpp).

    Attributes
    ----------
    path
        FILE.lanczos.
    matrix
        What says whose the tiles are.
    most
        Bytes that it may grow to: as many as the tiles take.
    """

    path: str
    matrix: bytes
    most: int

    def arguments(self) -> tuple[str, bytes, int]:
        """As the core takes it; its digest is of the tiles and of this version of the program."""
        # Restarts and rounding may be others in another version: its steps do not continue these.
        key = self.matrix + f", mehler {version()}".encode()
        return self.path, hashlib.blake2b(key, digest_size=32).digest(), self.most

    def remove(self) -> None:
        """Its steps are not needed any more."""
        _core.remove_journal(self.path)
