"""Print the table of docs/accuracy.md, "Below double precision": what each precision says of the same points.

python bench/below_double_table.py
"""

from __future__ import annotations

import math
import time
import warnings

import numpy as np

import mehler as mh

ROWS = [
    ("circle-full", 51, 2, "tanh"),
    ("circle-full", 51, 2, "swish"),
    ("sphere-random", 60, 2, "tanh"),
    ("sphere-random", 60, 2, "arctan"),
    ("sphere-random", 60, 2, "erf"),
    ("sphere-random", 60, 2, "gelu"),
    ("sphere-random", 200, 3, "swish"),
    ("sphere-random", 200, 3, "softplus"),
]


def said(r) -> str:
    """A number where there is one, else the bound."""
    if r.status == "rounding-limited" and abs(r.value) <= r.floor:
        return f"<= {r.upper:.1e}"
    digits = 6 if r.resolved else max(1, int(math.log10(abs(r.value) / r.floor)))
    return f"{r.value:.{digits}g}" + ("" if r.resolved else f" +- {r.floor:.0e}")


def main() -> None:
    print("| points | activation | NumPy `eigvalsh` | double | extended | exact | seconds |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for kind, n, d, name in ROWS:
        X = (
            mh.generate(kind, n=n, d=d, rng=0)
            if kind != "circle-full"
            else mh.generate(kind, n=n, d=d)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain = np.linalg.eigvalsh(mh.gradient_kernel(name)(X))[0]
            found, times = [], []
            for precision in ("double", "extended", "exact"):
                start = time.process_time()
                found.append(mh.min_eig(X, name, precision=precision, threads=1))
                times.append(f"{time.process_time() - start:.2g}")
        print(
            f"| {kind}, n={n}, d={d} | {name} | {plain:.2g} | {' | '.join(map(said, found))} | {' / '.join(times)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
