"""What is seen of the Gram matrix on the way: drift, extreme eigenvalues, residuals along eigenvectors.

Invariant: G(t) is formed from the weights as they are, by the same stream as :func:`feature_gram`, and forgotten.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..operators.feature_matrix import FeatureGram
from .network import Network
from .setting import features_at, gram_at
from .spectral import SPECTRUM_UP_TO
from .watch import Watch

TOL = 1e-3  # of eigenvalues on the way
GRAM_UP_TO = 1000  # order up to which G(t) is recorded unless it is asked for


@dataclass(frozen=True)
class Seen:
    """Of one G(t), as in a row."""

    drift: float = math.nan
    lambda_min: float = math.nan
    lambda_min_upper: float = math.nan
    lambda_min_status: str = ""
    lambda_max: float = math.nan

    def fields(self) -> dict[str, Any]:
        """By name."""
        return dict(self.__dict__)


class Observer:
    """Looks at G(t), and remembers G(0).

    Parameters
    ----------
    net
        The network, whose weights move.
    first
        G(0).
    watch, limit, threads
        As everywhere.
    """

    def __init__(
        self, net: Network, first: FeatureGram, watch: Watch, limit: int, threads: int
    ) -> None:
        self.net, self.watch, self.limit, self.threads = net, watch, limit, threads
        self._first = first.toarray()
        self._size = float(np.linalg.norm(self._first))
        self._pending: FeatureGram | None = first

    def look(self) -> Seen:
        """G(t) of the network as it is."""
        K = self._pending or gram_at(self.net, self.watch, self.limit, self.threads)
        started = self._pending is not None
        self._pending = None
        drift = 0.0
        if not started:
            G = K.toarray()
            G -= self._first
            drift = float(np.linalg.norm(G)) / self._size if self._size else math.nan
            del G
        return Seen(drift, *self._extremes(K))

    def _extremes(self, K: FeatureGram) -> tuple[float, float, str, float]:
        """lambda_min, its upper bound and status, and lambda_max."""
        n = K.shape[0]
        if n > SPECTRUM_UP_TO:
            low, high = (self._one(K, which) for which in ("SA", "LA"))
            return low.value, low.upper, low.status, high.value
        spectrum = K.pairs(self.watch.ask, self.threads)[0].at(TOL)
        high = float(spectrum.values[-1])
        if K.rank < n:
            return 0.0, 0.0, "resolved", high
        return float(spectrum.values[0]), float(spectrum.upper[0]), spectrum.status[0], high

    def _one(self, K: FeatureGram, which: str) -> Any:
        from ..eigenpairs import eigsh

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = eigsh(
                K, which=which, tol=TOL, rng=0, threads=self.threads, max_memory=self.limit,
                certify="none", callback=self.watch.listen,
            )  # fmt: skip
        self.watch.poll("lanczos", 0, 0)
        return found


def observing_bytes(net: Network) -> int:
    """G(0), G(t), their difference and eigenvectors."""
    n = features_at(net).n
    return 8 * (7 if n <= SPECTRUM_UP_TO else 4) * n * n
