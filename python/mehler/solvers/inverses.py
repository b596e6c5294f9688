"""P^-1 near (K + shift I)^-1, by name: what conjugate gradients are preconditioned with.

- ``cholesky``: the tiled factor of K + shift I, for whatever has entries. In float32 its rounding is what
  conjugate gradients take out again; where it breaks down in float32, float64; where it breaks down there,
  the least multiple of I more with which it exists.
- ``sparse``, ``low-degree``, ``landmarks``: those of the preconditioned eigensolver (``preconditioners``), for
  a Gram operator, with shift I in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._arrays import Array, beyond, enough
from ..operators.foreign import as_operator
from ..operators.kernel_matrix import Gram
from ..operators.layered import layered, refuse
from ..preconditioners import choice
from . import cholesky
from .conjugate_gradient import Apply, Rows
from .outcome import Task

NAMES = ("auto", "cholesky", "sparse", "low-degree", "landmarks")
FACTOR_UP_TO = 12_000  # beyond, n^3 / 3 flops of a factor are more than the products that it spares
LEAST = 64  # points: fewer are the factor's


class Inverse(NamedTuple):
    """P^-1 on rows, bytes, words."""

    apply: Apply
    nbytes: int
    words: str


def none() -> Inverse:
    """P = I."""
    return Inverse(lambda R: R.copy(), 0, "no preconditioner")


def choose(K: Any, dense: Array | None, n: int, free: int) -> str | None:
    """What 'auto' means: the factor where there are entries and it fits, up to 12,000; else what the kernel suggests."""
    entries = dense is not None or isinstance(K, Gram)
    if entries and n <= FACTOR_UP_TO and min(_factor_bytes(n).values()) <= free:
        return "cholesky"
    if isinstance(K, Gram) and n >= LEAST and not layered(K._points):
        d = int(K._points.d)
        name = choice.choose(K.kernel, n, d)
        if choice.nbytes(name, K.kernel, n, d) <= free:
            return name
    return None


def make(
    name: str, K: Any, dense: Array | None, n: int, shift: float, held: int, task: Task
) -> Inverse:
    """The inverse of that name; refused where K has not what it takes, or memory does not hold it beside ``held`` bytes."""
    if name == "cholesky":
        return _factor(K, dense, n, shift, held, task)
    if not isinstance(K, Gram):
        raise TypeError(
            f"preconditioner={name!r} needs the points of K: a Gram operator; got {type(K).__name__}. Use "
            "mehler.gram(X, kernel), preconditioner='cholesky' for an array, or None."
        )
    what = f"preconditioner={name!r}"
    refuse(K._points, what)
    if n < LEAST:
        raise ValueError(f"{what} needs n >= {LEAST} points; got n={n}. Use 'cholesky'.")
    ker = K.kernel
    d = task.seen(ker, K._points).d
    if name == "sparse" and not ker.kinked:
        raise ValueError(
            f"preconditioner='sparse' is for activations with a kink; {ker.name} has none. Use 'auto'."
        )
    if name == "low-degree" and choice.low_degree_rank(ker, n, d)[1] < 1:
        raise ValueError(
            f"preconditioner='low-degree' has no terms to take: {d} dimensions are too many for n={n}. "
            "Use 'landmarks'."
        )
    _check_memory(what, n, choice.nbytes(name, ker, n, d), held, task)
    made = choice.make(name, ker, K._points, task, shift)

    def apply(R: Rows) -> Rows:
        return np.asarray(made.inverse.multiply(R.T, task.threads).T)

    return Inverse(apply, made.nbytes, f"{name}, {made.words}" if name == "sparse" else name)


def given(inverse: Any, n: int, threads: int) -> Inverse:
    """The user's own: an array, a LinearOperator, anything that multiplies blocks, or a function of one."""
    name = getattr(inverse, "__name__", type(inverse).__name__)
    if hasattr(inverse, "shape") or isinstance(inverse, (list, tuple)):
        op, _, order, _, nbytes, _ = as_operator(inverse, "preconditioner")
        if order != n:
            raise ValueError(
                f"preconditioner must have the shape ({n}, {n}) of K; got ({order}, {order})."
            )
        return Inverse(lambda R: np.asarray(op.multiply(R.T, threads).T), nbytes, f"given ({name})")
    if not callable(inverse):
        raise TypeError(
            f"preconditioner must be one of {NAMES}, None, a function R -> P^-1 R, or something with shape and "
            f"@; got {type(inverse).__name__}."
        )
    function: Callable[[Array], Any] = inverse

    def apply(R: Rows) -> Rows:
        Z = np.asarray(function(np.array(R.T, order="F")), dtype=np.float64)  # may work in place
        if Z.shape != (n, len(R)):
            raise ValueError(
                f"the preconditioner must give the shape {(n, len(R))} of the block R; got {Z.shape}."
            )
        return np.ascontiguousarray(Z.T)

    return Inverse(apply, 0, f"given ({name})")


def _check_memory(what: str, n: int, nbytes: int, held: int, task: Task) -> None:
    need = nbytes + held
    if need > task.limit:
        raise MemoryError(
            f"{what} at n={n} takes {beyond(need, task.limit)}, vectors counted; use max_memory="
            f"{enough(need)!r}, or preconditioner=None."
        )


def _factor_bytes(n: int) -> dict[str, int]:
    return {dtype: cholesky.factor_bytes(n, dtype) for dtype in cholesky.DTYPES}


def _factor(K: Any, dense: Array | None, n: int, shift: float, held: int, task: Task) -> Inverse:
    if dense is None and not isinstance(K, Gram):
        raise TypeError(
            f"preconditioner='cholesky' needs the entries of K: a Gram operator or a dense array; got "
            f"{type(K).__name__}. Pass K as an array, or preconditioner=None."
        )
    sizes = _factor_bytes(n)
    _check_memory("preconditioner='cholesky'", n, min(sizes.values()), held, task)
    ladder = cholesky.stages(n, sizes, "auto", task.limit - held)

    def tiles(dtype: str, s: float) -> cholesky.Factor:
        kind = _core.Cholesky64 if dtype == "float64" else _core.Cholesky32
        if dense is not None:
            return kind(dense, s - shift, task.threads, task.report.ask)
        return kind(K._points, K.kernel.h.compiled, s - shift, task.threads, task.report.ask)

    for dtype in ladder:
        F = cholesky.factor_at(tiles, dtype, task, dtype == ladder[-1], lambda F: 0.0)
        if F is not None:
            break
    assert F is not None
    made, raised = F, -F.shift - shift

    def apply(R: Rows) -> Rows:
        return np.asarray(made.solve(R.T, task.threads).T)

    words = f"cholesky {dtype}"
    if raised > 1e-300 + 4e-16 * shift:
        words += f" of K + {shift + raised:.1e} I"
    return Inverse(apply, int(made.nbytes), words)
