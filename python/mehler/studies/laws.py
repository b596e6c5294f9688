"""Straight lines through measured laws: how far they may reach is decided by the data, not by hand.

    power        log y = a + b log x
    exponential  log y = a + b x

Such laws hold towards one end of x only. Windows grow from that end, four values first; a window is kept as long as its
interval for b meets those of all shorter ones (Lepski's rule), so that the longest one free of visible bias is taken.

Invariant: nothing but the values of x and y decides the window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._arrays import Array

LEAST = 4  # values of x that a line is put through
STUDENT = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
)  # 97.5 %, 1 to 10 degrees of freedom
POWER, EXPONENTIAL = "power", "exponential"


@dataclass(frozen=True)
class Fit:
    """An exponent, with its band.

    Attributes
    ----------
    activation
        Whose.
    law
        'power': y ~ x^b; 'exponential': y ~ exp(b x).
    exponent
        b; NaN where fewer than four values of x are resolved.
    low, high
        95 % confidence over draws (Student's t of their slopes; of one draw, without randomness, the accuracy of y), widened
        by how far b is from that of the shortest window; of one draw also by how much slopes from point to point differ, which
        is what their limit may be away.
    expected
        What theory says; None where it says nothing.
    first, last
        The window of x, last towards the end where the law holds.
    points, left_out
        Values of x in the window, and values that were not resolved.
    log_prefactor
        a.

    Examples
    --------
    >>> fit = mh.rates("relu", against="separation").fit("relu")
    >>> fit.law, fit.expected, round(fit.exponent, 2), fit.low <= fit.exponent <= fit.high
    ('power', 1.0, 1.0, True)
    >>> x = np.array([fit.first, fit.last])
    >>> y = fit.at(x)  # the fitted line
    >>> np.allclose(np.log(y[1] / y[0]) / np.log(x[1] / x[0]), fit.exponent)
    True
    """

    activation: str
    law: str
    exponent: float
    low: float
    high: float
    expected: float | None
    first: float
    last: float
    points: int
    left_out: int
    log_prefactor: float

    def at(self, x: Array) -> Array:
        """The fitted y, (m,).

        Parameters
        ----------
        x
            Where, (m,).

        Returns
        -------
        numpy.ndarray
        """
        x = np.asarray(x, dtype=np.float64)
        return np.asarray(
            np.exp(self.log_prefactor + self.exponent * (np.log(x) if self.law == POWER else x))
        )


def fitted(
    activation: str,
    law: str,
    x: Sequence[float],
    y: Array,
    towards: str,
    expected: float | None = None,
    noise: float = 0.0,
) -> Fit:
    """The line through the law's end.

    Parameters
    ----------
    activation
        Name.
    law
        'power' or 'exponential'.
    x
        Different values, (m,).
    y
        (m, seeds), NaN where not resolved; a value of x with one is left out.
    towards
        'small' or 'large': where the law holds.
    expected
        What theory says.
    noise
        Relative error of y where there is one draw only: what a line has to fit to.
    """
    at, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    good = np.all(np.isfinite(values) & (values > 0.0), axis=1)
    lost = int(np.sum(~good))
    order = np.argsort(at[good])
    if towards == "small":
        order = order[::-1]
    at, values = at[good][order], np.log(values[good][order])
    m = len(at)
    nothing = math.nan
    if m < LEAST:
        return Fit(
            activation, law, nothing, nothing, nothing, expected, nothing, nothing, 0, lost, nothing
        )
    t = np.log(at) if law == POWER else at
    lines = [_line(t[k:], values[k:], noise) for k in range(m - LEAST, -1, -1)]
    low, high, chosen = -math.inf, math.inf, 0
    for k, (_, b, half) in enumerate(lines):
        low, high = max(low, b - half), min(high, b + half)
        if low > high:
            break
        chosen = k
    a, b, half = lines[chosen]
    half += abs(b - lines[0 if chosen else min(1, len(lines) - 1)][1])
    start = m - LEAST - chosen
    if values.shape[1] == 1:  # no randomness: slopes from point to point move towards their limit
        local = np.diff(values[start:, 0]) / np.diff(t[start:])
        half += float(np.ptp(local))
    return Fit(
        activation,
        law,
        b,
        b - half,
        b + half,
        expected,
        float(at[start]),
        float(at[-1]),
        m - start,
        lost,
        a,
    )


def _line(t: Array, values: Array, noise: float) -> tuple[float, float, float]:
    """(a, b, half of the 95 % interval of b): through the means over seeds."""
    seeds = values.shape[1]
    centred = t - t.mean()
    size = float(centred @ centred)
    slopes = centred @ values / size
    b = float(slopes.mean())
    mean = values.mean(axis=1)
    a = float(mean.mean() - b * t.mean())
    if seeds == 1:
        return a, b, 2.0 * noise / math.sqrt(size)
    # over draws alone: residuals of the line would hide its own curvature
    return a, b, student(seeds - 1) * float(slopes.std(ddof=1)) / math.sqrt(seeds)


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    if freedom <= len(STUDENT):
        return STUDENT[freedom - 1]
    return 1.95996 + 2.3722 / freedom + 2.8225 / freedom**2  # Cornish-Fisher
