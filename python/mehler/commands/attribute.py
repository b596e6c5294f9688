"""``attribute``: which points make the smallest eigenvalue small."""

from __future__ import annotations

import argparse
import sys

from . import options as shared
from .reading import points, say_norms, the_activation
from .writing import INTERRUPTED, OK, UNRESOLVED, Say, in_shell, print_answer

NAME = "attribute"
TEXT = "Which points make the smallest eigenvalue small."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    shared.data(sub)
    shared.kernel(sub)
    sub.add_argument("--top", type=int, default=10, help="points in the table; default 10")
    sub.add_argument(
        "--pairs",
        type=int,
        default=6,
        help="bottom eigenpairs, which decide how tight the bounds without a point are; default 6",
    )
    sub.add_argument("--tol", type=float, default=1e-6, help="largest relative error; default 1e-6")
    sub.add_argument(
        "--precision",
        choices=("auto", "double", "extended", "exact"),
        default="auto",
        help="of the matrix; default auto",
    )
    sub.add_argument("--seed", type=int, default=0, help="of the random start; default 0")
    shared.threads(sub)
    shared.memory(sub)
    shared.time_limit(sub)


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    from ..diagnosis import attribute

    act = the_activation(options.activation, options.param)
    X = points(options, say)
    say_norms(X, options.normalize, say)
    names = ("kernel", "depth", "weight_var", "bias_var", "normalize", "precision", "pairs", "top", "tol")  # fmt: skip
    asked = {key: getattr(options, key) for key in names}
    found = attribute(
        X,
        act,
        **asked,
        max_memory=options.max_memory,
        time_limit=options.time_limit,
        threads=options.threads,
        rng=options.seed,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    if options.json:
        more = {key: asked[key] for key in ("pairs", "top", "tol")}
        print_answer(options, found.to_dict(), act, **more)
    else:
        print(in_shell(str(found)))
    if found.interrupted:
        return INTERRUPTED
    return OK if found.known else UNRESOLVED
