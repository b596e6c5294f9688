"""Slow, obvious truth: duals and kernels of the catalogue to 30 digits with mpmath.

Nothing is shared with the package: the activations are written again, and the routes are others.

* analytic phi: Mehler's series sum mu_k^2 rho^k with mu_k from a 30-digit trapezoidal rule;
* pieces of z^m exp(r z): E[f(u) f(v)] = integral of f(u) E[f(v) | u], the inner one in closed
  form, the outer one by Gauss-Legendre panels that end at the kinks and follow their layers;
* homogeneous phi: closed forms in the angle;
* softsign: polar coordinates.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from mpmath import mp, mpf

mp.dps = 30

ZERO, ONE, INF = mpf(0), mpf(1), mp.inf
LAMBDA = mpf("1.0507009873554804934193349852946")
ALPHA = mpf("1.6732632423543772848170429916717")


def sigmoid(z):
    return 1 / (1 + mp.exp(-z)) if z >= 0 else mp.exp(z) / (1 + mp.exp(z))


def slope(z):
    return sigmoid(z) * sigmoid(-z)


def softplus(z):
    return mp.log1p(mp.exp(z)) if z < 0 else z + mp.log1p(mp.exp(-z))


def mish_slope(z):
    t = mp.tanh(softplus(z))
    return t + z * (1 - t * t) * sigmoid(z)


ANALYTIC = {
    "gelu": (lambda z: z * mp.ncdf(z), lambda z: mp.ncdf(z) + z * mp.npdf(z)),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) + z * slope(z)),
    "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2),
    "sigmoid": (sigmoid, slope),
    "softplus": (softplus, sigmoid),
    "mish": (lambda z: z * mp.tanh(softplus(z)), mish_slope),
    "arctan": (mp.atan, lambda z: 1 / (1 + z * z)),
    "erf": (mp.erf, lambda z: 2 / mp.sqrt(mp.pi) * mp.exp(-z * z)),
    "sin": (mp.sin, mp.cos),
    "cos": (mp.cos, lambda z: -mp.sin(z)),
    "exp": (mp.exp, mp.exp),
    "gaussian": (lambda z: mp.exp(-z * z), lambda z: -2 * z * mp.exp(-z * z)),
    "identity": (lambda z: z, lambda z: ONE),
    "polynomial": (lambda z: 1 + 2 * z + z * z / 2 - 3 * z**3 / 4, lambda z: 2 + z - 9 * z * z / 4),
    "hermite": (
        lambda z: (z**4 - 6 * z**2 + 3) / mp.sqrt(24),
        lambda z: (4 * z**3 - 12 * z) / mp.sqrt(24),
    ),
}

# (low, high, [(coefficient, power, rate), ...]): coefficient z^power exp(rate z) on the piece.
HALF_STEP = [(ZERO, INF, [(ONE, 0, ZERO)])]
PIECES = {
    "elu": (
        [(-INF, ZERO, [(ONE, 0, ONE), (-ONE, 0, ZERO)]), (ZERO, INF, [(ONE, 1, ZERO)])],
        [(-INF, ZERO, [(ONE, 0, ONE)]), *HALF_STEP],
    ),
    "selu": (
        [
            (-INF, ZERO, [(LAMBDA * ALPHA, 0, ONE), (-LAMBDA * ALPHA, 0, ZERO)]),
            (ZERO, INF, [(LAMBDA, 1, ZERO)]),
        ],
        [(-INF, ZERO, [(LAMBDA * ALPHA, 0, ONE)]), (ZERO, INF, [(LAMBDA, 0, ZERO)])],
    ),
    "relu6": (
        [(ZERO, mpf(6), [(ONE, 1, ZERO)]), (mpf(6), INF, [(mpf(6), 0, ZERO)])],
        [(ZERO, mpf(6), [(ONE, 0, ZERO)])],
    ),
    "hardtanh": (
        [
            (-INF, -ONE, [(-ONE, 0, ZERO)]),
            (-ONE, ONE, [(ONE, 1, ZERO)]),
            (ONE, INF, [(ONE, 0, ZERO)]),
        ],
        [(-ONE, ONE, [(ONE, 0, ZERO)])],
    ),
    "hardswish": (
        [
            (-mpf(3), mpf(3), [(ONE / 6, 2, ZERO), (ONE / 2, 1, ZERO)]),
            (mpf(3), INF, [(ONE, 1, ZERO)]),
        ],
        [
            (-mpf(3), mpf(3), [(ONE / 3, 1, ZERO), (ONE / 2, 0, ZERO)]),
            (mpf(3), INF, [(ONE, 0, ZERO)]),
        ],
    ),
}
PIECES["celu"] = PIECES["elu"]  # alpha = 1

HOMOGENEOUS = ("relu", "leaky_relu", "abs", "step", "rectified_power")
PARAMS = {"polynomial": {"coefficients": (1.0, 2.0, 0.5, -0.75)}, "hermite": {"k": 4}}
NAMES = sorted([*ANALYTIC, *PIECES, *HOMOGENEOUS, "softsign"])


def kernel(kind, name, sign, deficit):
    """h(sign (1 - deficit)) as an mpf: gradient rho E[phi' phi'], nngp E[phi phi]."""
    rho = sign * (1 - mpf(deficit))
    value = dual(name, kind == "gradient", sign, mpf(deficit))
    return rho * value if kind == "gradient" else value


def dual(name, derivative, sign, deficit):
    """E[f(u) f(v)], f = phi' or phi, at correlation sign (1 - deficit)."""
    if name in ANALYTIC:
        rho, value = sign * (1 - deficit), ZERO
        for square in _squares(name, derivative):
            value = value * rho + square
        return value
    if name in PIECES:
        return _pieces(PIECES[name][int(derivative)], sign, deficit)
    if name == "softsign":
        return _softsign(derivative, sign, deficit)
    return _homogeneous(name, derivative, sign, deficit)


