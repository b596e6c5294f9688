"""``diagnose``: what points and an activation are, and what that means for lambda_min of their G-matrix."""

from __future__ import annotations

import math
import textwrap
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .._arrays import duration
from .._progress import Reporter
from ..activations import Activation, activation
from ..bounds.upper import dimension
from ..kernels.parity import FULL, NONE, SIMPLE, Parity
from ..result import plain
from .smoothness import ANALYTIC, ENTIRE, KINKED, POLYNOMIAL, Smoothness, smoothness
from .span import DataDiagnosis, diagnose_data

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Diagnosis:
    """What :func:`diagnose` says.

    Attributes
    ----------
    data
        Of the points; None where none were given.
    activation
        The smoothness class of the activation; None where none was given.
    implies
        Sentences on lambda_min of the G-matrix (first layer trained, infinite width, variance one).

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=100, d=4, rng=0)
    >>> found = mh.diagnose(X, "relu")
    >>> found.data.dimension, found.activation.text
    (4, "phi' jumps (J_1)")
    >>> len(found.implies) > 0  # sentences on lambda_min
    True
    >>> sorted(found.to_dict())
    ['activation', 'data', 'implies']
    >>> figure = found.plot()
    """

    data: DataDiagnosis | None
    activation: Smoothness | None
    implies: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, ready for JSON (NaN and infinity become None).

        Returns
        -------
        dict
            ``data``, ``activation`` and ``implies``.
        """
        act = None
        if self.activation is not None:
            act = asdict(self.activation)
            act["coefficients"] = act["coefficients"].tolist()
            del act["curve"]
            act["order"], act["text"] = self.activation.order, self.activation.text
        return {
            "data": None if self.data is None else self.data.to_dict(),
            "activation": _plain(act),
            "implies": list(self.implies),
        }

    def plot(self) -> Figure:
        """Singular values with d' and the floor; the function with its kinks, and its Hermite coefficients with their law.

        Returns
        -------
        matplotlib.figure.Figure
            One panel for points, two for an activation.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        from .pictures import diagnosis_figure

        return diagnosis_figure(self)

    def __str__(self) -> str:
        lines = [] if self.data is None else [str(self.data)]
        act = self.activation
        if act is not None:
            lines.append(f"{'activation':18} {act.name}: {act.text}")
            for kink in act.kinks[:8]:
                where = f"singular at {kink.at:.6g}"
                if kink.order is not None:
                    where = f"derivative {kink.order} jumps by {kink.size:.6g} at {kink.at:.10g}"
                lines.append(f"{'kink':18} {where}")
            if len(act.kinks) > 8:
                lines.append(f"{'':18} ... and {len(act.kinks) - 8} more")
            if act.decay is not None and act.kind in (ANALYTIC, ENTIRE):
                law = act.decay
                scaled = "" if law.scale == 1.0 else f" of phi({law.scale:g} z)"
                lines.append(
                    f"{'coefficients':18} {law.text}  (fitted to k = {law.first}..{law.last}{scaled})"
                )
            lines.append(f"{'parity':18} {act.parity}")
        for k, sentence in enumerate(self.implies):
            head = "so" if k == 0 else ""
            lines += textwrap.wrap(
                sentence, 100, initial_indent=f"{head:18} ", subsequent_indent=" " * 19
            )
        return "\n".join(lines)


def diagnose(
    X: Any = None,
    activation: str | Activation | None = None,
    *,
    time_limit: float | None = None,
    progress: bool | None = None,
) -> Diagnosis:
    """d' with its noise floor, separation, parity risk; smoothness class of phi from its values.

    Parameters
    ----------
    X
        Points, (n, d), one a row, of any norms, looked at from the unit sphere; zero rows are counted and left out. None:
        the activation alone. Singular values come from slabs and pairs from tiles, at a cost of n^2 d: no n x n array, two to three
        copies of X in float64; 10,000 images of 784 pixels take some seconds, 60,000 a few minutes.
    activation
        A name, or an :class:`Activation`. Its values in float64 are all that is asked: no declared kink, no formula. Jumps of
        derivatives up to the fifth are found on [-10, 10]. None: the points alone.
    time_limit
        Seconds, or None: then the scan of pairs ends. An activation takes less than one, and is never left out.
    progress
        Show progress of the points on stderr.

    Returns
    -------
    Diagnosis
        ``print`` shows a table, ``plot()`` a picture. When time is over, or after Ctrl-C among the pairs, ``data.left_out`` says how
        many pairs were not looked at: nearest distances are then those of the others, upper bounds.

    Raises
    ------
    TypeError
        X is no array of real numbers; the activation is a callable (wrap it with :meth:`Activation.from_function`).
    ValueError
        Neither points nor an activation; a time limit that is none; X is not 2-D, is empty, holds NaN or infinity, or nothing but zero rows; an unknown
        name.
    TimeoutError
        Time was over before the singular values were known.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020 (the classes J_r, the dimension d'). Hille, Trans. Amer. Math. Soc. 47, 1940 (Hermite
    coefficients and the strip). Pachon, Platte, Trefethen, IMA J. Numer. Anal. 30, 2010 (finding jumps).

    Examples
    --------
    >>> X = mh.generate("subspace-random", n=100, d=20, span=4, rng=0)
    >>> found = mh.diagnose(X, "elu")
    >>> found.data.dimension, found.activation.order
    (4, 2)
    >>> mh.diagnose(activation="tanh").activation.kind
    'analytic'
    """
    if X is None and activation is None:
        raise ValueError("diagnose needs points, an activation, or both; got neither.")
    act = None if activation is None else _activation(activation)
    seconds = duration(time_limit)
    with Reporter(progress, None, 1.0, seconds, time.perf_counter()) as report:

        def poll(phase: str, done: int, total: int) -> bool:
            return report.ask is not None and report.ask(phase, done, total, 0.0, 0.0)

        data = None if X is None else diagnose_data(X, poll)
    return judged(data, act)


