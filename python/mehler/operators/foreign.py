"""What ``eigsh`` takes: Gram operators, arrays, sparse matrices, LinearOperators, one's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array, as_array
from .feature_matrix import FeatureGram
from .kernel_matrix import Gram


def as_operator(
    K: Any, name: str = "K"
) -> tuple[_core.Operator, _core.Operator, int, str, int, Array | None]:
    """(op, exact, n, dtype, nbytes, dense array or None) of whatever can multiply; ``name`` is for messages."""
    if isinstance(K, Gram):
        dense = None
        if K.storage == "dense" and K.dtype == np.float64:
            dense = np.asarray(K._array)
        exact = K.exact()
        return K.op, exact, K.shape[0], str(K.dtype), K.nbytes, dense
    multiplies = isinstance(K, FeatureGram) and K.storage in ("packed", "features", "matrix-free")
    is_operator = (
        multiplies or hasattr(K, "matmat") or (hasattr(K, "tocsr") and hasattr(K, "shape"))
    )
    array_like = (
        isinstance(K, (np.ndarray, list, tuple))
        or hasattr(K, "__array__")
        or hasattr(K, "__dlpack__")
    )
    if not is_operator and array_like:
        A = as_array(K, name)
        if A.ndim != 2 or A.shape[0] != A.shape[1] or A.shape[0] == 0:
            points = ""
            if A.ndim == 2 and A.size:
                points = (
                    " Rows that are points need an activation: mehler.min_eig(X, 'relu'), "
                    "mehler.spectrum(X, 'relu'), or mehler.gram(X, 'relu') for an operator."
                )
            raise ValueError(
                f"{name} must be square, (n, n) with n >= 1; got shape {A.shape}.{points}"
            )
        dense = np.ascontiguousarray(A, dtype=np.float64)
        _check_symmetric(dense, name)
        op = _core.DenseOperator(dense)
        return op, op, len(dense), "float64", dense.nbytes, dense
    shape = getattr(K, "shape", None)
    if shape is None or not (hasattr(K, "__matmul__") or callable(K)):
        raise TypeError(
            f"{name} must be a Gram operator, a symmetric array or a LinearOperator; got {type(K).__name__}."
        )
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 1:
        raise ValueError(f"{name} must be square, (n, n) with n >= 1; got shape {tuple(shape)}.")
    dtype = getattr(K, "dtype", None)
    if dtype is not None and np.dtype(dtype).kind == "c":
        raise TypeError(f"{name} must be real; got {dtype}.")
    if hasattr(K, "tocsr"):
        _check_sparse(K, name)
    multiply = K.matmat if hasattr(K, "matmat") else K.__matmul__

    def product(V: Array) -> Array:
        Y = as_array(multiply(V), f"the product {name} @ V")
        if Y.shape != V.shape:
            raise ValueError(
                f"the product {name} @ V must have the shape {V.shape} of V; got {Y.shape}."
            )
        return Y

    n = int(shape[0])
    wrapped = _core.CallableOperator(product, n)
    return wrapped, wrapped, n, "float64", 0, None


def _check_symmetric(A: Array, name: str) -> None:
    size = 0.0
    worst = 0.0
    for start in range(0, len(A), 1024):
        rows = A[start : start + 1024]
        if not np.isfinite(rows).all():
            i, j = np.argwhere(~np.isfinite(rows))[0]
            raise ValueError(f"{name} must be finite; found {rows[i, j]} at ({start + i}, {j}).")
        size = max(size, float(np.max(np.abs(rows))))
        worst = max(worst, float(np.max(np.abs(rows - A[:, start : start + 1024].T))))
    _check_difference(worst, size, 1e-10, name)
    check_size(size, name)


def asymmetry(A: Array) -> float:
    """|A - A^T|_F / 2: how far a dense array is from its symmetric part, whose eigenvalues are meant."""
    odd = 0.0
    for start in range(0, len(A), 512):
        odd += float(np.sum((A[start : start + 512] - A[:, start : start + 512].T) ** 2))
    return 0.5 * math.sqrt(odd)


def _check_sparse(K: Any, name: str) -> None:
    K = K.tocsr()
    size, worst = float(abs(K).max()), float(abs(K - K.T).max())
    if not math.isfinite(size):
        raise ValueError(f"{name} must be finite; found an entry of size {size}.")
    _check_difference(worst, size, 1e-10, name)
    check_size(size, name)


def _check_difference(worst: float, size: float, tol: float, name: str = "K") -> None:
    if worst > tol * size:
        raise ValueError(
            f"{name} must be symmetric; found |{name} - {name}^T| up to {worst:.2e} with entries up to {size:.2e}. "
            f"Pass ({name} + {name}.T) / 2 if that is rounding."
        )


def check_size(size: float, name: str = "K") -> None:
    """Norms are sums of squares: these, and those of residuals, have to be doubles."""
    if size != 0.0 and not 1e-130 <= size <= 1e140:
        raise ValueError(
            f"{name} must be of a size between 1e-130 and 1e140; found about {size:.1e}. "
            "Multiply it by a constant first."
        )


def product_error(op: _core.Operator, n: int, threads: int) -> tuple[float, float, float]:
    """How exact products of one's own are, from four vectors in two blocks: those of a sum less their sum.

    Returns
    -------
    tuple of float
        (noise, odd, size): an error of a product with a vector of norm one; by how much x . K y and y . K x differ at
        most; |K y| of one of them. All zero where products are zero, infinite or NaN.
    """
    g = np.random.default_rng(0)
    V = g.standard_normal((n, 2)) / math.sqrt(n)
    KV = op.multiply(np.asfortranarray(V), threads)
    size = float(np.linalg.norm(KV[:, 0]))
    if not 0.0 < size < math.inf:
        return 0.0, 0.0, 0.0
    c = KV[:, 0] / size  # leans to the largest eigenvalues
    W = np.column_stack([c, V.sum(axis=1) + c])
    KW = op.multiply(np.asfortranarray(W), threads)
    noise = 2.0 * float(np.linalg.norm(KV.sum(axis=1) + KW[:, 0] - KW[:, 1]))
    pairs = ((V[:, 0], KV[:, 0]), (c, KW[:, 0]))
    odd = max(abs(float(x @ KV[:, 1] - V[:, 1] @ Kx)) for x, Kx in pairs)
    return noise, odd, float(np.linalg.norm(KW[:, 0]))


def columns(op: _core.Operator, n: int, threads: int) -> Array:
    """The matrix of an operator, by its products with unit vectors."""
    out = np.empty((n, n))
    for start in range(0, n, 64):
        E = np.zeros((n, min(64, n - start)), order="F")
        E[np.arange(start, start + E.shape[1]), np.arange(E.shape[1])] = 1.0
        out[:, start : start + E.shape[1]] = op.multiply(E, threads)
    if not np.isfinite(out).all():
        raise ValueError("products with K must be finite; found NaN or infinity.")
    size = float(np.max(np.abs(out)))
    _check_difference(float(np.max(np.abs(out - out.T))), size, 1e-6)  # of float32, perhaps
    check_size(size)
    return np.asarray(0.5 * (out + out.T))
