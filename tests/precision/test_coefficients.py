"""High-precision coefficients against mpmath's quadrature, and their bounds against themselves."""

from __future__ import annotations

from fractions import Fraction

import pytest
from mpmath import mp, mpf

import mehler as mh
from mehler.precision.coefficients import coefficients, refusal
from mehler.precision.digits import Digits
from reference import ANALYTIC

SMOOTH = [
    "arctan", "cos", "erf", "exp", "gaussian", "gelu", "mish", "sigmoid", "silu", "sin", "softplus", "tanh",
]  # fmt: skip


def hermite(k, z):
    before, row = mpf(0), mpf(1)
    for j in range(k):
        before, row = row, z * row - j * before
    return row


def square(f, k, s):
    """mu_k^2 of f(s .) by Gauss-Legendre panels at 42 digits."""
    with mp.workdps(42):
        panels = [mpf(x) for x in range(-18, 19, 3)]
        mu = mp.quad(lambda z: f(s * z) * hermite(k, z) * mp.npdf(z), panels)
        return mu * mu / mp.factorial(k)


@pytest.mark.parametrize("name", SMOOTH)
def test_against_quadrature(name):
    for derivative, k, variance in ((False, 2, 1), (True, 5, Fraction(1, 2))):
        c = coefficients(mh.activation(name), derivative, Fraction(variance), 34)
        with mp.workdps(50):
            f = ANALYTIC[name][1 if derivative else 0]
            truth = square(
                f, k, mp.sqrt(mpf(Fraction(variance).numerator) / Fraction(variance).denominator)
            )
            assert abs(mpf(str(c.squares[k])) - truth) <= c.error + mpf(10) ** -37


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("variance", [Fraction(1), Fraction(9, 4)])
def test_the_bounds_hold(name, variance):
    # few digits against many: what the first lacks is what it says it may lack
    act = mh.activation(name)
    few = coefficients(act, True, variance, 12)
    many = coefficients(act, True, variance, 22)
    kept = len(few.squares)
    off = sum(abs(float(a - b)) for a, b in zip(few.squares, many.squares, strict=False))
    left = float(sum(many.squares[kept:])) + many.tail
    assert off <= few.error
    assert left <= few.tail
    assert few.tail <= 1e-12 * float(few.total)


@pytest.mark.parametrize(
    ("name", "params", "squares"),
    [
        ("identity", {}, [0, 1]),
        ("hermite", {"k": 3}, [0, 0, 0, 1]),
        # z^2 = sqrt 2 h_2 + h_0, z^3 = sqrt 6 h_3 + 3 h_1
        ("polynomial", {"coefficients": (0.5, 0.0, 2.0, 1.0)}, [6.25, 9.0, 8.0, 6.0]),
    ],
)
def test_polynomials_are_finite_sums(name, params, squares):
    c = coefficients(mh.activation(name, **params), False, Fraction(1), 34)
    assert [float(x) for x in c.squares] == pytest.approx(squares, abs=1e-30)
    assert c.tail == 0.0


def test_polynomial_of_another_variance():
    # (2z)^3 + 1 = 8 (sqrt 6 h_3 + 3 h_1) + 1
    act = mh.activation("polynomial", coefficients=(1.0, 0.0, 0.0, 1.0))
    c = coefficients(act, False, Fraction(4), 34)
    assert [float(x) for x in c.squares] == pytest.approx([1.0, 576.0, 0.0, 384.0], rel=1e-30)
    # its derivative, 3 (2z)^2 = 12 (sqrt 2 h_2 + h_0)
    c = coefficients(act, True, Fraction(4), 34)
    assert [float(x) for x in c.squares] == pytest.approx([144.0, 0.0, 288.0], rel=1e-30)


def test_terms_are_capped_and_the_tail_says_so():
    from mehler.precision.coefficients import compute

    c = compute(Digits(42), mh.activation("arctan"), True, Fraction(1), 34, 100)
    assert len(c.squares) == 101
    many = coefficients(mh.activation("arctan"), True, Fraction(1), 34)
    assert float(sum(many.squares[101:])) <= c.tail < 1e-6


@pytest.mark.parametrize("name", ["erf", "atan", "sin", "cos"])
def test_functions_of_digits(name):
    m = Digits(40)
    for x in ("1e-20", "0.3", "-1.7", "9.5", "-25"):
        with m.at(), mp.workdps(60):
            mine = mpf(str(getattr(m, name)(m.number(1) * type(m.pi)(x))))
            assert abs(mine - getattr(mp, name)(mpf(x))) < mpf(10) ** -40
    with mp.workdps(60):
        assert abs(mpf(str(m.pi)) - mp.pi) < mpf(10) ** -45


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (
            mh.activation("relu"),
            "is for activations without kinks; 'relu' has one.*Use precision='double'",
        ),
        (
            mh.Activation.from_function(lambda z: z**3, name="cube"),
            "'cube' is a function of doubles",
        ),
    ],
)
def test_what_has_no_such_coefficients(act, words):
    import re

    assert re.search(words, refusal(act, "extended"))
    X = mh.generate("circle-full", n=5, d=2)
    for precision in ("extended", "exact"):
        with pytest.raises(ValueError, match=words):
            mh.min_eig(X, act, precision=precision)
