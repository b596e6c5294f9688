"""Commands of ``python -m mehler``: one module each, with ``add`` (its options) and ``run`` (its work).

``options`` holds the groups of options that commands share, ``reading`` what goes in, ``writing`` what comes out.
"""

from __future__ import annotations

import argparse
from typing import Protocol

from .writing import Say


class Command(Protocol):
    """What a module of this folder has."""

    NAME: str
    TEXT: str

    def add(self, sub: argparse.ArgumentParser) -> None:
        """Its options."""

    def run(self, options: argparse.Namespace, say: Say) -> int:
        """Its work; the exit code."""


def parser(commands: tuple[Command, ...]) -> argparse.ArgumentParser:
    """The parser of all commands.

    Parameters
    ----------
    commands
        In the order of ``--help``.
    """
    whole = argparse.ArgumentParser(
        prog="mehler",
        description="How small is the smallest eigenvalue of the Gram matrix that an activation "
        "function and a data set give a neural network?",
        epilog="Exit codes: 0 ok, 2 usage or bad input, 3 not resolved, 130 interrupted.",
    )
    subs = whole.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        sub = subs.add_parser(command.NAME, help=command.TEXT, description=command.TEXT)
        sub.set_defaults(run=command.run)
        sub.add_argument("--json", action="store_true", help="print JSON")
        command.add(sub)
    return whole
