"""gram_from_rows: J J^T from chunks of either layout, against the whole J, 60 digits, and torch-like arrays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from mpmath import mp

import mehler as mh

J = np.random.default_rng(0).standard_normal((30, 200)) * np.geomspace(1e-3, 1e3, 30)[:, None]
G = J @ J.T
CUTS = (0, 7, 8, 90, 200)
COLUMNS = [J[:, a:b] for a, b in itertools.pairwise(CUTS)]
ROWS = [J[:1], J[1:13], J[13:29], J[29:]]
SIZE = np.sqrt(np.outer(np.diag(G), np.diag(G)))


@pytest.mark.parametrize("storage", ["auto", "factor", "dense", "packed"])
@pytest.mark.parametrize(("by", "chunks"), [("parameters", COLUMNS), ("points", ROWS)])
def test_both_layouts(by, chunks, storage):
    given = (chunks, iter(chunks), lambda: iter(chunks), (c.astype(np.float64) for c in chunks))
    for each in given:
        K = mh.gram_from_rows(each, by=by, storage=storage)
        np.testing.assert_allclose(np.asarray(K) / SIZE, G / SIZE, atol=1e-14)
        error = np.abs(K @ np.ones(30) - G @ np.ones(30))
        assert (error <= 1e-14 * SIZE.sum(axis=1)).all()
        assert K.storage == ("factor" if storage == "auto" else storage)
        assert K.rank == 200 and K.width is None and K.kernel is None
    assert repr(K).startswith("<FeatureGram 30 x 30, 30 rows of 200 parameters, ")


@pytest.mark.parametrize("limit", [12_000, 33_000, 60_000])
def test_chunks_by_points_that_do_not_fit_are_read_again(limit):
    """All of J takes 48 kB, a row 1.6; half of max_memory is held at a time, and G takes 7.2."""
    passes = []

    def chunks():
        passes.append(0)
        for r in range(0, 30, 3):
            yield J[r : r + 3]

    K = mh.gram_from_rows(chunks, by="points", max_memory=limit + 20_000, storage="dense")
    np.testing.assert_allclose(np.asarray(K) / SIZE, G / SIZE, atol=1e-14)
    held = max(1, (limit + 20_000) // 2 // (3 * 1600))
    assert len(passes) == -(-10 // held) and len(passes) > 1


def test_outputs_are_the_second_axis():
    whole = np.random.default_rng(1).standard_normal((6, 3, 50))
    truth = np.einsum("ipk,jqk->ipjq", whole, whole).reshape(18, 18)
    columns = mh.gram_from_rows([whole[:, :, :20], whole[:, :, 20:]])
    rows = mh.gram_from_rows([whole[:2], whole[2:]], by="points", storage="dense")
    for K in (columns, rows):
        np.testing.assert_allclose(np.asarray(K), truth, atol=1e-13)


def test_small_singular_values_keep_their_digits():
    """J = Hilbert-like, condition 1e13: eigenvalues of J J^T down to 1e-26 of the largest, in 60 digits."""
    H = np.array([[1.0 / (i + j + 1) for j in range(40)] for i in range(10)])
    with mp.workdps(60):
        truth = [s**2 for s in mp.svd_r(mp.matrix(H.T.tolist()), compute_uv=False)][::-1]
    for by, chunks in (("parameters", [H[:, :13], H[:, 13:]]), ("points", [H[:4], H[4:]])):
        s = mh.gram_from_rows(chunks, by=by).spectrum(1e-3)
        assert truth[0] < 1e-20 * truth[-1]
        assert all(lo <= t <= up for lo, t, up in zip(s.lower, truth, s.upper, strict=True))
        assert s.resolved and s.values[0] == pytest.approx(float(truth[0]), rel=1e-4)
        r = mh.eigsh(mh.gram_from_rows(chunks, by=by), tol=1e-3)
        assert r.lower <= truth[0] <= r.upper and r.method == "factored"
    blind = mh.gram_from_rows([H], storage="dense").spectrum()
    assert blind.status[0] == "rounding-limited" and blind.lower[0] <= truth[0] <= blind.upper[0]


def test_the_same_matrix_as_feature_gram():
    """The Jacobian of two layers, one chunk a neuron."""
    X, rng = mh.generate("circle-half", n=8, d=2), np.random.default_rng(4)
    W = rng.standard_normal((60, 2))

    def chunks():
        for w in W:
            z = X @ w
            yield (1 / np.cosh(z) ** 2)[:, None] * X / np.sqrt(60)
            yield np.tanh(z)[:, None] / np.sqrt(60)

    K = mh.gram_from_rows(chunks)
    F = mh.feature_gram(X, "tanh", weights=W, kernel="ntk")
    np.testing.assert_allclose(np.asarray(K), np.asarray(F), atol=1e-14)
    assert mh.eigsh(K, tol=1e-3).value == pytest.approx(mh.eigsh(F, tol=1e-3).value, rel=1e-3)


def test_fewer_parameters_than_rows():
    r = mh.eigsh(mh.gram_from_rows(J[:, :20]))
    assert r.value == 0.0 and r.resolved and "30 rows of 20 parameters" in r.message


def test_error_of_the_rows_is_counted():
    exact = mh.gram_from_rows(J).spectrum()
    rough = mh.gram_from_rows(J.astype(np.float32), error=1e-7).spectrum()
    assert exact.resolved and (rough.lower <= exact.values).all()
    assert (exact.values <= rough.upper).all()
    assert np.all(rough.upper - rough.lower > 1e3 * (exact.upper - exact.lower))
    entries = [mh.gram_from_rows(J, storage="dense", error=e).spectrum() for e in (0.0, 1e-7)]
    assert entries[1].upper[0] > 10 * entries[0].upper[0]


def test_threads_change_no_bit():
    A = np.random.default_rng(0).standard_normal((40, 9000))
    for storage in ("factor", "dense", "packed"):
        one, two = (mh.gram_from_rows(A, storage=storage, threads=t) for t in (1, 2))
        assert np.array_equal(np.asarray(one), np.asarray(two))


def test_ends():
    with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
        mh.gram_from_rows(COLUMNS, callback=lambda state: state.done >= 2)
    with pytest.raises(TimeoutError, match=r"time_limit=1e-09 s after \d+ chunks; allow more time"):
        mh.gram_from_rows(COLUMNS, time_limit=1e-9)
    with pytest.raises(ZeroDivisionError):  # what the user's own code raises
        mh.gram_from_rows(1 / 0 for _ in range(3))


WRONG = [
    ([], {}, ValueError, "at least one row and one parameter; got none"),
    ([J[:, :0]], {}, ValueError, "at least one row and one parameter; got none"),
    ([J[:0]], {}, ValueError, "at least one row; got chunks of none"),
    ([J[:0]], {"by": "points"}, ValueError, "at least one row and one parameter; got none"),
    ([J, J[:9]], {}, ValueError, r"by parameters must agree in their points .*; chunk 1 has \(9, 200\), and the first one had \(30,\)"),
    ([J, J[:, :9]], {"by": "points"}, ValueError, r"outputs and parameters; chunk 1 has \(30, 9\), .*by='parameters'"),
    ([J, np.full((30, 2), np.nan)], {}, ValueError, "chunk 1 must be finite; found nan at row 0, column 0"),
    ([J[0]], {}, ValueError, r"chunk 0 must have the shape \(n, p\) or \(n, c, p\); got \(200,\)"),
    ([J * 1j], {}, TypeError, "chunk 0 must be real"),
    ([1e200 * J], {}, ValueError, r"size between 1e-130 and 1e\+140; found about .*Multiply J"),
    ([1e-200 * J], {}, ValueError, r"size between 1e-130 and 1e\+140; found about .*Multiply J"),
    (7, {}, TypeError, "chunks must be an iterable of arrays, or a callable that returns one; got int"),
    (lambda: 7, {}, TypeError, "got int from it"),
    (J, {"by": "layers"}, ValueError, r"by must be one of \('parameters', 'points'\)"),
    (J, {"storage": "features"}, ValueError, "storage must be one of"),
    (J, {"error": 1.0}, ValueError, "error must satisfy 0 <= error < 1; got 1.0"),
    (J, {"max_memory": "50kB", "storage": "factor"}, MemoryError, "What fits: storage='dense', storage='packed'|What fits: storage='dense'"),
    (J, {"max_memory": "1kB"}, MemoryError, "smallest max_memory that works is"),
    (ROWS, {"by": "points", "max_memory": "50kB"}, MemoryError, "does not fit into half of max_memory=50 kB.* pass a callable"),
    (lambda: ROWS, {"by": "points", "max_memory": "50kB", "storage": "factor"}, MemoryError, "Allow more, or chunks by='parameters'"),
    (lambda: [r for r in J[:, None]], {"by": "points", "max_memory": "10kB", "storage": "dense"}, MemoryError, "G of n=30 rows takes 7.2 kB, more than half"),
]  # fmt: skip


@pytest.mark.parametrize(("chunks", "options", "error", "words"), WRONG)
def test_wrong_chunks(chunks, options, error, words):
    with pytest.raises(error, match=words):
        mh.gram_from_rows(chunks, **options)


def test_an_iterator_that_gives_others_each_time_is_found_out():
    passes = []

    def chunks():
        passes.append(0)
        return [J[r : r + 3] for r in range(0, 30 - 3 * (len(passes) > 1), 3)]

    with pytest.raises(
        ValueError, match="the same in every pass; the callable has returned others"
    ):
        mh.gram_from_rows(chunks, by="points", max_memory=32_000)
