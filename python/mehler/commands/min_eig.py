"""``min-eig``: the smallest eigenvalue, with its bounds."""

from __future__ import annotations

import argparse
import sys

from . import options as shared
from .reading import points, say_norms, the_activation
from .writing import INTERRUPTED, OK, UNRESOLVED, Say, call, in_shell, print_json

NAME = "min-eig"
TEXT = "Smallest eigenvalue of a kernel matrix, with bounds."
ECHOED = (
    "data",
    "rows",
    "normalize",
    "kernel",
    "depth",
    "weight_var",
    "bias_var",
    "certify",
    "seed",
    "max_memory",
    "time_limit",
    "width",
)


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
    import mehler

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
        asked = {name: getattr(options, name) for name in ECHOED}
        found = result.to_dict()
        if not options.history:
            del found["history"]
        print_json(asked | {"activation": call(act), "mehler": mehler.__version__} | found)
    else:
        print(in_shell(str(result)))
    if result.interrupted:
        return INTERRUPTED
    return OK if result.status == "resolved" else UNRESOLVED
