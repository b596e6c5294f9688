"""A two-layer network as an array of weights: the one that :func:`feature_gram` has the Gram matrix of.

    f_p(x) = tau sum_k a_kp phi(w_k . x + b_k)

Invariant: of one seed and the same options, the network is the one of :func:`feature_gram`, and a step eta of
``rates`` moves its outputs by -eta K (f - y) to first order, K that Gram matrix:

    w_k -= eta rate_w dL/dw_k,   b_k -= eta rate_b dL/db_k,   a_k -= eta rate_a dL/da_k,
    rate_w = linear / (m tau^2),   rate_b = constant / (m tau^2),   rate_a = feature / (m tau^2)

with the coefficients of ``operators.scheme``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays import Array, generator_from
from ..activations import Activation
from ..kernels import Kernel
from ..operators.drawn import readout_of, spawned, weights_of
from ..operators.scheme import Scheme

TRAINED = {"gradient": "hidden layer", "nngp": "read-out", "ntk": "both layers"}


@dataclass(eq=False)
class Network:
    """Weights that are trained in place.

    Parameters
    ----------
    kernel
        Which layers are trained, and the activation.
    scheme
        Variances, and what stands before the parts.
    inputs
        Points, (n, d), or (n, d + 1) with a last column of ones where neurons have biases.
    d
        Coordinates of a point.
    weights
        w_k, or (w_k, b_k): (m, d) or (m, d + 1).
    readout
        a, (m, c).
    """

    kernel: Kernel
    scheme: Scheme
    inputs: Array
    d: int
    weights: Array
    readout: Array

    @property
    def activation(self) -> Activation:
        """phi."""
        return self.kernel.layers[0]

    @property
    def width(self) -> int:
        """m."""
        return len(self.weights)

    @property
    def outputs(self) -> int:
        """c."""
        return int(self.readout.shape[1])

    @property
    def trains_hidden(self) -> bool:
        """Whether w (and b) move."""
        return self.kernel.kind != "nngp"

    @property
    def trains_readout(self) -> bool:
        """Whether a moves."""
        return self.kernel.kind != "gradient"

    @property
    def tau(self) -> float:
        """What stands before the sum."""
        fan_out = self.scheme.init == "fan-out"
        return 1.0 / math.sqrt(self.outputs if fan_out else self.width)

    @property
    def rates(self) -> tuple[Array, float]:
        """Of the columns of the weights, and of the read-out."""
        c = self.scheme.coefficients(self.d, self.width, self.outputs)
        unit = self.width * self.tau**2
        columns = np.full(self.inputs.shape[1], c.linear / unit)
        columns[self.d :] = c.constant / unit
        return columns, c.feature / unit


def drawn(
    A: Array,
    ker: Kernel,
    scheme: Scheme,
    outputs: int,
    width: Any,
    weights: Any,
    readout: Any,
    rng: Any,
) -> tuple[Network, np.random.Generator]:
    """The network at initialisation, and a generator beside it, for the order of batches."""
    inputs = np.column_stack([A, np.ones(len(A))]) if scheme.biased else A
    m, W = weights_of(width, weights, inputs.shape[1], scheme.biased)
    # of the nngp kernel, too, the network has a read-out, which is what moves
    kind = "gradient" if ker.kind == "nngp" else ker.kind
    _, a, law = readout_of(readout, outputs, m, kind)
    generator = generator_from(rng)
    beside = spawned(generator)
    if a is None:
        a = beside.standard_normal((m, outputs))
        if law != "gaussian":
            a = np.copysign(1.0, a)
    else:
        a = a.copy()
    if W is None:
        W = generator.standard_normal((m, inputs.shape[1]))
        W[:, : A.shape[1]] *= math.sqrt(scheme.variance(A.shape[1], m))
        if scheme.biased:
            W[:, -1] *= math.sqrt(scheme.bias_var)
    else:
        W = W.copy()
    return Network(ker, scheme, inputs, A.shape[1], W, a), spawned(generator)
