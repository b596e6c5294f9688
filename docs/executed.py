"""Docstrings whose examples were run just now, with what they printed.

Where a docstring leaves lines out (``...``) the site shows what came; what a reader sees was printed by the build that made the page.

Why here, when tests/test_examples.py runs the same examples: docs/api.md is read on a code host and shows the docstring's own wording, the
site can show what it left out, and a site built from another state than the one that was tested cannot lie. It costs some seconds.
"""

from __future__ import annotations

import contextlib
import doctest
import re
import tempfile
import warnings

import numpy as np

import mehler

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE  # as tests/test_examples.py has them
HEAD = "\nExamples\n--------\n"
LONGEST = 30  # lines of one output; a longer one is shown as the docstring abridges it


class _Keeping(doctest.DocTestRunner):
    """Runs examples, and keeps what each printed."""

    def __init__(self) -> None:
        super().__init__(optionflags=FLAGS, verbose=False)
        self.printed: dict[int, str] = {}

    def report_start(self, out: object, test: object, example: object) -> None:
        pass

    def report_success(self, out: object, test: object, example: doctest.Example, got: str) -> None:
        self.printed[example.lineno] = got


def executed(name: str, doc: str) -> tuple[str, str, str]:
    """The docstring of a public name without its examples, the examples as they ran, and what doctest says of failures ("": none)."""
    told, _, section = doc.partition(HEAD)
    names = {"np": np, "mh": mehler, "__name__": name}
    test = doctest.DocTestParser().get_doctest(section, names, f"mehler.{name}", None, 0)
    runner, said = _Keeping(), []
    with (
        tempfile.TemporaryDirectory() as empty,
        contextlib.chdir(empty),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("always")  # not only the first of its kind in this process
        runner.run(test, out=said.append)
    lines = section.split("\n")
    for example in reversed(test.examples):
        got = runner.printed.get(example.lineno)
        if got is None or "..." not in example.want or got.count("\n") > LONGEST:
            continue
        first = example.lineno + example.source.count("\n")
        blank = " " * example.indent
        shown = [(blank + line).rstrip() or "<BLANKLINE>" for line in got.rstrip("\n").split("\n")]
        lines[first : first + example.want.count("\n")] = shown
    return escaped(told), "\n".join(lines), "".join(said)


MARKS = re.compile(r"(?::\w+:`[^`]+`|``.+?``)|([\\*|]|(?<=\w)_(?!\w))", re.DOTALL)


def escaped(text: str) -> str:
    """Formulas as they are: bars, stars and trailing underscores mean nothing but themselves, outside of code and roles."""
    return MARKS.sub(lambda m: f"\\{m[1]}" if m[1] else m[0], text)
