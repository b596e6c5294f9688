"""SpectralDensity: where the eigenvalues of a matrix lie, with bands, and the traces that follow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arrays import size_text
from ..result import plain
from .counted import Counted
from .interval import Interval
from .summed import Summed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class SpectralDensity(Summed, Counted):
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
        from .picture import draw_histogram, figure, hidden

        if ax is None:
            return figure(self)
        draw_histogram(ax, self)
        unseen = hidden(self)
        if unseen and not ax.get_title():  # never dropped: a logarithmic axis cannot show them
            ax.set_title("not shown: " + ", ".join(unseen), fontsize="small")
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
            ("eff. rank", f"{self.effective_rank} = (tr K)^2 / |K|_F^2"),
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


def _count(found: Interval) -> str:
    low, high = int(found.lower), int(found.upper)
    return f"{low}" if low == high else f"{low} to {high}"
