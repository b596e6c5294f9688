"""Words that are misspelt: which of those that exist were meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


def nearest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Those of the known words that look like one, the likeliest first.

    Parameters
    ----------
    word
        As it was given. Case does not matter, nor whether a hyphen, an underscore or a space joins its parts.
    known
        The words that exist.
    most
        How many at most.
    """
    shapes = {_shape(k): k for k in known}
    shape = _shape(word)
    begun = [s for s in shapes if len(shape) > 1 and s.startswith(shape)]
    alike = difflib.get_close_matches(shape, shapes, n=most, cutoff=0.5)
    exact = [s for s in alike if s == shape]
    return [shapes[s] for s in dict.fromkeys([*exact, *begun, *alike])][:most]


def meant(value: Any, known: Sequence[str]) -> str:
    """`` Did you mean 'packed'?``, with a space before it, for the end of a refusal; nothing where no word is near.

    Parameters
    ----------
    value
        What was given: any object.
    known
        The words that are taken.
    """
    found = nearest(value, known, 1) if isinstance(value, str) and value else []
    return f" Did you mean {found[0]!r}?" if found and found[0] != value else ""


def _shape(word: str) -> str:
    return word.strip().lower().replace("_", "-").replace(" ", "-")
