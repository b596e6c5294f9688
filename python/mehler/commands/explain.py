"""``explain``: formula, parity and smoothness of a kernel."""

from __future__ import annotations

import argparse

from ..question import kernel_of
from . import options as shared
from .reading import the_activation
from .writing import OK, Say, print_answer

NAME = "explain"
TEXT = "Formula, parity and smoothness of a kernel, and what they mean."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    sub.add_argument(
        "name", metavar="ACTIVATION", help='name, with parameters as in "elu(alpha=0.5)"'
    )
    shared.layers(sub)


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    act = the_activation(options.name, options.param)
    variances = options.weight_var, options.bias_var
    found = kernel_of(act, options.kernel, options.depth, *variances).explain()
    if options.json:
        print_answer(options, found.to_dict(), act)
    else:
        print(found)
    return OK
