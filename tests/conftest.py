"""One BLAS thread: the matrices here are small, and waiting threads would take the cores from ours."""

import os

for library in ("OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
