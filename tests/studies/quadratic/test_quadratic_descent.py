"""Quadratic units: descent from samples against NumPy, its step size, threads, Ctrl-C."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

from mehler.studies import quadratic


def trials(T: int, n: int, d: int, m: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Samples, labels of teachers of one unit, weights at the start."""
    rng = np.random.default_rng(seed)
    X, w, W = (rng.standard_normal(shape) for shape in ((T, n, d), (T, d, 1), (T, m, d)))
    return X, (X @ w)[:, :, 0] ** 2, W


def test_descent_is_gradient_descent_written_out():
    """A double loop over units and samples; and A+ = (I - eta M) A (I - eta M), M = mean r x x', which knows no weights."""
    X, y, W = trials(2, 7, 3, 4)
    found = quadratic.descend(X, y, W, 25, step_size=0.01, tol=0.0)
    for t in range(2):
        V, A = W[t].copy(), quadratic.matrix_of(W[t])
        for _ in range(25):
            r = np.array([np.mean([(w @ x) ** 2 for w in V]) for x in X[t]]) - y[t]
            V = V - 0.01 / 7 * np.array([sum(r[k] * (w @ X[t, k]) * X[t, k] for k in range(7)) for w in V])  # fmt: skip
            s = np.einsum("ki,ij,kj->k", X[t], A, X[t]) - y[t]
            P = np.eye(3) - 0.01 / 7 * (X[t].T * s) @ X[t]
            A = P @ A @ P
        np.testing.assert_allclose(found.weights[t], V, rtol=1e-10)
        np.testing.assert_allclose(found.matrices[t], A, rtol=1e-10)
        r = np.mean((X[t] @ V.T) ** 2, axis=1) - y[t]
        assert found.losses[t] == pytest.approx(0.25 * np.mean(r * r), rel=1e-10)
    assert found.steps.tolist() == [25, 25] and not found.diverged.any()


def test_many_samples_pass_in_panels():
    """600 samples are three panels: the same step as in one NumPy product."""
    X, y, W = trials(1, 600, 4, 3)
    found = quadratic.descend(X[0], y[0], W[0], 1, step_size=1e-3, tol=0.0)
    Z = X[0] @ W[0].T
    r = np.mean(Z * Z, axis=1) - y[0]
    np.testing.assert_allclose(found.weights[0], W[0] - 1e-3 / 600 * (Z.T * r) @ X[0], rtol=1e-12)


@pytest.mark.parametrize("shape", [(9, 4, 8), (3, 2, 3), (5, 3, 7), (300, 5, 9)])
def test_threads_and_company_change_no_bit(shape: tuple[int, int, int]):
    X, y, W = trials(7, *shape)
    one = quadratic.descend(X, y, W, 300, threads=1)
    for threads in (2, 3):
        more = quadratic.descend(X, y, W, 300, threads=threads)
        assert more.weights.tobytes() == one.weights.tobytes()
        assert more.losses.tobytes() == one.losses.tobytes() and (more.steps == one.steps).all()
    alone = quadratic.descend(X[5], y[5], W[5], 300, threads=1)
    assert alone.weights.tobytes() == one.weights[5].tobytes()


def test_step_size_is_stable_and_its_bound_holds_at_every_fit():
    """lambda_max of the tangent Gram matrix at the teacher and at where descent ends; losses never rise.

    20 seeds of 20 trials: 0.995 of the bound at most.
    """
    X, y, W = trials(20, 12, 5, 10, seed=4)
    found = quadratic.descend(X, y, W, 4000, tol=1e-20)
    for t in range(20):
        fitted = found.matrices[t]
        for A in (quadratic.matrix_of(W[t]), fitted):
            T = 2.0 / 12 * (X[t] @ X[t].T) * (X[t] @ A @ X[t].T)
            assert np.linalg.eigvalsh(T)[-1] * found.step_size[t] <= 1.0 + 1e-6
        f = np.maximum(y[t], np.mean((X[t] @ W[t].T) ** 2, axis=1))
        B = 2.0 / 12 * np.abs(X[t] @ X[t].T) * np.sqrt(np.outer(f, f))
        largest = np.linalg.eigvalsh(B)[-1]
        assert largest * (1.0 - 1e-12) <= 1.0 / found.step_size[t] <= 1.01 * largest
    last = np.full(20, np.inf)
    for steps in (0, 1, 2, 3, 5, 8, 13, 40, 200):
        losses = quadratic.descend(X, y, W, steps, tol=0.0).losses
        assert (losses <= last * (1.0 + 1e-12)).all()
        last = losses


def test_too_long_a_step_is_said():
    X, y, W = trials(3, 9, 4, 8)
    found = quadratic.descend(X, y, W, 500, step_size=5.0)
    assert found.diverged.all() and (found.steps < 500).all()
    assert not quadratic.descend(X, y, W, 500).diverged.any()


def test_nothing_to_learn():
    """Labels and samples of zero: no step, no division by zero."""
    found = quadratic.descend(np.zeros((2, 3)), np.zeros(2), np.ones((2, 3)), 5)
    assert found.losses[0] == 0.0 and found.steps[0] == 0 and found.step_size[0] == 1.0


def test_ctrl_c_ends_a_descent_within_a_second():
    X, y, W = trials(4, 200, 20, 40)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    start = time.perf_counter()
    try:
        with pytest.raises(KeyboardInterrupt):
            quadratic.descend(X, y, W, 10**12, tol=0.0, threads=2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert (
        time.perf_counter() - start < 0.2 + 2.0
    )  # one second is promised; tests run beside others


def test_other_dtypes_and_orders_are_the_same_numbers():
    X, y, W = (np.rint(4.0 * a) for a in trials(2, 5, 3, 4))
    truth = quadratic.descend(X, y, W, 10, step_size=1e-4)
    for make in (np.float32, np.int64, np.asfortranarray, np.ndarray.tolist):
        found = quadratic.descend(make(X), make(y), make(W), 10, step_size=1e-4)
        assert found.weights.tobytes() == truth.weights.tobytes()
    one = quadratic.descend([[2.0]], [4.0], [[1.0]], 1, step_size=0.1)
    assert one.weights[0, 0, 0] == pytest.approx(1.0 - 0.1 * (4.0 - 4.0) * 4.0)
