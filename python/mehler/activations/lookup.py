"""Names to activations: what ``activation("elu", alpha=0.5)`` looks up, and what it says of a wrong name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .activation import Activation

ENTRIES: dict[str, Callable[..., Mapping[str, Any]]] = {}

ALIASES: dict[str, tuple[str, dict[str, Any]]] = {
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
    ENTRIES[entry.__name__.rstrip("_")] = entry
    return entry


def activations() -> list[str]:
    """Names in the catalogue, in alphabetical order; :func:`activation` takes each, and aliases too.

    Returns
    -------
    list of str
        Names, without parameters.

    Examples
    --------
    >>> names = mh.activations()
    >>> {"relu", "tanh", "gelu", "silu"} <= set(names)
    True
    """
    return sorted(ENTRIES)


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

    Examples
    --------
    >>> act = mh.activation("elu", alpha=0.5)
    >>> print(act(np.array([-1.0, 2.0])))  # 0.5 (exp(-1) - 1), 2
    [-0.31606028  2.        ]
    >>> mh.activation("swish").name
    'silu'
    >>> mh.activation("rleu")
    Traceback (most recent call last):
        ...
    ValueError: unknown activation 'rleu'. Nearest: relu, relu6, relu3.
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
    if word in ALIASES:
        word, preset = ALIASES[word]
    if word not in ENTRIES:
        near = difflib.get_close_matches(word, [*ENTRIES, *ALIASES], n=3, cutoff=0.5)
        hint = f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(activations())}."
        raise ValueError(f"unknown activation {name!r}. {hint}")
    entry = ENTRIES[word]
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


def positive(name: str, **values: float) -> None:
    for key, value in values.items():
        if not value > 0.0:
            raise ValueError(f"{name}: {key} must be positive; got {value!r}.")


def restore(name: str, params: tuple[tuple[str, Any], ...]) -> Activation:
    return activation(name, **dict(params))
