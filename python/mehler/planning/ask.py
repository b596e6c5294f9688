"""``plan``: what ``min_eig`` will do with the same arguments, and what it will take.

Invariant: the method named here is the one that ``min_eig`` takes, at the same ``max_memory``, on every
machine; the rates measured now make seconds of the counts, and decide nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..activations import Activation
from ..certificates import deflated as deflated_certificate
from ..kernels import Kernel
from ..operators.layered import refuse
from ..operators.points import core_points
from ..question import elsewhere, posed
from ..solvers import ladder
from . import plan_of, workers
from .plan import Plan
from .rates import rates, reading

if TYPE_CHECKING:
    from ..distributed import Dask


def plan(
    X: Any,
    activation: str | Activation | Kernel | Sequence[str | Activation] = "relu",
    *,
    kernel: str = "gradient",
    depth: int | None = None,
    weight_var: float = 1.0,
    bias_var: float = 0.0,
    normalize: bool = False,
    precision: str = "auto",
    tol: float = 1e-6,
    certify: str = "auto",
    method: str = "auto",
    storage: str | Dask = "auto",
    max_memory: int | float | str | None = None,
    threads: int | None = None,
    path: Any = None,
) -> Plan:
    """What :func:`min_eig` will do with the same arguments: method, seconds, bytes, and why.

    Looks at the kernel matrix of at most 256 of the points, and measures once how fast the machine is;
    takes about a tenth of a second. The method is the one that ``min_eig`` takes, with the same
    ``max_memory`` on every machine.

    Parameters
    ----------
    X, activation, kernel, depth, weight_var, bias_var, normalize, precision, tol, certify, method
        As in :func:`min_eig`.
    storage
        As in :func:`min_eig`. With a :class:`Dask` its workers are asked for their memory and measured, and nothing is
        placed on them; what a product sends is taken to pass at 10 Gb/s.
    max_memory, threads, path
        As in :func:`min_eig`. A file that is there is read for a moment, to see how fast; nothing is written.

    Returns
    -------
    Plan
        ``print`` shows a table of all methods. Where nothing fits, ``method`` is None and ``reason``
        says what would.

    Raises
    ------
    TypeError, ValueError
        Bad points or options, as in :func:`min_eig`.

    Examples
    --------
    >>> X = mh.generate("sphere-random", n=300, d=3, rng=0)
    >>> p = mh.plan(X, "relu")
    >>> p.method, p.status
    ('shift-invert', 'resolved')
    >>> mh.plan(X, "relu", method="lanczos").method
    'lanczos'
    """
    where = elsewhere(storage, precision, method, path)
    asked = posed(
        X,
        activation,
        kernel=kernel,
        depth=depth,
        weight_var=weight_var,
        bias_var=bias_var,
        normalize=normalize,
        precision=precision,
        tol=tol,
        certify=certify,
        method=method,
        max_memory=max_memory,
        threads=threads,
        path=path,
    )
    points = core_points(asked.A, asked.ker, asked.threads)
    if precision in ladder.BEYOND:
        refuse(points, f"precision={precision!r}")
        return ladder.foreseen(asked.problem(points), precision, asked.threads)
    problem = asked.problem(points)
    if certify == "preconditioned":
        deflated_certificate.check_kernel(problem)
    known = rates(asked.threads)
    if asked.path is not None:
        known = dataclasses.replace(known, disk=reading(asked.path))
    if where is not None:
        found = workers.plan_of(problem, known, method, where)
    else:
        found = plan_of(problem, known, method)
        if precision == method == "auto":
            found = ladder.followed(found, problem, asked.threads)
    if asked.scale == 1.0:
        return found
    return dataclasses.replace(found, lowest=asked.scale * found.lowest)
