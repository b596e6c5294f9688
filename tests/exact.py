"""Exact truth for matrices of doubles, in integers: no rounding, no eigensolver.

lower <= lambda_min(K) <= upper holds if K - lower I is positive semidefinite and K - upper I is not
positive definite. Sylvester: all leading minors are positive; Bareiss's elimination gives them without
fractions.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def least_minor(K, s) -> int:
    """The sign of the first leading minor of K - s I that is not positive, or 1; K, s of doubles or Fractions."""
    s = Fraction(s)
    n = len(K)
    entries = [[Fraction(x) for x in row] for row in K]
    unit = max([s.denominator, *(x.denominator for row in entries for x in row)])  # powers of two
    A = np.empty((n, n), dtype=object)
    for i, row in enumerate(entries):
        for j, x in enumerate(row):
            x = x - s if i == j else x
            A[i, j] = x.numerator * (unit // x.denominator)
    before = 1
    for _ in range(n):
        pivot = A[0, 0]
        if pivot <= 0:
            return -1 if pivot < 0 else 0
        A = (A[1:, 1:] * pivot - np.outer(A[1:, 0], A[0, 1:])) // before
        before = pivot
    return 1


def is_lower(K, s) -> bool:
    """s <= lambda_min(K); where a minor is zero, but for less than anything that doubles can make of it."""
    if s == -np.inf:
        return True
    sign = least_minor(K, s)
    return sign > 0 or (sign == 0 and least_minor(K, Fraction(s) - Fraction(1, 2**3000)) > 0)


def is_upper(K, s) -> bool:
    """lambda_min(K) <= s."""
    return s == np.inf or least_minor(K, s) <= 0


def semidefinite(K) -> bool:
    """lambda_min(K) >= 0."""
    return is_lower(K, 0.0)
