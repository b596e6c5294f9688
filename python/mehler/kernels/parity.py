"""Which powers of rho a kernel has: what its odd and even part are, through layers and products.

    NONE < SIMPLE < FULL        odd part: none, c rho, anything;  even part: none, a constant, anything

The parts of f(c), c = odd + even, follow from those of f and of c by the binomial theorem.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..activations import Activation

NONE, SIMPLE, FULL = 0, 1, 2


class Parity(NamedTuple):
    """Of a power series in rho with coefficients >= 0: each part is at most this."""

    odd: int
    even: int

    def plus(self, other: Parity) -> Parity:
        """Of the sum."""
        return Parity(max(self.odd, other.odd), max(self.even, other.even))

    def times(self, other: Parity) -> Parity:
        """Of the product."""
        odd = max(_part(self.odd, other.even), _part(other.odd, self.even))
        constant = SIMPLE if self.even == other.even == SIMPLE else _full(self.even, other.even)
        return Parity(odd, max(constant, _full(self.odd, other.odd)))

    def of(self, c: Parity) -> Parity:
        """Of f(c), f having this parity."""
        if self.odd == NONE and self.even <= SIMPLE:
            return self  # a constant
        if c.odd == NONE and c.even <= SIMPLE:
            return Parity(NONE, SIMPLE)
        linear = Parity(c.odd, max(c.even, SIMPLE if self.even else NONE))
        if self.odd == SIMPLE and self.even <= SIMPLE:
            return linear
        if c.even == NONE:  # odd powers of an odd c are odd
            odd = c.odd if self.odd == SIMPLE else FULL if self.odd else NONE
            return Parity(odd, self.even)
        return Parity(FULL if c.odd else NONE, FULL)


def _part(odd: int, even: int) -> int:
    """The odd part of odd times even."""
    return NONE if NONE in (odd, even) else SIMPLE if odd == even == SIMPLE else FULL


def _full(a: int, b: int) -> int:
    return FULL if a and b else NONE


def dual_parity(act: Activation, derivative: bool) -> Parity:
    """Of E[phi(u) phi(v)], or with phi', in the correlation."""
    if act.name == "identity":
        return Parity(NONE, SIMPLE) if derivative else Parity(SIMPLE, NONE)
    odd, even = {
        "odd": (FULL, NONE),
        "even": (NONE, FULL),
        "linear-even": (SIMPLE, FULL),
        "constant-odd": (FULL, SIMPLE),
    }.get(act.parity, (FULL, FULL))
    if derivative:  # the derivative of c z is a constant, that of a constant nothing
        return Parity(FULL if even == FULL else NONE, odd)
    return Parity(odd, even)


def parity_of(kind: str, layers: Sequence[Activation], bias: bool) -> Parity:
    """Of the kernel of a network.

    Parameters
    ----------
    kind
        'gradient', 'nngp' or 'ntk'.
    layers
        One activation a layer.
    bias
        Whether there are biases.
    """
    constant = Parity(NONE, SIMPLE if bias else NONE)
    s, t = Parity(SIMPLE, NONE), Parity(NONE, NONE)
    last = len(layers) - 1
    for i, act in enumerate(layers):
        c = s.plus(constant)
        s = dual_parity(act, False).of(c)
        if kind == "nngp" or (kind == "gradient" and i < last):
            continue
        d = dual_parity(act, True).of(c)
        if kind == "gradient":
            return c.times(d)
        t = t.plus(c).times(d)
    return s if kind == "nngp" else t.plus(s)
