"""Coefficients of a layer's power series to any number of digits, each with a bound.

    kappa(c) = E[f(s u) f(s v)] = sum_k a_k c^k,   a_k = mu_k^2,   mu_k = E[f(s Z) h_k(Z)]

f analytic for |Im z| < strip. The trapezoidal rule with step h is exact to (contour shifted by a < strip / s;
Cauchy and Schwarz; E|h_k(Z + ia)|^2 = L_k(-a^2) <= exp(2 a sqrt k), L_k Laguerre's)

    |error of mu_k| <= 2 exp(a^2/2) N(a) exp(a sqrt k) / (exp(2 pi a / h) - 1),   N(a)^2 = E|f(s (Z + ia))|^2,

for every a; the sum over |z| > R that is left out is bounded by |h_k| sqrt(gamma) < 1. The tail of the
series is what Parseval leaves: sum_{k > K} a_k = E f(s Z)^2 - sum_{k <= K} a_k, the same rule with
h_0 = 1 and f^2 in place of f h_k.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from ..activations import Activation
from ..kernels import Kernel
from .analytic import Analytic, analytic, polynomial, squared_scale
from .digits import Digits

MOST_TERMS = 6000
Ask = Callable[[str, int, int, float, float], bool]
_listener: ContextVar[Ask | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(ask: Ask | None) -> Iterator[None]:
    """While coefficients are made, ``ask(phase, done, total, 0, 0)`` hears of it; where it says so, they are not.

    Beside the arguments, because caches must not see it.
    """
    token = _listener.set(ask)
    try:
        yield
    finally:
        _listener.reset(token)


def _tell(done: int, total: int) -> None:
    """KeyboardInterrupt where the listener wants an end."""
    ask = _listener.get()
    if ask is not None and ask("coefficients", done, total, 0.0, 0.0):
        raise KeyboardInterrupt


@dataclass(frozen=True, eq=False)
class Coefficients:
    """a_0, ..., a_K of one layer.

    Attributes
    ----------
    squares
        a_k, numbers of the arithmetic that made them.
    error
        Bound of sum_k |error of a_k|: quadrature, and what the number of digits leaves.
    tail
        Bound of sum_{k > K} a_k.
    total
        E f(s Z)^2.
    """

    squares: tuple[Any, ...]
    error: float
    tail: float
    total: Any


def refusal(act: Activation, precision: str) -> str | None:
    """Why there are no such coefficients, or None."""
    name = act.name
    if act.source == "user":
        return (
            f"precision={precision!r} needs a formula that holds to any number of digits, and {name!r} is a function "
            "of doubles; use an activation of the catalogue, or precision='double'."
        )
    if act.kinks:
        return (
            f"precision={precision!r} is for activations without kinks; {name!r} has one, so its coefficients fall off "
            "like a power of k and its smallest eigenvalue stays far above the rounding of doubles. "
            "Use precision='double'."
        )
    if analytic(act, False) is None and polynomial(act, False) is None:
        return f"precision={precision!r} does not know {name!r}; use precision='double'."
    return None


def kernel_refusal(ker: Kernel, precision: str) -> str | None:
    """The same for a kernel: only those of one hidden layer have a series in one correlation."""
    if ker.kind == "ntk" or ker.depth != 1:
        return (
            f"precision={precision!r} is for the gradient and nngp kernels of one hidden layer; got "
            f"{ker.kind!r} of depth {ker.depth}. Use precision='double'."
        )
    return refusal(ker.layers[0], precision)


@lru_cache(maxsize=32)
def coefficients(
    act: Activation, derivative: bool, variance: Fraction, digits: int
) -> Coefficients:
    """a_k of f = phi or phi' at s^2 = variance, the tail below 10^-digits if MOST_TERMS allow."""
    return compute(Digits(digits + 8), act, derivative, variance, digits, MOST_TERMS)