# -- closed forms -----------------------------------------------------------------------------


def _angle(sign, deficit):
    theta = 2 * mp.asin(mp.sqrt(deficit / 2))
    return theta if sign > 0 else mp.pi - theta


def _arc_cosine(q, theta):
    """E[u_+^q v_+^q] for q = 0, 1, 2 (Cho and Saul 2009)."""
    s, c, left = mp.sin(theta), mp.cos(theta), mp.pi - theta
    j = [left, s + left * c, 3 * s * c + left * (1 + 2 * c * c)][q]
    return j / (2 * mp.pi)


def _homogeneous(name, derivative, sign, deficit):
    theta = _angle(sign, deficit)
    if name == "step":
        return _arc_cosine(0, theta)
    if name == "rectified_power":
        return 4 * _arc_cosine(1, theta) if derivative else _arc_cosine(2, theta)
    # phi = a z_+ + b z_-: f(u) f(v) over the four quadrants.
    a, b = {"relu": (1, 0), "leaky_relu": (1, mpf(0.01)), "abs": (1, -1)}[name]
    q = 0 if derivative else 1
    b = b if derivative else -b  # phi(-t) = -b t
    same = _arc_cosine(q, theta)
    cross = _arc_cosine(q, mp.pi - theta)
    return (a * a + b * b) * same + 2 * a * b * cross


# -- Mehler's series ----------------------------------------------------------------------------


@cache
def _squares(name, derivative):
    """mu_k^2, highest k first, until they fall below 1e-23."""
    return [m * m for m in reversed(coefficients(name, derivative))]


@cache
def coefficients(name, derivative):
    """mu_0, mu_1, ... of phi' or phi; mu_k(phi) = mu_{k-1}(phi') / sqrt(k) for k > 0."""
    f = ANALYTIC[name][int(derivative)]
    if derivative:
        return _trapezoid(f, name, 720)
    slopes = coefficients(name, True)
    return _trapezoid(f, name, 1) + [m / mp.sqrt(k + 1) for k, m in enumerate(slopes)]


def _trapezoid(f, name, terms):
    """E[f h_0], E[f h_1], ... by the trapezoidal rule, to 25 digits."""
    step, reach = mpf(1) / 14, 21 if name == "exp" else 17
    z = [step * i for i in range(-14 * reach, 14 * reach + 1)]
    root = [mp.exp(-t * t / 4) / mp.sqrt(mp.sqrt(2 * mp.pi)) for t in z]
    weighted = np.array([step * r * f(t) for t, r in zip(z, root, strict=True)], dtype=object)
    z = np.array(z, dtype=object)
    before, now = 0 * z, np.array(root, dtype=object)
    mu, small = [], 0
    for k in range(terms):
        mu.append(weighted @ now)
        small = small + 1 if abs(mu[-1]) < mpf("3e-12") else 0
        if small == 6:
            break
        before, now = now, (z * now - mp.sqrt(k) * before) / mp.sqrt(k + 1)
    return mu


# -- pieces -----------------------------------------------------------------------------------


@cache
def _rule(points=24):
    """Gauss-Legendre on [0, 1] to 30 digits."""
    nodes = []
    for start in np.polynomial.legendre.leggauss(points)[0]:
        t = mpf(float(start))
        for _ in range(3):  # Newton on P_n
            p, q = ONE, t
            for k in range(2, points + 1):
                p, q = q, ((2 * k - 1) * t * q - (k - 1) * p) / k
            d = points * (t * q - p) / (t * t - 1)
            t -= q / d
        nodes.append(((1 + t) / 2, 1 / ((1 - t * t) * d * d)))
    return nodes


