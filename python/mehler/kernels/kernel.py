"""Kernels of wide layers as functions of the cosine, ready for points and for the compiled core.

Preactivations of layer l = 1..depth have the covariance L_l = weight_var S_{l-1} + bias_var, S_0 = rho for
unit vectors, and for (u, v) Gaussian with that covariance S_l = E[phi(u) phi(v)], D_l = E[phi'(u) phi'(v)]:

    nngp(rho)            = S_depth                                (train the read-out)
    gradient_kernel(rho) = L_depth D_depth                        (train the last hidden layer)
    ntk(rho)             = T_depth D_depth + S_depth              (train everything)
                           T_1 = L_1,  T_{l+1} = weight_var T_l D_l + L_{l+1}.

``normalized=True`` divides S_l and D_l by E[phi(u)^2] of their layer. ``compiled`` makes h of it, ``series`` and ``layer_series``
the powers of rho.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..activations import Activation
from ..activations.hermite import Array
from ..errors import PrecisionWarning
from .compiled import profile_of
from .layer_series import deep_tails, longest, series_of
from .parity import Parity, parity_of
from .profile import ProfileTable
from .series import coefficients, last_known, mixed_by_bias, tails_of

if TYPE_CHECKING:
    from ..explanation import Explanation

OVERSHOOT = 1e-12


@dataclass(frozen=True)
class Kernel:
    """h(cos) of a network, as a value: equal parameters, equal kernels.

    Parameters
    ----------
    activation
        The activation phi; a tuple of them, one a layer, where they differ.
    kind
        'gradient', 'nngp' or 'ntk'.
    depth
        Number of hidden layers.
    weight_var, bias_var
        Variances of weights and biases.
    normalized
        Divide each layer by E[phi(u)^2].

    Examples
    --------
    >>> h = mh.gradient_kernel("relu")
    >>> print(np.round(h(np.array([1.0, 0.5, -0.5])), 6))  # rho (pi - arccos rho) / (2 pi)
    [ 0.5       0.166667 -0.083333]
    >>> X = mh.generate("sphere-random", n=4, d=3, rng=0)
    >>> h(X).shape, h(X, X[:2]).shape, np.allclose(h.diag(X), 0.5)
    ((4, 4), (4, 2), True)
    >>> A = h.coefficients(4)  # h(rho) = rho / 4 + rho^2 / (2 pi) + ...
    >>> print(np.round(A, 4))
    [0.     0.25   0.1592 0.     0.0265]
    >>> np.allclose(h.tail(5), h(1.0) - A.sum())  # all that follows
    True
    >>> h.homogeneity, h.kinked
    (1.0, True)
    >>> print(h.explain())
    kernel      gradient_kernel(activation('relu'))
    ...
    smooth      kinked: the derivative of order 1 is the first that jumps (class J_1)
    ...
    at rho=1    singular term -0.225079 (1 - rho)^0.5
    ...

    A tangent kernel is as singular as those of its layers:

    >>> [layer.kind for layer in mh.ntk("relu", depth=2).single_layers()]
    ['nngp', 'gradient']
    """

    activation: Activation | tuple[Activation, ...]
    kind: str
    depth: int = 1
    weight_var: float = 1.0
    bias_var: float = 0.0
    normalized: bool = False

    @cached_property
    def h(self) -> ProfileTable:
        """The profile: h on an array of cosines."""
        return profile_of(self)

    @property
    def error(self) -> float:
        """Estimated largest absolute error of h."""
        return self.h.error

    @property
    def layers(self) -> tuple[Activation, ...]:
        """The activations, one a hidden layer."""
        one = self.activation
        return one if isinstance(one, tuple) else (one,) * self.depth

    @property
    def name(self) -> str:
        """The activation's name, or the names of all layers."""
        if isinstance(self.activation, tuple):
            return ", ".join(act.name for act in self.activation)
        return self.activation.name

    @property
    def kinked(self) -> bool:
        """Whether some derivative of an activation jumps: h is then singular at rho = +-1."""
        return any(act.kinks for act in self.layers)

    @property
    def homogeneity(self) -> float | None:
        """q when K_ij = (|x_i| |x_j|)^q h(cos_ij) for points of any norm, else None.

        The product of the layers' degrees, for all three kernels: L_l has the degree p of the layers
        before, S_l has p q_l, D_l has p (q_l - 1), and T_l has p.
        """
        degrees = [act.homogeneity for act in self.layers]
        if self.bias_var != 0.0 or any(q is None for q in degrees):
            return None
        return math.prod(q for q in degrees if q is not None)

    def single_layers(self) -> tuple[Kernel, ...]:
        """Kernels of one layer, of unit variance, that h is made of: as singular at rho = 1 as h.

        Returns
        -------
        tuple of Kernel
            Each once: nngp of the layers below, gradient of those that are derived.
        """
        layers = self.layers
        phi = layers[: len(layers) - (self.kind == "gradient")]
        dphi = {"gradient": layers[-1:], "ntk": layers, "nngp": ()}[self.kind]
        parts = [("nngp", act) for act in phi] + [("gradient", act) for act in dphi]
        return tuple(Kernel(act, kind) for kind, act in dict.fromkeys(parts))

    @property
    def parity(self) -> Parity:
        """Which powers of rho h has."""
        return parity_of(self.kind, self.layers, self.bias_var != 0.0)

    def __call__(self, X: Any, Y: Any = None) -> Any:
        """h of cosines (0-D or 1-D input), the dense kernel matrix of points (2-D input), or the kernel of two points.

        Parameters
        ----------
        X
            Cosines (a number or 1-D), or points (n, d), one a row, of any norms. Cosines beyond +-1 by at most
            1e-12 are taken as +-1.
        Y
            More points, (m, d). With X and Y both of the shape (d,), two points: some callers, such as scikit-learn's
            KernelRidge, go through pairs.

        Returns
        -------
        float or numpy.ndarray
            float64: h of each cosine; K(X, X) (n, n), symmetric to the bit; K(X, Y) (n, m); or one number.

        Raises
        ------
        TypeError
            X or Y is no array of real numbers.
        ValueError
            Cosines outside [-1, 1]; points that are not 2-D, not finite, zero, of different dimensions, or of
            norms at which the activation cannot be evaluated; of norms other than one, for a function of one's
            own with kinks away from zero.

        Warns
        -----
        PrecisionWarning
            Between points of unequal norm, entries are known less precisely than 1e-12 sqrt(K_ii K_jj).
        """
        from .._arrays import as_array

        X = as_array(X, "X")
        if Y is None and X.ndim < 2:
            return self.h(_cosines(X))[()]
        if Y is not None and X.ndim == 1 and np.ndim(Y) == 1:
            from ..operators.pair import pair_value

            return pair_value(X, as_array(Y, "Y"), self)
        from ..operators.entries import cross_gram, dense_gram

        return dense_gram(X, self) if Y is None else cross_gram(X, Y, self)

    def diag(self, X: Any) -> Array:
        """K_ii in O(n d): |x_i|^(2q) h(1) for homogeneous activations.

        Parameters
        ----------
        X
            Points, (n, d), as for the kernel itself.

        Returns
        -------
        numpy.ndarray
            (n,), float64.

        Raises
        ------
        TypeError, ValueError
            Bad points, as for the kernel itself.
        """
        from .._arrays import as_points
        from ..operators.points import core_diagonal, core_points

        return core_diagonal(core_points(as_points(X), self, None), self)

    def coefficients(self, kmax: int) -> Array:
        """A_0, ..., A_kmax of the power series h(rho) = sum_p A_p rho^p, all A_p >= 0, sum_p A_p = h(1).

        Parameters
        ----------
        kmax
            The last index, >= 0.

        Returns
        -------
        numpy.ndarray
            (kmax + 1,), float64.

        Raises
        ------
        TypeError, ValueError
            kmax is not an integer >= 0.

        Warns
        -----
        PrecisionWarning
            With a bias they are sums of very many terms when weight_var << bias_var; says what they may lack.
        """
        from .._arrays import integer

        kmax = integer(kmax, "kmax")
        if kmax < 0:
            raise ValueError(f"kmax must be >= 0; got {kmax}.")
        out = known_coefficients(self, kmax)
        lack, top = 0.0, float(self.h.ends[0])
        why = f"weight_var={self.weight_var:g} is small beside bias_var={self.bias_var:g}"
        if self.deep:
            lack, why = top * series_of(self, kmax).lack, "so near to a constant are its layers"
        elif self.bias_var != 0.0:
            lack = float(mixed_by_bias(self, kmax)[1][-1])
        if lack > 1e-12 * top:
            warnings.warn(
                f"the first {kmax + 1} coefficients of {self!r} may lack {lack / top:.0e} h(1) in all: {why}.",
                PrecisionWarning,
                stacklevel=2,
            )
        return out

    @property
    def last_tail(self) -> int:
        """N beyond which ``tail`` is known to give nothing."""
        return longest(self) if self.deep else last_known(self)

    @property
    def deep(self) -> bool:
        """Whether h is made layer by layer."""
        return self.depth > 1 or self.kind == "ntk"

    def tail(self, N: Any) -> Any:
        """Lower bounds of sum_{p >= N} A_p = h(1) - sum_{p < N} A_p, safe against rounding.

        For a gradient kernel with weight_var=1 and bias_var=0, tail(N + 1) is the T_N of the
        Hermite-tail bound: sum_{k >= N} mu_k(phi')^2.

        Parameters
        ----------
        N
            A non-negative integer or an array of them.

        Returns
        -------
        float or numpy.ndarray
            A float for an integer, else an array of the shape of N; 0 where nothing is known.

        Raises
        ------
        ValueError
            An N that is not an integer >= 0.
        """
        index = np.asarray(N)
        if index.dtype.kind not in "iu" or (index.size and index.min() < 0):
            raise ValueError(f"N must hold integers >= 0; got {N!r}.")
        if index.size == 0:
            return np.zeros(index.shape)
        # few sizes, so that those which are known already serve
        most = 1 << max(int(index.max()) - 1, 511).bit_length()
        tails = (deep_tails(self, most) if self.deep else tails_of(self, most))[index]
        return float(tails) if index.ndim == 0 else tails

    def explain(self) -> Explanation:
        """Formula, parity, smoothness, and what they mean for lambda_min, derived from phi and the layers.

        Returns
        -------
        Explanation
            Prints well; ``kinks`` (order and size of the jump), ``plus`` and ``minus`` (singular terms of h at rho = +-1),
            ``tail`` and ``exponent``, or ``decay`` (of the power series), and ``implies``.
        """
        from ..explanation import explain

        return explain(self)

    def __repr__(self) -> str:
        name = {"gradient": "gradient_kernel"}.get(self.kind, self.kind)
        several = isinstance(self.activation, tuple)
        words = [repr(list(self.layers) if several else self.activation)]
        if self.depth != 1 and not several:
            words.append(f"depth={self.depth}")
        if self.weight_var != 1.0:
            words.append(f"weight_var={self.weight_var!r}")
        if self.bias_var != 0.0:
            words.append(f"bias_var={self.bias_var!r}")
        if self.normalized:
            words.append("normalized=True")
        call = f"{name}({', '.join(words)})"
        return f"<{call}: h(1)={self.h.ends[0]:.6g}, {self.h.form}, error {self.error:.1e}>"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "h"}


def known_coefficients(kernel: Kernel, kmax: int) -> Array:
    """``kernel.coefficients`` without a word about what they lack."""
    if kernel.deep:
        return float(kernel.h.ends[0]) * series_of(kernel, kmax).middle[: kmax + 1]
    return coefficients(kernel, kmax)[: kmax + 1]


def _cosines(rho: Any) -> Array:
    rho = np.asarray(rho, dtype=np.float64)
    largest = float(np.max(np.abs(rho))) if rho.size else 0.0
    if not largest <= 1.0 + OVERSHOOT:
        raise ValueError(
            f"cosines must lie in [-1, 1]; found {largest!r} in absolute value. "
            "Pass points as a 2-D array."
        )
    return np.asarray(np.clip(rho, -1.0, 1.0))
