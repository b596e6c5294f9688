"""Proved, disproved or open: never a positive answer for a matrix that is not, never a negative one for one that is."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import mehler as mh
from exact import is_lower, is_upper, semidefinite
from hard_matrices import FAMILIES, hadamard
from spectra import sphere, with_spectrum

FEW = 12


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_true_in_exact_arithmetic(family):
    for seed in range(FEW):
        K = FAMILIES[family](seed)
        r = mh.check_psd(K)
        assert is_lower(K, r.lower) and is_upper(K, r.upper), (family, seed)
        assert r.lower <= r.upper
        if r.psd is not None:
            assert r.psd == semidefinite(K), (family, seed)
            assert bool(r) == r.psd
            assert r.psd == (r.lower >= 0.0) and (r.psd or r.upper < 0.0)
        else:
            assert r.lower < 0.0 <= r.upper and not r
        if r.psd is False:
            assert np.linalg.norm(r.vector) == pytest.approx(1.0)
            assert not is_lower(K, 0.0)
        else:
            assert r.vector is None


@pytest.mark.parametrize("n", [2, 7, 40, 300])
@pytest.mark.parametrize("size", [1e-10, 1e-12])
def test_one_negative_eigenvalue_is_never_overlooked(n, size):
    """Of size 1e-10 |K|, which Cholesky itself sees, and of 1e-12 |K|, which it may not."""
    for seed in range(3):
        K = with_spectrum(np.r_[-size, np.linspace(0.1, 1.0, n - 1)], seed)
        r = mh.check_psd(K)
        assert r.psd is False
        assert r.lower <= -0.99 * size and -1.01 * size <= r.upper < 0.0
        assert r.vector @ K @ r.vector == pytest.approx(-size, rel=1e-2)


@pytest.mark.parametrize("n", [1, 2, 50, 600])
def test_well_above_the_floor_it_is_proved(n):
    K = with_spectrum(np.r_[1e-9, np.linspace(0.1, 1.0, n - 1)], 1)
    r = mh.check_psd(K)
    assert r.psd is True and r.floor < 1e-10
    assert 0.0 <= r.lower <= 1e-9 <= r.upper * (1.0 + 1e-6) and r.upper < 1.1e-9
    assert "K - s I has a Cholesky factor at s=" in r.reason


@pytest.mark.parametrize("seed", range(14))
def test_zero_and_the_smallest_doubles_of_an_exact_spectrum(seed):
    K, truth = hadamard(7, seed)
    r = mh.check_psd(K)
    assert r.lower <= truth <= r.upper
    assert r.psd is not (truth < 0.0)
    if abs(truth) > r.floor:
        assert r.psd == (truth > 0.0)
    if truth == 0.0:
        assert r.psd is None and r.reason.startswith(
            "rounding leaves it open: lambda_min lies between -"
        )


def test_zeros_on_the_diagonal_are_taken_exactly():
    zero = mh.check_psd(np.zeros((4, 4)))
    assert (zero.psd, zero.lower, zero.upper, zero.reason) == (True, 0.0, 0.0, "K is zero")
    rows = np.zeros((5, 5))
    rows[1:3, 1:3] = [[2.0, 1.0], [1.0, 2.0]]
    r = mh.check_psd(rows)
    assert (r.psd, r.lower, r.upper) == (True, 0.0, 0.0) and "3 rows of zeros" in r.reason
    rows[2, 2] = -1e-200
    r = mh.check_psd(rows)
    assert r.psd is False and r.vector.shape == (5,) and not r.vector[[0, 3, 4]].any()
    hollow = np.array([[0.0, 1e-20, 0.0], [1e-20, 1.0, 0.0], [0.0, 0.0, 3.0]])  # -1e-40
    r = mh.check_psd(hollow)
    assert r.psd is False and r.upper == pytest.approx(-1e-40)
    assert mh.check_psd(np.diag([3.0, -1e-300])).psd is False


@pytest.mark.parametrize("storage", ["packed", "dense", "matrix-free"])
def test_gram_operators(storage):
    r = mh.check_psd(mh.gram(sphere(200, 5), "relu", storage=storage))
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(sphere(200, 5)))[0]
    assert r.psd is True and r.lower <= truth <= r.upper * (1 + 1e-9)


def test_a_smooth_kernel_in_low_dimension_is_open():
    """Positive definite in exact arithmetic, by less than any double sees."""
    r = mh.check_psd(mh.gram(sphere(300, 2), "swish"))
    assert r.psd is None and r.lower < 0.0 < r.upper < 1e-11


@pytest.mark.parametrize("bottom", [1e-6, 0.0, -1e-6])
def test_more_than_the_dense_route_takes(bottom):
    K = with_spectrum(np.r_[bottom, np.linspace(0.1, 1.0, 1010)], 2)
    r = mh.check_psd(K)
    assert r.psd is {1e-6: True, 0.0: None, -1e-6: False}[bottom]
    assert r.lower <= bottom + 1e-15 and bottom - 1e-15 <= r.upper


def test_symmetric_to_rounding_only():
    K = np.diag([1.0, 2.0, 1e-3])
    K[0, 1] = 1e-11
    assert mh.check_psd(K).psd is True
    near = 1.0 + 2e-12  # the symmetric part's lowest is 2e-12, less than |K - K^T| / 2
    r = mh.check_psd([[near, 1.0 - 1e-11], [1.0 + 1e-11, near]])
    assert r.psd is None and r.lower < 0.0 < 2e-12 < r.upper * (1 + 1e-2)


def test_a_graded_diagonal_hides_nothing():
    """Scaled by powers of two, small entries count as much as large ones."""
    D = np.logspace(0, -30, 12)
    C = np.full((12, 12), 0.5) + 0.5 * np.eye(12)
    yes = mh.check_psd(D[:, None] * C * D)
    assert yes.psd is True and "D K D" in yes.reason and 0.0 <= yes.lower <= yes.upper <= 2e-60
    C[10, 11] = C[11, 10] = 1.01
    K = D[:, None] * C * D
    no = mh.check_psd(K)
    assert no.psd is False and no.upper < 0.0 and not semidefinite(K)
    assert is_lower(K, no.lower) and is_upper(K, no.upper)
    assert mh.check_psd(np.diag([1.0, 1e-200])).psd is True


def test_what_has_no_entries_is_refused():
    sparse = pytest.importorskip("scipy.sparse")
    operator = mh.gram(sphere(5, 3), "relu").as_linear_operator()
    with pytest.raises(
        TypeError, match=r"needs the entries of K.*; got csr_matrix\. Pass K\.toarray\(\)\."
    ):
        mh.check_psd(sparse.csr_matrix(np.eye(3)))
    with pytest.raises(
        TypeError, match=r"got \w*LinearOperator\. Pass an array, such as K @ np\.eye\(n\)"
    ):
        mh.check_psd(operator)
    with pytest.raises(TypeError, match="got NoneType"):
        mh.check_psd(None)
    with pytest.raises(ValueError, match="K must be square"):
        mh.check_psd(np.ones((2, 3)))
    with pytest.raises(ValueError, match="K must be symmetric"):
        mh.check_psd([[1.0, 2.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="K must be finite"):
        mh.check_psd([[1.0, np.nan], [np.nan, 1.0]])
    with pytest.raises(
        MemoryError,
        match=r"check_psd at n=400 takes [\d.]+ MB, more than max_memory=1 MB.*max_memory='[\d.]+MB'\.$",
    ):
        mh.check_psd(np.eye(400), max_memory="1MB")


def test_an_end_leaves_it_open():
    K = np.eye(3000) + 1.0 / 3000
    r = mh.check_psd(K, threads=1, callback=lambda state: True)
    assert r.psd is None and r.reason == "stopped by the callback before it was known"
    assert (r.lower, r.upper) == (-np.inf, np.inf) and r.n == 3000


def test_the_answer_is_a_value_that_prints():
    r = mh.check_psd(np.eye(3))
    assert str(r).splitlines()[0] == "psd       yes" and r.n == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        r.psd = False
    assert str(mh.check_psd(-np.eye(3))).splitlines()[0] == "psd       no"
    printed = dict(line.split(None, 1) for line in str(mh.check_psd(-np.eye(3) / 3)).splitlines())
    third = mh.check_psd(-np.eye(3) / 3)
    assert float(printed["lower"]) <= third.lower <= third.upper <= float(printed["upper"])
    made = dataclasses.replace(r, lower=-1.0 / 3.0, upper=1.0 / 3.0)
    assert "lower     -0.33333334\nupper     0.33333334\n" in str(made)
    assert json.loads(json.dumps(r.to_dict(), allow_nan=False)) == r.to_dict()
    assert r.to_dict()["psd"] is True and "vector" not in r.to_dict()
    no = mh.check_psd(np.diag([1.0, -1.0])).to_dict(vectors=True)
    assert no["psd"] is False and np.abs(no["vector"]) == pytest.approx([0.0, 1.0])
    assert str(mh.check_psd(np.ones((2, 2)))).splitlines()[0] == "psd       open"


def test_threads_agree():
    K = with_spectrum(np.r_[-1e-11, np.linspace(0.1, 1.0, 900)], 3)
    one, two = (mh.check_psd(K, threads=t) for t in (1, 2))
    assert (one.psd, one.lower, one.upper) == (two.psd, two.lower, two.upper)
