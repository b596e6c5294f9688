"""A kernel's profile h(rho) compiled to a table of polynomials.

With sigma = sign(rho) and x = sqrt(1 - |rho|) ('sqrt') or x = 1 - |rho| ('linear'):

    parity form   h = h(sigma) + x (E(s) + sigma O(s)),   s = 2x - 1
    pieces form   h = sum_k c[sigma, j, k] y^k,           y = P x - j,  j = floor(P x)
    quarters      h = h(sigma) + x Q(y),                  Q of [0, cut] or [cut, 1] and of sigma (``quarters``)

A kink of the activation makes h behave like sqrt(1 - |rho|) at rho = +-1; in x it is a polynomial.
All forms start at h(+-1) exactly, so h(1) - h(rho) keeps its relative accuracy for the nearest
pairs. A table always has one of the first two; where quarters are cheaper, they are what is evaluated. The compiler takes any :class:`Cosine kernel <CosineKernel>`: two ends and two drops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..activations.hermite import Array
from .chebyshev import EPS, chebyshev, chop, monomials, nodes
from .quarters import Quarters, quarters_of

MAX_DEGREE = 44
NODES = 64
TABLE = 70.0  # terms of a polynomial that looking one up among many pieces is worth


class CosineKernel(Protocol):
    """A function h of the cosine: what a profile is compiled from.

    ``drops(deficit)`` returns (S, A) with h(+-(1 - deficit)) = h(+-1) - (S +- A): the part of the
    drop that is the same for both signs, and the part that changes sign.
    """

    @property
    def ends(self) -> tuple[float, float]:
        """(h(1), h(-1))."""

    @property
    def error(self) -> float:
        """Estimated absolute error of h."""

    def drops(self, deficit: Array) -> tuple[Array, Array]:
        """(S, A) at deficits in [0, 1]."""


@dataclass(frozen=True, eq=False)
class ProfileTable:
    """h as polynomials: evaluated by NumPy here, by the compiled core on tiles.

    Parameters
    ----------
    variable
        'sqrt' or 'linear'.
    ends
        (h(1), h(-1)).
    even, odd
        Monomial coefficients of E and O in s = 2x - 1, lowest first; possibly empty.
    pieces
        (2, P, D+1) monomial coefficients in y, rows for rho >= 0 and rho < 0; or None.
    error
        Estimated largest absolute error, measured between the nodes.
    quarters
        What is evaluated, where it is cheaper than the rest.
    """

    variable: str
    ends: Array
    even: Array
    odd: Array
    pieces: Array | None = None
    error: float = 0.0
    quarters: Quarters | None = None

    def __call__(self, rho: Any) -> Any:
        """h(rho) for |rho| <= 1."""
        rho = np.asarray(rho, dtype=np.float64)
        return self.at(np.where(np.signbit(rho), -1.0, 1.0), 1.0 - np.abs(rho))

    def at(self, sign: Any, deficit: Any) -> Any:
        """h(sign (1 - deficit)), the deficit given exactly."""
        positive = np.asarray(sign) >= 0
        deficit = np.clip(np.asarray(deficit, dtype=np.float64), 0.0, 1.0)
        return np.where(positive, *self.ends) - self._drop(positive, deficit)

    def drop(self, deficit: Any) -> Any:
        """h(1) - h(1 - deficit) with full relative accuracy."""
        deficit = np.clip(np.asarray(deficit, dtype=np.float64), 0.0, 1.0)
        return self._drop(np.ones(deficit.shape, dtype=bool), deficit)

    def _drop(self, positive: Array | np.ndarray[Any, Any], deficit: Array) -> Array:
        """h(+-1) - h."""
        x = np.sqrt(deficit) if self.variable == "sqrt" else deficit
        if self.quarters is not None:
            return -x * self.quarters(positive, x)
        if self.pieces is None:
            s = 2.0 * x - 1.0
            even, odd = _horner(self.even, s), _horner(self.odd, s)
            return np.asarray(-x * (even + np.where(positive, odd, -odd)))
        count = self.pieces.shape[1]
        j = np.minimum((count * x).astype(np.int64), count - 1)
        y = count * x - j
        c = self.pieces[np.where(positive, 0, 1), j]  # (..., D+1)
        value = np.zeros(np.broadcast(y, positive).shape)
        for k in range(c.shape[-1] - 1, 0, -1):
            value = (value + c[..., k]) * y
        return np.asarray(np.where(positive, *self.ends) - c[..., 0] - value)

    @property
    def form(self) -> str:
        """A few words: form, variable, degrees."""
        if self.quarters is not None:
            return f"{self.quarters.form} in {_VARIABLE[self.variable]} for each sign"
        if self.pieces is not None:
            _, count, width = self.pieces.shape
            return (
                f"{count} pieces of degree {width - 1} in {_VARIABLE[self.variable]} for each sign"
            )
        return f"degrees {len(self.even)} (even) and {len(self.odd)} (odd) in {_VARIABLE[self.variable]}"

    @cached_property
    def compiled(self) -> Any:
        """The same table in the compiled core."""
        from .. import _core

        if self.quarters is not None:
            q = np.ascontiguousarray(self.quarters.q)
            return _core.Profile(
                self.variable, self.ends, self.even, self.odd, None, q, self.quarters.cut
            )
        return _core.Profile(self.variable, self.ends, self.even, self.odd, self.pieces)

    @property
    def terms(self) -> float:
        """What an entry costs, in terms of a polynomial."""
        if self.quarters is not None:
            return self.quarters.terms
        return TABLE if self.pieces is not None else float(len(self.even) + len(self.odd))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "compiled"}


_VARIABLE = {"sqrt": "sqrt(1-|rho|)", "linear": "1-|rho|"}


def _horner(c: Array, s: Array) -> Array:
    value = np.zeros_like(s)
    for coefficient in c[::-1]:
        value = value * s + coefficient
    return value


def compile_profile(kernel: CosineKernel, unit: float | None = None) -> ProfileTable:
    """The shortest table that holds the kernel to about 1e-15 h(1).

    Parameters
    ----------
    kernel
        What is compiled.
    unit
        What need not be resolved; by default rounding, or ``kernel.error`` where that is larger.
    """
    scale = max(abs(kernel.ends[0]), abs(kernel.ends[1]))
    if scale == 0.0:
        return ProfileTable("linear", np.zeros(2), np.zeros(0), np.zeros(0))
    # The unit of rounding; coarser for a kernel that is itself not known to rounding.
    if unit is None:
        unit = kernel.error if kernel.error > 16 * EPS * scale else 0.0
    unit = max(unit, EPS * scale)
    tests = _test_deficits()
    truth = kernel.drops(tests)
    best: ProfileTable | None = None
    for variable in ("linear", "sqrt"):
        table = _parity_table(kernel, variable, unit)
        error = _measured_error(table, kernel, tests, truth)
        table = _with_error(table, error, kernel, scale)
        good = error <= 10.0 * unit and _near_drop_holds(table, tests, truth, unit)
        if good and (best is None or _cost(table) < _cost(best)):
            best = table
    if best is not None:
        return _quartered(best, kernel, unit, tests, truth)
    table, tail = _piecewise_table(kernel, unit)
    error = max(_measured_error(table, kernel, tests, truth), tail)
    return _quartered(_with_error(table, error, kernel, scale), kernel, unit, tests, truth)


def _quartered(
    table: ProfileTable,
    kernel: CosineKernel,
    unit: float,
    tests: Array,
    truth: tuple[Array, Array],
) -> ProfileTable:
    """With quarters, where they are a tenth cheaper and as accurate."""
    root = table.variable == "sqrt"
    found = quarters_of(lambda x: kernel.drops(x * x if root else x), unit)
    other = replace(table, quarters=found)
    if _evaluation(other) > 0.9 * _evaluation(table):
        return table
    error = _measured_error(other, kernel, tests, truth) + kernel.error
    if error > max(1.25 * table.error, 4.0 * unit) or not _near_drop_holds(
        other, tests, truth, unit
    ):
        return table
    return replace(other, error=max(error, table.error))


def _evaluation(table: ProfileTable) -> float:
    """Of an entry, in terms of a polynomial: what comes with each, and its terms."""
    return 60.0 + table.terms


def _cost(table: ProfileTable) -> float:
    return len(table.even) + len(table.odd) + (2.0 if table.variable == "sqrt" else 0.0)


def _test_deficits() -> Array:
    """Between the nodes, and towards both ends."""
    inner = (np.arange(40) + 0.37) / 40.0
    near = 10.0 ** -np.arange(1.0, 15.0)
    return np.unique(np.concatenate([inner, inner**2, near, 1.0 - near[:8], [1.0]]))


def _measured_error(
    table: ProfileTable, kernel: CosineKernel, tests: Array, truth: tuple[Array, Array]
) -> float:
    same, flips = truth
    plus = table.at(1.0, tests) - (kernel.ends[0] - (same + flips))
    minus = table.at(-1.0, tests) - (kernel.ends[1] - (same - flips))
    return float(max(np.max(np.abs(plus)), np.max(np.abs(minus))))


def _near_drop_holds(
    table: ProfileTable, tests: Array, truth: tuple[Array, Array], unit: float
) -> bool:
    """Is h(1) - h(1 - deficit) right to seven digits for the tiniest deficits?"""
    near = tests < 1e-7
    true = (truth[0] + truth[1])[near]
    slack = 1e-7 * np.abs(true) + (unit / EPS) * 1e-24
    return bool(np.all(np.abs(table.drop(tests[near]) - true) <= slack))


def _with_error(
    table: ProfileTable, measured: float, kernel: CosineKernel, scale: float
) -> ProfileTable:
    error = max(measured, EPS * scale) + kernel.error
    return ProfileTable(table.variable, table.ends, table.even, table.odd, table.pieces, error)


# -- parity form --------------------------------------------------------------------------------


def _parity_table(kernel: CosineKernel, variable: str, unit: float) -> ProfileTable:
    x, _ = nodes(NODES)
    same, flips = kernel.drops(x * x if variable == "sqrt" else x)
    even = monomials(chop(chebyshev(-same / x), 0.25 * unit, MAX_DEGREE + 1))
    odd = monomials(chop(chebyshev(-flips / x), 0.25 * unit, MAX_DEGREE + 1))
    return ProfileTable(variable, np.array(kernel.ends), even, odd)


# -- pieces form ----------------------------------------------------------------------------------

LEAF_DEGREE = 23
MAX_DEPTH = 7
Leaf = tuple[float, float, Array, Array]  # [low, high], Chebyshev coefficients of S/x and A/x


def _leaves(kernel: CosineKernel, unit: float) -> list[Leaf]:
    """Bisect x in [0, 1] until S/x and A/x are polynomials of LEAF_DEGREE on every leaf."""
    n = LEAF_DEGREE + 1
    y, _ = nodes(n)
    leaves: list[Leaf] = []
    waiting = [(0.0, 1.0)]
    for depth in range(MAX_DEPTH + 1):
        if not waiting:
            break
        x = np.array([a + (b - a) * y for a, b in waiting])  # (leaves, n)
        same, flips = kernel.drops((x * x).ravel())
        deeper = []
        for (a, b), row, one, two in zip(
            waiting, x, same.reshape(x.shape), flips.reshape(x.shape), strict=True
        ):
            c, d = chebyshev(one / row), chebyshev(two / row)
            tail = max(float(np.max(np.abs(c[-3:]))), float(np.max(np.abs(d[-3:]))))
            if tail * b <= 2.0 * unit or depth == MAX_DEPTH:
                leaves.append((a, b, c, d))
            else:
                middle = 0.5 * (a + b)
                deeper += [(a, middle), (middle, b)]
        waiting = deeper
        if len(waiting) > 16:  # not resolvable: say so through the measured error
            for a, b in waiting:
                x = a + (b - a) * y
                one, two = kernel.drops(x * x)
                leaves.append((a, b, chebyshev(one / x), chebyshev(two / x)))
            break
    return sorted(leaves, key=lambda leaf: leaf[0])


def _piecewise_table(kernel: CosineKernel, unit: float) -> tuple[ProfileTable, float]:
    """The cheapest uniform pieces, and the size of what they leave out."""
    leaves = _leaves(kernel, unit)
    starts = np.array([leaf[0] for leaf in leaves])

    def slopes(x: Array) -> tuple[Array, Array]:
        """S/x and A/x from the leaves."""
        same, flips = np.empty_like(x), np.empty_like(x)
        which = np.searchsorted(starts, x, side="right") - 1
        for i, (a, b, c, d) in enumerate(leaves):
            here = which == i
            s = (2.0 * x[here] - a - b) / (b - a)
            same[here] = np.polynomial.chebyshev.chebval(s, c)
            flips[here] = np.polynomial.chebyshev.chebval(s, d)
        return same, flips

    candidates = []
    for count in (16, 32, 64, 128, 256):
        pieces, tail = _resample(slopes, kernel.ends, count, unit)
        # Arithmetic, and the cache that the table takes; what is not resolved comes last.
        cost = pieces.shape[2] + 0.02 * count
        missing = tail if tail > 4.0 * unit else 0.0
        candidates.append((missing, cost, count, pieces))
    missing, _, _, pieces = min(candidates, key=lambda entry: entry[:3])
    none = np.zeros(0)
    return ProfileTable("sqrt", np.array(kernel.ends), none, none, pieces), missing


def _resample(
    slopes: Callable[[Array], tuple[Array, Array]],
    ends: tuple[float, float],
    count: int,
    unit: float,
) -> tuple[Array, float]:
    """Uniform pieces from the leaves: (2, count, D+1) and the size of what was cut off."""
    n = 18
    y, _ = nodes(n)
    x = (np.arange(count)[:, None] + y) / count
    same, flips = slopes(x.ravel())
    forms = []
    for sign in (1.0, -1.0):
        slope = (same + sign * flips).reshape(count, n)
        values = x * slope
        values[0] = slope[0]  # the first piece is h(+-1) - x slope: exact at x = 0
        forms.append(np.array([chebyshev(row) for row in values]))
    c = np.stack(forms)  # (2, count, n), drops; the first piece one degree lower
    weights = np.ones((1, count, 1))
    weights[0, 0, 0] = 1.0 / count
    sizes = np.max(np.abs(c) * weights, axis=(0, 1))
    # As in chop: what stays below the noise of the last coefficients is noise.
    noise = float(np.max(sizes[-4:]))
    level = unit if noise > 4.0 * unit else max(unit, 2.0 * noise)
    large = np.nonzero(sizes > level)[0]
    kept = int(large[-1]) + 1 if large.size else 1
    # The first piece is one degree longer than its slope; shorten the slope if that is free.
    first = kept - (kept > 1 and float(np.max(np.abs(c[:, 0, kept - 1]))) / count <= level)
    width = max(kept, first + 1)
    pieces = np.zeros((2, count, width))
    for i, end in enumerate(ends):
        for j in range(count):
            mono = _shift_to_unit(monomials(c[i, j, : first if j == 0 else kept]))
            if j == 0:
                pieces[i, 0, 0] = end
                pieces[i, 0, 1 : first + 1] = -mono / count
            else:
                pieces[i, j, :kept] = -mono
                pieces[i, j, 0] += end
    return pieces, noise


def _shift_to_unit(c: Array) -> Array:
    """Coefficients in s = 2y - 1 to coefficients in y."""
    out = np.zeros_like(c)
    for coefficient in c[::-1]:
        shifted = np.zeros_like(out)
        shifted[1:] = 2.0 * out[:-1]
        out = shifted - out
        out[0] += coefficient
    return out
