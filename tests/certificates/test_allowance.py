"""What rounding is allowed: no less than what it does, and little more than what can be shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

import mehler as mh
from mehler import _core
from mehler.certificates.allowance import (
    PROFILE,
    Allowance,
    ArrayMatrix,
    PointMatrix,
    down,
    entry_error,
    gamma,
    near_error,
    roundings,
    up,
)
from mehler.operators.points import core_points
from reference import exact_gram
from spectra import sphere, with_spectrum


@pytest.mark.parametrize("n", [1, 5, 255, 257, 1000, 3071, 3072, 5000, 100_000])
def test_tiles_keep_the_number_of_roundings_small(n):
    edge = _core.Cholesky64.edge_for(n)
    assert edge == (256 if n < 3072 else 512)
    assert min(n, edge) <= roundings(n) <= n + 10
    assert roundings(n) <= edge + 8 * (n / edge + 1) + 60


@pytest.mark.parametrize("n", [40, 257, 513, 800])
def test_the_factor_is_that_of_a_matrix_as_near_as_is_allowed(n):
    """|A - L L^t| <= g |L| |L|^t, entry by entry, in longdouble, whose own rounding is small beside g."""
    A = with_spectrum(np.geomspace(1e-4, 1.0, n), n) + 2.0 * np.abs(with_spectrum(np.ones(n), 1))
    A = (A + A.T) / 2 + 3.0 * np.sqrt(n) * np.eye(n)
    F = _core.Cholesky64(A, 0.0, 1)
    assert F.factor(1)
    L = F.dense().astype(np.longdouble)
    slack = 2.0 * n * float(np.finfo(np.longdouble).eps)
    rows = np.r_[0, n // 3, n // 2, 255 % n, n - 2, n - 1]
    size = np.abs(L[rows]) @ np.abs(L).T
    assert np.all(np.abs(A[rows] - L[rows] @ L.T) <= (gamma(roundings(n)) + slack) * size)


@pytest.mark.parametrize("n", [513, 1025])
def test_a_last_panel_of_one_row_is_summed_in_few_pieces(n):
    """1 - 256 * 0.3 u: subtracted 16 at a time, each piece of 4.8 u would be rounded to 5 u."""
    A, i, j, u = np.eye(n), n - 1, 300, 2.0**-53
    A[j, :256] = A[:256, j] = 2.0**-27
    A[i, :256] = A[:256, i] = 0.3 * 2.0**-26
    A[j, j], A[i, i] = 1.0 + 2.0**-46, 4.0
    A[i, j] = A[j, i] = 1.0
    F = _core.Cholesky64(A, 0.0, 1)
    assert F.factor(1)
    L = F.dense()
    assert L[j, j] == 1.0
    assert L[i, j] == 1.0 - 77.0 * u  # 76.8, rounded once


def test_entry_error_bounds_what_products_do():
    ker = mh.gradient_kernel("relu")
    for d in (3, 50, 784):
        X = sphere(60, d, seed=d)
        K = ker(X)
        bound = entry_error(ker, d)
        with mp.workdps(30):
            worst = max(
                abs(mpf(K[i, j]) - v)
                for i, row in enumerate(exact_gram(X[:12], "relu").tolist())
                for j, v in enumerate(row)
            )
        assert worst <= bound < 1e-11


def test_allowance_adds_up():
    assert Allowance(1.0, 2.0).total == 3.0
    assert down(1.0) < 1.0 < up(1.0)


# step has no gradient kernel; the others need coefficients, and are smooth
WITHOUT = {"step", "hermite", "polynomial"}


@pytest.mark.parametrize("name", sorted(set(mh.activations()) - WITHOUT))
@pytest.mark.parametrize("d", [2, 784])
def test_nearer_pairs_are_no_worse(name, d):
    """Deficits from differences err less than the cosines that entry_error allows for."""
    ker = mh.gradient_kernel(name)
    assert near_error(ker, d) <= entry_error(ker, d)


def quotient_truth(K, v):
    with mp.workdps(60):
        M, x = mp.matrix(K.tolist()), mp.matrix(v.tolist())
        return (x.T * M * x)[0] / (x.T * x)[0]


@pytest.mark.parametrize("wanted", [0.0, math.inf])
@pytest.mark.parametrize("seed", range(10))
def test_quotients_of_arrays_are_right_to_their_error(seed, wanted):
    rng = np.random.default_rng(seed)
    K = with_spectrum(np.r_[1e-9, np.linspace(1, 2, 18 + seed)], seed)
    v = rng.standard_normal(len(K)) if seed % 2 else np.linalg.eigh(K)[1][:, 0]
    q, error = ArrayMatrix(K).quotient(v, wanted, 1)
    assert abs(q - quotient_truth(K, v)) <= error < 1e-12
    if wanted == 0.0 and np.finfo(np.longdouble).eps < 1e-18:
        assert error < 1e-15


@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu"])
def test_quotients_of_points_are_right_to_their_error(name):
    X = sphere(12, 3, seed=5)
    ker = mh.gradient_kernel(name)
    v = np.random.default_rng(1).standard_normal(12)
    q, error = PointMatrix(core_points(X, ker, 1), ker).quotient(v, 0.0, 1)
    exact = exact_gram(X, name)
    with mp.workdps(30):
        x = mp.matrix(v.tolist())
        truth = (x.T * exact * x)[0] / (x.T * x)[0]
    assert abs(q - truth) <= error < 1e-11


def test_the_allowance_falls_with_the_shift_and_vanishes_at_a_multiple_of_one():
    K = ArrayMatrix(with_spectrum(np.linspace(1, 2, 30), 0))
    below, zero, above = (K.allowance(s).total for s in (-5.0, 0.0, 0.9))
    assert below > zero > above > 0.0
    assert ArrayMatrix(np.eye(9)).allowance(1.0).total < 1e-300


def test_an_unsymmetric_array_allows_for_its_odd_part():
    K = np.diag(np.linspace(1.0, 2.0, 40))
    assert ArrayMatrix(K).allowance(0.0).entries == 0.0
    K[3, 7] += 2e-11
    assert 1e-11 <= ArrayMatrix(K).allowance(0.0).entries < 1.5e-11


@pytest.mark.parametrize("off", [-9e-13, 9e-13])
def test_norms_that_are_taken_as_one_are_allowed_for(off):
    """K has them; the core has not: eigenvalues differ by (1 + off)^2, more than rounding here."""
    X = sphere(4, 3, seed=1)
    X *= (1.0 + off) / np.linalg.norm(X, axis=1, keepdims=True)
    with pytest.warns(mh.PrecisionWarning):
        r = mh.min_eig(X, "relu", certify="rigorous", tol=1e-15)
    with mp.workdps(30):
        K = exact_gram(X, "relu")
        norms = [mp.sqrt(sum(mpf(x) ** 2 for x in row)) for row in X.tolist()]
        for i in range(4):
            for j in range(4):
                K[i, j] *= norms[i] * norms[j]
        truth = min(mp.eigsy(K, eigvals_only=True))
    assert r.lower_kind == "factorisation"
    assert r.lower <= truth <= r.upper and r.upper - r.lower < 1e-11


@pytest.mark.parametrize("kind", ["gradient", "nngp"])
@pytest.mark.parametrize(("weight", "bias"), [(1.0, 0.1), (0.001, 3.0)])
def test_profiles_with_a_bias_are_known_to_what_they_say(kind, weight, bias):
    """ReLU in closed form, at cosines far and near, as the core evaluates it."""
    make = mh.gradient_kernel if kind == "gradient" else mh.nngp
    ker = make("relu", weight_var=weight, bias_var=bias)
    near = 10.0 ** -np.arange(1.0, 14.0, 3.0)
    rho = np.r_[np.random.default_rng(0).uniform(-1, 1, 12), 1.0 - near, near - 1.0]
    with mp.workdps(40):
        q, worst = mpf(weight) + mpf(bias), mpf(0)
        for r, found in zip(rho.tolist(), ker.h.compiled.evaluate(rho), strict=True):
            inner = mpf(weight) * mpf(r) + mpf(bias)
            angle = mp.acos(inner / q)
            slope = (mp.pi - angle) / (2 * mp.pi)  # E relu' relu'
            arc = q * mp.sin(angle) / (2 * mp.pi) + inner * slope  # E relu relu
            worst = max(
                worst, abs(mpf(float(found)) - (inner * slope if kind == "gradient" else arc))
            )
    assert worst <= max(ker.error, PROFILE * float(ker.h.ends[0]))
