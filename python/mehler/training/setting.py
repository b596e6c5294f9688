"""Networks and their Gram matrices: from the options of a user, and at any moment of a training."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from .._progress import Reporter
from ..kernels import Kernel
from ..operators.feature_matrix import FeatureGram
from ..operators.finite_width import features_of
from ..operators.neurons import Features
from ..operators.scheme import scheme_of
from ..operators.space import bytes_for, check_memory, operator_for
from ..operators.stream import Stream
from .descent import Descent
from .network import Network, drawn
from .watch import Stopped, Watch

FACTOR_UP_TO = 300  # order of G(t) that is reduced to a factor: within a second
ENTRIES_UP_TO = 1000  # order up to which the entries are asked for
FEW = 8  # coordinates up to which a factor costs little more than entries


def setting_of(
    A: Array,
    ker: Kernel,
    outputs: int,
    width: Any,
    weights: Any,
    readout: Any,
    rng: Any,
    *,
    init: str,
    parameterization: str,
    train_bias: bool | None,
) -> tuple[Network, np.random.Generator]:
    """The network at initialisation, and a generator for batches; refuses what is none."""
    if ker.normalized:
        raise ValueError(
            "normalized=True is not available at finite width; drop it, and divide y by sqrt(E[phi(Z)^2])."
        )
    if ker.depth != 1:
        raise ValueError(
            f"finite width is for one hidden layer; got depth {ker.depth}. predict_training(X, y, activation, "
            "depth=...) without width predicts deep networks by their kernel."
        )
    scheme = scheme_of(ker, init, parameterization, train_bias)
    ker.layers[0].derivative()  # an activation that jumps is refused before any work
    return drawn(A, ker, scheme, outputs, width, weights, readout, rng)


def features_at(net: Network) -> Features:
    """The features of the network as it is now."""
    kind = net.kernel.kind
    plain = net.outputs == 1 and bool(np.all(net.readout**2 == 1.0))
    readout = None if kind == "nngp" or plain else net.readout
    s = net.scheme
    return features_of(
        net.inputs[:, : net.d],
        net.kernel,
        None,
        net.weights,
        0,
        readout=readout,
        outputs=net.outputs,
        train_bias=None if kind == "nngp" else s.train_bias,
        init=s.init,
        parameterization=s.parameterization,
    )


def gram_at(
    net: Network, watch: Watch, limit: int, threads: int, factor: bool | None = None
) -> FeatureGram:
    """K of the network as it is now: a factor where it is cheap (or asked for), else what multiplies quickest."""
    storage = storage_at(net, limit, threads, factor)
    features = features_at(net)
    check_memory(features, storage, threads, limit)
    report = Reporter(None, watch.listen)
    stream = Stream(features, storage, threads, report)
    try:
        stream.run()
        made = stream.made()
    except _core.Interrupted:
        raise Stopped(watch.report.why or "interrupted") from None
    return FeatureGram(made, net.kernel, features.scheme.limit(net.kernel, net.d), threads)


def gram_bytes(net: Network, limit: int, threads: int) -> int:
    """What :func:`gram_at` takes on the way."""
    return bytes_for(features_at(net), storage_at(net, limit, threads), threads)


def storage_at(net: Network, limit: int, threads: int, factor: bool | None = None) -> str:
    """A factor where it is cheap (or asked for), else what multiplies quickest and fits."""
    features = features_at(net)
    if factor is None:
        factor = features.n <= FACTOR_UP_TO and net.inputs.shape[1] <= FEW
    storage = "factor" if factor else operator_for(features, threads, limit)
    if storage == "dense" and features.n > ENTRIES_UP_TO:
        storage = "packed"  # a third of the memory on the way
    return storage


def initial_outputs(net: Network, threads: int, limit: int, watch: Watch) -> Array:
    """f of all points, (n, c), in float64."""
    y = np.zeros((len(net.inputs), net.outputs))
    with Descent(net, y, np.dtype(np.float64), threads, limit, watch, len(y)) as descent:
        return descent.residuals()
