"""The factored route against 60-digit arithmetic on the same weights, dense solvers, and infinite width."""

from __future__ import annotations

import json
import warnings

import mpmath
import numpy as np
import pytest
from mpmath import mp

import mehler as mh
from mehler import _core
from mehler.operators import neurons, stream
from spectra import sphere

DPS = 60  # digits
SLOPES = {
    "tanh": lambda z: mpmath.sech(z) ** 2,
    "silu": lambda z: (1 + mpmath.exp(-z) + z * mpmath.exp(-z)) / (1 + mpmath.exp(-z)) ** 2,
    "relu": lambda z: mp.mpf(z > 0),
    "elu": lambda z: mp.mpf(1) if z > 0 else mpmath.exp(z),
    "gelu": lambda z: mpmath.ncdf(z) + z * mpmath.npdf(z),
    "arctan": lambda z: 1 / (1 + z**2),
}
VALUES = {"tanh": mpmath.tanh, "softplus": lambda z: mpmath.log(1 + mpmath.exp(z))}


def true_spectrum(X, W, function, gradient=True, a=None) -> list:
    """Eigenvalues of G for exactly these doubles, ascending, in 60 digits."""
    with mp.workdps(DPS):
        points = [[mp.mpf(float(x)) for x in row] for row in X]
        F = [
            [function(mpmath.fdot(points[i], map(mp.mpf, map(float, w)))) for i in range(len(X))]
            for w in W
        ]
        if a is not None:
            F = [[mp.mpf(float(a[k])) * f for f in row] for k, row in enumerate(F)]
        n, m = len(X), len(W)
        G = mp.matrix(n, n)
        for i in range(n):
            for j in range(i + 1):
                s = mpmath.fdot([row[i] for row in F], [row[j] for row in F]) / m
                G[i, j] = G[j, i] = s * (mpmath.fdot(points[i], points[j]) if gradient else 1)
        return sorted(mp.eigsy(G, eigvals_only=True))


def quiet(*args, **options) -> mh.EigenResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        warnings.simplefilter("ignore", mh.ConvergenceWarning)
        return mh.min_eig(*args, **options)


def contains(r: mh.EigenResult, truth: float) -> bool:
    return bool(r.lower <= truth <= r.upper)


# -- against truth ----------------------------------------------------------------------------------

CIRCLE = mh.generate("circle-half", n=14, d=2)
SPREAD = sphere(12, 3) * np.geomspace(1e-6, 1e6, 12)[:, None]


@pytest.mark.parametrize("name", sorted(SLOPES))
@pytest.mark.parametrize("n", [6, 14])
def test_enclosure_of_the_gradient_kernel_holds(name, n):
    X, W = mh.generate("circle-half", n=n, d=2), np.random.default_rng(n).standard_normal((120, 2))
    truth = true_spectrum(X, W, SLOPES[name])
    r = quiet(X, name, weights=W)
    assert r.method.startswith("factored") and contains(r, truth[0])
    s = mh.feature_gram(X, name, weights=W).spectrum()
    values, lower, upper = s.values, s.lower, s.upper
    assert all(lo <= t <= up for lo, t, up in zip(lower, truth, upper, strict=True))
    # the point of the route: sixteen digits of sigma, not of lambda
    sigma = np.sqrt(values / values[-1])
    error = np.abs(np.sqrt([float(t / truth[-1]) for t in truth]) - sigma)
    assert error.max() <= 20 * np.finfo(float).eps


@pytest.mark.parametrize("name", sorted(VALUES))
def test_enclosure_of_the_nngp_kernel_holds(name):
    W = np.random.default_rng(1).standard_normal((150, 2))
    truth = true_spectrum(CIRCLE, W, VALUES[name], gradient=False)
    r = quiet(CIRCLE, name, weights=W, kernel="nngp")
    assert contains(r, truth[0]) and r.value == pytest.approx(float(truth[0]), rel=1e-6)


@pytest.mark.parametrize("seed", [10_380, 10_460])
def test_bounds_hold_for_what_rounding_hides_most(seed):
    """Nearly parallel columns: their first reflection errs in one direction for all of them, and the
    largest of the hidden singular values is that error, sqrt(n) times one column's. (Random draws: the two
    of 500 whose second eigenvalue did not lie above its lower bound when that factor was left out.)"""
    rng = np.random.default_rng(seed)
    n, d, m = int(rng.integers(3, 17)), int(rng.integers(1, 4)), int(rng.integers(20, 80))
    X, W = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * rng.choice([0.1, 1.0, 3.0])
    truth = true_spectrum(X, W, VALUES["softplus"], gradient=False)
    s = mh.feature_gram(X, "softplus", weights=W, kernel="nngp").spectrum()
    noise = 1e-50 * truth[-1]  # of 60 digits
    assert all(
        lo <= max(t, noise) and t <= up for lo, t, up in zip(s.lower, truth, s.upper, strict=True)
    )


