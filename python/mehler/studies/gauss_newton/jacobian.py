"""The Jacobian of a two-layer network in its hidden weights, as a row-wise Kronecker product that is never formed.

    J_i = A_i (x) x_i,    A_ir = a_r 1{w_r . x_i > 0} / sqrt(m),      J is n x (m d)
    J'p = A' (p . X)      (m, d),      J V = rowsum((A V) . X),      J J' = (A A') . (X X')

("." elementwise, p times rows). The textbook forms (A . p)'X and rowsum((X V') . A) are the same sums; these take no
n x m array beside A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, as_array


@dataclass(frozen=True, eq=False)
class Jacobian:
    """J of n points and m neurons: products with it in 2 n m d flops each.

    Attributes
    ----------
    A
        (n, m): a_r phi'(w_r . x_i) / sqrt(m).
    X
        (n, d), points.
    """

    A: Array
    X: Array

    def __post_init__(self) -> None:
        A, X = as_array(self.A, "A"), as_array(self.X, "X")
        if A.ndim != 2 or X.ndim != 2 or len(A) != len(X) or 0 in A.shape or 0 in X.shape:
            raise ValueError(
                f"A must have the shape (n, m) and X (n, d), n, m, d >= 1; got {A.shape} and {X.shape}."
            )
        A = np.ascontiguousarray(A, dtype=np.float64)
        X = np.ascontiguousarray(X, dtype=np.float64)
        for name, M in (("A", A), ("X", X)):
            if not np.isfinite(M).all():
                raise ValueError(f"{name} must be finite; found NaN or infinity.")
        object.__setattr__(self, "A", A)
        object.__setattr__(self, "X", X)

    @property
    def n(self) -> int:
        """Points."""
        return len(self.A)

    @property
    def m(self) -> int:
        """Neurons."""
        return int(self.A.shape[1])

    @property
    def d(self) -> int:
        """Coordinates of a point."""
        return int(self.X.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m d)."""
        return self.n, self.m * self.d

    def transposed(self, p: Any) -> Array:
        """J'p = A'(p . X), as a step of the weights.

        Parameters
        ----------
        p
            (n,).

        Returns
        -------
        numpy.ndarray
            (m, d).
        """
        p = _block(p, (self.n,), "p")
        return np.asarray(self.A.T @ (p[:, None] * self.X))

    def times(self, V: Any) -> Array:
        """J V = rowsum((A V) . X).

        Parameters
        ----------
        V
            (m, d).

        Returns
        -------
        numpy.ndarray
            (n,).
        """
        V = _block(V, (self.m, self.d), "V")
        return np.asarray(np.einsum("ij,ij->i", self.A @ V, self.X))

    def gram(self) -> Array:
        """J J' = (A A') . (X X'): n^2 (m + d) flops, not n^2 m d.

        Returns
        -------
        numpy.ndarray
            (n, n), symmetric to the bit.
        """
        G = self.A @ self.A.T
        G *= self.X @ self.X.T
        return np.asarray(0.5 * (G + G.T))

    def explicit(self) -> Array:
        """J itself, n m d numbers: what the other methods avoid.

        Returns
        -------
        numpy.ndarray
            (n, m d).
        """
        return np.asarray(np.einsum("ir,ij->irj", self.A, self.X)).reshape(self.shape)

    def normal(self) -> Normal:
        """J J' as an operator, for :func:`mehler.solve`: 4 n m d flops a product.

        Returns
        -------
        Normal
            ``shape`` (n, n) and ``@``.
        """
        return Normal(self)


@dataclass(frozen=True, eq=False)
class Normal:
    """J J', by its products."""

    jacobian: Jacobian

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.jacobian.n, self.jacobian.n

    def __matmul__(self, V: Any) -> Array:
        V = np.asarray(V, dtype=np.float64)
        J = self.jacobian
        if V.ndim == 1:
            return J.times(J.transposed(V))
        return np.column_stack([J.times(J.transposed(v)) for v in V.T])


def _block(V: Any, shape: tuple[int, ...], name: str) -> Array:
    B = np.asarray(as_array(V, name), dtype=np.float64)
    if B.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}; got {B.shape}.")
    return B
