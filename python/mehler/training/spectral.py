"""From a Gram operator and a residual to the spectral measure: by every eigenpair, or by products alone.

Invariant: an operator is asked for products, its diagonal, and, of small order, its entries or its factor.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import _core
from .._arrays import Array, size_text
from ..operators.feature_matrix import FeatureGram
from ..operators.kernel_matrix import Gram
from .lanczos import residual_measure
from .measure import EPS, Measure, Rule
from .watch import Stopped, Watch

METHODS = ("auto", "spectrum", "lanczos")
SPECTRUM_UP_TO = 1000  # order: beyond, 'auto' takes products
MOST = 1000  # products
LEAST = 16  # that there must be memory for

Operator = Gram | FeatureGram


@dataclass(frozen=True, eq=False)
class Reference:
    """An operator K (x) I of the residuals of c outputs, times ``scale``.

    Parameters
    ----------
    K
        Of order n (then each output has it for itself) or n c.
    outputs
        c.
    scale
        Before K.
    """

    K: Operator
    outputs: int
    scale: float = 1.0

    @property
    def copies(self) -> int:
        """How many outputs share K."""
        return self.outputs if isinstance(self.K, Gram) else 1

    @property
    def order(self) -> int:
        """Of K (x) I."""
        return int(self.K.shape[0]) * self.copies

    def product(self, v: Array) -> Array:
        """K v, of residuals (n, c) in a row."""
        block = v.reshape(self.K.shape[0], -1)
        return np.ravel(self.scale * (self.K @ block))

    @property
    def entry_error(self) -> float:
        """|E| of what the entries are known to: errors of entries are independent."""
        K = self.K
        relative = K.error if isinstance(K, Gram) else 2.0 * K.rounding
        if isinstance(K, Gram) and K.dtype != np.float64:
            relative += float(np.finfo(K.dtype).eps)
        return self.scale * relative * float(np.sum(K.diagonal())) / math.sqrt(len(K.diagonal()))


def eigenpairs(ref: Reference, watch: Watch, threads: int) -> tuple[Array, Array, float]:
    """(eigenvalues ascending, eigenvectors, |E|) of K times its scale, every one."""
    if isinstance(ref.K, FeatureGram):
        try:
            found, V = ref.K.pairs(watch.ask, threads)
        except _core.Interrupted:
            raise Stopped("stopped before the eigenvalues were known") from None
        values = found.values.copy()
        zeros = max(0, len(values) - ref.K.rank)
        values[:zeros] = 0.0  # exactly: more points than parameters
        V = completed(V)
        error = max(float(np.max(found.upper - found.values)), EPS * float(values[-1]))
        return ref.scale * values, V, ref.scale * error
    from ..solvers.dense import dense_pairs

    watch.poll("spectrum", 0, 0)
    values, V, error = dense_pairs(np.asarray(ref.K.toarray(), dtype=np.float64))
    return ref.scale * values, V, ref.scale * error + ref.entry_error


def completed(V: Array) -> Array:
    """Orthonormal columns in place of columns of zeros, which a factor of low rank has for its kernel."""
    empty = ~V.any(axis=0)
    if not empty.any():
        return V
    out = V.copy()
    k = int(np.sum(~empty))
    out[:, empty] = np.linalg.qr(V[:, ~empty], mode="complete")[0][:, k:]
    return out


def measure_of_pairs(
    values: Array, V: Array, r: Array, error: float, extra: Array | None
) -> Measure:
    """mu of residuals (n, c), or (n c,) in a row, under known pairs; ``extra`` weights are added."""
    block = r.reshape(len(V), -1)
    weights = np.sum((V.T @ block) ** 2, axis=1)
    if extra is not None:
        weights = weights + extra
    largest = max(float(values[-1]), 0.0) + error
    return Measure(float(np.sum(weights)), error, largest, Rule(np.maximum(values, 0.0), weights))


def measure_of_products(
    ref: Reference,
    r: Array,
    enough: Callable[[Measure], bool],
    watch: Watch,
    limit: int,
    threads: int,
    least: float,
) -> tuple[Measure, str]:
    """mu by Lanczos, and what has ended it early (or nothing)."""
    largest = largest_of(ref, watch, threads, limit)
    N = ref.order
    room = max(limit - ref.K.nbytes, 0) // (8 * (N + MOST)) - 4  # the basis, and work vectors
    most = int(min(MOST, N, room))
    if most < min(LEAST, N):
        need = 8 * (N + MOST) * (LEAST + 4) + ref.K.nbytes
        raise MemoryError(
            f"a Krylov basis of {LEAST} vectors beside the matrix takes {size_text(need)}, more than "
            f"max_memory={size_text(limit)}."
        )
    why = ""

    def stop(k: int) -> bool:
        nonlocal why
        try:
            watch.poll("lanczos", k, 0)
        except Stopped as reason:
            if k < 2:
                raise
            why = str(reason)
        return bool(why)

    error = ref.entry_error / largest + 4.0 * EPS * math.sqrt(N)
    found = residual_measure(ref.product, np.ravel(r), error, most, enough, stop, least)
    found = Measure(
        found.size, found.error, max(found.largest, largest), found.spectrum, found.alpha, found.beta,
        found.least, found.applications,
    )  # fmt: skip
    if not why and found.applications == most < N and not enough(found):
        short = most < MOST
        why = (
            f"max_memory allows a basis of {most} vectors"
            if short
            else f"ended after {most} products"
        )
    return found, why


def largest_of(ref: Reference, watch: Watch, threads: int, limit: int) -> float:
    """lambda_max of K times its scale, from above by its residual."""
    from ..eigenpairs import eigsh

    if ref.K.shape[0] == 1:
        return ref.scale * float(ref.K.diagonal()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = eigsh(
            ref.K, which="LA", tol=1e-6, rng=0, threads=threads, max_memory=limit,
            certify="none", callback=watch.listen_as("largest"),
        )  # fmt: skip
    watch.poll("largest", 0, 0)
    if not math.isfinite(found.value):
        raise Stopped("stopped before the largest eigenvalue was known")
    return ref.scale * (found.value + (found.residual if math.isfinite(found.residual) else 0.0))