def judged(data: DataDiagnosis | None, act: str | Activation | None) -> Diagnosis:
    """The diagnosis of points that are known already, and of an activation."""
    seen = None if act is None else smoothness(_activation(act))
    return Diagnosis(data, seen, tuple(_implied(data, seen)))


# the powers of rho of the gradient kernel, by the parity of phi
POWERS = {
    "odd": Parity(FULL, NONE),
    "constant-odd": Parity(FULL, NONE),
    "even": Parity(NONE, FULL),
    "linear-even": Parity(SIMPLE, FULL),
}
SMALL = 0.1  # of the diagonal: what counts as a small eigenvalue
_activation = activation  # the parameter has the same name


def _implied(data: DataDiagnosis | None, act: Smoothness | None) -> Iterator[str]:
    if data is not None:
        yield from _of_points(data)
    if act is not None:
        yield from _of_class(act)
    if data is not None and act is not None:
        yield from _of_parity(data, act)
        yield from _of_both(data, act)


def _of_points(data: DataDiagnosis) -> Iterator[str]:
    p = data.points
    if p.duplicates:
        yield f"duplicates make every kernel matrix singular (rows {_rows(p.nearest_pair)}): remove them first."
    if p.zero_rows:
        yield "zero rows have no direction: kernels refuse them; remove them first."
    if data.noise:
        yield (
            f"noise of {data.noise:.2g} around {data.dimension} dimensions keeps every eigenvalue above about its square, "
            f"{data.noise**2:.1g} of the diagonal, whatever the {data.dimension}-dimensional part says."
        )


def _of_class(act: Smoothness) -> Iterator[str]:
    r = act.order
    if act.kind == KINKED and r:
        yield (
            f"a jump in derivative {r}: lambda_min falls like separation^{2 * r - 1} at least, up to logarithms, in any "
            "dimension (tail of the Hermite series and Gershgorin)."
        )
    if act.kind == KINKED and r == 0:
        yield "phi itself jumps: no gradient kernel; nngp falls like the separation."
    if act.kind == KINKED and r is None:
        yield "singular between the classes J_r: lambda_min falls like a power of the separation."
    if act.kind == ANALYTIC:
        yield (
            f"coefficients fall like exp(-{act.strip:.4g} sqrt(k)): lambda_min is exponentially small in n^(1/(2(d'-1))) for points "
            "in few dimensions, whatever their separation (head and tail)."
        )
    if act.kind == ENTIRE:
        yield "coefficients fall like a power of k! or a geometric series: in few dimensions lambda_min is smaller than for any kinked or strip-analytic function."
    if act.kind == POLYNOMIAL:
        yield (
            f"G is singular for n > C(d'+{act.degree}, {act.degree}) - 1 points, at any width (polynomial rank)."
        )


def _of_parity(data: DataDiagnosis, act: Smoothness) -> Iterator[str]:
    p = data.points
    if act.parity == "none" or p.nearest_antipodal is None or p.nearest_antipodal_pair is None:
        return
    exact = act.parity in ("odd", "even")
    what = "dependent" if exact else "dependent up to one function"
    if p.antipodal_pairs:
        yield (
            f"{p.antipodal_pairs} antipodal pairs: x and -x are {what} for an activation of parity {act.parity!r}"
            + (
                ": the matrix is singular."
                if exact
                else ", and singular once there are more pairs than its rank."
            )
        )
    elif data.antipodal_first:
        yield (
            f"parity risk: rows {_rows(p.nearest_antipodal_pair)} are nearly antipodal, |u + v| = {p.nearest_antipodal:.3g}, nearer than "
            f"any two points ({p.nearest:.3g}); under parity {act.parity!r} x and -x are nearly {what}. Biases remove it."
        )


def _of_both(data: DataDiagnosis, act: Smoothness) -> Iterator[str]:
    n, d = data.points.n - len(data.points.zero_rows), data.dimension
    delta = data.points.separation
    if act.kind == KINKED and act.order and delta:
        r = act.order
        at_most = " at most" if data.left_out else ""
        yield f"here separation^{2 * r - 1} = {delta ** (2 * r - 1):.2g}{at_most}."
    if act.kind == POLYNOMIAL:
        most = math.comb(d + act.degree, act.degree) - 1
        if n > most:
            yield f"here n = {n:,} > {most:,}: G is singular."
    if act.kind == ANALYTIC:
        N = _degree(n, d, act.parity)
        size = n * math.exp(-2.0 * act.strip * math.sqrt(N))
        if size > SMALL:
            yield f"here n = {n:,} points span {d} dimensions, too many for a head of low rank: lambda_min is not small for this reason."
        else:
            yield (
                f"here the polynomials of degree {N} on the sphere of {d} dimensions are fewer than n = {n:,}: lambda_min is of the order of "
                f"n exp(-2 {act.strip:.4g} sqrt({N})) = {size:.0e} at most, up to powers of N"
                + (f", or of the noise, {data.noise**2:.0e}." if data.noise else ".")
                + " `mh.bounds` has the number."
            )


def _degree(n: int, d: int, parity: str) -> int:
    """The largest N whose polynomials on the sphere, of the powers that the kernel has, are fewer than n."""
    N = 0
    while N < 10_000 and dimension(POWERS.get(parity, Parity(FULL, FULL)), d, N + 1) < n:
        N += 1
    return N


def _rows(pair: tuple[int, int] | None) -> str:
    return "-" if pair is None else f"{pair[0]} and {pair[1]}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return plain(value)
