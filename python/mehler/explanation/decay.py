"""How fast the power series of an analytic kernel falls, and how that is known.

    sqrt(A_p) = |mu_p| at depth 1,    h(rho) = sum_p A_p rho^p

A singularity of phi nearest to the real axis, at |Im z| = tau, makes mu_p(phi(s .)) fall like exp(-(tau / s) sqrt(p)) times a
power of p (Hille 1940). Where no formula says where it is, three laws are fitted to the coefficients that stand above rounding, each
with a power of p or p-th power beside it, and the one with the least residual is taken.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..activations.hermite import Array
from ..errors import PrecisionWarning
from ..kernels import Kernel
from ..precision.analytic import analytic

TERMS, DEEP_TERMS = 512, 256  # of one layer, and of many, where they cost ten times as much
ABOVE = 1e-27  # of h(1): squares of mu, which are known to 4e-15
FIRST = 4
LEAST_FACTORIAL = 0.2  # less is no factorial, but one parameter more than a geometric law has


@dataclass(frozen=True)
class Decay:
    """sqrt(A_p) falls like this law, up to a power of p.

    Attributes
    ----------
    law
        'finite' (A_p = 0 beyond p = rate), 'root' (exp(-rate sqrt(p))), 'geometric' (exp(-rate p)), 'factorial' (p!^(-rate / 2)
        times a p-th power), 'power' (p^-rate: a kink that was not declared), or 'unknown'.
    rate
        See ``law``; NaN where unknown.
    fitted
        The rate of the same law as fitted; NaN where nothing was fitted.
    first, last
        The coefficients that were looked at.
    how
        How it is known, in words.
    """

    law: str
    rate: float
    fitted: float
    first: int
    last: int
    how: str

    @property
    def text(self) -> str:
        """The law with its rate."""
        r = f"{self.rate:.5g}"
        return {
            "finite": f"A_p = 0 for p > {int(self.rate) if self.law == 'finite' else 0}",
            "root": f"sqrt(A_p) ~ exp(-{r} sqrt(p))",
            "geometric": f"sqrt(A_p) ~ exp(-{r} p)",
            "factorial": f"sqrt(A_p) ~ p!^-{0.5 * self.rate:.3g} b^p",
            "power": f"sqrt(A_p) ~ p^-{r}",
            "unknown": "not known",
        }[self.law]


def decay(kernel: Kernel) -> Decay:
    """The law of a kernel whose activations have no kinks.

    Parameters
    ----------
    kernel
        Of any depth.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        A = np.asarray(kernel.coefficients(DEEP_TERMS if kernel.deep else TERMS))
    terms = len(A) - 1
    seen = np.flatnonzero(A > ABOVE * float(np.sum(A)))
    last = int(seen[-1]) if seen.size else 0
    if not np.any(A[last + 1 :]) or (last < terms // 4 and _ends(A, last)):
        if last < terms:
            return Decay("finite", float(last), math.nan, 0, last, "all others vanish")
    law, rate = _fitted(A, last)
    strip = _strip(kernel)
    if math.isfinite(strip):
        own = rate if law == "root" else math.nan
        how = f"phi is analytic for |Im z| < {strip * math.sqrt(kernel.weight_var):.5g}, and no further (Hille 1940)"
        if law == "root":
            how += f"; fitted: {rate:.4g}"
        return Decay("root", strip, own, FIRST, last, how)
    how = f"fitted to p = {FIRST}..{last}"
    if law == "power":
        how += "; is there a kink that was not declared?"
    if law == "unknown":
        how = f"only the first {last + 1} coefficients stand above rounding"
    return Decay(law, rate, rate, FIRST, last, how)


def _ends(A: Array, last: int) -> bool:
    """A sharp end: the last coefficient stands far above all that follow."""
    after = float(np.max(np.abs(A[last + 1 :]), initial=0.0))
    return bool(A[last] > 1e-18 * float(np.sum(A)) and after < 1e-10 * A[last])


def _strip(kernel: Kernel) -> float:
    """tau / s of the one activation, inf where it is entire, NaN where no formula is known or layers mix."""
    if kernel.deep or kernel.bias_var != 0.0:
        return math.nan
    found = analytic(kernel.layers[0], kernel.kind == "gradient")
    return math.nan if found is None else float(found.strip) / math.sqrt(kernel.weight_var)


def _fitted(A: Array, last: int) -> tuple[str, float]:
    """(law, rate) with the least residual; envelopes of stretches, since parities and phases leave gaps."""
    width = max(2, (last - FIRST) // 40)
    starts = range(FIRST, last - width + 2, width)
    peaks = [
        (s + int(np.argmax(A[s : s + width])), float(np.max(A[s : s + width]))) for s in starts
    ]
    peaks = [(p, a) for p, a in peaks if a > 0.0]
    if len(peaks) < 5:
        return "unknown", math.nan
    p = np.array([q for q, _ in peaks], dtype=np.float64)
    y = 0.5 * np.log([a for _, a in peaks])
    one, log = np.ones_like(p), np.log(p)
    factorial = 0.5 * np.array([math.lgamma(q + 1.0) for q in p])
    models: dict[str, Any] = {
        "root": (-np.sqrt(p), log),
        "geometric": (-p, log),
        "factorial": (-factorial, p),
        "power": (-log,),
    }
    found: dict[str, tuple[float, float]] = {}
    for law, columns in models.items():
        matrix = np.stack([*columns, one], axis=1)
        x = np.linalg.lstsq(matrix, y, rcond=None)[0]
        left = float(np.sqrt(np.mean((matrix @ x - y) ** 2)))
        if x[0] > (LEAST_FACTORIAL if law == "factorial" else 0.0):
            found[law] = left, float(x[0])
    if not found:
        return "unknown", math.nan
    smooth = {law: v for law, v in found.items() if law != "power"}
    if (
        "power" in found
        and last == len(A) - 1
        and not (smooth and min(smooth.values())[0] < 0.2 * found["power"][0])
    ):
        return "power", found["power"][1]
    if not smooth:
        return "unknown", math.nan
    law = min(smooth, key=lambda name: smooth[name][0])
    return law, smooth[law][1]
