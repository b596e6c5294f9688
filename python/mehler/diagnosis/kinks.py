"""Where derivatives of a function jump, found from its values alone.

    s = f^(r)(c+) - f^(r)(c-)

A Chebyshev interpolant on a panel without a kink falls to the rounding of f; panels where it does not are
halved. That leads to brackets of singular points, be they kinks or poles near the axis. At each one,
interpolants from the left and from the right are compared: the first derivative whose jump stands clear of
rounding is the order, and the root of D^(r-1), D the difference of the two, is the place (D = s (z - c)^r / r! + ...).

After Pachon, Platte and Trefethen, IMA J. Numer. Anal. 30, 2010 (edge detection); the rounding of f is measured by
differences (More and Wild, SIAM J. Sci. Comput. 33, 2011).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from ..activations.hermite import Array, Function
from ..explanation.jumps import ORDERS

EPS = float(np.finfo(np.float64).eps)
REACH = 10.0  # a jump at c weighs exp(-c^2 / 2): beyond, less than rounding
DEGREE = 32
NODES = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))  # no end point among them
FIT = np.linalg.inv(chebyshev.chebvander(NODES, DEGREE))
LEAST = 2.0**-26  # width at which a bracket is no longer halved
MANY = 64
SPLITS = (
    0.4871,
    0.5153,
    0.4637,
    0.5391,
)  # where panels are divided: no place that a kink would be put
CLOSE = 1e-6  # of kinks that are not told apart
CLEAR = 200.0  # times its rounding a number stands clear of it
GUESS = 10.0  # the same, of a place that is looked at again


@dataclass(frozen=True)
class Found:
    """A jump; order None: singular there, and no one-sided derivatives are seen (as of sqrt|z|)."""

    at: float
    order: int | None
    size: float
    doubt: float = 0.0


@dataclass(frozen=True)
class Search:
    """What the search saw.

    Attributes
    ----------
    found
        By place.
    noise
        Rounding of f, absolute.
    reach
        |z| up to which f was looked at.
    complete
        False where f is singular in more places than can be told apart.
    """

    found: tuple[Found, ...]
    noise: float
    reach: float
    complete: bool = True


class Rounding(NamedTuple):
    """Of f: absolute, in places of usual size, and relative."""

    noise: float
    unit: float


def noise_of(f: Function, reach: float) -> Rounding:
    """Rounding of f: the median, over places, of sixth differences over a step that no smooth part survives.

    Where f moves in steps (computed in float32, say), the step is taken longer than those.
    """
    places = reach * (np.mod(np.arange(1, 42) * 0.6180339887498949, 1.0) * 2.0 - 1.0)
    rough, stairs = [], np.zeros(len(places), dtype=bool)
    with np.errstate(all="ignore"):
        for step in (1e-6, 1e-4):
            values = f(places[:, None] + step * np.arange(7.0))
            rough.append(np.abs(np.diff(values, 6, axis=1))[:, 0] / math.sqrt(math.comb(12, 6)))
            still = np.sum(np.diff(values, axis=1) == 0.0, axis=1)
            stairs = still >= 2 if step < 1e-5 else stairs & (still == 0)
        scale = float(np.max(np.abs(f(np.linspace(-3.0, 3.0, 61)))))
    size = np.max(np.abs(values), axis=1)
    seen = stairs if np.sum(stairs) > 4 else np.full(len(places), True)
    of = rough[1] if seen is stairs else rough[0]
    seen &= (of > 0.0) & np.isfinite(of)
    if not np.any(seen):
        return Rounding(max(EPS * scale, 1e-300), EPS)
    return Rounding(
        max(float(np.median(of[seen])), EPS * scale, 1e-300),
        max(float(np.median(of[seen] / size[seen])), EPS),
    )


def finite_reach(f: Function) -> float:
    """The largest |z| <= REACH, by halves, at which f is finite (from_function has seen it finite on [-2, 2])."""
    reach = REACH
    while reach > 2.0:
        with np.errstate(all="ignore"):
            if np.all(np.isfinite(f(np.linspace(-reach, reach, 2001)))):
                break
        reach *= 0.5
    return reach


def series_on(f: Function, low: Array, high: Array, noise: Rounding) -> tuple[Array, Array]:
    """(coefficients, rounding) of interpolants on panels; rounding of the nodes counts as well."""
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    with np.errstate(all="ignore"):
        values = f(middle[:, None] + half[:, None] * NODES)
    values = np.where(np.isfinite(values), values, 0.0)
    steep = np.max(np.abs(np.diff(values, axis=1) / np.diff(NODES)), axis=1) / half
    far = np.maximum(np.abs(low), np.abs(high))
    size = np.max(np.abs(values), axis=1)
    level = np.maximum(noise.noise, noise.unit * np.maximum(size, far * steep))
    return values @ FIT.T, level


def smooth_on(
    f: Function, low: Array, high: Array, noise: Rounding
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which panels' interpolants end at rounding."""
    c, level = series_on(f, low, high, noise)
    return np.asarray(np.max(np.abs(c[:, -5:]), axis=1) <= 8.0 * level)


