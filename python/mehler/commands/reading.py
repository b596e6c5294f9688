"""What commands read: points, activations, lists."""

from __future__ import annotations

import argparse
import ast
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..activations import Activation, activation
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
    if normalize or X.ndim != 2 or X.size == 0:
        return
    norms = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
    low, high = float(norms.min()), float(norms.max())
    if np.isfinite(high) and (low < 0.5 or high > 2.0):
        say(f"points of norm {low:.3g} to {high:.3g}, taken as they are; --normalize makes them 1")


def the_activation(text: str, params: Sequence[str] = ()) -> Activation:
    """The activation of ``"elu(alpha=0.5)"`` and of ``--param``."""
    name, given = parse_activation(text, params)
    return activation(name, **given)


def the_activations(text: str) -> list[Any]:
    """Those of a list: a name where there are no parameters."""
    found: list[Any] = []
    for part in split_list(text):
        name, given = parse_activation(part)
        found.append(activation(name, **given) if given else name)
    return found


def parse_activation(text: str, params: Sequence[str] = ()) -> tuple[str, dict[str, Any]]:
    """Name and parameters of ``"leaky_relu(negative_slope=0.1)"`` and of ``["alpha=0.5"]``.

    Parameters
    ----------
    text
        A name, with keyword arguments in parentheses if any.
    params
        More parameters, each 'name=value'.
    """
    name, bracket, inside = text.strip().partition("(")
    given: dict[str, Any] = {}
    if bracket:
        try:
            call = ast.parse(f"f({inside}", mode="eval").body
            if not isinstance(call, ast.Call) or call.args or not text.strip().endswith(")"):
                raise ValueError
            given = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        except (ValueError, SyntaxError):
            raise ValueError(
                f"cannot read the activation {text!r}; expected a name with keyword numbers, as in "
                '"leaky_relu(negative_slope=0.1)".'
            ) from None
    for item in params:
        key, equals, value = item.partition("=")
        try:
            given[key.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            equals = ""
        if not equals or not key.strip().isidentifier():
            raise ValueError(f"--param takes name=number, as in alpha=0.5; got {item!r}.")
    return name.strip(), given


def split_list(text: str) -> list[str]:
    """The parts of a list with commas, but not those in parentheses: "relu,elu(alpha=0.5)".

    Parameters
    ----------
    text
        The list.
    """
    return [part.strip() for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def numbers(text: str, option: str, kind: Callable[[str], Any], infinite: bool = False) -> Any:
    """1,3,5 as a list of numbers; 'inf' is None where that is allowed."""
    try:
        return [None if infinite and part == "inf" else kind(part) for part in split_list(text)]
    except ValueError:
        more = ", or inf" if infinite else ""
        raise ValueError(
            f"{option} takes numbers with commas between{more}; got {text!r}."
        ) from None
