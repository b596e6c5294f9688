"""An activation in writing: ``leaky_relu``, ``leaky_relu(0.1)``, ``leaky_relu(negative_slope=0.1)``.

    name [ ( value, ..., parameter=value, ... ) ]      value: a number, or a tuple or list of numbers

The one grammar, of Python arguments and of the command line. What a name means is for ``lookup``.
"""

from __future__ import annotations

import ast
from typing import Any

EXPECTED = (
    "expected a name, or a name with numbers for its parameters, as in 'leaky_relu', 'leaky_relu(0.1)' or "
    "'leaky_relu(negative_slope=0.1)'"
)


def parse(text: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Name, values in the order of the parameters, and values by the parameters' names.

    Parameters
    ----------
    text
        As above; space around the parts is of no matter.

    Raises
    ------
    ValueError
        It is not of this grammar.
    """
    name, bracket, inside = text.strip().partition("(")
    if not bracket and ")" not in name and "=" not in name:
        return name.strip(), (), {}
    try:
        if not name.strip() or not inside.endswith(")"):
            raise ValueError
        call = ast.parse(f"f({inside}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        values = tuple(number(a) for a in call.args)
        named = {k.arg: number(k.value) for k in call.keywords if k.arg}
        if len(named) < len(call.keywords):  # f(**x)
            raise ValueError
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"cannot read the activation {text!r}; {EXPECTED}.") from None
    return name.strip(), values, named


def number(given: str | ast.expr) -> Any:
    """A number, or a tuple or list of numbers; ValueError or SyntaxError for anything else."""
    value = ast.literal_eval(given.strip() if isinstance(given, str) else given)
    parts = value if isinstance(value, (tuple, list)) else (value,)
    if not all(isinstance(p, (int, float)) and not isinstance(p, bool) for p in parts):
        raise ValueError(f"no number: {value!r}")
    return value


def split(text: str) -> list[str]:
    """The parts of a list with commas, but not those in parentheses: "relu,elu(alpha=0.5)".

    Parameters
    ----------
    text
        The list.
    """
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth <= 0:
            parts.append(text[start:at])
            start = at + 1
    return [p for part in (*parts, text[start:]) if (p := part.strip())]
