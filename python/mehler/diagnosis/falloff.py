"""How fast the Hermite coefficients of an analytic function fall, fitted without a window set by hand.

    root        |mu_k(f)| ~ K^b exp(-tau sqrt(K)),  K = k + 1/2    nearest singularities at x0 +- i tau (Hille 1940)
    geometric   |mu_k(f)| ~ K^b exp(-r K)                          entire, of order two
    factorial   |mu_k(f)| ~ k!^(-q/2) exp(-g k)                    entire, of lower order

Three devices stand in for a window. f(sigma z) has the strip tau / sigma, so sigma is taken such that a few hundred coefficients
stand above rounding. The fit starts where the estimated error of tau is least: the spread under rounding and misfit, and the change when
the next term of the asymptotic series, in 1 / sqrt(K), is let in. And even and odd k are joined, sqrt(mu_2j^2 + mu_2j+1^2), which is smooth
for functions of either parity and of none; what still oscillates comes from singularities off the axis, and is fitted with its phase,
cos(x0 sqrt(K) - k pi / 2 + phi).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..activations.hermite import Array, Function, coefficients_by_quadrature

KMAX = 2000
FEW, ENOUGH = 200, 1000  # coefficients above rounding that sigma is chosen for
SCALES = 2.0 ** np.arange(-7, 4)
MODEL = 1e-3  # relative error of the asymptotic law, beside rounding
MISFIT = 0.1  # log: a residual larger than this is none of the laws
SEEN = 5.0  # per cent of the envelope: the same, of oscillating ones
TRUST = 0.1  # of the rate: a larger doubt is no rate
LEAST_POINTS = 8


@dataclass(frozen=True)
class Falloff:
    """The law of the Hermite coefficients.

    Attributes
    ----------
    law
        'root', 'geometric', 'factorial' or 'unknown'.
    rate
        tau, r or q; NaN where unknown.
    doubt
        Estimated error of ``rate``.
    first, last
        Coefficients that were fitted, of f(scale z).
    scale
        sigma.
    at
        |x0| of the nearest singularities; NaN for other laws.
    """

    law: str
    rate: float
    doubt: float
    first: int
    last: int
    scale: float = 1.0
    at: float = math.nan

    @property
    def text(self) -> str:
        """The law with its rate."""
        r = f"{self.rate:.5g}"
        return {
            "root": f"|mu_k| ~ exp(-{r} sqrt(k))",
            "geometric": f"|mu_k| ~ exp(-{r} k)",
            "factorial": f"|mu_k| ~ k!^(-{0.5 * self.rate:.3g}) b^k",
        }.get(self.law, "not known")


@dataclass(frozen=True, eq=False)
class Envelope:
    """sqrt(mu_2j^2 + mu_2j+1^2) against K, as far as it stands above rounding."""

    K: Array
    log: Array
    sigma: Array  # of log, by rounding
    mu: Array
    floor: float

    @property
    def last(self) -> int:
        """The last k."""
        return 2 * len(self.K) - 1


def envelope(f: Function, scale: float, noise: float) -> Envelope:
    """Of f(scale z); noise: rounding of f."""
    mu = coefficients_by_quadrature(lambda z: f(scale * z), (), KMAX)
    size = float(np.sqrt(np.sum(mu * mu)))
    pairs = mu[: KMAX // 2 * 2].reshape(-1, 2) ** 2
    index = np.arange(pairs.size).reshape(-1, 2)
    total = np.sum(pairs, axis=1)
    K = np.sum(pairs * index, axis=1) / np.maximum(total, 1e-300) + 0.5
    end = np.sqrt(total[-len(total) // 8 :])
    floor = max(2e-16 * size, 0.3 * noise)
    flat = float(np.max(end[: len(end) // 2])) < 3.0 * float(np.max(end[len(end) // 2 :]))
    if flat and float(np.max(end)) < 1e-6 * size:
        floor = max(floor, float(np.max(end)))
    e = np.sqrt(total)
    # the last block of pairs in which anything stands clear: zeros of an oscillation are no end
    clear = np.flatnonzero(e > 10.0 * floor)
    n = 0
    for j in clear:
        if j - n > 6 + n // 8:
            break
        n = int(j) + 1
    e = np.maximum(e[:n], 1e-300)
    return Envelope(
        np.where(total[:n] > 0, K[:n], index[:n, 0] + 1.0), np.log(e), floor / e, mu, floor
    )


def falloff(f: Function, noise: float) -> Falloff:
    """The law of mu_k(f), f analytic on the line and no polynomial.

    Parameters
    ----------
    f
        A function of a float64 array.
    noise
        Its rounding.
    """
    usual = envelope(f, 1.0, noise)
    best, scale = usual, 1.0
    order = SCALES[SCALES > 1.0] if usual.last < FEW else SCALES[SCALES < 1.0][::-1]
    for s in order:
        if FEW <= best.last <= ENOUGH:
            break
        other = envelope(f, float(s), noise)
        if not np.all(np.isfinite(other.log)):
            break
        best, scale = other, float(s)
    law, left = _law(best)
    if left > MISFIT and len(best.K) >= 4 * LEAST_POINTS:  # zeros as far apart as the stretches?
        if _oscillating(best, 0.25, 0)[3] < SEEN:
            law, left = "root", 0.0
    if left > MISFIT:  # entire functions rise before they fall, the more so the larger sigma is
        law, left = _law(usual)
    if law == "root":
        found = _root(best, scale)
    elif left > 5.0 * MISFIT:
        return Falloff("unknown", math.nan, math.nan, 0, best.last, scale)
    else:
        found = Falloff(law, *_fit(usual, law), usual.last)
    if not found.doubt <= TRUST * found.rate:
        return Falloff("unknown", math.nan, math.nan, found.first, found.last, found.scale)
    return found


def _columns(law: str, K: Array) -> list[Array]:
    """The column of the rate, then what goes beside it; further ones are corrections."""
    if law == "root":
        return [-np.sqrt(K), np.log(K), K**-0.5, 1.0 / K]
    if law == "geometric":
        return [-K, np.log(K), 1.0 / K, K**-2.0]
    lgamma = np.array([math.lgamma(x + 0.5) for x in K])
    return [-0.5 * lgamma, -K, np.log(K), 1.0 / K]


def _line(E: Envelope, law: str, start: int, columns: int) -> tuple[Array, float, float]:
    """(parameters, standard error of the rate, residual) from a start on."""
    K, y, w = E.K[start:], E.log[start:], 1.0 / np.hypot(E.sigma[start:], MODEL)
    A = np.stack([*_columns(law, K)[:columns], np.ones_like(K)], axis=1) * w[:, None]
    size = np.linalg.norm(A, axis=0)
    inverse = np.linalg.pinv(A / size)
    x = (inverse @ (y * w)) / size
    rest = A @ x - y * w
    spread = math.sqrt(float(rest @ rest) / max(len(K) - columns - 1, 1))
    left = math.sqrt(float(np.mean((rest / w) ** 2)))
    return x, spread * float(np.linalg.norm(inverse[0])) / float(size[0]), left


def _law(E: Envelope) -> tuple[str, float]:
    """(law, residual), the least residual: for the largest in each of some forty stretches: what oscillates has zeros."""
    n = len(E.K)
    if n < LEAST_POINTS + 2:
        return "unknown", math.inf
    width = max(1, n // 40)
    peaks = [s + int(np.argmax(E.log[s : s + width])) for s in range(0, n - width + 1, width)]
    start = max(1, len(peaks) // 8, int(np.argmax(E.log[peaks])))
    if len(peaks) - start < LEAST_POINTS - 2:
        return "unknown", math.inf
    few = replace(E, K=E.K[peaks], log=E.log[peaks], sigma=E.sigma[peaks])
    left: dict[str, float] = {}
    for law in ("root", "geometric", "factorial"):
        x, _, rest = _line(few, law, start, 2)
        if x[0] > (0.0 if law != "factorial" else 0.2):
            left[law] = rest
    if not left:
        return "unknown", math.inf
    best = min(left, key=lambda law: left[law])
    return best, left[best]


def _fit(E: Envelope, law: str) -> tuple[float, float, int]:
    """(rate, doubt, first k): over starts and numbers of corrections, the least estimated errors' median."""
    n = len(E.K)
    starts = sorted(
        {int(s) for s in np.linspace(1, n - LEAST_POINTS, 48) if 1 <= s <= n - LEAST_POINTS}
    )
    tried = []
    for s in starts:
        lines = [_line(E, law, s, columns) for columns in (2, 3, 4)]
        for (x, error, _), (after, _, _) in itertools.pairwise(lines):
            rate = float(x[0])
            if rate > 0.0:
                tried.append((error + abs(rate - float(after[0])), rate, s))
    if not tried:
        return math.nan, math.nan, 0
    tried.sort()
    few = tried[:5]
    middle = sorted(few, key=lambda t: t[1])[len(few) // 2]
    doubt = max(middle[0], max(abs(t[1] - middle[1]) for t in few))
    return middle[1], doubt, 2 * middle[2]


def _root(E: Envelope, scale: float) -> Falloff:
    """tau, with x0 where the coefficients oscillate: by a radian at least, over all of them."""
    first = _oscillating(E, 0.25, 0)
    if first[1] * math.sqrt(E.last) > 1.0:
        others = ((0.1, 0), (0.4, 0), (0.1, 1), (0.25, 1), (0.4, 1))
        waves = [first, *(_oscillating(E, start, more, first[1]) for start, more in others)]
        x0 = float(np.median([at for _, at, _, _ in waves]))
        tau = float(np.median([t for t, _, _, _ in waves]))
        doubt = float(np.median([abs(t - tau) for t, _, _, _ in waves]))
        return Falloff(
            "root",
            scale * tau,
            scale * doubt,
            min(k for _, _, k, _ in waves),
            E.last,
            scale,
            scale * x0,
        )
    rate, doubt, begin = _fit(E, "root")
    return Falloff("root", scale * rate, scale * doubt, begin, E.last, scale, 0.0)


def _oscillating(
    E: Envelope, start: float, correction: int, near: float | None = None
) -> tuple[float, float, int, float]:
    """(tau, x0, first k, residual): E_k (A cos + B sin)(x0 sqrt(K)), A and B for either parity (variable projection)."""
    begin = int(start * len(E.K))
    k = np.arange(2 * begin, 2 * len(E.K))
    K, y = k + 0.5, E.mu[k] * np.where(k % 4 < 2, 1.0, -1.0)
    guess = _line(E, "root", begin, 2)[0]
    level = guess[2] + guess[1] * np.log(K) - guess[0] * np.sqrt(K)
    w = 1.0 / (E.floor + 0.01 * np.exp(level))
    even = k % 2 == 0

    def rest(p: Array) -> Array:
        tau, b, x0, *more = p
        shape = b * np.log(K) - tau * np.sqrt(K)
        if more:
            shape = shape + more[0] / np.sqrt(K)
        size = np.exp(np.clip(shape + guess[2], -300.0, 300.0))
        waves = [np.cos(x0 * np.sqrt(K)), np.sin(x0 * np.sqrt(K))]
        A = np.stack([size * wave * w for wave in waves], axis=1)
        r = np.empty_like(K)
        for part in (even, ~even):  # amplitudes of either parity by themselves
            r[part] = A[part] @ np.linalg.lstsq(A[part], (y * w)[part], rcond=None)[0]
        return np.asarray(r - y * w)

    if near is None:
        step = 0.4 / math.sqrt(K[-1])
        trials = np.arange(0.0, 6.0 + 2.0 * guess[0], step)
        costs = [float(np.sum(rest(np.array([guess[0], guess[1], x])) ** 2)) for x in trials]
        near = max(float(trials[int(np.argmin(costs))]), 1e-3)
    p: Array = np.array([guess[0], guess[1], near] + [0.0] * correction)
    cost, damp = float(np.sum(rest(p) ** 2)), 1e-3
    for _ in range(40):  # Levenberg and Marquardt
        r = rest(p)
        J = np.stack([(rest(p + h) - r) / h.sum() for h in 1e-6 * np.eye(len(p))], axis=1)
        H = J.T @ J
        move: Any = np.linalg.lstsq(H + damp * np.diag(np.diagonal(H)), -J.T @ r, rcond=None)[0]
        after = float(np.sum(rest(p + move) ** 2))
        if after < cost:
            done = cost - after < 1e-10 * cost
            p, cost, damp = p + move, after, 0.3 * damp
            if done:
                break
        else:
            damp *= 5.0
            if damp > 1e8:
                break
    return float(p[0]), abs(float(p[2])), 2 * begin, math.sqrt(cost / len(k))
