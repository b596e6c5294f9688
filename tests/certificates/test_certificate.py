"""A factorisation that completes proves a lower bound; one that breaks down, an upper bound."""

from __future__ import annotations

import dataclasses
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp

import mehler as mh
from exact import is_lower, is_upper
from hard_matrices import FAMILIES, hadamard
from mehler import _core
from mehler.certificates import factorisation as certificate
from mehler.certificates.allowance import UNIT, ArrayMatrix, PointMatrix, roundings
from mehler.operators.points import core_points
from mehler.solvers import dense
from reference import exact_gram
from spectra import sphere, with_spectrum


def eigenvalues(K) -> list:
    """Ascending, to 40 digits, of exactly these doubles."""
    with mp.workdps(40):
        return sorted(mp.eigsy(mp.matrix(K.tolist()), eigvals_only=True))


def matrices():
    rng = np.random.default_rng(0)
    n = 14
    yield "cluster", with_spectrum(np.r_[1e-9 * (1 + 1e-4 * np.arange(5)), np.ones(n - 5)], 1)
    yield "multiple", with_spectrum(np.r_[np.full(4, 1e-6), np.linspace(1, 2, n - 4)], 2)
    yield "tiny gap", with_spectrum(np.r_[1e-3, 1e-3 + 1e-12, np.linspace(1, 9, n - 2)], 3)
    yield "graded", with_spectrum(np.logspace(-12, 0, n), 4)
    yield "indefinite by a hair", with_spectrum(np.r_[-1e-10, np.linspace(0.1, 1, n - 1)], 5)
    yield "zero", with_spectrum(np.r_[0.0, np.linspace(0.1, 1, n - 1)], 6)
    t = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    yield "near duplicates", np.exp(-1e-3 * t * t)
    yield "tridiagonal", np.where(t == 0, 2.0, np.where(t == 1, -1.0, 0.0))
    yield "large", 1e150 * with_spectrum(np.logspace(-8, 0, n), 7)
    yield "small", 1e-150 * with_spectrum(np.logspace(-8, 0, n), 8)
    for k in range(60):
        B = rng.integers(-9, 10, (n, n + k % 3)).astype(float)
        D = np.diag(10.0 ** rng.integers(-3, 4, n)) if k % 2 else np.eye(n)
        yield f"integers {k}", D @ (B @ B.T) @ D


MATRICES = dict(matrices())


def rounding(K) -> float:
    m = roundings(len(K)) * UNIT
    return m / (1 - m) / (1 - m / (1 - m)) * float(np.trace(K)) + UNIT * float(np.diag(K).max())


@pytest.mark.parametrize("name", MATRICES)
def test_shifts_that_complete_and_that_break_down_enclose_the_truth(name):
    K = MATRICES[name]
    truth, spare = eigenvalues(K)[0], rounding(K)
    size = float(np.linalg.norm(K))
    for t in np.concatenate([np.linspace(-4, 4, 33) * spare, [-1e-9 * size, 1e-9 * size]]):
        s = float(truth) + float(t)
        if not 0.0 <= s <= np.diag(K).max():
            continue
        if _core.Cholesky64(K, s, 1).factor(1):
            assert s - spare <= truth
        else:
            assert s + spare >= truth


def test_one_eigenvalue_below_zero_is_seen():
    for seed in range(40):
        K = with_spectrum(np.r_[-1e-10, np.linspace(0.05, 1.0, 300)], seed)
        assert rounding(K) < 1e-10
        assert not _core.Cholesky64(K, rounding(K), 1).factor(1)


@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu", "elu", "selu"])
@pytest.mark.parametrize("seed", range(3))
def test_lower_and_upper_of_exactly_these_points(name, seed):
    X = sphere(9, 3, seed=seed)
    near = 0.3 if name == "elu" else 1e-6  # the values of ELU fall like its third power
    X[1] = X[0] + near * X[2]  # a near-duplicate
    X[4] = -X[3] + 3 * near * X[2]  # nearly antipodal
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    r = mh.min_eig(X, name, certify="rigorous")
    truth = min(mp.eigsy(exact_gram(X, name), eigvals_only=True))
    assert r.lower_kind == "factorisation"
    assert 0.0 < r.lower <= truth <= r.upper


