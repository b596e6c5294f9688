"""Arrays of other libraries come in by DLPack without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mehler as mh
from mehler._arrays import as_points

X = mh.generate("sphere-random", 30, 4, rng=0)


class Foreign:
    """An array that speaks DLPack alone."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def test_dlpack_without_a_copy():
    points = as_points(Foreign(X))
    assert np.shares_memory(points, X)
    assert mh.min_eig(Foreign(X), "relu").value == mh.min_eig(X, "relu").value
    kernel = mh.ntk("relu", depth=2)
    np.testing.assert_array_equal(kernel(Foreign(X), Foreign(X)), kernel(X, X))


def test_a_tensor_that_carries_a_gradient_is_refused():
    class Tracked(Foreign):
        def __dlpack__(self, **options: Any) -> Any:
            raise BufferError("can't export tensors that require gradient")

        def __array__(self, *args: Any, **options: Any) -> Any:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad")

    with pytest.raises(TypeError, match=r"X must be an array of numbers; .*requires grad.*detach"):
        mh.min_eig(Tracked(X), "relu")


def test_torch():
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(X)
    assert np.shares_memory(as_points(tensor), X)
    assert mh.min_eig(tensor, "relu").value == mh.min_eig(X, "relu").value
    with pytest.raises(TypeError, match="detach"):
        mh.min_eig(tensor.requires_grad_(), "relu")


def test_jax():
    jax = pytest.importorskip("jax")
    array = jax.numpy.asarray(X)
    assert mh.min_eig(array, "relu", normalize=True, tol=1e-4).value == pytest.approx(
        mh.min_eig(X, "relu").value, rel=1e-4
    )


def test_a_linear_operator_multiplies_blocks():
    pytest.importorskip("scipy")
    K = mh.gram(X, mh.ntk("relu", depth=2))
    A, V = K.as_linear_operator(), np.random.default_rng(0).standard_normal((30, 5))
    seen: list[tuple[int, ...]] = []
    multiply = K.op.multiply

    class Watched:
        def multiply(self, V: np.ndarray, threads: int) -> np.ndarray:
            seen.append(V.shape)
            return multiply(V, threads)

    K.op = Watched()  # type: ignore[assignment]
    np.testing.assert_allclose(A @ V, K.kernel(X) @ V, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(A.rmatmat(V), K.kernel(X) @ V, rtol=1e-12, atol=1e-12)
    assert seen == [(30, 5), (30, 5)], "one product with the block, not one a column"
