"""Kernels of wide networks as scikit-learn's Gaussian processes (and whatever takes its kernels) want them.

    k(x, y) = the kernel of mehler.ntk, .nngp or .gradient_kernel,    theta = (log weight_var, log bias_var)

scikit-learn calls kernels of its own class with whole arrays, other callables, in ``pairwise_kernels`` and so in ``KernelRidge``,
with one pair of rows after the other. Importing this module registers :class:`mehler.Kernel` with that class (an abstract base class):
``KernelRidge(kernel=mehler.ntk("relu", depth=3))`` then takes whole arrays as ``SVC`` does anyway. Without it the same numbers come
from pairs, some hundred times slower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter
from sklearn.gaussian_process.kernels import Kernel as GaussianProcessKernel

from .._arrays import Array
from ..activations import Activation
from ..kernels import Kernel
from ..question import kernel_of

STEP = 2.0**-7  # of log weight_var and log bias_var in differences

GaussianProcessKernel.register(Kernel)


class NetworkKernel(GaussianProcessKernel):  # type: ignore[misc]
    """K_ij of a wide network as a kernel of scikit-learn.

    Parameters
    ----------
    activation
        A name, an Activation, or a list of them, one a layer.
    kind
        'ntk' (everything is trained), 'nngp' (the read-out: the Gaussian process of a wide Bayesian network) or 'gradient' (the last
        hidden layer).
    depth
        Number of hidden layers; None: 1, or the length of the list.
    weight_var, bias_var
        Variances of weights and biases, of every layer.
    weight_var_bounds, bias_var_bounds
        A pair of bounds within which ``fit`` may move them, or 'fixed'. A bias variance of 0 has no logarithm: it stays fixed.
    normalized
        Divide each layer by E[phi(u)^2].
    """

    def __init__(
        self,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        kind: str = "nngp",
        depth: int | None = None,
        weight_var: float = 1.0,
        bias_var: float = 0.0,
        weight_var_bounds: Any = (1e-2, 1e2),
        bias_var_bounds: Any = (1e-3, 1e1),
        normalized: bool = False,
    ) -> None:
        self.activation = activation
        self.kind = kind
        self.depth = depth
        self.weight_var = weight_var
        self.bias_var = bias_var
        self.weight_var_bounds = weight_var_bounds
        self.bias_var_bounds = bias_var_bounds
        self.normalized = normalized

    @property
    def hyperparameter_weight_var(self) -> Any:
        """The variance of weights, as scikit-learn describes hyperparameters."""
        return Hyperparameter("weight_var", "numeric", self.weight_var_bounds)

    @property
    def hyperparameter_bias_var(self) -> Any:
        """The variance of biases."""
        fixed = self.bias_var == 0.0
        return Hyperparameter("bias_var", "numeric", "fixed" if fixed else self.bias_var_bounds)

    @property
    def kernel(self) -> Kernel:
        """The same as a :class:`mehler.Kernel`: a value, ready for :func:`mehler.min_eig`."""
        return self._at(self.weight_var, self.bias_var)

    def _at(self, weight_var: float, bias_var: float) -> Kernel:
        made = kernel_of(self.activation, self.kind, self.depth, float(weight_var), float(bias_var))
        if not self.normalized:
            return made
        return Kernel(made.activation, made.kind, made.depth, made.weight_var, made.bias_var, True)

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """K(X, Y), and its derivatives by theta.

        Parameters
        ----------
        X, Y
            Points, (n, d) and (m, d); Y None: K(X, X).
        eval_gradient
            Also d K / d theta, (n, n, number of hyperparameters that are not fixed): exact in the weight variance of positively
            homogeneous activations without biases, else by differences of fourth order in theta with the step 2^-7, right to
            about 1e-8 of K.

        Returns
        -------
        numpy.ndarray, or a pair of them
            float64.
        """
        X = np.atleast_2d(X)
        K = self.kernel(X) if Y is None else self.kernel(X, np.atleast_2d(Y))
        if not eval_gradient:
            return K
        if Y is not None:
            raise ValueError("the gradient is that of K(X, X); leave Y out, or eval_gradient.")
        free = [h.name for h in self.hyperparameters if not h.fixed]
        power = self._power(self.kernel)
        slopes = [
            power * K if name == "weight_var" and power is not None else self._slope(X, name)
            for name in free
        ]
        return K, np.stack(slopes, axis=2) if slopes else np.empty((*K.shape, 0))

    @staticmethod
    def _power(kernel: Kernel) -> float | None:
        """e with K ~ weight_var^e, for homogeneous activations without biases: e_l = q_l (e_{l-1} + 1), e_0 = 0; 0 if normalized."""
        if kernel.homogeneity is None:
            return None
        power = 0.0
        for act in kernel.layers:
            assert act.homogeneity is not None
            power = 0.0 if kernel.normalized else act.homogeneity * (power + 1.0)
        return power

    def _slope(self, X: Any, name: str) -> Array:
        """d K / d log(name) = (K(-2h) - 8 K(-h) + 8 K(h) - K(2h)) / (12 h)."""

        def at(shift: float) -> Array:
            now = {"weight_var": self.weight_var, "bias_var": self.bias_var}
            now[name] *= math.exp(shift)
            return np.asarray(self._at(**now)(X))

        near = at(STEP) - at(-STEP)
        return (8.0 * near - (at(2.0 * STEP) - at(-2.0 * STEP))) / (12.0 * STEP)

    def diag(self, X: Any) -> Array:
        """K_ii in O(n d).

        Parameters
        ----------
        X
            Points, (n, d).
        """
        return self.kernel.diag(np.atleast_2d(X))

    def is_stationary(self) -> bool:
        """False: it depends on the angle between points, not on their difference."""
        return False

    def __repr__(self) -> str:
        return (
            f"NetworkKernel({self.activation!r}, {self.kind!r}, depth={self.depth}, "
            f"weight_var={self.weight_var:.3g}, bias_var={self.bias_var:.3g})"
        )
