"""Pieces of work that several routes share: filling, products, a basis, factors, the certificate."""

from __future__ import annotations

import math

from .. import certificate
from ..gram import storage_bytes
from ..shift_invert import factor_bytes
from .cost import Work
from .problem import Problem
from .rates import OVERHEAD, entries

BYTES = {"float32": 4, "float64": 8}
HALVES = 70.0  # terms of a polynomial that a table of many pieces is worth
RECOMPUTED = storage_bytes(1, "matrix-free", "float64")


def terms(problem: Problem) -> float:
    """Polynomial terms of the profile."""
    h = problem.ker.h
    return HALVES if h.pieces is not None else float(len(h.even) + len(h.odd))


def filling(problem: Problem, times: float = 1.0) -> Work:
    """Every entry of a triangle once, by a product of points and the profile; nothing stored."""
    count = times * entries(problem.n)
    return Work(gemm64=2.0 * problem.d * count, profile=(OVERHEAD + terms(problem)) * count)


def stored(problem: Problem, dtype: str) -> Work:
    """A packed triangle, filled."""
    return filling(problem) + Work(fresh=float(storage_bytes(problem.n, "packed", dtype)))


def product(problem: Problem, storage: str, dtype: str) -> Work:
    """One product with a block of two vectors."""
    if storage == "matrix-free":
        return filling(problem)
    return Work(stream=BYTES[dtype] * entries(problem.n), fixed=1e-5)


def basis(n: int, steps: float, block: int = 2) -> Work:
    """Orthogonalisation against a basis that grows by a block a step: all of it, twice, each step."""
    return Work(stream=8.0 * n * block * steps * steps, fresh=8.0 * n * block * steps)


def factored(problem: Problem, dtype: str) -> Work:
    """A packed triangle, filled and factored, n^3 / 3 flops and the edges of tiles."""
    n = float(problem.n)
    flops = n**3 / 3.0 * (1.0 + 600.0 / n)
    done = Work(gemm64=flops) if dtype == "float64" else Work(gemm32=flops)
    return filling(problem) + Work(fresh=float(factor_bytes(problem.n, dtype))) + done


def solve(problem: Problem, dtype: str) -> Work:
    """Two triangular solves with a block of two vectors."""
    return Work(stream=2.0 * BYTES[dtype] * entries(problem.n), fixed=4e-5)


def certifying(problem: Problem) -> Work:
    """What a rigorous lower bound takes: one factorisation in float64."""
    return factored(problem, "float64")


def certificate_bytes(problem: Problem) -> int:
    """Of the factor, and of the points."""
    return factor_bytes(problem.n, "float64") + problem.held


def is_certified(problem: Problem, method: str, dtype: str, products: int) -> bool:
    """Whether ``certify`` will take a factorisation."""
    if problem.certify != "auto" or method == "dense":
        return problem.certify == "rigorous"
    if certificate_bytes(problem) > problem.limit:
        return False
    return certificate.pays_for(problem.n, dtype, products, method == "shift-invert")


def single_noise(problem: Problem) -> float:
    """What float32 storage leaves of K, 2^-24 |K|_F, spread over the spectrum; relative to h(1)."""
    return 2.0**-24 * math.sqrt(1.0 + problem.n * problem.probe.square)


def law(constants: tuple[float, float, float, float], problem: Problem) -> float:
    """exp(a) n^b (|K| / lambda_min)^c d'^e: how numbers of products go."""
    a, b, c, e = constants
    n = problem.n
    condition = min(problem.probe.condition(n), problem.tol / 2.0**-52)
    return math.exp(
        a + b * math.log(n) + c * math.log(condition) + e * math.log(problem.probe.dimension)
    )
