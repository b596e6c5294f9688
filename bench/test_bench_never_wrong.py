"""Hard cases, every method: a resolved value is the smallest eigenvalue, to 1e-6.

Two hundred of random points in d = 2..6 dimensions, up to 4,000 of them, with planted near-duplicate and
near-antipodal pairs, and a hundred in d = 9..100, 1,000 to 3,000 points (tests/never_wrong.py); the truth is
every eigenvalue in float64.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from never_wrong import METHODS, random_case, random_crowd, wrong


@pytest.mark.slow
@pytest.mark.benchmark(group="never wrong")
@pytest.mark.parametrize(
    ("draw", "cases", "most"),
    [(random_case, 200, 4000), (random_crowd, 100, 3000)],
    ids=["few dimensions", "many dimensions"],
)
def test_never_wrong(benchmark, say, draw, cases, most):
    """All methods but the dense one, which is the truth's own."""
    methods = tuple(m for m in METHODS if m != "dense")
    found: list[str] = []
    total = 0

    def run() -> None:
        nonlocal total
        for seed in range(1000, 1000 + cases):
            problems, resolved = wrong(draw(seed, most=most), methods)
            found.extend(problems)
            total += resolved

    benchmark.pedantic(run, rounds=1)
    say(f"{cases} cases, {total} of {cases * len(methods)} answers resolved, {len(found)} wrong")
    assert not found, "\n".join(found)
