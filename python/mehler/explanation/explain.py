"""A kernel explained: formula, parity, smoothness, and what they mean for lambda_min.

Everything is derived from phi, its kinks and the layers: jumps are measured, singular terms carried through the
layers, decay rates known from the strip of analyticity or fitted. Nothing is looked up by the name of an activation.
"""

from __future__ import annotations

import math
import textwrap
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import PrecisionWarning
from ..kernels import Kernel
from ..kernels.parity import FULL, NONE, SIMPLE
from ..result import plain
from .decay import Decay, decay
from .jets import Jet, singular_terms
from .jumps import ORDERS, jumps

SEEN_AT, SEEN_DEPTH = 256, 16  # where the tail is looked at, and up to how many layers


@dataclass(frozen=True)
class Kink:
    """The first derivative of an activation that jumps at a point.

    Attributes
    ----------
    activation
        Its name.
    at
        The point.
    order
        phi^(order) jumps; None where no jump is seen.
    size
        phi^(order)(at+) - phi^(order)(at-).
    """

    activation: str
    at: float
    order: int | None
    size: float


@dataclass(frozen=True)
class Singularity:
    """h = smooth + size delta^order + ... , delta = 1 - rho or 1 + rho.

    Attributes
    ----------
    order
        Half an odd number for continuous activations.
    size
        The coefficient; NaN where the order alone is known.
    """

    order: float
    size: float


