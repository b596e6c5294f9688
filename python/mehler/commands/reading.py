"""What commands read: points, activations, lists."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..activations import Activation, activation, notation
from .writing import Say


def points(options: argparse.Namespace, say: Say) -> Any:
    """The points of DATA; '-' is delimited text on stdin."""
    from ..data.files import _count, load, read_text

    start = time.perf_counter()
    if options.data == "-":
        lines = sys.stdin.read().splitlines(keepends=True)
        rows = None if options.rows is None else _count(options.rows)
        X = read_text(lambda: lines, "stdin", rows)
    else:
        X = load(options.data, rows=options.rows, key=options.key)
    seconds = time.perf_counter() - start
    say(f"read {' x '.join(f'{s:,}' for s in X.shape)} {X.dtype} in {seconds:.1f} s")
    return X


def say_norms(X: Any, normalize: bool, say: Say) -> None:
    """A word when points are far from unit norm, as raw pixels are."""
    if normalize or X.ndim != 2 or X.size == 0 or X.dtype.kind not in "biuf":
        return
    norms = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
    low, high = float(norms.min()), float(norms.max())
    if np.isfinite(high) and (low < 0.5 or high > 2.0):
        say(f"points of norm {low:.3g} to {high:.3g}, taken as they are; --normalize makes them 1")


def the_activation(text: str, params: Sequence[str] = ()) -> Activation:
    """The activation of ``"elu(0.5)"`` or ``"elu(alpha=0.5)"``, and of ``--param``."""
    return activation(text, **parameters(params))


def the_activations(text: str) -> list[Any]:
    """Those of a list: a name where there are no parameters."""
    return [activation(part) if "(" in part else part for part in notation.split(text)]


def parameters(items: Sequence[str]) -> dict[str, Any]:
    """Those of ``--param``: ``["alpha=0.5"]`` is alpha, 0.5.

    Parameters
    ----------
    items
        Each 'name=value'.
    """
    found: dict[str, Any] = {}
    for item in items:
        key, equals, value = (part.strip() for part in item.partition("="))
        try:
            number = notation.number(value)
        except (ValueError, SyntaxError):
            equals = ""
        if not equals or not key.isidentifier():
            raise ValueError(f"--param takes name=number, as in alpha=0.5; got {item!r}.")
        if key in found:
            raise ValueError(f"--param {key} is given twice; give it once.")
        found[key] = number
    return found


def numbers(text: str, option: str, kind: Callable[[str], Any], infinite: bool = False) -> Any:
    """1,3,5 as a list of numbers; 'inf' is None where that is allowed."""
    try:
        return [None if infinite and part == "inf" else kind(part) for part in notation.split(text)]
    except ValueError:
        more = ", or inf" if infinite else ""
        raise ValueError(
            f"{option} takes numbers with commas between{more}; got {text!r}."
        ) from None
