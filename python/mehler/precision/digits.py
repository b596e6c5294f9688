"""Arithmetic with any number of digits, on the standard library's ``decimal``.

What the coefficients of a kernel need of numbers: ``number``, ``exp``, ``log``, ``sqrt``, ``erf``,
``atan``, ``sin``, ``cos``, ``pi``. ``balls.Balls`` offers the same on balls with a rigorous radius, so that
formulas (``analytic``) and sums (``coefficients``) are written once.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

GUARD = 10  # digits beyond those asked for


class Digits:
    """Decimal numbers of ``digits`` digits; results are absolute to about 10^-digits."""

    def __init__(self, digits: int) -> None:
        self.digits = digits
        with self.at():
            self.pi = self._pi()

    @contextmanager
    def at(self, more: float = 0.0) -> Iterator[None]:
        """Within: all operations have the digits, and ``more`` of them."""
        with decimal.localcontext() as context:
            context.prec = self.digits + GUARD + int(more)
            context.Emax, context.Emin = decimal.MAX_EMAX, decimal.MIN_EMIN
            yield

    def number(self, x: float | Fraction) -> Decimal:
        """x: a double exactly, a fraction rounded."""
        return Decimal(x.numerator) / x.denominator if isinstance(x, Fraction) else Decimal(x)

    def exp(self, x: Decimal) -> Decimal:
        return x.exp()

    def log(self, x: Decimal) -> Decimal:
        return x.ln()

    def sqrt(self, x: Decimal) -> Decimal:
        return x.sqrt()

    def erf(self, x: Decimal) -> Decimal:
        """2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!!: all terms of one sign."""
        digits = decimal.getcontext().prec
        square = x * x
        if square > Decimal("2.31") * digits:  # 1 - |erf| < exp(-x^2) < 10^-digits
            return Decimal(1) if x > 0 else Decimal(-1)
        term = total = x
        n, least = 0, Decimal(10) ** -(digits + 5)
        while abs(term) > least * abs(total):
            n += 1
            term = term * 2 * square / (2 * n + 1)
            total += term
        return 2 * total * (-square).exp() / self.pi.sqrt()

    def atan(self, x: Decimal) -> Decimal:
        """Taylor's series, after |x| <= 1 and three halvings of the angle."""
        if abs(x) > 1:
            quarter = self.pi / 2
            return (quarter if x > 0 else -quarter) - self.atan(1 / x)
        for _ in range(3):
            x = x / (1 + (1 + x * x).sqrt())
        square, power, total, n = x * x, x, x, 1
        least = Decimal(10) ** -(decimal.getcontext().prec + 5)
        while abs(power) > least:
            power, n = -power * square, n + 2
            total += power / n
        return 8 * total

    def sin(self, x: Decimal) -> Decimal:
        return self._sine(x, 1)

    def cos(self, x: Decimal) -> Decimal:
        return self._sine(x, 0)

    def _sine(self, x: Decimal, first: int) -> Decimal:
        """sum (-1)^n x^(2n + first) / (2n + first)!, |x| <= pi."""
        turn = 2 * self.pi
        x = x - turn * (x / turn).to_integral_value()
        term = x if first else Decimal(1)
        total, n, square = term, first, x * x
        least = Decimal(10) ** -(decimal.getcontext().prec + 5)
        while abs(term) > least:
            n += 2
            term = -term * square / (n * (n - 1))
            total += term
        return total

    def _pi(self) -> Decimal:
        """Machin: 16 arctan(1/5) - 4 arctan(1/239)."""

        def inverse_tangent(m: int) -> Decimal:
            power = total = Decimal(1) / m
            n, least = 1, Decimal(10) ** -(decimal.getcontext().prec + 5)
            while abs(power) > least:
                power, n = -power / (m * m), n + 2
                total += power / n
            return total

        return 16 * inverse_tangent(5) - 4 * inverse_tangent(239)

    def needs(self, grown: float) -> float:
        """Digits beside its own that a recurrence needs whose worst case loses ``grown``: none.

        Forward, Hermite's recurrence is stable in floating point; only balls pay for the worst case.
        """
        return 0.0

    # -- what bounds need -------------------------------------------------------------------------

    def upper(self, x: Any) -> float:
        """A double that is not below x."""
        value = float(x)
        return value + abs(value) * 2.3e-16 + 5e-324

    def size(self, x: Any) -> float:
        """A double that is not below |x|."""
        return self.upper(abs(x))
