"""solve: against dense solves, and mpmath where those have no digits; honest where double precision ends."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import mehler as mh
from mehler.solve import VECTORS
from mehler.solvers import budget

NAMES = ("auto", None, "cholesky", "sparse", "low-degree", "landmarks")


@pytest.fixture(scope="module")
def sphere():
    """300 points, d = 3: condition number 4e4."""
    X = mh.generate("sphere-random", n=300, d=3, rng=0)
    K = mh.gram(X, "relu")
    return K, K.toarray(), np.random.default_rng(1).standard_normal((300, 3))


def spd(n, kappa, seed=0):
    """A symmetric matrix with log-spaced eigenvalues in [1 / kappa, 1], symmetric to the bit."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = (Q * np.logspace(-np.log10(kappa), 0.0, n)) @ Q.T
    return 0.5 * (A + A.T)


def residual(A, x, b):
    return np.linalg.norm(b - A @ x, axis=0) / np.linalg.norm(b, axis=0)


@pytest.mark.parametrize("shift", [0.0, 1e-2])
@pytest.mark.parametrize("name", NAMES)
def test_every_preconditioner_solves_the_same_system(sphere, name, shift):
    K, A, B = sphere
    A = A + shift * np.eye(300)
    r = mh.solve(K, B, shift=shift, preconditioner=name)
    assert r.status == "resolved"
    assert np.all(residual(A, r.x, B) <= 1.01e-8)
    assert np.allclose(r.residual, residual(A, r.x, B), rtol=0.1, atol=1e-13)
    expected = np.linalg.solve(A, B)
    assert np.linalg.norm(r.x - expected) <= 1e-8 * np.linalg.cond(A) * np.linalg.norm(expected)


@pytest.mark.parametrize("name", ["sparse", "low-degree", "landmarks", "cholesky"])
def test_a_preconditioner_pays_with_and_without_a_shift(sphere, name):
    K, _, B = sphere
    for shift in (0.0, 1e-3):
        plain = mh.solve(K, B[:, 0], shift=shift, preconditioner=None).iterations
        assert 2 * mh.solve(K, B[:, 0], shift=shift, preconditioner=name).iterations < plain


