"""The three straight-through estimators: what stands in the backward pass for the derivative of a step, which is 0.

    identity mu'(x) = 1,   relu mu'(x) = 1{x > 0},   clipped mu'(x) = 1{0 < x < 1}

Each is the slope of an activation mu, and so each has a gradient kernel like any other.
"""

from __future__ import annotations

from ..._arrays import choice
from ...activations import Activation, activation
from ...activations.pieces import spline

ESTIMATORS = ("identity", "relu", "clipped")


def surrogate(estimator: str) -> Activation:
    """mu of an estimator, with mu' as its derivative: z, max(z, 0) or min(max(z, 0), 1).

    Parameters
    ----------
    estimator
        'identity', 'relu' or 'clipped'.

    Returns
    -------
    Activation
        For ``mh.gradient_kernel``, ``mh.min_eig`` and all that take one. The clipped one has kinks at 0 and 1, and is
        neither odd nor even nor homogeneous.

    Raises
    ------
    ValueError
        No such estimator.

    References
    ----------
    Yin, Lyu, Zhang, Osher, Qi, Xin, ICLR 2019, arXiv 1903.05662.

    Examples
    --------
    >>> clipped = ste.surrogate("clipped")
    >>> clipped.kinks, clipped.derivative()(np.array([-1.0, 0.5, 2.0])).tolist()
    ((0.0, 1.0), [0.0, 1.0, 0.0])
    """
    choice("estimator", estimator, ESTIMATORS)
    if estimator != "clipped":
        return activation(estimator)
    return Activation(
        name="clipped",
        formula="min(max(z, 0), 1)",
        source="Yin et al. 2019",
        **spline([], [(0.0, 1, 1.0), (1.0, 1, -1.0)]),
    )
