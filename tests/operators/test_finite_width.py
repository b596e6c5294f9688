"""FeatureGram: entries against the definition, and the stream that makes them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import mehler as mh
from mehler.operators import neurons, stream
from mehler.operators.finite_width import features_of
from mehler.operators.space import bytes_for
from spectra import sphere

X = sphere(9, 3) * np.linspace(0.5, 2.0, 9)[:, None]


def by_definition(X, act, W, kernel="gradient", a=None, weight_var=1.0, bias_var=0.0):
    """G in loops over pairs, sums over neurons."""
    inputs = X if not bias_var else np.column_stack([X, np.ones(len(X))])
    act = mh.activation(act) if isinstance(act, str) else act
    f = act.derivative() if kernel == "gradient" else act.phi
    F = f(inputs @ W.T) * (1.0 if a is None else a)
    G = np.empty((len(X), len(X)))
    for i in range(len(X)):
        for j in range(len(X)):
            G[i, j] = np.sum(F[i] * F[j]) / len(W)
            if kernel == "gradient":
                G[i, j] *= weight_var * np.sum(X[i] * X[j]) + bias_var
    return G


@pytest.mark.parametrize("storage", ["factor", "dense"])
@pytest.mark.parametrize("name", [n for n in mh.activations() if n not in ("step",)])
def test_entries_of_every_activation(name, storage):
    act = mh.activation(
        name, **{"polynomial": {"coefficients": (0.0, 1.0, 0.5)}, "hermite": {"k": 3}}.get(name, {})
    )
    W = np.random.default_rng(0).standard_normal((200, 3))
    K = mh.feature_gram(X, act, weights=W, storage=storage)
    G = by_definition(X, act, W)
    np.testing.assert_allclose(np.asarray(K), G, rtol=0, atol=1e-13 * G.max())


@pytest.mark.parametrize("storage", ["factor", "dense"])
@pytest.mark.parametrize("kernel", ["gradient", "nngp"])
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_variances_biases_readout(kernel, bias, storage):
    rng = np.random.default_rng(1)
    W = rng.standard_normal((300, 4 if bias else 3))
    a = rng.standard_normal(300) if kernel == "gradient" else None
    options = {"weight_var": 1.7, "bias_var": bias}
    K = mh.feature_gram(X, "silu", weights=W, readout=a, kernel=kernel, storage=storage, **options)
    G = by_definition(X, "silu", W, kernel, a, **options)
    np.testing.assert_allclose(np.asarray(K), G, rtol=0, atol=1e-13 * np.abs(G).max())
    np.testing.assert_array_equal(np.asarray(K), np.asarray(K).T)
    np.testing.assert_allclose(K.diagonal(), np.diag(G), rtol=1e-13)
    V = rng.standard_normal((9, 2))
    np.testing.assert_allclose(K @ V, G @ V, rtol=0, atol=1e-12 * np.abs(G).max())
    assert (K @ V[:, 0]).shape == (9,)
    np.testing.assert_allclose(K.as_linear_operator() @ V[:, 0], G @ V[:, 0], rtol=1e-11)


def test_a_function_of_ones_own_and_a_step():
    W = np.random.default_rng(1).standard_normal((100, 3))
    own = mh.Activation.from_function(
        lambda z: z / (1 + z**2), df=lambda z: (1 - z**2) / (1 + z**2) ** 2
    )
    G = by_definition(X, own, W)
    np.testing.assert_allclose(np.asarray(mh.feature_gram(X, own, weights=W)), G, atol=1e-14)
    K = mh.feature_gram(X, "step", weights=W, kernel="nngp")
    np.testing.assert_allclose(np.asarray(K), by_definition(X, "step", W, "nngp"), atol=1e-14)
    with pytest.raises(ValueError, match="the derivative of 'step' is a delta"):
        mh.feature_gram(X, "step", weights=W)


def test_weights_are_the_rows_that_the_generator_draws():
    W = np.sqrt(2.0) * np.random.default_rng(7).standard_normal((5000, 3))
    drawn = mh.feature_gram(X, "tanh", width=5000, rng=7, weight_var=2.0)
    given = mh.feature_gram(X, "tanh", weights=W, weight_var=2.0)
    np.testing.assert_array_equal(drawn.factor, given.factor)


@pytest.mark.parametrize("entries", [9 * 1024, 9 * 5000, 2_000_000])
def test_blocks_do_not_change_what_is_drawn(monkeypatch, entries):
    W = np.random.default_rng(7).standard_normal((5000, 3))
    monkeypatch.setattr(neurons, "ENTRIES", entries)
    K = mh.feature_gram(X, "tanh", width=5000, rng=7)
    assert np.array_equal(K.factor, mh.feature_gram(X, "tanh", weights=W).factor)
    np.testing.assert_allclose(np.asarray(K), by_definition(X, "tanh", W), atol=1e-14)


def test_a_generator_moves_on():
    rng = np.random.default_rng(0)
    first, second = (np.asarray(mh.feature_gram(X, "relu", width=100, rng=rng)) for _ in range(2))
    W = np.random.default_rng(0).standard_normal((200, 3))
    np.testing.assert_allclose(first, by_definition(X, "relu", W[:100]), atol=1e-14)
    np.testing.assert_allclose(second, by_definition(X, "relu", W[100:]), atol=1e-14)


def test_a_wider_network_begins_with_the_narrower_one():
    small, large = (np.asarray(mh.feature_gram(X, "elu", width=m, rng=3)) for m in (40, 100))
    W = np.random.default_rng(3).standard_normal((100, 3))
    rest = by_definition(X, "elu", W[40:])
    np.testing.assert_allclose(100 * large, 40 * small + 60 * rest, atol=1e-11)


@pytest.mark.parametrize(("n", "d", "rank"), [(6, 20, 6), (30, 10, 2), (20, 3, 3)])
def test_coordinates_are_compressed_to_their_rank(n, d, rank):
    rng = np.random.default_rng(0)
    C = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))
    C *= np.geomspace(1e-8, 1e8, n)[:, None]
    L, error = stream.compressed(C)
    assert L.shape == (n, rank) and error < 1e-14
    lengths = np.linalg.norm(C, axis=1)
    np.testing.assert_allclose(
        L @ L.T / np.outer(lengths, lengths), C @ C.T / np.outer(lengths, lengths), atol=1e-14
    )


def test_storage():
    K = mh.feature_gram(X, "relu", width=50, rng=0)
    assert K.storage == "factor" and K.shape == (9, 9) and K.nbytes == 648
    start = "<FeatureGram 9 x 9, width 50, factor, 648 B, <gradient_kernel(activation('relu'))"
    assert repr(K).startswith(start)
    dense = mh.feature_gram(X, "relu", width=50, rng=0, storage="dense")
    assert dense.factor is None
    np.testing.assert_allclose(dense.spectrum().values, K.spectrum().values, atol=1e-14)
    assert (dense.spectrum().lower <= K.spectrum().values).all()
    with pytest.raises(ValueError, match="read-only"):
        K.factor[0, 0] = 1.0


def test_memory_is_refused_beforehand():
    A = sphere(2000, 4)
    with pytest.raises(
        MemoryError, match=r"storage='factor' of n=2000 .*What fits: storage='dense'"
    ):
        mh.feature_gram(A, "relu", width=10**6, rng=0, storage="factor", max_memory="400MB")
    with pytest.raises(
        MemoryError, match=r"smallest max_memory that works is .*storage='matrix-free'"
    ):
        mh.feature_gram(A, "relu", width=10**6, rng=0, max_memory="1MB")


WRONG = [
    ({"width": None}, ValueError, r"width and weights are both None; say how many"),
    ({"width": True}, TypeError, "width must be an integer; got True"),
    ({"width": None, "weights": np.full((2, 3), np.nan)}, ValueError, r"weights must be finite; found nan at \(0, 0\)"),
    ({"width": None, "weights": np.ones((2, 3)), "bias_var": 1.0}, ValueError, r"shape \(m, 4\), .*the last column holding the biases"),
    ({"readout": np.ones(3)}, ValueError, r"readout must have the shape \(10,\), one a neuron; got \(3,\)"),
    ({"readout": np.full(10, np.inf)}, ValueError, "readout must be finite; found inf"),
    ({"readout": np.ones(10), "kernel": "nngp"}, ValueError, "readout has no part in the nngp kernel"),
    ({"activation": mh.ntk("tanh", depth=3)}, ValueError, r"of one hidden layer; got 'ntk' of depth 3.*gram_from_rows"),
    ({"activation": mh.nngp("tanh", depth=2)}, ValueError, r"of one hidden layer; got 'nngp' of depth 2"),
    ({"storage": "disk"}, ValueError, "storage must be one of"),
    ({"activation": mh.gradient_kernel("relu", normalized=True)}, ValueError, "normalized=True is not available at finite"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "words"), WRONG, ids=[str(w[0]) for w in WRONG])
def test_wrong_options(options, error, words):
    with pytest.raises(error, match=words):
        mh.feature_gram(X, **({"activation": "relu", "width": 10} | options))


def test_features_that_overflow():
    with (
        pytest.raises(ValueError, match=r"features must be finite; exp gives inf at point \d"),
        np.errstate(over="ignore"),
    ):
        mh.feature_gram(1e4 * X, "exp", width=10, rng=0)


def test_vectors_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"V must have the shape \(9,\) or \(9, b\); got \(8,\)"):
        mh.feature_gram(X, "relu", width=10, rng=0) @ np.ones(8)


def test_what_many_points_take_is_what_is_said():
    """The rounding of features is measured on some points at a time: NumPy's allocations stay within what is planned."""
    P = sphere(3000, 20)
    features = features_of(P, mh.gradient_kernel("relu"), 4096, None, 0)
    said = bytes_for(features, "packed", 1)
    tracemalloc.start()
    try:
        mh.feature_gram(P, "relu", width=4096, rng=0, storage="packed", threads=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= said
