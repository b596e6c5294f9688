"""``info``: what was built, and what it runs on."""

from __future__ import annotations

import argparse

from .._build import build_info
from .writing import OK, Say, print_json

NAME = "info"
TEXT = "What was built, and what it runs on."


def add(sub: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    info = build_info()
    if options.json:
        print_json(info)
    else:
        print("\n".join(f"{key:18} {value}" for key, value in info.items()))
    return OK
