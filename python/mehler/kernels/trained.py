"""The three kernels of a network by what is trained: its last hidden layer, its read-out, everything.

    gradient_kernel   L_depth D_depth
    nngp              S_depth
    ntk               T_depth D_depth + S_depth

Here arguments are checked and made a ``Kernel`` (``kernel.py`` has the recursion), which says how well it is known.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence

import numpy as np

from ..activations import Activation, activation
from ..errors import PrecisionWarning
from .kernel import Kernel

PRECISION_GOAL = 1e-12
LARGEST = 1e140  # h(1) of a function whose integral a quadrature of doubles has cut short
MAX_DEPTH = 1000


def gradient_kernel(
    act: str | Activation | Sequence[str | Activation],
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalized: bool = False,
) -> Kernel:
    """h = L_depth D_depth: train the last hidden layer only.

    At depth 1 (weight_var rho + bias_var) E[phi'(s u) phi'(s v)], s^2 = weight_var + bias_var: the
    G-matrix of Panigrahi, Shetty and Goyal (2020) at infinite width. L_l = weight_var S_{l-1} + bias_var is the
    covariance of the preactivations (u, v) of layer l, S_0 = rho, S_l = E[phi(u) phi(v)], D_l = E[phi'(u) phi'(v)].

    Parameters
    ----------
    act
        The activation phi: a name, or an Activation; or a list of them, one a layer.
    depth
        Number of hidden layers; default 1, or the length of the list.
    weight_var, bias_var
        Variances of weights and biases, of every layer.
    normalized
        Divide S_l and D_l by E[phi(u)^2] of their layer.

    Returns
    -------
    Kernel
        A value: kernel(cosines), kernel(X) (n, n), kernel(X, Y) (n, m), kernel.diag(X), and its power
        series. Divided neither by n nor by a width: the limit of averages over hidden units.

    Raises
    ------
    TypeError
        An activation that is neither a name nor an Activation, variances that are no numbers.
    ValueError
        Unknown activation, variances out of range, a list whose length is not depth, an activation of the last
        layer that jumps, h(1) beyond the range of doubles.

    Warns
    -----
    PrecisionWarning
        The profile is known less precisely than 1e-12 h(1); ``kernel.error`` says to what.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020, arXiv 1908.05660.

    Examples
    --------
    >>> h = mh.gradient_kernel("relu")  # rho (pi - arccos rho) / (2 pi)
    >>> print(np.round(h(np.array([1.0, 0.5, 0.0])), 6))
    [0.5      0.166667 0.      ]
    >>> deep = mh.gradient_kernel(["relu", "tanh"], bias_var=0.1)
    >>> deep.depth
    2
    """
    return _kernel("gradient", act, depth, weight_var, bias_var, normalized)


def nngp(
    act: str | Activation | Sequence[str | Activation],
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalized: bool = False,
) -> Kernel:
    """h = S_depth: train the read-out only (the conjugate kernel).

    At depth 1 E[phi(s u) phi(s v)], s^2 = weight_var + bias_var. S_l = E[phi(u) phi(v)] for (u, v) Gaussian with
    covariance weight_var S_{l-1} + bias_var, S_0 = rho.

    Parameters
    ----------
    act
        The activation phi: a name, or an Activation; or a list of them, one a layer.
    depth
        Number of hidden layers; default 1, or the length of the list.
    weight_var, bias_var
        Variances of weights and biases, of every layer.
    normalized
        Divide S_l by E[phi(u)^2] of its layer.

    Returns
    -------
    Kernel
        A value: kernel(cosines), kernel(X) (n, n), kernel(X, Y) (n, m), kernel.diag(X), and its power
        series. Divided neither by n nor by a width: the limit of averages over hidden units.

    Raises
    ------
    TypeError
        An activation that is neither a name nor an Activation, variances that are no numbers.
    ValueError
        Unknown activation, variances out of range, a list whose length is not depth, h(1) beyond the
        range of doubles.

    Warns
    -----
    PrecisionWarning
        The profile is known less precisely than 1e-12 h(1); ``kernel.error`` says to what.

    References
    ----------
    Neal, Bayesian Learning for Neural Networks, 1996, chapter 2 (the limit of wide layers). Daniely,
    Frostig, Singer, NIPS 2016, arXiv 1602.05897 (as dual of an activation).

    Examples
    --------
    >>> h = mh.nngp("relu")  # (sqrt(1 - rho^2) + (pi - arccos rho) rho) / (2 pi)
    >>> print(np.round(h(np.array([1.0, 0.5, 0.0])), 6))
    [0.5      0.304499 0.159155]
    >>> print(f"{mh.nngp('sin')(1.0):.6f}")  # E sin(Z)^2 = (1 - exp(-2)) / 2
    0.432332
    """
    return _kernel("nngp", act, depth, weight_var, bias_var, normalized)


def ntk(
    act: str | Activation | Sequence[str | Activation],
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalized: bool = False,
) -> Kernel:
    """h = T_depth D_depth + S_depth: train everything (the neural tangent kernel).

    T_1 = L_1, T_{l+1} = weight_var T_l D_l + L_{l+1}; L_l, S_l, D_l as in :func:`gradient_kernel`.

    Parameters
    ----------
    act
        The activation phi: a name, or an Activation; or a list of them, one a layer.
    depth
        Number of hidden layers; default 1, or the length of the list.
    weight_var, bias_var
        Variances of weights and biases, of every layer but the read-out (1 and 0).
    normalized
        Divide S_l and D_l by E[phi(u)^2] of their layer.

    Returns
    -------
    Kernel
        A value: kernel(cosines), kernel(X) (n, n), kernel(X, Y) (n, m), kernel.diag(X), and its power
        series. Divided neither by n nor by a width: the limit of averages over hidden units.

    Raises
    ------
    TypeError, ValueError
        Unknown activation, variances out of range, a list whose length is not depth, an activation that jumps,
        h(1) beyond the range of doubles.

    Warns
    -----
    PrecisionWarning
        The profile is known less precisely than 1e-12 h(1); ``kernel.error`` says to what.

    References
    ----------
    Jacot, Gabriel, Hongler, NeurIPS 2018, arXiv 1806.07572.

    Examples
    --------
    >>> rho = np.array([1.0, 0.5, 0.0])
    >>> both = mh.gradient_kernel("relu")(rho) + mh.nngp("relu")(rho)  # hidden layer and read-out
    >>> np.allclose(mh.ntk("relu")(rho), both)
    True
    >>> print(f"{mh.ntk('relu', depth=3, weight_var=2.0)(1.0):.4f}")  # one from each layer
    4.0000
    """
    return _kernel("ntk", act, depth, weight_var, bias_var, normalized)


def _kernel(
    kind: str,
    act: str | Activation | Sequence[str | Activation],
    depth: int | None,
    weight_var: float,
    bias_var: float,
    normalized: bool,
) -> Kernel:
    from .._arrays import flag

    layers = _layers(act, depth)
    for name, value in (("weight_var", weight_var), ("bias_var", bias_var)):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(f"{name} must be a number; got {value!r}.")
    if not (math.isfinite(weight_var) and weight_var > 0.0):
        raise ValueError(f"weight_var must be positive and finite; got {weight_var!r}.")
    if not (math.isfinite(bias_var) and bias_var >= 0.0):
        raise ValueError(f"bias_var must be >= 0 and finite; got {bias_var!r}.")
    for one in {"gradient": layers[-1:], "ntk": layers, "nngp": ()}[kind]:
        one.derivative()  # refuses an activation that jumps
    alike = all(one == layers[0] for one in layers)
    kernel = Kernel(
        layers[0] if alike else layers,
        kind,
        len(layers),
        float(weight_var),
        float(bias_var),
        flag("normalized", normalized),
    )
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # it is said below
        top = float(kernel.h.ends[0])
    own = any(one.source == "user" for one in layers)
    if not math.isfinite(top) or (own and top >= LARGEST):
        what = {"gradient": "E f'(Z)^2", "nngp": "E f(Z)^2", "ntk": "E f(Z)^2 or E f'(Z)^2"}[kind]
        raise ValueError(
            f"the kernel of {kernel.name!r} is beyond doubles: {what}, Z normal with the variance of its layer, is infinite "
            "where f grows like exp(z^2 / 4) or faster (variance 1)."
        )
    if kernel.error > PRECISION_GOAL * top:
        relative = kernel.error / top
        why = "Declare every kink (kinks=...) and give the derivative (df=...)."
        if all(one.source != "user" for one in layers):
            why = (
                "From layer to layer it changes ever faster near rho = 1, or errors add up; a smaller weight_var, "
                "fewer layers or normalized=True help."
            )
        warnings.warn(
            f"the kernel of {kernel.name!r} is known to {relative:.1e} h(1) only, more than "
            f"{PRECISION_GOAL:.0e}; kernel.error says so. {why}",
            PrecisionWarning,
            stacklevel=3,
        )
    return kernel


def _layers(
    act: str | Activation | Sequence[str | Activation], depth: int | None
) -> tuple[Activation, ...]:
    """One activation a hidden layer."""
    from .._arrays import integer

    count = None if depth is None else integer(depth, "depth")
    if count is not None and not 1 <= count <= MAX_DEPTH:
        raise ValueError(f"depth must satisfy 1 <= depth <= {MAX_DEPTH}; got {depth!r}.")
    if isinstance(act, (str, Activation)) or not isinstance(act, Sequence):
        return (activation(act),) * (count or 1)
    layers = tuple(activation(one) for one in act)
    if not layers:
        raise ValueError("a list of activations must have one a hidden layer; got none.")
    if count not in (None, len(layers)):
        raise ValueError(
            f"depth must be the number of activations, {len(layers)}; got {depth!r}. Leave it out."
        )
    return layers
