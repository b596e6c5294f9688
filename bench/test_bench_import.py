"""``import mehler`` in a fresh process: under 0.3 s, NumPy included; how much of it is ours."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys

import pytest

TIMES = 11
PROMISED = 0.3  # seconds

# Files of bytecode are written at the first import, as an installed package has them.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def importing() -> tuple[float, float]:
    """Seconds of mehler with NumPy, and of NumPy alone, as ``-X importtime`` counts them."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import numpy, mehler"],
        check=True,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    ).stderr
    found = {}
    for name in ("numpy", "mehler"):
        match = re.search(rf"\| +(\d+) \| {name}$", told, re.MULTILINE)
        assert match, told
        found[name] = int(match[1]) / 1e6
    return found["numpy"] + found["mehler"], found["numpy"]


@pytest.mark.benchmark(group="import")
def test_import(benchmark, say):
    """Median over fresh processes."""
    importing()  # writes bytecode
    runs = [benchmark.pedantic(importing, rounds=1)] + [importing() for _ in range(TIMES - 1)]
    whole, numpy = (statistics.median(run[i] for run in runs) for i in (0, 1))
    say(f"import mehler: {whole:.3f} s, of which NumPy {numpy:.3f} s (median of {TIMES})")
    assert whole < PROMISED
