"""A low value beside one of high multiplicity: a random start holds its vector to 1 / sqrt n only, and a small residual hides it."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from spectra import with_spectrum


def tilted(n: int, rho: float) -> np.ndarray:
    """Orthonormal points but for one pair of cosine rho, amid them."""
    X = np.eye(n)
    X[n // 2, n // 2 : n // 2 + 2] = np.sqrt(1.0 - rho * rho), rho
    return X


@pytest.mark.parametrize("method", ["auto", "lanczos", "preconditioned"])
@pytest.mark.parametrize(("rho", "tol"), [(0.2, 1e-3), (0.1, 1e-3), (0.02, 1e-4), (2e-4, 1e-6)])
def test_one_pair_among_orthonormal_points(method, rho, tol):
    """n - 2 equal values, one above, one below by a hundred times tol."""
    n = 900
    K = mh.gradient_kernel("relu")
    h, off = (
        float(K([[1.0, 0.0]])[0, 0]),
        float(K(np.array([[1.0, 0.0], [rho, np.sqrt(1 - rho * rho)]]))[0, 1]),
    )
    zero = float(K(np.eye(2))[0, 1])
    # K = (h - zero) I + zero 1 1^t + (off - zero)(e_i e_j^t + e_j e_i^t)
    truth = h - zero - (off - zero)
    for seed in range(6):
        r = mh.min_eig(tilted(n, rho), "relu", method=method, tol=tol, rng=seed)
        assert not r.resolved or abs(r.value - truth) <= tol * truth, seed
        assert r.upper >= truth * (1.0 - 1e-12)


@pytest.mark.parametrize("method", ["lanczos", "shift-invert"])
@pytest.mark.parametrize(
    ("copies", "gap", "tol"), [(500, 40.0, 1e-6), (1050, 40.0, 1e-4), (1050, 3.0, 1e-4)]
)
def test_one_below_many_equal_values(method, copies, gap, tol):
    n = 1100
    A = with_spectrum(
        np.r_[1.0, np.full(copies, 1.0 + gap * tol), np.linspace(1.5, 100.0, n - copies - 1)],
        seed=7,
    )
    for seed in range(4):
        r = mh.eigsh(A, method=method, tol=tol, rng=seed, certify="none")
        assert r.resolved and abs(r.value - 1.0) <= tol


def test_a_callback_hears_values_of_the_matrix_from_shift_invert():
    X = mh.generate("sphere-random", n=1500, d=20, rng=0)
    heard: list[float] = []
    r = mh.min_eig(
        X,
        "relu",
        method="shift-invert",
        rng=0,
        callback=lambda s: heard.append(s.value) if s.phase == "lanczos" else None,
    )
    known = [v for v in heard if v is not None and np.isfinite(v) and v != 0.0]
    assert all(r.value * 0.99 < v < 2.0 * r.value for v in known)


def test_a_shift_is_told_in_the_units_of_the_matrix():
    X = 2.0**60 * mh.generate("sphere-random", n=2100, d=50, rng=0)
    r = mh.min_eig(X, "relu", method="shift-invert", rng=0, certify="none")
    s = float(r.method.split("s=")[1].split(",")[0])
    assert 0.3 * r.value < s < r.value
