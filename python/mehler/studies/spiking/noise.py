"""Where the error of a quantiser goes: its spectrum, and what is left of it after averaging over a window.

The error of a diffused quantiser is a difference, e_t = (v_(t-1) - v_t) / dt: first-order noise shaping, whose power grows by 20 dB a
decade of frequency, and whose mean over W steps falls like 1 / W. Rounding with fresh random numbers makes white noise: 1 / sqrt(W).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..._arrays import Array, as_array, generator_from, integer
from .quantiser import positive


def stochastic_rounding(f: Any, dt: float, rng: Any = None) -> Array:
    """floor(dt f + U) / dt with a fresh U of U[0, 1) for every entry: the quantiser without diffusion, unbiased too.

    Parameters
    ----------
    f
        Values, of any shape.
    dt
        Step, > 0.
    rng
        None, a seed or a Generator.

    Returns
    -------
    numpy.ndarray
        float64.

    Raises
    ------
    TypeError, ValueError
        f is no array of real numbers; dt is not positive.
    """
    step = positive(dt, "dt")
    c = step * np.asarray(as_array(f, "f"), dtype=np.float64)
    return np.asarray(np.floor(c + generator_from(rng).random(c.shape)) / step)


def _errors(e: Any) -> Array:
    given = np.asarray(as_array(e, "e"), dtype=np.float64)
    if given.ndim not in (1, 2) or len(given) < 2 or not given.size:
        raise ValueError(
            f"e must be (T,) or (T, N) with T >= 2 steps; got shape {given.shape}. Flatten the neurons."
        )
    if not np.isfinite(given).all():
        raise ValueError("e must be finite; found NaN or infinity.")
    return given.reshape(len(given), -1)


def error_spectrum(e: Any) -> tuple[Array, Array]:
    """S(w) = |sum_t h_t e_t exp(-2 pi i w t)|^2 / sum_t h_t^2, averaged over neurons; h is Hann's window.

    Parameters
    ----------
    e
        Errors (T,) or (T, N).

    Returns
    -------
    frequency, power : numpy.ndarray, numpy.ndarray
        Cycles a step, in (0, 1/2), and S there: constant and equal to the variance of white noise.

    Raises
    ------
    TypeError, ValueError
        Not such errors.
    """
    given = _errors(e)
    T = len(given)
    window = np.sin(np.pi * (np.arange(T) + 0.5) / T) ** 2
    power = np.mean(np.abs(np.fft.rfft(window[:, None] * given, axis=0)) ** 2, axis=1)
    inside = slice(1, (T + 1) // 2)
    frequency = np.asarray(np.fft.rfftfreq(T)[inside], dtype=np.float64)
    return frequency, np.asarray(power[inside] / float(np.sum(window**2)), dtype=np.float64)


def decibels_per_decade(
    frequency: Any, power: Any, low: float = 2e-3, high: float = 0.1, bins: int = 16
) -> float:
    """Slope of 10 log10 S against log10 w, least squares over bins of equal ratio.

    Parameters
    ----------
    frequency, power
        As :func:`error_spectrum` gives them.
    low, high
        Where to look. Above 0.1 the law of a difference, |2 sin(pi w)|^2, bends.
    bins
        Their number: power is averaged in each first, so that the many high frequencies do not decide alone.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Fewer than three bins have a frequency in them, or no power.
    """
    w, s = np.asarray(frequency, dtype=np.float64), np.asarray(power, dtype=np.float64)
    edges = np.geomspace(positive(low, "low"), positive(high, "high"), integer(bins, "bins") + 1)
    x, y = [], []
    for a, b in pairwise(edges):
        inside = (w >= a) & (w < b)
        if inside.any() and np.mean(s[inside]) > 0.0:
            x.append(float(np.mean(np.log10(w[inside]))))
            y.append(10.0 * float(np.log10(np.mean(s[inside]))))
    if len(x) < 3:
        raise ValueError(
            f"a slope needs three bins with power between {low:g} and {high:g} cycles a step; found {len(x)}. Take more steps."
        )
    return float(np.polyfit(x, y, 1)[0])


def window_rms(e: Any, windows: Sequence[int]) -> Array:
    """Root mean square of the means of e over disjoint windows of W steps, over windows and neurons.

    Parameters
    ----------
    e
        Errors (T,) or (T, N).
    windows
        Lengths W, 1 <= W <= T.

    Returns
    -------
    numpy.ndarray
        One for each W. Diffused with independent uniform states at both ends: 1 / (sqrt(6) W dt).

    Raises
    ------
    TypeError, ValueError
        Not such errors, or windows out of range.
    """
    given = _errors(e)
    out = []
    for window in windows:
        W = integer(window, "windows")
        if not 1 <= W <= len(given):
            raise ValueError(f"windows must satisfy 1 <= W <= T={len(given)}; got {W}.")
        count = len(given) // W
        means = given[: count * W].reshape(count, W, -1).mean(axis=1)
        out.append(float(np.sqrt(np.mean(means**2))))
    return np.array(out)