def brackets(
    f: Function, start: float, end: float, noise: Rounding, split: float
) -> list[tuple[float, float]] | None:
    """Intervals that hold what is singular, in panels divided at ``split``; None: too many."""
    edges = np.linspace(start, end, 1 + max(1, math.ceil(1.07 * (end - start))))
    shift = 0.5 * (edges[1] - edges[0])  # a second cover, so that no kink hides on an edge
    low = np.concatenate([edges[:-1], edges[:-2] + shift])
    high = np.concatenate([edges[1:], edges[1:-1] + shift])
    found: list[tuple[float, float]] = []
    while low.size:
        rough = ~smooth_on(f, low, high, noise)
        low, high = low[rough], high[rough]
        small = high - low <= LEAST * np.maximum(1.0, np.abs(low))
        found += zip(low[small].tolist(), high[small].tolist(), strict=True)
        low, high = low[~small], high[~small]
        if low.size > 16 * MANY:
            return None
        middle = low + split * (high - low)
        left, right = ~smooth_on(f, low, middle, noise), ~smooth_on(f, middle, high, noise)
        both = (
            ~left & ~right
        )  # it is at the middle, or so weak that it shows over long distances only
        found += zip(low[both].tolist(), high[both].tolist(), strict=True)
        low, high = (
            np.concatenate([low[left], middle[right]]),
            np.concatenate([middle[left], high[right]]),
        )
    return found


