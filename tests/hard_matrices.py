"""Matrices that fool eigensolvers, as families of random members: what a certificate has to survive.

The matrix is exactly its doubles; truth comes from them alone (``exact.py``), not from the spectrum that a
member was made from. Where the truth is an exact number, n may be large: ``hadamard``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mehler._arrays import seed_from
from spectra import with_spectrum

SIZES = (3, 5, 8, 13, 20)


def start_block(seed: int, n: int, columns: int) -> np.ndarray:
    """The starting vectors of a solver with this ``rng``, as cpp/solve/basis.hpp draws them."""
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15

    def mix(z: int) -> int:
        z = (z + golden) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def uniform(key: int) -> float:
        return ((mix(key & mask) >> 11) + 0.5) * 2.0**-53

    out = np.empty((n, columns))
    for c in range(columns):
        key = mix(seed_from(seed)) ^ mix((c + golden) & mask)
        for i in range(n):
            u, v = uniform(key + 2 * i), uniform(key + 2 * i + 1)
            out[i, c] = np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
    return out


def _size(seed: int) -> int:
    return SIZES[seed % len(SIZES)]


def cluster(seed: int) -> np.ndarray:
    n = _size(seed)
    bottom = 10.0 ** -(seed % 10) * (1.0 + 10.0 ** -(seed % 7) * np.arange(n // 2))
    return with_spectrum(np.r_[bottom, 2.0 + np.arange(n - n // 2)], seed)


def multiple(seed: int) -> np.ndarray:
    n = _size(seed)
    return with_spectrum(
        np.r_[np.full(n // 2, 10.0 ** -(seed % 9)), 2.0 + np.arange(n - n // 2)], seed
    )


def tiny_gap(seed: int) -> np.ndarray:
    n = _size(seed)
    return with_spectrum(
        np.r_[1e-3, 1e-3 * (1 + 10.0 ** -(seed % 14)), np.linspace(1, 9, n - 2)], seed
    )


def graded(seed: int) -> np.ndarray:
    n = _size(seed)
    return with_spectrum(np.logspace(-14, 0, n), seed)


def graded_rows(seed: int) -> np.ndarray:
    """D B B^t D with integers B, D from 1 to 1e-7."""
    n, rng = _size(seed), np.random.default_rng(seed)
    B = rng.integers(-9, 10, (n, n + seed % 3)).astype(float)
    D = np.diag(np.logspace(0, -7, n)[rng.permutation(n)])
    A = D @ (B @ B.T) @ D
    return (A + A.T) / 2


def negative_by_a_hair(seed: int) -> np.ndarray:
    """One eigenvalue -1e-10 |K|."""
    n = _size(seed)
    return with_spectrum(np.r_[-1e-10, np.linspace(0.01 + 0.1 * (seed % 5), 1.0, n - 1)], seed)


def negative_by_rounding(seed: int) -> np.ndarray:
    """One eigenvalue -1e-13 |K|."""
    n = _size(seed)
    return with_spectrum(np.r_[-1e-13, np.linspace(0.01 + 0.1 * (seed % 5), 1.0, n - 1)], seed)


def indefinite(seed: int) -> np.ndarray:
    n, rng = _size(seed), np.random.default_rng(seed)
    return with_spectrum(rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-8, 2, n), seed)


def deficient(seed: int) -> np.ndarray:
    """B B^t of fewer columns than rows: integers, where zero is exact, or not."""
    n, rng = _size(seed), np.random.default_rng(seed)
    B = rng.integers(-9, 10, (n, max(1, n - 1 - seed % 2))).astype(float)
    if seed % 3 == 0:
        B = B / 7.0
    A = B @ B.T
    return (A + A.T) / 2


def near_duplicates(seed: int) -> np.ndarray:
    """exp(-|x - y|^2) of points, two of them close, or equal."""
    n, rng = _size(seed), np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    X[-1] = X[0] + (10.0 ** -(seed % 11) if seed % 13 else 0.0) * X[1]
    square = np.sum((X[:, None] - X[None]) ** 2, axis=2)
    return np.exp(-square)


def diagonal(seed: int) -> np.ndarray:
    n, rng = _size(seed), np.random.default_rng(seed)
    d = 10.0 ** rng.uniform(-14, 3, n)
    if seed % 3 == 1:
        d[rng.integers(n)] *= -1.0
    if seed % 3 == 2:
        d[rng.integers(n)] = 0.0
    return np.diag(d)


def tiny_order(seed: int) -> np.ndarray:
    """1 x 1, 2 x 2, and zero."""
    rng = np.random.default_rng(seed)
    kind = seed % 5
    if kind == 0:
        return np.array([[rng.standard_normal() * 10.0 ** rng.uniform(-9, 9)]])
    if kind == 1:
        return np.zeros((1 + seed % 7, 1 + seed % 7))
    if kind == 2:
        return np.array([[1.0, 1.0], [1.0, 1.0 + (seed % 4) * 2.0**-52]])
    if kind == 3:
        return np.array([[0.0, 10.0 ** -(seed % 20)], [10.0 ** -(seed % 20), 1.0]])
    B = rng.standard_normal((2, 2))
    return B + B.T


def extreme_size(seed: int) -> np.ndarray:
    n = _size(seed)
    return 10.0 ** (100 if seed % 2 else -100) * with_spectrum(np.logspace(-8, 0, n), seed)


def fooled_start(seed: int) -> np.ndarray:
    """The bottom vector orthogonal to the start of ``rng=seed``, and few other eigenvalues."""
    n = _size(seed) + 5
    start = start_block(seed, n, 2 if seed % 2 else 1)
    V = np.random.default_rng(seed).standard_normal((n, n))
    Q, _ = np.linalg.qr(np.c_[start, V[:, start.shape[1] :]])
    Q = np.roll(Q, 1, axis=1)  # the last column, orthogonal to all of the start, comes first
    bottom = (0.5, 1e-3, -1e-8, -2.0)[seed % 4]
    A = (Q * np.r_[bottom, 1.0 + np.arange(n - 1) % 3]) @ Q.T
    return (A + A.T) / 2


FAMILIES: dict[str, Callable[[int], np.ndarray]] = {
    f.__name__: f
    for f in (
        cluster,
        multiple,
        tiny_gap,
        graded,
        graded_rows,
        negative_by_a_hair,
        negative_by_rounding,
        indefinite,
        deficient,
        near_duplicates,
        diagonal,
        tiny_order,
        extreme_size,
        fooled_start,
    )
}


def hadamard(order: int, seed: int) -> tuple[np.ndarray, float]:
    """(K, lambda_min): S H diag(values) H^t S / n, all of it exact in doubles.

    H is Sylvester's matrix of +-1, S random signs, the values multiples of 2^-42 below 8: every entry is a sum that
    fits into 53 bits.
    """
    rng = np.random.default_rng([order, seed])
    n = 2**order
    H = np.ones((1, 1))
    for _ in range(order):
        H = np.block([[H, H], [H, -H]])
    values = np.floor(rng.uniform(1.0, 2.0, n) * 64.0) / 64.0
    bottom = (2.0**-10, 2.0**-20, 2.0**-33, 0.0, -(2.0**-33), -(2.0**-42), 0.5)[seed % 7]
    copies = 1 + (seed // 7) % 3
    values[:copies] = bottom
    if seed % 2:
        values[copies] = bottom + 2.0**-42  # a gap of 2e-13
    values = rng.permutation(values)
    signs = rng.choice([-1.0, 1.0], n)
    with_signs = signs[:, None] * H
    K = (with_signs * values) @ with_signs.T / n
    return K, float(values.min())


def members(count: int, first: int = 0) -> Iterator[tuple[str, int, np.ndarray]]:
    """``count`` of each family."""
    for name, make in FAMILIES.items():
        for seed in range(first, first + count):
            yield name, seed, make(seed)
