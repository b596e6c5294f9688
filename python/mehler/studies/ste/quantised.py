"""A uniform quantiser of few bits with a frozen step, and what stands for its slope."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import as_array, choice, generator_from, integer
from .estimators import ESTIMATORS

Array32 = np.ndarray[Any, np.dtype[np.float32]]
MOST_BITS = 8
ROUNDS, STARTS = 500, 30


@dataclass(frozen=True)
class Quantiser:
    """q(x) = 0 for x <= 0, else the nearest of step, 2 step, ..., (2^bits - 1) step.

    With one bit it is the step function of the population model, times ``step``.

    Attributes
    ----------
    bits
        1 to 8.
    step
        Distance of the levels, > 0.

    Examples
    --------
    >>> two = ste.Quantiser(2, 0.5)
    >>> print(two(np.array([-1.0, 0.1, 0.5, 0.8, 9.0])))
    [0.  0.5 0.5 1.  1.5]
    >>> print(two.slope("clipped", np.array([-1.0, 0.1, 9.0])))
    [0. 1. 0.]
    """

    bits: int
    step: float

    def __post_init__(self) -> None:
        if not 1 <= integer(self.bits, "bits") <= MOST_BITS:
            raise ValueError(f"bits must be >= 1 and <= {MOST_BITS}; got {self.bits}.")
        size = as_array(self.step, "step")
        if size.ndim or not 0.0 < float(size) < math.inf:
            raise ValueError(f"step must be a number above 0; got {self.step!r}.")

    @property
    def top(self) -> float:
        """The highest level."""
        return self.step * float(2**self.bits - 1)

    def __call__(self, x: Any) -> Any:
        """The quantised values, in the type of x.

        Parameters
        ----------
        x
            Floating-point numbers, of any shape.

        Returns
        -------
        numpy.ndarray
        """
        z = np.asarray(x)
        levels = np.rint(z * (1.0 / self.step))
        np.clip(levels, 1.0, 2.0**self.bits - 1.0, out=levels)
        levels *= z > 0.0
        levels *= self.step
        return levels

    def slope(self, estimator: str, x: Any) -> Any:
        """mu'(x): 1 (identity), 1{x > 0} (relu) or 1{0 < x < top} (clipped), in the type of x.

        Parameters
        ----------
        estimator
            'identity', 'relu' or 'clipped'.
        x
            Floating-point numbers, of any shape.

        Returns
        -------
        numpy.ndarray

        Raises
        ------
        ValueError
            No such estimator.
        """
        choice("estimator", estimator, ESTIMATORS)
        z = np.asarray(x)
        if estimator == "identity":
            return np.ones_like(z)
        open_ = z > 0.0
        if estimator == "clipped":
            open_ &= z < self.top
        return open_.astype(z.dtype)


def quantiser(bits: int, samples: int = 100_000, rng: Any = 0) -> Quantiser:
    """The quantiser whose step makes E (q(x) - x)^2 smallest for samples of |N(0, 1)|, by Lloyd's alternation.

    The nearest level k of every sample by the step, then the best step by the levels, sum(k x) / sum(k^2), until it stays: the error
    falls with both, from the best of thirty steps, because there are many minima. What a batch-normalised
    unit sends through is half of a standard normal distribution, so that the step can be fixed beforehand.

    Parameters
    ----------
    bits
        1 to 8.
    samples
        How many, 100 at least.
    rng
        Seed or Generator.

    Returns
    -------
    Quantiser

    Raises
    ------
    TypeError, ValueError
        Bits or samples out of range.

    Examples
    --------
    >>> print(f"{ste.quantiser(1).step:.2f}")  # E |z| = sqrt(2 / pi)
    0.80
    """
    Quantiser(bits, 1.0)  # refuses bad bits
    if integer(samples, "samples") < 100:
        raise ValueError(f"samples must be >= 100; got {samples}.")
    x = np.abs(generator_from(rng).standard_normal(samples))
    most = 2.0**bits - 1.0
    starts = np.geomspace(0.1, 1.0, STARTS) * (float(np.max(x)) / most)
    step = min(starts, key=lambda s: float(np.mean((np.asarray(Quantiser(bits, s)(x)) - x) ** 2)))
    for _ in range(ROUNDS):
        k = np.clip(np.rint(x / step), 1.0, most)
        new = float(x @ k) / float(k @ k)
        if new == step:
            break
        step = new
    return Quantiser(bits, step)
