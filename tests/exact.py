"""Exact truth for matrices of doubles, in integers: no rounding, no eigensolver.

lower <= lambda_min(K) <= upper holds if K - lower I is positive semidefinite and K - upper I is not
positive definite. Sylvester: all leading minors are positive; Bareiss's elimination gives them without
fractions.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def positive_definite(K, s) -> bool:
    """Whether K - s I is, K of doubles and s a double or a Fraction."""
    s = Fraction(s)
    n = len(K)
    entries = [[Fraction(float(x)) for x in row] for row in np.asarray(K)]
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
            return False
        A = (A[1:, 1:] * pivot - np.outer(A[1:, 0], A[0, 1:])) // before
        before = pivot
    return True


def semidefinite(K) -> bool:
    """lambda_min(K) >= 0, but for less than anything that doubles can make of it."""
    return is_lower(K, 0.0)


def is_lower(K, s) -> bool:
    """s <= lambda_min(K)."""
    below = Fraction(s) - Fraction(1, 2**3000) if s > -np.inf else None
    return below is None or positive_definite(K, s) or positive_definite(K, below)


def is_upper(K, s) -> bool:
    """lambda_min(K) <= s."""
    return s == np.inf or not positive_definite(K, s)
