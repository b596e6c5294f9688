"""Words that are misspelt: which of those that exist were meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


def nearest(word: str, known: Iterable[str], most: int = 3, alike: float = 0.5) -> list[str]:
    """Those of the known words that look like one, the likeliest first.

    Parameters
    ----------
    word
        As it was given. Case does not matter, nor whether a hyphen, an underscore or a space joins its parts.
    known
        The words that exist.
    most
        How many at most.
    alike
        How much they must be, between 0 and 1 (``difflib``).
    """
    shapes = {_shape(k): k for k in known}
    shape = _shape(word)
    begun = [s for s in shapes if len(shape) > 1 and s.startswith(shape)]
    like = difflib.get_close_matches(shape, shapes, n=most, cutoff=alike)
    exact = [s for s in like if s == shape]
    return [shapes[s] for s in dict.fromkeys([*exact, *begun, *like])][:most]


def meant(value: Any, known: Sequence[str], alike: float = 0.5) -> str:
    """`` Did you mean 'packed'?``, with a space before it, for the end of a refusal; nothing where no word is near.

    Parameters
    ----------
    value
        What was given: any object.
    known
        The words that are taken.
    alike
        As for :func:`nearest`.
    """
    found = nearest(value, known, 1, alike) if isinstance(value, str) and value else []
    return f" Did you mean {found[0]!r}?" if found and found[0] != value else ""


def _shape(word: str) -> str:
    return word.strip().lower().replace("_", "-").replace(" ", "-")
