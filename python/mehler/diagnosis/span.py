"""The effective dimension d' of points: singular values of their unit rows, and where they end.

    sigma_1 >= sigma_2 >= ...          of U, u_i = x_i / |x_i|
    rank     = #{k : sigma_k > max(n, d) eps sigma_1}
    d'       = the k with the largest sigma_k / sigma_k+1, k < rank, if that gap is at least 10, three times every other, and
               larger than the fall from sigma_k+1 to the median of what follows: a signal over a flat floor; else the rank
    noise    = (sum_{k > d'} sigma_k^2 / n)^(1/2), the rms distance of a unit point from the span

Noise of this size puts about noise^2 under every eigenvalue of a kernel matrix whose noiseless ones are smaller.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._arrays import Array
from ..data.points import DataSummary, Poll, described

GAP, APART = 10.0, 3.0


@dataclass(frozen=True)
class DataDiagnosis:
    """What points are, seen from the unit sphere, and in how many dimensions they lie.

    Attributes
    ----------
    points
        Size, norms, zero rows, nearest and nearest antipodal pair, duplicates: what :func:`describe` says.
    singular_values
        Of the unit rows, falling.
    rank
        Numerical rank: singular values above max(n, d) eps sigma_1.
    dimension
        d', the effective dimension: where a gap ends the spectrum above a flat floor; the rank if there is none.
    gap
        sigma_d' / sigma_d'+1; infinite where nothing but rounding follows.
    noise
        Root mean square distance of a unit point from the d'-dimensional span: 0 without a floor.
    how
        How d' was decided, in words.
    left_out
        What time was not enough for, in words: nearest distances are then at most, and counts of pairs at least, those given.
    interrupted
        By Ctrl-C.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = mh.generate("subspace-random", n=200, d=20, span=4, rng=rng)
    >>> X = X + 1e-6 * rng.standard_normal(X.shape)  # a noise floor
    >>> data = mh.diagnose(X).data
    >>> data.dimension, data.rank
    (4, 20)
    >>> 1e-6 < data.noise < 1e-5
    True
    >>> data.dimension_of(0.5) <= 4
    True
    >>> data.to_dict()["dimension"]
    4
    """

    points: DataSummary
    singular_values: Array = field(repr=False)
    rank: int
    dimension: int
    gap: float
    noise: float
    how: str
    left_out: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def participation(self) -> float:
        """(sum sigma^2)^2 / sum sigma^4: as many equal directions would hold the same share."""
        energy = self.singular_values**2
        return float(np.sum(energy) ** 2 / np.sum(energy**2))

    def dimension_of(self, share: float) -> int:
        """The least k with sigma_1^2 + ... + sigma_k^2 >= share of them all.

        Parameters
        ----------
        share
            0 < share <= 1.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            A share out of range.
        """
        if not 0.0 < share <= 1.0:
            raise ValueError(f"share must satisfy 0 < share <= 1; got {share!r}.")
        sums = np.cumsum(self.singular_values**2)
        return int(min(np.searchsorted(sums, share * sums[-1] * (1.0 - 1e-15)), len(sums) - 1)) + 1

    @property
    def antipodal_first(self) -> bool:
        """The closest pair of the projective distance is a pair of near antipodes; False where pairs were left out."""
        p = self.points
        if p.nearest is None or p.nearest_antipodal is None or self.left_out:
            return False
        return p.nearest_antipodal < p.nearest

    @property
    def norm_spread(self) -> float:
        """Largest norm over smallest; NaN where a row is zero."""
        low = self.points.norm_min
        return self.points.norm_max / low if low > 0.0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON.

        Returns
        -------
        dict
            Numbers, texts and lists; ``points`` as of :class:`DataSummary`.
        """
        return {
            "points": self.points.to_dict(),
            "singular_values": self.singular_values.tolist(),
            "rank": self.rank,
            "dimension": self.dimension,
            "gap": self.gap if math.isfinite(self.gap) else None,
            "noise": self.noise,
            "participation": self.participation,
            "how": self.how,
            "left_out": list(self.left_out),
        }

    def __str__(self) -> str:
        few = f"{self.dimension_of(0.9):,} hold 90 %, {self.dimension_of(0.99):,} hold 99 %"
        lines = [
            str(self.points),
            f"{'dimension':18} {self.dimension:,}  ({self.how})",
            f"{'noise floor':18} {f'{self.noise:.3g}  from the span, rms' if self.noise else 'none'}",
            f"{'directions':18} {few}, participation ratio {self.participation:.3g}",
            *(f"{'left out':18} {text}" for text in self.left_out),
        ]
        return "\n".join(lines)


def diagnose_data(X: Any, poll: Poll | None = None) -> DataDiagnosis:
    """The diagnosis of points; errors as of :func:`describe`. A poll that says so ends the scan of pairs."""
    summary, values, seen = described(X, poll)
    left_out: tuple[str, ...] = ()
    if seen.pairs < seen.of:
        left_out = (
            f"{seen.of - seen.pairs:,} of {seen.of:,} pairs of points: nearest distances are at most, counts of pairs at least, those given",
        )
    n = summary.n - len(summary.zero_rows)
    dimension, gap, how = decide(values, summary.rank, n)
    rest = values[dimension : summary.rank]
    return DataDiagnosis(
        points=summary,
        singular_values=values,
        rank=summary.rank,
        dimension=dimension,
        gap=gap,
        noise=float(math.sqrt(np.sum(rest**2) / n)),
        how=how,
        left_out=left_out,
        interrupted=seen.interrupted,
    )


def decide(values: Array, rank: int, n: int) -> tuple[int, float, str]:
    """(d', gap, in words), from the falling singular values of n points."""
    floor = f"all {rank:,} above rounding"
    if rank < len(values):
        floor = f"numerical rank: {rank:,} of {len(values):,} singular values stand above rounding"
    if rank < 2:
        return rank, math.inf, floor
    ratios = values[: rank - 1] / values[1:rank]
    k = int(np.argmax(ratios)) + 1
    gap = float(ratios[k - 1])
    others = float(np.max(np.delete(ratios, k - 1), initial=1.0))
    fall = float(values[k]) / float(np.median(values[k:rank]))
    # of about as many points as coordinates the last value alone may be anything
    enough = rank - k > 1 or n >= 2 * len(values)
    if gap >= GAP and gap >= APART * others and gap > fall and enough:
        return k, gap, f"a gap of {gap:.3g} between singular values {k:,} and {k + 1:,}"
    return rank, math.inf, f"{floor}; largest ratio of neighbours {gap:.3g}"
