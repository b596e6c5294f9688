"""``study``: a question about smallest eigenvalues, answered with a page, tables and pictures."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..studies.activations import POINTS, QUICK_POINTS
from ..studies.ask import ACTIVATIONS, MOST_OF_FILE
from ..studies.study import DEFAULT, SEED, STUDIES, study
from ..studies.targets import MOST_CLASSES
from . import options as shared
from . import writing
from .reading import points, say_norms, the_activations
from .writing import INTERRUPTED, OK, Say, print_json

NAME = "study"
TEXT = "How activation, dimension, depth and width decide the smallest eigenvalue: a report."


def add(sub: argparse.ArgumentParser) -> None:
    """Its options."""
    sub.add_argument(
        "which",
        nargs="?",
        default=DEFAULT,
        choices=tuple(STUDIES),
        metavar="STUDY",
        help="; ".join(f"{name}: {module.TEXT}" for name, module in STUDIES.items()),
    )
    sub.add_argument(
        "-o",
        "--out",
        default="mehler-study",
        metavar="DIR",
        help="folder for the page, tables and pictures; default ./mehler-study",
    )
    sub.add_argument(
        "--data",
        metavar="FILE",
        help=".npy, .npz, .csv or IDX file of points; - reads CSV from stdin; default generated points",
    )
    sub.add_argument("--rows", type=int, metavar="N", help="read the first N rows of FILE only")
    sub.add_argument("--key", metavar="NAME", help="array to take from an .npz file")
    shared.norms(sub)
    sub.add_argument(
        "--labels",
        metavar="FILE",
        help="data, ste, random-features, gauss-newton, spiking: labels of the points of FILE, a row each, as in an IDX file; data and gauss-newton take random signs without",
    )
    sub.add_argument(
        "--activations",
        metavar="LIST",
        help=f'names with commas between, as in "relu,elu(alpha=0.5)"; default {",".join(ACTIVATIONS)}, or as the study has it',
    )
    sub.add_argument(
        "--n",
        type=int,
        help=f"points; default: as the study has it (activations: {POINTS}, {QUICK_POINTS} when quick)",
    )
    sub.add_argument(
        "--seed", type=int, default=SEED, help=f"of points and weights; default {SEED}"
    )
    sub.add_argument(
        "--quick",
        action="store_true",
        help=f"fewer points and steps, and at most {MOST_OF_FILE} of FILE",
    )
    sub.add_argument(
        "--width",
        type=int,
        metavar="M",
        help="data, gauss-newton, random-features: neurons; default 10,000, 4,096, and by study",
    )
    sub.add_argument(
        "--steps",
        type=int,
        metavar="T",
        help="data, gauss-newton: steps of a training; default by their cost, and 10",
    )
    sub.add_argument(
        "--time-limit", type=float, metavar="SECONDS", help="data: then end with what is known"
    )
    shared.threads(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress on stderr")


def _no_images(labels: Any, options: argparse.Namespace) -> None:
    """Refuse images where labels belong: the names of the two IDX files differ by a word."""
    columns = labels.shape[1] if labels.ndim == 2 else 1
    images = labels.dtype == "uint8" or columns > MOST_CLASSES or options.labels == options.data
    if columns > 1 and images:
        raise ValueError(
            f"--labels {options.labels} has {columns:,} numbers a row, as points or images have; expected a label a row, "
            f"or up to {MOST_CLASSES} outputs. Give the file of labels, such as train-labels-idx1-ubyte.gz."
        )


def run(options: argparse.Namespace, say: Say) -> int:
    """Its work."""
    folder = _writable(Path(options.out))
    X: Any = None
    labels: Any = None
    if options.labels is not None:
        takes = [key for key, one in STUDIES.items() if "labels" in getattr(one, "OPTIONS", ())]
        if options.which not in takes or options.data is None:
            raise ValueError(
                f"--labels is about the points of study {' or '.join(takes)} --data FILE; pass that too, or leave it out."
            )
        from ..data.files import load

        labels = load(options.labels, rows=options.rows)
        _no_images(labels, options)
    if options.data is not None:
        X = points(options, say)
        if not getattr(STUDIES[options.which], "DIVIDES", False):
            say_norms(X, options.normalize, say)
    else:
        for option in ("rows", "key", "normalize"):
            if getattr(options, option):
                raise ValueError(f"--{option} is about a file of points; pass --data FILE too.")
    found = study(
        options.which,
        X,
        activations=None if options.activations is None else the_activations(options.activations),
        n=options.n,
        normalize=options.normalize,
        quick=options.quick,
        labels=labels,
        width=options.width,
        steps=options.steps,
        time_limit=options.time_limit,
        threads=options.threads,
        rng=options.seed,
        source="stdin" if options.data == "-" else str(options.data),
        report=say,
    )
    files, missing = found.save(folder, options.command)
    if options.json:
        print_json(found.to_dict() | {"files": [str(f) for f in files]})
    else:
        print(found)
    say(f"{found.seconds:.1f} s; wrote {', '.join(map(str, files))}")
    if missing:
        writing.say(missing)
    return INTERRUPTED if found.interrupted else OK


def _writable(folder: Path) -> Path:
    """The folder, made and tried before the work and not after it."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out must be a folder, or a name that is free; {folder} is a file.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OSError(f"--out must be a folder that can be written; {problem}.") from None
    if not os.access(folder, os.W_OK):
        raise OSError(f"--out must be a folder that can be written; {folder} is not.")
    return folder
