"""Activations in writing: one grammar, of Python's arguments and of the command line."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mehler as mh
from mehler.activations import notation


@pytest.mark.parametrize(
    ("text", "name", "values", "named"),
    [
        ("relu", "relu", (), {}),
        ("relu()", "relu", (), {}),
        (" leaky_relu ( negative_slope = 0.1 ) ", "leaky_relu", (), {"negative_slope": 0.1}),
        ("leaky_relu(-.1)", "leaky_relu", (-0.1,), {}),
        ("leaky-relu(1e-3,)", "leaky-relu", (1e-3,), {}),
        ("hard tanh", "hard tanh", (), {}),
        ("polynomial(coefficients=(1, 2.5))", "polynomial", (), {"coefficients": (1, 2.5)}),
        ("polynomial([0, -1])", "polynomial", ([0, -1],), {}),
        ("two(1, b=2)", "two", (1,), {"b": 2}),
    ],
)
def test_what_is_read(text, name, values, named):
    assert notation.parse(text) == (name, values, named)


@pytest.mark.parametrize(
    "text",
    ["elu(", "elu)", "elu(1", "elu(1))", "elu(1)(2)", "(1)", "elu(alpha=)", "elu(alpha=x)", "elu(x)", "elu(1 2)",
     "elu('1')", "elu(True)", "elu(nan)", "elu(None)", "elu(**{})", "elu(*[1])", "elu(alpha=1, alpha=2)", "elu=1",
     "elu(1) + 2", "elu(1).x", "elu((1, 'a'))", "elu([[1]])", "elu(1j)", "elu(" + "(" * 5000 + ")", "elu(__import__('os'))"],
)  # fmt: skip
def test_what_is_refused(text):
    """In one sentence, with what is accepted."""
    said = re.escape(f"cannot read the activation {text!r}; {notation.EXPECTED}.")
    with pytest.raises(ValueError, match=f"^{said}$"):
        mh.activation(text)


def test_lists_keep_parentheses():
    assert notation.split(
        "relu, elu(alpha=0.5),,polynomial(coefficients=(0,1)), hermite(k=3) "
    ) == [
        "relu",
        "elu(alpha=0.5)",
        "polynomial(coefficients=(0,1))",
        "hermite(k=3)",
    ]


def test_by_place_or_by_name():
    leaky = mh.activation("leaky_relu", negative_slope=0.1)
    for text in (
        "leaky_relu(0.1)",
        "LeakyReLU(0.1)",
        "leaky-relu(negative_slope=.1)",
        "leaky_relu( 1e-1 )",
    ):
        assert mh.activation(text) == leaky
    assert mh.activation("swish(2)") == mh.activation("silu", beta=2.0)
    assert mh.activation("polynomial((0, 1, 2))") == mh.activation(
        "polynomial", coefficients=[0, 1, 2]
    )
    assert mh.activation("hermite(3)") == mh.activation("hermite", k=3)
    assert mh.activation("relu()") == mh.activation("relu")


@pytest.mark.parametrize(
    ("text", "params", "error", "words"),
    [
        ("elu(1, 2)", {}, TypeError, "'elu' takes 1 in parentheses; got 2; its parameters: alpha."),
        ("tanh(1)", {}, TypeError, "'tanh' takes 0 in parentheses; got 1; its parameters: none."),
        ("relu2(3)", {}, TypeError, "'relu2' takes 0 in parentheses; got 1; its parameters: none."),
        ("elu(slope=1)", {}, TypeError, "'elu' has no parameter 'slope'; its parameters: alpha."),
        ("elu(1, alpha=2)", {}, TypeError, "'elu' is given 'alpha' twice; give it once."),
        ("elu(1)", {"alpha": 1}, TypeError, "'elu' is given 'alpha' twice; give it once."),
        ("elu(alpha=1)", {"alpha": 1}, TypeError, "'elu' is given 'alpha' twice; give it once."),
        ("hermite()", {}, TypeError, "'hermite' needs the parameter 'k'."),
        ("hermite(1.5)", {}, ValueError, "hermite: k must be an integer; got 1.5."),
        ("hermite((1, 2))", {}, ValueError, "hermite: k must be an integer; got (1, 2)."),
        ("elu((1, 2))", {}, ValueError, "elu: alpha must be a number; got (1, 2)."),
        ("celu(0)", {}, ValueError, "celu: alpha must be positive; got 0.0."),
        ("elo(1)", {}, ValueError, "unknown activation 'elo'. Nearest: "),
    ],
)  # fmt: skip
def test_bad_parameters(text, params, error, words):
    with pytest.raises(error, match="^" + re.escape(words)):
        mh.activation(text, **params)


def test_wherever_an_activation_is_taken():
    X = mh.generate("sphere-random", n=40, d=3, rng=0)
    text, act = "leaky_relu(0.1)", mh.activation("leaky_relu", negative_slope=0.1)
    assert mh.min_eig(X, text).value == mh.min_eig(X, act).value
    assert (
        mh.min_eig(X, [text, "tanh"], kernel="ntk").value
        == mh.min_eig(X, [act, "tanh"], kernel="ntk").value
    )
    assert mh.plan(X, text).method == mh.plan(X, act).method
    assert mh.gradient_kernel(text) == mh.gradient_kernel(act)
    assert np.array_equal(mh.gram(X, text).toarray(), mh.gram(X, act).toarray())
    assert mh.bounds(X, text).upper == mh.bounds(X, act).upper
    assert np.array_equal(mh.eigvalsh(X, text).values, mh.eigvalsh(X, act).values)
    assert mh.ntk(text).explain().to_dict() == mh.ntk(act).explain().to_dict()
    assert mh.diagnose(X, text).to_dict() == mh.diagnose(X, act).to_dict()
    assert mh.min_eig(X, text, width=60, rng=0).value == mh.min_eig(X, act, width=60, rng=0).value
