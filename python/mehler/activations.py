"""The catalogue of activations: phi, phi', where they kink, their symmetry, and their source.

One function per activation, decorated with ``@catalogue``; its parameters are the activation's
parameters. Nothing else in the package knows an activation by name.
"""

from __future__ import annotations

import difflib
import inspect
import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .hermite import (
    Array,
    Function,
    coefficients_by_quadrature,
    density,
    exponential_branch,
    hermite_polynomial,
    monomials,
    truncated_power,
)

Series = Callable[[int, bool], Array]

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


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
    key
        What equality and hashing go by, for activations made from a callable.
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
        phi: Function = _AsFloat(f)
        if getattr(f, "__hash__", None) is None:  # such as a NumPy Polynomial: known by identity
            f = partial(f)
        if df is not None and getattr(df, "__hash__", None) is None:
            df = partial(df)
        error = 0.0
        dphi: Function | None
        if df is not None:
            dphi = _AsFloat(df)
            _check_derivative(phi, dphi, label)
        if any(_jumps(phi, c) for c in points):
            dphi = None  # a delta, whatever df says elsewhere
        elif df is None:
            spectral = SpectralDerivative(phi, points)
            dphi, error = spectral, spectral.error
            complex_step = _ComplexStep(f)
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
        return _restore, (self.name, self.params)

    def __repr__(self) -> str:
        words = [repr(self.name)] + [f"{key}={value!r}" for key, value in self.params]
        if self.key and self.key[0] == "function":
            return f"Activation.from_function({self.name}, kinks={self.kinks})"
        return f"activation({', '.join(words)})"


def _jumps(phi: Function, c: float) -> bool:
    """phi itself jumps at c: its difference there does not shrink with the step."""
    size = max(1.0, abs(c))
    steps = np.array([1e-9, 1e-6]) * size
    with np.errstate(all="ignore"):
        gaps = np.abs(phi(c + steps) - phi(c - steps))
        scale = float(np.max(np.abs(phi(c + size * np.linspace(-0.5, 0.5, 8)))))
    return bool(gaps[0] > 1e-6 * scale and gaps[0] > 0.5 * gaps[1])


def _check_derivative(phi: Function, dphi: Function, label: str) -> None:
    """ValueError unless df is the slope of f at most of some points (kinks may spoil a few)."""
    z, step = np.linspace(-2.03, 2.07, 42), 1e-5
    with np.errstate(all="ignore"):
        slope = (phi(z + step) - phi(z - step)) / (2.0 * step)
        given = dphi(z)
    if given.shape != z.shape:
        raise ValueError(
            f"df must map an array to an array of the same shape; mapped shape {z.shape} to {given.shape}."
        )
    off = np.abs(given - slope) > 1e-3 * (np.abs(slope) + np.max(np.abs(slope)) + 1e-300)
    if np.count_nonzero(off) > len(z) // 4:
        k = int(np.argmax(np.abs(given - slope)))
        raise ValueError(
            f"df must be the derivative of f; that of {label!r} at z={z[k]:.3g} is about {slope[k]:.6g}, "
            f"df gave {given[k]:.6g}. Leave df out to have it computed."
        )


@dataclass(frozen=True)
class _AsFloat:
    """f with its result as float64; picklable when f is."""

    f: Callable[[Array], Any]

    def __call__(self, z: Array) -> Array:
        return np.asarray(self.f(z), dtype=np.float64)


@dataclass(frozen=True)
class _ComplexStep:
    """phi'(z) = Im f(z + ih) / h, exact to rounding for an f that is analytic on its pieces."""

    f: Callable[[Any], Any]
    h: float = 1e-40

    def __call__(self, z: Array) -> Array:
        return np.asarray(np.imag(self.f(np.asarray(z, dtype=np.float64) + 1j * self.h)) / self.h)

    def agrees_with(self, spectral: SpectralDerivative) -> bool:
        """Compare at points that avoid the ends of panels; any failure of f means no."""
        if not spectral.error <= 1e-9:
            return False
        z = np.linspace(-12.0, 12.0, 1501) + 0.00123
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error")  # a discarded imaginary part is a failure
                mine = self(z)
        except (TypeError, ValueError, ArithmeticError, AttributeError, Warning):
            return False
        if mine.shape != z.shape or mine.dtype != np.float64 or not np.all(np.isfinite(mine)):
            return False
        gap = np.abs(mine - spectral(z)) * np.exp(-0.25 * z * z)
        return bool(np.max(gap) <= 10.0 * spectral.error + 1e-14)


