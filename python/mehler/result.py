"""EigenResult: an eigenvalue that says how sure it is."""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._arrays import Array, size_text


@dataclass(frozen=True, eq=False)
class EigenResult:
    """What :func:`min_eig` and :func:`eigsh` know, and how they know it.

    Attributes
    ----------
    value
        The extreme eigenvalue: a Rayleigh quotient of the float64 matrix. Of method 'sparse-inverse',
        unless resolved, an estimate, which need not lie below ``upper``.
    lower, upper
        lower <= eigenvalue <= upper.
    lower_kind
        How ``lower`` is known: 'dense' (residuals of all computed eigenpairs, with rounding),
        'factorisation' (a Cholesky factorisation of K - s I that completes, rounding allowed for),
        'preconditioned' (a random-start bound on K - s I, whitened by a sparse inverse; wrong with
        probability ``failure_probability`` at most),
        'factored' (singular values of a factor of the features, rounding in its probable size),
        'theory' (Hermite-tail bound, loose), 'structure' (an exact dependence between points, or more of
        them than the kernel's rank),
        'rayleigh' (of the largest eigenvalue: a Rayleigh quotient less its rounding), 'none' (nothing
        but the residual: see ``residual``; 0 for kernels, which are positive semidefinite).
    status
        'resolved': an eigenvalue lies within tol * |value| of ``value``, by the residual.
        'rounding-limited': rounding, as large as ``floor``, does not allow ``tol``; what is known is
        here, and where that is nothing, ``upper``.
        'budget-limited': iterations, memory or patience ran out, or there is an estimate only (method
        'sparse-inverse'); what is known is here.
    residual
        |K v - value v| / |v| in float64, v = ``vector``; of method 'factored', how far ``value`` may be
        from the eigenvalue by its bounds (K v has no digits there).
    vector
        The eigenvector, of unit norm, shape (n,).
    method
        'dense', 'lanczos', 'preconditioned', 'shift-invert', 'balls' (precision 'exact') or 'structure',
        with the storage or the precision of the factor, and the vectors in a block; 'factored', with the
        width. Followed by 'near points apart' where they were set apart in double.
    applications
        Products with the matrix (of method 'shift-invert' solves with its factor, of 'sparse-inverse'
        products with P^-1), each with a block of vectors.
    floor
        Rounding of the matrix and of its products, as an absolute error of the eigenvalue.
    tol
        The relative accuracy that was asked for.
    n
        Order of the matrix.
    dtype
        Precision in which the matrix was stored: 'fixed32' (whole multiples of 2^-31 of the largest entry), 'float32',
        'float64', 'extended' (two doubles a number) or 'exact' (balls).
    threads
        Number of threads.
    seconds, nbytes
        Wall time, and the bytes of matrix and basis.
    values, vectors, residuals
        All wanted eigenpairs, the extreme one first: (k,), (n, k), (k,).
    history
        (applications, value, residual) as they came.
    failure_probability
        Of ``lower``: 0 but for lower_kind 'preconditioned'.
    change
        How much the estimate of method 'sparse-inverse' moved, relatively, from half the neighbours
        to all: a hint, not a bound (the error can be 25 times as large). NaN for other methods,
        where the value is resolved, and where the second number of neighbours was not reached.
    certificate_products
        Products with the matrix, each with one vector, that lower_kind 'preconditioned' took beside.
    message
        What happened, in a sentence.
    interrupted
        Ended by Ctrl-C.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=100, d=3, rng=0)
    >>> r = mh.min_eig(X, "relu", certify="rigorous")
    >>> print(f"{r.value:.4g}  {r.status}, lower bound by {r.lower_kind}")
    0.0004293  resolved, lower bound by factorisation
    >>> r.resolved, r.lower <= r.value <= r.upper
    (True, True)
    >>> K = mh.gradient_kernel("relu")(X)
    >>> np.allclose(K @ r.vector, r.value * r.vector)
    True
    >>> r.to_dict()["n"]  # ready for JSON
    100
    """

    value: float
    lower: float
    upper: float
    lower_kind: str
    status: str
    residual: float
    vector: Array | None = field(repr=False)
    method: str
    applications: int
    floor: float
    tol: float
    n: int
    dtype: str
    threads: int
    seconds: float
    nbytes: int
    values: Array = field(repr=False)
    vectors: Array | None = field(repr=False)
    residuals: Array = field(repr=False)
    history: tuple[tuple[int, float, float], ...] = field(default=(), repr=False)
    failure_probability: float = 0.0
    change: float = math.nan
    certificate_products: int = 0
    message: str = ""
    interrupted: bool = False

    @property
    def resolved(self) -> bool:
        """status == 'resolved'."""
        return self.status == "resolved"

    def to_dict(self, vectors: bool = False) -> dict[str, Any]:
        """Plain numbers, texts and lists, ready for JSON (NaN and infinity become None).

        Parameters
        ----------
        vectors
            Include the eigenvectors.

        Returns
        -------
        dict
            The fields by name, in the order of the class.
        """
        out: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name in ("vector", "vectors") and not vectors:
                continue
            out[name] = plain(value)
        return out

    def __str__(self) -> str:
        if math.isnan(self.value):
            value = "not known"
        elif self.status == "rounding-limited" and abs(self.value) <= self.floor:
            value = f"<= {above(self.upper, 2)} (rounding floor {self.floor:.1e})"
        else:
            error = max(self.residual, self.floor)
            if self.change >= 0.0:  # an estimate: the change is a hint, and often too small
                error = max(30.0 * self.change * abs(self.value), self.floor)
            elif self.method.startswith("sparse-inverse"):
                error = abs(self.value)  # and without one nothing is known
            sure = self.resolved and self.dtype != "extended"
            digits = 8 if sure else max(2, _digits(self.value, error))
            value = f"{self.value:.{digits}g}"
        lower = upper = "-"
        if self.lower > -math.inf:
            loose = self.lower_kind == "theory" and self.resolved and self.lower < 0.5 * self.value
            kind = self.lower_kind + ": loose, certify='rigorous' is sharp" * loose
            if self.failure_probability:
                kind += f"; wrong with probability {self.failure_probability:.0e} at most"
            lower = f"{below(self.lower)} ({kind})"
        if self.upper < math.inf:
            upper = above(self.upper)
        rows = [
            ("value", value),
            ("status", self.status),
            ("lower", lower),
            ("upper", upper),
            ("residual", f"{self.residual:.1e}" if math.isfinite(self.residual) else "-"),
            ("method", self.method),
            (
                "solves" if self.method.startswith("shift-invert") else "products",
                str(self.applications),
            ),
            ("n", f"{self.n} ({self.dtype})"),
            ("time", f"{self.seconds:.3g} s, {self.threads} thread{'s' * (self.threads != 1)}"),
            ("memory", f"{size_text(self.nbytes)} of matrix and basis"),
        ]
        if len(self.values) > 1:
            rows.insert(1, ("values", " ".join(f"{v:.6g}" for v in self.values)))
        if self.certificate_products:
            rows.insert(-3, ("proof", f"{self.certificate_products} products more"))
        if self.message:
            rows.append(("note", self.message))
        return "\n".join(f"{name:<10}{text}" for name, text in rows)


def below(x: float, digits: int = 8) -> str:
    """x to so many digits, rounded as a lower bound has to be."""
    return _rounded(x, digits, decimal.ROUND_FLOOR)


def above(x: float, digits: int = 8) -> str:
    """x to so many digits, rounded as an upper bound has to be."""
    return _rounded(x, digits, decimal.ROUND_CEILING)


def _rounded(x: float, digits: int, way: str) -> str:
    if not math.isfinite(x):
        return f"{x:g}"
    context = decimal.Context(prec=digits, rounding=way)
    return f"{float(context.create_decimal_from_float(x)):.{digits}g}"


def _digits(value: float, error: float) -> int:
    if not (value and error > 0 and math.isfinite(error)):
        return 8
    return min(8, int(math.log10(max(abs(value) / error, 1.0))) + 1)


def plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
