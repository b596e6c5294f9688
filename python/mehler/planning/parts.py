"""Pieces of work that several routes share: filling, products, a basis, factors; and how counts go.

A piece is an amount by count: flops, terms, bytes. What a route spends beyond it (cold caches, edges
of tiles) is a factor in the route's own module, fitted by bench/fit_plan.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..certificates import factorisation as certificate
from ..operators.layered import layered
from ..operators.packed import BYTES
from ..operators.storage import storage_bytes
from ..solvers.cholesky import factor_bytes
from ..solvers.outcome import EPS
from .cost import Work
from .problem import Problem
from .rates import OVERHEAD, entries

UNEQUAL = "takes points of unit norm, or a homogeneous activation"
BLOCK = 2  # vectors
EDGE = 600.0  # a factor of order n costs as one of order n + EDGE / 3: small and triangular tiles


@dataclass(frozen=True)
class Law:
    """exp(a) n^b kappa^c d'^e (1 + n / d'^2)^f: how numbers of products go.

    kappa = |K| / lambda_min, at most 1 / eps; d' the effective dimension; n / d'^2
    says how far the quadratic terms of the kernel are filled.
    """

    a: float
    b: float
    c: float
    e: float
    f: float

    def __call__(self, problem: Problem) -> float:
        """The number for a problem, between 4 and what a space of n dimensions allows."""
        powers = (self.a, self.b, self.c, self.e, self.f)
        x = sum(p * v for p, v in zip(powers, features(problem), strict=True))
        return min(max(math.exp(x), 4.0), max(problem.n / BLOCK, 1.0))


def features(problem: Problem) -> tuple[float, float, float, float, float]:
    """The logarithms that a :class:`Law` weighs."""
    n, dimension = problem.n, problem.probe.dimension
    kappa = min(max(problem.probe.condition(n), 1.0), 1.0 / EPS)
    return (
        1.0,
        math.log(n),
        math.log(kappa),
        math.log(dimension),
        math.log(1.0 + n / dimension**2),
    )


def terms(problem: Problem) -> float:
    """What an entry costs, in terms of a polynomial."""
    h, points = problem.ker.h, problem.sight.given
    if layered(points):
        return OVERHEAD + points.layers.terms
    return OVERHEAD + h.terms


def filling(problem: Problem, times: float = 1.0) -> Work:
    """Every entry of a triangle: a product of points, then the profile. Nothing stored."""
    count = times * entries(problem.n)
    return Work(gemm64=2.0 * problem.d * count, profile=terms(problem) * count)


def stored(problem: Problem, storage: str, dtype: str) -> Work:
    """A packed triangle, filled, in memory or on disk."""
    nbytes = float(storage_bytes(problem.n, "packed", dtype, problem.threads))
    return filling(problem) + (Work(fresh=nbytes) if storage == "packed" else Work(disk=nbytes))


def product(problem: Problem, storage: str, dtype: str) -> Work:
    """One product with a block of vectors."""
    if storage == "matrix-free":
        return filling(problem)
    nbytes = BYTES[dtype] * entries(problem.n)
    return Work(disk=nbytes) if storage == "disk" else Work(stream=nbytes)


def recomputed(problem: Problem) -> int:
    """Bytes of the tiles of a product whose entries are computed again."""
    return storage_bytes(problem.n, "matrix-free", "float64", problem.threads)


def basis(n: int, steps: float) -> Work:
    """Orthogonalisation against a basis that grows by a block a step: all of it, twice, each step."""
    return Work(stream=8.0 * n * BLOCK * steps * steps)


def factored(problem: Problem, dtype: str) -> Work:
    """A packed triangle, filled, and factored with n^3 / 3 flops."""
    n = float(problem.n)
    flops = n**3 / 3.0 * (1.0 + EDGE / n)
    done = Work(gemm64=flops) if dtype == "float64" else Work(gemm32=flops)
    return filling(problem) + done + Work(fresh=float(factor_bytes(problem.n, dtype)))


def solve(problem: Problem, dtype: str) -> Work:
    """Two triangular solves with a block of vectors."""
    return Work(stream=2.0 * BYTES[dtype] * entries(problem.n))


def single_noise(problem: Problem, dtype: str) -> float:
    """What four bytes an entry leave of K, the bound of ``packed.rounding`` spread over the spectrum; relative to h(1)."""
    if dtype == "fixed32":
        return 2.0**-31 * math.sqrt(problem.n)
    return 2.0**-24 * math.sqrt(1.0 + problem.n * problem.probe.square)


# -- the certificate -------------------------------------------------------------------------------


def certifying(problem: Problem) -> Work:
    """What a rigorous lower bound takes: one factorisation in float64."""
    return factored(problem, "float64")


def certificate_bytes(problem: Problem) -> int:
    """What a factorisation takes beside and with what is held; the factor in a file where there may be one and memory is short."""
    n, held, threads = problem.n, problem.held, problem.threads
    need = certificate.nbytes(n, held, threads)
    if problem.disk and need > problem.limit:
        return min(need, certificate.nbytes(n, held, threads, True))
    return need


def is_certified(problem: Problem, method: str, dtype: str, products: int, status: str) -> bool:
    """Whether ``certify`` will take a factorisation."""
    if problem.certify != "auto":
        return problem.certify == "rigorous"
    if method == "dense" or status != "resolved":
        return False
    if certificate.nbytes(problem.n, problem.held, problem.threads) > problem.limit:
        return False  # 'auto' makes no file for it
    return certificate.pays_for(problem.n, dtype, products, method == "shift-invert")
