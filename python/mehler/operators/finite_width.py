"""FeatureGram: the Gram matrix of a network of finite width, as a factor or as entries.

    G = (1/m) (F^T F) o (C C^T),   F (m, n) features, C (n, d') coordinates

Factor, for small eigenvalues: F = Q S by blocked TSQR, and then

    [F D_1; ...; F D_d'] = (I (x) Q) [S D_1; ...; S D_d'] = Q' R,   D_c = diag(C_1c, ..., C_nc),

so G = R^T R / m with R (n, n), and F^T F is never formed. Entries, for many points: F^T F by GEMM.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._arrays import (
    Array,
    as_array,
    as_points,
    choice,
    duration,
    flag,
    memory_limit,
    size_text,
    thread_count,
)
from .._progress import Reporter, State
from ..activations import Activation
from ..kernels import Kernel
from ..question import kernel_of
from .neurons import Features
from .stream import Made, Stream, check_memory, mirrored, storage_for

STORAGES = ("auto", "factor", "dense")


class SpectrumBounds(NamedTuple):
    """All eigenvalues and what rounding allows.

    Attributes
    ----------
    values
        Ascending.
    lower, upper
        lower <= eigenvalue <= upper, one by one.
    """

    values: Array
    lower: Array
    upper: Array


class FeatureGram:
    """The Gram matrix of a layer of finite width. Make one with :func:`feature_gram`.

    Attributes
    ----------
    kernel
        The kernel at infinite width that it tends to.
    width
        Number of neurons, m.
    storage
        'factor' or 'dense'.
    made
        What a pass over the neurons has made.
    factor
        R, upper triangular, G = R^T R / m; None of 'dense'.
    rounding
        Relative error of each column of the features in the factor, of 'factor'; of entries, of 'dense'.
    threads
        As given: None asks OpenMP at each product.
    rank
        That G cannot exceed: m d, or m.
    seconds
        That it took to make.
    """

    def __init__(
        self,
        kernel: Kernel,
        made: Made,
        threads: int | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.kernel, self.threads, self.seconds = kernel, threads, seconds
        self.storage, self.width, stored, self.rounding, self.rank = made
        n = stored.shape[1]
        self.shape = (n, n)
        self.dtype = np.dtype(np.float64)
        stored.flags.writeable = False
        self.factor = stored if self.storage == "factor" else None
        self._entries = stored if self.storage == "dense" else None
        self._spectrum: tuple[SpectrumBounds, Array] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the factor, or of the entries."""
        return 8 * int(self.shape[0]) ** 2

    def toarray(self) -> Array:
        """The entries.

        Returns
        -------
        ndarray
            G, (n, n), float64, symmetric to the bit.
        """
        if self._entries is not None:
            return self._entries.copy()
        assert self.factor is not None
        G = np.zeros(self.shape)
        _core.add_squares(self.factor, G, thread_count(self.threads))
        return np.asarray(mirrored(G) / self.width)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """For ``np.asarray``."""
        G = self.toarray()
        return G if dtype is None else G.astype(dtype)

    def diagonal(self) -> Array:
        """G_ii.

        Returns
        -------
        ndarray
            (n,), float64.
        """
        if self._entries is not None:
            return self._entries.diagonal().copy()
        assert self.factor is not None
        return np.asarray(np.sum(self.factor**2, axis=0) / self.width)

    def __matmul__(self, V: Any) -> Array:
        """G V.

        Parameters
        ----------
        V
            (n,) or (n, b).

        Returns
        -------
        ndarray
            Of the shape of V.
        """
        A = as_array(V, "V")
        if A.ndim not in (1, 2) or A.shape[0] != self.shape[0]:
            raise ValueError(
                f"V must have the shape ({self.shape[0]},) or ({self.shape[0]}, b); got {A.shape}."
            )
        A = A.astype(np.float64, copy=False)
        if self._entries is not None:
            return np.asarray(self._entries @ A)
        assert self.factor is not None
        return np.asarray(self.factor.T @ (self.factor @ A) / self.width)

    def as_linear_operator(self) -> Any:
        """For SciPy's solvers; needs SciPy.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            With a product of blocks.
        """
        from scipy.sparse.linalg import LinearOperator

        def product(V: Array) -> Array:
            return self @ V

        def single(v: Array) -> Array:
            return self @ np.ravel(v)

        return LinearOperator(
            self.shape,
            matvec=single,
            matmat=product,
            rmatvec=single,
            rmatmat=product,
            dtype=self.dtype,
        )

    def spectrum(self) -> SpectrumBounds:
        """Every eigenvalue: of a factor sigma_i^2 / m, each small one to its own digits.

        Returns
        -------
        SpectrumBounds
            ``values``, ascending, with ``lower`` and ``upper`` for each. Of 'dense' the errors are
            those of LAPACK, eps of the largest.
        """
        return self.pairs()[0]

    def pairs(self, ask: Any = None, threads: int | None = None) -> tuple[SpectrumBounds, Array]:
        """The spectrum and its eigenvectors.

        Parameters
        ----------
        ask
            Listener of the rotations, or None.
        threads
            Number of threads; None: as the matrix was made.

        Returns
        -------
        spectrum, vectors
            A :class:`SpectrumBounds`, and the eigenvectors, (n, n), one a column, in its order.
        """
        if self._spectrum is None:
            from ..solvers.factored import dense_spectrum, factored_spectrum

            count = thread_count(self.threads if threads is None else threads)
            find = factored_spectrum if self.storage == "factor" else dense_spectrum
            self._spectrum = find(self, count, ask)
        return self._spectrum

    def __repr__(self) -> str:
        return (
            f"<FeatureGram {self.shape[0]} x {self.shape[1]}, width {self.width}, {self.storage}, "
            f"{size_text(self.nbytes)}, {self.kernel!r}>"
        )


