"""The smoothness class of an activation, from its values alone: kinked, analytic in a strip, entire, polynomial.

Nothing is looked up: declared kinks, closed forms and names are not asked. ``kinks`` finds the jumps; where there are
none, ``falloff`` fits the Hermite coefficients. A polynomial is what has the same last coefficient at two scales.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..activations import Activation
from ..activations.hermite import Array, Function, coefficients_by_quadrature
from ..explanation import Kink
from .falloff import KMAX, Falloff, falloff
from .kinks import CLEAR, Search, search

KINKED, ANALYTIC, ENTIRE, POLYNOMIAL = "kinked", "analytic", "entire", "polynomial"
UNRESOLVED = "unresolved"
SHOWN = 512  # coefficients that are kept, for the picture
DEGREES = 128  # of polynomials that are recognised


@dataclass(frozen=True)
class Smoothness:
    """What kind of function an activation is, measured.

    Attributes
    ----------
    name
        Of the activation.
    kind
        'kinked' (a derivative jumps), 'analytic' (in a strip |Im z| < ``strip``), 'entire', 'polynomial', or 'unresolved'.
    kinks
        At each point, by place, the first derivative that jumps, and by how much; order None: singular there, without
        one-sided derivatives (as |z|^1.5).
    degree
        Of a polynomial; -1 otherwise.
    strip, strip_doubt
        tau, the distance of the nearest singularities from the real axis, and its estimated error; NaN but for
        'analytic'. At variance s^2 the rate is tau / s.
    singular_at
        |Re| of those singularities; NaN but for 'analytic'.
    decay
        The fitted law of the Hermite coefficients; None where there are kinks, and for polynomials.
    parity
        'odd', 'even', 'linear-even' (c z + even), 'constant-odd' (c + odd) or 'none'.
    noise
        Rounding of the function, absolute: near 2e-16 times its size for one computed in float64.
    reach
        |z| up to which kinks were looked for.
    coefficients
        mu_0, mu_1, ... of phi.
    curve
        z and phi(z), (2, m), around zero and all kinks.

    Examples
    --------
    >>> elu = mh.diagnose(activation="elu").activation
    >>> elu.kind, elu.order, [(k.at, k.order) for k in elu.kinks]
    ('kinked', 2, [(0.0, 2)])
    >>> tanh = mh.diagnose(activation="tanh").activation
    >>> abs(tanh.strip / (np.pi / 2) - 1) < 0.01  # the pole at i pi / 2
    True
    """

    name: str
    kind: str
    kinks: tuple[Kink, ...]
    degree: int
    strip: float
    strip_doubt: float
    singular_at: float
    decay: Falloff | None
    parity: str
    noise: float
    reach: float
    coefficients: Array = field(repr=False, compare=False)
    curve: Array = field(repr=False, compare=False)

    @property
    def order(self) -> int | None:
        """r, the least order of a derivative that jumps: the class J_r; None where none is seen."""
        return min((k.order for k in self.kinks if k.order is not None), default=None)

    @property
    def text(self) -> str:
        """The class in words."""
        if self.kind == KINKED:
            r = self.order
            if r is None:
                return "singular on the axis, without one-sided derivatives"
            return "phi jumps" if r == 0 else f"phi{_primes(r)} jumps (J_{r})"
        if self.kind == ANALYTIC:
            where = f"{self.singular_at:.3g} +- " if self.singular_at > 0.0 else "+-"
            tau = f"{self.strip:.5g} +- {self.strip_doubt:.1g}"
            return f"analytic for |Im z| < {tau}, singular near {where}{self.strip:.4g} i"
        if self.kind == POLYNOMIAL:
            return f"a polynomial of degree {self.degree}"
        if self.kind == ENTIRE:
            return "entire"
        return "not resolved: singular in more places than can be told apart, or between the laws"


def smoothness(act: Activation) -> Smoothness:
    """The class of an activation.

    Parameters
    ----------
    act
        Any; its values are all that is used.
    """
    f = act.phi
    seen = search(f)
    kinks = tuple(Kink(act.name, x.at, x.order, x.size) for x in seen.found)
    places = [k.at for k in kinks]
    mu = coefficients_by_quadrature(f, places, SHOWN)
    kind, degree, law = UNRESOLVED, -1, None
    if kinks:
        kind = KINKED
    elif seen.complete:
        degree = polynomial_degree(f, seen.noise)
        if degree >= 0:
            kind = POLYNOMIAL
        else:
            law = falloff(f, seen.noise)
            kind = {"root": ANALYTIC, "geometric": ENTIRE, "factorial": ENTIRE}.get(
                law.law, UNRESOLVED
            )
    far = min(max([3.0, *(1.3 * abs(c) for c in places)]), seen.reach)
    z = np.linspace(-far, far, 801)
    strip = law if law is not None and law.law == "root" else None
    return Smoothness(
        name=act.name,
        kind=kind,
        kinks=kinks,
        degree=degree,
        strip=strip.rate if strip else math.nan,
        strip_doubt=strip.doubt if strip else math.nan,
        singular_at=strip.at if strip else math.nan,
        decay=law,
        parity=parity_of(f, seen),
        noise=seen.noise,
        reach=seen.reach,
        coefficients=mu,
        curve=np.stack([z, f(z)]),
    )


def polynomial_degree(f: Function, noise: float) -> int:
    """p, or -1: the last coefficient of f(sigma z) that stands above rounding is the same for sigma = 1.5 and 3."""
    ends = []
    for sigma in (1.5, 3.0):
        mu = coefficients_by_quadrature(lambda z, s=sigma: f(s * z), (), 2 * DEGREES)  # type: ignore[misc]
        size = float(np.sqrt(np.sum(mu * mu)))
        if not math.isfinite(size):
            return -1
        above = np.flatnonzero(np.abs(mu) > 1e-14 * size + CLEAR * noise)
        ends.append(int(above[-1]) if above.size else 0)
    return ends[0] if ends[0] == ends[1] <= DEGREES and KMAX > ends[0] else -1


def parity_of(f: Function, seen: Search) -> str:
    """The parity class of f, from its values at z and -z."""
    z = seen.reach * np.mod(np.arange(1, 258) * 0.6180339887498949, 1.0)
    right, left = f(z), f(-z)
    even, odd = 0.5 * (right + left), 0.5 * (right - left)
    small = CLEAR * (seen.noise + 2.0**-52 * np.max(np.abs(right) + np.abs(left)))

    def zero(values: Array) -> bool:
        return bool(np.max(np.abs(values)) <= small)

    if zero(even):
        return "odd"
    if zero(odd):
        return "even"
    if zero(even - even[0]):
        return "constant-odd"
    return "linear-even" if zero(odd - odd[0] / z[0] * z) else "none"


def _primes(r: int) -> str:
    return "'" * r if r <= 3 else f"^({r})"
