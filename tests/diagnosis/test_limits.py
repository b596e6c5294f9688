"""A diagnosis that is cut short says what it has not looked at, and what it says of the rest holds."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler.data import points
from mehler.diagnosis.span import diagnose_data

X = np.random.default_rng(5).standard_normal((700, 6))
X[650] = X[10] + 1e-5
X[699] = -X[3]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(points, "TILE", 64)


def nearest(rows: np.ndarray) -> float:
    U = rows / np.linalg.norm(rows, axis=1)[:, None]
    C = U @ U.T
    np.fill_diagonal(C, -2.0)
    i, j = np.unravel_index(np.argmax(C), C.shape)
    return float(np.linalg.norm(U[i] - U[j]))


@pytest.mark.parametrize("tiles", [0, 1, 5, 11])
def test_what_was_seen_before_the_end(tiles: int):
    """The first tiles are the first 64 rows against all others, in order."""
    calls = 0

    def poll(phase: str, done: int, total: int) -> bool:
        nonlocal calls
        calls += phase == "pairs"
        return calls > tiles

    found = diagnose_data(X, poll)
    whole = mh.diagnose(X).data
    assert whole is not None and whole.left_out == () and whole.points == mh.describe(X)
    np.testing.assert_array_equal(found.singular_values, whole.singular_values)
    assert (found.dimension, found.rank) == (whole.dimension, whole.rank)
    pairs = 0 if not tiles else 64 * 63 // 2 + (min(tiles * 64, 700) - 64) * 64
    total = 700 * 699 // 2
    assert f"{total - pairs:,} of {total:,} pairs" in found.left_out[0]
    assert "left out" in str(found) and not found.antipodal_first and not found.interrupted
    if not tiles:
        assert found.points.nearest is None and found.points.separation is None
        return
    seen = mh.describe(X[: 64 * tiles])
    assert found.points.nearest is not None and seen.nearest is not None
    assert found.points.nearest >= whole.points.nearest  # type: ignore[operator]
    if tiles == 1:
        assert found.points.nearest == pytest.approx(nearest(X[:64]), rel=1e-9)
    if tiles == 11:  # the first 64 rows against all: both planted pairs
        assert found.points.nearest_pair == (10, 650)
        assert found.points.antipodal_pairs == 1


def test_time_limit_and_ctrl_c(monkeypatch: pytest.MonkeyPatch):
    found = mh.diagnose(X[:500], "relu", time_limit=1e-9)  # one slab of singular values
    assert found.data is not None and found.data.left_out and found.activation is not None
    assert found.to_dict()["data"]["left_out"] == list(found.data.left_out)
    monkeypatch.setattr(
        points._Pairs, "_measure", lambda self, *rest: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    cut = mh.diagnose(X)
    assert cut.data is not None and cut.data.interrupted and cut.data.left_out
    with pytest.raises(KeyboardInterrupt):
        mh.describe(X)


def test_time_is_over_before_anything_is_known():
    tall = np.random.default_rng(0).standard_normal((2000, 3))
    with pytest.raises(TimeoutError, match="before the singular values were known; allow more"):
        mh.diagnose(tall, time_limit=1e-9)
    assert mh.diagnose(activation="tanh", time_limit=1e-9).activation is not None
    with pytest.raises(ValueError, match="time_limit must be a number of seconds above 0"):
        mh.diagnose(tall, time_limit=0)
    with pytest.raises(TypeError, match="progress"):
        mh.diagnose(tall, progress=3)  # type: ignore[arg-type]


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]):
    found = mh.diagnose(X, progress=True)
    assert found.data is not None and not found.data.left_out
    assert "pairs" in capsys.readouterr().err


def test_known_pairs_are_attributed_without_another_solve():
    from mehler.bounds import upper
    from mehler.diagnosis.attribution import attributed

    A, ker = mh.normalize(X[:300]), mh.gradient_kernel("elu")
    result = mh.eigsh(mh.gram(A, ker), 6, rng=0)
    near = upper.closest(A)
    one, other = attributed(A, ker, result, near, 4, {"threads": None}), mh.attribute(A, ker, top=4)
    assert one.value == pytest.approx(other.value, rel=1e-6)
    assert [r.index for r in one.rows] == [r.index for r in other.rows]
    assert one.pair == other.pair and one.pair_value == pytest.approx(other.pair_value)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-6)