@pytest.mark.parametrize("name", ["relu", "selu", "elu", "tanh"])
@pytest.mark.parametrize(("n", "d"), [(60, 4), (700, 10), (1500, 20)])
def test_rigorous_is_tight(name, n, d):
    X = sphere(n, d, seed=n)
    r = mh.min_eig(X, name, certify="rigorous", rng=0)
    truth = float(np.linalg.eigvalsh(mh.gradient_kernel(name)(X))[0])
    ker = mh.gradient_kernel(name)
    spare = PointMatrix(core_points(X, ker, 1), ker).allowance(truth).total
    if truth > 4.0 * spare:
        assert r.lower_kind == "factorisation"
        assert r.lower <= truth + spare
        assert r.upper - r.lower <= max(1e-6 * truth, 4.0 * spare)
    if truth > 4e6 * spare:
        assert (r.status, r.message) == ("resolved", "")


def test_points_of_any_norm():
    X = sphere(400, 8, seed=2) * np.exp(np.random.default_rng(0).uniform(-2, 2, 400))[:, None]
    r = mh.min_eig(X, "relu", certify="rigorous")
    truth = float(np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0])
    assert r.lower_kind == "factorisation"
    assert r.lower <= truth * (1 + 1e-9) <= r.upper * (1 + 2e-9)
    assert r.upper - r.lower <= 1e-6 * truth


@pytest.mark.parametrize("which", [1, 3])
def test_a_missed_eigenvalue_is_found_out(which, monkeypatch):
    X = sphere(300, 4, seed=7)
    values, V = np.linalg.eigh(mh.gradient_kernel("relu")(X))
    right = dense.points_route

    def wrong(*args):  # a solver that sits on a higher eigenvalue, with a residual of nothing
        r = right(*args)
        value = float(values[which])
        return dataclasses.replace(
            r, value=value, vector=V[:, which], lower=0.0, lower_kind="theory",
            upper=value * (1 + 1e-12), values=values[which : which + 1],
        )  # fmt: skip

    monkeypatch.setattr(dense, "points_route", wrong)
    with pytest.warns(mh.ConvergenceWarning, match="a smaller eigenvalue was missed"):
        r = mh.min_eig(X, "relu", certify="rigorous", method="dense")
    assert r.status == "budget-limited"
    assert r.lower <= values[0] <= r.upper < values[which]
    assert r.lower > 0.5 * values[0]


def test_no_bound_where_rounding_hides_the_value():
    with pytest.warns(mh.PrecisionWarning):
        r = mh.min_eig(sphere(200, 2, seed=1), "tanh", precision="double", certify="rigorous")
    assert r.lower_kind != "factorisation" or r.lower > 0.0
    assert r.lower < 1e-12


def test_a_zero_that_points_force_needs_no_factorisation():
    X = sphere(20, 3)
    X[7] = X[3]
    r = mh.min_eig(X, "relu", certify="rigorous")
    assert (r.lower, r.upper, r.lower_kind) == (0.0, 0.0, "structure")


def test_none_and_theory_take_no_factorisation():
    X = sphere(1200, 30, seed=3)
    for certify in ("none", "theory"):
        assert mh.min_eig(X, "relu", certify=certify, rng=0).lower_kind == certify


def test_auto_takes_it_where_it_costs_no_more_than_the_solve():
    r = mh.min_eig(sphere(1100, 30, seed=3), "relu", rng=0)
    assert r.lower_kind == "factorisation"
    assert r.upper - r.lower <= 1e-6 * r.value
    for n, products, dtype, pays in (
        (1100, 100, "float32", True),
        (20000, 100, "float32", False),
        (2000, 3, "float32", False),
        (2000, 150, "float64", True),
    ):
        assert (
            certificate.pays(dataclasses.replace(r, n=n, applications=products, dtype=dtype))
            is pays
        )


def test_memory_is_refused_before_work():
    with pytest.raises(
        MemoryError,
        match=r"certify='rigorous' at n=3000 .*max_memory=30 MB; use path=FILE, which may hold the factor, certify='theory' or 'preconditioned', fewer points, or "
        r"max_memory='[\d.]+MB'\.",
    ):
        mh.min_eig(sphere(3000, 5), certify="rigorous", max_memory="30MB")


