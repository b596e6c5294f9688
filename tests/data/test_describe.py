"""Normalising, describing and generating points, against brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.data.points import EQUAL

# -- normalize -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e-5, 1.0, 1e200, 1e307])
def test_normalize_at_any_scale(scale: float):
    X = np.random.default_rng(0).standard_normal((20, 7))
    X[:, 0] = 3.0
    U = mh.normalize(X * scale)
    tolerance = 1e-2 if scale < 1e-300 else 4e-16
    np.testing.assert_allclose(U, X / np.linalg.norm(X, axis=1)[:, None], atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(U, axis=1), 1.0, atol=4e-16)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.integers(-999, 999), min_size=3, max_size=3).filter(any),
        min_size=1,
        max_size=5,
    ),
    power=st.integers(-1000, 1000),
)
def test_normalize_ignores_powers_of_two(rows: list[list[int]], power: int):
    """To the bit: 2^power x and x have one direction, also at the ends of the range."""
    X = np.array(rows, dtype=np.float64)
    np.testing.assert_array_equal(mh.normalize(np.ldexp(X, power)), mh.normalize(X))


def test_normalize_takes_what_arrays_there_are():
    np.testing.assert_allclose(mh.normalize([[3, 4]]), [[0.6, 0.8]], atol=1e-16)
    X = np.asfortranarray(np.arange(1.0, 13.0).reshape(3, 4))[::-1]
    X.setflags(write=False)
    U = mh.normalize(X)
    assert U.dtype == np.float64 and U.flags.c_contiguous
    np.testing.assert_allclose(U @ U.T, (X @ X.T) / np.outer(*2 * [np.linalg.norm(X, axis=1)]))


def test_normalize_refuses_a_zero_row():
    X = np.ones((6, 2))
    X[[1, 4]] = 0.0
    with pytest.raises(ValueError, match=r"zero rows.*found 2 \(rows 1, 4\)"):
        mh.normalize(X)
    with pytest.raises(ValueError, match="must be 2-D"):
        mh.normalize(np.ones(3))


# -- describe ------------------------------------------------------------------------------------


def brute(U: np.ndarray, sign: int) -> tuple[float, int]:
    pairs = list(itertools.combinations(range(len(U)), 2))
    distance = [float(np.linalg.norm(U[i] - sign * U[j])) for i, j in pairs]
    return min(distance), sum(d <= EQUAL for d in distance)


@pytest.mark.parametrize("seed", range(6))
def test_describe_agrees_with_a_double_loop(seed: int, monkeypatch: pytest.MonkeyPatch):
    """Duplicates, scaled copies, antipodes, near pairs and zero rows, in tiles of 7."""
    monkeypatch.setattr("mehler.data.points.TILE", 7)
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((23, 1 + seed))
    extra = [X[3] * 3.0, X[3], -X[5] * 0.7, X[8] + 1e-9 * X[9], -X[11] + 1e-7 * X[2]][:seed]
    X = np.vstack([X, *extra, np.zeros((seed % 2, 1 + seed))])[
        rng.permutation(23 + seed + seed % 2)
    ]
    s = mh.describe(X)
    keep = np.flatnonzero(X.any(axis=1))
    U = mh.normalize(X[keep])
    assert s.zero_rows == tuple(np.flatnonzero(~X.any(axis=1)))
    for sign, distance, pair, count in (
        (1, s.nearest, s.nearest_pair, s.duplicates),
        (-1, s.nearest_antipodal, s.nearest_antipodal_pair, s.antipodal_pairs),
    ):
        truth, number = brute(U, sign)
        assert count == number
        assert distance == pytest.approx(truth, rel=1e-12, abs=EQUAL)
        i, j = (int(np.searchsorted(keep, p)) for p in pair)
        assert i < j and np.linalg.norm(U[i] - sign * U[j]) == pytest.approx(truth, abs=EQUAL)
    assert s.separation == min(s.nearest, s.nearest_antipodal)
    assert s.max_abs_cosine == pytest.approx(1.0 - s.separation**2 / 2.0, abs=1e-15)
    assert s.rank == np.linalg.matrix_rank(U)


def test_near_pairs_keep_their_digits():
    """At an angle of 1e-10 a cosine knows nothing; differences do."""
    angle = np.array([0.0, 1.0, 1.0 + 1e-10, 2.5])
    s = mh.describe(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    assert s.nearest == pytest.approx(1e-10, rel=1e-5)
    assert s.nearest_pair == (1, 2) and s.duplicates == 0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("gap", [1e-3, 1e-9, 1e-12])
def test_the_nearest_of_many_near_pairs(gap: float, sign: int):
    """Pairs at gap and 3 gap: below 1e-8 both cosines round to one."""
    X = np.random.default_rng(1).standard_normal((200, 5))
    u, v = np.linalg.qr(np.random.default_rng(2).standard_normal((5, 2)))[0].T
    X[20], X[150] = sign * u, u * math.cos(gap) + v * math.sin(gap)
    X[60], X[61] = v, sign * (v + 3.0 * gap * u)
    s = mh.describe(X)
    found = {1: (s.nearest, s.nearest_pair), -1: (s.nearest_antipodal, s.nearest_antipodal_pair)}
    assert found[sign][1] == (20, 150)
    assert found[sign][0] == pytest.approx(2.0 * math.sin(gap / 2.0), abs=4e-16)
    assert s.duplicates == s.antipodal_pairs == 0


def test_rank_is_that_of_the_directions():
    """Norms from 1e-100 to 1e100 do not hide a dimension."""
    X = (
        mh.generate("subspace-random", 200, 10, span=3, rng=0)
        * np.logspace(-100, 100, 200)[:, None]
    )
    s = mh.describe(X)
    assert s.rank == 3
    assert (s.norm_min, s.norm_max) == (pytest.approx(1e-100), pytest.approx(1e100))


def test_rank_sees_through_rounding():
    X = mh.generate("subspace-random", 3000, 40, span=7, rng=0)
    s = mh.describe(X)
    assert (s.n, s.d, s.rank) == (3000, 40, 7)
    assert 0.0 < s.rank_threshold < 1e-9


def test_all_points_equal_or_one_point():
    s = mh.describe(np.ones((2500, 3)))
    assert s.duplicates == 2500 * 2499 // 2 and s.nearest == 0.0 and s.nearest_antipodal == 2.0
    one = mh.describe([[3.0, 4.0]])
    assert one.separation is None and one.max_abs_cosine is None and one.rank == 1
    assert "nearest pair       -" in str(one)


def test_many_ties_are_no_trouble():
    s = mh.describe(np.eye(1500))
    assert s.separation == pytest.approx(math.sqrt(2.0)) and s.rank == 1500
    circle = mh.describe(np.repeat(mh.generate("circle-full", 400, 2), 2, axis=0))
    assert (circle.duplicates, circle.antipodal_pairs) == (400, 4 * 200)


def test_summary_reads_well_and_serialises():
    X = np.vstack([mh.generate("circle-full", 6, 3, rng=0) * 2.0, np.zeros((1, 3))])
    s = mh.describe(X)
    text = str(s)
    for words in ("7 of 3 coordinates", "1  (rows 6)", "3 pairs", "antipodes make", "rank"):
        assert words in text
    assert s.to_dict()["zero_rows"] == [6] and s.to_dict()["antipodal_pairs"] == 3
    with pytest.raises(AttributeError):
        s.n = 3


def test_describe_refuses():
    with pytest.raises(ValueError, match="all 4 rows are"):
        mh.describe(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="must be 2-D"):
        mh.describe(np.ones(4))
    with pytest.raises(ValueError, match="at least one point"):
        mh.describe(np.ones((0, 4)))
    with pytest.raises(ValueError, match="must be finite; found nan at row 1"):
        mh.describe([[1.0, 2.0], [np.nan, 1.0]])
    with pytest.raises(TypeError, match=r"Load a file with mehler\.load"):
        mh.describe("points.npy")


# -- generate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["circle-half", "circle-full", "sphere-random", "subspace-random"])
@pytest.mark.parametrize("d", [3, 12])
def test_generated_points_are_unit_and_repeatable(kind: str, d: int):
    span = 3 if kind == "subspace-random" else None
    X = mh.generate(kind, 31, d, span=span, rng=5)
    assert X.shape == (31, d) and X.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1.0, atol=5e-16)
    np.testing.assert_array_equal(X, mh.generate(kind, 31, d, span=span, rng=5))
    s = mh.describe(X)
    assert s.rank == {"circle-half": 2, "circle-full": 2, "sphere-random": d}.get(kind, 3)
    assert s.duplicates == s.antipodal_pairs == 0


def test_circles_are_equally_spaced():
    for kind, turn in (("circle-half", math.pi), ("circle-full", 2.0 * math.pi)):
        X = mh.generate(kind, 9, 4, rng=1)
        steps = np.arccos(np.einsum("ij,ij->i", X[1:], X[:-1]))
        np.testing.assert_allclose(steps, turn / 9, atol=1e-14)
    assert mh.describe(mh.generate("circle-full", 10, 2)).antipodal_pairs == 5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("circle", 5, 2), ValueError, "kind must be one of circle-half, .*; got 'circle'"),
        (("subspace-random", 5, 3), ValueError, "needs span="),
        (("subspace-random", 5, 3, 4), ValueError, "span 4 dimensions need d >= 4; got d=3"),
        (("circle-half", 5, 1), ValueError, "span 2 dimensions need d >= 2; got d=1"),
        (("sphere-random", 5, 3, 2), ValueError, "spans 3 dimensions; got span=2"),
        (("sphere-random", 0, 3), ValueError, "n must be >= 1; got n=0"),
        (("sphere-random", 5, 2.5), TypeError, "d must be an integer; got 2.5"),
    ],
)
def test_generate_refuses(arguments: tuple, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        mh.generate(*arguments)
