"""E[f(s u) g(t v)] of Gaussian (u, v) by panels between the kinks, and kernels of layers made of it.

Independent of the package: no Hermite series, no tables, no change of variables but v = c u + sqrt(1 - c^2) w.
``by_mpmath`` is slower still, nested and adaptive, in 18 digits; BY_MPMATH holds some of its values, which
``python tests/gaussian_moments.py`` prints.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import leggauss

NODES, WEIGHTS = leggauss(24)
NODES, WEIGHTS = 0.5 * (NODES + 1.0), 0.5 * WEIGHTS
REACH = 11.0
HALVES = 0.5 ** np.arange(1, 14)
GRADED = np.concatenate([[0.0], HALVES, -HALVES])
GRID = np.concatenate([np.arange(-REACH, REACH + 0.01, 0.5), GRADED])


def panels(edges):
    """Nodes and weights between sorted edges, along the last axis."""
    widths = np.diff(edges, axis=-1)[..., None]
    shape = (*edges.shape[:-1], -1)
    return (edges[..., :-1, None] + widths * NODES).reshape(shape), (widths * WEIGHTS).reshape(
        shape
    )


def gamma(z):
    return np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)


def moment(f, g, s, t, c, kinks=()):
    """E[f(s u) g(t v)], correlation c; kinks of both."""
    at_u, at_v = [k / s for k in kinks], [k / t for k in kinks]
    if abs(c) == 1.0:
        ends = np.concatenate([GRID, *(k + GRADED for k in at_u), *(c * k + GRADED for k in at_v)])
        z, w = panels(np.sort(np.clip(ends, -REACH, REACH)))
        return float(w @ (f(s * z) * g(t * c * z) * gamma(z)))
    r = np.sqrt((1.0 - c) * (1.0 + c))
    extra = [k / c + 8.0 * r * GRADED for k in at_v] if abs(c) > 1e-8 else []
    ends = np.concatenate([GRID, *(k + GRADED for k in at_u), *extra])
    u, wu = panels(np.sort(np.clip(ends, -REACH, REACH)))
    lines = (np.array(at_v or [0.0])[None, :] - c * u[:, None]) / r
    near = np.concatenate([[0.0], 4.0 * HALVES[:9], -4.0 * HALVES[:9]])
    grid = np.arange(-REACH, REACH + 0.01, 1.0)
    inner = np.concatenate(
        [np.broadcast_to(grid, (len(u), len(grid)))]
        + [lines[:, [m]] + near for m in range(lines.shape[1])],
        axis=1,
    )
    w, ww = panels(np.sort(np.clip(inner, -REACH, REACH), axis=1))
    given = np.sum(ww * gamma(w) * g(t * (c * u[:, None] + r * w)), axis=1)
    return float((wu * gamma(u) * f(s * u)) @ given)


def kernel_of(act, kind, depth, x, y, weight=1.0, bias=0.0):
    """K(x, y) by the recursion of the layers."""
    same = np.array_equal(x, y)
    phi, dphi = act.phi, None if kind == "nngp" else act.derivative()

    def means(f, q, r, cov):
        c = 1.0 if same else min(max(cov / np.sqrt(q * r), -1.0), 1.0)
        return moment(f, f, np.sqrt(q), np.sqrt(r), c, act.kinks)

    q, r, S, T, D = x @ x, y @ y, x @ y, None, 0.0
    for _ in range(depth):
        q, r, L = weight * q + bias, weight * r + bias, weight * S + bias
        T = L if T is None else weight * T * D + L
        S = means(phi, q, r, L) if kind != "gradient" or _ < depth - 1 else 0.0
        D = means(dphi, q, r, L) if dphi is not None else 0.0
        q, r = (moment(phi, phi, np.sqrt(v), np.sqrt(v), 1.0, act.kinks) for v in (q, r))
    return {"nngp": S, "gradient": L * D, "ntk": T * D + S}[kind]


# (activation, of phi', s, t, c, E[f(s u) f(t v)])
BY_MPMATH = [
    ("hardtanh", True, 0.5, 3.0, 0.7, 0.259577433178553784),
    ("hardtanh", True, 1.0, 1.1, -0.95, 0.593229601341976446),
    ("hardtanh", False, 0.5, 3.0, 0.7, 0.265825396020496399),
    ("hardtanh", False, 1.0, 1.1, -0.95, -0.500051471744248938),
    ("relu6", True, 0.5, 3.0, 0.7, 0.350947330534796855),
    ("relu6", True, 1.0, 1.1, -0.95, 0.0505413120521299574),
    ("hardswish", True, 0.5, 3.0, 0.7, 0.301417189036072539),
    ("hardswish", True, 1.0, 1.1, -0.95, 0.138597177958469571),
    ("hardswish", False, 0.5, 3.0, 0.7, 0.33216211722984585),
    ("hardswish", False, 1.0, 1.1, -0.95, -0.17001032746681773),
]


def by_mpmath(f, s, t, c, kinks=(), digits=18):
    """E[f(s u) f(t v)] by nested adaptive quadrature; f of mpmath numbers."""
    import mpmath as mp

    with mp.workdps(digits):
        s, t, c = mp.mpf(s), mp.mpf(t), mp.mpf(c)
        r = mp.sqrt(1 - c * c)

        def gauss(z):
            return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)

        def given(u):
            ends = sorted({mp.mpf(-9), mp.mpf(9), *((k / t - c * u) / r for k in kinks)})
            ends = [min(max(e, -9), 9) for e in ends]
            return mp.quad(lambda w: gauss(w) * f(t * (c * u + r * w)), sorted({*ends, -4, 0, 4}))

        ends = sorted(
            {mp.mpf(-9), mp.mpf(9), mp.mpf(-4), mp.mpf(0), mp.mpf(4), *(k / s for k in kinks)}
        )
        return mp.quad(lambda u: gauss(u) * f(s * u) * given(u), ends)


def _functions():
    """phi or phi' of mpmath numbers, and kinks."""
    import mpmath as mp

    one, zero = mp.mpf(1), mp.mpf(0)
    slope = lambda z: one if z > 3 else zero if z < -3 else (2 * z + 3) / 6
    sp = lambda z: mp.log1p(mp.exp(z))
    return {
        ("hardtanh", True): (lambda z: one if abs(z) < 1 else zero, (-1, 1)),
        ("hardtanh", False): (lambda z: min(max(z, -one), one), (-1, 1)),
        ("relu6", True): (lambda z: one if 0 < z < 6 else zero, (0, 6)),
        ("hardswish", True): (slope, (-3, 3)),
        ("hardswish", False): (lambda z: z * min(max(z + 3, 0), 6) / 6, (-3, 3)),
        ("elu", True): (lambda z: one if z > 0 else mp.exp(z), (0,)),
        ("softsign", False): (lambda z: z / (1 + abs(z)), (0,)),
        ("tanh", True): (lambda z: mp.sech(z) ** 2, ()),
        ("gelu", False): (lambda z: z * mp.ncdf(z), ()),
        ("mish", True): (lambda z: mp.tanh(sp(z)) + z * mp.sech(sp(z)) ** 2 / (1 + mp.exp(-z)), ()),
    }


if __name__ == "__main__":
    import mpmath

    for (name, derivative), (f, kinks) in _functions().items():
        for s, t, c in ((0.5, 3.0, 0.7), (1.0, 1.1, -0.95)):
            value = mpmath.nstr(by_mpmath(f, s, t, c, kinks), 18)
            print(f'    ("{name}", {derivative}, {s}, {t}, {c}, {value}),')
