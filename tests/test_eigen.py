"""min_eig and eigsh: what is called resolved equals dense truth; what is not says so."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from spectra import circle, sphere, with_spectrum

TOL = 1e-6
# math.md 3.2: smallest eigenvalue on n equally spaced points of the circle
CIRCLE = [
    (11, "relu", 2.84003e-2),
    (11, "selu", 2.71057e-2),
    (11, "elu", 3.93648e-3),
    (11, "tanh", 9.45634e-5),
    (11, "swish", 5.28408e-6),
    (21, "tanh", 6.29385e-8),
    (51, "relu", 4.94887e-3),
    (51, "selu", 3.64434e-3),
    (51, "elu", 1.00944e-5),
    (10, "selu", 2.08002e-2),
    (10, "elu", 3.11394e-3),
    (50, "selu", 1.63684e-4),
    (50, "elu", 3.53201e-7),  # closed form of kappa in 30 digits
]


def check(r: mh.EigenResult, K: np.ndarray, k: int = 1, which: str = "SA") -> None:
    """The result against numpy.linalg.eigvalsh of the array, and its vectors against the definition."""
    truth = np.linalg.eigvalsh(K)
    truth = truth[:k] if which == "SA" else truth[::-1][:k]
    size = np.linalg.norm(K, 2)
    assert r.status == "resolved", str(r)
    np.testing.assert_allclose(r.values, truth, rtol=2 * r.tol, atol=len(K) * 1e-15 * size)
    R = K @ r.vectors - r.vectors * r.values
    assert np.all(np.linalg.norm(R, axis=0) <= r.tol * np.abs(r.values) + 1e-13 * size)
    np.testing.assert_allclose(r.vectors.T @ r.vectors, np.eye(k), atol=1e-5)
    if which == "SA":
        assert r.lower <= truth[0] + 1e-15 * size * len(K)
        assert truth[0] <= r.upper + 1e-14 * size


@pytest.mark.parametrize(("n", "name", "value"), CIRCLE)
def test_circle(n, name, value):
    r = mh.min_eig(circle(n), name)
    assert r.status == "resolved"
    assert r.value == pytest.approx(value, rel=6e-6)  # the table has six digits


@pytest.mark.parametrize("n", [10, 50])
@pytest.mark.parametrize("name", ["relu", "tanh", "swish", "gelu", "leaky_relu", "abs"])
def test_opposite_points_force_a_zero(n, name):
    r = mh.min_eig(mh.generate("circle-full", n=n, d=2), name)
    assert (r.value, r.lower, r.method, r.upper) == (0.0, 0.0, "structure", 0.0)
    assert r.residual < 1e-14 and np.linalg.norm(r.vector) == pytest.approx(1.0)
    assert "opposite" in r.message


def test_below_the_floor_is_said_not_guessed():
    with pytest.warns(mh.PrecisionWarning, match="rounding"):
        r = mh.min_eig(circle(51), "tanh", precision="double")  # 9.4e-16
    assert r.status == "rounding-limited" and r.lower == 0.0
    assert "<=" in str(r) and abs(r.value - 9.38166e-16) <= r.floor
    with pytest.warns(mh.PrecisionWarning):
        r = mh.min_eig(circle(21), "swish", precision="double")  # 1.06348e-11
    assert r.status == "rounding-limited" and abs(r.value - 1.06348e-11) <= r.floor


@pytest.mark.parametrize("method", ["dense", "lanczos", "preconditioned"])
@pytest.mark.parametrize("precision", ["single", "double", "auto"])
@pytest.mark.parametrize(
    ("name", "n", "d"), [("relu", 300, 3), ("relu", 700, 50), ("selu", 600, 5), ("elu", 400, 20)]
)
def test_every_route_agrees(method, precision, name, n, d):
    X = sphere(n, d, seed=1)
    r = mh.min_eig(X, name, method=method, precision=precision, rng=0)
    check(r, mh.gradient_kernel(name)(X))
    assert r.method.startswith(method)


@pytest.mark.parametrize("method", ["lanczos", "preconditioned"])
def test_auto_climbs_from_single_to_double(method):
    X = sphere(1200, 7)
    X[1] = X[0] + 1e-6 * X[2]
    X[1] /= np.linalg.norm(X[1])
    X[5] *= 9.0  # norms that differ: single is float32
    r = mh.min_eig(X, "relu", method=method, rng=0)
    assert r.dtype == "float64"
    check(r, mh.gradient_kernel("relu")(X))


@pytest.mark.parametrize("method", ["lanczos", "preconditioned"])
def test_single_says_when_it_cannot(method):
    X = sphere(1200, 3)
    X[5] *= 3.0  # norms that differ: single is float32
    act = mh.activation("rectified_power", q=2)
    with pytest.warns(mh.PrecisionWarning, match="use precision='double' or 'auto'"):
        r = mh.min_eig(X, act, method=method, precision="single", rng=0)
    truth = np.linalg.eigvalsh(mh.gradient_kernel(act)(X))[0]  # 1e-9
    assert r.status == "rounding-limited" and abs(r.value - truth) <= r.floor
    assert r.upper >= truth


@pytest.mark.parametrize("method", ["lanczos", "preconditioned"])
def test_fixed_point_sees_what_float32_cannot(method):
    """Equal norms: four bytes an entry, 100 times less lost. The value lies far below the rounding of float32."""
    X = sphere(1200, 3)
    with pytest.warns(mh.PrecisionWarning, match="the rounding of double precision"):
        r = mh.min_eig(X, "elu", method=method, precision="single", rng=0)
    truth = np.linalg.eigvalsh(mh.gradient_kernel("elu")(X))[0]  # 3e-10
    assert r.dtype == "fixed32"
    assert abs(r.value - truth) <= r.floor + 1e-12 and r.upper >= truth - 1e-13
    assert truth < 2.0**-24 / 10.0


def test_large_is_never_dense():
    X = sphere(1500, 10)
    for method, name in (
        ("auto", ("lanczos", "shift-invert")),
        ("preconditioned", "preconditioned, packed"),
    ):
        r = mh.min_eig(X, "relu", method=method, rng=3)
        assert r.method.startswith(name)
        check(r, mh.gradient_kernel("relu")(X))
        assert 0 < r.applications < 200 and len(r.history) > 3


def test_matrix_free_when_nothing_else_fits():
    X = sphere(3000, 5)
    r = mh.min_eig(X, "relu", max_memory="40MB", rng=0)
    assert "float" in r.dtype and r.nbytes < 40e6
    assert r.value == pytest.approx(np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0], rel=1e-6)
    with pytest.raises(MemoryError, match="more than max_memory"):
        mh.min_eig(X, "relu", max_memory="1MB")


def test_norms_and_kernels():
    X = sphere(200, 8) * np.linspace(0.5, 2.0, 200)[:, None]
    check(mh.min_eig(X, "relu"), mh.gradient_kernel("relu")(X))
    check(mh.min_eig(X, "relu", kernel="nngp"), mh.nngp("relu")(X))
    check(mh.min_eig(X, "selu", normalize=True), mh.gradient_kernel("selu")(mh.normalize(X)))
    check(mh.min_eig(X, mh.nngp("abs")), mh.nngp("abs")(X))
    check(
        mh.min_eig(X, "tanh", bias_var=0.5, weight_var=2.0, normalize=True),
        mh.gradient_kernel("tanh", bias_var=0.5, weight_var=2.0)(mh.normalize(X)),
    )


def test_one_and_two_points():
    assert mh.min_eig([[3.0, 4.0]], "relu").value == pytest.approx(12.5)
    r = mh.min_eig([[1.0, 0.0], [0.0, 1.0]], "relu")
    assert r.value == pytest.approx(0.5) and r.lower <= 0.5 <= r.upper


# -- eigsh on prescribed spectra ---------------------------------------------------------------------

SPECTRA = {
    "spread": np.linspace(1.0, 50.0, 300),
    "cluster": np.r_[1.0 + 1e-7 * np.arange(4), np.linspace(2.0, 9.0, 296)],
    "double": np.r_[1.0, 1.0, 1.0, np.linspace(1.5, 9.0, 297)],
    "graded": np.geomspace(1e-4, 1e3, 300),
    "indefinite": np.r_[-1e-2, np.geomspace(1e-3, 10.0, 299)],
    "negative": -np.geomspace(1.0, 1e3, 300),
    "rank one above": np.r_[np.ones(299), 1e4],
    "identity": np.ones(300),
}


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("which", ["SA", "LA"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", SPECTRA)
def test_prescribed_spectrum(name, k, which, method):
    A = with_spectrum(SPECTRA[name], seed=5)
    r = mh.eigsh(A, k=k, which=which, method=method, tol=TOL, rng=0)
    check(r, A, k, which)


@pytest.mark.parametrize("block", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["indefinite", "graded", "cluster"])
def test_no_eigenvalue_is_skipped_whatever_the_block(name, block):
    """Far below the others, one eigenvalue must not hide the next ones."""
    values = SPECTRA[name][:297] if block > 1 or name != "cluster" else SPECTRA["spread"]
    A = with_spectrum(values, seed=block)
    check(mh.eigsh(A, k=4, method="lanczos", block=block, rng=0), A, 4)


def test_a_matrix_taken_for_points_is_said():
    K = mh.gradient_kernel("relu")(sphere(30, 5))
    with pytest.warns(UserWarning, match="its rows were taken as points"):
        r = mh.min_eig(K, "relu", normalize=True)
    assert (
        r.resolved and "its rows were taken as points: of a matrix, ask mehler.eigsh" in r.message
    )
    assert "taken as points" not in mh.min_eig(K[:29], "relu", normalize=True).message
    assert mh.eigsh(K).value != pytest.approx(r.value, rel=0.1)


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_zero_and_rank_deficient(method):
    r = mh.eigsh(np.zeros((50, 50)), method=method)
    assert (r.value, r.residual, r.status) == (0.0, 0.0, "resolved")
    A = with_spectrum(np.r_[np.zeros(150), np.linspace(1, 2, 150)])
    with pytest.warns(mh.PrecisionWarning):
        r = mh.eigsh(A, k=2, method=method, rng=0)
    assert r.status == "rounding-limited" and np.all(np.abs(r.values) <= 1e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("which", ["SA", "LA"])
def test_tiny_matrices(n, method, which):
    A = with_spectrum(np.arange(1.0, n + 1.0))
    for k in {1, n}:
        check(mh.eigsh(A, k=k, which=which, method=method, rng=1), A, k, which)


def test_operators_of_others():
    A = with_spectrum(np.geomspace(0.1, 10, 1100))
    for K in (
        scipy.sparse.linalg.aslinearoperator(A),
        scipy.sparse.csr_array(A),
        scipy.sparse.linalg.LinearOperator(A.shape, matvec=lambda v: A @ v, dtype=float),
        A.astype(np.float32).astype(np.float64),
    ):
        check(mh.eigsh(K, k=2, rng=0), np.asarray(K) if isinstance(K, np.ndarray) else A, 2)
    lap = scipy.sparse.diags_array(
        [-np.ones(1499), 2 * np.ones(1500), -np.ones(1499)], offsets=[-1, 0, 1]
    )
    r = mh.eigsh(lap, which="LA", rng=0, tol=1e-8)
    assert r.value == pytest.approx(2 - 2 * np.cos(1500 * np.pi / 1501), rel=1e-8)


@pytest.mark.parametrize("least", [1e-9, 1e-2])
@pytest.mark.parametrize("method", ["auto", "dense", "lanczos"])
def test_products_of_float32_are_not_taken_for_exact(method, least):
    """F (F^T v) in float32, of eigenvalues that its rounding hides, or leaves four digits of."""
    Q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((200, 200)))
    F = (Q * np.sqrt(np.geomspace(least, 1.0, 200))).astype(np.float32)
    truth = np.linalg.svd(F.astype(np.float64), compute_uv=False)[-1] ** 2

    def product(V):
        return (F @ (F.T @ V.astype(np.float32))).astype(np.float64)

    K = scipy.sparse.linalg.LinearOperator((200, 200), product, matmat=product, dtype=float)
    with pytest.warns(mh.PrecisionWarning):
        r = mh.eigsh(K, method=method, rng=0)
    assert r.status == "rounding-limited" and "products with K are exact to" in r.message
    assert r.lower <= truth <= r.upper and 1e-8 < r.floor < 1e-5
    exact = mh.eigsh(scipy.sparse.linalg.aslinearoperator(F.astype(np.float64) @ F.T), rng=0)
    assert exact.floor < 1e-14 and "exact to" not in exact.message
    if least == 1e-2:
        loose = mh.eigsh(K, method=method, rng=0, tol=1e-3)
        assert loose.resolved and abs(loose.value - truth) <= 1e-3 * truth


def test_eigsh_on_gram_operators():
    X = sphere(1100, 6)
    A = mh.gradient_kernel("relu")(X)
    for storage, dtype in (
        ("packed", "float64"),
        ("packed", "float32"),
        ("matrix-free", "float64"),
        ("dense", "float64"),
    ):
        r = mh.eigsh(mh.gram(X, "relu", storage=storage, dtype=dtype), k=2, rng=0)
        check(r, A, 2)
    top = mh.eigsh(mh.gram(X, "relu"), which="LA", rng=0)
    assert top.value == pytest.approx(np.linalg.eigvalsh(A)[-1], rel=1e-6)


def test_an_operator_that_fails_or_gives_nan():
    def broken(V):
        raise RuntimeError("no more disk")

    op = scipy.sparse.linalg.LinearOperator((1200, 1200), matvec=broken, matmat=broken, dtype=float)
    with pytest.raises(RuntimeError, match="no more disk"):
        mh.eigsh(op)
    nan = scipy.sparse.linalg.LinearOperator((1200, 1200), matvec=lambda v: v * np.nan, dtype=float)
    with pytest.raises(RuntimeError, match="NaN or infinity"):
        mh.eigsh(nan)


def test_products_that_run_out_are_budget_limited(monkeypatch):
    A = with_spectrum(np.r_[1.0, 1.0 + 1e-9 * np.arange(1, 1400)])
    lap = scipy.sparse.diags_array(
        [-np.ones(19999), 2 * np.ones(20000), -np.ones(19999)], offsets=[-1, 0, 1]
    )
    monkeypatch.setattr("mehler.solvers.iterative.MOST_PRODUCTS", 300)
    with pytest.warns(mh.ConvergenceWarning, match="too many products"):
        r = mh.eigsh(lap, max_memory="60MB", rng=0)  # 2e-8: hopeless for Lanczos
    assert r.status == "budget-limited" and r.upper >= 2 - 2 * np.cos(np.pi / 20001)
    check(mh.eigsh(A, rng=0), A)


# -- laws ---------------------------------------------------------------------------------------------

POINTS = st.tuples(st.integers(3, 60), st.integers(2, 8), st.integers(0, 10**6))


@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")
@settings(max_examples=25, deadline=None)
@given(POINTS, st.sampled_from(["relu", "leaky_relu", "abs", "selu", "elu"]))
def test_bounds_enclose_dense_truth(points, name):
    X = sphere(*points)
    r = mh.min_eig(X, name)
    truth = np.linalg.eigvalsh(mh.gradient_kernel(name)(X))[0]
    assert r.lower <= truth + 1e-14 and truth <= r.upper + 1e-14
    if r.resolved:
        assert r.value == pytest.approx(truth, rel=1e-6, abs=1e-14)


@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")
@settings(max_examples=20, deadline=None)
@given(POINTS, st.floats(1e-3, 1e3))
def test_scaling_permutation_interlacing_duplicates(points, factor):
    X = sphere(*points)
    value = mh.min_eig(X, "relu").value
    assert mh.min_eig(factor * X, "relu").value == pytest.approx(factor**2 * value, rel=1e-9)
    order = np.random.default_rng(0).permutation(len(X))
    assert mh.min_eig(X[order], "relu").value == pytest.approx(value, rel=1e-9, abs=1e-15)
    assert mh.min_eig(X[:-1], "relu").value >= value * (1 - 1e-9)
    twice = mh.min_eig(np.concatenate([X, X[:1]]), "relu")
    assert twice.value == 0.0 and twice.method == "structure"


def test_the_second_value_is_not_mistaken_for_the_first():
    """A shrunken sibling of the case that fools solvers: a nearly antipodal pair decides."""
    for seed in range(6):
        X = sphere(1500, 5, seed=seed)
        X[7] = -X[11] + 1e-2 * X[13]
        X[7] /= np.linalg.norm(X[7])
        r = mh.min_eig(X, "relu", rng=seed)
        check(r, mh.gradient_kernel("relu")(X))


def test_history_result_and_text():
    r = mh.min_eig(sphere(1200, 6), "relu", rng=0)
    assert [h[0] for h in r.history] == sorted(h[0] for h in r.history)
    d = r.to_dict()
    assert (
        d["status"] == "resolved"
        and "vector" not in d
        and len(r.to_dict(vectors=True)["vector"]) == 1200
    )
    for word in ("value", "status", "lower", "upper", "residual", "method", "solves", "memory"):
        assert word in str(r)
    with pytest.raises(AttributeError):
        r.value = 1.0  # frozen


@pytest.mark.parametrize(
    ("method", "which"), [("lanczos", "SA"), ("lanczos", "LA"), ("shift-invert", "SA")]
)
@pytest.mark.parametrize(
    ("copies", "k", "block"), [(2, 2, 1), (5, 4, 2), (8, 8, None), (20, 12, 4)]
)
def test_all_copies_of_an_eigenvalue(method, copies, k, block, which):
    """A Krylov space of b vectors holds b copies at most; each result shows them all."""
    values = np.concatenate([np.ones(copies), np.geomspace(1.5, 1e3, 180 - copies)])
    K = with_spectrum(values if which == "SA" else -values)
    check(mh.eigsh(K, k=k, which=which, method=method, block=block), K, k, which)


def test_no_copy_is_missing_when_there_is_none():
    K = with_spectrum(np.arange(1.0, 1300.0))
    r = mh.eigsh(K, k=3, method="lanczos")
    check(r, K, 3)
    alone = mh.eigsh(K, k=1, method="lanczos")
    assert r.applications <= 3 * alone.applications


class Counted:
    """K @ V, interrupted at its ``end``-th product."""

    def __init__(self, K, end=-1):
        self.K, self.shape, self.asked, self.end = K, K.shape, 0, end

    def __matmul__(self, V):
        self.asked += 1
        if self.asked == self.end:
            raise KeyboardInterrupt
        return self.K @ V


def test_an_end_in_the_search_for_copies_is_said():
    K = with_spectrum(np.arange(1.0, 400.0))
    full = Counted(K)
    mh.eigsh(full, k=3, method="lanczos")
    with pytest.warns(mh.ConvergenceWarning, match="copy"):
        r = mh.eigsh(Counted(K, full.asked * 3 // 4), k=3, method="lanczos")
    assert r.status == "budget-limited" and r.interrupted
    np.testing.assert_allclose(r.values, [1, 2, 3], rtol=1e-6)


@pytest.mark.parametrize("method", ["lanczos", "preconditioned", "shift-invert"])
@pytest.mark.parametrize("seed", [7, 8, 9, 10])
def test_pairs_whose_order_float32_changes(method, seed):
    """Three near pairs, their eigenvalues closer than the rounding of float32 entries."""
    r = np.random.default_rng(seed)
    X = sphere(1500, 50, seed)
    for i in range(3):
        z = r.standard_normal(50)
        z -= (z @ X[2 * i]) * X[2 * i]
        angle = 1e-4 * (1.0 + 1e-4 * i)
        X[2 * i + 1] = np.cos(angle) * X[2 * i] + np.sin(angle) * z / np.linalg.norm(z)
    truth = mh.min_eig(
        X, "relu", method="shift-invert", precision="double", rng=seed, normalize=True
    )
    assert truth.lower_kind == "factorisation"
    found = mh.min_eig(X, "relu", method=method, certify="theory", rng=seed, normalize=True)
    assert found.resolved and found.value == pytest.approx(truth.value, rel=2e-6)


def test_a_gram_operator_takes_the_factor():
    X = sphere(1200, 5, 1)
    K = mh.gram(X, "relu", storage="packed")
    r = mh.eigsh(K, k=2)
    assert r.method.startswith("shift-invert")
    np.testing.assert_allclose(r.values, np.linalg.eigvalsh(K.toarray())[:2], rtol=1e-6)
    assert mh.eigsh(K, k=2, which="LA").method.startswith("lanczos")
