"""The k extreme pairs, each as often as it occurs: eigsh against dense truth, far outliers and multiplicities included."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from spectra import sphere, with_spectrum

pytestmark = [
    pytest.mark.filterwarnings("ignore::mehler.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning"),
]


def same(r: mh.EigenResult, truth: np.ndarray, k: int, which: str) -> bool:
    """Whether it is resolved, and then asserts that it is what it has to be; truth ascends."""
    if not r.resolved:
        return False
    truth = truth[:k] if which == "SA" else truth[::-1][:k]
    size = np.max(np.abs(truth))
    assert r.vectors is not None
    np.testing.assert_allclose(r.values, truth, rtol=r.tol, atol=4 * r.floor + 1e-14 * size)
    np.testing.assert_allclose(r.vectors.T @ r.vectors, np.eye(k), atol=1e-8)
    return True


@pytest.mark.parametrize("name", ["tanh", "elu"])
def test_outliers_far_from_the_next_values(name):
    """Ten directions hold a spectrum's outliers: three steps of the power method see |K| a little small."""
    K = mh.gram(sphere(700, 10), name)
    truth = np.linalg.eigvalsh(mh.gradient_kernel(name)(sphere(700, 10)))
    for k in (2, 12, 20):
        for seed in (0, 1):
            r = mh.eigsh(K, k, "LA", method="lanczos", tol=1e-8, rng=seed)
            assert same(r, truth, k, "LA")


@pytest.mark.parametrize(
    ("storage", "dtype"), [("dense", "float32"), ("packed", "float32"), ("packed", "float64")]
)
def test_every_storage(storage, dtype):
    X = np.concatenate([sphere(50, 3) * s for s in ([1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1])])
    K, truth = (
        mh.gram(X, "relu", storage=storage, dtype=dtype),
        np.linalg.eigvalsh(mh.gradient_kernel("relu")(X)),
    )
    done = [
        same(mh.eigsh(K, k, which, method="lanczos", tol=tol, rng=k), truth, k, which)
        for k in (2, 7, 15)
        for which in ("SA", "LA")
        for tol in (1e-2, 1e-5)
    ]
    assert sum(done) >= 6  # of 12; the others say that they are not


SPECTRA = {
    "outliers below, multiple beside": [[-1.0] * 2, [0.5] * 6, np.linspace(0.9, 1.0, 92)],
    "two-sided": [[-10.0] * 7, np.linspace(-9.0, 9.0, 90), [10.0] * 3],
    "negative": [[-1e3] * 8, -np.geomspace(20.0, 1.5, 90), [-1.0] * 7],
    "graded, multiple": [[1.0] * 9, np.geomspace(1.5, 1e3, 90), [2e3] * 5],
}


@pytest.mark.parametrize("which", ["SA", "LA"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", list(SPECTRA))
def test_multiplicities(name, dtype, which):
    K = with_spectrum(np.concatenate(SPECTRA[name])).astype(dtype)
    truth, done = np.linalg.eigvalsh(K.astype(np.float64)), 0
    tols = (1e-2, 1e-6) if dtype == np.float32 else (1e-2, 1e-10)
    for k, block in ((2, 1), (4, 1), (9, 4)):
        for tol in tols:
            r = mh.eigsh(K, k, which, method="lanczos", tol=tol, block=block, rng=k, certify="none")
            done += same(r, truth, k, which)
    assert done >= 4  # of 6
