"""``describe``: size, rank, norms and nearest pairs of a data set."""

from __future__ import annotations

import argparse

from . import options as shared
from .reading import points
from .writing import OK, Say, print_answer

NAME = "describe"
TEXT = "Size, rank, norms and nearest pairs of a data set."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    shared.data(sub)
    shared.norms(sub)


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    from ..data.points import describe, normalize

    X = points(options, say)
    summary = describe(normalize(X) if options.normalize else X)
    if options.json:
        print_answer(options, summary.to_dict())
    else:
        print(summary)
    return OK
