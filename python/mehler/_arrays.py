"""What users pass, made what the core wants: the one place where input is checked.

Accepted: anything NumPy reads (lists, buffers, ``__array__``, memory maps, any order and strides) and
anything that speaks DLPack on the CPU. float64 in C order is taken without a copy, other real
types are converted; complex numbers, objects, strings, NaN and infinity are refused.
"""

from __future__ import annotations

import math
import operator
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core
from ._words import meant

Array = np.ndarray[Any, np.dtype[np.float64]]

UNIT = 1e-12  # norms equal to this count as equal
MOST_THREADS = 4096


def as_array(X: Any, name: str) -> np.ndarray[Any, Any]:
    """X as an ndarray of a real number type, not yet converted."""
    if isinstance(X, (str, bytes, os.PathLike)):
        raise TypeError(
            f"{name} must be an array of numbers; got {type(X).__name__}. Load a file with mehler.load."
        )
    if hasattr(X, "tocsr"):
        raise TypeError(f"{name} must be dense; got {type(X).__name__}. Pass {name}.toarray().")
    if hasattr(X, "__dlpack__") and not isinstance(X, np.ndarray):
        device = X.__dlpack_device__() if hasattr(X, "__dlpack_device__") else (1, 0)
        if device[0] != 1:
            raise TypeError(
                f"{name} must be in the memory of the CPU; it lies on DLPack device {tuple(device)}. "
                "Move it there first: nothing is transferred silently."
            )
        try:
            X = np.from_dlpack(X)
        except (BufferError, TypeError, RuntimeError) as error:
            if not hasattr(X, "__array__"):  # else a type that NumPy knows but DLPack does not
                raise TypeError(
                    f"{name} must be an array of numbers; DLPack refused {type(X).__name__} ({error})."
                ) from None
    try:
        masked = _masked(X)
        given = np.asanyarray(X)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a rectangular array; rows of different lengths? ({error})"
        ) from None
    except RuntimeError as error:  # as of a tensor that carries a gradient
        raise TypeError(
            f"{name} must be an array of numbers; {type(X).__name__} refused ({error}). Pass "
            f"{name}.detach() if it carries a gradient."
        ) from None
    masked = masked or _masked(given)
    if masked:
        raise ValueError(
            f"{name} must hold no masked entries; found {masked}. Drop those rows, or fill them in: "
            f"{name}.filled(value)."
        )
    A = np.asarray(given)
    if A.dtype.kind == "O" and A.ndim == 0 and not isinstance(X, np.ndarray):
        raise TypeError(f"{name} must be an array of numbers; got {type(X).__name__}.")
    if A.dtype.kind == "c":
        raise TypeError(
            f"{name} must be real; got {A.dtype}. Take its real part if the imaginary part is zero."
        )
    if A.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must hold real numbers; got dtype {A.dtype}. Convert it first, as in "
            f"{name}.astype(float)."
        )
    return A


def _masked(X: Any) -> int:
    """How many entries of an array, or of a list of arrays, are masked."""
    if isinstance(X, (list, tuple)):
        return sum(_masked(row) for row in X if isinstance(row, np.ma.MaskedArray))
    return int(np.ma.getmaskarray(X).sum()) if isinstance(X, np.ma.MaskedArray) else 0


def as_points(X: Any, *, name: str = "X", normalize: Any = False) -> Array:
    """Points as a C-contiguous float64 array (n, d), n >= 1, d >= 1, all finite, no zero row; of norm one where asked for.

    Raises
    ------
    TypeError
        Strings, complex numbers, objects, arrays outside the CPU's memory; ``normalize`` is not True or False.
    ValueError
        Not 2-D, empty, NaN or infinity, a zero row.
    """
    A = as_array(X, name)
    if A.ndim != 2:
        hints = {0: "Pass a table of points.", 1: f"A single point is {name}[None, :]."}
        hint = hints.get(A.ndim, f"Flatten images: {name}.reshape(len({name}), -1).")
        raise ValueError(f"{name} must be 2-D, one point a row; got shape {A.shape}. {hint}")
    if A.shape[0] == 0 or A.shape[1] == 0:
        raise ValueError(
            f"{name} must hold at least one point of at least one dimension; got shape {A.shape}."
        )
    with np.errstate(over="ignore"):  # a longdouble beyond doubles becomes infinity: found below
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
    if not flag("normalize", normalize):
        return out
    from .data.points import normalize as to_unit_norm

    return to_unit_norm(out)


def thread_count(threads: int | None) -> int:
    """threads, or what OpenMP would take now (OMP_NUM_THREADS, threadpoolctl)."""
    if threads is None:
        return int(_core.default_threads())
    count = integer(threads, "threads")
    if not 1 <= count <= MOST_THREADS:
        raise ValueError(
            f"threads must be >= 1 and <= {MOST_THREADS}, or None for OpenMP's default; got {threads!r}."
        )
    return count


