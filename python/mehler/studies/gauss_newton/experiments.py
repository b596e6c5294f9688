"""What the study measures, as rows: sketches, condition numbers, trainings, seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._arrays import Array
from ...solve import solve
from .network import TwoLayer
from .plan import plan
from .points import near_pairs, separated
from .sketch import KINDS, Preconditioner, expected_condition, sketch
from .step import gauss_newton_step, unit_step
from .training import train

Row = dict[str, Any]
Say = Callable[[str], None]


def quality(
    n: int,
    d: int,
    m: int,
    ratios: Sequence[float],
    seeds: int,
    seed: int,
    say: Say,
    threads: int | None,
) -> list[Row]:
    """Spectra of R^-T J J' R^-1 and iterations to 1e-10, by kind of sketch and s / n."""
    rows: list[Row] = []
    for draw in range(seeds):
        rng = np.random.default_rng([seed, 1, draw])
        X = separated(n, d, rng)
        _, J = TwoLayer.drawn(m, d, rng).evaluate(X)
        G, r = J.gram(), rng.standard_normal(n)
        for kind in KINDS:
            for ratio in ratios:
                say(f"sketches: draw {draw + 1} of {seeds}, {kind}, s = {ratio:g} n")
                P = Preconditioner.of(sketch(J, int(ratio * n), kind, rng, threads))
                values = P.spectrum(G)
                found = solve(J.normal(), r, preconditioner=P, tol=1e-10, threads=threads)
                _, sizes = unit_step(J, r, P, 1e-10, 200)
                rows.append(
                    {
                        "kind": kind, "ratio": float(ratio), "seed": draw, "condition": float(values[-1] / values[0]),
                        "expected": expected_condition(ratio), "largest": float(values[-1]),
                        "iterations": found.iterations, "residual": found.residual,
                        "unit steps": len(sizes) - 1 if sizes[-1] <= 1e-10 else None, "unit steps end": float(sizes[-1]),
                    }
                )  # fmt: skip
    return rows


def histories(n: int, d: int, m: int, ratios: Sequence[float], seed: int, most: int) -> list[Row]:
    """|r| / |r_0| by iteration, of conjugate gradients and of the unit-step loop, for two sizes of a sketch."""
    rng = np.random.default_rng([seed, 2])
    _, J = TwoLayer.drawn(m, d, rng).evaluate(separated(n, d, rng))
    r = rng.standard_normal(n)
    rows: list[Row] = []
    for ratio in ratios:
        P = Preconditioner.of(sketch(J, int(ratio * n), "tensor", rng))
        for loop, sizes in (
            ("conjugate gradients", [w for _, w in solve(J.normal(), r, preconditioner=P, tol=1e-12).history]),
            ("unit steps", unit_step(J, r, P, 1e-12, most)[1]),
        ):  # fmt: skip
            rows += [
                {"ratio": float(ratio), "loop": loop, "iteration": k, "residual": float(v)}
                for k, v in enumerate(sizes)
            ]
    return rows


def conditioning(
    n: int, d: int, m: int, distances: Sequence[float], seed: int, say: Say, threads: int | None
) -> list[Row]:
    """Iterations to 1e-8 with a sketch of 4 n rows and without, as the condition number of J J' grows."""
    import warnings

    rows: list[Row] = []
    for distance in distances:
        rng = np.random.default_rng([seed, 3])
        _, J = TwoLayer.drawn(m, d, rng).evaluate(near_pairs(n, d, distance, rng))
        r = rng.standard_normal(n)
        condition = (
            float(np.linalg.cond(J.explicit()) ** 2) if J.m * J.d * n < 2e7 else float("nan")
        )
        say(f"pairs {distance:g} apart: condition number {condition:.1e}")
        P = Preconditioner.of(sketch(J, 4 * n, "tensor", rng, threads))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # their statuses stand in the table
            plain = solve(J.normal(), r, preconditioner=None, maxiter=20 * n, threads=threads)
            better = solve(J.normal(), r, preconditioner=P, threads=threads)
        rows.append(
            {
                "distance": float(distance), "condition": condition,
                "plain": plain.iterations, "plain residual": plain.residual, "plain status": plain.status,
                "sketched": better.iterations, "sketched residual": better.residual, "sketched status": better.status,
            }
        )  # fmt: skip
    return rows


HALVINGS = 6  # of a step on points that nobody made for it


def outer(
    sets: Sequence[tuple[str, Array, Array]],
    widths: Sequence[int],
    steps: int,
    seed: int,
    say: Say,
    threads: int | None,
    halvings: int = 0,
) -> tuple[list[Row], bool]:
    """Residuals by step for sets of points (name, X, y) and widths; whether it was interrupted."""
    rows: list[Row] = []
    for name, X, y in sets:
        for width in widths:
            say(f"{name}: {width:,} neurons")
            found = train(
                X, y, width=width, steps=steps, halvings=halvings, threads=threads,
                rng=[seed, 4, width], report=say,
            )  # fmt: skip
            rows += [
                {
                    "points": name, "width": width, "step": t, "residual": float(size),
                    "relative": float(size / found.residuals[0]),
                    "ratio": float(found.ratios[t - 1]) if t else None,
                    "length": found.lengths[t - 1] if t else None,
                    "route": found.steps[t - 1].route if t else None,
                    "solve residual": found.steps[t - 1].residual if t else None,
                    "seconds": sum(found.steps[t - 1].seconds) if t else None,
                }
                for t, size in enumerate(found.residuals)
            ]  # fmt: skip
            if found.interrupted:
                return rows, True
    return rows, False


def costs(
    sizes: Sequence[tuple[int, int, int]], seed: int, most: float, say: Say, threads: int | None
) -> list[Row]:
    """Seconds of a step by every route, each against the answer of the exact one; the explicit J up to ``most`` numbers."""
    rows: list[Row] = []
    for n, d, m in sizes:
        rng = np.random.default_rng([seed, 5])
        _, J = TwoLayer.drawn(m, d, rng).evaluate(separated(n, d, rng))
        r = rng.standard_normal(n)
        p = plan(n, m, d)
        truth = None
        for name in ("exact", "tensor", "srht", "explicit"):
            if name == "explicit" and float(n) * m * d > most:
                continue
            say(f"n={n}, d={d}, m={m:,}: {name}")
            start = time.perf_counter()
            if name == "explicit":
                full = J.explicit()
                middle = time.perf_counter()
                g = np.linalg.solve(full @ full.T, r)
                parts = (middle - start, time.perf_counter() - middle)
                iterations = 0
                del full
            else:
                step = gauss_newton_step(J, r, route=name, threads=threads, rng=rng)
                g, parts, iterations = step.g, step.seconds, step.iterations
            truth = g if truth is None else truth
            rows.append(
                {
                    "n": n, "d": d, "m": m, "route": name, "made": parts[0], "solved": parts[1],
                    "seconds": sum(parts), "predicted": p.of(name).seconds, "iterations": iterations,
                    "difference": float(np.linalg.norm(g - truth) / np.linalg.norm(truth)), "planned": p.route == name,
                }
            )  # fmt: skip
    return rows


def signs(labels: Array) -> Array:
    """+-1: two kinds as they are told apart, more by halves of their order; other numbers centred, of size one."""
    kinds = np.unique(labels)
    if len(kinds) == 1:
        raise ValueError(f"labels must be of at least two kinds; found {kinds[0]:g} alone.")
    if len(kinds) <= 100 and np.all(kinds == np.round(kinds)):
        return np.where(labels >= kinds[len(kinds) // 2], 1.0, -1.0)
    centred = labels - labels.mean()
    return np.asarray(centred / np.std(centred))
