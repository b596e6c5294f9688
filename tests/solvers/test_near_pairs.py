"""Near points set apart in double: their eigenvalue against 60-digit arithmetic and against balls."""

from __future__ import annotations

import warnings
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import mehler as mh
import reference
from mehler.kernels.differences import differences
from mehler.operators import near_points
from mehler.operators.near_points import Cluster, clusters, near_pairs
from mehler.solvers.near_pairs import SUFFIX

DIGITS = 60
KERNELS = {"gradient": mh.gradient_kernel, "nngp": mh.nngp, "ntk": mh.ntk}


def points(n, d, angle, pairs=1, sign=1.0, seed=0):
    """n points of the sphere, the last ones at this angle from the first (or from their antipodes)."""
    g = np.random.default_rng(seed)
    X = g.standard_normal((n, d))
    X /= np.linalg.norm(X, axis=1)[:, None]
    for p in range(pairs):
        t = g.standard_normal(d)
        t -= X[p] * (t @ X[p])
        t /= np.linalg.norm(t)
        X[n - 1 - p] = sign * (np.cos(angle) * X[p] + np.sin(angle) * t)
    return X


def answer(X, act, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        return mh.min_eig(X, act, precision="double", **options)


# -- truth: K to 60 digits, factored there ---------------------------------------------------------


def elu_slope_dual(rho):
    """E[phi''(u) phi''(v)] = e^c P(u, v < -c), c = 1 + rho: the derivative of E[phi' phi'] for ELU, which has no jump.

    P by Plackett's integral over the correlation's arcsine.
    """
    c = 1 + rho
    end = mp.asin(rho)
    along = reference._integrate(lambda t: mp.exp(-c * c / (1 + mp.sin(t))), [mpf(0), end / 2, end])
    return mp.exp(c) * (mp.ncdf(-c) ** 2 + along / (2 * mp.pi))


def elu_dual(deficit):
    """E[phi'(u) phi'(v)] for ELU: its value at 1, less the integral of its derivative, deficit = u^2 on the way."""
    top = mpf(1) / 2 + mp.exp(2) * mp.ncdf(-2)
    if deficit == 0:
        return top
    root = mp.sqrt(deficit)
    edges = [root * k / 2 for k in range(3)] if deficit > 1e-6 else [mpf(0), root]
    return top - reference._integrate(lambda u: elu_slope_dual(1 - u * u) * 2 * u, edges)


@cache
def squares(act, derivative):
    """mu_k^2, the highest power first."""
    with mp.workdps(30):
        return [m * m for m in reversed(reference.coefficients(act, derivative))]


def horner(coefficients, rho):
    value = mpf(0)
    for c in coefficients:
        value = value * rho + c
    return value


def profile(kind, act, deficit):
    """h(1 - deficit)."""
    rho = 1 - deficit
    if act == "elu":
        assert kind == "gradient"
        return rho * elu_dual(deficit)
    if act in ("relu", "leaky_relu"):
        slope = reference._homogeneous(act, True, 1, deficit)
        value = reference._homogeneous(act, False, 1, deficit)
    else:  # a power series; its coefficients, to 25 digits, define the kernel
        slope, value = (horner(squares(act, d), rho) for d in (True, False))
    return {"gradient": rho * slope, "nngp": value, "ntk": rho * slope + value}[kind]


def truth(X, kind, act):
    """lambda_min(K): the largest eigenvalue of K^-1 by inverse iteration with a factor of 60 digits."""
    n, q = len(X), 1 if act in ("relu", "leaky_relu") else 0
    with mp.workdps(DIGITS):
        rows = [[mpf(float(x)) for x in row] for row in X]
        norms = [mp.sqrt(mp.fsum(x * x for x in row)) for row in rows]
        unit = [[x / s for x in row] for row, s in zip(rows, norms, strict=True)]
        K = np.empty((n, n), dtype=object)
        for i in range(n):
            for j in range(i + 1):
                deficit = mp.fsum((a - b) ** 2 for a, b in zip(unit[i], unit[j], strict=True)) / 2
                value = profile(kind, act, deficit)
                K[i, j] = K[j, i] = value * (norms[i] * norms[j]) ** q
        L = K.copy()
        for k in range(n):  # K = L L^t
            L[k:, k] = L[k:, k] / mp.sqrt(L[k, k])
            L[k + 1 :, k + 1 :] -= np.outer(L[k + 1 :, k], L[k + 1 :, k])
        V = np.random.default_rng(0).standard_normal((n, min(n, 6)))
        for _ in range(4):
            B = np.array([[mpf(float(x)) for x in row] for row in np.linalg.qr(V)[0]], dtype=object)
            Y = B.copy()
            for k in range(n):
                Y[k] = Y[k] / L[k, k]
                Y[k + 1 :] -= np.outer(L[k + 1 :, k], Y[k])
            for k in reversed(range(n)):
                Y[k] = Y[k] / L[k, k]
                Y[:k] -= np.outer(L[k, :k], Y[k])
            T = (B.T @ Y).astype(float)
            V = (Y / max(abs(y) for y in Y.ravel())).astype(float)
        return 1.0 / float(np.linalg.eigvalsh((T + T.T) / 2)[-1])


def holds(r, true, digits=1e-6):
    assert r.method.endswith(SUFFIX)
    assert r.status == "resolved"
    assert abs(r.value - true) <= digits * true
    assert r.lower <= true * (1 + 1e-13) and true <= r.upper * (1 + 1e-13)
    assert r.upper - r.lower <= 2.0 * r.tol * r.value
    assert r.lower_kind == "factorisation"


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("act", ["relu", "leaky_relu", "tanh"])
def test_a_pair_at_1e_12_to_six_digits(act, kind):
    X = points(24, 20, 1e-12)
    holds(answer(X, act, kernel=kind), truth(X, kind, act))


def test_a_pair_at_1e_12_of_elu():
    X = points(6, 20, 1e-12)
    holds(answer(X, "elu"), truth(X, "gradient", "elu"))


@pytest.mark.parametrize("angle", [1e-6, 1e-8, 1e-10, 1e-13])
@pytest.mark.parametrize("pairs", [1, 3])
def test_angles(angle, pairs):
    X = points(24, 20, angle, pairs=pairs)
    holds(answer(X, "relu", kernel="nngp"), truth(X, "nngp", "relu"))
    balls = mh.min_eig(X, "tanh", precision="exact")
    r = answer(X, "tanh")
    holds(r, balls.value)
    assert r.lower <= balls.upper and r.upper >= balls.lower


def test_many_points_of_any_norms():
    X = points(70, 20, 1e-12, pairs=2) * np.linspace(0.5, 2.0, 70)[:, None]
    holds(answer(X, "relu"), truth(X, "gradient", "relu"))


@pytest.mark.parametrize("act", ["tanh", "erf"])
def test_near_antipodes_of_an_odd_kernel(act):
    X = points(60, 20, 1e-11, pairs=2, sign=-1.0)
    holds(answer(X, act), mh.min_eig(X, act, precision="exact").value)


def test_near_antipodes_without_a_parity_are_no_near_points():
    X = points(60, 20, 1e-11, sign=-1.0)
    r = answer(X, "relu")
    assert r.resolved and not r.method.endswith(SUFFIX)
    np.testing.assert_allclose(r.value, np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0], rtol=1e-10)  # fmt: skip


