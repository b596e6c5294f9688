"""A frozen hidden layer: weights and biases drawn once from a box, and never trained.

    h_l(x) = phi(w_l . x - b_l),    w_l uniform in [-lam, lam]^d,    b_l uniform in [-lam, lam],    l = 1..L

Invariant: one seed and two ranges give the same neurons, scaled; the first neurons of a wide layer are the narrower one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._arrays import Array, generator_from, integer
from ...activations import Activation, activation
from .checks import finite, positive


@dataclass(frozen=True, eq=False)
class FrozenLayer:
    """H(X) of frozen neurons: call it. Make one with :func:`frozen_layer`, or from weights of yours.

    Attributes
    ----------
    activation
        phi.
    weights
        w_l, (L, d).
    biases
        b_l, (L,); they are subtracted.
    """

    activation: Activation
    weights: Array
    biases: Array

    def __post_init__(self) -> None:
        W, b = finite(self.weights, "weights", (2,)), finite(self.biases, "biases", (1,))
        if len(W) != len(b):
            raise ValueError(f"biases must be one a neuron, ({len(W)},); got {b.shape}.")
        object.__setattr__(self, "activation", activation(self.activation))
        object.__setattr__(self, "weights", W)
        object.__setattr__(self, "biases", b)

    @property
    def width(self) -> int:
        """L."""
        return len(self.biases)

    def first(self, width: int) -> FrozenLayer:
        """The layer of the first so many neurons."""
        count = integer(width, "width")
        if not 1 <= count <= self.width:
            raise ValueError(f"width must satisfy 1 <= width <= {self.width}; got {count}.")
        return FrozenLayer(self.activation, self.weights[:count], self.biases[:count])

    def __call__(self, X: Any) -> Array:
        """H, features of points.

        Parameters
        ----------
        X
            (n, d); (n,) for points on the line.

        Returns
        -------
        numpy.ndarray
            (n, L): entry (i, l) is phi(w_l . x_i - b_l).
        """
        P = finite(X, "X", (1, 2))
        P = P[:, None] if P.ndim == 1 else P
        if P.shape[1] != self.weights.shape[1]:
            raise ValueError(
                f"X must have {self.weights.shape[1]} coordinates, as the weights have; got shape {P.shape}."
            )
        Z = P @ self.weights.T
        Z -= self.biases
        return self.activation(Z)


def frozen_layer(
    act: str | Activation, width: int, d: int = 1, lam: float = 1.0, rng: Any = None
) -> FrozenLayer:
    """phi(w . x - b) with w and b uniform in [-lam, lam]^(d + 1), drawn once.

    Parameters
    ----------
    act
        A name, or an :class:`Activation`.
    width
        L, the number of neurons.
    d
        Coordinates of the points.
    lam
        Half width of the box, > 0.
    rng
        Seed or Generator: the neurons are lam times the rows of ``rng.uniform(-1, 1, (L, d + 1))``, the last column the biases.

    Returns
    -------
    FrozenLayer
        Call it on points (n, d).

    Raises
    ------
    TypeError, ValueError
        No such activation, sizes below 1, lam <= 0.

    References
    ----------
    Igelnik and Pao, IEEE Trans. Neural Networks 6, 1995 (frozen random layers).
    """
    count, coordinates = integer(width, "width"), integer(d, "d")
    if count < 1 or coordinates < 1:
        raise ValueError(f"width and d must be >= 1; got width={count} and d={coordinates}.")
    range_ = float(positive(lam, "lam", scalar=True))
    box = range_ * generator_from(rng).uniform(-1.0, 1.0, (count, coordinates + 1))
    return FrozenLayer(activation(act), box[:, :-1], box[:, -1])
