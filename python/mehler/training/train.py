"""train: gradient descent on a network of finite width, recorded, beside what its kernel predicts.

question -> network -> G(0), prediction and step size -> descent, step by step -> Training
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._arrays import (
    as_points,
    choice,
    duration,
    flag,
    memory_limit,
    thread_count,
)
from .._progress import Reporter, State
from ..activations import Activation
from ..kernels import Kernel
from .ask import labels_of, positive, steps_of, whole
from .observer import GRAM_UP_TO
from .run import Asked, Run
from .setting import setting_of
from .table import Training
from .watch import Stopped, Watch

DTYPES = ("float64", "float32")
REFERENCES = ("initial", "infinite")


def train(
    X: Any,
    y: Any,
    activation: str | Activation | Kernel = "relu",
    width: int | None = None,
    steps: int = 1000,
    *,
    step_size: float | None = None,
    batch_size: int | None = None,
    target: float | None = None,
    record: int | Sequence[int] | None = None,
    gram: bool | None = None,
    predict: bool = True,
    reference: str = "initial",
    kernel: str = "gradient",
    weights: Any = None,
    readout: Any = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    train_bias: bool | None = None,
    init: str = "unit",
    parameterization: str = "ntk",
    normalize: bool = False,
    dtype: str = "float64",
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
) -> Training:
    """w_k <- w_k - eta dL/dw_k, L = (1/2) sum_i |f(x_i) - y_i|^2, f(x) = m^(-1/2) sum_k a_k phi(w_k . x), a_k = +-1.

    By default the setting of Du et al.: the hidden layer is trained, the read-out stays. The network is the one of
    :func:`feature_gram` for the same options and ``rng``, and to first order f moves by -eta G (f - y).

    Parameters
    ----------
    X
        Points, (n, d), of any norms.
    y
        Labels, (n,), or (n, c) of c outputs, each with a read-out of its own; integers and booleans count as the numbers
        that they are. Classes: rows of an identity matrix.
    activation, width, weights, readout, weight_var, bias_var, train_bias, init, parameterization, normalize, rng
        The network, as in :func:`feature_gram`; ``weights`` and ``readout`` of a :class:`Training` go on with it. The
        parameterisation decides the relative step sizes of layers.
    steps
        Updates.
    step_size
        eta. None: 1 / lambda_max(G(0)); of batches divided by n / batch_size and with the largest eigenvalue of some
        batches. 2 / lambda_max and more is warned of.
    batch_size
        Points of a step, each point once an epoch, in an order drawn by ``rng``; the gradient is scaled by
        n / batch_size, that of all points in the mean. None: all points.
    target
        A loss at which to end (of batches: looked at in recorded steps).
    record
        Steps to record: every so many, or an increasing sequence. None: some twenty, evenly on a logarithmic scale.
    gram
        Whether to record drift and extreme eigenvalues of G(t) at these steps. None: up to order 1,000.
    predict
        Whether to predict the loss by the reference matrix (:func:`predict_training`), from f(0) - y.
    reference
        'initial': G(0) of this network; 'infinite': the matrix of infinite width. Its eigenvectors and its
        prediction stand beside the training.
    kernel
        What is trained: 'gradient' the hidden layer, 'ntk' both layers, 'nngp' the read-out.
    dtype
        Of activations and products, 'float64' or 'float32'. Weights, outputs and losses are float64 in both.
    max_memory
        Bytes that this call may allocate, as in :func:`min_eig`. Activations of as many points at a time as fit are held.
    time_limit, threads, progress, callback
        As in :func:`min_eig`; products take the threads of NumPy's BLAS. Ended early, what is known is returned, with
        the weights of the last whole step.

    Returns
    -------
    Training
        ``print`` it, ``.rows``, ``.losses``, ``.records()``, ``.plot()``, ``.to_csv(path)``.

    Raises
    ------
    TypeError, ValueError
        Bad points, labels or options.
    MemoryError
        Weights, gradient and the activations of one point do not fit into ``max_memory``; or G does not.
    KeyboardInterrupt, TimeoutError
        Ended before the first loss was known.

    Warns
    -----
    ConvergenceWarning
        A step size of 2 / lambda_max or more; a loss that diverged.

    References
    ----------
    Du, Zhai, Poczos, Singh, ICLR 2019. Panigrahi, Shetty, Goyal, ICLR 2020 (figure 1). Arora, Du, Hu, Li, Wang,
    ICML 2019 (theorem 4.1).

    Examples
    --------
    >>> X = mh.generate("circle-half", n=10, d=2)
    >>> y = np.array([1.0, -1.0] * 5)
    >>> run = mh.train(X, y, "elu", width=5000, steps=100, rng=0)
    >>> run.status, run.steps
    ('finished', 100)
    >>> np.allclose(run.loss, run.rows[-1].predicted, rtol=0.02)  # as the kernel said
    True
    """
    from ..question import kernel_of

    start = time.perf_counter()
    ker = kernel_of(activation, kernel, None, weight_var, bias_var)
    most = whole(steps, "steps")
    step_size = positive(step_size, "step_size", "a number above 0, or None for 1 / lambda_max")
    target = positive(target, "target", "a loss above 0, or None")
    choice("dtype", dtype, DTYPES)
    choice("reference", reference, REFERENCES)
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    A = as_points(X, normalize=normalize)
    Y = labels_of(y, len(A))
    n = len(A)
    batch = n if batch_size is None else whole(batch_size, "batch_size")
    if not 1 <= batch <= n:
        raise ValueError(f"batch_size must satisfy 1 <= batch_size <= n; got {batch} for n={n}.")
    if record is None:
        grid = steps_of(most)
    elif hasattr(record, "__iter__"):
        grid = steps_of(record, most)
    else:
        every = whole(record, "record")
        if every < 1:
            raise ValueError(f"record must be >= 1, every so many steps; got {record!r}.")
        grid = tuple(range(0, most + 1, every))
    net, order = setting_of(
        A, ker, Y.shape[1], width, weights, readout, rng,
        init=init, parameterization=parameterization, train_bias=train_bias,
    )  # fmt: skip
    see = n * Y.shape[1] <= GRAM_UP_TO if gram is None else flag("gram", gram)
    asked = Asked(
        Y, grid, most, step_size, batch, target, see, flag("predict", predict), reference,
        np.dtype(dtype), limit, count, start,
    )  # fmt: skip
    with Reporter(progress, callback, 1.0, seconds, start) as report, Watch(report) as watch:
        try:
            return Run(net, order, A.shape[1], asked, watch).result()
        except Stopped as reason:
            if report.stopped and "time_limit" in str(reason):
                raise TimeoutError(
                    f"{reason} before the first loss was known; allow more time."
                ) from None
            raise KeyboardInterrupt(str(reason)) from None