class SpectralDerivative:
    """phi' from Chebyshev interpolants of phi on panels that end at the kinks.

    The panels are halved until the interpolant of phi is at rounding level (or until halving no
    longer helps); ``error`` is the largest error of phi' found between the nodes, relative to the
    Gaussian weight exp(-z^2/4).
    """

    degree = 20
    radius = 20.0

    def __init__(self, f: Function, kinks: Sequence[float]) -> None:
        n = self.degree
        nodes = np.cos(np.pi * np.arange(n + 1) / n)
        vandermonde = np.polynomial.chebyshev.chebvander(nodes, n)
        self._fit = np.linalg.inv(vandermonde)
        best: tuple[float, Array, Array] | None = None
        for width in (2.0, 1.0, 0.5, 0.25, 0.125):
            edges = self._edges(kinks, width)
            middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
            with np.errstate(all="ignore"):
                values = f(middle[:, None] + half[:, None] * nodes)
            values = np.where(np.isfinite(values), values, 0.0)
            weight = np.exp(-0.25 * np.minimum(np.abs(edges[1:]), np.abs(edges[:-1])) ** 2)
            c = values @ self._fit.T
            size = np.max(np.abs(values), axis=1)
            # Derivative error: the last coefficients times n^2, and rounding of f times n.
            tail = n * n * np.max(np.abs(c[:, -3:]), axis=1)
            error = float(np.max(weight * np.maximum(tail, 2e-16 * n * size) / half))
            if best is None or error < best[0]:
                slopes = np.polynomial.chebyshev.chebder(c, axis=1) / half[:, None]
                best = (error, edges, slopes)
        assert best is not None
        self.error, self._panels, self._slopes = best

    def _edges(self, kinks: Sequence[float], width: float) -> Array:
        stops = sorted({-self.radius, self.radius, *(c for c in kinks if abs(c) < self.radius)})
        parts = [
            np.linspace(a, b, 1 + math.ceil((b - a) / width))[:-1]
            for a, b in itertools.pairwise(stops)
        ]
        return np.concatenate([*parts, np.array([self.radius])])

    def __call__(self, z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        panel = np.clip(
            np.searchsorted(self._panels, z, side="right") - 1, 0, len(self._slopes) - 1
        )
        low, high = self._panels[panel], self._panels[panel + 1]
        t = np.clip((2.0 * z - low - high) / (high - low), -1.0, 1.0)
        c = self._slopes
        first, second = np.zeros_like(t), np.zeros_like(t)
        for k in range(c.shape[1] - 1, 0, -1):
            first, second = c[panel, k] + 2.0 * t * first - second, first
        return np.asarray(c[panel, 0] + t * first - second)


# -- the catalogue ---------------------------------------------------------------------------

_CATALOGUE: dict[str, Callable[..., Mapping[str, Any]]] = {}

_ALIASES: dict[str, tuple[str, dict[str, Any]]] = {
    "swish": ("silu", {}),
    "leakyrelu": ("leaky_relu", {}),
    "heaviside": ("step", {}),
    "logistic": ("sigmoid", {}),
    "linear": ("identity", {}),
    "hard_tanh": ("hardtanh", {}),
    "hard_swish": ("hardswish", {}),
    "atan": ("arctan", {}),
    "relu2": ("rectified_power", {"q": 2}),
    "relu3": ("rectified_power", {"q": 3}),
}


def catalogue(entry: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    """Enter a function in the catalogue under its own name (without a trailing underscore)."""
    _CATALOGUE[entry.__name__.rstrip("_")] = entry
    return entry


def activations() -> list[str]:
    """Names in the catalogue, in alphabetical order; :func:`activation` takes each, and aliases too.

    Returns
    -------
    list of str
        Names, without parameters.
    """
    return sorted(_CATALOGUE)


def activation(name: str | Activation, **params: Any) -> Activation:
    """phi, phi', kinks and symmetry of a name, e.g. ``activation("elu", alpha=0.5)``.

    Parameters
    ----------
    name
        A name of :func:`activations` or an alias (swish = silu), or an Activation.
    **params
        Its parameters.

    Returns
    -------
    Activation
        Of the catalogue, with its ``formula`` and its ``source``; an Activation is returned as it is.

    Raises
    ------
    ValueError
        Unknown name (the nearest ones are in the message) or a parameter out of range.
    TypeError
        Unknown parameter, or a callable (wrap it with :meth:`Activation.from_function`).
    """
    if isinstance(name, Activation):
        if params:
            raise TypeError(
                f"parameters go with a name, not with an Activation; got {name!r} and "
                f"{sorted(params)}."
            )
        return name
    if not isinstance(name, str):
        raise TypeError(
            f"an activation must be a name or an Activation; got {type(name).__name__}. "
            "Wrap a callable with Activation.from_function."
        )
    word = name.strip().lower().replace("-", "_").replace(" ", "_")
    preset: dict[str, Any] = {}
    if word in _ALIASES:
        word, preset = _ALIASES[word]
    if word not in _CATALOGUE:
        near = difflib.get_close_matches(word, [*_CATALOGUE, *_ALIASES], n=3, cutoff=0.5)
        hint = f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(activations())}."
        raise ValueError(f"unknown activation {name!r}. {hint}")
    entry = _CATALOGUE[word]
    signature = inspect.signature(entry)
    unknown = sorted(set(params) - (set(signature.parameters) - set(preset)))
    if unknown:
        allowed = ", ".join(p for p in signature.parameters if p not in preset) or "none"
        raise TypeError(
            f"{name!r} has no parameter {', '.join(map(repr, unknown))}; its parameters: {allowed}."
        )
    missing = [
        p.name
        for p in signature.parameters.values()
        if p.default is p.empty and p.name not in params and p.name not in preset
    ]
    if missing:
        raise TypeError(f"{name!r} needs the parameter {', '.join(map(repr, missing))}.")
    bound = signature.bind(**{**preset, **params})
    bound.apply_defaults()
    values = {key: _plain(word, key, value) for key, value in bound.arguments.items()}
    pairs = tuple(values.items())
    return Activation(name=word, params=pairs, key=(word, pairs), **entry(**values))


def _restore(name: str, params: tuple[tuple[str, Any], ...]) -> Activation:
    return activation(name, **dict(params))


def _plain(name: str, key: str, value: Any) -> Any:
    """A parameter as a finite float, an int, or a tuple of floats."""
    if key in ("q", "k"):
        whole = isinstance(value, (int, float, np.integer, np.floating))
        if isinstance(value, bool) or not whole or value % 1 != 0:  # NaN and infinity, too
            raise ValueError(f"{name}: {key} must be an integer; got {value!r}.")
        return int(value)
    array = np.asarray(value, dtype=np.float64)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name}: {key} must be finite; got {value!r}.")
    return tuple(array.tolist()) if array.ndim else float(array)


