"""Activation: a scalar function phi with what its Gaussian dual needs to know, as a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .derivative import AsFloat, ComplexStep, SpectralDerivative, check_derivative, jumps
from .hermite import Array, Function, coefficients_by_quadrature

Series = Callable[[int, bool], Array]
Spline = tuple[tuple[float, ...], tuple[tuple[float, int, float], ...]]


@dataclass(frozen=True, eq=False)
class Activation:
    """A scalar function phi with what its Gaussian dual needs to know.

    Parameters
    ----------
    name
        Name in the catalogue, or any label.
    phi, dphi
        phi and phi' on float64 arrays. ``dphi`` is None when phi itself jumps (step).
    kinks
        Points where phi or one of its derivatives jumps; phi is analytic between them.
    homogeneity
        q when phi(t z) = t^q phi(z) for t > 0, else None.
    parity
        'odd', 'even', 'linear-even' (c z + even), 'constant-odd' (c + odd) or 'none'.
    formula, source
        For people.
    params
        The parameters as (name, value) pairs.
    dphi_error
        Estimated largest error of ``dphi`` (zero when given in closed form).
    series
        (kmax, derivative) -> Hermite coefficients by a closed recurrence, where there is one.
    spline
        ((base_0, base_1, ...), ((c, r, s), ...)) where phi = sum_m base_m z^m + sum s (z - c)_+^r / r!.
    key
        What equality and hashing go by, for activations made from a callable.

    Examples
    --------
    >>> act = mh.activation("relu")
    >>> act.kinks, act.homogeneity, act.parity
    ((0.0,), 1.0, 'linear-even')
    >>> print(act(np.array([-1.0, 2.0])), act.derivative()(np.array([-1.0, 2.0])))
    [0. 2.] [0. 1.]
    >>> np.allclose(act.hermite(0), 1 / np.sqrt(2 * np.pi))  # E relu(Z)
    True
    >>> print(np.round(act.hermite_series(2), 4))
    [0.3989 0.5    0.2821]

    One of your own; kinks make the integrals exact:

    >>> leaky = mh.Activation.from_function(lambda z: np.maximum(z, 0.1 * z), kinks=(0.0,), name="leaky")
    >>> print(f"{leaky.hermite(1):.4f}")  # E leaky'(Z) = (1 + 0.1) / 2
    0.5500
    """

    name: str
    phi: Function = field(repr=False)
    dphi: Function | None = field(repr=False)
    kinks: tuple[float, ...] = ()
    homogeneity: float | None = None
    parity: str = "none"
    formula: str = ""
    source: str = ""
    params: tuple[tuple[str, Any], ...] = ()
    dphi_error: float = 0.0
    series: Series | None = field(default=None, repr=False)
    spline: Spline | None = field(default=None, repr=False)
    key: tuple[Any, ...] = field(default=(), repr=False)

    def __call__(self, z: Any) -> Array:
        """phi(z), elementwise.

        Parameters
        ----------
        z
            Numbers, of any shape.

        Returns
        -------
        numpy.ndarray
            float64, of the shape of z.
        """
        return np.asarray(self.phi(np.asarray(z, dtype=np.float64)))

    def derivative(self) -> Function:
        """phi', as a function of an array.

        Returns
        -------
        callable
            float64 array to float64 array of the same shape; at a kink one of the two one-sided slopes, or a
            value between them.

        Raises
        ------
        ValueError
            phi itself jumps: its derivative is a delta.
        """
        if self.dphi is None:
            raise ValueError(
                f"the derivative of {self.name!r} is a delta, not a function: it has no gradient "
                f"kernel. Use nngp({self.name!r}), or an activation that is continuous."
            )
        return self.dphi

    def hermite(self, k: Any, derivative: bool = False) -> Any:
        """mu_k(phi) = E[phi(Z) h_k(Z)], or mu_k(phi') with ``derivative=True``.

        Z is standard normal, h_k the probabilists' Hermite polynomials made orthonormal, E[h_j h_k] = (j == k).

        Parameters
        ----------
        k
            A non-negative integer or an array of them.
        derivative
            Of phi' instead of phi.

        Returns
        -------
        float or numpy.ndarray
            A float for an integer, else an array of the shape of k.

        Raises
        ------
        ValueError
            A k that is not an integer >= 0; ``derivative=True`` of an activation that jumps.
        """
        index = np.asarray(k)
        if index.dtype.kind not in "iu" or (index.size and index.min() < 0):
            raise ValueError(f"k must hold integers k >= 0; got {k!r}.")
        if index.size == 0:
            return np.zeros(index.shape)
        mu = self.hermite_series(int(index.max()), derivative)[index]
        return float(mu) if index.ndim == 0 else mu

    def hermite_series(self, kmax: int, derivative: bool = False) -> Array:
        """mu_0, ..., mu_kmax of phi, or of phi'.

        Parameters
        ----------
        kmax
            The last index, >= 0.
        derivative
            Of phi' instead of phi.

        Returns
        -------
        numpy.ndarray
            (kmax + 1,), as :meth:`hermite` has them.

        Raises
        ------
        ValueError
            ``derivative=True`` of an activation that jumps.
        """
        if derivative:
            slope = self.derivative()
            if self.series is not None:
                return self.series(kmax, True)
            return coefficients_by_quadrature(slope, self.kinks, kmax)
        if self.series is not None:
            return self.series(kmax, False)
        if self.dphi is None or self.dphi_error > 0.0:
            return coefficients_by_quadrature(self.phi, self.kinks, kmax)
        # sqrt(k) mu_k(phi) = mu_{k-1}(phi'): dividing is stable.
        mean = coefficients_by_quadrature(self.phi, self.kinks, 0)
        if kmax == 0:
            return mean
        slopes = coefficients_by_quadrature(self.dphi, self.kinks, kmax - 1)
        return np.concatenate([mean, slopes / np.sqrt(np.arange(1, kmax + 1))])

    @staticmethod
    def from_function(
        f: Callable[[Array], Any],
        df: Callable[[Array], Any] | None = None,
        kinks: Sequence[float] = (),
        name: str | None = None,
    ) -> Activation:
        """An activation from any vectorised callable.

        Parameters
        ----------
        f
            phi, a function of a float64 array that returns an array of the same shape.
        df
            phi'. When missing, Im f(z + ih) / h if f takes complex arguments and this agrees
            with the derivative of Chebyshev interpolants of f between the kinks; else the latter,
            and ``dphi_error`` estimates its error.
        kinks
            Every point where f or one of its derivatives jumps. A kink that is not declared costs
            accuracy, and the kernel's ``error`` says how much.
        name
            Any label; default the callable's own name.

        Returns
        -------
        Activation
            Its ``dphi`` is None where f itself jumps at a kink that was declared. Equal to another one of the
            same callables, kinks and label.

        Raises
        ------
        TypeError
            f or df is no callable, f does not return real numbers, kinks are no numbers.
        ValueError
            f or df changes the shape, f is not finite near zero, kinks are not finite, df is not the slope
            of f.
        """
        if not callable(f):
            raise TypeError(f"f must be a callable of an array; got {type(f).__name__}.")
        if df is not None and not callable(df):
            raise TypeError(f"df must be a callable of an array or None; got {type(df).__name__}.")
        try:
            points = tuple(sorted({float(c) for c in kinks}))
        except (TypeError, ValueError):
            raise TypeError(
                f"kinks must be a sequence of numbers, as in kinks=(0.0,); got {kinks!r}."
            ) from None
        if not all(math.isfinite(c) for c in points):
            raise ValueError(f"kinks must be finite; got {tuple(kinks)!r}.")
        label = name if name is not None else str(getattr(f, "__name__", "function"))
        probe = np.linspace(-2.0, 2.0, 7) + 0.01
        with np.errstate(all="ignore"):
            try:
                values = np.asarray(f(probe))
            except (TypeError, ValueError) as error_of_f:
                raise type(error_of_f)(
                    f"f must map an array to an array of the same shape; {label!r} failed on an array "
                    f"({error_of_f}). Use np.vectorize for a scalar function."
                ) from error_of_f
            if values.dtype.kind not in "fiub":
                raise TypeError(f"f must return real numbers; {label!r} returned {values.dtype}.")
            shape = values.shape
            finite = shape == probe.shape and bool(np.all(np.isfinite(values)))
        if shape != probe.shape:
            raise ValueError(
                f"f must map an array to an array of the same shape; {label!r} mapped shape "
                f"{probe.shape} to {shape}. Use np.vectorize for a scalar function."
            )
        if not finite:
            raise ValueError(f"f must be finite on the real line; {label!r} is not near zero.")
        phi: Function = AsFloat(f)
        if getattr(f, "__hash__", None) is None:  # such as a NumPy Polynomial: known by identity
            f = partial(f)
        if df is not None and getattr(df, "__hash__", None) is None:
            df = partial(df)
        error = 0.0
        dphi: Function | None
        if df is not None:
            dphi = AsFloat(df)
            check_derivative(phi, dphi, label)
        if any(jumps(phi, c) for c in points):
            dphi = None  # a delta, whatever df says elsewhere
        elif df is None:
            spectral = SpectralDerivative(phi, points)
            dphi, error = spectral, spectral.error
            complex_step = ComplexStep(f)
            if complex_step.agrees_with(spectral):
                dphi, error = complex_step, 0.0
        return Activation(
            name=label,
            phi=phi,
            dphi=dphi,
            kinks=points,
            formula="given as a function",
            source="user",
            dphi_error=error,
            key=("function", f, df, points, label),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activation) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> Any:
        if self.key and self.key[0] == "function":
            _, f, df, points, label = self.key
            return Activation.from_function, (f, df, points, label)
        from .lookup import restore

        return restore, (self.name, self.params)

    def __repr__(self) -> str:
        words = [repr(self.name)] + [f"{key}={value!r}" for key, value in self.params]
        if self.key and self.key[0] == "function":
            return f"Activation.from_function({self.name}, kinks={self.kinks})"
        return f"activation({', '.join(words)})"
