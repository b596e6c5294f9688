"""Degrees of a kernel of polynomial activations in one of its points, and the rank that follows from them.

K(x, y) is a sum of monomials of x; its rank is at most the number of those that may occur, in d dimensions:

    sum over the degrees k of C(d + k - 1, k)       of points of any norms
    C(d + p - 1, p) + C(d + q - 1, q)               of a function of the cosine, p and q the highest odd and even degree

since |x|^2 is a constant on the sphere, so that monomials of degree p span those of p - 2, p - 4, ... too.

Degrees go through layers by Wick's theorem: E[u^m v^l] is a sum of s_uv^j s_uu^((m-j)/2) s_vv^((l-j)/2), and each of
these is, in x, a product of m terms of s.
"""

from __future__ import annotations

import math

from ..activations import Activation
from .kernel import Kernel

MOST_DEGREE = 1000  # beyond, only points of a line or a plane outnumber the monomials
Degrees = frozenset[int]


def activation_degrees(act: Activation, derivative: bool) -> Degrees | None:
    """Powers of z in phi or phi'; None of what is no polynomial, or not said to be one."""
    if act.spline is not None and not any(weight for _, _, weight in act.spline[1]):
        used = {m for m, a in enumerate(act.spline[0]) if a}
    elif act.name == "hermite" and act.source != "user":
        used = set(range(dict(act.params)["k"], -1, -2))
    else:
        return None
    return frozenset({m - 1 for m in used if m} if derivative else used)


def products(a: Degrees, b: Degrees) -> Degrees:
    """Of a term of one times a term of the other."""
    return frozenset(j + k for j in a for k in b)


def dual_degrees(f: Degrees, c: Degrees) -> Degrees:
    """Of E[f(u) f(v)] for a covariance of degrees c."""
    found: set[int] = set()
    power: Degrees = frozenset({0})
    for m in range(max(f, default=-1) + 1):
        if m in f:
            found |= power
        power = products(power, c)
    return frozenset(found)


def degrees_of(ker: Kernel) -> Degrees | None:
    """Of K(x, y) in x; None where it is no polynomial, or of more than ``MOST_DEGREE``."""
    bias: Degrees = frozenset({0} if ker.bias_var > 0.0 else ())
    s: Degrees = frozenset({1})
    t: Degrees = frozenset()
    last = len(ker.layers) - 1
    for i, act in enumerate(ker.layers):
        f, g = activation_degrees(act, False), activation_degrees(act, True)
        if f is None or g is None or max(f, default=0) * max(s, default=0) > MOST_DEGREE:
            return None
        c = s | bias
        s = dual_degrees(f, c)
        slope = dual_degrees(g, c)
        if ker.kind == "gradient" and i == last:
            return products(c, slope)
        t = products(t | c, slope)
    return s if ker.kind == "nngp" else t | s


def largest_rank(ker: Kernel, d: int, of_cosine: bool) -> int | None:
    """What the rank of K is at most, however many points there are; None where nothing says so.

    Parameters
    ----------
    ker
        The kernel.
    d
        Dimension of the points.
    of_cosine
        Whether K_ij is a function of the cosine, times powers of the norms.
    """
    degrees = degrees_of(ker)
    if degrees is None:
        return None
    if of_cosine:  # the highest of each parity
        degrees = frozenset({k % 2: k for k in sorted(degrees)}.values())
    return sum(math.comb(d + k - 1, k) for k in degrees)
