"""Everything that takes points, as something that can be compared bit for bit; and the points."""

from __future__ import annotations

import numpy as np

import mehler as mh
from spectra import sphere, with_spectrum

X = sphere(12, 4, seed=3)
K = with_spectrum(np.arange(1.0, 13.0), seed=1)
# Small whole numbers: the same doubles in every dtype. No zero row, no two rows in one line.
WHOLE = np.array([[1, 0, 2], [0, 3, 1], [5, 1, 1], [2, 2, 7], [1, 6, 0], [4, 0, 3]])
BITS = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]])

# Everything that takes points, as something that can be compared bit for bit.
RUNS = {
    "min_eig": lambda X: [
        getattr(mh.min_eig(X, "relu", rng=0), f) for f in ("value", "lower", "upper", "vector")
    ],
    "lanczos": lambda X: [
        getattr(mh.min_eig(X, "relu", rng=0, method="lanczos"), f) for f in ("value", "vector")
    ],
    "gram": lambda X: [mh.gram(X, "relu").toarray()],
    "gradient_kernel": lambda X: [mh.gradient_kernel("relu")(X)],
    "preconditioned": lambda X: [
        getattr(mh.min_eig(X, "relu", rng=0, method="preconditioned"), f)
        for f in ("value", "vector")
    ],
    "shift-invert": lambda X: [
        getattr(mh.min_eig(X, "relu", rng=0, method="shift-invert"), f) for f in ("value", "vector")
    ],
    "nngp": lambda X: [mh.nngp("abs")(X, X)],
    "diag": lambda X: [mh.nngp("relu").diag(X)],
    "normalize": lambda X: [mh.normalize(X)],
    "describe": lambda X: [str(mh.describe(X).to_dict())],
}


def same(run, odd, plain) -> None:
    for a, b in zip(run(odd), run(plain), strict=True):
        np.testing.assert_array_equal(a, b)
