"""``gauss-newton``: what a second-order step costs, what a sketch of the Jacobian does for it, and how fast it trains."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..ask import ACTIVATIONS, Ask, times
from ..report import Picture, Section, StudyReport, Table
from . import experiments, pictures
from .experiments import Row
from .plan import as_record, plan
from .points import near_pairs, separated
from .sketch import UNIT_STEP_FROM

NAME = "gauss-newton"
TEXT = "second-order training of two layers: Gram matrix, sketches, conjugate gradients"
OPTIONS = ("labels", "width", "steps")
DIVIDES = True  # points by their norms, itself

RATIOS = (2, 4, 8, 16, 40)
DISTANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
SIZES = ((128, 16, 4096), (256, 32, 4096), (512, 64, 4096), (512, 784, 4096), (1000, 4, 32768))
QUICK_SIZES = ((64, 8, 1024), (128, 16, 2048))
MOST_EXPLICIT = 5e7  # numbers of a Jacobian that is formed: 400 MB
MOST_POINTS = 5000


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked. Points of the user's are trained on; sketches, condition numbers and costs are of generated ones.
    """
    start = time.perf_counter()
    if ask.names not in (ACTIVATIONS, ("relu",)):
        raise ValueError(
            f"the study {NAME!r} is of ReLU networks; got activations={list(ask.names)}. Leave them out."
        )
    work = _Work(ask)
    interrupted = False
    try:
        work.run()
    except KeyboardInterrupt:
        interrupted = True
    return StudyReport(
        which=NAME,
        title="What does a Gauss-Newton step cost, and how many does training take?",
        conclusions=work.conclusions() or ("Nothing was reached.",),
        sections=tuple(work.sections()),
        records={
            "": work.trained,
            **{name: rows for name, rows in work.tables().items() if rows},
        },
        asked=ask.asked(work.text, width=work.widths, steps=work.steps),
        seconds=time.perf_counter() - start,
        interrupted=interrupted or work.cut,
    )


