"""``kernel.explain()`` against closed forms, measured tails and measured eigenvalues."""

from __future__ import annotations

import json
import math

import mpmath
import numpy as np
import pytest

import mehler as mh
from mehler.explanation.jumps import jumps

LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772


def first(act: mh.Activation) -> list[tuple[float, int, float]]:
    found = {}
    for jump in jumps(act):
        found.setdefault(jump.at, jump)
    return [tuple(j) for j in found.values()]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (mh.activation("relu"), [(0.0, 1, 1.0)]),
        (mh.activation("leaky_relu", negative_slope=0.1), [(0.0, 1, 0.9)]),
        (mh.activation("abs"), [(0.0, 1, 2.0)]),
        (mh.activation("step"), [(0.0, 0, 1.0)]),
        (mh.activation("rectified_power", q=7), [(0.0, 7, 5040.0)]),
        (mh.activation("selu"), [(0.0, 1, LAMBDA * (1.0 - ALPHA))]),
        (mh.activation("elu"), [(0.0, 2, -1.0)]),
        (mh.activation("elu", alpha=0.5), [(0.0, 1, 0.5)]),
        (mh.activation("celu", alpha=2.0), [(0.0, 2, -0.5)]),
        (mh.activation("softsign"), [(0.0, 2, -4.0)]),
        (mh.activation("hardtanh"), [(-1.0, 1, 1.0), (1.0, 1, -1.0)]),
        (mh.activation("hardswish"), [(-3.0, 1, -0.5), (3.0, 1, -0.5)]),
        (mh.activation("relu6"), [(0.0, 1, 1.0), (6.0, 1, -1.0)]),
        (mh.Activation.from_function(lambda z: np.abs(z) ** 3, kinks=(0.0,)), [(0.0, 3, 12.0)]),
        (mh.Activation.from_function(np.tanh, kinks=(0.0, 0.3)), []),
    ],
    ids=repr,
)
def test_jumps(act: mh.Activation, expected: list[tuple[float, int, float]]):
    found = first(act)
    assert [j[:2] for j in found] == [j[:2] for j in expected]
    # the third derivative of an interpolant of degree 16 keeps about eight digits
    assert [j[2] for j in found] == pytest.approx([j[2] for j in expected], rel=1e-7)


def arc_cosine(kind: str, depth: int, sign: int, x: mpmath.mpf) -> mpmath.mpf:
    """The ReLU kernel at rho = sign (1 - x^2), weight variance 2: the recursion of arc-cosine kernels."""
    c = sign * (1 - x * x)
    t = d = s = c
    for level in range(depth):
        c = s
        t = 2 * t * d + 2 * c if level else 2 * c
        angle = mpmath.acos(c)
        d = (mpmath.pi - angle) / (2 * mpmath.pi)
        s = (mpmath.sqrt(1 - c * c) + c * (mpmath.pi - angle)) / mpmath.pi  # S, E phi^2 = 1
    return {"nngp": s, "gradient": 2 * c * d, "ntk": t * d + s}[kind]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("kind", ["nngp", "gradient", "ntk"])
def test_singular_terms_are_those_of_the_closed_form(kind: str, depth: int, sign: int):
    """A polynomial in sqrt(1 -+ rho) through values at 80 digits: its first odd power is the singular term."""
    make = {"nngp": mh.nngp, "gradient": mh.gradient_kernel, "ntk": mh.ntk}[kind]
    said = make("relu", depth=depth, weight_var=2.0).explain()
    term = said.plus if sign > 0 else said.minus
    with mpmath.workdps(80):
        x = [mpmath.mpf(k + 1) / 4000 for k in range(14)]
        matrix = mpmath.matrix([[xi**j for j in range(14)] for xi in x])
        values = mpmath.matrix([arc_cosine(kind, depth, sign, xi) for xi in x])
        c = mpmath.lu_solve(matrix, values)
        odd = next(j for j in range(1, 9, 2) if abs(c[j]) > 1e-12)
        assert term is not None and 2.0 * term.order == odd
        assert term.size == pytest.approx(float(c[odd]), rel=1e-6)


