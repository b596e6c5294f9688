"""Layers of a deep network as one function of the cosine.

Preactivations of layer l have the variance q_l and the correlation c_l,

    q_l = weight_var s_{l-1} + bias_var,                      s_0 = 1,    s_l = E phi_l(sqrt(q_l) Z)^2
    q_l c_l = weight_var s_{l-1} k_{l-1} + bias_var,          k_0 = rho,  k_l = E[phi_l(u) phi_l(v)] / s_l

(s_l = 1 when normalized). With L_l = q_l c_l, S_l = s_l k_l and D_l = E[phi_l'(u) phi_l'(v)],

    nngp = S_L,    gradient = L_L D_L,    ntk = T_L D_L + S_L,    T_1 = L_1,  T_{l+1} = weight_var T_l D_l + L_{l+1}.

Each of c, k, D / D(1), T / T(1) lies in [-1, 1] and is one at rho = 1. It is carried as the pair
(1 - c, 1 + c), and pairs are mapped, mixed and multiplied by sums of terms of one sign: the smaller
of the two keeps its relative accuracy through any number of layers. Variances are decimals of 40
digits, which neither overflow nor underflow.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache

import numpy as np

from ..activations import Activation
from ..activations.hermite import Array, Function, density
from .chebyshev import EPS
from .duals import Dual, dual, truncated
from .shapes import Pair, Shape, mixed, product, shape_of

DIGITS = decimal.Context(
    prec=40,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    traps=[decimal.Overflow, decimal.Underflow, decimal.InvalidOperation, decimal.DivisionByZero],
)
SMALLEST, LARGEST = 1e-280, 1e280


def scaled(f: Function, s: float) -> Function:
    """z -> f(s z)."""
    return f if s == 1.0 else lambda z: f(s * z)


@lru_cache(maxsize=256)
def layer_dual(act: Activation, derivative: bool, variance: float) -> Dual:
    """The dual of phi(s z) or phi'(s z), s = sqrt(variance)."""
    s = math.sqrt(variance)
    f = act.derivative() if derivative else act.phi
    if not act.kinks and act.series is not None and s == 1.0:
        series = truncated(act.hermite_series(128, derivative) ** 2)
        if series is not None:
            return series
    noise = act.dphi_error if derivative else 0.0
    return dual(scaled(f, s), tuple(c / s for c in act.kinks), noise)


@dataclass(frozen=True, eq=False)
class Moment:
    """E f(sqrt(q) Z)^2 = ``end``, and kappa / end as a shape; f = phi or phi'.

    ``error`` is the relative error of ``end``, ``slope`` is d log(end) / d log(q), and ``moves`` how much
    a relative change of q changes a drop of the shape, relatively, at most: an estimate.
    """

    end: Decimal
    shape: Shape = field(repr=False)
    error: float
    slope: float
    moves: float = 0.0


@lru_cache(maxsize=512)
def moment(act: Activation, derivative: bool, variance: float) -> Moment:
    """The moment of phi or phi' at a variance that is a double."""
    s = math.sqrt(variance)
    f = act.derivative() if derivative else act.phi
    z = np.linspace(-36.0, 36.0, 2305)
    with np.errstate(all="ignore"):
        values = np.abs(f(s * z)) * np.sqrt(density(z))
    size = float(np.max(values))
    if size == 0.0:
        return Moment(Decimal(0), shape_of(None), 0.0, 0.0)
    if not (math.isfinite(size) and max(values[0], values[-1]) <= 1e-8 * size):
        raise OverflowError
    found, unit = layer_dual(act, derivative, variance), Decimal(1)
    if not 1e-200 < found.even_end + found.odd_end < 1e200:
        scale = size
        found = dual(lambda t: f(s * t) / scale, tuple(c / s for c in act.kinks))
        unit = Decimal(scale) * Decimal(scale)
    total = found.even_end + found.odd_end
    noise = 2.0 * act.dphi_error * float(1 / (unit * Decimal(total)).sqrt()) if derivative else 0.0
    squares = (values / size) ** 2
    slope = float(squares @ (0.5 * (z * z - 1.0)) / squares.sum())
    error = max(found.error / total, EPS) + noise
    shape = shape_of(found, not act.kinks, noise)
    return Moment(unit * Decimal(total), shape, error, slope, 1.0 + 2.0 * abs(slope))


