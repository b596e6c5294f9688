"""The Hermite-tail bound: never above the smallest eigenvalue, and not far below where it matters."""

from __future__ import annotations

import numpy as np
import pytest

from mehler.certificates.tail_bound import gershgorin_tail
from mehler.kernels import gradient_kernel, nngp


def sphere(n, d, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def matrix(X, kernel):
    cosine = np.clip(X @ X.T, -1, 1)
    largest = float(np.max(np.abs(cosine - np.diag(np.diag(cosine)))))
    K = kernel.h(cosine)
    np.fill_diagonal(K, kernel.h.ends[0])
    return K, largest


@pytest.mark.parametrize("build", [gradient_kernel, nngp])
@pytest.mark.parametrize("name", ["relu", "selu", "elu", "tanh", "swish", "hardtanh", "exp"])
@pytest.mark.parametrize(("n", "d"), [(20, 3), (50, 5), (100, 10), (200, 40)])
def test_it_is_a_lower_bound(build, name, n, d):
    kernel = build(name)
    K, largest = matrix(sphere(n, d), kernel)
    smallest = float(np.linalg.eigvalsh(K)[0])
    value, order = gershgorin_tail(kernel, n, largest)
    assert 0.0 <= value <= smallest + 1e-13 and order >= 0
    if name == "relu" and build is gradient_kernel:
        assert 3.0 < smallest / value < 5.0  # measured 3.5 to 4.1


def test_biases_and_variances_keep_it_a_bound():
    for options in ({"bias_var": 0.5}, {"weight_var": 2.0}, {"normalized": True}):
        kernel = gradient_kernel("relu", **options)
        K, largest = matrix(sphere(60, 8), kernel)
        value, _ = gershgorin_tail(kernel, 60, largest)
        assert 0.0 < value <= np.linalg.eigvalsh(K)[0]


def test_norms_of_homogeneous_kernels_scale_it():
    kernel = gradient_kernel("relu")
    unit, order = gershgorin_tail(kernel, 50, 0.9)
    assert gershgorin_tail(kernel, 50, 0.9, min_norm=2.0) == (pytest.approx(4.0 * unit), order)


def test_extremes():
    relu = gradient_kernel("relu")
    assert gershgorin_tail(relu, 10, 1.0) == (0.0, 0)
    assert gershgorin_tail(relu, 10, 1.0, min_deficit=1e-3)[0] > 0.0
    assert gershgorin_tail(relu, 10, 1.0 - 1e-9) == (0.0, 0)  # needs more than a million terms
    assert gershgorin_tail(relu, 1, 0.0)[0] == pytest.approx(0.5)
    # Orthogonal points: K = h(1) I + (the constant term, which vanishes for the gradient kernel).
    assert gershgorin_tail(relu, 7, 0.0)[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("n", "cosine", "words"),
    [(0, 0.5, "n must be >= 1; got 0"), (3, 1.1, r"must lie in \[0, 1\]; got 1.1"), (3, -0.1, "got -0.1"),
     (3, float("nan"), "got nan")],
)  # fmt: skip
def test_bad_arguments(n, cosine, words):
    with pytest.raises(ValueError, match=words):
        gershgorin_tail(gradient_kernel("relu"), n, cosine)
