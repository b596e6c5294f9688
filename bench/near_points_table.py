"""Print the table of docs/accuracy.md, "Near points": a pair at an angle of 1e-12, in double and in truth.

python bench/near_points_table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import mehler as mh

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "solvers"))

ROWS = [("relu", "gradient"), ("relu", "nngp"), ("tanh", "gradient"), ("gelu", "nngp")]


def main() -> None:
    from test_near_pairs import KERNELS, points, truth

    X = points(100, 20, 1e-12)
    for act, kind in ROWS:
        r = mh.min_eig(X, act, kernel=kind, precision="double", rng=0)
        plain = np.linalg.eigvalsh(KERNELS[kind](act)(X))[0]
        if act == "relu":
            true = truth(X, kind, act)  # 60 digits
        else:
            true = mh.min_eig(X, act, kernel=kind, precision="exact", tol=1e-10).value  # balls
        print(f"| {act}, {kind} | {plain:.2g} | {r.value:.9g} | {true:.9g} |", flush=True)


if __name__ == "__main__":
    main()
