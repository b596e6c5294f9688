"""Kernels between points of unequal norm, of activations that are not homogeneous.

The preactivations (u, v) of layer l of two points have the variances q, q' and the correlation c,

    q_1 = weight_var |x|^2 + bias_var,     c_1 = cos of (x, sqrt(bias_var / weight_var)),
    S_l = sigma sigma' C_phi(sqrt q, sqrt q', c),   D_l = delta delta' C_phi'(sqrt q, sqrt q', c),
    q_{l+1} = weight_var sigma^2 + bias_var,        q q' c^2 of the next layer = (weight_var S_l + bias_var)^2,

sigma^2 = E phi(sqrt(q) Z)^2, delta^2 = E phi'(sqrt(q) Z)^2. Variances and sizes belong to a point, correlations
to a pair: C is a table (``surfaces``), an integral (``splines``) or a finite sum (``polynomials``) that the core
evaluates, layer by layer (cpp/kernel/layers.hpp). ``normalized=True`` divides layers by what it divides them by at
norm one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..activations import Activation
from ..activations.hermite import Array
from .chebyshev import EPS
from .curves import Curve, curve, mean_square
from .layers import layer_dual, moment_at
from .polynomials import PolynomialSize, PolynomialTable, expansion_of, polynomial
from .splines import SplineTable, derived
from .surfaces import SurfaceTable, TooWide, scale_free, surface

if TYPE_CHECKING:
    from .kernel import Kernel

UNIT = 2.0**-53
STEP = 1.02  # norms are rounded outwards to powers of it, so that ranges come back
WIDEST = 1e4  # largest ratio of standard deviations that is tried


@dataclass(frozen=True, eq=False)
class Half:
    """phi or phi' of one layer: log E f(s Z)^2 over log s, and C."""

    size: Curve | PolynomialSize = field(repr=False)
    table: SurfaceTable | SplineTable | PolynomialTable

    def root(self, a: Array) -> Array:
        """sqrt(E f(s Z)^2) at log s."""
        return np.asarray(np.exp(0.5 * self.size(a)[:, 0]))

    @cached_property
    def stretch(self) -> float:
        """The largest |d log E f(s Z)^2 / d log s|."""
        return self.size.steepest

    def through(self, c: float, a: float) -> float:
        """The error of an entry, relative, from those of the correlation and of log s."""
        table = self.table
        return (
            table.error
            + table.slope * c
            + 2.0 * table.speed * a
            + self.stretch * a
            + self.size.error
        )


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer over a range of standard deviations; ``unit`` is what normalisation divides by."""

    phi: Half | None
    dphi: Half | None
    unit: float


@dataclass(frozen=True, eq=False)
class NormKernel:
    """A kernel for points whose first preactivations have log sqrt(q) in [low, high]. Make one with :func:`norm_kernel`."""

    kernel: Kernel
    low: float
    high: float
    layers: tuple[Layer, ...] = field(repr=False)

    def diagonal(self, norms: Array) -> Array:
        """K(x, x) of points of these norms."""
        return self.tables(norms, rows=False)[1]

    def tables(self, norms: Array, rows: bool = True) -> tuple[list[list[Array]], Array]:
        """What points of these norms bring to the core: (deviation, sigma, delta, rows, rows) of each layer, and K(x, x)."""
        ker, none = self.kernel, np.zeros((0, 0))
        q = ker.weight_var * norms * norms + ker.bias_var
        tables: list[list[Array]] = []
        t, before = q, np.zeros(0)
        for l, one in enumerate(self.layers):
            deviation = np.sqrt(q)
            a = np.log(deviation)
            sigma, delta = (
                np.zeros(0) if half is None else half.root(a) / math.sqrt(one.unit)
                for half in (one.phi, one.dphi)
            )
            if l > 0 and ker.kind == "ntk":
                t = ker.weight_var * t * before**2 + q
            before = delta
            tables.append(
                [
                    deviation,
                    sigma,
                    delta,
                    *(
                        none if half is None or not rows else half.table.rows(a)
                        for half in (one.phi, one.dphi)
                    ),
                ]
            )
            last = q
            if one.phi is not None:
                q = ker.weight_var * sigma**2 + ker.bias_var
        if ker.kind == "nngp":
            return tables, sigma**2
        if ker.kind == "gradient":
            return tables, last * delta**2
        return tables, t * delta**2 + sigma**2

    @cached_property
    def error(self) -> float:
        """Estimated largest error of an entry, relative to sqrt(K_ii K_jj), for cosines and norms known to rounding."""
        return self._error(4.0 * UNIT, 4.0 * UNIT)

    def largest_error(self, d: int) -> float:
        """The same between points in R^d, whatever the order of the sums in cosines and norms."""
        return self._error((2.0 * d + 50.0) * UNIT, (d + 12.0) * UNIT)

    def _error(self, c: float, a: float) -> float:
        """From the errors of cosines and of log s of the first layer.

        Tables are measured between their nodes; an error of a correlation goes through a layer with its
        largest slope: |dC/dc| between s and t is at most the geometric mean of those of s and of t. An error
        of log s moves sizes and tables at their largest speed.
        """
        t = fresh = c
        slopes = 0.0
        for one in self.layers:
            t = max(t + slopes, c) + 4.0 * UNIT
            fresh = c + 2.0 * a
            if one.dphi is not None:
                slopes = one.dphi.through(c, a)
            if one.phi is not None:
                c = one.phi.through(c, a) + 8.0 * UNIT
                a = 0.5 * (one.phi.stretch * a + one.phi.size.error) + 4.0 * UNIT
        kind = self.kernel.kind
        if kind == "nngp":
            return c
        return slopes + (fresh if kind == "gradient" else t + c) + 8.0 * UNIT

    @property
    def terms(self) -> float:
        """What an entry costs, in terms of a polynomial."""
        halves = [half for one in self.layers for half in (one.phi, one.dphi) if half is not None]
        return sum(half.table.terms for half in halves)

    @property
    def form(self) -> str:
        """A few words on each different table."""
        halves = [half for one in self.layers for half in (one.phi, one.dphi) if half is not None]
        return "; ".join(dict.fromkeys(half.table.form for half in halves))


def norm_kernel(kernel: Kernel, least: float, most: float) -> NormKernel:
    """The kernel for points of norms between ``least`` and ``most``.

    Raises
    ------
    ValueError
        Kinks away from zero of a function of the user's own; norms too far apart; variances beyond doubles.
    """
    low, high = (math.log(x) / math.log(STEP) for x in (least, most))
    return _made(kernel, math.floor(low + 1e-9), math.ceil(high - 1e-9))


@lru_cache(maxsize=32)
def _made(kernel: Kernel, low: int, high: int) -> NormKernel:
    """Norms from STEP^low to STEP^high."""
    for act in kernel.layers:
        if any(c != 0.0 for c in act.kinks) and act.spline is None:
            where = ", ".join(f"{c:g}" for c in act.kinks)
            raise ValueError(
                f"points of unequal norm take activations with kinks at zero only, or of the catalogue; "
                f"{act.name!r} was made from a function with kinks at {where}. Pass normalize=True."
            )
    ends = np.array([STEP**low, STEP**high])
    q = kernel.weight_var * ends * ends + kernel.bias_var
    if not (1e-280 < q[0] and q[1] < 1e280):
        raise ValueError(
            f"the norms of X, {ends[0]:.3g} to {ends[1]:.3g}, leave the range of doubles; rescale X, or pass "
            "normalize=True."
        )
    first = 0.5 * np.log(q)
    span, unit_q = first, kernel.weight_var + kernel.bias_var
    layers: list[Layer] = []
    for l, act in enumerate(kernel.layers):
        last = l + 1 == kernel.depth
        wants_phi = not (last and kernel.kind == "gradient")
        wants_dphi = kernel.kind == "ntk" or (last and kernel.kind == "gradient")
        try:
            phi = half(act, False, float(span[0]), float(span[1])) if wants_phi else None
            dphi = half(act, True, float(span[0]), float(span[1])) if wants_dphi else None
        except (OverflowError, ZeroDivisionError, TooWide) as error:
            raise _refusal(kernel, act, l + 1, span, error) from None
        unit = 1.0
        if kernel.normalized:
            unit = float(moment_at(act, False, _decimal(unit_q), l + 1).end)
        layers.append(Layer(phi, dphi, unit))
        if phi is not None and not last:
            inside = np.linspace(span[0], span[1], 513)
            with np.errstate(over="ignore"):
                q = kernel.weight_var * phi.root(inside) ** 2 / unit + kernel.bias_var
            if not (1e-280 < q.min() and q.max() < 1e280):
                raise _refusal(kernel, act, l + 2, 0.5 * np.log(q), OverflowError())
            span = 0.5 * np.log(np.array([q.min(), q.max()]))
            if span[1] > span[0]:  # extremes between the points of the grid
                span += np.array([-1.0, 1.0]) * (1e-4 * (span[1] - span[0]) + 1e-13)
    return NormKernel(kernel, float(first[0]), float(first[1]), tuple(layers))


def _decimal(x: float) -> Any:
    from decimal import Decimal

    return Decimal(x)


def _refusal(
    kernel: Kernel, act: Activation, layer: int, span: Array, why: Exception
) -> ValueError:
    low, high = math.exp(float(np.min(span))), math.exp(float(np.max(span)))
    if isinstance(why, TooWide) and act.source == "user":
        return ValueError(
            f"{act.name!r} does not become smooth between its kinks, at standard deviations from {low:.3g} to "
            f"{high:.3g} of the preactivations of layer {layer}. Declare every kink (kinks=...); those away from "
            "zero take points of unit norm: pass normalize=True."
        )
    if isinstance(why, TooWide):
        return ValueError(
            f"the preactivations of layer {layer} have standard deviations from {low:.3g} to {high:.3g}, more "
            f"than the kernel of {act.name!r} between points of unequal norm is tabulated for. Leave out the "
            "points of extreme norm, rescale X, or pass normalize=True."
        )
    return ValueError(
        f"the preactivations of layer {layer} have standard deviations from {low:.3g} to {high:.3g}, at which "
        f"{act.name!r} cannot be evaluated in doubles. Rescale X, or pass normalize=True."
    )


@lru_cache(maxsize=128)
def half(act: Activation, derivative: bool, low: float, high: float) -> Half:
    """phi or phi' for log s in [low, high]."""
    f = act.derivative() if derivative else act.phi
    if act.homogeneity is not None:
        degree = act.homogeneity - derivative
        dual = layer_dual(act, derivative, 1.0)
        total = dual.even_end + dual.odd_end
        if total == 0.0:
            size = Curve(low, high, np.array([[-1400.0]]), 0.0)  # whose root is zero
        elif degree == 0.0:
            size = Curve(low, high, np.array([[math.log(total)]]), 2.0 * EPS)
        else:
            middle, reach = low + high, high - low
            c = np.array([[math.log(total) + degree * middle], [degree * reach]])
            size = Curve(low, high, c, 4.0 * EPS)
        return Half(size, scale_free(dual, bool(act.kinks)))
    expand = expansion_of(act, derivative)
    if expand is not None:
        return Half(*polynomial(expand, low, high))
    if high - low > math.log(WIDEST):
        raise TooWide

    def logs(a: Array) -> Array:
        squares = np.array([mean_square(f, act.kinks, t) for t in np.exp(a)])
        if not np.all(squares > 0.0):
            raise ZeroDivisionError
        return np.asarray(np.log(squares)[:, None])

    size = curve(logs, low, high)
    # an error of the logarithm is relative to its own size: make it one of the square
    size = Curve(low, high, size.c, size.error * max(float(np.max(np.abs(size.c))), 1.0))
    if any(c != 0.0 for c in act.kinks):
        assert act.spline is not None
        spline = derived(act.spline) if derivative else act.spline
        return Half(size, spline_table(act, derivative, spline, size))
    table = surface(f, act.kinks, low, high)
    if derivative and act.dphi_error > 0.0:
        least = math.exp(0.5 * float(np.min(size(np.linspace(low, high, 33)))))
        table = replace(table, error=table.error + 2.0 * act.dphi_error / least)
    return Half(size, table)


