"""Runs the Python blocks of a page as one script, statement by statement, and compares what is printed with the page.

    python run_page.py PAGE [OLD NEW ...]      in a folder of its own; OLD is replaced by NEW in the code

On the page stand, for what a statement prints (or is worth, without ``print``):

    print(x)  # 0.25, and why       the numbers before the first word
    an indented table below a block whose last statement prints it, from its first line on; a line ``...`` stands for any
    number of lines

Numbers are compared to the digits shown, but for ``SLACK``: their last digits belong to a machine.
"""

from __future__ import annotations

import ast
import contextlib
import io
import math
import re
import sys
import warnings
from pathlib import Path

BLOCK = re.compile(
    r"^```python\n(.*?)^```\n(?:\n((?:    [^\n]*\n|\n(?=    ))+))?", re.MULTILINE | re.DOTALL
)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
LEADING = re.compile(r"[^A-Za-z]*(?:(?<=\d)e[-+]\d+[^A-Za-z]*|and\b[^A-Za-z]*)*")  # of a comment
SLACK = 0.02


def numbers(text: str) -> list[str]:
    """The numbers in a text, as they are written, without the commas of thousands."""
    return NUMBER.findall(re.sub(r"(?<=\d)[_,](?=\d{3}\b)", "", text))


def same(shown: str, printed: str) -> bool:
    """Whether a number of the page is the printed one."""
    a, b = float(shown), float(printed)
    digits = len(re.sub(r"[eE].*|[-+.]", "", shown).lstrip("0")) or 1
    last = 10.0 ** (math.floor(math.log10(abs(a))) - digits + 1) if a else 1e-12
    return abs(a - b) <= 0.501 * last + SLACK * abs(a)


def run(statement: ast.stmt, names: dict[str, object], file: str) -> str:
    """What it prints; a bare expression, what it is worth."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        if isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), file, "eval"), names)
            if value is not None:
                print(repr(value))
        else:
            exec(compile(ast.Module([statement], []), file, "exec"), names)
    return out.getvalue()


def comment(code: str, statement: ast.stmt) -> str:
    """What stands behind it in its last line."""
    line = code.split("\n")[(statement.end_lineno or 1) - 1]
    behind = line.encode()[statement.end_col_offset or 0 :].decode().strip()
    return behind[1:].strip() if behind.startswith("#") else ""


def table(shown: str, printed: str) -> list[str]:
    """Lines of the page that nothing printed has, word by word."""
    lines = [line.split() for line in printed.splitlines()]
    wrong, at = [], 0
    for line in filter(str.strip, shown.splitlines()):
        words = line.split()
        if words == ["..."]:
            continue
        while at < len(lines) and not alike(words, lines[at]):
            at += 1
        if at == len(lines):
            wrong.append(line.strip())
            at = 0
    return wrong


def first_line(text: str) -> list[str]:
    """Its words."""
    return text.strip().partition("\n")[0].split()


def alike(shown: list[str], printed: list[str]) -> bool:
    """Whether two lines have the same words and numbers."""
    if len(shown) != len(printed):
        return False
    for a, b in zip(shown, printed, strict=True):
        if NUMBER.sub("#", a) != NUMBER.sub("#", b):
            return False
        if not all(same(x, y) for x, y in zip(numbers(a), numbers(b), strict=True)):
            return False
    return True


def main(page: str, *changes: str) -> list[str]:
    """What on the page is not so."""
    text, names, wrong = Path(page).read_text(encoding="utf-8"), {"__name__": "__main__"}, []
    for found in BLOCK.finditer(text):
        code, below = found[1], found[2]
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            code = code.replace(old, new)
        first, printed = text[: found.start()].count("\n") + 2, ""
        for statement in ast.parse(code).body:
            place = f"{Path(page).name}, line {first + statement.lineno - 1}"
            printed = run(statement, names, place)
            print(f"-- {place}\n{printed}", end="")
            if not isinstance(statement, ast.Expr):
                continue
            has = numbers(printed)
            for number in numbers(LEADING.match(comment(code, statement))[0]):
                if not any(same(number, other) for other in has):
                    wrong.append(f"{place}: {number} is not among {has}")
        if below is not None and first_line(below) == first_line(printed):
            print("-- a table")
            wrong += [f"{Path(page).name}: not printed: {line}" for line in table(below, printed)]
    return wrong


if __name__ == "__main__":
    warnings.simplefilter("error", SyntaxWarning)
    mistakes = main(*sys.argv[1:])
    print("\n".join(mistakes), file=sys.stderr)
    sys.exit(bool(mistakes))
