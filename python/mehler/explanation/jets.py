"""How h leaves rho = +1 and rho = -1: one regular and one singular term, through any number of layers.

With delta = 1 -+ rho, every function on the way to h is

    f = value + slope delta + size delta^order + what is smaller, or smooth.

Two jumps s_1, s_2 of f^(m_1), f^(m_2) that meet at t give E[f(u) f(v)] the singular term

    s_1 s_2 gamma(t) (-1)^(m_2 + 1) / (2 Gamma(nu + 1)) delta^nu,    nu = (m_1 + m_2 + 1) / 2,  m_1 + m_2 even

(convolution: the singular part of x_+^m1/m1! * (-x)_+^m2/m2! is (-1)^(m_2+1) sgn(x) x^N / (2 N!), N = m_1 + m_2 + 1; its mean
over x = u - v ~ N(0, 2 delta)). At rho = +1 jumps meet themselves; at rho = -1 the one at t meets that at -t,
seen in the mirror: (-1)^(m + 1) s. Sums, products and composition then keep the leading term of each kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np

from ..activations import Activation
from ..kernels import Kernel
from ..kernels.layers import DIGITS, Moment, Step, network
from ..kernels.shapes import Pair, Shape
from .jumps import Jump, jumps

SAME = 1e-9  # orders that are equal but for rounding
AT_END = 1e-12  # a correlation that is +-1


@dataclass(frozen=True)
class Jet:
    """value + slope delta + size delta^order; order inf: no singular term. size NaN: of this order, not known."""

    value: float
    slope: float = 0.0
    order: float = math.inf
    size: float = 0.0

    def times(self, factor: float) -> Jet:
        return Jet(factor * self.value, factor * self.slope, self.order, factor * self.size)

    def plus(self, other: Jet) -> Jet:
        order, size = leading([(self.order, self.size), (other.order, other.size)])
        return Jet(self.value + other.value, self.slope + other.slope, order, size)

    def product(self, other: Jet) -> Jet:
        a, b = self, other
        terms = [(a.order, a.size * b.value), (b.order, b.size * a.value)]
        if math.isfinite(a.order + b.order):
            terms.append((a.order + b.order, a.size * b.size))
        terms += [(x.order + 1.0, x.size * y.slope) for x, y in ((a, b), (b, a))]
        order, size = leading(terms)
        return Jet(a.value * b.value, a.value * b.slope + a.slope * b.value, order, size)


def leading(terms: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(order, size) of the least order whose sizes do not vanish or cancel; (inf, 0) where there is none."""
    left = [(order, size) for order, size in terms if math.isfinite(order) and size != 0.0]
    while left:
        order = min(o for o, _ in left)
        here = [s for o, s in left if o < order + SAME]
        total = math.fsum(here) if not any(map(math.isnan, here)) else math.nan
        if math.isnan(total) or abs(total) > 1e-12 * max(map(abs, here)):
            return order, total
        left = [(o, s) for o, s in left if o >= order + SAME]
    return math.inf, 0.0


@dataclass(frozen=True, eq=False)
class Layer:
    """kappa(c) / kappa(1) of one layer, with its jets in the deficit at c = +1 and c = -1."""

    shape: Shape
    plus: Jet
    minus: Jet

    def of(self, c: Jet) -> Jet:
        """kappa(c(delta)) / kappa(1)."""
        if c.value > 1.0 - AT_END:
            return self._from(self.plus, Jet(0.0, -c.slope, c.order, -c.size))
        if c.value < AT_END - 1.0:
            return self._from(self.minus, Jet(0.0, c.slope, c.order, c.size))
        value, slope = self._inside(c.value)
        order, size = leading([(c.order, slope * c.size)])
        return Jet(value, slope * c.slope, order, size)

    @staticmethod
    def _from(outer: Jet, inner: Jet) -> Jet:
        """outer at a deficit that is itself a jet with value 0."""
        terms = [(inner.order, outer.slope * inner.size)]
        if math.isfinite(outer.order):
            if inner.order > 1.0:
                if inner.slope > 0.0:
                    terms.append((outer.order, outer.size * inner.slope**outer.order))
            else:
                steep = inner.size**outer.order if inner.size > 0.0 else math.nan
                terms.append((outer.order * inner.order, outer.size * steep))
        order, size = leading(terms)
        return Jet(outer.value, outer.slope * inner.slope, order, size)

    def _inside(self, c: float) -> tuple[float, float]:
        """kappa and its slope where it is analytic: differences of fourth order."""
        h = 0.05 * min(1.0 - abs(c), 0.2)
        at = np.array([c, c - 2.0 * h, c - h, c + h, c + 2.0 * h])
        k = np.concatenate([self.shape(Pair(1.0 - x, 1.0 + x, 0.0 * x)).value for x in at[:, None]])
        return float(k[0]), float(k[1] - 8.0 * k[2] + 8.0 * k[3] - k[4]) / (12.0 * h)


