"""precision='exact': balls with a rigorous radius, and as many digits as it takes.

Every number is a midpoint and a radius that is sure to hold it (python-flint, Arb). At so many bits:

    K           from balls of the coefficients; quadrature and tail of the series bounded (``coefficients``)
    upper       v^t K v / v^t v for some v, however found: a ball, and its upper end
    lower       s, where all pivots of K - s I are positive balls

v comes from inverse iteration on the midpoints of K - s I, s the last lower bound, which takes it to the
lowest eigenvector as Rayleigh quotient iteration would, but from below. Bits are doubled until
upper - lower <= tol * value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, enough, size_text
from ..certificates.structure import zero_in_any_precision
from ..kernels import Kernel
from ..precision.balls import Balls, down, flint, frobenius, up
from ..precision.coefficients import Coefficients, compute, heard_by
from ..result import EigenResult
from .extended import exponent
from .outcome import Task, ended, result_of, structural, unknown

FIRST_BITS, MOST_BITS = 192, 4096
FIRST_DIGITS = 34
MOST_POINTS = 1000
MOST_STEPS = 60  # of inverse iteration at one precision
MOST_TERMS = 40_000
BYTES = 400  # of a number of some hundred bits, with its object
METHOD = "balls"


@lru_cache(maxsize=16)
def _coefficients(ker: Kernel, bits: int, digits: int) -> tuple[Coefficients, Any]:
    """Those of the layer to 10^-digits, and what divides them."""
    m = Balls(bits)
    variance = Fraction(ker.weight_var) + Fraction(ker.bias_var)
    layer = compute(m, ker.layers[0], ker.kind == "gradient", variance, digits, MOST_TERMS)
    divisor = m.number(1)
    if ker.normalized:
        other = compute(m, ker.layers[0], False, variance, digits, MOST_TERMS)
        with m.at():  # the total is known to its quadrature; what that may lack goes into the ball
            divisor = other.total + m.flint.arb(0, other.tail)
    return layer, divisor


@dataclass(frozen=True, eq=False)
class BallMatrix:
    """K at so many bits.

    Attributes
    ----------
    entries
        Balls of the truncated series.
    wrong, tail
        Norms: of what the coefficients lack, either sign; of what is missing, positive semidefinite.
    terms
        Of the series.
    """

    entries: Any
    wrong: float
    tail: float
    terms: int


def matrix(
    X: Array, ker: Kernel, bits: int, digits: int, normalize: bool, task: Task
) -> BallMatrix:
    """K of points taken as exact doubles, its series cut at 10^-digits."""
    m = Balls(bits)
    arb, n = m.flint.arb, len(X)
    with heard_by(task.report.ask):
        layer, divisor = _coefficients(ker, bits, digits)
    w, b = m.number(ker.weight_var), m.number(ker.bias_var)
    gradient, q = ker.kind == "gradient", 0 if normalize else exponent(ker)
    with m.at():
        points = m.flint.arb_mat([[arb(float(x)) for x in row] for row in X])
        products = points * points.transpose()
        norms = [products[i, i].sqrt() for i in range(n)]
        series = m.flint.arb_poly([a / divisor for a in layer.squares])
        rows: list[list[Any]] = [[None] * n for _ in range(n)]
        diagonal = arb(1)
        largest = arb(0)
        for i in range(n):
            tick(task, "fill", i, n)
            for j in range(i + 1):
                rho = diagonal if i == j else products[i, j] / (norms[i] * norms[j])
                value = series((w * rho + b) / (w + b) if ker.bias_var else rho)
                if gradient:
                    value = value * (w * rho + b)
                if q:
                    value = value * (norms[i] * norms[j]) ** q
                rows[i][j] = rows[j][i] = value
            size = norms[i] ** (2 * q) if q else diagonal
            largest = size if size > largest else largest
        unit = up((w + b) * largest / divisor) if gradient else up(largest / divisor)
    return BallMatrix(
        m.flint.arb_mat(rows), n * unit * layer.error, n * unit * layer.tail, len(layer.squares)
    )


def tick(task: Task, phase: str, done: int, total: int) -> None:
    """Ctrl-C comes by itself in Python; the callback and the time limit are asked here."""
    ask = task.report.ask
    if ask is not None and ask(phase, done, total, 0.0, 0.0):
        raise KeyboardInterrupt


def positive(A: Any, F: Any) -> bool | None:
    """Whether the symmetric A is positive definite: proved, disproved, or None.

    By halves: A is if and only if A_11 and the Schur complement A_22 - A_21 A_11^-1 A_12 are.
    """
    n = A.nrows()
    if n == 1:
        a = A[0, 0]
        return True if a > 0 else False if a < 0 else None
    if n <= 12:
        return _pivots(A)
    half = n // 2

    def block(rows: range, columns: range) -> Any:
        return F.arb_mat([[A[i, j] for j in columns] for i in rows])

    first, last = range(half), range(half, n)
    A11 = block(first, first)
    head = positive(A11, F)
    if head is not True:
        return head
    A12 = block(first, last)
    try:
        X = A11.solve(A12, algorithm="precond")
    except ZeroDivisionError:
        return None
    return positive(block(last, last) - A12.transpose() * X, F)


def _pivots(A: Any) -> bool | None:
    """The same by symmetric elimination."""
    n = A.nrows()
    rows = [[A[i, j] for j in range(i + 1)] for i in range(n)]
    for k in range(n):
        pivot = rows[k][k]
        if not pivot > 0:
            return False if pivot < 0 else None
        for i in range(k + 1, n):
            factor = rows[i][k] / pivot
            for j in range(k + 1, i + 1):
                rows[i][j] = rows[i][j] - factor * rows[j][k]
    return True


@dataclass(frozen=True)
class Enclosure:
    """lower <= lambda_min <= upper, and the vector whose Rayleigh quotient ``upper`` is.

    narrow: upper - lower <= tol * value. cut: what the series lacks is what keeps it from that.
    """

    lower: float
    upper: float
    value: float
    residual: float
    vector: Array
    steps: int
    narrow: bool = False
    cut: bool = False


def enclose(K: BallMatrix, bits: int, tol: float, task: Task) -> Enclosure:
    """The narrowest enclosure that so many bits give, or the first with upper - lower <= tol value."""
    m = Balls(bits)
    F, n = m.flint, K.entries.nrows()
    lack = K.wrong + K.tail
    with m.at():
        eye = F.arb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
        v = F.arb_mat(n, 1, [F.arb(math.cos(3.7 * i + 1.0)) for i in range(n)])
        shift = F.arb(0)
        best = Enclosure(0.0, math.inf, math.nan, math.inf, np.zeros(n), 0)
        for step in range(1, MOST_STEPS):
            tick(task, "exact", step, 0)
            try:
                w = (K.entries - eye * shift).mid().solve(v, algorithm="approx").mid()
            except ZeroDivisionError:
                return best
            size = (w.transpose() * w)[0, 0].mid().sqrt().mid()
            if not (size.is_finite() and size > 0):
                return best
            v = (w / size).mid()
            image = K.entries * v
            square = (v.transpose() * v)[0, 0]
            theta = (v.transpose() * image)[0, 0] / square
            rest = image - v * theta.mid()
            residual = frobenius([rest[i, 0] for i in range(n)]) / math.sqrt(down(square))
            value = float(theta.mid())
            upper = math.nextafter(up(theta) + lack, math.inf)
            cut = lack > 0.1 * tol * abs(value)
            if upper < best.upper:
                vector = np.array([float(v[i, 0]) for i in range(n)])
                best = Enclosure(best.lower, upper, value, residual, vector, step, cut=cut)
            if not up(theta) - down(theta) <= 0.1 * tol * value:
                return replace(best, cut=cut)  # noise: more bits
            if cut and residual <= 0.1 * value:
                return best  # the value is known well enough to say what is wanted of the series
            if residual > 0.5 * value and step % 4:
                continue
            for below in (max(2.0 * residual, 0.3 * tol * value), 0.5 * value):
                s = value - below
                if s <= best.lower + K.wrong:
                    continue
                shifted = positive(K.entries - eye * F.arb(s), F)
                if shifted is None:
                    return best
                if shifted:
                    shift = F.arb(s)
                    best = replace(best, lower=math.nextafter(s - K.wrong, -math.inf))
                    break
            best = replace(best, steps=step, narrow=best.upper - best.lower <= tol * best.value)
            if best.narrow:
                return best
    return best


def spectrum(K: BallMatrix, bits: int, task: Task) -> tuple[Array, Array, Array]:
    """(values, below, above), ascending: eigenvalues of the truncated series lie within, every one.

    V by Arb's solver without guarantees, made orthonormal row by row; what it is worth, V^t K V says.
    """
    m = Balls(bits)
    F, n = m.flint, K.entries.nrows()
    with m.at():
        tick(task, "spectrum", 0, n)
        roots, R = F.acb_mat(K.entries.mid()).eig(right=True, algorithm="approx")
        columns = sorted(range(n), key=lambda j: -abs(float(roots[j].real.mid())))
        rows = [[R[i, j].real.mid() for i in range(n)] for j in columns]
        for _ in range(2):  # Gram and Schmidt, twice
            found: list[list[Any]] = []
            for j, row in enumerate(rows):
                tick(task, "spectrum", j, n)
                v = F.arb_mat(1, n, row)
                if found:
                    B = F.arb_mat(found)
                    v = (v - (v * B.transpose()) * B).mid()
                size = (v * v.transpose())[0, 0].sqrt().mid()
                if not (size.is_finite() and size > 0):
                    return np.zeros(n), np.full(n, -math.inf), np.full(n, math.inf)
                found.append([(v[0, i] / size).mid() for i in range(n)])
            rows = found
        V = F.arb_mat(rows)
        G, H = V * V.transpose(), V * K.entries * V.transpose()
        g = frobenius([G[i, j] - int(i == j) for i in range(n) for j in range(n)])
        off = frobenius([H[i, j] for i in range(n) for j in range(n) if i != j])
        if not g < 0.5:
            return np.zeros(n), np.full(n, -math.inf), np.full(n, math.inf)
        diagonal = [H[i, i] for i in range(n)]
        values = np.sort([float(h.mid()) for h in diagonal])
        # ordered: the i-th smallest lies between the i-th smallest lower and upper ends
        below = np.sort([down(h) for h in diagonal]) - off
        above = np.sort([up(h) for h in diagonal]) + off
        slack = g / (1.0 - g) * (1.0 + 1e-12)
        below, above = below - np.abs(below) * slack, above + np.abs(above) * slack
        return values, np.nextafter(below, -np.inf), np.nextafter(above, np.inf)


def check_memory(n: int, limit: int) -> None:
    """ValueError or MemoryError for sizes that balls are not for."""
    if n > MOST_POINTS:
        raise ValueError(
            f"precision='exact' is for at most {MOST_POINTS} points (hundreds of digits, n^3); got {n}. "
            "Use precision='extended'."
        )
    need = bytes_for(n)
    if need > limit:
        raise MemoryError(
            f"precision='exact' needs about {size_text(need)} for n={n}, and max_memory allows {size_text(limit)}. "
            f"Pass max_memory={enough(need)!r}, fewer points, or precision='extended'."
        )


def bytes_for(n: int) -> int:
    """Bytes of the matrix and its halves, about."""
    return 6 * BYTES * n * n


def points_route(
    X: Array, points: _core.Points, ker: Kernel, task: Task, certify: str, normalize: bool
) -> EigenResult:
    """lambda_min of the kernel matrix of points, enclosed to tol.

    Parameters
    ----------
    X
        The points as given, in float64.
    points
        The same in the core, for what double knows of pairs.
    normalize
        Divide by the norms.
    """
    flint()
    n = len(X)
    check_memory(n, task.limit)
    try:
        zero = zero_in_any_precision(X, points, ker, task.threads, task.report.ask)
        if zero is not None:
            return structural(zero, 0.0, n, task, points.nbytes)
        bits, digits, steps = FIRST_BITS, FIRST_DIGITS, 0
        while True:
            K = matrix(X, ker, bits, digits, normalize, task)
            found = enclose(K, bits, task.tol, task)
            steps += found.steps
            result = _result(found, K, bits, n, steps, task)
            if found.narrow or bits >= MOST_BITS:
                return result
            if found.cut:  # how far the series has to go, the upper bound says
                wanted = found.upper * task.tol / (100.0 * n * float(ker.h.ends[0]))
                wanted = max(wanted, 5e-324)  # of an exact zero it underflows
                digits = max(digits + 10, min(2 * digits, math.ceil(-math.log10(wanted))))
                bits = max(bits, int(4.0 * digits))
            else:
                bits *= 2
    except (KeyboardInterrupt, _core.Interrupted):
        return ended(task) or unknown(n, ker, points, task, METHOD)


def _result(
    found: Enclosure, K: BallMatrix, bits: int, n: int, steps: int, task: Task
) -> EigenResult:
    value = found.value
    # the float64 number nearest to the Rayleigh quotient may lie a bit outside of a narrow enclosure
    value = min(max(value, found.lower), found.upper)
    floor = K.wrong + K.tail + 2.0**-bits * abs(found.upper if math.isfinite(found.upper) else 1.0)
    message = ""
    if not found.narrow:
        message = (
            f"at {bits} bits and {K.terms} terms of the kernel's series the eigenvalue is not told from zero; "
            "it may be exactly zero (points of a subspace, and a kernel of finite rank)"
        )
    return result_of(
        task,
        values=np.array([value]),
        vectors=found.vector[:, None],
        residuals=np.array([found.residual]),
        lower=found.lower,
        upper=found.upper,
        lower_kind="factorisation" if found.lower > 0.0 else "theory",
        status="resolved" if found.narrow else "rounding-limited",
        method=f"{METHOD}, {bits} bits",
        applications=steps,
        floor=floor,
        n=n,
        dtype="exact",
        nbytes=bytes_for(n),
        message=message,
    )