@pytest.mark.parametrize("angles", [(1e-9, 3e-9), (1e-11, 1e-9)])
def test_a_cluster_of_three(angles):
    X = points(40, 20, angles[0])
    t = np.random.default_rng(1).standard_normal(20)
    X[-2] = X[0] + angles[1] * t / np.linalg.norm(t)
    X[-2] /= np.linalg.norm(X[-2])
    holds(answer(X, "relu"), truth(X, "gradient", "relu"))
    holds(answer(X, "tanh"), mh.min_eig(X, "tanh", precision="exact").value)


def test_pairs_of_very_different_angles():
    X = points(40, 20, 1e-12)
    t = np.random.default_rng(1).standard_normal(20)
    X[-2] = X[1] + 1e-6 * t / np.linalg.norm(t)
    X[-2] /= np.linalg.norm(X[-2])
    holds(answer(X, "tanh"), mh.min_eig(X, "tanh", precision="exact").value)


def test_normalised_points_keep_what_rounding_them_would_lose():
    X = points(40, 20, 1e-12) * np.linspace(1.0, 3.0, 40)[:, None]
    true = mh.min_eig(X, "tanh", precision="exact", normalize=True)
    holds(answer(X, "tanh", normalize=True), true.value)


@pytest.mark.parametrize("method", ["dense", "lanczos", "shift-invert"])
def test_every_method_and_any_number_of_threads(method):
    X = points(80, 20, 1e-12, pairs=2)
    true = mh.min_eig(X, "gelu", precision="exact").value
    one, two = (answer(X, "gelu", method=method, threads=t) for t in (1, 2))
    holds(one, true)
    assert one.method.startswith(method)
    assert (one.value, one.lower, one.upper) == (two.value, two.lower, two.upper)
    np.testing.assert_array_equal(one.vector, two.vector)


