"""The core of the density: recurrences against slow ones, bounds of a measure against the measure itself."""

from __future__ import annotations

import numpy as np
import pytest
from lanczos_reference import measure, recurrence

import mehler as mh
from mehler import _core
from mehler.density.probes import Probes
from spectra import sphere, with_spectrum


def probes_of(A, V, probes, steps, seed=3, threads=2):
    V = np.asfortranarray(V)
    found = _core.quadrature(_core.DenseOperator(A), V, probes, steps, seed, threads)
    left = len(A) - V.shape[1]
    return found, Probes(
        left, found["squares"], found["alpha"], found["beta"], tuple(found["lengths"])
    )


def vectors_of(n, probes, seed=3):
    """The Gaussian vectors themselves: a matrix whose first step gives them away."""
    out = np.zeros((n, probes))

    def product(V):
        out[:] = V
        return V

    _core.quadrature(_core.CallableOperator(product, n), np.zeros((n, 0)), probes, 1, seed, 1)
    return out


def test_each_probe_is_lanczos_from_its_vector():
    A = with_spectrum(np.geomspace(1e-3, 1.0, 60))
    found, _ = probes_of(A, np.zeros((60, 0)), 3, 12)
    G = vectors_of(60, 3)
    for m in range(3):
        alpha, beta = recurrence(A, G[:, m], 12)
        np.testing.assert_allclose(found["alpha"][:, m], alpha, atol=1e-13)
        np.testing.assert_allclose(found["beta"][:, m], beta, atol=1e-13)
    assert np.max(np.abs(np.corrcoef(G.T) - np.eye(3))) < 0.5  # three different vectors


def test_vectors_are_gaussian():
    G = vectors_of(4000, 4)
    found, _ = probes_of(np.eye(4000), np.zeros((4000, 0)), 2, 2)
    assert found["steps"] == 1  # a multiple of the identity: every vector is an eigenvector
    squares = found["squares"]
    assert np.all(np.abs(squares - 4000) < 6 * np.sqrt(2 * 4000))  # chi-square of n degrees
    assert np.max(np.abs(G.T @ G - np.eye(4))) < 6 / np.sqrt(4000)  # of norm one, independent
    for column in np.sqrt(4000) * G.T:
        assert abs(np.mean(column)) < 0.1 and abs(np.mean(column**4) - 3.0) < 0.6


def test_beside_known_eigenvectors():
    values = np.geomspace(1e-2, 10.0, 80)
    A = with_spectrum(values)
    U = np.linalg.eigh(A)[1]
    _, seen = probes_of(A, U[:, [0, 1, -2, -1]], 4, 76)
    for m in range(4):  # all steps: the rule is the measure, of the other eigenvalues
        nodes, weights = seen.gauss(m)
        heavy = weights > 1e-8 * seen.squares[m]
        assert np.all(np.min(np.abs(nodes[heavy, None] - values[2:-2]), axis=1) < 1e-7)
    assert seen.squares.mean() == pytest.approx(76, rel=0.4)


@pytest.mark.parametrize("steps", [2, 5, 13, 30])
def test_canonical_bounds_hold_the_measure(steps):
    """At and between eigenvalues and Ritz values, for clustered, repeated, negative and tiny eigenvalues."""
    g = np.random.default_rng(0)
    values = np.concatenate([[-0.3, 1e-15, 1e-9], np.full(5, 0.1), g.uniform(0, 1, 60), [40.0]])
    A = with_spectrum(values, 1)
    _, seen = probes_of(A, np.zeros((len(A), 0)), 2, steps)
    G = vectors_of(len(A), 2)
    for m in range(2):
        ritz = seen.gauss(m)[0]
        x = np.concatenate([values, ritz, 0.5 * (ritz[1:] + ritz[:-1]), [-9.0, 99.0]])
        low, high = _core.measure_bounds(*seen.recurrence(m), x - 1e-12, x + 1e-12, 2)
        truth = np.array([measure(A, G[:, m], t + s)[0] for t in x for s in (-1e-12, 1e-12)])
        assert np.all(low <= truth[1::2] + 1e-12) and np.all(truth[0::2] <= high + 1e-12)
        assert np.all(low <= high + 1e-14)
        if steps == 30:
            assert np.mean(high - low) < 0.1  # and they say something