def layer(act: Activation, derivative: bool, variance: Decimal, moment: Moment) -> Layer:
    """The layer f = phi(sqrt(q) z) or phi'(sqrt(q) z), divided by sqrt(E f^2)."""
    shape, own = moment.shape, []
    with localcontext(DIGITS):
        root = float(variance.sqrt()) if act.kinks != (0.0,) else 1.0
        for jump in jumps(act):
            m = jump.order - derivative
            unit = float((variance**m / moment.end).sqrt())  # one over sqrt(E f^2)
            own.append(Jump(jump.at / root, m, jump.size * unit))
    whole = shape.even + shape.odd
    flat = shape.even - shape.odd
    if shape.drops is None:
        return Layer(shape, Jet(whole), Jet(flat))
    at_plus = leading([_meeting(j, j) for j in own])
    mirrored = [Jump(-j.at, j.order, (-1.0) ** (j.order + 1) * j.size) for j in own]
    pairs = [_meeting(j, k) for j in own for k in mirrored if abs(j.at - k.at) < 1e-12]
    at_minus = leading(pairs)

    def slope(sign: float, order: float, size: float) -> float:
        """Of the regular term, from two deficits so small that what follows is no more."""
        if order < 1.0 or math.isnan(size):
            return 0.0 if order < 1.0 else math.nan
        tiny = np.array([1e-7, 2e-7])
        even, odd = shape.drops(tiny) if shape.drops is not None else (tiny, tiny)
        rest = size * tiny**order if math.isfinite(order) else 0.0
        first, second = ((-even - odd) if sign > 0 else (odd - even)) / tiny - rest / tiny
        return float(2.0 * first - second)

    return Layer(
        shape,
        Jet(whole, slope(1.0, *at_plus), *at_plus),
        Jet(flat, slope(-1.0, *at_minus), *at_minus),
    )


def _meeting(a: Jump, b: Jump) -> tuple[float, float]:
    """(order, size) of the singular term of two jumps at one place.

    An odd sum of orders: nothing at leading order, and half an order later something that is not computed.
    """
    if (a.order + b.order) % 2:
        return 0.5 * (a.order + b.order + 2), math.nan
    nu = 0.5 * (a.order + b.order + 1)
    gamma = math.exp(-0.5 * a.at * a.at) / math.sqrt(2.0 * math.pi)
    size = a.size * b.size * gamma * (-1.0) ** (b.order + 1) / (2.0 * math.gamma(nu + 1.0))
    return nu, size


def singular_terms(kernel: Kernel) -> tuple[Jet, Jet]:
    """h near rho = +1 and near rho = -1, as the layers give it.

    Parameters
    ----------
    kernel
        Of any depth.
    """
    net = network(kernel.kind, kernel.layers, kernel.weight_var, kernel.bias_var, kernel.normalized)
    if net.top == 0.0:
        return Jet(0.0), Jet(0.0)
    made: dict[tuple[Activation, bool, Decimal], Layer] = {}

    def at(act: Activation, derivative: bool, step: Step) -> Layer:
        key = (act, derivative, step.variance)
        moment = step.dphi if derivative else step.phi
        assert moment is not None
        if key not in made:
            made[key] = layer(act, derivative, step.variance, moment)
        return made[key]

    def walk(start: Jet) -> Jet:
        t = d = k = c = start
        for i, (act, step) in enumerate(zip(kernel.layers, net.steps, strict=True)):
            c = k.times(step.weight).plus(Jet(step.bias))
            if net.kind == "ntk":
                t = t.product(d).times(step.carry).plus(c.times(step.fresh)) if i else c
            if step.phi is not None:
                k = at(act, False, step).of(c)
            if step.dphi is not None:
                d = at(act, True, step).of(c)
        if net.kind == "nngp":
            return k
        if net.kind == "gradient":
            return c.product(d)
        return t.product(d).times(net.carry).plus(k.times(net.fresh))

    made_of: Callable[[float], Jet] = lambda sign: walk(Jet(sign, -sign)).times(net.top)
    return made_of(1.0), made_of(-1.0)
