"""Solution: x of a linear system, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._arrays import Array, size_text
from .result import plain


@dataclass(frozen=True, eq=False)
class Solution:
    """What :func:`solve` found: x, and how far K x is from b.

    Attributes
    ----------
    x
        (n,) or (n, c), as b.
    residual
        |b - (K + shift I) x| / |b| of x as it is returned, by a product in float64: a number, or (c,). NaN where
        that product was interrupted.
    iterations
        Of conjugate gradients: a number, or (c,).
    applications
        Products with K, each with a block of vectors: those of the iterations, of the residuals, and three for |K|.
    status
        'resolved': residual <= tol, of every column. 'rounding-limited': double precision does not reach ``tol``; x is
        the best that was met. 'budget-limited': iterations or time ran out, or Ctrl-C; what is known is here.
    method
        The preconditioner, and the precision of the products.
    floor
        eps |K| |x| / |b|, the largest of the columns: about the residual that rounding of x alone leaves.
    tol, shift, n, threads
        As asked.
    seconds, nbytes
        Wall time; bytes of the preconditioner and the vectors.
    history
        (iteration, largest |r| / |b| by the recursion) as they came.
    message
        What happened, in a sentence.
    interrupted
        Ended by Ctrl-C.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=200, d=3, rng=0)
    >>> r = mh.solve(mh.gram(X, "relu"), np.ones(200))
    >>> r.resolved, r.residual < 1e-8, r.x.shape
    (True, True, (200,))
    >>> sorted(r.to_dict())[:4]  # ready for JSON, without x unless it is asked for
    ['applications', 'floor', 'history', 'interrupted']
    """

    x: Array = field(repr=False)
    residual: Any
    iterations: Any
    applications: int
    status: str
    method: str
    floor: float
    tol: float
    shift: float
    n: int
    threads: int
    seconds: float
    nbytes: int
    history: tuple[tuple[int, float], ...] = field(default=(), repr=False)
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
            Include x.

        Returns
        -------
        dict
            The fields by name, in the order of the class.
        """
        names = [name for name in self.__dataclass_fields__ if vectors or name != "x"]
        return {name: plain(getattr(self, name)) for name in names}

    def __str__(self) -> str:
        residual, iterations = np.atleast_1d(self.residual), np.atleast_1d(self.iterations)
        several = f", the largest of {len(residual)} columns" if len(residual) > 1 else ""
        rows = [
            ("status", self.status),
            ("residual", f"{np.max(residual):.1e}{several} (asked {self.tol:.0e})"),
            ("iterations", f"{np.max(iterations)} ({self.applications} products)"),
            ("method", self.method),
            ("n", f"{self.n}" + (f", shift {self.shift:.3g}" if self.shift else "")),
            ("time", f"{self.seconds:.3g} s, {self.threads} thread{'s' * (self.threads != 1)}"),
            ("memory", size_text(self.nbytes)),
        ]
        if self.message:
            rows.append(("note", self.message))
        return "\n".join(f"{name:<12}{text}" for name, text in rows)