def test_eigenvalues_far_below_eps_keep_their_digits():
    """silu, 24 points: lambda_min near 1e-18 of the largest: no digit of it is in G rounded to doubles."""
    X = mh.generate("circle-half", n=24, d=2)
    W = np.random.default_rng(3).standard_normal((120, 2))
    truth = true_spectrum(X, W, SLOPES["silu"])
    r = mh.min_eig(X, "silu", weights=W, tol=1e-5)
    assert truth[0] < 1e-17 * truth[-1] and contains(r, truth[0])
    assert r.resolved and abs(r.value - truth[0]) <= 1e-6 * truth[0]


def test_lengths_of_points_cost_no_digits():
    """Norms from 1e-6 to 1e6: lambda_min is 1e-24 of the largest by scaling alone, and resolved."""
    W = np.random.default_rng(0).standard_normal((90, 3))
    truth = true_spectrum(SPREAD, W, SLOPES["relu"])
    r = mh.min_eig(SPREAD, "relu", weights=W, tol=1e-9)
    assert r.resolved and abs(r.value - truth[0]) <= 1e-12 * truth[0]
    assert truth[0] < 1e-20 * truth[-1] and contains(r, truth[0])
    v = r.vector
    assert abs(np.linalg.norm(v) - 1.0) < 1e-14


def test_readout_and_every_pair_through_eigsh():
    rng = np.random.default_rng(5)
    W, a = rng.standard_normal((80, 2)), rng.standard_normal(80)
    K = mh.feature_gram(CIRCLE[:7], "tanh", weights=W, readout=a)
    truth = [float(t) for t in true_spectrum(CIRCLE[:7], W, SLOPES["tanh"], a=a)]
    low = mh.eigsh(K, k=3, tol=1e-3)
    assert low.values == pytest.approx(truth[:3], rel=1e-3) and low.vectors.shape == (7, 3)
    high = mh.eigsh(K, k=2, which="LA")
    assert high.values == pytest.approx(truth[:-3:-1], rel=1e-12)
    assert mh.eigsh(K, k=7, which="LA", method="dense", tol=1e-3).values[0] == pytest.approx(
        truth[-1]
    )


