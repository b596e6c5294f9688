"""A misspelt name is refused with the one that was meant: one helper, wherever a name is taken."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mehler as mh
from mehler._words import meant, nearest

X = mh.generate("sphere-random", n=20, d=3, rng=0)
K = np.eye(20)
METHODS = ("auto", "dense", "lanczos", "shift-invert", "preconditioned", "sparse-inverse")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("lanczo", "lanczos"),
        ("Lanczos", "lanczos"),
        ("shift_invert", "shift-invert"),
        ("shift invert", "shift-invert"),
        ("shiftinvert", "shift-invert"),
        ("prec", "preconditioned"),
        ("sparse", "sparse-inverse"),
        ("DENSE", "dense"),
    ],
)
def test_the_nearest(given, found):
    assert nearest(given, METHODS)[0] == found
    assert meant(given, METHODS) == f" Did you mean {found!r}?"


@pytest.mark.parametrize(
    "given", ["", "x", "qqqq", "eigh?", 3, None, ["dense"], np.eye(2), "dense"]
)
def test_nothing_is_near(given):
    assert meant(given, METHODS) == ""


REFUSALS = [
    ("storage", "pakced", "packed", lambda v: mh.gram(X, storage=v)),
    ("storage", "matrixfree", "matrix-free", lambda v: mh.gram(X, storage=v)),
    ("storage", "factors", "factor", lambda v: mh.feature_gram(X, "relu", width=9, storage=v)),
    ("dtype", "flaot32", "float32", lambda v: mh.gram(X, dtype=v)),
    ("dtype", "float65", "float64", lambda v: mh.train(X, np.ones(20), width=9, dtype=v)),
    ("method", "lanczo", "lanczos", lambda v: mh.min_eig(X, method=v)),
    ("method", "shift_invert", "shift-invert", lambda v: mh.plan(X, method=v)),
    ("method", "factord", "factored", lambda v: mh.min_eig(X, width=9, method=v)),
    ("method", "densee", "dense", lambda v: mh.eigsh(K, method=v)),
    ("method", "quadratur", "quadrature", lambda v: mh.spectrum(K, method=v)),
    ("method", "prec", "preconditioned", lambda v: mh.sweep(X, method=v)),
    ("certify", "rigourous", "rigorous", lambda v: mh.min_eig(X, certify=v)),
    ("certify", "rigor", "rigorous", lambda v: mh.eigsh(K, certify=v)),
    ("certify", "nonee", "none", lambda v: mh.min_eig(X, width=9, certify=v)),
    ("precision", "doubel", "double", lambda v: mh.min_eig(X, precision=v)),
    ("precision", "extend", "extended", lambda v: mh.eigvalsh(X, precision=v)),
    ("precision", "Double", "double", lambda v: mh.attribute(X, precision=v)),
    ("which", "sa", "SA", lambda v: mh.eigsh(K, which=v)),
    ("kernel", "gradent", "gradient", lambda v: mh.bounds(X, "relu", kernel=v)),
    ("kernel", "NTK", "ntk", lambda v: mh.min_eig(X, kernel=v)),
    ("preconditioner", "choleski", "cholesky", lambda v: mh.solve(K, np.ones(20), preconditioner=v)),
    ("kind", "sphere", "sphere-random", lambda v: mh.generate(v, n=5, d=3, rng=0)),
    ("initial", "gausian", "gaussian", lambda v: mh.predict_training(X, np.ones(20), initial=v)),
    ("storage", "Auto", "auto", lambda v: mh.min_eig(X, storage=v)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given", "found", "call"), REFUSALS, ids=[f"{n}-{g}" for n, g, *_ in REFUSALS]
)
def test_a_refusal_ends_with_what_was_meant(name, given, found, call):
    said = rf"^{name} must be .*; got {re.escape(repr(given))}\. Did you mean {found!r}\?$"
    with pytest.raises(ValueError, match=said):
        call(given)
    with pytest.raises(ValueError, match=rf"^{name} must be .*; got 'qqqq'\.$"):
        call("qqqq")


@pytest.mark.parametrize("storage", ["dense", "packed", "matrix-free", "disk"])
def test_storages_of_gram_are_not_those_of_min_eig(storage):
    with pytest.raises(
        ValueError, match=rf"got '{storage}' \(of gram, .*min_eig stores K as max_memory and path="
    ):
        mh.min_eig(X, storage=storage)
