"""Points: scale them to the unit sphere, and say what they are before a kernel sees them.

With unit rows u_i = x_i / |x_i|, what decides the smallest eigenvalue of a kernel matrix is how
near two of them come, as points or as antipodes:

    separation = min over i < j of min(|u_i - u_j|, |u_i + u_j|).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from ..activations.hermite import Array
from .files import load
from .generated import generate

__all__ = ["DataSummary", "describe", "generate", "load", "normalize"]

EPS = float(np.finfo(np.float64).eps)
EQUAL = 8.0 * EPS  # unit rows nearer than this are one point: rounding alone moves them so far
NEAR = 0.99  # from this |cosine| on, distances are taken from differences
TILE = 1024

Poll = Callable[[str, int, int], bool]  # phase, done, total; true: time is over
Index = np.ndarray[Any, np.dtype[np.intp]]


def normalize(X: Any) -> Array:
    """u_i = x_i / |x_i|: rows of norm one, float64, without overflow or underflow on the way.

    Parameters
    ----------
    X
        Points, (n, d), one a row, of any real dtype.

    Returns
    -------
    numpy.ndarray
        (n, d), float64, a new array; |u_i| = 1 to rounding.

    Raises
    ------
    TypeError
        X is no array of real numbers.
    ValueError
        X is not 2-D, is empty, holds NaN, infinity, or a zero row, which has no direction.

    Examples
    --------
    >>> print(mh.normalize([[3.0, 4.0], [0.0, 1e-300]]))
    [[0.6 0.8]
     [0.  1. ]]
    """
    from .._arrays import as_points

    return _unit(as_points(X))[0]


def _unit(points: Array) -> tuple[Array, Array]:
    """Unit rows, and the norms; each row is first scaled by a power of two, which is exact."""
    units, norms = np.empty_like(points), np.empty(len(points))
    for start in range(0, len(points), 4096):  # so that nothing but the result is large
        part = slice(start, start + 4096)
        exponent = np.frexp(np.max(np.abs(points[part]), axis=1))[1]
        rows = np.ldexp(points[part], -exponent[:, None], out=units[part])
        size = np.linalg.norm(rows, axis=1)
        rows /= size[:, None]
        with np.errstate(over="ignore", under="ignore"):
            norms[part] = np.ldexp(size, exponent)
    return units, norms


@dataclass(frozen=True)
class DataSummary:
    """What a set of points is, seen from the unit sphere.

    Attributes
    ----------
    n, d
        Number of points and of coordinates.
    rank, rank_threshold
        Dimension d' of the span: singular values of the unit rows above the threshold
        max(n, d) eps sigma_max.
    norm_min, norm_max
        Smallest and largest norm of the points as given.
    zero_rows
        Rows that are zero; they have no direction and are left out of everything else.
    max_abs_cosine
        Largest |cos| of a pair; None for fewer than two directions, as are the next three.
    separation
        The smaller of the next two.
    nearest, nearest_pair
        min |u_i - u_j| and its (i, j).
    nearest_antipodal, nearest_antipodal_pair
        min |u_i + u_j| and its (i, j).
    duplicates, antipodal_pairs
        Pairs i < j with |u_i - u_j|, or |u_i + u_j|, at most 8 eps: one direction but for rounding.

    Examples
    --------
    >>> s = mh.describe(mh.generate("circle-half", n=4, d=2))  # angles 0, 45, 90, 135 degrees
    >>> print(f"{s.separation:.6f} {2 * np.sin(np.pi / 8):.6f}")
    0.765367 0.765367
    >>> s.rank, s.duplicates
    (2, 0)
    >>> s.to_dict()["n"]
    4
    """

    n: int
    d: int
    rank: int
    rank_threshold: float
    norm_min: float
    norm_max: float
    zero_rows: tuple[int, ...]
    max_abs_cosine: float | None
    separation: float | None
    nearest: float | None
    nearest_pair: tuple[int, int] | None
    nearest_antipodal: float | None
    nearest_antipodal_pair: tuple[int, int] | None
    duplicates: int
    antipodal_pairs: int

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON.

        Returns
        -------
        dict
            Numbers, None, and lists where the fields are tuples.
        """
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    def __str__(self) -> str:
        def pair(distance: float | None, ij: tuple[int, int] | None) -> str:
            return "-" if ij is None else f"{distance:.6g}  (rows {ij[0]} and {ij[1]})"

        zero = ", ".join(map(str, self.zero_rows[:5])) + (
            ", ..." if len(self.zero_rows) > 5 else ""
        )
        one = "  unit norm" if abs(self.norm_min - 1) + abs(self.norm_max - 1) <= 2e-12 else ""
        deficit = "" if self.separation is None else f"  (1 - that: {self.separation**2 / 2:.3g})"
        cosine = "-" if self.max_abs_cosine is None else f"{self.max_abs_cosine:.12g}{deficit}"
        lines = [
            ("points", f"{self.n:,} of {self.d:,} coordinates"),
            ("rank", f"{self.rank:,}  (singular values above {self.rank_threshold:.2g})"),
            ("norms", f"{self.norm_min:.6g} to {self.norm_max:.6g}{one}"),
            ("zero rows", f"{len(self.zero_rows):,}  (rows {zero})" if zero else "none"),
            ("largest |cosine|", cosine),
            ("nearest pair", pair(self.nearest, self.nearest_pair)),
            ("nearest antipodes", pair(self.nearest_antipodal, self.nearest_antipodal_pair)),
            ("duplicates", _pairs(self.duplicates)),
            ("antipodal", _pairs(self.antipodal_pairs)),
        ]
        if self.duplicates:
            lines.append(("so", "duplicates make every kernel matrix singular"))
        elif self.antipodal_pairs:
            lines.append(("so", "antipodes make the matrices of even and odd activations singular"))
        return "\n".join(f"{name:18} {value}" for name, value in lines)