def test_what_multiplies_gives_the_same_answer(sphere):
    _, A, B = sphere

    class Mine:
        shape = A.shape

        def __matmul__(self, V):
            return A @ V

    expected = np.linalg.solve(A, B)
    for operator in (A, A.tolist(), aslinearoperator(A), csr_matrix(A), Mine()):
        r = mh.solve(operator, B, tol=1e-12)
        assert r.resolved
        assert np.allclose(r.x, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_columns_stop_by_themselves_and_keep_their_digits(sphere):
    K, A, B = sphere
    easy = np.linalg.eigh(A)[1][:, -1]
    r = mh.solve(K, np.column_stack([B[:, 0], easy, np.zeros(300)]), preconditioner=None)
    assert r.iterations[0] > 100
    assert r.iterations[1] <= 3
    assert r.iterations[2] == 0
    assert np.all(r.x[:, 2] == 0.0)
    assert r.residual[2] == 0.0
    alone = mh.solve(A, B[:, 0], preconditioner=None)
    beside = mh.solve(A, B, preconditioner=None)
    assert beside.iterations[0] == alone.iterations
    assert np.allclose(beside.x[:, 0], alone.x, rtol=1e-9, atol=1e-12 * np.abs(alone.x).max())


@pytest.mark.parametrize("tol", [1e-10, 1e-12])
def test_a_column_ends_as_it_would_alone(tol):
    """|K| decides what is rounding: a column that no large eigenvalue touches was ended by one that another saw."""
    n = 60
    start = np.random.default_rng(0).standard_normal(n)  # of the power method: u is not in it
    u = np.r_[start[1], -start[0], np.zeros(n - 2)] / np.hypot(start[0], start[1])
    w = np.r_[1.0, 1.0, np.logspace(-3, 0, n - 2)]

    def product(V):
        return w[:, None] * V + 1e5 * np.outer(u, u[0] * V[0] + u[1] * V[1])

    K = LinearOperator((n, n), matvec=lambda v: product(v[:, None])[:, 0], matmat=product)
    b = np.r_[0.0, 0.0, np.random.default_rng(1).standard_normal(n - 2)]
    alone = mh.solve(K, b, preconditioner=None, tol=tol)
    beside = mh.solve(K, np.column_stack([b, u]), preconditioner=None, tol=tol)
    assert alone.resolved and beside.resolved
    assert beside.iterations[0] == alone.iterations
    assert np.array_equal(beside.x[:, 0], alone.x)


def test_shapes_of_the_answer_follow_b(sphere):
    K, _, B = sphere
    one, two = mh.solve(K, B[:, 0]), mh.solve(K, B[:, :1])
    assert one.x.shape == (300,)
    assert isinstance(one.residual, float)
    assert isinstance(one.iterations, int)
    assert two.x.shape == (300, 1)
    assert two.residual.shape == two.iterations.shape == (1,)
    assert np.array_equal(one.x, two.x[:, 0])
    integers = mh.solve(K, np.arange(300))
    assert np.array_equal(integers.x, mh.solve(K, np.arange(300.0)).x)
    single = mh.solve(K, B[:, 0].astype(np.float32))
    assert np.array_equal(single.x, mh.solve(K, B[:, 0].astype(np.float32).astype(float)).x)


@pytest.mark.parametrize("name", NAMES)
def test_threads_do_not_change_a_bit(sphere, name):
    K, _, B = sphere
    one, two = (mh.solve(K, B, preconditioner=name, threads=t, rng=3) for t in (1, 2))
    assert np.array_equal(one.x, two.x)
    assert np.array_equal(one.residual, two.residual)


def test_float32_entries_still_give_the_answer_of_float64(sphere):
    _, A, B = sphere
    single = mh.gram(mh.generate("sphere-random", n=300, d=3, rng=0), "relu", dtype="float32")
    for name in (None, "cholesky"):
        r = mh.solve(single, B, preconditioner=name, tol=1e-11)
        assert r.resolved
        assert np.all(residual(A, r.x, B) <= 1.1e-11)


def test_a_float32_factor_is_a_preconditioner():
    """From 2,048 points on the factor is float32: its rounding, 1e-7 times the condition number, costs iterations only."""
    X = mh.generate("sphere-random", n=2100, d=10, rng=0)
    K = mh.gram(X, "relu")
    b = np.random.default_rng(0).standard_normal(2100)
    r = mh.solve(K, b, tol=1e-12)
    assert "cholesky float32" in r.method
    assert r.resolved
    assert r.iterations <= 12
    assert np.linalg.norm(b - K @ r.x) <= 1.1e-12 * np.linalg.norm(b)


@pytest.mark.parametrize("kappa", [1e6, 1e10, 1e13])
def test_ill_conditioned_residuals_are_true_by_mpmath(kappa):
    """The residual of x in 50 digits, against the one that is reported: both sides of what double can do.

    Of eps |K| |x| / |b|, the effect of rounding x alone, at most some tens: x is as good as doubles are.
    """
    import mpmath

    n = 24
    A = spd(n, kappa)
    b = np.random.default_rng(2).standard_normal(n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        r = mh.solve(A, b, tol=1e-12)
    with mpmath.workdps(50):
        M, x = mpmath.matrix(A.tolist()), mpmath.matrix(r.x.tolist())
        left = mpmath.matrix(b.tolist()) - M * x
        true = float(mpmath.norm(left)) / np.linalg.norm(b)
        exact = mpmath.lu_solve(M, mpmath.matrix(b.tolist()))
        error = float(mpmath.norm(exact - x) / mpmath.norm(exact))
    rounding = np.finfo(float).eps * np.linalg.norm(r.x) / np.linalg.norm(b)  # |K| = 1
    assert abs(r.residual - true) <= n * rounding
    assert true <= max(1e-12, 20.0 * rounding)
    assert error <= 4.0 * kappa * max(
        np.finfo(float).eps, true * np.linalg.norm(b) / np.linalg.norm(r.x)
    )
    assert r.status == ("resolved" if r.residual <= 1e-12 else "rounding-limited")
    assert kappa < 1e9 or r.status == "rounding-limited"


def test_plain_iterations_that_stall_say_where():
    A = spd(60, 1e8)
    b = np.random.default_rng(0).standard_normal(60)
    with pytest.warns(mh.PrecisionWarning, match="double precision ends at a residual of"):
        r = mh.solve(A, b, preconditioner=None, tol=1e-13, maxiter=50_000)
    assert r.status == "rounding-limited"
    assert np.isclose(r.residual, residual(A, r.x, b), rtol=0.5)
    assert r.residual <= 100.0 * r.floor


def test_a_singular_matrix_and_b_in_or_out_of_its_range():
    rng = np.random.default_rng(0)
    F = rng.standard_normal((80, 20))
    K = F @ F.T
    K = 0.5 * (K + K.T)
    inside = mh.solve(K, K @ rng.standard_normal(80), preconditioner=None)
    assert inside.resolved
    with pytest.warns(mh.PrecisionWarning, match="singular to within rounding"):
        b = rng.standard_normal(80)
        outside = mh.solve(K, b, preconditioner=None)
    assert outside.status == "rounding-limited"
    best = residual(K, np.linalg.lstsq(K, b, rcond=1e-12)[0], b)
    assert best <= outside.residual * (1.0 + 1e-9) and outside.residual <= 1.3 * best


@pytest.mark.parametrize("maxiter", [5, 10, 15, None])
def test_a_small_part_out_of_range_does_not_cost_the_rest(maxiter):
    """Conjugate gradients run away from the least residual then: the best that was met is returned."""
    A, b = np.diag(np.r_[np.linspace(1, 2, 20), np.zeros(5)]), np.r_[np.ones(20), 1e-3 * np.ones(5)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r = mh.solve(A, b, preconditioner=None, maxiter=maxiter)
    assert not r.resolved and r.residual == pytest.approx(residual(A, r.x, b), rel=1e-6)
    assert r.residual <= 1.3 * np.linalg.norm(b[20:]) / np.linalg.norm(b)


def test_float32_entries_that_are_not_definite_are_left_for_float64():
    X = mh.generate("sphere-random", n=400, d=3, rng=0)
    K = mh.gram(X, "tanh", dtype="float32")
    assert np.linalg.eigvalsh(K.toarray().astype(float))[0] < -1e-8  # rounding
    b = np.sin(3.0 * X[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r = mh.solve(K, b, shift=1e-8, preconditioner=None)
    A = mh.gradient_kernel("tanh")(X) + 1e-8 * np.eye(400)
    assert r.residual == pytest.approx(residual(A, r.x, b), rel=1e-2, abs=1e-12)
    assert r.residual <= 1e-4


def test_a_column_too_small_to_square_is_refused():
    with pytest.raises(ValueError, match=r"between 1e-140 and 1e140; found 1\.0e-170 in column 1"):
        mh.solve(np.diag([1.0, 2.0, 3.0]), np.array([[1.0, 1e-170]] * 3))


@pytest.mark.parametrize("name", [None, "auto"])
def test_an_indefinite_matrix_is_refused(name):
    A = np.diag(np.r_[-1.0, np.ones(40)])
    with pytest.raises(
        ValueError, match=r"must be positive definite; found v'\(K \+ shift I\)v / v'v = -"
    ):
        mh.solve(A, np.ones(41), preconditioner=name)
    assert mh.solve(A, np.ones(41), shift=2.0, preconditioner=name).resolved


@pytest.mark.parametrize("A", [np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])])
def test_both_signs_at_once_are_told_from_singular(A):
    """b'A b = 0: the first step has no length, which a singular matrix would show as well."""
    b = np.ones(2) if A[0, 0] else np.array([1.0, 0.0])
    with pytest.raises(
        ValueError,
        match=r"must be positive definite; found v'.* = 0.00e\+00 with .* = 1.0e\+00: eigenvalues of both signs",
    ):
        mh.solve(A, b, preconditioner=None)


@pytest.mark.parametrize("name", [None, "auto"])
@pytest.mark.parametrize(("shift", "size"), [(1e140, 1e-140), (1e139, 1e140), (1e-300, 1.0)])
def test_extreme_sizes_of_shift_and_b(name, shift, size):
    """Squares of x and of products left the doubles: a floor of 0 or NaN, and no iteration."""
    r = mh.solve(2.0 * np.eye(5), size * np.ones(5), shift=shift, preconditioner=name)
    assert r.resolved and r.x == pytest.approx(np.full(5, size / (2.0 + shift)), rel=1e-14)
    eps = np.finfo(float).eps
    assert 0.5 * eps < r.floor < 2.0 * eps  # |K| |x| = |b|


@given(
    n=st.integers(1, 40),
    log_kappa=st.floats(0.0, 6.0),
    shift=st.sampled_from([0.0, 1e-3, 10.0]),
    scale=st.sampled_from([1e-100, 1.0, 1e100]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_any_definite_matrix(n, log_kappa, shift, scale, seed):
    A = spd(n, 10.0**log_kappa, seed)
    b = scale * np.random.default_rng(seed).standard_normal(n)
    for name in ("auto", None):
        r = mh.solve(A, b, shift=shift, preconditioner=name)
        assert r.resolved
        assert residual(A + shift * np.eye(n), r.x, b) <= 1.1e-8


def test_ones_own_preconditioner_in_every_dress():
    A = spd(50, 1e5)
    b = np.ones(50)
    inverse = np.linalg.inv(A)
    inverse = 0.5 * (inverse + inverse.T)
    plain = mh.solve(A, b, preconditioner=None).iterations
    for P in (inverse, aslinearoperator(inverse), lambda R: inverse @ R):
        r = mh.solve(A, b, preconditioner=P)
        assert r.resolved
        assert r.iterations <= 3 < plain
        assert "given" in r.method


def test_a_preconditioner_may_work_in_place():
    """It got the residual itself, and destroyed it: no convergence, and a word about a singular matrix."""
    w = np.linspace(1.0, 50.0, 30)

    def divided(R):
        R /= w[:, None]
        return R

    r = mh.solve(np.diag(w), np.ones(30), preconditioner=divided)
    assert r.resolved and r.iterations == 1
    assert np.allclose(r.x, 1.0 / w, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda R: -R, "the preconditioner must be positive definite; found"),
        (lambda R: R[:-1], r"must give the shape \(30, 1\)"),
        (lambda R: np.nan * R, "must give finite vectors; found NaN"),
        (np.eye(29), r"must have the shape \(30, 30\) of K; got \(29, 29\)"),
        (np.triu(np.ones((30, 30))), "preconditioner must be symmetric"),
        ("ilu", r"preconditioner must be one of \('auto', 'cholesky'.*got 'ilu'"),
    ],
)
def test_bad_preconditioners(given, message):
    with pytest.raises(ValueError, match=message):
        mh.solve(spd(30, 10.0), np.ones(30), preconditioner=given)


def test_auto_goes_on_without_a_preconditioner_that_rounding_made_indefinite(sphere, monkeypatch):
    """One that was asked for is refused; one that was chosen is left."""
    from mehler.solvers import inverses

    K, A, B = sphere
    signs = np.where(np.arange(300) % 2, 1.0, -3.0)
    turned = inverses.Inverse(lambda R: R * signs, 0, "turned")
    monkeypatch.setattr(inverses, "make", lambda *args: turned)
    r = mh.solve(K, B, shift=0.1)
    assert r.resolved and "no preconditioner" in r.method
    assert np.all(residual(A + 0.1 * np.eye(300), r.x, B) <= 1.01e-8)
    with pytest.raises(ValueError, match="must be positive definite"):
        mh.solve(K, B, shift=0.1, preconditioner="cholesky")


def test_preconditioners_that_k_does_not_allow(sphere):
    _, A, B = sphere
    with pytest.raises(TypeError, match=r"preconditioner must be one of .* got int"):
        mh.solve(A, B, preconditioner=3)
    with pytest.raises(TypeError, match="preconditioner='sparse' needs the points of K: a Gram"):
        mh.solve(A, B, preconditioner="sparse")
    with pytest.raises(TypeError, match="preconditioner='cholesky' needs the entries of K"):
        mh.solve(aslinearoperator(A), B, preconditioner="cholesky")
    with pytest.raises(ValueError, match=r"is for activations with a kink; .*tanh.* has none"):
        mh.solve(
            mh.gram(mh.generate("sphere-random", n=80, d=3, rng=0), "tanh"),
            np.ones(80),
            preconditioner="sparse",
        )
    with pytest.raises(ValueError, match="needs n >= 64 points; got n=20"):
        mh.solve(
            mh.gram(mh.generate("sphere-random", n=20, d=3, rng=0)),
            np.ones(20),
            preconditioner="landmarks",
        )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"b": np.ones(29)}, ValueError, r"b must have the shape \(30,\) or \(30, c\)"),
        ({"b": np.ones((30, 0))}, ValueError, r"c >= 1, for K of order 30; got \(30, 0\)"),
        ({"b": np.ones((30, 1, 1))}, ValueError, "b must have the shape"),
        ({"b": np.full(30, np.nan)}, ValueError, "b must be finite; found nan at row 0, column 0"),
        ({"b": np.full(30, np.inf)}, ValueError, "b must be finite; found inf"),
        ({"b": np.full(30, 1e200)}, ValueError, "b must be of a size between"),
        ({"b": np.full(30, 1j)}, TypeError, "b must be real"),
        ({"b": "ones"}, TypeError, "b must be an array of numbers"),
        ({"K": np.full((30, 30), np.nan)}, ValueError, "K must be finite"),
        ({"K": np.ones((30, 29))}, ValueError, "K must be square"),
        ({"K": np.zeros((0, 0))}, ValueError, "K must be square, .* n >= 1"),
        ({"K": np.triu(np.ones((30, 30)))}, ValueError, "K must be symmetric"),
        ({"K": None}, TypeError, "K must be a Gram operator"),
        ({"shift": -1.0}, ValueError, "shift must be finite and >= 0; got -1.0"),
        ({"shift": np.nan}, ValueError, "shift must be finite"),
        ({"shift": 1e200}, ValueError, "shift must be at most 1e140, so that squares"),
        ({"shift": "1"}, TypeError, "shift must be a number; got '1'"),
        ({"tol": 0.0}, ValueError, "tol must satisfy 0 < tol < 1"),
        ({"maxiter": 0}, ValueError, "maxiter must be >= 1"),
        ({"maxiter": 1.5}, TypeError, "maxiter must be an integer"),
        ({"time_limit": -1}, ValueError, "time_limit must be a number of seconds above 0"),
        ({"threads": 0}, ValueError, "threads must be >= 1"),
        ({"rng": -1}, ValueError, "rng must be"),
        (
            {"max_memory": 1000},
            MemoryError,
            "vectors of n=30 and 1 right-hand sides take .*use max_memory=",
        ),
        ({"callback": 3}, TypeError, "callback must be callable"),
    ],
)
def test_bad_input_is_refused_before_work(change, error, message):
    arguments = {"K": spd(30, 10.0), "b": np.ones(30)} | change
    with pytest.raises(error, match=message):
        mh.solve(arguments.pop("K"), arguments.pop("b"), **arguments)