def compute(
    m: Any, act: Activation, derivative: bool, variance: Fraction, digits: int, most: int
) -> Coefficients:
    """The same in any arithmetic m."""
    exact = polynomial(act, derivative)
    if exact is not None:
        return _of_polynomial(m, exact, squared_scale(act), variance)
    f = analytic(act, derivative)
    assert f is not None  # refusal() was asked
    terms = _first_guess(f, variance, digits)
    while True:
        found = _by_trapezoid(m, f, variance, digits, min(terms, most))
        if found.tail <= 10.0**-digits * m.size(found.total) or terms >= most:
            return found
        terms = terms * 3 // 2


def _first_guess(f: Analytic, variance: Fraction, digits: int) -> int:
    """mu_k falls like exp(-strip sqrt(k) / s); entire functions faster than any such."""
    if math.isinf(f.strip):
        return 3 * digits + 60
    rate = f.strip / math.sqrt(variance)
    return int(1.1 * (0.5 * math.log(10.0) * digits / rate + 2.0) ** 2) + 40


def _growth(f: Analytic, s: float, a: float) -> float:
    """N(a): |f| <= (A + B |x|) e^(c |x|), and E(A + B s|Z|)^2 <= 2 A^2 + 2 B^2 s^2, E e^(2cs|Z|) <= 2 e^(2 c^2 s^2).

    With both, Cauchy and Schwarz once more: E(A + B s |Z|)^4 <= 8 A^4 + 24 B^4 s^4.
    """
    A, B, c = f.growth(s * a)
    if c == 0.0:
        return math.sqrt(2.0 * A * A + 2.0 * B * B * s * s)
    fourth = 8.0 * A**4 + 24.0 * B**4 * s**4
    return math.sqrt(math.sqrt(fourth) * math.sqrt(2.0 * math.exp(8.0 * c * c * s * s)))


def _log_error(f: Analytic, s: float, step: float, kmax: int, power: int) -> float:
    """log of the rule's error for mu_k, k <= kmax (power 1), or for E f^2 (power 2), by the best a tried."""
    best = math.inf
    top = min(f.strip / s, 40.0 / step**0.5)  # 0.5 a^2 soon outweighs 2 pi a / step
    for part in (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.9, 0.93, 0.96, 0.98):
        a = part * top
        try:
            size = math.log(_growth(f, s, a))
        except OverflowError:
            continue
        shift = 2.0 * math.pi * a / step
        if shift < 1.0:
            continue
        spread = a * math.sqrt(kmax) if power == 1 else 0.0
        value = math.log(2.0) + 0.5 * a * a + power * size + spread - shift + math.exp(-shift) * 2.0
        best = min(best, value)
    return best


def _reach(f: Analytic, s: float, wanted: float) -> tuple[float, float]:
    """(R, bound of what lies beyond): sum over |z| > R of step |f| |h_k| gamma, power 1 or 2."""
    A, B, c = f.growth(0.0)
    R = max(8.0, 16.0 * c * s)
    while True:
        # g(z) = |f|^2 sqrt(gamma) bounds |f| |h_k| gamma where |f| >= 1; beyond R it halves in 4/R at least
        size = max(A + B * s * R, 1.0)
        log = 2.0 * (math.log(size) + c * s * R) - 0.25 * R * R
        if log <= wanted:
            return R, 4.0 * math.exp(max(log, -700.0))
        R += 0.5


