"""Slow, obvious truth for networks of several layers: the recursion itself, at 40 digits.

    L_l = w S_{l-1} + b,  S_0 = rho;   T_1 = L_1,  T_{l+1} = w T_l D_l + L_{l+1}

S_l and D_l are closed forms of the covariance (q, L) where there are, else integrals. No drops, no pairs, no
tables: 1 - |rho| is small by having digits.
"""

from __future__ import annotations

from mpmath import mp, mpf

import reference

DIGITS = 40


def angle(q, c):
    return mp.acos(max(mpf(-1), min(mpf(1), c / q)))


def piecewise_linear(a, b):
    """phi = a z for z > 0, b z for z < 0: arc-cosine kernels (Cho and Saul 2009)."""

    def j1(t):
        return (mp.sin(t) + (mp.pi - t) * mp.cos(t)) / (2 * mp.pi)

    def j0(t):
        return (mp.pi - t) / (2 * mp.pi)

    def phi(q, c):
        t = angle(q, c)
        return q * ((a * a + b * b) * j1(t) - 2 * a * b * j1(mp.pi - t))

    def dphi(q, c):
        t = angle(q, c)
        return (a * a + b * b) * j0(t) + 2 * a * b * j0(mp.pi - t)

    return phi, dphi


def polynomial(coefficients):
    """E p(u) p(v) by Isserlis: E u^i v^j = sum_k k! C(i,k) C(j,k) (i-k-1)!! (j-k-1)!! q^.. c^k."""

    def moment(i, j, q, c):
        total = mpf(0)
        for k in range(min(i, j) + 1):
            if (i - k) % 2 or (j - k) % 2:
                continue
            many = mp.factorial(k) * mp.binomial(i, k) * mp.binomial(j, k)
            many *= mp.fac2(i - k - 1) * mp.fac2(j - k - 1)
            total += many * q ** ((i + j - 2 * k) // 2) * c**k
        return total

    def dual(p):
        return lambda q, c: mp.fsum(
            mpf(x) * mpf(y) * moment(i, j, q, c) for i, x in enumerate(p) for j, y in enumerate(p)
        )

    return dual(coefficients), dual([k * x for k, x in enumerate(coefficients)][1:])


def det(q, c):
    return (1 + 2 * q) ** 2 - 4 * c * c


CLOSED = {
    "relu": piecewise_linear(mpf(1), mpf(0)),
    "leaky_relu": piecewise_linear(mpf(1), mpf(0.01)),
    "abs": piecewise_linear(mpf(1), mpf(-1)),
    "identity": piecewise_linear(mpf(1), mpf(1)),
    "erf": (
        lambda q, c: 2 / mp.pi * mp.asin(2 * c / (1 + 2 * q)),
        lambda q, c: 4 / (mp.pi * mp.sqrt(det(q, c))),
    ),
    "sin": (lambda q, c: mp.exp(-q) * mp.sinh(c), lambda q, c: mp.exp(-q) * mp.cosh(c)),
    "cos": (lambda q, c: mp.exp(-q) * mp.cosh(c), lambda q, c: mp.exp(-q) * mp.sinh(c)),
    "exp": (lambda q, c: mp.exp(q + c), lambda q, c: mp.exp(q + c)),
    "gaussian": (lambda q, c: det(q, c) ** mpf(-0.5), lambda q, c: 4 * c * det(q, c) ** mpf(-1.5)),
    "polynomial": polynomial((1.0, 2.0, 0.5, -0.75)),
}


def by_quadrature(name):
    """Duals at any variance of functions without a closed form."""

    def dual(derivative):
        def value(q, c):
            s, rho = mp.sqrt(q), c / q
            if name in reference.PIECES:
                pieces = [
                    (low / s, high / s, [(x * s**m, m, r * s) for x, m, r in terms])
                    for low, high, terms in reference.PIECES[name][derivative]
                ]
                return reference._pieces(pieces, 1 if rho >= 0 else -1, 1 - abs(rho))
            return product_rule(reference.ANALYTIC[name][derivative], s, rho)

        return value

    return dual(0), dual(1)


def product_rule(f, s, rho):
    """E f(s u) f(s v) by the trapezoidal rule in two independent Gaussians; f analytic near the axis."""
    step, reach = mpf(1) / 4, 44
    z = [step * i for i in range(-reach, reach + 1)]
    weight = [step * mp.npdf(t) for t in z]
    other = mp.sqrt(1 - rho * rho)
    total = mpf(0)
    for x, a in zip(z, weight, strict=True):
        fx = a * f(s * x)
        if abs(fx) < mpf("1e-28"):
            continue
        total += fx * mp.fsum(
            b * f(s * (rho * x + other * y))
            for y, b in zip(z, weight, strict=True)
            if a * b > 1e-28
        )
    return total


def deep(kind, duals, rho, weight=1.0, bias=0.0, normalized=False):
    """h(rho), an mpf; duals holds (E phi phi, E phi' phi') as functions of (q, c), one pair a layer."""
    with mp.workdps(max(DIGITS, mp.dps)):
        w, b, one = mpf(weight), mpf(bias), mpf(1)
        s, s1, t, d = mpf(rho), one, mpf(0), mpf(0)
        for i, (phi, dphi) in enumerate(duals):
            q, c = w * s1 + b, w * s + b
            t = w * t * d + c
            size = phi(q, q) if normalized else one
            if kind == "ntk" or (kind == "gradient" and i == len(duals) - 1):
                d = dphi(q, c) / size
            if kind != "gradient" or i < len(duals) - 1:
                s, s1 = phi(q, c) / size, phi(q, q) / size
        return {"nngp": s, "gradient": c * d, "ntk": t * d + s}[kind]
