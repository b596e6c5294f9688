"""The eigensolver on an operator of yours: a SciPy LinearOperator that is never a square array.

    python examples/any_operator.py

Needs SciPy. A finite network's Gram matrix plus weight decay, K = F F^T + decay I, has n^2 entries
but multiplies through its features F (n, m) alone.
"""

import sys

import numpy as np

import mehler as mh

try:
    from scipy.sparse.linalg import LinearOperator
except ImportError:
    sys.exit("this example needs SciPy: python -m pip install scipy")

n, m, decay = 3000, 400, 0.01
X = mh.generate("sphere-random", n, 20, rng=0)
W = np.random.default_rng(1).standard_normal((20, m))
F = np.maximum(X @ W, 0.0) / np.sqrt(m)

K = LinearOperator(
    (n, n),
    matvec=lambda v: F @ (F.T @ v) + decay * v,
    matmat=lambda V: F @ (F.T @ V) + decay * V,
    dtype=np.float64,
)
largest = mh.eigsh(K, k=3, which="LA", rng=0)
print(largest)

exact = np.linalg.norm(F, 2) ** 2 + decay
print(f"largest singular value of F, squared, plus decay: {exact:.10g}")
assert abs(largest.value - exact) <= 1e-6 * exact
