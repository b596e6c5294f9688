"""What users pass, made what the core wants: the one place where input is checked.

Accepted: anything NumPy reads (lists, buffers, ``__array__``, memory maps, any order and strides) and
anything that speaks DLPack on the CPU. float64 in C order is taken without a copy, other real
types are converted; complex numbers, objects, strings, NaN and infinity are refused.
"""

from __future__ import annotations

import math
import operator
import os
from typing import Any

import numpy as np

from . import _core

Array = np.ndarray[Any, np.dtype[np.float64]]

UNIT = 1e-12  # norms equal to this count as equal


def as_array(X: Any, name: str) -> np.ndarray[Any, Any]:
    """X as an ndarray of a real number type, not yet converted."""
    if isinstance(X, (str, bytes)):
        raise TypeError(
            f"{name} must be an array of numbers; got {type(X).__name__}. Load a file with mehler.load."
        )
    if hasattr(X, "__dlpack__") and not isinstance(X, np.ndarray):
        device = X.__dlpack_device__() if hasattr(X, "__dlpack_device__") else (1, 0)
        if device[0] != 1:
            raise TypeError(
                f"{name} must be in the memory of the CPU; it lies on DLPack device {tuple(device)}. "
                "Move it there first: nothing is transferred silently."
            )
        try:
            X = np.from_dlpack(X)
        except (BufferError, TypeError, RuntimeError):
            X = np.asarray(X)  # e.g. a type that NumPy knows but DLPack does not
    try:
        A = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a rectangular array; rows of different lengths? ({error})"
        ) from None
    if A.dtype.kind == "c":
        raise TypeError(
            f"{name} must be real; got {A.dtype}. Pass real and imaginary parts as columns."
        )
    if A.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {A.dtype}.")
    return A


def as_points(X: Any, *, name: str = "X") -> Array:
    """Points as a C-contiguous float64 array (n, d), n >= 1, d >= 1, all finite, no zero row.

    Raises
    ------
    TypeError
        Strings, complex numbers, objects, arrays outside the CPU's memory.
    ValueError
        Not 2-D, empty, NaN or infinity, a zero row.
    """
    A = as_array(X, name)
    if A.ndim != 2:
        hint = (
            " A single point is X[None, :]."
            if A.ndim == 1
            else " Flatten images: X.reshape(len(X), -1)."
        )
        raise ValueError(f"{name} must be 2-D, one point a row; got shape {A.shape}.{hint}")
    if A.shape[0] == 0 or A.shape[1] == 0:
        raise ValueError(
            f"{name} must hold at least one point of at least one dimension; got shape {A.shape}."
        )
    out = np.ascontiguousarray(A, dtype=np.float64)
    zero = []
    for start in range(0, len(out), 4096):
        part = out[start : start + 4096]
        if not np.isfinite(part).all():
            i, j = np.argwhere(~np.isfinite(part))[0]
            raise ValueError(
                f"{name} must be finite; found {part[i, j]} at row {start + i}, column {j}. "
                "Remove or impute such rows first."
            )
        zero.extend((start + np.flatnonzero(~part.any(axis=1))).tolist())
    if zero:
        shown = ", ".join(map(str, zero[:5])) + (", ..." if len(zero) > 5 else "")
        raise ValueError(
            f"{name} must not contain zero rows, which have no direction; found {len(zero)} (rows {shown}). "
            "Remove them first."
        )
    return out


def thread_count(threads: int | None) -> int:
    """threads, or what OpenMP would take now (OMP_NUM_THREADS, threadpoolctl)."""
    if threads is None:
        return int(_core.default_threads())
    count = integer(threads, "threads")
    if count < 1:
        raise ValueError(f"threads must be >= 1, or None for OpenMP's default; got {threads!r}.")
    return count


def integer(value: Any, name: str) -> int:
    """An integer, but no bool and no float."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer; got {value!r}.")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r}.") from None


def seed_from(rng: Any) -> int:
    """63 bits from a seed, a Generator, or None for fresh entropy."""
    if isinstance(rng, np.random.RandomState):
        raise TypeError("rng must be a seed or a numpy.random.Generator; got a legacy RandomState.")
    return int(np.random.default_rng(rng).integers(0, 2**63 - 1))


_UNITS = {"": 1, "B": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def memory_limit(max_memory: int | float | str | None) -> int:
    """Bytes: a number, a text such as '10GB' or '512MiB', or None for 80 % of what is free now."""
    if max_memory is None:
        return int(0.8 * free_memory())
    if isinstance(max_memory, str):
        text = max_memory.strip().upper().replace(" ", "")
        digits = text.rstrip("KMGTIB")
        unit = text[len(digits) :]
        base = unit.replace("IB", "").rstrip("B")
        try:
            number = float(digits)
            scale = 1024.0 ** "KMGT".index(base) * 1024 if "IB" in unit else _UNITS[base]
        except (ValueError, KeyError):
            raise ValueError(
                f"max_memory must be bytes or a text such as '10GB'; got {max_memory!r}."
            ) from None
        value = number * scale
    else:
        try:
            value = float(max_memory)
        except (TypeError, ValueError):
            raise TypeError(
                f"max_memory must be bytes or a text such as '10GB'; got {max_memory!r}."
            ) from None
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"max_memory must be positive; got {max_memory!r}.")
    return int(value)


def free_memory() -> int:
    """Bytes that the system could give now, in the container if there is one."""
    free = 2**62
    try:
        with open("/proc/meminfo", encoding="ascii") as f:
            for line in f:
                if line.startswith("MemAvailable:"):
                    free = 1024 * int(line.split()[1])
    except OSError:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as f:
            limit = f.read().strip()
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as f:
            used = int(f.read())
        if limit != "max":
            free = min(free, int(limit) - used)
    except (OSError, ValueError):
        pass
    return max(free, 1)


def size_text(nbytes: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if nbytes < 1000:
            return f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} TB"