class _Work:
    """What has been measured so far."""

    def __init__(self, ask: Ask) -> None:
        self.ask, quick = ask, ask.quick
        self.n, self.d, self.m = (64, 8, 1024) if quick else (128, 16, 4096)
        self.ratios = RATIOS[:-1] if quick else RATIOS
        self.steps = ask.steps or (6 if quick else 10)
        self.quality: list[Row] = []
        self.histories: list[Row] = []
        self.conditions: list[Row] = []
        self.trained: list[Row] = []
        self.costs: list[Row] = []
        self.plans: list[Row] = []
        self.held: list[Row] = []
        self.cut = False
        if ask.X is None:
            self.n_trained = ask.count(128, 64)
            self.widths = (
                [ask.width] if ask.width else ([256, 2048] if quick else [512, 4096, 16384])
            )
            self.text = f"{self.n_trained} generated points, random on the sphere of d' = {self.d} dimensions, and the same in near pairs"
        else:
            given = ask.points("sphere-random", MOST_POINTS, self.d, 4)
            self.n_trained = min(len(given.X), MOST_POINTS)
            self.widths = [ask.width or (1024 if quick else 4096)]
            self.text = given.first(self.n_trained).text + ", divided by their norms"

    def run(self) -> None:
        """Everything, in the order of the page; what was asked about first."""
        ask, seed, say, t = self.ask, self.ask.seed, self.ask.say, self.ask.threads
        self.trained, self.cut = experiments.outer(
            self.sets(), self.widths, self.steps, seed, say, t,
            0 if ask.X is None else experiments.HALVINGS,
        )  # fmt: skip
        if self.cut:
            return
        self.quality = experiments.quality(
            self.n, self.d, self.m, self.ratios, 2 if ask.quick else 5, seed, say, t
        )
        self.histories = experiments.histories(
            self.n, self.d, self.m, (4, 64), seed, 100 if ask.quick else 250
        )
        self.conditions = experiments.conditioning(
            self.n, self.d, self.m, DISTANCES[: 3 if ask.quick else 5], seed, say, t
        )
        sizes = QUICK_SIZES if ask.quick else SIZES
        for n, d, m in [*sizes, (self.n_trained, self.trained_d, max(self.widths))]:
            self.plans += as_record(plan(n, m, d))
        self.costs = experiments.costs(sizes, seed, MOST_EXPLICIT, say, t)

    def sets(self) -> list[tuple[str, Any, Any]]:
        """(name, X, y) of what is trained on."""
        ask, n = self.ask, self.n_trained
        rng = np.random.default_rng([ask.seed, 6])
        if ask.X is None:
            self.trained_d = self.d
            y = rng.choice([-1.0, 1.0], n)
            apart, pairs = separated(n, self.d, rng), near_pairs(n, self.d, 0.02, rng)
            k = n // 4
            z = y.copy()
            z[n - k :] = -z[:k]  # a pair carries two labels
            return [("random points", apart, y), ("near pairs, other labels", pairs, z)]
        X = ask.X[:n] / np.linalg.norm(ask.X[:n], axis=1)[:, None]
        self.trained_d = int(X.shape[1])
        if ask.labels is None:
            return [("the points given, random signs", X, rng.choice([-1.0, 1.0], n))]
        labels = np.asarray(ask.labels, dtype=np.float64)
        if labels.ndim == 2 and labels.shape[1] > 1:
            raise ValueError(
                f"the study {NAME!r} trains one output: labels must be (N,); got {labels.shape[1]} columns."
            )
        return [("the points given", X, experiments.signs(labels.reshape(-1)[:n]))]

    def tables(self) -> dict[str, list[Row]]:
        """Records beside the main ones."""
        return {
            "sketches": self.quality, "loops": self.histories, "conditions": self.conditions,
            "costs": self.costs, "plans": self.plans,
        }  # fmt: skip

    def sections(self) -> list[Section]:
        """Those that there are numbers for."""
        out: list[Section] = []
        if self.trained:
            out.append(
                Section(
                    "Steps of training",
                    (
                        "f(x) = m^(-1/2) sum_r a_r relu(w_r . x). A step is W - J'g, (J J') g = f - y. What a step leaves is the curvature of f along "
                        "it, which falls with the width; points that nearly coincide make the step long, 1 / lambda_min, and more curvature counts.",
                        Picture("", "Residual by step", self._said(), "The dashed line halves the residual at every step: what theory promises of networks that are wide beside 1 / lambda_min.",
                                lambda fig: pictures.trainings(fig, self.trained), (7.6, 4.2)),
                        self._steps(),
                    ),
                )
            )  # fmt: skip
        if self.quality:
            parts: list[Any] = [
                "A sketch S of s rows keeps lengths of J'p; with R of its QR factorisation the matrix R^-T J J' R^-1 is near the identity, "
                "whatever the condition number of J J'. TensorSRHT makes it from the factors of J; SRHT from rows of J, one at a time.",
                Picture("sketches", "What a sketch leaves", "Condition numbers and iterations against s / n, beside their expectation.",
                        f"n = {self.n}, d = {self.d}, m = {self.m:,}. Medians, bars from the least to the largest draw; dashed: expectation for Gaussian sketches.",
                        lambda fig: pictures.condition_by_size(fig, self.quality), (7.6, 4.0)),
                self._sketches(),
            ]  # fmt: skip
            if self.histories:
                parts.append(
                    Picture("loops", "Conjugate gradients, and the loop of unit steps", "Residuals by iteration, a curve a loop and a size of the sketch.",
                            f"z - M'(M z - c) contracts when lambda_max(M)² < 2: from s = {UNIT_STEP_FROM:.1f} n on.",
                            lambda fig: pictures.loops(fig, self.histories), (7.6, 4.2))
                )  # fmt: skip
            out.append(Section("Sketches", tuple(parts)))
        if self.conditions:
            out.append(
                Section(
                    "Condition numbers",
                    (
                        "Pairs of points that nearly coincide make J J' nearly singular. In exact arithmetic a sketch would not notice.",
                        Picture("conditions", "Iterations against the condition number", "Two curves: without a preconditioner, and with a sketch.",
                                "Residuals are true ones, by products in float64.", lambda fig: pictures.by_condition(fig, self.conditions)),
                        self._conditions(),
                    ),
                )
            )  # fmt: skip
        if self.costs:
            out.append(
                Section(
                    "What a step costs",
                    (
                        "J is a row-wise Kronecker product, so J J' = (A A') . (X X') costs n²(m + d) flops, not n² m d. That is the default. A sketch has to "
                        "earn its QR factorisation of 2 s n² flops, six times those of a Cholesky factor at s = n already.",
                        Picture("costs", "Seconds a step", "Seconds of a step by route and size.", "Measured once each, on this machine: ratios travel, seconds do not.",
                                lambda fig: pictures.seconds(fig, self.costs)),
                        self._costs(),
                        self._plans(),
                    ),
                )
            )  # fmt: skip
        return out

    def _steps(self) -> Table:
        rows = []
        for name, width in dict.fromkeys((r["points"], r["width"]) for r in self.trained):
            mine = [r for r in self.trained if r["points"] == name and r["width"] == width]
            ratios = [f"{r['ratio']:.2g}" for r in mine[1:6]]
            rows.append(
                (
                    name,
                    f"{width:,}",
                    " ".join(ratios) or "-",
                    f"{mine[-1]['relative']:.1e}",
                    f"{len(mine) - 1}",
                    mine[-1]["route"] or "-",
                )
            )
        note = (
            ""
            if self.ask.X is None
            else f"Steps are halved, up to {experiments.HALVINGS} times, until the residual falls."
        )
        return Table("Ratios of residuals", ("points", "neurons", "|f - y| ratios of the first steps", "at the end", "steps", "route"), tuple(rows), note)  # fmt: skip

    def _sketches(self) -> Table:
        rows = []
        for kind in ("srht", "tensor"):
            for ratio in sorted({r["ratio"] for r in self.quality}):
                mine = [r for r in self.quality if r["kind"] == kind and r["ratio"] == ratio]
                left = [r["condition"] for r in mine]
                rows.append(
                    (kind, f"{ratio:g}", f"{mine[0]['expected']:.3g}", f"{min(left):.3g} to {max(left):.3g}",
                     f"{max(r['iterations'] for r in mine)}", _unit_steps(mine))
                )  # fmt: skip
        return Table("Sketches", ("sketch", "s / n", "expected", "condition number left", "iterations to 1e-10", "unit steps"), tuple(rows))  # fmt: skip

    def _conditions(self) -> Table:
        return Table(
            "Iterations to 1e-8",
            ("distance", "condition number", "without", "residual", "sketched", "residual"),
            tuple(
                (f"{r['distance']:g}", f"{r['condition']:.1e}", f"{r['plain']}", f"{r['plain residual']:.0e}",
                 f"{r['sketched']}", f"{r['sketched residual']:.0e}")
                for r in self.conditions
            ),
        )  # fmt: skip

    def _costs(self) -> Table:
        return Table(
            "Measured",
            ("n, d, m", "route", "seconds", "making", "solving", "predicted", "from the exact step", "planned"),
            tuple(
                (f"{r['n']:,}, {r['d']}, {r['m']:,}", r["route"], f"{r['seconds']:.2g}", f"{r['made']:.2g}", f"{r['solved']:.2g}",
                 f"{r['predicted']:.2g}", f"{r['difference']:.0e}", "taken" if r["planned"] else "")
                for r in self.costs
            ),
            "Making: Gram matrix, or sketch and QR, or J. Predicted: by the plan, for one thread.",
        )  # fmt: skip

    def _plans(self) -> Table:
        return Table(
            "Planned",
            ("n, d, m", "route", "flops", "seconds", "bytes", "taken"),
            tuple(
                (f"{r['n']:,}, {r['d']}, {r['m']:,}", r["route"], f"{r['flops']:.1e}", f"{r['seconds']:.2g}", f"{r['bytes']:.1e}", "yes" if r["taken"] else "")
                for r in self.plans
            ),
            printed=False,
        )  # fmt: skip

    def _said(self) -> str:
        return " ".join(self.conclusions()[:2])

    def conclusions(self) -> tuple[str, ...]:
        """Sentences computed from the numbers."""
        out: list[str] = []
        for name in dict.fromkeys(r["points"] for r in self.trained):
            width = max(r["width"] for r in self.trained if r["points"] == name)
            mine = [r for r in self.trained if r["points"] == name and r["width"] == width]
            if len(mine) > 1:
                halved = sum(r["ratio"] <= 0.5 for r in mine[1:])
                out.append(
                    f"{name[0].upper()}{name[1:]}, {width:,} neurons: {halved} of {len(mine) - 1} steps halved the residual, which ended at {mine[-1]['relative']:.0e} of its start."
                )
        if self.quality:
            four = [r for r in self.quality if r["ratio"] == 4.0]
            out.append(
                f"A sketch of 4 n rows leaves condition numbers from {min(r['condition'] for r in four):.1f} to {max(r['condition'] for r in four):.1f} "
                f"(expected {four[0]['expected']:.1f}), and at most {max(r['iterations'] for r in four)} iterations to 1e-10."
            )
            bad = sorted({r["ratio"] for r in self.quality if r["unit steps end"] > 1.0})
            if bad:
                out.append(
                    f"The loop of unit steps diverged at s / n = {', '.join(f'{b:g}' for b in bad)}; it needs s > {UNIT_STEP_FROM:.1f} n."
                )
        if self.conditions:
            first, last = self.conditions[0], self.conditions[-1]
            out.append(
                f"From a condition number of {first['condition']:.0e} to {last['condition']:.0e}, iterations without a preconditioner go from {first['plain']} to "
                f"{last['plain']}, with a sketch from {first['sketched']} to {last['sketched']}."
            )
        if self.costs:
            sizes = list(dict.fromkeys((r["n"], r["d"], r["m"]) for r in self.costs))
            ratio = []
            for size in sizes:
                took = {
                    r["route"]: r["seconds"] for r in self.costs if (r["n"], r["d"], r["m"]) == size
                }
                sketched = [took[k] for k in ("tensor", "srht") if k in took]
                if sketched:
                    ratio.append(min(sketched) / took["exact"])
            wins = sum(q < 1.0 for q in ratio)
            out.append(
                f"The better sketch was quicker than the exact Gram matrix at {wins} of {len(ratio)} sizes; it took {times(min(ratio))} to {times(max(ratio))} times as long."
            )
        return tuple(out)


def _unit_steps(rows: list[Row]) -> str:
    """Of the draws of one size: the most iterations, or what became of those that did not get there."""
    if any(r["unit steps end"] > 1.0 for r in rows):
        return f"{sum(r['unit steps end'] > 1.0 for r in rows)} of {len(rows)} diverge"
    steps = [r["unit steps"] for r in rows]
    return "above 200" if any(s is None for s in steps) else f"{max(steps)}"