def _positive(name: str, **values: float) -> None:
    for key, value in values.items():
        if not value > 0.0:
            raise ValueError(f"{name}: {key} must be positive; got {value!r}.")


# -- splines: polynomial pieces, given by their jumps ------------------------------------------

Jump = tuple[float, int, float]  # (c, r, s): phi^(r) jumps by s at c, a term s (z-c)_+^r / r!


def _spline_value(base: Sequence[float], jumps: Sequence[Jump]) -> Function:
    def f(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        value = np.zeros_like(z)
        for c in reversed(list(base)):
            value = value * z + c
        for c, r, s in jumps:
            value = value + (s / math.factorial(r)) * np.where(z > c, (z - c) ** r, 0.0)
        return value

    return f


def _spline(base: Sequence[float], jumps: Sequence[Jump]) -> dict[str, Any]:
    """Polynomial pieces: sum_m base_m z^m + sum s (z-c)_+^r / r!."""
    slope_base = [m * c for m, c in enumerate(base)][1:]
    slope_jumps = [(c, r - 1, s) for c, r, s in jumps]
    steps = any(r == 0 for _, r, _ in jumps)

    def series(kmax: int, derivative: bool) -> Array:
        poly, terms = (slope_base, slope_jumps) if derivative else (base, jumps)
        mu = monomials(poly, kmax)
        for c, r, s in terms:
            mu = mu + s * truncated_power(c, r, kmax)
        return mu

    return {
        "phi": _spline_value(base, jumps),
        "dphi": None if steps else _spline_value(slope_base, slope_jumps),
        "kinks": tuple(sorted({c for c, _, _ in jumps})),
        "series": series,
    }


@catalogue
def relu() -> Mapping[str, Any]:
    return _spline([], [(0.0, 1, 1.0)]) | {
        "phi": lambda z: np.maximum(z, 0.0),
        "homogeneity": 1.0,
        "parity": "linear-even",
        "formula": "max(z, 0)",
        "source": "Nair and Hinton 2010",
    }


@catalogue
def leaky_relu(negative_slope: float = 0.01) -> Mapping[str, Any]:
    a = negative_slope
    return _spline([0.0, a], [(0.0, 1, 1.0 - a)]) | {
        "phi": lambda z: np.where(z > 0.0, z, a * z),
        "dphi": lambda z: np.where(z > 0.0, 1.0, a),
        "homogeneity": 1.0,
        "parity": "linear-even",
        "formula": "z for z > 0, else negative_slope z",
        "source": "Maas, Hannun and Ng 2013",
    }


@catalogue
def abs_() -> Mapping[str, Any]:
    return _spline([0.0, -1.0], [(0.0, 1, 2.0)]) | {
        "phi": np.abs,
        "dphi": np.sign,
        "homogeneity": 1.0,
        "parity": "even",
        "formula": "|z|",
        "source": "classical",
    }


@catalogue
def step() -> Mapping[str, Any]:
    return _spline([], [(0.0, 0, 1.0)]) | {
        "homogeneity": 0.0,
        "parity": "constant-odd",
        "formula": "1 for z > 0, else 0",
        "source": "McCulloch and Pitts 1943",
    }


@catalogue
def relu6() -> Mapping[str, Any]:
    return _spline([], [(0.0, 1, 1.0), (6.0, 1, -1.0)]) | {
        "phi": lambda z: np.clip(z, 0.0, 6.0),
        "formula": "min(max(z, 0), 6)",
        "source": "Krizhevsky 2010",
    }


@catalogue
def rectified_power(q: int = 2) -> Mapping[str, Any]:
    if not 1 <= q <= 20:
        raise ValueError(f"rectified_power: q must satisfy 1 <= q <= 20; got {q}.")
    return _spline([], [(0.0, q, float(math.factorial(q)))]) | {
        "phi": lambda z: np.maximum(z, 0.0) ** q,
        "homogeneity": float(q),
        "parity": "linear-even" if q == 1 else "none",
        "formula": "max(z, 0)^q",
        "source": "Cho and Saul 2009",
    }


@catalogue
def hardtanh() -> Mapping[str, Any]:
    return _spline([-1.0], [(-1.0, 1, 1.0), (1.0, 1, -1.0)]) | {
        "phi": lambda z: np.clip(z, -1.0, 1.0),
        "dphi": lambda z: np.where(np.abs(z) < 1.0, 1.0, 0.0),
        "parity": "odd",
        "formula": "min(max(z, -1), 1)",
        "source": "Collobert 2004",
    }


@catalogue
def hardswish() -> Mapping[str, Any]:
    third = 1.0 / 3.0
    jumps = [(-3.0, 1, -0.5), (-3.0, 2, third), (3.0, 1, -0.5), (3.0, 2, -third)]
    return _spline([], jumps) | {
        "phi": lambda z: z * np.clip(z + 3.0, 0.0, 6.0) / 6.0,
        "dphi": lambda z: np.where(
            np.abs(z) < 3.0, (2.0 * z + 3.0) / 6.0, np.where(z > 0, 1.0, 0.0)
        ),
        "parity": "linear-even",
        "formula": "z min(max(z + 3, 0), 6) / 6",
        "source": "Howard et al. 2019",
    }


@catalogue
def identity() -> Mapping[str, Any]:
    return _spline([0.0, 1.0], []) | {
        "homogeneity": 1.0,
        "parity": "odd",
        "formula": "z",
        "source": "classical",
    }


@catalogue
def polynomial(coefficients: Sequence[float]) -> Mapping[str, Any]:
    c = (coefficients,) if isinstance(coefficients, float) else tuple(coefficients)
    if not c or len(c) > 41:
        raise ValueError(
            f"polynomial: coefficients must hold 1 to 41 numbers, lowest first; got {len(c)}."
        )
    odd, even = any(c[1::2]), any(c[0::2])
    parity = "none" if odd and even else ("odd" if odd else "even")
    if odd and even and not any(c[3::2]):
        parity = "linear-even"
    elif odd and even and not any(c[2::2]):
        parity = "constant-odd"
    used = [m for m, value in enumerate(c) if value]
    return _spline(c, []) | {
        "homogeneity": float(used[0]) if len(used) == 1 else None,
        "parity": parity,
        "formula": "sum_m coefficients[m] z^m",
        "source": "classical",
    }


@catalogue
def hermite(k: int) -> Mapping[str, Any]:
    if not 0 <= k <= 100:
        raise ValueError(f"hermite: k must satisfy 0 <= k <= 100; got {k}.")

    def dphi(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        return math.sqrt(k) * hermite_polynomial(k - 1, z) if k else np.zeros_like(z)

    def series(kmax: int, derivative: bool) -> Array:
        mu = np.zeros(kmax + 1)
        degree, size = (k - 1, math.sqrt(k)) if derivative else (k, 1.0)
        if 0 <= degree <= kmax:
            mu[degree] = size
        return mu

    return {
        "phi": lambda z: hermite_polynomial(k, np.asarray(z, dtype=np.float64)),
        "dphi": dphi,
        "series": series,
        "homogeneity": float(k) if k < 2 else None,
        "parity": "odd" if k % 2 else "even",
        "formula": "He_k(z) / sqrt(k!)",
        "source": "Hermite 1864",
    }


# -- an exponential branch below zero -----------------------------------------------------------


def _exponential_unit(scale: float, alpha: float, beta: float) -> dict[str, Any]:
    """scale (z for z > 0, alpha (exp(beta z) - 1) for z < 0)."""

    def phi(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        return scale * np.where(z > 0.0, z, alpha * np.expm1(beta * np.minimum(z, 0.0)))

    def dphi(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        return scale * np.where(z > 0.0, 1.0, alpha * beta * np.exp(beta * np.minimum(z, 0.0)))

    def series(kmax: int, derivative: bool) -> Array:
        slopes = scale * exponential_branch(alpha, beta, max(kmax, 1))
        if derivative:
            return slopes[: kmax + 1]
        mean = coefficients_by_quadrature(phi, (0.0,), 0)
        return np.concatenate([mean, slopes[:kmax] / np.sqrt(np.arange(1, kmax + 1))])

    # For a steep branch the recurrence starts from exp(beta^2/2) Phi(-beta) and loses digits.
    return {"phi": phi, "dphi": dphi, "kinks": (0.0,), "series": series if beta <= 2.0 else None}


@catalogue
def elu(alpha: float = 1.0) -> Mapping[str, Any]:
    return _exponential_unit(1.0, alpha, 1.0) | {
        "formula": "z for z > 0, else alpha (exp(z) - 1)",
        "source": "Clevert, Unterthiner and Hochreiter 2016",
    }


@catalogue
def selu() -> Mapping[str, Any]:
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return _exponential_unit(scale, alpha, 1.0) | {
        "formula": "1.0507 (z for z > 0, else 1.6733 (exp(z) - 1))",
        "source": "Klambauer et al. 2017",
    }


@catalogue
def celu(alpha: float = 1.0) -> Mapping[str, Any]:
    _positive("celu", alpha=alpha)
    return _exponential_unit(1.0, alpha, 1.0 / alpha) | {
        "formula": "z for z > 0, else alpha (exp(z / alpha) - 1)",
        "source": "Barron 2017",
    }


@catalogue
def softsign() -> Mapping[str, Any]:
    return {
        "phi": lambda z: z / (1.0 + np.abs(z)),
        "dphi": lambda z: 1.0 / (1.0 + np.abs(z)) ** 2,
        "kinks": (0.0,),
        "parity": "odd",
        "formula": "z / (1 + |z|)",
        "source": "Elliott 1993",
    }


# -- analytic activations -----------------------------------------------------------------------


def _sigmoid(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0.0, 1.0, small) / (1.0 + small))


def _sigmoid_slope(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    return np.asarray(small / (1.0 + small) ** 2)


def _softplus(z: Array) -> Array:
    return np.asarray(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))))


@catalogue
def gelu() -> Mapping[str, Any]:
    def cdf(z: Array) -> Array:
        return np.asarray(0.5 * _erfc(-np.asarray(z) / math.sqrt(2.0)))

    return {
        "phi": lambda z: z * cdf(z),
        "dphi": lambda z: cdf(z) + z * density(np.asarray(z, dtype=np.float64)),
        "parity": "linear-even",
        "formula": "z Phi(z), Phi the normal distribution function",
        "source": "Hendrycks and Gimpel 2016",
    }


@catalogue
def silu(beta: float = 1.0) -> Mapping[str, Any]:
    return {
        "phi": lambda z: z * _sigmoid(beta * np.asarray(z)),
        "dphi": lambda z: (
            _sigmoid(beta * np.asarray(z)) + beta * z * _sigmoid_slope(beta * np.asarray(z))
        ),
        "parity": "linear-even",
        "formula": "z / (1 + exp(-beta z)), also called swish",
        "source": "Elfwing, Uchibe and Doya 2018; Ramachandran, Zoph and Le 2017",
    }


@catalogue
def tanh() -> Mapping[str, Any]:
    return {
        "phi": np.tanh,
        # 1/cosh^2 without overflow: 4 e^{-2|z|} / (1 + e^{-2|z|})^2.
        "dphi": lambda z: 4.0 * _sigmoid_slope(2.0 * np.asarray(z)),
        "parity": "odd",
        "formula": "tanh(z)",
        "source": "classical",
    }


@catalogue
def sigmoid() -> Mapping[str, Any]:
    return {
        "phi": _sigmoid,
        "dphi": _sigmoid_slope,
        "parity": "constant-odd",
        "formula": "1 / (1 + exp(-z))",
        "source": "classical",
    }


@catalogue
def softplus() -> Mapping[str, Any]:
    return {
        "phi": _softplus,
        "dphi": _sigmoid,
        "parity": "linear-even",
        "formula": "log(1 + exp(z))",
        "source": "Dugas et al. 2001",
    }


@catalogue
def mish() -> Mapping[str, Any]:
    def dphi(z: Array) -> Array:
        t = np.tanh(_softplus(z))
        return np.asarray(t + z * 4.0 * _sigmoid_slope(2.0 * _softplus(z)) * _sigmoid(z))

    return {
        "phi": lambda z: z * np.tanh(_softplus(np.asarray(z))),
        "dphi": lambda z: dphi(np.asarray(z, dtype=np.float64)),
        "formula": "z tanh(log(1 + exp(z)))",
        "source": "Misra 2020",
    }


@catalogue
def arctan() -> Mapping[str, Any]:
    return {
        "phi": np.arctan,
        "dphi": lambda z: 1.0 / (1.0 + np.asarray(z) ** 2),
        "parity": "odd",
        "formula": "arctan(z)",
        "source": "classical",
    }


@catalogue
def erf() -> Mapping[str, Any]:
    return {
        "phi": _erf,
        "dphi": lambda z: 2.0 / math.sqrt(math.pi) * np.exp(-(np.asarray(z) ** 2)),
        "parity": "odd",
        "formula": "erf(z)",
        "source": "classical; Williams 1997 for its kernel",
    }


@catalogue
def sin() -> Mapping[str, Any]:
    return {
        "phi": np.sin,
        "dphi": np.cos,
        "parity": "odd",
        "formula": "sin(z)",
        "source": "Sitzmann et al. 2020",
    }


@catalogue
def cos() -> Mapping[str, Any]:
    return {
        "phi": np.cos,
        "dphi": lambda z: -np.sin(z),
        "parity": "even",
        "formula": "cos(z)",
        "source": "Rahimi and Recht 2007",
    }


@catalogue
def exp() -> Mapping[str, Any]:
    return {"phi": np.exp, "dphi": np.exp, "formula": "exp(z)", "source": "classical"}


@catalogue
def gaussian() -> Mapping[str, Any]:
    return {
        "phi": lambda z: np.exp(-(np.asarray(z) ** 2)),
        "dphi": lambda z: -2.0 * z * np.exp(-(np.asarray(z) ** 2)),
        "parity": "even",
        "formula": "exp(-z^2)",
        "source": "classical",
    }
