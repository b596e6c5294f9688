"""Zeros that points force: found before any solve, with a vector that K really sends to zero."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest

import mehler as mh
from mehler.certificates.structure import forced_zero
from spectra import circle, relu_gram, sphere

EPS = float(np.finfo(float).eps)


def angles(X: np.ndarray) -> np.ndarray:
    """From differences and sums of unit rows: right to the last digit at 0 and at pi."""
    U = X / np.linalg.norm(X, axis=1)[:, None]
    apart, together = U[:, None] - U, U[:, None] + U
    return 2.0 * np.arctan2(np.linalg.norm(apart, axis=2), np.linalg.norm(together, axis=2))


def scaled(X: np.ndarray, h: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(X, axis=1)
    return norms[:, None] * h * norms


def abs_gradient(X: np.ndarray) -> np.ndarray:
    t = angles(X)
    return scaled(X, np.cos(t) * (1.0 - 2.0 * t / np.pi))


def abs_nngp(X: np.ndarray) -> np.ndarray:
    t = angles(X)
    return scaled(X, np.cos(t) * (1.0 - 2.0 * t / np.pi) + 2.0 / np.pi * np.sin(t))


# Independent matrices, in closed form.
TRUTH = {
    ("relu", "gradient"): relu_gram,
    ("abs", "gradient"): abs_gradient,
    ("abs", "nngp"): abs_nngp,
    ("identity", "gradient"): lambda X: X @ X.T,
    ("identity", "nngp"): lambda X: X @ X.T,
    # E[erf(u) erf(v)] = 2/pi asin(2 rho / 3) for unit variances
    ("erf", "nngp"): lambda X: np.arcsin(2.0 * np.cos(angles(X)) / 3.0) * 2.0 / np.pi,
}
MAKE = {"gradient": mh.gradient_kernel, "nngp": mh.nngp}
HOMOGENEOUS = ("relu", "leaky_relu", "abs", "identity")
SIGNED = [  # of definite parity: one opposite pair is enough
    *[(name, kind) for name in ("abs", "identity", "tanh", "erf", "sin") for kind in MAKE],
    ("sigmoid", "gradient"),
    ("cos", "gradient"),
]
EVERY = [*SIGNED, *[(name, kind) for name in ("relu", "selu", "gelu", "elu") for kind in MAKE]]


def matrix(X, name, kind):
    return TRUTH[name, kind](X) if (name, kind) in TRUTH else MAKE[kind](name)(X)


def check(X, name, kind, words, support=None, method="auto"):
    with warnings.catch_warnings():
        # the pair may be alike to rounding only
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        r = mh.min_eig(X, name, kernel=kind, method=method, precision="double", rng=0)
    top = float(MAKE[kind](name)(1.0)) * np.max(np.einsum("ij,ij->i", X, X))
    assert (r.value, r.lower) == (0.0, 0.0)
    assert r.upper == 0.0 or r.upper == pytest.approx(1e-14 * top)  # not multiples to the last bit
    assert (r.method, r.lower_kind) == ("structure", "structure")
    assert r.status == ("resolved" if r.upper == 0.0 else "rounding-limited")
    assert r.applications == 0 and "zero" in r.message and words in r.message
    K = matrix(X, name, kind)
    size = np.linalg.norm(K, 2)
    assert np.linalg.norm(r.vector) == pytest.approx(1.0, abs=4 * EPS)
    assert np.linalg.norm(K @ r.vector) <= 40 * EPS * size
    assert r.residual <= 40 * EPS * size
    assert abs(np.linalg.eigvalsh(K)[0]) <= 40 * EPS * size
    if support is not None:
        assert set(np.flatnonzero(r.vector)) == set(support)
    return r


def not_structure(X, name, kind):
    """The same without the cause: an eigenvalue that is positive, and solved for."""
    r = mh.min_eig(X, name, kernel=kind)
    assert r.method != "structure" and r.value > 1e-9
    return r


def points(name: str, n: int = 9, d: int = 10) -> np.ndarray:
    """Of different norms where the activation allows it; independent: nothing else forces a zero."""
    X = sphere(n, d, seed=4)
    return X * np.linspace(0.25, 3.0, n)[:, None] if name in HOMOGENEOUS else X


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_duplicates(name, kind, method):
    X = points(name)
    factor = 3.0 if name in HOMOGENEOUS else 1.0
    not_structure(X, name, kind)
    twice = np.vstack([X, factor * X[3]])
    r = check(twice, name, kind, "points 3 and 9 have the same direction", {3, 9}, method)
    assert r.vector[3] == pytest.approx(-factor * r.vector[9])


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize(("name", "kind"), SIGNED)
def test_one_opposite_pair_and_parity(name, kind, method):
    X = points(name)
    factor = 0.5 if name in HOMOGENEOUS else 1.0
    r = check(
        np.vstack([X, -factor * X[6]]), name, kind, "points 6 and 9 are opposite", {6, 9}, method
    )
    even = "even" in r.message
    assert even == (MAKE[kind](name)(np.array(-1.0)) > 0) and ("odd" in r.message) != even
    assert r.vector[6] == pytest.approx((-1 if even else 1) * factor * r.vector[9])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[(n, k) for n in ("relu", "leaky_relu", "gelu", "selu", "elu") for k in MAKE],
        ("sigmoid", "nngp"),
    ],
)
def test_one_opposite_pair_is_harmless_without_parity(name, kind):
    X = points(name)
    r = not_structure(np.vstack([X, -X[6]]), name, kind)
    K = matrix(np.vstack([X, -X[6]]), name, kind)
    assert r.value == pytest.approx(np.linalg.eigvalsh(K)[0], rel=1e-6)


@pytest.mark.parametrize("d", [2, 3, 5])
@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "gelu", "silu", "softplus"])
def test_more_opposite_pairs_than_dimensions(name, kind, d):
    """phi = c z + even: e_i - e_j of a pair sees c^2 <x_k, 2 u> only; d + 1 of them are dependent."""
    X = sphere(d + 1, d, seed=d)
    stretch = np.linspace(1.0, 2.0, d + 1)[:, None] if name in HOMOGENEOUS else 1.0
    words = f"{d + 1} opposite pairs of points, more than the dimension they span"
    check(np.vstack([X, -stretch * X]), name, kind, words, range(2 * d + 2))
    if name == "relu":
        r = mh.min_eig(np.vstack([X[:-1], -X[:-1]]), name, kernel=kind)  # d pairs: no zero
        assert r.method != "structure" and r.value > 1e-9


@pytest.mark.parametrize("kind", MAKE)
def test_opposite_pairs_in_a_subspace(kind):
    """Three pairs in a plane of R^6 are dependent; a fourth, independent point changes nothing."""
    plane = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 2)))[0].T
    U = circle(7)[:3] @ plane
    X = np.vstack([U, -U, sphere(2, 6, seed=8)])
    check(X, "relu", kind, "3 opposite pairs of points", range(6))
    not_structure(np.vstack([U[:2], -U[:2], sphere(2, 6, seed=8)]), "relu", kind)


def test_two_opposite_pairs_and_a_constant_even_part():
    """nngp of sigmoid = 1/2 + odd: K (e_i + e_j) is 2 c^2 everywhere."""
    X = sphere(6, 4, seed=2)
    Y = np.vstack([X, -X[1], -X[4]])
    check(Y, "sigmoid", "nngp", "the even part of the kernel is constant", {1, 4, 6, 7})
    r = mh.min_eig(Y, "sigmoid", kernel="nngp", bias_var=0.5)  # a bias breaks the symmetry
    assert r.method != "structure"


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_groups_of_duplicates_are_counted(name):
    X = points(name, 5)
    many = np.vstack([X, X[[0, 0, 0, 2]]])  # a group of four and one of two: 6 + 1 pairs
    r = check(many, name, "gradient", "7 such pairs")
    assert len(np.flatnonzero(r.vector)) == 2
    K = matrix(many, name, "gradient")
    assert np.sum(np.abs(np.linalg.eigvalsh(K)) < 1e-13) == 4  # each row too many is a zero
    all_one = np.tile(X[:1], (6, 1))
    check(all_one, name, "gradient", "15 such pairs")


def test_duplicates_come_before_opposites():
    X = points("tanh")
    check(np.vstack([X, -X[0], X[5]]), "tanh", "gradient", "points 5 and 10 have the same", {5, 10})


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_near_is_not_equal(name):
    """At an angle of 1e-5 both points count: the eigenvalue is small and positive."""
    X = points(name, 6)
    U = X[2] / np.linalg.norm(X[2])
    W = X[3] - (X[3] @ U) * U
    near = np.vstack([X, np.linalg.norm(X[2]) * (U + 1e-5 * W / np.linalg.norm(W))])
    near[6] *= np.linalg.norm(X[2]) / np.linalg.norm(near[6])
    r = mh.min_eig(near, name, tol=1e-2)
    assert r.method != "structure"
    K = mh.gradient_kernel(name)(near)
    assert r.value == pytest.approx(np.linalg.eigvalsh(K)[0], abs=10 * EPS) and r.upper > 0


def test_a_bias_keeps_duplicates_and_parts_opposites():
    X = sphere(8, 5, seed=1)
    twice, mirrored = np.vstack([X, X[2]]), np.vstack([X, -X[2]])
    kernel = mh.gradient_kernel("tanh", bias_var=0.3)
    r = mh.min_eig(twice, kernel)
    assert r.method == "structure"
    assert np.linalg.norm(kernel(twice) @ r.vector) < 1e-14
    r = mh.min_eig(mirrored, kernel)
    assert r.method != "structure"
    assert r.value == pytest.approx(np.linalg.eigvalsh(kernel(mirrored))[0], rel=1e-6)


@pytest.mark.parametrize("storage", ["dense", "packed"])
def test_forced_zero_by_hand(storage):
    X = np.array([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]])
    norms = np.array([2.0, 1.0, 3.0])
    kernel = mh.gradient_kernel("abs")
    zero = forced_zero(mh.gram(X, kernel, storage=storage).pairs, X, norms, kernel)
    np.testing.assert_allclose(
        np.abs(zero.vector), np.array([3.0, 0.0, 2.0]) / np.sqrt(13.0), rtol=1e-15
    )
    assert zero.vector[0] * zero.vector[2] < 0 and "even" in zero.reason
    relu = mh.gradient_kernel("relu")
    assert forced_zero(mh.gram(X, relu, storage=storage).pairs, X, norms, relu) is None


def test_nearly_odd_is_not_odd():
    """phi = z for z > 0, s z else: lambda_min of x and -x is (1 - s)^2 / 2."""
    s = 1.0 - 1e-6
    act = mh.Activation.from_function(
        lambda z: np.where(z > 0, z, s * z), df=lambda z: np.where(z > 0, 1.0, s), kinks=(0.0,)
    )
    with pytest.warns(mh.PrecisionWarning):
        r = mh.min_eig(np.array([[1.0, 0.0], [-1.0, 0.0]]), act)
    assert r.method != "structure" and r.lower <= (1 - s) ** 2 / 2 <= r.upper


def test_zero_to_the_last_bit_and_zero_to_rounding():
    x = np.array([0.1, 0.7, 0.3])
    r = mh.min_eig(np.array([x, 4.0 * x]), "relu")
    assert r.upper == 0.0 and "exactly zero" in r.message
    y = 3.0 * x  # rounded: not a multiple of x
    with pytest.warns(mh.PrecisionWarning, match="zero to rounding"):
        r = mh.min_eig(np.array([x, y]), "relu")
    assert r.value == 0.0 and 0.0 < r.upper < 1e-13 and r.status == "rounding-limited"
    assert "<=" in str(r)


def test_points_that_only_normalising_makes_alike():
    """Unit rows may coincide where the points given are not multiples of each other."""
    rng = np.random.default_rng(0)
    while True:
        a = rng.standard_normal(2)
        P = np.array([a, a * rng.uniform(0.5, 2.0)])
        U = mh.normalize(P)
        if np.array_equal(U[0], U[1]):
            break
    with mpmath.workdps(80):  # h(1) - h(rho) of tanh, by its slope: the angle is some 1e-17
        p, q = ([mpmath.mpf(float(v)) for v in row] for row in P)
        cross = p[0] * q[1] - p[1] * q[0]
        sine = abs(cross) / mpmath.sqrt((p[0] ** 2 + p[1] ** 2) * (q[0] ** 2 + q[1] ** 2))
        assert 0 < sine < 1e-15
    with pytest.warns(mh.PrecisionWarning):
        r = mh.min_eig(P, "relu", normalize=True)
    assert r.status == "rounding-limited" and r.value == 0.0 and r.upper > 0.0
    r = mh.min_eig(P, "tanh", normalize=True)
    # h(1) - h(rho) = h'(1) sine^2 / 2 to first order
    slope = (mh.gradient_kernel("tanh")(1.0) - mh.gradient_kernel("tanh")(1.0 - 1e-6)) / 1e-6
    assert r.status == "resolved" and r.value == pytest.approx(float(slope * sine**2 / 2), rel=1e-4)
    r = mh.min_eig(np.array([a, 2.0 * a]), "relu", normalize=True)
    assert (r.status, r.upper) == ("resolved", 0.0)


def test_a_parity_that_doubles_cannot_tell_from_none():
    """A tiny bias, or a tiny even part: the eigenvalue of an opposite pair is small, not zero."""
    P = np.array([[1.0, 0.0], [-1.0, 0.0]])
    r = mh.min_eig(P, "erf", bias_var=1e-16, precision="exact")
    assert r.lower <= 2.049876125e-16 * (1 + 1e-9) and r.upper >= 2.049876125e-16 * (1 - 1e-9)
    act = mh.activation("polynomial", coefficients=(0.0, 1.0, 1e-9))
    r = mh.min_eig(P, act, certify="rigorous")
    assert r.lower <= 8.0e-18 <= r.upper
