"""From a file to the number: load, look, compute.

    python examples/from_file.py [DATA [ROWS]]

DATA is an .npy, .npz, .csv or IDX file, the last two also gzipped; without it the example writes a
small file of its own.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import mehler as mh


def show(path, rows=None):
    X = mh.load(path, rows=rows)  # an .npy file is mapped, not read
    print(f"{path}: {X.shape[0]} x {X.shape[1]} {X.dtype}\n")
    print(mh.describe(X), "\n")
    print(mh.min_eig(X, "relu", normalize=True, rng=0))


if len(sys.argv) > 1:
    show(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
else:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "points.npy"
        np.save(file, np.random.default_rng(0).integers(0, 256, (500, 64), dtype=np.uint8))
        show(file)
