"""``spectrum``: where all eigenvalues lie, log-determinant, traces."""

from __future__ import annotations

import argparse
import sys

from . import options as shared
from .reading import points, say_norms, the_activation
from .writing import INTERRUPTED, OK, Say, check_file, in_shell, print_answer

NAME = "spectrum"
TEXT = "All eigenvalues of a kernel matrix: counts with bands, log-determinant, traces."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    shared.data(sub)
    shared.kernel(sub)
    sub.add_argument("--probes", type=int, default=10, help="random vectors; default 10")
    sub.add_argument("--steps", type=int, default=100, help="Lanczos steps of each; default 100")
    sub.add_argument(
        "--ends",
        type=int,
        nargs=2,
        default=(10, 20),
        metavar=("LOW", "HIGH"),
        help="lowest and highest eigenvalues to compute one by one; default 10 20",
    )
    sub.add_argument(
        "--level", type=float, default=0.99, help="probability of bands and intervals; default 0.99"
    )
    sub.add_argument(
        "--method",
        choices=("auto", "dense", "quadrature"),
        default="auto",
        help="default auto: every eigenvalue where that is quicker, up to n = 3500 as a rule",
    )
    sub.add_argument("--plot", metavar="FILE", help="also draw it into this .png, .svg or .pdf")
    sub.add_argument("--seed", type=int, default=0, help="of the random vectors; default 0")
    shared.threads(sub)
    shared.memory(sub)
    shared.time_limit(sub)


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    from ..density import spectrum

    check_file("--plot", options.plot, (".png", ".svg", ".pdf"))
    act = the_activation(options.activation, options.param)
    X = points(options, say)
    say_norms(X, options.normalize, say)
    names = ("kernel", "depth", "weight_var", "bias_var", "normalize", "probes", "steps", "ends", "level", "method", "max_memory", "time_limit", "threads")  # fmt: skip
    asked = {key: getattr(options, key) for key in names}
    asked["ends"] = tuple(options.ends)
    found = spectrum(
        X, act, **asked, rng=options.seed, progress=not options.quiet and sys.stderr.isatty()
    )
    if options.json:
        print_answer(options, found.to_dict(), act)
    else:
        print(in_shell(str(found)))
    if options.plot is not None:
        figure = found.plot()
        assert figure is not None
        figure.savefig(options.plot)
    return INTERRUPTED if found.interrupted else OK
