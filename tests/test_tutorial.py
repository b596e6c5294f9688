"""The tutorial runs from top to bottom, and makes the pictures that it shows.

Digits are not compared: what must hold on every machine stands on the page as ``assert``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = re.compile(r"\]\(pictures/(tutorial-[\w.-]+)\)")
LIMIT = 150_000  # bytes: a page of three pictures stays light


def test_the_tutorial_runs_and_makes_its_pictures(tmp_path: Path):
    for part in (
        "docs/tutorial.md",
        "examples/tutorial.py",
    ):  # a copy: the page's own pictures stay
        (tmp_path / part).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / part, tmp_path / part)
    (tmp_path / "docs" / "pictures").mkdir()
    done = subprocess.run(
        [sys.executable, "examples/tutorial.py"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    shown = PICTURES.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
    made = {path.name for path in (tmp_path / "docs" / "pictures").iterdir()}
    assert len(shown) == 3 and made == set(shown)


def test_the_pictures_of_the_tutorial_are_small():
    pictures = sorted((ROOT / "docs" / "pictures").glob("tutorial-*"))
    assert len(pictures) == 3
    assert all(1_000 < path.stat().st_size < LIMIT for path in pictures)
