"""Names to activations: what ``activation("elu", alpha=0.5)`` looks up, and what it says of a wrong name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._words import nearest
from .activation import Activation
from .notation import parse

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
    """phi, phi', kinks and symmetry of a name, e.g. ``activation("elu", alpha=0.5)`` or ``activation("elu(0.5)")``.

    Parameters
    ----------
    name
        A name of :func:`activations` or an alias (swish = silu), also with numbers for its parameters:
        ``"leaky_relu(0.1)"``, ``"leaky_relu(negative_slope=0.1)"``; or an Activation.
    **params
        Its parameters, those that are not in ``name``.

    Returns
    -------
    Activation
        Of the catalogue, with its ``formula`` and its ``source``; an Activation is returned as it is.

    Raises
    ------
    ValueError
        Unknown name (the nearest ones are in the message), a text that cannot be read, or a parameter out of range.
    TypeError
        Unknown parameter, one that is given twice, or a callable (wrap it with :meth:`Activation.from_function`).

    Examples
    --------
    >>> act = mh.activation("elu", alpha=0.5)
    >>> print(act(np.array([-1.0, 2.0])))  # 0.5 (exp(-1) - 1), 2
    [-0.31606028  2.        ]
    >>> mh.activation("elu(0.5)") == mh.activation("elu(alpha=0.5)") == act
    True
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
    bare, values, inside = parse(name)
    word = bare.lower().replace("-", "_").replace(" ", "_")
    preset: dict[str, Any] = {}
    if word in ALIASES:
        word, preset = ALIASES[word]
    if word not in ENTRIES:
        near = nearest(word, [*ENTRIES, *ALIASES])
        hint = f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(activations())}."
        raise ValueError(f"unknown activation {bare!r}. {hint}")
    entry = ENTRIES[word]
    signature = inspect.signature(entry)
    free = [p for p in signature.parameters if p not in preset]
    params = _together(bare, free, values, inside, params)
    missing = [
        p.name
        for p in signature.parameters.values()
        if p.default is p.empty and p.name not in params and p.name not in preset
    ]
    if missing:
        raise TypeError(f"{bare!r} needs the parameter {', '.join(map(repr, missing))}.")
    bound = signature.bind(**{**preset, **params})
    bound.apply_defaults()
    plain = {
        key: _plain(word, key, value, "Sequence" in str(signature.parameters[key].annotation))
        for key, value in bound.arguments.items()
    }
    pairs = tuple(plain.items())
    return Activation(name=word, params=pairs, key=(word, pairs), **entry(**plain))


def _together(
    name: str,
    free: Sequence[str],
    values: Sequence[Any],
    inside: Mapping[str, Any],
    params: Mapping[str, Any],
) -> dict[str, Any]:
    """Parameters of the text, by place or by name, and those beside it; each is one of ``free``, and given once."""
    its = f"its parameters: {', '.join(free) or 'none'}"
    if len(values) > len(free):
        raise TypeError(f"{name!r} takes {len(free)} in parentheses; got {len(values)}; {its}.")
    found = dict(zip(free, values, strict=False))
    for some in (inside, params):
        twice = sorted(set(found) & set(some))
        if twice:
            raise TypeError(f"{name!r} is given {', '.join(map(repr, twice))} twice; give it once.")
        found |= some
    unknown = sorted(set(found) - set(free))
    if unknown:
        raise TypeError(f"{name!r} has no parameter {', '.join(map(repr, unknown))}; {its}.")
    return found


def _plain(name: str, key: str, value: Any, several: bool) -> Any:
    """A parameter as a finite float, an int, or a tuple of floats."""
    if key in ("q", "k"):
        whole = isinstance(value, (int, float, np.integer, np.floating))
        if isinstance(value, bool) or not whole or value % 1 != 0:  # NaN and infinity, too
            raise ValueError(f"{name}: {key} must be an integer; got {value!r}.")
        return int(value)
    array = np.asarray(value, dtype=np.float64)
    if array.ndim and not several:
        raise ValueError(f"{name}: {key} must be a number; got {value!r}.")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name}: {key} must be finite; got {value!r}.")
    return tuple(array.tolist()) if array.ndim else float(array)


def positive(name: str, **values: float) -> None:
    for key, value in values.items():
        if not value > 0.0:
            raise ValueError(f"{name}: {key} must be positive; got {value!r}.")


def restore(name: str, params: tuple[tuple[str, Any], ...]) -> Activation:
    return activation(name, **dict(params))
