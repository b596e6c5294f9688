"""``bounds``: what theory says of the smallest eigenvalue, from both sides."""

from __future__ import annotations

import argparse

from . import options as shared
from .reading import points, say_norms, the_activation
from .writing import OK, Say, print_answer

NAME = "bounds"
TEXT = "What theory says of the smallest eigenvalue, from both sides."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    shared.data(sub)
    shared.kernel(sub)
    sub.add_argument("--no-measure", action="store_true", help="theory alone, no eigensolver")
    shared.threads(sub)


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    import mehler

    act = the_activation(options.activation, options.param)
    X = points(options, say)
    say_norms(X, options.normalize, say)
    names = ("kernel", "depth", "weight_var", "bias_var", "normalize", "threads")
    asked = {key: getattr(options, key) for key in names}
    found = mehler.bounds(X, act, **asked, measure=not options.no_measure)
    if options.json:
        print_answer(options, found.to_dict(), act)
    else:
        print(found)
    return OK
