"""``diagnose``: what points and an activation are, and what that means."""

from __future__ import annotations

import argparse
import sys

from . import options as shared
from .reading import points, the_activation
from .writing import INTERRUPTED, OK, UNRESOLVED, Say, call, print_json

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
        name = None if act is None else call(act)
        print_json({"data": options.data, "activation": name, "diagnosis": found.to_dict()})
    else:
        print(found)
    assert found.data is not None
    if found.data.interrupted:
        return INTERRUPTED
    return UNRESOLVED if found.data.left_out else OK