def merged(found: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """One bracket for each singular point: the shortest ones, and longer ones that hold none of them."""
    kept: list[tuple[float, float]] = []
    for a, b in sorted(found, key=lambda ab: ab[1] - ab[0]):
        near = 4.0 * LEAST * max(1.0, abs(a))
        if not any(a - near <= y and x <= b + near for x, y in kept):
            kept.append((a, b))
    return sorted(kept)


def side(
    f: Function, at: float, sign: float, most: float, noise: Rounding
) -> tuple[Array, float, float] | None:
    """(coefficients, length, rounding) of the longest resolved interpolant from ``at`` to one side."""
    length = most
    while length > 4.0 * LEAST * max(1.0, abs(at)):
        ends = (at, at + sign * length)
        c, rounding = series_on(f, np.array([min(ends)]), np.array([max(ends)]), noise)
        level = float(rounding[0])
        if float(np.max(np.abs(c[0, -5:]))) <= 8.0 * level:
            above = np.flatnonzero(np.abs(c[0]) > 4.0 * level)
            return c[0, : int(above[-1]) + 1 if above.size else 1], length, level
        length *= 0.5
    return None


def one_sided(
    part: tuple[Array, float, float], at: float, sign: float, z: float
) -> tuple[Array, Array]:
    """Derivatives 0..ORDERS at z, and their rounding."""
    c, length, level = part
    middle = at + 0.5 * sign * length
    t = (z - middle) / (0.5 * length)
    degree = len(c)
    stretch = math.exp(degree * math.acosh(max(1.0, abs(t))))
    values, doubt = np.zeros(ORDERS + 1), np.zeros(ORDERS + 1)
    for k in range(ORDERS + 1):
        scale = (2.0 / length) ** k
        values[k] = scale * float(chebyshev.chebval(t, c)) if c.size else 0.0
        growth = math.prod((degree**2 - i * i) / (2 * i + 1) for i in range(min(k, degree)))
        doubt[k] = 4.0 * level * math.sqrt(degree) * max(growth, 1.0) * scale * stretch
        c = np.asarray(chebyshev.chebder(c)) if len(c) > 1 else np.zeros(1)
    return values, doubt


def jump_in(
    f: Function, a: float, b: float, noise: Rounding, room: tuple[float, float]
) -> Found | None:
    """The jump in a bracket, None where left and right go over into each other smoothly."""
    sharp = b - a <= 2.0 * LEAST * max(1.0, abs(a))
    width, low, high = max(b - a, 1e-12), a, b
    found = _consistent(f, a, b, width, noise, room, GUESS)
    for _ in range(3):  # then again from the place that was found, so that nothing is extrapolated
        if found is None or not found[0].order or low == high == found[0].at:
            break
        low = high = found[0].at
        found = _consistent(f, low, high, width, noise, room, CLEAR)
    if found is not None and found[0].order == 0 and not sharp:
        found = None  # a step shows at every scale
    if found is not None:
        return replace(found[0], at=_round(found[0].at, found[1]))
    return None if not sharp and _analytic(f, a, b, noise) else Found(0.5 * (a + b), None, math.nan)


def _analytic(f: Function, a: float, b: float, noise: Rounding) -> bool:
    """On a panel eight times as long what is left is larger by far more than 8^5: it falls geometrically."""
    middle, half = 0.5 * (a + b), 0.5 * (b - a)
    low, high = middle - half * np.array([1.0, 8.0]), middle + half * np.array([1.0, 8.0])
    c, level = series_on(f, low, high, noise)
    short, long = np.max(np.abs(c[:, -5:]), axis=1)
    return bool(long > 8.0 ** (ORDERS + 0.5) * max(short, level[0]))


def _consistent(
    f: Function,
    low: float,
    high: float,
    width: float,
    noise: Rounding,
    room: tuple[float, float],
    clear: float,
) -> tuple[Found, float] | None:
    """The jump, and how well its place is known: of the largest order r for which D, .., D^(r-1) vanish at one point near, and
    D^(r) does not (near that point, beside it, lower orders seem to do)."""
    left = side(f, low, -1.0, min(1.0, low - room[0]), noise)
    right = side(f, high, 1.0, min(1.0, room[1] - high), noise)
    if left is None or right is None:
        return None
    z = 0.5 * (low + high)
    for r in range(ORDERS, 0, -1):
        c = z
        for _ in range(12):  # Newton on D^(r-1), which is nearly linear
            jump, doubt = _difference(left, right, low, high, c)
            if not abs(jump[r]) > clear * doubt[r]:
                break
            step = -float(jump[r - 1] / jump[r])
            c += step
            if not abs(c - z) <= width or abs(step) <= 4.0 * EPS * max(1.0, abs(c)):
                break
        jump, doubt = _difference(left, right, low, high, c)
        vanish = np.all(np.abs(jump[:r]) <= CLEAR * doubt[:r])
        if abs(c - z) <= width and vanish and abs(jump[r]) > clear * doubt[r]:
            unsure = float(doubt[r - 1] / abs(jump[r]))
            return Found(c, r, float(jump[r]), float(doubt[r])), unsure
    jump, doubt = _difference(left, right, low, high, z)
    if abs(jump[0]) > clear * doubt[0]:
        return Found(z, 0, float(jump[0]), float(doubt[0])), 0.5 * (high - low)
    return None


def _difference(
    left: tuple[Array, float, float],
    right: tuple[Array, float, float],
    low: float,
    high: float,
    z: float,
) -> tuple[Array, Array]:
    """Right minus left, and its rounding."""
    of_left, doubt_left = one_sided(left, low, -1.0, z)
    of_right, doubt_right = one_sided(right, high, 1.0, z)
    return of_right - of_left, doubt_left + doubt_right


def _round(c: float, doubt: float) -> float:
    """The shortest decimal that is no worse than what is known."""
    for digits in range(16):
        short = round(c, digits) + 0.0  # no -0.0
        if abs(short - c) <= max(doubt, 4.0 * EPS * max(1.0, abs(c))):
            return short
    return c


def _clear(x: Found) -> float:
    """So far from a jump nothing else is told apart; further from what has no one-sided derivatives."""
    return (CLOSE if x.order is not None else 1e3 * CLOSE) * max(1.0, abs(x.at))


def search(f: Function) -> Search:
    """Every jump of a derivative of order up to 5 on [-10, 10].

    Parameters
    ----------
    f
        A function of a float64 array.
    """
    reach = finite_reach(f)
    noise = noise_of(f, reach)
    found: list[Found] = []
    for split in SPLITS:  # again between what was found, until nothing is
        stops = [-reach, *(x.at for x in found), 0.9871 * reach]
        new: list[Found] = []
        for k, (start, end) in enumerate(itertools.pairwise(stops)):
            start += _clear(found[k - 1]) if k else 0.0
            end -= _clear(found[k]) if k < len(found) else 0.0
            if end - start < 4.0 * CLOSE:
                continue
            seen = brackets(f, start, end, noise, split)
            if seen is None:
                return Search((), noise.noise, reach, False)
            places = merged(seen)
            for i, (a, b) in enumerate(places):
                before = places[i - 1][1] if i else start - (k == 0)
                after = places[i + 1][0] if i + 1 < len(places) else end + (k + 2 == len(stops))
                one = jump_in(f, a, b, noise, (before, after))
                if one is not None and all(abs(one.at - x.at) > _clear(x) for x in found + new):
                    new.append(one)
        if not new:
            break
        # what has no order may be a jump whose neighbours were not known yet: it is seen again then
        new = [x for x in new if x.order is not None] or new
        found = sorted(found + new, key=lambda x: x.at)
        if len(found) > MANY:
            return Search((), noise.noise, reach, False)
    return Search(tuple(found), noise.noise, reach)
