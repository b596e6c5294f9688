"""The read-out of a frozen layer: a convex problem, min |y - H c|, and every answer to it from one decomposition.

    H = U diag(s) V^t,  beta = U^t y:    least squares c = V (beta / s),    ridge c_r = V (s beta / (s^2 + r)),
    |y - H c_r|^2 = |y - U beta|^2 + sum (r beta_k / (s_k^2 + r))^2,        |c_r|^2 = sum (s_k beta_k / (s_k^2 + r))^2

The least |y - H c| with |c| <= B is on the path of ridges where |c_r| = B. Of several outputs y is (n, c), norms are
Frobenius norms. K = H H^t is the Gram matrix of the frozen features: s^2 are its eigenvalues, seen down to eps^2 of the largest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array
from .checks import at_least, finite, positive
from .lower import LowerBound, lower_bound

EPS = float(np.finfo(np.float64).eps)
STEPS = 200  # of the secular equation; ten are many
NOTHING = 1e-30  # of s_1: dividing by less would overflow, and B times it is below every rounding


@dataclass(frozen=True, eq=False)
class Solution:
    """A read-out.

    Attributes
    ----------
    coefficients
        c, (L,), or (L, c) of several outputs.
    residual
        |y - H c|.
    norm
        |c|.
    ridge
        r of the path where it lies: 0 for least squares.
    """

    coefficients: Array
    residual: float
    norm: float
    ridge: float


@dataclass(frozen=True, eq=False)
class RidgePath:
    """Read-outs of many ridges.

    Attributes
    ----------
    ridges
        r, (k,).
    residuals, norms
        |y - H c_r| and |c_r|, (k,).
    """

    ridges: Array
    residuals: Array
    norms: Array
    _V: Array
    _along: Array  # s beta / (s^2 + r), (k, rank, c)
    _flat: bool

    def predict(self, H: Any) -> Array:
        """H c_r of every ridge: H V once, then a scaling each.

        Parameters
        ----------
        H
            Features of other points, (m, L).

        Returns
        -------
        numpy.ndarray
            (k, m), or (k, m, c).
        """
        T = finite(H, "H", (2,))
        if T.shape[1] != len(self._V):
            raise ValueError(f"H must have {len(self._V)} features; got shape {T.shape}.")
        found = (T @ self._V) @ self._along
        return found[:, :, 0] if self._flat else found


class ReadOut:
    """min |y - H c|, decomposed once.

    Parameters
    ----------
    H
        Features, (n, L).
    y
        Targets, (n,) or (n, c).

    Raises
    ------
    TypeError, ValueError
        Not finite, empty, or of different lengths.
    """

    def __init__(self, H: Any, y: Any) -> None:
        features, targets = finite(H, "H", (2,)), finite(y, "y", (1, 2))
        if len(features) != len(targets):
            raise ValueError(
                f"y must have a row for each of the {len(features)} rows of H; got {len(targets)}."
            )
        self.shape = features.shape
        self._flat = targets.ndim == 1
        Y = targets.reshape(len(targets), -1)
        U, self.singular_values, Vt = np.linalg.svd(features, full_matrices=False)
        self._V = np.ascontiguousarray(Vt.T)
        self._beta = U.T @ Y
        self.norm = float(np.linalg.norm(Y))
        self.outside = float(np.linalg.norm(Y - U @ self._beta))  # what no c can reach

    @property
    def energies(self) -> Array:
        """beta_k^2, summed over outputs: what each singular direction holds of |y|^2, (min(n, L),)."""
        return np.asarray(np.sum(self._beta**2, axis=1))

    @property
    def rounding(self) -> float:
        """max(n, L) eps s_1: what the decomposition may have changed in H."""
        return float(max(self.shape) * EPS * self.singular_values[0])

    def rank(self, tol: float = 1e-10) -> int:
        """Singular values above tol s_1.

        Parameters
        ----------
        tol
            Relative; at least max(n, L) eps, below which there is only rounding.

        Returns
        -------
        int
        """
        least = max(self.shape) * EPS
        share = at_least(tol, "tol", 0.0)
        if not least <= share < 1.0:
            raise ValueError(
                f"tol must satisfy max(n, L) eps = {least:.1e} <= tol < 1; got {share:g}. Smaller singular values are rounding."
            )
        return int(np.sum(self.singular_values > share * self.singular_values[0]))

    def least_squares(self, rcond: float = 1e-12) -> Solution:
        """The c of least norm among those of least |y - H c|, on the singular values above rcond s_1.

        Parameters
        ----------
        rcond
            Relative, in [0, 1); less than 1e-30 counts as that.

        Returns
        -------
        Solution
        """
        share = at_least(rcond, "rcond", 0.0)
        if share >= 1.0:
            raise ValueError(f"rcond must satisfy 0 <= rcond < 1; got {share:g}.")
        s = self.singular_values
        kept = (s > max(share, NOTHING) * s[0]) & (s > 0.0)
        along = np.where(kept, 1.0 / np.where(kept, s, 1.0), 0.0)
        left = math.hypot(self.outside, math.sqrt(float(np.sum(self.energies[~kept]))))
        return self._solution(along, left, 0.0)

    def ridge(self, r: float) -> Solution:
        """The c that minimises |y - H c|^2 + r |c|^2.

        Parameters
        ----------
        r
            > 0.

        Returns
        -------
        Solution
        """
        at = float(positive(r, "ridge", scalar=True))
        s2 = self.singular_values**2
        left = float(np.sum((at / (s2 + at)) ** 2 * self.energies))
        return self._solution(
            self.singular_values / (s2 + at), math.hypot(self.outside, math.sqrt(left)), at
        )

    def path(self, ridges: Any) -> RidgePath:
        """The same for many ridges, with no decomposition more.

        Parameters
        ----------
        ridges
            r > 0, (k,).

        Returns
        -------
        RidgePath
        """
        r = np.atleast_1d(positive(ridges, "ridges"))
        if r.ndim != 1:
            raise ValueError(f"ridges must be a list of numbers; got shape {r.shape}.")
        s, e = self.singular_values, self.energies
        shrink = s / (s * s + r[:, None])  # (k, rank)
        left = (r[:, None] / (s * s + r[:, None])) ** 2 @ e
        return RidgePath(
            r,
            np.sqrt(self.outside**2 + left),
            np.sqrt(shrink**2 @ e),
            self._V,
            shrink[:, :, None] * self._beta,
            self._flat,
        )

    def capped(self, cap: float) -> Solution:
        """The c that minimises |y - H c| subject to |c| <= B.

        Least squares where it is short enough, else the ridge r with |c_r| = B: the root of 1 / |c_r| = 1 / B, which is
        almost linear in r (Hebden), by Newton's method inside a bracket.

        Parameters
        ----------
        cap
            B, > 0.

        Returns
        -------
        Solution

        References
        ----------
        More and Sorensen, SIAM J. Sci. Stat. Comput. 4, 1983 (the secular equation).
        """
        B = float(positive(cap, "cap", scalar=True))
        s, e = self.singular_values, self.energies
        short = self.least_squares(0.0)
        if short.norm <= B:
            return short
        low, high = 0.0, float(np.linalg.norm(s * np.sqrt(e))) / B  # |c_r| <= |s beta| / r
        r = high
        for _ in range(STEPS):
            g = s / (s * s + r)
            norm = math.sqrt(float(g**2 @ e))
            if abs(norm - B) <= 4.0 * EPS * B:
                break
            low, high = (r, high) if norm > B else (low, r)
            slope = float((g**2 / (s * s + r)) @ e)  # -norm d norm / dr
            step = norm * norm / slope * (norm / B - 1.0)
            nxt = r + step
            if not low < nxt < high:
                nxt = math.sqrt(low * high) if low > 0.0 else 0.5 * high
            if nxt == r:
                break
            r = nxt
        return self.ridge(r)

    def lower_bound(self, cap: float) -> LowerBound:
        """No c with |c| <= B does better: see :func:`lower_bound`, with s_k^2 for the eigenvalues, and rounding allowed for.

        Parameters
        ----------
        cap
            B, > 0.

        Returns
        -------
        LowerBound
        """
        s = self.singular_values + self.rounding
        return lower_bound(
            s**2, self.energies, cap, outside=self.outside, beyond=self.rounding**2,
            error=max(self.shape) * EPS * self.norm,
        )  # fmt: skip

    def _solution(self, along: Array, residual: float, r: float) -> Solution:
        scaled = along[:, None] * self._beta
        c = self._V @ scaled
        return Solution(c[:, 0] if self._flat else c, residual, float(np.linalg.norm(scaled)), r)