@pytest.mark.parametrize(
    "kernel",
    [
        mh.gradient_kernel("selu"),
        mh.gradient_kernel("elu", weight_var=2.0),
        mh.gradient_kernel("hardtanh", weight_var=0.5),
        mh.nngp("leaky_relu", weight_var=1.5, bias_var=0.25),
        mh.nngp("softsign", normalized=True),
        mh.nngp("step"),
        mh.gradient_kernel(mh.activation("relu"), depth=2, weight_var=2.0),
        mh.ntk("relu", depth=2, weight_var=2.0, bias_var=0.1),
    ],
    ids=repr,
)
def test_the_tail_is_that_of_the_series(kernel: mh.Kernel):
    """sum_{p >= N} A_p N^nu / C tends to one like 1 / N, with ripples of a kink away from zero like N^(-1/2)."""
    said = kernel.explain()
    assert said.tail is not None
    c, nu = said.tail
    N = 400
    # h(1) less what is before N, which is known far better than the tail here
    known = float(np.sum(kernel.coefficients(N - 1)))
    tail = float(kernel(1.0)) - known
    assert tail == pytest.approx(c * N**-nu, rel=0.05)
    assert said.measured == pytest.approx(1.0, abs=0.07)
    assert said.exponent == 2.0 * nu


def test_how_far_the_law_of_the_tail_holds():
    """The next term is smaller by about depth / N."""
    for depth in (1, 12):
        said = mh.nngp("relu", depth=depth, weight_var=2.0).explain()
        assert said.measured == pytest.approx(1.0, abs=0.05)
        assert "of it)" in str(said) and not any("far beyond 256" in text for text in said.implies)
    deep = mh.nngp("relu", depth=17, weight_var=2.0).explain()  # not looked at
    hidden = mh.nngp(mh.activation("rectified_power", q=8)).explain()  # below rounding
    for said in (deep, hidden):
        assert math.isnan(said.measured) and "of it)" not in str(said)
        assert any("far beyond 256" in text for text in said.implies)


def test_a_kink_without_mirror_image_leaves_minus_one_alone():
    shifted = mh.Activation.from_function(lambda z: np.maximum(z - 0.5, 0.0), kinks=(0.5,))
    said = mh.gradient_kernel(shifted).explain()
    assert said.minus is None and said.plus is not None and said.plus.order == 0.5
    # -s^2 gamma(t) / sqrt(pi)
    expected = -math.exp(-0.125) / math.sqrt(2.0 * math.pi) / math.sqrt(math.pi)
    assert said.plus.size == pytest.approx(expected, rel=1e-9)
    assert "smooth" in str(said).split("at rho=-1")[1].split("\n")[0]


def test_what_is_not_computed_is_not_said():
    """Jumps of order 1 at 1 and of order 2 at -1 meet at rho = -1 beyond leading order."""
    odd = mh.Activation.from_function(
        lambda z: np.maximum(z - 1.0, 0.0) + np.maximum(-1.0 - z, 0.0) ** 2, kinks=(-1.0, 1.0)
    )
    said = mh.nngp(odd).explain()
    assert said.minus is not None and said.minus.order == 2.5 and math.isnan(said.minus.size)
    assert "c (1 + rho)^2.5" in str(said) and said.to_dict()["minus"]["size"] is None


