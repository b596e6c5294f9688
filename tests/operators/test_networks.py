"""Networks in every parameterisation against the Jacobian of the network itself, by complex steps.

f(params + i h e_j) / h has an imaginary part that is the derivative to the last digit (h = 1e-30): the network is
evaluated as papers write it, and nothing of the package's formulas enters.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp

import mehler as mh
from spectra import sphere

N, D, M = 5, 3, 7
X = sphere(N, D) * np.linspace(0.5, 2.0, N)[:, None]
PHI = {"tanh": np.tanh, "softplus": lambda z: np.log(1.0 + np.exp(z))}
SCHEMES = [(i, p) for i in ("unit", "fan-in", "fan-out") for p in ("ntk", "standard")]


def drawn(seed, biased, c, law):
    """The unit Gaussians that the documentation promises: hidden (m, d or d + 1), read-out (m, c)."""
    rng = np.random.default_rng(seed)
    a = rng.spawn(1)[0].standard_normal((M, c))
    g = rng.standard_normal((M, D + biased))
    return g, (np.sign(a) if law == "sign" else a)


def jacobian(g, a, phi, init, parameterization, wv, bv, biased):
    """(n, c, hidden parameters), (n, c, biases), (n, c, read-out parameters)."""
    c = a.shape[1]
    s = wv / {"unit": 1, "fan-in": D, "fan-out": M}[init]
    tau = np.sqrt({"unit": 1 / M, "fan-in": 1 / M, "fan-out": 1 / c}[init])
    if parameterization == "ntk":
        front, w_scale, b_scale = tau, np.sqrt(s), np.sqrt(bv)
        W, b, A = g[:, :D], g[:, D] if biased else np.zeros(M), a
    else:
        front, w_scale, b_scale = (tau if init == "unit" else 1.0), 1.0, 1.0
        W = np.sqrt(s) * g[:, :D]
        b = np.sqrt(bv) * g[:, D] if biased else np.zeros(M)
        A = a if init == "unit" else tau * a

    def f(W, b, A):
        return front * phi(w_scale * X @ W.T + b_scale * b) @ A

    h, given, parts = 1e-30, (W, b, A), []
    for place, block in enumerate(given):
        columns = []
        for j in range(block.size):
            moved = [np.array(x, dtype=complex) for x in given]
            moved[place].reshape(-1)[j] += 1j * h
            columns.append(f(*moved).imag / h)
        parts.append(np.stack(columns, axis=-1))
    return parts


def gram_of(parts, n_c):
    J = np.concatenate(parts, axis=-1).reshape(n_c, -1)
    return J @ J.T


@pytest.mark.parametrize("storage", ["factor", "dense", "packed", "features", "matrix-free"])
@pytest.mark.parametrize(("init", "parameterization"), SCHEMES)
def test_the_jacobian_of_the_network(init, parameterization, storage):
    for kernel in ("gradient", "nngp", "ntk"):
        for c, law, bv in ((1, "gaussian", 0.0), (2, "sign", 0.4), (3, "gaussian", 0.4)):
            g, a = drawn(3, bv > 0, c, law)
            parts = jacobian(g, a, PHI["tanh"], init, parameterization, 1.7, bv, bv > 0)
            chosen = {
                "gradient": [parts[0], *([parts[1]] if bv else [])],
                "nngp": [parts[2]],
                "ntk": [parts[0], *([parts[1]] if bv else []), parts[2]],
            }[kernel]
            truth = gram_of(chosen, N * c)
            K = mh.feature_gram(
                X, "tanh", width=M, rng=3, kernel=kernel, outputs=c, weight_var=1.7, bias_var=bv,
                readout=None if kernel == "nngp" else law, init=init,
                parameterization=parameterization, storage=storage,
            )  # fmt: skip
            assert K.shape == (N * c, N * c) and K.storage == storage
            size = np.abs(truth).max()
            np.testing.assert_allclose(np.asarray(K), truth, rtol=0, atol=3e-14 * size)
            np.testing.assert_allclose(K.diagonal(), np.diag(truth), rtol=0, atol=3e-14 * size)
            V = np.random.default_rng(0).standard_normal((N * c, 2))
            np.testing.assert_allclose(K @ V, truth @ V, rtol=0, atol=1e-13 * size * N * c)
            assert K.rank == np.concatenate(chosen, axis=-1).shape[-1]


def test_biases_that_are_drawn_but_not_trained_and_trained_but_not_drawn():
    g, a = drawn(1, True, 1, "gaussian")
    options = {"width": M, "rng": 1, "readout": "gaussian", "parameterization": "standard"}
    hidden, bias, _ = jacobian(g, a, PHI["softplus"], "unit", "standard", 1.0, 0.5, True)
    frozen = mh.feature_gram(X, "softplus", bias_var=0.5, train_bias=False, **options)
    np.testing.assert_allclose(np.asarray(frozen), gram_of([hidden], N), rtol=0, atol=1e-13)
    hidden, bias, _ = jacobian(g, a, PHI["softplus"], "unit", "standard", 1.0, 0.0, True)
    zero = mh.feature_gram(X, "softplus", train_bias=True, **options)
    np.testing.assert_allclose(np.asarray(zero), gram_of([hidden, bias], N), rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["relu", "elu", "abs", "hard_tanh", "sin", "erf"])
def test_gradient_and_features_add_up_to_the_tangent_kernel(name):
    X = sphere(15, 3)
    options = {"width": 200, "rng": 0, "bias_var": 0.2, "outputs": 2}
    parts = [
        np.asarray(mh.feature_gram(X, name, kernel=k, **options)) for k in ("gradient", "nngp")
    ]
    whole = np.asarray(mh.feature_gram(X, name, kernel="ntk", **options))
    np.testing.assert_allclose(sum(parts), whole, rtol=0, atol=1e-13 * whole.max())


@pytest.mark.parametrize("kernel", ["gradient", "nngp", "ntk"])
def test_forms_of_many_points_agree(kernel, monkeypatch):
    """More rows than a panel, several blocks of neurons, several slices of coordinates."""
    from mehler.operators import forms, neurons

    monkeypatch.setattr(neurons, "ENTRIES", 300 * 256)
    monkeypatch.setattr(forms, "COLUMNS", 5_000)
    monkeypatch.setattr(forms, "EDGE", 128)
    X = sphere(150, 6)
    options = {"width": 600, "rng": 0, "kernel": kernel, "outputs": 2}
    entries = mh.feature_gram(X, "relu", storage="dense", **options)
    G, V = np.asarray(entries), np.random.default_rng(0).standard_normal((300, 3))
    largest = np.linalg.eigvalsh(G)[-1]
    for storage in ("packed", "features", "matrix-free"):
        K = mh.feature_gram(X, "relu", storage=storage, **options)
        np.testing.assert_allclose(K @ V, G @ V, rtol=0, atol=1e-12 * np.abs(G @ V).max())
        np.testing.assert_allclose(np.asarray(K), G, rtol=0, atol=1e-14 * G.max())
        np.testing.assert_allclose(K @ V[:, 0], G @ V[:, 0], rtol=0, atol=1e-11)
        assert np.array_equal(np.asarray(K), np.asarray(K).T)
        two = mh.feature_gram(X, "relu", storage=storage, threads=1, **options)
        assert np.array_equal(np.asarray(two), np.asarray(K))
        top = mh.eigsh(K, k=1, which="LA", rng=0, method="lanczos", tol=1e-3)
        assert top.value == pytest.approx(largest, rel=1e-5)
    assert mh.feature_gram(X, "relu", storage="packed", **options).nbytes < 0.7 * entries.nbytes


def test_matrix_free_holds_nothing_and_draws_the_same_again():
    rng = np.random.default_rng(5)
    K = mh.feature_gram(X, "relu", width=400, rng=rng, storage="matrix-free", readout="gaussian")
    assert K.nbytes == 0 and np.array_equal(K @ np.eye(N), K @ np.eye(N))
    rest = rng.standard_normal(3)
    again = np.random.default_rng(5)
    again.standard_normal((400, D))
    assert np.array_equal(rest, again.standard_normal(3))  # the user's generator has moved on


def test_min_eig_takes_products_where_entries_do_not_fit():
    X = sphere(1500, 20)
    options = {"width": 200, "rng": 0, "tol": 1e-2, "method": "lanczos"}
    whole = mh.min_eig(X, "relu", **options)
    less = mh.min_eig(
        X, "relu", max_memory="57MB", **options
    )  # entries take 64 MB and more, features 55
    assert whole.resolved and less.resolved and less.nbytes < whole.nbytes - 10_000_000
    assert less.value == pytest.approx(whole.value, rel=2e-2)


def test_limits():
    """Each K is near factor * kernel(X) at width 1e5: 8 standard deviations of entries of variance <= 1."""
    X, m = sphere(20, 4), 100_000
    cases = [
        {"kernel": "ntk"},
        {"kernel": "ntk", "weight_var": 2.0, "bias_var": 0.5},
        {"kernel": "gradient", "init": "fan-in", "parameterization": "standard"},
        {"kernel": "ntk", "init": "fan-in"},
        {"kernel": "ntk", "parameterization": "standard", "readout": "gaussian"},
        {"kernel": "nngp", "init": "fan-in", "weight_var": 3.0},
    ]
    for options in cases:
        K = mh.feature_gram(X, "tanh", width=m, rng=0, **options)
        ker, factor = K.limit
        scale = 1.0 + options.get("weight_var", 1.0)
        assert np.abs(np.asarray(K) - factor * ker(X)).max() < 8.0 * scale / np.sqrt(m), options
    nowhere = (
        {"init": "fan-out"},
        {"kernel": "ntk", "init": "fan-in", "parameterization": "standard"},
    )
    for options in nowhere:
        assert isinstance(mh.feature_gram(X, "tanh", width=9, rng=0, **options).limit, str)


@pytest.mark.parametrize("c", [1, 2])
def test_small_eigenvalues_of_the_tangent_kernel_keep_their_digits(c):
    """Against 60 digits, on a half circle, where lambda_min is below what doubles of G show."""
    n, m = (14, 11)[c - 1], 40
    X, rng = mh.generate("circle-half", n=n, d=2), np.random.default_rng(2)
    W, A = 0.1 * rng.standard_normal((m, 2)), rng.standard_normal((m, c))
    with mp.workdps(60):
        J = mp.matrix(n * c, m * 2 + m * c)
        for i in range(n):
            for k in range(m):
                z = mpmath.fdot(map(mp.mpf, X[i].tolist()), map(mp.mpf, W[k].tolist()))
                for p in range(c):
                    for j in range(2):
                        J[i * c + p, 2 * k + j] = (
                            mp.mpf(A[k, p]) * mpmath.sech(z) ** 2 * mp.mpf(X[i, j])
                        )
                    J[i * c + p, 2 * m + k * c + p] = mpmath.tanh(z)
        truth = sorted(mp.eigsy(J * J.T / m, eigvals_only=True))
        s = mh.feature_gram(X, "tanh", weights=W, readout=A, kernel="ntk").spectrum(1e-2)
        assert truth[0] < 1e-15 * truth[-1]
        assert all(lo <= t <= up for lo, t, up in zip(s.lower, truth, s.upper, strict=True))
        assert s.status[0] == "resolved" and abs(s.values[0] / truth[0] - 1) < 1e-2


def test_min_eig_of_the_tangent_kernel():
    X = sphere(30, 4)
    r = mh.min_eig(X, "relu", kernel="ntk", width=2000, rng=0)
    G = np.asarray(mh.feature_gram(X, "relu", kernel="ntk", width=2000, rng=0))
    assert r.resolved and r.value == pytest.approx(np.linalg.eigvalsh(G)[0], rel=1e-10)
    zero = mh.min_eig(X, "relu", kernel="ntk", width=5, rng=0)
    assert zero.value == 0.0 and "30 points, and a layer of rank 25 at most" in zero.message


WRONG = [
    ({"readout": "normal"}, ValueError, r"readout must be one of \('sign', 'gaussian'\) or an array; got 'normal'"),
    ({"readout": np.ones((9, 2)), "outputs": 3}, ValueError, "outputs=3 and a readout of 2 outputs disagree"),
    ({"readout": np.ones(9), "outputs": 2}, ValueError, r"outputs=2 takes a readout of the shape \(9, 2\)"),
    ({"readout": np.ones((8, 2))}, ValueError, r"shape \(9,\), one a neuron; got \(8, 2\). Of c outputs it is \(9, c\)"),
    ({"outputs": 0}, ValueError, "outputs must be >= 1; got 0"),
    ({"outputs": 1.5}, TypeError, "outputs must be an integer; got 1.5"),
    ({"init": "he"}, ValueError, r"init must be one of \('unit', 'fan-in', 'fan-out'\); got 'he'"),
    ({"parameterization": "mup"}, ValueError, r"parameterization must be one of \('ntk', 'standard'\)"),
    ({"train_bias": True}, ValueError, "train_bias=True has nothing to train at bias_var=0"),
    ({"train_bias": 1}, TypeError, "train_bias must be True or False; got 1"),
    ({"train_bias": True, "kernel": "nngp"}, ValueError, "train_bias has no part in the nngp kernel"),
    ({"readout": "gaussian", "kernel": "nngp"}, ValueError, "readout has no part in the nngp kernel"),
    ({"storage": "disk"}, ValueError, "storage must be one of"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "words"), WRONG, ids=[str(w[0])[:60] for w in WRONG])
def test_wrong_options(options, error, words):
    with pytest.raises(error, match=words):
        mh.feature_gram(X, **({"activation": "tanh", "width": 9} | options))


def test_memory_names_all_forms_that_fit():
    with pytest.raises(
        MemoryError, match=r"storage='dense' of n=3000 .*What fits: storage='packed'"
    ):
        mh.feature_gram(sphere(3000, 3), "relu", width=100, storage="dense", max_memory="200MB")


def test_rounding_of_a_few_long_weights_is_seen():
    """Every other neuron moves by 1e-7 when rounding moves w . x: the bounds have to say so."""
    W = np.random.default_rng(0).standard_normal((8192, 2))
    W[1::2] *= 1e9
    X = mh.generate("sphere-random", n=6, d=2, rng=0)
    r = mh.min_eig(X, "sin", weights=W)
    assert r.lower <= 0.243852418668 <= r.upper  # by 50 digits


def test_one_neuron():
    X = np.random.default_rng(0).standard_normal((5, 3))
    r = mh.min_eig(X, "tanh", width=1, rng=0)
    assert r.value <= 1e-15 and r.lower <= 0.0 <= r.upper
