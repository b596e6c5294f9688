"""What commands print: results to stdout, the rest to stderr, in the words of the command line; and exit codes."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

OK, BAD, UNRESOLVED, INTERRUPTED = 0, 2, 3, 130
IN_SHELL = (  # the library's words in messages, as options
    (r"normalize=True", "--normalize"),
    (r"\b(method|certify|precision)=((?:'[-a-z]+'(?:, | or )?)+)", r"--\1 \2"),
    (r"\bmax_memory='([^']+)'", r"--max-memory \1"),
    (r"\bmax_memory=", "--max-memory "),
    (r"\bmax_memory\b", "--max-memory"),
    (r"pass width= or weights= too", "pass --width too"),
    (r"\(width= or weights=\)", "(--width)"),
    (r"\bpath=(?=[ ,])", "--path"),
    (r"\btake min_eig\b", "take min-eig"),
    (r"\btime_limit\b", "--time-limit"),
    (r"\btol=", "--tol "),
    (r"\bor tol\b", "or --tol"),
    (r"\bpath=FILE", "--path FILE"),
    (r"^rng must", "--seed must"),
    (r"^which must", "STUDY must"),
    (r"^activations must", "--activations must"),
    (r",? or None for OpenMP's default", ""),
    (r", or None\b", ""),
)

SHARED = ("data", "rows", "normalize", "kernel", "depth", "weight_var", "bias_var", "seed", "threads", "max_memory", "time_limit")  # fmt: skip

Say = Callable[[str], None]


def in_shell(text: str) -> str:
    """A message of the library in the words of the command line: method='dense' is --method dense.

    Parameters
    ----------
    text
        The message.
    """
    for words, option in IN_SHELL:
        text = re.sub(words, option, text)
    return re.sub(
        r"--(?:method|certify|precision) (?:'[-a-z]+'(?:, | or )?)+",
        lambda found: found[0].replace("'", ""),
        text,
    )


def check_file(option: str, path: str | None, kinds: tuple[str, ...] = ()) -> None:
    """Refuses, before any work, a file that cannot be written when it is done.

    Parameters
    ----------
    option, path
        The option, and what it was given; None is fine.
    kinds
        Suffixes that can be drawn; any where there are none.
    """
    if path is None:
        return
    file = Path(path)
    if file.is_dir():
        raise ValueError(f"{option} must be the name of a file; {path} is a folder.")
    if not file.absolute().parent.is_dir():
        raise ValueError(
            f"{option}: there is no folder {file.parent} for {file.name}; make it, or name another file."
        )
    if not os.access(file if file.exists() else file.absolute().parent, os.W_OK):
        raise ValueError(
            f"{option}: {path} cannot be written; change its permissions, or name another file."
        )
    if kinds and file.suffix.lower() not in kinds:
        raise ValueError(
            f"{option} must end in {', '.join(kinds[:-1])} or {kinds[-1]}; got {path!r}."
        )


def say(line: str) -> None:
    """A line on stderr."""
    print(f"mehler: {line}", file=sys.stderr, flush=True)


def silent(line: str) -> None:
    """Nothing."""
    return None


def print_json(value: Any) -> None:
    """JSON on stdout."""
    print(json.dumps(plain(value), indent=2, allow_nan=False))


def print_answer(options: Any, found: dict[str, Any], act: Any = None, **asked: Any) -> None:
    """JSON of a command on stdout: who made it, what was asked, under the names of the options, what was found.

    ``kernel`` is the word of the option everywhere, ``kernel_call`` the call of the library that makes the kernel. Where an
    option and a finding share a name (``method``), the finding is what was taken.

    Parameters
    ----------
    options
        Of the command; those that several commands share are taken from here.
    found
        What its result says of itself.
    act
        The activation, where there is one.
    **asked
        What else was asked.
    """
    from .. import __version__

    head: dict[str, Any] = {"mehler": __version__}
    head |= {name: getattr(options, name) for name in SHARED if hasattr(options, name)}
    if act is not None or hasattr(options, "activation"):
        head["activation"] = None if act is None else call(act)
    found = {"kernel_call" if name == "kernel" else name: value for name, value in found.items()}
    print_json(head | asked | found)


def plain(value: Any) -> Any:
    """What JSON knows: no arrays, no NumPy numbers, no NaN."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def call(act: Any) -> str:
    """An activation as it is written on the command line."""
    words = ", ".join(f"{key}={value!r}" for key, value in act.params)
    return f"{act.name}({words})" if words else str(act.name)
