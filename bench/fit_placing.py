"""Where shift-invert's shift should go, and what the rule for it costs: drawn sets, and the time that each rule takes.

    python bench/fit_placing.py draw sets.jsonl --seconds 600 --seed 1     # more lines at every call
    python bench/fit_placing.py rules sets.jsonl

A line holds a set's smallest eigenvalue, those of the blocks that the rule looks at, and the least pair. A rule's time is that
of a factor, 1, and of solves, 0.95 sqrt(1 - s / lambda), which is what they take at n = 10,000; a shift above lambda costs 1.1 and
the solves at 0 (docs/decisions/0019-placed-shift.md).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import mehler as mh
from mehler import _core
from mehler._progress import Reporter
from mehler.operators.points import core_points
from mehler.solvers import placing
from mehler.solvers.outcome import Task

ACTIVATIONS = ("relu", "leaky_relu", "selu", "elu", "tanh", "swish")
SOLVES, IN_VAIN = 0.95, 1.1  # of a factor


def points(rng: np.random.Generator, n: int, d: int) -> tuple[str, np.ndarray]:
    """Points of a kind that is drawn as well."""
    X = rng.standard_normal((n, d))
    kind = str(rng.choice(["sphere", "sphere", "clusters", "lowrank", "decay", "positive"]))
    if kind == "clusters":
        X += (
            float(rng.choice([0.5, 1.0, 2.0]))
            * rng.standard_normal((20, d))[rng.integers(20, size=n)]
        )
    elif kind == "lowrank":
        k = max(2, d // 3)
        X = X[:, :k] @ rng.standard_normal((k, d)) + 0.1 * X
    elif kind == "decay":
        X *= np.arange(1.0, d + 1.0) ** -0.5
    elif kind == "positive":
        X = np.abs(X)
    return f"{kind} d={d}", X / np.linalg.norm(X, axis=1, keepdims=True)


def draw(path: Path, seconds: float, seed: int) -> None:
    """Sets until the time is up."""
    rng = np.random.default_rng(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        n = int(rng.choice([2100, 3000, 4500, 6000]))
        d = int(rng.choice([5, 6, 8, 10, 12, 15, 20, 30, 50, 100, 200, 784]))
        name = str(rng.choice(ACTIVATIONS))
        what, X = points(rng, n, d)
        ker = mh.gradient_kernel(name)
        task = Task(1e-6, 1, 0, 2**40, Reporter(None, None), 0.0)
        F = _core.Cholesky64(core_points(X, ker, 1), ker.h.compiled, 0.0, 1)
        count = max(2, round(F.panels / 4))
        ends = [
            [*placing._lowest(F, first, count, task), *placing._lowest(F, first, count // 2, task)]
            for first in (0, F.panels - count)
        ]
        least = F.pair_bound(1)
        del F
        r = mh.min_eig(X, name, certify="theory", tol=1e-4, threads=1, precision="double")
        if r.resolved and all(v > 0.0 for e in ends for v in e):
            line = {
                "set": f"n={n} {what} {name}",
                "n": n,
                "ends": ends,
                "pair": least,
                "value": r.value,
            }
            with path.open("a") as f:
                f.write(json.dumps(line) + "\n")


def rules(path: Path) -> None:
    """The rule in use, neighbours of it, and the first one."""
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    sides = np.array(
        [line["ends"] for line in lines]
    )  # (sets, ends, [m, lambda(m), m / 2, lambda(m / 2)])
    m, value, half, before = np.moveaxis(sides, 2, 0)
    n, truth, pair = (np.array([line[key] for line in lines]) for key in ("n", "value", "pair"))
    low, high = value.min(axis=1), value.max(axis=1)
    slope = np.maximum(np.log(before / value).sum(axis=1), 0.0) / np.log(m / half).sum(axis=1)
    steeper = np.maximum(np.log(before / value) / np.log(m / half), 0.0).max(axis=1)

    def report(name: str, s: np.ndarray, least: float) -> None:
        s = np.minimum(np.where(s < least * low, 0.0, s), placing.OF_PAIRS * pair)
        x = s / truth
        seconds = 1.0 + SOLVES * np.sqrt(np.clip(1.0 - x, 0.0, 1.0))
        seconds[x >= 1.0] = 1.0 + IN_VAIN + SOLVES
        print(
            f"{name:34s} {seconds.mean():.3f}  placed {np.sum(x > 0):4d}  too high {np.sum(x >= 1):3d}  "
            f"median s / lambda {np.median(x[x > 0]):.3f}"
        )

    print(f"{len(lines)} sets; none: {1.0 + SOLVES:.3f}")
    first = np.min(value * (m / n[:, None]) ** steeper[:, None], axis=1) * low / high
    report("first rule", 0.85 * first, 0.4)
    for share in (placing.SHARE, 0.85, 0.95):
        for further in (placing.FURTHER, 2.0, 4.0):
            s = share * low * (m.mean(axis=1) / (further * n)) ** slope
            s[low < placing.ALIKE * high] = 0.0
            report(f"{share:g} lambda(m) (m / {further:g}n)^slope", s, placing.STEEPEST)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["draw", "rules"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.what == "draw":
        draw(asked.file, asked.seconds, asked.seed)
    else:
        rules(asked.file)