@pytest.mark.parametrize(
    ("kernel", "law", "rate", "rel"),
    [
        (mh.gradient_kernel("tanh"), "root", math.pi / 2, 1e-12),
        (mh.gradient_kernel("tanh", weight_var=4.0), "root", math.pi / 4, 1e-12),
        (mh.nngp("swish"), "root", math.pi, 1e-12),
        (mh.gradient_kernel("mish"), "root", 3 * math.pi / 4, 1e-12),
        (mh.nngp(mh.Activation.from_function(np.tanh)), "root", math.pi / 2, 0.03),
        (mh.nngp(mh.Activation.from_function(np.arctan)), "root", 1.0, 0.03),
        (mh.gradient_kernel("gelu"), "geometric", math.log(2.0) / 2.0, 0.03),
        (mh.nngp("erf"), "geometric", math.log(1.5) / 2.0, 0.01),
        (mh.nngp("cos"), "factorial", 1.0, 1e-3),
        (mh.nngp(mh.activation("hermite", k=3)), "finite", 3.0, 1e-12),
        (mh.ntk("identity", depth=4), "finite", 1.0, 1e-12),
    ],
    ids=repr,
)
def test_decay(kernel: mh.Kernel, law: str, rate: float, rel: float):
    said = kernel.explain()
    assert said.decay is not None and said.tail is None and math.isnan(said.exponent)
    assert said.decay.law == law
    assert said.decay.rate == pytest.approx(rate, rel=rel)
    if said.decay.law == "root" and not math.isnan(said.decay.fitted):
        assert said.decay.fitted == pytest.approx(said.decay.rate, rel=0.04)  # power of p beside it


def test_a_kink_that_was_not_declared_is_suspected():
    with pytest.warns(mh.PrecisionWarning, match="Declare every kink"):
        kernel = mh.nngp(mh.Activation.from_function(np.abs))
    said = kernel.explain()
    assert said.decay is not None and said.decay.law == "power"
    assert "not declared" in said.decay.how


def test_deep_smooth_kernels_decay_too():
    said = mh.ntk("tanh", depth=3).explain()
    assert said.decay is not None and said.decay.law == "root" and "fitted" in said.decay.how
    A = mh.ntk("tanh", depth=3).coefficients(201)
    measured = 0.5 * math.log(A[51] / A[201]) / (math.sqrt(201.0) - math.sqrt(51.0))
    assert said.decay.rate == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("name", ["relu", "elu", "hardtanh"])
def test_the_bounds_in_words_hold(name: str):
    """On an odd number of points of the circle: no antipodal pairs."""
    X = mh.generate("circle-full", 101, 2)
    kernel = mh.gradient_kernel(name)
    said = kernel.explain()
    assert said.tail is not None and said.plus is not None
    c, nu = said.tail
    rho = np.abs(X @ X.T) - 2.0 * np.eye(101)
    square = 2.0 * (1.0 - float(rho.max()))
    value = float(np.linalg.eigvalsh(kernel(X))[0])
    assert 0.5 * c * (square / (2.0 * math.log(202.0))) ** nu <= value
    if nu < 1.0:
        assert value <= 1.1 * abs(said.plus.size) * (0.5 * square) ** nu


@pytest.mark.parametrize(
    ("kernel", "parity", "pairs"),
    [
        (mh.gradient_kernel("tanh"), "odd powers only", 1),
        (mh.nngp("abs"), "even powers only", 1),
        (mh.gradient_kernel("relu"), "even powers and rho only", 4),
        (mh.nngp("step"), "a constant and odd powers only", 2),
    ],
    ids=repr,
)
def test_parity_says_when_antipodal_pairs_are_dependent(kernel: mh.Kernel, parity: str, pairs: int):
    said = kernel.explain()
    assert said.parity == parity and said.implies[0].startswith("0 as soon as")
    half = np.random.default_rng(5).standard_normal((pairs, 3))
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(kernel(np.concatenate([half, -half])))
    assert abs(values[0]) < 1e-14
    fewer = np.concatenate([half, -half[: pairs - 1]])
    assert np.linalg.eigvalsh(kernel(fewer))[0] > 1e-6


def test_it_prints_and_becomes_json():
    said = mh.ntk(["relu", "tanh"], weight_var=2.0, bias_var=0.1).explain()
    text = str(said)
    assert all(len(line) <= 100 for line in text.split("\n"))
    assert "relu at 0: derivative 1 jumps by 1" in text and "lambda_min" in text
    again = json.loads(json.dumps(said.to_dict()))
    assert again["kinks"][0] == {"activation": "relu", "at": 0.0, "order": 1, "size": 1.0}
    assert again["plus"]["order"] == 0.5 and again["decay"] is None
    assert mh.ntk(["relu", "tanh"], weight_var=2.0, bias_var=0.1).explain() == said
