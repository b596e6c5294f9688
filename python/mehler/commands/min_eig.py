"""``min-eig``: the smallest eigenvalue, with its bounds."""

from __future__ import annotations

import argparse
import sys

from . import options as shared
from .reading import points, say_norms, the_activation
from .writing import INTERRUPTED, OK, UNRESOLVED, Say, in_shell, print_answer

NAME = "min-eig"
TEXT = "Smallest eigenvalue of a kernel matrix, with bounds."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    shared.data(sub)
    shared.kernel(sub)
    shared.question(sub)
    shared.time_limit(sub)
    shared.path(sub)
    sub.add_argument(
        "--width",
        type=int,
        metavar="M",
        help="neurons of a network of finite width, weights drawn by the seed; default infinite",
    )
    sub.add_argument(
        "--seed", type=int, default=0, help="of the random start, and of weights; default 0"
    )
    sub.add_argument(
        "--history",
        action="store_true",
        help="(products, value, residual) of every test, in JSON",
    )


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    from ..eigen import min_eig

    act = the_activation(options.activation, options.param)
    X = points(options, say)
    if options.width is None:
        say_norms(X, options.normalize, say)
    result = min_eig(
        X,
        act,
        **shared.asked(options),
        width=options.width,
        time_limit=options.time_limit,
        path=options.path,
        rng=options.seed,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    if options.json:
        found = result.to_dict()
        if not options.history:
            del found["history"]
        names = ("precision", "certify", "width", "path")
        print_answer(options, found, act, **{name: getattr(options, name) for name in names})
    else:
        print(in_shell(str(result)))
    if result.interrupted:
        return INTERRUPTED
    return OK if result.status == "resolved" else UNRESOLVED
