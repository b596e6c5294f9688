"""Zeros that the rank of a polynomial kernel forces: against ranks of matrices of fractions."""

from __future__ import annotations

import warnings
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import mehler as mh
from mehler.kernels.degrees import largest_rank

HERMITE_3 = (0, -3, 0, 1)  # times sqrt(6)


def powers(coefficients):
    return mh.activation("polynomial", coefficients=tuple(map(float, coefficients)))


@cache
def moment(m, k, a, b, c):
    """E[u^m v^k] of variances a, b and covariance c, by Stein's identity in u."""
    if m < 0 or k < 0:
        return Fraction(0)
    if m == 0:
        return Fraction(1) if k == 0 else (k - 1) * b * moment(0, k - 2, a, b, c)
    return (m - 1) * a * moment(m - 2, k, a, b, c) + k * c * moment(m - 1, k - 1, a, b, c)


def expectation(f, a, b, c):
    return sum(p * q * moment(m, k, a, b, c) for m, p in enumerate(f) for k, q in enumerate(f))


def entry(x, y, f, kind, depth, bias):
    """The network's kernel, from its definition, in fractions."""
    slope = [m * p for m, p in enumerate(f)][1:] or [0]
    dots = [sum(p * q for p, q in zip(u, v, strict=True)) for u, v in ((x, x), (y, y), (x, y))]
    s, t = dots, Fraction(0)
    for layer in range(depth):
        a, b, c = (one + bias for one in s)
        d = expectation(slope, a, b, c)
        s = [expectation(f, a, a, a), expectation(f, b, b, b), expectation(f, a, b, c)]
        if kind == "gradient" and layer == depth - 1:
            return c * d
        t = (t + c) * d
    return s[2] if kind == "nngp" else t + s[2]


def points(n, d, unit):
    """Integers of different norms, or rational points of the sphere (by stereographic projection)."""
    rng = np.random.default_rng(n + 31 * d)
    X = [[Fraction(int(v)) for v in rng.integers(-99, 100, d)] for _ in range(n)]
    if not unit:
        return X
    out = []
    for x in X:
        p = [v / 7 for v in x[:-1]]
        size = sum(v * v for v in p)
        out.append([*(2 * v / (1 + size) for v in p), (size - 1) / (1 + size)])
    return out


def exact_rank(X, *network):
    flint = pytest.importorskip("flint")
    K = [[entry(x, y, *network) for y in X] for x in X]
    return flint.fmpq_mat([[flint.fmpq(v.numerator, v.denominator) for v in r] for r in K]).rank()


CASES = [
    # activation, its powers, kernel, depth, bias_var
    ("identity", (0, 1), "gradient", 1, 0),
    ("identity", (0, 1), "ntk", 3, 0),
    ("identity", (0, 1), "nngp", 1, 1),
    (mh.activation("leaky_relu", negative_slope=1.0), (0, 1), "gradient", 1, 0),
    (powers((0, 0, 1)), (0, 0, 1), "nngp", 1, 0),
    (powers((0, 0, 1)), (0, 0, 1), "gradient", 1, 0),
    (powers((0, 0, 1)), (0, 0, 1), "ntk", 1, 1),
    (powers((0, 1, 1)), (0, 1, 1), "gradient", 1, 0),
    (powers((2, 0, 1)), (2, 0, 1), "nngp", 1, 0),
    (powers((1, 0, 0, 1)), (1, 0, 0, 1), "nngp", 1, 0),
    (powers((1, 1, 0, 0, 1)), (1, 1, 0, 0, 1), "nngp", 1, 0),
    (mh.activation("hermite", k=3), HERMITE_3, "gradient", 1, 0),
    (powers((0, 0, 1)), (0, 0, 1), "nngp", 2, 0),
    (powers((0, 1, 1)), (0, 1, 1), "nngp", 2, 0),
    (powers((0, 1, 1)), (0, 1, 1), "gradient", 1, 1),
]


def kernel_of(act, kind, depth, bias):
    make = {"gradient": mh.gradient_kernel, "nngp": mh.nngp, "ntk": mh.ntk}[kind]
    return make(act, depth=depth, bias_var=float(bias))


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize(("act", "f", "kind", "depth", "bias"), CASES)
def test_the_rank_is_that_of_fractions(act, f, kind, depth, bias, unit, d):
    """Of more points than the rank, in general position, the matrix has it."""
    ker = kernel_of(act, kind, depth, bias)
    rank = largest_rank(ker, d, unit)
    n = min(rank + 2, 40)
    network = (tuple(map(Fraction, f)), kind, depth, Fraction(bias))
    found = exact_rank(points(n, d, unit), *network)
    assert found == min(rank, n)


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize(("act", "f", "kind", "depth", "bias"), CASES)
def test_zero_from_one_point_more(act, f, kind, depth, bias, unit):
    d, ker = 2, kernel_of(act, kind, depth, bias)
    rank = largest_rank(ker, d, unit or ker.homogeneity is not None)
    X = mh.generate("sphere-random", n=rank + 1, d=d, rng=3)
    X = X if unit else X * np.linspace(0.8, 1.6, rank + 1)[:, None]
    r = mh.min_eig(X, ker)
    assert (r.value, r.lower, r.upper, r.status) == (0.0, 0.0, 0.0, "resolved")
    assert (r.method, r.lower_kind) == ("structure", "structure")
    assert f"rank {rank} at most" in r.message
    K = ker(X)
    assert np.linalg.norm(r.vector) == pytest.approx(1.0)
    assert np.linalg.norm(K @ r.vector) <= 1e-13 * np.linalg.norm(K)
    assert r.residual <= 1e-13 * np.linalg.norm(K)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        less = mh.min_eig(X[:-1], ker, precision="double")
    assert less.method != "structure" and less.upper > 0.0


@pytest.mark.parametrize("precision", ["single", "double", "extended", "exact"])
def test_every_precision_says_so(precision):
    """'exact' climbed to thousands of bits and printed <= 1e-323."""
    if precision == "exact":
        pytest.importorskip("flint")
    X = mh.generate("sphere-random", n=30, d=3, rng=0)
    r = mh.min_eig(X, powers((0, 1, 1)), precision=precision)
    assert (r.status, r.upper, r.method) == ("resolved", 0.0, "structure")
    assert "exactly zero: 30 points in 3 dimensions" in r.message


@pytest.mark.parametrize("method", ["dense", "lanczos", "shift-invert", "preconditioned"])
def test_every_method_says_so(method):
    X = mh.generate("sphere-random", n=100, d=3, rng=0)
    r = mh.min_eig(X, "identity", method=method)
    assert (r.status, r.upper, r.method) == ("resolved", 0.0, "structure")
    assert np.linalg.norm(X.T @ r.vector) <= 1e-14


def test_what_is_not_said_to_be_a_polynomial_is_solved():
    X = mh.generate("sphere-random", n=20, d=2, rng=0)
    mine = mh.Activation.from_function(lambda z: z * z, df=lambda z: 2.0 * z)
    with pytest.warns(mh.PrecisionWarning):
        r = mh.min_eig(X, mine, precision="double")
    assert r.method != "structure"
    for name in ("relu", "tanh", "sin"):
        assert largest_rank(mh.gradient_kernel(name), 2, True) is None
    mixed = mh.nngp(["identity", "relu"])
    assert largest_rank(mixed, 2, True) is None
