"""Quadratic units: how many samples are enough: rank of the Gram matrix (acceptance c3), threshold (c4), certificate (c5)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mehler.studies import quadratic

# -- the Gram matrix -------------------------------------------------------------------------------


def rank_of_integers(X: np.ndarray) -> int:
    """The rank of (x_i . x_j)^2 of integer points, by elimination modulo 2^61 - 1: exact up to a coincidence of one in 10^18."""
    P = 2**61 - 1
    G = [[int(np.dot(x, y)) ** 2 % P for y in X] for x in X]
    rank = 0
    for column in range(len(G)):
        pivot = next((r for r in range(rank, len(G)) if G[r][column]), None)
        if pivot is None:
            continue
        G[rank], G[pivot] = G[pivot], G[rank]
        inverse = pow(G[rank][column], P - 2, P)
        for r in range(rank + 1, len(G)):
            if G[r][column]:
                factor = G[r][column] * inverse % P
                G[r] = [(a - factor * b) % P for a, b in zip(G[r], G[rank], strict=True)]
        rank += 1
    return rank


@pytest.mark.parametrize("d", range(3, 9))
def test_c3_rank_and_smallest_eigenvalue_end_at_the_dimension_of_symmetric_matrices(d: int):
    """Exact ranks; a proved positive lambda_min at p = d (d + 1)/2, exactly zero at p + 1.

    40 draws a dimension, half of them Gaussian: all pass; over lambda_max, at least 9e-11 at p.
    """
    p = d * (d + 1) // 2
    X = np.random.default_rng(d).integers(-9, 10, (p + 2, d))
    rows = quadratic.rank_scan(X, [p - 1, p, p + 1, p + 2])
    assert [r.rank for r in rows] == [rank_of_integers(X[: r.n]) for r in rows]
    assert [r.rank for r in rows] == [p - 1, p, p, p]
    assert all(r.status == "resolved" and 0.0 < r.lower < r.upper for r in rows[:2])
    norms = np.sum(X.astype(float) ** 2, axis=1)
    for r in rows:
        K = np.outer(norms, norms)[: r.n, : r.n] + 2.0 * quadratic.squared_gram(X[: r.n])
        values = np.linalg.eigvalsh(K)
        assert abs(r.value - values[0]) < 1e-13 * r.n * values[-1]
        if r.n > p:
            assert r.status == "resolved" and r.lower == r.value == r.upper == 0.0
    assert quadratic.symmetric_dimension(d) == p


def test_conjugate_kernel_is_the_mean_over_weights():
    X = np.random.default_rng(7).standard_normal((5, 3))
    K = quadratic.conjugate_kernel()(X)
    norms = np.sum(X * X, axis=1)
    np.testing.assert_allclose(K, np.outer(norms, norms) + 2.0 * (X @ X.T) ** 2, rtol=1e-12)
    Z = (np.random.default_rng(8).standard_normal((400_000, 3)) @ X.T) ** 2
    mean = Z.T @ Z / len(Z)
    error = np.sqrt(((Z**2).T @ Z**2 / len(Z) - mean**2) / len(Z))
    assert (np.abs(K - mean) < 5.0 * error).all()


def test_rank_does_not_care_for_norms_and_copies_add_nothing():
    X = np.random.default_rng(0).standard_normal((6, 3)) * np.geomspace(1e-150, 1e150, 6)[:, None]
    assert quadratic.squared_rank(X) == 6
    assert quadratic.squared_rank(np.vstack([X, -X])) == 6
    assert quadratic.squared_rank([[2.0]]) == 1


# -- the threshold ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("m_star", "n_c"), [(1, 15), (2, 21)])
def test_c4_descent_finds_the_teacher_above_and_seldom_below(m_star: int, n_c: int):
    """At most .4 at n_c - 3, at least .9 at n_c + d, d = 8, 24 seeds, 40,000 steps.

    Five such scans, worst: 0.12 and 0.96 (m* = 1), 0.17 and 1.00 (m* = 2). Not zero below n_c: c5 shows why.
    """
    assert quadratic.critical_samples(8, m_star) == n_c
    scan = quadratic.threshold_scan(8, m_star, [n_c - 3, n_c + 8], trials=24)
    assert scan.at(n_c - 3).value <= 0.4
    assert scan.at(n_c + 8).value >= 0.9
    assert all(r.found == (r.population < 1e-2) for r in scan.rows) and not scan.interrupted


def test_n_c_counts():
    """d (m* + 1) - m* (m* + 1)/2; no more than d (d + 1)/2, which it is from m* = d - 1 on."""
    assert [quadratic.critical_samples(5, m) for m in (1, 2, 3)] == [9, 12, 14]
    assert [quadratic.critical_samples(8, m) for m in (7, 8, 20)] == [36, 36, 36]
    for d in range(1, 9):
        for m in range(1, d + 1):
            rank = d * m - m * (m - 1) // 2
            assert quadratic.critical_samples(d, m) == rank + (d - m)


def test_a_scan_is_its_trials():
    """Proportions and bands from the rows; the same draws by hand; threads change nothing; more n see more samples."""
    scan = quadratic.threshold_scan(3, 1, [3, 5, 9], trials=6, steps=4000, rng=3)
    again = quadratic.threshold_scan(3, 1, [9, 5, 3, 3], trials=6, steps=4000, rng=3, threads=2)
    assert scan.rows == again.rows and scan.samples == (3, 5, 9)
    row = next(r for r in scan.rows if (r.n, r.trial) == (9, 2))
    draw = [np.random.default_rng([3, 3, 1, 2, part]) for part in range(3)]
    w, W, X = (g.standard_normal(s) for g, s in zip(draw, ((1, 3), (6, 3), (9, 3)), strict=True))
    end = quadratic.descend(X, (X @ w[0]) ** 2, W, 4000).matrices[0]
    assert row.population == pytest.approx(quadratic.relative_loss(end, np.outer(w, w)), rel=1e-6)
    for record in scan.records():
        mine = [r for r in scan.rows if r.n == record["n"]]
        assert record["found"] == sum(r.found for r in mine) and record["trials"] == 6
        assert record["low"] <= record["proportion"] <= record["high"]
    assert "n_c = 5" in str(scan) and len(str(scan).splitlines()) == 5


def test_where_a_proportion_passes_one_half():
    rows = [
        quadratic.TrialRow(n, k, 0.0, 0.0, 1, True, k < found)
        for n, found in ((4, 0), (5, 3), (6, 1), (8, 3))
        for k in range(4)
    ]
    scan = quadratic.ThresholdScan(3, 1, 6, 10, 0, tuple(rows), False, 0.0)
    assert scan.half() == pytest.approx(7.0)  # 1/4 at 6, 3/4 at 8
    never = quadratic.ThresholdScan(3, 1, 6, 10, 0, tuple(rows[:4]), True, 0.0)
    assert math.isnan(never.half()) and "interrupted" in str(never)


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 20), (20, 20), (1, 1)])
def test_bands_are_wilsons(k: int, n: int):
    from scipy.stats import binomtest

    band = quadratic.Proportion(k, n).band
    truth = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert band == pytest.approx((truth.low, truth.high), abs=1e-12)


def test_a_scan_that_is_stopped_keeps_its_rows(monkeypatch: pytest.MonkeyPatch):
    from mehler.studies.quadratic import threshold

    real, calls = threshold.descend, iter([True, False])

    def interrupt(*a: object, **k: object) -> object:
        if next(calls):
            return real(*a, **k)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(threshold, "descend", interrupt)
    scan = quadratic.threshold_scan(3, 1, [3, 4, 5], trials=2, steps=10)
    assert scan.interrupted and scan.samples == (3,)


# -- the certificate -------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "known"), [(3, 0.43), (4, 0.175), (5, 0.07)])
def test_c5_certificate_probability(d: int, known: float):
    """.43 / .175 / .07, within 4 binomial standard errors of 4,000 trials. 20 seeds: 2.4 / 2.8 / 3.0 at most.

    Beside it a route that draws no samples: the values g of the teacher are Gaussian, the null vector c a random direction orthogonal to
    them, and the signs that count are those of c_k g_k.
    """
    seen = quadratic.certificate_probability(d, 4000)
    error = math.sqrt(known * (1.0 - known) / 4000)
    assert abs(seen.value - known) < 4.0 * error
    rng = np.random.default_rng(d)
    g, z = rng.standard_normal((2, 40_000, d + 1))
    c = z - g * (np.sum(z * g, axis=1) / np.sum(g * g, axis=1))[:, None]
    positive = np.sum(c * g > 0.0, axis=1)
    other = np.mean((positive == 1) | (positive == d))
    assert abs(seen.value - other) < 4.0 * error * math.sqrt(1.1)


@pytest.mark.parametrize("d", [2, 3, 5])
def test_the_sign_count_is_semidefiniteness(d: int):
    """S = sum lambda_k x_k x_k' kills w; without that eigenvalue the others have one sign exactly when the count says so."""
    rng = np.random.default_rng(d)
    X, w = rng.standard_normal((500, d + 1, d)), rng.standard_normal((500, d))
    found = quadratic.certificate(X, w)
    S = np.einsum("tk,tki,tkj->tij", found.multipliers, X, X)
    size = np.linalg.norm(S, axis=(1, 2))
    assert (np.linalg.norm(np.einsum("tij,tj->ti", S, w), axis=1) < 1e-9 * size * np.linalg.norm(w, axis=1)).all()  # fmt: skip
    values = np.linalg.eigvalsh(S)
    zero = np.argmin(np.abs(values), axis=1)
    rest = np.array([np.delete(v, k) for v, k in zip(values, zero, strict=True)])
    one_sign = (rest > 0.0).all(axis=1) | (rest < 0.0).all(axis=1)
    np.testing.assert_array_equal(one_sign, found.unique)
    assert d == 2 or 0 < found.unique.sum() < 500


def test_a_certificate_is_a_proof_descent_agrees():
    """Where the teacher is the only fit, a student that fits d + 1 samples to 1e-12 is the teacher."""
    rng = np.random.default_rng(11)
    X, w, W = (rng.standard_normal(s) for s in ((40, 4, 3), (40, 3), (40, 6, 3)))
    unique = quadratic.certificate(X, w).unique
    y = np.einsum("tkd,td->tk", X, w) ** 2
    found = quadratic.descend(X, y, W, 20_000)
    far = np.array([quadratic.relative_loss(A, np.outer(v, v)) for A, v in zip(found.matrices, w, strict=True)])  # fmt: skip
    fitted = found.losses <= 1e-11 * 0.25 * np.mean(y * y, axis=1)
    assert 5 < unique.sum() < 35
    assert (far[unique & fitted] < 1e-2).all()
    assert np.median(far[~unique]) > 10.0 * np.median(far[unique])
