"""D and C of near points set apart (``near_pairs``), and what is known of their errors.

With c_i = w_i z_i for a column z of Z, sum_i c_i = 0, and v_r the direction of the cluster's first point:

    z^t K z'     = - sum_ij c_i c'_j (h(1) - h(v_i . v_j))                              within a cluster,
    (K z)_k      = w_k sum_i c_i (v_i - v_r) . v_k  int_0^1 h'(rho along the step) dt        elsewhere,
    z^t K z'     = sum_ij c_i c'_j int int h' (a_i . b_j) + h'' (a_i . y) (x . b_j)     between two clusters,

a_i = v_i - v_r and b_j steps, x and y the points on their way. Integrals by Gauss's rule with three nodes, its error
by what two nodes say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from .. import _core
from .._arrays import Array
from ..kernels.differences import Differences
from ..operators.near_points import Cluster

UNIT = 2.0**-53


@dataclass(frozen=True, eq=False)
class Split:
    """K in coordinates of clusters.

    Attributes
    ----------
    groups, places
        Clusters, and the columns of each in D.
    D, D_error
        (m, m), and bounds of the errors, entry by entry.
    C, C_error
        (n, m), columns orthogonal to all differences, and bounds of the norms of their errors.
    stretch
        T: |w| / |w_first| at the first point of a cluster, 1 elsewhere, (n,).
    moved
        |A - T K_r T|, at most.
    """

    groups: Sequence[Cluster]
    places: Sequence[slice]
    D: Array
    D_error: Array
    C: Array
    C_error: Array
    stretch: Array
    moved: float

    def project(self, V: Array) -> Array:
        """(1 - Z Z^t) V."""
        out = V.copy()
        for group in self.groups:
            out[group.members] = np.outer(group.mean, group.mean @ V[group.members])
        return out

    def to_few(self, V: Array) -> Array:
        """Each cluster's coordinate at its first point."""
        out = V.copy()
        for group in self.groups:
            first, mean = group.members[0], group.mean
            out[first] = mean @ V[group.members]
        return out

    def from_few(self, V: Array) -> Array:
        """The way back."""
        out = V.copy()
        for group in self.groups:
            first, mean = group.members[0], group.mean
            out[group.members] = np.outer(mean, V[first])
        return out

    def Z(self, v: Array) -> Array:
        """The vector with these differences."""
        out = np.zeros(len(self.C))
        for group, place in zip(self.groups, self.places, strict=True):
            out[group.members] = group.apart @ v[place]
        return out


def split(
    points: _core.Points, groups: Sequence[Cluster], known: Differences, scale: Array
) -> Split:
    """For clusters of points; ``scale`` holds |x_i|^q."""
    U = points.unit
    n, d = U.shape
    signs, weights, stretch = np.ones(n), scale.copy(), np.ones(n)
    places, m = [], 0
    for group in groups:
        first = group.members[0]
        weights[group.members] = group.weights
        near = U[group.members] @ U[first]
        signs[group.members] = np.where(near < 0.0, -1.0, 1.0)
        stretch[first] = float(np.linalg.norm(group.weights) / group.weights[0])
        places.append(slice(m, m + len(group.members) - 1))
        m += len(group.members) - 1
    D, D_error = np.zeros((m, m)), np.zeros((m, m))
    C, C_error = np.zeros((n, m)), np.zeros(m)
    moved, most = 0.0, float(np.max(stretch))
    for group, place in zip(groups, places, strict=True):
        c = group.weights[:, None] * group.apart
        drop = known.drop(group.deficits)
        D[place, place] = -(c.T @ drop @ c)
        relative = known.relative + (2.0 * len(c) + 10.0) * UNIT
        D_error[place, place] = relative * (np.abs(c).T @ drop @ np.abs(c))
        size = float(np.linalg.norm(group.weights))
        own = -(group.mean * group.weights) @ drop @ c
        rows, wrong = _rows(U, signs, weights, group, known, d)
        C[:, place] = rows @ c
        C[group.members, place] = np.outer(group.mean, own)
        C_error[place] = wrong @ np.abs(c) + relative * size * (np.max(drop, axis=0) @ np.abs(c))
        moved += 2.0 * most * float(group.weights**2 / size @ np.linalg.norm(rows, axis=0))
        moved += size**2 * float(np.max(drop))
    for group, place in zip(groups, places, strict=True):
        mine = C[group.members]
        between = np.outer(group.mean, group.mean @ mine)
        between[:, place] = mine[:, place]
        C[group.members] = between
    if len(groups) > 1:
        value, wrong = _between(U, signs, groups, places, known)
        D += value
        D_error += wrong
    return Split(groups, places, D, D_error, C, C_error, stretch, 1.01 * moved)


