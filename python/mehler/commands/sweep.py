"""``sweep``: the smallest eigenvalue for every combination."""

from __future__ import annotations

import argparse
import sys

from . import options as shared
from .reading import numbers, points, say_norms, the_activations
from .writing import INTERRUPTED, OK, UNRESOLVED, Say, check_file, in_shell, print_answer

NAME = "sweep"
TEXT = "Smallest eigenvalue for every activation, depth, variance, width and size."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    shared.data(sub)
    sub.add_argument(
        "--activations",
        default="relu",
        metavar="LIST",
        help='names with commas between, as in "relu,elu(alpha=0.5)"; default relu',
    )
    sub.add_argument("--depths", default="1", metavar="LIST", help="hidden layers; default 1")
    sub.add_argument(
        "--scales", default="1", metavar="LIST", help="variances of weights; default 1"
    )
    sub.add_argument(
        "--widths",
        default="inf",
        metavar="LIST",
        help="neurons; inf is infinite width; default inf",
    )
    sub.add_argument(
        "--sizes", metavar="LIST", help="numbers of points, the first so many; default all"
    )
    shared.which(sub)
    shared.norms(sub)
    shared.question(sub, certify="theory")
    sub.add_argument(
        "--seed", type=int, default=0, help="of the random start, and of weights; default 0"
    )
    sub.add_argument("--csv", metavar="FILE", help="write the table as CSV")
    sub.add_argument(
        "--resume",
        metavar="FILE",
        help="append finished rows to this CSV file, and take those that it has",
    )


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    import mehler

    acts = the_activations(options.activations)
    check_file("--csv", options.csv)
    X = points(options, say)
    say_norms(X, options.normalize, say)
    names = ("kernel", "bias_var", "normalize", "precision", "tol", "certify", "method")
    asked = {n: getattr(options, n) for n in (*names, "max_memory", "threads", "resume")}
    found = mehler.sweep(
        X,
        acts,
        depths=numbers(options.depths, "--depths", int),
        scales=numbers(options.scales, "--scales", float),
        widths=numbers(options.widths, "--widths", int, infinite=True),
        n=None if options.sizes is None else numbers(options.sizes, "--sizes", int),
        rng=options.seed,
        progress=not options.quiet and sys.stderr.isatty(),
        **asked,
    )
    if options.csv is not None:
        found.to_csv(options.csv)
        say(f"wrote {options.csv}")
    if options.json:
        print_answer(options, found.to_dict(), **asked)
    else:
        print(in_shell(str(found)))
    if found.interrupted:
        return INTERRUPTED
    return OK if found.resolved else UNRESOLVED
