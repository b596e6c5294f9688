"""Attribution: which points make lambda_min small, as values that print and draw themselves."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import Array
from ..result import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE = 0.9


@dataclass(frozen=True)
class AttributionRow:
    """One point.

    Attributes
    ----------
    index
        Its row in X.
    weight
        Its share of the bottom vector, v_i^2; the mean over the space of a multiple eigenvalue.
    cumulative
        The sum of weights down to here.
    neighbour, cosine
        The point that lies nearest to it or to its antipode, and their cosine; None and NaN for one point.
    without_lower, without_upper
        Enclose lambda_min of the other n - 1 points. Removing a point never lowers it (interlacing).

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=50, d=10, rng=0)
    >>> X[7] = mh.normalize(X[[3]] + 0.01 * X[[7]])[0]
    >>> row = mh.attribute(X, "relu").rows[0]
    >>> sorted((row.index, row.neighbour)), f"{row.weight:.2f} {row.cosine:.4f}"
    ([3, 7], '0.50 1.0000')
    """

    index: int
    weight: float
    cumulative: float
    neighbour: int | None
    cosine: float
    without_lower: float
    without_upper: float


@dataclass(frozen=True)
class Attribution:
    """What :func:`attribute` says.

    Attributes
    ----------
    kernel, n
        The kernel, in words, and the number of points.
    value, status
        lambda_min(K), and how well it is known, as of :func:`min_eig`.
    precision
        In which the matrix, or its factor, was stored: 'float32' (refined in float64), 'float64', 'extended' or 'exact'.
    known
        Whether the bottom vector is: where it is not, there are no rows, and ``message`` says why.
    multiplicity
        Eigenvalues within 0.1 % of the smallest. Above one, weights are the means over their vectors, or, where ``message``
        says so, those of the one that is known. None where it is not known how many there are.
    participation
        Participation ratio 1 / sum_i w_i^2, w the weights: as many equal points would share the vector.
    support
        The smallest set that carries 90 % of the weight, heaviest first.
    rows
        The heaviest points.
    pair
        (i, j) of the two points whose own 2 x 2 matrix has the smallest eigenvalue among nearest pairs; None for one point.
    pair_value, pair_cosine
        That eigenvalue, an upper bound of lambda_min, and their cosine.
    nested
        (m, lambda_min of the m heaviest points alone): upper bounds that fall to ``value`` (Cauchy interlacing).
    weights
        Of all points, (n,).
    without_lower, without_upper
        Of all points, (n,).
    message, seconds
        What happened, in a sentence; wall time.
    interrupted
        Ended by Ctrl-C, with what was known.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=50, d=10, rng=0)
    >>> X[7] = mh.normalize(X[[3]] + 0.01 * X[[7]])[0]
    >>> a = mh.attribute(X, "relu")
    >>> a.pair, sorted(a.support)
    ((3, 7), [3, 7])
    >>> a.pair_share > 0.9  # those two points alone explain lambda_min
    True
    >>> a.records()[0]["index"] in (3, 7)
    True
    >>> a.to_dict()["n"]
    50
    >>> figure = a.plot()
    """

    kernel: str
    n: int
    value: float
    status: str
    precision: str
    known: bool
    multiplicity: int | None
    participation: float
    support: tuple[int, ...] = field(repr=False)
    rows: tuple[AttributionRow, ...] = field(repr=False)
    pair: tuple[int, int] | None
    pair_value: float
    pair_cosine: float
    nested: tuple[tuple[int, float], ...] = field(repr=False)
    weights: Array = field(repr=False, compare=False)
    without_lower: Array = field(repr=False, compare=False)
    without_upper: Array = field(repr=False, compare=False)
    message: str
    seconds: float
    interrupted: bool
    _shown: Array = field(repr=False, compare=False)  # coordinates of rows and their neighbours

    @property
    def pair_share(self) -> float:
        """value / pair_value, in [0, 1]: 1 where two points alone explain lambda_min."""
        return self._share(self.pair_value)

    @property
    def support_share(self) -> float:
        """value over lambda_min of the support alone, in [0, 1]: 1 where those points explain lambda_min, without the rest."""
        return self._share(dict(self.nested).get(len(self.support), float("nan")))

    def _share(self, other: float) -> float:
        return min(max(self.value / other, 0.0), 1.0) if other > 0.0 else float("nan")

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries, ready for a table.

        Returns
        -------
        list of dict
            Keys as the attributes of :class:`AttributionRow`.
        """
        return [asdict(row) for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, ready for JSON (NaN and infinity become None).

        Returns
        -------
        dict
            The fields by name, without arrays of all points; ``pair_share`` and ``support_share``.
        """
        names: tuple[str, ...] = (
            "kernel",
            "n",
            "value",
            "status",
            "precision",
            "known",
            "multiplicity",
            "participation",
            "support",
        )
        names += (
            "pair",
            "pair_value",
            "pair_cosine",
            "pair_share",
            "nested",
            "support_share",
            "message",
            "seconds",
        )
        found = {name: plain(getattr(self, name)) for name in names}
        found["rows"] = [{k: plain(v) for k, v in row.items()} for row in self.records()]
        return found

    def plot(self, shape: tuple[int, ...] | None = None) -> Figure:
        """Weights by rank, lambda_min of the heaviest points alone, and lambda_min without each.

        Parameters
        ----------
        shape
            (height, width) or (height, width, 3) of images that the rows of X are: the heaviest are shown, each over its nearest
            neighbour.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            matplotlib is not installed.
        ValueError
            The vector is not known, or the shape has another number of pixels than X has columns.
        """
        from .pictures import attribution_figure

        return attribution_figure(self, shape)

    def __str__(self) -> str:
        lines = [
            ("kernel", f"{self.kernel}, n = {self.n:,}"),
            ("lambda_min", f"{self.value:.6g}  ({self.status}, {self.precision})"),
        ]
        if self.pair is not None:
            i, j = self.pair
            share = f", lambda_min is {100.0 * self.pair_share:.3g} % of it"
            if math.isnan(self.pair_share):
                share = "; it is singular, and one of them has to go"
            lines.append(
                (
                    "closest pair",
                    f"{self.pair_value:.6g}  (rows {i} and {j} alone, cosine {self.pair_cosine:.6g}{share})",
                )
            )
        if self.known:
            ratio = f"{self.participation:.4g} points (participation ratio)"
            lines.append(
                ("bottom vector", f"{ratio}; {len(self.support):,} carry {100 * SHARE:g} %")
            )
            if self.nested:
                steps = ", ".join(f"{value:.4g} ({m:,})" for m, value in self.nested)
                lines.append(("heaviest alone", steps))
            if self.multiplicity is None:
                lines.append(("multiplicity", "not known"))
            elif self.multiplicity > 1:
                lines.append(("multiplicity", f"{self.multiplicity} eigenvalues within 0.1 %"))
        if self.message:
            lines.append(("note", self.message))
        text = [f"{name:14} {value}" for name, value in lines]
        if self.rows:
            text += [
                "",
                f"{'row':>8} {'weight':>9} {'sum':>7} {'nearest':>8} {'cosine':>10}  lambda_min without it",
            ]
        for r in self.rows:
            other = "-" if r.neighbour is None else str(r.neighbour)
            text.append(
                f"{r.index:8d} {r.weight:9.3g} {r.cumulative:7.3f} {other:>8} {r.cosine:10.6f}  "
                f"{r.without_lower:.6g} to {r.without_upper:.6g}"
            )
        return "\n".join(text)


def participation(weights: Array) -> float:
    """1 / sum w_i^2, of weights that sum to one."""
    return float(1.0 / np.sum(weights**2))


def smallest_set(weights: Array, share: float = SHARE) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The fewest points whose weights sum to the share at least, heaviest first."""
    order = np.argsort(-weights, kind="stable")
    sums = np.cumsum(weights[order])
    return order[: int(np.searchsorted(sums, share * sums[-1] * (1.0 - 1e-12))) + 1]
