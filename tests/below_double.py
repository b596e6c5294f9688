"""Smallest eigenvalues far below the rounding of doubles, by routes that share nothing with the package."""

from __future__ import annotations

from functools import cache

from mpmath import mp, mpf

from reference import ANALYTIC

# lambda_min of the G-matrix on n points of the full circle, by 60-digit arithmetic
CIRCLE = {
    ("tanh", 11): 9.45634e-5,
    ("tanh", 21): 6.29385e-8,
    ("tanh", 51): 9.38166e-16,
    ("swish", 11): 5.28408e-6,
    ("swish", 21): 1.06348e-11,
    ("swish", 51): 6.10683e-25,
}


@cache
def squares(name, derivative, terms, digits=60):
    """mu_k^2, k < terms, by the trapezoidal rule with mpmath."""
    with mp.workdps(digits + 15):
        f = ANALYTIC[name][1 if derivative else 0]
        step = mpf(1) / 16
        sums = [mpf(0)] * terms
        for j in range(16 * 22 + 1):  # z and -z at once
            z = j * step
            weight = step * mp.npdf(z) / (1 if j else 2)
            parts = [weight * (f(z) + f(-z)), weight * (f(z) - f(-z))]
            before, row = mpf(0), mpf(1)
            for k in range(terms):
                sums[k] += parts[k % 2] * row
                before, row = row, z * row - k * before
        return [s * s / mp.factorial(k) for k, s in enumerate(sums)]


def circle(n, name, terms):
    """lambda_min of the gradient kernel on n equally spaced points, n odd.

    Circulant: lambda_m = n sum over p = +-m mod n of the Fourier coefficients of sum_k a_k cos^(k+1); all
    terms are positive.
    """
    a = squares(name, True, terms)
    with mp.workdps(60):
        values = [mpf(0)] * n
        for k, x in enumerate(a):
            power = k + 1
            for j in range(power + 1):  # cos^p = 2^-p sum_j C(p, j) e^(i (p - 2j) t)
                values[(power - 2 * j) % n] += n * x * mp.binomial(power, j) / mpf(2) ** power
        return min(values)


def smallest(X, name, terms, digits=60):
    """lambda_min of the gradient kernel of points, their doubles exactly normalised, by mpmath's solver."""
    a = squares(name, True, terms)
    n = len(X)
    with mp.workdps(digits):
        rows = [[mpf(float(x)) for x in row] for row in X]
        rows = [[x / mp.norm(row) for x in row] for row in rows]
        K = mp.matrix(n, n)
        for i in range(n):
            for j in range(i + 1):
                rho = mp.fdot(rows[i], rows[j]) if i != j else mpf(1)
                value = mpf(0)
                for x in reversed(a):
                    value = value * rho + x
                K[i, j] = K[j, i] = rho * value
        return min(mp.eigsy(K, eigvals_only=True))