def _by_trapezoid(m: Any, f: Analytic, variance: Fraction, digits: int, terms: int) -> Coefficients:
    s_float = math.sqrt(float(variance)) * (1.0 + 1e-15)
    goal = -(digits + 4) * math.log(10.0)
    step = 0.25
    while max(_log_error(f, s_float, step, terms, p) for p in (1, 2)) > goal and step > 1e-4:
        step *= 0.9
    step = math.ldexp(math.ceil(math.ldexp(step, 12)), -12)  # few bits: products with it are exact
    R, beyond = _reach(f, s_float, goal)
    sums, total = _sums(m, f, variance, step, int(R / step) + 1, terms)
    with m.at():
        squares, factorial = [], m.number(1)
        for k, S in enumerate(sums):
            if k:
                factorial = factorial * k
            squares.append(S * S / factorial)
        rest = total
        for a in squares:
            rest = rest - a
        norm = math.sqrt(m.size(total))
        missed = math.exp(_log_error(f, s_float, step, terms, 1)) + beyond
        error = 2.0 * missed * math.sqrt(terms + 1) * norm + (terms + 1) * missed**2
        rounding = 10.0**-digits * 1e-4 * norm * norm  # of numbers with 8 digits more
        of_total = math.exp(_log_error(f, s_float, step, 0, 2)) + beyond
        tail = max(m.upper(rest), 0.0) + error + of_total + rounding
    return Coefficients(tuple(squares), error + rounding, tail, total)


def _sums(
    m: Any, f: Analytic, variance: Fraction, step: float, half: int, terms: int
) -> tuple[list[Any], Any]:
    """step sum_j f(s z_j) He_k(z_j) gamma(z_j), k = 0..terms, and step sum_j f(s z_j)^2 gamma(z_j).

    He_{k+1} = z He_k - k He_{k-1}; z and -z together, He_k(-z) = (-1)^k He_k(z).
    """
    with m.at():
        s = m.sqrt(m.number(variance))
        weight = m.number(step) / m.sqrt(2 * m.pi)
        sums = [m.number(0)] * (terms + 1)
        total = m.number(0)
    for j in range(half + 1):
        _tell(j, half + 1)
        z_float = j * step
        # rounding in the recurrence grows like He_k(i z), which e^(z sqrt k) bounds, under e^(-z^2/2)
        grown = (z_float * math.sqrt(terms) - 0.25 * z_float**2) / math.log(10.0)
        with m.at(m.needs(grown)):
            z = m.number(z_float)
            gamma = weight * m.exp(-z * z / 2)
            right = f.f(m, s * z)
            left = f.f(m, -s * z) if j else m.number(0)
            total += gamma * (right * right + left * left)
            parts = (gamma * (right + left), gamma * (right - left))
            before, row = m.number(0), m.number(1)
            for k in range(terms + 1):
                sums[k] += parts[k & 1] * row
                before, row = row, z * row - k * before
    return sums, total


def _of_polynomial(m: Any, c: Any, divisor: int, variance: Fraction) -> Coefficients:
    """mu_k of sum_m c_m (s z)^m by Horner's rule: z h_k = sqrt(k+1) h_{k+1} + sqrt(k) h_{k-1}.

    In terms of S_k = sqrt(k!) mu_k: z takes S_k to S_{k+1} k-th ... (k+1) S_{k+1} + S_{k-1}, all rational but
    for the power of s: even and odd k apart.
    """
    v = variance
    size = len(c) + 1
    S = [Fraction(0)] * size  # of the polynomial with s^(m - m mod 2): s^2 is rational
    parts = []
    for parity in (0, 1):
        S = [Fraction(0)] * size
        for power in range(len(c) - 1, -1, -1):
            # S <- z S + c_power: E[z g He_k] = E[g He_{k+1}] + k E[g He_{k-1}]
            S = [
                (S[k + 1] if k + 1 < size else Fraction(0)) + (k * S[k - 1] if k else 0)
                for k in range(size)
            ]
            if power % 2 == parity:
                S[0] += c[power] * v ** (power // 2)
        parts.append(S)
    with m.at():
        squares = []
        factorial = Fraction(divisor)
        for k in range(size - 1):
            if k:
                factorial *= k
            parity = k % 2
            value = parts[parity][k] ** 2 * v**parity / factorial
            squares.append(m.number(value.numerator) / m.number(value.denominator))
        total = m.number(0)
        for a in squares:
            total = total + a
        error = 10.0 ** -(m.digits - 2) * m.size(total)
    return Coefficients(tuple(squares), error, 0.0, total)
