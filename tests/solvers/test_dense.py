"""dense_pairs: every eigenvalue lies within ``error`` of its Theta; truth from 40 digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.solvers.dense import dense_pairs
from spectra import circle, sphere, with_spectrum

EPS = float(np.finfo(float).eps)


def exact(K: np.ndarray) -> list[mpmath.mpf]:
    """Eigenvalues of the doubles in K, ascending, to 40 digits."""
    with mpmath.workdps(40):
        return sorted(mpmath.eigsy(mpmath.matrix(K.tolist()), eigvals_only=True))


def worst(values, truth) -> float:
    return max(float(abs(mpmath.mpf(v) - t)) for v, t in zip(values.tolist(), truth, strict=True))


def check(K: np.ndarray) -> tuple[np.ndarray, float]:
    values, Q, error = dense_pairs(K)
    n, size = len(K), float(np.linalg.norm(K))
    assert np.all(np.diff(values) >= 0) and Q.shape == (n, n)
    assert worst(values, exact(K)) <= error
    assert error <= 100 * n * EPS * size  # and the bound is worth something
    np.testing.assert_allclose(K @ Q, Q * values, atol=20 * n * EPS * size)
    return values, error


MATRICES = {
    "one": np.array([[3.0]]),
    "zero": np.zeros((4, 4)),
    "identity": np.eye(5),
    "two": np.array([[1.0, 1.0 - 1e-12], [1.0 - 1e-12, 1.0]]),
    "hilbert": 1.0 / (1.0 + np.add.outer(np.arange(10.0), np.arange(10.0))),
    "graded": with_spectrum(np.geomspace(1e-14, 1.0, 9)),
    "cluster": with_spectrum(1.0 + 1e-12 * np.arange(8.0)),
    "double": with_spectrum([0.0, 0.0, 1.0, 1.0, 1.0, 5.0]),
    "indefinite": with_spectrum([-3.0, -1e-9, 1e-9, 2.0]),
    "rank one": np.ones((7, 7)),
    "large": 1e100 * with_spectrum(np.arange(1.0, 7.0)),
    "small": 1e-100 * with_spectrum(np.arange(1.0, 7.0)),
    "wilkinson": np.diag(np.abs(np.arange(-5.0, 6.0))) + np.eye(11, k=1) + np.eye(11, k=-1),
    "relu on the circle": mh.gradient_kernel("relu")(circle(11)),
    "tanh on the circle": mh.gradient_kernel("tanh")(circle(9)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_the_bound_holds(name):
    check(MATRICES[name])


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.floats(-1e3, 1e3).filter(lambda x: x == 0.0 or abs(x) > 1e-100), min_size=1, max_size=6
    ),
    st.integers(0, 10**6),
)
def test_prescribed_spectra(spectrum, seed):
    check(with_spectrum(spectrum, seed))


@pytest.mark.parametrize("n", [60, 200])
def test_larger_with_a_spectrum_known_in_closed_form(n):
    """2 - 2 cos(j pi / (n + 1)) of the second difference, whose entries are exact doubles."""
    K = 2.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    values, _, error = dense_pairs(K)
    with mpmath.workdps(30):
        truth = [4 * mpmath.sin(j * mpmath.pi / (2 * n + 2)) ** 2 for j in range(1, n + 1)]
    assert worst(values, truth) <= error <= 100 * n * EPS * np.linalg.norm(K)


@pytest.mark.parametrize("change", ["values", "vectors", "lengths"])
@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e-3])
@pytest.mark.parametrize("name", ["hilbert", "cluster", "indefinite", "wilkinson"])
def test_a_wrong_decomposition_is_noticed(name, change, size, monkeypatch):
    """The bound comes from what is left over, not from trust in LAPACK."""
    K = MATRICES[name]
    right, Q = np.linalg.eigh(K)
    rng = np.random.default_rng(3)
    if change == "values":
        wrong = (np.sort(right + size * rng.standard_normal(len(K))), Q)
    elif change == "vectors":
        wrong = (right, Q + size * rng.standard_normal(K.shape))
    else:
        wrong = (right + size, Q * 0.9)  # K Q = Q Theta in direction, |D| = 0.19 sqrt(n)
    monkeypatch.setattr(np.linalg, "eigh", lambda _: wrong)
    values, _, error = dense_pairs(K)
    assert worst(values, exact(K)) <= error
    if change == "values":
        assert error >= 0.1 * size  # a smaller one would be luck


def test_vectors_without_rank_prove_nothing(monkeypatch):
    values, Q = np.linalg.eigh(MATRICES["hilbert"])
    monkeypatch.setattr(np.linalg, "eigh", lambda _: (values, np.tile(Q[:, :1], (1, len(Q)))))
    assert dense_pairs(MATRICES["hilbert"])[2] == math.inf


@pytest.mark.parametrize("name", ["relu", "selu", "elu"])
def test_lower_of_the_dense_route_is_below_the_eigenvalue_of_the_matrix(name):
    X = sphere(12, 3, seed=5)
    r = mh.min_eig(X, name, certify="auto")
    truth = exact(mh.gradient_kernel(name)(X))[0]
    assert r.lower_kind == "dense" and r.lower <= truth <= r.upper
    assert float(truth) - r.lower <= 1e-12


@pytest.mark.parametrize("which", ["SA", "LA"])
def test_bounds_of_eigsh(which):
    for name in ("graded", "indefinite", "rank one"):
        K = MATRICES[name]
        r = mh.eigsh(K, which=which, tol=0.5) if name != "rank one" else mh.eigsh(K, which="LA")
        truth = exact(K)[0 if which == "SA" and name != "rank one" else -1]
        assert r.lower <= truth <= r.upper
