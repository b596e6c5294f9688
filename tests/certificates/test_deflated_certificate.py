"""The certificate without n^3 against all eigenvalues: never above, tight where it says so."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler._progress import Reporter
from mehler.certificates import deflated as deflated_certificate
from mehler.operators.points import core_points
from mehler.solvers.outcome import Task, replace
from never_wrong import random_case
from spectra import sphere


@pytest.mark.parametrize(
    ("name", "d"), [("relu", 2), ("relu", 3), ("selu", 3), ("relu", 5), ("selu", 5), ("abs", 4)]
)
def test_tight(name, d):
    X = sphere(300 if d == 2 else 1500, d, 3)
    r = mh.min_eig(X, name, method="preconditioned", certify="preconditioned", rng=1)
    K = mh.gradient_kernel(name)(X)
    truth = np.linalg.eigvalsh(K)
    unsure = 4.0 * np.finfo(float).eps * truth[-1]
    assert r.resolved and r.lower_kind == "preconditioned"
    assert (1.0 - 1e-6) * r.value <= r.lower <= truth[0] + unsure
    assert r.failure_probability == 1e-10 and "wrong with probability 1e-10 at most" in str(r)
    assert r.certificate_products <= 200


def test_in_many_dimensions_by_landmarks():
    X = sphere(1000, 40, 3)
    r = mh.min_eig(X, "relu", method="lanczos", certify="preconditioned", rng=1)
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    assert r.lower_kind == "preconditioned" and 0.9 * truth <= r.lower <= truth + 1e-13


def test_never_above_the_truth():
    """Hard cases with planted pairs, by whatever method."""
    sharp = 0
    for seed in range(40):
        case = random_case(seed, 500)
        if case.n < 64:
            continue
        X = case.points()
        truth = np.linalg.eigvalsh(mh.gradient_kernel(case.activation)(X))
        unsure = 4.0 * np.finfo(float).eps * truth[-1]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mh.PrecisionWarning)
            warnings.simplefilter("ignore", mh.ConvergenceWarning)
            r = mh.min_eig(
                X, case.activation, method="preconditioned", certify="preconditioned", rng=seed
            )
        assert r.lower <= truth[0] + unsure and r.upper >= truth[0] - unsure, case
        sharp += r.lower_kind == "preconditioned" and r.lower >= 0.99 * truth[0]
    assert sharp >= 10


def task(limit=2**33):
    return Task(1e-6, 2, 0, limit, Reporter(None, None, 1.0, None, 0.0), 0.0)


@pytest.mark.parametrize("which", [1, 2, 5])
def test_a_missed_eigenvalue_is_found_out(which):
    """A solver that says one of the next eigenvalues is the smallest."""
    X, ker = sphere(800, 3, 5), mh.gradient_kernel("relu")
    w, Q = np.linalg.eigh(ker(X))
    right = mh.min_eig(X, ker, method="lanczos", certify="none")
    claimed = replace(
        right, value=w[which], upper=w[which] + 1e-12, vector=Q[:, which].copy(), residual=1e-15
    )
    points = core_points(X, ker, 2)
    found = deflated_certificate.certified(claimed, points, ker, task())
    assert found.lower <= w[0] + 1e-13 * w[-1]
    assert found.status == "budget-limited" and "a smaller eigenvalue was missed" in found.message
    assert found.upper == pytest.approx(w[0], rel=1e-3)


def test_auto_takes_it_in_few_dimensions_where_no_factorisation_pays():
    relu = mh.gradient_kernel("relu")
    flat, high = (core_points(sphere(600, d), relu, 1) for d in (3, 40))
    r = mh.min_eig(sphere(600, 3), relu, method="lanczos", certify="theory")
    assert r.lower_kind == "theory"
    assert deflated_certificate.pays(r, relu, flat, task())
    assert not deflated_certificate.pays(r, relu, high, task())
    assert not deflated_certificate.pays(r, relu, flat, task(2**20))
    proved = replace(r, lower_kind="factorisation")
    assert not deflated_certificate.pays(proved, relu, flat, task())
    estimate = replace(r, method="sparse-inverse")
    assert not deflated_certificate.pays(estimate, relu, flat, task())


def test_what_it_refuses():
    X = sphere(100, 3)
    with pytest.raises(ValueError, match="needs an activation with a kink; 'tanh' has none"):
        mh.min_eig(X, "tanh", certify="preconditioned")
    with pytest.raises(ValueError, match="needs an activation with a kink"):  # as before the run
        mh.plan(X, "tanh", certify="preconditioned")
    with pytest.raises(ValueError, match="at least 64 points; got n=20"):
        mh.min_eig(X[:20], "relu", certify="preconditioned")
    with pytest.raises(
        MemoryError,
        match=r"'preconditioned' at n=100 takes .*max_memory=100 kB; use certify='theory', or max_memory='",
    ):
        mh.min_eig(X, "relu", certify="preconditioned", max_memory="100kB")


def test_threads_agree():
    X = sphere(700, 3)
    one, two = (
        mh.min_eig(X, "selu", method="preconditioned", certify="preconditioned", threads=t, rng=2)
        for t in (1, 2)
    )
    assert (one.value, one.lower, one.upper) == (two.value, two.lower, two.upper)


def test_products_of_the_certificate_are_counted_apart():
    X = sphere(700, 3)
    plain = mh.min_eig(X, "relu", method="shift-invert", certify="none", rng=2)
    r = mh.min_eig(X, "relu", method="shift-invert", certify="preconditioned", rng=2)
    assert r.applications == plain.applications and plain.certificate_products == 0
    rows = dict(line.split(None, 1) for line in str(r).splitlines())
    assert rows["solves"] == str(r.applications)
    assert rows["proof"] == f"{r.certificate_products} products more"
    assert 10 <= r.certificate_products <= 200
    assert "proof" not in str(plain)


def test_schur_bound_is_that_of_the_matrix():
    """The bound of (H, S, mu) is the smallest eigenvalue of [[H, S^T], [S, mu I]]."""
    rng = np.random.default_rng(0)
    H, S, mu = np.sort(rng.uniform(0.0, 1.0, 4)), 0.1 * rng.standard_normal((9, 4)), 1.5
    whole = np.block([[np.diag(H), S.T], [S, mu * np.eye(9)]])
    assert deflated_certificate._schur(H, S.T @ S, mu) == pytest.approx(
        np.linalg.eigvalsh(whole)[0], abs=1e-14
    )
    assert isinstance(_core.Identity(3), _core.Operator)


def test_a_negative_ritz_value_is_not_thrown_away(monkeypatch):
    """Davidson misses the lowest eigenvector, too: the run on B alone proves that the value is wrong."""
    X, ker = sphere(800, 3, 5), mh.gradient_kernel("relu")
    w, Q = np.linalg.eigh(ker(X))
    right = mh.min_eig(X, ker, method="lanczos", certify="none")
    claimed = replace(right, value=w[1], upper=w[1] + 1e-12, vector=Q[:, 1].copy(), residual=1e-15)

    def blind(result, K, parts, wanted, floor, task):
        V = Q[:, 1 : 1 + wanted].copy()
        return V, np.zeros_like(V), w[1 : 1 + wanted].copy(), 1

    monkeypatch.setattr(deflated_certificate, "_vectors", blind)
    found = deflated_certificate.certified(claimed, core_points(X, ker, 2), ker, task())
    assert found.status == "budget-limited" and "a smaller eigenvalue was missed" in found.message
    assert w[0] - 1e-12 <= found.upper < w[1] and found.lower <= w[0] + 1e-12
