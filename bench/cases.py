"""The work that benches share: which points, how many, and the answer they must give.

NumPy alone, so that a peer in an environment of its own can import it too.
"""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FASHION_MNIST = "fashion-mnist-train-images-idx3-ubyte.gz"


@dataclass(frozen=True)
class Case:
    """Unit points: ``kind`` 'sphere' (Gaussian rows, normalised) or 'fashion-mnist' (first n)."""

    kind: str
    n: int
    d: int
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.kind} n={self.n:,} d={self.d}"

    def points(self) -> np.ndarray:
        """``X`` (n, d), float64, C order, rows of norm 1."""
        if self.kind == "sphere":
            X = np.random.default_rng(self.seed).standard_normal((self.n, self.d))
        elif self.kind == "fashion-mnist":
            X = fashion_mnist(self.n)
        else:
            raise ValueError(f"kind is 'sphere' or 'fashion-mnist'; got {self.kind!r}")
        return X / np.linalg.norm(X, axis=1, keepdims=True)


def data_file(name: str) -> Path:
    """Where a data file lies: in ``$MEHLER_DATA``, or in ``../shared/data`` beside the clone."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("MEHLER_DATA", beside)) / name


def fashion_mnist(n: int) -> np.ndarray:
    """The first ``n`` training images as rows of 784 grey values (16 bytes of header skipped)."""
    with gzip.open(data_file(FASHION_MNIST)) as file:
        file.read(16)
        return np.frombuffer(file.read(n * 784), np.uint8).reshape(n, 784).astype(np.float64)


# End to end: the sizes at which claims are made.
HIGH = Case("sphere", 10_000, 50)
IMAGES = Case("fashion-mnist", 10_000, 784)
SMALL = Case("sphere", 2_000, 50)

# Filling: one set where the product of points dominates, one where the profile does.
WIDE = Case("sphere", 6_000, 784)
NARROW = Case("sphere", 12_000, 4)

# Products: storage well beyond every cache.
PRODUCT = Case("sphere", 14_000, 50)
