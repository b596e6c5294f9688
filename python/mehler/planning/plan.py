"""Plan: what every method would take, which one is best, and why, as a value."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from .._arrays import size_text

if TYPE_CHECKING:
    from ..distributed.model import Model

HOUR = 3_600.0  # seconds


@dataclass(frozen=True)
class Candidate:
    """One method's row of a plan.

    Attributes
    ----------
    method
        Its name, as :func:`min_eig` takes it.
    fits
        Whether it can be had within ``max_memory``.
    seconds
        Predicted wall time of the solve on this machine; NaN where it does not fit.
    certificate
        Seconds that ``certify`` adds.
    nbytes
        Predicted peak bytes, with a copy of the points if one is made; where it does not fit, the smallest ``max_memory`` with which it would.
    products
        Expected products with the matrix, or solves with its factor, each with a block of vectors.
    status
        Expected status of the result; '' where it does not fit.
    how
        What it does, or what does not fit.
    nominal
        Seconds at the nominal rates, by which methods are compared.
    """

    method: str
    fits: bool
    seconds: float
    certificate: float
    nbytes: int
    products: int
    status: str
    how: str
    nominal: float

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class Plan:
    """What :func:`min_eig` will do, and what it will take.

    Attributes
    ----------
    method
        The method: the best, or the one that was asked for. None when it does not fit.
    seconds
        Predicted wall time on this machine, with the certificate; NaN without a method.
    nbytes
        Predicted peak bytes; without a method, the smallest ``max_memory`` that works.
    products
        Expected products with the matrix, or solves with its factor.
    status
        Expected status of the result; '' without a method.
    reason
        Why this method, in words.
    candidates
        One row a method.
    n, d
        Number and dimension of the points.
    dimension
        Their effective dimension, 1 / mean cos^2; NaN where no probe was needed.
    lowest
        The smallest eigenvalue that a probe of few points lets expect, to an order of magnitude;
        NaN where no probe was needed.
    max_memory
        Bytes that the call may take.
    model
        With ``storage=mh.Dask(...)``: what the workers hold, and messages, bytes and flops of a product
        (:meth:`Dask.model`); ``nbytes`` is then what this process takes. Else None.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=300, d=3, rng=0)
    >>> p = mh.plan(X, "relu", max_memory="1GB")
    >>> p.method, p.nbytes < 10**9
    ('shift-invert', True)
    >>> "lanczos" in p.table()  # one line a method
    True
    >>> p.to_dict()["status"]
    'resolved'
    """

    method: str | None
    seconds: float
    nbytes: int
    products: int
    status: str
    reason: str
    candidates: tuple[Candidate, ...]
    n: int
    d: int
    dimension: float
    lowest: float
    max_memory: int
    model: Model | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, ready for JSON (NaN becomes None).

        Returns
        -------
        dict
            The fields by name; each of ``candidates`` is a dict too.
        """
        out = {f.name: plain(getattr(self, f.name)) for f in fields(self)}
        if self.model is not None:
            out["model"] = asdict(self.model)
        return out | {"candidates": [c.to_dict() for c in self.candidates]}

    def table(self) -> str:
        """One line a method.

        Returns
        -------
        str
            Seconds, or hours or days when they are many (of the solve + of the certificate), peak bytes, products, and what it does.
        """
        rows = [("method", "seconds", "memory", "products", "what it does")]
        for c in self.candidates:
            name = f"{c.method} <-" if c.method == self.method else c.method
            size = size_text(c.nbytes)
            if not c.fits:
                rows.append((name, "-", f"needs {size}" if c.nbytes else "-", "-", f"no: {c.how}"))
                continue
            late = "" if c.status == "resolved" else f"; {c.status}"
            proof = f" + {_cell(c.certificate)}" if c.certificate else ""
            seconds = _cell(c.seconds) + proof
            rows.append((name, seconds, size, str(c.products or "-"), c.how + late))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = []
        for row in rows:
            cells = [row[0].ljust(widths[0])] + [row[i].rjust(widths[i]) for i in range(1, 4)]
            lines.append("  ".join([*cells, row[4]]))
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"{self.table()}\n\n{self.reason}"


def seconds_text(seconds: float) -> str:
    """A duration to two digits."""
    if not math.isfinite(seconds):
        return "-"
    short = float(f"{seconds:.1e}")
    return f"{short:.0f}" if short >= 100.0 else f"{short:.2g}"


def duration(seconds: float) -> str:
    """The same with its unit: seconds, from two hours on hours, from two days on days."""
    for unit, length in (("days", 86_400.0), ("h", HOUR)):
        if math.isfinite(seconds) and seconds >= 2.0 * length:
            return f"{seconds_text(seconds / length)} {unit}"
    return f"{seconds_text(seconds)} s"


def _cell(seconds: float) -> str:
    """Of the column of seconds: other units are named."""
    return duration(seconds) if seconds >= 2.0 * HOUR else seconds_text(seconds)


def plain(value: Any) -> Any:
    """NaN and infinity become None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
