"""The kernel of two points: the entry of the matrix."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh


@pytest.mark.parametrize("kernel", [mh.ntk("relu", depth=3), mh.gradient_kernel("tanh")], ids=repr)
def test_a_pair_is_an_entry(kernel: mh.Kernel):
    X = mh.generate("sphere-random", 12, 3, rng=2)
    close = X[0] + 1e-7 * X[1]
    X = np.concatenate([X, [close / np.linalg.norm(close), -X[2], X[3]]])
    if kernel.homogeneity:
        X = X * np.linspace(0.5, 3.0, len(X))[:, None]
    K = kernel(X, X)
    for i in range(len(X)):
        for j in range(len(X)):
            found = kernel(X[i], X[j])
            assert isinstance(found, float)
            assert found == pytest.approx(K[i, j], rel=1e-13, abs=1e-15 * K.max())
    # 1 - cos of the close pair is right to digits, not only the entry
    i, j = 0, 12
    drop = kernel.diag(X[:1])[0] - kernel(X[0], X[j] * np.linalg.norm(X[i]) / np.linalg.norm(X[j]))
    assert drop > 0.0


def test_points_of_unequal_norm_go_the_way_of_arrays():
    kernel, X = mh.nngp("tanh"), np.random.default_rng(1).standard_normal((4, 3))
    K = kernel(X, X)
    assert kernel(X[0], X[3]) == pytest.approx(K[0, 3], rel=1e-12)


def test_what_is_no_point_is_refused_as_in_arrays():
    kernel = mh.gradient_kernel("tanh")
    with pytest.raises(ValueError, match="must have one dimension d; got 2 and 3"):
        kernel(np.array([1.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match="X must be finite"):
        kernel(np.array([np.nan, 0.0]), np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="must not contain zero rows"):
        kernel(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