def test_one_point_and_zero():
    assert mh.solve([[2.0]], [3.0]).x == pytest.approx([1.5])
    zero = mh.solve(np.eye(5), np.zeros(5))
    assert zero.resolved
    assert np.array_equal(zero.x, np.zeros(5))
    with pytest.warns(mh.PrecisionWarning, match="singular"):
        assert not mh.solve(np.zeros((3, 3)), np.ones(3), preconditioner=None).resolved


def test_products_that_are_not_finite():
    bad = LinearOperator((5, 5), matvec=lambda v: np.full(5, np.nan), matmat=lambda V: np.nan * V)
    with pytest.raises(ValueError, match="products with K must be finite; found NaN"):
        mh.solve(bad, np.ones(5))


def test_memory_that_no_factor_fits_in(sphere):
    K, _, B = sphere
    little = budget.vectors(300, VECTORS) + budget.product(300, 1) + 100_000
    with pytest.raises(MemoryError, match="preconditioner='cholesky' at n=300 takes"):
        mh.solve(K, B[:, 0], preconditioner="cholesky", max_memory=little, threads=1)
    r = mh.solve(K, B[:, 0], max_memory=little, threads=1)
    assert r.resolved
    assert "cholesky" not in r.method


def test_maxiter_and_callback_and_time_end_with_the_truth(sphere):
    K, A, B = sphere
    b = B[:, 0]
    with pytest.warns(mh.ConvergenceWarning, match="maxiter=10 iterations came to"):
        r = mh.solve(K, b, preconditioner=None, maxiter=10)
    assert r.status == "budget-limited"
    assert r.iterations == 10
    assert np.isclose(r.residual, residual(A, r.x, b))
    states = []
    with pytest.warns(mh.ConvergenceWarning, match="stopped by the callback"):
        r = mh.solve(K, b, preconditioner=None, callback=lambda s: states.append(s) or True)
    assert r.status == "budget-limited"
    assert not r.interrupted
    assert np.isclose(r.residual, residual(A, r.x, b))
    assert states[0].phase == "conjugate gradients"

    def slow(V):
        time.sleep(0.01)
        return A @ V

    with pytest.warns(mh.ConvergenceWarning, match="time_limit=0.2 s"):
        r = mh.solve(LinearOperator((300, 300), matvec=slow, matmat=slow), b, time_limit=0.2)
    assert 0 < r.iterations < 100
    assert r.residual <= 1.0
    with pytest.raises(ZeroDivisionError):
        mh.solve(K, b, preconditioner=None, callback=lambda s: 1 / 0)


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(),
    reason="signals go to the main thread",
)
def test_ctrl_c_returns_what_is_known(sphere):
    _, A, B = sphere
    b, seen = B[:, 0], []

    def product(V):
        seen.append(1)
        if len(seen) == 150:
            os.kill(os.getpid(), signal.SIGINT)
        return A @ V

    with pytest.warns(mh.ConvergenceWarning, match="interrupted"):
        r = mh.solve(LinearOperator((300, 300), matvec=product, matmat=product), b)
    assert r.interrupted
    assert r.status == "budget-limited"
    assert r.residual < 1.0
    assert np.isclose(r.residual, residual(A, r.x, b))


def test_it_prints_a_table(sphere):
    K, _, B = sphere
    text = str(mh.solve(K, B, shift=0.5))
    assert [line.split()[0] for line in text.splitlines()] == [
        "status", "residual", "iterations", "method", "n", "time", "memory",
    ]  # fmt: skip
    assert "largest of 3 columns" in text
    assert "shift 0.5" in text
    out = mh.solve(K, B).to_dict(vectors=True)
    assert np.array_equal(out["x"], mh.solve(K, B).x)
    assert "x" not in mh.solve(K, B).to_dict()
