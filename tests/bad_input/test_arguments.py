"""Arguments of kernels, activations and generated points: refused with found, expected and remedy."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mehler as mh


@pytest.mark.parametrize("make", [mh.gradient_kernel, mh.nngp])
@pytest.mark.parametrize("odd", ["no", None, 1])
def test_normalized_is_true_or_false(make, odd):
    with pytest.raises(TypeError, match=f"normalized must be True or False; got {odd!r}"):
        make("relu", normalized=odd)


@pytest.mark.parametrize("k", [1.5, "x", True, None])
def test_orders_of_coefficients_are_integers(k):
    with pytest.raises(TypeError, match=f"kmax must be an integer; got {k!r}"):
        mh.nngp("relu").coefficients(k)
    with pytest.raises(ValueError, match=f"N must hold integers >= 0; got {k!r}"):
        mh.nngp("relu").tail(k)
    with pytest.raises(ValueError, match=f"k must hold integers k >= 0; got {k!r}"):
        mh.activation("relu").hermite(k)


FUNCTION = r"f must map an array to an array of the same shape; .*Use np\.vectorize"


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (3, TypeError, "f must be a callable of an array; got int"),
        (lambda z: 1.0 if z > 0 else 0.0, ValueError, FUNCTION),
        (lambda z: float(z), TypeError, FUNCTION),
        (lambda z: z[:3], ValueError, FUNCTION),
        (lambda z: 1.0, ValueError, FUNCTION),
        (np.log, ValueError, "f must be finite on the real line; 'log' is not near zero"),
        (lambda z: z + 1j, TypeError, "f must return real numbers; .*complex128"),
        (lambda z: z.astype(str), TypeError, "f must return real numbers; .*<U"),
    ],
)
def test_functions_that_are_no_activations(f, error, words):
    with pytest.raises(error, match=words):
        mh.Activation.from_function(f)


@pytest.mark.parametrize(
    ("kinks", "error", "words"),
    [
        ("x", TypeError, r"kinks must be a sequence of numbers, as in kinks=\(0\.0,\); got 'x'"),
        (0.0, TypeError, r"kinks must be a sequence of numbers, .*; got 0\.0"),
        ([None], TypeError, r"kinks must be a sequence of numbers, .*; got \[None\]"),
        ([np.inf], ValueError, "kinks must be finite; got"),
    ],
)
def test_kinks(kinks, error, words):
    with pytest.raises(error, match=words):
        mh.Activation.from_function(np.tanh, kinks=kinks)


@pytest.mark.parametrize("k", [1.5, "x", True, None, np.nan, np.inf, [1]])
def test_degrees_are_integers(k):
    with pytest.raises(ValueError, match=re.escape(f"hermite: k must be an integer; got {k!r}")):
        mh.activation("hermite", k=k)
    assert mh.activation("hermite", k=np.int8(3)) == mh.activation("hermite", k=3.0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"kind": "sphere"}, ValueError, "kind must be one of circle-half, .*; got 'sphere'"),
        ({"n": 0}, ValueError, "n must be >= 1; got n=0"),
        ({"n": True}, TypeError, "n must be an integer; got True"),
        ({"d": 2.0}, TypeError, r"d must be an integer; got 2\.0"),
        ({"rng": "x"}, TypeError, r"rng must be None, an integer >= 0 or .*; got 'x'"),
        ({"rng": -1}, ValueError, r"rng must be None, an integer >= 0 or .*; got -1"),
        ({"rng": True}, TypeError, r"rng must be None, an integer >= 0 or .*; got True"),
    ],
)
def test_generate_refuses(options, error, words):
    with pytest.raises(error, match=words):
        mh.generate(**{"kind": "sphere-random", "n": 5, "d": 3, **options})


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (
            1.5,
            ValueError,
            r"cosines must lie in \[-1, 1\]; found 1\.5 .* Pass points as a 2-D array",
        ),
        ([0.0, np.nan], ValueError, r"cosines must lie in \[-1, 1\]; found nan"),
        (0.5j, TypeError, "X must be real; got complex128"),
        ("0.5", TypeError, "X must be an array of numbers; got str"),
        (np.ma.masked_equal([0.1, 0.2], 0.2), ValueError, "no masked entries; found 1"),
    ],
)
def test_cosines(bad, error, words):
    with pytest.raises(error, match=words):
        mh.nngp("relu")(bad)
