"""``plan``: what min-eig will do, before it does."""

from __future__ import annotations

import argparse
import sys

from . import options as shared
from . import writing
from .reading import points, say_norms, the_activation
from .writing import BAD, OK, Say, in_shell, print_answer

NAME = "plan"
TEXT = "What min-eig will do and take, method by method, before it does."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    shared.data(sub)
    shared.kernel(sub)
    shared.question(sub)
    shared.path(sub)


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    import mehler

    act = the_activation(options.activation, options.param)
    X = points(options, say)
    say_norms(X, options.normalize, say)
    found = mehler.plan(X, act, **shared.asked(options), path=options.path)
    if options.json:
        names = ("tol", "precision", "certify", "path")
        asked = {name: getattr(options, name) for name in names}
        print_answer(options, found.to_dict(), act, **asked)
    elif found.method is not None:
        print(in_shell(str(found)))
    else:
        print(found.table(), file=sys.stderr)
    if found.method is None:
        writing.say(f"error: {in_shell(found.reason)}")
        return BAD
    return OK