def test_the_vector_sets_the_pair_against_each_other():
    X = points(40, 20, 1e-12)
    v = answer(X, "tanh").vector
    np.testing.assert_allclose(np.abs(v[[0, -1]]), np.sqrt(0.5), rtol=1e-9)
    assert v[0] * v[-1] < 0 and np.linalg.norm(v) == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("far", [1.0, 5.0])  # norm of one other point: the core stores float32 then
def test_the_residual_is_that_of_the_vector(far):
    """|K v - value v|, K of 60 digits rounded to double: what that rounds off is eps |K|, a millionth of the value."""
    X = points(30, 7, 1e-9)
    X[5] *= far
    r = answer(X, "relu")
    assert r.method.endswith(SUFFIX) and r.residual <= r.tol * r.value
    with mp.workdps(DIGITS):
        rows = [[mpf(float(x)) for x in row] for row in X]
        norms = [mp.sqrt(mp.fsum(x * x for x in row)) for row in rows]
        unit = [[x / s for x in row] for row, s in zip(rows, norms, strict=True)]
        v, value = [mpf(float(x)) for x in r.vector], mpf(r.value)
        square = mpf(0)
        for i in range(30):
            left = -value * v[i]
            for j in range(30):
                deficit = mp.fsum((a - b) ** 2 for a, b in zip(unit[i], unit[j], strict=True)) / 2
                left += profile("gradient", "relu", deficit) * norms[i] * norms[j] * v[j]
            square += left * left
        true = float(mp.sqrt(square))
    assert true <= r.tol * r.value  # which the vector's own rounding, 1e-16, leaves room for
    assert true <= 2.0 * r.residual + 1e-15


def test_auto_tries_it_before_higher_precisions():
    r = mh.min_eig(points(60, 20, 1e-12), "tanh")
    assert r.resolved and r.dtype == "float64" and r.method.endswith(SUFFIX)
    assert r.message == "1 pair of near points set apart, known from differences"


def test_single_does_not():
    with pytest.warns(mh.PrecisionWarning):
        r = mh.min_eig(points(60, 20, 1e-12), "tanh", precision="single", method="lanczos")
    assert not r.method.endswith(SUFFIX)


def test_no_certificate_where_none_is_wanted():
    r = answer(points(40, 20, 1e-12), "tanh", certify="none")
    assert r.resolved and r.lower == 0.0 and r.lower_kind == "none"


def test_three_points_in_line_are_left_to_higher_precisions():
    X = points(40, 20, 1e-9)
    X[-2] = X[0] + 2.0 * (X[-1] - X[0])
    X[-2] /= np.linalg.norm(X[-2])
    r = answer(X, "tanh")
    true = mh.min_eig(X, "tanh", precision="exact").value
    assert r.status == "rounding-limited" and r.lower <= true <= r.upper


def test_a_rest_that_double_cannot_resolve_is_left_alone():
    X = points(60, 2, 1e-12)
    r = answer(X, "gelu")
    assert r.status == "rounding-limited" and not r.method.endswith(SUFFIX)


def test_an_interrupted_one_says_so():
    seen = []

    def stop(state):
        seen.append(state.phase)
        return state.phase == "near points"

    with pytest.warns(mh.ConvergenceWarning):
        r = mh.min_eig(points(60, 20, 1e-12), "tanh", precision="double", callback=stop)
    assert "near points" in seen
    assert r.status == "budget-limited" and "near points were set apart" in r.message


# -- differences of a profile, and clusters --------------------------------------------------------


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("act", ["relu", "leaky_relu", "tanh", "gelu"])
def test_drops_and_slopes_against_mpmath(act, kind):
    known = differences(KERNELS[kind](act))
    for deficit in (1e-26, 1e-20, 1e-12, 1e-6):
        with mp.workdps(DIGITS):
            true = float(profile(kind, act, mpf(0)) - profile(kind, act, mpf(deficit)))
        got = float(known.drop(np.array([deficit]))[0])
        assert abs(got - true) <= known.relative * true
    for rho in (0.9, 0.3, 0.01):
        with mp.workdps(40):
            one = mp.diff(lambda t: profile(kind, act, t), 1 - mpf(rho))
            two = mp.diff(lambda t: profile(kind, act, t), 1 - mpf(rho), 2)
        for (got, error), true in (
            (known.slope(np.array([rho])), -one),
            (known.curvature(np.array([rho])), two),
        ):
            assert abs(got[0] - float(true)) <= error[0]
            assert error[0] <= 1e-6


