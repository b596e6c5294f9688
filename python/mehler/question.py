"""What ``min_eig`` and ``plan`` are asked: the same arguments, checked once, made what routes want.

Invariant: whatever one of them refuses, the other refuses in the same words; and the points of a question
are such that neither float32 entries nor squares of norms leave their range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import Array, as_points, choice, flag, memory_limit, thread_count, tolerance
from ._words import meant
from .activations import Activation
from .kernels import Kernel, gradient_kernel, nngp, ntk
from .operators.disk import as_file
from .operators.gram import dask_of
from .planning.problem import Problem, problem_of
from .solvers import ladder

if TYPE_CHECKING:
    from .distributed import Dask

METHODS = ("auto", "dense", "lanczos", "shift-invert", "preconditioned", "sparse-inverse")
IN_FILES = ("auto", "lanczos", "preconditioned", "shift-invert")  # that path= serves
PRECISIONS = ("auto", "single", "double", *ladder.BEYOND)
CERTIFICATES = ("auto", "rigorous", "preconditioned", "theory", "none")
STORAGES = ("auto",)  # by name
OF_GRAM = dict.fromkeys(
    ("dense", "packed", "matrix-free", "disk"),
    "of gram, whose operator eigsh takes; min_eig stores K as max_memory and path= allow",
) | {"dask": "pass an instance: mehler.Dask(client)"}
KERNELS = {"gradient": gradient_kernel, "nngp": nngp, "ntk": ntk}


@dataclass(frozen=True)
class Question:
    """lambda_min of K(X) = scale K(A), to a tolerance, in so many bytes.

    Attributes
    ----------
    ker
        The kernel.
    A
        Points, (n, d), float64 in C order, finite, no zero row.
    scale
        Power of two between the matrix of A and that of the user's points.
    tol, precision, certify
        As in :func:`min_eig`.
    threads
        Number of threads.
    limit
        Bytes that routes may take: the user's own array is not counted, a copy of it is.
    copied
        Bytes of a copy of the user's points that conversion or normalising has made.
    given
        The user's points, where A holds them normalised; None where it holds them as they are.
    path
        As in :func:`min_eig`.
    """

    ker: Kernel
    A: Array
    scale: float
    tol: float
    precision: str
    certify: str
    threads: int
    limit: int
    copied: int
    given: Any = None
    path: str | None = None

    def problem(self, points: _core.Points) -> Problem:
        """The same as routes and the plan see it; ``points`` are A in the core."""
        return problem_of(
            self.A,
            points,
            self.ker,
            self.precision,
            self.tol,
            self.certify,
            self.limit,
            self.threads,
            self.copied,
            self.path is not None,
        )


def posed(
    X: Any,
    activation: str | Activation | Kernel | Sequence[str | Activation],
    *,
    kernel: str,
    depth: int | None,
    weight_var: float,
    bias_var: float,
    normalize: bool,
    precision: str,
    tol: float,
    certify: str,
    method: str,
    max_memory: int | float | str | None,
    threads: int | None,
    path: Any = None,
) -> Question:
    """The question that the arguments of :func:`min_eig` pose; refuses what is not one.

    Raises
    ------
    TypeError, ValueError
        Bad points or options; found, expected and remedy are in the message.
    """
    ker = kernel_of(activation, kernel, depth, weight_var, bias_var)
    choice("precision", precision, PRECISIONS)
    if isinstance(method, str) and method == "factored":
        raise ValueError("method='factored' is for finite width; pass width= or weights= too.")
    choice("method", method, METHODS)
    choice("certify", certify, CERTIFICATES)
    ladder.check(ker, precision, method, certify)
    path = file_of(path, method, precision)
    tol = tolerance(tol)
    count, limit = thread_count(threads), memory_limit(max_memory)
    A = as_points(X)
    given = None
    if flag("normalize", normalize):
        from .data.points import normalize as to_unit_norm

        given = X if isinstance(X, np.ndarray) else A
        A = to_unit_norm(A)
    A, scale = near_one(A, ker)
    copied = 0 if isinstance(X, np.ndarray) and np.may_share_memory(A, X) else A.nbytes
    copied += given.nbytes if given is not None and given is not X else 0
    return Question(
        ker, A, scale, tol, precision, certify, count, limit - copied, copied, given, path
    )


def elsewhere(storage: Any, precision: str, method: str, path: Any) -> Dask | None:
    """The workers of ``storage``, where it is no name; refuses what they cannot do."""
    if isinstance(storage, str):
        choice("storage", storage, STORAGES, OF_GRAM)
        return None
    workers = dask_of(storage, STORAGES)
    where = "with storage=mehler.Dask(...), whose workers multiply"
    if method not in ("auto", "lanczos", "preconditioned"):
        raise ValueError(
            f"method must be 'auto', 'lanczos' or 'preconditioned' {where}; got {method!r}."
            + meant(method, ("lanczos", "preconditioned"))
        )
    if precision not in ("auto", "single", "double"):
        raise ValueError(
            f"precision must be 'auto', 'single' or 'double' {where}; got {precision!r}."
            + meant(precision, ("single", "double"))
        )
    if path is not None:
        raise ValueError(
            "path= holds the tiles of this process, and storage=mehler.Dask(...) those of workers; leave out one of them."
        )
    return workers


def file_of(path: Any, method: str, precision: str) -> str | None:
    """The file for what memory does not hold; refuses one that no route would use."""
    if path is None:
        return None
    if method not in IN_FILES or precision in ladder.BEYOND:
        raise ValueError(
            "path= holds the tiles of 'lanczos' and 'preconditioned' or the factor of 'shift-invert', in double "
            f"precision or single; got method={method!r}, precision={precision!r}. Leave path out."
        )
    return as_file(path)


def near_one(A: Array, ker: Kernel) -> tuple[Array, float]:
    """(2^-e A, 2^(2qe)), so that neither float32 entries nor squares of norms leave their range.

    Exact: K(A) = 2^(2qe) K(2^-e A). Points of ordinary size are left alone.
    """
    q = ker.homogeneity or 0.0
    e = int(np.frexp(max(A.max(), -A.min()))[1])
    if q == 0.0 or abs(e) <= 16 or abs(2.0 * q * e) > 1000.0:
        return A, 1.0
    return np.ldexp(A, -e), 2.0 ** (2.0 * q * e)


def kernel_of(
    activation: str | Activation | Kernel | Sequence[str | Activation],
    kernel: str,
    depth: int | None,
    weight_var: float,
    bias_var: float,
) -> Kernel:
    """The kernel of an activation, or the one that was given, with nothing else to say about it."""
    choice("kernel", kernel, tuple(KERNELS))
    if isinstance(activation, Kernel):
        depth = None if depth == activation.depth else depth
        given = {"kernel": kernel, "depth": depth, "weight_var": weight_var, "bias_var": bias_var}
        usual = {"kernel": "gradient", "depth": None, "weight_var": 1.0, "bias_var": 0.0}
        odd = [name for name in given if given[name] != usual[name]]
        if odd:
            raise ValueError(
                f"{', '.join(odd)} cannot be changed in {activation!r}; leave it out, or pass the "
                "activation instead of a kernel."
            )
        return activation
    return KERNELS[kernel](activation, depth=depth, weight_var=weight_var, bias_var=bias_var)