def describe(X: Any) -> DataSummary:
    """Size, rank, norms, and min over i < j of |u_i - u_j| and of |u_i + u_j|, u_i = x_i / |x_i|.

    Looks at all n (n - 1) / 2 pairs, tile by tile: no n x n array is made.

    Parameters
    ----------
    X
        Points, (n, d), one a row, of any norms; zero rows are counted, and left out of the rest.

    Returns
    -------
    DataSummary
        ``print`` shows a table.

    Raises
    ------
    TypeError
        X is no array of real numbers.
    ValueError
        X is not 2-D, is empty, holds NaN or infinity, or nothing but zero rows.

    Examples
    --------
    >>> s = mh.describe([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, -3.0]])
    >>> s.rank, s.duplicates, s.antipodal_pairs
    (2, 1, 1)
    >>> s.nearest_pair, s.nearest_antipodal_pair
    ((0, 2), (1, 3))
    """
    return described(X)[0]


@dataclass(frozen=True)
class Seen:
    """How many pairs of different rows were looked at, and whether Ctrl-C has ended that."""

    pairs: int
    of: int
    interrupted: bool


def described(X: Any, poll: Poll | None = None) -> tuple[DataSummary, Array, Seen]:
    """What :func:`describe` says, the singular values of the unit rows, falling, on which its rank rests, and which pairs were seen.

    Without ``poll`` all of them are, or it ends by an exception; with it the scan of pairs ends early, and nearest pairs are the
    nearest of those that were seen.
    """
    from .._arrays import as_array, as_points

    given = as_array(X, "X")
    zero: Any = np.zeros(len(given) if given.ndim else 0, dtype=bool)
    if given.ndim == 2 and given.size:
        zero = ~given.any(axis=1)
        if zero.all():
            raise ValueError(f"X must hold a point that is not zero; all {len(zero)} rows are.")
        if zero.any():
            given = given[~zero]
    rows, norms = _unit(as_points(given))
    kept = np.flatnonzero(~zero)
    values = _singular_values(rows, poll)
    threshold = max(rows.shape) * EPS * float(values[0])
    rank = int(np.sum(values > threshold))
    pairs = _Pairs(rows, poll)
    near = {}
    for sign in (1, -1):
        distance, ij = pairs.nearest[sign]
        near[sign] = (distance, (int(kept[ij[0]]), int(kept[ij[1]]))) if ij else (None, None)
    known = [distance for distance, _ in near.values() if distance is not None]
    summary = DataSummary(
        n=len(zero),
        d=rows.shape[1],
        rank=rank,
        rank_threshold=threshold,
        norm_min=0.0 if zero.any() else float(norms.min()),
        norm_max=float(norms.max()),
        zero_rows=tuple(np.flatnonzero(zero).tolist()),
        max_abs_cosine=1.0 - min(known) ** 2 / 2.0 if known else None,
        separation=min(known) if known else None,
        nearest=near[1][0],
        nearest_pair=near[1][1],
        nearest_antipodal=near[-1][0],
        nearest_antipodal_pair=near[-1][1],
        duplicates=pairs.count[1],
        antipodal_pairs=pairs.count[-1],
    )
    return summary, values, Seen(pairs.seen, pairs.of, pairs.interrupted)


def _singular_values(rows: Array, poll: Poll | None) -> Array:
    """Through the small triangle of a QR."""
    n, d = rows.shape
    return np.asarray(np.linalg.svd(_triangle(rows if n > d else rows.T, poll), compute_uv=False))


