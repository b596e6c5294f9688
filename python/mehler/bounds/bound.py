"""Bound and Bounds: what theory says of an eigenvalue, with its direction, its hypothesis and its source, as values."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

LOWER, UPPER = "lower", "upper"


@dataclass(frozen=True)
class Bound:
    """A proven statement about the smallest eigenvalue.

    Attributes
    ----------
    name
        What the bound is called.
    direction
        'lower' or 'upper'.
    value
        The number, rounding allowed for.
    detail
        What attains it: a degree, a pair of points.
    hypothesis
        What has to hold.
    source
        Paper and theorem, or the proof in a line.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=50, d=10, rng=0)
    >>> best = min((r for r in mh.bounds(X, "relu").rows if r.direction == "upper"), key=lambda r: r.value)
    >>> print(f"{best.name}: {best.value:.4g}")
    closest points: 0.07771
    >>> best.hypothesis != "", best.source != ""
    (True, True)
    """

    name: str
    direction: str
    value: float
    detail: str
    hypothesis: str
    source: str


@dataclass(frozen=True)
class Reported:
    """A rate from the literature whose constant is not known: a curve to draw, no bound.

    Attributes
    ----------
    name, source
        Whose.
    formula
        In words of n, d', delta.
    shape
        The formula's value with its constant set to one.
    """

    name: str
    formula: str
    shape: float
    source: str


@dataclass(frozen=True)
class Bounds:
    """lower <= lambda_min(K) <= upper, each side the best of several bounds.

    Attributes
    ----------
    kernel
        The kernel, in words.
    n, span
        Number of points, and the dimension d' that they span.
    separation
        delta = min over pairs of min(|u - v|, |u + v|), unit vectors; None for one point.
    rows
        Every bound.
    reported
        Rates of the literature with unknown constants.
    depth_needed
        A number of hidden layers that makes lambda_min at least half the diagonal, of the standardised activation,
        (phi - E phi) / sd(phi), and not of the one given (last hidden layer trained or not); None where it is not known.
    width_needed
        Neurons that keep lambda_min(G_m) >= lower / 2 with probability 0.99; None where it is not known.
    left_out
        What was not computed, and why.
    measured
        lambda_min as a solver resolved it, or None.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=20, d=10, rng=0)
    >>> b = mh.bounds(X, "tanh")
    >>> b.lower <= b.measured <= b.upper
    True
    >>> {row["direction"] for row in b.records()} == {"lower", "upper"}
    True
    >>> b.span, b.depth_needed > 1
    (10, True)
    >>> b.to_dict()["n"]
    20
    """

    kernel: str
    n: int
    span: int
    separation: float | None
    rows: tuple[Bound, ...]
    reported: tuple[Reported, ...]
    depth_needed: int | None
    width_needed: int | None
    left_out: tuple[str, ...] = ()
    measured: float | None = None

    def _best(self, direction: str) -> Bound | None:
        sign = 1.0 if direction == LOWER else -1.0
        there = [row for row in self.rows if row.direction == direction]
        return max(there, key=lambda row: sign * row.value, default=None)

    @property
    def lower(self) -> float:
        """The largest lower bound."""
        best = self._best(LOWER)
        return best.value if best is not None else 0.0

    @property
    def upper(self) -> float:
        """The smallest upper bound."""
        best = self._best(UPPER)
        return best.value if best is not None else math.inf

    def records(self) -> list[dict[str, Any]]:
        """Every bound as a dictionary, ready for a table.

        Returns
        -------
        list of dict
            Keys as the attributes of :class:`Bound`.
        """
        return [asdict(row) for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON.

        Returns
        -------
        dict
            Fields by name, and ``lower`` and ``upper``.
        """
        return {"lower": self.lower, "upper": self.upper, **asdict(self)}

    def __str__(self) -> str:
        middle = "lambda_min" if self.measured is None else f"{self.measured:.6g} (measured)"
        delta = "" if self.separation is None else f", delta = {self.separation:.3g}"
        lines = [
            f"{self.kernel}: {self.n:,} points that span {self.span} dimensions{delta}",
            f"{self.lower:.6g} <= {middle} <= {self.upper:.6g}",
            "",
        ]
        column = max((len(row.name) for row in self.rows), default=0)
        for direction in (LOWER, UPPER):
            sign = -1.0 if direction == LOWER else 1.0
            for row in sorted(self.rows, key=lambda row, sign=sign: sign * row.value):  # type: ignore[misc]
                if row.direction == direction:
                    mark = ">=" if direction == LOWER else "<="
                    lines.append(f"{mark} {row.value:<12.6g} {row.name:{column}}  {row.detail}")
        if self.depth_needed is not None:
            lines.append(
                f"   {self.depth_needed} layers of the standardised activation, (phi - E phi) / sd(phi), "
                "suffice for half of its diagonal; not of the activation as it is"
            )
        if self.width_needed is not None:
            many = self.width_needed
            wide = f"{many:,}" if many < 10**9 else f"{many:.1e}"
            lines.append(f"   {wide} neurons keep half of the lower bound")
        for curve in self.reported:
            lines.append(f"~  {curve.shape:<12.3g} {curve.name}: {curve.formula}, constant unknown")
        lines += [f"   left out: {why}" for why in self.left_out]
        return "\n".join(lines)
