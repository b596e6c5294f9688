"""Points that nearly coincide, as points or as antipodes: clusters of them, and their differences to full accuracy.

Directions u_i = x_i / |x_i| that lie closer than some angle are one cluster, with signs sigma_i where the kernel has a
parity t, h(-rho) = t h(rho). With w_i = sigma_i^[t = -1] |x_i|^q and v_i = sigma_i u_i,

    K_ij = w_i w_j h(v_i . v_j)        for all i, j,

so that near antipodes are near points like any. A double of v_i - v_j that is rounded once comes from 50 digits;
they are few.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from ..activations.hermite import Array
from ..kernels import Kernel
from ..kernels.parity import NONE

DIGITS = 50
ROWS, ROOM = 512, 16_000_000  # of cosines at a time: at most so many, in so many bytes
Ask = Callable[[str, int, int, float, float], bool]


@dataclass(frozen=True, eq=False)
class Cluster:
    """g near points.

    Attributes
    ----------
    members
        Their indices, ascending; the first, its sign +1, stands for all.
    weights
        w_i, (g,).
    steps
        v_i - v_first, (g, d).
    deficits
        1 - v_i . v_j, (g, g).
    """

    members: list[int]
    weights: Array
    steps: Array
    deficits: Array

    @property
    def mean(self) -> Array:
        """w / |w|: the unit vector along which the cluster is one point."""
        return np.asarray(self.weights / np.linalg.norm(self.weights))

    @property
    def apart(self) -> Array:
        """Z, (g, g - 1): orthonormal, w^t Z = 0; each column sets two sets of members against each other.

        Nearest ones first, as single linkage joins them, so that a pair far closer than the rest has a column of
        its own and Z^t K Z is graded.
        """
        w, g = self.weights, len(self.weights)
        Z = np.zeros((g, g - 1))
        sets = {i: [i] for i in range(g)}
        home = list(range(g))
        pairs = sorted((float(self.deficits[i, j]), j, i) for i in range(g) for j in range(i))
        k = 0
        for _, i, j in pairs:
            one, two = home[i], home[j]
            if one == two:
                continue
            left, right = sets[one], sets.pop(two)
            a, b = float(w[left] @ w[left]), float(w[right] @ w[right])
            Z[left, k] = w[left] * math.sqrt(b / (a * (a + b)))
            Z[right, k] = -w[right] * math.sqrt(a / (b * (a + b)))
            for m in right:
                home[m] = one
            sets[one] = left + right
            k += 1
        return Z


def parity_sign(ker: Kernel) -> float:
    """t of h(-rho) = t h(rho), 0 where there is none."""
    return 1.0 if ker.parity.odd == NONE else -1.0 if ker.parity.even == NONE else 0.0


def near_pairs(
    U: Array, within: float, both: bool, most: int, ask: Ask | None
) -> list[tuple[int, int, float]] | None:
    """(i, j, sign) with 1 - sign u_i . u_j <= within, i < j; None where there are more than ``most``.

    Parameters
    ----------
    U
        Unit rows.
    within
        Largest deficit.
    both
        Whether near antipodes count.
    most
        Number of pairs from which on nothing is said.
    ask
        Listener, or None; where it says so, KeyboardInterrupt.
    """
    n, d = U.shape
    cut = 1.0 - within - (d + 10.0) * 2.0**-53
    found: list[tuple[int, int, float]] = []
    rows_at_once = max(1, min(ROWS, ROOM // (12 * max(n, 1))))  # a cosine, and what is said of it
    for start in range(0, n, rows_at_once):
        if ask is not None and ask("near points", start, n, 0.0, 0.0):
            raise KeyboardInterrupt
        end = start + rows_at_once
        C = U[start:end] @ U[:end].T
        near = C >= cut
        if both:
            near |= C <= -cut
        rows, columns = np.nonzero(near)
        later = columns < rows + start
        for r, j in zip(rows[later], columns[later], strict=True):
            found.append((int(j), int(r) + start, math.copysign(1.0, float(C[r, j]))))
        if len(found) > most:
            return None
    return sorted(found)


def clusters(
    pairs: list[tuple[int, int, float]], X: Array, scale: Array, parity: float
) -> list[Cluster]:
    """What pairs connect.

    Parameters
    ----------
    pairs
        Of :func:`near_pairs`.
    X
        Points as they were given, before any normalising.
    scale
        |x_i|^q.
    parity
        t.
    """
    neighbours: dict[int, list[tuple[int, float]]] = {}
    for i, j, sign in pairs:
        neighbours.setdefault(i, []).append((j, sign))
        neighbours.setdefault(j, []).append((i, sign))
    seen: set[int] = set()
    found = []
    for first in sorted(neighbours):
        if first in seen:
            continue
        signs, waiting = {first: 1.0}, [first]
        while waiting:
            i = waiting.pop()
            for j, sign in neighbours[i]:
                if j not in signs:
                    signs[j] = sign * signs[i]
                    waiting.append(j)
        seen |= set(signs)
        found.append(_cluster(sorted(signs), signs, X, scale, parity))
    return found


def _cluster(
    members: list[int], signs: dict[int, float], X: Array, scale: Array, parity: float
) -> Cluster:
    sigma = np.array([signs[i] for i in members])
    weights = scale[members] * (sigma if parity < 0.0 else 1.0)
    with decimal.localcontext() as context:
        context.prec, context.Emax, context.Emin = DIGITS, decimal.MAX_EMAX, decimal.MIN_EMIN
        V = [_direction(X[i], s) for i, s in zip(members, sigma, strict=True)]
        steps = [[float(a - b) for a, b in zip(v, V[0], strict=True)] for v in V]
        g = len(V)
        deficits = np.zeros((g, g))
        for i in range(g):
            for j in range(i):
                square = sum(((a - b) ** 2 for a, b in zip(V[i], V[j], strict=True)), Decimal(0))
                deficits[i, j] = deficits[j, i] = float(square / 2)
    return Cluster(members, weights, np.array(steps), deficits)


def _direction(x: Array, sign: float) -> list[Decimal]:
    numbers = [Decimal(float(a)) for a in x]
    norm = sum((a * a for a in numbers), Decimal(0)).sqrt()
    return [a / norm if sign > 0.0 else -a / norm for a in numbers]
