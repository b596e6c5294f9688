"""``diagnose``: what points and an activation are, and what that means."""

from __future__ import annotations

import argparse
import sys

from . import options as shared
from .reading import points, the_activation
from .writing import INTERRUPTED, OK, UNRESOLVED, Say, print_answer

NAME = "diagnose"
TEXT = "Effective dimension, separation and parity risk of a data set; class of an activation."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    shared.data(sub)
    sub.add_argument(
        "--activation",
        metavar="NAME",
        help='also this one, with parameters as in "elu(alpha=0.5)"; default the points alone',
    )
    shared.parameters(sub)
    shared.time_limit(sub)


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    from ..diagnosis import diagnose

    act = None
    if options.activation is not None:
        act = the_activation(options.activation, options.param)
    elif options.param:
        raise ValueError("--param is about an activation; pass --activation NAME too.")
    found = diagnose(
        points(options, say),
        act,
        time_limit=options.time_limit,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    if options.json:
        print_answer(options, {"diagnosis": found.to_dict()}, act)
    else:
        print(found)
    assert found.data is not None
    if found.data.interrupted:
        return INTERRUPTED
    return UNRESOLVED if found.data.left_out else OK
