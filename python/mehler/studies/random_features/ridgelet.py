"""What ridgelet analysis says of weights from a box, in one dimension: closed forms, and quadrature for any target.

    (R f)(a, b) = int f(x) sigma(a x - b) dx,    (S g)(x) = int g(a, b) sigma(a x - b) da db,    sigma(z) = z exp(-z^2/2) / sqrt(2 pi)

This sigma is admissible with itself: |R f| = |f| and S R f = f, and among all g with S g = f that of least norm is R f.
Let V be the weights |a| <= lam, any b. S_V S_V^t multiplies the Fourier transform of f by exp(-u^2 / lam^2): what a frozen
layer can reach fades above the frequency lam.

Formulas: our derivations, after the programme of Li, Sonoda, Cao, Wang, Liang (ICML 2023), whose theorem these are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._arrays import Array, as_array
from ...activations import Activation
from .checks import at_least, finite, positive

FIRST, LAST = 2**9, 2**21  # samples of the target in a quadrature
EDGE = 1e-8  # of the largest value of the target, where the interval ends
REACH = (
    16.0  # the kernel of the multiplier is exp(-REACH^2 / 4) = 1e-28 at this multiple of 1 / lam
)

RIDGELET = Activation(
    "gauss'",
    lambda z: np.asarray(z) * np.exp(-0.5 * np.square(z)) / math.sqrt(2.0 * math.pi),
    lambda z: (1.0 - np.square(z)) * np.exp(-0.5 * np.square(z)) / math.sqrt(2.0 * math.pi),
    parity="odd",
    formula="z exp(-z^2 / 2) / sqrt(2 pi)",
    source="self-admissible in one dimension: int |FT(z)|^2 / |z| dz = 1",
)


def gaussian_tail(lam: Any, scale: float = 1.0) -> Any:
    """tau(lam) = 1 - 1 / sqrt(1 + 1 / (lam s)^2) of the target exp(-x^2 / 2 s^2).

    The share of |R f|^2 that lies outside |a| <= lam: what the box leaves out. The range that is needed is about 1 / s.

    Parameters
    ----------
    lam
        Half width of the box, > 0: a number, or an array of them.
    scale
        s, in the unit of x, > 0.

    Returns
    -------
    float or numpy.ndarray
        In (0, 1), of the shape of ``lam``; to a few ulp, also where it is small.

    Raises
    ------
    TypeError, ValueError
        Not positive finite numbers.

    References
    ----------
    Our derivation: |f^(u)|^2 ~ exp(-s^2 u^2) in ``tail``.
    """
    at, s = positive(lam, "lam"), float(positive(scale, "scale", scalar=True))
    with np.errstate(over="ignore", invalid="ignore"):
        q = (1.0 / (at * s)) ** 2
        root = np.sqrt(1.0 + q)
        # (root - 1) / root without the difference of near numbers
        tau = np.where(
            np.isinf(q), 1.0, np.where(q > 0.5, 1.0 - 1.0 / root, q / (root * (1.0 + root)))
        )
    return float(tau) if tau.ndim == 0 else tau


def tail(
    target: Callable[[Array], Any],
    lam: Any,
    interval: tuple[float, float] = (-8.0, 8.0),
    tol: float = 1e-9,
) -> Any:
    """tau(lam) = int |f^(u)|^2 (1 - exp(-u^2 / lam^2)) du / int |f^(u)|^2 du, by quadrature, for any target on the line.

    The trapezoidal rule in x (a Fourier transform of samples) and in u: exponentially accurate for smooth targets. The
    samples are doubled until two results agree.

    Parameters
    ----------
    target
        f, a function of an array. It must have decayed at both ends of the interval: to 1e-8 of its largest value.
    lam
        Half width of the box, > 0: a number, or an array of them.
    interval
        Outside of which f is nothing.
    tol
        Largest difference of the last two results, absolute.

    Returns
    -------
    float or numpy.ndarray
        In [0, 1], of the shape of ``lam``.

    Raises
    ------
    TypeError, ValueError
        Bad numbers; a target that is not finite, zero, or not decayed at the ends; one that two million samples do not resolve.

    References
    ----------
    Sonoda and Murata, ACHA 43, 2017 (the transform); the multiplier exp(-u^2 / lam^2) is our derivation.
    """
    at = positive(lam, "lam")
    low, high = _interval(interval)
    allowed = float(positive(tol, "tol", scalar=True))
    before = None
    n = FIRST
    while n <= LAST:
        f = _samples(target, low, high, n)
        found = _tail_of(f, (high - low) / (n - 1), at)
        if before is not None and float(np.max(np.abs(found - before))) <= allowed:
            return float(found) if found.ndim == 0 else found
        before, n = found, 2 * n
    raise ValueError(
        f"the target must be smooth on {interval}; {LAST:,} samples still change tau by more than tol={tol:g}. Take a larger tol, "
        "or a target without jumps."
    )


def _tail_of(f: Array, h: float, lam: Array) -> Array:
    """Of samples at distance h that vanish at both ends.

    Small boxes by the autocorrelation r of f, the rule in u of whose width would take 1 / lam samples more:
    1 - tau = lam / (2 sqrt(pi)) int r(s) exp(-lam^2 s^2 / 4) ds / r(0).
    """
    flat = np.ravel(lam)
    small = flat * h * len(f) < 1.0
    shares = np.empty(len(flat))
    # The sum over u is exact up to copies of f, smeared by the kernel of the multiplier, at distance 2 pi / du:
    # far enough apart, they do not touch.
    reach = len(f) + math.ceil(REACH / (float(np.min(flat[~small], initial=np.inf)) * h))
    size = 1 << (2 * reach - 1).bit_length()
    energy = np.abs(np.fft.rfft(f, size)) ** 2
    if small.any():
        r = np.fft.irfft(energy, size)[: len(f)]
        r[1:] *= 2.0  # s and -s
        s = h * np.arange(len(f))
        for i in np.flatnonzero(small):
            v = flat[i]
            shares[i] = 1.0 - v * h * float(r @ np.exp(-np.square(0.5 * v * s))) / (
                2.0 * math.sqrt(math.pi) * r[0]
            )
    energy[1:] *= 2.0  # u and -u; the last one has no partner, and no weight either
    u = 2.0 * np.pi * np.arange(len(energy)) / (size * h)
    total = float(np.sum(energy))
    for i in np.flatnonzero(~small):
        shares[i] = float(energy @ -np.expm1(-np.square(u / flat[i]))) / total
    return shares.reshape(lam.shape)


def _samples(target: Callable[[Array], Any], low: float, high: float, n: int) -> Array:
    x = np.linspace(low, high, n)
    f = finite(target(x), "the target", (1,))
    if f.shape != x.shape:
        raise ValueError(
            f"the target must return an array of the shape of x, {x.shape}; got {f.shape}."
        )
    top = float(np.max(np.abs(f)))
    if top == 0.0:
        raise ValueError(
            f"the target must not be zero; it is, at {n} points of ({low:g}, {high:g}). Take another interval."
        )
    if max(abs(f[0]), abs(f[-1])) > EDGE * top:
        raise ValueError(
            f"the target must have decayed at the ends of the interval; it is {f[0] / top:.1e} and {f[-1] / top:.1e} of its largest value "
            f"at {low:g} and {high:g}. Take a wider interval."
        )
    return f


def _interval(interval: Any) -> tuple[float, float]:
    ends = finite(interval, "interval", (1,))
    if ends.shape != (2,) or not ends[0] < ends[1]:
        raise ValueError(f"interval must be two numbers, low < high; got {interval!r}.")
    return float(ends[0]), float(ends[1])


def band_limited_kernel(x: Any, y: Any, lam: float) -> Array:
    """K(x, y) = int_V sigma(a x - b) sigma(a y - b) da db = lam / (2 sqrt(pi)) exp(-lam^2 (x - y)^2 / 4), V = {|a| <= lam}.

    The kernel of frozen weights from a box is a Gaussian kernel whose width is the range of the box: a ridge beta on the
    read-out sees frequencies up to about lam sqrt(ln(1 / beta)).

    Parameters
    ----------
    x, y
        Points on the line, (n,) and (m,).
    lam
        Half width of the box, > 0.

    Returns
    -------
    numpy.ndarray
        (n, m); with a and b uniform in boxes of areas 2 lam and 2 c, 4 lam c times the mean of sigma sigma, as c grows.

    Raises
    ------
    TypeError, ValueError
        Not finite numbers, not one-dimensional, lam <= 0.

    References
    ----------
    Our derivation: the autocorrelation of sigma is (1/2 - t^2/4) exp(-t^2/4) / (2 sqrt(pi)), t = a (x - y); integrate over a.
    """
    a, b = finite(x, "x", (1,)), finite(y, "y", (1,))
    width = float(positive(lam, "lam", scalar=True))
    with np.errstate(over="ignore"):
        t = width * (a[:, None] - b[None, :])
        return np.asarray(width / (2.0 * math.sqrt(math.pi)) * np.exp(-0.25 * t * t))


def band_bound(tau: Any, cap: float = 1.0) -> Any:
    """|f - S g| / |f| >= 1 - B sqrt(1 - tau) for every g inside the box with |g| <= B |f|.

    Positive for B = 1 as soon as anything of R f lies outside the box. Without a cap the infimum can be zero: weights
    outside are imitated by large coefficients inside.

    Parameters
    ----------
    tau
        Share of |R f|^2 outside, in [0, 1]: a number, or an array of them.
    cap
        B, >= 0, in units of |f|.

    Returns
    -------
    float or numpy.ndarray
        At least 0, of the shape of ``tau``.

    Raises
    ------
    TypeError, ValueError
        tau outside [0, 1], cap < 0.

    References
    ----------
    Our derivation: <f - S g, f> = |f|^2 - <g, R f>, and |P_V R f| = |f| sqrt(1 - tau).
    """
    share = finite(tau, "tau", tuple(range(as_array(tau, "tau").ndim + 1)))
    if np.any((share < 0.0) | (share > 1.0)):
        raise ValueError(f"tau must lie in [0, 1]; got {tau!r}.")
    B = at_least(cap, "cap", 0.0)
    # 1 - sqrt(1 - tau) = tau / (1 + sqrt(1 - tau)): small tails keep their digits
    root = np.sqrt(1.0 - share)
    bound = np.maximum(share / (1.0 + root) + (1.0 - B) * root, 0.0)
    return float(bound) if bound.ndim == 0 else bound
