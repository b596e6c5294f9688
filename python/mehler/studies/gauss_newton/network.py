"""The network that is trained: one hidden ReLU layer of m neurons, its read-out of signs fixed.

    f(x) = m^(-1/2) sum_r a_r relu(w_r . x),     a_r = +-1,   w_r ~ N(0, I)

(van den Brand, Peng, Song, Weinstein 2021). J J' goes to (x_i . x_j)(pi - arccos(x_i . x_j)) / 2 pi on the unit sphere
as m grows: ``mehler.gradient_kernel("relu")``, whose smallest eigenvalue is what the width is measured against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, generator_from, integer
from .jacobian import Jacobian


@dataclass(frozen=True, eq=False)
class TwoLayer:
    """Weights of a network; a value: a step makes another one.

    Attributes
    ----------
    W
        (m, d), hidden weights.
    a
        (m,), signs.
    """

    W: Array
    a: Array

    @staticmethod
    def drawn(m: int, d: int, rng: Any = None) -> TwoLayer:
        """w_r ~ N(0, I), a_r = +-1.

        Parameters
        ----------
        m, d
            Neurons, coordinates; >= 1.
        rng
            Seed or Generator.

        Returns
        -------
        TwoLayer

        Raises
        ------
        TypeError, ValueError
            m or d no integer, or below 1.
        """
        for name, value in (("m", m), ("d", d)):
            if integer(value, name) < 1:
                raise ValueError(f"{name} must be >= 1; got {value}.")
        draws = generator_from(rng)
        return TwoLayer(draws.standard_normal((m, d)), draws.choice([-1.0, 1.0], m))

    def evaluate(self, X: Array) -> tuple[Array, Jacobian]:
        """f and J at the points, by one product X W'.

        Parameters
        ----------
        X
            (n, d).

        Returns
        -------
        tuple
            f (n,), and the :class:`Jacobian`.
        """
        Z = X @ self.W.T
        weights = self.a / np.sqrt(len(self.a))
        on = Z > 0.0
        return np.where(on, Z, 0.0) @ weights, Jacobian(on * weights, X)

    def __call__(self, X: Array) -> Array:
        """f(X), (n,), a thousand points at a time."""
        weights = self.a / np.sqrt(len(self.a))
        parts = [
            np.maximum(X[i : i + 1000] @ self.W.T, 0.0) @ weights for i in range(0, len(X), 1000)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def moved(self, step: Array) -> TwoLayer:
        """The network with W - step.

        Parameters
        ----------
        step
            (m, d).

        Returns
        -------
        TwoLayer
        """
        return TwoLayer(self.W - step, self.a)
