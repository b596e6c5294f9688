"""Commands of ``python -m mehler``: one module each, with ``add`` (its options) and ``run`` (its work).

``options`` holds the groups of options that commands share, ``reading`` what goes in, ``writing`` what comes out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Protocol

from .._words import meant
from .writing import Say


class Parser(argparse.ArgumentParser):
    """One that says which command or choice was meant; options are written out."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False} | options)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as refused:
            known = [str(c) for c in action.choices or ()]
            raise argparse.ArgumentError(action, refused.message + meant(value, known)) from None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As it is; but an option of a command that does not exist is refused with the nearest one that does."""
        found, rest = super().parse_known_args(args, namespace)
        unknown = [word for word in rest if word.startswith("-")]
        if unknown:
            options = [o for action in self._actions for o in action.option_strings]
            near = meant(unknown[0].split("=")[0], [o for o in options if o.startswith("--")], 0.75)
            self.error(f"unrecognized arguments: {' '.join(rest)}.{near}")
        return found, rest


class Version(argparse.Action):
    """``--version``: name and version on stdout; the version is looked up when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print and leave."""
        from .. import __version__

        print(f"mehler {__version__}")
        parser.exit()


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
    whole = Parser(
        prog="mehler",
        description="How small is the smallest eigenvalue of the Gram matrix that an activation "
        "function and a data set give a neural network?",
        epilog="Exit codes: 0 ok, 2 usage or bad input, 3 not resolved, 130 interrupted.",
    )
    whole.add_argument("--version", action=Version)
    subs = whole.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        sub = subs.add_parser(command.NAME, help=command.TEXT, description=command.TEXT)
        sub.set_defaults(run=command.run)
        sub.add_argument("--json", action="store_true", help="print JSON")
        command.add(sub)
    return whole