def test_a_hidden_jump_is_refused():
    assert (
        differences(mh.gradient_kernel(mh.activation("leaky_relu", negative_slope=1.0 - 1e-7)))
        is None
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1.0, -1.0]),
)
def test_columns_of_a_cluster_are_orthonormal_and_see_no_mean(g, seed, parity):
    rng = np.random.default_rng(seed)
    X = np.ones(7) / np.sqrt(7.0) + 1e-6 * rng.standard_normal((g, 7)) * 10.0 ** rng.uniform(
        -6, 0, (g, 1)
    )
    signs = np.where(rng.random(g) < 0.5, -1.0, 1.0) if parity else np.ones(g)
    X *= signs[:, None]
    U = X / np.linalg.norm(X, axis=1)[:, None]
    pairs = near_pairs(U, 1e-9, parity != 0.0, 100, None)
    assert [(i, j) for i, j, _ in pairs] == list(combinations(range(g), 2))
    (group,) = clusters(pairs, X, rng.uniform(0.5, 2.0, g), parity)
    Z = group.apart
    np.testing.assert_allclose(Z.T @ Z, np.eye(g - 1), atol=1e-14)
    np.testing.assert_allclose(group.weights @ Z, 0.0, atol=1e-14)
    assert isinstance(group, Cluster) and np.all(group.deficits >= 0.0)
    if parity < 0.0:
        np.testing.assert_array_equal(np.sign(group.weights), signs * signs[0])


@pytest.mark.parametrize("method", ["dense", "lanczos", "shift-invert", "preconditioned"])
@pytest.mark.parametrize("name", ["tanh", "elu"])
def test_what_takes_entries_alone_says_that_rounding_hides_near_points(name, method):
    """eigsh and eigvalsh do not set points apart: no digits are claimed, and the bounds hold."""
    X = mh.generate("sphere-random", n=199, d=50, rng=0)
    across = np.zeros(50)
    across[np.argmin(np.abs(X[0]))] = 1.0
    across -= X[0] * (X[0] @ across)
    X = np.vstack([X, X[0] + 1e-9 * across / np.linalg.norm(across)])
    apart = mh.min_eig(X, name, precision="double")
    assert apart.resolved and 0.0 < apart.value < 1e-17
    with pytest.warns(mh.PrecisionWarning, match="of double precision"):
        r = mh.eigsh(mh.gram(X, name), method=method, rng=0)
    assert r.status == "rounding-limited"
    assert r.lower <= apart.value <= r.upper < 1e-12
    s = mh.eigvalsh(X, name, precision="double")
    assert s.status[0] == "rounding-limited" and s.status[1] == "resolved"
    assert s.lower[0] <= apart.value <= s.upper[0]


def test_a_pair_that_the_inverse_drowns_does_not_loosen_the_first():
    """Of two values, shift-invert loses the second beside one below rounding: its residual was the floor of the first."""
    X = mh.generate("sphere-random", n=199, d=50, rng=0)
    X = np.vstack([X, X[0] + 1e-9 * np.linalg.qr(X[:2].T)[0][:, 1]])
    with pytest.warns(mh.PrecisionWarning, match="others have residuals .* method='lanczos' has"):
        r = mh.eigsh(mh.gram(X, "tanh"), k=2, method="shift-invert", rng=0)
    truth = np.linalg.eigvalsh(mh.gradient_kernel("tanh")(X))
    assert abs(r.values[1] - truth[1]) <= 2.0 * r.residuals[1]
    assert r.status == "rounding-limited" and r.floor < 1e-12 and 0.0 < r.upper < 1e-12


@pytest.mark.parametrize("both", [False, True])
def test_pairs_do_not_depend_on_the_room_for_cosines(both, monkeypatch):
    """As many rows of cosines at a time as sixteen megabytes hold, whatever n."""
    rng = np.random.default_rng(4)
    U = rng.standard_normal((300, 6))
    U[150:] = U[:150] * rng.choice([-1.0, 1.0], 150)[:, None]
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    C = U @ U.T
    truth = [
        (int(j), int(i), float(np.sign(C[i, j])))
        for j, i in zip(*np.nonzero(np.triu(np.abs(C) if both else C, 1) > 1.0 - 1e-9), strict=True)
    ]
    assert truth and (len(truth) == 150) == both
    for room in (1, 12 * 300 * 7, 10**9):
        monkeypatch.setattr(near_points, "ROOM", room)
        assert near_pairs(U, 1e-9, both, 200, None) == truth
