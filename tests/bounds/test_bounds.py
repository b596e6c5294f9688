"""Bounds: none is ever violated, the sharp ones are sharp, and each formula holds by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mehler as mh
from mehler.bounds import lower, needs, upper
from mehler.kernels.parity import FULL, NONE, SIMPLE, Parity

NAMES = ("relu", "leaky_relu", "abs", "selu", "elu", "celu", "tanh", "silu", "gelu", "softplus")


def sphere(n: int, d: int, seed: int = 0) -> np.ndarray:
    return mh.generate("sphere-random", n=n, d=d, rng=seed)


@pytest.mark.filterwarnings("ignore::mehler.errors.PrecisionWarning")
@pytest.mark.parametrize("name", NAMES)
def test_none_is_violated(name: str):
    """Against every eigenvalue in float64, with what that is off by; random data, pairs planted."""
    rng = np.random.default_rng(sum(map(ord, name)))
    for case in range(12):
        n, d = int(rng.integers(2, 60)), int(rng.integers(2, 12))
        X = rng.standard_normal((n, d))
        if n > 4 and case % 3 == 0:
            X[1] = X[0] + 10.0 ** -rng.uniform(1, 5) * rng.standard_normal(d)
        if n > 4 and case % 3 == 1:
            X[1] = -X[0] + 10.0 ** -rng.uniform(1, 5) * rng.standard_normal(d)
        bias = 0.3 if case % 4 == 3 else 0.0
        kernel = ("gradient", "nngp", "ntk")[case % 3]
        X /= np.linalg.norm(X, axis=1)[:, None]
        b = mh.bounds(X, name, kernel=kernel, bias_var=bias, depth=1 + case // 9)
        make = {"gradient": mh.gradient_kernel, "nngp": mh.nngp, "ntk": mh.ntk}[kernel]
        K = make(name, bias_var=bias, depth=1 + case // 9)(X)
        values = np.linalg.eigvalsh(K)
        off = 4.0 * n * 2.2e-16 * values[-1]
        assert b.lower <= values[0] + off, b
        assert b.upper >= values[0] - off, b
        for row in b.rows:
            assert row.value <= values[0] + off if row.direction == "lower" else True, row
            assert row.value >= values[0] - off if row.direction == "upper" else True, row


def test_below_double_the_bounds_hold():
    """Full circle: values of math to six digits, far below the rounding of doubles."""
    X = mh.generate("circle-full", n=51, d=2)
    for name, truth in (("tanh", 9.38166e-16), ("swish", 6.10683e-25)):
        b = mh.bounds(X, name, measure=False)
        tail = next(row for row in b.rows if row.name == "head and tail")
        assert b.lower <= truth <= tail.value
        assert b.lower > 0.05 * truth


@pytest.mark.parametrize(
    ("name", "factor"), [("relu", 1.5), ("selu", 1.75), ("elu", 3.0), ("tanh", 1.3), ("swish", 2.7)]
)
@pytest.mark.parametrize(("n", "d"), [(50, 5), (100, 10), (200, 20), (500, 50)])
def test_hadamard_powers_are_sharp(name: str, factor: float, n: int, d: int):
    """Within the factors that all powers give on random points (1.07 to 3, by activation)."""
    b = mh.bounds(sphere(n, d), name)
    row = next(row for row in b.rows if row.name == "Hadamard powers")
    assert b.measured / factor <= row.value <= b.measured


def test_hadamard_powers_by_parts_are_the_sum():
    """sum_p A_p lambda_min(H^p) with every p, against the steps."""
    X = sphere(12, 4)
    ker = mh.gradient_kernel("relu")
    A, H = ker.coefficients(4000), X @ X.T
    full = sum(a * max(np.linalg.eigvalsh(H**p)[0], 0.0) for p, a in enumerate(A[:400]) if p)
    value, _ = lower.hadamard_powers(ker, X)
    rest = float(np.sum(A[400:])) + (0.5 - float(np.sum(A)))
    assert 0.9 * full <= value <= full + rest


def test_the_power_of_a_singular_matrix_is_not_bounded_from_below():
    H = np.ones((3, 3))
    assert lower.smallest(H, 7, 2) == 0.0
    # rho = 1 - 1e-4: lambda_min(H^p) = 1 - rho^p
    H = np.array([[1.0, 1.0 - 1e-4], [1.0 - 1e-4, 1.0]])
    for p in (1, 10, 1000):
        assert lower.smallest(H, p, 2) == pytest.approx(1.0 - (1.0 - 1e-4) ** p, rel=1e-8)


@pytest.mark.parametrize(
    ("name", "q", "plus", "minus"),
    [("step", 0, 1.0, 0.0), ("relu", 1, 1.0, 0.0), ("abs", 1, 1.0, 1.0)],
)
def test_separation_formula(name: str, q: int, plus: float, minus: float):
    """The closed form, written out once more, and below the truth on equally spaced points."""
    ker, n, angle = mh.nngp(name), 40, 0.03
    top = math.gamma(q + 1) ** 2 * (plus - (-1) ** q * minus) ** 2 * angle ** (2 * q + 1)
    below = 2 ** (2 * q + 4.5) * math.pi**1.5 * (q + 0.5) * (q + 5) ** (q + 0.5)
    expected = top / (below * math.log(2 * n) ** (q + 0.5))
    assert lower.homogeneous(ker, angle, n) == pytest.approx(expected, rel=1e-8)
    assert lower.homogeneous(mh.nngp("tanh"), angle, n) is None
    X = mh.generate("circle-half", n=n, d=2)
    truth = np.linalg.eigvalsh(ker(X))[0]
    assert 0.0 < mh.bounds(X, ker).lower <= truth + 1e-14


@pytest.mark.parametrize(
    ("degree", "span", "rank"),
    [(2, 2, 5), (3, 2, 7), (4, 2, 9), (5, 2, 11), (2, 3, 9), (3, 3, 16), (4, 3, 25), (5, 4, 91)],
)
def test_dimension_of_polynomials_on_the_sphere(degree: int, span: int, rank: int):
    """Measured ranks of gradient kernels of random polynomials; the constant is among the even ones."""
    assert upper.dimension(Parity(FULL, FULL), span, degree) == rank
    X = sphere(rank + 6, span)
    c = np.random.default_rng(degree).standard_normal(degree + 1)
    K = mh.gradient_kernel(mh.activation("polynomial", coefficients=tuple(c)))(X)
    values = np.linalg.eigvalsh(K)[::-1]
    assert (
        values[min(rank, len(values)) - 1] > 1e-9 * values[0] > values[min(rank, len(values) - 1)]
    )
    assert (
        mh.bounds(X, mh.activation("polynomial", coefficients=tuple(c)), measure=False).upper == 0.0
    )


def test_parity_shrinks_the_dimension():
    assert upper.dimension(Parity(FULL, NONE), 3, 4) == math.comb(5, 3)
    assert upper.dimension(Parity(SIMPLE, FULL), 3, 4) == 3 + math.comb(6, 4)
    assert upper.dimension(Parity(SIMPLE, SIMPLE), 5, 9) == 6


def test_hidden_span_does_not_fool_the_tail():
    """Points of a plane, turned into eight dimensions: rounding takes them out of the plane."""
    X = mh.generate("circle-full", n=51, d=2)
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((8, 8)))[0][:2]
    b = mh.bounds(X @ Q, "swish", normalize=True, measure=False)
    assert b.span == 2
    exact = mh.min_eig(X @ Q, "swish", normalize=True, precision="extended", certify="none")
    assert b.upper >= exact.value * (1.0 - 1e-6)


def test_biases_are_one_more_coordinate():
    X = sphere(30, 3)
    one = mh.bounds(X, "tanh", weight_var=0.7, bias_var=0.3)
    Y = np.hstack([math.sqrt(0.7) * X, np.full((30, 1), math.sqrt(0.3))])
    other = mh.bounds(Y, "tanh", normalize=True)
    assert one.lower == pytest.approx(other.lower, rel=1e-6)
    assert one.measured == pytest.approx(other.measured, rel=1e-5)
    assert one.span == 3 and other.span == 4


def test_scaling_of_homogeneous_activations():
    X = sphere(25, 4)
    one, other = mh.bounds(X, "relu"), mh.bounds(3.0 * X, "relu")
    assert other.lower == pytest.approx(9.0 * one.lower, rel=1e-9)
    assert other.upper == pytest.approx(9.0 * one.upper, rel=1e-9)


def test_width_that_is_enough_is_enough():
    X = mh.generate("circle-half", n=11, d=2)
    b = mh.bounds(X, "relu")
    for seed in range(5):
        K = mh.feature_gram(X, "relu", width=b.width_needed, rng=seed).toarray()
        assert np.linalg.eigvalsh(K)[0] >= 0.5 * b.lower
    scaled = mh.bounds(X, "relu", weight_var=1e4)
    assert scaled.width_needed == pytest.approx(b.width_needed, abs=2)
    assert mh.bounds(X, mh.activation("rectified_power", q=2)).width_needed is None  # phi' grows
    assert needs.steepest(mh.activation("tanh")) == pytest.approx(1.0, rel=2e-3)


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh"])
def test_depth_that_is_enough_is_enough(name: str):
    """nngp of the normalised activation, layer on layer."""
    X = sphere(20, 3)
    b = mh.bounds(X, name, measure=False)
    act = mh.activation(name)
    mean = float(act.hermite(0))
    size = math.sqrt(float(mh.nngp(name)(1.0)) - mean**2)
    centred = mh.Activation.from_function(
        lambda z: (act(z) - mean) / size, lambda z: act.derivative()(z) / size, act.kinks
    )
    rho = X @ X.T - np.eye(20)
    one = mh.nngp(centred)
    C = np.clip(rho, -1.0, 1.0)
    for _ in range(b.depth_needed):
        C = one(C.ravel()).reshape(20, 20)
    np.fill_diagonal(C, 1.0)
    assert np.linalg.eigvalsh(C)[0] >= 0.5


def test_a_contradiction_is_an_error(monkeypatch):
    monkeypatch.setattr(lower, "hadamard_powers", lambda ker, U: (1e3, 1))
    with pytest.raises(RuntimeError, match=r"the lower bound 'Hadamard powers' is 999.*, and the"):
        mh.bounds(sphere(9, 3), "relu")


def test_what_is_refused_and_left_out():
    with pytest.raises(ValueError, match="normalize=True"):
        mh.bounds(2.0 * sphere(5, 3), "tanh")
    with pytest.raises(ValueError, match="unknown activation"):
        mh.bounds(sphere(5, 3), "tahn")
    big = mh.bounds(sphere(3200, 60), "relu", measure=False)
    assert any("Hadamard powers: n > 3,000" in why for why in big.left_out)
    assert 0.0 < big.lower < big.upper


def test_one_point_and_duplicates():
    b = mh.bounds(np.array([[1.0, 0.0]]), "relu")
    assert b.lower == pytest.approx(0.5, rel=1e-9) and b.upper == pytest.approx(0.5, rel=1e-9)
    X = sphere(6, 3)
    X[3] = X[1]
    b = mh.bounds(X, "relu")
    assert b.lower == 0.0 and b.upper < 1e-14


def test_print_and_records():
    b = mh.bounds(sphere(40, 3), "relu")
    text = str(b)
    assert "40 points that span 3 dimensions" in text and "(measured)" in text
    assert "delta / n^3, constant unknown" in text
    assert {row["direction"] for row in b.records()} == {"lower", "upper"}
    assert b.to_dict()["lower"] == b.lower <= b.measured <= b.upper
    assert all(row.source and row.hypothesis for row in b.rows)