def spline_table(act: Activation, derivative: bool, spline: Any, size: Curve) -> SplineTable:
    """With the error measured against the dual of equal norms, and its slope."""
    is_odd = act.parity == ("even" if derivative else "odd")
    table = SplineTable(spline, is_odd, size)
    error, slope = 8.0 * EPS, 0.0
    for a in np.linspace(size.low, size.high, 3):
        dual = layer_dual(act, derivative, math.exp(2.0 * a))
        total = dual.even_end + dual.odd_end
        deficits = np.array([1e-7, 1e-3, 0.1, 0.6, 1.0])
        even, odd = dual.drops(deficits)
        row = table.rows(np.array([a]))
        for sign in (1.0, -1.0):
            minus = deficits if sign > 0 else 2.0 - deficits
            C = (
                1.0
                - table.compiled.evaluate(
                    row, np.repeat(row, 5, axis=0), minus[None, :], 2.0 - minus[None, :]
                )[0, :, 0]
            )
            truth = (dual.even_end - even) + sign * (dual.odd_end - odd)
            error = max(error, float(np.max(np.abs(C - truth / total))))
        slope = max(slope, float(even[1] + odd[1]) / total / 1e-3)
        error = max(error, dual.error / total)
    return SplineTable(spline, is_odd, size, error, slope)