def test_an_end_in_the_factorisation_keeps_the_answer():
    X = sphere(3000, 20, seed=1)
    seen = []

    def stop(state):
        seen.append(state.phase)
        return state.phase == "factor"

    r = mh.min_eig(X, "relu", method="lanczos", certify="rigorous", threads=1, rng=0, callback=stop)
    assert seen[-1] == "factor"
    assert r.resolved and r.lower_kind == "theory"
    assert r.message == "stopped by the callback before the certificate was complete"


def test_threads_agree():
    X = sphere(1300, 12, seed=4)
    one, two = (mh.min_eig(X, "selu", certify="rigorous", threads=t, rng=0) for t in (1, 2))
    assert (one.value, one.lower, one.upper) == (two.value, two.lower, two.upper)


@pytest.mark.parametrize("certify", ["auto", "rigorous", "theory"])
@pytest.mark.parametrize(("n", "seed"), [(6, 0), (7, 1), (40, 2)])
def test_a_large_bias_does_not_fool_the_bound(certify, n, seed):
    X = sphere(n, 3, seed)
    ker = mh.gradient_kernel("relu", weight_var=0.001, bias_var=3.0)
    truth = np.linalg.eigvalsh(ker(X))[0]
    r = mh.min_eig(X, ker, certify=certify)
    assert r.lower <= truth + 1e-13 and truth <= r.upper + 1e-13


@pytest.mark.parametrize("method", ["lanczos", "preconditioned", "shift-invert"])
@pytest.mark.parametrize("tol", [0.1, 0.03])
def test_a_loose_tol_still_finds_the_smallest(method, tol):
    for seed in range(20):
        X = sphere(5 + seed, 3, seed)
        truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
        r = mh.min_eig(X, "relu", method=method, tol=tol, certify="rigorous", rng=seed)
        assert r.resolved and r.value == pytest.approx(truth, rel=tol)
        assert r.lower <= truth * (1 + 1e-12) and truth <= r.upper * (1 + 1e-12)


def test_undeclared_kinks_are_no_ground_for_a_bound():
    with pytest.warns(mh.PrecisionWarning):
        a = mh.Activation.from_function(lambda z: np.maximum(z - 0.3, 0) + 0.1 * z * z, name="bent")
        r = mh.min_eig(sphere(50, 3, 0), a)
    assert r.lower <= r.value <= r.upper and r.lower_kind != "theory"


# -- eigsh: arrays and Gram operators --------------------------------------------------------------

EIGSH = ("dense", "lanczos", "shift-invert")
FEW = 12  # of each family; bench/test_bench_certificate.py takes 150


@pytest.mark.parametrize("family", FAMILIES)
def test_every_method_encloses_the_truth(family):
    """lower <= lambda_min <= upper in exact arithmetic, and a missed eigenvalue never stays unseen."""
    for seed in range(FEW):
        K = FAMILIES[family](seed)
        method = EIGSH[seed % 3] if family != "fooled_start" else "lanczos"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mh.ConvergenceWarning)
            warnings.simplefilter("ignore", mh.PrecisionWarning)
            r = mh.eigsh(K, method=method, certify="rigorous", rng=seed)
        assert r.lower_kind == "factorisation"
        assert is_lower(K, r.lower) and is_upper(K, r.upper), (family, seed, method)
        if r.resolved:
            assert r.lower <= r.value <= r.upper
            assert r.upper - r.lower <= 1e-6 * abs(r.value) + 1e-12 * np.abs(K).sum() + 1e-300


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("order", [6, 9])
def test_large_matrices_whose_spectrum_is_exact(order, seed):
    K, truth = hadamard(order, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        r = mh.eigsh(K, method=EIGSH[seed % 3], certify="rigorous", rng=seed)
    assert r.lower <= truth <= r.upper
    assert r.upper - r.lower <= 1e-6 * abs(truth) + 4.0 * ArrayMatrix(K).allowance(truth).total


def test_a_start_without_the_bottom_vector_is_found_out():
    """Lanczos sees 1, 2 and 3 and nothing of 1/2: without the factorisation it is resolved, and wrong."""
    K = FAMILIES["fooled_start"](0)
    wrong = mh.eigsh(K, method="lanczos", certify="none", rng=0)
    assert wrong.resolved and wrong.value == pytest.approx(1.0)
    with pytest.warns(mh.ConvergenceWarning, match="a smaller eigenvalue was missed"):
        r = mh.eigsh(K, method="lanczos", certify="rigorous", rng=0)
    assert r.status == "budget-limited" and r.lower <= 0.5 <= r.upper < 1.0


@pytest.mark.parametrize("storage", ["packed", "dense", "matrix-free"])
@pytest.mark.parametrize("method", EIGSH)
def test_gram_operators(storage, method):
    X = sphere(150, 6, seed=3)
    r = mh.eigsh(mh.gram(X, "relu", storage=storage), method=method, certify="rigorous")
    truth = float(np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0])
    assert r.resolved and r.lower_kind == "factorisation"
    assert r.lower <= truth + 1e-14 and truth <= r.upper + 1e-14
    assert r.lower <= r.value <= r.upper <= r.lower + 1e-6 * truth


