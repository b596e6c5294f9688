"""Features against powers of the cosine: both layouts, from one list of terms; how many; which landmarks."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler.kernels.kernel import known_coefficients
from mehler.preconditioners import features
from spectra import sphere

SIZES = [(8, 2), (511, 3), (513, 4), (1100, 20)]
WEIGHTS = np.array([0.3, 0.0, 0.5, 0.2])


def rows(C: np.ndarray, n: int) -> np.ndarray:
    """C (r, n) from its chunks."""
    return C.transpose(1, 0, 2).reshape(C.shape[1], -1)[:, :n].astype(np.float64)


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_monomials_are_the_powers_of_the_cosine(n, d):
    U = sphere(n, d)
    C, rho = features.columns(U, WEIGHTS), U @ U.T
    assert C.shape == (n, 1 + math.comb(d + 1, 2) + math.comb(d + 2, 3))
    np.testing.assert_allclose(C @ C.T, 0.3 + 0.5 * rho**2 + 0.2 * rho**3, atol=1e-13)
    # float32 chunks hold the same columns, in the same order
    np.testing.assert_allclose(rows(features.chunks(U, WEIGHTS), n), C.T, atol=1e-6)
    np.testing.assert_array_equal(features.chunks(U, WEIGHTS, 2), features.chunks(U, WEIGHTS))


def test_no_terms_are_no_columns():
    assert features.columns(sphere(50, 4), np.zeros(3)).shape == (50, 0)
    assert features.chunks(sphere(50, 4), np.zeros(3)).shape[1] == 0


def test_padding_is_zero():
    C = features.chunks(sphere(700, 3), np.array([1.0, 1.0]))
    assert C.shape == (2, 4, _core.Woodbury.chunk) and not C[1, :, 700 - C.shape[2] :].any()


def test_the_highest_degree_is_the_last_that_fits():
    A, d = np.array([0.5, 0.25, 1e-14, 0.1, 0.1]), 3  # 1, 3, (6), 10, 15 terms
    count = [1, 4, 4, 14, 29]
    for most, degree in ((0, -1), (1, 0), (3, 0), (4, 1), (13, 1), (14, 3), (28, 3), (29, 4)):
        found = features.highest(A, 1.0, d, most)
        assert found == (degree, count[degree] if degree >= 0 else 0)
    assert features.highest(A, 1.0, d, 29, spare=0.1) == (3, 14), "0.05 would be left"
    np.testing.assert_array_equal(features.kept(A, 1.0), [0.5, 0.25, 0.0, 0.1, 0.1])


def test_both_users_count_what_they_make():
    ker = mh.gradient_kernel("relu")
    A, top = known_coefficients(ker, 6), float(ker.h.ends[0])
    degree, r = features.highest(A, top, 5, 100)
    assert features.columns(sphere(40, 5), features.kept(A[: degree + 1], top)).shape == (40, r)


def test_landmarks_are_sorted_and_depend_on_the_seed():
    for n, r in ((7, 0), (80, 10), (9000, 1000)):
        chosen = features.landmarks_of(n, 5)
        assert len(chosen) == features.landmark_count(n) == r
        assert (np.diff(chosen) > 0).all() and (chosen < n).all()
    assert not np.array_equal(features.landmarks_of(800, 1), features.landmarks_of(800, [1, 1]))
