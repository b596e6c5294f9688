"""Every Python block of docs/ runs, in the order of its page, and prints what the page says; every command is one that the program takes.

The README, CONTRIBUTING and the tutorial have tests of their own (test_readme, test_tutorial), docs/api.md is docstrings
(test_examples).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import run_page
from mehler.__main__ import COMMANDS
from mehler.commands import parser

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = ("docs/api.md", "docs/tutorial.md")
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDS = {
    "docs/distributed.md": ["distributed"],
    "docs/spectrum.md": ["matplotlib"],
    "docs/study.md": ["matplotlib", "sklearn"],
    "docs/sweeps.md": ["matplotlib"],
}
TABLES = {"docs/finite-width.md": 1, "docs/training.md": 1}  # printed, and shown below their code
CHANGES = {  # what a page leaves to the reader: a cluster; and what it does not say: that the file is there
    "docs/disk.md": [
        "\nwith mh.gram(",
        "\nassert __import__('os').path.exists('relu.tiles')\nwith mh.gram(",
    ],
    "docs/distributed.md": ['Client("tcp://scheduler:8786")', "Client(processes=False, dashboard_address=None)", "100_000", "2_000"],
}  # fmt: skip


def pages() -> list[str]:
    """Those with code that no other test runs."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    names = [p.relative_to(ROOT).as_posix() for p in found if run_page.BLOCK.search(p.read_text(encoding="utf-8"))]  # fmt: skip
    return [name for name in names if name not in ELSEWHERE]


@pytest.mark.parametrize("page", pages())
def test_a_page_runs_and_prints_what_it_says(page: str, tmp_path: Path):
    for module in NEEDS.get(page, []):
        pytest.importorskip(module)
    changes = list(CHANGES.get(page, []))
    if page == "docs/sweeps.md" and importlib.util.find_spec("pandas") is None:
        changes += ["s.to_dataframe()\n", ""]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "run_page.py"), str(ROOT / page), *changes],
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "2",
        },  # memory is counted by threads
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    assert done.stdout.count("-- a table") == TABLES.get(page, 0)


def commands() -> list[tuple[str, str]]:
    """(page, line) of each ``python -m mehler`` in a shell block."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in SHELL.findall(path.read_text(encoding="utf-8")):
            lines = re.findall(r"-m mehler\b[^\n&|]*", block)
            found += [(path.relative_to(ROOT).as_posix(), line) for line in lines]
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_is_one_that_the_program_takes(page: str, line: str):
    words = shlex.split(line, comments=True)[2:]
    options = parser(COMMANDS).parse_args(words)
    assert callable(options.run)


@pytest.mark.parametrize("page", ["README.md", "docs/command-line.md"])
def test_commands_that_need_no_file_of_images_run(page: str, tmp_path: Path):
    """With the files that the page makes, in its order."""
    text, ran = (ROOT / page).read_text(encoding="utf-8"), 0
    for block in SHELL.findall(text):
        for line in block.splitlines():
            if "images" in line or "venv" in line or "study" in line or "pytest" in line:
                continue
            command = line.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
            done = subprocess.run(
                command, shell=True, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=300
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            ran += 1
    assert ran >= 2


# -- the runner itself -----------------------------------------------------------------------------------


def test_what_is_wrong_on_a_page_is_found(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 2.0 / 3.0\nprint(x, 1000)  # 0.667, 1,000\nx  # 0.7 of one\n(x, 3)  # (0.6667, 3)\n"
        "print('name  x\\na   0.50')\n```\n\n    name x\n    a  0.5\n\n```python\nprint(x)  # about 5\n```\n",
        encoding="utf-8",
    )
    assert run_page.main(str(page)) == []
    text = page.read_text(encoding="utf-8")
    for old, new in (("0.667,", "0.767,"), ("0.7 of", "0.8 of"), ("(0.6667, 3)", "(0.6667, 4)"), ("  0.5\n", "  0.6\n"), ("    a  0", "    b  0")):  # fmt: skip
        page.write_text(text.replace(old, new), encoding="utf-8")
        assert len(run_page.main(str(page))) == 1, new


@pytest.mark.parametrize(
    ("shown", "printed", "is_same"),
    [
        ("9.38e-16", "9.381658e-16", True),
        ("0.5", "0.5000001", True),
        ("12", "12.0", True),
        ("-1", "1", False),
        ("0", "1e-15", True),
        ("0", "0.1", False),
        ("1.572", "1.64", False),
    ],
)
def test_numbers_are_the_same_to_the_digits_shown(shown: str, printed: str, is_same: bool):
    assert run_page.same(shown, printed) is is_same
    assert np.isfinite(float(shown))