@dataclass(frozen=True)
class Explanation:
    """What :meth:`Kernel.explain` says.

    Attributes
    ----------
    kernel
        The kernel's call.
    formula
        h in the words of its layers.
    parity
        Which powers of rho h has.
    smoothness
        'kinked' or 'analytic', with the class in words.
    kinks
        Where which derivative of the activation jumps, and by how much.
    plus, minus
        The singular terms of h at rho = +1 and rho = -1; None where it has none.
    tail
        (C, nu): sum_{p >= N} A_p ~ C N^-nu for large N, of kinked activations.
    measured
        sum_{p >= 256} A_p over C 256^-nu: near one where the law holds from there on, as it does for few layers. NaN for more than 16
        layers, and where the tail is too small to be told from rounding.
    decay
        How fast the power series falls, of analytic ones.
    exponent
        2 nu: lambda_min falls like separation^(2 nu) at least, NaN for analytic ones.
    implies
        Sentences on lambda_min, each with its source.
    """

    kernel: str
    formula: str
    parity: str
    smoothness: str
    kinks: tuple[Kink, ...] = ()
    plus: Singularity | None = None
    minus: Singularity | None = None
    tail: tuple[float, float] | None = None
    measured: float = math.nan
    decay: Decay | None = None
    exponent: float = math.nan
    implies: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, ready for JSON (NaN becomes None).

        Returns
        -------
        dict
            The fields by name, in the order of the class.
        """
        return _plain(asdict(self))  # type: ignore[no-any-return]

    def __str__(self) -> str:
        rows = [("kernel", self.kernel), ("h(rho)", self.formula), ("parity", self.parity)]
        rows.append(("smooth", self.smoothness))
        for kink in self.kinks:
            where = f"{kink.activation} at {kink.at:g}"
            if kink.order is None:
                rows.append(
                    ("kink", f"{where}: no jump seen up to the derivative of order {ORDERS}")
                )
            else:
                rows.append(("kink", f"{where}: derivative {kink.order} jumps by {kink.size:.6g}"))
        if self.kinks:
            rows.append(("at rho=1", _term(self.plus, "(1 - rho)")))
            rows.append(("at rho=-1", _term(self.minus, "(1 + rho)")))
        if self.tail is not None:
            c, nu = self.tail
            seen = (
                ""
                if math.isnan(self.measured)
                else f" (measured at N = {SEEN_AT}: {self.measured:.3g} of it)"
            )
            rows.append(("tail", f"sum over p >= N of A_p ~ {c:.5g} N^-{nu:g}{seen}"))
        if self.decay is not None:
            rows.append(("decay", f"{self.decay.text} ({self.decay.how})"))
        rows += [("lambda_min", text) for text in self.implies]
        lines, before = [], ""
        for name, text in rows:
            lines += textwrap.wrap(
                text,
                100,
                initial_indent=f"{'' if name == before else name:<12}",
                subsequent_indent=" " * 12,
            )
            before = name
        return "\n".join(lines)


def explain(kernel: Kernel) -> Explanation:
    """The explanation of a kernel.

    Parameters
    ----------
    kernel
        Of any activation and depth.
    """
    kinks = tuple(_kinks(kernel))
    orders = [k.order for k in kinks if k.order is not None]
    call = repr(kernel)[1:].rsplit(": h(1)=", 1)[0]
    common: dict[str, Any] = {
        "kernel": call,
        "formula": _formula(kernel),
        "parity": _parity(kernel),
        "kinks": kinks,
    }
    implied = list(_of_parity(kernel))
    if not orders:
        law = decay(kernel)
        smooth = (
            "analytic" if not kinks else "kinks were declared, but none is seen: taken as analytic"
        )
        if law.law == "finite":
            smooth = "polynomial"
        implied += _of_decay(law)
        return Explanation(smoothness=smooth, decay=law, implies=tuple(implied), **common)
    plus, minus = singular_terms(kernel)
    r = min(orders)
    smooth = f"kinked: the derivative of order {r} is the first that jumps"
    smooth += f" (class J_{r})" * (r in (1, 2))
    tail, measured = None, math.nan
    if math.isfinite(plus.order) and not math.isnan(plus.size):
        tail = (-plus.size / math.gamma(1.0 - plus.order), plus.order)
        measured = _measured(kernel, *tail)
        implied += _of_tail(*tail, measured, plus, minus)
    return Explanation(
        smoothness=smooth,
        plus=_singular(plus),
        minus=_singular(minus),
        tail=tail,
        measured=measured,
        exponent=2.0 * plus.order if tail else math.nan,
        implies=tuple(implied),
        **common,
    )


def _measured(kernel: Kernel, c: float, nu: float) -> float:
    """The tail from SEEN_AT on, as h(1) less what is before it, over what the law says."""
    top = float(kernel.h.ends[0])
    if kernel.depth > SEEN_DEPTH or c == 0.0:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        before = math.fsum(kernel.coefficients(SEEN_AT - 1))
    rest = top - before
    return rest / (c * SEEN_AT**-nu) if rest > 1e3 * (kernel.error + 1e-14 * top) else math.nan


def _kinks(kernel: Kernel) -> list[Kink]:
    found = []
    for act in dict.fromkeys(kernel.layers):
        seen = jumps(act)
        for c in act.kinks:
            first = next((j for j in seen if j.at == c), None)
            order, size = (None, 0.0) if first is None else (first.order, first.size)
            found.append(Kink(act.name, c, order, size))
    return found


def _singular(jet: Jet) -> Singularity | None:
    return Singularity(jet.order, jet.size) if math.isfinite(jet.order) else None


def _term(term: Singularity | None, what: str) -> str:
    if term is None:
        return "smooth"
    size = "c" if math.isnan(term.size) else f"{term.size:.6g}"
    return f"singular term {size} {_power(what, term.order)}"


def _power(base: str, exponent: float) -> str:
    return base if exponent == 1.0 else f"{base}^{exponent:g}"


def _formula(kernel: Kernel) -> str:
    """h in words."""
    w, b, L = kernel.weight_var, kernel.bias_var, kernel.depth
    act = kernel.layers[-1]
    times = f"{w:g} " * (w != 1.0)
    inner = times + ("rho" if L == 1 else f"S_{L - 1}") + f" + {b:g}" * (b != 0.0)
    phi = (
        ""
        if isinstance(kernel.activation, tuple) or not act.formula
        else f", phi(z) = {act.formula}"
    )
    divided = ", each divided by its layer's E phi^2" * kernel.normalized
    gauss = f"(u, v) Gaussian of variance {w + b:g} and covariance {inner}"
    if L > 1:
        gauss = f"(u, v) Gaussian of covariance {inner}, S_0 = rho, S_l = E[phi(u) phi(v)], layer after layer"
    if kernel.kind == "nngp":
        return f"E[phi(u) phi(v)] of layer {L}, {gauss}{phi}{divided} (the read-out is trained)"
    if kernel.kind == "gradient":
        head = f"({inner}) " if " " in inner else f"{inner} "
        return f"{head}E[phi'(u) phi'(v)] of layer {L}, {gauss}{phi}{divided} (the last hidden layer is trained)"
    return (
        f"T_{L} E[phi'(u) phi'(v)] + E[phi(u) phi(v)] of layer {L}, {gauss}, T_1 the covariance of layer 1 and T_l+1 = "
        f"{times}T_l E[phi'(u) phi'(v)] + that of layer l+1{phi}{divided} (everything is trained)"
    )


ODD = {NONE: "", SIMPLE: "rho", FULL: "odd powers"}
EVEN = {NONE: "", SIMPLE: "a constant", FULL: "even powers"}


def _parity(kernel: Kernel) -> str:
    odd, even = kernel.parity
    if odd == even == FULL:
        return "all powers of rho"
    words = [w for w in (EVEN[even], ODD[odd]) if w]
    return " and ".join(words) + (" only" if FULL in (odd, even) else "") if words else "zero"


def _of_parity(kernel: Kernel) -> list[str]:
    odd, even = kernel.parity
    if NONE in (odd, even):
        sign = "h(-rho) = h(rho)" if odd == NONE else "h(-rho) = -h(rho)"
        return [f"0 as soon as both x and -x are among the points: {sign}."]
    if SIMPLE in (odd, even):
        part, rank = (
            ("rho", "the dimension of their span") if odd == SIMPLE else ("a constant", "one")
        )
        return [
            f"0 as soon as more pairs x, -x are among the points than {rank}: its {'odd' if odd == SIMPLE else 'even'} "
            f"part is {part} alone."
        ]
    return []


def _of_tail(c: float, nu: float, measured: float, plus: Jet, minus: Jet) -> list[str]:
    law = f"{0.5 * c:.3g} {_power('(s^2 / (2 log 2n))', nu)}"
    like = f"{_power('s', 2.0 * nu)} / {_power('log(n)', nu)}"
    said = [
        f"at least {law}, so like {like}, as the projective separation s = min |x_i -+ x_j| of n unit points goes to 0 "
        "(tail of the series and Gershgorin; the exponent of Panigrahi, Shetty, Goyal 2020)."
    ]
    if not 0.8 <= measured <= 1.25:
        said[0] += (
            f" Only where s is so small that 2 log(2n) / s^2 lies far beyond {SEEN_AT}: before, the law is not reached."
        )
    if nu < 1.0:
        top = f"{abs(plus.size):.3g} {_power('(s^2 / 2)', nu)}"
        said.append(f"at most about {top} for a pair at the distance s (its Rayleigh quotient).")
    else:
        said.append(
            f"at most about {abs(plus.slope):.3g} s^2 / 2 for a pair at the distance s (its Rayleigh quotient); "
            f"clusters of points bring it nearer to {_power('s', 2.0 * nu)}."
        )
    if math.isfinite(minus.order) and abs(minus.order - nu) < 1e-9 and not math.isnan(minus.size):
        ratio = minus.size / plus.size
        if abs(abs(ratio) - 1.0) < 1e-6:
            said.append(
                f"pairs that are nearly antipodal count as near ones: the slow coefficients are those of {'even' if ratio > 0 else 'odd'} powers."
            )
    return said


def _of_decay(law: Decay) -> list[str]:
    if law.law == "finite":
        N = int(law.rate)
        return [
            f"0 as soon as n > C(d'+{N}-1, {N}) + C(d'+{N}-2, {N}-1) unit points span d' dimensions: h is a polynomial of degree {N}."
            if N
            else "0 for two points or more: h is a constant."
        ]
    size = {
        "root": f"exp(-{2 * law.rate:.4g} sqrt(N))",
        "geometric": f"exp(-{2 * law.rate:.4g} N)",
        "factorial": "1 / N!",
    }.get(law.law)
    if size is None:
        return []
    return [
        f"at most n sum_(p >= N) A_p, which falls like {size}, for the largest N with C(d'+N-2, N-1) + C(d'+N-3, N-2) < n, about N = ((d'-1)! n / 2)^(1/(d'-1)): "
        "exponentially small in a power of n where n points span few dimensions d' (rank of the head, Weyl for the tail; Murray et al. 2022).",
        "no power of the separation: in many dimensions, where n is small beside d'^N for a small N, it is of the order of the first coefficients.",
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return plain(value)
