"""``activations``: which activation keeps its smallest eigenvalue, where, and what repairs it; the study that answers first.

Generated points: Figure 1's spectra and losses, low beside high dimension, where the order turns, depth. Points of the user's: their
spectrum, the same by number of principal directions, depth.
"""

from __future__ import annotations

import dataclasses
import time

from . import activations, depth, descent, dimension, figure_one
from .ask import Ask
from .report import Picture, Section, StudyReport, Table
from .table import SweepRow

NAME = "activations"
TEXT = "spectra, low and high dimension, depth: the default"
MOST_POINTS = 2_000  # of the user's, unless asked otherwise


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    return of_data(ask) if ask.X is not None else of_generated(ask)


def of_generated(ask: Ask) -> StudyReport:
    """Spectra of Figure 1, low beside high dimension, depth."""
    start = time.perf_counter()
    main = activations.run_study(
        n=ask.n,
        seed=ask.seed,
        quick=ask.quick,
        activations=ask.activations,
        threads=ask.threads,
        report=ask.say,
    )
    sections = [first(main)]
    records = {"": [r.record() for r in main.rows]}
    lead = [main.conclusion()]
    cut = False
    try:
        two = figure_one.generated(ask)
        sections.insert(0, figure_one.section(two, ask))
        records["figure-1"] = figure_one.records(two, "circle-half")
        lead.append(figure_one.conclusion(two))
        runs, cut = descent.measured(dataclasses.replace(ask, n=None))
        if runs:
            sections.insert(1, descent.section(runs, ask, "training"))
            records["training"] = descent.records(runs)
            lead += descent.conclusions(runs)
        if cut:
            raise KeyboardInterrupt
        found = by_dimension(main)
        sections.append(
            dimension.section(
                found, ask, f"{main.n} random points on the sphere of each dimension", "dimension"
            )
        )
        lead += dimension.conclusions(found, ask)[1:]
        deep, cut = deeper(ask, sections, lead)
        records["depth"] = depth.records(deep, True)
    except KeyboardInterrupt:
        cut = True
    return StudyReport(
        which=NAME,
        title="Which activation keeps its smallest eigenvalue?",
        conclusions=tuple(lead),
        sections=tuple(sections),
        records=records,
        asked=ask.asked(f"{main.n} generated points a set"),
        seconds=time.perf_counter() - start,
        interrupted=cut,
        stem="study",
        text=str(main),
        more=main.to_dict(),
    )


def of_data(ask: Ask) -> StudyReport:
    """The spectrum of the points, by number of principal directions, and by depth."""
    start = time.perf_counter()
    points = ask.points("sphere-random", 2, 2, 0)
    if ask.n is None:
        points = points.first(MOST_POINTS)
    sections: list[Section] = []
    records: dict[str, list[dict[str, object]]] = {}
    lead: list[str] = []
    cut = False
    few = points.first(figure_one.MOST_POINTS)
    spectra = figure_one.spectra(ask, few.X, few.text)
    sections.append(figure_one.data_section(spectra, few, ask))
    records[""] = figure_one.records({len(few.X): spectra}, ask.source)
    ask = ask.of(points.X)
    try:
        found, words, cut = dimension.measured(ask)
        sections.append(dimension.section(found, ask, words, "dimension"))
        records["dimension"] = dimension.records(found)
        lead += dimension.conclusions(found, ask)
        if not cut:
            deep, cut = deeper(ask, sections, lead)
            records["depth"] = depth.records(deep, True)
    except KeyboardInterrupt:
        cut = True
    return StudyReport(
        which=NAME,
        title="Which activation keeps its smallest eigenvalue on these points?",
        conclusions=tuple(lead),
        sections=tuple(sections),
        records=records,
        asked=ask.asked(points.text),
        seconds=time.perf_counter() - start,
        interrupted=cut,
        stem="study",
    )


def deeper(ask: Ask, sections: list[Section], lead: list[str]) -> tuple[depth.Found, bool]:
    """The section on depth, and its sentence."""
    points = ask.points(
        "sphere-random", ask.count(depth.POINTS, depth.QUICK_POINTS), depth.DIMENSION, 200
    )
    found, cut = depth.measured(ask, points.X, True)
    needed = depth.layers_needed(ask, points.X)
    sections.append(depth.section(found, needed, ask, points.text, "depth"))
    lead += depth.conclusions(found, needed, ask)[:1]
    return found, cut


def first(main: activations.Study) -> Section:
    """The picture and the table that the study has had from the beginning."""
    low, high = main.spans
    return Section(
        "Low dimension beside high dimension",
        (
            f"Spectra of the G-matrix for points that span {low} dimensions and for points that span {high}, and the smallest eigenvalue "
            "in between. These are solved in double precision, as most programs would: what it cannot see is shaded.",
            Picture(
                "",
                "Spectra, and the smallest eigenvalue against the dimension",
                main.conclusion(),
                activations.caption(main) + ".",
                lambda fig: activations.draw(fig, main),
                (11.0, 4.8),
            ),
            Table(
                "Ends of the spectra",
                (
                    "activation",
                    "kink",
                    f"largest, {low} dim.",
                    f"smallest, {low} dim.",
                    f"largest, {high} dim.",
                    f"smallest, {high} dim.",
                ),
                tuple(main.ends(a) for a in main.activations),
                "≤ marks what float64 cannot see.",
            ),
        ),
    )


def by_dimension(main: activations.Study) -> dimension.Found:
    """The second experiment of the study, as rows of a sweep."""
    found: dimension.Found = {}
    for r in main.rows:
        if r.experiment == "dimension":
            row = SweepRow(
                r.activation, "gradient", 1, 1.0, 0.0, None, r.n, value=r.value, upper=r.value,
                status="resolved" if r.resolved else "rounding-limited",
            )  # fmt: skip
            found.setdefault(r.span, {})[r.activation] = row
    return found