def moment_at(act: Activation, derivative: bool, q: Decimal, layer: int) -> Moment:
    """The moment at any variance; homogeneous functions scale from variance one."""
    try:
        if act.homogeneity is not None:
            degree = act.homogeneity - derivative
            one = moment(act, derivative, 1.0)
            end = one.end * q ** Decimal(degree) if one.end else one.end
            return Moment(end, one.shape, one.error, degree)
        if not SMALLEST < q < LARGEST:
            raise OverflowError
        return moment(act, derivative, float(q))
    except (OverflowError, decimal.Overflow, decimal.Underflow):
        raise ValueError(
            f"the preactivations of layer {layer} have the variance {q:.3e}, at which {act.name!r} cannot be "
            "evaluated in doubles. Pass normalized=True, or change weight_var and bias_var."
        ) from None


@dataclass(frozen=True, eq=False)
class Step:
    """One layer: c = weight k + bias of the layer before, then phi and phi'; T = carry (T D) + fresh c.

    ``drift`` is the relative error of q.
    """

    weight: float
    bias: float
    phi: Moment | None
    dphi: Moment | None
    variance: Decimal
    drift: float
    carry: float = 0.0
    fresh: float = 1.0


@dataclass(frozen=True, eq=False)
class Network:
    """h of any depth for the profile compiler. Make one with :func:`network`."""

    kind: str
    steps: tuple[Step, ...] = field(repr=False)
    top: float
    top_error: float
    carry: float = 0.0
    fresh: float = 1.0

    def at(self, sign: float, deficit: Array, errors: bool = False) -> Pair:
        """h(sign (1 - deficit)) / h(1) as a pair, with deficit 0 before the others."""
        near = np.concatenate([[0.0], np.ravel(deficit)])
        zero = np.zeros_like(near) if errors else None
        far = 2.0 - near
        k = Pair(near, far, -near, zero) if sign > 0 else Pair(far, near, near, zero)
        t = d = k
        for i, step in enumerate(self.steps):
            c = k.affine(step.weight, step.bias)
            if self.kind == "ntk":
                t = mixed(step.carry, product(t, d), step.fresh, c) if i else c
            if step.phi is not None:
                k = step.phi.shape(c, step.drift * step.phi.moves)
            if step.dphi is not None:
                d = step.dphi.shape(c, step.drift * step.dphi.moves)
        if self.kind == "nngp":
            return k
        if self.kind == "gradient":
            return product(c, d)
        return mixed(self.carry, product(t, d), self.fresh, k)

    @cached_property
    def _end(self) -> Pair:
        return self.at(-1.0, np.zeros(0))

    @cached_property
    def ends(self) -> tuple[float, float]:
        return self.top, self.top * float(self._end.value[0])

    @cached_property
    def error(self) -> float:
        tests = np.concatenate([10.0 ** -np.arange(16.0, 1.0, -1.0), (np.arange(40) + 0.5) / 40.0])
        worst = 0.0
        for sign in (1.0, -1.0):
            found = self.at(sign, np.append(tests, 1.0), errors=True).error
            assert found is not None
            worst = max(worst, float(np.max(found)))
        return self.top * (worst + self.top_error + 2.0 * EPS)

    @property
    def unit(self) -> float:
        """What a table need not resolve: the error where a dual is not resolved, else a small part of it."""
        moments = [m for step in self.steps for m in (step.phi, step.dphi) if m is not None]
        rough = any(m.shape.absolute > 0.0 for m in moments)
        return self.error if rough else self.error / 16.0

    def drops(self, deficit: Array) -> tuple[Array, Array]:
        plus = self.top * self.at(1.0, deficit).below[1:]
        minus = -self.top * self.at(-1.0, deficit).moved[1:]
        return 0.5 * (plus + minus), 0.5 * (plus - minus)


