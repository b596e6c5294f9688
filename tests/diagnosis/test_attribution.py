"""Attribution: weights of the true bottom vector, and bounds without a point against exact deletion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.bounds import upper
from mehler.diagnosis.secular import without_one


def deleted(K: np.ndarray) -> np.ndarray:
    """lambda_min without each point, by LAPACK."""
    keep = np.arange(len(K))
    return np.array([np.linalg.eigvalsh(K[np.ix_(keep != i, keep != i)])[0] for i in keep])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 8])
)
@example(2, 1, 11, 1)  # one entry of the bottom vector is nearly all of it
def test_bounds_without_a_point_hold_and_close(n, k, seed, spread):
    rng = np.random.default_rng(seed)
    F = rng.standard_normal((n, n)) * np.logspace(0, -spread, n)
    K = F @ F.T
    values, V = np.linalg.eigh(K)
    true, slack = deleted(K), 1e-13 * values[-1]
    k = min(k, n)
    low, high = without_one(values[:k], V[:, :k], np.diagonal(K), slack=slack)
    assert np.all(low <= true + slack) and np.all(true <= high + slack)
    assert np.all(low >= values[0] - 2 * slack)  # a point taken away never lowers it
    if k == n > 1:  # all pairs: the secular equation alone, no rest to bound
        np.testing.assert_allclose(low, high, rtol=1e-6, atol=1e2 * slack)


def test_more_pairs_and_a_known_next_value_tighten_them():
    X = mh.generate("sphere-random", n=60, d=4, rng=1)
    K = mh.gradient_kernel("selu")(X)
    values, V = np.linalg.eigh(K)
    true, width = deleted(K), []
    for k in (1, 2, 6, 20):
        low, high = without_one(values[:k], V[:, :k], np.diagonal(K), slack=1e-14)
        assert np.all(low <= true) and np.all(true <= high)
        width.append(np.sum(high - low))
    assert width == sorted(width, reverse=True) and width[-1] < 0.1 * width[0]
    low, high = without_one(values[:1], V[:, :1], np.diagonal(K), (values[1], values[1]), 1e-14)
    assert np.all(low <= true) and np.all(true <= high) and np.sum(high - low) < width[0]
    assert np.max(low) > values[0] + 1e-3 * (values[1] - values[0])


@pytest.mark.parametrize("name", ["relu", "selu", "tanh", "softsign"])
@pytest.mark.parametrize("d", [3, 12])
def test_of_points_against_the_dense_matrix(name, d):
    X = mh.generate("sphere-random", n=80, d=d, rng=d)
    K = mh.gradient_kernel(name)(X)
    values, V = np.linalg.eigh(K)
    a = mh.attribute(X, name, top=5)
    assert a.known and a.status == "resolved" and a.multiplicity == 1
    assert a.value == pytest.approx(values[0], rel=1e-5)
    np.testing.assert_allclose(a.weights, V[:, 0] ** 2, atol=1e-5)
    assert a.participation == pytest.approx(1.0 / np.sum(V[:, 0] ** 4), rel=1e-4)
    order = np.argsort(-(V[:, 0] ** 2))
    count = 1 + int(np.searchsorted(np.cumsum(V[order, 0] ** 2), 0.9))
    assert len(a.support) == count and a.support[0] == order[0]
    true = deleted(K)
    assert np.all(a.without_lower <= true * (1 + 1e-12))
    assert np.all(true <= a.without_upper * (1 + 1e-12))
    assert [r.index for r in a.rows] == [int(i) for i in a.support[:5]][: len(a.rows)] or count < 5
    C = np.abs(X @ X.T) - 2.0 * np.eye(80)
    for r in a.rows:
        assert r.neighbour == int(np.argmax(C[r.index]))
        assert r.cosine == pytest.approx(float(X[r.index] @ X[r.neighbour]), abs=1e-12)
    for m, value in a.nested:
        heavy = np.argsort(-a.weights, kind="stable")[:m]
        assert value == pytest.approx(np.linalg.eigvalsh(K[np.ix_(heavy, heavy)])[0], rel=1e-5)
    steps = [value for _, value in a.nested]
    assert steps == sorted(steps, reverse=True) and steps[-1] >= a.value * (1 - 1e-5)
    i, j = a.pair
    assert a.pair_value == pytest.approx(np.linalg.eigvalsh(K[np.ix_([i, j], [i, j])])[0], rel=1e-6)


def test_a_planted_pair_is_found_and_explains_all():
    rng = np.random.default_rng(3)
    X = mh.normalize(rng.standard_normal((150, 60)))
    X[99] = mh.normalize((X[7] + 1e-3 * rng.standard_normal(60))[None])[0]
    a = mh.attribute(X, "relu")
    assert set(a.support) == {7, 99} == set(a.pair)
    assert a.participation == pytest.approx(2.0, abs=0.01)
    assert a.pair_share > 0.95 and a.support_share > 0.95
    assert a.rows[0].without_lower > 10.0 * a.value
    others = mh.attribute(np.delete(X, a.rows[0].index, axis=0), "relu")
    assert (
        a.rows[0].without_lower <= others.value * (1 + 1e-5) <= a.rows[0].without_upper * (1 + 2e-5)
    )


def test_antipodes_blamed_though_the_pair_alone_is_innocent():
    """Parity: x and -x are dependent up to a linear function, which the other points supply."""
    X = mh.generate("sphere-random", n=100, d=4, rng=0)
    X[1] = -X[0] + 1e-4 * X[2]
    X[1] /= np.linalg.norm(X[1])
    a = mh.attribute(X, "relu")
    assert set(a.support) == {0, 1}
    assert a.support_share < 0.01  # alone they are well apart
    assert a.rows[0].cosine < -0.9999999


def test_below_double_with_the_extended_vector():
    """tanh on 51 points of the circle (a circulant matrix): lambda_min = 9.38166e-16 is simple, its vector constant."""
    X = mh.generate("circle-full", n=51, d=2)
    a = mh.attribute(X, "tanh")
    assert a.precision == "extended" and a.known
    assert a.value == pytest.approx(9.38166e-16, rel=1e-5)
    np.testing.assert_allclose(a.weights, 1.0 / 51.0, rtol=1e-4)
    assert a.multiplicity == 1
    one_less = mh.min_eig(X[1:], "tanh", precision="extended").value
    assert a.without_lower[0] <= one_less <= a.without_upper[0]
    assert a.nested[-1] == (51, pytest.approx(a.value, rel=1e-6))
    twice = mh.attribute(X, "swish")  # a circulant's other eigenvalues come twice
    assert twice.multiplicity == 2 and "one vector is known" in twice.message
    assert twice.value == pytest.approx(6.10683e-25, rel=1e-5)
    assert np.all(twice.without_upper <= 1.001 * twice.value)  # lambda_2 is the same


def test_rounding_is_blamed_on_nobody():
    X = mh.generate("circle-full", n=51, d=2)
    a = mh.attribute(X, "tanh", precision="double")
    assert not a.known and a.status == "rounding-limited"
    assert a.rows == () and a.support == () and math.isnan(a.participation)
    assert "no point is blamed" in a.message and "extended" in str(a)
    assert a.pair is not None and a.pair_value > 0.0  # this does not rest on the vector
    with pytest.raises(ValueError, match="nothing to draw"):
        a.plot()


def test_duplicates_and_single_points():
    X = mh.generate("sphere-random", n=30, d=5, rng=0)
    X[20] = X[4]
    a = mh.attribute(X, "relu")
    assert set(a.support) == {4, 20} and a.value <= 1e-14
    assert a.without_lower[0] <= 1e-14
    one = mh.attribute(X[:1], "relu")
    assert one.value == pytest.approx(0.5) and one.pair is None and one.support == (0,)
    assert one.rows[0].neighbour is None and math.isnan(one.rows[0].cosine)


def test_copies_share_their_space():
    X = mh.generate("circle-full", n=31, d=2)
    a = mh.attribute(X, "relu")
    assert a.multiplicity == 2
    np.testing.assert_allclose(
        a.weights, 1.0 / 31.0, rtol=1e-3
    )  # of the space, whatever vector was found
    np.testing.assert_allclose(a.without_upper, a.value, rtol=1e-5)


def test_of_a_result_nothing_is_solved_again():
    X = mh.generate("sphere-random", n=60, d=4, rng=5)
    K = mh.gradient_kernel("relu")(X)
    true = deleted(K)
    of_one = mh.attribute(X, "relu", result=mh.min_eig(X, "relu"))
    of_six = mh.attribute(X, "relu", result=mh.eigsh(K, k=6))
    solved = mh.attribute(X, "relu")
    for a in (of_one, of_six):
        np.testing.assert_allclose(a.weights, solved.weights, atol=1e-5)
        assert np.all(a.without_lower <= true * (1 + 1e-9))
        assert np.all(true <= a.without_upper * (1 + 1e-9))
    assert of_one.multiplicity is None and of_six.multiplicity == 1
    assert np.sum(of_six.without_upper - of_six.without_lower) < np.sum(
        of_one.without_upper - of_one.without_lower
    )


def test_unequal_norms_depth_and_biases():
    rng = np.random.default_rng(2)
    given, unit = rng.standard_normal((2, 30, 5))
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    for X, options in (
        (unit, {"kernel": "ntk", "depth": 3}),
        (unit, {"bias_var": 0.3}),
        (given, {}),
    ):
        make = {"ntk": mh.ntk, "nngp": mh.nngp}.get(options.get("kernel"), mh.gradient_kernel)
        rest = {k: v for k, v in options.items() if k != "kernel"}
        K = make("tanh", **rest)(X)
        a = mh.attribute(X, "tanh", **options)
        assert a.value == pytest.approx(np.linalg.eigvalsh(K)[0], rel=1e-5)
        true = deleted(K)
        assert np.all(a.without_lower <= true * (1 + 1e-9)) and np.all(
            true <= a.without_upper * (1 + 1e-9)
        )


def test_when_time_is_over_it_says_so():
    X = mh.generate("sphere-random", n=3000, d=10, rng=0)
    a = mh.attribute(X, "relu", time_limit=1e-3)
    assert a.status == "budget-limited" and "time_limit" in a.message
    assert a.pair is None and a.known == bool(a.rows)


def test_ctrl_c_while_pairs_are_looked_at_leaves_the_vector(monkeypatch):
    X = mh.generate("sphere-random", n=40, d=4, rng=0)

    def interrupted(U):
        raise KeyboardInterrupt

    monkeypatch.setattr(upper, "closest", interrupted)
    a = mh.attribute(X, "relu", top=3)
    assert a.known and a.pair is None and a.nested == () and a.rows[0].neighbour is None
    assert math.isnan(a.support_share) and "lambda_min" in str(a)
    assert len(a.plot(shape=(2, 2)).axes) == 9


def test_bad_input():
    X = mh.generate("sphere-random", n=20, d=4, rng=0)
    with pytest.raises(ValueError, match="top must be >= 1"):
        mh.attribute(X, "relu", top=0)
    with pytest.raises(TypeError, match="pairs must be an integer"):
        mh.attribute(X, "relu", pairs=2.5)
    with pytest.raises(ValueError, match="got 'single'"):
        mh.attribute(X, "relu", precision="single")
    with pytest.raises(TypeError, match="result must be what min_eig"):
        mh.attribute(X, "relu", result=0.1)
    with pytest.raises(ValueError, match="n=20, X has 19"):
        mh.attribute(X[:19], "relu", result=mh.min_eig(X, "relu"))
    with pytest.raises(ValueError, match="largest"):
        mh.attribute(X, "relu", result=mh.eigsh(mh.gradient_kernel("relu")(X), k=2, which="LA"))
    with pytest.raises(ValueError, match="zero rows"):
        mh.attribute(np.vstack([X, np.zeros(4)]), "relu")
    with pytest.raises(ValueError, match="kink"):
        mh.attribute(X, "relu", precision="extended")


def test_prints_draws_and_goes_to_json():
    import json

    X = mh.generate("sphere-random", n=30, d=12, rng=0)
    a = mh.attribute(X, "relu", top=4)
    assert "lambda_min" in str(a) and str(a.rows[0].index) in str(a)
    assert len(a.records()) == 4 and json.loads(json.dumps(a.to_dict()))["pair_share"] <= 1.0
    fig = a.plot(shape=(3, 4))
    images = [ax for ax in fig.axes if ax.images]
    assert len(images) == 8
    shown = images[0].images[0].get_array()
    row = X[a.rows[0].index].reshape(3, 4)
    np.testing.assert_allclose(shown, (row - row.min()) / np.ptp(row))
    assert len(a.plot(shape=(2, 2, 3)).axes) == 11 and len(a.plot().axes) == 3
    for bad in ((5, 5), (12,), (2, 3, 2)):
        with pytest.raises(ValueError, match="12 numbers"):
            a.plot(shape=bad)