@pytest.mark.parametrize("method", EIGSH)
def test_float32_storage_is_certified_for_the_kernel_not_for_its_rounding(method):
    X = sphere(120, 6, seed=4)
    r = mh.eigsh(mh.gram(X, "relu", dtype="float32"), method=method, certify="rigorous")
    truth = float(np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0])
    assert r.resolved and abs(r.value - truth) < 1e-9
    assert r.lower <= truth + 1e-14 and truth <= r.upper + 1e-14


def test_several_eigenvalues_are_bounded_by_the_smallest():
    values = np.r_[0.25, 0.25, 0.5, np.linspace(1.0, 2.0, 60)]
    for method in EIGSH:
        r = mh.eigsh(with_spectrum(values, 5), k=3, method=method, certify="rigorous")
        assert r.values == pytest.approx(values[:3])
        assert r.lower <= 0.25 + 1e-15 and r.upper >= 0.25 - 1e-15
        assert r.upper - r.lower <= 1e-6 * 0.25


def test_unsymmetric_to_rounding_is_bounded_for_its_symmetric_part():
    K = with_spectrum(np.linspace(1.0, 2.0, 12), 3)
    K[2, 5] += 5e-11
    r = mh.eigsh(K, certify="rigorous", tol=4e-11)
    S = [[(Fraction(K[i, j]) + Fraction(K[j, i])) / 2 for j in range(12)] for i in range(12)]
    assert is_lower(S, r.lower) and is_upper(S, r.upper)
    assert r.upper - r.lower > 2e-11 and "|K - K^T| / 2 for 4e-11" in r.message


def test_eigsh_none_and_auto():
    K = with_spectrum(np.linspace(1.0, 50.0, 1200), 0)
    none = mh.eigsh(K, method="lanczos", certify="none", rng=0)
    assert (none.lower, none.lower_kind) == (-math.inf, "none")
    auto = mh.eigsh(K, method="lanczos", rng=0)
    assert auto.lower_kind == ("factorisation" if certificate.pays(none) else "none")
    assert mh.eigsh(K[:9, :9]).lower_kind == "dense"
    largest = mh.eigsh(K, which="LA", method="lanczos", rng=0)
    assert largest.lower_kind == "rayleigh"


def test_what_cannot_be_certified_is_refused():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    K = np.diag([1.0, 2.0, 3.0])
    operator = mh.gram(sphere(5, 3), "relu").as_linear_operator()
    for given, name in ((scipy_sparse.csr_matrix(K), "csr_matrix"), (operator, "LinearOperator")):
        with pytest.raises(
            TypeError, match=rf"needs the entries of K.*got \w*{name}\. Pass K as an array"
        ):
            mh.eigsh(given, certify="rigorous")
        assert mh.eigsh(given).resolved
    with pytest.raises(ValueError, match="smallest eigenvalue, which='SA'; got which='LA'"):
        mh.eigsh(K, which="LA", certify="rigorous")
    with pytest.raises(ValueError, match=r"certify must be one of .*'none'\); got 'theory'"):
        mh.eigsh(K, certify="theory")
    with pytest.raises(MemoryError, match=r"certify='rigorous' at n=300 .*max_memory=1 MB"):
        mh.eigsh(np.eye(300), certify="rigorous", max_memory="1MB")


@pytest.mark.parametrize("name", ["cluster", "fooled_start", "negative_by_a_hair"])
def test_certified_answers_do_not_depend_on_threads(name):
    K = FAMILIES[name](4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = (
            mh.eigsh(K, method="lanczos", certify="rigorous", rng=4, threads=t) for t in (1, 2)
        )
    assert (one.value, one.lower, one.upper) == (two.value, two.lower, two.upper)