def network(
    kind: str,
    layers: Sequence[Activation],
    weight_var: float,
    bias_var: float,
    normalized: bool,
) -> Network:
    """The network of a kernel.

    Parameters
    ----------
    kind
        'gradient', 'nngp' or 'ntk'.
    layers
        One activation a layer.
    weight_var, bias_var, normalized
        As in :func:`nngp`.

    Raises
    ------
    ValueError
        A layer that is zero for every input, or h(1) or a variance that is not a double.
    """
    with decimal.localcontext(DIGITS):
        try:
            return _network(kind, layers, Decimal(weight_var), Decimal(bias_var), normalized)
        except (decimal.Overflow, decimal.Underflow):
            raise ValueError(_out_of_range(kind, "")) from None


def _network(
    kind: str, layers: Sequence[Activation], w: Decimal, b: Decimal, normalized: bool
) -> Network:
    steps: list[Step] = []
    s, s_error = Decimal(1), 0.0  # E phi^2 of the layer before, and its relative error
    t, t_error = Decimal(0), 0.0  # T(1) weight_var D(1) of the layer before
    last = len(layers)
    for layer, act in enumerate(layers, 1):
        q = w * s + b
        if q == 0:
            raise ValueError(
                f"layer {layer - 1} ({layers[layer - 2].name!r}) is zero for every input, and nothing "
                "reaches the layers after it; pass bias_var > 0, or leave it out."
            )
        weight, bias = w * s / q, b / q
        drift = float(weight) * s_error + EPS
        wanted = kind != "gradient" or layer < last or normalized
        phi = moment_at(act, False, q, layer) if wanted else None
        wanted = kind == "ntk" or (kind == "gradient" and layer == last)
        dphi = moment_at(act, True, q, layer) if wanted else None
        divisor = phi.end if normalized and phi is not None else Decimal(1)
        if divisor == 0:
            raise ValueError(
                f"layer {layer} ({act.name!r}) is zero for every input; normalized=True would divide by it."
            )
        s, s_error = Decimal(1), 0.0
        if phi is not None:
            own = abs(phi.slope) * drift + phi.error
            s, s_error = phi.end / divisor, 0.0 if normalized else own
        total = t + q  # T(1)
        carry, fresh = t / total, q / total
        t_error = float(carry) * t_error + float(fresh) * drift
        kept = phi if kind != "gradient" or layer < last else None
        steps.append(
            Step(float(weight), float(bias), kept, dphi, q, drift, float(carry), float(fresh))
        )
        if dphi is not None:
            d = dphi.end / divisor
            d_error = abs(dphi.slope) * drift + dphi.error + (own if normalized else 0.0)
            t, t_error = w * total * d, t_error + d_error
    if kind == "nngp":
        return Network(kind, tuple(steps), _double(kind, s), s_error)
    if kind == "gradient":
        return Network(kind, tuple(steps), _double(kind, q * d), drift + d_error)
    top = total * d + s
    if top == 0:
        return Network(kind, tuple(steps), 0.0, 0.0)
    carry, fresh = total * d / top, s / top
    error = float(carry) * t_error + float(fresh) * s_error
    return Network(kind, tuple(steps), _double(kind, top), error, float(carry), float(fresh))


def _double(kind: str, top: Decimal) -> float:
    if top != 0 and not SMALLEST < top < LARGEST:
        raise ValueError(_out_of_range(kind, f", h(1) = {top:.3e},"))
    return float(top)


def _out_of_range(kind: str, size: str) -> str:
    return (
        f"the diagonal{size} of this {kind} kernel leaves the range of doubles. Pass normalized=True, "
        "or a weight_var under which variances neither grow nor shrink from layer to layer."
    )
