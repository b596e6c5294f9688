"""The README's Python blocks run, in order, in one fresh interpreter, as a reader would type them.

A block that is followed by a ``text`` block marked ``<!-- output -->`` is not compared digit by
digit (times differ): what must hold stands in the blocks as ``assert``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[str]:
    return BLOCK.findall(README.read_text(encoding="utf-8"))


def command(which: str) -> str:
    """The shell block below ``<!-- command: which -->``."""
    text = README.read_text(encoding="utf-8")
    match = re.search(rf"<!-- command: {which} -->\n```sh\n(.*?)\n```", text, re.DOTALL)
    assert match, f"README.md has no ```sh block below <!-- command: {which} -->"
    return match[1]


def test_python_blocks_run(tmp_path: Path):
    found = blocks()
    assert found, "README.md has no ```python block"
    script = tmp_path / "readme.py"
    script.write_text("\n".join(found), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.strip(), "the README's code prints something"


def test_the_two_commands_set_up_everything_themselves():
    for which, last in (("study", "-m mehler study"), ("tests", "-m pytest")):
        words = command(which)
        assert "-m venv" in words and "pip install" in words, words
        assert words.rstrip().endswith(last), words
