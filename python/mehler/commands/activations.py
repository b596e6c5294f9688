"""``activations``: the catalogue."""

from __future__ import annotations

import argparse
import inspect

from ..activations import activations
from ..activations.lookup import ALIASES, ENTRIES
from .writing import OK, Say, print_json

NAME = "activations"
TEXT = "The catalogue of activations."


def add(sub: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    rows = []
    for name in activations():
        parameters = inspect.signature(ENTRIES[name]).parameters.values()
        needed = [p.name for p in parameters if p.default is p.empty]
        entry = ENTRIES[name](**{k: (0.0, 1.0) if k == "coefficients" else 1 for k in needed})
        words = [p.name if p.name in needed else f"{p.name}={p.default:g}" for p in parameters]
        text = {key: str(entry.get(key, "")) for key in ("formula", "source")}
        other = [
            alias + "".join(f" ({k}={v:g})" for k, v in given.items())
            for alias, (target, given) in ALIASES.items()
            if target == name
        ]
        rows.append(
            {"name": name, "parameters": ", ".join(words), "aliases": ", ".join(other)} | text
        )
    if options.json:
        print_json(rows)
        return OK
    first, second = (max(len(row[key]) for row in rows) for key in ("name", "parameters"))
    for row in rows:
        also = f"   [{row['aliases']}]" if row["aliases"] else ""
        print(f"{row['name']:{first}}  {row['parameters']:{second}}  {row['formula']}{also}")
    return OK