def _integrate(f, edges):
    total = ZERO
    for a, b in pairwise(edges):
        for x, w in _rule():
            total += w * (b - a) * f(a + (b - a) * x)
    return total


def _value(pieces, z):
    for low, high, terms in pieces:
        if low < z < high:
            return mp.fsum(c * z**m * mp.exp(r * z) for c, m, r in terms)
    return ZERO


def _conditional(pieces, mean, s):
    """E[f(mean + s Z)]: truncated moments of a Gaussian in closed form."""
    total = ZERO
    for low, high, terms in pieces:
        for c, m, r in terms:
            shift = mean + r * s * s
            a, b = (low - shift) / s, (high - shift) / s
            pa = mp.npdf(a) if mp.isfinite(a) else ZERO
            pb = mp.npdf(b) if mp.isfinite(b) else ZERO
            # Moments of Z on (a, b): M_0, M_1 = p(a) - p(b), M_2 = M_0 + a p(a) - b p(b).
            m0 = mp.ncdf(b) - mp.ncdf(a) if a < 0 else mp.ncdf(-a) - mp.ncdf(-b)
            m1 = pa - pb
            m2 = m0 + (a * pa if pa else 0) - (b * pb if pb else 0)
            moment = [m0, shift * m0 + s * m1, shift**2 * m0 + 2 * shift * s * m1 + s * s * m2][m]
            total += c * mp.exp(r * mean + r * r * s * s / 2) * moment
    return total


def _pieces(pieces, sign, deficit):
    rho = sign * (1 - deficit)
    if deficit == 0:
        kinks = sorted({c for low, high, _ in pieces for c in (low, high) if mp.isfinite(c)})
        edges = sorted({*(mpf(i) for i in range(-12, 13, 2)), *kinks, *(sign * c for c in kinks)})
        return _integrate(
            lambda u: _value(pieces, u) * _value(pieces, sign * u) * mp.npdf(u), edges
        )
    s = mp.sqrt(deficit * (2 - deficit))
    kinks = {c for low, high, _ in pieces for c in (low, high) if mp.isfinite(c)}
    edges = {*(mpf(i) for i in range(-12, 13, 2)), *kinks}
    if rho != 0:
        for c in kinks:
            edges |= {c / rho + t * s for t in (-10, -7, -4, -2, 0, 2, 4, 7, 10)}
    edges = sorted(e for e in edges if abs(e) <= 12)
    return _integrate(
        lambda u: (f := _value(pieces, u)) and f * _conditional(pieces, rho * u, s) * mp.npdf(u),
        edges,
    )


# -- softsign ---------------------------------------------------------------------------------


def _softsign(derivative, sign, deficit):
    """Polar coordinates: u = r cos(t), v = r cos(t - theta); the plane is twice t in (-pi/2, pi/2)."""
    theta = _angle(sign, deficit)

    def f(z):
        return 1 / (1 + abs(z)) ** 2 if derivative else z / (1 + abs(z))

    def radial(t):
        cu, cv = mp.cos(t), mp.cos(t - theta)
        radii = [ZERO, mpf(1) / 2, mpf(2), mpf(5), mpf(11)]
        return _integrate(lambda r: r * mp.exp(-r * r / 2) * f(r * cu) * f(r * cv), radii)

    # f(u) f(v) keeps its form while neither cos(t) nor cos(t - theta) changes sign.
    edges = []
    for a, b in ((-mp.pi / 2, theta - mp.pi / 2), (theta - mp.pi / 2, mp.pi / 2)):
        edges += [a + (b - a) * x for x in (0, mpf(1) / 12, mpf(1) / 3, mpf(2) / 3, mpf(11) / 12)]
    return _integrate(radial, [*edges, mp.pi / 2]) / mp.pi


def exact_gram(X, name):
    """The G-matrix of exactly these points, of norm one, to 30 digits."""
    with mp.workdps(30):
        rows = [[mpf(x) for x in row] for row in X.tolist()]
        n = len(rows)
        norms = [mp.sqrt(sum(x * x for x in row)) for row in rows]
        K = mp.matrix(n, n)
        for i in range(n):
            for j in range(i + 1):
                dot = sum(x * y for x, y in zip(rows[i], rows[j], strict=True))
                rho = dot / (norms[i] * norms[j]) if i != j else mpf(1)
                sign = 1 if rho >= 0 else -1
                K[i, j] = K[j, i] = kernel("gradient", name, sign, 1 - abs(rho))
        return K