def test_never_a_wrong_digit():
    """60 random networks: the enclosure holds, and resolved means within tol."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n, d, m = int(rng.integers(3, 9)), int(rng.integers(2, 4)), int(rng.integers(20, 60))
        X, W = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * rng.choice([0.1, 1.0])
        if seed % 3 == 0:
            X[1] = X[0] + 1e-9 * rng.standard_normal(d)
        name = sorted(SLOPES)[seed % len(SLOPES)]
        truth = true_spectrum(X, W, SLOPES[name])[0]
        r = quiet(X, name, weights=W)
        assert contains(r, truth), (seed, name)
        assert not r.resolved or abs(r.value - truth) <= 1e-6 * truth


def test_a_kink_that_rounding_may_have_crossed_is_counted():
    """w . x = 0 but for rounding: nobody knows on which side of the kink the neuron stands."""
    X, W = np.array([[0.1, 0.3], [1.0, 0.0]]), np.random.default_rng(0).standard_normal((50, 2))
    W[0] = [3.0, -1.0]  # 3 * 0.1 - 0.3 = 5.6e-17 in exact arithmetic on doubles, or 0
    r = quiet(X, "relu", weights=W)
    assert r.status == "rounding-limited" and contains(r, true_spectrum(X, W, SLOPES["relu"])[0])
    W[0] = [0.0, -1.0]  # exactly on it: phi'(0) is what the activation says
    assert mh.min_eig(X, "relu", weights=W).resolved


# -- against infinite width -------------------------------------------------------------------------

LIMITS = [  # full circle; math.md 2.6: at width 1e3 and 1e4, and the limit
    ("tanh", 31, (1.4e-12, 2.3e-11), 9.466e-11),
    ("tanh", 51, (2.9e-21, 2.5e-18), 9.382e-16),
    ("silu", 31, (2e-20, 5e-18), 1.500e-16),
    ("relu", 51, (3.6e-3, 4.8e-3), 4.949e-3),
    ("elu", 51, (7.3e-6, 9.7e-6), 1.0094e-5),
]


@pytest.mark.parametrize(("name", "n", "reported", "limit"), LIMITS)
def test_width_approaches_the_limit_from_below(name, n, reported, limit):
    """Five seeds: the reported value lies within their spread, widened by a third of it on each side
    in the logarithm (five do not show a whole distribution); means grow towards the limit (Jensen)."""
    X, means = mh.generate("circle-full", n=n, d=2), []
    for width, known in zip((1000, 10_000), reported, strict=True):
        r = [quiet(X, name, width=width, rng=seed, tol=0.1) for seed in range(5)]
        logs = np.log([x.value for x in r])
        room = max(0.5 * np.ptp(logs), 0.05)
        assert logs.min() - room <= np.log(known) <= logs.max() + room
        means.append(np.mean([x.value for x in r]))
    assert means[0] < means[1] < limit * 1.01


@pytest.mark.parametrize(
    "options", [{}, {"kernel": "nngp"}, {"weight_var": 2.0, "bias_var": 0.5}], ids=str
)
def test_entries_approach_the_kernel(options):
    X, m = sphere(20, 4), 100_000
    kind = mh.nngp if options.get("kernel") == "nngp" else mh.gradient_kernel
    given = {k: v for k, v in options.items() if k != "kernel"}
    G = np.asarray(mh.feature_gram(X, "tanh", width=m, rng=0, **options))
    assert np.abs(G - kind("tanh", **given)(X)).max() < 8.0 / np.sqrt(m)  # variance of a term <= 1


# -- routes, ends, words ------------------------------------------------------------------------------


def test_routes_agree():
    X = sphere(60, 12)
    known = np.linalg.eigvalsh(np.asarray(mh.feature_gram(X, "relu", width=3000, rng=0)))[0]
    for method in ("auto", "factored", "dense", "lanczos"):
        r = mh.min_eig(X, "relu", width=3000, rng=0, method=method)
        assert r.resolved and r.value == pytest.approx(known, rel=1e-9), method
        assert r.lower <= known * (1 + 1e-9) and known <= r.upper * (1 + 1e-9)
    assert mh.min_eig(X, "relu", width=3000, rng=0).method == "dense"  # twelve coordinates


def test_auto_climbs_to_the_factor_where_entries_do_not_see():
    flat = np.zeros((24, 12))
    flat[:, :2] = mh.generate("circle-half", n=24, d=2)
    entries = quiet(flat, "silu", width=500, rng=0, method="dense")
    r = quiet(flat, "silu", width=500, rng=0, tol=1e-2)
    assert entries.status == "rounding-limited" and r.method.startswith("factored")
    assert 0.0 < r.value < 1e-14 and r.value < entries.upper
    assert contains(entries, r.value)


def test_the_floor_is_a_bound_not_a_number():
    X = mh.generate("circle-half", n=60, d=2)
    with pytest.warns(mh.PrecisionWarning, match=r"at the floor .*e-3\d of features in double"):
        r = mh.min_eig(X, "silu", width=2000, rng=0)
    assert r.status == "rounding-limited" and r.value <= r.floor < 1e-27
    assert r.lower == 0.0 and f"{r}".splitlines()[0].startswith("value     <= ")


def test_zero_by_rank():
    X = sphere(12, 2)
    r = mh.min_eig(X, "tanh", width=5, rng=0)
    assert (r.value, r.lower, r.lower_kind, r.status) == (0.0, 0.0, "structure", "resolved")
    assert "12 points, and a layer of rank 10 at most" in r.message and r.upper < 1e-30
    assert mh.min_eig(X, "tanh", width=11, rng=0, kernel="nngp").lower_kind == "structure"


def test_certify_none_says_nothing():
    r = mh.min_eig(CIRCLE, "relu", width=200, rng=0, certify="none")
    assert (r.lower, r.lower_kind) == (0.0, "none") and r.resolved


def test_threads_change_no_bit():
    X = mh.generate("circle-full", n=51, d=2)
    one, two = (quiet(X, "tanh", width=9000, rng=0, threads=t) for t in (1, 2))
    assert one.value == two.value and one.lower == two.lower
    np.testing.assert_array_equal(one.vector, two.vector)


def test_stopped_in_the_stream(monkeypatch):
    """What the neurons so far prove holds for all: G >= (k / m) G_k."""
    X = mh.generate("circle-full", n=11, d=2)
    monkeypatch.setattr(neurons, "ENTRIES", 11 * 1024)
    monkeypatch.setattr(stream, "ASK_EVERY", 0.0)
    seen = []

    def stop(state):
        seen.append(state)
        return state.done >= 4096

    r = quiet(X, "relu", width=50_000, rng=0, callback=stop)
    whole = mh.min_eig(X, "relu", width=50_000, rng=0)
    assert (
        r.status == "budget-limited" and "stopped by the callback after 4096 of 50000" in r.message
    )
    assert 0.01 * whole.value < r.lower <= whole.value and r.lower_kind == "factored"
    assert seen[0].phase == "features" and seen[0].total == 50_000
    with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
        mh.feature_gram(X, "relu", width=50_000, rng=0, callback=stop)


def test_time_runs_out():
    X = mh.generate("circle-full", n=51, d=2)
    r = quiet(X, "tanh", width=10**9, rng=0, time_limit=0.3)
    assert r.status == "budget-limited" and r.seconds < 3.0 and "time_limit=0.3" in r.message
    with pytest.raises(
        TimeoutError, match=r"time_limit=0\.3 s after \d+ of 1000000000 neurons; allow"
    ):
        mh.feature_gram(X, "tanh", width=10**9, rng=0, time_limit=0.3)


WRONG = [
    ({"precision": "single"}, ValueError, "precision='single' is for infinite width; features are"),
    ({"precision": "half"}, ValueError, "precision must be one of"),
    ({"method": "shift-invert"}, ValueError, r"\('auto', 'factored', .* at finite width"),
    ({"certify": "rigorous"}, ValueError, "certify='rigorous' is for infinite width; at finite"),
    ({"tol": 0.0}, ValueError, "tol must satisfy"),
    ({"rng": "x"}, TypeError, "rng must be None, an integer"),
    ({"weights": np.ones((9, 2))}, ValueError, "width=10 and weights of 9 neurons disagree"),
    ({"max_memory": "1kB"}, MemoryError, r"width 10 takes .* more than max_memory=1 kB"),
]


@pytest.mark.parametrize(("options", "error", "words"), WRONG, ids=[str(w[0]) for w in WRONG])
def test_wrong_options(options, error, words):
    with pytest.raises(error, match=words):
        mh.min_eig(CIRCLE, "relu", **({"width": 10} | options))


def test_command_line(tmp_path, capsys):
    from mehler.__main__ import main

    np.save(tmp_path / "x.npy", CIRCLE)
    data = [str(tmp_path / "x.npy"), "--activation", "relu"]
    assert main(["min-eig", *data, "--width", "500", "--seed", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["width"] == 500 and found["lower_kind"] == "factored"
    assert found["value"] == mh.min_eig(CIRCLE, "relu", width=500, rng=3).value
    assert main(["min-eig", *data, "--method", "factored"]) == 2
    assert "--method factored is for finite width; pass --width too" in capsys.readouterr().err


# -- the rotations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 15, 33, 70])
def test_jacobi_svd_is_an_svd(n):
    A = np.random.default_rng(n).standard_normal((n, n))
    found = _core.jacobi_svd(A, 2)
    s, V = found["values"], found["vectors"]
    assert found["converged"] and (np.diff(s) <= 0).all()
    np.testing.assert_allclose(s, np.linalg.svd(A, compute_uv=False), rtol=1e-12 * n)
    np.testing.assert_allclose(V.T @ V, np.eye(n), atol=1e-14 * n)
    np.testing.assert_allclose(np.linalg.norm(A @ V, axis=0), s, rtol=1e-12 * n)


def test_jacobi_svd_keeps_relative_digits_under_scaling():
    """Columns scaled over 30 decades: every singular value to 1e-13, where LAPACK loses all."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((10, 10)) * 10.0 ** rng.permutation(np.linspace(-15, 15, 10))
    with mp.workdps(120):
        true = mp.svd_r(mp.matrix(A.tolist()), compute_uv=False)
        error = max(
            abs(s / t - 1) for s, t in zip(_core.jacobi_svd(A, 1)["values"], true, strict=True)
        )
        plain = np.linalg.svd(A, compute_uv=False)
        assert max(abs(s / t - 1) for s, t in zip(plain, true, strict=True)) > 0.1
    assert error < 1e-13


@pytest.mark.parametrize("rows", [3, 9])
def test_jacobi_svd_of_deficient_rank(rows):
    A = np.ones((rows, 9))
    A[0] = 2.0
    s = _core.jacobi_svd(A, 1)["values"]
    assert s[0] == pytest.approx(np.linalg.norm(A)) and s[2:].max() < 1e-14
    assert not _core.jacobi_svd(np.zeros((4, 4)), 1)["values"].any()
