"""The route of precision='extended': points -> kernel matrix -> factor -> eigenpair, in double-double.

    K_ij = (|x_i| |x_j|)^q f(rho_ij) sum_k a_k c(rho_ij)^k,   c(rho) = (w rho + b) / (w + b)

Points are taken as exact doubles. What separates the computed eigenvalue from the true one is counted
entry by entry, u^2 = 2^-106:

    e       rounding of an entry: of the cosine, of Horner's rule, of the coefficients
    t       what the truncated series lacks: f(1) sum_{k > K} a_k, a positive semidefinite matrix
    m u^2   rounding of sums, relative to sum |a_k b_k|

A factorisation of K - s I that completes proves lambda_min >= s - m u^2 trace(K) - n e, whatever happened on the
way to s (``allowance`` has the argument); a Rayleigh quotient gives ``upper``. Those are worst cases. What
rounding did do is smaller by the square root of n or so: ``floor``, which decides the status.
"""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import numpy as np

from .. import _core
from .._arrays import Array, enough, size_text
from ..certificates.structure import zero_in_any_precision
from ..kernels import Kernel
from ..precision.coefficients import Coefficients, coefficients, heard_by, kernel_refusal
from ..result import EigenResult
from .outcome import Task, ended, result_of, structural, unknown, within

UNIT = 2.0**-106
DIGITS = 34  # of h(1): two beyond the rounding of double-double
STEPS = 120  # of Lanczos between two starts
METHOD = "shift-invert (double-double)"

Pair = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Series:
    """A kernel's series in the core, and what is known of it.

    Attributes
    ----------
    compiled
        For the core.
    top
        h(1).
    entry, spread
        Rounding of an entry is at most (entry + d spread) u^2 in the worst case.
    wrong
        What the coefficients' own error adds to an entry.
    tail
        Of an entry, at most; of the diagonal, that: a positive semidefinite matrix is missing.
    terms
        Number of coefficients.
    """

    compiled: _core.ExtendedSeries
    top: float
    entry: float
    spread: float
    wrong: float
    tail: float
    terms: int

    def entry_error(self, d: int) -> float:
        """e, in the worst case."""
        return (self.entry + d * self.spread) * UNIT + self.wrong

    def usual_error(self, d: int) -> float:
        """e, in the size that roundings of either sign have: a few units of them all."""
        return 0.02 * (self.entry + math.sqrt(d) * self.spread) * UNIT + self.wrong


def pair(x: Decimal) -> Pair:
    """x as hi + lo."""
    hi = float(x)
    return hi, float(x - Decimal(hi))


def _columns(pairs: list[Pair]) -> tuple[Array, Array]:
    """High parts and low parts; nothing where all are zero, so that a parity costs nothing."""
    if not any(hi for hi, _ in pairs):
        return np.zeros(0), np.zeros(0)
    return np.array([hi for hi, _ in pairs]), np.array([lo for _, lo in pairs])


@lru_cache(maxsize=64)
def series(ker: Kernel) -> Series:
    """The kernel's series; :func:`refusal` was asked."""
    w, b = Decimal(ker.weight_var), Decimal(ker.bias_var)
    gradient = ker.kind == "gradient"
    variance = Fraction(ker.weight_var) + Fraction(ker.bias_var)
    layer: Coefficients = coefficients(ker.layers[0], gradient, variance, DIGITS)
    divisor = Decimal(1)
    if ker.normalized:
        divisor = coefficients(ker.layers[0], False, variance, DIGITS).total
    with decimal.localcontext() as context:
        context.prec = DIGITS + 16
        a = [x / divisor for x in layer.squares]
        q = w + b
        # odd functions have even coefficients of rounding only
        least = max(a, default=Decimal(0)) * Decimal(10) ** -60
        pairs = [pair(x) if x > least else (0.0, 0.0) for x in a]
        even, odd = _columns(pairs[0::2]), _columns(pairs[1::2])
        compiled = _core.ExtendedSeries(
            even[0],
            even[1],
            odd[0],
            odd[1],
            pair(w / q),
            pair(b / q),
            pair(w) if gradient else (0.0, 0.0),
            pair(b) if gradient else (1.0, 0.0),
        )
        factor = float(q) if gradient else 1.0
        s0 = factor * float(sum(a))
        s1 = factor * float(sum(k * x for k, x in enumerate(a))) + (s0 if gradient else 0.0)
        unit = factor / float(divisor)
    # cosine: norms (3d + 30) u^2, inner product (8d + 20) u^2; Horner: a product and a sum at each step
    return Series(
        compiled,
        top=s0,
        entry=50.0 * s1 + 10.0 * s1 + 40.0 * s0,
        spread=11.0 * s1,
        wrong=unit * layer.error + UNIT * s0,
        tail=unit * layer.tail,
        terms=len(a),
    )