def test_canonical_bounds_are_sharp():
    """One node more than T: the weight of the node at x is what the bounds differ by, 1 / sum p_j(x)^2."""
    A = with_spectrum(np.linspace(0.0, 1.0, 40))
    _, seen = probes_of(A, np.zeros((40, 0)), 1, 6)
    alpha, beta = seen.recurrence(0)
    for x in (0.11, 0.5, 0.93):
        low, high = _core.measure_bounds(alpha, beta, np.array([x]), np.array([x]), 1)
        p = [0.0, 1.0]
        for j in range(6):
            before = beta[j - 1] * p[-2] if j else 0.0
            p.append(((x - alpha[j]) * p[-1] - before) / beta[j])
        assert high[0] - low[0] == pytest.approx(1.0 / np.sum(np.square(p)), rel=1e-9)


def test_the_end_of_a_recurrence_is_seen():
    A = np.diag(np.repeat([1.0, 2.0, 5.0], 10))
    found, seen = probes_of(A, np.zeros((30, 0)), 3, 20)
    assert found["steps"] == 3 and seen.lengths == (3, 3, 3)
    assert np.all(found["beta"][2] == 0.0)
    low, high = _core.measure_bounds(*seen.recurrence(0), np.array([1.5]), np.array([1.5]), 1)
    assert low == high == pytest.approx(measure(A, vectors_of(30, 3)[:, 0], 1.5), abs=1e-13)


def test_a_recurrence_that_has_ended_waits_for_the_others():
    """No steps of zeros follow its end: they would be eigenvalues that are not there."""
    values = np.repeat([1.0, 1.0 + 1e-7, 2.0], [13, 13, 15])  # rounding decides when each ends
    lengths = set()
    for seed in range(6):
        found, seen = probes_of(np.diag(values), np.zeros((41, 0)), 3, 41, seed=seed)
        lengths |= {seen.lengths}
        for m, k in enumerate(seen.lengths):
            beta = found["beta"][:, m]
            assert np.all(beta[: k - 1] > 0.0) and np.all(beta[k - 1 :] == 0.0)
            assert np.all(found["alpha"][k:, m] == 0.0)
        assert found["steps"] == max(seen.lengths)
        assert 1.0 - 1e-12 <= seen.lowest() and seen.highest() <= 2.0 + 1e-12
    assert any(len(set(k)) > 1 for k in lengths)


@pytest.mark.parametrize("n", [40, 513, 1300])
def test_threads_change_no_bit(n):
    K = mh.gram(sphere(n, 6), "relu")
    V = np.asfortranarray(np.linalg.qr(np.random.default_rng(0).standard_normal((n, 3)))[0])

    def bits(threads):
        found = _core.quadrature(K.op, V, 5, 20, 1, threads)
        rules = [np.ascontiguousarray(found[key]) for key in ("alpha", "beta", "squares")]
        at = np.geomspace(1e-3, 10.0, 9)
        bounds = _core.measure_bounds(
            np.ascontiguousarray(rules[0][:, 0]), np.ascontiguousarray(rules[1][:, 0]), at, at, threads
        )  # fmt: skip
        return [a.tobytes() for a in (*rules, *bounds)]

    assert bits(1) == bits(2) == bits(3)


def test_an_interruption_leaves_whole_steps():
    A = with_spectrum(np.linspace(0.1, 1.0, 50))
    op = _core.DenseOperator(A)
    calls = []

    def product(V):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return op.multiply(np.asfortranarray(V), 1)

    found = _core.quadrature(_core.CallableOperator(product, 50), np.zeros((50, 0)), 2, 20, 3, 1)
    assert found["interrupted"] and found["stopped"] and found["steps"] == 6
    whole, _ = probes_of(A, np.zeros((50, 0)), 2, 20)
    np.testing.assert_allclose(found["alpha"], whole["alpha"][:6], atol=1e-14)


def test_refusals():
    op = _core.DenseOperator(np.eye(5))
    far = np.array([-1e300, -1e3, 1e3, 1e300])
    low, high = _core.measure_bounds(np.ones(2), np.ones(2), far, far, 1)
    assert (
        np.all(low <= high)
        and low[0] == 0.0
        and high[-1] == 1.0
        and high[0] < 1e-2 < 0.99 < low[-1]
    )
    with pytest.raises(ValueError, match="shape"):
        _core.quadrature(op, np.zeros((4, 1)), 2, 2, 0, 1)
    with pytest.raises(ValueError, match="at least 1"):
        _core.quadrature(op, np.zeros((5, 0)), 0, 2, 0, 1)
    with pytest.raises(ValueError, match="no dimension"):
        _core.quadrature(op, np.eye(5), 2, 2, 0, 1)
    bad = _core.CallableOperator(lambda V: np.full(V.shape, np.nan), 5)
    with pytest.raises(RuntimeError, match="NaN or infinity"):
        _core.quadrature(bad, np.zeros((5, 0)), 2, 2, 0, 1)
