"""The Cholesky factor of K - s I as solvers take it: precisions and their bytes, and a shift at which it exists."""

from __future__ import annotations

import math
from collections.abc import Callable

from .. import _core
from . import budget
from .outcome import EPS, Task

InFile = _core.OutOfCore64 | _core.OutOfCore32
Factor = _core.Cholesky64 | _core.Cholesky32 | InFile
Make = Callable[[str, float], Factor]

APART = 1.0 / 20.0  # of a shift: what rounding of the factor may blur, at most
SHORTS_FROM, SHORTS_FOR = 3000, 40  # points, and points for each dimension: see shorts_pay
SINGLE_FROM = 2048  # below, a float64 factor costs less than what float32 leaves to do
LEAST_BASIS = 64
GUARDS = 3
DTYPES = ("float32", "float64")


def factor_bytes(n: int, dtype: str) -> int:
    """Bytes of the packed tiles of a factor of order n."""
    kind = _core.Cholesky64 if dtype == "float64" else _core.Cholesky32
    return int(kind.bytes_for(n))


def sizes(n: int, k: int, held: int, threads: int) -> dict[str, int]:
    """Bytes by precision of the factor, for k pairs, ``held`` taken already."""
    block = max(2, min(k, 4))
    room = held + work(n, k, block, threads)
    least = max(LEAST_BASIS, 2 * k + 8 * block)
    room += budget.basis(n, least + block) + budget.restart(least)
    beside = {"float32": scale_bytes(n), "float64": 0}
    return {t: factor_bytes(n, t) + beside[t] + room for t in DTYPES}


def scale_bytes(n: int) -> int:
    """Bytes of the scales of tiles of 16 bits: one in float32 for each row of a tile."""
    edge = _core.Cholesky32.edge_for(n)
    panels = -(-n // edge)
    return 2 * edge * panels * (panels + 1)


def work(n: int, k: int, block: int, threads: int) -> int:
    """Bytes beside the factor and the basis: products, blocks, the spaces of Rayleigh-Ritz."""
    return budget.product(n, threads) + budget.vectors(
        n, 2 * block + 10 + 6 * (k + GUARDS) + 16 * k
    )


def ladder(n: int, precision: str) -> list[str]:
    """Precisions of the factor, in the order in which they are tried."""
    if precision == "auto":
        return ["float64", "float32"] if n < SINGLE_FROM else list(DTYPES)
    return ["float32" if precision == "single" else "float64"]


def stages(
    n: int, sizes: dict[str, int], precision: str, limit: int, disk: bool = False
) -> list[str]:
    """Those that fit into ``limit``, in memory or, where there is a ``disk``, in a file; float64 is the last of them. None: []."""
    fits = [
        t
        for t in ladder(n, precision)
        if sizes[t] <= limit or (disk and in_file(n, sizes, t) <= limit)
    ]
    return fits[:1] if fits[:1] == ["float64"] else fits


def in_file(n: int, sizes: dict[str, int], dtype: str) -> int:
    """Bytes of memory beside a factor in a file: all that is not the factor, and its least panel."""
    return sizes[dtype] - factor_bytes(n, dtype) + panel_bytes(n, dtype)


def panel_bytes(n: int, dtype: str) -> int:
    """Bytes of memory that a factor of order n in a file takes at least."""
    kind = _core.OutOfCore64 if dtype == "float64" else _core.OutOfCore32
    return int(kind.bytes_for(n))


def in_single(F: Factor) -> bool:
    """Whether it is a factor in float32."""
    return isinstance(F, _core.Cholesky32 | _core.OutOfCore32)


def fits(n: int, held: int, precision: str, limit: int, threads: int) -> bool:
    """Whether one pair can be had within ``limit`` bytes."""
    return bool(stages(n, sizes(n, 1, held, threads), precision, limit))


def in_shorts(F: Factor | None) -> bool:
    """Whether its tiles are kept in 16 bits."""
    return isinstance(F, _core.Cholesky32) and F.shortened


def shorts_pay(n: int, d: int) -> bool:
    """Whether tiles of 16 bits save more of the factor than one more product with entries computed again costs.

    In that many dimensions eigenvalues also lie too near one another for them.
    """
    return bool(_core.SHORTS_PAY) and n >= max(SHORTS_FROM, SHORTS_FOR * d)


def may_shorten(F: _core.Cholesky32) -> bool:
    """Whether tiles of 16 bits blur no more than a twentieth of the shift."""
    return 0.0 < expected_blur(F.size) * F.largest() < APART * F.shift


def expected_blur(n: int) -> float:
    """How far tiles of 16 bits may move small eigenvalues of a matrix with a unit diagonal: of the longest rows there can be.

    A row of length 1 is kept in steps of 1 / 46,000; what rounding does to n^2 entries is a random matrix.
    """
    return 2.0 * math.sqrt(n / 12.0) / _core.SHORT_NORM


def factor_at(
    make: Make,
    dtype: str,
    task: Task,
    last: bool,
    place: Callable[[Factor], float],
    begun: float | None = None,
    shorten: bool = False,
) -> Factor | None:
    """The factor at the first shift of s, 0, -d, -100 d, ... where it exists; d is what rounding does.

    Parameters
    ----------
    make
        make(dtype, s): tiles of K - s I, not yet factored.
    dtype, task
        Its precision; threads, and who listens.
    last
        Whether no other precision is to come.
    place
        s >= 0 from the tiles of K.
    begun
        The shift of a factor that a file holds, done or not: it is taken up first.
    shorten
        Tiles of a placed shift may be kept in 16 bits, where these tell the eigenvalues near it apart.

    Returns
    -------
    F
        None when it breaks down at zero and another precision is still to come.
    """
    shift, breakdowns = 0.0, 0
    F = make(dtype, begun or 0.0)
    if begun is None:
        near = place(F)
        if near > 0.0:
            F.lower(near)
    if F.shift != 0.0:
        if isinstance(F, _core.Cholesky32):
            done = F.factor(task.threads, task.report.ask, shorten and may_shorten(F))
        else:
            done = F.factor(task.threads, task.report.ask)
        if done:
            return F
        del F  # an eigenvalue lies below s: the tiles are gone, and are made again
        F = make(dtype, shift)
    while not F.factor(task.threads, task.report.ask):
        if not last:
            return None
        size = F.frobenius
        del F
        if not math.isfinite(size):
            raise ValueError(
                "K is too large: its Frobenius norm overflows; divide K by a constant."
            )
        if shift < -size:
            raise ValueError(
                f"K is not finite in {dtype}: even K + |K|_F has no factor; rescale K."
            )
        breakdowns += 1
        unit = 10.0 * EPS if dtype == "float64" else 1e-7
        shift = max(-unit * 100.0 ** (breakdowns - 1), -1.5) * (size or 1.0)
        F = make(dtype, shift)
    return F
