"""Spectra of what multiplies: storages, operators of one's own and what they do wrong, time that runs out."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

import mehler as mh
from spectra import sphere, with_spectrum

OPTIONS = {"method": "quadrature", "probes": 4, "steps": 25, "ends": 4, "rng": 0}


def held(density, values):
    """Whether log det, trace, both ends and the band hold the truth."""
    x = np.concatenate([values * (1 + 1e-6), np.geomspace(values[0] / 2, 2 * values[-1], 40)])
    lower, _, upper = density.cumulative(x)
    count = np.searchsorted(values, x, side="right")
    return (
        float(np.sum(np.log(values))) in density.logdet()
        and density.trace.lower <= np.sum(values) * (1 + 1e-12)
        and np.sum(values) * (1 - 1e-12) <= density.trace.upper
        and values[0] in density.smallest
        and values[-1] in density.largest
        and bool(np.all((lower <= count) & (count <= upper)))
    )


@pytest.fixture(scope="module")
def truth():
    X = sphere(500, 6)
    A = mh.gram(X, "relu").toarray()
    return X, A, np.linalg.eigvalsh(A)


@pytest.mark.parametrize(
    "storage",
    [
        {"storage": "packed"},
        {"storage": "dense"},
        {"storage": "matrix-free"},
        {"storage": "packed", "dtype": "float32"},
        {"storage": "disk"},
        {"storage": "disk", "dtype": "float32"},
    ],
    ids=lambda s: "-".join(s.values()),
)
def test_every_storage(truth, storage, tmp_path):
    X, _, values = truth
    where = {"path": tmp_path / "K"} if storage["storage"] == "disk" else {}
    K = mh.gram(X, "relu", **storage, **where)
    density = mh.spectrum(K, **OPTIONS)
    assert held(density, values)
    assert (density.floor > 1e-8) == (storage.get("dtype") == "float32")


@pytest.mark.parametrize("method", ["quadrature", "dense"])
def test_trace_of_rounded_entries(method):
    """That of the kernel matrix, not of its entries in float32."""
    X = sphere(300, 10)
    K = mh.gram(X, "tanh", dtype="float32")
    density = mh.spectrum(K, method=method, rng=0)
    truth = float(np.sum(mh.gram(X, "tanh").diagonal()))
    assert abs(float(np.sum(K.diagonal(), dtype=np.float64)) - truth) > 1e-9 * truth
    assert density.trace.lower <= truth * (1 + 1e-14) and truth * (1 - 1e-14) <= density.trace.upper


def test_random_features():
    K = mh.feature_gram(sphere(300, 5), "relu", width=1500, rng=0)
    assert held(mh.spectrum(K, **OPTIONS), np.linalg.eigvalsh(K.toarray()))


class Own:
    """K @ V by a function."""

    def __init__(self, n, product):
        self.shape, self.product = (n, n), product

    def __matmul__(self, V):
        return self.product(V)


def test_products_that_are_less_exact_than_doubles(truth):
    """Of float32, and with errors of 1e-7: the floor grows to what they are, and everything holds."""
    _, A, values = truth
    small = A.astype(np.float32)
    noise = np.random.default_rng(0)
    exact = mh.spectrum(Own(500, lambda V: A @ V), **OPTIONS)
    assert exact.floor < 1e-11 and held(exact, values)
    for product in (
        lambda V: small @ V.astype(np.float32),
        lambda V: A @ V + 1e-7 / np.sqrt(500) * noise.standard_normal(V.shape),
    ):
        density = mh.spectrum(Own(500, product), **OPTIONS)
        assert density.floor > 1e-7 and held(density, values)
    assert mh.spectrum(Own(50, lambda V: 0.0 * V), **OPTIONS).below_floor == (50, 50, 50)


@pytest.mark.parametrize("method", ["dense", "quadrature"])
def test_small_values_behind_products_of_float32(method):
    """They are not known, whichever way the matrix is taken: products hide them."""
    values = np.geomspace(1e-9, 1.0, 200)
    F = with_spectrum(values).astype(np.float32)
    truth = np.sort(np.linalg.svd(F.astype(np.float64), compute_uv=False) ** 2)
    density = mh.spectrum(
        Own(200, lambda V: F @ (F.T @ V.astype(np.float32))), method=method, rng=0
    )
    assert density.floor > 1e-8 and truth[0] < 1e-12
    assert truth[0] in density.smallest and truth[-1] in density.largest
    assert float(np.sum(truth)) in density.trace
    assert float(np.sum(np.log(truth))) in density.logdet()
    assert int(np.sum(truth <= 1e-12)) in density.count_below(1e-12)


@pytest.mark.parametrize(
    ("product", "error", "message"),
    [
        (lambda V: V[:, :1], ValueError, "must have the shape"),
        (lambda V: np.full(V.shape, np.nan), (ValueError, RuntimeError), "NaN or infinity"),
        (lambda V: 1j * V, TypeError, "must be real"),
        (lambda V: np.cumsum(V, axis=0), ValueError, r"symmetric.*Pass \(K \+ K.T\) / 2"),
        (lambda V: 1 // 0, ZeroDivisionError, "division"),
    ],
    ids=["shape", "NaN", "complex", "not symmetric", "raises"],
)
@pytest.mark.parametrize("ends", [0, 4])
def test_products_that_are_wrong(product, error, message, ends):
    with pytest.raises(error, match=message):
        mh.spectrum(Own(1200, product), **{**OPTIONS, "ends": ends})


def test_time_runs_out():
    """At any moment what is known is returned, after no more products than fit, and its intervals hold."""
    A = with_spectrum(np.geomspace(1e-2, 10.0, 600))
    values = np.linalg.eigvalsh(A)
    slow = Own(600, lambda V: time.sleep(0.01) or A @ V)
    seen = []
    for limit in (0.1, 0.3, 0.6):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mh.ConvergenceWarning)
            try:
                density = mh.spectrum(
                    slow, **{**OPTIONS, "steps": 200, "ends": 0}, time_limit=limit
                )
            except KeyboardInterrupt:
                continue  # not two steps yet
        assert density.block_products <= limit / 0.01
        assert f"stopped by time_limit={limit:g} s" in density.message
        lower, _, upper = density.cumulative(values)
        assert np.all((lower <= np.arange(1, 601)) & (np.arange(1, 601) <= upper))
        assert float(np.sum(values / (values + 1.0))) in density.degrees_of_freedom(
            1.0
        ) or np.isinf(density.degrees_of_freedom(1.0).upper)
        seen.append(density.block_products)
    assert seen and seen == sorted(seen)
