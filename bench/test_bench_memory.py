"""max_memory at 20,000 points: what every method really takes, or why it is refused.

The high-water mark of a process of its own, above the interpreter with mehler and the points. A time
limit ends what would take long: memory is at its largest once the matrix is filled and the basis full, and
where time is over before that, the row says in which phase.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from peak import peak

N = 20_000
LIMITS = {"500MB": 500e6, "1GB": 1e9, "2GB": 2e9}
METHODS = ("auto", "dense", "lanczos", "shift-invert", "preconditioned")
SECONDS = 20.0


@pytest.mark.slow
@pytest.mark.parametrize("d", [50, 784])
@pytest.mark.benchmark(group="memory")
def test_memory(benchmark, say, d):
    """Peak above the interpreter's own, MB."""
    failed = []

    def run() -> None:
        for method in METHODS:
            for name, limit in LIMITS.items():
                p = peak(N, d, method=method, max_memory=name, time_limit=SECONDS)
                if p.refused:
                    say(f"  {method:15} {name:>6}  refused: {p.refused}")
                    if (
                        "more than max_memory" not in p.refused
                        or p.grown > 0.05 * limit + 8 * N * d
                    ):
                        failed.append((method, name, p))
                    continue
                say(
                    f"  {method:15} {name:>6}  {p.grown / 1e6:6.0f}  {p.method}, {p.status}, "
                    f"{', '.join(p.phases)}"
                )
                if p.grown > limit:
                    failed.append((method, name, p))

    benchmark.pedantic(run, rounds=1)
    assert not failed
