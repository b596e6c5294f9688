"""Rates of the literature whose constants are not stated, or not to be had: curves to draw beside a measurement.

Never part of ``lower`` or ``upper``, never a pass or a fail.
"""

from __future__ import annotations

import math

from ..kernels import Kernel
from .bound import Reported

PSG = "Panigrahi, Shetty, Goyal, ICLR 2020; constants unknown"
KARHADKAR = "Karhadkar, Murray, Montufar 2024; constants unknown"


def curves(ker: Kernel, n: int, span: int, separation: float | None) -> tuple[Reported, ...]:
    """Those that concern this kernel: one hidden layer, its weights trained, or both layers'."""
    if ker.kind == "nngp" or ker.depth != 1 or not separation or n < 3:
        return ()
    from ..planning.problem import order as singularity

    # h has a term |x - y|^(2r - 1) where phi^(r) is the first to jump
    power, out = singularity(ker), list[Reported]()
    order = round(0.5 * (power + 1.0)) if math.isfinite(power) else None
    delta, logn = separation, math.log(n)
    if order == 1:
        out.append(Reported("slope jumps", "delta / n^3", delta / n**3, PSG))
        out.append(
            Reported(
                "slope jumps, sharp", "delta / sqrt(log n)", delta / math.sqrt(logn),
                "Song 2026, arXiv 2608.03368; attained up to constants",
            )
        )  # fmt: skip
    if order == 2:
        out.append(
            Reported("curvature jumps", "delta^3 / (n^7 log^3 n)", delta**3 / (n**7 * logn**3), PSG)
        )
    if order is None and not ker.layers[0].kinks:
        rate = n ** (1.0 / (2.0 * span))
        out.append(Reported("smooth", "exp(-n^(1/(2 d'))), an upper rate", math.exp(-rate), PSG))
    if ker.kind == "ntk":
        out.clear()
    if ker.kind == "ntk" and ker.layers[0].name == "relu" and span >= 3 and delta < 1.0:
        shape = (1.0 + span * math.log(1.0 / delta) / math.log(span)) ** -3 * delta**2
        out.append(
            Reported("both layers", "(1 + d log(1/delta)/log d)^-3 delta^2", shape, KARHADKAR)
        )
    return tuple(out)
