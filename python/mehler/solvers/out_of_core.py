"""The Cholesky factor of K - s I in a file, for matrices whose factor does not fit into memory.

A panel of columns is made in memory from the points, the columns before it streamed past from the file; solves
stream the file forward and back (cpp/disk/cholesky.hpp). The factor is that of memory bit for bit. The file
says whose factor it holds and which columns are done: a run that was killed goes on with the
first that is not, and a factor that is complete serves again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from typing import Any

from .. import _core
from .._arrays import size_text
from ..kernels import Kernel
from ..operators.disk import kernel_digest, points_digest
from . import budget
from .outcome import Task

Kind = type[_core.OutOfCore64] | type[_core.OutOfCore32]
KINDS: dict[str, Kind] = {"float64": _core.OutOfCore64, "float32": _core.OutOfCore32}


def file_bytes(n: int, dtype: str) -> int:
    """Bytes of its file."""
    return int(KINDS[dtype].file_bytes(n))


def read(n: int, dtype: str, nbytes: int) -> float:
    """Bytes that a factorisation reads again: n^3 / (6 w) entries, panels of width w in ``nbytes``."""
    size = 8.0 if dtype == "float64" else 4.0
    width = max(nbytes / (size * n), float(_core.Cholesky64.edge_for(n)))
    return size * n**3 / (6.0 * width)


def digest(points: _core.Points, ker: Kernel) -> bytes:
    """32 bytes that points and kernel share with no others: of what a file of tiles (``operators.disk``) knows them by.

    Parameters
    ----------
    points, ker
        The points in the core, and the kernel.
    """
    known = points_digest(points) + kernel_digest(points, ker)
    return hashlib.sha256(b"mehler factor " + known).digest()


class FactorFile:
    """A file for factors of one kernel matrix, one at a time.

    Parameters
    ----------
    path
        Where it is, or will be.
    points, ker
        The points in the core, and the kernel.
    ladder
        Precisions of factors, in the order in which they are tried: the one that is in the file goes on there.
    large
        Those of them that go into the file otherwise.
    task
        Threads, memory, who listens.
    held
        Bytes taken by what is not the factor.
    auto
        Any precision will do: the one that is in the file comes first, whatever the ladder.

    Raises
    ------
    OSError
        The folder is missing or cannot be written, or the disk is full.
    ValueError
        The file is none of ours, was altered, or holds another matrix's factor.
    """

    def __init__(
        self,
        path: str,
        points: _core.Points,
        ker: Kernel,
        ladder: list[str],
        large: list[str],
        task: Task,
        held: int,
        auto: bool = False,
    ) -> None:
        self.path, self.points, self.profile, self.task = path, points, ker.h.compiled, task
        self.free = task.limit - held - budget.THREAD * task.threads
        self.digest = digest(points, ker)
        self.auto = auto
        self._survey: _core.Survey | None = None
        n = len(points.unit)
        self.begun = self._begun(n, ladder)
        self._room(max(file_bytes(n, dtype) for dtype in large))
        task.files.append(path)

    def _begun(self, n: int, ladder: list[str]) -> tuple[str, float] | None:
        """Precision and shift of the factor that is there, done or not."""
        found: dict[str, Any] | None = _core.factor_file(self.path)
        if found is None:
            return None
        if found["digest"] != self.digest:
            whose = f"n={found['n']}; this one has n={n}"
            if found["n"] == n:
                whose = f"also n={n}, but of other points, another kernel or another order of them"
            raise ValueError(
                f"{self.path} holds the factor of another matrix ({whose}); remove it, or pass another path."
            )
        if found["dtype"] not in ladder and not self.auto:
            if found["dtype"] == "float32":  # float64, which was asked for, takes its place
                return None
            raise ValueError(
                f"{self.path} holds a {found['dtype']} factor, and this call makes one in {' or '.join(ladder)}; "
                "remove it, pass another path, or leave precision out."
            )
        return found["dtype"], found["shift"]

    def from_there(self, ladder: list[str]) -> list[str]:
        """The precisions to try, beginning with the one that is in the file: what comes before it was given up."""
        if self.begun is None:
            return ladder
        first = self.begun[0]
        return ladder[ladder.index(first) :] if first in ladder else [first, *ladder]

    def holds(self, dtype: str) -> bool:
        """Whether the factor of this precision is the one that was there, done or not."""
        return self.begun is not None and self.begun[0] == dtype

    def _room(self, nbytes: int) -> None:
        """Refuses, before any work, a folder that has no room or takes no file."""
        folder = os.path.dirname(os.path.abspath(self.path))
        if not os.path.isdir(folder):
            raise FileNotFoundError(
                errno.ENOENT, "no such folder; make it, or pass another path", folder
            )
        if not os.path.exists(self.path) and not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "no file can be made in this folder", folder)
        there = os.stat(self.path).st_blocks * 512 if os.path.exists(self.path) else 0
        free = shutil.disk_usage(folder).free + there
        if nbytes > free:
            raise OSError(
                errno.ENOSPC,
                f"the factor takes {size_text(nbytes)}, and {size_text(free)} are free; free as much, or "
                "pass a path on another disk",
                self.path,
            )

    def remove(self) -> None:
        """The file is of no more use."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def make64(self, shift: float) -> _core.OutOfCore64:
        """The same in float64."""
        made = self.make("float64", shift)
        assert isinstance(made, _core.OutOfCore64)
        return made

    def make(self, dtype: str, shift: float) -> _core.OutOfCore64 | _core.OutOfCore32:
        """K - s I, whose factor will be in the file."""
        if self._survey is None:
            self._survey = _core.Survey(
                self.points, self.profile, self.task.threads, self.task.report.ask
            )
        return KINDS[dtype](
            self.points, self.profile, self._survey, shift, self.path, self.digest, self.free
        )