def check(ker: Kernel, method: str, certify: str, precision: str = "extended") -> None:
    """ValueError for what these digits cannot do."""
    why = kernel_refusal(ker, precision)
    if why:
        raise ValueError(why)
    if method not in ("auto", "shift-invert"):
        raise ValueError(
            f"precision={precision!r} factors K: method must be 'auto' or 'shift-invert'; got {method!r}."
        )
    if certify == "preconditioned":
        raise ValueError(
            f"certify='preconditioned' is for activations with a kink, in double; with precision={precision!r} use "
            "'auto', 'rigorous', 'theory' or 'none'."
        )


def bytes_for(n: int, d: int) -> int:
    """Bytes of the matrix, one factor at a time, points, and a Lanczos basis."""
    rows = -(-n // 64) * 64
    return 2 * _core.ExtendedMatrix.bytes_for(n) + 16 * rows * (d + min(STEPS, n) + 8)


def check_memory(n: int, d: int, limit: int) -> None:
    """MemoryError unless that fits."""
    need = bytes_for(n, d)
    if need > limit:
        raise MemoryError(
            f"precision='extended' needs {size_text(need)} for n={n} (matrix and factor in double-double), and "
            f"max_memory allows {size_text(limit)}. Pass max_memory={enough(need)!r}, fewer points, or "
            "precision='double'."
        )


@dataclass(frozen=True)
class Rounding:
    """What separates computed numbers from those of K.

    Attributes
    ----------
    factor
        Of a factorisation that completes, in the norm.
    quotient
        Of a Rayleigh quotient's sums.
    entries
        |computed entries - entries of the truncated series|, in the norm.
    tail
        What is missing, in the norm; positive semidefinite.
    floor
        All of it, in its usual size.
    """

    factor: float
    quotient: float
    entries: float
    tail: float
    floor: float


def rounding(h: Series, n: int, d: int, scale: float, size: float) -> Rounding:
    """For n points in R^d, K_ii <= scale h(1) and |K| = size."""
    top = scale * h.top
    trace = n * top
    panels = -(-n // 64)
    sums = 130.0 + 3.0 * min(n, 64) / 8.0 + 3.0 * panels
    products = 2.0 * sums + 3.0 * n / 32.0
    entries = n * (scale * h.entry_error(d) + 20.0 * d * UNIT * top * (scale != 1.0))
    tail = n * scale * h.tail
    usual = 2.0 * math.sqrt(n) * scale * h.usual_error(d)
    return Rounding(
        factor=1.001 * (sums * UNIT * trace + 8.0 * UNIT * top),
        quotient=1.001 * products * UNIT * trace,
        entries=entries,
        tail=tail,
        floor=2.0 * UNIT * size + usual + tail,
    )


def exponent(ker: Kernel) -> int:
    """q of positive homogeneity, an integer for all that has a power series; 0 for unit vectors."""
    return round(ker.homogeneity or 0.0)


def unit_rows(X: Array) -> Array:
    """X with each row times a power of two, so that no norm leaves the range of doubles."""
    largest = np.max(np.abs(X), axis=1)
    return np.ascontiguousarray(np.ldexp(X, -np.frexp(largest)[1][:, None]))


def estimated_size(K: _core.ExtendedMatrix, threads: int) -> float:
    """|K| by three products, a tenth to spare."""
    x = np.ones(K.size)
    size = 0.0
    for _ in range(3):
        x = x / np.linalg.norm(x)
        x, _low = K.multiply(x, np.zeros_like(x), threads)
        size = float(np.linalg.norm(x))
        if size == 0.0:
            break
    return 1.1 * size


def matrix(
    X: Array, points: _core.Points, ker: Kernel, task: Task, normalize: bool
) -> tuple[_core.ExtendedMatrix, Series, float]:
    """K in double-double, its series, and max K_ii / h(1)."""
    q = 0 if normalize else exponent(ker)
    with heard_by(task.report.ask):
        h = series(ker)
    U = _core.ExtendedPoints(unit_rows(X) if q == 0 else X, q, task.threads)
    scale = float(np.max(points.norms())) ** (2 * q) if q else 1.0
    return _core.ExtendedMatrix(U, h.compiled, task.threads, task.report.ask), h, scale


def points_route(
    X: Array, points: _core.Points, ker: Kernel, task: Task, certify: str, normalize: bool
) -> EigenResult:
    """lambda_min of the kernel matrix of points.

    Parameters
    ----------
    X
        The points as given, in float64.
    points
        The same in the core, for what double knows of pairs.
    normalize
        Take all norms as one (they are divided out here whatever they are).
    """
    n, d = X.shape
    check_memory(n, d, task.limit)
    try:
        zero = zero_in_any_precision(X, points, ker, task.threads, task.report.ask)
        if zero is not None:
            return structural(zero, 0.0, n, task, points.nbytes)
        K, h, scale = matrix(X, points, ker, task, normalize)
        counted = rounding(h, n, d, scale, estimated_size(K, task.threads))
        return _solve(K, counted, task, certify, h, scale)
    except (KeyboardInterrupt, _core.Interrupted):
        early = ended(task) or unknown(n, ker, points, task, METHOD)
        return replace(early, lower=max(early.lower, 0.0), lower_kind=early.lower_kind)


def _solve(
    K: _core.ExtendedMatrix, counted: Rounding, task: Task, certify: str, h: Series, scale: float
) -> EigenResult:
    n, ask, threads = K.size, task.report.ask, task.threads
    factor, shift = _factor(K, counted, task)
    found = _core.extended_pair(
        K, factor, STEPS, 0.1 * task.tol, 0.1 * counted.floor, task.seed, threads, ask
    )
    del factor
    value = found["value"][0]
    floor, residual = counted.floor, found["residual"]
    upper = value + counted.quotient + counted.entries + counted.tail
    resolved = shift == 0.0 and residual + floor <= task.tol * abs(value)
    status = "resolved" if resolved else "budget-limited"
    if not resolved and (shift or floor > 0.5 * task.tol * abs(value)):
        status = "rounding-limited"
    vector = found["vector"][0] / np.linalg.norm(found["vector"][0])
    result = result_of(
        task,
        values=np.array([value]),
        vectors=vector[:, None],
        residuals=np.array([residual]),
        lower=0.0,
        upper=min(upper * (1.0 + 1e-15) if upper > 0 else upper, scale * h.top * (1.0 + 1e-15)),
        lower_kind="none" if certify == "none" else "theory",
        status=status,
        method=METHOD,
        applications=found["solves"],
        floor=floor,
        n=n,
        dtype="extended",
        nbytes=2 * K.nbytes,
        message="" if resolved else remedy(value, floor, h, counted.tail),
        history=found["history"],
    )
    if certify in ("auto", "rigorous"):
        lower = _lower(K, value, residual, counted, task)
        result = replace(result, lower=lower, lower_kind="factorisation" if lower > 0 else "theory")
        task.known[-1] = result
    return result


def _factor(
    K: _core.ExtendedMatrix, counted: Rounding, task: Task
) -> tuple[_core.ExtendedCholesky, float]:
    """A factor of K + shift I, shift 0 where K's own completes."""
    shift = 0.0
    while True:
        F = _core.ExtendedCholesky(K, (-shift, 0.0), task.threads, task.report.ask)
        if F.complete:
            return F, shift
        shift = 16.0 * shift if shift else counted.floor


def _lower(
    K: _core.ExtendedMatrix, value: float, residual: float, counted: Rounding, task: Task
) -> float:
    """The largest bound that one or two more factorisations prove; 0 if none."""
    lost = counted.factor + counted.entries
    rounded = 1e-14 * abs(value)  # the value is one double here
    for s in (value - 1.1 * lost - 2.0 * residual - rounded, 0.5 * value):
        if s <= lost:
            return 0.0
        if _core.ExtendedCholesky(K, (s, 0.0), task.threads, task.report.ask).complete:
            return (s - lost) * (1.0 - 1e-15)
    return 0.0


def remedy(value: float, floor: float, h: Series, tail: float) -> str:
    """Why no more is known, and what to do."""
    what = "the rounding of double-double"
    if tail > 0.5 * floor:
        what = f"what {h.terms} terms of the kernel's series leave"
    if abs(value) <= 20.0 * floor:
        return (
            f"not far above {floor:.1e}, {what}; more digits take precision='exact' "
            "(pip install mehler[exact]), for n up to a few hundred"
        )
    return (
        f"known to +- {floor:.0e}, {within(floor, value)}, by {what}; tol={2.0 * floor / abs(value):.0e} is within reach, "
        "more digits take precision='exact', for n up to a few hundred"
    )