def integer(value: Any, name: str) -> int:
    """An integer, but no bool and no float."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer; got {value!r}.")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r}.") from None


def choice(
    name: str, value: Any, allowed: tuple[str, ...], elsewhere: Mapping[str, str] | None = None
) -> None:
    """Refuse a value that is not one of the names, and say which one is near; ``elsewhere`` says of some others where they belong."""
    if not isinstance(value, str) or value not in allowed:
        word = (elsewhere or {}).get(value.strip().lower(), "") if isinstance(value, str) else ""
        more = f" ({word})." if word else f".{meant(value, allowed)}"
        raise ValueError(f"{name} must be one of {allowed}; got {value!r}{more}")


def flag(name: str, value: Any) -> bool:
    """True or False; the text 'no' is neither."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; got {value!r}.")
    return bool(value)


def tolerance(tol: Any) -> float:
    """A relative accuracy, 0 < tol < 1."""
    try:
        if isinstance(tol, (str, bytes, bool, np.bool_)):
            raise TypeError
        value = float(tol)
    except (TypeError, ValueError):
        raise TypeError(f"tol must be a number; got {tol!r}.") from None
    if not 0.0 < value < 1.0:
        raise ValueError(f"tol must satisfy 0 < tol < 1; got {tol!r}.")
    return value


def duration(seconds: Any) -> float | None:
    """Seconds above 0, or None for no limit."""
    if seconds is None:
        return None
    expected = "time_limit must be a number of seconds above 0, or None"
    try:
        if isinstance(seconds, (str, bytes, bool, np.bool_)):
            raise TypeError
        value = float(seconds)
    except (TypeError, ValueError):
        raise TypeError(f"{expected}; got {seconds!r}.") from None
    if not value > 0.0:
        raise ValueError(f"{expected}; got {seconds!r}.")
    return value


def generator_from(rng: Any) -> np.random.Generator:
    """A Generator from a seed, a Generator, or None for fresh entropy."""
    expected = "rng must be None, an integer >= 0 or a numpy.random.Generator"
    if isinstance(rng, (np.random.RandomState, bool, np.bool_)):
        raise TypeError(f"{expected}; got {rng!r}.")
    try:
        return np.random.default_rng(rng)
    except TypeError:
        raise TypeError(f"{expected}; got {rng!r}.") from None
    except ValueError:
        raise ValueError(f"{expected}; got {rng!r}.") from None


def seed_from(rng: Any) -> int:
    """63 bits from what :func:`generator_from` takes."""
    return int(generator_from(rng).integers(0, 2**63 - 1))


_SIZE = re.compile(r"([-+.0-9E]+|NAN|INF) *([KMGT]?)(I?)B?")


def memory_limit(max_memory: int | float | str | None) -> int:
    """Bytes: a number, a text such as '10GB' or '512MiB', or None for 80 % of what is free now."""
    if max_memory is None:
        return int(0.8 * free_memory())
    expected = "max_memory must be bytes or a text such as '10GB'"
    if isinstance(max_memory, str):
        parts = _SIZE.fullmatch(max_memory.strip().upper())
        try:
            number, prefix, binary = parts.groups() if parts else ("", "", "")
            if binary and not prefix:
                raise ValueError
            value = float(number) * (1024.0 if binary else 1000.0) ** " KMGT".find(prefix or " ")
        except ValueError:
            raise ValueError(f"{expected}; got {max_memory!r}.") from None
    else:
        try:
            if isinstance(max_memory, (bytes, bool, np.bool_)):
                raise TypeError
            value = float(max_memory)
        except (TypeError, ValueError):
            raise TypeError(f"{expected}; got {max_memory!r}.") from None
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"max_memory must be positive; got {max_memory!r}.")
    return int(value)


def _without_proc() -> int:
    """Where there is no /proc: what Windows could give; on macOS, which does not say, all there is."""
    if sys.platform != "win32":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    import ctypes

    class Status(ctypes.Structure):  # MEMORYSTATUSEX
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (f"{which}_{kind}", ctypes.c_ulonglong)
            for kind in ("physical", "pagefile", "virtual", "extended")
            for which in (("total", "free") if kind != "extended" else ("free",))
        ]

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return 2**62  # unknown: whatever is asked for
    return int(status.free_physical)


def free_memory() -> int:
    """Bytes that the system could give now, in the container if there is one."""
    free = 2**62
    try:
        with open("/proc/meminfo", encoding="ascii") as f:
            for line in f:
                if line.startswith("MemAvailable:"):
                    free = 1024 * int(line.split()[1])
    except OSError:  # not Linux
        free = _without_proc()
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


def enough(nbytes: int) -> str:
    """A text for ``max_memory``, not less than so many bytes: three digits, rounded up."""
    unit, size = "B", float(nbytes)
    for larger in ("kB", "MB", "GB"):
        if size < 1000.0:
            break
        unit, size = larger, size / 1000.0
    digits = max(0, 2 - int(math.log10(max(size, 1.0))))
    up = math.ceil(size * 10**digits - 1e-9) / 10**digits
    return f"{up:.{digits}f}{unit}"


def beyond(nbytes: int, limit: int, copied: int = 0) -> str:
    """What is too much, and for what: of ``max_memory`` a copy of X has taken its part already."""
    beside = f" beside the copy of X in float64 ({size_text(copied)})" if copied else ""
    return f"{size_text(nbytes)}{beside}, more than max_memory={size_text(limit + copied)}"
