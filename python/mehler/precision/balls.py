"""Balls: numbers with a rigorous radius, of any number of bits (python-flint, Arb).

The arithmetic of ``precision="exact"``, with the members that ``digits.Digits`` has, so that formulas and sums
are written once. Whatever is computed within ``at()`` holds the truth.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any


def flint() -> Any:
    """python-flint, or an ImportError with the remedy."""
    try:
        return importlib.import_module("flint")
    except ImportError:
        raise ImportError(
            "precision='exact' needs python-flint, which is not installed. "
            "Install it with: pip install 'mehler[exact]'; or use precision='extended'."
        ) from None


def available() -> bool:
    """Whether python-flint is there."""
    try:
        flint()
    except ImportError:
        return False
    return True


class Balls:
    """Arithmetic of balls with so many bits, for ``coefficients``: see ``digits.Digits``."""

    def __init__(self, bits: int) -> None:
        self.flint = flint()
        self.bits = bits
        self.digits = int(bits * math.log10(2.0))

    @contextmanager
    def at(self, more: float = 0.0) -> Iterator[None]:
        """Within: all operations have the bits, and ``more`` decimal digits beside."""
        with self.flint.ctx.workprec(self.bits + 32 + int(3.33 * more)):
            yield

    @property
    def pi(self) -> Any:
        return self.flint.arb.pi()

    def number(self, x: Any) -> Any:
        arb = self.flint.arb
        return arb(x.numerator) / x.denominator if isinstance(x, Fraction) else arb(x)

    def exp(self, x: Any) -> Any:
        return x.exp()

    def log(self, x: Any) -> Any:
        return x.log()

    def sqrt(self, x: Any) -> Any:
        return x.sqrt()

    def erf(self, x: Any) -> Any:
        return x.erf()

    def atan(self, x: Any) -> Any:
        return x.atan()

    def sin(self, x: Any) -> Any:
        return x.sin()

    def cos(self, x: Any) -> Any:
        return x.cos()

    def needs(self, grown: float) -> float:
        """Digits that a recurrence in balls loses: all that its worst case does."""
        return max(grown, 0.0)

    def upper(self, x: Any) -> float:
        return up(x)

    def size(self, x: Any) -> float:
        return up(x.abs_upper())


def up(x: Any) -> float:
    """A double above all of the ball x."""
    return math.nextafter(float(x.upper()), math.inf)


def down(x: Any) -> float:
    """A double below all of the ball x."""
    return math.nextafter(float(x.lower()), -math.inf)


def frobenius(entries: list[Any]) -> float:
    """A double above the norm of balls."""
    return math.hypot(*(up(x.abs_upper()) for x in entries)) * (1.0 + 1e-12) + 1e-300