def feature_gram(
    X: Any,
    activation: str | Activation | Kernel = "relu",
    width: int | None = None,
    weights: Any = None,
    rng: Any = None,
    *,
    kernel: str = "gradient",
    readout: Any = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalize: bool = False,
    storage: str = "auto",
    max_memory: int | float | str | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
) -> FeatureGram:
    """G_ij = (1/m) sum_k a_k^2 phi'(w_k . x_i) phi'(w_k . x_j) (weight_var <x_i, x_j> + bias_var).

    Parameters
    ----------
    X
        Points, (n, d), of any norms.
    activation
        A name, an :class:`Activation`, or a kernel.
    width
        Number of neurons, m. Features are streamed: a million are no burden on memory.
    weights
        w_k, (m, d), instead of drawn ones; with ``bias_var`` > 0 (m, d + 1), the last column the biases.
    rng
        Seed or Generator: the weights are ``rng.standard_normal((m, d)) * sqrt(weight_var)``, with
        ``bias_var`` > 0 of d + 1 columns, the last one times sqrt(bias_var).
    kernel
        'gradient', as above, or 'nngp': G_ij = (1/m) sum_k phi(w_k . x_i) phi(w_k . x_j).
    readout
        a, (m,); None: a_k^2 = 1.
    weight_var, bias_var
        Variances of weights and biases. They scale the gradient as in :func:`gradient_kernel`, which
        is the limit of G.
    normalize
        Divide each point by its norm first.
    storage
        'factor': R with G = R^T R / m, which shows eigenvalues down to eps^2 of the largest; 'dense': the
        entries, down to eps; 'auto': the factor up to 3,000 points, if it fits into ``max_memory``.
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
    Panigrahi, Shetty, Goyal, ICLR 2020 (G = M^T M / m). Demmel, Grigori, Hoemmen, Langou, SISC 34, 2012
    (TSQR).
    """
    start = time.perf_counter()
    ker = kernel_of(activation, kernel, None, weight_var, bias_var)
    choice("storage", storage, STORAGES)
    count, limit, seconds = thread_count(threads), memory_limit(max_memory), duration(time_limit)
    A = as_points(X)
    if flag("normalize", normalize):
        from ..data.points import normalize as to_unit_norm

        A = to_unit_norm(A)
    features = features_of(A, ker, width, weights, rng, readout)
    if storage == "auto":
        storage = storage_for(features, count, limit)
    check_memory(features, storage, count, limit)
    with Reporter(progress, callback, 1.0, seconds, start) as report:
        stream = Stream(features, storage, count, report)
        try:
            stream.run()
            return FeatureGram(ker, stream.made(), threads, time.perf_counter() - start)
        except _core.Interrupted:
            if report.stopped and "time_limit" in report.why:
                raise TimeoutError(
                    f"{report.why} after {stream.done} of {features.width} neurons; allow more time, or "
                    "take min_eig, which returns what is known by then."
                ) from None
            raise KeyboardInterrupt(report.why) from None


def features_of(
    A: Array, ker: Kernel, width: Any, weights: Any, rng: Any, readout: Any = None
) -> Features:
    """The features of a kernel's layer; refuses what finite width does not know."""
    if ker.normalized:
        raise ValueError(
            "normalized=True is not available at finite width; drop it, and divide the result by E[phi(Z)^2]."
        )
    if ker.kind == "ntk" or ker.depth != 1:
        raise ValueError(
            "finite width (width= or weights=) is for the gradient and nngp kernels of one hidden layer; got "
            f"{ker.kind!r} of depth {ker.depth}. Leave width and weights out for infinite width."
        )
    return Features(
        A, ker.layers[0], ker.kind, width, weights, rng, readout, ker.weight_var, ker.bias_var
    )
