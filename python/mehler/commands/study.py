"""``study``: how activation and dimension decide the smallest eigenvalue."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..studies.activations import POINTS, QUICK_POINTS, SEED
from . import options as shared
from . import writing
from .writing import OK, Say, print_json

NAME = "study"
TEXT = "How activation and dimension decide the smallest eigenvalue."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    sub.add_argument(
        "--out",
        default="mehler-study",
        metavar="DIR",
        help="folder for study.csv and study.png; default ./mehler-study",
    )
    sub.add_argument("--n", type=int, help=f"points; default {POINTS}, {QUICK_POINTS} when quick")
    sub.add_argument("--seed", type=int, default=SEED, help=f"of the points; default {SEED}")
    sub.add_argument("--quick", action="store_true", help="fewer points and dimensions")
    shared.threads(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress on stderr")


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    from ..studies.activations import run_study, save

    folder = Path(options.out)
    if folder.exists() and not folder.is_dir():  # said before the work, not after it
        raise ValueError(f"--out must be a folder, or a name that is free; {folder} is a file.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OSError(f"--out must be a folder that can be written; {problem}.") from None
    if not os.access(folder, os.W_OK):
        raise OSError(f"--out must be a folder that can be written; {folder} is not.")
    study = run_study(
        n=options.n, seed=options.seed, quick=options.quick, threads=options.threads, report=say
    )
    files, missing = save(study, folder)
    if options.json:
        print_json(study.to_dict() | {"files": [str(f) for f in files]})
    else:
        print(study)
    say(f"{study.seconds:.1f} s; wrote {', '.join(map(str, files))}")
    if missing:
        writing.say(missing)
    return OK
