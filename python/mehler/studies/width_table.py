"""WidthStudy: smallest eigenvalues of networks of growing width, by seed, beside that of infinite width.

    E lambda_min(G_m) <= lambda_min(G)      (lambda_min is concave: Jensen)
    |G_m - G|_F / |G|_F ~ m^(-1/2)          (G_m is a mean of m independent matrices)

Invariant: a row is what ``min_eig(X, ..., width=row.width, rng=row.seed)`` is asked; networks of one seed share neurons.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import Array
from ..result import EigenResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class WidthRow:
    """One network.

    Attributes
    ----------
    seed, width
        Which one.
    value, lower, upper, status
        Of lambda_min, as in an :class:`EigenResult`.
    deviation
        |G_m - G|_F / |G|_F from the matrix at infinite width; NaN where that is not known.

    Examples
    --------
    >>> X = mh.generate("circle-full", n=11, d=2)
    >>> row = mh.width_study(X, "relu", widths=[1000], seeds=1).rows[0]
    >>> r = mh.min_eig(X, "relu", width=1000, rng=row.seed)
    >>> np.allclose(row.value, r.value, rtol=1e-3)
    True
    """

    seed: int
    width: int
    value: float
    lower: float
    upper: float
    status: str
    deviation: float


@dataclass(frozen=True, eq=False)
class WidthStudy:
    """What :func:`width_study` found.

    Attributes
    ----------
    rows
        One :class:`WidthRow` a network: seed by seed, widths ascending.
    widths, seeds
        What was asked for.
    name
        The kernel, in words.
    n, d, outputs
        Points, coordinates, outputs.
    limit
        lambda_min at infinite width, an :class:`EigenResult`; None where it is not known.
    seconds
        Wall time.
    message
        Why there is no limit, or what ended the study.

    Examples
    --------
    >>> X = mh.generate("circle-full", n=11, d=2)
    >>> found = mh.width_study(X, "relu", widths=[100, 1000], seeds=2)
    >>> found.values.shape, found.deviations.shape
    ((2, 2), (2, 2))
    >>> found.limit.status
    'resolved'
    >>> [line["width"] for line in found.summary()], len(found.records())
    ([100, 1000], 4)
    >>> figure = found.plot()
    """

    rows: tuple[WidthRow, ...]
    widths: tuple[int, ...]
    seeds: tuple[int, ...]
    name: str
    n: int
    d: int
    outputs: int
    limit: EigenResult | None
    seconds: float
    message: str = ""

    @property
    def values(self) -> Array:
        """lambda_min, (seeds, widths); NaN where the study was ended before."""
        return self._table("value")

    @property
    def deviations(self) -> Array:
        """|G_m - G|_F / |G|_F, (seeds, widths)."""
        return self._table("deviation")

    def _table(self, name: str) -> Array:
        out = np.full((len(self.seeds), len(self.widths)), math.nan)
        for r in self.rows:
            out[self.seeds.index(r.seed), self.widths.index(r.width)] = getattr(r, name)
        return out

    @property
    def rate(self) -> float:
        """s of the least-squares line log deviation = s log m + const: near -1/2; NaN of fewer than two widths."""
        known = [(r.width, r.deviation) for r in self.rows if r.deviation > 0.0]
        if len({m for m, _ in known}) < 2:
            return math.nan
        x, y = np.log(np.array(known, dtype=np.float64)).T
        x = x - x.mean()
        return float(x @ y / (x @ x))

    def records(self) -> list[dict[str, Any]]:
        """The rows as a tidy table: what a DataFrame is made of.

        Returns
        -------
        list of dict
            One a network, with the fields of a row and ``limit``, the value at infinite width.
        """
        limit = math.nan if self.limit is None else self.limit.value
        return [{**asdict(r), "limit": limit} for r in self.rows]

    def summary(self) -> list[dict[str, Any]]:
        """The distribution over seeds, width by width.

        Returns
        -------
        list of dict
            ``width``, ``networks`` (how many), ``resolved`` (of them), ``mean``, ``error`` (standard error of the
            mean; NaN of one network), ``least``, ``median``, ``largest``, ``of_limit`` (mean over the value at infinite
            width; NaN where that is 0 or not known) and ``deviation`` (root mean square).
        """
        out, limit = [], 0.0 if self.limit is None else self.limit.value
        for m in self.widths:
            rows = [r for r in self.rows if r.width == m]
            v = np.array([r.value for r in rows])
            if not rows:
                continue
            spread = float(np.std(v, ddof=1) / math.sqrt(len(v))) if len(v) > 1 else math.nan
            mean = float(np.mean(v))
            out.append(
                {
                    "width": m,
                    "networks": len(rows),
                    "resolved": sum(r.status == "resolved" for r in rows),
                    "mean": mean,
                    "error": spread,
                    "least": float(np.min(v)),
                    "median": float(np.median(v)),
                    "largest": float(np.max(v)),
                    "of_limit": mean / limit if limit > 0.0 else math.nan,
                    "deviation": float(np.sqrt(np.mean([r.deviation**2 for r in rows]))),
                }
            )
        return out

    def plot(self) -> Figure:
        """lambda_min against width with the infinite-width value, and the deviation of the matrix; needs matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
            ``.savefig("width.png")``; every network is a dot, open where only a bound is known.
        """
        from .width_picture import figure

        return figure(self)

    def __str__(self) -> str:
        outputs = f", {self.outputs} outputs" if self.outputs > 1 else ""
        seeds = f"{len(self.seeds)} seed{'s' * (len(self.seeds) != 1)}"
        lines = [
            f"{self.name}: n={self.n}, d={self.d}{outputs}, {seeds}",
            f"{'width':>10} {'mean':>11} {'+-':>8} {'least':>11} {'largest':>11} {'/ limit':>8} {'|G_m-G|/|G|':>12}",
        ]
        bounds = False
        for s in self.summary():
            some = s["resolved"] < s["networks"]
            bounds |= some
            lines.append(
                f"{s['width']:>10} {s['mean']:>11.4g} {_text(s['error'], '.1e'):>8} {s['least']:>11.4g} "
                f"{s['largest']:>11.4g} {_text(s['of_limit'], '.3g'):>8} {_text(s['deviation'], '.2e'):>12}"
                + " *"
                * some
            )
        if self.limit is not None:
            mark = " *" * (not self.limit.resolved)
            lines.append(f"{'infinite':>10} {self.limit.value:>11.4g}{mark}")
        if bounds or (self.limit is not None and not self.limit.resolved):
            lines.append("* not all are resolved: see lower, upper and status of the rows")
        if not math.isnan(self.rate):
            lines.append(f"deviation ~ width^{self.rate:.2f}")
        if self.message:
            lines.append(self.message)
        return "\n".join([*lines, f"{self.seconds:.3g} s"])


def _text(x: float, form: str) -> str:
    return "-" if math.isnan(x) else format(x, form)
