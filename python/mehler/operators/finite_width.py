"""The Gram matrix of a network of one hidden layer and finite width.

    G = (1/m) [ (F^T F) o (C C^T) + feature (H^T H) (x) I_c ],   F, H features, C (n, d') coordinates

Factor, for small eigenvalues: F = Q_1 S, H = Q_2 T by blocked TSQR, and then

    [F D_1; ...; F D_d'; H (x) I_c] = Q_3 [S D_1; ...; S D_d'; T (x) I_c] = Q R,   D_c = diag(C_1c, ..., C_nc),

so G = R^T R / m with R (n, n), and F^T F is never formed. Entries, for many points: F^T F by GEMM. Products, for
more: F alone. ``forms`` has them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .. import _core
from .._arrays import Array, as_points, choice, duration, memory_limit, thread_count
from .._progress import Reporter, State
from ..activations import Activation
from ..kernels import Kernel
from ..question import kernel_of
from .feature_matrix import FeatureGram
from .neurons import Features
from .scheme import scheme_of
from .space import STORAGES, check_memory, storage_for
from .stream import Stream


def feature_gram(
    X: Any,
    activation: str | Activation | Kernel = "relu",
    width: int | None = None,
    weights: Any = None,
    rng: Any = None,
    *,
    kernel: str = "gradient",
    readout: Any = None,
    outputs: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    train_bias: bool | None = None,
    init: str = "unit",
    parameterization: str = "ntk",
    normalize: bool = False,
    storage: str = "auto",
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
) -> FeatureGram:
    """G_ij = (1/m) sum_k a_k^2 phi'(w_k . x_i) phi'(w_k . x_j) (weight_var <x_i, x_j> + bias_var).

    With kernel='ntk' G_ij is that plus (1/m) sum_k phi(w_k . x_i) phi(w_k . x_j); of c outputs

        G_(i c + p)(j c + q) = (1/m) sum_k [ a_kp a_kq phi'_ki phi'_kj (weight_var <x_i, x_j> + bias_var)
                                             + (p = q) phi_ki phi_kj ],

    which is J J^T for the Jacobian J of shape (n, c, parameters), reshaped to (n c, parameters).

    Parameters
    ----------
    X
        Points, (n, d), of any norms.
    activation
        A name, an :class:`Activation`, or a kernel.
    width
        Number of neurons, m. Features are streamed: a million are no burden on memory.
    weights
        w_k, (m, d), instead of drawn ones; with biases (m, d + 1), the last column the biases.
    rng
        Seed or Generator: the weights are ``rng.standard_normal((m, d)) * sqrt(weight_var)``, with
        biases of d + 1 columns, the last one times sqrt(bias_var).
    kernel
        'gradient' (the hidden layer is trained), 'nngp' (the read-out: G_ij = (1/m) sum_k phi(w_k . x_i)
        phi(w_k . x_j), the conjugate kernel), or 'ntk' (both: the tangent kernel).
    readout
        'sign' or None: a_k = +-1, 'gaussian': N(0, 1), or an array, (m,) or (m, c). Drawn ones are
        ``rng.spawn(1)[0].standard_normal((m, c))``, or its signs.
    outputs
        Number of outputs, c, each with a read-out of its own; None: 1, or as the array says.
    weight_var, bias_var
        Variances of weights and biases. They scale the gradient as in :func:`gradient_kernel`, which
        is the limit of G, unless ``parameterization`` is 'standard'.
    train_bias
        Whether biases are differentiated by. None: where they have a variance. True with bias_var=0: they
        start at zero ('standard' only).
    init
        'unit': w ~ N(0, weight_var), and 1/sqrt(m) before the sum; 'fan-in': w ~ N(0, weight_var / d), the
        read-out of variance 1/m; 'fan-out': w ~ N(0, weight_var / m), the read-out of variance 1/c.
    parameterization
        'ntk': derivatives by Gaussians of variance one, as above, so that variances multiply the parts;
        'standard': by the weights themselves. The hidden layer's part is then <x_i, x_j> (+ 1 for a trained
        bias), and in 'fan-in' and 'fan-out' the read-out's is a sum over neurons, not a mean.
    normalize
        Divide each point by its norm first.
    storage
        'factor': R with G = R^T R / m, which shows eigenvalues down to eps^2 of the largest; 'dense': the
        entries, down to eps; 'packed': their lower triangle; 'features': the features, (m, n), and products
        with them; 'matrix-free': features computed again in every product; 'auto': the first of them that fits
        into ``max_memory``, the factor up to order 3,000 only.
    max_memory, time_limit, threads, progress, callback
        As in :func:`min_eig`; time that runs out is a TimeoutError here, a stop of the callback a
        KeyboardInterrupt.

    Returns
    -------
    FeatureGram
        ``np.asarray``, ``@``, ``.spectrum()``; :func:`eigsh` takes it.

    Raises
    ------
    TypeError, ValueError
        Bad points, weights or options.
    MemoryError
        Nothing that was asked for fits into ``max_memory``; raised before it is allocated.
    TimeoutError
        ``time_limit`` is over.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020 (G = M^T M / m). Jacot, Gabriel, Hongler, NeurIPS 2018 (the tangent
    kernel). Sohl-Dickstein, Novak, Schoenholz, Lee 2020 (parameterisations). Demmel, Grigori, Hoemmen, Langou,
    SISC 34, 2012 (TSQR).

    Examples
    --------
    >>> X = mh.generate("circle-full", n=11, d=2)
    >>> G = mh.feature_gram(X, "relu", width=1000, rng=0)
    >>> W = np.random.default_rng(0).standard_normal((1000, 2))  # the same weights
    >>> M = (X @ W.T > 0)[:, :, None] * X[:, None, :]  # relu'(w_k . x_i) x_i
    >>> M = M.reshape(11, -1)
    >>> np.allclose(np.asarray(G), M @ M.T / 1000)
    True
    """
    start = time.perf_counter()
    ker = kernel_of(activation, kernel, None, weight_var, bias_var)
    choice("storage", storage, STORAGES)
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    A = as_points(X, normalize=normalize)
    features = features_of(
        A,
        ker,
        width,
        weights,
        rng,
        readout=readout,
        outputs=outputs,
        train_bias=train_bias,
        init=init,
        parameterization=parameterization,
    )
    if storage == "auto":
        storage = storage_for(features, count, limit)
    check_memory(features, storage, count, limit)
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        stream = Stream(features, storage, count, report)
        try:
            stream.run()
            made, infinite = stream.made(), features.scheme.limit(ker, features.d)
            return FeatureGram(made, ker, infinite, threads, time.perf_counter() - start)
        except _core.Interrupted:
            if report.stopped and "time_limit" in report.why:
                raise TimeoutError(
                    f"{report.why} after {stream.done} of {features.width} neurons; allow more time, or "
                    "take min_eig, which returns what is known by then."
                ) from None
            raise KeyboardInterrupt(report.why) from None


def features_of(
    A: Array,
    ker: Kernel,
    width: Any,
    weights: Any,
    rng: Any,
    *,
    readout: Any = None,
    outputs: Any = None,
    train_bias: bool | None = None,
    init: str = "unit",
    parameterization: str = "ntk",
) -> Features:
    """The features of a kernel's layer; refuses what finite width does not know."""
    if ker.normalized:
        raise ValueError(
            "normalized=True is not available at finite width; drop it, and divide the result by E[phi(Z)^2]."
        )
    if ker.depth != 1:
        raise ValueError(
            f"finite width (width= or weights=) is for kernels of one hidden layer; got {ker.kind!r} of depth "
            f"{ker.depth}. Leave width and weights out for infinite width, or pass a Jacobian to gram_from_rows."
        )
    scheme = scheme_of(ker, init, parameterization, train_bias)
    return Features(A, ker.layers[0], ker.kind, scheme, width, weights, rng, readout, outputs)
