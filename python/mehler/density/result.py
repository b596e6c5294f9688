"""SpectralDensity: where the eigenvalues of a matrix lie, with bands, and the traces that follow."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import Array, integer, size_text
from ..result import plain
from . import counts, traces
from .functions import SQUARE, Inverse, MinusLog
from .interval import Interval, half
from .known import Known

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 40


@dataclass(frozen=True, eq=False)
class SpectralDensity(Known):
    """What :func:`spectrum` knows of all eigenvalues of a symmetric matrix K.

    N(x) is the number of eigenvalues at or below x. The lowest and the highest are known one by one, those between
    through what random vectors saw of them; up to a few thousand points all are known, and bands have no width.

    Attributes
    ----------
    n
        Order of K.
    low, high
        Eigenvalues known one by one, from both ends of the spectrum, each array ascending. The dense method has all in ``low``.
    low_error, high_error
        How far each may be off: its residual, and rounding.
    probes
        The Lanczos recurrences of random vectors on the rest; None where nothing is left.
    floor
        Rounding of K and of its products, as an absolute error of an eigenvalue. Smaller ones have no known sign.
    trace
        Of K: exact to rounding where the diagonal is known, else an interval, which fails half as often as others may.
    semidefinite
        Whether K is positive semidefinite by its making, as a kernel matrix is.
    level
        Probability with which each interval, and each band as a whole, holds; 1 where no probe took part.
    method
        'dense' or 'quadrature'.
    products
        Products of K with one vector, all together.
    block_products
        Of them, block products of the probes.
    coupling
        Norms of the residuals of ``low`` and of ``high``.
    thresholds, counted
        Where K - t I was factored, two around each threshold that was asked, and how many eigenvalues lie below each.
    threads, seconds, nbytes
        Threads, wall time, bytes of work space.
    message
        What is missing, and why.
    interrupted
        Ended by Ctrl-C.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=300, d=5, rng=0)
    >>> density = mh.spectrum(X, "relu", method="quadrature", rng=0)
    >>> truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))
    >>> lower, value, upper = density.cumulative([0.01, 0.1, 1.0])
    >>> expected = np.searchsorted(truth, [0.01, 0.1, 1.0])
    >>> bool(np.all((lower <= expected) & (expected <= upper)))
    True
    >>> int((truth <= 0.05).sum()) in density.count_below(0.05)
    True
    >>> float(np.log(truth).sum()) in density.logdet()
    True
    >>> float((1 / truth).sum()) in density.trace_inverse()
    True
    >>> float((truth / (truth + 0.1)).sum()) in density.degrees_of_freedom(0.1)
    True
    >>> edges, lower, value, upper = density.histogram(bins=20)
    >>> len(edges), bool(np.all(lower <= upper))
    (21, True)
    >>> nodes, weights = density.ritz_values()  # none is dropped
    >>> bool(np.isclose(weights.sum(), 300 - 10 - 20))
    True
    >>> sorted(density.to_dict())[:3]
    ['below_floor', 'block_products', 'condition']
    >>> import json
    >>> json.loads(density.to_json())["n"]
    300
    >>> figure = density.plot()
    """

    method: str
    products: int
    block_products: int
    seconds: float
    nbytes: int
    message: str = ""
    interrupted: bool = False

    # -- counts ------------------------------------------------------------------------------------

    def cumulative(self, x: Any) -> tuple[Array, Array, Array]:
        """N(x), the number of eigenvalues at or below x, in a band that holds at all x together.

        Parameters
        ----------
        x
            Where, (m,) or one number.

        Returns
        -------
        tuple of numpy.ndarray
            (lower, value, upper), each (m,): lower and upper are whole numbers, value is an estimate.
        """
        at = self._points(x)
        return self._counts(at, counts.at_all, self.level)

    def count_below(self, t: float) -> Interval:
        """The number of eigenvalues at or below t: sharper than the band, which holds for all t together.

        Parameters
        ----------
        t
            A threshold.

        Returns
        -------
        Interval
            Of whole numbers; lower and upper are equal where it is known.
        """
        at = self._points(t)
        if at.shape != (1,):
            raise ValueError(
                f"t must be one number; got shape {at.shape}. Use cumulative for several."
            )
        lower, value, upper = self._counts(at, counts.at_points, self.level)
        return Interval(float(lower[0]), float(value[0]), float(upper[0]))

    def histogram(self, bins: int | Any = BINS) -> tuple[Array, Array, Array, Array]:
        """How many eigenvalues lie in each bin of a logarithmic axis, above the floor.

        Parameters
        ----------
        bins
            Their number, or their edges, ascending.

        Returns
        -------
        tuple of numpy.ndarray
            (edges, lower, value, upper): counts in (edge_i, edge_i+1], all bounds together at ``level``.
        """
        edges = self._edges(bins)
        known_low, known_high = self._known(edges)
        inside = 0.5 * (np.diff(known_low) + np.diff(known_high))
        lower = np.maximum(known_low[1:] - known_high[:-1], 0.0)
        upper = known_high[1:] - known_low[:-1]
        value = inside
        if self.probes is not None:
            below, above = self._shares(edges)
            least = np.maximum(below[1:] - above[:-1], 0.0)
            most = np.minimum(above[1:] - below[:-1], 1.0)
            each = 1.0 - (1.0 - self.level) / len(least)
            N, M = self.probes.order, len(self.probes)
            one, other = counts.at_points(N, M, least, most, each)
            middle = 0.5 * (below + above)
            value = inside + np.clip(N * np.diff(middle), one, other)
            lower, upper = lower + one, upper + other
        return edges, lower, value, upper

    @property
    def below_floor(self) -> Interval:
        """How many eigenvalues are no larger than the floor in absolute value: their sign is not known."""
        return self._between(-self.floor, self.floor)

    @property
    def negative(self) -> Interval:
        """How many eigenvalues lie below -floor: negative beyond rounding; none of a kernel matrix."""
        if self.semidefinite:
            return Interval(0.0, 0.0, 0.0)
        return self.count_below(math.nextafter(-self.floor, -math.inf))

    def ritz_values(self) -> tuple[Array, Array]:
        """All nodes of the Gauss rules of all probes, whatever their sign and size, and the eigenvalues that each stands for.

        Returns
        -------
        tuple of numpy.ndarray
            (nodes, weights), nodes ascending; the weights sum to the number of eigenvalues between ``low`` and ``high``.
        """
        if self.probes is None:
            return np.zeros(0), np.zeros(0)
        rules = [self.probes.gauss(m) for m in range(len(self.probes))]
        nodes = np.concatenate([x for x, _ in rules])
        weights = np.concatenate([w for _, w in rules])
        order = np.argsort(nodes, kind="stable")
        scale = self.probes.order / float(np.sum(self.probes.squares))
        return nodes[order], scale * weights[order]

    # -- traces of functions -----------------------------------------------------------------------

    def logdet(self, ridge: float = 0.0) -> Interval:
        """log det(K + ridge I) = sum_i log(lambda_i + ridge).

        Parameters
        ----------
        ridge
            Added to the diagonal.

        Returns
        -------
        Interval
            Holds with probability ``level``; infinite where an eigenvalue may be zero within rounding.
        """
        s = _number(ridge, "ridge")
        found = self._sum(MinusLog(s))
        return Interval(-found.upper, -found.value, -found.lower)

    def trace_inverse(self, ridge: float = 0.0) -> Interval:
        """tr (K + ridge I)^-1 = sum_i 1 / (lambda_i + ridge).

        Parameters
        ----------
        ridge
            Added to the diagonal.

        Returns
        -------
        Interval
            Holds with probability ``level``; infinite where an eigenvalue may be zero within rounding.
        """
        s = _number(ridge, "ridge")
        return self._sum(Inverse(s))

    def degrees_of_freedom(self, ridge: float) -> Interval:
        """tr K (K + ridge I)^-1 = sum_i lambda_i / (lambda_i + ridge), of ridge regression.

        Parameters
        ----------
        ridge
            Above zero.

        Returns
        -------
        Interval
            Holds with probability ``level``.
        """
        s = _number(ridge, "ridge")
        if not s > 0.0:
            raise ValueError(f"ridge must be above 0; got {ridge!r}.")
        # ridge / (x + ridge), by which each eigenvalue falls short of one
        short = self._sum(Inverse(s, weight=s))
        return Interval(self.n - short.upper, self.n - short.value, self.n - short.lower)

    @property
    def frobenius_squared(self) -> Interval:
        """|K|_F^2 = sum_i lambda_i^2."""
        return self._squares(self.level)

    def _squares(self, level: float) -> Interval:
        found = self._sum(SQUARE, level)
        return Interval(max(found.lower, 0.0), found.value, found.upper)

    @property
    def effective_rank(self) -> Interval:
        """(tr K)^2 / |K|_F^2: n for a multiple of the identity, 1 for rank one."""
        t = self.trace
        f = self._squares(self.level if t.lower == t.upper else half(self.level))
        if not (t.lower > 0.0 and f.lower > 0.0 and math.isfinite(f.upper)):
            return traces.NOTHING
        return Interval(t.lower**2 / f.upper, t.value**2 / f.value, t.upper**2 / f.lower)

    @property
    def intrinsic_dimension(self) -> Interval:
        """tr K / lambda_max."""
        t, top = self.trace, self.largest
        if not (t.lower > 0.0 and top.lower > 0.0 and math.isfinite(top.upper)):
            return traces.NOTHING
        return Interval(t.lower / top.upper, t.value / top.value, t.upper / top.lower)

    @property
    def smallest(self) -> Interval:
        """lambda_min; no estimate where rounding hides it."""
        if not len(self.low):
            least = 0.0 if self.semidefinite else -math.inf
            seen = math.inf if self.probes is None else self.probes.lowest() + self.floor
            return Interval(least, math.nan, seen)
        value, error = float(self.low[0]), float(self.low_error[0])
        least = max(value - error, 0.0) if self.semidefinite else value - error
        hidden = abs(value) <= self.floor and error > 0.0
        return Interval(least, math.nan if hidden else value, value + error)

    @property
    def largest(self) -> Interval:
        """lambda_max."""
        known, errors = (
            (self.high, self.high_error) if len(self.high) else (self.low, self.low_error)
        )
        if not len(self.high) and self.probes is not None:
            most = self.trace.upper if self.semidefinite else math.inf
            return Interval(self.probes.highest() - self.floor, math.nan, most)
        return Interval(
            float(known[-1] - errors[-1]), float(known[-1]), float(known[-1] + errors[-1])
        )

    @property
    def condition(self) -> Interval:
        """lambda_max / lambda_min; no upper bound where lambda_min may be zero within rounding."""
        small, large = self.smallest, self.largest
        if not small.upper > 0.0:
            return traces.NOTHING
        upper = large.upper / small.lower if small.lower > 0.0 else math.inf
        value = large.value / small.value if small.value > self.floor else math.nan
        return Interval(large.lower / small.upper, value, upper)

    def _edges(self, bins: int | Any) -> Array:
        if isinstance(bins, (int, np.integer)):
            count = integer(bins, "bins")
            if count < 1:
                raise ValueError(f"bins must be >= 1; got {bins!r}.")
            top = max(
                self.largest.upper if math.isfinite(self.largest.upper) else self.largest.lower,
                self.floor,
            )
            known = np.concatenate([self.low - self.low_error, self.high, [top]])
            least = (
                float(np.min(known))
                if len(self.low)
                else (self.probes.lowest() if self.probes else 0.0)
            )
            bottom = min(max(least, self.floor, 1e-300), 0.5 * top) if top > 0.0 else 1e-300
            return np.geomspace(
                bottom * (1.0 - 1e-9), max(top, 2.0 * bottom) * (1.0 + 1e-9), count + 1
            )
        edges = self._points(bins)
        if len(edges) < 2 or not (np.diff(edges) > 0.0).all():
            raise ValueError(f"edges must be two numbers or more, ascending; got {bins!r}.")
        return edges

    def _between(self, x: float, y: float) -> Interval:
        """How many eigenvalues lie in [x, y]."""
        edges = np.array([math.nextafter(x, -math.inf), y])
        _, lower, value, upper = self.histogram(edges)
        return Interval(float(lower[0]), float(value[0]), float(upper[0]))

    # -- the answer as text, numbers and picture -----------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, ready for JSON (NaN and infinity become None).

        Returns
        -------
        dict
            Fields and summaries by name, the histogram, and the band of N(x) at its edges; not the recurrences of the probes.
        """
        names = [name for name in self.__dataclass_fields__ if name != "probes"]
        out = {name: plain(getattr(self, name)) for name in names}
        for name in ("below_floor", "negative", "smallest", "largest", "condition", "effective_rank", "intrinsic_dimension"):  # fmt: skip
            out[name] = plain(tuple(getattr(self, name)))
        out["trace"] = plain(tuple(self.trace))
        out["logdet"] = plain(tuple(self.logdet()))
        out["trace_inverse"] = plain(tuple(self.trace_inverse()))
        out["probes"] = 0 if self.probes is None else len(self.probes)
        edges, *bins = self.histogram()
        out["edges"] = plain(edges)
        out["histogram"] = plain(bins)
        out["cumulative"] = plain(self.cumulative(edges))
        return out

    def to_json(self) -> str:
        """The same as text.

        Returns
        -------
        str
            JSON.
        """
        return json.dumps(self.to_dict(), allow_nan=False)

    def plot(self, ax: Axes | None = None) -> Figure | None:
        """Counts in logarithmic bins and N(x), each with its band; values that are known one by one are marked.

        Parameters
        ----------
        ax
            Axes to draw the histogram into; None: a figure of both.

        Returns
        -------
        matplotlib.figure.Figure or None
            The figure, where no axes were given.
        """
        from .picture import draw_histogram, figure

        if ax is None:
            return figure(self)
        draw_histogram(ax, self)
        return None

    def __str__(self) -> str:
        few = self.below_floor
        rows = [
            ("n", f"{self.n}, {self.method}"),
            ("smallest", str(self.smallest)),
            ("largest", str(self.largest)),
            ("condition", str(self.condition)),
            ("trace", str(self.trace)),
            ("log det", str(self.logdet())),
            ("tr K^-1", str(self.trace_inverse())),
            ("rank", f"{self.effective_rank} of (tr K)^2 / |K|^2"),
        ]
        if few.upper > 0.0:
            rows.append(("floor", f"{_count(few)} below {self.floor:.1e}, sign not known"))
        minus = self.negative
        if minus.upper > 0.0:
            rows.append(("negative", f"{_count(minus)} below -{self.floor:.1e}"))
        known = len(self.low) + len(self.high)
        rows.append(("known", f"{known} one by one"))
        if self.probes is not None:
            M = len(self.probes)
            rows.append(
                ("probes", f"{M} of {max(self.probes.lengths)} steps, level {self.level:g}")
            )
        rows.append(("products", f"{self.products} of one vector"))
        rows.append(
            ("time", f"{self.seconds:.3g} s, {self.threads} thread{'s' * (self.threads != 1)}")
        )
        rows.append(("memory", size_text(self.nbytes)))
        if self.message:
            rows.append(("note", self.message))
        return "\n".join(f"{name:<10}{text}" for name, text in rows)


def _number(x: Any, name: str) -> float:
    if isinstance(x, (str, bytes, bool)):
        raise TypeError(f"{name} must be a number; got {x!r}.")
    value = float(x)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite; got {x!r}.")
    return value


def _count(found: Interval) -> str:
    low, high = int(found.lower), int(found.upper)
    return f"{low}" if low == high else f"{low} to {high}"
