"""The catalogue against mpmath: the largest error of every kernel at 200 cosines.

    python bench/accuracy_table.py [activation ...]

prints a Markdown table. Among the cosines are 1 - 10^-k and -1 + 10^-k, k = 1..14. Truth is
``tests/reference.py``, 30 digits, and takes some minutes; errors are in units of h(1). Where the
extension is built, the compiled profile is measured beside the NumPy one.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from mpmath import mpf

import reference
from mehler import _core
from mehler.activations import activation
from mehler.kernels import gradient_kernel, nngp


def cosines() -> np.ndarray:
    """200 doubles: both ends, zero, 1 - 10^-k and -1 + 10^-k, the rest evenly spaced."""
    near = 1.0 - 10.0 ** -np.arange(1.0, 15.0)
    inner = (np.arange(169) + 0.37) / 84.5 - 1.0
    return np.sort(np.concatenate([near, -near, [-1.0, 0.0, 1.0], inner]))


def main(names: list[str]) -> None:
    rho = cosines()
    assert len(np.unique(rho)) == 200
    columns = ["activation", "kernel", "form", "compile", "error", "compiled", "estimate"]
    print("| " + " | ".join(columns) + " |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    worst = 0.0
    for name in names:
        act = activation(name, **reference.PARAMS.get(name, {}))
        for kind, build in (("gradient", gradient_kernel), ("nngp", nngp)):
            if kind == "gradient" and act.dphi is None:
                continue
            start = time.perf_counter()
            kernel = build(act)
            seconds = time.perf_counter() - start
            truth = [
                reference.kernel(kind, name, -1 if r < 0 else 1, 1 - abs(mpf(float(r))))
                for r in rho
            ]
            top = float(reference.kernel(kind, name, 1, mpf(0)))
            errors = []
            for values in (kernel.h(rho), kernel.h.compiled.evaluate(rho)):
                gaps = [abs(mpf(float(v)) - t) for v, t in zip(values, truth, strict=True)]
                errors.append(float(max(gaps)) / top)
            worst = max(worst, *errors)
            form = kernel.h.form.replace("|", "\\|")
            print(
                f"| {name} | {kind} | {form} | {1e3 * seconds:.0f} ms "
                f"| {errors[0]:.1e} | {errors[1]:.1e} | {kernel.error / top:.1e} |",
                flush=True,
            )
    print(f"\nLargest error: {worst:.1e} h(1), {len(rho)} cosines each ({_core.__name__}).")


if __name__ == "__main__":
    main(sys.argv[1:] or reference.NAMES)
