"""``quadratic``: teacher and student with quadratic units: the rate, the threshold, the certificate, the rank; measured beside formulas."""

from __future__ import annotations

import time

from ..ask import ACTIVATIONS, Ask
from ..report import StudyReport

NAME = "quadratic"
TEXT = "teacher and student with quadratic units: rate of the loss, threshold in n, rank of the Gram matrix"


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    from . import measured, sections

    start = time.perf_counter()
    refuse(ask)
    size = measured.QUICK if ask.quick else measured.FULL
    found, cut = measured.Found(), False
    try:
        measured.measure(size, ask, found)
    except KeyboardInterrupt:
        cut = True
    return StudyReport(
        which=NAME,
        title="How fast, and from how many samples, is a teacher with quadratic units found?",
        conclusions=sections.conclusions(found),
        sections=tuple(sections.sections(found)),
        records=sections.records(found),
        asked={
            "points": "Gaussian samples, weights and teachers",
            "seed": ask.seed,
            "quick": ask.quick,
            "threads": ask.threads,
            "d of the threshold": size.d,
            "trials": size.trials,
            "steps": size.steps,
            "draws of certificates": size.draws,
        },
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )


def refuse(ask: Ask) -> None:
    """Options that this study has no use for."""
    if ask.X is not None:
        raise ValueError(
            "the study of quadratic units takes no points: its formulas are of Gaussian samples. Leave X (--data) out."
        )
    if tuple(ask.activations) != ACTIVATIONS:
        raise ValueError(
            f"the study of quadratic units has one activation, z^2; got {', '.join(ask.names)}. Leave activations out."
        )
    if ask.n is not None:
        raise ValueError(
            f"the study of quadratic units scans n around its threshold; got n={ask.n}. Leave n out, or call "
            "mehler.studies.quadratic.threshold_scan(d, m_star, samples)."
        )