@cache
def _nodes(count: int) -> tuple[Array, Array]:
    x, w = np.polynomial.legendre.leggauss(count)
    return 0.5 * (x + 1.0), 0.5 * w


def _rows(
    U: Array, signs: Array, weights: Array, group: Cluster, known: Differences, d: int
) -> tuple[Array, Array]:
    """(w_k (h(v_i . v_k) - h(v_r . v_k)), norm of the error) for members i, columns; nothing within the cluster."""
    first = group.members[0]
    rho = signs * (U @ (signs[first] * U[first]))
    steps = signs[:, None] * (U @ group.steps.T)
    rho[group.members], steps[group.members] = 0.0, 0.0
    values = []
    for count in (2, 3):
        total, wrong = np.zeros_like(steps), np.zeros_like(steps)
        for t, w in zip(*_nodes(count), strict=True):
            slope, error = known.slope(np.clip(rho[:, None] + t * steps, -1.0, 1.0))
            total += w * slope
            wrong += w * error
        values.append(total)
    bend, doubt = known.curvature(np.clip(rho, -1.0, 1.0))
    bend, doubt = np.abs(bend)[:, None], doubt[:, None]
    length = np.linalg.norm(group.steps, axis=1)
    error = np.abs(steps) * (wrong + np.abs(values[1] - values[0]))
    error += (d + 10.0) * UNIT * length * (np.abs(values[1]) + bend + doubt)
    error[group.members] = 0.0
    w_k = weights[:, None]
    return w_k * steps * values[1], np.linalg.norm(w_k * error, axis=0)


def _between(
    U: Array, signs: Array, groups: Sequence[Cluster], places: Sequence[slice], known: Differences
) -> tuple[Array, Array]:
    """(z^t K z', error) of any two clusters, (m, m); nothing within one."""
    sizes = [len(group.members) for group in groups]
    which = np.repeat(np.arange(len(groups)), sizes)
    firsts = np.array([group.members[0] for group in groups])[which]
    x, a = signs[firsts, None] * U[firsts], np.vstack([group.steps for group in groups])
    aa, ax, xx = a @ a.T, a @ x.T, x @ x.T
    values, wrong, bends = [], np.zeros_like(aa), np.zeros_like(aa)
    for count in (2, 3):
        total, wrong, bends = (np.zeros_like(aa) for _ in range(3))
        for p, u in zip(*_nodes(count), strict=True):
            for q, w in zip(*_nodes(count), strict=True):
                rho = np.clip(xx + p * ax + q * ax.T + p * q * aa, -1.0, 1.0)
                slope, e1 = known.slope(rho)
                bend, e2 = known.curvature(rho)
                ways = (ax + q * aa) * (ax.T + p * aa)
                total += u * w * (slope * aa + bend * ways)
                wrong += u * w * (e1 * np.abs(aa) + e2 * np.abs(ways))
                bends = np.maximum(bends, np.abs(slope) + np.abs(bend) + e1 + e2)
        values.append(total)
    length = np.linalg.norm(a, axis=1)
    wrong += np.abs(values[1] - values[0])
    wrong += 8.0 * (U.shape[1] + 10.0) * UNIT * np.outer(length, length) * bends
    value, within = values[1], which[:, None] == which
    value[within] = wrong[within] = 0.0
    T = np.zeros((len(which), places[-1].stop))
    for k, (group, place) in enumerate(zip(groups, places, strict=True)):
        T[which == k, place] = group.weights[:, None] * group.apart
    return _symmetric(T.T @ value @ T), _symmetric(np.abs(T).T @ wrong @ np.abs(T))


def _symmetric(M: Array) -> Array:
    return 0.5 * (M + M.T)
