"""Two hundred hard cases, every method: a resolved value is the smallest eigenvalue, to 1e-6.

Random points of d = 2..6 dimensions, up to 4,000 of them, with planted near-duplicate and
near-antipodal pairs (tests/never_wrong.py); the truth is every eigenvalue in float64.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from never_wrong import METHODS, random_case, wrong

CASES = 200


@pytest.mark.slow
@pytest.mark.benchmark(group="never wrong")
def test_never_wrong(benchmark, say):
    """All methods but the dense one, which is the truth's own."""
    methods = tuple(m for m in METHODS if m != "dense")
    found: list[str] = []
    total = 0

    def run() -> None:
        nonlocal total
        for seed in range(1000, 1000 + CASES):
            problems, resolved = wrong(random_case(seed, most=4000), methods)
            found.extend(problems)
            total += resolved

    benchmark.pedantic(run, rounds=1)
    say(f"{CASES} cases, {total} of {CASES * len(methods)} answers resolved, {len(found)} wrong")
    assert not found, "\n".join(found)