def _triangle(tall: Array, poll: Poll | None) -> Array:
    """R of the QR factorisation of a tall matrix, from the R of its slabs: each fits the cache."""
    slab = max(2 * tall.shape[1], 256)
    if len(tall) > 2 * slab:
        parts = []
        for k in range(0, len(tall), slab):
            if poll is not None and poll("singular values", k, len(tall)):
                raise TimeoutError(
                    "time_limit was over before the singular values were known; allow more time."
                )
            parts.append(np.linalg.qr(tall[k : k + slab], mode="r"))
        tall = np.concatenate(parts)
    return np.asarray(np.linalg.qr(tall, mode="r"))


def _pairs(count: int) -> str:
    return f"{count:,} pair{'s' * (count != 1)}" if count else "none"


class _Pairs:
    """Nearest pair and number of coinciding pairs, for both signs, of unit rows.

    Rows that agree bit for bit are merged first, so that the scan meets few ties. Cosines find
    candidates; those near +-1 are measured by differences.
    """

    def __init__(self, rows: Array, poll: Poll | None = None) -> None:
        first, member, size = _merge(rows)
        self.poll, self.interrupted = poll, False
        self.seen, self.of = 0, len(first) * (len(first) - 1) // 2
        self.size = size
        self.count = {1: int(np.sum(size * (size - 1) // 2)), -1: 0}
        self.nearest: dict[int, tuple[float, tuple[int, int] | None]] = {
            1: (math.inf, None),
            -1: (math.inf, None),
        }
        if len(first) < len(rows):
            later = int(np.flatnonzero(first[member] != np.arange(len(rows)))[0])
            self.nearest[1] = (0.0, (int(first[member[later]]), later))
        try:
            self._scan(rows if len(first) == len(rows) else rows[first], first)
        except KeyboardInterrupt:
            if poll is None:
                raise
            self.interrupted = True
        if self.nearest[-1][1] is None and len(first) == 1 < len(rows):  # all rows are one point
            self.nearest[-1] = (2.0, (0, 1))

    def _scan(self, points: Array, first: Index) -> None:
        slack = 4.0 * (points.shape[1] + 8) * EPS
        best = {1: -math.inf, -1: -math.inf}
        for low in range(0, len(points), TILE):
            left = points[low : low + TILE]
            below = np.tril_indices(len(left))
            for start in range(low, len(points), TILE):
                if self.poll is not None and self.poll("pairs", self.seen, self.of):
                    return
                signed = left @ points[start : start + TILE].T
                for sign in (1, -1):
                    if sign < 0:
                        np.negative(signed, out=signed)
                    if start == low:
                        signed[below] = -math.inf
                    at = int(np.argmax(signed))
                    top = float(signed.flat[at])
                    if top < best[sign] - slack or top == -math.inf:
                        continue
                    best[sign] = max(best[sign], top)
                    if top < NEAR:
                        i, j = divmod(at, signed.shape[1])
                        distance = math.sqrt(2.0 - 2.0 * top)
                        self._offer(sign, distance, first[low + i], first[start + j])
                    else:
                        i, j = np.nonzero(signed >= min(best[sign], 1.0) - slack)
                        self._measure(sign, points, first, i + low, j + start)
                m = len(left)
                self.seen += m * (m - 1) // 2 if start == low else m * signed.shape[1]

    def _measure(self, sign: int, points: Array, first: Index, i: Index, j: Index) -> None:
        step = max(1, 2**22 // points.shape[1])
        for k in range(0, len(i), step):
            a, b = i[k : k + step], j[k : k + step]
            distance = np.linalg.norm(points[a] - sign * points[b], axis=1)
            m = int(np.argmin(distance))
            self._offer(sign, float(distance[m]), first[a[m]], first[b[m]])
            equal = distance <= EQUAL
            self.count[sign] += int(np.sum(self.size[a[equal]] * self.size[b[equal]]))

    def _offer(self, sign: int, distance: float, i: Any, j: Any) -> None:
        if distance < self.nearest[sign][0]:
            self.nearest[sign] = (distance, (min(int(i), int(j)), max(int(i), int(j))))


def _merge(rows: Array) -> tuple[Index, Index, Index]:
    """Groups of equal rows: (first row of each, group of each row, size of each group), by digests: no copy of the rows."""
    groups: dict[bytes, int] = {}
    first: list[int] = []
    member = np.empty(len(rows), dtype=np.intp)
    for start in range(0, len(rows), 4096):
        for i, row in enumerate(rows[start : start + 4096] + 0.0, start):  # + 0.0: no -0.0
            group = groups.setdefault(blake2b(row.data, digest_size=16).digest(), len(first))
            if group == len(first):
                first.append(i)
            member[i] = group
    return np.array(first, dtype=np.intp), member, np.bincount(member)
