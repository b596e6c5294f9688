"""predict_training: question -> operator -> spectral measure -> loss with bounds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import (
    Array,
    as_points,
    choice,
    duration,
    flag,
    memory_limit,
    thread_count,
    tolerance,
)
from .._progress import Reporter, State
from .._words import meant
from ..activations import Activation
from ..kernels import Kernel
from .ask import labels_of, positive, steps_of
from .measure import Decay, Measure
from .prediction import TrainingPrediction
from .spectral import (
    METHODS,
    SPECTRUM_UP_TO,
    Reference,
    eigenpairs,
    measure_of_pairs,
    measure_of_products,
)
from .watch import Stopped, Watch

if TYPE_CHECKING:
    from ..operators.feature_matrix import FeatureGram
    from ..operators.kernel_matrix import Gram

TOL = 1e-3


def predict_training(
    X: Any,
    y: Any,
    activation: str | Activation | Kernel | Sequence[str | Activation] = "relu",
    steps: int | Sequence[int] = 1000,
    *,
    step_size: float | None = None,
    initial: Any = None,
    target: float | None = None,
    flow: bool = False,
    kernel: str = "gradient",
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    width: int | None = None,
    weights: Any = None,
    readout: Any = None,
    train_bias: bool | None = None,
    init: str = "unit",
    parameterization: str = "ntk",
    normalize: bool = False,
    lower: float = 0.0,
    tol: float = TOL,
    method: str = "auto",
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
) -> TrainingPrediction:
    """L(t) = (1/2) |(I - eta K)^t (f(0) - y)|^2: the loss of gradient descent, linearised, with an error bar.

    Of L = (1/2) sum_i |f(x_i) - y_i|^2, with |.| over outputs; exact for K constant, as at infinite width.

    Parameters
    ----------
    X
        Points, (n, d), or an operator made by :func:`gram` or :func:`feature_gram`, whose options then stand.
    y
        Labels, (n,), or (n, c) of c outputs, which share K.
    activation, kernel, depth, weight_var, bias_var, normalize
        Of K, as in :func:`min_eig`. kernel='ntk' trains all layers, 'gradient' the last hidden one, 'nngp' the
        read-out, at any depth.
    steps
        t: a number, for some thirty steps up to it, or an increasing sequence.
    step_size
        eta; None: 1 / lambda_max(K).
    initial
        f(0), (n,) or (n, c). None: zero at infinite width, else what the network gives. 'gaussian': the mean over
        outputs f(0) drawn with the covariance of the nngp kernel, as wide networks have (infinite width, method 'spectrum').
    target
        A loss whose :meth:`TrainingPrediction.iterations` the quadrature has to know to ``tol`` too.
    flow
        The gradient flow at time eta t, exp(-eta K t), instead of descent.
    width, weights, readout, train_bias, init, parameterization, rng
        A network of finite width, the one that :func:`train` takes for the same options.
    lower
        A known lower bound of lambda_min(K), such as ``min_eig(...).lower``: sharpens ``upper`` at late steps.
    tol
        Relative accuracy of the loss: half of upper - lower over the loss.
    method
        'spectrum' (all eigenpairs), 'lanczos' (products with K from the residual on, no n^3), or 'auto': the
        spectrum up to order 1,000.
    max_memory, time_limit, threads, progress, callback
        As in :func:`min_eig`. What is ended early returns the bounds it has.

    Returns
    -------
    TrainingPrediction
        ``print`` it, ``.at(steps)``, ``.iterations(target)``, ``.records()``, ``.plot()``.

    Raises
    ------
    TypeError, ValueError
        Bad points, labels, steps or options.
    MemoryError
        K, or a short basis, does not fit into ``max_memory``.
    KeyboardInterrupt, TimeoutError
        Ended before anything was known.

    References
    ----------
    Jacot, Gabriel, Hongler, NeurIPS 2018. Arora, Du, Hu, Li, Wang, ICML 2019 (theorem 4.1). Golub, Meurant,
    Matrices, Moments and Quadrature, 2010 (theorems 6.3 to 6.6).

    Examples
    --------
    >>> X = mh.generate("circle-half", n=10, d=2)
    >>> y = np.array([1.0, -1.0] * 5)
    >>> ahead = mh.predict_training(X, y, "relu", steps=[0, 10, 100])
    >>> K = mh.gradient_kernel("relu")(X)
    >>> left = np.linalg.matrix_power(np.eye(10) - ahead.step_size * K, 100) @ y
    >>> np.allclose(ahead.loss[-1], 0.5 * left @ left)
    True
    >>> ahead.iterations(0.5)
    Iterations(target=0.5, lower=91, upper=91)
    """
    start = time.perf_counter()
    grid = steps_of(steps)
    step_size = positive(step_size, "step_size", "a number above 0, or None for 1 / lambda_max")
    target = positive(target, "target", "a loss above 0, or None")
    choice("method", method, METHODS)
    tol, count, limit = tolerance(tol), thread_count(threads), memory_limit(max_memory)
    seconds = duration(time_limit)
    flag("flow", flow)
    if not 0.0 <= float(lower) < math.inf:
        raise ValueError(f"lower must be a bound >= 0 of lambda_min; got {lower!r}.")
    with Reporter(progress, callback, 1.0, seconds, start) as report, Watch(report) as watch:
        try:
            K, name, f, extra_of = _question(
                X, y, activation, initial, watch, limit, count, method,
                kernel=kernel, depth=depth, weight_var=weight_var, bias_var=bias_var,
                width=width, weights=weights, readout=readout, train_bias=train_bias, init=init,
                parameterization=parameterization, normalize=normalize, rng=rng,
            )  # fmt: skip
            r = f - labels_of(y, len(f))
            ref = Reference(K, r.shape[1])
            found = predicted(
                ref, r, grid, step_size, watch, limit, count, method=method, tol=tol, flow=flow,
                target=target, least=float(lower), name=name, extra=extra_of,
            )  # fmt: skip
        except Stopped as reason:
            if report.stopped and "time_limit" in str(reason):
                raise TimeoutError(
                    f"{reason} before anything was known; allow more time."
                ) from None
            raise KeyboardInterrupt(str(reason)) from None
    return found.dated(time.perf_counter() - start)


def _question(
    X: Any,
    y: Any,
    activation: Any,
    initial: Any,
    watch: Watch,
    limit: int,
    threads: int,
    method: str,
    **options: Any,
) -> tuple[Gram | FeatureGram, str, Array, Callable[[Array], Array] | None]:
    """(K, its name, f(0), more weights of the measure by the eigenvectors)."""
    from ..operators.feature_matrix import FeatureGram
    from ..operators.gram import gram
    from ..operators.kernel_matrix import Gram
    from ..question import KERNELS, kernel_of
    from .setting import gram_at, initial_outputs, setting_of

    if isinstance(X, (Gram, FeatureGram)):
        n = X.shape[0]
        c = labels_of(y, n if isinstance(X, Gram) else _points_of(X, y)).shape[1]
        rows = n if isinstance(X, Gram) else n // c
        f = np.zeros((rows, c)) if initial is None else _initial(initial, rows, c)
        return X, repr(X), f, None
    A = as_points(X, normalize=options["normalize"])
    c = labels_of(y, len(A)).shape[1]
    finite = options["width"] is not None or options["weights"] is not None
    gaussian = isinstance(initial, str)
    if gaussian and initial != "gaussian":
        raise ValueError(
            f"initial must be None, 'gaussian' or outputs f(0); got {initial!r}."
            + meant(initial, ("gaussian",))
        )
    ker = kernel_of(
        activation, options["kernel"], options["depth"], options["weight_var"], options["bias_var"]
    )
    if finite:
        if gaussian:
            raise ValueError(
                "initial='gaussian' is for infinite width; a network of finite width has outputs of its own."
            )
        net, _ = setting_of(
            A, ker, c, options["width"], options["weights"], options["readout"], options["rng"],
            init=options["init"], parameterization=options["parameterization"],
            train_bias=options["train_bias"],
        )  # fmt: skip
        f = (
            initial_outputs(net, threads, limit, watch)
            if initial is None
            else _initial(initial, len(A), c)
        )
        name = f"{ker.kind} kernel of {ker.name}, width {net.width}"
        return gram_at(net, watch, limit, threads), name, f, None
    usual = {
        "readout": None,
        "train_bias": None,
        "init": "unit",
        "parameterization": "ntk",
    }
    odd = [
        key for key, value in usual.items() if options[key] is not value and options[key] != value
    ]
    if odd:
        raise ValueError(
            f"{', '.join(odd)} belongs to finite width; pass width= or weights=, or leave it out."
        )
    extra: Callable[[Array], Array] | None = None
    if gaussian:
        if method == "lanczos" or (method == "auto" and len(A) > SPECTRUM_UP_TO):
            raise ValueError(
                "initial='gaussian' needs every eigenvector; pass method='spectrum', or draw f(0) and pass it."
            )
        nngp = KERNELS["nngp"](
            list(ker.layers), depth=ker.depth, weight_var=ker.weight_var, bias_var=ker.bias_var
        )
        S = np.asarray(nngp(A))

        def extra_weights(V: Array) -> Array:
            return np.asarray(c * np.sum(V * (S @ V), axis=0))

        extra = extra_weights
    f = np.zeros((len(A), c)) if initial is None or gaussian else _initial(initial, len(A), c)
    watch.poll("fill", 0, 0)
    K = gram(A, ker, max_memory=limit, threads=threads, callback=watch.listen)
    depth = f", depth {ker.depth}" if ker.depth > 1 else ""
    return K, f"{ker.kind} kernel of {ker.name}{depth}", f, extra


def _points_of(K: FeatureGram, y: Any) -> int:
    """Points of a matrix of n c outputs, by its labels."""
    n = K.shape[0]
    rows = len(y) if hasattr(y, "__len__") else n
    return rows if rows and n % rows == 0 else n


def _initial(initial: Any, n: int, c: int) -> Array:
    f = labels_of(initial, n, "initial")
    if f.shape[1] != c:
        raise ValueError(f"initial must have {c} outputs like y; got {f.shape[1]}.")
    return f


def predicted(
    ref: Reference,
    r: Array,
    grid: tuple[int, ...],
    step_size: float | None,
    watch: Watch,
    limit: int,
    threads: int,
    *,
    method: str = "auto",
    tol: float = TOL,
    flow: bool = False,
    target: float | None = None,
    least: float = 0.0,
    name: str = "",
    extra: Callable[[Array], Array] | None = None,
    pairs: tuple[Array, Array, float] | None = None,
) -> TrainingPrediction:
    """The prediction of residuals r under a reference operator; ``pairs``: its eigenpairs, if they are known."""
    start = time.perf_counter()
    t = np.array(grid, dtype=np.float64)
    if pairs is None and (
        method == "spectrum" or (method == "auto" and ref.K.shape[0] <= SPECTRUM_UP_TO)
    ):
        pairs = eigenpairs(ref, watch, threads)
    if not r.any() and extra is None:
        raise ValueError("y is f(0) itself, to the bit: there is nothing to train.")
    why = ""
    if pairs is not None:
        values, V, error = pairs
        measure = measure_of_pairs(values, V, r, error, None if extra is None else extra(V))
    else:

        def enough(m: Measure) -> bool:
            return _known(m.decay(step_size or 1.0 / m.largest, flow), t, target, tol)

        measure, why = measure_of_products(ref, r, enough, watch, limit, threads, least)
    if not measure.largest > 0.0:
        raise ValueError("K is zero: no point has a gradient, and nothing is trained.")
    eta = step_size or 1.0 / measure.largest
    decay = measure.decay(eta, flow)
    lower, upper, floor = decay.bounds(t)
    half = 0.5 * (upper - lower)
    loss = 0.5 * (lower + upper)
    status = "resolved"
    if not np.all(half <= tol * loss):
        bad = half > tol * loss
        status = "rounding-limited" if np.all(half[bad] <= 2.0 * floor[bad]) else "budget-limited"
    said = [why] if why and status != "resolved" else []
    if not flow and eta * measure.largest >= 2.0:
        said.append(too_large(eta, measure.largest, "K"))
    return TrainingPrediction(
        t, loss, lower, upper, eta, measure.largest, name, len(r), r.shape[1],
        "lanczos" if pairs is None else "spectrum", measure.applications, status, tol, flow,
        time.perf_counter() - start, "; ".join(said), decay,
    )  # fmt: skip


def too_large(eta: float, largest: float, name: str) -> str:
    """What is said of a step size beyond the edge."""
    return (
        f"step_size={eta:.4g} is not below 2 / lambda_max({name}) = {2.0 / largest:.4g}: linearised descent diverges; "
        f"the default is 1 / lambda_max = {1.0 / largest:.4g}"
    )


def _known(decay: Decay, t: Array, target: float | None, tol: float) -> bool:
    """Whether the curve, and the steps to the target, are known to tol, or as well as rounding allows."""
    lower, upper, floor = decay.bounds(t)
    half = 0.5 * (upper - lower)
    if not np.all(half <= np.maximum(0.5 * tol * (lower + upper), 1.5 * floor)):
        return False
    if target is None:
        return True
    first, last = decay.first_below(target, 0), decay.first_below(target, 1)
    return last - first <= max(1.0, 2.0 * tol * first)
