"""``rates``: exponents of lambda_min against everything that it depends on, measured, with bands, beside the theory's."""

from __future__ import annotations

import math
import time

from . import rate_picture
from .ask import Ask
from .rate_designs import DESIGNS
from .rate_table import Rates
from .rates import rates
from .report import Picture, Section, StudyReport, Table

NAME = "rates"
TEXT = "exponents against separation, n, dimension, scale, width and depth, with bands"
SEEDS = 5
QUICK: dict[str, tuple[float, ...]] = {  # quantities of a quick study, and their values
    "separation": (0.1, 0.05, 0.025, 0.0125, 0.00625),
    "scale": (0.1, 0.03, 0.01, 0.003),
    "width": (100, 300, 1_000, 3_000),
}
WORDS = {
    "separation": "Points on a short arc: lambda_min ~ delta^(2r-1) when phi^(r) is the first derivative to jump, whatever else phi does; a "
    "smooth activation falls with the number of points, delta^(2(n-1)).",
    "n": "Uniform points: the closest pair is about n^(-2/(d-1)) apart, and decides where the slope jumps; elsewhere it is a bound.",
    "dimension": "Uniform points, as many in every dimension. No power law is claimed: the fit says how steep the end is.",
    "scale": "Small weights see a smooth activation as a polynomial of low degree, and a kink as a kink.",
    "width": "The distance of the matrix from its limit: a mean of independent matrices.",
    "depth": "What is missing to 1 falls like (1 - mu)^L, with mu the share of the variance of phi that is not linear.",
}


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    start = time.perf_counter()
    if ask.X is not None:
        raise ValueError(
            "the study of rates takes no points: each quantity needs points made for it. Leave X (--data) out."
        )
    found: list[Rates] = []
    for against in QUICK if ask.quick else DESIGNS:
        one = rates(
            ask.activations,
            against,
            QUICK[against] if ask.quick else None,
            n=ask.n if DESIGNS[against].n else None,
            seeds=3 if ask.quick else SEEDS,
            threads=ask.threads,
            rng=ask.seed,
            report=ask.say,
        )
        if one.rows:
            found.append(one)
        if one.interrupted:
            break
    return StudyReport(
        which=NAME,
        title="How fast does the smallest eigenvalue fall?",
        conclusions=conclusions(found),
        sections=tuple(section(k, one) for k, one in enumerate(found)),
        records={
            "": [row for one in found for row in one.records()],
            "fits": [{"against": one.against, **vars(f)} for one in found for f in one.fits],
        },
        asked=ask.asked("points of each quantity's own", seeds=3 if ask.quick else SEEDS),
        seconds=time.perf_counter() - start,
        interrupted=bool(found) and found[-1].interrupted,
    )


def section(k: int, one: Rates) -> Section:
    """Picture and table of one quantity."""
    law = "y ~ x^b" if one.fits[0].law == "power" else "y ~ exp(b x)"
    fits = "; ".join(f"{f.activation}: {_band(f.exponent, f.low, f.high)}" for f in one.fits)
    return Section(
        f"Against {one.xlabel}",
        (
            WORDS[one.against],
            Picture(
                "" if k == 0 else one.against,
                f"{one.ylabel[0].upper()}{one.ylabel[1:]} against {one.xlabel}",
                f"Measured values and fitted lines, {law}; b is {fits}.",
                "Markers: geometric means over draws, bars from the least to the largest. Lines stand over the windows that the data chose.",
                lambda fig: rate_picture.draw(fig, one),
            ),
            Table(
                f"Fits of {law}",
                ("activation", "b", "95 %", "theory", "window of x", "values", "not resolved"),
                tuple(
                    (
                        f.activation,
                        "-" if math.isnan(f.exponent) else f"{round(f.exponent, 4) + 0.0:.4f}",
                        _band(f.exponent, f.low, f.high),
                        "-" if f.expected is None else f"{f.expected:.4g}",
                        "-" if math.isnan(f.first) else f"{f.first:.3g} to {f.last:.3g}",
                        f"{f.points}",
                        f"{f.left_out}",
                    )
                    for f in one.fits
                ),
                "The window is the longest from the end where the law holds whose slope agrees with those of all shorter ones.",
            ),
        ),
    )


def conclusions(found: list[Rates]) -> tuple[str, ...]:
    """Sentences computed from the numbers."""
    out = []
    for one in found:
        known = [f for f in one.fits if not math.isnan(f.exponent)]
        words = ", ".join(
            f"{f.activation} {round(f.exponent, 3) + 0.0:.3g}"
            + ("" if f.expected is None else f" (theory {round(f.expected, 3) + 0.0:g})")
            for f in known
        )
        if words:
            out.append(f"Exponents against {one.xlabel}: {words}.")
    return tuple(out) or ("Nothing was reached.",)


def _band(b: float, low: float, high: float) -> str:
    if math.isnan(b):
        return "fewer than 4 resolved"
    digits = min(max(3, 1 - math.floor(math.log10(max(high - low, 1e-9)))), 6)
    return f"{low:.{digits}f} to {high:.{digits}f}"
