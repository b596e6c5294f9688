"""Matrices with a prescribed spectrum, and points that make matters hard."""

from __future__ import annotations

import numpy as np


def with_spectrum(values, seed: int = 0) -> np.ndarray:
    """Q diag(values) Q^T with a random orthogonal Q, symmetric to the bit."""
    values = np.asarray(values, dtype=np.float64)
    Q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values),) * 2))
    A = (Q * values) @ Q.T
    return (A + A.T) / 2


def sphere(n: int, d: int, seed: int = 0) -> np.ndarray:
    """n random points of the unit sphere in R^d."""
    X = np.random.default_rng(seed).standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1)[:, None]


def circle(n: int) -> np.ndarray:
    """n equally spaced points of the circle."""
    t = 2.0 * np.pi * np.arange(n) / n
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def relu_gram(X: np.ndarray) -> np.ndarray:
    """G_ij = <x_i, x_j> (pi - angle_ij) / (2 pi), angle by 2 atan2(|u-v|, |u+v|): math.md T3."""
    norms = np.linalg.norm(X, axis=1)
    U = X / norms[:, None]
    n = len(X)
    K = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            angle = 2.0 * np.arctan2(np.linalg.norm(U[i] - U[j]), np.linalg.norm(U[i] + U[j]))
            if i == j:
                angle = 0.0
            K[i, j] = K[j, i] = norms[i] * norms[j] * np.cos(angle) * (np.pi - angle) / (2 * np.pi)
    return K
