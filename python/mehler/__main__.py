"""The command line, ``python -m mehler``: the library's own words.

Results go to stdout, everything else to stderr. Exit codes: 0 ok, 2 usage or bad input, 3 not
resolved, 130 interrupted.
"""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from collections.abc import Sequence

from .commands import (
    Command,
    activations,
    attribute,
    bounds,
    describe,
    diagnose,
    explain,
    info,
    min_eig,
    parser,
    plan,
    spectrum,
    study,
    sweep,
)
from .commands.writing import BAD, INTERRUPTED, OK, in_shell, say, silent
from .errors import ConvergenceWarning, PrecisionWarning

COMMANDS: tuple[Command, ...] = (
    min_eig,
    plan,
    sweep,
    spectrum,
    bounds,
    explain,
    describe,
    diagnose,
    attribute,
    study,
    activations,
    info,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv
        Arguments; those of the process when None.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    options = parser(COMMANDS).parse_args(given)
    options.command = shlex.join(["mehler", *given])  # for what is written down
    tell = silent if getattr(options, "quiet", False) else say
    try:
        with warnings.catch_warnings():
            for ours in (ConvergenceWarning, PrecisionWarning):
                warnings.simplefilter("always", ours)
            warnings.showwarning = lambda message, *rest: tell(f"warning: {in_shell(str(message))}")
            code: int = options.run(options, tell)
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of stdout left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as problem:
        say(f"error: {in_shell(str(problem)) or type(problem).__name__}")
        return BAD
    return code


if __name__ == "__main__":
    sys.exit(main())
